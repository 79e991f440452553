"""Claim lines of therapy codes, and the modifiers that name the discipline of their plan."""

import narwhals as nw

from compliance.checks.terms import DISCIPLINE_MODIFIERS, flag, has_code, shared


@shared
def therapy_lines(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """Claim lines with what their code asks of them.

    Added: `code_kind` (`always`, `sometimes`, null: no therapy code of that day), `code_discipline` (the one discipline
    that may give it, null = any), `named` (how many of GP, GO and GN the line bears), `listed` (1 where some row says what
    the payer wants of them, else 0).
    """
    named = [flag(has_code("modifiers", modifier)) for modifier in DISCIPLINE_MODIFIERS.values()]
    return claim_lines.with_columns(
        named=named[0] + named[1] + named[2],
        listed=flag(~nw.col("discipline_modifier_required__id").is_null()),
    ).join(code_kinds(claim_lines, therapy_codes), on=["claim_id", "line"], how="left")


def code_kinds(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """The lines whose code was a therapy code on their day: claim_id, line, code_kind, code_discipline."""
    day = nw.col("service_date")
    return (
        claim_lines.select("claim_id", "line", "cpt", "service_date")
        .join(therapy_codes, on="cpt", how="inner")
        .filter((nw.col("valid_from") <= day) & (day < nw.col("valid_until")))
        .select("claim_id", "line", code_kind="kind", code_discipline="discipline")
    )


def asked() -> nw.Expr:
    """Whether a payer wants the modifier, or nobody has read whether it does; not where a row says that it does not."""
    wanted = nw.coalesce(nw.col("discipline_modifier_required"), nw.lit(False))
    unread = (nw.col("listed") == 0) | ~nw.col("policy_missing").is_null()
    return wanted | unread


def modifier_of(discipline: str) -> nw.Expr:
    """GP, GO or GN of a column that holds a discipline; null where it holds none."""
    named = nw.lit(None, dtype=nw.String)
    for name, modifier in DISCIPLINE_MODIFIERS.items():
        named = nw.when(nw.col(discipline) == name).then(nw.lit(modifier)).otherwise(named)
    return named
