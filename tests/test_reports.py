"""The report and the workbook: the numbers of the screen, the same bytes twice, and no text of records obeyed."""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
import typst

from compliance import charts, formats, prebill, risk, views
from compliance.audit import Scope, audit, unsubmitted
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import load
from compliance.reports import Subject, coaching, director, pdf, workbook, xlsx
from compliance.reports.document import TEMPLATE, content, fonts, typeset
from compliance.reports.pictures import readied, svg
from compliance.reports.words import printed
from compliance.views.narrowed import narrowed
from tests import clinic

AS_OF = date(2026, 7, 1)
RULES = ["PR-01", "DOC-05", "INT-03", "INT-10", "POC-02", "FRQ-05"]
FORMULA = '=cmd|"/c calc"!A1'
MARKUP = '*b* $x$ @y <z> \\u{41} `w` #panic("no")'
EVERYTHING = Scope()
NAMESPACE = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def reported(folder: Path) -> Subject:
    records, policies = load(folder), load_policies()
    result = audit(records, policies, AS_OF, select(RULES))
    return Subject.of(result, records, policies, EVERYTHING)


def again(subject: Subject, scope: Scope = EVERYTHING, **more: Any) -> Subject:
    """The same audit, told otherwise."""
    return Subject.of(subject.audit, subject.records, subject.policies, scope, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve patients; one therapist is called as a formula, a patient as markup, and four claims are unsent."""
    place = clinic.write(tmp_path_factory.mktemp("clinic"), visits=12)
    for name, column, old, new in (
        ("therapists", "name", "Brandt, Bo", FORMULA), ("patients", "name", "Person 003", MARKUP),
        ("payers", "name", "Summit Advantage", "@SUM(1+1)\x07\u202e"),
    ):  # fmt: skip
        table = pl.read_csv(place / f"{name}.csv", infer_schema=False)
        table.with_columns(pl.col(column).replace(old, new)).write_csv(place / f"{name}.csv")
    claims = pl.read_csv(place / "claims.csv", infer_schema=False)
    late = claims["claim_id"].str.ends_with("-11")
    claims.with_columns(status=pl.when(late).then(pl.lit("ready")).otherwise(pl.lit("paid"))).write_csv(
        place / "claims.csv"
    )
    notes = pl.read_csv(place / "notes.csv", infer_schema=False)
    vague = pl.col("note_id").str.ends_with("-05")
    text = f"97530 15 min. Took part in therapeutic activities as before. CGA, VC. {MARKUP}"
    notes.with_columns(text=pl.when(vague).then(pl.lit(text)).otherwise("text")).write_csv(
        place / "notes.csv"
    )
    return place


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return reported(folder)


@pytest.fixture(scope="module")
def told(subject: Subject) -> dict[str, Any]:
    return content(subject, None)


@pytest.fixture(scope="module")
def book(subject: Subject) -> dict[str, list[list[Any]]]:
    return opened(xlsx(subject))


def opened(content: bytes) -> dict[str, list[list[Any]]]:
    """Sheets by name: rows of cells, texts as texts, numbers as floats, a formula as `("formula", …)`."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        texts = [
            "".join(each.itertext())
            for each in ElementTree.fromstring(parts.read("xl/sharedStrings.xml")).findall("x:si", NAMESPACE)
        ]
        names = [
            each.attrib["name"]
            for each in ElementTree.fromstring(parts.read("xl/workbook.xml")).find("x:sheets", NAMESPACE)  # type: ignore[union-attr]
        ]
        sheets = {}
        for number, name in enumerate(names, 1):
            root = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml"))
            sheets[name] = [
                [_cell(each, texts) for each in row] for row in root.iterfind(".//x:row", NAMESPACE)
            ]
        return sheets


def _cell(cell: ElementTree.Element, texts: list[str]) -> Any:
    formula, value = cell.find("x:f", NAMESPACE), cell.find("x:v", NAMESPACE)
    if formula is not None:
        return ("formula", formula.text)
    if value is None:
        return None
    return texts[int(value.text or "")] if cell.get("t") == "s" else float(value.text or "")


def column(rows: list[list[Any]], head: str) -> list[Any]:
    return [row[rows[0].index(head)] for row in rows[1:]]


def every_text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def test_the_directors_page_says_what_the_overview_says(subject: Subject, told: Mapping[str, Any]) -> None:
    figures = risk.summary(subject.audit)
    page = told["director"]
    assert page["sentence"] == printed(views.overview.sentence(figures))
    per = risk.per_hundred(figures["findings"], figures["visits"])
    assert per and page["tiles"][2]["value"] == f"{per[0]:.1f}"
    assert told["by_rule"]["total"] == formats.money(figures["dollars"])
    assert told["by_rule"]["findings"] == str(figures["findings"])
    assert (
        sum(int(row["findings"].replace(",", "")) for row in told["by_rule"]["rows"]) == figures["findings"]
    )


