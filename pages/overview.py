"""Overview: what was found, what it puts at risk, what to fix first."""

import polars as pl
import streamlit as st

from compliance import charts, formats, risk, views
from ui import data, frame, parts

frame.enter()
view = parts.ready()
figures = risk.summary(view.audit)
frame.heading("Overview", views.overview_sentence(figures), data.context())
st.caption(views.unknowns_sentence(view.audit.coverage, int(figures["visits_cannot_tell"])))
if view.audit.findings.is_empty():
    parts.empty(
        "No findings under these filters. What could not be checked is listed under Records; clear the filters to see all."
    )

rate = risk.rate(int(figures["visits_with_finding"]), int(figures["checked"]))
left, right = st.columns([1.25, 1], gap="medium")
with left, st.container(horizontal=True, key="card_tiles"):
    st.metric(
        "At risk",
        formats.money(figures["dollars"]),
        help="Each claim line counts once, at its allowed amount.",
    )
    st.metric("Findings per 100 visits", f"{100 * figures['findings'] / max(1, figures['visits']):.1f}")
    st.metric(
        "Visits with a finding",
        formats.percent(rate.share),
        help=formats.rate(rate.n, rate.of, rate.low, rate.high),
    )
    st.metric(
        "Cannot tell",
        formats.plural(int(figures["visits_cannot_tell"]), "visit"),
        help="A check lacked a fact.",
    )

with right, st.container(key="card_causes"):
    st.markdown("**What to fix first**")
    for place, cause in enumerate(
        views.root_causes(view.valued, view.shares).head(5).iter_rows(named=True), 1
    ):
        told, dollars, opened = st.columns([6, 1.4, 1], vertical_alignment="center")
        more = f" and {cause['findings'] - 1} more like it" if cause["findings"] > 1 else ""
        told.markdown(f"{place}. **{cause['rule']}** {cause['message']}{more}")
        dollars.markdown(f"**{formats.money(cause['dollars'])}**")
        if opened.button("Open", key=f"cause_{place}", type="tertiary"):
            frame.go("findings", {"finding": cause["finding_id"]})

with left:
    families = views.by_severity(view.valued, "family")
    top = (
        families.group_by("family")
        .agg(pl.col("dollars").sum())
        .sort("dollars", descending=True)
        .row(0, named=True)
    )
    drawn = charts.stacked_by(
        families, "family", "dollars", f"{top['family']} puts the most at risk", "dollars", frame.dark()
    )
    events = parts.chart(
        drawn, "Dollars at risk by family of rules, stacked by severity", "overview_family", families
    )
    chosen = parts.picked(events, "family")
    if chosen:
        frame.go("findings", rule=[code for code, name in views.FAMILIES.items() if name in chosen])

weeks = risk.weekly(view.audit.visits)
with right:
    outside = weeks.filter(~pl.col("incomplete") & (pl.col("share") > pl.col("limit_high"))).height
    said = (
        f"{formats.plural(outside, 'week')} above what chance explains"
        if outside
        else "No week is above what chance explains"
    )
    parts.chart(
        charts.p_chart(weeks, said, frame.dark()),
        "Share of checked visits with a finding by service week, with limits; the last two weeks are incomplete",
        "overview_weeks",
        weeks,
        picks=False,
    )
