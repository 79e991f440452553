"""Pictures of the evidence card: what `compliance.proof` reads in the facts, drawn, each with its words and its table."""

import html
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from compliance import charts, formats, proof
from ui import filters, frame, parts

DAYS_SHOWN = 40


def draw(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> set[str]:
    """Draw every picture that the facts allow; returns the names of the facts that they show."""
    facts, parameters = evidence["facts"], evidence.get("parameters", {})
    with st.container(key="evidence_pictures"):
        drawn = {
            "weeks": _weeks(facts),
            "days": _days(facts),
            "units": _units(facts, parameters),
            "sessions": _sessions(facts),
            "pair": _pair(facts, finding),
            "threshold": _threshold(facts),
            "payment": _payment(facts),
        }
    return {name for picture, shown in drawn.items() if shown for name in proof.SHOWN[picture]}


BOTH_WAYS = "How this payer counts units nobody has read, so both known ways are drawn."


def _units(facts: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Timed minutes against the steps of the units, by both ways of counting where the payer's is not known; units per code."""
    ways = [told for told in proof.ways_of_units(facts, parameters) if not told.bars.is_empty()]
    if not ways:
        return False
    codes = ways[0].codes
    with st.container(key="picture_units", horizontal=True, vertical_alignment="center"):
        for number, told in enumerate(ways):
            table = _units_table(told.codes, [told])
            drawn = charts.minutes_against_units(
                told.bars, told.marks, told.steps, told.sentence, frame.dark()
            )
            key = f"units_{number}" if number else "units"
            said = f"{told.sentence}. Minutes by code and the steps of the units."
            parts.chart(drawn, said, key, table, picks=False)
        if codes["supported"].null_count() < codes.height:
            over = (codes["billed"] > codes["supported"]).fill_null(False).arg_true().to_list()
            figures = _units_table(codes, ways)
            st.html(html_table(figures, figures.columns[1:], over), width="content")
    counting = BOTH_WAYS if len(ways) > 1 else ways[0].counting
    if counting:
        st.html(f"<p class='muted key'>{counting}</p>")
    return True


def _units_table(codes: pl.DataFrame, ways: Sequence[proof.Units]) -> pl.DataFrame:
    """Code, Minutes, the units supported by each way, Billed."""
    supported = [told.codes["supported"].alias(told.way or "Supported") for told in ways]
    return codes.select(
        pl.col("code").alias("Code"), pl.col("minutes").alias("Minutes"), *supported, pl.col("billed").alias("Billed")
    )  # fmt: skip


def _weeks(facts: Mapping[str, Any]) -> bool:
    """Visits of each full week against those planned."""
    told = proof.weeks(facts)
    if told is None:
        return False
    sentence = proof.weeks_sentence(told)
    table = told.select(
        pl.col("week").alias("Week of"), pl.col("made").alias("Visits"), pl.col("planned").alias("Planned")
    )
    drawn = charts.visits_per_week(told, sentence, frame.dark())
    parts.chart(
        drawn, f"{sentence}. Visits of each full week, Monday to Sunday.", "weeks", table, picks=False
    )
    st.html("<p class='muted key'>A line across each week: the visits that the plan says.</p>")
    return True


def _days(facts: Mapping[str, Any]) -> bool:
    """Counted treatment days as a numbered strip, with the days on which something was due or done between them."""
    days = proof.days(facts)
    if not days:
        return False
    counted = [day for day in days if day.number]
    head = _counted_words(facts, counted)
    since = (
        f", since {html.escape(filters.names().masked(str(facts['since'])))}" if facts.get("since") else ""
    )
    after = proof.lapsed(facts)
    due = f"; due {parts.day_words(facts['due_on'])}" if facts.get("due_on") and not after else ""
    ended = f", after the plan's end on {parts.day_words(facts['interval_to'])}" if after else ""
    done = "" if after else _done(facts, counted[0].on)
    st.html(
        f"<h4 class='strip-head'>{head}{ended}{since}{due}{done}</h4>{_strip(facts, days)}"
        f"{_strip_key({day.place for day in counted}, facts)}"
    )
    return True


def _counted_words(facts: Mapping[str, Any], counted: Sequence[proof.Day]) -> str:
    """How many days the strip counts, and from when to when; what they are held against, where it is no due day."""
    days = formats.span(counted[0].on, counted[-1].on)
    if proof.weeks(facts) is not None:
        return f"{formats.plural(len(counted), 'visit')} beyond the plan, {days}"
    limit = proof.visit_limit(facts)
    if limit is None:
        return f"{formats.plural(len(counted), 'treatment day')} counted, {days}"
    elsewhere = int(facts.get("used_elsewhere") or 0)
    others = f", after {elsewhere} at other providers" if elsewhere else ""
    return f"{formats.plural(len(counted), 'visit')} counted, {days}{others}; the limit is {limit}"


def _strip(facts: Mapping[str, Any], days: Sequence[proof.Day]) -> str:
    """The days as a list; of too many the first are shown, or the last where they pass a limit."""
    last = proof.visit_limit(facts) is not None
    shown = days[-DAYS_SHOWN:] if last else days[:DAYS_SHOWN]
    left = len([day for day in days if day.number]) - len([day for day in shown if day.number])
    more = f"<li class='more'>{left} before</li>" if last else f"<li class='more'>and {left} more</li>"
    cells = [
        f"<li class='{day.place}'><b>{day.number or '▾'}</b><span>{day.told} {day.on:%b} {day.on.day}</span></li>"
        for day in shown
    ]
    if left:
        cells.insert(0 if last else len(cells), more)
    return f"<ol class='strip'>{''.join(cells)}</ol>"


def _strip_key(present: Collection[str], facts: Mapping[str, Any]) -> str:
    """What the looks of the days mean; nothing where all look alike and mean only that they count."""
    before, after = "before it was due", "after it was due"
    if proof.visit_limit(facts) is not None:
        before, after = "within the limit", "beyond the limit"
    elif proof.lapsed(facts):
        after = "after the plan's end"
    keys = [("counted", before), ("due", "the day on which it was due"), ("after", after)]
    told = [f"<i class='{place}'></i>{words} " for place, words in keys if place in present]
    return "" if set(present) == {"counted"} else f"<p class='muted key'>{''.join(told)}</p>"


def _done(facts: Mapping[str, Any], first: date) -> str:
    """When what was due came, where the facts speak of it; what was done before the first counted day answers another."""
    for name, did, never in (
        ("written_on", "written", "no report covers it"),
        ("certified_on", "certified", "not certified"),
    ):
        if name in facts and not facts[name]:
            return f", {never}"
        if facts.get(name) and date.fromisoformat(facts[name][:10]) >= first:
            return f", {did} {parts.day_words(facts[name])}"
    return ""


def _sessions(facts: Mapping[str, Any]) -> bool:
    """Sessions by the clock, one row a patient (or a code, where all are of one patient), what is shared shaded."""
    told = proof.sessions(facts)
    if told is None:
        return False
    by_patient = told["patient_id"].drop_nulls().len() > 0
    key, what = ("patient_id", "patient") if by_patient else ("cpt", "code")
    names = filters.names()
    rows = [names.patient(each) if by_patient else (each or "no code") for each in told[key]]
    shown = told.with_columns(pl.Series("row", rows, dtype=pl.String)).drop("patient_id")
    shown = shown.group_by("row", "begins", "ends", maintain_order=True).agg(
        pl.col("cpt").drop_nulls().unique(maintain_order=True).str.join(", ")
    )
    stretches = proof.shared(told, key)
    sentence = proof.shared_sentence(stretches, what, facts)
    table = shown.sort("begins", "row").select(
        *([pl.col("row").alias("Patient")] if by_patient else []), pl.col("cpt").alias("Code"),
        pl.col("begins").dt.strftime("%H:%M").alias("Begins"), pl.col("ends").dt.strftime("%H:%M").alias("Ends"),
    )  # fmt: skip
    drawn = charts.time_line(shown, stretches, sentence, frame.dark())
    parts.chart(drawn, f"{sentence}. Sessions by {what} on a time line.", "sessions", table, picks=False)
    return True


def _pair(facts: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """The code pair: a sentence, its row of the table, what its indicator means, and what the table cannot say."""
    told = proof.pair(facts)
    if told is None:
        return False
    first, second = html.escape(told.column_1), html.escape(told.column_2)
    table = pl.DataFrame(
        {"Column 1 (paid)": [told.column_1], "Column 2 (falls away)": [told.column_2], "Indicator": [told.indicator or "–"],
         "In force since": [formats.day(told.since)], "Table of": [formats.day(told.table_of)]}
    )  # fmt: skip
    lacks = told.lacks(finding["service_date"].date() if finding["service_date"] else None)
    unsaid = f"The table does not say {html.escape(lacks)}." if lacks else ""
    st.html(
        f"<h4 class='strip-head'>{first} and {second} are a pair: {html.escape(told.means)}</h4>"
        f"{html_table(table)}<p class='muted key'>{unsaid}</p>"
    )
    return True


def _threshold(facts: Mapping[str, Any]) -> bool:
    """The year's running total as a bar towards the threshold, with both figures."""
    told = proof.threshold(facts)
    if told is None:
        return False
    rows = [*told.parts, *([("running total", told.total)] if len(told.parts) > 1 else []), *told.limits]
    table = pl.DataFrame(rows, schema={"What": pl.String, "Dollars": pl.Float64}, orient="row")
    drawn = charts.against_threshold(
        told.total, told.limits, told.sentence, frame.dark(), told.elsewhere or 0.0
    )
    parts.chart(drawn, f"{told.sentence}. A bar towards the threshold.", "threshold", table, picks=False)
    return True


def _payment(facts: Mapping[str, Any]) -> bool:
    """From the fee to the expected payment to what was paid, step by step."""
    steps = proof.payment(facts)
    if steps is None:
        return False
    sentence = proof.payment_sentence(facts)
    table = steps.select(pl.col("step").alias("Step"), pl.col("amount").round(2).alias("Dollars"))
    drawn = charts.payment_steps(steps, sentence, frame.dark())
    parts.chart(drawn, f"{sentence}. Steps from the fee to the payment.", "payment", table, picks=False)
    if facts.get("price_from"):
        st.html(f"<p class='muted key'>Price in full from: {html.escape(str(facts['price_from']))}.</p>")
    return True


def html_table(table: pl.DataFrame, numbers: Sequence[str] = (), marked: Collection[int] = ()) -> str:
    """A small table as HTML: its figures stand beside the picture without a click; the rows numbered `marked` stand out."""
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "".join(
        f"<tr{' class=over' if place in marked else ''}>{_cells(table.columns, row, numbers)}</tr>"
        for place, row in enumerate(table.iter_rows())
    )
    return f"<table class='small'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(heads: Sequence[str], row: Sequence[object], numbers: Sequence[str]) -> str:
    return "".join(
        f"<td{' class=sum' if name in numbers else ''}>{'–' if cell is None else html.escape(str(cell))}</td>"
        for name, cell in zip(heads, row, strict=True)
    )
