"""The parts of the Worklist: what is chosen to look at, the picture, the running clocks, and what is no longer found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl
import streamlit as st

from compliance import charts, formats, views
from compliance.review import worklist
from compliance.review.clocks import clocks, owed
from ui import data, frame, parts

SHOWN = 12
"""So many of the largest causes are drawn."""
BY: dict[worklist.By, str] = {"cause": "Root cause", "rule": "Rule", "finding": "Finding"}
ORDER: dict[worklist.Order, str] = {"dollars": "Dollars", "findings": "Findings"}
STATUSES = {
    "open": "Open", "asked": "Asked", "confirmed": "Confirmed", "dismissed": "Dismissed", "waived": "Waived",
}  # fmt: skip
RUN = "worklist_run"


@dataclass(frozen=True)
class Choice:
    """What the list shows: gathered by what, largest by what, of which standing, changed how (None = however)."""

    by: worklist.By
    order: worklist.Order
    status: str
    change: str | None


def run_names(since: data.Since) -> dict[int, str]:
    """The kept runs before this one, the newest first: number and words."""
    earlier = since.runs.filter(pl.col("run") != since.runs["run"].max()).sort("run", descending=True)
    return {
        row["run"]: f"{parts.day_words(row['at'][:10])}, run {row['run_id']}"
        for row in earlier.iter_rows(named=True)
    }


def tools(since: data.Since, named: Mapping[int, str]) -> Choice:
    """The row of choices above the list; without numbers, which a list that was drawn once would keep after a decision."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="worklist_tools"):
        by = st.segmented_control(
            "By",
            list(BY),
            default="cause",
            required=True,
            key="worklist_by",
            bind="query-params",
            format_func=lambda each: BY[each],
        )
        order = st.segmented_control(
            "Largest by", list(ORDER), default="dollars", required=True, key="worklist_order", bind="query-params",
            format_func=lambda each: ORDER[each],
        )  # fmt: skip
        status = st.selectbox(
            "Standing", list(STATUSES), key="worklist_status", width=170, bind="query-params",
            format_func=lambda each: STATUSES[each],
        )  # fmt: skip
        change = st.selectbox(
            "Since then", [None, "new", "reopened"], key="worklist_change", width=150, bind="query-params",
            format_func=lambda each: "New or not" if each is None else each.capitalize(),
        )  # fmt: skip
        if named:
            start = list(named).index(since.before["run"]) if since.before else 0
            st.selectbox(
                "Compared with", list(named), start, format_func=lambda run: named[run], key=RUN, width=280
            )
    return Choice(by, order, status, change)


def rows_of(shown: pl.DataFrame, shares: pl.DataFrame, choice: Choice) -> pl.DataFrame:
    """The rows of the list with the words that name each (`label`)."""
    rows = worklist.gathered(shown, shares, choice.by, choice.order)
    if choice.by == "rule":
        labels = [views.rules.rule_named(rule) for rule in rows["rule"]]
    else:
        said = views.causes.cause_labels(rows, parts.called)
        labels = [f"{rule} {each}" for rule, each in zip(rows["rule"], said, strict=True)]
    return rows.with_columns(label=pl.Series(labels, dtype=pl.String))


def picture(rows: pl.DataFrame, choice: Choice) -> None:
    """The largest rows as bars, with what they hold together."""
    axis = "Dollars at risk" if choice.order == "dollars" else "Findings"
    title = worklist.pareto_sentence(rows, choice.by, choice.order)
    drawn = charts.pareto(rows.head(SHOWN), "label", choice.order, title, axis, frame.dark())
    told = f"{axis} by {BY[choice.by].lower()}, the largest first"
    parts.chart(drawn, told, "worklist_pareto", views.worklist.pareto_sheet(rows), picks=False)
    st.caption("Per cent: what a bar and those above it hold of the whole.")


def running_clocks(work: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Confirmed overpayments with the days by which they are to be returned."""
    recorded = data.records().tables["overpayments"]
    running = clocks(work, lines, data.policy_of_payers(), data.policies(), date.today(), recorded)
    if running.is_empty():
        return
    st.markdown(formats.markdown(views.worklist.clocks_sentence(running, owed(running, work, lines))))
    sheet = views.worklist.clocks_sheet(parts.named(running, "payer_id"))
    parts.sheet(sheet, "Confirmed overpayments and the days by which they are to be returned")
    parts.download(sheet, "worklist_clocks", "overpayments.csv")


def no_longer_found(changed: pl.DataFrame, counted: Mapping[str, int]) -> None:
    """Findings of the earlier run that this one does not have."""
    gone = changed.filter(pl.col("change").is_in(["fixed", "unseen"]))
    if gone.is_empty():
        return
    fixed, unseen = counted.get("fixed", 0), counted.get("unseen", 0)
    with st.expander(f"No longer found: {fixed:,} fixed, {unseen:,} not judged again"):
        st.caption(
            "Fixed: judged again and found no more. Not judged again: its claim or note is not in these records any more."
        )
        sheet = views.worklist.gone_sheet(parts.named(gone, "therapist_id", "patient_id", "payer_id"))
        parts.sheet(sheet, "Findings of the earlier run that this one does not have")
        parts.download(sheet, "worklist_gone", "no_longer_found.csv")


def chosen_table(picked: pl.DataFrame) -> None:
    """The findings of the chosen rows, each with how it stands and the way to its evidence."""
    found = views.findings.listed(picked)
    with st.container(horizontal=True, vertical_alignment="center", key="worklist_chosen_head"):
        st.markdown(f"**{formats.plural(found.height, 'finding')} chosen**", width="content")
        opens = st.button("Open the evidence", key="worklist_open", type="tertiary",
                          help="Of the first; choosing a row below opens that one's.")  # fmt: skip
    told = views.findings.sheet(parts.named(found, "therapist_id", "patient_id", "payer_id")).with_columns(
        Standing=pl.Series(
            [views.worklist.standing_words(row) for row in found.iter_rows(named=True)], dtype=pl.String
        )
    )
    told = parts.masked(told, "Standing")
    event = parts.sheet(
        told, "The chosen findings; choosing a row opens its evidence", height=min(260, 37 + 35 * told.height),
        key=f"worklist_chosen_{hash(tuple(found['finding_id']))}", on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    parts.download(told, "worklist_chosen", "worklist.csv")
    rows = event["selection"]["rows"] or ([0] if opens else [])
    if rows:
        frame.go("findings", {"finding": found["finding_id"][rows[0]]})
