"""Small pieces that pages share: charts with their table, downloads, chips of filters, names, empty states."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NoReturn

import altair as alt
import polars as pl
import streamlit as st

from compliance import chart_theme, charts, formats, views
from compliance.checks.rule import catalogue
from compliance.policy import PolicyError
from compliance.records.load import InputError
from ui import data, filters, frame, trail

DOLLARS = st.column_config.NumberColumn(format="dollar")
DAY = st.column_config.DateColumn(format="MMM D, YYYY")
ROW_HEIGHT = 26
"""Pixels of a row of a sheet of many rows."""


def explain(why: str) -> None:
    """Says why something is not there (plain text), and offers to clear the filters."""
    st.info(formats.markdown(why))
    if filters.current().active and st.button("Clear the filters", key="empty_clear"):
        filters.put(since=None, until=None, **dict.fromkeys(filters.LISTS))
        st.rerun()


def empty(why: str) -> NoReturn:
    """An empty state: `explain`, and the end of the page."""
    explain(why)
    st.stop()


def ready(title: str) -> views.narrowed.Narrowed:
    """The audit under the filters, or the page's heading and an explanation why there is none."""
    try:
        with frame.waiting():
            view = data.view()
    except (InputError, PolicyError) as refusal:
        frame.heading(title)
        empty(
            f"Nothing can be shown: {refusal}. Nothing was changed. Open other records on the Records page."
        )
    _, refused = data.review()
    if refused:
        st.warning(formats.markdown(f"{refused} Decisions are not heeded here."))
    whole = data.audited()
    if whole.lines.is_empty() and whole.visits.is_empty():
        frame.heading(title, context=data.context())
        empty("These records hold no visits and no claim lines. Records says what was loaded and refused.")
    return view


def chart(
    drawn: alt.TopLevelMixin, alt_text: str, key: str, table: pl.DataFrame, picks: bool = True
) -> list[dict[str, Any]]:
    """A chart with its text alternative, and its table to read or download at its corner; returns what was picked.

    `table` holds what the chart draws, people named as on screen.
    """
    dressed = chart_theme.apply(drawn, frame.dark())
    mode: Any = {"on_select": "rerun", "selection_mode": [charts.PICK]} if picks else {}
    with st.container(key=f"chart_{key}", gap=None):
        event = st.altair_chart(dressed, theme=None, alt=alt_text, width="stretch", key=key, **mode)
        with st.popover("Table", type="tertiary", help="The figures of this chart, to read or download"):
            sheet(headed(table), alt_text)
            download(headed(table), key, f"{key}.csv")
    return list(event["selection"].get(charts.PICK, [])) if picks else []


def sheet(table: pl.DataFrame, alt_text: str, **more: Any) -> Any:
    """A table as people read it: dates as days, dollars with their sign, rates as per cent."""
    kinds = {name: _column(name, dtype) for name, dtype in table.schema.items()}
    settings = {name: kind for name, kind in kinds.items() if kind} | more.pop("column_config", {})
    shown = table.with_columns(pl.col(pl.String).fill_null(""))  # the grid would write None
    return st.dataframe(shown, hide_index=True, width="stretch", alt=alt_text, column_config=settings, **more)


def _column(name: str, dtype: pl.DataType) -> Any:
    if name in ("At risk", "Dollars", "Amount", "Paid by the payer"):
        return DOLLARS
    if dtype in (pl.Date, pl.Datetime("us")):
        return DAY
    if dtype == pl.Float64 and name in SHARES:
        return st.column_config.NumberColumn(format="percent")
    return st.column_config.NumberColumn(format="localized") if dtype.is_numeric() else None


SHARES = ("Share", "From", "To", "Centre", "Lower limit", "Upper limit", "Cannot tell, share",
          "Held with those above")  # fmt: skip
COLUMN_WORDS = {
    "n": "With a finding", "of": "Checked", "share_low": "From", "share_high": "To", "limit_low": "Lower limit",
    "limit_high": "Upper limit", "therapist_id": "Therapist", "payer_id": "Payer", "per_100": "Per 100 claims",
    "per_100_low": "Per 100, from", "per_100_high": "Per 100, to", "cannot_tell_share": "Cannot tell, share",
    "excess": "Excess (standard deviations)", "state": "Stands", "cpt": "Code", "part_b_deductible": "Part B deductible",
    "by_cms": "Units by the 8-minute rule", "by_midpoint": "Units by midpoint of each code",
}  # fmt: skip
ABBREVIATIONS = {"abn": "ABN", "kx": "KX", "mue": "MUE", "slp": "SLP"}
STANDING_WORDS = charts.STANDING_WORDS | {"few": "too few to say", "cannot_tell": "cannot tell"}


def headed(table: pl.DataFrame) -> pl.DataFrame:
    """A chart's frame as a table: headings in words, families and standings named, dollars to cents, others to four digits."""
    said: dict[str, Mapping[str, str]] = {
        "family": views.severities.family_titles(),
        "standing": STANDING_WORDS,
        "state": STANDING_WORDS,
    }
    numbers = [
        pl.col(name).round(2 if name == "dollars" else 4)
        for name, dtype in table.schema.items()
        if dtype == pl.Float64
    ]
    texts = [pl.col(name).replace(dict(words)) for name, words in said.items() if name in table.columns]
    return table.with_columns(*numbers, *texts).rename(words)


