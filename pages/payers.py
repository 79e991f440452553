"""Payers: where the dollars at risk are, how often, and what could not be told."""

import polars as pl
import streamlit as st

from compliance import charts, formats, views
from ui import data, frame, parts

frame.enter()
view = parts.ready()
table = views.payer_table(view)
names = parts.mapping(table, "payer_id")
dollars = float(view.shares["share"].sum())
if view.valued.is_empty():
    frame.heading("Payers", context=data.context())
    parts.empty("No findings under these filters: clear them to see every payer.")

first = table.row(0, named=True)
sentence = (
    f"{names.get(first['payer_id'], 'No payer named')} holds {formats.money(first['dollars'])} of the "
    f"{formats.money(dollars)} at risk, with {first['findings']:,} findings on {formats.plural(int(first['claims']), 'claim')}."
)
frame.heading("Payers", sentence, data.context())

left, right = st.columns(2, gap="medium")
with left:
    by_severity = views.by_severity(view.valued, "payer_id")
    drawn = charts.stacked_by(
        by_severity, "payer_id", "dollars", "Dollars at risk by payer", "dollars", frame.dark(), names
    )
    events = parts.chart(drawn, "Dollars at risk by payer, stacked by severity", "payers_dollars",
                         parts.named(by_severity, "payer_id"))  # fmt: skip
with right:
    drawn = charts.rate_bars(table, "payer_id", "Visits with a finding, with 95 % interval", "Share of visits checked",
                             frame.dark(), names)  # fmt: skip
    parts.chart(drawn, "Share of checked visits with a finding by payer, with interval", "payers_rate",
                parts.named(table, "payer_id"), picks=False)  # fmt: skip
    drawn = charts.unknown_bars(table, "payer_id", "Checks that could not be told", frame.dark(), names)
    parts.chart(drawn, "Share of checks that could not be told, by payer", "payers_unknown",
                parts.named(table, "payer_id"), picks=False)  # fmt: skip
if parts.picked(events, "payer_id"):
    frame.go("findings", payer=parts.picked(events, "payer_id"))

rates = [formats.rate(r["n"], r["of"], r["share_low"], r["share_high"]) for r in table.iter_rows(named=True)]
shown = parts.named(table, "payer_id").select(
    pl.col("payer_id").alias("Payer"),
    pl.col("dollars").round(2).alias("At risk"),
    pl.col("findings").alias("Findings"),
    pl.col("claims").alias("Claims"),
    pl.col("per_100").round(1).alias("Findings per 100 claims"),
    pl.Series("Visits with a finding", rates, dtype=pl.String),
    pl.Series(
        "Checks that cannot tell",
        [formats.percent(each) for each in table["cannot_tell_share"]],
        dtype=pl.String,
    ),
)
st.dataframe(shown, hide_index=True, width="stretch",
             column_config={"At risk": st.column_config.NumberColumn(format="dollar")})  # fmt: skip
parts.download(shown, "payers_table", "payers.csv")
