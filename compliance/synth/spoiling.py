"""Violations planted in the rows that clinics export: each spoils a fact of a visit, a plan or a claim that was in order.

`plantings` spoils episodes before their notes are written; this spoils rows afterwards, where the fault is of a claim, a
date, a signature or a person and no note needs other words. A fault takes what nothing else was planted in and says in
the truth what it broke; what another rule must say of the same fault is recorded too.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from compliance.checks.terms import DISCIPLINE_MODIFIERS
from compliance.synth.episodes import UNTIMED
from compliance.synth.settling import mark_kx, price_days
from compliance.synth.staff import PAYERS

Row = dict[str, Any]
Key = tuple[str, int]


@dataclass
class Visited:
    """A visit with what was written and billed of it: rows, to be read and spoilt in place."""

    note: Row
    interventions: list[Row]
    lines: list[Row]
    claim: Row
    payer_kind: str
    setting: str
    plan: Row
    author: Row

    def line(self, cpt: str) -> Row | None:
        """The line that bills a code."""
        return next((line for line in self.lines if line["cpt"] == cpt), None)

    @property
    def alone(self) -> bool:
        """Whether one therapist, and nobody else, gave every service and wrote the note."""
        note = self.note
        others = ("assistant_minutes", "aide_minutes", "student_minutes")
        return (
            self.author["role"] == "therapist"
            and not note["supervisor_id"]
            and all(row["therapist_id"] == note["therapist_id"] for row in self.interventions)
            and not any(row[name] for row in self.interventions for name in others)
        )

    @property
    def timed(self) -> list[Row]:
        """Lines of codes of 15 minutes a unit."""
        return [line for line in self.lines if line["cpt"] not in UNTIMED]

    def minutes(self, cpt: str) -> int:
        """Documented minutes of a code."""
        return sum(row["minutes"] or 0 for row in self.interventions if row["cpt"] == cpt)

    @property
    def paid(self) -> bool:
        """Whether the claim was paid."""
        return self.claim["status"] == "paid"


@dataclass
class Spoiler:
    """One network's rows by table, with what finds its way among them."""

    rng: Random
    rows: dict[str, list[Row]]
    scale: float
    spoilt_notes: set[str] = field(default_factory=set)
    spoilt_plans: set[str] = field(default_factory=set)
    spoilt_patients: set[str] = field(default_factory=set)
    spoilt_years: set[str] = field(default_factory=set)
    planted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seed = self.rng.random()
        self.people = {row["therapist_id"]: row for row in self.rows["therapists"]}
        self.clinics = {row["clinic_id"]: row for row in self.rows["clinics"]}
        self.plans = {row["plan_id"]: row for row in self.rows["plans_of_care"]}
        self.claims = {row["claim_id"]: row for row in self.rows["claims"]}
        self.kinds = {payer_id: kind for payer_id, _, kind in PAYERS}
        self.remittances: dict[Key, Row] = {
            (row["claim_id"], row["line"]): row for row in self.rows["remittances"]
        }
        self.given: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows["interventions"]:
            self.given[row["note_id"]].append(row)
        for truth in self.rows["truth"]:
            self.spoilt_notes.add(truth["note_id"] or "")
            if truth["subject"] in ("plan", "period", "goal"):
                self.spoilt_patients.add(truth["patient_id"])
        self._visits = self._all_visits()

    def plant(self, faults: list[tuple[Callable[["Spoiler", int], None], int]]) -> list[str]:
        """Plant each fault as often as its number at this scale; returns the rule of each certain truth."""
        for fault, often in faults:
            # each fault draws by itself, so that a new one leaves the others where they were
            self.rng = Random(f"{self.seed} {getattr(fault, '__name__', fault)}")
            for number in range(max(1, round(often * self.scale))):
                with suppress(
                    StopIteration
                ):  # nothing fits, in a small clinic; a fault spoils nothing before it has found all
                    fault(self, number)
        return self.planted

    def visits(self, fits: Callable[[Visited], bool] = lambda visit: True) -> Iterator[Visited]:
        """Treatment visits that fit and in which, or in whose plan and patient, nothing was planted; in random order."""
        for visit in self.rng.sample(self._visits, len(self._visits)):
            if self.free(visit) and visit.note["kind"] == "treatment" and visit.lines and fits(visit):
                yield visit

    def free(self, visit: Visited) -> bool:
        """Whether nothing was planted in the visit, its plan or its patient."""
        return (
            visit.note["note_id"] not in self.spoilt_notes
            and visit.note["plan_id"] not in self.spoilt_plans
            and visit.note["patient_id"] not in self.spoilt_patients
        )

    def days(self) -> list[list[Visited]]:
        """The visits of each therapist and day whose notes that therapist wrote, by the clock; in random order."""
        days: dict[tuple[str, Any], list[Visited]] = defaultdict(list)
        for visit in self._visits:
            days[visit.note["therapist_id"], visit.note["service_date"]].append(visit)
        for day in days.values():
            day.sort(key=lambda each: (str(each.note["started_at"]), each.note["note_id"]))
        return self.rng.sample(list(days.values()), len(days))

    def everything(self) -> list[Visited]:
        """Every billed visit, whatever was planted in it."""
        return self._visits

    def all_of(self, patient_id: str, discipline: str | None = None) -> list[Visited]:
        """Every visit of a patient (and discipline), the first one first."""
        found = [each for each in self._visits if each.note["patient_id"] == patient_id]
        kept = [each for each in found if discipline in (None, each.note["discipline"])]
        return sorted(kept, key=lambda each: (each.note["service_date"], each.note["note_id"]))

    def take(self, visit: Visited, whole: bool = False) -> None:
        """Nothing else is planted in this visit; `whole`: nor in anything of its patient."""
        self.spoilt_notes.add(visit.note["note_id"])
        if whole:
            self.spoilt_patients.add(visit.note["patient_id"])

    def untouched(self, patient_id: str, *rules: str) -> bool:
        """Whether nothing was planted in any note, plan or claim of a patient; or nothing of rules that begin so."""
        planted = (row["rule"] for row in self.rows["truth"] if row["patient_id"] == patient_id)
        return patient_id not in self.spoilt_patients and not any(
            rule.startswith(rules or "") for rule in planted
        )

    def add_line(self, rule: str, why: str, line: Row, debatable: bool = False) -> None:
        """Record one truth about a claim line, whatever note it has."""
        if not debatable:
            self.planted.append(rule)
        discipline = next(
            (name for name, code in DISCIPLINE_MODIFIERS.items() if code in line["modifiers"]), None
        )
        self.rows["truth"].append(
            {
                "rule": rule, "why": why, "subject": "line", "debatable": debatable,
                "claim_id": line["claim_id"], "line": line["line"],
                "patient_id": self.claims[line["claim_id"]]["patient_id"], "discipline": discipline,
            }
        )  # fmt: skip

    def add(
        self, rule: str, why: str, visit: Visited, subject: str = "line", line: Row | None = None,
        plan: bool = False, debatable: bool = False,
    ) -> None:  # fmt: skip
        """Record one truth about a visit, one of its lines, its plan, its patient's day or its author."""
        if not debatable:
            self.planted.append(rule)
        self.rows["truth"].append(
            {
                "rule": rule, "why": why, "subject": subject, "debatable": debatable,
                "claim_id": line["claim_id"] if line else visit.claim["claim_id"],
                "line": line["line"] if line else None,
                "note_id": visit.note["note_id"] if subject in ("note", "line", "patient_day") else None,
                "plan_id": visit.note["plan_id"] if plan else None,
                "patient_id": visit.note["patient_id"], "discipline": visit.note["discipline"],
                "therapist_id": visit.note["therapist_id"] if subject == "therapist" else None,
            }
        )  # fmt: skip

    def reprice(self, visit: Visited) -> None:
        """Charge, allow and pay the lines of the patient's day anew, and mark KX, as units and codes now stand."""
        self.settle(visit.note["patient_id"], {visit.note["service_date"]})

    def settle(self, patient_id: str, days: set[date]) -> None:
        """As `reprice`, of any days of a patient."""
        lines = self.lines_of(patient_id)
        of_day = [line for line in lines if line["service_date"] in days]
        price_days(of_day, self.claims, self.remittances)
        if patient_id not in self.spoilt_years:
            spend = [row for row in self.rows["therapy_spend"] if row["patient_id"] == patient_id]
            mark_kx(lines, self.claims, self.remittances, spend)

    def lines_of(self, patient_id: str) -> list[Row]:
        """Every claim line of a patient."""
        claims = self.claims
        return [
            line for line in self.rows["claim_lines"] if claims[line["claim_id"]]["patient_id"] == patient_id
        ]

    def set_minutes(self, visit: Visited, cpt: str, minutes: int) -> bool:
        """Document other minutes of a timed code, in rows and words; False, and nothing done, where the words name none."""
        row = next(row for row in visit.interventions if row["cpt"] == cpt)
        if not self.says_minutes(visit, cpt):
            return False
        more = minutes - row["minutes"]
        named = _minutes_in_words(cpt, row["minutes"])
        row["minutes"] = minutes
        visit.note["text"] = re.sub(named, rf"\g<1>{minutes}\g<2>", visit.note["text"], count=1)
        visit.note["timed_minutes"] += more
        visit.note["total_minutes"] += more
        later = [each for each in visit.interventions if each["line"] > row["line"]]
        self.shift([visit.note, row], more, ("ended_at",))
        self.shift(later, more)
        self.written_after(visit)
        return True

    def says_minutes(self, visit: Visited, cpt: str) -> bool:
        """Whether the note's words name the code with its minutes."""
        return bool(re.search(_minutes_in_words(cpt, visit.minutes(cpt)), visit.note["text"]))

    def shift(
        self, rows: list[Row], minutes: int, names: tuple[str, ...] = ("started_at", "ended_at")
    ) -> None:
        """Move times by so many minutes, where they are kept."""
        for row in rows:
            for name in names:
                if row[name]:
                    row[name] += timedelta(minutes=minutes)

    def give(self, visit: Visited, cpt: str, minutes: int, words: str, timed: bool = False) -> Row:
        """Document another service at the end of the visit, and bill a unit of it; returns the line. `reprice` afterwards."""
        last = visit.interventions[-1]
        begins = last["ended_at"]
        row = {
            **last, "line": last["line"] + 1, "cpt": cpt, "minutes": minutes, "started_at": begins,
            "ended_at": begins + timedelta(minutes=minutes) if begins else None,
            "mode": "one_on_one" if timed else None, "goal_labels": None,
        }  # fmt: skip
        self.rows["interventions"].append(row)
        visit.interventions.append(row)
        self.given[visit.note["note_id"]] = visit.interventions
        visit.note["text"] += f"\n{cpt} {minutes} min: {words}."
        visit.note["timed_minutes"] += minutes if timed else 0
        visit.note["total_minutes"] += minutes
        self.shift([visit.note], minutes, ("ended_at",))
        self.written_after(visit)
        return self.new_line(visit, cpt)

    @staticmethod
    def written_after(visit: Visited) -> None:
        """No note is finished before its visit."""
        ended = visit.note["ended_at"]
        if ended and visit.note["written_at"] < ended:
            visit.note["written_at"] = ended + timedelta(minutes=3)

    def new_line(self, visit: Visited, cpt: str, units: int = 1, **more: Any) -> Row:
        """Bill another code on the visit's claim, as its first line was billed; `reprice` afterwards."""
        first = visit.lines[0]
        number = 1 + max(
            line["line"] for line in self.rows["claim_lines"] if line["claim_id"] == first["claim_id"]
        )
        line = {
            **first,
            "line": number,
            "cpt": cpt,
            "units": units,
            "modifiers": list(first["modifiers"]),
            **more,
        }
        self.rows["claim_lines"].append(line)
        visit.lines.append(line)
        remitted = self.remittances.get((first["claim_id"], first["line"]))
        if remitted:
            copy = {**remitted, "line": number}
            self.rows["remittances"].append(copy)
            self.remittances[first["claim_id"], number] = copy
        return line

    def drop_line(self, visit: Visited, line: Row) -> None:
        """Bill a code no longer; `reprice` afterwards."""
        visit.lines.remove(line)
        self.rows["claim_lines"].remove(line)
        remitted = self.remittances.pop((line["claim_id"], line["line"]), None)
        if remitted:
            self.rows["remittances"].remove(remitted)

    def _all_visits(self) -> list[Visited]:
        """Every attended visit whose lines are found by patient, day and code."""
        by_day: dict[tuple[str, Any], list[Row]] = defaultdict(list)
        for line in self.rows["claim_lines"]:
            by_day[self.claims[line["claim_id"]]["patient_id"], line["service_date"]].append(line)
        visits = []
        for note in self.rows["notes"]:
            given = self.given.get(note["note_id"])
            if not given:
                continue
            codes = {row["cpt"] for row in given}
            modifier = DISCIPLINE_MODIFIERS[note["discipline"]]
            lines = [
                line
                for line in by_day[note["patient_id"], note["service_date"]]
                if line["cpt"] in codes and modifier in line["modifiers"]
            ]
            if lines:
                claim = self.claims[lines[0]["claim_id"]]
                visits.append(
                    Visited(
                        note, given, lines, claim, self.kinds[claim["payer_id"]],
                        self.clinics[note["clinic_id"]]["setting"], self.plans[note["plan_id"]],
                        self.people[note["therapist_id"]],
                    )
                )  # fmt: skip
        return visits


def _minutes_in_words(cpt: str, minutes: int) -> str:
    """A code with its minutes, as notes name them: 97530 (25 min), 97530 for 25 minutes."""
    return rf"(?i)({cpt}\D{{0,12}}){minutes}(\s*min)"
