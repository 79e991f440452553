"""Small tables of the evidence card: what the records hold behind the figures of a finding."""

import html
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats, views
from compliance.audit import Audit
from ui import data, filters
from ui.evidence_pictures import html_table


def draw(finding: Mapping[str, Any], evidence: Mapping[str, Any], result: Audit) -> None:
    """Show each table that the facts ask for and the records can give."""
    facts = evidence["facts"]
    _running_total(finding, facts, result)
    _monitoring(finding, facts)
    _shifts(finding, facts)
    _pattern(finding, facts)


def _running_total(finding: Mapping[str, Any], facts: Mapping[str, Any], result: Audit) -> None:
    """The dollars of a threshold line by line, those above it marked."""
    told = views.behind.running_total(finding, facts, result.lines, data.policies())
    if told is None:
        return
    above = (told["Sum so far"] > told["Threshold"]).arg_true().to_list()
    lines = formats.plural(told["Line"].drop_nulls().len(), "line")
    _folded(f"The running total, line by line: {lines} here", told, above)


def _monitoring(finding: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """The events of remote monitoring that were counted."""
    told = views.behind.monitoring_events(finding, facts, data.records().tables)
    if told is None:
        return
    if told.is_empty():
        st.html("<p class='muted key'>The records hold no event that counts.</p>")
        return
    days = formats.plural(told["Day"].n_unique(), "day")
    minutes = f", {formats.plural(int(told['Minutes'].sum()), 'minute')}" if "Minutes" in told.columns else ""
    _folded(f"{formats.plural(told.height, 'event')} counted, on {days}{minutes}", told, shown=True)


def _shifts(finding: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Who was on shift on the day of an assistant's service."""
    told = views.behind.shifts_of_day(finding, facts, data.records().tables)
    if told is None:
        return
    day, whose = formats.day(finding["service_date"]), f"{finding['discipline'] or ''} therapists".strip()
    if told.is_empty():
        st.html(
            f"<p class='muted key'>No shift of {html.escape(whose)} at the clinic is on record for {day}.</p>"
        )
        return
    times = [str(facts[name])[11:16] for name in ("starts_at", "ends_at") if facts.get(name)]
    service = f"; the service lasted from {times[0]} to {times[1]}" if len(times) > 1 else ""
    _folded(f"Shifts of {whose} on {day}{service}", told, shown=True)


def _pattern(finding: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """The visits of a therapist whose minutes are alike."""
    told = views.behind.visits_of_pattern(finding, facts, data.records().tables)
    if told is not None:
        _folded(f"{formats.plural(told.height, 'visit')} with timed minutes", told, shown=True)


def _folded(head: str, table: pl.DataFrame, marked: Collection[int] = (), shown: bool = False) -> None:
    """A table below a fold (open where `shown`): days, dollars and people in words, the rows numbered `marked` standing out."""
    worded = {pl.Date(): formats.day, pl.Float64(): lambda dollars: formats.money(dollars, cents=True)}
    said = []
    people = {"By": filters.names().therapist, "Patient": filters.names().patient}
    for column in table:
        word = people.get(column.name) or worded.get(column.dtype)
        said += [pl.Series(column.name, [word(each) for each in column], dtype=pl.String)] if word else []
    numbers = [name for name, dtype in table.schema.items() if dtype.is_numeric()]
    drawn = html_table(table.with_columns(said), numbers, marked)
    st.html(
        f"<details{' open' if shown else ''}><summary>{html.escape(head)}</summary><div class='scroll'>{drawn}</div></details>"
    )
