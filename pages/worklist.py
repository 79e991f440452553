"""Worklist: what is new, fixed and reopened since the last run; causes from the largest down; decisions on one or many."""

from datetime import date

import polars as pl
import streamlit as st

from compliance import charts, formats, views
from compliance.review import ReviewError, standing, worklist
from compliance.review.clocks import clocks
from ui import data, decisions, frame, parts

SHOWN = 12
"""So many of the largest causes are drawn."""
BY: dict[worklist.By, str] = {"cause": "Root cause", "rule": "Rule", "finding": "Finding"}
ORDER: dict[worklist.Order, str] = {"dollars": "Dollars", "findings": "Findings"}
STATUSES = {
    "open": "Open",
    "asked": "Asked",
    "confirmed": "Confirmed",
    "dismissed": "Dismissed",
    "waived": "Waived",
}
NOT_KEPT = "Decisions and runs are kept for the records that the dashboard was started on, not for an upload."

frame.enter()
view = parts.ready("Worklist")
try:
    store = None if data.uploaded() else data.store()
    if store is None:
        frame.heading("Worklist", context=data.context())
        parts.empty(
            NOT_KEPT if data.uploaded() else "The review data is switched off (COMPLIANCE_REVIEW=off)."
        )
    decisions.said_before()
    offered = data.since(store)
    earlier = offered.runs.filter(pl.col("run") != offered.runs["run"].max()).sort("run", descending=True)
    named = {
        row["run"]: f"{parts.day_words(row['at'][:10])}, run {row['run_id']}"
        for row in earlier.iter_rows(named=True)
    }
    asked = st.session_state.get("worklist_run")
    since = data.since(store, asked) if asked in named else offered
    stands = standing(view.valued, store.decisions(), date.today())
except ReviewError as refusal:
    frame.heading("Worklist", context=data.context())
    parts.empty(f"{refusal} Findings can still be read.")
work = worklist.with_standing(view.valued.filter(views.REAL), stands, since.changed)
counted = worklist.counts(work, since.changed)
frame.heading("Worklist", views.worklist_sentence(counted, work, since.before, named), data.context())


def status_words(each: str) -> str:
    """A standing with how many findings have it."""
    return f"{STATUSES[each]} ({counted.get(each, 0):,})"


def change_words(each: str | None) -> str:
    """A change with how many findings it has."""
    return "New or not" if each is None else f"{each.capitalize()} ({counted.get(each, 0):,})"


with st.container(horizontal=True, vertical_alignment="bottom", key="worklist_tools"):
    by = st.segmented_control(
        "By", list(BY), default="cause", required=True, key="worklist_by", format_func=lambda each: BY[each]
    )
    order = st.segmented_control(
        "Largest by", list(ORDER), default="dollars", required=True, key="worklist_order",
        format_func=lambda each: ORDER[each],
    )  # fmt: skip
    status = st.selectbox(
        "Standing", list(STATUSES), format_func=status_words, key="worklist_status", width=170
    )
    change = st.selectbox(
        "Since then", [None, "new", "reopened"], format_func=change_words, key="worklist_change", width=150
    )
    if named:
        start = list(named).index(since.before["run"]) if since.before else 0
        st.selectbox(
            "Compared with",
            list(named),
            start,
            format_func=lambda run: named[run],
            key="worklist_run",
            width=280,
        )

shown = work.filter(pl.col("status") == status)
if change:
    shown = shown.filter(pl.col("change") == change)
if shown.is_empty():
    parts.explain(f"No finding is {STATUSES[status].lower()} here.")
rows = worklist.gathered(shown, view.shares, by, order)
people = parts.people("therapist_id"), parts.people("patient_id")
labels = [
    row["rule"] + " " + views.cause_words(row, *people) if by != "rule" else views.rule_named(row["rule"])
    for row in rows.iter_rows(named=True)
]
rows = rows.with_columns(label=pl.Series(labels, dtype=pl.String))
left, right = st.columns([1.15, 1], gap="small")
with left:
    if not rows.is_empty():
        title = worklist.pareto_sentence(rows, by, order)
        axis = "Dollars at risk" if order == "dollars" else "Findings"
        drawn = charts.pareto(rows.head(SHOWN).drop("ids"), "label", order, title, axis, frame.dark())
        parts.chart(
            drawn,
            f"{axis} by {BY[by].lower()}, the largest first",
            "worklist_pareto",
            rows.drop("ids", "key"),
            picks=False,
        )
with right:
    sheet = views.worklist_sheet(rows)
    event = parts.sheet(
        sheet, "Causes, one a row; choosing rows opens the form that decides their findings at once", height=300, row_height=26,
        key=f"worklist_rows_{hash((by, order, status, change))}", on_select="rerun", selection_mode="multi-row",
        column_config={"What": st.column_config.TextColumn(width=290)},
    )  # fmt: skip
    picked = worklist.chosen(
        shown, [rows.row(place, named=True) for place in event["selection"]["rows"] if place < rows.height]
    )
    if picked.is_empty():
        st.caption("Choose one or more rows to decide their findings.")
    else:
        with st.container(key="card_decide"):
            decisions.form(picked, store, "worklist_form")
if not picked.is_empty():
    st.markdown(f"**{formats.plural(picked.height, 'finding')} chosen**")
    listed = views.listed(picked)
    told = views.findings_sheet(parts.named(listed, "therapist_id", "patient_id", "payer_id")).with_columns(
        Standing=pl.Series(
            [views.standing_words(row) for row in listed.iter_rows(named=True)], dtype=pl.String
        )
    )
    parts.sheet(told, "The chosen findings", height=260)
    parts.download(told, "worklist_chosen", "worklist.csv")
running = clocks(work, view.audit.lines, data.policy_of_payers(), data.policies(), date.today())
if not running.is_empty():
    st.markdown(formats.markdown(views.clocks_sentence(running)))
    sheet = views.clocks_sheet(parts.named(running, "payer_id"))
    parts.sheet(sheet, "Confirmed overpayments and the days by which they are to be returned")
    parts.download(sheet, "worklist_clocks", "overpayments.csv")
gone = since.changed.filter(pl.col("change").is_in(["fixed", "unseen"]))
if not gone.is_empty():
    with st.expander(
        f"No longer found: {counted.get('fixed', 0):,} fixed, {counted.get('unseen', 0):,} not judged again"
    ):
        st.caption(
            "Fixed: judged again and found no more. Not judged again: its claim or note is not in these records any more."
        )
        sheet = views.gone_sheet(parts.named(gone, "therapist_id", "patient_id", "payer_id"))
        parts.sheet(sheet, "Findings of the earlier run that this one does not have")
        parts.download(sheet, "worklist_gone", "no_longer_found.csv")
