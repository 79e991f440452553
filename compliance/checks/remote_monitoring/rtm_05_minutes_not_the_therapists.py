"""RTM-05: management minutes of aides, and of assistants without CQ or CO or without supervision."""

import narwhals as nw

from compliance.checks.one_on_one.sessions import within
from compliance.checks.remote_monitoring.events import LINE, month_minutes, of_set, supported_units
from compliance.checks.rule import rule
from compliance.checks.terms import first, has_code, judge, ruled, yes

ASSISTANT_MODIFIERS = ("CQ", "CO")


@rule(
    code="RTM-05",
    title="Management minutes of others",
    severity="medium",
    subject="line",
    unit="line of monitoring management",
    cites=["mbpm-15-230-b", "rtm-modifiers", "cms-remote-monitoring"],
    needs=["rtm.therapist_id", "rtm.minutes", "rtm.date", "rtm.kind"],
    parameters=["monitoring_aide_billable", "monitoring_assistant_share", "monitoring_minutes", "monitoring_short_minutes",
                "assistant_payment_factor"],
    exposes="line",
    message={
        "units": "Of {month_minutes} management minutes in the month of {service_date} an aide gave {aide_minutes}; without "
        "them {lost} of {units} units of {cpt} fall away",
        "minutes": "Of {month_minutes} management minutes in the month of {service_date} an aide gave {aide_minutes}; the "
        "billed units stand without them",
        "modifier": "An assistant gave {assistant_minutes} of {month_minutes} management minutes in the month of {service_date}; "
        "{cpt} bears neither CQ nor CO",
        "supervision": "An assistant gave {assistant_minutes} management minutes in the month of {service_date} without "
        "supervision",
    },
    fix={
        "units": "Remove the aide's minutes; bill what the therapist's and the assistant's support.",
        "minutes": "Remove the aide's minutes from the month's total.",
        "modifier": "Add CQ (with GP) or CO (with GO) to {cpt}.",
        "supervision": "Do not bill an assistant's minutes that nobody supervised.",
    },
)  # fmt: skip
def minutes_not_the_therapists(
    claim_lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Therapists may not bill what their staff did; an assistant's minutes count, marked and supervised.

    ## What it checks
    Each line of 98979, 98980 and 98981: who gave the management minutes of the patient's month.

    ## Why it matters
    A therapist has no benefit for services of others. Units that rest on an aide's minutes are to be repaid, and an
    assistant's are paid at a lower rate.

    ## How we read the rule
    - The minutes of aides leave the month's total. Units that fall away with them are a repayment risk; where 98979 still
      fits, 98980 should have been 98979. Where none falls away it is a weakness of documentation.
    - An assistant's minutes count. Above the share of the policy the line bears CQ or CO.
    - Missing CQ or CO risks the part of the payment that is reduced, of the payer's share of 80 %.
    - General supervision is enough; minutes marked as unsupervised are not. Where supervision is not documented it
      cannot be told.
    - Minutes of people who are not known cannot be told.

    ## What it does not check
    Whether the billed units were supported before the aide's minutes left (RTM-02).
    """
    lines = claim_lines.filter(of_set("monitoring_management"))
    units = lines.join(month_minutes(lines, rtm, therapists), on=LINE, how="inner")
    counted = nw.col("month_minutes") - nw.col("aide_minutes")
    before, after = (
        within(supported_units(minutes), nw.coalesce(nw.col("units"), nw.lit(0)))
        for minutes in (nw.col("month_minutes"), counted)
    )
    units = units.with_columns(
        lost=before - after,
        aided=~nw.coalesce(nw.col("monitoring_aide_billable"), nw.lit(True)) & (nw.col("aide_minutes") > 0),
    )
    alone = nw.col("assistant_minutes") > counted * nw.col("monitoring_assistant_share")
    case = first(
        ("units", nw.col("aided") & (nw.col("lost") > 0)),
        ("supervision", yes("unsupervised")),
        ("modifier", alone & ~has_code("modifiers", ASSISTANT_MODIFIERS)),
        ("minutes", nw.col("aided")),
    )
    units = units.with_columns(case=case)
    open_question = nw.col("case").is_null()
    low = nw.when(nw.col("case") == "minutes").then(nw.lit("low")).otherwise(nw.lit("medium"))
    brief = (nw.col("cpt") == "98980") & (counted >= nw.col("monitoring_short_minutes"))
    falls = nw.col("case") == "units"
    reduced = (1 - nw.col("assistant_payment_factor")) * PAYER_SHARE
    return judge(
        units,
        applies=ruled("monitoring_aide_billable", "monitoring_assistant_share"),
        cannot_tell={
            "rtm.minutes": nw.col("aided") & yes("unknown_minutes") & ~yes("unsupervised"),
            "rtm.therapist_id": open_question & yes("unknown_people"),
            "rtm.supervision": open_question & yes("unknown_supervision"),
        },
        fails=~open_question,
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "month_minutes", "aide_minutes", "assistant_minutes", "units", "lost", "modifiers",
        "monitoring_aide_billable__id", "monitoring_assistant_share__id", "assistant_payment_factor__id", fault="case",
        severity=low,
        exposed_units=nw.when(falls).then(nw.col("lost")),
        exposed_as=nw.when(falls & brief).then(nw.lit("98979")),
        exposed_share=nw.when(nw.col("case") == "modifier").then(reduced),
    )  # fmt: skip


PAYER_SHARE = 0.8
"""Part of the allowed amount that the payer bears; the patient's share is not reduced."""
