"""UNIT-02: fewer timed units were billed than the documented minutes support."""

import narwhals as nw

from compliance.checks import incomplete_lines
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled
from compliance.checks.units.allocation import MIDPOINT, POOLED, supported
from compliance.checks.units.days import DAY, skilled_minutes
from compliance.checks.units.lines import judged_lines, maybe_timed, untold


@rule(
    code="UNIT-02",
    title="Fewer timed units than minutes",
    severity="info",
    subject="patient_day",
    key=["patient_id", "discipline", "service_date", "payer_id", "biller"],
    unit="billed day with a timed code",
    cites=["mcpm-5-20.2"],
    needs=["notes.note_id", "claim_lines.units", "interventions.minutes or interventions.started_at or notes.timed_minutes"],
    absence_of={"claim_lines": "day"},
    parameters=["unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="none",
    message="{timed_minutes} timed minutes on {service_date} support {units_supported} units, the claims bill {units_billed}: "
    "{unbilled} not billed",
    fix="The documented {timed_minutes} minutes support {supported_by_code}; a corrected claim is allowed until the payer's "
    "filing limit. Do not add units to reach productivity.",
)  # fmt: skip
def fewer_units_than_minutes(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """Units that the documented minutes support were not billed.

    ## What it checks
    Each billed day of a patient and discipline with a timed code: the units of its timed minutes against those
    billed.

    ## Why it matters
    It is money left on the table, and no fault that a payer would find.

    ## How we read the rule
    - Minutes become units as in UNIT-01, by the payer's way of counting. Where that is not known, only units that
      both ways support count.
    - Minutes of an aide, or of a student whom no therapist directed, support nothing.
    - Where the note's own total of timed minutes supports fewer units than its codes, the lower of the two counts.
    - A line of the patient, discipline and payer may hold the units where it has no code on that day, or no day and a timed
      code or none: it cannot be told.
    - The dollars missed are stated at the price of the code's billed units; a code that was not billed that day
      has no price, and none are stated.

    ## What it does not check
    Visits without a claim, and codes of a day without any timed line (the rules on record and claim do). Units
    that a payer's limit, or a choice of the clinic, left out.
    """
    lines = judged_lines(claim_lines, notes, interventions, skilled_minutes()).with_columns(
        rank=nw.concat_str([nw.col("claim_id"), nw.lit("/"), nw.col("line").cast(nw.String)]),
    )
    first = lines.group_by(*DAY).agg(nw.col("rank").min())
    days = lines.join(first, on=[*DAY, "rank"])
    way, by_code = nw.col("unit_method"), nw.col("by_code") > 0
    cms = nw.when(by_code).then(nw.col("pooled_total")).otherwise(supported(nw.col("timed_minutes")))
    own_total = supported(nw.col("note_minutes"))
    midpoint = nw.coalesce(way == MIDPOINT, nw.lit(False))
    days = days.with_columns(cms=nw.when(own_total < cms).then(own_total).otherwise(cms))
    fewer = (
        nw.when(nw.col("midpoint_total") < nw.col("cms"))
        .then(nw.col("midpoint_total"))
        .otherwise(nw.col("cms"))
    )
    days = days.with_columns(fewer=fewer, by_midpoint=midpoint | (
        ~nw.coalesce(way == POOLED, nw.lit(False)) & (nw.col("midpoint_total") < nw.col("cms"))))  # fmt: skip
    units = nw.when(way == POOLED).then(nw.col("cms")).otherwise(
        nw.when(midpoint).then(nw.col("midpoint_total")).otherwise(nw.col("fewer")))  # fmt: skip
    chosen = nw.coalesce(nw.col("by_midpoint"), nw.lit(False))
    days = days.with_columns(
        units_supported=units,
        supported_by_code=nw.when(chosen)
        .then(nw.col("midpoint_by_code"))
        .otherwise(nw.col("pooled_by_code")),
        missed_dollars=nw.when(chosen).then(nw.col("midpoint_missed")).otherwise(nw.col("pooled_missed")),
    )
    known_way = nw.coalesce(way.is_in([POOLED, MIDPOINT]), nw.lit(False))
    both = {name: nw.when(~known_way).then(nw.col(name)) for name in ("pooled_by_code", "midpoint_by_code")}
    unbilled = nw.col("units_supported") - nw.col("units_billed")
    fewer_billed = nw.col("unbilled") > 0
    asked = days.select(*DAY, "patient_id", "discipline", "service_date", "payer_id")
    maybe = maybe_timed(asked, claim_lines, notes)
    return judge(
        days.with_columns(unbilled=unbilled, **both).join(maybe, on=list(DAY), how="left"),
        applies=ruled("unit_method"),
        cannot_tell={**untold(), **incomplete_lines.untold(fewer_billed)},
        fails=fewer_billed,
    ).select(
        "patient_id", "discipline", "service_date", "payer_id", "biller", "claim_id", "line", "outcome", "missing",
        "timed_minutes", "units_billed", "units_supported", "unbilled", "minutes_by_code", "billed_by_code",
        "supported_by_code", "pooled_by_code", "midpoint_by_code", "missed_dollars",
        "unit_method", "unit_method__id", "timed_unit_minutes__id", "first_unit_minutes__id",
    )  # fmt: skip
