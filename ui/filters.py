"""The shared filters. The URL is their only state, so a link shows its receiver what its sender saw.

| key in the URL | value | example |
| --- | --- | --- |
| `from`, `to` | first and last date of service, both included | `from=2026-01-01` |
| `clinic`, `payer`, `therapist` | ids, separated by commas | `payer=AETNA,BCBS` |
| `discipline` | `PT`, `OT`, `SLP` | `discipline=PT,OT` |
| `rule` | codes, or a prefix that stands for its family | `rule=SUP,PR-01` |
| `severity` | `high`, `medium`, `low`, `info` | `severity=high` |
| `hide_names` | `true` shows pseudonyms | `hide_names=true` |
| `count_dismissed` | `true` counts findings that reviewers dismissed | `count_dismissed=true` |

Values that the records do not hold are ignored, and the page says so. The URL bears ids, never names: Streamlit
writes the shown label of a bound widget into the URL, so the bound widgets are hidden text fields, and the visible
ones write to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats
from compliance.chart_theme import SEVERITY_SIGNS
from compliance.names import Choices, Names

LISTS: dict[str, tuple[str, str]] = {
    "clinic": ("Clinic", "All clinics"),
    "discipline": ("Discipline", "All disciplines"),
    "payer": ("Payer", "All payers"),
    "therapist": ("Therapist", "All therapists"),
    "rule": ("Rule", "All rules"),
    "severity": ("Severity", "All severities"),
}
DATES: dict[str, str] = {"from": "From", "to": "To"}
HIDE_NAMES, COUNT_DISMISSED = "hide_names", "count_dismissed"
COLUMNS = {
    "clinic": "clinic_id",
    "discipline": "discipline",
    "payer": "payer_id",
    "therapist": "therapist_id",
    "rule": "rule",
    "severity": "severity",
}
SWITCHES: dict[str, tuple[str, str]] = {
    HIDE_NAMES: ("Hide names", "Shows numbers in place of people’s names."),
    COUNT_DISMISSED: (
        "Count dismissed",
        "Findings that a reviewer dismissed are left out of every figure; this counts them again.",
    ),
}
TOLD = 10
"""So many things that were ignored are told one by one: an address may ask for thousands."""
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)

_CURRENT = "filters_current"
_PENDING = "filters_pending"
_NAMES = "filters_names"


@dataclass(frozen=True)
class Filters:
    """What is chosen; empty means all. Dates are dates of service, both ends included."""

    since: date | None = None
    until: date | None = None
    clinics: tuple[str, ...] = ()
    disciplines: tuple[str, ...] = ()
    payers: tuple[str, ...] = ()
    therapists: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    hide_names: bool = False
    count_dismissed: bool = False

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return any((self.since, self.until, *(self.chosen(key) for key in LISTS)))

    def chosen(self, key: str) -> tuple[str, ...]:
        """The values of one filter by its key in the URL."""
        return getattr(self, "severities" if key == "severity" else f"{key}s")

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that the filters let through; a filter whose column the frame lacks does not act.

        A row without a value (a therapist-day has no patient and no payer) shows under every choice but that of a
        therapist: what nobody did is not theirs, here as in the command.
        """
        kept = [
            pl.col(column).is_in(list(self.chosen(key))) | (pl.col(column).is_null() & (key != "therapist"))
            for key, column in COLUMNS.items()
            if self.chosen(key) and column in rows.columns
        ]
        if "service_date" in rows.columns:
            on = pl.col("service_date").cast(pl.Date)
            kept += [on.is_null() | (on >= self.since)] if self.since else []
            kept += [on.is_null() | (on <= self.until)] if self.until else []
        return rows.filter(*kept) if kept else rows

    def before(self, first: date | None, last: date | None) -> "Filters | None":
        """The same filters on as many days before the chosen ones; None where no dates are chosen.

        `first` and `last` are the records' own ends: an open end is theirs.
        """
        if not (self.since or self.until) or not (first and last):
            return None
        since, until = self.since or first, self.until or last
        if since > until:
            return None
        return replace(self, since=since - (until - since) - timedelta(1), until=since - timedelta(1))

    def options(self) -> list[str]:
        """Payers, therapists and dates as options of `compliance check`, which knows no others of these filters but rules."""
        named = [("--payer", each) for each in self.payers] + [
            ("--therapist", each) for each in self.therapists
        ]
        dates = [("--from", self.since), ("--to", self.until)]
        return [part for option, each in [*named, *dates] if each for part in (option, str(each))]

    def query(self) -> dict[str, str]:
        """The filters as parameters of a URL."""
        dates = {"from": self.since, "to": self.until}
        return (
            {key: value.isoformat() for key, value in dates.items() if value}
            | {key: ",".join(self.chosen(key)) for key in LISTS if self.chosen(key)}
            | ({HIDE_NAMES: "true"} if self.hide_names else {})
            | ({COUNT_DISMISSED: "true"} if self.count_dismissed else {})
        )


def read(held: Mapping[str, str], choices: Choices) -> tuple[Filters, list[str]]:
    """The filters that texts from a URL ask for, and one sentence for each thing ignored.

    `held` maps the keys of the URL to its texts; absent and empty mean all.
    """
    ignored: list[str] = []
    dates = {key: _date(key, held.get(key, ""), ignored) for key in DATES}
    lists = {key: _list(key, held.get(key, ""), choices.of(key), ignored) for key in LISTS}
    if dates["from"] and dates["to"] and dates["from"] > dates["to"]:
        ignored.append("“From” lies after “To”, so no date of service can match.")
    filters = Filters(
        since=dates["from"],
        until=dates["to"],
        severities=lists.pop("severity"),
        hide_names=held.get(HIDE_NAMES, "") == "true",
        count_dismissed=held.get(COUNT_DISMISSED, "") == "true",
        **{f"{key}s": values for key, values in lists.items()},
    )
    return filters, ignored


