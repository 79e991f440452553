"""From files to records: dirty tables, archives, refusals with their place, and input that is none."""

import gzip
import io
import os
import zipfile
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.records.dictionary import data_dictionary
from compliance.records.load import InputError, from_frames, load, load_files
from compliance.records.models import TABLES, columns, schema

HEADER = "claim_id,line,service_date,cpt,modifiers,units,charge"
ROW = "00012,1,2026-03-01,97110,GP KX,2,90.50"


def lines_of(text, name="claim_lines.csv", encoding="utf-8"):
    return load_files([(name, text.encode(encoding))])


def refusals(records):
    return [(each.file, each.row, each.column, each.found) for each in records.report.refusals]


def kinds(records):
    return {notice.kind for notice in records.report.notices}


def test_every_table_is_there_with_every_column_typed():
    records = lines_of(f"{HEADER}\n{ROW}\n")
    assert set(records.tables) == set(TABLES)
    for name, table in records.tables.items():
        assert dict(table.schema) == dict(schema(name))
    assert records.absent_tables == frozenset(TABLES) - {"claim_lines"}
    assert "claim_lines.note_id" in records.absent_columns
    assert records.tables["claim_lines"].row(0, named=True) == {
        "claim_id": "00012", "line": 1, "service_date": datetime(2026, 3, 1), "cpt": "97110", "modifiers": "GP KX",
        "units": 2, "charge": 90.5, "therapist_id": None, "diagnosis_pointers": None, "abn_on": None,
        "place_of_service": None, "note_id": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Claim Lines (2).csv", "CLAIM_LINES_export.csv", "lines.txt"])
def test_a_table_under_an_odd_name_is_read_by_its_columns_and_told(name):
    records = lines_of(f"{HEADER}\n{ROW}\n", name)
    assert records.tables["claim_lines"].height == 1
    said = next(str(each) for each in records.report.notices if each.kind == "header")
    assert said.startswith(
        f"{name} was read as the table claim_lines, whose columns it has; name it claim_lines."
    )


def test_of_two_files_that_may_be_one_table_the_one_of_its_name_is_read_and_the_other_told():
    text = f"{HEADER}\n{ROW}\n".encode()
    other = text.replace(b"00012", b"00013")
    records = load_files([("claim_lines.csv", text), ("claim_lines (1).csv", other)])
    assert records.tables["claim_lines"]["claim_id"].to_list() == ["00012"]
    (left,) = records.report.left_out
    assert "its columns are those of our table claim_lines, as another file's are" in str(left)
    both = load_files([("claim_lines/a.csv", text), ("claim_lines/b.csv", other)])
    assert both.tables["claim_lines"].height == 2, "as the notice says"
    with pytest.raises(InputError, match="as another file's are"):
        load_files([("lines 2025.csv", text), ("lines 2026.csv", other)])


def test_a_file_that_only_its_name_makes_a_table_is_left_out_and_told_what_it_lacks():
    clean = ("claim_lines.csv", f"{HEADER}\n{ROW}\n".encode())
    for name, text, said in (
        (
            "claims_export.csv",
            b"number,patient,day\n1,2,3\n",
            "may be meant as claims, but it has no column claim_id",
        ),
        (
            "claims 2026.csv",
            b"claim_id,patient_id,colour\n1,2,3\n",
            "name it claims.csv, and all but colour is read",
        ),
    ):
        (left,) = load_files([clean, (name, text)]).report.left_out
        assert said in str(left)


CLEAN = lines_of(f"{HEADER}\n{ROW}\n")
SPOKEN = "Claim ID,LINE,Service Date,CPT,modifiers,Units,Charge"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (f"{HEADER}\r\n{ROW}\r\n", "utf-8-sig"),
        (f"{HEADER}\n{ROW}\n", "utf-16"),
        (f"{HEADER}\n{ROW}\n", "utf-16-le"),
        (f"{HEADER}\r{ROW}\r", "utf-8"),
        (f"{HEADER}\n\n \n{ROW}\n\n", "utf-8"),
        (f"\n\n{HEADER},,\n{ROW},,\n", "utf-8"),
        (f"sep=;\n{HEADER};\n{ROW};\n".replace(",", ";"), "utf-8"),
        (f"{HEADER}\n{ROW}\n".replace(",", "\t"), "utf-8"),
        (f"{HEADER}\n{ROW}\n".replace(",", "|"), "utf-8"),
        (f"{SPOKEN}\n{ROW}\n", "utf-8"),
        (f"claimId,Line ,service-date,Cpt,MODIFIERS,units,charge\n{ROW}\n", "utf-8"),
        (f'{HEADER}\n00012,1,3/1/2026,97110,"GP,KX",2.0,"$90.50"\n', "utf-8"),
        (f'{HEADER}\n="00012",1,1-Mar-2026,97110,gp;kx,2,90.5\n', "utf-8"),
        (f"{HEADER}\n00012,1,46082,97110,GP KX,2,90.5", "utf-8"),
    ],
)
def test_the_same_table_in_other_clothes(text, encoding):
    records = lines_of(text, encoding=encoding)
    assert not records.report.refusals
    assert records.tables["claim_lines"].equals(CLEAN.tables["claim_lines"])
    assert records.fingerprint == CLEAN.fingerprint


