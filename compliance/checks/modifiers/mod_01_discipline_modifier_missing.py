"""MOD-01: a therapy line without GP, GO or GN."""

import narwhals as nw

from compliance.checks.modifiers.therapy_lines import asked, modifier_of, therapy_lines
from compliance.checks.rule import rule
from compliance.checks.terms import judge


@rule(
    code="MOD-01",
    title="Discipline modifier missing",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["mcpm-5-20.1", "therapy-code-list"],
    needs=["claim_lines.cpt", "claim_lines.modifiers"],
    parameters=["discipline_modifier_required"],
    exposes="line",
    message={
        "required": "{cpt} of {service_date} bears none of GP, GO and GN, which this payer requires on therapy lines",
        "unlisted": "{cpt} of {service_date} bears none of GP, GO and GN; whether this payer requires one, no policy says",
    },
    fix={
        "required": "Add {modifier} for the discipline of the plan of care.",
        "unlisted": "Ask the payer whether it requires GP, GO or GN, and write its answer into the clinic's policy.",
    },
)
def discipline_modifier_missing(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """A therapy line does not name the discipline of its plan of care.

    ## What it checks
    Each claim line with a therapy code of its day, for one of GP (physical), GO (occupational) and GN (speech therapy).

    ## Why it matters
    Without the modifier the payer denies the line: it cannot tell which plan and which yearly bucket it belongs to. The
    modifier does not change what is paid.

    ## How we read the rule
    - Codes that are always therapy need the modifier whoever bills them.
    - Codes that are sometimes therapy need it where a therapist or assistant gave them, or a plan of care stands behind them.
      Where neither is known it cannot be told.
    - A code counts as therapy from the day on which it joined the list (98979, 98984 and 98985: January 1, 2026).
    - Where no policy says what the payer wants, a line without a modifier is worth knowing only.

    ## What it does not check
    Whether the modifier is the right one (MOD-02).
    """
    lines = therapy_lines(claim_lines, therapy_codes).with_columns(
        whose=nw.coalesce(
            nw.col("code_discipline"), nw.col("rendering_discipline"), nw.col("note_discipline")
        )
    )
    sometimes = nw.col("code_kind") == "sometimes"
    of_plan = ~nw.col("rendering_discipline").is_null() | ~nw.col("plan_id").is_null()
    lacking = nw.col("named") == 0
    required = nw.coalesce(nw.col("discipline_modifier_required"), nw.lit(False))
    lines = lines.with_columns(
        case=nw.when(required).then(nw.lit("required")).otherwise(nw.lit("unlisted")),
        modifier=nw.coalesce(modifier_of("whose"), nw.lit("GP, GO or GN")),
    )
    unread = nw.col("cpt").is_null() | nw.col("service_date").is_null()
    return judge(
        lines,
        applies=(asked() & ~nw.col("code_kind").is_null()) | unread,
        cannot_tell={
            "claim_lines.cpt": nw.col("cpt").is_null(),
            "claim_lines.therapist_id": lacking & sometimes & ~of_plan,
        },
        fails=lacking,
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "code_kind", "modifier",
        "discipline_modifier_required__id",
        severity=nw.when(nw.col("case") == "required").then(nw.lit("high")).otherwise(nw.lit("info")),
    )  # fmt: skip
