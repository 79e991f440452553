"""INT-01: a goal stands where it stood, report after report, under a plan that is to restore."""

import narwhals as nw
import polars as pl

from compliance.checks.rule import rule
from compliance.checks.tables import REPORT_KINDS
from compliance.checks.terms import flag, fold, judge, ruled, yes

PATIENT = ["patient_id", "discipline"]
STREAK = ["goal_id", "streak"]
EXPLAINED = (
    r"(?i)maintenance (?:program|therapy|plan|poc|care|goal)|skilled maintenance|slow(?:s|ing)? (?:the )?(?:decline|"
    r"deterioration)|prevent(?:s|ing)? (?:further )?(?:decline|deterioration)|set-?back|flare|exacerbat|hospitali[sz]|"
    r"(?:plan|poc|goals?|treatment)(?: of care)? (?:was |were )?(?:changed|modified|revised|upgraded|downgraded|updated)|"
    r"(?:change|changed|modify|modified|revise|revised|downgrade|downgraded|update|updated) (?:the |this )?(?:plan|poc|goal|"
    r"treatment|ltg|stg)"
)
"""How a report says that the plan changed, that it is to maintain, or what set the patient back. From memory."""


@rule(
    code="INT-01",
    title="Plateau",
    severity="low",
    subject="goal",
    unit="goal with two reports or more",
    cites=["mbpm-15-220.3-d", "house-default"],
    needs=["goals.plan_id", "notes.kind", "notes.text", "plans_of_care.patient_id"],
    absence_of={"goal_measures": "patient", "notes": "patient"},
    parameters=["plateau_reports", "plateau_treatment_days", "plateau_reports_repay"],
    exposes="days",
    message="{label} reads the same ({measure}) in {reports} reports in a row, {from_on} to {to_on}, over "
    "{treatment_days} treatment days",
    fix="State why skilled care is still needed, change the plan, convert it to maintenance, or discharge.",
)
def plateau(
    goals: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    notes: nw.LazyFrame,
    goal_measures: nw.LazyFrame,
    goal_levels: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
) -> nw.LazyFrame:
    """No progress does not end coverage; no progress that nobody answers does.

    ## What it checks
    Each goal's measure in the reports of its plan, one after another.

    ## Why it matters
    Coverage turns on the need for a therapist's skill. Where a plan is to restore, and a goal has stood still for weeks, a
    reviewer asks why treatment went on unchanged.

    ## How we read the rule
    - Reports are progress reports, recertifications, re-evaluations and discharge notes of the goal's plan.
    - A measure is what the record stores for goal and report. Else it is the level of help and the numbers that follow
      the goal's label in the text, up to the next label. Same is all of it: the same help over a longer way is progress.
    - Two levels beside one label (*mod A to CGA*) are a change, and end the row.
    - Two reports or more in a row with the same measure, over 20 treatment days or more, are a plateau: a weakness. In
      more than three reports it is a repayment risk: the lines are named, and a person decides about the dollars.
    - The days run from the report before the row, or from the first treatment.
    - A maintenance plan is no plateau. Nor is a row in which a report speaks of maintenance, of a change of plan or
      goals, or of what set the patient back, or in which the plan was changed. A goal that was met, modified or
      discontinued is not judged.
    - Where a report of the plan has no date, a goal that did not stand still in the others cannot be told.
    - A goal whose measure fewer than two reports state cannot be told; nor can a plateau of a plan that does not say
      whether it is to maintain.

    ## What it does not check
    Whether skilled care is needed. Plateaus that only measures outside the goals show; goals that a recertification
    renamed.
    """
    reports = notes.filter(nw.col("kind").is_in(REPORT_KINDS) & nw.col("attended"))
    stated = _stated(reports, goal_measures, goal_levels)
    rows = _longest(_streaks(stated), reports, treatment_days)
    counted = reports.group_by("plan_id").agg(
        plan_reports=nw.len(), undated=flag(nw.col("service_date").is_null()).max()
    )
    plans = plans_of_care.select(
        "plan_id", "patient_id", "discipline", "maintenance", "changed_on", "policy_missing", "payer_id", "clinic_id",
        "plateau_reports", "plateau_treatment_days", "plateau_reports_repay", "plateau_reports__id",
        "plateau_treatment_days__id", "plateau_reports_repay__id",
    )  # fmt: skip
    told = stated.group_by("goal_id").agg(stated=nw.len())
    units = (
        goals.join(plans, on="plan_id", how="inner")
        .join(counted, on="plan_id", how="inner")
        .join(told, on="goal_id", how="left")
        .join(rows, on="goal_id", how="left")
    )
    open_goal = nw.col("status").is_null() | (nw.col("status") == "open")
    several = nw.col("plan_reports") >= nw.col("plateau_reports")
    changed = (nw.col("changed_on") > nw.col("from_on")) & (nw.col("changed_on") <= nw.col("to_on"))
    long = (nw.col("reports") >= nw.col("plateau_reports")) & (
        nw.col("treatment_days") >= nw.col("plateau_treatment_days")
    )
    stands = long & ~yes("explained") & ~nw.coalesce(changed, nw.lit(False))
    units = units.with_columns(stands=flag(stands))
    risk = nw.col("reports") > nw.col("plateau_reports_repay")
    restores = flag(nw.col("maintenance")) == 0
    return judge(
        units,
        applies=ruled("plateau_reports")
        & open_goal
        & restores
        & (nw.coalesce(several, nw.lit(False)) | ~nw.col("policy_missing").is_null()),
        cannot_tell={
            "notes.service_date": (nw.col("stands") == 0) & (nw.col("undated") == 1),
            "goal_measures": nw.coalesce(nw.col("stated"), nw.lit(0)) < nw.col("plateau_reports"),
            "plans_of_care.maintenance": (nw.col("stands") == 1) & nw.col("maintenance").is_null(),
        },
        fails=nw.col("stands") == 1,
    ).select(
        "goal_id", "outcome", "missing", "plan_id", "patient_id", "discipline", "payer_id", "clinic_id", "measure", "reports",
        "treatment_days", "from_on", "to_on", "plateau_reports__id", "plateau_treatment_days__id",
        "plateau_reports_repay__id", label=nw.coalesce(nw.col("label"), nw.col("goal_id")),
        severity=nw.when(risk).then(nw.lit("medium")).otherwise(nw.lit("low")),
        service_date=nw.col("to_on"), exposed_from=nw.col("from_on"), exposed_to=nw.col("to_on"), exposed_share=nw.lit(0.0),
    )  # fmt: skip


