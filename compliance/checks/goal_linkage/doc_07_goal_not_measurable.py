"""DOC-07: a goal that nobody could say is met."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import ELEMENTS, held_to
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge

EVALUATIONS = ("evaluation", "reevaluation")
CLOSED_WITHOUT_END = ("modified", "discontinued")
OBJECTIVE = ("measure", "assist_level")
LACKS = {
    "no_measure": "a target that can be measured (a number, a level of assistance or a score)",
    "no_function": "the activity that it is to make possible",
    "no_timeframe": "the time by which",
    "no_baseline": "a baseline, in the goal or the evaluation",
}


@rule(
    code="DOC-07",
    title="Goal not measurable",
    severity="low",
    subject="goal",
    unit="goal",
    cites=["house-default"],
    needs=["goals.text"],
    absence_of={"goal_measures": "patient"},
    parameters=[ELEMENTS],
    exposes="none",
    message="{called} lacks {lacking}: “{goal_text}”",
    fix="Write the goal anew with {lacking}, as in “In 6 wk carry 10 lb up 12 steps mod I”. Keep the old one as "
    "modified.",
)
def goal_not_measurable(
    goals: nw.LazyFrame,
    goal_facts: nw.LazyFrame,
    goal_measures: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    notes: nw.LazyFrame,
    mentions: nw.LazyFrame,
) -> nw.LazyFrame:
    """A goal states what the patient will do, how well, and by when, from a known start.

    ## What it checks
    Each goal of a plan of care must hold a function, a target that can be measured, and a time. Where the evaluation's
    text is in the records, it or the goal must hold a baseline.

    ## Why it matters
    A goal such as *improve strength* can be neither reached nor missed: no report can show progress towards it, and
    every note that serves it inherits the weakness.

    ## How we read the rule
    - A number with its unit, a level of assistance or an outcome score is a measure, in the text or as the target.
    - The time stands in the text (*in 6 wk*, *by discharge*) or as the goal's due date.
    - The function is an activity of daily life, work, play or mobility; strength, range and pain alone are none.
    - The baseline stands with the goal, in a stored measure of it, or in the evaluation. An evaluation without text is
      not held against the goal.
    - A goal that was modified or discontinued is not judged; one that was met is.
    - A payer that does not ask for it is not judged.
    - Without the goal's text or its plan nothing can be told.

    ## What it does not check
    Whether the target is sensible, and whether the goal is reached (INT-01).
    """
    plans = plans_of_care.select(
        "plan_id", "service_date", "policy_missing", ELEMENTS, f"{ELEMENTS}__id", known=nw.lit(1)
    )
    measured = goal_measures.select("goal_id").unique().with_columns(measured=nw.lit(1))
    units = (
        goals.join(plans, on="plan_id", how="left")
        .join(goal_facts, on="goal_id", how="left")
        .join(measured, on="goal_id", how="left")
        .join(_evaluations(notes, mentions), on="plan_id", how="left")
    )
    own_baseline = ~nw.col("baseline").is_null() | ~nw.col("measured").is_null()
    units = units.with_columns(
        no_measure=nw.col("has_measure") == nw.lit(False),
        no_function=nw.col("has_function") == nw.lit(False),
        no_timeframe=nw.col("has_timeframe") == nw.lit(False),
        no_baseline=~own_baseline & (nw.col("evaluated") == 0),
    ).with_columns(nw.coalesce(nw.col(name), nw.lit(False)).alias(name) for name in LACKS)
    gone = nw.coalesce(nw.col("status").is_in(CLOSED_WITHOUT_END), nw.lit(False))
    return judge(
        units,
        applies=~gone & (held_to("DOC-07") | nw.col("known").is_null()),
        cannot_tell={"goals.plan_id": nw.col("known").is_null(), "goals.text": nw.col("text").is_null()},
        fails=nw.any_horizontal(*(nw.col(name) for name in LACKS), ignore_nulls=True),
    ).select(
        "goal_id", "plan_id", "service_date", "outcome", "missing", f"{ELEMENTS}__id", "measure",
        label=nw.coalesce(nw.col("label"), nw.col("goal_id")), goal_text="text", lacking=_lacking(), called=_called(),
    )  # fmt: skip


def _called() -> nw.Expr:
    """`Goal LTG 1`; a label that says of itself that it is a goal (`Goal 1`) stays as it is."""
    label = nw.coalesce(nw.col("label"), nw.col("goal_id"))
    named = nw.when(label.str.to_lowercase().str.starts_with("goal")).then(label)
    return named.otherwise(nw.concat_str([nw.lit("Goal "), label]))


def _lacking() -> nw.Expr:
    """What the goal lacks, in words parted by commas."""
    said = (
        nw.when(nw.col(name)).then(nw.lit(f"{words}, ")).otherwise(nw.lit(""))
        for name, words in LACKS.items()
    )
    return nw.concat_str(*said).str.strip_chars(", ")


def _evaluations(notes: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan whose evaluation has a text: 1 if one of them holds an objective measure, else 0 (`evaluated`)."""
    objective = (
        mentions.filter(nw.col("kind").is_in(OBJECTIVE) & (nw.col("when") == "today") & ~nw.col("negated"))
        .select("note_id")
        .unique()
        .with_columns(objective=nw.lit(1))
    )
    return (
        notes.filter(
            nw.col("kind").is_in(EVALUATIONS) & ~nw.col("text").is_null() & ~nw.col("plan_id").is_null()
        )
        .join(objective, on="note_id", how="left")
        .with_columns(objective=flag(nw.col("objective") == 1))
        .group_by("plan_id")
        .agg(evaluated=nw.col("objective").max())
    )
