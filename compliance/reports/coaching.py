"""A page for one therapist: what was found, in words of the notes, and what to do. No score, no rank."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from compliance import formats, views
from compliance.checks.rule import catalogue
from compliance.notes.tables import spoken
from compliance.reports.director import funnel_rows
from compliance.reports.subject import Subject

QUOTES_SHOWN, FACTS_SHOWN, RULES_SHOWN = 3, 6, 8
AROUND = 140
"""Characters of the note that are printed before and after the words that were read."""
STANDS = {
    "within": "Within expected variation.",
    "near": "Beyond the 95 % limit, within the 99.8 % limit.",
    "outside": "Needs a chart review: above the 99.8 % limit of what chance explains. Nothing more is said by it.",
    "below": "Below the 99.8 % limit: see whether the checks had their facts.",
}


def pages(subject: Subject, therapists: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The data of a page for each of these therapists; of all that visits or findings name where None."""
    if therapists is None:
        named = pl.concat([subject.audit.visits["therapist_id"], subject.audit.findings["therapist_id"]])
        therapists = named.drop_nulls().unique().sort().to_list()
    stands = funnel_rows(subject)
    return [_page(subject, each, stands) for each in therapists]


def _page(subject: Subject, therapist: str, stands: pl.DataFrame) -> dict[str, Any]:
    own = subject.view.valued.filter(pl.col("therapist_id") == therapist, views.narrowed.REAL).sort(
        ["dollars", "finding_id"], descending=[True, False]
    )
    coverage = subject.audit.coverage.filter(pl.col("therapist_id") == therapist)
    of_policies = pl.col("missing").str.starts_with("policy.").fill_null(False)
    unknown = views.records.unknown_sheet(coverage.filter(~of_policies))
    by_rule = _by_rule(own)
    return {
        "name": subject.names.therapist(therapist),
        "stands": [_stands(row) for row in stands.filter(pl.col("therapist_id") == therapist).iter_rows(named=True)],
        "found": [_found(subject, rows, coverage) for rows in by_rule[:RULES_SHOWN]],
        "more": [catalogue()[rows["rule"][0]].title for rows in by_rule[RULES_SHOWN:]],
        "quotes": quotes(subject, own),
        "unknown": [[fact, formats.plural(checks, "check")] for fact, checks, *_ in unknown.head(FACTS_SHOWN).iter_rows()],
        "more_unknown": max(0, unknown.height - FACTS_SHOWN),
        "of_policies": int(coverage.filter(of_policies)["cannot_tell"].sum()),
    }  # fmt: skip


def _stands(row: Mapping[str, Any]) -> dict[str, str]:
    visits = formats.plural(row["of"], "visit")
    told = f"{row['discipline']}: {formats.count(row['n'])} of {visits} checked had a finding of their own."
    return {"told": told, "stands": STANDS[row["standing"]], "review": row["standing"] == "outside"}


def _by_rule(own: pl.DataFrame) -> list[pl.DataFrame]:
    """Findings parted by rule: the severest first, then those with most findings."""
    parts = own.partition_by("rule", maintain_order=True)
    order = {"high": 0, "medium": 1, "low": 2}
    return sorted(
        parts, key=lambda rows: (min(order[each] for each in rows["severity"]), -rows.height, rows["rule"][0])
    )


def _found(subject: Subject, rows: pl.DataFrame, coverage: pl.DataFrame) -> dict[str, str]:
    first = rows.row(0, named=True)
    rule = catalogue()[first["rule"]]
    counts = coverage.filter(pl.col("rule") == rule.code)
    failed, checked = int(counts["failed"].sum()), int((counts["passed"] + counts["failed"]).sum())
    much = f"{formats.count(failed)} of {formats.count(checked)}" if checked else formats.count(rows.height)
    day = formats.day(first["service_date"])
    told = "" if day in first["message"] or not first["service_date"] else f"{day}: "
    return {
        "severity": views.findings.signed_severities()[first["severity"]],
        "title": rule.title,
        "rule": rule.code,
        "much": f"{much} (each {rule.unit})" if checked else formats.plural(rows.height, "finding"),
        "example": subject.names.masked(told + first["message"]),
        "fix": subject.names.masked(first["fix"]),
    }


def quotes(subject: Subject, own: pl.DataFrame) -> list[dict[str, str]]:
    """Up to three places of notes on which findings rest, of different rules where there are several."""
    chosen = _spread(own)
    notes, interventions = subject.records.tables["notes"], subject.records.tables["interventions"]
    wanted = pl.col("note_id").is_in([quote["note_id"] for _, quote in chosen])
    written = spoken(notes.filter(wanted), interventions.filter(wanted))
    texts = {row["note_id"]: row for row in written.iter_rows(named=True)}
    return [
        _quoted(subject, finding, quote, texts[quote["note_id"]])
        for finding, quote in chosen
        if quote["note_id"] in texts and texts[quote["note_id"]]["text"]
    ]


def _spread(own: pl.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Findings with a quote, one of each rule in turn, each note once."""
    waiting = [list(_quoting(rows)) for rows in _by_rule(own)]
    chosen: list[tuple[dict[str, Any], dict[str, Any]]] = []
    notes: set[str] = set()
    while any(waiting) and len(chosen) < QUOTES_SHOWN:
        for queue in waiting:
            while queue and queue[0][1]["note_id"] in notes:
                queue.pop(0)
            if queue and len(chosen) < QUOTES_SHOWN:
                chosen.append(queue.pop(0))
                notes.add(chosen[-1][1]["note_id"])
    return chosen


def _quoting(rows: pl.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in rows.iter_rows(named=True):
        for quote in json.loads(row["evidence"])["quotes"][:1]:
            yield row, quote


def _quoted(
    subject: Subject, finding: Mapping[str, Any], quote: Mapping[str, Any], note: Mapping[str, Any]
) -> dict[str, str]:
    text, start, end = note["text"], int(quote["start"]), int(quote["end"])
    before = re.sub(r"^\S*\s", "… ", text[max(0, start - AROUND) : start]) if start > AROUND else text[:start]
    after = text[end : end + AROUND]
    after = re.sub(r"\s\S*$", " …", after) if end + AROUND < len(text) else after
    words = text[start:end]
    whole = before + words + after
    if subject.names.masked(whole) != whole:  # a name may reach across the marked words
        before, words, after = subject.names.masked(whole), "", ""
    day = formats.day(note["service_date"])
    return {
        "about": f"Note {note['note_id']}, {day} · {finding['rule']} {catalogue()[finding['rule']].title}",
        "before": before,
        "words": words,
        "after": after,
    }
