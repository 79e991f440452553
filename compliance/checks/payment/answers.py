"""What a payer answered to a line: paid, allowed, and the patient's share, of its latest remittance."""

import narwhals as nw

from compliance.checks.terms import flag
from compliance.policy.remittance_codes import not_denials

LINE = ["claim_id", "line"]
DEDUCTIBLE, COPAY, PATIENT = "1", "3", "PR"
TOLD = ("paid", "allowed", "deductible", "patient_responsibility")


def answers(remittances: nw.LazyFrame, adjustments: nw.LazyFrame) -> nw.LazyFrame:
    """One row a line that was answered: the latest day's remittances, added up; a sum of nothing is null.

    Columns: claim_id, line, answered (1), paid, payer_allowed, deductible, patient_share (dollars, deductible among it),
    copay, denied, adjusted (1: some adjustment is told). What the columns of the remittance leave out is read from its
    adjustments: without a PR adjustment the patient owes nothing.
    """
    rows = remittances.filter(~nw.col("line").is_null())
    by_day = rows.group_by(*LINE, "paid_on").agg(
        *(nw.col(name).sum() for name in TOLD),
        **{f"n_{name}": nw.col(name).count() for name in (*TOLD, "adjustments")},
    )
    latest = by_day.group_by(*LINE).agg(paid_on=nw.col("paid_on").max())
    given = {name: nw.when(nw.col(f"n_{name}") > 0).then(nw.col(name)) for name in TOLD}
    listed = nw.col("n_adjustments") > 0
    said = by_day.join(latest, on=[*LINE, "paid_on"]).join(_adjusted(adjustments), on=LINE, how="left")
    return said.select(
        *LINE,
        answered=nw.lit(1),
        paid=given["paid"],
        payer_allowed=given["allowed"],
        deductible=nw.coalesce(given["deductible"], _if(listed, _or_none("pr_deductible"))),
        patient_share=nw.coalesce(given["patient_responsibility"], _if(listed, _or_none("pr"))),
        copay=_or_none("pr_copay"),
        denied=_or_none("denied"),
        adjusted=flag(listed),
    )


def _adjusted(adjustments: nw.LazyFrame) -> nw.LazyFrame:
    """Dollars of each line by what they are: pr, pr_deductible, pr_copay, denied."""
    patient = nw.col("adjustment_group") == PATIENT
    parts = {
        "pr": patient,
        "pr_deductible": patient & (nw.col("carc") == DEDUCTIBLE),
        "pr_copay": patient & (nw.col("carc") == COPAY),
        "denied": ~nw.col("carc").is_in(not_denials()),
    }
    rows = adjustments.filter(~nw.col("line").is_null()).with_columns(
        **{
            name: nw.when(holds).then(nw.col("amount")).otherwise(nw.lit(0.0))
            for name, holds in parts.items()
        }
    )
    return rows.group_by(*LINE).agg(*(nw.col(name).sum() for name in parts))


def _if(holds: nw.Expr, value: nw.Expr) -> nw.Expr:
    return nw.when(holds).then(value)


def _or_none(column: str) -> nw.Expr:
    return nw.coalesce(nw.col(column), nw.lit(0.0))


def larger(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    """The larger of two numbers; null where the first is."""
    return nw.when(one < other).then(other).otherwise(one)


def smaller(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    """The smaller of two numbers, the second where the first is null."""
    return nw.when(one < other).then(one).otherwise(other)
