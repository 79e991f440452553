"""POC-04: treatment after the plan's interval ended, without a recertification in time."""

from datetime import datetime

import narwhals as nw

from compliance.checks.plans_of_care.certification import CERTIFICATION, SETTLED, by_plan, certified_days
from compliance.checks.rule import rule
from compliance.checks.terms import judge

AT_RISK = ("never", "late")


@rule(
    code="POC-04",
    title="Treatment after the plan ended",
    severity="medium",
    subject="plan",
    key=["plan_id", "payer_id", "fault"],
    unit="plan of care",
    cites=["42-cfr-424.24", "mbpm-15-220.1.3", "mbpm-15-220.1.2"],
    needs=["plans_of_care.certified_on", "plans_of_care.patient_id"],
    absence_of={"plans_of_care": "patient"},
    parameters=list(CERTIFICATION),
    exposes="lines",
    message={
        "never": "{days} treatment days after the plan ended on {interval_to} (by {interval_ends_by}) and no certified plan "
        "that renews it",
        "barred": "{days} treatment days after the plan ended on {interval_to}; the one that renews it bears only the name "
        "of a {barred_credential}, who may not certify therapy",
        "late": "{days} treatment days after the plan ended on {interval_to} and before the recertification of "
        "{certified_on}, which came after {deadline} without a reason",
        "delayed": "The plan ended on {interval_to}; it was recertified {certified_on}, by {deadline}: delayed, accepted "
        "without a reason",
        "reasoned": "The plan ended on {interval_to}; it was recertified {certified_on}, after {deadline}, and the record "
        "says why",
        "overdue": "The plan ended on {interval_to} and treatment went on; until {deadline} a recertification is accepted "
        "without a reason",
        "cap_day": "Treatment on {service_date}, the day after the longest interval allowed ended: some count that day in",
    },
    fix={
        "never": "The plan ended {interval_to}. Obtain the recertification; until then hold the claims of {counted_days}; add "
        "the reason for the delay.",
        "barred": "Obtain the recertification of a physician, nurse practitioner, clinical nurse specialist or physician "
        "assistant; until then hold the claims of {counted_days}.",
        "late": "Write why the recertification came late. Without a reason, review the claims of {counted_days}.",
        "delayed": "Recertify before the interval ends. Nothing else is asked for this delay.",
        "reasoned": "Keep the reason with the plan.",
        "overdue": "The plan ended {interval_to}. Obtain the recertification by {deadline}; hold the claims of {counted_days} "
        "until then.",
        "cap_day": "Recertify within the interval, so that nobody has to count its last day.",
    },
)
def plan_expired(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """Treatment goes on only under a plan that is in force and recertified in time.

    ## What it checks
    Each plan of care: the treatment days after its interval, and the plan that renews it.

    ## Why it matters
    Services after the plan's end are not certified; a reviewer denies each of them until the day of the recertification.

    ## How we read the rule
    - The first plan's interval begins on the day of the initial treatment, which includes the evaluation. It lasts as long
      as the plan says, and no longer than the payer allows; that first day is day 1.
    - A plan with an evaluation of its own runs from it, though the episode began elsewhere. An older treatment that belongs
      to no plan in the records, or lies more than 30 days before the plan, does not pull the plan back.
    - A plan that states an end of its own ends there, if that is earlier.
    - A duration given as a number of visits lasts as long as the payer allows, and ends when the visits are used. Days with
      an evaluation use none.
    - A plan that states no duration holds as long as the payer allows (that it lacks one is POC-02).
    - The plan that renews it begins on the day after the former interval, whenever it was written. Where care lapsed until
      it was signed, or its certification came later than is accepted and no reason is given, it begins with its signature.
    - The end of a plan that the records lack cannot be told, nor whether the one that renews it came in time. It may have
      lasted into the plan that renews it, whose own end is then known only where it is stated.
    - In time is a dated signature by the last day of the former interval. Late by no more than the days of delay is accepted
      without a reason; later, with one. Both are weaknesses without dollars.
    - Later without a reason, the treatment before the signature is at risk.
    - The exception to the signature never serves a recertification.
    - Where the longest interval, and not the plan's own duration, sets the end, one day more is a weakness: some count the
      first day as day 0.
    - A plan that resumes care after a pause longer than the delay is a first plan again (POC-03).
    - No recertification is needed where treatment ended within the interval.
    - Where the payer asks for no certification, any later plan of care renews; only the plan's own duration ends it.

    ## What it does not check
    The first certification (POC-03). Treatment before any plan (POC-01).
    """
    days = certified_days(plans_of_care, treatment_days, notes, episodes, as_of, absent_columns)
    units = by_plan(days.filter(nw.col("about") == "later").drop("about"), claim_lines)
    severity = nw.when(nw.col("case").is_in(AT_RISK)).then(nw.lit("medium")).otherwise(nw.lit("low"))
    unsigned = (nw.col("case") == "never") & ~nw.col("barred_credential").is_null()
    units = units.with_columns(
        severity=severity, case=nw.when(unsigned).then(nw.lit("barred")).otherwise(nw.col("case"))
    )
    return (
        judge(
            units,
            applies=(nw.col("case") != "no_rule") | ~nw.col("policy_missing").is_null(),
            fails=~nw.col("case").is_in(SETTLED),
        )
        .drop("order_signed_on", "order_by", "sent_on")
        .with_columns(fault=nw.col("case"))
    )
