"""SUP-04: an aide's minutes are among the minutes that were billed."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import services
from compliance.checks.supervision.taken_out import with_lost
from compliance.checks.terms import first, is_timed, judge, ruled

CONTEXT = ["service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "aide_billable",
           "aide_billable__id", "unit_method", "unit_method__id", "timed_unit_minutes", "first_unit_minutes",
           "policy_missing"]  # fmt: skip


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
    timed = given.filter(is_timed())
    units = with_lost(given.filter(nw.col("by_aide") > 0), timed, "aide")
    alone = (nw.col("by_therapist") == 0) & (nw.col("by_assistant") == 0) & (nw.col("by_student") == 0)
    alone = (alone & (nw.col("by_unknown") == 0)) | (
        (nw.col("aide") >= nw.col("minutes")) & (nw.col("minutes") > 0)
    )
    case = first(("alone", alone), ("units", nw.col("lost") > 0), ("minutes", nw.lit(True)))
    units = units.with_columns(case=case, is_timed=is_timed())
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
