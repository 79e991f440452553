"""Therapists: who is outside what chance explains, given how many visits were checked."""

import polars as pl
import streamlit as st

from compliance import charts, formats, risk
from ui import data, frame, parts

frame.enter()
view = parts.ready()
rows = risk.funnel(view.audit.visits).drop_nulls("therapist_id")
if rows.is_empty():
    frame.heading("Therapists", context=data.context())
    parts.empty(
        "No checked visit names its therapist under these filters. Records says which columns the export lacks."
    )

names = parts.mapping(rows, "therapist_id")
outside = rows.filter(pl.col("standing") == "outside")
count = formats.plural(outside.height, "therapist")
if outside.is_empty():
    sentence = f"All {rows['therapist_id'].n_unique()} therapists are within what chance explains."
else:
    who = ", ".join(names[each] for each in outside["therapist_id"])
    verb, need = ("is", "needs") if outside.height == 1 else ("are", "need")
    sentence = f"{count} {verb} outside what chance explains and {need} a chart review: {who}."
frame.heading("Therapists", sentence, data.context())

picked: list[str] = []
disciplines = [each for each in ("PT", "OT", "SLP") if each in set(rows["discipline"])]
for place, discipline in zip(st.columns(max(2, len(disciplines))), disciplines, strict=False):
    of_one = rows.filter(pl.col("discipline") == discipline)
    centre = of_one["centre"][0]
    curves = risk.funnel_limits(centre, int(of_one["of"].max() * 1.05) + 1)
    named = of_one.filter(pl.col("standing") == "outside").height
    title = f"{discipline}: {formats.plural(named, 'therapist')} above the 99.8 % limit"
    with place:
        table = parts.named(of_one, "therapist_id")
        drawn = charts.funnel(of_one, curves, centre, title, frame.dark(), names)
        alt = f"Funnel plot of {discipline} therapists: visits checked against share with a finding, with exact limits"
        picked += parts.picked(
            parts.chart(drawn, alt, f"therapists_funnel_{discipline}", table), "therapist_id"
        )
if picked:
    frame.go("findings", therapist=picked)

cells = risk.excess(view.audit.coverage)
high = cells.filter(pl.col("state") == "outside").height
title = (
    f"{formats.plural(high, 'pair')} of therapist and rule above what chance explains"
    if high
    else "No pair is above what chance explains"
)
drawn = charts.heat_map(cells, title, frame.dark(), parts.mapping(cells, "therapist_id"))
alt = "Heat map of therapists and rules: excess beyond chance; hatched where it could not be told, pale where few"
events = parts.chart(drawn, alt, "therapists_heat", parts.named(cells, "therapist_id"))
if events:
    frame.go("findings", therapist=parts.picked(events, "therapist_id"), rule=parts.picked(events, "rule"))

table = risk.risk_table(view.audit, "therapist")
shown = parts.named(table, "therapist_id").select(
    Therapist="therapist_id",
    Visits=pl.Series([formats.rate(r["n"], r["of"], r["share_low"], r["share_high"]) for r in table.iter_rows(named=True)],
                     dtype=pl.String),
    Findings="findings",
    At_risk=pl.col("dollars").round(2),
    Cannot_tell="cannot_tell",
)  # fmt: skip
st.dataframe(
    shown.rename(
        {"Visits": "Visits with a finding", "At_risk": "At risk", "Cannot_tell": "Checks that cannot tell"}
    ),
    hide_index=True,
    width="stretch",
    column_config={"At risk": st.column_config.NumberColumn(format="dollar")},
)
parts.download(shown, "therapists_table", "therapists.csv")
