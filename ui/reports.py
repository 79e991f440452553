"""The report of what the page shows, as PDF or workbook: made on a click, kept, and its download recorded."""

from datetime import date

import streamlit as st

from compliance import formats
from compliance.audit import unsubmitted
from compliance.prebill import unsent
from compliance.reports import Subject, pdf, xlsx
from compliance.review import lifted
from compliance.views.narrowed import Narrowed, dismissed_sentence
from ui import data, filters, parts, trail
from ui.made import kept

KINDS: dict[str, tuple[str, str]] = {
    "pdf": ("PDF", "application/pdf"),
    "xlsx": ("Workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_MADE = "report_made"


def offer(view: Narrowed) -> None:
    """The popover that makes and gives the report, of the whole or under the filters in force; it says which."""
    with st.popover("Report", type="tertiary", help="What this page shows, to print or to hand over"):
        chosen = [text for text, _ in parts.filter_words(filters.current())]
        told = f"Only: {'; '.join(chosen)}." if chosen else "The whole of these records."
        hidden = "" if not filters.names().hidden else " Names are hidden."
        st.caption(formats.markdown(told + dismissed_sentence(view) + hidden))
        coaching = st.toggle("With a page for each therapist (PDF)", key="report_coaching")
        for kind, (title, _) in KINDS.items():
            if st.button(f"Make the {title}", key=f"report_make_{kind}"):
                st.session_state[_MADE] = (kind, _key(kind, coaching))
        kind, key = st.session_state.get(_MADE, ("", ""))
        if kind and key == _key(kind, coaching):
            _give(kind, key, view, tuple(chosen), coaching)


def subject(view: Narrowed) -> Subject:
    """What the page shows, as a report tells it: whose figures are a report's figures too."""
    return _subject(view, (), _lifted(view))


def _subject(view: Narrowed, chosen: tuple[str, ...], off: frozenset[str]) -> Subject:
    store, _ = data.review()
    marks, head = (tuple(store.marks()), store.head()) if store else ((), None)
    names = filters.names()
    waiting = unsent(data.audited())
    return Subject(
        view, data.peers().audit, data.records(), data.policies(), names, chosen, off, marks, head, waiting
    )


def _key(kind: str, coaching: bool) -> str:
    """What a report hangs on besides what reviewers decided and marked."""
    told = (
        data.records().fingerprint,
        data.policies().fingerprint,
        date.today(),
        filters.current().query(),
        filters.names().hidden,  # a page may hide names whatever the side bar says
        kind,
    )
    return str((*told, coaching and kind == "pdf"))


def _give(kind: str, key: str, view: Narrowed, chosen: tuple[str, ...], coaching: bool) -> None:
    title, mime = KINDS[kind]
    told = _subject(view, chosen, _lifted(view))

    def make() -> bytes:
        return xlsx(told) if kind == "xlsx" else pdf(told, None if coaching else ())

    with st.spinner(f"Making the {title} …"):
        decided = [*sorted(told.lifted), *view.dismissed.rows()]
        made = kept("report", f"{key} {decided} {told.marks}", make)
    name = f"compliance_{date.today().isoformat()}.{kind}"
    st.download_button(f"Download {name}", made, name, mime, key=f"report_{kind}", type="primary",
                       on_click=trail.exported, args=(name,))  # fmt: skip


def _lifted(view: Narrowed) -> frozenset[str]:
    """What reviewers waived, or dismissed where that is not counted again: it holds no claim."""
    store, _ = data.review()
    if store is None:
        return frozenset()
    every = unsubmitted(view.whole).findings
    off = lifted(every, store.decisions(), date.today())
    gone = data.dismissed(every) if view.counts_dismissed else None
    return off if gone is None else off.difference(gone["finding_id"])
