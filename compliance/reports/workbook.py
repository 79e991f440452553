"""The workbook: the report's tables with typed columns, frozen headings and filters.

Text stays text, whatever it begins with: Excel is told of no formula, no link and no number that a cell did not hold.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import xlsxwriter

from compliance import charts, formats, prebill, risk, views
from compliance.checks.rule import catalogue
from compliance.missing_facts import in_words
from compliance.output import coverage_rows
from compliance.policy.display import value_rows
from compliance.reports.director import funnel_rows, tiles
from compliance.reports.subject import Subject

ROWS = 1_048_576
"""Rows of a sheet that Excel knows; what is longer goes on in a second sheet."""
LONGEST = 32_000
"""Characters of a cell that Excel keeps (32,767), less what escapes take."""
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control characters and marks of direction: a cell shows them, and nothing obeys them."""
MONEY, COUNT, DAY = "$#,##0.00", "#,##0", "yyyy-mm-dd"
SHARE = '[=0]0.0%;[<0.001]"<0.1%";0.0%'
"""A share that is not zero is not shown as zero."""
WIDEST, NARROWEST = 60, 9


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, its table, the formats of columns that are no plain numbers, and what it says when empty."""

    name: str
    table: pl.DataFrame
    formats: Mapping[str, str] = field(default_factory=dict)


def xlsx(subject: Subject) -> bytes:
    """The workbook as bytes: the same for the same records, policies, program and day."""
    return written(list(sheets(subject)), subject)


def sheets(subject: Subject) -> Iterator[Sheet]:
    """Every sheet in its order."""
    yield Sheet("Summary", _summary(subject), {"Number": "#,##0.00"})
    yield Sheet("Findings", _findings(subject, subject.view.valued), FINDINGS_MONEY)
    if not subject.view.dismissed.is_empty():
        yield Sheet("Dismissed", _dismissed(subject), FINDINGS_MONEY)
    yield Sheet("Therapists", _therapists(subject), {**SHARES, "At risk": MONEY})
    yield Sheet("Payers", _payers(subject), {**SHARES, "At risk": MONEY, "Cannot tell, share": SHARE})
    yield Sheet("Rules", _rules(subject), {**SHARES, "At risk": MONEY})
    yield Sheet("Coverage", _coverage(subject))
    if subject.claims:
        yield Sheet("Before billing", _claims(subject), {"Amount": MONEY})
    yield Sheet("Policies in force", _policies(subject))


FINDINGS_MONEY = {"At risk": MONEY, "At risk alone": MONEY}
SHARES = dict.fromkeys(("Share", "Share, from", "Share, to"), SHARE)
RATE = {
    "n": "With a finding", "of": "Checked", "share": "Share", "share_low": "Share, from", "share_high": "Share, to",
}  # fmt: skip


def _summary(subject: Subject) -> pl.DataFrame:
    """Each figure in words, and as a number where it is one."""
    figures = subject.figures
    report = subject.records.report
    checked, hit = int(figures["checked"]), int(figures["visits_with_finding"])
    numbers = {"Visits": "visits", "Visits checked": "checked", "Claims": "claims", "Claims with a finding": "claims_hit",
               "Claim lines": "lines", "Findings": "findings", "Worth knowing": "info"}  # fmt: skip
    told: list[tuple[str, str, float | None]] = [
        (
            "What",
            views.overview.sentence(figures) + views.narrowed.dismissed_sentence(subject.view),
            None,
        ),
        (
            "Cannot tell",
            views.overview.unknowns_sentence(subject.audit, int(figures["visits_cannot_tell"])),
            None,
        ),
        (
            "Unverified",
            views.narrowed.unverified_sentence(subject.view) or "none of the dollars at risk",
            None,
        ),
        ("Under these filters", "; ".join(subject.chosen) or "none: the whole of the records", None),
        *((tile["label"], f"{tile['value']}, {tile['note']}", None) for tile in tiles(subject)),
        *((name, formats.count(int(figures[key])), float(figures[key])) for name, key in numbers.items()),
        ("Visits with a finding", formats.rate(hit, checked), float(hit)),
        (
            "At risk, each line once",
            formats.money(figures["dollars"], cents=True),
            round(figures["dollars"], 2),
        ),
        ("Rows refused", formats.refused(report) or "none", float(report.rows_refused)),
        *(("Left out", each.message, None) for each in report.left_out),
        *((name, value, None) for name, value in subject.provenance().items()),
        ("Records, whole digest", subject.run.records, None),
        ("Policies, whole digest", subject.run.policies, None),
        *([("Trail of the review data", subject.trail, None)] if subject.trail else []),
    ]
    return pl.DataFrame(
        told, schema={"Figure": pl.String, "Value": pl.String, "Number": pl.Float64}, orient="row"
    )


def _called(subject: Subject, table: pl.DataFrame, column: str) -> pl.Series:
    """What the ids of a column are called; nothing stays nothing."""
    names = subject.names_of(table[column])
    return pl.Series([key and names[key] for key in table[column]], dtype=pl.String)


def _person(subject: Subject, table: pl.DataFrame, column: str, head: str) -> dict[str, pl.Series]:
    """A person's column: what they are called, and their id where names are not hidden."""
    called = {head: _called(subject, table, column)}
    return called if subject.names.hidden else {**called, f"{head} id": table[column]}


