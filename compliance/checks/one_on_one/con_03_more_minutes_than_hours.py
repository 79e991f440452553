"""CON-03: the one-on-one minutes that a person's notes record are more than that person worked."""

import narwhals as nw

from compliance.checks.one_on_one.days import (
    DAY,
    LEAST,
    billed_days,
    iso_day,
    lines_by_person,
    listed,
    worked,
)
from compliance.checks.one_on_one.sessions import billed, least, of_unknown_role, one_on_one
from compliance.checks.rule import rule
from compliance.checks.terms import MINUTES_OF_A_DAY, codes, flag, judge, kept, yes


@rule(
    code="CON-03",
    title="More one-on-one minutes than hours worked",
    severity="medium",
    subject="therapist_day",
    unit="person and day with one-on-one minutes",
    cites=["cms-11-scenarios", "house-default"],
    needs=["interventions.minutes"],
    absence_of={"shifts": "day"},
    parameters=["documented_share_of_shift", "documented_share_noted", "unit_method", *LEAST],
    exposes="lines",
    message={
        "over": "{provider} recorded {documented_minutes} one-on-one minutes on {service_date}; {worked_minutes} were "
        "{worked_by}",
        "day": "{provider} recorded {documented_minutes} one-on-one minutes on {service_date}, more than a day has",
        "near": "{provider} recorded {documented_minutes} one-on-one minutes on {service_date}; {worked_minutes} were "
        "{worked_by}, which leaves little for anything else",
    },
    fix=dict.fromkeys(
        ("over", "day", "near"),
        "Hold the notes of {provider}, {service_date}, against schedule and clock: {documented_minutes} minutes are recorded, "
        "{worked_minutes} were worked. Correct what is wrong, and bill what was given one-on-one.",
    ),
    scope="therapist_day",
)
def more_minutes_than_hours(
    therapist_days: nw.LazyFrame, interventions: nw.LazyFrame, claim_lines: nw.LazyFrame, shifts: nw.LazyFrame
) -> nw.LazyFrame:
    """The notes of a day hold more one-on-one minutes than the person was at work.

    ## What it checks
    Each person's day: the one-on-one minutes of all patients, evaluations too, against the hours that were clocked, or
    scheduled where none were clocked.

    ## Why it matters
    One-on-one minutes of two patients cannot be the same minutes. What goes beyond the hours worked was not given
    one-on-one, or not given.

    ## How we read the rule
    - One-on-one minutes are those of timed codes and evaluations; not of groups, concurrent patients, and other
      untimed services, which may run side by side.
    - Minutes of an aide, a student or an assistant are not the therapist's. An assistant has a day of their own.
    - Minutes count as recorded, else as the service's own start and end say.
    - More minutes than worked are a repayment risk. At risk are the units that the minutes worked do not support beside the
      day's evaluations and groups, counted as in CON-02; a minute too many that costs no unit bears no dollars. Which units
      are too many cannot be said: each line bears its share.
    - Close to all of the hours is worth knowing: nobody is with patients all day.
    - More than 24 hours need no shift to be wrong.
    - Clocked shifts of all clinics are added; schedules count only where nothing is clocked. Otherwise a day without
      either cannot be told.

    ## What it does not check
    Which patients were treated at the same time (CON-01). Notes written after hours.
    """
    evaluations = [*codes("evaluation"), *codes("reevaluation")]
    sessions = billed(one_on_one(interventions, also=evaluations), claim_lines, [])
    sessions = kept(sessions.select("service_date", "own", "claim_id", "line", therapist_id="person_id"))
    documented = (
        sessions.with_columns(
            told=nw.coalesce(nw.col("own"), nw.lit(0)), unmeasured=flag(nw.col("own").is_null())
        )
        .group_by(*DAY)
        .agg(documented_minutes=nw.col("told").sum(), unmeasured=nw.col("unmeasured").max())
    )
    days = billed_days(lines_by_person(claim_lines, interventions), therapist_days)
    days = days.join(documented, on=DAY, how="left").join(worked(shifts), on=DAY, how="left")
    days = days.join(of_unknown_role(interventions, DAY), on=DAY, how="left")
    days = days.filter(~nw.col("documented_minutes").is_null() | yes("unroled"))
    minutes, hours = nw.col("documented_minutes"), nw.col("worked_minutes")
    known = ~yes("unended")
    over = known & nw.coalesce(minutes > hours * nw.col("documented_share_of_shift"), nw.lit(False))
    near = known & nw.coalesce(minutes > hours * nw.col("documented_share_noted"), nw.lit(False))
    case = nw.when(near & ~yes("unmeasured")).then(nw.lit("near")).otherwise(nw.lit(None, dtype=nw.String))
    case = nw.when(minutes > MINUTES_OF_A_DAY).then(nw.lit("day")).otherwise(case)
    days = days.with_columns(case=nw.when(over).then(nw.lit("over")).otherwise(case))
    open_question = nw.col("case").is_null()
    judged = kept(
        judge(
            days,
            cannot_tell={
                "therapists.role": open_question & yes("unroled"),
                "shifts.starts_at": open_question & hours.is_null(),
                "shifts.ends_at": open_question & yes("unended"),
                "interventions.minutes": open_question & yes("unmeasured"),
            },
            fails=~open_question,
        )
    )
    limit = nw.when(nw.col("case") == "day").then(nw.lit(MINUTES_OF_A_DAY)).otherwise(hours)
    failed = judged.filter(nw.col("outcome") == "failed")
    severity = nw.when(nw.col("case") == "near").then(nw.lit("info")).otherwise(nw.lit("medium"))
    return (
        judged.with_columns(day=iso_day(), severity=severity, exposed_share=_share_beyond(limit))
        .join(listed(sessions.filter(~nw.col("claim_id").is_null()), failed), on=["therapist_id", "day"], how="left")
        .select(
            *DAY, "outcome", "missing", "case", "severity", "discipline", "clinic_id", "provider", "documented_minutes",
            "worked_minutes", "worked_by", "exposed_lines", "exposed_share", "documented_share_of_shift__id",
            "documented_share_noted__id", fault="case",
        )
    )  # fmt: skip


def _share_beyond(limit: nw.Expr) -> nw.Expr:
    """The share of the day's units that `limit` minutes do not support; 0 where they support all."""
    beyond = nw.coalesce(nw.col("least_minutes") - limit, nw.lit(0)).cast(nw.Int64)
    units, unit = nw.col("units"), nw.col("timed_unit_minutes")
    fall = least((beyond + unit - 1) // unit, units)
    billed_units = units + nw.col("evaluations")
    return nw.when((beyond > 0) & (billed_units > 0)).then(fall / billed_units).otherwise(nw.lit(0.0))