def _date(key: str, text: str, ignored: list[str]) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        ignored.append(f"{key}={formats.short(text)} is no date (expected 2026-03-01).")
        return None
    return found


def _list(key: str, text: str, known: Mapping[str, str], ignored: list[str]) -> tuple[str, ...]:
    asked = [each.strip() for each in text.split(",") if each.strip()]
    found = {each: _meant(key, each, known) for each in asked}
    ignored += [
        f"{key}={formats.short(each)} is not in these records." for each, meant in found.items() if not meant
    ]
    return tuple(dict.fromkeys(value for meant in found.values() for value in meant))


def _meant(key: str, asked: str, known: Mapping[str, str]) -> list[str]:
    if asked in known:
        return [asked]
    return [code for code in known if key == "rule" and code.startswith(f"{asked}-")]


def current() -> Filters:
    """The filters in force on this run of the page."""
    return st.session_state.get(_CURRENT, Filters())


def names() -> Names:
    """What ids are called on this run of the page."""
    return st.session_state.get(_NAMES, Names())


def hide_here(hidden: bool) -> None:
    """Hide names, or show them, on this run of the page, whatever the side bar says."""
    st.session_state[_NAMES] = replace(names(), hidden=hidden)


def put(**changes: Any) -> None:
    """Change filters from the next run on: keys as in the URL, a text, a date, a list of ids, or None for all.

    `put(therapist=["T004"], rule=None)`; call `st.rerun()` or `frame.go(...)` after it.
    """
    unknown = changes.keys() - {"since", "until", *LISTS, HIDE_NAMES, COUNT_DISMISSED}
    if unknown:
        raise ValueError(
            f"no such filter: {', '.join(sorted(unknown))} (one of since, until, {', '.join(LISTS)})"
        )
    renamed = {{"since": "from", "until": "to"}.get(key, key): _text(value) for key, value in changes.items()}
    st.session_state[_PENDING] = st.session_state.get(_PENDING, {}) | renamed


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return value
    return value.isoformat() if isinstance(value, date) else ",".join(value)


def draw(choices: Choices, dismissed: bool = False) -> None:
    """Show the filters in the side bar, and set what `current()` and `names()` answer; `app.py` calls it once a run.

    `dismissed`: whether reviewers dismissed any finding, so that these can be counted again.
    """
    for key, value in st.session_state.pop(_PENDING, {}).items():
        st.session_state[key] = value
    with st.sidebar:
        with st.container(key="url_state"):
            held = {key: st.text_input(key, key=key, bind="query-params") for key in (*DATES, *LISTS)}
        with st.container(key="filters"):
            switches = _draw_visible(held, choices, dismissed)
    filters, ignored = read(held | {key: "true" for key, on in switches.items() if on}, choices)
    st.session_state[_CURRENT] = filters
    st.session_state[_NAMES] = Names(choices, filters.hide_names)
    if ignored:
        more = f" And {formats.count(len(ignored) - TOLD)} more." if len(ignored) > TOLD else ""
        st.warning(formats.markdown(f"Ignored: {' '.join(ignored[:TOLD])}{more}"))


def _draw_visible(held: Mapping[str, str], choices: Choices, dismissed: bool) -> dict[str, bool]:
    """The visible widgets; returns which of the switches are on."""
    filters, _ = read(held, choices)
    # the switch below is not yet read from the URL on a session's first run
    asked = st.query_params.get(HIDE_NAMES) == "true"
    shown = Names(choices, st.session_state.get(HIDE_NAMES, asked))
    with st.container(horizontal=True, vertical_alignment="center", key="filters_head"):
        st.markdown("**Filters**")
        st.button("Clear", on_click=_clear, type="tertiary", disabled=not filters.active, key="filters_clear")
    since, until = st.columns(2)
    _date_input(since, "from", filters.since)
    _date_input(until, "to", filters.until)
    for key in LISTS:
        _multiselect(key, filters.chosen(key), list(choices.of(key)), _label(key, choices, shown))
    return {key: _switch(key) for key in (HIDE_NAMES, *([COUNT_DISMISSED] if dismissed else []))}


def _switch(key: str) -> bool:
    label, told = SWITCHES[key]
    return st.toggle(label, key=key, bind="query-params", help=told)


def _label(key: str, choices: Choices, shown: Names) -> Callable[[str], str]:
    if key == "therapist":
        return shown.therapist
    if key == "rule":
        return lambda code: f"{code} {choices.rules[code]}"
    if key == "severity":
        return lambda severity: f"{SEVERITY_SIGNS[severity]} {severity}"
    return lambda value: choices.of(key)[value]


def _date_input(place: Any, key: str, value: date | None) -> None:
    st.session_state[f"{key}_shown"] = value
    place.date_input(
        DATES[key],
        key=f"{key}_shown",
        min_value=EARLIEST,
        max_value=LATEST,
        format="YYYY-MM-DD",
        on_change=_hold,
        args=(key,),
    )


def _multiselect(key: str, value: tuple[str, ...], options: list[str], label: Callable[[str], str]) -> None:
    title, everything = LISTS[key]
    st.session_state[f"{key}_shown"] = list(value)
    st.multiselect(
        title,
        options,
        format_func=label,
        key=f"{key}_shown",
        placeholder=everything,
        label_visibility="collapsed",
        on_change=_hold,
        args=(key,),
    )


def _hold(key: str) -> None:
    st.session_state[key] = _text(st.session_state[f"{key}_shown"])


def _clear() -> None:
    for key in (*DATES, *LISTS):
        st.session_state[key] = ""
