"""The frame around every page: navigation, style, and the guard that no page runs without it."""

import html
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from compliance.chart_theme import TOKENS
from ui import filters

ROOT = Path(__file__).resolve().parent.parent
PAGES: dict[str, tuple[str, str, str]] = {
    "overview": (
        "Overview",
        ":material/monitoring:",
        "What was found, what it puts at risk, what to fix first.",
    ),
    "worklist": (
        "Worklist",
        ":material/checklist:",
        "What is new, what to decide, what was fixed since the last run.",
    ),
    "before_billing": (
        "Before billing",
        ":material/outgoing_mail:",
        "Which unsent claims to hold, which to release, and what to fix first.",
    ),
    "therapists": ("Therapists", ":material/groups:", "Who is outside what chance explains."),
    "payers": ("Payers", ":material/account_balance:", "Where the dollars at risk are."),
    "findings": ("Findings", ":material/fact_check:", "Each finding with its evidence."),
    "meeting": (
        "Meeting",
        ":material/present_to_all:",
        "Ten minutes on a projector: are we better, who needs help, what to do by Friday.",
    ),
    "spot_check": (
        "Spot check",
        ":material/policy:",
        "A reproducible sample, reviewed chart by chart, and what it says of all.",
    ),
    "what_if": (
        "What if",
        ":material/tune:",
        "A payer changes a rule: what that adds, removes and moves.",
    ),
    "rules": ("Rules", ":material/gavel:", "What is checked, why, and under which authority."),
    "records": (
        "Records",
        ":material/folder_open:",
        "What was loaded, refused and lacking; load other records.",
    ),
}
ICON = "📋"
_FRAMED = "framed"
DRAWN = "[data-testid='stVegaLiteChart'],[data-testid='stDataFrame']"
PRINTED_FROM_DARK = f"@media print{{{DRAWN}{{filter:invert(1) hue-rotate(180deg)}}}}"
"""Charts and tables are drawn in the theme's colours before anybody prints; on paper they turn light."""


def pages() -> dict[str, StreamlitPage]:
    """The pages by name; the first is the one that opens at `/`."""
    first = next(iter(PAGES))
    return {
        name: st.Page(
            ROOT / "pages" / f"{name}.py", title=title, icon=icon, help=about, default=name == first
        )
        for name, (title, icon, about) in PAGES.items()
    }


def dress() -> None:
    """Name the browser's tab. Without an icon of ours, Streamlit would fetch the page's icon from a foreign host."""
    st.set_page_config(page_title="Therapy compliance", page_icon=ICON, layout="wide")


def navigation() -> StreamlitPage:
    """Set up the menu and the style, and return the page that was asked for; `app.py` calls it once a run."""
    dress()
    st.session_state[_FRAMED] = True
    st.html(f"<style>{stylesheet()}{PRINTED_FROM_DARK if dark() else ''}</style>")
    return st.navigation(list(pages().values()))


def enter() -> None:
    """First statement of every page: runs the frame if the page was opened without it.

    Beside a folder `pages/`, Streamlit runs a page alone when it is the first thing that a fresh server is asked for:
    no filters, the wrong menu, no sign-in. Declaring the navigation and running again brings the frame, and keeps path
    and query.
    """
    if _FRAMED not in st.session_state:
        dress()
        st.navigation(list(pages().values()), position="hidden")
        st.rerun()


def waiting() -> AbstractContextManager[Any]:
    """The place of what is told while somebody waits (a spinner, a bar), there in every run and empty in most.

    Told without a place of its own it would move all that is drawn after it: gone in the next run, the whole page would
    be drawn anew and jump to its top.
    """
    return st.empty()


def heading(title: str, sentence: str | None = None, context: str | None = None) -> None:
    """The head of a page: its title, what it looks at (`Jan 1 – Jun 30, 2026 · 3 clinics`), its answer.

    Plain text: it is escaped, so names from records are safe in it.
    """
    st.title(title, anchor=False)
    lines = [("context", context), ("sentence", sentence)]
    shown = "".join(f'<p class="{kind}">{html.escape(text)}</p>' for kind, text in lines if text)
    if shown:
        st.html(shown)


def go(page: str, query: dict[str, str] | None = None, **changes: Any) -> None:
    """Open a page by name, with filters changed as by `filters.put`, and `query` for the page's own parameters.

    `frame.go("findings", {"finding": "F000042"}, therapist=["T004"])`.
    """
    if changes:
        filters.put(**changes)
    # Streamlit refuses to leave a page without parameters while widgets are bound to the URL; an empty set is accepted.
    st.switch_page(pages()[page], query_params=query or {})


def keep(**state: str | None) -> None:
    """Hold a page's own choices in its URL, so that a link shows its receiver the same; None or empty takes one out."""
    for key, value in state.items():
        if value and st.query_params.get(key) != value:
            st.query_params[key] = value
        elif not value and key in st.query_params:
            del st.query_params[key]


def day(key: str) -> date | None:
    """A day that the URL names, or None."""
    try:
        return date.fromisoformat(st.query_params.get(key, ""))
    except ValueError:
        return None


def link(page: str, **query: str) -> str:
    """A whole address of a page with the filters in force and `query`: what *copy link* gives."""
    here = urlsplit(st.context.url or "")
    origin = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    path = "" if page == next(iter(PAGES)) else page
    parameters = urlencode(filters.current().query() | query)
    return f"{origin}/{path}" + (f"?{parameters}" if parameters else "")


def dark() -> bool:
    """Whether the dark colours are shown: charts need to be told."""
    return st.context.theme.type == "dark"


def stylesheet() -> str:
    """The tokens as CSS variables that follow light and dark, and the rules of `style.css`."""
    light, night = TOKENS["light"], TOKENS["dark"]
    variables = "".join(
        f"--{name.replace('_', '-')}:light-dark({light[name]},{night[name]});" for name in light
    )
    return f":root{{{variables}}}" + (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
