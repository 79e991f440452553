"""Root causes in words: what to fix first, whose it is, and who puts it right."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from compliance import formats
from compliance.checks.rule import catalogue
from compliance.review.worklist import SINGLE, gathered
from compliance.rulebook import owner_of
from compliance.views.narrowed import REAL

Called = Callable[[str, str | None], str]
"""What the id of a column (`therapist_id`) is called on screen or paper."""
SUBJECT_WORDS = {
    "line": "line", "note": "note", "plan": "plan of care", "goal": "goal", "claim": "claim",
    "authorization": "authorization", "patient_day": "patient day", "patient_month": "patient month",
    "period": "report period", "therapist_day": "therapist day", "therapist": "therapist", "payer": "payer",
}  # fmt: skip


def root_causes(valued: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """What to fix first: one row a cause, by dollars, then by findings.

    One unsigned plan or one overdue report is one cause, however many lines it puts at risk; findings of single
    lines and notes are gathered by rule and therapist. Columns: as `gathered`, and finding_id (of the largest).
    """
    work = valued.filter(REAL).with_columns(change=pl.lit("same"))
    return gathered(work, shares, "cause", "dollars").with_columns(finding_id=pl.col("ids").list.first())


def cause_labels(causes: pl.DataFrame, called: Called) -> list[str]:
    """Root causes in words, no two alike: those that would be bear the day of service, and then a number.

    `causes` has rule, subject, therapist_id, patient_id, payer_id, service_date, findings and lines.
    """
    rows = causes.to_dicts()
    words = [cause_words(row, called) for row in rows]
    alike = Counter(words)
    for place, row in enumerate(rows):
        if alike[words[place]] > 1 and row["findings"] == 1 and row["service_date"]:
            words[place] += f", {formats.day(row['service_date'])}"
    seen: Counter[str] = Counter()
    for place, said in enumerate(words):
        seen[said] += 1
        words[place] += f" ({seen[said]})" if seen[said] > 1 else ""
    return words


def cause_words(cause: Mapping[str, Any], called: Called) -> str:
    """A root cause as one line: the rule's title, whose, and how much hangs on it."""
    title, subject = catalogue()[cause["rule"]].title, cause["subject"]
    gathers = cause["findings"] > 1 or subject in SINGLE
    of_therapist = gathers or subject in ("therapist", "therapist_day")
    whose = "therapist" if of_therapist else "payer" if subject == "payer" else "patient"
    who = _called(whose, called(f"{whose}_id", cause[f"{whose}_id"]))
    if gathers:
        return f"{title}: {who}, {formats.plural(int(cause['findings']), SUBJECT_WORDS[subject])}"
    when = f", {formats.day(cause['service_date'])}" if subject == "therapist_day" else ""
    return f"{title}: {who}{when}" + (
        f", {formats.plural(int(cause['lines']), 'line')}" if cause["lines"] else ""
    )


def owner(cause: Mapping[str, Any], called: Called) -> str:
    """Who puts a root cause right, by its rule; what nobody is named for is the clinic director's to hand on."""
    if role := owner_of(cause["rule"]):
        return role
    return called("therapist_id", cause["therapist_id"]) if cause["therapist_id"] else "Clinic director"


def _called(what: str, name: str) -> str:
    """`therapist Ana Ortiz`; a number in a name's place says what it is already: `Therapist 20`."""
    return name if name.casefold().startswith(f"{what} ") else f"{what} {name}"
