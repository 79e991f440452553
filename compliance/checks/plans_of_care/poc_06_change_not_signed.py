"""POC-06: long-term goals were revised, or a new condition treated, and no physician signed for it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.plans_of_care.certification import MOMENT, PATIENT
from compliance.checks.plans_of_care.diagnoses import bare, meant, with_pointers
from compliance.checks.plans_of_care.intervals import Rules, barred
from compliance.checks.rule import rule
from compliance.checks.terms import BETWEEN_LINES, codes, fold, judge, like, line_name, typed_rows

DAYS, CHARACTERS = PARAMETERS = ["change_signature_days", "diagnosis_match_characters"]
IDS = [f"{name}__id" for name in PARAMETERS]
BESIDE = (*codes("evaluation"), *codes("reevaluation"), *codes("monitoring"))
"""Codes that treat nothing: an evaluation of a new condition is how its plan begins."""
SIGNERS = ["certification_credentials", "certification_barred_credentials"]
Row = dict[str, Any]
READ: dict[str, pl.DataType] = {
    **dict.fromkeys((*PATIENT, "row", "plan_id", "replaces_plan_id", "diagnosis_codes", "certified_by", "change_signed_by",
                     *SIGNERS, "goal_id", "term", "label", "text", "status", "replaces_goal_id", "claim_id", "pointers",
                     "listed", "payer_id", "policy_missing"), pl.String()),
    **dict.fromkeys(("begins", "certified_on", "verbal_order_on", "changed_on", "status_on", "service_date"), MOMENT),
    **dict.fromkeys(("line", *PARAMETERS, *IDS), pl.Int64()),
}  # fmt: skip
"""What the fold reads of plans, goals and lines."""
RETURNS: dict[str, pl.DataType] = {
    **dict.fromkeys(("plan_id", "case", "unknown", "payer_id", "policy_missing", "goal_before", "goal_now", "new_diagnoses",
                     "plan_diagnoses", "exposed_lines"), pl.String()),
    **dict.fromkeys(("service_date", "changed_on", "due_on", "signed_on"), MOMENT),
    **dict.fromkeys((*PARAMETERS, *IDS), pl.Int64()),
}  # fmt: skip


@rule(
    code="POC-06",
    title="Significant change not signed",
    severity="medium",
    subject="plan",
    key=["plan_id", "fault"],
    unit="plan of care, once for its goals and once for the conditions treated under it",
    cites=["mbpm-15-220.1.2", "42-cfr-410.61", "house-default"],
    needs=["plans_of_care.certified_on", "plans_of_care.patient_id"],
    absence_of={"plans_of_care": "patient"},
    parameters=[*PARAMETERS, *SIGNERS],
    exposes="lines",
    message={
        "goals": "A long-term goal was changed on {changed_on} and no physician signed a plan by {due_on}",
        "open": "A long-term goal was changed on {changed_on}; a physician is to sign by {due_on}",
        "condition": "{new_diagnoses} treated from {service_date} beside the conditions of the plan ({plan_diagnoses}), and no "
        "physician signed a plan that holds it by {due_on}",
        "added": "{new_diagnoses} treated from {service_date} beside the conditions of the plan ({plan_diagnoses}); a physician "
        "is to sign by {due_on}",
    },
    fix={
        "goals": "The change of {changed_on} needs a physician's or practitioner's signature: send the changed plan.",
        "open": "Send the changed plan; the signature is due {due_on}.",
        "condition": "Send a plan that holds {new_diagnoses} for signature. Hold the claims of that condition until it is "
        "signed, or correct the diagnosis on the lines.",
        "added": "Send a plan that holds {new_diagnoses}; the signature is due {due_on}.",
    },
)
def change_not_signed(
    plans_of_care: nw.LazyFrame,
    goals: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    claims: nw.LazyFrame,
    as_of: datetime,
) -> nw.LazyFrame:
    """A significant change of the plan needs a physician's signature.

    ## What it checks
    The long-term goals of each plan of care against those of the plan before it, and the diagnoses treated under it against
    those of the plans that a physician saw.

    ## Why it matters
    A plan is certified for its conditions and its long-term goals. Treatment of another condition was certified by nobody.

    ## How we read the rule
    - A change is a long-term goal in other words than any of the plans before, one that replaces another, or one that was
      modified. Words alone cannot show that a change is significant: it is a weakness without dollars.
    - A goal that was met or dropped is no change, nor are short-term goals, other codes, or another frequency.
    - A signature counts that a physician gave by the days of the policy after the change, on a plan or on the change itself,
      also a verbal one; that of somebody who may not certify, such as a therapist, does not.
    - Until those days have passed it is a reminder.
    - A new condition is a diagnosis that lines point to alone, that no first plan of the patient and discipline holds, and
      that comes after and beside the plan's own. Where all lines turn from one code to another, the condition was named anew.
    - A diagnosis on one day alone that no plan names may be a slip of the pointer: POC-08 and DOC-09 say so.
    - It is signed for where a plan that holds it was signed in time. Else its lines until the signature are at risk.
    - Evaluations and remote monitoring treat nothing. Codes match in their first characters, as many as the policy says.
    - A goal that was modified or replaced without a day cannot be told, nor conditions where a first plan has no diagnosis or
      no line any pointer.
    - Payers without such a rule are not judged.

    ## What it does not check
    A new discipline (POC-01). Lines that point to no diagnosis of the plan from the first day (POC-08, DOC-09). Changes that
    an assistant made (SUP-05). Recertification (POC-04).
    """
    begins = nw.coalesce(
        nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on"), nw.col("signed_on")
    )
    plans = plans_of_care.select(
        *PATIENT, "plan_id", "replaces_plan_id", "diagnosis_codes", "certified_on", "certified_by", "verbal_order_on",
        "changed_on", "change_signed_by", *SIGNERS, "payer_id", "policy_missing", *PARAMETERS, *IDS, row=nw.lit("plan"),
        begins=begins,
    )  # fmt: skip
    own = goals.join(plans_of_care.select("plan_id", *PATIENT), on="plan_id", how="inner").select(
        *PATIENT, "plan_id", "goal_id", "term", "label", "text", "status", "status_on", "replaces_goal_id", row=nw.lit("goal")
    )  # fmt: skip
    treating = ~nw.coalesce(nw.col("cpt").is_in(BESIDE), nw.lit(False)) & ~nw.col("plan_id").is_null()
    lines = with_pointers(claim_lines.filter(treating), claims).select(
        *PATIENT, "plan_id", "claim_id", "line", "service_date", "pointers", "payer_id", "policy_missing", *PARAMETERS, *IDS,
        row=nw.lit("line"), listed="claim_diagnosis_codes",
    )  # fmt: skip
    told = [typed_rows(plans, READ), typed_rows(own, READ), _pointing_alike(typed_rows(lines, READ))]
    rows = pl.concat(told, how="diagonal")
    judged = fold(
        nw.from_native(rows.lazy()),
        by=PATIENT,
        order_by=("service_date", "row", "named", "plan_id", "goal_id"),
        step=lambda patient: _Changes(patient, as_of).told(),
        returns=RETURNS,
    )
    units = like(typed_rows(judged), plans_of_care)
    severity = nw.lit("info")
    for case, said in (("goals", "low"), ("condition", "medium")):
        severity = nw.when(nw.col("case") == case).then(nw.lit(said)).otherwise(severity)
    return judge(
        units.with_columns(severity=severity),
        applies=~nw.col(DAYS).is_null() | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            name: nw.col("unknown") == name
            for name in ("goals.status_on", "plans_of_care.diagnosis_codes",
                         "claim_lines.diagnosis_pointers")
        },
        fails=~nw.col("case").is_null(),
    ).with_columns(fault=nw.col("case")).drop("unknown", *PATIENT)  # fmt: skip


def _pointing_alike(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of a plan and day that point alike as one row, with their names in `named`."""
    name = line_name()
    ordered = lines.sort("claim_id", "line").with_columns(named=name).drop("claim_id", "line")
    alike = pl.exclude("named")
    return ordered.group_by(alike, maintain_order=True).agg(pl.col("named").str.join(BETWEEN_LINES))


