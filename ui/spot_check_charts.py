"""The worksheet on screen, a chart at a time: the episode, claim and note, the answer; what the rules found only after it."""

import html
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from compliance import charts, episodes, formats
from compliance.review import spot_checks
from compliance.review.spot_checks import Book
from compliance.sampling import SamplingError, told
from compliance.sampling.frame import lines_of
from compliance.sampling.worksheet import ERROR, Answer, answered
from ui import data, evidence, filters, frame, parts
from ui.spot_check import DOLLARS, Opened, unit_words

ANSWERS = {"ok": "OK", "error": "Error", "missing": "Record missing", "cannot tell": "Cannot tell"}
PLACE, VIEWING = "place_in_spot_check_", "viewing_in_spot_check"


def review(shown: Opened, book: Book) -> None:
    """One chart of the sample: its record and the answer."""
    said = {each.unit: each for each in shown.answers(shown.reviewer)}
    row = _chosen(shown, said)
    began = _viewed(shown, row["unit"], book)
    _episode(row)
    left, right = st.columns([1.9, 1], gap="small")
    with left, st.container(key="card_chart"):
        st.html(_record(row, marks=row["unit"] in said))
    with right, st.container(key="card_answer"):
        if row["unit"] in said:
            _compared(shown, said[row["unit"]], row)
        _form(shown, row, said.get(row["unit"]), began, book)


def _chosen(shown: Opened, said: Mapping[str, Answer]) -> dict[str, Any]:
    """The chart on screen, the first without an answer to begin with; the steps to those before and after it."""
    units = shown.units["unit"].to_list()
    key = f"{PLACE}{shown.sample_id}_{shown.reviewer}"
    first = next((place for place, unit in enumerate(units) if unit not in said), 0)
    place = st.session_state.setdefault(key, first)
    with st.container(horizontal=True, vertical_alignment="center", key="spot_steps"):
        for label, step in (("‹ Previous", -1), ("Next ›", 1)):
            if st.button(
                label, key=f"spot_step_{step}", type="tertiary", disabled=not 0 <= place + step < len(units)
            ):
                st.session_state[key] = place + step
                st.rerun()
        row = shown.units.row(place, named=True)
        who = parts.people("patient_id")(row["patient_id"])
        days = (
            formats.span(_day(row["first_day"]), _day(row["last_day"]))
            if row["first_day"] != row["last_day"]
            else formats.day(_day(row["first_day"]))
        )
        st.markdown(
            formats.markdown(f"{place + 1} of {len(units)} · {unit_words(shown.unit, row)} · {who} · {days}"),
            width="content",
        )
        st.progress(len(said) / len(units), f"{len(said)} of {len(units)} answered", width=260)
    return row


