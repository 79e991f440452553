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
from ui import data, decisions, evidence_pictures, evidence_records, fact_words, filters, frame, parts, trail

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
READ = frozenset({"mentions", "note_facts", "goal_links", "goal_facts", "goal_levels", "contact_mentions"})
"""Tables of what notes say: only a rule that asks for one has read the note that its card shows."""
OTHERS_SHOWN = 6


def card(finding: Mapping[str, Any], result: Audit) -> None:
    """Draw the evidence card."""
    trail.viewed(finding)
    rule = catalogue()[finding["rule"]]
    evidence = json.loads(finding["evidence"])
    with st.container(key="card_finding"):
        st.html(_head(finding, rule))
        _actions(finding, rule)
        drawn = evidence_pictures.draw(finding, evidence)
        evidence_records.draw(finding, evidence, result)
        st.html(f"<p class='fix'><b>Fix.</b> {_shown(finding['fix'])}</p>")
        st.html(_reason(evidence, rule))
        st.html(_sides(finding, evidence, rule))
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
        f"{_counted(finding)}"
    )


def _counted(finding: Mapping[str, Any]) -> str:
    """What the list and the totals show of the finding's dollars: a line counts once for all its findings."""
    counted = round(finding.get("dollars") or 0.0, 2)
    if not 0 < counted < round(finding["amount_at_risk"], 2):
        return ""
    dollars = formats.money(counted, cents=True)
    return f"<p class='muted'>In the list and in totals {dollars}: other findings share its lines.</p>"


def _actions(finding: Mapping[str, Any], rule: Rule) -> None:
    with st.container(horizontal=True, key="evidence_actions"):
        with st.popover("Copy link", type="tertiary"):
            st.caption("Opens this finding with these filters, wherever these records are.")
            st.code(frame.link("findings", finding=finding["finding_id"]), language=None, wrap_lines=True)
        if st.button(f"Open the rule {rule.code}", type="tertiary", key="evidence_rule"):
            frame.go("rules", {"code": rule.code})
        decisions.button(finding)
    decisions.panel(finding)


def _reason(evidence: Mapping[str, Any], rule: Rule) -> str:
    """Why it matters, and the parameters that decided: the leading ones in sight, all of them below a fold."""
    first, matters = views.findings.why(rule)
    told = fact_words.leading(evidence.get("parameters", {}), rule.parameters)
    leading = "".join(f"<p class='authority'>{_parameter(name, value)}</p>" for name, value in told[:LEADING])
    rest = "".join(f"<li>{_parameter(name, value)}</li>" for name, value in told[LEADING:])
    used = fact_words.limit_of_benefit(evidence["facts"])
    limit = f"<p class='authority'>{used}</p>" if used else ""
    cites = "".join(f"<li>{_linked(cite)}</li>" for cite in rule.cites)
    more = f"{formats.plural(len(told) - LEADING, 'more parameter')} and " if rest else ""
    return (
        f"<p><b>Because.</b> {html.escape(first)} <span class='muted'>{html.escape(matters)}</span></p>{limit}{leading}"
        f"<details><summary>{more}{formats.plural(len(rule.cites), 'source')}</summary>"
        f"<ul class='cites'>{rest}{cites}</ul></details>"
    )


def _parameter(name: str, value: Mapping[str, Any]) -> str:
    """One parameter: its value, policy layer, first day in force, source, and whether it was verified."""
    verified = "verified" if value["verified"] else f"unverified: {value['why_unverified']}"
    source = citation(value["source"], data.policies()).partition(", http")[0]
    worth, unit = fact_words.parameter(name, value["value"], value["unit"])
    return (
        f"{html.escape(parts.words(name))}: <b>{html.escape(worth)}</b>{html.escape(f' {unit}' if unit else '')}, "
        f"policy {html.escape(value['layer'].replace('_', ' '))} since {html.escape(_day(str(value['from'])))} ▸ "
        f"{html.escape(source)} <span class='muted'>({html.escape(verified)})</span>"
    )


def _linked(cite: str) -> str:
    reference = data.policies().reference(cite)
    title = html.escape(" ".join(part for part in (reference.title, reference.section) if part))
    if not reference.address:
        return title
    link = "<a href='{}' target='_blank' rel='noopener noreferrer'>{}</a>"
    copy = reference.read_in
    read = (
        f" <span class='muted'>({link.format(html.escape(copy), 'the copy that was read')})</span>"
        if copy
        else ""
    )
    return link.format(html.escape(reference.address), title) + read