def _stated(reports: nw.LazyFrame, goal_measures: nw.LazyFrame, goal_levels: nw.LazyFrame) -> nw.LazyFrame:
    """What each report states of a goal: goal_id, note_id, service_date, patient_id, discipline, measure, moved, explained."""
    words = nw.concat_str(
        *(nw.coalesce(nw.col(part), nw.lit("")) for part in ("name", "value", "unit", "assist_level")), separator=" "
    )  # fmt: skip
    stored = fold(
        goal_measures.select("goal_id", "note_id", words=words),
        by=["goal_id", "note_id"],
        order_by=["words"],
        step=lambda rows: [{"stored": "; ".join(" ".join(row["words"].split()) for row in rows)}],
        returns={"stored": pl.String()},
    )
    key = ["goal_id", "note_id"]
    named = nw.concat([stored.select(key), goal_levels.select(key)], how="vertical").unique()
    return (
        named.join(stored, on=key, how="left")
        .join(goal_levels, on=key, how="left")
        .join(reports.select("note_id", "patient_id", "discipline", "service_date", "text"), on="note_id", how="inner")
        .with_columns(
            measure=nw.coalesce(nw.col("stored"), nw.col("measure")),
            moved=flag(nw.col("stored").is_null() & nw.coalesce(nw.col("moved"), nw.lit(False))),
            explained=flag(nw.col("text").str.contains(EXPLAINED)),
        )
        .filter(~nw.col("measure").is_null() | (nw.col("moved") == 1))
        .drop("stored", "text")
    )  # fmt: skip


def _streaks(stated: nw.LazyFrame) -> nw.LazyFrame:
    """Add `streak`, which counts up where a goal's measure is another than in the report before."""
    order = ["service_date", "note_id"]
    before = stated.with_columns(before=nw.col("measure").shift(1).over("goal_id", order_by=order))
    same = (
        ~nw.col("measure").is_null() & ~nw.col("before").is_null() & (nw.col("measure") == nw.col("before"))
    )
    changes = before.with_columns(other=1 - flag(same))
    return changes.with_columns(streak=nw.col("other").cum_sum().over("goal_id", order_by=order))


def _longest(stated: nw.LazyFrame, reports: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """A goal's longest row of one measure: goal_id, measure, reports, from_on, to_on, explained, treatment_days."""
    rows = stated.group_by(*STREAK, *PATIENT).agg(
        reports=nw.len(),
        measure=nw.col("measure").max(),
        from_on=nw.col("service_date").min(),
        to_on=nw.col("service_date").max(),
        explained=nw.col("explained").max(),
    )
    most = rows.group_by("goal_id").agg(most=nw.col("reports").max())
    rows = rows.join(most, on="goal_id").filter(nw.col("reports") == nw.col("most"))
    last = rows.group_by("goal_id").agg(last=nw.col("streak").max())
    rows = rows.join(last, on="goal_id").filter(nw.col("streak") == nw.col("last"))
    earlier = (
        rows.select("goal_id", "from_on", *PATIENT)
        .join(reports.select(*PATIENT, reported="service_date"), on=PATIENT)
        .filter(nw.col("reported") < nw.col("from_on"))
        .group_by("goal_id")
        .agg(begins=nw.col("reported").max())
    )
    rows = rows.join(earlier, on="goal_id", how="left")
    after = nw.col("begins").is_null() | (nw.col("service_date") > nw.col("begins"))
    days = (
        rows.select("goal_id", "begins", "to_on", *PATIENT)
        .join(treatment_days.select(*PATIENT, "service_date"), on=PATIENT)
        .filter(after & (nw.col("service_date") <= nw.col("to_on")))
        .group_by("goal_id")
        .agg(treatment_days=nw.len())
    )
    return rows.join(days, on="goal_id", how="left").drop("streak", "most", "last", "begins", *PATIENT)
