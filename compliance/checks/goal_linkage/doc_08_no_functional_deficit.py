"""DOC-08: a plan of care whose evaluation and goals name no loss of function."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import DAY, holds
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge

EVALUATIONS = ("evaluation", "reevaluation")
OF_THE_PLAN = (*EVALUATIONS, "recertification")
FUNCTION = ("adl", "iadl", "functional_activity", "gait")


@rule(
    code="DOC-08",
    title="No functional deficit in evaluation and plan",
    severity="medium",
    subject="plan",
    unit="plan of care with treatment",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text", "notes.kind", "plans_of_care.plan_id"],
    absence_of={"goals": "patient", "notes": "patient"},
    exposes="days",
    message="Neither the evaluation nor the goals of the plan treated from {service_date} name a loss of function or "
    "an activity of daily living",
    fix="Evaluate again: state which daily activity the condition limits, measured, and write goals towards it. A "
    "reviewer decides what of the episode to refund.",
)
def no_functional_deficit(
    plans_of_care: nw.LazyFrame,
    goals: nw.LazyFrame,
    goal_facts: nw.LazyFrame,
    notes: nw.LazyFrame,
    mentions: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
) -> nw.LazyFrame:
    """Therapy answers a loss of function, which the evaluation or the plan of care names.

    ## What it checks
    Of each plan of care under which the patient was treated: whether the evaluation or the goals name an activity of
    daily living, walking or another functional activity, at least once.

    ## Why it matters
    Without a loss of function there is nothing that skilled therapy is medically necessary for; a reviewer may deny the
    whole episode.

    ## How we read the rule
    - Any evaluation or re-evaluation of the episode counts, and a recertification of the plan.
    - A goal with a function counts as well: it is part of the plan.
    - What the patient denies is no loss of function; pain, range and strength by themselves are none.
    - Treatment notes do not count: the plan comes before them.
    - A repayment risk: the plan's lines are listed, and a reviewer decides the amount.
    - Without the text of any evaluation, and without a functional goal, nothing can be told.

    ## What it does not check
    Whether the deficit is measured (DOC-07, PR-05), and whether the diagnosis explains it (DOC-09).
    """
    units = (
        plans_of_care.select("plan_id")
        .join(_treated(notes, claim_lines, treatment_days), on="plan_id")
        .join(_functional_goals(goals, goal_facts), on="plan_id", how="left")
    )
    units = units.join(_evaluated(units, notes, mentions, treatment_days), on="plan_id", how="left")
    units = units.with_columns(
        nw.coalesce(nw.col(name), nw.lit(0)).alias(name)
        for name in ("goals", "functional_goals", "evaluations", "functional")
    )
    nowhere = (nw.col("functional_goals") == 0) & (nw.col("functional") == 0)
    return judge(units, cannot_tell={"notes.text": nowhere & (nw.col("evaluations") == 0)}, fails=nowhere).select(
        "plan_id", "outcome", "missing", "goals", "evaluations", "exposed_from", "exposed_to",
        service_date="exposed_from", exposed_share=nw.lit(0.0), treated_to="exposed_to",
    )  # fmt: skip


def _treated(notes: nw.LazyFrame, claim_lines: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """The days under each plan: plan_id, patient_id, discipline, episode (its first), exposed_from, exposed_to."""
    visits = nw.concat(
        [notes.filter(nw.col("is_visit")).select("plan_id", *DAY), claim_lines.select("plan_id", *DAY)],
        how="vertical",
    )
    return (
        visits.filter(~nw.col("plan_id").is_null())
        .join(treatment_days.select(*DAY, "episode"), on=list(DAY))
        .group_by("plan_id", "patient_id", "discipline")
        .agg(
            episode=nw.col("episode").min(),
            exposed_from=nw.col("service_date").min(),
            exposed_to=nw.col("service_date").max(),
        )
    )


def _functional_goals(goals: nw.LazyFrame, goal_facts: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan the number of its goals, and of those with a function."""
    return (
        goals.filter(~nw.col("plan_id").is_null())
        .select("plan_id", "goal_id")
        .join(goal_facts.select("goal_id", functional=flag(holds("has_function"))), on="goal_id", how="left")
        .group_by("plan_id")
        .agg(goals=nw.col("goal_id").count(), functional_goals=nw.col("functional").sum())
    )


def _evaluated(
    plans: nw.LazyFrame, notes: nw.LazyFrame, mentions: nw.LazyFrame, treatment_days: nw.LazyFrame
) -> nw.LazyFrame:
    """Of each plan the number of its evaluations with text, and of those that name a function."""
    texts = notes.filter(~nw.col("text").is_null())
    own = texts.filter(nw.col("kind").is_in(OF_THE_PLAN)).select("plan_id", "note_id")
    of_episode = (
        texts.filter(nw.col("kind").is_in(EVALUATIONS))
        .select("note_id", *DAY)
        .join(treatment_days.select(*DAY, "episode"), on=list(DAY))
        .join(
            plans.select("plan_id", "patient_id", "discipline", "episode"),
            on=["patient_id", "discipline", "episode"],
        )
        .select("plan_id", "note_id")
    )
    named = (
        mentions.filter(nw.col("kind").is_in(FUNCTION) & ~nw.col("negated"))
        .select("note_id")
        .unique()
        .with_columns(functional=nw.lit(1))
    )
    return (
        nw.concat([own, of_episode], how="vertical")
        .unique()
        .join(named, on="note_id", how="left")
        .with_columns(functional=nw.coalesce(nw.col("functional"), nw.lit(0)))
        .group_by("plan_id")
        .agg(evaluations=nw.col("note_id").count(), functional=nw.col("functional").sum())
    )
