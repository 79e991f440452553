"""AST-01: units that an assistant gave, in whole or in part, were billed without CQ or CO."""

import narwhals as nw

from compliance.checks.assistant_modifiers.services import assistant_lines, modifier, partner, withheld
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled
from compliance.checks.units.days import DAY
from compliance.checks.units.lines import lost_of


@rule(
    code="AST-01",
    title="Assistant's modifier missing",
    severity="medium",
    subject="line",
    unit="billed line of a code in which an assistant took part",
    cites=["cms-cq-co", "ssa-1834-v", "cy2022-pfs-final-rule", "mcpm-5-20.1", "tricare-85-fr-15061"],
    needs=["notes.note_id", "claim_lines.modifiers", "claim_lines.units"],
    absence_of={"interventions": "day"},
    parameters=[
        "assistant_modifier_required", "assistant_payment_factor", "assistant_de_minimis_percent",
        "assistant_final_unit_rule", "coinsurance", "unit_method", "timed_unit_minutes", "first_unit_minutes",
    ],
    exposes="line",
    message={
        "missing": "{modifier} is missing on {lacking} of {units} units of {cpt} on {service_date}: the assistant gave "
        "{assistant_minutes} minutes alone, the therapist {therapist_minutes}",
        "alone": "{modifier} is missing on {lacking} of {units} units of {cpt} on {service_date}: an assistant alone gave it",
        "tests_differ": "{modifier} may be missing on {lacking} of {units} units of {cpt} on {service_date}: the assistant gave "
        "{assistant_minutes} minutes alone, the therapist {therapist_minutes}, and the two tests of more than "
        "{assistant_de_minimis_percent} percent disagree",
    },
    fix={
        "missing": "Split the line: {with_units} of {cpt}-{partner}-{modifier}, {without_units} of {cpt}-{partner}; send a "
        "corrected claim or refund the difference.",
        "alone": "Bill {with_units} of {cpt}-{partner}-{modifier}; send a corrected claim or refund the difference.",
        "tests_differ": "Choose one of the two tests, write it into the billing policy, and keep to it.",
    },
)  # fmt: skip
def assistants_modifier_missing(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """A unit that an assistant gave alone for more than a small part bears CQ (PT) or CO (OT).

    ## What it checks
    Each line of a code in which an assistant took part on that day, against the minutes that the assistant gave
    alone and those of the therapist.

    ## Why it matters
    Medicare pays its share of such a unit at 85 percent from 2022. Without the modifier it is paid too much.

    ## How we read the rule
    - Minutes that therapist and assistant give together are the therapist's.
    - The day's minutes make units as in UNIT-01; each code's units are then divided. Full quarter hours of the
      therapist bear no modifier, then full quarter hours of the assistant bear it.
    - The last unit bears none where the therapist alone gave 8 minutes or more of it, whatever the assistant did.
      Before 2022 only the tests below decided.
    - Two units left of one code, with 8 minutes or more of the therapist: one bears it, one does not.
    - Else a unit bears it where the assistant's minutes alone exceed 10 percent of it. CMS allows two ways to
      round; only where both say so is it a finding. Where one does, it is worth knowing.
    - A code that is not timed is judged as one service, by the same tests.
    - Where minutes left over tie, the claim is right by any allocation that is allowed.
    - A code that only an assistant gave, or only a therapist, needs no minutes. A visit without interventions was
      given by its author.
    - A code of another clock in which both took part is never divided by 15 minutes: worth knowing.
    - At risk is Medicare's share of the units that lack it, less what the modifier leaves: 15 percent of 80 percent
      of what the deductible left of the allowed amount. Where no deductible is recorded, none is taken off. Before 2022
      nothing was cut and no dollars are at risk.
    - Where an assistant gave the whole visit and no line of it bears CQ or CO, the fault is AST-04's alone.
    - Speech therapy, evaluations and the supply of monitoring devices bear no such modifier.

    ## What it does not check
    Units beyond the documented minutes (UNIT-01). Whether the assistant was supervised (SUP-01). Critical access
    hospitals, which the reduction spares.
    """
    lines = assistant_lines(claim_lines, notes, interventions).filter(
        (nw.col("assisted") > 0) | (nw.col("unknown") > 0)
    )
    open_lines = nw.when(nw.col("is_marked") > 0).then(nw.lit(0)).otherwise(nw.lit(1))
    by = [*DAY, "code", "open"]
    lines = lost_of(lines.with_columns(open=open_lines), "sure", nw.col("missing_units"), by)
    lines = lost_of(lines, "perhaps", nw.col("maybe_units"), by)
    unmarked = nw.col("is_marked") == 0
    lines = lines.with_columns(
        sure=nw.when(unmarked).then(nw.col("sure")).otherwise(nw.lit(0)),
        perhaps=nw.when(unmarked).then(nw.col("perhaps")).otherwise(nw.lit(0)),
    )
    sure = nw.col("sure") > 0
    alone = nw.coalesce(nw.col("attended_by_therapist"), nw.lit(0)) == 0
    case = nw.when(sure & alone).then(nw.lit("alone"))
    case = case.otherwise(nw.when(sure).then(nw.lit("missing")).otherwise(nw.lit("tests_differ")))
    lacking = nw.when(sure).then(nw.col("sure")).otherwise(nw.col("perhaps"))
    whole_visit = (nw.col("day_therapist") == 0) & (nw.col("day_unknown") == 0) & (nw.col("day_marked") == 0)
    return judge(
        lines.with_columns(case=case, lacking=lacking),
        applies=ruled("assistant_modifier_required") & ~nw.coalesce(whole_visit, nw.lit(False)),
        cannot_tell={
            "therapists.role": nw.col("unknown") > 0,
            "claim_lines.units": nw.col("units").is_null(),
            "interventions.minutes": nw.col("missing_units").is_null(),
        },
        fails=nw.col("assistant_modifier_required") & (nw.col("lacking") > 0),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "units", "lacking", "assistant_minutes",
        "therapist_minutes", "assistant_modifier_required__id", "assistant_payment_factor__id",
        "assistant_de_minimis_percent", "assistant_de_minimis_percent__id", "assistant_final_unit_rule__id",
        "coinsurance__id", "unit_method__id", fault=nw.col("case"), modifier=modifier(), partner=partner(),
        with_units=nw.col("lacking"), without_units=nw.col("units") - nw.col("lacking"),
        severity=nw.when(sure).then(nw.lit("medium")).otherwise(nw.lit("info")),
        exposed_share=nw.when(sure).then(nw.col("lacking") / nw.col("units") * withheld()).otherwise(nw.lit(0.0)),
    )  # fmt: skip
