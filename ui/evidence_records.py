"""Small tables of the evidence card: what the records hold behind the figures of a finding."""

import html
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats, views
from compliance.audit import Audit
from ui import data
from ui.evidence_pictures import html_table


def draw(finding: Mapping[str, Any], evidence: Mapping[str, Any], result: Audit) -> None:
    """Show each table that the facts ask for and the records can give."""
    facts = evidence["facts"]
    _running_total(finding, facts, result)


def _running_total(finding: Mapping[str, Any], facts: Mapping[str, Any], result: Audit) -> None:
    """The dollars of a threshold line by line, those above it marked."""
    told = views.behind.running_total(finding, facts, result.lines, data.policies())
    if told is None:
        return
    above = (told["Sum so far"] > told["Threshold"]).arg_true().to_list()
    lines = formats.plural(told["Line"].drop_nulls().len(), "line")
    _folded(f"The running total, line by line: {lines} here", told, above)


def _folded(head: str, table: pl.DataFrame, marked: Collection[int] = ()) -> None:
    """A table below a fold: days and dollars in words, the rows numbered `marked` standing out."""
    worded = {pl.Date(): formats.day, pl.Float64(): lambda dollars: formats.money(dollars, cents=True)}
    said = [
        pl.Series(column.name, [word(each) for each in column], dtype=pl.String)
        for column in table
        if (word := worded.get(column.dtype))
    ]
    numbers = [name for name, dtype in table.schema.items() if dtype.is_numeric()]
    shown = html_table(table.with_columns(said), numbers, marked)
    st.html(f"<details><summary>{html.escape(head)}</summary><div class='scroll'>{shown}</div></details>")
