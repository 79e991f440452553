"""AST-03: CQ or CO stands beside the modifier of another discipline, or in speech therapy."""

import narwhals as nw

from compliance.checks.assistant_modifiers.services import marked
from compliance.checks.rule import rule
from compliance.checks.terms import has_code, judge, ruled


@rule(
    code="AST-03",
    title="Assistant's modifier of another discipline",
    severity="high",
    subject="line",
    unit="billed line with CQ or CO",
    cites=["cms-cq-co", "mcpm-5-20.1"],
    needs=["claim_lines.modifiers"],
    parameters=["assistant_modifier_required"],
    exposes="line",
    message={
        "pair": "{cpt} on {service_date} bears {modifiers}: CQ goes with GP and CO with GO only",
        "both": "{cpt} on {service_date} bears both CQ and CO",
        "speech": "{cpt} on {service_date} bears {modifiers} in speech therapy, which has no assistant's modifier",
    },
    fix=dict.fromkeys(
        ("pair", "both", "speech"), "CQ goes with GP, CO with GO only. Correct the modifiers and send the claim anew."
    ),
)  # fmt: skip
def modifier_of_another_discipline(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """CQ belongs to a physical therapy plan (GP), CO to an occupational therapy plan (GO).

    ## What it checks
    The modifiers of each line with CQ or CO.

    ## Why it matters
    A line whose modifiers contradict each other is returned or denied.

    ## How we read the rule
    - CQ with GO, CO with GP, and either with GN are wrong partners.
    - CQ and CO on one line contradict each other.
    - Speech therapy has no assistant's modifier, also where GN is missing.
    - A line with CQ or CO and no partner at all lacks its discipline's modifier: that is MOD-01's.

    ## What it does not check
    Whether the modifier is needed at all (AST-01, AST-02).
    """
    lines = claim_lines.filter(marked())
    physical, occupational = has_code("modifiers", "CQ"), has_code("modifiers", "CO")
    speech = has_code("modifiers", "GN") | (nw.col("discipline") == "SLP")
    crossed = (physical & has_code("modifiers", "GO")) | (occupational & has_code("modifiers", "GP"))
    case = nw.lit(None, dtype=nw.String)
    for name, holds in (("pair", crossed), ("both", physical & occupational), ("speech", speech)):
        case = nw.when(nw.coalesce(holds, nw.lit(False))).then(nw.lit(name)).otherwise(case)
    return judge(
        lines.with_columns(case=case),
        applies=ruled("assistant_modifier_required"),
        fails=nw.col("assistant_modifier_required") & ~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "modifiers", "discipline",
        "assistant_modifier_required__id", fault=nw.col("case"),
    )  # fmt: skip