def test_clean_and_held_are_those_of_the_gate(subject: Subject, told: Mapping[str, Any]) -> None:
    held = [claim for claim in subject.claims if claim["decision"] == prebill.HOLD]
    assert 0 < len(held) < len(subject.claims) == 12
    clean, money = told["director"]["tiles"][:2]
    assert clean["value"].replace("\u00a0", " ") == formats.percent(1 - len(held) / 12)
    assert money["value"] == formats.money(sum(claim["amount"] for claim in held))
    assert len(told["director"]["fixes"]["rows"]) <= 10
    assert told["director"]["fixes"]["heading"].startswith("What to fix by Jul 3, 2026")


def test_a_filter_narrows_the_claims_and_never_what_holds_one(subject: Subject) -> None:
    held = {row["claim_id"] for row in subject.claims if row["decision"] == "hold"}
    assert held
    of_one = narrowed(
        subject.view.whole, lambda rows: rows.filter(rule="UNIT-01") if "rule" in rows.columns else rows
    )
    assert replace(subject, view=of_one).claims == subject.claims
    holding = prebill.blocking(unsubmitted(subject.audit))["finding_id"].implode()
    therapist = subject.audit.findings.filter(pl.col("finding_id").is_in(holding))[
        "therapist_id"
    ].drop_nulls()[0]
    others = narrowed(
        subject.view.whole,
        lambda rows: rows.filter(pl.col("therapist_id") != therapist) if "rule" in rows.columns else rows,
    )
    assert {
        row["claim_id"] for row in replace(subject, view=others).claims if row["decision"] == "hold"
    } == held


def test_the_printed_weeks_stand_against_the_baseline_of_the_screen(subject: Subject) -> None:
    first = risk.weekly(subject.audit.visits)["week"].dt.date().unique().sort().to_list()[2]
    marked = replace(subject, marks=((first, "Training"),), head=(12, "f" * 64))
    weeks = risk.weekly(subject.audit.visits, baseline_until=first)
    assert marked.baseline_until == first
    page = director.page(marked)["weeks"]
    assert (
        page["sentence"] == f"{views.weeks.better_sentence(weeks, first)}." and " since: " in page["sentence"]
    )
    limits = [formats.percent(each) for each in weeks["limit_high"]]
    assert [row[3] for row in page["rows"]] == limits
    assert limits != [row[3] for row in director.page(subject)["weeks"]["rows"]]
    assert director.page(subject)["weeks"]["sentence"] == ""
    assert content(marked)["trail"].replace("\u200b", "") == f"entry 12, hash {'f' * 64}"
    assert content(subject)["trail"] == ""
    assert pdf(marked) != pdf(subject)
    assert ["Trail of the review data", marked.trail] in [row[:2] for row in opened(xlsx(marked))["Summary"]]


def test_a_lifted_finding_holds_no_claim(subject: Subject) -> None:
    lifted = replace(subject, lifted=frozenset(subject.audit.findings["finding_id"]))
    assert director.tiles(lifted)[0]["value"].replace("\u00a0", " ") == "100.0 %"


def test_a_report_leaves_out_what_was_dismissed_says_so_and_lists_it_for_the_auditor(
    subject: Subject,
) -> None:
    gone = subject.audit.findings.filter(pl.col("rule") == "PR-01")
    why = {"reason": "seen by Brandt, Bo", "person": "ana", "at": "2026-06-01T08:00:00+00:00"}
    dismissed = gone.select("finding_id", **{name: pl.lit(value) for name, value in why.items()})
    told = again(subject, dismissed=dismissed)
    words = f" {gone.height} findings that reviewers dismissed are left out."
    assert director.page(told)["sentence"] == views.overview.sentence(told.figures) + words
    assert told.figures["findings"] == subject.figures["findings"] - gone.height
    assert not [page for page in coaching.pages(told) for rule in page["found"] if rule["rule"] == "PR-01"]
    book = opened(xlsx(told))
    assert words in book["Summary"][1][1]
    listed = [dict(zip(book["Dismissed"][0], row, strict=True)) for row in book["Dismissed"][1:]]
    assert {row["Finding"] for row in listed} == set(gone["finding_id"])
    assert {row["Dismissed by"] for row in listed} == {"ana"}
    assert not {
        row["Rule"]
        for row in (dict(zip(book["Findings"][0], each, strict=True)) for each in book["Findings"][1:])
    } & {"PR-01"}
    assert "Dismissed" not in opened(xlsx(subject))


