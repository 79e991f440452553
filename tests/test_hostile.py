"""Files that mean harm or are merely broken: a clear refusal or records, in bounded memory and time, and nothing written."""

import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.audit import audit
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import InputError, LoadReport, Refusal, from_frames, load, load_files
from tests.test_cli import AS_OF, ROOT, small_clinic
from tests.test_workbook import HEADER, ROW, book, edited
from tests.written import open_document as ods
from tests.written.binary_workbook import binary_workbook
from tests.written.workbook import workbook_of

MEMORY = 3 * 2**30
"""Bytes of address space that a reading program gets; it needs about one of them to begin with."""
SECONDS = 90
READ = """
import json, os, pathlib, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
from compliance.records.load import InputError, load
for file in sorted(pathlib.Path(sys.argv[3]).iterdir()):
    begun = time.process_time()
    try:
        report = load(file).report
        said = [sum(each.rows_loaded for each in report.tables), report.render()]
    except InputError as error:
        said = ["refused", str(error)]
    print(json.dumps([file.name, *said, time.process_time() - begun]), flush=True)
"""
LINES = ",".join(HEADER)
LINE = "00012,1,2026-03-01,97110,GP KX,2,90.5"
TABLE = f"{LINES}\n{LINE}\n".encode()


def packed(*members, way=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", way) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return held.getvalue()


def nested():
    inner = packed(("claims.csv", "claim_id\nC1\n"))
    for _ in range(50):
        inner = packed(("a.zip", inner), ("b.zip", inner))[: 2**20]
    return packed(("a.zip", packed(("a.zip", inner))))


def overlapping(times=2_000, size=10_000_000):
    """A zip whose directory names one packed member many times: little on disk, twenty gigabytes unpacked."""
    content = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = content.compress(b"claim_id\n" + b"1\n" * (size // 2)) + content.flush()
    sum_of = zlib.crc32(b"claim_id\n" + b"1\n" * (size // 2))
    whole = size // 2 * 2 + 9
    head = (
        struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, sum_of, len(data), whole, 10, 0)
        + b"claims.csv"
    )
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\x01\x02",
        20,
        20,
        0,
        8,
        0,
        0,
        sum_of,
        len(data),
        whole,
        10,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    directory = (entry + b"claims.csv") * times
    end = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, times, times, len(directory), len(head) + len(data), 0
    )
    return head + data + directory + end


def link(target):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        member = zipfile.ZipInfo("claims.csv")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, target)
    return held.getvalue()


def sheet(change):
    return edited(book({"claim_lines": [HEADER, ROW]}), "xl/worksheets/sheet1.xml", change)


def endless():
    """A sheet of one row that goes on and on; no two cells alike, so that it packs no better than any."""
    cells = b"".join(b"<c><v>%d</v></c>" % number for number in range(2_500_000))
    return sheet(lambda xml: xml.replace(b"</sheetData>", cells))


def far(place):
    return sheet(lambda xml: xml.replace(b'r="A2"', b'r="%b"' % place))


def wide_parquet():
    held = io.BytesIO()
    pl.DataFrame({"claim_id": ["C1"], **{f"c{at}": [1] for at in range(20_000)}}).write_parquet(held)
    return held.getvalue()


def parquet(**columns):
    held = io.BytesIO()
    pl.DataFrame(columns).write_parquet(held)
    return held.getvalue()


HARMFUL = {
    "nested.zip": (nested, "archive within an archive"),
    "overlapping.zip": (overlapping, "GB in all"),
    "many.zip": (lambda: packed(*((f"{at}.txt", b"") for at in range(21_000)), way=zipfile.ZIP_STORED), "20,000 files"),
    "bomb.zip": (lambda: packed(("claims.csv", b"0" * 200_000_000)), "times its packed size"),
    "bomb.xlsx": (lambda: edited(book({"claims": [["claim_id"]]}), "xl/workbook.xml", lambda xml: b" " * 200_000_000),
                  "times its packed size"),
    "link.zip": (lambda: link("/etc/passwd"), "no column of claims"),
    "wide.csv": (lambda: b"claim_id," * 1_000_000 + b"\nC1" + b"," * 1_000_000 + b"\n", "nothing to read|1,000 columns|left out"),
    "claims.csv": (lambda: b"claim_id," * 1_000_000 + b"\nC1\n", "1,000 columns"),
    "claims.parquet": (wide_parquet, "1,000 columns"),
    "dimension.xlsx": (lambda: sheet(lambda xml: xml.replace(b'ref="A1:G2"', b'ref="A1:XFD1048576"')), 1),
    "last_row.xlsx": (lambda: far(b"A1048576"), 0),
    "last_cell.xlsx": (lambda: far(b"XFD1048576"), "1,000 columns"),
    "beyond.xlsx": (lambda: far(b"AAAAAA99999999999"), "1,000 columns"),
    "far.xlsb": (lambda: binary_workbook({"claims": [["claim_id"], ["C1"]]}, first_row=4_000_000_000), "cells a sheet"),
    "repeated.ods": (
        lambda: ods.open_document("claims", ods.row(ods.text("claim_id")), ods.row(ods.text("C1"), times=999_999_999)),
        "5,000,000 cells",
    ),
    "laughs.xlsx": (
        lambda: sheet(lambda xml: b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + xml), "declares entities",
    ),
    "outside.ods": (
        lambda: ods.open_document("claims", ods.row(ods.text("&x;")), before='<!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]>'),
        "declares entities",
    ),
    "endless.xlsx": (endless, "a row of more than"),
    "quotes.csv": (lambda: b"claim_id,form\n" + b'"\n' * 2_000_000, "left out|nothing to read|quotes"),
    "nul.zip": (lambda: packed(("claims.csv", b"\0" * 900_000 + b"claim_id\nC1\n")), "binary|left out|empty|no column"),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What a program of little memory says of each harmful file, all read one after the other."""
    folder, elsewhere = tmp_path_factory.mktemp("harmful"), tmp_path_factory.mktemp("elsewhere")
    for name, (make, _) in HARMFUL.items():
        (folder / name).write_bytes(make())
    before = sorted(folder.iterdir())
    command = [sys.executable, "-c", READ, str(MEMORY), str(SECONDS), str(folder)]
    told = subprocess.run(
        command, capture_output=True, text=True, cwd=elsewhere, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "2", "TMPDIR": str(elsewhere)},
    )  # fmt: skip
    assert told.returncode == 0, (told.stdout[-300:], told.stderr[-2000:])
    assert sorted(folder.iterdir()) == before and not list(elsewhere.iterdir())
    return {name: rest for name, *rest in map(json.loads, told.stdout.splitlines())}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_file_is_refused_in_little_memory_and_time(name, outcomes):
    wanted = HARMFUL[name][1]
    rows, said, seconds = outcomes[name]
    if isinstance(wanted, int):
        assert rows == wanted, said[:500]
    else:
        assert rows == "refused" and any(each in said for each in wanted.split("|")), said[:500]
        assert "\n" not in said and len(said) < 600
    assert seconds < 20


@pytest.mark.parametrize(
    "name",
    [
        "../claim_lines.csv",
        "/etc/claim_lines.csv",
        "C:\\x\\claim_lines.csv",
        "..\\..\\claim_lines.csv",
        "a/../claim_lines.csv",
    ],
)
def test_names_in_an_archive_are_never_paths(name, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "export.zip").write_bytes(packed((name, TABLE)))
    monkeypatch.chdir(tmp_path / "in")
    assert load(Path("export.zip")).tables["claim_lines"].height == 1
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")) == ["in", "in/export.zip"]


def test_a_member_without_a_name_is_left_out():
    nameless = packed(("qzq", TABLE), ("claim_lines.csv", TABLE)).replace(b"qzq", b"\0zq")
    records = load_files([("export.zip", nameless)])
    assert records.tables["claim_lines"].height == 1
    assert len(records.report.left_out) == 1


def held(name):
    """A file of the kind that the name's ending says."""
    if name.endswith("xlsx"):
        return book({"claim_lines": [HEADER, ROW]})
    if name.endswith("parquet"):
        return parquet(claim_id=["00012"], line=[1])
    return {"csv": TABLE, "gz": b"\x1f\x8b" + bytes(20), "pdf": b"%PDF-1.7 ", "html": b"<html><table>", "docx": packed(
        ("[Content_Types].xml", "<a/>"), ("word/document.xml", "<a/>"))}[name]  # fmt: skip


@pytest.mark.parametrize(
    "ending", ["csv", "txt", "tsv", "xlsx", "xls", "xlsb", "ods", "parquet", "zip", "gz", "dat", ""]
)
@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "gz", "pdf", "html", "docx"])
def test_a_file_of_another_ending_is_read_or_refused_in_a_line(kind, ending):
    name = f"claim_lines.{ending}".rstrip(".")
    try:
        records, why = load_files([(name, held(kind))]), ""
    except InputError as error:
        records, why = None, str(error)
    if records is None:
        assert name in why and "\n" not in why and len(why) < 400
        assert (kind, ending) not in {
            ("csv", "csv"),
            ("csv", "txt"),
            ("csv", "xls"),
            ("xlsx", "csv"),
            ("parquet", "csv"),
        }
    else:
        assert kind in ("csv", "xlsx", "parquet")
        assert records.tables["claim_lines"].height == 1


def test_a_long_note_and_characters_that_nobody_sees():
    text = "Gait training over uneven ground. " * 150_000
    csv = load_files([("notes.csv", f'note_id,text\nN1,"{text}"\nN2,short\n'.encode())])
    assert csv.tables["notes"]["note_id"].to_list() == ["N2"]
    for records in (
        load_files([("notes.parquet", parquet(note_id=["N1", "N2", "N\0"], text=[text, "short", "a\0b"]))]),
    ):
        assert records.tables["notes"]["note_id"].to_list() == ["N2"]
        assert [(each.row, each.column) for each in records.report.refusals] == [(1, "text"), (3, "note_id")]


def test_a_patients_day_of_a_hundred_thousand_lines():
    lines = "".join(f"C1,{line},2026-03-01,97110,GP,1,9\n" for line in range(100_000))
    others = "C1,1,2026-03-02,97110,GP,1,9\n"
    files = [
        ("claims.csv", b"claim_id,patient_id\nC1,P1\n"),
        ("claim_lines.csv", f"{LINES}\n{lines}".encode()),
    ]
    records = load_files(
        [*files, ("claim_lines_2/claim_lines.csv", f"{LINES}\nC1,100001{others[4:]}".encode())]
    )
    assert records.tables["claim_lines"].height == 1
    assert records.report.rows_refused == 100_000
    assert "2,000 claim lines of a patient's day" in str(records.report.refusals[0])


@pytest.fixture(scope="module")
def clinic():
    return load(small_clinic())


@pytest.fixture(scope="module")
def clinic_audit(clinic):
    return audit(clinic, load_policies(None), date.fromisoformat(AS_OF[1]))


@pytest.mark.parametrize(
    "column",
    ["notes.patient_id", "notes.service_date", "claims.patient_id", "claims.payer_id", "claim_lines.cpt",
     "claim_lines.units", "interventions.minutes", "therapists.role"],
)  # fmt: skip
def test_a_column_without_a_value_makes_no_rule_surer(column, clinic, clinic_audit):
    """All columns of all tables were tried so; these are the ones on which most rules hang."""
    name, _, emptied = column.partition(".")
    frames = {
        table: frame.select(each for each in frame.columns if f"{table}.{each}" not in clinic.absent_columns)
        for table, frame in clinic.tables.items()
        if table not in clinic.absent_tables
    }
    nothing = pl.lit(None, frames[name].schema[emptied]).alias(emptied)
    records = from_frames(frames | {name: frames[name].with_columns(nothing)})
    rules = [rule.code for rule in select(None) if column in rule.needs][:4] or [
        r.code for r in select(["MOD"])
    ]
    day = date.fromisoformat(AS_OF[1])
    before, after = clinic_audit, audit(records, load_policies(None), day)
    unsure = {each.rule for each in after.not_run} | set(
        after.coverage.filter(pl.col("cannot_tell") > 0)["rule"]
    )
    assert unsure & set(rules), column
    for rule in rules:
        counts = [each.coverage.filter(pl.col("rule") == rule) for each in (before, after)]
        assert counts[1]["passed"].sum() <= counts[0]["passed"].sum()
    at_risk = [
        Counter(each.findings.filter(pl.col("severity") != "info")["rule"]) for each in (before, after)
    ]
    assert not at_risk[1] - at_risk[0], "findings, info apart, that a column without a value adds"


def sample(name):
    records = load(small_clinic())
    if name.endswith(".xlsx"):
        return workbook_of(records)
    held = io.BytesIO()
    table = records.tables[name.partition(".")[0]].head(200)
    table.write_parquet(held) if name.endswith(".parquet") else table.write_csv(held)
    return held.getvalue()


SEEDS = {
    "claims.csv": lambda: sample("claims.csv"),
    "notes.csv": lambda: sample("notes.csv"),
    "plans_of_care.parquet": lambda: sample("plans_of_care.parquet"),
    "clinic.xlsx": lambda: book({"claim_lines": [HEADER, *[ROW] * 20], "payers": [["payer_id", "kind"], ["M", "medicare"]]}),
    "stored.xlsx": lambda: stored(book({"claim_lines": [HEADER, *[ROW] * 20]})),
    "clinic.xls": lambda: (ROOT / "tests/data/workbooks/clinic.xls").read_bytes(),
    "clinic.xlsb": lambda: stored(binary_workbook({"claims": [["claim_id", "form"], ["C1", 1], ["C2", "#REF!"]]})),
    "clinic.ods": lambda: stored(ods.open_document("claims", ods.row(ods.text("claim_id")), ods.row(ods.number(7)))),
    "export.zip": lambda: packed(("claims.csv", "claim_id\nC1\n"), ("notes.csv", "note_id\nN1\n")),
    "claims.csv.gz": lambda: __import__("gzip").compress(b"claim_id\nC1\n"),
}  # fmt: skip


def stored(data):
    """A zip's members without packing or sums that would betray a change: what is changed is read, not the zip refused."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        return packed(*((name, old.read(name)) for name in old.namelist()), way=zipfile.ZIP_STORED)


def resummed(data):
    """The zip with the sums of its members as they now are."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            members = old.infolist()
            for member in members:
                member.CRC = None
            parts = []
            for member in members:
                with old.open(member) as part:
                    part._expected_crc = None
                    parts.append((member.filename, part.read()))
        return packed(*parts, way=zipfile.ZIP_STORED)
    except Exception:  # the change hit the directory itself
        return data


CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "splice", "repeat", "zero", "ones"]), st.floats(0, 1), st.floats(0, 1),
              st.integers(1, 255)),
    min_size=1, max_size=4,
)  # fmt: skip


