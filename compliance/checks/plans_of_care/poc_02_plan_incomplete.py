"""POC-02: a plan of care that lacks a required element."""

import narwhals as nw

from compliance.checks.plans_of_care.certification import listed
from compliance.checks.rule import rule
from compliance.checks.terms import judge

REQUIRED = {
    "no_diagnosis": "a diagnosis",
    "no_goal": "a long-term goal",
    "no_duration": "a duration",
    "no_signature": "its author's signature with a date",
}
"""Elements without which the services of the plan are at risk."""
DEFAULTED = {"no_frequency": "a frequency"}
COLUMNS = {
    "no_diagnosis": "plans_of_care.diagnosis_codes",
    "no_goal": "goals.plan_id",
    "no_duration": "plans_of_care.weeks",
    "no_signature": "plans_of_care.signed_on",
    "no_frequency": "plans_of_care.visits_per_week",
}
"""The column whose absence from the export hides an element."""
PLAN_NOTES = ("evaluation", "recertification")


@rule(
    code="POC-02",
    title="Plan of care incomplete",
    severity="medium",
    subject="plan",
    unit="plan of care",
    cites=["42-cfr-410.61", "mbpm-15-220.1.2", "cgs-cert-plans", "oig-therapy-audits"],
    needs=["plans_of_care.plan_id", "plans_of_care.patient_id"],
    absence_of={"goals": "patient", "notes": "patient"},
    exposes="lines",
    message="The plan of care of {begins_on} lacks {lacking}",
    fix="Amend the plan: add {lacking}; send the amended plan for signature. Date the amendment the day it is written.",
)
def plan_incomplete(
    plans_of_care: nw.LazyFrame,
    goals: nw.LazyFrame,
    notes: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A plan of care names what is treated, to which end, how often, how long, and who says so.

    ## What it checks
    Each plan of care: its diagnosis, a long-term goal, its frequency, its duration, and its author's signature.

    ## Why it matters
    Plans that are vague, unsigned, or without duration or frequency are among the first faults that auditors name. All
    services under such a plan are at risk.

    ## How we read the rule
    - A duration may be a number of weeks, a last day, or a number of visits.
    - A goal without a term is taken for a long-term one; only goals that are called short-term do not serve.
    - A plan without a goal may be the one of a goal that names no plan: where the records hold such a goal, it cannot be told.
    - A plan that replaces another keeps the goals of the plans before it; those of one that the records lack cannot be told.
    - The signature may stand on the plan, or on the evaluation or recertification note that holds the plan.
    - Without an amount, one session a day is planned; without a frequency, one treatment a week. A plan that lacks only the
      frequency is a weakness without dollars; FRQ-03 then judges it by one treatment a week.
    - Of the type of treatment the discipline is enough.
    - A column that the export lacks cannot be held against a plan.

    ## What it does not check
    Whether goals can be measured (DOC-07), whether a physician certified the plan (POC-03), and whether its frequency and
    duration are sensible (FRQ-06).
    """
    units = (
        _with_goals(plans_of_care, goals)
        .join(_signed_notes(notes), on="plan_id", how="left")
        .join(_goals_of_no_plan(goals), how="cross")
    )
    lacks = {
        "no_diagnosis": nw.col("diagnosis_codes").is_null(),
        "no_goal": nw.col("has_goal").is_null(),
        "no_duration": nw.all_horizontal(
            *(nw.col(name).is_null() for name in ("weeks", "ends_on", "visits_total")), ignore_nulls=True
        ),
        "no_signature": nw.col("signed_on").is_null() & nw.col("note_signed").is_null(),
        "no_frequency": nw.col("visits_per_week").is_null() & nw.col("frequency_steps").is_null(),
    }
    hidden = {name: lacks[name] & nw.lit(COLUMNS[name] in absent_columns) for name in lacks}
    perhaps = (~nw.col("continues").is_null() & nw.col("known").is_null()) | (nw.col("of_no_plan") > 0)
    hidden["no_goal"] = hidden["no_goal"] | (lacks["no_goal"] & perhaps)
    units = units.with_columns(
        **{name: lacks[name] & ~hidden[name] for name in lacks},
        **{f"{name}_hidden": hidden[name] for name in hidden},
    )
    repay = nw.any_horizontal(*(nw.col(name) for name in REQUIRED), ignore_nulls=True)
    fails = repay | nw.col("no_frequency")
    units = units.with_columns(
        fails=fails,
        severity=nw.when(repay).then(nw.lit("medium")).otherwise(nw.lit("low")),
        lacking=_lacking(),
        begins_on=nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on")),
    )
    return (
        judge(
            units,
            cannot_tell={COLUMNS[name]: ~nw.col("fails") & nw.col(f"{name}_hidden") for name in COLUMNS},
            fails=nw.col("fails"),
        )
        .select("plan_id", "outcome", "missing", "severity", "lacking", "begins_on", service_date="begins_on")
        .join(_lines(plans_of_care, claim_lines), on="plan_id", how="left")
    )


def _with_goals(plans_of_care: nw.LazyFrame, goals: nw.LazyFrame) -> nw.LazyFrame:
    """Plans with `has_goal`: 1 where a long-term goal is theirs, or of an earlier plan that they continue."""
    label = nw.coalesce(nw.col("label"), nw.lit("")).str.to_uppercase()
    short = (nw.col("term") == "short") | (nw.col("term").is_null() & label.str.starts_with("ST"))
    long_term = goals.filter(~nw.coalesce(short, nw.lit(False))).select("plan_id").unique()
    own = long_term.with_columns(owned=nw.lit(1))
    begins = nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on"))
    dated = plans_of_care.with_columns(begins_on=begins)
    earlier = dated.join(long_term, on="plan_id", how="inner").select(
        "patient_id", "discipline", earlier_on="begins_on"
    )
    inherited = (
        dated.filter(~nw.col("replaces_plan_id").is_null())
        .select("plan_id", "patient_id", "discipline", "begins_on")
        .join(earlier, on=["patient_id", "discipline"], how="inner")
        .filter(
            nw.col("earlier_on").is_null()
            | nw.col("begins_on").is_null()
            | (nw.col("earlier_on") <= nw.col("begins_on"))
        )
        .select("plan_id")
        .unique()
        .with_columns(inherited=nw.lit(1))
    )
    known = plans_of_care.select(continues="plan_id", known=nw.lit(1))
    return (
        plans_of_care.with_columns(continues=nw.col("replaces_plan_id"))
        .join(known, on="continues", how="left")
        .join(own, on="plan_id", how="left")
        .join(inherited, on="plan_id", how="left")
        .with_columns(has_goal=nw.coalesce(nw.col("owned"), nw.col("inherited")))
    )


def _goals_of_no_plan(goals: nw.LazyFrame) -> nw.LazyFrame:
    """How many goals of the records name no plan: one row, of_no_plan. Each may be of any plan."""
    return goals.filter(nw.col("plan_id").is_null()).select(of_no_plan=nw.col("goal_id").count())


def _signed_notes(notes: nw.LazyFrame) -> nw.LazyFrame:
    """Plans whose evaluation or recertification note is signed: `note_signed`."""
    return (
        notes.filter(nw.col("kind").is_in(PLAN_NOTES) & ~nw.col("signed_on").is_null())
        .filter(~nw.col("plan_id").is_null())
        .select("plan_id")
        .unique()
        .with_columns(note_signed=nw.lit(1))
    )


def _lacking() -> nw.Expr:
    """What the plan lacks, in words parted by commas."""
    said = (
        nw.when(nw.col(name)).then(nw.lit(f"{words}, ")).otherwise(nw.lit(""))
        for name, words in {**REQUIRED, **DEFAULTED}.items()
    )
    return nw.concat_str(*said).str.strip_chars(", ")


def _lines(plans_of_care: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """The lines under each plan until its last day, where it states one."""
    ends = plans_of_care.select("plan_id", last_on=nw.col("ends_on"))
    under = claim_lines.filter(~nw.col("plan_id").is_null()).join(ends, on="plan_id", how="inner")
    within = nw.col("last_on").is_null() | (nw.col("service_date") <= nw.col("last_on"))
    return listed(under.filter(within), "plan_id")
