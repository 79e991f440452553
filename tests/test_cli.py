"""The commands as a person calls them: what they print, where, and with which exit status."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import openpyxl
import polars as pl
import pytest

from compliance.audit import audit
from compliance.cli import main
from compliance.findings import FINDING_SCHEMA
from compliance.synth import write
from tests import clinic
from tests.audits import kept_audit

pytestmark = pytest.mark.xdist_group("cli")  # one worker audits the small clinic

ROOT = Path(__file__).parent.parent
WHOLE_SAMPLE = ROOT / "sample_data"
SAMPLE = "SAMPLE"
"""Stands for a small synthetic clinic in the arguments of `run`."""
AS_OF = ("--as-of", "2026-07-01")


@cache
def small_clinic() -> Path:
    """The folder of a small synthetic clinic, written once."""
    folder = Path(tempfile.mkdtemp(prefix="clinic"))
    write(folder, patients=30, seed=7)
    return folder


class Called(NamedTuple):
    """What a call of the command line left behind."""

    returncode: int
    stdout: str
    stderr: str


class Terminal(io.StringIO):
    """Standard output that a person watches."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str | Path, watched: bool = False, anew: bool = False) -> Called:
    """Call the command line in this process, as the console script does; audits are shared unless `anew`."""
    given = [str(argument) for argument in arguments]
    if SAMPLE in given:
        given[given.index(SAMPLE)] = str(small_clinic())
    out, err = Terminal() if watched else io.StringIO(), io.StringIO()
    arguments_given = patch.object(sys, "argv", ["compliance", *given])
    audits = patch("compliance.audit.audit", audit if anew else kept_audit)
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        arguments_given,
        audits,
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Called(ended.value.code or 0, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def checked() -> Called:
    """Every rule over the small clinic, as JSON."""
    return run("check", SAMPLE, "--format", "json", *AS_OF)


def test_the_table_stands_in_columns_and_what_is_long_goes_on_below(
    monkeypatch: pytest.MonkeyPatch, document: dict[str, object]
) -> None:
    piped = run("check", SAMPLE, *AS_OF).stdout.partition("\n\n")[0].splitlines()
    what = piped[0].index("what")
    rows = [line for line in piped[1:] if line[0] != " "]
    assert len(rows) == len(document["findings"])  # type: ignore[arg-type]
    assert {line[what - 2 : what] for line in piped} == {"  "} and max(map(len, piped)) <= 180
    monkeypatch.setenv("COLUMNS", "100")
    watched = run("check", SAMPLE, *AS_OF, watched=True).stdout
    shown = re.sub(r"\x1b\[[0-9;]*m", "", watched).partition("\n\n")[0].splitlines()
    assert max(map(len, shown)) <= 100 and len(shown) > len(piped)
    said = " ".join(line[what:].strip() for line in piped)
    assert " ".join(line[what:].strip() for line in shown) == said


@pytest.mark.parametrize("command", ["check", "risk", "report", "trail"])
def test_no_output_goes_over_the_records_or_a_database(command: str, tmp_path: Path) -> None:
    records = tmp_path / "records"
    shutil.copytree(small_clinic(), records)
    (tmp_path / "review.xlsx").write_bytes(b"SQLite format 3\0 and its pages")
    (records / "payers.xlsx").write_bytes(b"a workbook")
    (tmp_path / "link.xlsx").symlink_to(records / "payers.xlsx")
    given = [command] if command == "trail" else [command, records]
    outputs = {"review.xlsx": "is a database"}
    if command != "trail":
        outputs |= {"records/payers.xlsx": "one of the records", "link.xlsx": "one of the records"}
    for name, said in outputs.items():
        before = (tmp_path / name).read_bytes()
        called = run(*given, "--output", tmp_path / name)
        assert called.returncode == 2 and said in called.stderr and called.stderr.count("\n") == 1
        assert (tmp_path / name).read_bytes() == before


@pytest.fixture(scope="module")
def document(checked: Called) -> dict[str, object]:
    return json.loads(checked.stdout)


def test_json_is_the_contracts_object_and_the_same_bytes_twice(
    checked: Called, document: dict[str, object]
) -> None:
    first = run("check", SAMPLE, "--format", "json", *AS_OF, anew=True)
    assert first.stdout == checked.stdout
    assert list(document) == [
        "schema_version",
        "records",
        "policies",
        "as_of",
        "coverage",
        "not_run",
        "findings",
    ]
    assert list(document["findings"][0]) == list(FINDING_SCHEMA)  # type: ignore[index]
    assert first.returncode == 1, "the sample holds findings of severity high"
    assert first.stderr == "", "no progress where nobody watches"


def test_csv_and_parquet_hold_the_contracts_columns_in_its_order(tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        run("check", SAMPLE, "--rule", "DOC", "--format", kind, "--output", tmp_path / f"f.{kind}", *AS_OF)
    written = pl.read_csv(tmp_path / "f.csv", infer_schema=False)
    assert written.columns == list(FINDING_SCHEMA) and not written.is_empty()
    assert pl.read_parquet(tmp_path / "f.parquet")["finding_id"].to_list() == written["finding_id"].to_list()


def test_jsonl_is_one_finding_a_line(document: dict[str, object]) -> None:
    lines = run("check", SAMPLE, "--rule", "DOC", "--format", "jsonl", *AS_OF).stdout.splitlines()
    of_doc = [row for row in document["findings"] if row["rule"].startswith("DOC")]  # type: ignore[attr-defined]
    assert [json.loads(line) for line in lines] == of_doc


@pytest.mark.parametrize(("fail_on", "status"), [("high", 1), ("medium", 1), ("low", 1), ("never", 0)])
def test_exit_status_follows_fail_on(fail_on: str, status: int) -> None:
    assert (
        run("check", SAMPLE, "--rule", "SUP", "--fail-on", fail_on, "--format", "jsonl", *AS_OF).returncode
        == status
    )


def test_a_family_prefix_chooses_rules(document: dict[str, object]) -> None:
    rows = run("check", SAMPLE, "--rule", "sup", "--format", "jsonl", *AS_OF).stdout.splitlines()
    assert {json.loads(row)["rule"][:3] for row in rows} == {"SUP"}
    assert len(rows) == sum(row["rule"].startswith("SUP") for row in document["findings"])  # type: ignore[attr-defined]


def test_dates_therapists_and_payers_narrow_what_is_told(document: dict[str, object]) -> None:
    some = next(row for row in document["findings"] if row["therapist_id"] and row["payer_id"])  # type: ignore[attr-defined]
    day = some["service_date"]
    narrowed = run("check", SAMPLE, "--format", "json", "--from", day, "--to", day, "--payer", some["payer_id"],
                   "--therapist", some["therapist_id"], *AS_OF)  # fmt: skip
    found = json.loads(narrowed.stdout)["findings"]
    assert some["finding_id"] in [row["finding_id"] for row in found]
    assert {row["service_date"] for row in found} <= {day, None}
    assert {row["payer_id"] for row in found} <= {some["payer_id"], None}
    assert {row["therapist_id"] for row in found} == {some["therapist_id"]}


def test_a_scope_may_end_on_the_last_day_there_is() -> None:
    everything = json.loads(run("check", SAMPLE, "--rule", "INT-03", "--format", "json", *AS_OF).stdout)
    to_the_end = run("check", SAMPLE, "--rule", "INT-03", "--format", "json", "--to", "9999-12-31", *AS_OF)
    assert json.loads(to_the_end.stdout)["findings"] == everything["findings"]


def test_the_pre_bill_gate_says_hold_or_release_for_each_claim() -> None:
    told = json.loads(run("check", SAMPLE, "--unsubmitted", "--format", "json", *AS_OF).stdout)
    decisions = {claim["decision"] for claim in told["claims"]}
    assert decisions <= {"hold", "release"} and "release" in decisions
    unsubmitted = {claim["claim_id"] for claim in told["claims"]}
    held = {claim["claim_id"] for claim in told["claims"] if claim["decision"] == "hold"}
    named = {
        row["claim_id"]
        for row in told["findings"]
        if row["severity"] in ("high", "medium") and row["claim_id"]
    }
    assert named & unsubmitted == held & named
    narrowed = json.loads(
        run("check", SAMPLE, "--unsubmitted", "--rule", "UNIT-01", "--format", "json", *AS_OF).stdout
    )
    assert narrowed["claims"] == told["claims"], "one rule released what others hold"
    assert {row["rule"] for row in narrowed["findings"]} <= {"UNIT-01"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "nowhere"), "nowhere"),
        (("check", SAMPLE, "--rule", "PRR"), "PRR: no such rule. Did you mean 'PR'?"),
        (("check", SAMPLE, "--rule", ""), "An empty rule code. Give a rule or a family, such as AST."),
        (("check", SAMPLE, "--from", "13/45/2026"), "--from"),
        (("check", SAMPLE, "--format", "parquet"), "--output"),
        (("policies", "medicaer"), "Did you mean 'medicare'?"),
        (("check", SAMPLE, "--policies", "nowhere"), "nowhere"),
        (("rules", "XX-01"), "no such rule"),
        (("validate", str(ROOT / "LICENSE")), "LICENSE"),
        (("check", SAMPLE, "--truth", "nowhere.csv"), "nowhere.csv"),
        (("check", SAMPLE, "--qq"), "No such option: --qq. See compliance check --help."),
        (("check", SAMPLE, "--format", "xml"), "Invalid value for '--format': 'xml' is not one of 'table'"),
        (("chek", SAMPLE), "Did you mean 'check'?"),
        (("check",), "PATH"),
        (("check", SAMPLE, "--policies", str(ROOT / "tests")), "holds no policy file"),
        (
            ("check", SAMPLE, "--from", "2026-06-01", "--to", "2026-01-01"),
            "--from 2026-06-01 lies after --to",
        ),
        (("check", SAMPLE, "--payer", "NOPE"), "--payer 'NOPE': not in these records. They name"),
        (("check", SAMPLE, "--payer", "mcr"), "Did you mean MCR?"),
        (("check", SAMPLE, "--payer", ""), "--payer '': not in these records"),
        (("check", SAMPLE, "--payer", "MCR", "--payer", "MRC"), "Did you mean MCR?"),
        (("check", SAMPLE, "--therapist", "NOPE"), "--therapist 'NOPE': not in these records"),
        (("check", ""), "'' is no path"),
        (("check", "a\0b"), "is no path"),
        (("validate", ""), "'' is no path"),
        (("risk", ""), "'' is no path"),
        (("synth", ""), "'' is no path"),
        (("app", ""), "'' is no path"),
        (("check", SAMPLE, "--policies", ""), "'' is no path"),
        (("check", SAMPLE, "--output", ""), "'' is no path"),
        (("check", SAMPLE, "--format", "parquet", "--output", str(ROOT)), "is a folder (expected a file)"),
        (
            ("check", SAMPLE, "--format", "parquet", "--output", "nowhere/f.parquet"),
            "there is no folder nowhere",
        ),
        (("risk", SAMPLE, "--format", "parquet", "--output", str(ROOT)), "is a folder (expected a file)"),
        (
            ("risk", SAMPLE, "--format", "parquet", "--output", "nowhere/f.parquet"),
            "there is no folder nowhere",
        ),
        (("risk", SAMPLE, "--format", "parquet"), "needs --output FILE"),
        (("report", SAMPLE), "--output"),
        (("report", SAMPLE, "--output", "report.docx"), "a report is a .pdf or an .xlsx"),
        (("report", SAMPLE, "--output", "nowhere/report.pdf"), "there is no folder nowhere"),
        (("report", SAMPLE, "--output", "/proc/report.pdf"), "/proc/report.pdf: "),
        (
            ("report", SAMPLE, "--output", "report.pdf", "--therapist", "NOPE"),
            "--therapist 'NOPE': not in these records",
        ),
        (("report", SAMPLE, "--output", "report.pdf", "--payer", "mcr"), "Did you mean MCR?"),
        (("report", SAMPLE, "--output", "report.pdf", "--from", "x"), "is not a date"),
        (("report", "nowhere", "--output", "report.pdf"), "nowhere"),
        (("check", SAMPLE, "--truth", str(ROOT)), "expected the CSV that synth writes"),
        (("check", SAMPLE, "--truth", str(ROOT / "README.md")), "expected the CSV that synth writes"),
        (("check", SAMPLE, "--truth", str(WHOLE_SAMPLE / "payers.csv")), "its columns are payer_id, name"),
        (("app", "--port", "99999999"), "65535"),
        (("synth", "/proc/nowhere", "--patients", "1"), "cannot be written"),
        (("synth", "nowhere", "--patients", "99999999999999999999"), "1000000"),
        (("synth", "nowhere", "--months", "1"), "--months"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_two(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ("", "empty"),
        ("\xff\xfe\0", "its columns are"),
        ("rule\nSUP-01\n", "its columns are rule"),
        ("rule,note_id\nSUP-99,N1\n", "column rule: SUP-99 is no rule"),
        ("rule,claim_id,line\nSUP-01,C1,x\n", "column line: 'x' is no number"),
        ("rule,note_id\n,N1\n", "column rule: nothing is no rule"),
    ],
)
def test_a_file_that_is_no_truth_table_is_refused(tmp_path: Path, truth: str, said: str) -> None:
    (tmp_path / "truth.csv").write_bytes(truth.encode("latin-1"))
    told = run("check", SAMPLE, "--truth", tmp_path / "truth.csv")
    assert told.returncode == 2 and said in told.stderr and len(told.stderr.splitlines()) == 1


def test_synth_writes_as_many_months_and_in_the_format_asked_for(tmp_path: Path) -> None:
    told = run("synth", tmp_path, "--patients", "2", "--months", "2", "--format", "parquet")
    assert told.returncode == 0
    notes = pl.read_parquet(tmp_path / "notes")
    assert notes["service_date"].max() < "2026-03"  # type: ignore[operator]


@pytest.fixture(scope="module")
def partly_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic of whose files two cannot be read, and one row has two unreadable cells."""
    folder = clinic.write(tmp_path_factory.mktemp("partly"), patients=2)
    (folder / "authorizations.pdf").write_bytes(b"PK")
    (folder / "fees.csv").write_bytes(b"")
    cells = {"note_id": "N9", "patient_id": "P000", "service_date": "2026-13-45", "signed_on": "never"}
    notes = pl.read_csv(folder / "notes.csv", infer_schema=False)
    clinic.write_table(folder / "notes.csv", [*notes.to_dicts(), cells])
    return folder


def test_check_ends_with_the_files_that_it_could_not_use(partly_read: Path) -> None:
    last = run("check", partly_read, "--unsubmitted", *AS_OF).stdout.splitlines()[-3:]
    assert last[0] == "Not checked, because nothing was read of it (2):"
    assert any("authorizations.pdf" in line for line in last[1:])
    assert any("fees.csv" in line for line in last[1:])
    told = json.loads(run("check", partly_read, "--format", "json", *AS_OF).stdout)["records"]["left_out"]
    assert {(each["kind"], each["file"]) for each in told} == {
        ("ignored", "authorizations.pdf"),
        ("empty", "fees.csv"),
    }


def test_a_row_refused_for_two_cells_is_one_row(partly_read: Path) -> None:
    assert "\n1 row refused: see compliance validate." in run("check", partly_read, *AS_OF).stdout
    assert json.loads(run("check", partly_read, "--format", "json", *AS_OF).stdout)["records"]["refused"] == 1


def test_each_command_has_help_with_an_example() -> None:
    for command in ("check", "validate", "rules", "policies", "risk", "trail", "synth", "app"):
        told = run(command, "--help")
        assert told.returncode == 0
        assert f"compliance {command}" in told.stdout.split("Example:")[-1], command


def test_the_rule_book_explains_a_rule() -> None:
    told = run("rules", "PR-01", "--on", "2026-03-01").stdout
    for part in (
        "PR-01",
        "## What it checks",
        "## Why it matters",
        "progress_report_treatment_days",
        "An example that breaks it",
    ):
        assert part in told
    assert "PR-01" in run("rules").stdout


def test_policies_are_listed_and_shown_on_a_day() -> None:
    assert "medicare_advantage" in run("policies").stdout
    then = run("policies", "medicare", "--on", "2024-12-31").stdout
    now = run("policies", "medicare", "--on", "2025-01-01").stdout
    assert "direct" in next(
        line for line in then.splitlines() if "private_practice" in line and "supervision" in line
    )
    assert "general" in next(line for line in now.splitlines() if line.startswith("assistant_supervision"))


@pytest.fixture(scope="module")
def dollars_by_rule() -> float:
    rows = json.loads(run("risk", SAMPLE, "--by", "rule", "--format", "json", *AS_OF).stdout)
    return sum(row["dollars"] for row in rows)


@pytest.mark.parametrize("by", ["therapist", "payer", "clinic"])
def test_the_risk_table_sums_to_the_whole(by: str, dollars_by_rule: float) -> None:
    rows = json.loads(run("risk", SAMPLE, "--by", by, "--format", "json", *AS_OF).stdout)
    assert sum(row["dollars"] for row in rows) == pytest.approx(dollars_by_rule) and dollars_by_rule > 0


def test_the_risk_table_is_printed() -> None:
    assert run("risk", SAMPLE, "--by", "payer", *AS_OF).stdout.startswith("payer")


def test_planted_violations_are_recalled_and_the_figures_printed() -> None:
    told = run(
        "check", WHOLE_SAMPLE, "--truth", WHOLE_SAMPLE / "truth.csv", "--format", "jsonl", *AS_OF
    ).stderr
    of_all = next(line.split() for line in told.splitlines() if line.startswith("all"))
    assert "recall" in told and "precision" in told
    assert float(of_all[3]) == 100.0, "every planted violation is found"
    assert float(of_all[-2]) >= 98.0, "nearly nothing else is"


def test_rules_that_were_not_asked_for_miss_nothing() -> None:
    truth = small_clinic() / "truth.csv"
    told = run("check", SAMPLE, "--rule", "DOC-05", "--truth", truth, "--format", "jsonl", *AS_OF).stderr
    assert [line.split()[0] for line in told.splitlines()] == ["rule", "DOC-05", "all"]


def test_the_trail_is_listed_and_verified(tmp_path: Path) -> None:
    from compliance.review import Decision, open_store

    address = f"sqlite:///{tmp_path / 'review.db'}"
    row = {"finding_id": HOSTILE, "rule": "PR-01", "severity": "high", "message": "late", "lines": "[]"}
    store = open_store(address)
    store.decide([row], Decision("confirmed"), "ana")
    listed = run("trail", "--review", address)
    assert listed.returncode == 0 and "ana" in listed.stdout and "confirmed" in listed.stdout
    assert SHOWN in listed.stdout and "1 entry." in listed.stdout
    assert (
        json.loads(run("trail", "--review", address, "--format", "json").stdout)[0]["action"] == "confirmed"
    )
    told = run("trail", "--verify", "--review", address)
    assert told.returncode == 0 and store.verify().head in told.stdout
    broken = run("trail", "--verify", "--head", "0" * 64, "--review", address)
    assert broken.returncode == 1 and "cut off" in broken.stdout
    refused = run("trail", "--review", "nonsense")
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1


def test_a_report_and_the_risk_table_leave_out_what_was_dismissed_and_check_lists_it(tmp_path: Path) -> None:
    from compliance.review import Decision, open_store

    address = f"sqlite:///{tmp_path / 'review.db'}"
    found = json.loads(run("check", SAMPLE, "--format", "json", *AS_OF).stdout)["findings"]
    told = [each | {"lines": json.dumps(each["lines"])} for each in found if each["severity"] != "info"]
    open_store(address).decide(told, Decision("dismissed", "on paper"), "ana")
    listed = run("check", SAMPLE, "--review", address, *AS_OF)
    assert listed.returncode == 0
    assert f"Reviewers dismissed or waived {len(told)} findings: listed and counted above" in listed.stdout
    again = run("check", SAMPLE, "--format", "json", "--review", address, *AS_OF)
    assert json.loads(again.stdout)["findings"] == found
    rows = json.loads(run("risk", SAMPLE, "--format", "json", "--review", address, *AS_OF).stdout)
    assert not any(row["findings"] or row["dollars"] for row in rows)
    book = tmp_path / "report.xlsx"
    assert run("report", SAMPLE, "--output", book, "--review", address, *AS_OF).returncode == 0
    listed = {sheet.title: sheet for sheet in openpyxl.load_workbook(book)}
    assert listed["Dismissed"].max_row == len(told) + 1
    assert f"{len(told)} findings that reviewers dismissed are left out." in listed["Summary"]["B2"].value


def test_the_module_is_the_command_too() -> None:
    command = [sys.executable, "-m", "compliance", "rules"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout == run("rules").stdout


def test_validate_reports_what_was_loaded() -> None:
    told = run("validate", SAMPLE)
    assert told.returncode == 0
    assert "claim_lines" in told.stdout
    assert json.loads(run("validate", SAMPLE, "--format", "json").stdout)["tables"]


HOSTILE = "=[/b][red]\x1b[2J"
"""A formula, markup of two kinds, and a terminal's *clear the screen*, as a name in an export could hold them."""
SHOWN = "=[/b][red]\\x1b[2J"


def rewrite(file: Path, column: str, put: Any) -> None:
    """Put something else into each cell of a column."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {column: put(row[column])} for row in rows)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic with names, labels and dates that would act on who reads them."""
    folder = tmp_path_factory.mktemp("hostile")
    write(folder, patients=5, seed=7)
    rewrite(folder / "therapists.csv", "name", lambda name: HOSTILE + name)
    rewrite(folder / "goals.csv", "label", lambda label: HOSTILE + label)
    rewrite(folder / "goals.csv", "due_on", lambda due: f"{HOSTILE}\nNo row was refused." if due else due)
    return folder


@pytest.mark.parametrize("command", [("check",), ("risk",), ("risk", "--by", "rule"), ("validate",)])
def test_text_of_the_records_is_shown_to_a_terminal_and_not_obeyed(
    hostile: Path, command: tuple[str, ...]
) -> None:
    told = run(command[0], hostile, *command[1:], *(() if command[0] == "validate" else AS_OF))
    assert told.returncode in (0, 1)
    assert told.stdout.replace("\n", "").isprintable()
    if "rule" not in command:
        assert SHOWN in told.stdout.replace("\n", "")
    assert "\nNo row was refused" not in told.stdout


def test_data_for_programs_is_escaped_for_a_terminal_alone(hostile: Path) -> None:
    piped = run("risk", hostile, "--format", "csv", *AS_OF)
    assert HOSTILE in piped.stdout
    watched = run("risk", hostile, "--format", "csv", *AS_OF, watched=True)
    assert SHOWN in watched.stdout and "\x1b" not in watched.stdout


@pytest.mark.parametrize("command", ["check", "risk"])
def test_no_cell_of_a_csv_is_a_formula_and_each_can_be_read_back(hostile: Path, command: str) -> None:
    told = run(command, hostile, "--format", "csv", *AS_OF).stdout
    cells = [cell for row in csv.reader(io.StringIO(told)) for cell in row if not is_number(cell)]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    if command == "risk":
        assert any(cell.startswith(f"'{HOSTILE}") for cell in cells)
    assert "apostrophe" in run(command, "--help").stdout


def is_number(cell: str) -> bool:
    try:
        return bool(float(cell)) or True
    except ValueError:
        return False


def test_a_wrong_call_quotes_nothing_that_a_terminal_obeys() -> None:
    told = run("check", "no\x1b[2Jwhere")
    assert told.returncode == 2 and "no\\x1b[2Jwhere" in told.stderr and "\x1b" not in told.stderr


def test_report_writes_pdf_and_workbook_and_says_nothing(tmp_path: Path) -> None:
    printed, book = tmp_path / "report.pdf", tmp_path / "REPORT.XLSX"
    folder = clinic.write(tmp_path / "clinic", patients=6, visits=11)
    for file, more in ((printed, ("--therapist", "T1", "--paper", "a4")), (book, ("--hide-names",))):
        called = run("report", folder, "--output", file, *AS_OF, *more)
        assert (called.returncode, called.stdout, called.stderr) == (0, "", "")
    assert printed.read_bytes().startswith(b"%PDF-") and book.read_bytes().startswith(b"PK\x03\x04")


def test_review_data_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    """A slip in the address would else read as an empty trail, verified."""
    address = f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}"
    for asked in (("trail", "--verify"), ("trail",), ("check", SAMPLE, "--rule", "DOC-05", *AS_OF)):
        told = run(*asked, "--review", address)
        assert told.returncode == 2 and "no such file" in told.stderr and told.stderr.count("\n") == 1
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize(
    ("output", "said"), [(">/dev/full", "No space left on device"), (">&-", "is closed")]
)
def test_what_standard_output_does_not_take_is_refused_in_a_line_and_is_not_status_1(output, said):
    called = subprocess.run(
        ["sh", "-c", f'"$0" -m compliance rules SUP-01 {output}', sys.executable],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (called.returncode, called.stderr) == (2, f"compliance: standard output: {said}\n")


def test_a_name_that_no_disk_can_hold_is_refused_in_a_line():
    called = run("check", SAMPLE, "--output", "x" * 300)
    assert called.returncode == 2 and called.stderr.endswith(": File name too long\n")
    assert called.stderr.count("\n") == 1
