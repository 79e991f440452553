"""SUP-04: an aide's minutes are among the minutes that were billed."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import services
from compliance.checks.terms import codes, first, judge, ruled
from compliance.checks.units.allocation import MIDPOINT, POOLED, supported

CONTEXT = ["service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "aide_billable",
           "aide_billable__id", "unit_method", "unit_method__id", "timed_unit_minutes", "first_unit_minutes",
           "policy_missing"]  # fmt: skip
DAY = ["patient_id", "discipline", "service_date", "payer_id"]


@rule(
    code="SUP-04",
    title="Aide's time counted",
    severity="medium",
    subject="line",
    key=["claim_id", "line", "note_id", "cpt"],
    unit="code to which an aide gave minutes",
    cites=["mbpm-15-230-b", "tricare-85-fr-15061"],
    needs=["notes.note_id"],
    parameters=["aide_billable", "unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="line",
    message={
        "alone": "An aide gave all of {cpt} on {service_date}; an aide's time is no skilled treatment",
        "units": "Of the {minutes} minutes of {cpt} on {service_date} an aide gave {aide}; without them {lost} of {units} "
        "billed units fall away",
        "minutes": "Of the {minutes} minutes of {cpt} on {service_date} an aide gave {aide}; the billed units stand without "
        "them",
    },
    fix=dict.fromkeys(
        ("alone", "units", "minutes"),
        "Remove the aide's minutes; bill only therapist-directed one-on-one minutes.",
    ),
)
def aide_time_counted(
    interventions: nw.LazyFrame, notes: nw.LazyFrame, claim_lines: nw.LazyFrame
) -> nw.LazyFrame:
    """Aides prepare and assist; their time is never skilled treatment and makes no unit.

    ## What it checks
    Each code to which an aide gave minutes, as its deliverer or as `aide_minutes` of somebody else's.

    ## Why it matters
    Units that rest on an aide's minutes are not payable; a service that only an aide gave must not be billed.

    ## How we read the rule
    - Where only an aide gave the code, the whole line falls away.
    - Else the aide's minutes are taken out and the day's timed units counted again: the minutes of a patient,
      discipline and day together (the 8-minute rule), lost units from the lines with an aide's minutes.
    - A payer with the midpoint rule counts each code by itself. Where the payer's way is not known, the
      counting that takes fewer units away stands, and the evidence says so.
    - Where no billed unit falls away, it is a weakness of documentation.

    ## What it does not check
    Whether the billed units were supported before the aide's minutes were removed (UNIT-01).
    """
    given = services(interventions, notes, claim_lines, CONTEXT)
    timed = given.filter(nw.coalesce(nw.col("cpt").is_in(codes("timed")), nw.lit(False)))
    units = _lost_by_line(given.filter(nw.col("by_aide") > 0), timed)
    alone = (nw.col("by_therapist") == 0) & (nw.col("by_assistant") == 0) & (nw.col("by_student") == 0)
    alone = (alone & (nw.col("by_unknown") == 0)) | (
        (nw.col("aide") >= nw.col("minutes")) & (nw.col("minutes") > 0)
    )
    case = first(("alone", alone), ("units", nw.col("lost") > 0), ("minutes", nw.lit(True)))
    units = units.with_columns(case=case, is_timed=nw.col("cpt").is_in(codes("timed")))
    severity = first(
        ("high", nw.col("case") == "alone"), ("medium", nw.col("case") == "units"), ("low", nw.lit(True))
    )
    partly = nw.col("case") != "alone"
    return judge(
        units,
        applies=ruled("aide_billable"),
        cannot_tell={
            "interventions.minutes": partly & nw.col("is_timed") & (nw.col("unmeasured") > 0),
            "claim_lines.units": partly & ~nw.col("claim_id").is_null() & nw.col("units").is_null(),
        },
        fails=~nw.col("aide_billable"),
    ).select(
        "claim_id", "line", "note_id", "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline",
        "clinic_id", "payer_id", "therapist_id", "minutes", "aide", "units", "lost", "counted", "aide_billable__id",
        "unit_method__id", severity=severity, fault=nw.col("case"),
        exposed_units=nw.when(partly).then(nw.col("lost")).otherwise(nw.col("units")),
    )  # fmt: skip


def _lost_by_line(aided: nw.LazyFrame, timed: nw.LazyFrame) -> nw.LazyFrame:
    """Add `lost`, the billed units that fall away without the aide's minutes, and `counted`, by which way."""
    timed = timed.with_columns(units=nw.coalesce(nw.col("units"), nw.lit(0)))
    per_code = timed.group_by(*DAY, "note_id", "cpt").agg(
        nw.col("minutes").max(),
        nw.col("aide").max(),
        nw.col("units").sum(),
    )
    day = per_code.group_by(DAY).agg(
        day_minutes=nw.col("minutes").sum(), day_aide=nw.col("aide").sum(), day_units=nw.col("units").sum()
    )
    pooled = _fewer("day_units", supported(nw.col("day_minutes"))) - _fewer(
        "day_units", supported(nw.col("day_minutes") - nw.col("day_aide"))
    )
    own = _fewer("units", supported(nw.col("minutes"))) - _fewer(
        "units", supported(nw.col("minutes") - nw.col("aide"))
    )
    order = nw.concat_str([nw.coalesce(nw.col("claim_id"), nw.lit("")), nw.coalesce(nw.col("line"), nw.lit(0)).cast(nw.String),
                           nw.col("note_id"), nw.col("cpt")], separator="|")  # fmt: skip
    rows = aided.join(day, on=DAY, how="left").with_columns(
        pooled=pooled, order=order, mine=own, billable=nw.coalesce(nw.col("units"), nw.lit(0))
    )
    rows = rows.with_columns(
        before=nw.col("billable").cum_sum().over(*DAY, order_by="order") - nw.col("billable")
    )
    share = _between(nw.coalesce(nw.col("pooled"), nw.lit(0)) - nw.col("before"), nw.col("billable"))
    rows = rows.with_columns(share=share, mine=nw.coalesce(nw.col("mine"), nw.lit(0)))
    fewer = nw.when(nw.col("mine") < nw.col("share")).then(nw.col("mine")).otherwise(nw.col("share"))
    way = nw.col("unit_method")
    lost = nw.when(way == POOLED).then(nw.col("share")).otherwise(
        nw.when(way == MIDPOINT).then(nw.col("mine")).otherwise(fewer)
    )  # fmt: skip
    is_timed = nw.coalesce(nw.col("cpt").is_in(codes("timed")), nw.lit(False))
    return rows.with_columns(
        lost=nw.when(is_timed).then(lost).otherwise(nw.lit(0)).cast(nw.Int64),
        counted=nw.when(nw.coalesce(way.is_in([POOLED, MIDPOINT]), nw.lit(False)))
        .then(way)
        .otherwise(nw.lit("payer's way not known: the one that takes fewer units away")),
    )


def _fewer(billed: str, units: nw.Expr) -> nw.Expr:
    return nw.when(nw.col(billed) < units).then(nw.col(billed)).otherwise(units)


def _between(value: nw.Expr, most: nw.Expr) -> nw.Expr:
    """A number of units, no less than none and no more than the line's."""
    value = nw.when(value > most).then(most).otherwise(value)
    return nw.when(value > 0).then(value).otherwise(nw.lit(0))
