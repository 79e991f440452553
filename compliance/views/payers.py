"""Payers beside each other."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from compliance import formats, risk
from compliance.views.narrowed import Narrowed
from compliance.views.therapists import rate_words


def rated(view: Narrowed) -> pl.DataFrame:
    """The risk table per payer, with findings per 100 claims and the share of checks that could not be told."""
    table = risk.risk_table(view.audit, "payer")
    checks = pl.col("passed") + pl.col("failed") + pl.col("cannot_tell")
    rates = [risk.per_hundred(int(n), int(of)) for n, of in table.select("findings", "claims").iter_rows()]
    return table.with_columns(
        pl.Series("per_100", [each and each[0] for each in rates], dtype=pl.Float64),
        pl.Series("per_100_low", [each and each[1] for each in rates], dtype=pl.Float64),
        pl.Series("per_100_high", [each and each[2] for each in rates], dtype=pl.Float64),
        cannot_tell_share=pl.when(checks > 0).then(pl.col("cannot_tell") / checks),
    )


def per_100_words(payer: Mapping[str, Any]) -> str:
    """`7.7 (6.3–9.5)`: a payer's findings per 100 claims with their exact interval; a row of `rated`."""
    if payer["per_100"] is None:
        return formats.NOTHING
    return f"{payer['per_100']:.1f} ({payer['per_100_low']:.1f}–{payer['per_100_high']:.1f})"


def untold_words(payer: Mapping[str, Any]) -> str:
    """`12.4 % (31 of 250)`: the share of a payer's checks that could not be told; a row of `rated`."""
    if payer["cannot_tell_share"] is None:
        return formats.NOTHING
    judged = int(payer["passed"] + payer["failed"] + payer["cannot_tell"])
    return formats.rate(int(payer["cannot_tell"]), judged)


def sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The table of payers with the headings that people read."""
    unknown = pl.Series([untold_words(row) for row in table.iter_rows(named=True)], dtype=pl.String)
    per_100 = pl.Series([per_100_words(row) for row in table.iter_rows(named=True)], dtype=pl.String)
    return table.select(
        pl.col("payer_id").replace(formats.NOTHING, "none named").alias("Payer"),
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("findings").alias("Findings"),
        pl.col("claims").alias("Claims"),
        per_100.alias("Findings per 100 claims"),
        rate_words(table).alias("Visits with a finding"),
        unknown.alias("Checks that cannot tell"),
    )  # fmt: skip


def sentence(table: pl.DataFrame, dollars: float, names: Mapping[str, str]) -> str:
    """Which payer holds most of the dollars at risk; `table` as `rated` gives it."""
    most = table if dollars else table.sort("findings", descending=True, maintain_order=True)
    first = most.row(0, named=True)
    name = names.get(first["payer_id"], "No payer named")
    found = formats.plural(int(first["findings"]), "finding")
    among = f"{found} among {formats.plural(int(first['claims']), 'claim')}"
    if not dollars:
        return (
            f"No dollars are at risk; {name} has {among}." if first["findings"] else "No dollars are at risk."
        )
    return f"{name} holds {formats.money(first['dollars'])} of the {formats.money(dollars)} at risk: {among}."
