"""A patient's episode on a time line: what was planned, treated, reported and billed, a lane each."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from compliance.audit import Audit
from compliance.formats import day, plural, span

LANES = ("Plan of care", "Treatment days", "Reports", "Goals", "Claims")
AROUND = timedelta(days=180)
"""What lies further than this from the unit's days is another episode."""
GOALS_SHOWN = 12
EPISODE_SCHEMA: dict[str, pl.DataType] = {
    "lane": pl.String(), "begins": pl.Datetime("us"), "ends": pl.Datetime("us"), "mark": pl.String(), "told": pl.String(),
}  # fmt: skip
MOST_WEEKS = 520
REPORTS = {"evaluation": "Evaluation", "reevaluation": "Re-evaluation", "progress_report": "Progress report",
           "recertification": "Recertification", "discharge": "Discharge"}  # fmt: skip
LETTERS = {
    "evaluation": "E",
    "reevaluation": "E",
    "progress_report": "P",
    "recertification": "R",
    "discharge": "D",
}
ANSWERING = tuple(REPORTS)[:-1]
"""Kinds of notes from which treatment days are counted anew."""
KEY = "Numbers: treatment days since the last report. E evaluation, P progress report, R recertification, D discharge."


def episode(
    tables: Mapping[str, pl.DataFrame],
    result: Audit,
    patient_id: str,
    discipline: str | None,
    first: datetime,
    last: datetime,
) -> pl.DataFrame:
    """What happened to a patient within one discipline around a unit's days: EPISODE_SCHEMA, a row a mark.

    `result` gives visits and standing claim lines. `mark` is what is written at a day: how many treatment days since the
    last report, or the report's letter; empty elsewhere. `told` says the mark in words.
    """
    own = pl.col("patient_id") == patient_id
    if discipline is not None:
        own &= pl.col("discipline").is_null() | (pl.col("discipline") == discipline)
    begins, ends = first - AROUND, last + AROUND
    near = pl.col("service_date").is_between(begins, ends)
    notes = tables["notes"].filter(own, near)
    plans = _plans(tables["plans_of_care"].filter(own))
    plans = plans.filter(pl.col("ends") >= begins, pl.col("begins") <= ends)
    parts = [
        plans.select(list(EPISODE_SCHEMA)),
        _treated(result.visits.filter(own, near), notes),
        _reports(notes),
        _goals(tables["goals"].filter(pl.col("plan_id").is_in(plans["plan_id"].implode()))),
        _claims(result.lines.filter(own, near)),
    ]
    return pl.concat([part.cast(pl.Schema(EPISODE_SCHEMA)) for part in parts])


def episode_sentence(marks: pl.DataFrame) -> str:
    """What the lanes hold: `24 treatment days from Jan 5 to Apr 3, 2026, 1 plan of care, 2 reports, 9 claims`."""
    counted = dict(marks.group_by("lane").len().iter_rows())
    treated = marks.filter(pl.col("lane") == "Treatment days").sort("begins")["begins"].to_list()
    days = f" ({span(treated[0], treated[-1])})" if treated else ""
    told = [
        plural(len(treated), "treatment day") + days,
        plural(counted.get("Plan of care", 0), "plan of care", "plans of care"),
        plural(counted.get("Reports", 0), "evaluation or report", "evaluations and reports"),
        plural(counted.get("Claims", 0), "claim"),
    ]
    return ", ".join(told)


def _plans(plans: pl.DataFrame) -> pl.DataFrame:
    """Plans with `begins` and `ends`, as far as they say: the stated end or that of the weeks, whichever is earlier."""
    begins = pl.coalesce("starts_on", "established_on", "evaluated_on", "signed_on")
    days = (pl.col("weeks").clip(1, MOST_WEEKS) * 7).cast(pl.Int64) - 1
    ends = pl.min_horizontal("ends_on", begins + pl.duration(days=days))
    unsaid = pl.when(ends.is_null()).then(pl.lit(", end not stated")).otherwise(pl.lit(""))
    certified = pl.col("certified_on").dt.strftime("certified %Y-%m-%d").fill_null("not certified")
    return plans.filter(begins.is_not_null()).with_columns(
        lane=pl.lit("Plan of care"), begins=begins, ends=ends.fill_null(begins), mark=pl.lit(""),
        told=pl.format("{}, {}{}", "plan_id", certified, unsaid),
    )  # fmt: skip


def _treated(visits: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Treatment days, each with how many there were since the last progress report, recertification or evaluation."""
    resets = notes.filter(pl.col("kind").is_in(ANSWERING))
    reported = sorted(resets["service_date"].drop_nulls().unique().to_list())
    rows, number, place = [], 0, 0
    for on in sorted(visits["service_date"].drop_nulls().unique().to_list()):
        while place < len(reported) and reported[place] < on:
            number, place = 0, place + 1
        number += 1
        told = f"{day(on)}: treatment day {number} since the last report or evaluation"
        rows.append(("Treatment days", on, on, str(number), told))
    return pl.DataFrame(rows, schema=EPISODE_SCHEMA, orient="row")


def _reports(notes: pl.DataFrame) -> pl.DataFrame:
    told = notes.filter(pl.col("kind").is_in(list(REPORTS))).drop_nulls("service_date")
    rows = [
        ("Reports", row["service_date"], row["service_date"], LETTERS[row["kind"]],
         f"{REPORTS[row['kind']]} {row['note_id']}, {day(row['service_date'])}")
        for row in told.sort("service_date", "note_id").iter_rows(named=True)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=EPISODE_SCHEMA, orient="row")


def _goals(goals: pl.DataFrame) -> pl.DataFrame:
    """Goals at the day on which their status was set, else on which they are due."""
    rows = []
    for row in goals.sort("due_on", "goal_id").head(GOALS_SHOWN).iter_rows(named=True):
        on = row["status_on"] or row["due_on"]
        if on:
            due = f", due {day(row['due_on'])}" if row["due_on"] else ""
            told = f"{row['label'] or row['goal_id']}: {row['status'] or 'open'}{due}"
            rows.append(("Goals", on, on, "", told))
    return pl.DataFrame(rows, schema=EPISODE_SCHEMA, orient="row")


def _claims(lines: pl.DataFrame) -> pl.DataFrame:
    spans = (
        lines.group_by("claim_id", "status")
        .agg(begins=pl.col("service_date").min(), ends=pl.col("service_date").max(), lines=pl.len())
        .sort("begins", "claim_id")
    )
    return spans.select(
        lane=pl.lit("Claims"), begins="begins", ends="ends", mark=pl.lit(""),
        told=pl.format("Claim {}, {} of its lines, {}", "claim_id", "lines", pl.col("status").fill_null("status unknown")),
    )  # fmt: skip
