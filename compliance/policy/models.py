"""What a policy file may hold: its rows, the parameters they set and the references they cite."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from compliance.records.models import Discipline, Setting
from compliance.strict_yaml import shown

NARROWING = ("setting", "state", "discipline", "cpt")
LARGEST = 1_000_000
"""No day count, unit or dollar of a policy comes near it; a date so many days on can still be written."""
UNKNOWN = "unknown"
"""A value that says: the payer may have a rule, nobody has read it. Rules answer cannot tell."""


class PolicyError(ValueError):
    """A policy file or a lookup is wrong; the message is one line with file, parameter, row and remedy."""


class Border(BaseModel):
    """Unknown keys are refused: a mistyped `setting` would otherwise widen a row silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reference(Border):
    """A public source that rows cite by its id."""

    title: str
    section: str | None = None
    address: str | None = Field(default=None, pattern=r"^https?://\S+$")
    read_in: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="The copy that was read, if not `address`."
    )
    read_on: date | None = None


class Parameter(Border):
    """A name that policies may set: its type, unit, allowed values and one sentence.

    Numbers lie from `least` to `most`; `whole_numbers` says that a list's items are, written as texts.
    """

    name: str
    type: Literal["integer", "number", "boolean", "choice", "text", "list"]
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    least: int = 0
    most: int = LARGEST
    whole_numbers: bool = False
    about: str

    def complaint(self, value: Any) -> str | None:
        """Why `value` cannot be this parameter's value, and what would be right; None where it can."""
        if value is None or value == UNKNOWN:
            return None
        wanted = {
            "integer": isinstance(value, int)
            and not isinstance(value, bool)
            and self.least <= value <= self.most,
            "number": isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.least <= value <= self.most,
            "boolean": isinstance(value, bool),
            "choice": isinstance(value, str) and value in self.allowed,
            "text": isinstance(value, str) and bool(value.strip()),
            "list": isinstance(value, list)
            and all(isinstance(item, str) and self._fits(item) for item in value),
        }[self.type]
        if wanted:
            return None
        expected = {
            "integer": f"a whole number from {self.least:,} to {self.most:,}",
            "number": f"a number from {self.least:,} to {self.most:,}",
            "boolean": "true or false",
            "choice": f"one of {', '.join((*self.allowed, UNKNOWN))}", "text": "text",
            "list": f"a list of {', '.join(self.allowed) or ('whole numbers in quotes' if self.whole_numbers else 'texts')}",
        }[self.type]  # fmt: skip
        return (
            f"value {shown(value)} does not fit. Give {expected}, or null where the payer has no such rule."
        )

    def _fits(self, item: str) -> bool:
        """Whether a text can be an item of a list."""
        if self.whole_numbers:
            return item.isascii() and item.isdigit() and int(item) <= self.most
        return not self.allowed or item in self.allowed


class Dated(Border):
    """What is in force from a day until another (inclusive; empty = no end is named), and who says so."""

    valid_from: date = Field(alias="from")
    to: date | None = None
    source: str = Field(min_length=1)
    verified: bool | str = False
    note: str | None = None

    @field_validator("valid_from", "to", mode="before")
    @classmethod
    def _as_day(cls, day: Any) -> Any:
        if isinstance(day, (int, float)):
            raise ValueError("no day; write it such as 2020-01-31")
        return day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to and self.to < self.valid_from:
            raise ValueError(f"ends on {self.to}, before it begins on {self.valid_from}")
        return self

    @property
    def valid_until(self) -> date | None:
        """The first day on which it is no longer in force; None = no end is named."""
        return self.to + timedelta(days=1) if self.to and self.to < date.max else None


class Row(Dated):
    """One value of one parameter: from when, until when (inclusive), for whom, and who says so."""

    value: Any
    setting: Setting | None = None
    state: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    discipline: Discipline | None = None
    cpt: str | None = Field(default=None, pattern="^[A-Z0-9]{5}$")

    @field_validator("cpt", mode="before")
    @classmethod
    def _as_text(cls, cpt: Any) -> Any:
        return str(cpt) if isinstance(cpt, int) else cpt

    @property
    def narrowing(self) -> dict[str, str]:
        """The places that the row is narrowed to."""
        return {key: told for key in NARROWING if (told := getattr(self, key)) is not None}

    @property
    def why_unverified(self) -> str | None:
        """None where verified, else the reason."""
        if self.verified is True:
            return None
        return self.verified or self.note or "the file does not say that it was verified"

    def in_force(self, on: date) -> bool:
        """Whether the row's dates hold the day."""
        return self.valid_from <= on and (self.to is None or on <= self.to)

    def matches(self, place: dict[str, str | None]) -> bool:
        """Whether the row speaks for the place; an unknown fact matches no narrowing."""
        return all(place.get(key) == told for key, told in self.narrowing.items())


@dataclass(frozen=True)
class Value:
    """A value in force: which layer, source and date it came from.

    `value` None = the payer has no such rule; "unknown" = cannot tell. `verified` is True or the reason why not.
    `valid_from` is inclusive, `valid_until` exclusive (None = open): the row's own dates from `value`, the resolved
    interval from `timeline`.
    """

    value: Any
    layer: str
    source: str
    verified: bool | str
    valid_from: date
    valid_until: date | None
    note: str | None = None
