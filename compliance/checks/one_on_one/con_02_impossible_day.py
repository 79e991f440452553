"""CON-02: the units that one person billed on a day take longer than the day that person worked."""

import narwhals as nw

from compliance.checks.one_on_one.days import (
    DAY,
    GROUP,
    LEAST,
    billed_days,
    iso_day,
    lines_by_person,
    listed,
    worked,
)
from compliance.checks.one_on_one.sessions import of_unknown_role
from compliance.checks.rule import rule
from compliance.checks.terms import codes, is_timed, judge, kept, yes


@rule(
    code="CON-02",
    title="Impossible day",
    severity="medium",
    subject="therapist_day",
    unit="person and day with billed lines",
    cites=["mcpm-5-20.2", "house-default"],
    needs=["shifts.starts_at", "shifts.ends_at", "claim_lines.units"],
    absence_of={"shifts": "day"},
    parameters=["unit_method", *LEAST],
    exposes="lines",
    message="What {provider} billed on {service_date} for {patients} patients takes at least {least_minutes} minutes; "
    "{worked_minutes} were {worked_by}",
    fix="Hold the day of {provider}, {service_date}, against schedule, notes and clock: at least {least_minutes} minutes are "
    "billed, {worked_minutes} were worked. Correct what is wrong: the clock, the therapist on a line, or the units.",
    scope="therapist_day",
)
def impossible_day(
    therapist_days: nw.LazyFrame, claim_lines: nw.LazyFrame, interventions: nw.LazyFrame, shifts: nw.LazyFrame
) -> nw.LazyFrame:
    """Even at the fewest minutes a unit can stand for, the day's units take longer than the hours worked.

    ## What it checks
    Each person's day with billed lines: the least minutes of all timed units and a least time for evaluations and
    groups, against the hours that were clocked, or scheduled where none were clocked. It needs no times of services.

    ## Why it matters
    Auditors add up a therapist's day. Units that cannot have been given in the hours worked were not one-on-one, or not
    given. Somebody must look; the amount is for a person to decide, so that the finding bears no dollars.

    ## How we read the rule
    - U timed units of a patient's day take at least 15 U - 7 minutes. Where the payer counts each code by itself, or
      its way is not known, each code may fall 7 minutes short.
    - Where somebody else gave a part of the patient's day, each code may fall 14 minutes short.
    - Evaluations and re-evaluations take a least time each. Groups take it once a day: their patients are together.
    - Units count for whoever gave them: the deliverer of the service, else the note's author, else the line's
      therapist. Lines with CQ or CO, of which no deliverer is known, count for nobody, and so do group and concurrent services
      and those that an assistant, aide or student gave a part of.
    - A second payer's claim repeats the units of the first.
    - Clocked shifts of all clinics are added; schedules count only where nothing is clocked. A day without either
      cannot be told.
    - Units that are not known could only lengthen the day: without them a day that fits cannot be told.

    ## What it does not check
    Minutes that the notes record (CON-03) and times that overlap (CON-01).
    """
    lines = kept(lines_by_person(claim_lines, interventions))
    days = (
        billed_days(lines, therapist_days)
        .join(worked(shifts), on=DAY, how="left")
        .join(of_unknown_role(interventions, DAY), on=DAY, how="left")
    )
    longer = nw.col("least_minutes") > nw.col("worked_minutes")
    open_question = ~nw.coalesce(longer, nw.lit(False))
    judged = kept(
        judge(
            days,
            applies=(nw.col("least_minutes") > 0) | yes("unknown_units") | yes("unroled"),
            cannot_tell={
                "shifts.starts_at": nw.col("worked_minutes").is_null(),
                "shifts.ends_at": yes("unended"),
                "therapists.role": open_question & yes("unroled"),
                "claim_lines.units": open_question & yes("unknown_units"),
            },
            fails=longer,
        )
    )
    failed = judged.filter(nw.col("outcome") == "failed").select(*DAY)
    counted = lines.filter(_counts())
    patients = (
        counted.select(*DAY, "patient_id").unique().group_by(*DAY).agg(patients=nw.col("patient_id").count())
    )
    return (
        judged.join(patients, on=DAY, how="left")
        .with_columns(day=iso_day(), exposed_share=nw.lit(0.0))
        .join(listed(counted, failed), on=["therapist_id", "day"], how="left")
        .select(
            *DAY, "outcome", "missing", "discipline", "clinic_id", "provider", "least_minutes", "worked_minutes",
            "worked_by", "patients", "units", "exposed_lines", "exposed_share", "evaluation_least_minutes__id",
            "group_least_minutes__id",
        )
    )  # fmt: skip


def _counts() -> nw.Expr:
    """Whether a line lengthens the day."""
    untimed = nw.col("cpt").is_in([*codes("evaluation"), *codes("reevaluation"), GROUP])
    return is_timed() | nw.coalesce(untimed, nw.lit(False))
