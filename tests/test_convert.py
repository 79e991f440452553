"""`compliance convert`: the same records as Parquet, all of them or none, and nowhere else."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from compliance.audit import audit
from compliance.policy import load_policies
from compliance.records import convert as writing
from compliance.records.load import InputError, load
from compliance.records.models import schema
from compliance.records.tables import SETTLED
from tests.test_cli import AS_OF, ROOT, run, small_clinic
from tests.test_workbook import CHARGES, EXPORT, book
from tests.written.workbook import workbook_of

X12 = ROOT / "tests/data/x12"


@pytest.fixture(scope="module")
def thinned(tmp_path_factory) -> Path:
    """A clinic that lacks tables and columns, with refused rows, a workbook and claim files among the tables."""
    folder = tmp_path_factory.mktemp("thinned")
    records = load(small_clinic())
    for name, table in records.tables.items():
        if name in ("shifts", "goals", "stays") or name in records.absent_tables:
            continue
        table.drop("signed_on", "supervision", strict=False).write_csv(folder / f"{name}.csv")
    (folder / "stays.xlsx").write_bytes(workbook_of(load(small_clinic() / "stays.csv")))
    with (folder / "claims.csv").open("a") as claims:
        claims.write("C-broken,only,three\n")
    (folder / "payments.835").write_bytes(
        next(file for file in sorted(X12.glob("keiron*/**/*")) if file.is_file()).read_bytes()
    )
    return folder


def same(one, other):
    return (
        one.fingerprint == other.fingerprint
        and one.absent_tables == other.absent_tables
        and one.absent_columns == other.absent_columns
        and one.unfilled_columns == other.unfilled_columns
    )


@pytest.mark.parametrize(
    "path", [ROOT / "sample_data", *sorted(X12.glob("[kl]*"))], ids=lambda path: path.name
)
def test_what_was_converted_loads_as_the_same_records(path, tmp_path):
    records = load(path)
    writing.convert(records, tmp_path / "new")
    again = load(tmp_path / "new")
    assert same(records, again)
    assert not again.report.refusals and not again.report.left_out
    for file in (tmp_path / "new").glob("*.parquet"):
        held = pl.read_parquet_schema(file)
        assert dict(held) == {name: schema(file.stem)[name] for name in held}


def test_what_was_absent_stays_absent_and_the_check_says_the_same(thinned, tmp_path):
    told = run("convert", thinned, tmp_path / "new")
    assert told.returncode == 0 and "C-broken" not in told.stdout and "3 cells" in told.stdout
    records, again = load(thinned), load(tmp_path / "new")
    assert same(records, again)
    assert not (tmp_path / "new" / "goals.parquet").exists()
    assert "signed_on" not in pl.read_parquet_schema(tmp_path / "new" / "notes.parquet")
    day = date.fromisoformat(AS_OF[1])
    one, other = (audit(each, load_policies(None), day) for each in (records, again))
    assert one.findings.height and one.findings.equals(other.findings)
    assert one.not_run == other.not_run and one.not_run
    assert one.coverage.equals(other.coverage)
    report = json.loads((tmp_path / "new" / writing.REPORT).read_text())
    assert report == json.loads(run("validate", thinned, "--format", "json").stdout)
    assert told.stdout == run("validate", thinned).stdout


def test_why_something_is_absent_is_kept(tmp_path):
    (tmp_path / "charges.xlsx").write_bytes(book({"Sheet1": [EXPORT, *CHARGES]}))
    assert run("convert", tmp_path / "charges.xlsx", tmp_path / "new").returncode == 0
    records, again = load(tmp_path / "charges.xlsx"), load(tmp_path / "new")
    assert same(records, again)
    assert records.reasons == again.reasons and records.reasons
    day = date.fromisoformat(AS_OF[1])
    one, other = (audit(each, load_policies(None), day) for each in (records, again))
    assert one.not_run == other.not_run and any("extract" in each.because for each in one.not_run)


@pytest.mark.parametrize(
    "said", ["{", "[]", '{"withheld": 1, "reasons": {}}', '{"withheld": {"x": "y"}}', "[" * 100_000]
)
def test_what_a_strange_parquet_says_of_itself_is_passed_over(said, tmp_path):
    pl.DataFrame({"claim_id": ["C1"]}).write_parquet(tmp_path / "claims.parquet", metadata={SETTLED: said})
    assert load(tmp_path).tables["claims"].height == 1


@pytest.mark.parametrize("there", ["a file", "something in it", "no parent", "within"])
def test_a_place_that_is_no_new_folder_is_refused_and_left_alone(there, tmp_path):
    target = tmp_path / "new"
    if there == "a file":
        target.write_text("mine")
    elif there == "something in it":
        target.mkdir()
        (target / "mine").write_text("mine")
    elif there == "no parent":
        target = tmp_path / "nowhere" / "new"
    path = tmp_path if there == "within" else small_clinic()
    before = sorted(tmp_path.rglob("*"))
    told = run("convert", path, target)
    assert told.returncode == 2 and len(told.stderr.splitlines()) == 1 and not told.stdout
    assert str(target) in told.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_records_that_cannot_be_read_write_nothing(tmp_path):
    (tmp_path / "claims.csv").write_text("no header of ours\n")
    assert run("convert", tmp_path / "claims.csv", tmp_path / "new").returncode == 2
    assert [file.name for file in tmp_path.iterdir()] == ["claims.csv"]


def test_an_empty_folder_serves_and_links_lead_to_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert run("convert", small_clinic(), tmp_path / "link").returncode == 0
    assert (tmp_path / "real" / "claims.parquet").exists() and (tmp_path / "link").is_symlink()


def test_a_disk_that_is_full_leaves_nothing(tmp_path, monkeypatch):
    def full(self, *given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(InputError, match="No space left"):
        writing.convert(load(small_clinic()), tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_a_program_that_is_killed_leaves_no_half_folder(tmp_path):
    slow = (
        "import sys, time, pathlib, polars as pl\n"
        "from compliance.records import convert, load\n"
        "convert._settled = lambda folder: (print('written', flush=True), time.sleep(60))\n"
        "convert.convert(load.load(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", slow, str(small_clinic()), str(tmp_path / "new")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout is not None and running.stdout.readline() == b"written\n"
        running.kill()
    assert not (tmp_path / "new").exists()
    assert run("convert", small_clinic(), tmp_path / "new").returncode == 0
