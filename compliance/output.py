"""Findings as files and as text: JSON, JSON lines, CSV, a table for the terminal; and the pre-bill gate.

The same audit gives the same bytes: every list is sorted, every number is written one way.
"""

import io
import json
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import polars as pl
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from compliance.audit import COUNTS, Audit
from compliance.checks.rule import SEVERITIES, catalogue
from compliance.formats import money, plural, rate, refused, spreadsheet, terminal, worth_knowing
from compliance.policy import Policies
from compliance.prebill import released_untold
from compliance.records.load import LoadReport, Records
from compliance.risk import summary

SCHEMA_VERSION = "1"
MARKS = {"high": "▲ high", "medium": "◆ medium", "low": "● low", "info": "○ info"}
STYLES = {"high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
HEADS = ("", "rule", "service", "patient", "therapist", "payer", "at risk", "what")
DOLLARS = HEADS.index("at risk")
GAP, LEAST = "  ", 10
LEFT_OUT_SHOWN = 10
Claims = list[dict[str, Any]] | None


def finding_rows(result: Audit) -> list[dict[str, Any]]:
    """The findings as JSON objects: dates as ISO days, `lines` and `evidence` as the lists and objects they are."""
    rows = []
    for row in result.findings.iter_rows(named=True):
        written = dict(row)
        written["service_date"] = row["service_date"].date().isoformat() if row["service_date"] else None
        written["lines"] = json.loads(row["lines"])
        written["evidence"] = json.loads(row["evidence"])
        rows.append(written)
    return rows


def coverage_rows(result: Audit) -> list[dict[str, Any]]:
    """Coverage as the contract says: per rule, payer and therapist the four counts, and the missing facts."""
    key = ["rule", "payer_id", "therapist_id"]
    counted = result.coverage.group_by(key).agg(pl.col(COUNTS).sum()).sort(key, nulls_last=True)
    told = (
        result.coverage.filter(pl.col("cannot_tell") > 0)
        .group_by(*key, "missing")
        .agg(pl.col("cannot_tell").sum())
    )
    missing: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in told.sort(*key, "missing", nulls_last=True).iter_rows(named=True):
        missing.setdefault(tuple(row[k] for k in key), {})[row["missing"]] = row["cannot_tell"]
    return [
        {"unit": catalogue()[row["rule"]].unit, **row, "missing": missing.get(tuple(row[k] for k in key), {})}
        for row in counted.iter_rows(named=True)
    ]


def as_json(result: Audit, records: Records, policies: Policies, claims: Claims) -> str:
    """The contract's JSON object."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "records": {
            "fingerprint": records.fingerprint,
            "tables": {name: records.tables[name].height for name in sorted(records.tables)},
            "refused": records.report.rows_refused,
            "left_out": [
                {"kind": each.kind, "file": each.file, "message": each.message}
                for each in records.report.left_out
            ],
        },
        "policies": {"fingerprint": policies.fingerprint, "ids": sorted(policies.policy_ids)},
        "as_of": result.as_of.isoformat(),
        "coverage": coverage_rows(result),
        "not_run": [{"rule": lack.rule, "because": lack.because} for lack in result.not_run],
        "findings": finding_rows(result),
    }
    if claims is not None:
        document["claims"] = claims
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_jsonl(result: Audit, records: Records, policies: Policies, claims: Claims) -> str:
    """One finding a line."""
    return _lines(finding_rows(result))


def as_csv(result: Audit, records: Records, policies: Policies, claims: Claims) -> str:
    """The findings table; with the pre-bill gate, each finding's claim also says hold or release.

    Cells that a spreadsheet would run as formulas are made text.
    """
    table = result.findings.with_columns(pl.col("service_date").dt.strftime("%Y-%m-%d"))
    if claims is not None:
        decisions = pl.DataFrame(claims, schema={"claim_id": pl.String, "decision": pl.String}, strict=False)
        table = table.join(decisions, on="claim_id", how="left", maintain_order="left")
    return spreadsheet(table)


FORMATS: dict[str, Callable[[Audit, Records, Policies, Claims], str]] = {
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
}


def as_table(result: Audit, records: Records, claims: Claims, *, color: bool) -> str:
    """Findings for a person at a terminal: a table, then what it comes to and what could not be told."""
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    found = sorted(result.findings.iter_rows(named=True), key=lambda row: order[row["severity"]])
    cells = [
        (
            MARKS[row["severity"]],
            row["rule"],
            row["service_date"].date().isoformat() if row["service_date"] else "",
            *(terminal(row[name] or "") for name in ("patient_id", "therapist_id", "payer_id")),
            money(row["amount_at_risk"], cents=True) if row["amount_at_risk"] else "",
            terminal(row["message"]),
        )
        for row in found
    ]
    styles = ["bold", *(STYLES[row["severity"]] for row in found)]
    text = _laid_out([HEADS, *cells], styles, color) if found else ""
    return text + "\n".join(["", *_closing(result, records), *_gate(claims), *_left_out(records.report), ""])


def lifted_text(number: int) -> str:
    """What becomes of findings that reviewers dismissed or waived, a line below the table; nothing of none."""
    told = f"Reviewers dismissed or waived {plural(number, 'finding')}: listed and counted above, no reason to hold or to fail."
    return f"{told}\n" if number else ""


def _laid_out(rows: list[tuple[str, ...]], styles: list[str], color: bool) -> str:
    """Rows in columns: the last takes what is left of the page, no other more than a quarter of it.

    By hand, because `rich` takes a millisecond to lay out a row of a table, and there may be a hundred thousand.
    """
    console = _console(color)
    page, most = console.width, console.width // 4
    widths = [min(max(map(cell_len, column)), most) for column in list(zip(*rows, strict=True))[:-1]]
    widths.append(max(page - sum(widths) - len(GAP) * len(widths), LEAST))
    blocks = ["\n".join(_row_lines(row, widths, console)) for row in rows]
    if not color:
        return "\n".join([*blocks, ""])
    styled = [Segment(block, Style.parse(style)) for block, style in zip(blocks, styles, strict=True)]
    return _printed(Segments(styled, new_lines=True), console)


def _row_lines(row: tuple[str, ...], widths: list[int], console: Console) -> list[str]:
    """The lines of one row: more than one where a cell is wider than its column."""
    folded = [
        [text] if cell_len(text) <= width else [line.plain for line in Text(text).wrap(console, width)]
        for text, width in zip(row, widths, strict=True)
    ]
    lines = []
    for texts in zip_longest(*folded, fillvalue=""):
        spaces = [" " * (width - cell_len(text)) for text, width in zip(texts, widths, strict=True)]
        columns = [text + space for text, space in zip(texts, spaces, strict=True)]
        columns[DOLLARS] = spaces[DOLLARS] + texts[DOLLARS]
        lines.append(GAP.join(columns).rstrip())
    return lines


def _cell(text: str | None) -> Text:
    """Text from the records as a cell: neither markup of `rich` nor a control character in it is obeyed."""
    return Text(terminal(text or ""))


def _closing(result: Audit, records: Records) -> list[str]:
    figures = summary(result)
    lines = [
        f"{plural(figures['visits'], 'visit')} on {plural(figures['claims'], 'claim')}: "
        f"{plural(figures['findings'], 'finding')} on {plural(figures['claims_hit'], 'claim')}, "
        f"{money(figures['dollars'], cents=True)} at risk (each line once)"
        f"{worth_knowing(figures['info'], figures['unread'])}.",
        f"{plural(figures['units_cannot_tell'], 'check')} on {plural(figures['visits_cannot_tell'], 'visit')} "
        f"could not be told{_mostly(result)}.",
    ]
    if told := refused(records.report):
        lines.append(f"{told} refused: see compliance validate.")
    lines += [f"{lack.rule} not run, because {lack.because}." for lack in result.not_run]
    return lines


def _mostly(result: Audit) -> str:
    told = result.coverage.group_by("missing").agg(pl.col("cannot_tell").sum()).drop_nulls("missing")
    top = told.sort(["cannot_tell", "missing"], descending=[True, False]).head(3)
    facts = [f"{row['missing']} ({row['cannot_tell']:,})" for row in top.iter_rows(named=True)]
    return f", most for want of {', '.join(facts)}" if facts else ""


def _gate(claims: Claims) -> list[str]:
    if claims is None:
        return []
    held = [claim for claim in claims if claim["decision"] == "hold"]
    said = [f"Pre-bill: hold {len(held):,} of {len(claims):,} unsubmitted claims."]
    if unsure := released_untold(claims):
        said.append(f"{unsure:,} of the {len(claims) - len(held):,} released could not be checked in full.")
    return said + [
        f"  {claim['decision']:8}{terminal(claim['claim_id'])}  {money(claim['amount'], cents=True)}"
        for claim in claims
    ]


def _left_out(report: LoadReport) -> list[str]:
    """The files of which nothing was read: what they hold was not checked, however clean the rest is."""
    told = [f"  {terminal(each.message)}" for each in report.left_out]
    if not told:
        return []
    rest = len(told) - LEFT_OUT_SHOWN
    more = [f"  … and {rest:,} more: see compliance validate"] if rest > 0 else []
    return [f"Not checked, because nothing was read of it ({len(told):,}):", *told[:LEFT_OUT_SHOWN], *more]


def _console(color: bool) -> Console:
    """What lays text out for the terminal or, without color, for a file of 180 columns."""
    return Console(file=io.StringIO(), force_terminal=color, no_color=not color, width=None if color else 180)


def _printed(text: RenderableType, console: Console) -> str:
    with console.capture() as printed:
        console.print(text, crop=False)
    return "\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n"


def named(table: pl.DataFrame, records: Records, by: str) -> pl.DataFrame:
    """The risk table with the names of its therapists, payers or clinics."""
    tables = {"therapist": "therapists", "payer": "payers", "clinic": "clinics"}
    if by not in tables:
        return table
    key = f"{by}_id"
    return table.join(
        records.tables[tables[by]].select(key, "name"), on=key, how="left", maintain_order="left"
    )


def risk_text(table: pl.DataFrame, by: str) -> str:
    """The risk table for a terminal."""
    key = "rule" if by == "rule" else f"{by}_id"
    shown = Table(box=None, header_style="bold", pad_edge=False)
    unit = "units failed" if by == "rule" else "visits with a finding"
    heads = [by, "at risk", "findings", unit, "cannot tell"]
    for head in heads:
        shown.add_column(head, justify="left" if head in (by, unit) else "right", overflow="fold")
    for row in table.iter_rows(named=True):
        label = row[key] or "(none)"
        name = f"{label}  {row['name']}" if row.get("name") else label
        shown.add_row(
            _cell(name),
            money(row["dollars"], cents=True),
            f"{row['findings']:,}",
            rate(row["n"], row["of"], row["share_low"], row["share_high"]),
            f"{row['cannot_tell']:,}",
        )
    return _printed(shown, _console(color=False))


def trail_text(entries: pl.DataFrame) -> str:
    """The trail for a terminal, oldest entry first."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("entry", "at (UTC)", "who", "did", "what"):
        shown.add_column(head, justify="right" if head == "entry" else "left", overflow="fold")
    for row in entries.iter_rows(named=True):
        told = (row["at"][:19].replace("T", " "), row["person"], row["action"], row["subject"])
        shown.add_row(str(row["entry"]), *(_cell(text) for text in told))
    return _printed(shown, _console(color=False)) + f"{plural(entries.height, 'entry', 'entries')}.\n"


def frame_text(table: pl.DataFrame, kind: str) -> str:
    """A frame as JSON, JSON lines or CSV; cells that a spreadsheet would run as formulas are made text."""
    if kind == "json":
        return json.dumps(table.to_dicts(), indent=2, ensure_ascii=False) + "\n"
    if kind == "jsonl":
        return _lines(table.to_dicts())
    return spreadsheet(table)


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
