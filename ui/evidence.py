"""The evidence card of one finding: rule, reason, authority, claim and note side by side, dollars, fix."""

import html
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from compliance import formats, views
from compliance.audit import Audit
from compliance.checks.rule import Rule, catalogue
from compliance.notes.tables import mentions_of
from compliance.rulebook import citation
from ui import data, evidence_pictures, filters, frame, parts

BASIS_WORDS = {
    "allowed": "allowed by the payer",
    "fee": "the payer's fee schedule",
    "expected": "the payer's fee schedule",
    "charge": "the charge (no remittance yet)",
}
LEADING = 2
"""Parameters of a finding that stand in sight; the others open below them."""
UNMARKED = frozenset(
    {"action", "object", "paired", "unread", "code_named", "added_activity", "changed_activity"}
)
"""Kinds of mentions that only serve to find others, or to link a note to a goal: marking all would drown the others."""
OTHERS_SHOWN = 6


def card(finding: Mapping[str, Any], result: Audit) -> None:
    """Draw the evidence card."""
    rule = catalogue()[finding["rule"]]
    evidence = json.loads(finding["evidence"])
    with st.container(key="card_finding"):
        st.html(_head(finding, rule))
        _actions(finding, rule)
        drawn = evidence_pictures.draw(finding, evidence)
        st.html(f"<p class='fix'><b>Fix.</b> {_shown(finding['fix'])}</p>")
        st.html(_reason(evidence, rule))
        st.html(_sides(finding, evidence))
        st.html(_lines(finding, result, evidence) + _facts(finding, evidence, drawn))
        _others(finding, result)


def _shown(text: Any) -> str:
    """Text from the records, escaped; people give way to numbers where names are hidden."""
    return html.escape(filters.names().masked(str(text)))


def _head(finding: Mapping[str, Any], rule: Rule) -> str:
    dollars = finding["amount_at_risk"]
    at_risk = f"{formats.money(dollars, cents=True)} at risk" if dollars else "no dollars at risk"
    return (
        f"<div class='card-head'><h3>{parts.severity_badge(finding['severity'])} {rule.code} "
        f"{html.escape(rule.title)}</h3>"
        f"<span class='at-risk'>{at_risk}</span></div><p class='found'>{_shown(finding['message'])}.</p>"
    )


def _actions(finding: Mapping[str, Any], rule: Rule) -> None:
    with st.container(horizontal=True, key="evidence_actions"):
        with st.popover("Copy link", type="tertiary"):
            st.caption("Opens this finding with these filters, wherever these records are.")
            st.code(frame.link("findings", finding=finding["finding_id"]), language=None, wrap_lines=True)
        if st.button(f"Open the rule {rule.code}", type="tertiary", key="evidence_rule"):
            frame.go("rules", {"code": rule.code})


def _reason(evidence: Mapping[str, Any], rule: Rule) -> str:
    """Why it matters, and the parameters that decided: the leading ones in sight, all of them below a fold."""
    first, matters = views.why(rule)
    told = sorted(evidence.get("parameters", {}).items(), key=_weight)
    leading = "".join(f"<p class='authority'>{_parameter(name, value)}</p>" for name, value in told[:LEADING])
    rest = "".join(f"<li>{_parameter(name, value)}</li>" for name, value in told[LEADING:])
    cites = "".join(f"<li>{_linked(cite)}</li>" for cite in rule.cites)
    more = f"{formats.plural(len(told) - LEADING, 'more parameter')} and " if rest else ""
    return (
        f"<p><b>Because.</b> {html.escape(first)} <span class='muted'>{html.escape(matters)}</span></p>{leading}"
        f"<details><summary>{more}{formats.plural(len(rule.cites), 'source')}</summary>"
        f"<ul class='cites'>{rest}{cites}</ul></details>"
    )