def _day(iso: str) -> str:
    return parts.day_words(iso)


def _sides(finding: Mapping[str, Any], evidence: Mapping[str, Any], rule: Rule) -> str:
    like = evidence["facts"].get("like_note_id")
    beside = f"<section>{_note(like, [], None)}</section>" if like else ""
    return (
        f"<div class='evidence'><section>{_claim_side(finding, evidence)}</section>"
        f"<section>{_note_side(finding, evidence, rule)}</section>{beside}</div>"
    )


def unit_sides(lines: Sequence[tuple[str, int]], notes: Sequence[str], marks: bool) -> str:
    """Claim lines, and the notes tied to them, side by side as HTML; `marks` marks what the rules read in the notes."""
    billed = "".join(
        f"<div{' class=beside' if place else ''}>{_claim_line(claim, number, '')}</div>"
        for place, (claim, number) in enumerate(lines)
    )
    told = "".join(_note(note_id, _read_in(note_id) if marks else [], None) for note_id in notes)
    return (
        f"<div class='evidence'><section>{billed}</section>"
        f"<section>{told or '<h4>No note</h4><p class=muted>No note is tied to these lines.</p>'}</section></div>"
    )


def _read_in(note_id: str) -> list[tuple[int, int, str]]:
    """What was read in a note: the spans of its mentions, those apart that only serve to find others."""
    note = data.note(note_id)
    spans = mentions_of(note["text"]) if note and note["text"] else []
    return [span for span in spans if span[2] not in UNMARKED]


