"""MOD-02: GP, GO or GN that contradicts the therapist, the plan or the code."""

import narwhals as nw

from compliance.checks.modifiers.therapy_lines import asked, modifier_of, therapy_lines
from compliance.checks.rule import rule
from compliance.checks.terms import DISCIPLINE_MODIFIERS, codes, has_code, judge, yes

CONTRADICTED = {
    "therapist": "a therapist of {rendering_discipline} rendered it",
    "plan": "its note is of {note_discipline}",
    "day": "the patient's only notes of that day are of {day_discipline}",
}
"""Who contradicts a modifier. Where the code asks for it, the code or the therapist is wrong, not the modifier."""


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
        **{
            case: f"{{cpt}} of {{service_date}} bears {{on_line}}, but {said} ({{expected_modifier}})"
            for case, said in CONTRADICTED.items()
        },
        **{
            f"{case}_of_code": f"{{cpt}} of {{service_date}} bears {{on_line}}, as its code asks, but {said}"
            for case, said in CONTRADICTED.items()
        },
    },
    fix={
        "several": "Keep the one of GP, GO and GN that names the discipline of the plan of care.",
        "code": "Put {expected_modifier} in place of {on_line} if {code_discipline} gave it; else bill the code of the "
        "discipline that gave it.",
        **dict.fromkeys(
            CONTRADICTED,
            "Put {expected_modifier}, for the discipline of the plan of care, in place of {on_line}, or correct who rendered "
            "the line.",
        ),
        **dict.fromkeys(
            (f"{case}_of_code" for case in CONTRADICTED),
            "Correct who rendered the line, or bill the code of the discipline that gave it, with {expected_modifier}.",
        ),
    },
)
def discipline_modifier_wrong(
    claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame, notes: nw.LazyFrame, plans_of_care: nw.LazyFrame
) -> nw.LazyFrame:
    """The line's modifier names another discipline than its therapist, its note or its code.

    ## What it checks
    Each claim line with a therapy code that bears GP, GO or GN: against the code (an evaluation belongs to one discipline),
    the rendering therapist and the visit's note, or the day's.

    ## Why it matters
    The line is denied, or it is paid out of another discipline's plan and yearly bucket.

    ## How we read the rule
    - Exactly one of the three stands on a line; two are a fault whatever they say.
    - 97161 to 97164 belong to GP, 97165 to 97168 to GO, speech-language evaluations (92521 to 92524, 92597, 92607 to 92609)
      to GN.
    - A physical therapist's or assistant's line bears GP, an occupational one's GO, a speech-language pathologist's GN.
      Other modifiers beside it do not matter.
    - Where the claim names no rendering therapist (as facilities' claims do), the visit's note says the discipline: the one
      that the line names, else one of its day and discipline.
    - With neither, the day's notes of other disciplines say it, where all of them are of one and nothing in the records
      shows therapy of the modifier's discipline for this patient, neither a note nor a plan. Where they are of several, or
      where the patient has therapy of both, it cannot be told: the line may lack its note (INT-04).
    - Remote monitoring has no visit's note, and none of the day speaks for it.
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
    lines = _with_day(lines, notes, plans_of_care).with_columns(by_day=modifier_of("day_discipline"))
    several = nw.col("named") > 1
    case, expected = nw.lit(None, dtype=nw.String), nw.lit(None, dtype=nw.String)
    for name, column in (
        ("day", "by_day"),
        ("plan", "by_note"),
        ("therapist", "by_therapist"),
        ("code", "by_code"),
    ):
        wrong = ~nw.col(column).is_null() & (nw.col(column) != nw.col("on_line"))
        case = nw.when(wrong).then(nw.lit(name)).otherwise(case)
        expected = nw.when(wrong).then(nw.col(column)).otherwise(expected)
    lines = lines.with_columns(
        case=nw.when(several).then(nw.lit("several")).otherwise(case), expected=expected
    )
    asked_by_code = ~several & nw.coalesce(nw.col("by_code") == nw.col("on_line"), nw.lit(False))
    of_code = nw.when(asked_by_code).then(nw.lit("_of_code")).otherwise(nw.lit(""))
    required = nw.coalesce(nw.col("discipline_modifier_required"), nw.lit(False))
    unnamed = nw.col("by_therapist").is_null() & nw.col("by_note").is_null()
    known = ~nw.col("code_kind").is_null() & (nw.col("named") > 0)
    return judge(
        lines,
        applies=(asked() & known) | nw.col("cpt").is_null() | nw.col("service_date").is_null(),
        cannot_tell={
            "claim_lines.cpt": nw.col("cpt").is_null(),
            "claim_lines.therapist_id": unnamed & nw.col("case").is_null(),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "cpt", "service_date", "on_line", "code_discipline",
        "rendering_discipline", "note_discipline", "day_discipline", "discipline_modifier_required__id",
        expected_modifier="expected",
        case=nw.concat_str([nw.col("case"), of_code]),
        severity=nw.when(required).then(nw.lit("block_or_repay")).otherwise(nw.lit("info")),
        fault=nw.col("case"),
    )  # fmt: skip


def _with_day(lines: nw.LazyFrame, notes: nw.LazyFrame, plans_of_care: nw.LazyFrame) -> nw.LazyFrame:
    """Add `day_discipline`, for a line without therapist and note: the one of all notes of its day, null where several.

    Null as well where the records hold a note or plan of the modifier's own discipline, or one whose discipline is unknown.
    """
    attended = notes.filter(nw.col("attended")).group_by("patient_id", "service_date")
    of_day = attended.agg(day_discipline=nw.col("discipline").min(), last=nw.col("discipline").max())
    treated = [table.select("patient_id", "discipline") for table in (notes, plans_of_care)]
    treated = nw.concat(treated, how="vertical").unique()
    own = treated.select("patient_id", modifier_discipline="discipline", own=nw.lit(1))
    doubtful = treated.filter(nw.col("discipline").is_null()).select("patient_id", doubtful=nw.lit(1))
    lines = (
        lines.join(of_day, on=["patient_id", "service_date"], how="left")
        .join(own, on=["patient_id", "modifier_discipline"], how="left")
        .join(doubtful, on="patient_id", how="left")
    )
    monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
    open_line = nw.col("note_id").is_null() & nw.col("rendering_discipline").is_null() & ~monitoring
    told = open_line & (nw.col("day_discipline") == nw.col("last")) & ~yes("own") & ~yes("doubtful")
    return lines.with_columns(
        day_discipline=nw.when(nw.coalesce(told, nw.lit(False))).then(nw.col("day_discipline"))
    )


def _on_line() -> nw.Expr:
    """The modifiers of the three that a line bears, in the order GP, GO, GN."""
    parts = [
        nw.when(has_code("modifiers", modifier)).then(nw.lit(f"{modifier} ")).otherwise(nw.lit(""))
        for modifier in DISCIPLINE_MODIFIERS.values()
    ]
    return nw.concat_str(parts).str.strip_chars()
