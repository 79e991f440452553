"""PR-04: a clinician's report lacks what a progress report must hold."""

from datetime import datetime

import narwhals as nw
import polars as pl

from compliance.checks.progress_reports.periods import PERIOD_PARAMETERS, report_periods
from compliance.checks.progress_reports.terms import author_doubt, note_called
from compliance.checks.rule import rule
from compliance.checks.terms import ONE_DAY, first, flag, fold, judge

CORE = ("no_goals", "no_measure", "no_assessment")
"""The elements of which two missing ones put payment at risk."""
LACKS = {
    "no_period": "the dates of its period",
    "no_goals": "goals",
    "no_measure": "a measure with its earlier value",
    "no_assessment": "an assessment of progress",
    "no_plan": "the plan or why skilled care goes on",
    "no_signature": "the therapist's dated signature",
}
UNKNOWN = (
    "notes.text",
    "notes.plan_id",
    "goals.plan_id",
    "goals.label",
    "goals.text",
    "goals.status",
    "goals.status_on",
    "notes.service_date",
    "notes.period_from",
    "notes.signed_on",
)
DAY = r"(?:\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d{4}-\d{2}-\d{2})"
PERIOD_IN_TEXT = rf"(?i){DAY}\s?(?:-|–|—|to|through|thru|until|→|->)\s?{DAY}"
"""How a report's text states the period that it covers: `3/2-3/23`, `3/2/26 to 3/23/26`."""


