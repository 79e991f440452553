"""The frame: every unit that meets written criteria, once, with its dollars; and what was left out, by reason.

A unit is a claim line, a claim, or a visit (a patient's day of one discipline). Criteria are asked of lines: a claim or a
visit is made of those of its lines that meet them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.payment.answers import answers
from compliance.records.adjustments import adjustments
from compliance.sampling import SamplingError
from compliance.sampling.sheets import cents_of, dollars_text, sheet_rows, sheet_text

UNITS = {"line": ("claim_id", "line"), "claim": ("claim_id",), "visit": ("patient_id", "discipline", "day")}
"""What makes a unit."""
DOLLARS = ("paid", "allowed", "amount")
"""What a unit's dollars are: paid by the payer, allowed, or the best known (allowed, fee, expected, charge)."""
WHO = ("patient_id", "therapist_id", "payer_id", "clinic_id", "discipline")
COLUMNS = ("unit", "first_day", "last_day", *WHO, "codes", "lines", "notes", "dollars")
"""The frame's columns, as its file has them: lists are separated by spaces, `lines` reads `C1#1 C1#2` (see `line_name`)."""


@dataclass(frozen=True)
class Criteria:
    """Which units may be drawn; an empty list asks nothing. `paid_only` leaves out lines at no dollars."""

    unit: str = "line"
    dollars: str = "paid"
    payers: tuple[str, ...] = ()
    therapists: tuple[str, ...] = ()
    clinics: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    paid_only: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The criteria as JSON holds them."""
        return {
            name: value.isoformat()
            if isinstance(value, date)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Criteria":
        """The criteria that `as_dict` told."""
        days = {name: date.fromisoformat(told[name]) for name in ("since", "until") if told[name]}
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        held: dict[str, Any] = {**told, **days, **lists}
        return cls(**held)


@dataclass(frozen=True)
class Excluded:
    """Lines that are not in the frame, for one reason: each line counts at the first that holds."""

    reason: str
    lines: int
    cents: int


@dataclass(frozen=True)
class Frame:
    """The population. `units` is sorted by `unit`, with `cents` in place of dollars; `excluded` in the order asked."""

    criteria: Criteria
    units: pl.DataFrame
    excluded: tuple[Excluded, ...]

    @property
    def size(self) -> int:
        """How many units may be drawn: N."""
        return self.units.height

    @cached_property
    def cents(self) -> int:
        """The frame's dollars, in cents."""
        return int(self.units["cents"].sum())

    @cached_property
    def text(self) -> str:
        """The frame's file."""
        return frame_text(self.units)

    @cached_property
    def sha256(self) -> str:
        """The hash of the frame's file, as `sha256sum frame.csv` prints it."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def frame_text(units: pl.DataFrame) -> str:
    """Units as the frame's file, in order of their keys."""
    rows = units.sort("unit").select(*COLUMNS[:-1], "cents").iter_rows()
    return sheet_text(COLUMNS, ((*row[:-1], dollars_text(row[-1])) for row in rows))


def frame_units(text: str) -> pl.DataFrame:
    """The units of a frame's file."""
    rows = sheet_rows(text)
    table = {name: [row[name] or None for row in rows] for name in COLUMNS[:-1]}
    return pl.DataFrame(
        {**table, "cents": [cents_of(row["dollars"]) for row in rows]},
        schema={**dict.fromkeys(COLUMNS[:-1], pl.String()), "cents": pl.Int64()},
    )


def with_paid(lines: pl.DataFrame, remittances: pl.DataFrame) -> pl.DataFrame:
    """An audit's lines with `paid`, dollars of the latest remittance of each; null where none was read."""
    told = (
        answers(nw.from_native(remittances.lazy()), nw.from_native(adjustments(remittances).lazy()))
        .select("claim_id", "line", "paid")
        .to_native()
    )
    return lines.join(told.collect(), on=["claim_id", "line"], how="left", maintain_order="left")


def line_name() -> pl.Expr:
    """A claim line's name in a list, `C1#2`: a space in a claim's id is `%20`, and its `%` is `%25`."""
    claim = (
        pl.col("claim_id").str.replace_all("%", "%25", literal=True).str.replace_all(" ", "%20", literal=True)
    )
    return pl.concat_str(claim, pl.col("line").cast(pl.String), separator="#")


