"""A patient's episode on a time line: what was planned, treated, reported and billed, a lane each."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from compliance.audit import Audit
from compliance.formats import day, plural, span

BY = "Reports by "
WRITERS = ("therapist", "assistant", "student", "aide", "unknown")
LANES = ("Plan of care", "Treatment days", *(f"{BY}{writer}" for writer in WRITERS), "Goals", "Claims")
"""Every lane, in order; of the reports' only those that hold something are drawn, and the therapists'."""
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
    "reevaluation": "RE",
    "progress_report": "P",
    "recertification": "R",
    "discharge": "D",
}
KEY = (
    "Numbers: treatment days as PR-01 counts them, anew only after a therapist's signed report. E evaluation, "
    "RE re-evaluation, P progress report, R recertification, D discharge."
)
UNCOUNTED = "·"
"""Mark of a treatment day whose payer asks for no progress report."""


def episode(
    tables: Mapping[str, pl.DataFrame],
    result: Audit,
    patient_id: str,
    discipline: str | None,
    first: datetime,
    last: datetime,
    counts: pl.DataFrame,
) -> pl.DataFrame:
    """What happened to a patient within one discipline around a unit's days: EPISODE_SCHEMA, a row a mark.

    `result` gives visits and standing claim lines, `counts` (`report_counts.treatment_counts`) the numbers of treatment days.
    `mark` is what is written at a day: its number, or the report's letter; empty elsewhere. `told` says the mark in words.
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
        _treated(result.visits.filter(own, near), counts),
        _reports(notes, tables["therapists"]),
        _goals(tables["goals"].filter(pl.col("plan_id").is_in(plans["plan_id"].implode()))),
        _claims(result.lines.filter(own, near)),
    ]
    return pl.concat([part.cast(pl.Schema(EPISODE_SCHEMA)) for part in parts])


def lanes(marks: pl.DataFrame) -> list[str]:
    """The lanes to draw, in order: all but those of reports that nobody of that role wrote."""
    held = {*marks["lane"], f"{BY}{WRITERS[0]}"}
    return [lane for lane in LANES if lane in held or not lane.startswith(BY)]


def episode_sentence(marks: pl.DataFrame) -> str:
    """What the lanes hold: `24 treatment days from Jan 5 to Apr 3, 2026, 1 plan of care, 2 reports, 9 claims`."""
    lane = pl.when(pl.col("lane").str.starts_with(BY)).then(pl.lit(BY)).otherwise("lane")
    counted = dict(marks.group_by(lane).len().iter_rows())
    treated = marks.filter(pl.col("lane") == "Treatment days")["begins"].unique().sort().to_list()
    days = f" ({span(treated[0], treated[-1])})" if treated else ""
    told = [
        plural(len(treated), "treatment day") + days,
        plural(counted.get("Plan of care", 0), "plan of care", "plans of care"),
        plural(counted.get(BY, 0), "evaluation or report", "evaluations and reports"),
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


def _treated(visits: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Treatment days, each with its number as PR-01 counts; of several disciplines a day stands once for each."""
    key = ["discipline", "service_date"]
    days = visits.select(key).drop_nulls("service_date").unique().join(counts, on=key, how="left").sort(key)
    rows = []
    for _, on, number, since in days.iter_rows():
        counted = "the payer asks for no progress report"
        if number is not None:
            counted = f"treatment day {number}, counted from {day(since)}"
        mark = UNCOUNTED if number is None else str(number)
        rows.append(("Treatment days", on, on, mark, f"{day(on)}: {counted}"))
    return pl.DataFrame(rows, schema=EPISODE_SCHEMA, orient="row")


def _reports(notes: pl.DataFrame, therapists: pl.DataFrame) -> pl.DataFrame:
    """Evaluations and reports, in the lane of the role that wrote each."""
    told = notes.filter(pl.col("kind").is_in(list(REPORTS))).drop_nulls("service_date")
    told = told.join(therapists.select("therapist_id", "role"), on="therapist_id", how="left")
    rows = []
    for row in told.sort("service_date", "note_id").iter_rows(named=True):
        by = row["role"] if row["role"] in WRITERS else "unknown"
        who = "nobody knows whom" if by == "unknown" else f"{'an' if by[0] == 'a' else 'a'} {by}"
        signed = "" if row["signed_on"] else ", not signed"
        words = f"{REPORTS[row['kind']]} {row['note_id']}, {day(row['service_date'])}, by {who}{signed}"
        rows.append((f"{BY}{by}", row["service_date"], row["service_date"], LETTERS[row["kind"]], words))
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
