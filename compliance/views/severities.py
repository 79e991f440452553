"""Dollars and findings by severity, as bars: per payer, and per family of rules."""

import polars as pl

from compliance.chart_theme import SEVERITIES
from compliance.rulebook import FAMILIES

SHORT_FAMILIES = {
    "POC": "Plan of care", "SUP": "Supervision", "MOD": "Modifiers, threshold", "DOC": "Documentation, goals",
    "CON": "One-on-one, groups", "FRQ": "Frequency and limits", "RTM": "Remote monitoring", "INT": "Record and claim",
    "PAY": "Payment, denials", "AUD": "Overpayments",
}  # fmt: skip
"""Names of families that fit beside a bar; others are named as in the rule book."""


def by_severity(valued: pl.DataFrame, key: str, every: pl.Series | None = None) -> pl.DataFrame:
    """Dollars (each line once) and findings per `key` and severity; key may be `family` (the rule's, its code).

    Keys of `every` without a finding get a row of zeros, so that charts side by side have the same rows.
    """
    if key == "family":
        valued = valued.with_columns(family=pl.col("rule").str.split("-").list.first())
    counted = valued.group_by(key, "severity").agg(
        dollars=pl.col("dollars").sum(), findings=pl.len().cast(pl.Int64)
    )
    if every is not None:
        without = every.filter(~every.is_in(counted[key].implode(), nulls_equal=True)).to_frame(key)
        nothing = without.with_columns(
            severity=pl.lit("medium"), dollars=pl.lit(0.0), findings=pl.lit(0, pl.Int64)
        )
        counted = pl.concat([counted, nothing])
    return counted.sort(key, "severity")


def drawn_by(severities: pl.DataFrame) -> str:
    """What bars of `by_severity` measure: `dollars`, or `findings` where none puts dollars at risk."""
    return "dollars" if float(severities["dollars"].sum()) else "findings"


def payers_title(severities: pl.DataFrame) -> str:
    """What bars of `by_severity` by payer measure."""
    dollars = drawn_by(severities) == "dollars"
    return "Dollars at risk by payer" if dollars else "Findings by payer: none puts dollars at risk"


def sheet(severities: pl.DataFrame, key: str) -> pl.DataFrame:
    """What bars of `by_severity` draw, in their order: the longest bar first, in it the worst severity first."""
    value = drawn_by(severities)
    place = pl.col("severity").replace_strict({each: at for at, each in enumerate(SEVERITIES)})
    return severities.filter(pl.col(value) > 0).sort(
        pl.col(value).sum().over(key), key, place, descending=[True, False, False]
    )


def family_titles() -> dict[str, str]:
    """Families of rules by their code, in words that fit beside a bar."""
    return FAMILIES | SHORT_FAMILIES


def families_title(families: pl.DataFrame) -> str:
    """What the bars by family say."""
    sums = families.group_by("family").agg(pl.col("dollars", "findings").sum())
    top = sums.sort(["dollars", "findings", "family"], descending=[True, True, False]).row(0, named=True)
    name = family_titles().get(top["family"], top["family"])
    return f"{name}: most at risk" if top["dollars"] else f"{name}: most findings, no dollars"