def words(name: str) -> str:
    """A column or a kind as a heading: `cannot_tell` is `Cannot tell`."""
    said = " ".join(ABBREVIATIONS.get(word, word) for word in name.split("_"))
    return COLUMN_WORDS.get(name, said[:1].upper() + said[1:])


def day_words(text: str) -> str:
    """An ISO day or moment as people write it; other text as it is."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?", text):
        return text
    moment = datetime.fromisoformat(text)
    return formats.day(moment) + (f" {moment:%H:%M}" if len(text) > 10 else "")


DOLLAR_FACTS = re.compile(r"(^|_)(dollars|amount|allowed|paid|payment|missed|too_much)$")
"""Names of facts that are sums of money."""


def fact_said(name: str, value: Any) -> str:
    """A fact or a parameter as people write it: days, moments, lists of days, units by code, dollars, yes and no."""
    if value is None:
        return "no such rule"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each).replace("_", " ") for each in value)
    if isinstance(value, int | float):
        return formats.money(value, cents=True) if DOLLAR_FACTS.search(name) else f"{round(value, 4)}"
    text = str(value)
    return (
        formats.days_in(text)
        or formats.units_in(text)
        or formats.codes_in(text)
        or day_words(text.replace("_", " ") if "_" in text and " " not in text else text)
    )


def download(table: pl.DataFrame, key: str, name: str) -> None:
    """A button that gives the table as CSV; cells that a spreadsheet would run are made text. The trail says who took it."""
    st.download_button(
        "Download CSV",
        lambda: formats.spreadsheet(table),
        name,
        "text/csv",
        key=f"{key}_csv",
        on_click=trail.exported,
        args=(name,),
        type="tertiary",
    )


def severity_badge(severity: str) -> str:
    """The severity as HTML: its sign and its word, in its colour."""
    return f'<span class="severity {severity}">{chart_theme.SEVERITY_SIGNS[severity]} {severity}</span>'


def filter_words(chosen: filters.Filters) -> list[tuple[str, dict[str, Any]]]:
    """What is filtered, in words, each with the change that lifts it."""
    told: list[tuple[str, dict[str, Any]]] = []
    if chosen.since or chosen.until:
        when = (
            f"from {formats.day(chosen.since)}" if not chosen.until else f"until {formats.day(chosen.until)}"
        )
        both = formats.span(chosen.since, chosen.until) if chosen.since and chosen.until else when
        told.append((f"Service {both}", {"since": None, "until": None}))
    for key, (title, _) in filters.LISTS.items():
        values = chosen.chosen(key)
        for value in values:
            told.append(
                (
                    f"{title}: {_value_words(key, value)}",
                    {key: [each for each in values if each != value] or None},
                )
            )
    return told


def _value_words(key: str, value: str) -> str:
    if key == "rule":
        return f"{value} {catalogue()[value].title}"
    if key == "severity":
        return views.findings.signed_severities()[value]
    return people(f"{key}_id")(value) if key != "discipline" else value


def chips(shown: int = 6) -> None:
    """What is filtered, each chip lifting its own filter; nothing where nothing is filtered."""
    told = filter_words(filters.current())
    for place, (text, change) in enumerate(told[:shown]):
        if st.button(f"{formats.markdown(text)}  ✕", key=f"chip_{place}", help="Lift this filter"):
            filters.put(**change)
            st.rerun()
    if len(told) > shown:
        st.caption(f"and {len(told) - shown} more", width="content")


def picked(events: Sequence[Mapping[str, Any]], field: str) -> list[str]:
    """The distinct values of one field among picked marks."""
    return list(dict.fromkeys(event[field] for event in events if event.get(field)))


def people(column: str) -> Callable[[str | None], str]:
    """What the ids of a column are called on screen."""
    names = filters.names()
    named: dict[str, Callable[[str | None], str]] = {
        "therapist_id": names.therapist,
        "patient_id": names.patient,
        "payer_id": names.payer,
        "clinic_id": names.clinic,
    }
    return named.get(column, lambda value: value or "–")


def called(column: str, key: str | None) -> str:
    """What one id of a column is called on screen."""
    return people(column)(key)


def named(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The table with ids replaced by what they are called on screen, sentences likewise where names are hidden."""
    shown = [
        pl.Series(column, [people(column)(value) for value in table[column]], dtype=pl.String)
        for column in columns
    ]
    return masked(table.with_columns(shown), "message")


def masked(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The table with people in these columns of free text replaced where names are hidden; absent ones do not matter."""
    names = filters.names()
    if not names.hidden:
        return table
    texts = [column for column in columns if column in table.columns]
    said = [[each and names.masked(each) for each in table[column]] for column in texts]
    return table.with_columns(
        pl.Series(column, words, dtype=pl.String) for column, words in zip(texts, said, strict=True)
    )


def mapping(table: pl.DataFrame, column: str) -> dict[str, str]:
    """Ids of a column and what they are called on screen."""
    return {value: people(column)(value) for value in table[column].drop_nulls().unique()}


def week(monday: str) -> dict[str, date]:
    """The change of filters that leaves one service week."""
    since, until = views.weeks.week_of(monday)
    return {"since": since, "until": until}
