"""CON-04: a group billed one-on-one: so recorded, or several patients with the same start and end under one person."""

import narwhals as nw

from compliance.checks.one_on_one.days import DAY, iso_day, listed
from compliance.checks.one_on_one.sessions import SHARED_MODES, billed, clock, of_unknown_role, one_on_one
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, kept, yes
from compliance.checks.units.allocation import CLOCK, supported

STRETCH = [*DAY, "begins", "ends"]
OF_CODE = ["note_id", "cpt"]
CASES = ("both", "recorded", "pattern")


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
    message={
        "both": "{provider} had {patients} patients from {first} to {last} on {service_date}, each billed one-on-one, and "
        "{grouped_patients} whose notes say group or concurrent; what they share is a group, or {shared_units} units in all",
        "recorded": "The notes of {service_date} say that {provider} treated {grouped_patients} patients in a group or "
        "concurrently; each is billed one-on-one",
        "pattern": "{provider} had {patients} patients from {first} to {last} on {service_date}, each billed one-on-one; what "
        "they share is a group, or {shared_units} units in all",
    },
    fix={
        **dict.fromkeys(
            CASES,
            "If the patients were treated together, bill each one group unit (97150); else give each its own minutes.",
        ),
        "recorded": "Bill each patient of the group one unit of 97150. Only where a note's mode is wrong, correct the note.",
    },
    scope="therapist_day",
)
def group_billed_one_on_one(
    therapist_days: nw.LazyFrame, interventions: nw.LazyFrame, claim_lines: nw.LazyFrame
) -> nw.LazyFrame:
    """Patients who were treated together were each billed as if alone with the therapist.

    ## What it checks
    Each person's day for services that the notes record as given to a group or concurrently and that are billed with a
    timed code, and for patients with the same start and end, all billed one-on-one, whose minutes together are more than
    those between start and end.

    ## Why it matters
    Timed codes are one-on-one; two or more patients at the same time are a group. Auditors look for identical times under
    one person. How much is owed is for a person to decide, so that the finding bears no dollars; CON-01 prices the overlap.

    ## How we read the rule
    - What was billed is the line's code: a timed code whose service was given to a group or concurrently is a group billed
      one-on-one, for one patient as for several, with or without times. A group of one is none.
    - Where the note records the code one-on-one as well, the line bills that part as far as its quarter hours, begun ones
      too, bear the units. Without the minutes of that part, or the units, it cannot be told.
    - The pattern is start and end alike to the minute, of the service, or of the visit where the service has none.
    - Patients in turns, whose minutes fit between start and end, are one-on-one.
    - What is billed as a group, or by nobody, is no fault, whatever the note records.
    - Services without times cannot be told, where the person had other patients that day. The day of a service whose note
      has none is that of its start, else of its line.

    ## What it does not check
    Times that overlap and are not the same (CON-01).
    """
    sessions = kept(_sessions(therapist_days, interventions, claim_lines))
    stretches = _stretches(sessions)
    days = _days(sessions, therapist_days, interventions)
    together = stretches.join(days.select(*DAY, "group_pattern_patients"), on=DAY, how="inner").filter(
        (nw.col("patients") >= nw.col("group_pattern_patients")) & (nw.col("recorded") > nw.col("lasts"))
    )
    in_pattern, recorded = ~nw.col("patients").is_null(), nw.col("grouped_patients") > 0
    found = in_pattern | nw.coalesce(recorded, nw.lit(False))
    case = first(("both", in_pattern & recorded), ("recorded", recorded), ("pattern", in_pattern))
    judged = kept(
        judge(
            days.join(_largest(together), on=DAY, how="left").with_columns(
                shared_units=supported(nw.col("shared_minutes")), case=case
            ),
            cannot_tell={
                "interventions.minutes": ~found & yes("unmeasured"),
                "claim_lines.units": ~found & yes("uncounted"),
                "interventions.started_at": ~found & yes("unclocked") & (nw.col("patients_of_day") > 1),
                "therapists.role": ~found & yes("unroled"),
            },
            fails=found,
        )
    )
    failed = judged.filter(nw.col("outcome") == "failed")
    pattern = sessions.join(together.select(*STRETCH), on=STRETCH, how="inner")
    named = [*DAY, "claim_id", "line"]
    at_risk = nw.concat(
        [pattern.select(named), sessions.filter(nw.col("grouped") > 0).select(named)], how="vertical"
    )
    return (
        judged.with_columns(day=iso_day(), exposed_share=nw.lit(0.0))
        .join(listed(at_risk, failed), on=["therapist_id", "day"], how="left")
        .select(
            *DAY, "outcome", "missing", "case", "discipline", "clinic_id", "provider", "patients", "first", "last",
            "shared_minutes", "shared_units", "grouped_patients", "exposed_lines", "exposed_share",
            "group_pattern_patients__id",
        )
    )  # fmt: skip


