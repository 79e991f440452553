"""Findings: each with its evidence."""

import polars as pl
import streamlit as st

from compliance import formats
from compliance.chart_theme import SEVERITIES, SEVERITY_SIGNS
from ui import data, filters, frame, parts

frame.enter()
view = parts.ready()
found = view.valued
asked = st.query_params.get("finding")
count = found.height
sentence = (
    f"{formats.plural(count, 'finding')}, {formats.money(float(view.shares['share'].sum()))} at risk."
    if count
    else None
)
frame.heading("Findings", sentence, data.context())
if asked and asked not in set(found["finding_id"]):
    known = data.audited().findings.filter(pl.col("finding_id") == asked)
    if known.is_empty():
        st.warning(
            f"Finding {asked} is not in these records: it may have been fixed, or the link is of other records."
        )
    else:
        st.info("The linked finding lies outside the filters; it is shown below all the same.")
        found = pl.concat([found, known.with_columns(dollars=pl.lit(0.0))], how="diagonal")
if found.is_empty():
    parts.empty(
        "No findings under these filters. Clear them, or look under Records for what could not be checked."
    )

chosen = filters.current()
search = st.text_input(
    "Search messages, claims, notes", key="findings_search", placeholder="e.g. C00123 or stairs"
)
if search:
    fields = pl.concat_str(
        "message", "claim_id", "note_id", "rule", "finding_id", separator=" ", ignore_nulls=True
    )
    found = found.filter(fields.str.to_lowercase().str.contains(search.lower(), literal=True))
    if found.is_empty():
        parts.empty(f"Nothing matches “{search}” under these filters.")

order = {severity: place for place, severity in enumerate(SEVERITIES)}
found = found.sort(
    pl.col("severity").replace_strict(order, return_dtype=pl.Int8), pl.col("dollars"), "finding_id",
    descending=[False, True, False],
)  # fmt: skip
shown = parts.named(found, "patient_id", "therapist_id", "payer_id").select(
    pl.col("severity").replace_strict({s: f"{SEVERITY_SIGNS[s]} {s}" for s in SEVERITIES}).alias("Severity"),
    pl.col("rule").alias("Rule"),
    pl.col("service_date").dt.date().alias("Service"),
    pl.col("message").alias("What"),
    pl.col("dollars").round(2).alias("At risk"),
    pl.col("therapist_id").alias("Therapist"),
    pl.col("payer_id").alias("Payer"),
    pl.col("patient_id").alias("Patient"),
    pl.col("claim_id").alias("Claim"),
    pl.col("note_id").alias("Note"),
)

ids = found["finding_id"].to_list()
start = ids.index(asked) if asked in ids else 0
listed, opened = st.columns([1, 1.1], gap="medium")
with listed:
    event = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        height=620,
        key=f"findings_table_{hash((tuple(ids[:50]), count, search))}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [start], "columns": [], "cells": []}},
        alt="Findings, one a row; choosing a row opens its evidence",
        column_config={
            "What": st.column_config.TextColumn(width="large"),
            "At risk": st.column_config.NumberColumn(format="dollar"),
        },
    )
    parts.download(shown, "findings_table", "findings.csv")
rows = event["selection"]["rows"]
row = rows[0] if rows and rows[0] < len(ids) else start
if asked != ids[row]:
    st.query_params["finding"] = ids[row]
with opened:
    parts.finding_card(found.row(row, named=True), data.audited())
