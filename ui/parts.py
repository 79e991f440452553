"""Small pieces that pages share: the evidence card, charts with their table, downloads, empty states."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from compliance import chart_theme, charts, formats, views
from compliance.audit import Audit
from compliance.checks.rule import catalogue
from compliance.notes.tables import mentions_of
from ui import data, filters, frame

HIGHLIGHTED_MAX = 60
FORMULA = r"^[=+\-@\t\r]"


def empty(why: str) -> None:
    """An empty state: says why there is nothing, then ends the page."""
    st.info(why)
    st.stop()


def ready() -> views.Narrowed:
    """The audit under the filters, or an explained empty page."""
    from compliance.policy import PolicyError
    from compliance.records.load import InputError

    try:
        view = data.view()
    except (InputError, PolicyError) as refusal:
        empty(f"Nothing can be shown: {refusal} Open other records on the Records page.")
    if data.audited().lines.is_empty() and data.audited().visits.is_empty():
        empty(
            "These records hold no visits and no claim lines. The Records page says what was loaded and refused."
        )
    return view


def chart(
    drawn: alt.TopLevelMixin, alt_text: str, key: str, table: pl.DataFrame, picks: bool = True
) -> list[dict[str, Any]]:
    """A chart with its text alternative and, folded beneath, its table to read or download; returns what was picked."""
    dressed = chart_theme.apply(drawn, frame.dark())
    mode: Any = {"on_select": "rerun", "selection_mode": [charts.PICK]} if picks else {}
    event = st.altair_chart(dressed, theme=None, alt=alt_text, width="stretch", key=key, **mode)
    with st.expander("Table of this chart"):
        st.dataframe(table, hide_index=True, width="stretch", height=220, alt=alt_text)
        download(table, key, f"{key}.csv")
    return list(event["selection"].get(charts.PICK, [])) if picks else []


def download(table: pl.DataFrame, key: str, name: str) -> None:
    """A button that gives the table as CSV; cells that a spreadsheet would run as formulas are made text."""
    st.download_button(
        "Download CSV", lambda: safe_csv(table), name, "text/csv", key=f"{key}_csv", on_click="ignore"
    )


def safe_csv(table: pl.DataFrame) -> str:
    """CSV in which no cell begins as a formula (=, +, -, @), as spreadsheets would run it."""
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    as_text = [
        pl.when(pl.col(name).str.contains(FORMULA))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    ]
    return table.with_columns(as_text).write_csv()


def severity_badge(severity: str) -> str:
    """The severity as HTML: its sign and its word, in its colour."""
    return f'<span class="severity {severity}">{chart_theme.SEVERITY_SIGNS[severity]} {severity}</span>'


def finding_card(finding: Mapping[str, Any], result: Audit) -> None:
    """The evidence card: rule, why, citation, parameter, the claim line, the note with its words marked, dollars, fix."""
    rule = catalogue()[finding["rule"]]
    evidence = json.loads(finding["evidence"])
    with st.container(key="card_finding"):
        left, right = st.columns([5, 1.4], vertical_alignment="center")
        left.html(
            f"<h3>{severity_badge(finding['severity'])} &nbsp;{rule.code} {html.escape(rule.title)}</h3>"
            f"<p>{html.escape(finding['message'])}</p>"
        )
        right.metric("At risk", formats.money(finding["amount_at_risk"], cents=True))
        st.html(_because(evidence, rule.cites) + _sides(finding, evidence))
        st.html(f"<p><b>Fix.</b> {html.escape(finding['fix'])}</p>")
        _others(finding, result)
        st.code(frame.link("findings", finding=finding["finding_id"]), language=None)


def _because(evidence: Mapping[str, Any], cites: Sequence[str]) -> str:
    """Under which parameter, from which policy layer and date, by which authority."""
    policies = data.policies()
    lines = []
    for name, value in evidence.get("parameters", {}).items():
        reference = policies.reference(value["source"])
        verified = "verified" if value["verified"] else f"unverified: {value['why_unverified']}"
        lines.append(
            f"{name.replace('_', ' ')}: <b>{html.escape(_told(value['value']))}</b> {html.escape(value['unit'] or '')}, in force "
            f"since {value['from']}, from policy {html.escape(value['layer'])} ▸ {html.escape(reference.title)} "
            f"({html.escape(verified)})"
        )
    cited = "; ".join(html.escape(policies.reference(cite).title) for cite in cites)
    because = "<br>".join(lines)
    return f"<p><b>Because.</b> {because}{'<br>' if because else ''}<span class='muted'>{cited}</span></p>"


def _told(value: Any) -> str:
    if value is None:
        return "no such rule"
    return str(value).lower() if isinstance(value, bool) else str(value).replace("_", " ")


def _sides(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    return f"<div class='evidence'><section>{_claim_side(finding, evidence)}</section><section>{_note_side(finding, evidence)}</section></div>"


def _claim_side(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The claim line, every line at risk, and the facts that the rule used."""
    names = filters.names()
    parts = []
    line = None
    if finding["claim_id"] is not None and finding["line"] is not None:
        line = data.row("claim_lines", claim_id=finding["claim_id"], line=finding["line"])
    if line:
        told = [line["cpt"], line["modifiers"], f"{line['units']:g} units" if line["units"] is not None else None,
                formats.money(line["charge"], cents=True) if line["charge"] is not None else None]  # fmt: skip
        parts.append(f"<h4>Claim {html.escape(finding['claim_id'])}, line {finding['line']}</h4>")
        parts.append(f"<p>{html.escape(' · '.join(each for each in told if each))}</p>")
    at_risk = json.loads(finding["lines"])
    if len(at_risk) > 1:
        parts.append(
            f"<p class='muted'>{len(at_risk)} lines at risk: {html.escape(_lines_told(at_risk))}</p>"
        )
    basis = ", ".join(evidence.get("amount_basis", []))
    who = {
        "Patient": names.patient(finding["patient_id"]),
        "Therapist": names.therapist(finding["therapist_id"]),
        "Payer": names.payer(finding["payer_id"]),
        "Clinic": names.clinic(finding["clinic_id"]),
        "Service": formats.day(finding["service_date"]),
        "Dollars are": basis or None,
    }
    facts = {name.replace("_", " "): value for name, value in evidence["facts"].items()}
    parts.append(_facts({**who, **facts}))
    return "".join(parts)


