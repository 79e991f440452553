"""Deciding findings on screen: how they stand, what was said of them, and the form for one or for many at once."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats
from compliance.review import Conflict, Decision, ReviewError, standing
from compliance.review.decisions import ASKED, COMMENT, CONFIRMED, DISMISSED, OPEN, WAIVED
from compliance.review.store import Store
from compliance.views.worklist import standing_words
from ui import data, filters, parts

CHOICES = {
    CONFIRMED: "Confirm", DISMISSED: "Dismiss", WAIVED: "Waive", ASKED: "Ask somebody", OPEN: "Open again", COMMENT: "Comment",
}  # fmt: skip
STATUS_WORDS = {
    OPEN: "open", CONFIRMED: "confirmed", DISMISSED: "dismissed", WAIVED: "waived", ASKED: "asked", COMMENT: "comment",
}  # fmt: skip
REASONS = (
    "Documented elsewhere",
    "The payer agreed in writing",
    "The rule does not apply here",
    "Corrected since",
    "Other",
)
DECIDING = "finding_being_decided"
ANSWER_DAYS, WAIVER_DAYS = 7, 90
"""Days that stand first in the form; whoever decides may choose others."""


def form(chosen: pl.DataFrame, store: Store, key: str) -> None:
    """The form that decides the chosen findings (contract's columns with `decision`, the last one seen) at once."""
    number = formats.plural(chosen.height, "finding")
    status = st.segmented_control(
        f"Decide {number}",
        list(CHOICES),
        format_func=lambda each: CHOICES[each],
        key=f"{key}_status",
        required=False,
    )
    if status is None:
        return
    reason, expires_on, assignee, due_on = _fields(status, key)
    lacks = status in (DISMISSED, WAIVED) and st.session_state.get(f"{key}_why") is None
    told = "choose a reason first" if lacks else number
    if st.button(f"{CHOICES[status]}: {told}", key=f"{key}_decide", type="primary", disabled=lacks):
        _decide(chosen, store, (status, reason, expires_on, assignee, due_on), key)


def _fields(status: str, key: str) -> tuple[str, date | None, str | None, date | None]:
    """The fields that a status asks for: reason, end of the waiver, who is asked, by when."""
    expires_on, assignee, due_on, why = None, None, None, ""
    if status in (DISMISSED, WAIVED):
        why = st.selectbox("Reason", REASONS, None, key=f"{key}_why", placeholder="Choose a reason")
    if status == WAIVED:
        expires_on = st.date_input(
            "Until",
            date.today() + timedelta(days=WAIVER_DAYS),
            min_value=date.today(),
            key=f"{key}_until",
            format="YYYY-MM-DD",
        )
    if status == ASKED:
        with st.container(horizontal=True):
            assignee = st.text_input("Who", key=f"{key}_who")
            due_on = st.date_input(
                "By",
                date.today() + timedelta(days=ANSWER_DAYS),
                min_value=date.today(),
                key=f"{key}_by",
                format="YYYY-MM-DD",
            )
    words = st.text_area("In words", key=f"{key}_words", height=70, placeholder="What you saw, where")
    told = [part for part in ("" if why == "Other" else why, words.strip()) if part]
    return ": ".join(told), expires_on, assignee, due_on


def _decide(chosen: pl.DataFrame, store: Store, said: Sequence[Any], key: str) -> None:
    seen = dict(chosen.select("finding_id", "decision").iter_rows())
    try:
        store.decide(chosen.to_dicts(), Decision(*said), data.person(), seen=seen)
    except (Conflict, ReviewError, ValueError) as refusal:
        st.error(formats.markdown(str(refusal)))
        return
    st.session_state["decided"] = (
        f"{STATUS_WORDS[said[0]].capitalize()}: {formats.plural(chosen.height, 'finding')}."
    )
    data.forget_widgets(key)
    st.session_state[DECIDING] = None
    st.rerun()


def button(finding: Mapping[str, Any]) -> None:
    """The button that says how a finding stands and opens, or closes, the form below the actions of its card."""
    store, refusal = data.review()
    if store is None:
        st.caption(formats.markdown(refusal))
        return
    said_before()
    stands = standing(_alone(finding), store.decisions(), date.today()).row(0, named=True)
    if st.button(
        f"Decide ({filters.names().masked(standing_words(stands))})", key="evidence_decide", type="tertiary"
    ):
        opened = st.session_state.get(DECIDING) == finding["finding_id"]
        st.session_state[DECIDING] = None if opened else finding["finding_id"]


def panel(finding: Mapping[str, Any]) -> None:
    """The form and the history of the finding that is being decided; nothing for any other."""
    store, _ = data.review()
    if store is None or st.session_state.get(DECIDING) != finding["finding_id"]:
        return
    found = _alone(finding)
    stands = standing(found, store.decisions(), date.today())
    with st.container(key="evidence_deciding"):
        form(found.with_columns(decision=stands["decision"]), store, f"decide_{finding['finding_id']}")
        history(finding["finding_id"], store)


def _alone(finding: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([finding], schema_overrides={"service_date": pl.Datetime("us")})


def said_before() -> None:
    """What was decided in the run before this one, once."""
    told = st.session_state.pop("decided", None)
    if told:
        st.toast(told)


def history(finding_id: str, store: Store) -> None:
    """All that was decided and said of a finding, the newest first."""
    own = store.decisions().filter(pl.col("finding_id") == finding_id).sort("decision", descending=True)
    for row in own.iter_rows(named=True):
        when = parts.day_words(row["at"][:10])
        more = [
            row["reason"],
            f"until {formats.day(row['expires_on'])}" if row["expires_on"] else "",
            f"{row['assignee']} by {formats.day(row['due_on'])}" if row["assignee"] else "",
        ]
        told = filters.names().masked(" · ".join(part for part in more if part))
        st.caption(
            formats.markdown(
                f"{when}, {row['person']}: {STATUS_WORDS[row['status']]}{' · ' if told else ''}{told}"
            )
        )
