"""MOD-02: GP, GO or GN that contradicts the therapist, the plan or the code."""

import narwhals as nw

from compliance.checks.modifiers.therapy_lines import MODIFIER_OF, asked, modifier_of, therapy_lines
from compliance.checks.rule import rule
from compliance.checks.terms import has_code, judge


@rule(
    code="MOD-02",
    title="Discipline modifier wrong",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["mcpm-5-20.1", "therapy-code-list"],
    needs=["claim_lines.cpt", "claim_lines.modifiers"],
    parameters=["discipline_modifier_required"],
    exposes="line",
    message={
        "several": "{cpt} of {service_date} bears {on_line}, more than one of GP, GO and GN",
        "code": "{cpt} of {service_date} bears {on_line}, but only {code_discipline} gives this code ({expected_modifier})",
        "therapist": "{cpt} of {service_date} bears {on_line}, but a therapist of {rendering_discipline} rendered it "
        "({expected_modifier})",
        "plan": "{cpt} of {service_date} bears {on_line}, but its note is of {note_discipline} ({expected_modifier})",
    },
    fix={
        "several": "Keep the one of GP, GO and GN that names the discipline of the plan of care.",
        **dict.fromkeys(
            ("code", "therapist", "plan"),
            "Put {expected_modifier}, for the discipline of the plan of care, in place of {on_line}, or correct who rendered "
            "the line.",
        ),
    },
)
def discipline_modifier_wrong(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """The line's modifier names another discipline than its therapist, its note or its code.

    ## What it checks
    Each claim line with a therapy code that bears GP, GO or GN: against the code (an evaluation belongs to one discipline),
    the rendering therapist and the visit's note.

    ## Why it matters
    The line is denied, or it is paid out of another discipline's plan and yearly bucket.

    ## How we read the rule
    - Exactly one of the three stands on a line; two are a fault whatever they say.
    - 97161 to 97164 belong to GP, 97165 to 97168 to GO, speech-language evaluations (92521 to 92524, 92597, 92607 to 92609)
      to GN.
    - A physical therapist's or assistant's line bears GP, an occupational one's GO, a speech-language pathologist's GN.
      Other modifiers beside it do not matter.
    - Where the claim names no rendering therapist (as facilities' claims do), the visit's note says the discipline. Where
      neither is known it cannot be told.
    - A claim not yet submitted must not go out so; a submitted one is a repayment risk.
    - Where no policy says what the payer wants, a wrong modifier is worth knowing only.

    ## What it does not check
    A line without any of the three (MOD-01); CQ and CO (AST-03).
    """
    lines = therapy_lines(claim_lines, therapy_codes).with_columns(
        by_code=modifier_of("code_discipline"),
        by_therapist=modifier_of("rendering_discipline"),
        by_note=modifier_of("note_discipline"),
        on_line=_on_line(),
    )
    several = nw.col("named") > 1
    case, expected = nw.lit(None, dtype=nw.String), nw.lit(None, dtype=nw.String)
    for name, column in (("plan", "by_note"), ("therapist", "by_therapist"), ("code", "by_code")):
        wrong = ~nw.col(column).is_null() & (nw.col(column) != nw.col("on_line"))
        case = nw.when(wrong).then(nw.lit(name)).otherwise(case)
        expected = nw.when(wrong).then(nw.col(column)).otherwise(expected)
    lines = lines.with_columns(
        case=nw.when(several).then(nw.lit("several")).otherwise(case), expected=expected
    )
    required = nw.coalesce(nw.col("discipline_modifier_required"), nw.lit(False))
    unnamed = nw.col("by_therapist").is_null() & nw.col("by_note").is_null()
    known = ~nw.col("code_kind").is_null() & (nw.col("named") > 0)
    return judge(
        lines,
        applies=(asked() & known) | nw.col("cpt").is_null() | nw.col("service_date").is_null(),
        cannot_tell={
            "claim_lines.service_date": nw.col("service_date").is_null(),
            "claim_lines.cpt": nw.col("cpt").is_null(),
            "claim_lines.therapist_id": unnamed & nw.col("case").is_null(),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "on_line", "code_discipline",
        "rendering_discipline", "note_discipline", "discipline_modifier_required__id", expected_modifier="expected",
        severity=nw.when(required).then(nw.lit("block_or_repay")).otherwise(nw.lit("info")),
        fault=nw.col("case"),
    )  # fmt: skip


def _on_line() -> nw.Expr:
    """The modifiers of the three that a line bears, in the order GP, GO, GN."""
    parts = [
        nw.when(has_code("modifiers", modifier)).then(nw.lit(f"{modifier} ")).otherwise(nw.lit(""))
        for modifier in MODIFIER_OF.values()
    ]
    return nw.concat_str(parts).str.strip_chars()