def _weight(pair: tuple[str, Mapping[str, Any]]) -> tuple[bool, bool, bool, str]:
    """Verified values of a regulator lead; our own house defaults and *no such rule* come last."""
    name, value = pair
    return value["value"] is None, value["source"] == "house-default", not value["verified"], name


def _parameter(name: str, value: Mapping[str, Any]) -> str:
    """One parameter: its value, policy layer, first day in force, source, and whether it was verified."""
    verified = "verified" if value["verified"] else f"unverified: {value['why_unverified']}"
    source = citation(value["source"], data.policies()).partition(", http")[0]
    unit = f" {html.escape(value['unit'])}" if value["unit"] else ""
    return (
        f"{html.escape(parts.words(name))}: <b>{html.escape(parts.fact_said(name, value['value']))}</b>{unit}, "
        f"policy {html.escape(value['layer'].replace('_', ' '))} since {html.escape(_day(str(value['from'])))} ▸ "
        f"{html.escape(source)} <span class='muted'>({html.escape(verified)})</span>"
    )


def _linked(cite: str) -> str:
    reference = data.policies().reference(cite)
    title = html.escape(" ".join(part for part in (reference.title, reference.section) if part))
    if not reference.address:
        return title
    return f"<a href='{html.escape(reference.address)}' target='_blank' rel='noopener noreferrer'>{title}</a>"


def _day(iso: str) -> str:
    return parts.day_words(iso)


def _sides(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    return (
        f"<div class='evidence'><section>{_claim_side(finding)}</section>"
        f"<section>{_note_side(finding, evidence)}</section></div>"
    )


def _claim_side(finding: Mapping[str, Any]) -> str:
    """The claim line as billed, and who, where and when."""
    names = filters.names()
    line = None
    if finding["claim_id"] is not None and finding["line"] is not None:
        line = data.row("claim_lines", claim_id=finding["claim_id"], line=finding["line"])
    head = "<h4>No claim line</h4>"
    if line:
        told = [
            " ".join(filter(None, (line["cpt"], line["modifiers"]))),
            f"{line['units']:g} {'unit' if line['units'] == 1 else 'units'}"
            if line["units"] is not None
            else None,
            formats.money(line["charge"], cents=True) if line["charge"] is not None else None,
        ]
        head = (
            f"<h4>Claim {html.escape(finding['claim_id'])}, line {finding['line']}</h4>"
            f"<p class='billed'>{html.escape(' · '.join(each for each in told if each))}</p>"
        )
    who = {
        "Service": formats.day(finding["service_date"]),
        "Patient": names.patient(finding["patient_id"]),
        "Therapist": names.therapist(finding["therapist_id"]),
        "Payer": names.payer(finding["payer_id"]),
        "Clinic": names.clinic(finding["clinic_id"]),
        "Plan of care": finding["plan_id"],
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(told)}</dd></div>" for name, told in who.items() if told
    )
    return f"{head}<dl class='who'>{items}</dl>"


