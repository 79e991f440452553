"""Worklist: what is new, fixed and reopened since the last run; causes from the largest down; decisions on one or many."""

from dataclasses import replace
from datetime import date

import polars as pl
import streamlit as st

from compliance import formats, views
from compliance.review import ReviewError, standing
from compliance.review import worklist as gathering
from compliance.review.store import Store
from ui import data, decisions, frame, parts, worklist

frame.enter()
view = parts.ready("Worklist")
try:
    store = data.store()
    if store is None:
        frame.heading("Worklist", context=data.context())
        parts.empty(
            "Decisions and runs are kept for the records that the dashboard was started on, not for an upload."
            if data.uploaded()
            else "The review data is switched off (COMPLIANCE_REVIEW=off)."
        )
    decisions.said_before()
    since = data.since(store, st.session_state.get(worklist.RUN))
    named = worklist.run_names(since)
    valued, shares = views.narrowed.with_dismissed(view)  # what is dismissed is listed, as dismissed
    stands = standing(valued, store.decisions(), date.today())
    seen = store.first_seen(data.source())
except ReviewError as refusal:
    frame.heading("Worklist", context=data.context())
    parts.empty(f"{refusal} Findings can still be read.")
work = gathering.with_standing(valued.filter(views.narrowed.REAL), stands, since.changed)
counted = gathering.counts(work, since.changed)
frame.heading("Worklist", views.worklist.sentence(counted, work, since.before), data.context())
st.caption(formats.markdown(views.worklist.standing_sentence(work, seen, date.today())))

choice = worklist.tools(since, named)
shown = work.filter(pl.col("status") == choice.status)
if choice.change:
    shown = shown.filter(pl.col("change") == choice.change)
if choice.order == "dollars" and shown.height and not float(shown["dollars"].sum()):
    choice = replace(choice, order="findings")
    st.caption("No dollars are at risk here: the bars count findings.")


def listed(rows: pl.DataFrame, kept: Store) -> pl.DataFrame:
    """The causes as bars and as rows to choose; returns the findings of the chosen ones."""
    # a tick stands for its row: it goes when other findings are listed
    key = f"worklist_rows_{hash((choice, *shown['finding_id']))}"
    left, right = st.columns([1.15, 1], gap="small")
    with left:
        worklist.picture(rows, choice)
    with right:
        event = parts.sheet(
            views.worklist.sheet(rows), "Causes, one a row; choosing rows opens the form that decides their findings at once",
            height=300, row_height=parts.ROW_HEIGHT, key=key, on_select="rerun",
            selection_mode="multi-row", column_config={"What": st.column_config.TextColumn(width=290)},
        )  # fmt: skip
        places = [place for place in event["selection"]["rows"] if place < rows.height]
        picked = gathering.chosen(work, [rows.row(place, named=True) for place in places])
        if picked.is_empty():
            st.caption("Choose one or more rows to decide their findings.")
        else:
            with st.container(key="card_decide"):
                decisions.form(picked, kept, "worklist_form")
    return picked


if shown.is_empty():
    told = f"{choice.change} and {choice.status}" if choice.change else choice.status
    parts.explain(f"No finding is {told} here.")
else:
    picked = listed(worklist.rows_of(shown, shares, choice), store)
    if not picked.is_empty():
        worklist.chosen_table(picked)
worklist.running_clocks(work, view.audit.lines)
worklist.no_longer_found(since.changed, counted)