def _day(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


def _viewed(shown: Opened, unit: str, book: Book) -> float:
    """When this chart was opened; the trail notes each opening once."""
    now = (shown.sample_id, unit, shown.reviewer)
    before = st.session_state.get(VIEWING)
    if before is None or before[0] != now:
        book.note(
            data.person(), spot_checks.VIEWED, shown.sample_id, {"unit": unit, "reviewer": shown.reviewer}
        )
        st.session_state[VIEWING] = before = (now, time.time())
    return before[1]


def _episode(row: Mapping[str, Any]) -> None:
    """The lanes of the patient's episode, the sampled days shaded."""
    if row["patient_id"] is None:
        return
    first, last = _day(row["first_day"]), _day(row["last_day"])
    discipline = (row["discipline"] or "").partition(" ")[0] or None
    tables, result = data.records().tables, data.audited()
    counts = data.treatment_counts(row["patient_id"])
    marks = episodes.episode(tables, result, row["patient_id"], discipline, first, last, counts)
    title = episodes.episode_sentence(marks)
    drawn = charts.episode_lanes(
        marks, episodes.lanes(marks), (first, last), (title, episodes.KEY), frame.dark()
    )
    table = marks.select(Lane="lane", What="told", From="begins", To="ends")
    parts.chart(
        drawn, f"{title}, on a time line; the sampled days are shaded.", "spot_episode", table, picks=False
    )


def _record(row: Mapping[str, Any], marks: bool) -> str:
    """Claim lines and notes side by side, the minutes documented, the other lines of these days."""
    lines, notes = lines_of(row["lines"]), (row["notes"] or "").split()
    return evidence.unit_sides(lines, notes, marks) + _minutes(notes) + _others(row, lines)


def _minutes(notes: Sequence[str]) -> str:
    """Minutes by code as the notes document them."""
    rows = (
        data.records().tables["interventions"].filter(pl.col("note_id").is_in(notes)).sort("note_id", "line")
    )
    told_each = [_minutes_words(each) for each in rows.iter_rows(named=True)]
    return (
        f"<p class='muted key'>Minutes documented: {html.escape('; '.join(told_each) or 'none by code')}.</p>"
    )


def _minutes_words(row: Mapping[str, Any]) -> str:
    mode = f" ({row['mode'].replace('_', ' ')})" if row["mode"] else ""
    minutes = "minutes not stated" if row["minutes"] is None else f"{row['minutes']:g} min"
    return f"{row['cpt'] or 'no code'} {minutes}{mode}"


def _others(row: Mapping[str, Any], own: list[tuple[str, int]]) -> str:
    """The patient's other claim lines on the sampled days: a day's units are judged together."""
    days = pl.col("service_date").is_between(_day(row["first_day"]), _day(row["last_day"]))
    same = (
        data.audited()
        .lines.filter(pl.col("patient_id") == row["patient_id"], days)
        .sort("service_date", "claim_id", "line")
    )
    told_each = [
        f"{each['claim_id']} line {each['line']}: {each['cpt']} {each['modifiers'] or ''} {each['units'] or '–'} u"
        for each in same.iter_rows(named=True)
        if (each["claim_id"], each["line"]) not in own
    ]
    return f"<p class='muted key'>Also billed on these days: {html.escape('; '.join(told_each) or 'nothing')}.</p>"


def answer_words(answer: str) -> str:
    """An answer as it stands on its button."""
    return ANSWERS[answer]


def _form(shown: Opened, row: Mapping[str, Any], before: Answer | None, began: float, book: Book) -> None:
    """The answer: what it is, the correct dollars of an error, a comment."""
    key = f"spot_answer_{shown.sample_id}_{shown.reviewer}_{row['unit']}"
    basis = DOLLARS[shown.check.frame.criteria.dollars].lower()
    st.markdown(formats.markdown(f"{formats.money(row['cents'] / 100, cents=True)} ({basis})"))
    answer: str | None = st.segmented_control(
        "Answer", list(ANSWERS), default=before.answer if before else None, key=key, format_func=answer_words
    )
    correct = None
    if answer == ERROR:
        start = (
            before.correct / 100 if before and before.answer == ERROR and before.correct is not None else None
        )
        dollars = st.number_input(
            "Correct dollars", 0.0, value=start, step=0.01, key=f"{key}_correct", placeholder=""
        )
        correct = None if dollars is None else round(dollars * 100)
    comment = st.text_area("Comment", before.comment if before else "", key=f"{key}_comment", height=70)
    label = "Save" if before is None else "Save a new answer"
    if st.button(
        label, type="primary" if before is None else "secondary", key="spot_save", disabled=answer is None
    ):
        try:
            said = answered(row["unit"], answer or "", correct, comment, row["cents"])
        except SamplingError as refusal:
            st.error(formats.markdown(f"Not saved: {refusal}."))
            return
        fields = {"unit": said.unit, "answer": said.answer, "correct": said.correct, "comment": said.comment}
        spot_checks.keep_answer(
            book, shown.sample_id, shown.reviewer, data.person(), fields, time.time() - began
        )
        st.rerun()
    if before is None:
        st.caption("What the rules found is shown once you have answered.")


def _compared(shown: Opened, said: Answer, row: Mapping[str, Any]) -> None:
    """The answer that was saved beside what the rules found."""
    verdict = shown.verdicts[row["unit"]]
    st.markdown(formats.markdown(told.compared_told(said, verdict)))
    found = data.audited().findings.filter(pl.col("finding_id").is_in(list(verdict.findings)))
    for each in found.iter_rows(named=True):
        message = html.escape(filters.names().masked(each["message"]))
        st.html(f"<p class='key'>{parts.severity_badge(each['severity'])} {each['rule']} {message}</p>")
    own = shown.given.filter(pl.col("reviewer") == shown.reviewer, pl.col("unit") == row["unit"])
    seconds = float(own["seconds"][0])
    st.caption(
        f"Answered in {seconds / 60:.1f} minutes." if seconds >= 60 else f"Answered in {seconds:.0f} seconds."
    )