def mutated(data, changes):
    held = bytearray(data)
    for kind, where, to, byte in changes:
        at, other = int(where * len(held)), int(to * len(held))
        if kind == "flip" and held:
            held[min(at, len(held) - 1)] ^= byte
        elif kind == "cut":
            del held[at : at + byte]
        elif kind == "splice":
            held[at:at] = held[other : other + byte]
        elif kind == "repeat":
            held[at:at] = held[at : at + byte] * 50
        else:
            width = min(byte % 9, len(held) - at)
            held[at : at + width] = (b"\0" if kind == "zero" else b"\xff") * width
    return bytes(held)


@pytest.mark.parametrize("name", SEEDS)
def test_a_changed_file_loads_or_is_refused_in_a_line(name):
    seed = SEEDS[name]()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(CHANGES)
    def held_to_it(changes):
        data = mutated(seed, changes)
        for each in {data, resummed(data) if seed.startswith(b"PK") else data}:
            try:
                report = load_files([(name, each)]).report
            except InputError as error:
                report = LoadReport(refusals=[Refusal(name, None, None, None, None, str(error))])
            assert all("\n" not in str(refusal) for refusal in report.refusals)
            for line in report.tables:
                assert line.rows_read == line.rows_refused + line.rows_repeated + line.rows_loaded

    held_to_it()


@pytest.mark.parametrize(
    "day",
    [
        pl.Series([2**31 - 1], dtype=pl.Int32).cast(pl.Date),
        pl.Series([2**62]).cast(pl.Datetime("ms")),
        pl.Series([-(2**62)]).cast(pl.Datetime("us")),
    ],
    ids=["day", "milliseconds", "microseconds"],
)
def test_a_day_that_no_calendar_holds_is_refused(day):
    held = parquet(claim_id=["C1"], line=[1], cpt=["97530"], service_date=day)
    (refusal,) = load_files([("claim_lines.parquet", held)]).report.refusals
    assert refusal.column == "service_date" and refusal.found == "(a day that no calendar holds)"


def test_a_damaged_letter_beside_the_tables_is_left_out_and_a_damaged_zip_is_not():
    tables = ("claim_lines.csv", TABLE)
    records = load_files([tables, ("notes.docx", b"PK\x03\x04garbage")])
    assert [each.message for each in records.report.left_out if "notes.docx" in each.message]
    with pytest.raises(InputError, match=r"notes\.zip: not a zip archive"):
        load_files([tables, ("notes.zip", b"PK\x03\x04garbage")])