def _claim_side(finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The claim line as billed, the other line that it is held against, and who, where and when."""
    names = filters.names()
    of = len(json.loads(finding["lines"] or "[]"))
    head = _claim_line(finding["claim_id"], finding["line"], f", first of {of} lines" if of > 1 else "")
    facts = evidence["facts"]
    for claim, line in fact_words.OTHER_LINES:
        if facts.get(claim) and facts.get(line) is not None:
            head += f"<div class='beside'>{_claim_line(facts[claim], facts[line], ', held against it')}</div>"
    who = {
        "Service": formats.day(finding["service_date"]),
        "Patient": names.patient(finding["patient_id"]),
        "Therapist": names.therapist(finding["therapist_id"]),
        "Payer": names.payer(finding["payer_id"]),
        "Clinic": names.clinic(finding["clinic_id"]),
        "Plan of care": finding["plan_id"],
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(told)}</dd></div>"
        for name, told in who.items()
        if told and told != formats.NOTHING
    )
    return f"{head or '<h4>No claim line</h4>'}<dl class='who'>{items}</dl>"


def _claim_line(claim_id: str | None, number: int | None, more: str) -> str:
    """A claim line as billed: code, modifiers, units, charge; nothing where there is none."""
    if claim_id is None or number is None:
        return ""
    line = data.row("claim_lines", claim_id=claim_id, line=number)
    if line is None:
        return ""
    units, charge = line["units"], line["charge"]
    told = [
        " ".join(filter(None, (line["cpt"], line["modifiers"]))),
        f"{units:g} {'unit' if units == 1 else 'units'}" if units is not None else None,
        formats.money(charge, cents=True) if charge is not None else None,
    ]
    return (
        f"<h4>{html.escape(f'Claim {claim_id}, line {number}{more}')}</h4>"
        f"<p class='billed'>{html.escape(' · '.join(each for each in told if each))}</p>"
    )


def _note_side(finding: Mapping[str, Any], evidence: Mapping[str, Any], rule: Rule) -> str:
    """The note with the words that were read marked by kind, or what was looked at where there is none."""
    note_id = finding["note_id"]
    if note_id is None and finding["subject"] == "patient_day":
        note_id = data.note_of_day(finding["patient_id"], finding["service_date"])
    quotes = [quote for quote in evidence.get("quotes", []) if quote["note_id"] == note_id]
    spans = [(quote["start"], quote["end"], quote["kind"]) for quote in quotes]
    told = _note(note_id, spans, rule) if note_id else _reports(finding, evidence, rule)
    if told:
        return told
    subject = views.causes.SUBJECT_WORDS[finding["subject"]]
    rests = "No note is tied to this line."
    if finding["subject"] != "line":
        rests = f"This finding rests on a {subject}, not on one note."
    return f"<h4>No single note</h4><p class='muted'>{rests}</p>"


def _reports(finding: Mapping[str, Any], evidence: Mapping[str, Any], rule: Rule) -> str:
    """The reports that a finding compares, each below a fold, the last one open; nothing where it compares none."""
    ids = views.behind.reports_of_goal(finding, evidence["facts"], data.records().tables)
    folds = [
        f"<details{' open' if note_id == ids[-1] else ''}><summary>{_report_head(note_id)}</summary>"
        f"{_note(note_id, [], rule)}</details>"
        for note_id in ids
    ]
    return f"<h4>{formats.plural(len(ids), 'report')} compared</h4>{''.join(folds)}" if ids else ""


def _report_head(note_id: str) -> str:
    note = data.note(note_id) or {}
    return html.escape(f"{parts.words(note['kind'])}, {formats.day(note['service_date'])}") if note else ""


def _note(note_id: str, spans: list[tuple[int, int, str]], rule: Rule | None) -> str:
    """A note with `spans` marked, or else what was read in it where the `rule` reads notes; nothing without the note."""
    note = data.note(note_id)
    if note is None:
        return ""
    names = filters.names()
    signed = (
        f"signed {formats.day(note['signed_on'])}"
        if note["signed_on"]
        else "signature date not in the export"
    )
    whose = f"patient {names.patient(note['patient_id'])}, " if rule is None else ""
    author = names.therapist(note["therapist_id"])
    head = f"Note {note['note_id']}, {whose}{formats.day(note['service_date'])}, {signed}, {author}"
    if not note["text"]:
        return (
            f"<h4>{html.escape(head)}</h4><p class='cannot-tell'>The export holds no text for this note.</p>"
        )
    rests = "the words that the finding rests on" if rule else "what was read in this note"
    said = f"Marked: {rests}." if spans else ""
    if not spans and rule and READ.intersection(rule.tables):
        spans = [span for span in mentions_of(note["text"]) if span[2] not in UNMARKED]
        said = (
            "Marked: what was read in this note; the finding rests on no single word of it." if spans else ""
        )
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
    lines = views.findings.lines_at_risk(finding, result.lines)
    if lines.is_empty():
        return ""
    total = finding["amount_at_risk"]
    rows = "".join(
        f"<tr><th>{html.escape(row['claim_id'])} line {row['line']}</th><td>{formats.day(row['service_date'])}</td>"
        f"<td>{html.escape(row['cpt'] or '')}</td>{_amount(row)}</tr>"
        for row in lines.iter_rows(named=True)
    )
    basis = ", ".join(_basis(each) for each in evidence.get("amount_basis", []))
    told = f"{formats.money(total, cents=True)}, {basis}" if total else "no dollars at risk"
    return (
        f"<details><summary>{formats.plural(lines.height, 'line')} concerned: {html.escape(told)}</summary>"
        f"<div class='scroll'><table class='facts'>{rows}</table></div></details>"
    )


def _amount(row: Mapping[str, Any]) -> str:
    """A line's dollars and where they come from; of a line that bears none, neither."""
    if not row["amount"]:
        return "<td class='sum'>–</td><td></td>"
    return (
        f"<td class='sum'>{formats.money(row['amount'], cents=True)}</td>"
        f"<td class='muted'>{html.escape(_basis(row['amount_basis']))}</td>"
    )


def _basis(basis: str | None) -> str:
    return BASIS_WORDS.get(basis or "", (basis or "").replace("_", " "))


def _facts(finding: Mapping[str, Any], evidence: Mapping[str, Any], drawn: Collection[str]) -> str:
    """The facts that no picture shows, each in words; all that decided is in sight somewhere."""
    told = fact_words.rows(evidence["facts"], evidence.get("parameters", {}), drawn)
    number = html.escape(finding["finding_id"])
    if not told:
        return f"<p class='muted key'>Finding {number}. What decided stands above.</p>"
    rows = "".join(f"<tr><th>{html.escape(head)}</th><td>{_shown(words)}</td></tr>" for head, words in told)
    return (
        f"<details><summary>Facts that decided · {number}</summary>"
        f"<div class='scroll'><table class='facts'>{rows}</table></div></details>"
    )


def _others(finding: Mapping[str, Any], result: Audit) -> None:
    others = views.findings.others_on(finding, result.findings)
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="evidence_others"):
        st.caption("Others on this line or note:", width="content")
        for finding_id, code in others[:OTHERS_SHOWN]:
            if st.button(code, key=f"other_{finding_id}", type="tertiary"):
                frame.go("findings", {"finding": finding_id})
