"""How the rules fare with those who review them: what was confirmed, what cannot be told, how long a finding takes to clear."""

import streamlit as st

from compliance import formats, views
from compliance.audit import Audit
from compliance.review.health import rule_health
from compliance.review.runs import Present
from ui import data, parts


def health(result: Audit) -> None:
    """The table of rules' health; nothing for an upload or without review data."""
    store, _ = data.review()
    if store is None:
        return
    decided, seen = store.decisions(), store.first_seen(data.source())
    rows = rule_health(result.findings, decided, seen, result.coverage, Present.of(result, data.records()))
    with st.expander("How the rules fare with reviewers"):
        told = int(rows["decided"].sum())
        st.caption(
            f"{formats.plural(told, 'finding')} confirmed or dismissed so far. What is often dismissed, people look at: no rule "
            "demotes itself."
        )
        sheet = views.rules.health_sheet(rows)
        parts.sheet(
            sheet, "Rules: findings, share confirmed with its interval, what could not be told, days to clear"
        )
        parts.download(sheet, "rules_health", "rule_health.csv")