def _findings(subject: Subject, valued: pl.DataFrame) -> pl.DataFrame:
    found = views.findings.listed(valued)
    return pl.DataFrame(
        {
            "Severity": found["severity"],
            "Rule": found["rule"],
            "Title": pl.Series([catalogue()[code].title for code in found["rule"]], dtype=pl.String),
            "Service": found["service_date"].cast(pl.Date),
            "At risk": found["dollars"].round(2),
            "At risk alone": found["amount_at_risk"].round(2),
            "What was found": _masked(subject, found["message"]),
            "What to do": _masked(subject, found["fix"]),
            **_person(subject, found, "therapist_id", "Therapist"),
            **_person(subject, found, "patient_id", "Patient"),
            "Payer": _called(subject, found, "payer_id"),
            "Clinic": _called(subject, found, "clinic_id"),
            "Discipline": found["discipline"],
            "Claim": found["claim_id"],
            "Line": found["line"],
            "Note": found["note_id"],
            "Plan": found["plan_id"],
            "Finding": found["finding_id"],
        }
    )


def _dismissed(subject: Subject) -> pl.DataFrame:
    """The findings that reviewers dismissed, with who dismissed them, when and why."""
    told = subject.view.dismissed.rename({"finding_id": "Finding"}).select(
        "Finding", _masked(subject, subject.view.dismissed["reason"]).alias("Reason"),
        **{"Dismissed by": "person", "Dismissed on": pl.col("at").str.head(10).str.to_date()},
    )  # fmt: skip
    found = _findings(subject, subject.view.dismissed.with_columns(dollars=pl.lit(0.0)))
    return found.join(told, on="Finding", maintain_order="left")


def _masked(subject: Subject, texts: pl.Series) -> pl.Series:
    if not subject.names.hidden:
        return texts
    return pl.Series([each and subject.names.masked(each) for each in texts], dtype=pl.String)


def _risk_columns() -> list[pl.Expr]:
    return [
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("findings").cast(pl.Int64).alias("Findings"),
        pl.col("info").cast(pl.Int64).alias("Worth knowing"),
        *(pl.col(each).cast(pl.Int64).alias(each.capitalize()) for each in ("high", "medium", "low")),
        *(pl.col(each).alias(head) for each, head in RATE.items()),
        pl.col("cannot_tell").alias("Checks that cannot tell"),
    ]