@rule(
    code="PR-04",
    title="Progress report incomplete",
    severity="low",
    subject="note",
    unit="report of a period by a therapist",
    cites=["mbpm-15-220.3-d"],
    needs=["notes.kind", "notes.text", "therapists.role"],
    absence_of={"goal_measures": "patient"},
    parameters=[*PERIOD_PARAMETERS, "report_missing_elements_repay"],
    exposes="days",
    message="The {written} of {service_date} lacks {lacking}",
    fix="Add, in an addendum dated today: {lacking}. For each goal the baseline, the prior and the current "
    "value, and why skilled care goes on.",
)
def report_incomplete(
    notes: nw.LazyFrame,
    goals: nw.LazyFrame,
    goal_links: nw.LazyFrame,
    goal_measures: nw.LazyFrame,
    mentions: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A progress report names its period and each open goal, compares a measure, assesses progress and plans
    on.

    ## What it checks
    Each therapist's report of a period must hold: the dates of the period, each goal that was open, at
    least one objective measure with its earlier value, an assessment of progress, the plan or why skilled
    care goes on, and the dated signature.

    ## Why it matters
    A report that says *continue plan, tolerating well* does not show that treatment helps or still needs a
    therapist. Reviewers count an incomplete report as a missing one.

    ## How we read the rule
    - Every progress report is judged; a recertification, re-evaluation, discharge note or treatment note is
      judged where it served as the report of a period (PR-01).
    - A discharge note of an episode shorter than the report interval needs none of this.
    - The period's dates stand in their fields or in the text.
    - A goal is mentioned by its label or by its meaning, of today or of an earlier day, or where the record holds
      a measure of it for this note. A goal closed by the day of the report need not be named, nor one that replaced
      another later.
    - A measure counts with an earlier value beside it: in the text (*mod A → CGA*, *was 95 deg*, *CGA; mod A
      at eval*, columns headed *initial* and *current*), or as a stored measure whose goal has an earlier one
      or a baseline. What was before the illness is none.
    - Such a comparison is itself an assessment of progress; so are words for progress, plateau or decline.
      A plan to progress is none, nor is *tolerating well*.
    - One missing element is a weakness. Two or more of goals, measure and assessment put the visits after
      the due day at risk, as a missing report would, until the next report.
    - A report by an assistant or a student is PR-02's matter.
    - Missing text, plan, goals or signature columns cannot be told, unless another element is missing
      anyway; nor can a report without a day, of a goal that was closed since, or of measures of which one has no day; nor
      whether a goal had to be named whose status nobody recorded, or that was closed nobody knows when.

    ## What it does not check
    Whether progress justifies going on (INT-01); whether each goal has its own measure; functional
    limitation codes, which Medicare required until 2018 only. No wording beyond the six elements is asked
    for.
    """
    reports = _reports(notes, report_periods(treatment_days, notes, as_of, absent_columns))
    reports = _with_goals(reports, goals, goal_links, goal_measures)
    reports = _with_readings(_with_stored_measures(reports, notes, goals, goal_measures), mentions)
    found = _elements(reports, absent_columns)
    any_lacking = nw.any_horizontal(*(nw.col(name) for name in LACKS), ignore_nulls=True)
    at_risk = nw.sum_horizontal(*(nw.col(name).cast(nw.Int64) for name in CORE)) >= nw.col(
        "report_missing_elements_repay"
    )
    return judge(
        found.with_columns(severity=nw.when(at_risk).then(nw.lit("medium")).otherwise(nw.lit("low"))),
        applies=nw.col("author_role").is_null() | (nw.col("author_role") == "therapist"),
        cannot_tell={
            **{fact: nw.col("doubt") == fact for fact in ("notes.therapist_id", "therapists.role")},
            **{fact: ~any_lacking & (nw.col("unknown") == fact) for fact in UNKNOWN},
        },
        fails=any_lacking,
    ).select(
        "note_id", "outcome", "missing", "severity", "written", "lacking", *LACKS, "goals_unnamed", "open_goals",
        "period_from", "period_to", "due_on", "exposed_from", "exposed_to", "progress_report_exposure__id",
        "report_missing_elements_repay__id",
    )  # fmt: skip


def _reports(notes: nw.LazyFrame, periods: nw.LazyFrame) -> nw.LazyFrame:
    """The notes that are judged, with the days at risk where they served a period (null where they served none)."""
    whole = nw.col("progress_report_exposure") == "whole_period"
    served = periods.filter(~nw.col("note_id").is_null() & ~nw.col("due_on").is_null()).select(
        "note_id",
        "due_on",
        exposed_from=nw.when(whole).then(nw.col("period_from")).otherwise(nw.col("due_on") + ONE_DAY),
        exposed_to=nw.coalesce(nw.col("next_written_on") - ONE_DAY, nw.col("episode_to")),
    )
    serving = periods.filter(~nw.col("note_id").is_null()).select(
        "note_id",
        serves=nw.lit(1),
        short=nw.col("episode_days") < nw.col("progress_report_treatment_days"),
    )
    short_discharge = (nw.col("kind") == "discharge") & nw.coalesce(nw.col("short"), nw.lit(False))
    judged = (nw.col("kind") == "progress_report") | (~nw.col("serves").is_null() & ~short_discharge)
    return (
        notes.join(serving, on="note_id", how="left")
        .filter(nw.col("attended") & judged)
        .join(served, on="note_id", how="left")
        .with_columns(doubt=author_doubt(), written=note_called())
        .select(
            "note_id", "plan_id", "service_date", "text", "written", "author_role", "doubt", "signed_on", "period_from",
            "period_to", "due_on", "exposed_from", "exposed_to", "progress_report_exposure__id",
            "report_missing_elements_repay", "report_missing_elements_repay__id",
        )
    )  # fmt: skip


def _with_goals(
    reports: nw.LazyFrame, goals: nw.LazyFrame, goal_links: nw.LazyFrame, goal_measures: nw.LazyFrame
) -> nw.LazyFrame:
    """Add `plan_goals`, `open_goals` (how many on the report's day) and `goals_unnamed`, labels of those not named.

    A goal whose label or text is not known may be named all the same: it counts in `unlabelled` or `wordless`. One that is no
    longer open may have been closed by the day of a report that bears none: it counts in `undated`. One without a status may
    be closed (`unstated`), and one that was closed on an unknown day may have been open (`closed_sometime`).
    """
    replaced = goals.select(replaces_goal_id="goal_id", replaced_on="status_on")
    named = nw.concat(
        [
            goal_links.filter(~nw.col("goal_id").is_null()).select("note_id", "goal_id"),
            goal_measures.select("note_id", "goal_id"),
        ],
        how="vertical",
    ).unique()
    not_open = ~nw.col("status").is_null() & (nw.col("status") != "open")
    closed = not_open & (nw.col("status_on").is_null() | (nw.col("status_on") <= nw.col("service_date")))
    later = nw.col("replaced_on") > nw.col("service_date")
    held = (
        reports.select("note_id", "plan_id", "service_date")
        .join(goals.join(replaced, on="replaces_goal_id", how="left"), on="plan_id")
        .join(named.with_columns(named=nw.lit(1)), on=["note_id", "goal_id"], how="left")
        .with_columns(
            open=nw.when(nw.coalesce(closed | later, nw.lit(False))).then(nw.lit(0)).otherwise(nw.lit(1)),
            said=nw.coalesce(nw.col("label"), nw.col("text"), nw.col("goal_id")),
        )
    )
    unnamed = (nw.col("open") == 1) & nw.col("named").is_null()
    held = held.with_columns(
        unlabelled=flag(unnamed & nw.col("label").is_null()),
        wordless=flag(unnamed & nw.col("text").is_null()),
        unstated=flag(unnamed & nw.col("status").is_null()),
        closed_sometime=flag(nw.col("named").is_null() & not_open & nw.col("status_on").is_null()),
        undated=flag(
            unnamed & nw.col("service_date").is_null() & (not_open | ~nw.col("replaced_on").is_null())
        ),
    )
    doubts = ("unlabelled", "wordless", "unstated", "closed_sometime", "undated")
    counted = held.group_by("note_id").agg(
        nw.col(*doubts).max(), plan_goals=nw.len(), open_goals=nw.col("open").sum()
    )
    known = nw.sum_horizontal(*doubts) == 0
    # Names are strung together by the fold: no engine-neutral expression does it.
    labels = fold(
        held.filter(unnamed & known).select("note_id", "said"),
        by=("note_id",),
        order_by=("said",),
        step=lambda rows: [{"goals_unnamed": ", ".join(row["said"] for row in rows)}],
        returns={"goals_unnamed": pl.String()},
    )
    return reports.join(counted, on="note_id", how="left").join(labels, on="note_id", how="left")


def _with_stored_measures(
    reports: nw.LazyFrame, notes: nw.LazyFrame, goals: nw.LazyFrame, goal_measures: nw.LazyFrame
) -> nw.LazyFrame:
    """Add `compared`: 1 where a measure is stored for the report, and an earlier one or a baseline for its goal.

    `incomparable`: 1 where it is not known which of two measures of a goal was the earlier one, for a note has no day.
    """
    dated = goal_measures.join(notes.select("note_id", measured_on="service_date"), on="note_id")
    baselines = goals.filter(~nw.col("baseline").is_null()).select("goal_id", baseline=nw.lit(1))
    earlier = dated.select("goal_id", "name", earlier_id="note_id", earlier_on="measured_on")
    unnamed = (
        nw.col("name").is_null() | nw.col("name_right").is_null() | (nw.col("name") == nw.col("name_right"))
    )
    both = dated.join(earlier, on="goal_id", suffix="_right").filter(
        unnamed & (nw.col("earlier_id") != nw.col("note_id"))
    )
    after = both.filter(nw.col("earlier_on") < nw.col("measured_on")).select("note_id")
    undated = both.filter(nw.col("earlier_on").is_null() | nw.col("measured_on").is_null()).select("note_id")
    from_baseline = dated.join(baselines, on="goal_id").select("note_id")
    compared = nw.concat([after, from_baseline], how="vertical").unique().with_columns(compared=nw.lit(1))
    unclear = undated.unique().with_columns(incomparable=nw.lit(1))
    return reports.join(compared, on="note_id", how="left").join(unclear, on="note_id", how="left")


def _with_readings(reports: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Add what the text says: `reads_measure`, `reads_assessment`, `reads_plan` (1, else null)."""
    said = mentions.filter(~nw.col("negated"))
    earlier = (nw.col("kind") == "measure") & (nw.col("value") == "with_earlier")
    judged = (nw.col("kind") == "assessment") & nw.col("value").is_in(["progress", "no_progress"])
    needed = (nw.col("kind") == "assessment") & (nw.col("value") == "need")
    for name, words in (
        ("reads_measure", earlier),
        ("reads_assessment", judged | earlier),
        ("reads_plan", needed | (nw.col("kind") == "continuation")),
    ):
        reading = said.filter(words).select("note_id").unique().with_columns(nw.lit(1).alias(name))
        reports = reports.join(reading, on="note_id", how="left")
    return reports


def _elements(reports: nw.LazyFrame, absent_columns: frozenset[str]) -> nw.LazyFrame:
    """Add each element known to lack, `lacking` as a sentence says it, and `unknown`, the first missing fact."""
    silent = nw.col("text").is_null()
    undated = nw.col("period_from").is_null() | nw.col("period_to").is_null()
    in_text = nw.coalesce(nw.col("text").str.contains(PERIOD_IN_TEXT), nw.lit(False))
    unexported = nw.lit("notes.period_from" in absent_columns or "notes.period_to" in absent_columns)
    no_signatures = nw.lit("notes.signed_on" in absent_columns)
    compared, unclear = (~nw.col(name).is_null() for name in ("compared", "incomparable"))
    uncompared = ~compared & ~unclear
    unread = nw.col("reads_measure").is_null() | nw.col("reads_assessment").is_null()
    discharge = nw.col("written") == "discharge note"
    found = reports.with_columns(
        no_period=undated & ~in_text & ~silent & ~unexported,
        no_goals=~nw.col("goals_unnamed").is_null() & ~silent,
        no_measure=nw.col("reads_measure").is_null() & uncompared & ~silent,
        no_assessment=nw.col("reads_assessment").is_null() & uncompared & ~silent,
        no_plan=nw.col("reads_plan").is_null() & ~discharge & ~silent,
        no_signature=nw.col("signed_on").is_null() & ~no_signatures,
    ).with_columns(
        unknown=first(
            ("notes.text", silent),
            ("notes.plan_id", nw.col("plan_id").is_null()),
            ("goals.plan_id", nw.col("plan_goals").is_null()),
            ("goals.label", nw.col("unlabelled") > 0),
            ("goals.text", nw.col("wordless") > 0),
            ("goals.status", nw.col("unstated") > 0),
            ("goals.status_on", nw.col("closed_sometime") > 0),
            ("notes.service_date", (nw.col("undated") > 0) | (unclear & ~compared & unread)),
            ("notes.period_from", undated & ~in_text & unexported),
            ("notes.signed_on", nw.col("signed_on").is_null() & no_signatures),
        )
    )
    named = nw.concat_str(nw.lit("goals "), nw.coalesce(nw.col("goals_unnamed"), nw.lit("")), nw.lit(", "))
    said = {name: named if name == "no_goals" else nw.lit(f"{words}, ") for name, words in LACKS.items()}
    listed = nw.concat_str(
        *(nw.when(nw.col(name)).then(words).otherwise(nw.lit("")) for name, words in said.items())
    )
    return found.with_columns(lacking=listed.str.strip_chars(", "))