def test_windows_1252_is_read_and_said():
    records = load_files([("notes.csv", b"note_id,text\nN1,Pt\x92s caf\xe9 \x93ok\x94\nN2,plain\n")])
    assert records.tables["notes"]["text"].to_list() == ["Pt’s café “ok”", "plain"]
    assert "Windows-1252" in str(records.report.notices[0])


def test_newlines_and_quotes_within_quotes_stay():
    records = load_files([("notes.csv", b'note_id,text\nN1,"a ""b"",\nc"\nN2,x,too many\n')])
    assert records.tables["notes"]["text"].to_list() == ['a "b",\nc']
    assert refusals(records) == [("notes.csv", 4, None, "3 cells")]


def test_a_quote_that_never_closes_costs_its_row_only():
    records = load_files([("notes.csv", b'note_id,text\nN1,"open\nN2,fine\nN3,"a "b" c"\nN4,5\'10" tall\n')])
    assert records.tables["notes"]["note_id"].to_list() == ["N2", "N4"]
    assert [row for _, row, _, _ in refusals(records)] == [2, 4]


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ("00013,1,13/45/2026,97110,GP,2,9", "service_date", "13/45/2026"),
        ("00013,1,25/12/2026,97110,GP,2,9", "service_date", "25/12/2026"),
        ("00013,1,2026-03-01,97110,GP,two,9", "units", "two"),
        ("00013,1,2026-03-01,97110,GP,2,9 dollars", "charge", "9 dollars"),
        ("00013,,2026-03-01,97110,GP,2,9", "line", None),
        (",1,2026-03-01,97110,GP,2,9", "claim_id", None),
        ("1.2E+10,1,2026-03-01,97110,GP,2,9", "claim_id", "1.2E+10"),
        ("00013,1,2026-03-01,97110", None, "4 cells"),
        ("00013,1,2026-03-01,97110,GP,2,9,what", None, "8 cells"),
        ("00012,1,2026-03-01,97110,GP KX,3,90.50", None, "00012 1"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_alone(row, column, found):
    records = lines_of(f"{HEADER}\n{ROW}\n\n{row}\n00014,1,2026-03-02,97110,GP,2,9\n")
    assert refusals(records) == [("claim_lines.csv", 4, column, found)]
    assert records.tables["claim_lines"]["claim_id"].to_list() == ["00012", "00014"]
    line = records.report.tables[0]
    assert (line.rows_read, line.rows_refused, line.rows_loaded) == (3, 1, 2)
    assert "row 4" in records.report.render()


def test_a_refused_date_of_unknown_order_says_why():
    rows = "1,1,03/04/2026\n1,2,13/04/2026\n1,3,2026-04-13\n"
    records = lines_of(f"claim_id,line,service_date\n{rows}")
    assert refusals(records) == [
        ("claim_lines.csv", 2, "service_date", "03/04/2026"),
        ("claim_lines.csv", 3, "service_date", "13/04/2026"),
    ]
    assert "can only be day first" in records.report.refusals[0].expected
    assert records.tables["claim_lines"]["line"].to_list() == [3]


def test_a_column_of_structures_is_one_refusal():
    frame = pl.DataFrame({"note_id": ["N1", "N2"], "service_date": [{"a": 1}, {"a": 2}]})
    report = from_frames({"notes": frame}).report
    (refusal,) = report.refusals
    assert (refusal.column, refusal.found, report.rows_refused) == (
        "service_date",
        "a column of structures, in 2 rows",
        2,
    )


@pytest.mark.parametrize(
    ("text", "ids", "counts"),
    [
        ("claim_id,Claim ID,form\n,C1,\n ,C2,\n", ["C1", "C2"], "column 2 counts, the one before is empty"),
        ("claim_id,Claim ID,form\nC1,X1,\n,X2,\n", ["C1"], "the first counts"),
        ("claim_id,form,Claim ID,claimId\n,,,C1\n", ["C1"], "column 4 counts"),
    ],
)
def test_of_two_columns_of_one_name_the_one_with_content_counts(text, ids, counts):
    records = lines_of(text, "claims.csv")
    assert records.tables["claims"]["claim_id"].to_list() == ids
    assert counts in records.report.render()
    frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    assert from_frames({"claims": frame}).tables["claims"]["claim_id"].to_list() == ids


DOCUMENT = "D%d,P1,PL1,referral,2026-02-02,X,%s\n"


def test_a_row_that_a_quote_swallowed_is_told():
    header = "document_id,patient_id,plan_id,kind,dated_on,signed_by,text\n"
    swallowed = DOCUMENT % (1, '"never closed') + DOCUMENT % (2, '5 inch"') + DOCUMENT % (3, "fine")
    report = lines_of(header + swallowed, "documents.csv").report
    (notice,) = [each for each in report.notices if each.kind == "cells"]
    assert str(notice).startswith(
        "documents.csv, row 2, text: the cell holds a line with as many cells as a row"
    )
    told = DOCUMENT % (1, '"He walked, sat, stood, turned.\nThen stairs, twice, and rest, and home."')
    assert not [
        each for each in lines_of(header + told, "documents.csv").report.notices if each.kind == "cells"
    ]


def test_rows_that_repeat_count_once_and_are_told():
    records = lines_of(f"{HEADER}\n{ROW}\n{ROW}\n")
    assert not records.report.refusals
    assert records.tables["claim_lines"].height == 1
    assert "duplicate" in kinds(records)


def test_dangling_references_are_loaded_and_told():
    records = load_files(
        [("claims.csv", b"claim_id\n00012\n"), ("claim_lines.csv", f"{HEADER}\n{ROW}\n7{ROW}\n".encode())]
    )
    told = [str(notice) for notice in records.report.notices if notice.kind == "reference"]
    assert told == ["claim_lines.claim_id: 1 row names 1 claim_id that claims lacks: 700012"]


def test_times_alone_fall_on_the_day_of_their_note():
    records = load_files(
        [
            (
                "notes.csv",
                b"note_id,service_date,started_at,written_at\nN1,2026-03-01,9:05 AM,2026-03-01\nN2,,9:05,\n",
            ),
            ("interventions.csv", b"note_id,line,started_at\nN1,1,10:00\nN9,1,10:00\n"),
        ]
    )
    note = records.tables["notes"].row(0, named=True)
    assert note["started_at"] == datetime(2026, 3, 1, 9, 5)
    assert note["written_at"] == datetime(2026, 3, 1, 23, 59, 59)
    assert records.tables["interventions"]["started_at"].to_list() == [datetime(2026, 3, 1, 10)]
    assert [(file, row) for file, row, _, _ in refusals(records)] == [
        ("notes.csv", 3),
        ("interventions.csv", 3),
    ]


def test_unknown_and_absent_columns_are_named():
    records = lines_of("claim_id,line,Colour\n1,1,red\n")
    line = records.report.tables[0]
    assert line.unknown_columns == ["Colour"]
    assert "note_id" in line.absent_columns


def test_folders_zips_and_uploads_are_one_path(tmp_path):
    table = CLEAN.tables["claim_lines"]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "Claim Lines.csv").write_text(f"{HEADER}\n{ROW}\n")
    (tmp_path / "csv" / "truth.csv").write_text("rule\nPR-01\n")
    (tmp_path / "csv" / "readme.md").write_text("hello")
    (tmp_path / "parts" / "claim_lines").mkdir(parents=True)
    table.write_parquet(tmp_path / "parts" / "claim_lines" / "part-0.parquet")
    table.with_columns(claim_id=pl.lit("9")).write_parquet(
        tmp_path / "parts" / "claim_lines" / "part-1.parquet"
    )
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.write(tmp_path / "csv" / "Claim Lines.csv", "../../export/Claim Lines.csv")
    folder, parts, packed = (load(tmp_path / name) for name in ("csv", "parts", "export.zip"))
    assert folder.fingerprint == packed.fingerprint == CLEAN.fingerprint
    assert str(folder.report.notices[0]) == "readme.md was left out: neither a table, a claim file nor FHIR"
    assert "truth" not in folder.report.render()
    assert parts.tables["claim_lines"]["claim_id"].to_list() == ["00012", "9"]
    assert (
        load_files([("export.zip", (tmp_path / "export.zip").read_bytes())]).fingerprint == CLEAN.fingerprint
    )


