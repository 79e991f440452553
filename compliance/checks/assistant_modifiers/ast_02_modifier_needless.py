"""AST-02: units bear CQ or CO that the documented minutes do not ask for."""

import narwhals as nw

from compliance.checks.assistant_modifiers.services import (
    assistant_lines,
    is_evaluation,
    is_supply,
    withheld,
)
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled
from compliance.checks.units.days import DAY
from compliance.checks.units.lines import lost_of


@rule(
    code="AST-02",
    title="Assistant's modifier needless",
    severity="info",
    subject="line",
    unit="billed line with CQ or CO",
    cites=["cms-cq-co", "cy2022-pfs-final-rule", "mcpm-5-20.1"],
    needs=["notes.note_id", "claim_lines.modifiers", "claim_lines.units"],
    absence_of={"interventions": "day"},
    parameters=[
        "assistant_modifier_required", "assistant_payment_factor", "assistant_de_minimis_percent",
        "assistant_final_unit_rule", "coinsurance", "unit_method", "timed_unit_minutes", "first_unit_minutes",
    ],
    exposes="line",
    message={
        "therapist": "{modifiers} stands on {needless} of {units} units of {cpt} on {service_date}, and no assistant gave "
        "any of it",
        "share": "{modifiers} stands on {needless} of {units} units of {cpt} on {service_date} without need: the therapist "
        "gave {therapist_minutes} minutes, the assistant alone {assistant_minutes}",
        "supply": "{modifiers} stands on {needless} of {units} units of {cpt} on {service_date}; it never belongs on the supply "
        "of a device",
    },
    fix={
        "therapist": "Remove {modifiers} from {needless} of {units} units of {cpt}: the therapist gave all minutes. Send a "
        "corrected claim before the payer's filing limit.",
        "share": "Remove {modifiers} from {needless} of {units} units of {cpt}: the therapist gave 8 minutes or more of the last "
        "unit, or the assistant no more than 10 percent. Send a corrected claim before the payer's filing limit.",
        "supply": "Remove {modifiers} from {needless} of {units} units of {cpt}: nobody gives the supply of a device in person. "
        "Send a corrected claim before the payer's filing limit.",
    },
)  # fmt: skip
def assistants_modifier_needless(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """A unit that the therapist gave, or of which an assistant gave only a small part, needs no CQ or CO.

    ## What it checks
    Each line with CQ or CO, against who gave its code on that day and in how many minutes.

    ## Why it matters
    The line is paid less than is due. It is money left on the table, and no fault that a payer would find.

    ## How we read the rule
    - Units are divided between therapist and assistant as in AST-01.
    - Where the tests of 10 percent decide, the modifier is needless only if both say so.
    - Where the therapist alone gave 8 minutes or more of the last unit it is needless, whatever the tests say.
    - Where minutes left over tie, the modifier is needless only if no allowed allocation asks for it.
    - A code that no assistant gave needs none; a code that only an assistant gave needs it on every unit.
    - The supply of a monitoring device needs none, whoever handed it out.
    - An evaluation that the therapist alone gave needs none. One in which an assistant took part is SUP-06's.
    - The dollars missed are 15 percent of Medicare's 80 percent of what the deductible left of the allowed amount, in the
      evidence.

    ## What it does not check
    A modifier that does not fit the discipline, or in speech therapy (AST-03); units that lack one (AST-01).
    """
    lines = assistant_lines(claim_lines, notes, interventions, every_service=True)
    lines = lost_of(
        lines.filter(nw.col("is_marked") > 0), "needless", nw.col("needless_units"), (*DAY, "code")
    )
    supply, given = is_supply(), ~is_supply()
    lines = lines.with_columns(needless=nw.when(supply).then(nw.col("units")).otherwise(nw.col("needless")))
    alone = nw.coalesce(nw.col("assisted"), nw.lit(0)) == 0
    case = nw.when(alone).then(nw.lit("therapist")).otherwise(nw.lit("share"))
    case = nw.when(supply).then(nw.lit("supply")).otherwise(case)
    dollars = nw.col("amount") * nw.col("needless") / nw.col("units") * withheld()
    return judge(
        lines.with_columns(case=case),
        applies=ruled("assistant_modifier_required") & (alone | ~is_evaluation()),
        cannot_tell={
            "notes.note_id": given & nw.col("noted").is_null(),
            "interventions.cpt": given & nw.col("unknown").is_null(),
            "therapists.role": given & (nw.col("unknown") > 0),
            "claim_lines.units": nw.col("units").is_null(),
            "interventions.minutes": given & nw.col("needless_units").is_null(),
        },
        fails=nw.col("assistant_modifier_required") & (nw.col("needless") > 0),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "units", "needless", "modifiers",
        "assistant_minutes", "therapist_minutes", "assistant_modifier_required__id", "assistant_payment_factor__id",
        "assistant_de_minimis_percent__id", "assistant_final_unit_rule__id", "coinsurance__id", "unit_method__id",
        fault=nw.col("case"), missed_dollars=dollars.round(2),
    )  # fmt: skip