def lines_of(listed: str) -> list[tuple[str, int]]:
    """Claims and line numbers of a unit's list of lines, as `line_name` writes them."""
    named = (each.rpartition("#") for each in listed.split())
    return [(claim.replace("%20", " ").replace("%25", "%"), int(number)) for claim, _, number in named]


def build_frame(lines: pl.DataFrame, criteria: Criteria) -> Frame:
    """The frame of an audit's standing lines (`with_paid`), under the criteria. Raises SamplingError where it is empty."""
    lines = lines.with_columns(
        therapist_id=pl.coalesce("therapist_id", "note_therapist_id"),
        day=pl.col("service_date").dt.strftime("%Y-%m-%d"),
        cents=(pl.col(criteria.dollars) * 100).round().cast(pl.Int64),
    )
    excluded: list[Excluded] = []
    for reason, leaves in _reasons(criteria):
        gone = lines.filter(leaves)
        if gone.height:
            excluded.append(Excluded(reason, gone.height, int(gone["cents"].sum() or 0)))
        lines = lines.filter(~leaves)
    if lines.is_empty():
        raise SamplingError("the frame is empty: no claim line meets the criteria" + _mostly(excluded))
    return Frame(criteria, _units(lines, criteria.unit), tuple(excluded))


def _reasons(criteria: Criteria) -> list[tuple[str, pl.Expr]]:
    """Why a line is not in the frame, each true or false of every line."""
    cents, day = pl.col("cents"), pl.col("service_date").dt.date()
    reasons = [
        ("listed twice", ~pl.struct("claim_id", "line").is_first_distinct()),
        ("denied and billed again", pl.col("resubmitted").fill_null(False)),
        ("without a date of service", day.is_null()),
    ]
    for name, column, asked in (
        ("of another payer", "payer_id", criteria.payers),
        ("of another therapist", "therapist_id", criteria.therapists),
        ("of another clinic", "clinic_id", criteria.clinics),
        ("of another code", "cpt", criteria.codes),
    ):
        if asked:
            reasons.append((name, ~pl.col(column).is_in(asked).fill_null(False)))
    if criteria.since:
        reasons.append((f"before {criteria.since}", day < criteria.since))
    if criteria.until:
        reasons.append((f"after {criteria.until}", day > criteria.until))
    unknown = {"paid": "without a payment on record", "allowed": "without an allowed amount on record"}
    reasons.append((unknown.get(criteria.dollars, "without dollars"), cents.is_null()))
    reasons.append(("taken back", cents < 0))
    if criteria.paid_only:
        reasons.append(("paid nothing" if criteria.dollars == "paid" else "at no dollars", cents == 0))
    return reasons


def _mostly(excluded: list[Excluded]) -> str:
    if not excluded:
        return ""
    most = max(excluded, key=lambda each: each.lines)
    hint = " (--dollars allowed or amount counts others)" if most.reason.startswith("without a pay") else ""
    return f"; {most.lines:,} are {most.reason}{hint}" if most.lines > 1 else f"; 1 is {most.reason}{hint}"


def _units(lines: pl.DataFrame, unit: str) -> pl.DataFrame:
    """One row a unit, sorted by its key. The kind stands first in the key, so that no spreadsheet takes it for a date."""
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in UNITS[unit]]
    keyed = lines.with_columns(
        unit=pl.concat_str(pl.lit(unit), *parts, separator="#"),
        line_key=line_name(),
    )
    lists = {"codes": "cpt", "lines": "line_key", "notes": "note_id", **{name: name for name in WHO}}
    if unit == "line":  # one of each: nothing to gather
        units = keyed.with_columns(
            *(pl.col(column).alias(name) for name, column in lists.items()), first_day="day", last_day="day"
        )
    else:
        gathered = [
            pl.col(column).drop_nulls().unique().sort().str.join(" ").alias(name)
            for name, column in lists.items()
        ]
        units = keyed.group_by("unit").agg(
            *gathered,
            first_day=pl.col("day").min(),
            last_day=pl.col("day").max(),
            cents=pl.col("cents").sum(),
        )
    empty = [pl.col(name).replace("", None) for name in lists]
    return units.with_columns(empty).select(*COLUMNS[:-1], "cents").sort("unit")