def test_order_of_rows_and_files_leaves_the_fingerprint_alone():
    one = lines_of(f"{HEADER}\n{ROW}\n7{ROW}\n")
    other = load_files(
        [
            ("b/claim_lines.csv", f"{HEADER}\n7{ROW}\n".encode()),
            ("a/claim_lines.csv", f"{HEADER}\n{ROW}\n".encode()),
        ]
    )
    assert one.fingerprint == other.fingerprint


def bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.csv", b"0" * 20_000_000)
    return packed.getvalue()


def packed(*members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return held.getvalue()


@pytest.mark.parametrize("name", ["n0", "x.dat", "inner.zip", "claims.gz", "more"])
def test_an_archive_within_an_archive_is_never_opened(name):
    inner = packed(("notes.csv", "note_id\nN1\n"))
    for _ in range(30):
        inner = packed((name, inner))
    with pytest.raises(InputError, match="an archive within an archive is not opened"):
        load_files([("deep.zip", inner)])
    records = load_files([("a.zip", packed((name, inner), ("claims.csv", "claim_id\nC1\n")))])
    assert [str(notice) for notice in records.report.left_out] == [
        f"a.zip/{name} was left out: an archive within an archive is not opened; unpack it first"
    ]


def test_unpacked_bytes_count_over_all_archives(monkeypatch):
    monkeypatch.setattr("compliance.records.sources.MOST_UNPACKED", 2_500_000)
    table = b"claim_id\n" + b"".join(b"%d\n" % number for number in range(150_000))
    archives = [(f"{place}.zip", packed(("claims.csv", table))) for place in range(4)]
    assert load_files(archives[:1]).tables["claims"].height == 150_000
    for files in (archives, [("claims.csv.gz", gzip.compress(table)), *archives[:2]]):
        with pytest.raises(InputError, match="GB in all"):
            load_files(files)


def test_names_in_archives_are_cut_and_harmless():
    records = load_files(
        [("a.zip", packed(("x" * 60_000 + "/\x1b[2Jclaims.bin", b"no"), ("claims.csv", "claim_id\nC1\n")))]
    )
    (notice,) = records.report.left_out
    assert len(str(notice)) < 250
    assert "\\x1b[2Jclaims.bin was left out" in str(notice) and "\x1b" not in records.report.render()


def test_a_packed_table_is_read_and_a_bomb_is_not(tmp_path):
    plain = f"{HEADER}\n{ROW}\n".encode()
    (tmp_path / "claim_lines.csv.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "backup.sql.gz").write_bytes(gzip.compress(b"select 1"))
    records = load(tmp_path)
    assert records.fingerprint == CLEAN.fingerprint
    assert [notice.file for notice in records.report.left_out] == ["backup.sql.gz"]
    for data in (gzip.compress(b"0" * 50_000_000), b"\x1f\x8bbroken", gzip.compress(plain)[:-20]):
        with pytest.raises(InputError, match=r"notes\.csv\.gz"):
            load_files([("notes.csv.gz", data)])


def test_what_is_left_unread_is_told(tmp_path):
    (tmp_path / "notes.csv").write_text("note_id\nN1\n")
    (tmp_path / "claims.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "payers.csv")
    (tmp_path / "goals").mkdir()
    (tmp_path / "patients").symlink_to(tmp_path / "goals")
    (tmp_path / "fees.csv").touch()
    for name in ("_clinics.csv", ".notes.csv", "._notes.csv", "_SUCCESS"):
        (tmp_path / name).write_text("note_id\nN1\n")
    report = load(tmp_path).report
    told = {str(notice).partition(" was left out: ")[0]: str(notice) for notice in report.left_out}
    assert set(told) == {
        "claims.csv", "payers.csv", "goals/", "patients/", "fees.csv", "_clinics.csv", ".notes.csv",
    }  # fmt: skip
    assert "a link to nothing" in told["claims.csv"] and "a pipe" in told["payers.csv"]
    assert "empty" in told["goals/"] and "empty" in told["fees.csv"] and "not followed" in told["patients/"]
    assert all(text in report.render() for text in told.values())


@pytest.mark.parametrize("name", ["pipe", "gone", "/dev/zero"])
def test_a_path_that_is_no_file_is_refused_at_once(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"a pipe or a device|a link to nothing"):
        load(tmp_path / name)


def test_a_readme_in_a_folder_of_parts_is_left_out():
    files = [("claims/README.txt", b"These are the claims of March.\n"), ("claims/a.csv", b"claim_id\nC1\n")]
    records = load_files(files)
    assert records.tables["claims"].height == 1
    assert [notice.file for notice in records.report.left_out] == ["claims/README.txt"]
    with pytest.raises(InputError, match="no column of claims"):  # a part that cannot be read is no readme
        load_files([files[1], ("claims/b.csv", b"These are the claims of March.\n")])


def test_refused_rows_are_counted_as_rows_not_as_cells():
    report = lines_of(f"{HEADER}\n{ROW}\n00013,1,soon,97110,GP,two,much\n").report
    assert (report.rows_refused, len(report.refusals), report.as_dict()["rows_refused"]) == (1, 3, 1)
    assert "Refused (1 row):" in report.render()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("claims.csv", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("claims.csv", bytes(range(256)) * 50),
        ("claims.csv", b"just some words\nand more\n"),
        ("claims.csv", b"\n\n\n"),
        ("claims.csv", ("a," * 100_000).encode()),
        ("claims.parquet", b"PAR1 truncated"),
        ("claims.parquet", b"claim_id\n1\n"),
        ("photos.csv", b"a,b\n1,2\n"),
        ("claims.xlsx", b"PK\x03\x04"),
        ("claims.zip", b"PK\x03\x04 broken"),
        ("notes.zip", bomb()),
        ("nothing.zip", b"PK\x05\x06" + bytes(18)),
    ],
)
def test_what_is_no_table_is_one_clear_line(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    for attempt in (
        lambda: load(tmp_path),
        lambda: load(tmp_path / name),
        lambda: load_files([(name, data)]),
    ):
        with pytest.raises(InputError) as refused:
            attempt()
        assert "\n" not in str(refused.value)
        assert name.partition(".")[0] in str(refused.value) or str(tmp_path) in str(refused.value)


def test_a_path_that_is_not_there():
    with pytest.raises(InputError, match="no such file"):
        load("nowhere/at/all")  # type: ignore[arg-type]


def test_a_table_without_its_key_is_refused_as_a_whole():
    records = load_files([("notes.csv", b"kind,text\ntreatment,a\ntreatment,b\n")])
    assert refusals(records) == [("notes.csv", 1, "note_id", None)]
    assert records.tables["notes"].height == 0


def test_an_enormous_cell_costs_its_row():
    records = load_files([("notes.csv", b"note_id,text\nN1," + b"x" * 2_000_000 + b"\nN2,fine\n")])
    assert records.tables["notes"]["note_id"].to_list() == ["N2"]
    assert records.report.refusals[0].row == 2


def test_frames_of_typed_columns():
    frame = pl.DataFrame(
        {
            "note_id": [1, 2],
            "service_date": [datetime(2026, 3, 1).date(), None],
            "timed_minutes": [45.0, None],
        }
    )
    notes = from_frames({"notes": frame}).tables["notes"]
    assert notes["note_id"].to_list() == ["1", "2"]
    assert notes["timed_minutes"].to_list() == [45, None]


def test_the_data_dictionary_is_the_committed_one(request):
    committed = (request.config.rootpath / "docs/records.md").read_text(encoding="utf-8")
    assert committed == data_dictionary(), "run python -m compliance.records.dictionary > docs/records.md"
    assert all(column.description for table in TABLES for column in columns(table))


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["claims.csv", "notes.parquet", "x.zip", "a.837", "claim_lines.txt"]),
)
def test_any_bytes_load_or_are_refused(data, name):
    for given_data in (data, HEADER.encode() + b"\n" + data, b"ISA*" + data):
        try:
            load_files([(name, given_data)])
        except InputError:
            continue


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(alphabet=',;"\n\t 019/GPé\x00-', max_size=8), max_size=9), max_size=6))
def test_no_row_is_lost_silently(rows):
    text = HEADER + "\n" + "\n".join(",".join(row) for row in rows)
    try:
        records = lines_of(text)
    except InputError:
        return
    for line in records.report.tables:
        assert line.rows_read == line.rows_refused + line.rows_repeated + line.rows_loaded
        assert bool(line.rows_refused) == bool(records.report.refusals)