def _sessions(
    therapist_days: nw.LazyFrame, interventions: nw.LazyFrame, claim_lines: nw.LazyFrame
) -> nw.LazyFrame:
    """Services billed with a timed code, `grouped` (1) where they are recorded as a group's.

    Not those of a group beside a one-on-one part of the note's code that bears the units; where that is not known they are
    `unmeasured` or `uncounted` (1), and not grouped.
    """
    lines = claim_lines.with_columns(
        code_units=nw.coalesce(nw.col("units"), nw.lit(0)).sum().over("claim_id", *OF_CODE),
        uncounted=flag(nw.col("units").is_null()).max().over("claim_id", *OF_CODE),
    )
    sessions = billed(one_on_one(interventions, together=True), lines, ["code_units", "uncounted"])
    sessions = (
        sessions.filter(~nw.col("claim_id").is_null())
        .with_columns(therapist_id=nw.col("person_id"))
        .join(therapist_days.select(*DAY, "group_pattern_patients", "timed_unit_minutes"), on=DAY, how="left")
    )
    small = nw.coalesce(nw.col("group_size") < nw.col("group_pattern_patients"), nw.lit(False))
    sessions = sessions.with_columns(shared=flag(nw.col("mode").is_in(SHARED_MODES) & ~small))
    alone = sessions.filter(nw.col("shared") == 0).with_columns(
        unmeasured=flag(nw.col("own").is_null()), part=nw.coalesce(nw.col("own"), nw.lit(0))
    )
    parts = alone.group_by(*OF_CODE).agg(
        one_on_one_minutes=nw.col("part").sum(), unmeasured=nw.col("unmeasured").max()
    )
    unit = nw.col("timed_unit_minutes")
    borne = (nw.col("one_on_one_minutes") + unit - 1) // unit >= nw.col("code_units")
    beside = ~nw.col("one_on_one_minutes").is_null() & (nw.col("shared") > 0)
    sessions = sessions.join(parts, on=OF_CODE, how="left").with_columns(
        unmeasured=flag(beside & yes("unmeasured") & ~borne),
        uncounted=flag(beside & yes("uncounted")),
        borne=flag(beside & borne),
    )
    doubtful = yes("unmeasured") | yes("uncounted")
    return sessions.filter(~yes("borne") | doubtful).select(
        *DAY, "claim_id", "line", "patient_id", "begins", "ends", "own", "unmeasured", "uncounted",
        grouped=flag((nw.col("shared") > 0) & ~doubtful),
    )  # fmt: skip


def _stretches(sessions: nw.LazyFrame) -> nw.LazyFrame:
    """Each start and end of a person's day: `patients`, their `recorded` minutes together, `lasts`.

    Not those that are a group's by the notes alone: what is recorded needs no pattern.
    """
    clocked = sessions.filter(~nw.col("begins").is_null()).with_columns(
        nw.col("begins").cast(nw.Int64), nw.col("ends").cast(nw.Int64)
    )
    by_patient = clocked.group_by(*STRETCH, "patient_id").agg(nw.col("own").sum(), nw.col("grouped").min())
    return (
        by_patient.group_by(*STRETCH)
        .agg(
            patients=nw.col("patient_id").count(),
            recorded=nw.col("own").sum(),
            all_grouped=nw.col("grouped").min(),
        )
        .filter(nw.col("all_grouped") == 0)
        .with_columns(lasts=nw.col("ends") - nw.col("begins"))
    )


def _days(sessions: nw.LazyFrame, therapist_days: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Days with billed one-on-one services: `patients_of_day`, `unclocked` where a service has no times, `unroled`.

    `grouped_patients` are those of a recorded group; `unmeasured`, `uncounted` as `_sessions` says.
    """
    by_patient = (
        sessions.with_columns(unclocked=flag(nw.col("begins").is_null()))
        .group_by(*DAY, "patient_id")
        .agg(*(nw.col(name).max() for name in ("unclocked", "grouped", "unmeasured", "uncounted")))
    )
    by_day = by_patient.group_by(*DAY).agg(
        *(nw.col(name).max() for name in ("unclocked", "unmeasured", "uncounted")),
        patients_of_day=nw.col("patient_id").count(),
        grouped_patients=nw.col("grouped").sum(),
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
