"""FRQ-03: more visits in a week, or sessions in a day, than the plan of care says; far fewer; or no frequency at all."""

from datetime import datetime

import narwhals as nw

from compliance.checks.frequency.weeks import SESSION_GAP, WEEKS, lines_of_days, of_weeks, sessions
from compliance.checks.plans_of_care.certification import of_charts
from compliance.checks.rule import rule
from compliance.checks.terms import judge

ASSUMED = {"visits_per_week": "unstated_weekly_visits", "amount_per_day": "unstated_daily_sessions"}
SHARES = ["frequency_over_share", "frequency_over_weeks", "frequency_under_share"]
PARAMETERS = [*SHARES, *ASSUMED.values(), SESSION_GAP]
SEVERITIES = {"often": "medium", "unstated": "medium", "under": "info"}


@rule(
    code="FRQ-03",
    also=["POC-05"],
    title="Visits other than planned",
    severity="low",
    subject="plan",
    key=["plan_id", "fault"],
    unit="plan of care",
    cites=["mbpm-15-220.1.2", "42-cfr-410.61", "house-default"],
    needs=["plans_of_care.patient_id"],
    absence_of={"plans_of_care": "patient"},
    adds_up={"claim_lines": "patient"},
    parameters=PARAMETERS,
    exposes="lines",
    message={
        "over": "{weeks_over} of the plan's {full_weeks} full weeks hold more visits than the {planned} a week that it plans",
        "often": "{weeks_over} of the plan's {full_weeks} full weeks hold more visits than the {planned} a week that it plans: "
        "a pattern",
        "unstated": "The plan states no frequency, which is read as {planned} a week; {weeks_over} of its {full_weeks} full "
        "weeks hold more",
        "under": "{visits_made} visits in {weeks_attended} full weeks, the plan called for {visits_planned}",
        "sessions": "More sessions a day than the {planned} that the plan says, on {counted_days}",
    },
    fix={
        "over": "Keep to the plan, or change its frequency before the week in which more visits are needed, and say why.",
        "often": "Change the plan's frequency and have it signed; say in the record why the visits of {counted_days} were "
        "needed.",
        "unstated": "Amend the plan: add its frequency. Review the claims of {counted_days} before an auditor does.",
        "under": "Say in the record why visits were missed, or lower the plan's frequency.",
        "sessions": "Add the amount a day to the plan, or say why a second session was needed.",
    },
)
def more_visits_than_planned(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """Patients come as often as the plan of care says.

    ## What it checks
    The full weeks of each plan of care, Monday to Sunday: their treatment days against the plan's frequency; and the
    sessions of a day against its amount.

    ## Why it matters
    Visits beyond the plan are visits that no physician certified. Reviewers count them, and far fewer visits than planned
    make them ask whether the plan was needed.

    ## How we read the rule
    - A week counts where all its days lie within the plan; the first and last partial weeks are not judged.
    - A plan ends where the next one begins. Of two at a time, a day counts for the one that its note names, else the later.
    - A day with an evaluation uses no visit; several sessions of a day are one visit.
    - A range is judged by its upper end. Less than one visit a week is judged as one.
    - A frequency in steps (three a week for four weeks, then two) is judged by the step in force; where it changes within a
      week, by the larger. After the last step, by the last.
    - More visits than planned in more than a share of the plan's full weeks, and in several, are a repayment risk without
      dollars; fewer are a weakness. The weeks of a plan that still runs, or was broken off, are counted to its end.
    - Without a frequency, one visit a week is planned where the payer's manual says so; the later visits of each week are at
      risk. Of other payers such a plan is not judged (POC-02 says that it lacks one).
    - Far fewer visits than planned, from the first to the last treatment day, are worth knowing, once a plan.
    - Sessions of a day count where the clock times of all its notes are known and as many minutes lie between as the policy
      says. Without an amount, one session is planned where the payer's manual says so; it is a weakness.
    - A column that the export lacks cannot be held against a plan: what hangs on it cannot be told. Nor can weeks that are too
      full only by days of which no more is known than a line without a code, which may be remote monitoring's.

    ## What it does not check
    Treatment after the plan's end (POC-04). Whether the frequency is sensible (FRQ-06).
    """
    plans = plans_of_care.with_columns(
        **{name: nw.coalesce(nw.col(name), nw.col(default)) for name, default in ASSUMED.items()}
    )
    told = of_charts(
        plans, treatment_days, notes, episodes, as_of, absent_columns, of_weeks(sessions(notes)), WEEKS
    )
    begins = nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on"))
    undated = nw.when(begins.is_null()).then(nw.lit("plans_of_care.starts_on"))
    context = plans_of_care.with_columns(policy_missing=undated.otherwise(nw.col("policy_missing"))).select(
        "plan_id", "policy_missing", "visits_per_week", "frequency_steps", "amount_per_day", *PARAMETERS,
        *(f"{name}__id" for name in PARAMETERS), whose="discipline", begins_on=begins,
    )  # fmt: skip
    about, weekly = nw.coalesce(nw.col("about"), nw.lit("weeks")), nw.col("about") == "weeks"
    units = (
        context.join(lines_of_days(told, claim_lines), on="plan_id", how="left")
        .with_columns(about=about, case=_case())
        .filter(weekly | (nw.col("case") == "sessions"))
    )
    unstated = nw.col("visits_per_week").is_null() & nw.col("frequency_steps").is_null()
    hidden = unstated & nw.lit("plans_of_care.visits_per_week" in absent_columns)
    unsaid = nw.col("amount_per_day").is_null() & nw.lit("plans_of_care.amount_per_day" in absent_columns)
    severity = nw.lit("low")
    for case, said in SEVERITIES.items():
        severity = nw.when(nw.col("case") == case).then(nw.lit(said)).otherwise(severity)
    without_dollars = nw.when(nw.col("case") == "often").then(nw.lit(0.0)).otherwise(nw.lit(1.0))
    return judge(
        units,
        applies=~weekly
        | (nw.coalesce(nw.col("full_weeks"), nw.lit(1)) > 0)
        & (~unstated | hidden | ~nw.col("unstated_weekly_visits").is_null() | ~nw.col("policy_missing").is_null()),
        cannot_tell={
            "plans_of_care.discipline": nw.col("whose").is_null() | (nw.col("doubt") == "plans_of_care.discipline"),
            **{fact: nw.col("doubt") == fact for fact in ("plans_of_care.starts_on", "claim_lines.cpt")},
            "plans_of_care.visits_per_week": weekly & hidden,
            "plans_of_care.frequency_steps": weekly & nw.col("unread"),
            "plans_of_care.amount_per_day": ~weekly & unsaid,
        },
        fails=nw.col("case") != "passed",
    ).select(
        "plan_id", "outcome", "missing", "case", "planned", "full_weeks", "weeks_over", "visits_by_week", "made_of_planned",
        "counted_days",
        "weeks_attended", "visits_planned", "visits_made", "interval_from", "judged_to", "exposed_lines",
        *PARAMETERS, *(f"{name}__id" for name in PARAMETERS), severity=severity, exposed_share=without_dollars,
        service_date="begins_on", fault="case",
    )  # fmt: skip


def _case() -> nw.Expr:
    """What is wrong with the weeks, or with the sessions, of a plan."""
    by_sessions = ~nw.col("counted_days").is_null()
    unstated = nw.col("visits_per_week").is_null() & nw.col("frequency_steps").is_null()
    over = nw.col("weeks_over") > 0
    share = nw.col("weeks_over") / nw.col("full_weeks")
    often = (share > nw.col("frequency_over_share")) & (
        nw.col("weeks_over") >= nw.col("frequency_over_weeks")
    )
    fewer = nw.col("visits_made") < nw.col("visits_planned") * nw.col("frequency_under_share")
    under = ~unstated & (nw.col("weeks_attended") >= nw.col("frequency_over_weeks")) & fewer
    case = nw.lit("passed")
    for name, holds in {"under": under, "over": over, "often": often, "unstated": over & unstated}.items():
        case = nw.when(nw.coalesce(holds, nw.lit(False))).then(nw.lit(name)).otherwise(case)
    daily = nw.when(by_sessions).then(nw.lit("sessions")).otherwise(nw.lit("passed"))
    return nw.when(nw.coalesce(nw.col("about") == "sessions", nw.lit(False))).then(daily).otherwise(case)