def test_a_column_of_charts_that_is_never_filled_counts_as_not_exported(tmp_path):
    rows = [f"N{n},P1,treatment,2026-03-0{n % 9 + 1}," for n in range(60)]
    for height, taken in ((49, set()), (50, {"notes.signed_on"})):
        folder = tmp_path / str(height)
        folder.mkdir()
        text = "\n".join(["note_id,patient_id,kind,service_date,signed_on", *rows[:height]])
        (folder / "notes.csv").write_text(text)
        records = load(folder)
        assert records.unfilled_columns == taken
        assert taken <= records.absent_columns
        assert ("Empty in every row" in records.report.render()) is bool(taken)
    (folder / "notes.csv").write_text(
        text.replace("N3,P1,treatment,2026-03-04,", "N3,P1,treatment,2026-03-04,2026-03-04")
    )
    assert not load(folder).unfilled_columns


def test_a_table_with_another_programs_mark_is_told_unless_the_table_is_beside_it(tmp_path):
    for name in ("claims.csv", "~$claims.csv", "~$notes.csv", "._goals.csv"):
        (tmp_path / name).write_text("claim_id\nC1\n")
    told = " ".join(str(notice) for notice in load(tmp_path).report.left_out)
    assert "~$notes.csv" in told and "._goals.csv" in told and "~$claims.csv" not in told
