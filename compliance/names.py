"""What can be chosen in these records, and what their people are called: by name, or by number where names are hidden."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import cast

import polars as pl

from compliance.checks.rule import SEVERITIES
from compliance.masking import Masker, numbered

DISCIPLINES = {"PT": "PT", "OT": "OT", "SLP": "SLP"}


@dataclass(frozen=True)
class Choices:
    """What can be chosen: ids (or codes) and what people call them, as shown; and the dates of service held."""

    clinics: Mapping[str, str] = field(default_factory=dict)
    payers: Mapping[str, str] = field(default_factory=dict)
    therapists: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None

    @cached_property
    def ranks(self) -> dict[str, dict[str, int]]:
        """The number of each `Patient` and `Therapist` by id, in the order of ids: it tells nothing of the name."""
        people = {"Patient": self.patients, "Therapist": self.therapists}
        return {
            word: {key: rank for rank, key in enumerate(sorted(listed), start=1)}
            for word, listed in people.items()
        }

    @cached_property
    def masker(self) -> Masker:
        """Replaces these people in free text."""
        people = (("Patient", self.patients), ("Therapist", self.therapists))
        return Masker(each for word, listed in people for each in numbered(word, listed, self.ranks[word]))

    def of(self, key: str) -> Mapping[str, str]:
        """The choices of one filter by its key in the URL."""
        fixed = {"discipline": DISCIPLINES, "severity": {each: each for each in SEVERITIES}}
        return fixed[key] if key in fixed else getattr(self, f"{key}s")


@dataclass(frozen=True)
class Names:
    """What ids are called on screen: names, or numbers in their place where names are hidden."""

    choices: Choices = Choices()
    hidden: bool = False

    def therapist(self, therapist_id: str | None) -> str:
        """`Alvarez, Ana`, or `Therapist 3`."""
        return self._person("Therapist", self.choices.therapists, therapist_id)

    def patient(self, patient_id: str | None) -> str:
        """`P-0042` or the name, or `Patient 17`."""
        return self._person("Patient", self.choices.patients, patient_id)

    def clinic(self, clinic_id: str | None) -> str:
        """The clinic's name, else its id; clinics are not hidden."""
        return self.choices.clinics.get(clinic_id or "", clinic_id or "–")

    def payer(self, payer_id: str | None) -> str:
        """The payer's name, else its id; payers are not hidden."""
        return self.choices.payers.get(payer_id or "", payer_id or "–")

    def masked(self, text: str) -> str:
        """Free text as shown: where names are hidden, listed people's names and ids give way to numbers."""
        if not self.hidden or not text:
            return text
        return self.choices.masker.masked(text)

    def _person(self, word: str, people: Mapping[str, str], key: str | None) -> str:
        if key is None:
            return "–"
        if not self.hidden:
            return people.get(key, key)
        rank = self.choices.ranks[word].get(key)
        return f"{word} {rank}" if rank else f"{word} not listed"


def choices_from(tables: Mapping[str, pl.DataFrame], rules: Mapping[str, str]) -> Choices:
    """The choices that records offer; people and payers that only claims name are offered by their ids.

    `tables` are the contract's, every column present; `rules` maps codes to titles.
    """
    lines, notes, claims = tables["claim_lines"], tables["notes"], tables["claims"]
    dates = pl.concat([lines["service_date"], notes["service_date"]]).drop_nulls().cast(pl.Date)
    return Choices(
        clinics=_named(tables["clinics"], "clinic_id", [claims, notes]),
        payers=_named(tables["payers"], "payer_id", [claims]),
        therapists=_named(tables["therapists"], "therapist_id", [lines, notes]),
        patients=_named(tables["patients"], "patient_id", [claims, notes]),
        rules=dict(rules),
        first=cast(date | None, dates.min()),
        last=cast(date | None, dates.max()),
    )


def _named(listed: pl.DataFrame, key: str, mentioned: Iterable[pl.DataFrame]) -> dict[str, str]:
    names = {row[0]: row[1] or row[0] for row in listed.select(key, "name").drop_nulls(key).iter_rows()}
    others = {each for table in mentioned for each in table[key].drop_nulls().unique()}
    names |= {each: each for each in others - names.keys()}
    return dict(sorted(names.items(), key=lambda pair: (pair[1].casefold(), pair[0])))