def _lines_told(at_risk: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        f"{each['claim_id']}/{each['line']} {formats.money(each['amount'], cents=True)}"
        for each in at_risk[:8]
    ]
    more = len(at_risk) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(_told(value))}</td></tr>"
        for name, value in facts.items()
        if value is not None and value != ""
    )
    return f"<table class='facts'>{rows}</table>"


def _note_side(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The note with the words that were read marked by kind, or what was looked at where there is none."""
    note = data.row("notes", note_id=finding["note_id"]) if finding["note_id"] else None
    if note is None:
        return "<h4>No single note</h4><p class='muted'>This finding rests on the records beside it, not on one note.</p>"
    names = filters.names()
    signed = (
        f"signed {formats.day(note['signed_on'])}"
        if note["signed_on"]
        else "signature date not in the export"
    )
    head = f"Note {note['note_id']}, {formats.day(note['service_date'])}, {signed}, {names.therapist(note['therapist_id'])}"
    if not note["text"]:
        return (
            f"<h4>{html.escape(head)}</h4><p class='cannot-tell'>The export holds no text for this note.</p>"
        )
    quotes = [quote for quote in evidence.get("quotes", []) if quote["note_id"] == note["note_id"]]
    kinds = {quote["kind"] for quote in quotes}
    spans = [(quote["start"], quote["end"], quote["kind"]) for quote in quotes]
    if not spans:
        spans = mentions_of(note["text"])[:HIGHLIGHTED_MAX]
    said = "Marked: what the finding rests on." if kinds else "Marked: everything that was read in this note."
    return f"<h4>{html.escape(head)}</h4><div class='note'>{marked(note['text'], spans)}</div><p class='muted'>{said}</p>"


def marked(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """Text as HTML with spans (start, end, kind) marked; overlapping ones keep the first and longest."""
    parts: list[str] = []
    at = 0
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start < at:
            continue
        parts.append(html.escape(text[at:start]))
        parts.append(
            f'<mark data-kind="{html.escape(kind.replace("_", " "))}">{html.escape(text[start:end])}</mark>'
        )
        at = end
    return "".join([*parts, html.escape(text[at:])])


def _others(finding: Mapping[str, Any], result: Audit) -> None:
    others = views.others_on(finding, result.findings)
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Others on this line or note:")
        for finding_id, code in others[:6]:
            if st.button(code, key=f"other_{finding_id}", type="tertiary"):
                frame.go("findings", {"finding": finding_id})


def picked(events: Sequence[Mapping[str, Any]], field: str) -> list[str]:
    """The distinct values of one field among picked marks."""
    return list(dict.fromkeys(event[field] for event in events if event.get(field)))


def people(column: str) -> Callable[[str | None], str]:
    """What the ids of a column are called on screen."""
    names = filters.names()
    named: dict[str, Callable[[str | None], str]] = {
        "therapist_id": names.therapist, "patient_id": names.patient, "payer_id": names.payer, "clinic_id": names.clinic,
    }  # fmt: skip
    return named.get(column, lambda value: value or "–")


def named(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The table with ids replaced by what they are called on screen (pseudonyms where names are hidden)."""
    return table.with_columns(
        pl.Series(column, [people(column)(value) for value in table[column]], dtype=pl.String)
        for column in columns
    )


def mapping(table: pl.DataFrame, column: str) -> dict[str, str]:
    """Ids of a column and what they are called on screen."""
    return {value: people(column)(value) for value in table[column].drop_nulls().unique()}
