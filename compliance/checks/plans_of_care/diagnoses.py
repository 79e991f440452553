"""Whether a line points to a diagnosis of its plan of care: one reading for DOC-09 (97530) and POC-08 (other codes)."""

from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.terms import fold, is_institutional, judge, ruled, yes

DIAGNOSIS_PARAMETERS = ["diagnosis_match_characters"]
LETTERS = "ABCDEFGHIJKL"
"""The claim form's own names of positions 1 to 12."""
MATCH = ("pointed", "listed", "planned", "characters")


def judged_by_plan(
    claim_lines: nw.LazyFrame, judged: nw.Expr, plans_of_care: nw.LazyFrame, claims: nw.LazyFrame
) -> nw.LazyFrame:
    """Judge lines by the diagnoses that they point to, against those of their plan of care.

    `claim_lines` bear the parameters of DIAGNOSIS_PARAMETERS; `judged` says which of them are judged. Returned: claim_id,
    line, note_id, plan_id, outcome, missing, cpt, line_diagnoses, plan_diagnoses and the number of characters compared.
    """
    plans = plans_of_care.select("plan_id", plan_diagnoses="diagnosis_codes", planned_for=nw.lit(1))
    units = (
        _with_pointing(with_pointers(claim_lines, claims))
        .filter(judged)
        .join(plans, on="plan_id", how="left")
        .with_columns(
            pointed=nw.coalesce(nw.col("pointers"), nw.lit("")),
            listed=nw.coalesce(nw.col("claim_diagnosis_codes"), nw.lit("")),
            planned=nw.coalesce(nw.col("plan_diagnoses"), nw.lit("")),
            characters=nw.coalesce(nw.col("diagnosis_match_characters"), nw.lit(0)).cast(nw.Int64),
        )
    )
    # Lists are read once for each distinct set of lists: not every engine can split one in an expression.
    read = fold(
        units.select(*MATCH).unique(), by=MATCH, order_by=(), step=_read,
        returns={"line_diagnoses": pl.String, "in_plan": pl.Boolean, "mixed": pl.Boolean},
    )  # fmt: skip
    unpointed = nw.col("diagnosis_pointers").is_null() & yes("pointing")
    return judge(
        units.join(read, on=list(MATCH), how="left"),
        applies=ruled(*DIAGNOSIS_PARAMETERS),
        cannot_tell={
            "claim_lines.note_id": nw.col("planned_for").is_null(),
            "plans_of_care.diagnosis_codes": nw.col("plan_diagnoses").is_null(),
            "claim_lines.diagnosis_pointers": nw.col("pointers").is_null() | (unpointed & nw.col("mixed")),
            "claims.diagnosis_codes": nw.col("line_diagnoses").is_null(),
        },
        fails=~nw.col("in_plan"),
    ).select(
        "claim_id", "line", "note_id", "plan_id", "outcome", "missing", "cpt", "line_diagnoses", "plan_diagnoses",
        "diagnosis_match_characters", "diagnosis_match_characters__id",
    )  # fmt: skip


def with_pointers(lines: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with `pointers`: their own, else on the institutional form, which has none, all diagnoses of the claim."""
    institutional = nw.coalesce(is_institutional(), nw.lit(0)) == 1
    all_of_claim = (
        nw.when(institutional).then(nw.col("claim_diagnosis_codes")).otherwise(nw.lit(None, dtype=nw.String))
    )
    forms = claims.select("claim_id", "form")
    return (
        lines.drop("form")
        .join(forms, on="claim_id", how="left")
        .with_columns(pointers=nw.coalesce(nw.col("diagnosis_pointers"), all_of_claim))
    )


def _with_pointing(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add `pointing` (1): institutional lines of the patient bear pointers for all that their form has none, so that an empty one
    is a fact that is missing."""
    institutional = nw.coalesce(is_institutional(), nw.lit(0)) == 1
    told = lines.filter(
        institutional & ~nw.col("diagnosis_pointers").is_null() & ~nw.col("patient_id").is_null()
    )
    pointing = told.select("patient_id").unique().with_columns(pointing=nw.lit(1))
    return lines.join(pointing, on="patient_id", how="left")


def _read(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The diagnoses that pointers mean, and whether one of them matches the plan's."""
    lists = rows[0]
    codes = [
        code for pointer in lists["pointed"].split() if (code := meant(pointer, lists["listed"].split()))
    ]
    beginnings = {bare(code)[: lists["characters"]] for code in lists["planned"].split()}
    matching = [code for code in codes if bare(code)[: lists["characters"]] in beginnings]
    mixed = 0 < len(matching) < len(codes)
    yield {"line_diagnoses": ", ".join(codes) or None, "in_plan": bool(matching), "mixed": mixed}


def meant(pointer: str, listed: Sequence[str]) -> str | None:
    """The code that a pointer is, or stands for by its position; null where the claim has none there."""
    if pointer.isdigit():
        position = int(pointer)
    elif len(pointer) == 1:
        position = LETTERS.find(pointer.upper()) + 1
    else:
        return pointer
    return listed[position - 1] if 0 < position <= len(listed) else None


def bare(code: str) -> str:
    """A code without dot, in capitals."""
    return code.replace(".", "").upper()
