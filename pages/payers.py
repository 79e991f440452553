"""Payers: where the dollars at risk are, how often, and what could not be told."""

import streamlit as st

from compliance import charts, views
from ui import data, filters, frame, parts

frame.enter()
view = parts.ready("Payers")
table = views.payers.rated(view)
if table.is_empty():
    frame.heading("Payers", context=data.context())
    parts.empty("No visit, claim or finding under these filters: clear them to see every payer.")
names = parts.mapping(table, "payer_id")
told = views.payers.sentence(table, float(view.shares["share"].sum()), names)
frame.heading("Payers", told + views.narrowed.dismissed_sentence(view), data.context())

dark, shown = frame.dark(), parts.named(table, "payer_id")


def unknown() -> None:
    """The chart of what could not be checked; it stands also where nothing was found."""
    drawn = charts.unknown_bars(table, "payer_id", "Checks that could not be made", dark, names)
    alt = "Share of checks that could not be made for want of a fact, by payer"
    parts.chart(drawn, alt, "payers_unknown", shown, picks=False)


def table_below() -> None:
    """The table of payers, to read and to download."""
    sheet = views.payers.sheet(shown)
    parts.sheet(sheet, "Payers: dollars, findings, claims, rates and what could not be told")
    parts.download(sheet, "payers_table", "payers.csv")
    if filters.current().payers and table["payer_id"].null_count():
        st.caption(
            "A choice of payers keeps the findings that name none, such as those of a therapist's day."
        )


if view.valued.is_empty():
    parts.explain("No findings under these filters. What could not be checked stands below.")
    unknown()
    table_below()
    st.stop()

left, right = st.columns([1.3, 1], gap="small")
picked: list[str] = []
with left:
    stacked = views.severities.by_severity(view.valued, "payer_id", table["payer_id"])
    value, title = views.severities.drawn_by(stacked), views.severities.payers_title(stacked)
    drawn = charts.stacked_by(stacked, "payer_id", value, title, value, dark, names)
    alt = f"{title}, stacked by severity; choosing a bar opens its findings"
    picked += parts.picked(
        parts.chart(drawn, alt, "payers_dollars", parts.named(stacked, "payer_id")), "payer_id"
    )
with right:
    unknown()
left, right = st.columns([1.3, 1], gap="small")
with left:
    drawn = charts.rate_dots(
        table, "payer_id", ("share", "share_low", "share_high"), "Visits with a finding", "Share of visits checked",
        dark, names,
    )  # fmt: skip
    alt = "Share of checked visits with a finding by payer, with 95 % interval"
    picked += parts.picked(parts.chart(drawn, alt, "payers_rate", shown), "payer_id")
with right:
    drawn = charts.rate_dots(
        table, "payer_id", ("per_100", "per_100_low", "per_100_high"), "Findings per 100 claims",
        "Findings per 100 claims", dark, names, number=".0f",
    )  # fmt: skip
    picked += parts.picked(
        parts.chart(drawn, "Findings per 100 claims by payer, with 95 % interval", "payers_per_100", shown),
        "payer_id",
    )
if picked:
    frame.go("findings", payer=picked)

table_below()
