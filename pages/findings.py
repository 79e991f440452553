"""Findings: each with its evidence."""

import polars as pl
import streamlit as st

from compliance import formats, risk, views
from ui import data, evidence, frame, parts

frame.enter()
view = parts.ready("Findings")
asked = st.query_params.get("finding")
every = views.narrowed.listable(view)
count = every.height
dollars = formats.money(float(view.shares["share"].sum()))
known = risk.summary(view.audit)
told = (
    f"{formats.plural(known['findings'], 'finding')}, {dollars} at risk{views.overview.worth_knowing(known)}."
)
told += views.narrowed.dismissed_sentence(view)
frame.heading("Findings", told if count else "No finding is shown.", data.context())

with st.container(horizontal=True, vertical_alignment="center", key="findings_tools"):
    search = st.text_input(
        "Search", key="findings_search", placeholder="Search: C00123, stairs …",
        label_visibility="collapsed", width=260,
    )  # fmt: skip
    unsure = every.filter(views.narrowed.unverified())
    if unsure.height and st.toggle(
        "Unverified values", key="unverified", bind="query-params",
        help="Only findings that rest on a policy's value that nobody has held against its source yet.",
    ):  # fmt: skip
        every = unsure
    parts.chips()
found = views.findings.listed(every, search, parts.named(every)["message"])
if every.height < count:
    of_them = formats.money(float(every["dollars"].sum()))
    told = f"{formats.count(every.height)} of {formats.count(count)} rest on an unverified value: {of_them} of {dollars}."
    st.caption(formats.markdown(told))
if search and found.height:
    st.caption(f"{formats.count(found.height)} of {formats.count(count)} hold “{formats.markdown(search)}”.")
chosen_here = asked == st.session_state.get("findings_opened")  # written by this page, not brought by a link
if asked and asked not in set(found["finding_id"]) and not (chosen_here or search):
    linked = data.audited().findings.filter(pl.col("finding_id") == asked)
    if linked.is_empty():
        said = f"Finding {formats.short(asked)} is not in these records: it may be fixed, or the link is of other records."
        st.warning(formats.markdown(said))
    else:
        st.info("The linked finding lies outside the filters; it is shown all the same.")
        found = pl.concat([linked.with_columns(dollars=pl.lit(0.0)), found], how="diagonal")
if found.is_empty():
    parts.empty(
        f"Nothing matches “{search}” under these filters." if search and count else
        "No findings under these filters. What could not be checked is listed under Records."
    )  # fmt: skip

ids = found["finding_id"].to_list()
start = ids.index(asked) if asked in ids else 0
stepped = st.session_state.get(
    "findings_stepped", 0
)  # a new table for each step: it takes its choice but once
listed, opened = st.columns([1.05, 1], gap="small")
with listed:
    shown = views.findings.sheet(parts.named(found, "patient_id", "therapist_id", "payer_id"))
    with st.container(key="findings_list", gap=None):
        event = parts.sheet(
            shown, "Findings, one a row; choosing a row opens its evidence",
            height="stretch", row_height=23, key=f"findings_{hash((tuple(ids), shown['Therapist'][0], stepped))}",
            on_select="rerun", selection_mode="single-row-required",
            selection_default={"selection": {"rows": [start], "columns": [], "cells": []}},
            column_config={
                "Severity": st.column_config.TextColumn(width=76), "Rule": st.column_config.TextColumn(width=58),
                "Service": st.column_config.DateColumn(format="MMM D, YYYY", width=88),
                "At risk": st.column_config.NumberColumn(format="dollar", width=74),
                "What was found": st.column_config.TextColumn(width=420),
            },
        )  # fmt: skip
    parts.download(shown, "findings_table", "findings.csv")
rows = event["selection"]["rows"]
row = rows[0] if rows and rows[0] < len(ids) else start
if asked != ids[row] and (asked is None or chosen_here or row != start):
    st.query_params["finding"] = ids[row]
st.session_state["findings_opened"] = ids[row]
with opened:
    with st.container(horizontal=True, vertical_alignment="center", key="findings_steps"):
        for label, step in (("‹ Previous", -1), ("Next ›", 1)):
            there = 0 <= row + step < len(ids)
            if st.button(label, key=f"findings_{step}", type="tertiary", disabled=not there):
                st.query_params["finding"] = ids[row + step]
                st.session_state.pop("findings_opened", None)
                st.session_state["findings_stepped"] = stepped + 1
                st.rerun()
        st.caption(f"{row + 1:,} of {len(ids):,}", width="content")
    evidence.card(found.row(row, named=True), data.audited())