class _Changes:
    """One patient's plans, goals and lines of one discipline."""

    def __init__(self, rows: Sequence[Row], as_of: datetime) -> None:
        self.as_of = as_of
        self.plans = {row["plan_id"]: _as_certified(row) for row in rows if row["row"] == "plan"}
        self.goals = [row for row in rows if row["row"] == "goal"]
        self.goal_by_id = {(goal["plan_id"], goal["goal_id"]): goal for goal in reversed(self.goals)}
        self.lines = [row for row in rows if row["row"] == "line" and row["service_date"]]

    def told(self) -> Iterator[Row]:
        """Each plan's goals, and the conditions treated under it."""
        for plan in self.plans.values():
            yield self._answer(plan, plan["begins"]) | self._goals(plan)
        for plan_id in dict.fromkeys(row["plan_id"] for row in self.lines):
            own = [row for row in self.lines if row["plan_id"] == plan_id]
            yield self._answer(own[0], own[0]["service_date"]) | self._conditions(own)

    def _answer(self, row: Row, on: datetime | None) -> Row:
        names = ("plan_id", "payer_id", "policy_missing", *PARAMETERS, *IDS)
        return {**dict.fromkeys(RETURNS), **{name: row[name] for name in names}, "service_date": on}

    def _goals(self, plan: Row) -> Row:
        changes = [*self._of_plan(plan), *self._within(plan)]
        unsigned = [
            (on, before, now)
            for on, before, now in changes
            if on and not self._signed(plan, on, plan[DAYS] or 0)
        ]
        if not unsigned:
            undated = (
                "plans_of_care.starts_on" if any(each[1] is None for each in changes if not each[0]) else None
            )
            unknown = undated or ("goals.status_on" if any(not each[0] for each in changes) else None)
            return {"unknown": unknown}
        on, before, now = min(unsigned, key=lambda each: (each[0], each[2] or ""))
        due = on + timedelta(days=plan[DAYS] or 0)
        return {
            "case": "goals" if self.as_of > due else "open", "changed_on": on, "due_on": due, "goal_before": before,
            "goal_now": now,
        }  # fmt: skip

    def _of_plan(self, plan: Row) -> Iterator[tuple[datetime | None, str | None, str | None]]:
        """Long-term goals in words that no plan before holds: the day, nothing, the words."""
        before = {
            _words(goal["text"]) for each in self._before(plan) for goal in self._long(each) if goal["text"]
        }
        if not before:
            return
        for goal in self._long(plan["plan_id"]):
            if goal["text"] and _words(goal["text"]) not in before and not self._replaced_here(goal):
                yield plan["begins"], None, goal["text"]

    def _within(self, plan: Row) -> Iterator[tuple[datetime | None, str | None, str | None]]:
        """Long-term goals that were replaced within the plan, or modified: the day, the words before and now."""
        replaced = {goal["replaces_goal_id"] for goal in self.goals}
        for goal in self._long(plan["plan_id"]):
            former = self._replaced_here(goal)
            if former and _words(former["text"] or "") != _words(goal["text"] or ""):
                yield former["status_on"], former["text"] or "", goal["text"]
            if goal["status"] == "modified" and goal["goal_id"] not in replaced:
                yield goal["status_on"], goal["text"] or "", None

    def _before(self, plan: Row) -> list[str]:
        """The plans that a plan continues."""
        chain: list[str] = []
        at = plan["replaces_plan_id"]
        while at in self.plans and at not in chain:
            chain.append(at)
            at = self.plans[at]["replaces_plan_id"]
        return chain

    def _long(self, plan_id: str) -> list[Row]:
        return [goal for goal in self.goals if goal["plan_id"] == plan_id and _is_long(goal)]

    def _replaced_here(self, goal: Row) -> Row | None:
        """The goal of the same plan that a goal replaces."""
        return self.goal_by_id.get((goal["plan_id"], goal["replaces_goal_id"]))

    def _signed(self, plan: Row, on: datetime, days: int) -> bool:
        """Whether a physician signed for a change of that day in time."""
        due = on + timedelta(days=days)
        own = [plan["certified_on"], plan["verbal_order_on"]] if plan["begins"] == on else []
        if any(signed and signed <= due for signed in own):
            return True
        given = [each[name] for each in self.plans.values() for name in ("certified_on", "verbal_order_on")]
        given += [each["changed_on"] for each in self.plans.values() if each["change_signed_by"]]
        return any(signed and on <= signed <= due for signed in given)

    def _conditions(self, lines: Sequence[Row]) -> Row:
        characters = lines[0][CHARACTERS] or 0
        known = [row for row in self.plans.values() if row["replaces_plan_id"] not in self.plans]
        told = [(row, _meant(row)) for row in lines if row["pointers"]]
        if not told:
            return {"unknown": "claim_lines.diagnosis_pointers"}
        if any(not row["diagnosis_codes"] for row in known):
            return {"unknown": "plans_of_care.diagnosis_codes"}
        held = {start for row in known for start in _starts(row["diagnosis_codes"].split(), characters)}
        new = dict.fromkeys(
            start
            for _, meant in told
            if not _starts(meant, characters) & held
            for start in _starts(meant, characters)
        )
        found = (self._condition(start, held, told, characters, lines[0][DAYS] or 0) for start in sorted(new))
        named = ", ".join(dict.fromkeys(code for row in known for code in row["diagnosis_codes"].split()))
        return next((each | {"plan_diagnoses": named} for each in found if each), {})

    def _condition(
        self, new: str, held: set[str], told: Sequence[tuple[Row, list[str]]], characters: int, days: int
    ) -> Row:
        """What is wrong with the treatment of one new condition, by the first characters of its diagnosis."""
        everywhere = [(row, _starts(_meant(row), characters)) for row in self.lines if row["pointers"]]
        usual = [row["service_date"] for row, starts in everywhere if starts & held]
        first = min(row["service_date"] for row, starts in everywhere if new in starts and not starts & held)
        if not usual or not usual[0] < first <= usual[-1]:
            return {}
        due, signed = first + timedelta(days=days), self._certified(new, characters)
        own = [(row, codes) for row, codes in told if new in _starts(codes, characters)]
        own = [(row, codes) for row, codes in own if not _starts(codes, characters) & held]
        beyond = [(row, codes) for row, codes in own if not signed or row["service_date"] < signed]
        if (signed and signed <= due) or not beyond or self._slip(new, characters, own):
            return {}
        return {
            "case": "condition" if self.as_of > due else "added", "service_date": first, "due_on": due, "signed_on": signed,
            "new_diagnoses": ", ".join(dict.fromkeys(code for _, codes in beyond for code in codes)),
            "exposed_lines": BETWEEN_LINES.join(row["named"] for row, _ in beyond),
        }  # fmt: skip

    def _slip(self, new: str, characters: int, own: Sequence[tuple[Row, list[str]]]) -> bool:
        """Whether one day alone points to the condition and no plan names it."""
        named = {
            start
            for row in self.plans.values()
            for start in _starts((row["diagnosis_codes"] or "").split(), characters)
        }
        return new not in named and len({row["service_date"] for row, _ in own}) < 2

    def _certified(self, new: str, characters: int) -> datetime | None:
        """The day of the first signature on a plan that holds the new diagnosis."""
        days = [
            signed
            for row in self.plans.values()
            for signed in (row["certified_on"], row["verbal_order_on"])
            if signed and new in _starts((row["diagnosis_codes"] or "").split(), characters)
        ]
        return min(days, default=None)


def _meant(row: Row) -> list[str]:
    listed = (row["listed"] or "").split()
    return [code for pointer in row["pointers"].split() if (code := meant(pointer, listed))]


def _starts(codes: Iterable[str], characters: int) -> set[str]:
    return {bare(code)[:characters] for code in codes}


def _is_long(goal: Row) -> bool:
    label = (goal["label"] or "").upper()
    return goal["term"] == "long" or (goal["term"] is None and label.startswith("L"))


def _words(text: str) -> str:
    """A text as its words: another case, sign or space is no change."""
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


def _as_certified(plan: Row) -> Row:
    """A plan without the signatures of those who may not certify."""
    able, barring = (frozenset((plan[name] or "").split()) for name in SIGNERS)
    rules = Rules(able=able, barring=barring)
    certified_on = None if barred(plan["certified_by"], rules) else plan["certified_on"]
    changed_by = None if barred(plan["change_signed_by"], rules) else plan["change_signed_by"]
    return plan | {"certified_on": certified_on, "change_signed_by": changed_by}