def _therapists(subject: Subject) -> pl.DataFrame:
    table = risk.risk_table(subject.audit, "therapist")
    stands = funnel_rows(subject).group_by("therapist_id").agg(
        stands=pl.struct("discipline", "standing").sort_by("discipline")
    )  # fmt: skip
    told = {
        key: "; ".join(f"{each['discipline']}: {charts.STANDING_WORDS[each['standing']]}" for each in rows)
        for key, rows in stands.iter_rows()
    }
    people = pl.DataFrame(_person(subject, table, "therapist_id", "Therapist"))
    standing = pl.Series("Stands", [told.get(key) for key in table["therapist_id"]], dtype=pl.String)
    return pl.concat([people, standing.to_frame(), table.select(_risk_columns())], how="horizontal")


def _payers(subject: Subject) -> pl.DataFrame:
    table = views.payers.rated(subject.view)
    names = pl.DataFrame({"Payer": _called(subject, table, "payer_id"), "Payer id": table["payer_id"]})
    more = table.select(
        pl.col("claims").cast(pl.Int64).alias("Claims"),
        pl.col("per_100").round(2).alias("Findings per 100 claims"),
        pl.col("per_100_low").round(2).alias("Per 100, from"),
        pl.col("per_100_high").round(2).alias("Per 100, to"),
        pl.col("cannot_tell_share").alias("Cannot tell, share"),
    )
    return pl.concat([names, table.select(_risk_columns()), more], how="horizontal")


def _rules(subject: Subject) -> pl.DataFrame:
    table = risk.risk_table(subject.audit, "rule")
    told = views.rules.catalogue_table(subject.audit).select(
        "rule",
        "title",
        "family",
        "unit",
        "here",
        "passed",
        "failed",
        "not_applicable",
        severity="severity",
    )
    money = table.select(
        "rule", "dollars", "findings", "info", "cannot_tell", "share", "share_low", "share_high"
    )
    numbers = ("dollars", "findings", "info", "cannot_tell")
    joined = told.join(money, on="rule", how="left", maintain_order="left").with_columns(
        pl.col(numbers).fill_null(0)
    )
    return joined.select(
        pl.col("rule").alias("Rule"), pl.col("title").alias("Title"), pl.col("family").alias("Family"),
        pl.col("severity").alias("Severity"), pl.col("here").alias("Here"),
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("findings").cast(pl.Int64).alias("Findings"), pl.col("info").cast(pl.Int64).alias("Worth knowing"),
        pl.col("failed").alias("Failed"), pl.col("passed").alias("Passed"),
        pl.col("share").alias("Share"), pl.col("share_low").alias("Share, from"), pl.col("share_high").alias("Share, to"),
        pl.col("cannot_tell").alias("Cannot tell"), pl.col("not_applicable").alias("Does not apply"),
        pl.col("unit").alias("Judged once a"),
    )  # fmt: skip


def _coverage(subject: Subject) -> pl.DataFrame:
    """Per rule, payer and therapist the four counts and the missing facts; then the rules that did not run."""
    heads = (
        "Rule",
        "Title",
        "Payer",
        "Therapist",
        "Passed",
        "Failed",
        "Cannot tell",
        "Does not apply",
        "Missing",
        "Not run",
    )
    names = subject.names
    rows: list[tuple[Any, ...]] = [
        (
            row["rule"],
            catalogue()[row["rule"]].title,
            row["payer_id"] and names.payer(row["payer_id"]),
            row["therapist_id"] and names.therapist(row["therapist_id"]),
            *(row[each] for each in ("passed", "failed", "cannot_tell", "not_applicable")),
            "; ".join(f"{in_words(fact)}: {number}" for fact, number in row["missing"].items() if fact)
            or None,
            None,
        )
        for row in coverage_rows(subject.audit)
    ]
    nothing = (None,) * 7
    rows += [
        (lack.rule, catalogue()[lack.rule].title, *nothing, f"not run, because {lack.because}")
        for lack in subject.audit.not_run
    ]
    numbers = dict.fromkeys(heads[4:8], pl.Int64)
    return pl.DataFrame(rows, schema=dict.fromkeys(heads, pl.String) | numbers, orient="row")


