"""UNIT-01: more timed units were billed than the documented minutes support."""

import narwhals as nw

from compliance.checks import incomplete_lines
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge, ruled
from compliance.checks.units.allocation import MIDPOINT, POOLED, supported
from compliance.checks.units.days import DAY
from compliance.checks.units.lines import judged_lines, lost_of, maybe_timed, untold

KNOWN_WAYS = (POOLED, MIDPOINT)
EITHER_WAY = "; this payer's way of counting is not known, and both ways give fewer units than were billed"


@rule(
    code="UNIT-01",
    title="More timed units than minutes",
    severity="medium",
    subject="line",
    unit="billed line of a timed code",
    cites=["mcpm-5-20.2", "tricare-units", "uhc-combined-frequency"],
    needs=["notes.note_id", "claim_lines.units", "interventions.minutes or interventions.started_at or notes.timed_minutes"],
    absence_of={"interventions": "day"},
    adds_up={"claim_lines": "day"},
    parameters=["unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="line",
    message={
        "none": "The claim bills {units} units of {cpt} for {service_date}, and no minute of it is documented"
        "{either_way}",
        "total": "{timed_minutes} timed minutes on {service_date} support {units_supported} units of "
        "{units_billed} billed: {cpt} has {lost} too many (of {units}){either_way}",
        "code": "{minutes} minutes of {cpt} on {service_date} support {supported} units of {billed} billed; the other "
        "units of the day's {timed_minutes} timed minutes belong to other codes{either_way}",
        "one_way": "On {service_date} the 8-minute rule supports {by_cms} and the midpoint rule {by_midpoint} of the {units} "
        "billed units of {cpt}; which of them this payer counts by is not known",
        "contradicted": "The minutes of the codes on {service_date} support {units_supported} of the {units_billed} billed "
        "units; the note's own total of {note_minutes} timed minutes supports them{either_way}",
    },
    fix={
        "none": "Bill {cpt} only with its documented minutes; {timed_minutes} timed minutes support {supported_by_code}. "
        "Correct the claim.",
        "total": "The documented {timed_minutes} timed minutes support {units_supported} units; bill {supported_by_code} and "
        "correct the claim.",
        "code": "The documented {timed_minutes} timed minutes support {supported_by_code}; bill that and correct the claim.",
        "one_way": "Ask the payer how it counts units and set `unit_method` in its policy; by the stricter way this claim "
        "needs correcting.",
        "contradicted": "Find out which minutes are right; where the codes' are, correct the claim.",
    },
)  # fmt: skip
def more_units_than_minutes(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """Billed timed units must be supported by the documented minutes, in the day's total and code by code.

    ## What it checks
    Each billed line of a 15-minute code, against the timed minutes of that patient, day, discipline and billing
    provider.

    ## Why it matters
    Units that minutes do not support are not payable. Units that do not match the minutes are one of the most
    common errors that Medicare's auditors find.

    ## How we read the rule
    - The 8-minute rule: all timed minutes of the day together set the number of units. Each code has its full
      quarter hours; the units that remain go to the codes with the most minutes left over. Where minutes left
      over tie, every choice is right.
    - The midpoint rule: each code counts by itself, from 8 minutes.
    - The payer's policy says which way counts. Where that is not known both are counted: a unit that neither
      supports is a finding, whose sentence says so; a unit that one of them supports is only worth knowing.
    - Minutes documented under a code that was not billed count in the day's total.
    - Visits of the same day and discipline pool, also a therapist's and an assistant's. PT and OT, other
      payers and other billing providers never do. A claim without a billing NPI is of the one that the clinic's other
      claims name, where they name one only.
    - A code of which no minute is documented falls away whole, where the visit's other codes have minutes.
    - The unit that falls away is put on the code with more units than any allowed choice gives it. Of several
      that would do, it is the lowest priced; of a code's several lines, the lowest priced and then the last.
    - Where the day's total supports the billed units, but one of them belongs to another code, the difference
      between the two codes' prices is at risk.
    - A code's minutes are those recorded, else those from its start to its end. Where those of one code are not
      known, they are what the note's own total of timed minutes leaves beside the other codes. Where those of several
      are not, or less is left than is recorded, that total counts, in the day's total alone.
    - Where the note's own total is higher than the sum of its codes and supports the billed units, the record
      contradicts itself: worth knowing, no fault (UNIT-03 asks for the right minutes).
    - 97130 continues 97129, and 90913 continues 90912: their minutes and units count together.
    - Beside a line of the patient and discipline that lacks its day, or its code on that day, the day's units are not known:
      what is billed too much already is a finding, all else cannot be told.
    - Codes of another clock (an hour, half an hour, a month) are never counted by 15 minutes. On a day that bills
      an unlisted code, 97039 or 97139, the count cannot be told: payers differ in whether it is timed.

    ## What it does not check
    Minutes that are missing altogether (UNIT-03), overlap (UNIT-04) or were an aide's (SUP-04); units that
    were not billed (UNIT-02); daily limits (UNIT-06).
    """
    lines = judged_lines(claim_lines, notes, interventions)
    whole = supported(nw.col("timed_minutes"))
    by_code = nw.col("by_code") > 0
    over = nw.col("units_billed") - whole
    over = nw.when(over > 0).then(over).otherwise(over * 0)
    lines = lost_of(lines, "lost_in_total", over, DAY)
    lines = lost_of(lines, "lost_pooled", nw.col("billed") - nw.col("pooled"), (*DAY, "code"))
    lines = lost_of(lines, "lost_midpoint", nw.col("billed") - nw.col("midpoint"), (*DAY, "code"))
    lines = lines.with_columns(
        cms=nw.when(by_code).then(nw.col("lost_pooled")).otherwise(nw.col("lost_in_total")),
        own=nw.when(by_code).then(nw.col("lost_midpoint")).otherwise(nw.lit(0)),
        whole=nw.when(by_code).then(nw.coalesce(nw.col("pooled_total"), whole)).otherwise(whole),
    )
    asked = lines.select(*DAY, "patient_id", "discipline", "service_date", "payer_id").unique()
    return _judged(lines.join(maybe_timed(asked, claim_lines, notes), on=list(DAY), how="left"))


def _judged(lines: nw.LazyFrame) -> nw.LazyFrame:
    way = nw.col("unit_method")
    least = nw.when(nw.col("cms") < nw.col("own")).then(nw.col("cms")).otherwise(nw.col("own"))
    most = nw.when(nw.col("cms") < nw.col("own")).then(nw.col("own")).otherwise(nw.col("cms"))
    lost = nw.when(way == POOLED).then(nw.col("cms")).otherwise(
        nw.when(way == MIDPOINT).then(nw.col("own")).otherwise(least)
    )  # fmt: skip
    open_way = ~way.is_null() & ~nw.coalesce(way.is_in(list(KNOWN_WAYS)), nw.lit(False))
    by_midpoint = (way == MIDPOINT) | (open_way & (nw.col("midpoint_total") > nw.col("whole")))
    by_midpoint = nw.coalesce(by_midpoint, nw.lit(False))
    lines = lines.with_columns(
        lost=lost,
        units_supported=nw.when(by_midpoint).then(nw.col("midpoint_total")).otherwise(nw.col("whole")),
        supported=nw.when(by_midpoint).then(nw.col("midpoint")).otherwise(nw.col("pooled")),
        supported_by_code=nw.when(by_midpoint)
        .then(nw.col("midpoint_by_code"))
        .otherwise(nw.col("pooled_by_code")),
        by_cms=nw.col("units") - nw.col("cms"),
        by_midpoint=nw.col("units") - nw.col("own"),
        one_way=flag(open_way & (least == 0) & (most > 0)),
        either_way=nw.when(open_way & (least > 0)).then(nw.lit(EITHER_WAY)).otherwise(nw.lit("")),
        pooled_by_code=nw.when(open_way).then(nw.col("pooled_by_code")),
        midpoint_by_code=nw.when(open_way).then(nw.col("midpoint_by_code")),
        contradicted=flag(
            (nw.col("note_minutes") > nw.col("timed_minutes"))
            & (nw.col("units_billed") <= supported(nw.col("note_minutes")))
        ),
    )
    fault = nw.lit("code")
    for name, holds in (
        ("total", nw.col("units_billed") > nw.col("units_supported")),
        ("none", (nw.col("by_code") > 0) & (nw.col("minutes") == 0)),
        ("one_way", nw.col("one_way") > 0),
        ("contradicted", nw.col("contradicted") > 0),
    ):
        fault = nw.when(nw.coalesce(holds, nw.lit(False))).then(nw.lit(name)).otherwise(fault)
    lines = lines.with_columns(case=fault)
    swapped = (nw.col("case") == "code") & (nw.col("units_billed") == nw.col("whole")) & (way == POOLED)
    fails = (nw.col("lost") > 0) | (nw.col("one_way") > 0)
    return judge(
        lines,
        applies=ruled("unit_method"),
        cannot_tell={**untold(), **incomplete_lines.untold(~nw.coalesce(fails, nw.lit(False)))},
        fails=fails,
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "units", "billed", "lost", "supported",
        "minutes", "timed_minutes", "note_minutes", "units_billed", "units_supported", "minutes_by_code", "billed_by_code",
        "supported_by_code", "by_cms", "by_midpoint", "pooled_by_code", "midpoint_by_code", "either_way",
        "unit_method", "unit_method__id", "timed_unit_minutes__id", "first_unit_minutes__id",
        severity=nw.when(nw.col("case").is_in(["one_way", "contradicted"])).then(nw.lit("info")).otherwise(nw.lit("medium")),
        fault=nw.col("case"), exposed_units=nw.col("lost"), exposed_as=nw.when(swapped).then(nw.col("pooled_instead")),
    )  # fmt: skip