def _note_side(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The note with the words that were read marked by kind, or what was looked at where there is none."""
    names = filters.names()
    note = data.note(finding["note_id"]) if finding["note_id"] else None
    if note is None:
        rests = f"This finding rests on a {views.SUBJECT_WORDS[finding['subject']]}, not on one note."
        return f"<h4>No single note</h4><p class='muted'>{rests}</p>"
    signed = (
        f"signed {formats.day(note['signed_on'])}"
        if note["signed_on"]
        else "signature date not in the export"
    )
    author = names.therapist(note["therapist_id"])
    head = f"Note {note['note_id']}, {formats.day(note['service_date'])}, {signed}, {author}"
    if not note["text"]:
        return (
            f"<h4>{html.escape(head)}</h4><p class='cannot-tell'>The export holds no text for this note.</p>"
        )
    quotes = [quote for quote in evidence.get("quotes", []) if quote["note_id"] == note["note_id"]]
    spans = [(quote["start"], quote["end"], quote["kind"]) for quote in quotes]
    said = "Marked: the words that the finding rests on."
    if not spans:
        spans = [span for span in mentions_of(note["text"]) if span[2] not in UNMARKED]
        said = "Marked: what was read in this note; the finding rests on no single word of it."
    if names.hidden:
        said += " Names of listed people are replaced; a name that no table lists would still show."
    return (
        f"<h4>{html.escape(head)}</h4><div class='note' tabindex='0'>{marked(note['text'], spans, names)}</div>"
        f"<p class='muted'>{said}</p>"
    )


def marked(text: str, spans: Sequence[tuple[int, int, str]], names: filters.Names) -> str:
    """Text as HTML with spans (start, end, kind) marked; overlapping ones keep the first and longest.

    Words of the same kind that only spaces part are marked as one.
    """
    pieces: list[str] = []
    at = 0
    for start, end, kind in _merged(text, spans):
        pieces.append(html.escape(names.masked(text[at:start])))
        word = html.escape(names.masked(text[start:end]))
        pieces.append(f'<mark data-kind="{html.escape(parts.words(kind).lower())}">{word}</mark>')
        at = end
    return "".join([*pieces, html.escape(names.masked(text[at:]))])


def _merged(text: str, spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if kept and start < kept[-1][1]:
            continue
        if kept and kept[-1][2] == kind and not text[kept[-1][1] : start].strip():
            kept[-1] = (kept[-1][0], end, kind)
        else:
            kept.append((start, end, kind))
    return kept


def _lines(finding: Mapping[str, Any], result: Audit, evidence: Mapping[str, Any]) -> str:
    """Every line that the finding puts at risk, and what its dollars are."""
    lines = views.lines_at_risk(finding, result.lines)
    if lines.is_empty():
        return ""
    total = finding["amount_at_risk"]
    rows = "".join(
        f"<tr><th>{html.escape(row['claim_id'])} line {row['line']}</th><td>{formats.day(row['service_date'])}</td>"
        f"<td>{html.escape(row['cpt'] or '')}</td><td class='sum'>{formats.money(row['amount'], cents=True)}</td>"
        f"<td class='muted'>{html.escape(_basis(row['amount_basis']))}</td></tr>"
        for row in lines.iter_rows(named=True)
    )
    basis = ", ".join(_basis(each) for each in evidence.get("amount_basis", []))
    told = (
        f"{formats.money(total, cents=True)}, {basis}" if total else "this severity puts no dollars at risk"
    )
    return (
        f"<details><summary>{formats.plural(lines.height, 'line')} concerned: {html.escape(told)}</summary>"
        f"<div class='scroll'><table class='facts'>{rows}</table></div></details>"
    )


def _basis(basis: str | None) -> str:
    return BASIS_WORDS.get(basis or "", (basis or "").replace("_", " "))


def _facts(finding: Mapping[str, Any], evidence: Mapping[str, Any], drawn: Collection[str]) -> str:
    """The facts that no picture shows, each in words; all that decided is in sight somewhere."""
    facts = {name: value for name, value in evidence["facts"].items() if name not in drawn}
    return (
        f"<details><summary>Facts that decided · {html.escape(finding['finding_id'])}</summary>"
        f"<div class='scroll'>{_table(facts)}</div></details>"
    )


def _table(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(parts.words(name))}</th><td>{_shown(parts.fact_said(name, value))}</td></tr>"
        for name, value in facts.items()
        if value is not None and value != ""
    )
    return f"<table class='facts'>{rows}</table>"


def _others(finding: Mapping[str, Any], result: Audit) -> None:
    others = views.others_on(finding, result.findings)
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="evidence_others"):
        st.caption("Others on this line or note:", width="content")
        for finding_id, code in others[:OTHERS_SHOWN]:
            if st.button(code, key=f"other_{finding_id}", type="tertiary"):
                frame.go("findings", {"finding": finding_id})