def _claims(subject: Subject) -> pl.DataFrame:
    listed = prebill.sheet(subject.claims, subject.waiting)
    listed = listed.with_columns(_masked(subject, listed["fixes"]).alias("fixes"))
    return listed.select(
        Claim="claim_id",
        Decision="decision",
        Amount="amount",
        Rules="rules",
        **{
            "What to do": "fixes",
            "Not checked in full": pl.col("cannot_tell").replace_strict({True: "yes", False: ""}),
        },
    ).sort("Decision", "Claim")


def _policies(subject: Subject) -> pl.DataFrame:
    """Every value in force on the day, of the policies that judge these payers."""
    payers = subject.records.tables["payers"]
    judging = {
        subject.policies.policy_of(kind, policy)
        for kind, policy in payers.select("kind", "policy").iter_rows()
    }
    names = ("parameter", "where", "value", "unit", "layer", "from", "to", "source", "verified", "note")
    rows = [
        (subject.policies.names[policy], *(row[name] for name in names))
        for policy in sorted(each for each in judging if each)
        for row in value_rows(subject.policies, policy, subject.as_of)
    ]
    heads = ("Policy", *(name.capitalize() for name in names))
    table = pl.DataFrame(rows, schema=dict.fromkeys(heads, pl.String), orient="row")
    return table.with_columns(pl.col("From", "To").str.to_date(strict=False))


def written(all_sheets: list[Sheet], subject: Subject) -> bytes:
    """Sheets as an Excel workbook."""
    buffer = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        day = subject.as_of
        book.set_properties(
            {
                "title": "Compliance report",
                "author": "Therapy Compliance",
                "comments": " · ".join(f"{name} {value}" for name, value in subject.provenance().items()),
                "created": datetime(day.year, day.month, day.day),
            }
        )
        for sheet in all_sheets:
            for name, part in _parts(sheet):
                _write(book, name, part, sheet.formats)
    return buffer.getvalue()


def _parts(sheet: Sheet) -> Iterator[tuple[str, pl.DataFrame]]:
    """The sheet, or as many as its rows need, each with the heading."""
    room = ROWS - 1
    for place in range(max(1, -(-sheet.table.height // room))):
        name = sheet.name if place == 0 else f"{sheet.name} {place + 1}"
        yield name, sheet.table.slice(place * room, room)


def _write(book: xlsxwriter.Workbook, name: str, table: pl.DataFrame, formats_of: Mapping[str, str]) -> None:
    shown = table.with_columns(
        pl.Series(column, [_seen(each) for each in table[column]], dtype=pl.String)
        for column, kind in table.schema.items()
        if kind == pl.String
    )
    table_formats: dict[Any, Any] = {
        column: formats_of[column] for column in table.columns if column in formats_of
    }
    shown.write_excel(
        book,
        name,
        table_style="Table Style Light 1",
        column_formats=table_formats,
        dtype_formats={pl.Date: DAY, pl.Int64: COUNT, pl.UInt32: COUNT, pl.Float64: "0.00"},
        column_widths={column: _width(shown[column]) for column in shown.columns},
        freeze_panes=(1, 0),
    )


def _seen(text: str | None) -> str | None:
    if text is None:
        return None
    return UNSEEN.sub(lambda found: formats.terminal(found[0]), text)[:LONGEST]


def _width(column: pl.Series) -> int:
    """Pixels of a column: as wide as its longest value, within bounds."""
    texts = column.head(2000).cast(pl.String)
    longest = max([len(column.name) + 3, *texts.str.len_chars().drop_nulls()])
    return 7 * max(NARROWEST, min(WIDEST, int(longest) + 1)) + 5
