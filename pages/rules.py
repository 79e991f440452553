"""Rules: what is checked, why, and under which authority."""

from datetime import date

import polars as pl
import streamlit as st

from compliance import formats, rulebook, views
from compliance.checks.rule import catalogue
from ui import data, fact_words, fared, filters, frame, parts

frame.enter()
view = parts.ready("Rules")
table = views.rules.catalogue_table(view.audit)
ran = table.filter(pl.col("here") == "ran").height
rest = "" if ran == table.height else " Those that did not say what they lack."
said = f"{ran} of {table.height} rules ran on these records.{rest}{views.narrowed.dismissed_sentence(view)}"
frame.heading("Rules", said, data.context())

filtered = filters.current().rules
asked = st.query_params.get("code") or (filtered[0] if len(filtered) == 1 else None)
asked = views.rules.rule_called(asked) or asked
if asked and asked not in set(table["rule"]):
    st.warning(formats.markdown(f"There is no rule {formats.short(asked)} here."))
families = views.rules.family_counts(table)
listed, opened = st.columns([1.19, 1], gap="small")
with listed, st.container(horizontal=True, key="rules_tools"):
    linked = st.query_params.get("family")
    family = st.selectbox(
        "Family", [None, *families], format_func=lambda code: families.get(code, f"All {len(families)} families"),
        index=1 + list(families).index(linked) if linked in families else 0,
        key="rules_family", label_visibility="collapsed",
    )  # fmt: skip
    search = st.text_input(
        "Search", st.query_params.get("search", ""), key="rules_search", placeholder="Search: modifier, KX …",
        label_visibility="collapsed",
    )  # fmt: skip
frame.keep(family=family, search=search)
table = views.rules.chosen_rules(table, family, search)
if table.is_empty():
    parts.explain(f"No rule of this family holds “{formats.short(search)}”." if search else "No rule.")
    st.stop()
codes = table["rule"].to_list()
start = codes.index(asked) if asked in codes else 0
with listed:
    shown = views.rules.catalogue_sheet(table)
    with st.container(key="rules_list", gap=None):
        event = parts.sheet(
            shown, "The catalogue of rules by family, one a row; choosing a row opens its page",
            height="stretch", row_height=parts.ROW_HEIGHT, key=f"rules_table_{hash(tuple(codes))}",
            on_select="rerun", selection_mode="single-row-required",
            selection_default={"selection": {"rows": [start], "columns": [], "cells": []}},
            column_config={
                "Rule": st.column_config.TextColumn(width=64), "Title": st.column_config.TextColumn(width=210),
                "Severity": st.column_config.TextColumn(width=78),
                "Findings": st.column_config.NumberColumn(width=64, format="localized"),
                "Worth knowing": st.column_config.NumberColumn(width=100, format="localized"),
                "Here": st.column_config.TextColumn(width=60),
            },
        )  # fmt: skip
    parts.download(shown, "rules_table", "rules.csv")
rows = event["selection"]["rows"]
code = codes[rows[0] if rows else start]
if asked != code:
    st.query_params["code"] = code
with opened, st.container(key="card_rule"):
    found, info = table.select("findings", "info").row(codes.index(code))
    said = views.rules.found_words(code, found, info)
    if st.button(said, type="tertiary", key="rules_findings", disabled=not found + info):
        frame.go("findings", rule=[code])
    rule = catalogue()[code]
    explained, in_force = st.tabs(["What it checks, and why", "Parameters in force, by payer"])
    with in_force, st.container(horizontal=True, vertical_alignment="center"):
        st.caption("In force on", width="content")
        on = st.date_input(
            "Parameters in force on", frame.day("on") or date.today(), key="rules_on", width=140,
            label_visibility="collapsed", format="YYYY-MM-DD",
        )  # fmt: skip
    frame.keep(on=None if on == date.today() else on.isoformat())
    values = fact_words.in_force(rule, data.policies(), on)
    with in_force:
        if values.is_empty():
            st.caption("This rule asks no policy for a value.")
        else:
            st.html(fact_words.in_force_html(values))
            parts.download(values, "rules_parameters", f"{code}_parameters.csv")
    explained.markdown(rulebook.page(rule, data.policies(), on, with_parameters=False), anchors=False)
with st.expander("Sets of codes that rules share"):
    sets = pl.DataFrame(rulebook.code_set_rows())
    parts.sheet(sets, "Sets of codes that rules share: what each is, its source, and whether it was verified")
    parts.download(sets, "rules_code_sets", "code_sets.csv")
fared.health(data.audited())