def test_every_picture_has_its_words_and_its_table(told: Mapping[str, Any]) -> None:
    page = told["director"]
    pictures = [page["weeks"], page["payers"], *page["people"]["pictures"]]
    assert all(each["svg"].startswith("<svg") and len(each["alt"]) > 40 for each in pictures)
    for each in (page["weeks"], page["payers"], page["people"]):
        assert each["rows"] and all(len(row) == len(each["heads"]) for row in each["rows"])


def test_a_coaching_page_quotes_notes_and_gives_no_score(subject: Subject, told: Mapping[str, Any]) -> None:
    assert len(told["coaching"]) == subject.audit.visits["therapist_id"].n_unique()
    page = next(each for each in told["coaching"] if each["name"] == "Chen, Li")
    assert 1 <= len(page["quotes"]) <= 3
    assert all(quote["words"].strip() and quote["about"].startswith("Note N") for quote in page["quotes"])
    assert page["found"] and all(found["fix"] for found in page["found"])
    assert not re.search(r"\b(score|rank|worst|offender|violation)\b", every_text(page))
    assert coaching.pages(subject, ["T3"]) != [] == coaching.pages(subject, ())


def test_names_and_notes_are_printed_and_not_obeyed(subject: Subject, told: Mapping[str, Any]) -> None:
    """Typst would stop at `#panic` if it read any of it as markup; every page is set."""
    assert any(each["name"] == FORMULA for each in told["coaching"])
    texts = [quote["after"] for page in told["coaching"] for quote in page["quotes"]]
    assert any(MARKUP in each for each in texts)
    assert "\\u202e" in every_text(told).replace("\\\\", "\\") and "\u202e" not in every_text(told)
    assert pdf(subject, None).startswith(b"%PDF-")


def test_a_name_of_controls_does_not_reach_the_renderer_which_it_would_abort() -> None:
    assert readied({"x": ["a\x07\u202e", "\U0001f600", 3]}) == {"x": ["a\\x07\\u202e", "\ufffd", 3]}
    rows = pl.DataFrame({"payer_id": ["P"], "severity": ["high"], "dollars": [1.0], "findings": [1]})
    names = {"P": "\x00\x07" + "\U0001f600" * 60 + "<b>&amp;]]>" + "W" * 5000}
    drawn = svg(charts.stacked_by(rows, "payer_id", "dollars", "One", "dollars", False, names), 300)
    assert "<b>" not in drawn and drawn.endswith("</svg>")


def test_a_word_without_end_and_a_name_of_controls_are_set(told: Mapping[str, Any]) -> None:
    assert printed("a\x00b\nc") == "a\\x00b c"
    assert max(map(len, printed("x" * 300).split("\u200b"))) == 28
    assert len(printed("word " * 900)) < 700
    changed = json.loads(every_text(told))
    changed["director"]["fixes"]["rows"] = [
        {"rule": "X", "what": printed("W" * 500), "who": "\u738b\u5c0f \u0645\u062d\u0645",
         "dollars": "$1", "releases": ""}
    ]  # fmt: skip
    assert typeset(changed).startswith(b"%PDF-")


def test_the_pdf_is_tagged_says_its_run_on_every_page_and_meets_the_accessibility_standard(
    subject: Subject, told: Mapping[str, Any]
) -> None:
    for part in (subject.run.run_id, subject.run.program, subject.records.fingerprint[:16], "Jul 1, 2026"):
        assert part in told["footer"]
    made = typst.compile(
        TEMPLATE, format="pdf", font_paths=fonts(), ignore_system_fonts=True, pdf_standards="ua-1",
        sys_inputs={"data": every_text(told)},
    )  # fmt: skip
    assert isinstance(made, bytes) and b"/MarkInfo" in made and b"/StructTreeRoot" in made


def test_the_same_records_give_the_same_bytes(subject: Subject, folder: Path, told: dict[str, Any]) -> None:
    second = reported(folder)
    assert typeset(told) == pdf(second, None)
    assert xlsx(subject) == xlsx(second)
    assert typeset({**told, "paper": "a4"}) != typeset(told)


def test_hidden_names_are_in_neither(subject: Subject) -> None:
    hidden = again(subject, hide_names=True)
    said = every_text(content(hidden, None)) + every_text(opened(xlsx(hidden)))
    for name in ("Chen", "Alvarez", "Brandt", "Person 00", FORMULA):
        assert name not in said.replace("\\", "")
    assert "Therapist 3" in said


