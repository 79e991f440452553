"""Spot check: a frame, a plan and a seeded draw; charts reviewed one at a time; what the sample says of all; the bundle."""

from functools import partial

import streamlit as st

from compliance.review import ReviewError, spot_checks
from compliance.sampling import SamplingError
from compliance.sampling.told import frame_told
from ui import data, filters, frame, parts, spot_check, spot_check_charts, spot_check_result

frame.enter()

STEPS = {"charts": "Charts", "result": "Result", "sample": "Frame and draw", "bundle": "Bundle"}
SESSION = (
    "Samples and answers of an upload, or without review data, stay in this session and are gone with it."
)
IDLE = "Discipline, rule and severity at the side do not act: a frame has payers, therapists, clinics, days and codes."

parts.ready("Spot check")
head = st.container()


def frame_and_draw(shown: spot_check.Opened) -> None:
    """What was drawn, and from what."""
    spot_check.show_draw(shown.check, shown.asked, frame_told(shown.check.frame)[:1])


def step_words(each: str) -> str:
    """A step as the page calls it."""
    return STEPS[each]


try:
    book = data.book()
    kept = {row["sample_id"]: row for row in spot_checks.samples(book, data.source()).iter_rows(named=True)}
    steps = {
        "charts": partial(spot_check_charts.review, book=book),
        "result": spot_check_result.show,
        "sample": frame_and_draw,
        "bundle": partial(spot_check_result.bundles, book=book),
    }
    spot_check.choose(kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key="spot_tools"):
        chosen = st.selectbox(
            "Sample", ["", *kept], key="spot_sample", width=300,
            format_func=lambda each: kept[each]["name"] if each else "A new one",
        )  # fmt: skip
        step = reviewer = None
        if chosen:
            step = st.segmented_control(
                "Step", list(STEPS), default="charts", required=True, key="spot_page", format_func=step_words
            )
            reviewer = data.person() if data.signed_in() else st.text_input(
                "Reviewer", data.person(), key="spot_reviewer", width=200,
                help="A second reviewer types another name, and sees nobody's answers before their own.",
            )  # fmt: skip
    frame.keep(sample=chosen)
    if not chosen:
        left, right = st.columns([1, 2], gap="medium")
        with left, st.container(key="card_spot_check"):
            criteria, asked = spot_check.form()
            place = st.container()
        with right:
            check, _ = data.spot_check(criteria, asked)
            spot_check.show_draw(check, asked)
        with place:
            spot_check.keep(book, check, asked)
        sentence = spot_check.sentence(None, check)
        if filters.current().disciplines or filters.current().rules or filters.current().severities:
            st.caption(IDLE)
    else:
        shown = spot_check.opened(book, kept[chosen], (reviewer or "").strip() or data.person())
        if shown is None:
            sentence = f"{kept[chosen]['name']} was drawn from other records."
        else:
            sentence = spot_check.sentence(shown, shown.check)
            steps[step or "charts"](shown)
    with head:
        frame.heading("Spot check", filters.names().masked(sentence), data.context())
    if not chosen or step == "bundle":
        spot_check_result.verify()
    if isinstance(book, spot_checks.SessionBook):
        st.caption(SESSION)
except (SamplingError, ReviewError) as refusal:
    with head:
        frame.heading("Spot check", "Nothing can be drawn as asked.", data.context())
    parts.explain(f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
