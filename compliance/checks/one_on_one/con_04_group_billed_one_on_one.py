"""CON-04: several patients with the same start and end under one person, each billed one-on-one."""

import narwhals as nw

from compliance.checks.one_on_one.days import DAY, iso_day, listed
from compliance.checks.one_on_one.sessions import billed, clock, of_unknown_role, one_on_one
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge, kept, yes
from compliance.checks.units.allocation import CLOCK, supported

STRETCH = [*DAY, "begins", "ends"]


@rule(
    code="CON-04",
    title="Group billed one-on-one",
    severity="medium",
    subject="therapist_day",
    unit="person and day with billed one-on-one services",
    cites=["cms-11-scenarios", "house-default"],
    needs=["interventions.started_at", "interventions.ended_at", "claim_lines.cpt"],
    parameters=["group_pattern_patients", *CLOCK],
    exposes="lines",
    message="{provider} had {patients} patients from {first} to {last} on {service_date}, each billed one-on-one; what they "
    "share is a group, or {shared_units} units in all",
    fix="If the patients were treated together, bill each one group unit (97150); else give each its own minutes.",
    scope="therapist_day",
)
def group_billed_one_on_one(
    therapist_days: nw.LazyFrame, interventions: nw.LazyFrame, claim_lines: nw.LazyFrame
) -> nw.LazyFrame:
    """Patients who came and went together were each billed as if alone with the therapist.

    ## What it checks
    Each person's day for patients with the same start and end, all billed one-on-one, whose minutes together are more
    than those between start and end.

    ## Why it matters
    Two or more patients at the same time are a group. Auditors look for identical times under one person. How much is
    owed is for a person to decide, so that the finding bears no dollars; CON-01 prices the overlap.

    ## How we read the rule
    - The pattern is start and end alike to the minute, of the service, or of the visit where the service has none.
    - Patients in turns, whose minutes fit between start and end, are one-on-one.
    - What is billed as a group, or by nobody, is no part of the pattern.
    - Services without times cannot be told, where the person had other patients that day. The day of a service whose note
      has none is that of its start, else of its line.

    ## What it does not check
    Times that overlap and are not the same (CON-01).
    """
    sessions = billed(one_on_one(interventions), claim_lines, [])
    sessions = kept(
        sessions.filter(~nw.col("claim_id").is_null()).select(
            "claim_id",
            "line",
            "service_date",
            "patient_id",
            "begins",
            "ends",
            "own",
            therapist_id="person_id",
        )
    )
    stretches = _stretches(sessions)
    days = _days(sessions, therapist_days, interventions)
    together = stretches.join(days.select(*DAY, "group_pattern_patients"), on=DAY, how="inner").filter(
        (nw.col("patients") >= nw.col("group_pattern_patients")) & (nw.col("recorded") > nw.col("lasts"))
    )
    judged = kept(
        judge(
            days.join(_largest(together), on=DAY, how="left").with_columns(
                shared_units=supported(nw.col("shared_minutes"))
            ),
            cannot_tell={
                "interventions.started_at": nw.col("patients").is_null()
                & yes("unclocked")
                & (nw.col("patients_of_day") > 1),
                "therapists.role": nw.col("patients").is_null() & yes("unroled"),
            },
            fails=~nw.col("patients").is_null(),
        )
    )
    failed = judged.filter(nw.col("outcome") == "failed")
    at_risk = sessions.join(together.select(*STRETCH), on=STRETCH, how="inner")
    return (
        judged.with_columns(day=iso_day(), exposed_share=nw.lit(0.0))
        .join(listed(at_risk, failed), on=["therapist_id", "day"], how="left")
        .select(
            *DAY, "outcome", "missing", "discipline", "clinic_id", "provider", "patients", "first", "last",
            "shared_minutes", "shared_units", "exposed_lines", "exposed_share", "group_pattern_patients__id",
        )
    )  # fmt: skip


def _stretches(sessions: nw.LazyFrame) -> nw.LazyFrame:
    """Each start and end of a person's day: `patients`, their `recorded` minutes together, `lasts`."""
    clocked = sessions.filter(~nw.col("begins").is_null()).with_columns(
        nw.col("begins").cast(nw.Int64), nw.col("ends").cast(nw.Int64)
    )
    by_patient = clocked.group_by(*STRETCH, "patient_id").agg(nw.col("own").sum())
    return (
        by_patient.group_by(*STRETCH)
        .agg(patients=nw.col("patient_id").count(), recorded=nw.col("own").sum())
        .with_columns(lasts=nw.col("ends") - nw.col("begins"))
    )


def _days(sessions: nw.LazyFrame, therapist_days: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Days with billed one-on-one services: `patients_of_day`, `unclocked` where a service has no times, `unroled`."""
    by_patient = (
        sessions.with_columns(unclocked=flag(nw.col("begins").is_null()))
        .group_by(*DAY, "patient_id")
        .agg(nw.col("unclocked").max())
    )
    by_day = by_patient.group_by(*DAY).agg(
        patients_of_day=nw.col("patient_id").count(), unclocked=nw.col("unclocked").max()
    )
    days = therapist_days.join(by_day, on=DAY, how="left")
    days = days.join(of_unknown_role(interventions, DAY), on=DAY, how="left")
    return days.filter(~nw.col("patients_of_day").is_null() | yes("unroled"))


def _largest(together: nw.LazyFrame) -> nw.LazyFrame:
    """Of each day the stretch with the most patients, the first of several."""
    most = together.group_by(*DAY).agg(most=nw.col("patients").max())
    largest = together.join(most, on=DAY, how="inner").filter(nw.col("patients") == nw.col("most"))
    earliest = largest.group_by(*DAY).agg(begins=nw.col("begins").min())
    last = largest.group_by(*DAY, "begins").agg(nw.col("ends").max(), nw.col("patients").max())
    chosen = last.join(earliest, on=[*DAY, "begins"], how="inner")
    shared = nw.col("ends") - nw.col("begins")
    return chosen.with_columns(first=clock("begins"), last=clock("ends")).select(
        *DAY, "patients", "first", "last", shared_minutes=shared
    )