def test_the_workbook_holds_every_sheet_and_the_figures_of_the_screen(
    subject: Subject, book: Mapping[str, list[list[Any]]]
) -> None:
    assert list(book) == ["Summary", "Findings", "Therapists", "Payers", "Rules", "Coverage", "Before billing",
                          "Policies in force"]  # fmt: skip
    figures = risk.summary(subject.audit)
    summary = {row[0]: row[2] for row in book["Summary"][1:]}
    assert summary["Findings"] == figures["findings"] and summary["Visits"] == figures["visits"]
    assert summary["At risk, each line once"] == pytest.approx(figures["dollars"], abs=0.005)
    assert len(book["Findings"]) - 1 == subject.audit.findings.height
    for sheet in ("Findings", "Therapists", "Payers", "Rules"):
        dollars = sum(each or 0 for each in column(book[sheet], "At risk"))
        assert dollars == pytest.approx(figures["dollars"], abs=0.02 * len(book[sheet]))
    assert len(book["Before billing"]) - 1 == 12
    not_run = [each for each in column(book["Coverage"], "Not run") if each]
    assert len(not_run) == len(subject.audit.not_run)
    told = sum(each or 0 for each in column(book["Coverage"], "Cannot tell"))
    assert told == figures["units_cannot_tell"]


def test_cells_are_typed_filtered_and_frozen(subject: Subject, book: Mapping[str, list[list[Any]]]) -> None:
    assert all(isinstance(each, float) for each in column(book["Findings"], "At risk"))
    assert all(isinstance(each, float) for each in column(book["Findings"], "Service") if each)
    with zipfile.ZipFile(io.BytesIO(xlsx(subject))) as parts:
        sheet = parts.read("xl/worksheets/sheet2.xml").decode()
        styles = parts.read("xl/styles.xml").decode()
        assert '<pane ySplit="1"' in sheet and "customWidth" in sheet
        assert "<autoFilter" in parts.read("xl/tables/table2.xml").decode()
        assert "$#,##0.00" in styles.replace("&quot;", '"') and "yyyy-mm-dd" in styles


def test_no_cell_is_a_formula_and_text_stays_as_written(book: Mapping[str, list[list[Any]]]) -> None:
    cells = [each for rows in book.values() for row in rows for each in row]
    assert not [each for each in cells if isinstance(each, tuple)]
    assert FORMULA in column(book["Therapists"], "Therapist")
    assert "@SUM(1+1)\\x07\\u202e" in column(book["Payers"], "Payer")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "{=1}", "https://example.org", "00123", "_x0041_", "\t=1"]
)
def test_a_text_is_a_text_whatever_it_begins_with(subject: Subject, text: str) -> None:
    made = workbook.written([workbook.Sheet("One", pl.DataFrame({"Text": [text]}))], subject)
    (cell,) = opened(made)["One"][1]
    assert cell == text or cell == text.replace("_x0041_", "_x005F_x0041_")  # so Excel is told to leave it
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        assert not [
            name for name in parts.namelist() if "hyperlink" in parts.read(name).decode("utf-8", "ignore")
        ]


def test_what_is_longer_than_a_sheet_goes_on_in_another(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "ROWS", 5)
    made = opened(workbook.written([workbook.Sheet("Many", pl.DataFrame({"Number": range(9)}))], subject))
    assert list(made) == ["Many", "Many 2", "Many 3"]
    assert [row[0] for rows in made.values() for row in rows[1:]] == list(range(9))
    assert all(rows[0] == ["Number"] for rows in made.values())


def test_without_records_both_say_so(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("claim_id,patient_id,payer_id\n")
    nothing = reported(tmp_path)
    told = content(nothing, None)
    assert told["director"]["weeks"] is None and told["director"]["people"] is None
    assert told["director"]["tiles"][0]["value"] == formats.NOTHING
    assert len(told["by_rule"]["not_run"]) == len(RULES)
    assert pdf(nothing, None).startswith(b"%PDF-")
    sheets = opened(xlsx(nothing))
    assert "Before billing" not in sheets and len(column(sheets["Coverage"], "Not run")) == len(RULES)


def test_under_filters_the_report_says_which_and_counts_as_the_screen(subject: Subject) -> None:
    scope = Scope(payers=("MCR",), since=date(2026, 2, 1), until=date(2026, 3, 31))
    narrow = again(subject, scope)
    assert narrow.chosen == ("Payer: Medicare B", "Service Feb 1 – Mar 31, 2026")
    figures = risk.summary(views.narrowed.narrowed(subject.audit, scope.of).audit)
    told = content(narrow)
    assert told["chosen"].startswith("Only: Payer: Medicare B")
    assert told["director"]["sentence"] == printed(views.overview.sentence(figures))
    assert narrow.run.run_id == subject.run.run_id
