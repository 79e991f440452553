"""Rules: what is checked, why, and under which authority."""

from datetime import date

import polars as pl
import streamlit as st

from compliance import rulebook, views
from compliance.checks.rule import catalogue
from ui import data, frame, parts

frame.enter()
view = parts.ready()
table = views.catalogue_table(view.audit)
ran = table.filter(pl.col("here") == "ran").height
frame.heading("Rules", f"{ran} of {table.height} rules ran on these records.", data.context())

listed, opened = st.columns([1, 1.1], gap="medium")
asked = st.query_params.get("code")
codes = table["rule"].to_list()
start = codes.index(asked) if asked in codes else 0
with listed:
    shown = table.rename(
        {"here": "ran here", "cannot_tell": "cannot tell", "not_applicable": "not applicable"}
    )
    event = st.dataframe(
        shown.select(
            "rule",
            "title",
            "severity",
            "findings",
            "passed",
            "failed",
            "cannot tell",
            "not applicable",
            "ran here",
        ),
        hide_index=True,
        width="stretch",
        height=640,
        key="rules_table",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [start], "columns": [], "cells": []}},
        alt="The catalogue of rules, one a row; choosing a row opens its page",
    )
    parts.download(shown, "rules_table", "rules.csv")
rows = event["selection"]["rows"]
code = codes[rows[0] if rows else start]
if asked != code:
    st.query_params["code"] = code
with opened, st.container(key="card_rule"):
    on = st.date_input("Parameters in force on", date.today(), key="rules_on")
    if st.button(f"Findings of {code}", type="tertiary", key="rules_findings"):
        frame.go("findings", rule=[code])
    st.markdown(rulebook.page(catalogue()[code], data.policies(), on))
