"""Workbooks: a sheet a table, cells by their type, and what holds no value refused with its row."""

import io
import re
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from compliance.audit import audit
from compliance.policy import load_policies
from compliance.records.load import InputError, load, load_files
from compliance.records.workbook import sheet_table
from tests.test_cli import AS_OF, ROOT, small_clinic
from tests.written import open_document as ods
from tests.written.binary_workbook import binary_workbook
from tests.written.workbook import workbook_of

HEADER = ["claim_id", "line", "service_date", "cpt", "modifiers", "units", "charge"]
ROW = ["00012", 1, date(2026, 3, 1), 97110, "GP KX", 2, 90.5]
CLEAN = load_files(
    [("claim_lines.csv", f"{','.join(HEADER)}\n00012,1,2026-03-01,97110,GP KX,2,90.50\n".encode())]
)


def book(sheets, hidden=()):
    """A workbook of rows by the name of their sheet."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if name in hidden:
            sheet.sheet_state = "hidden"
    held = io.BytesIO()
    made.save(held)
    return held.getvalue()


def edited(data, part, change):
    """The workbook with one of its parts changed."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return held.getvalue()


def put(data, cell, xml):
    """The workbook with the XML of a cell of its first sheet replaced."""
    pattern = re.compile(rf'<c r="{cell}"[^>]*?(?:/>|>.*?</c>)'.encode())
    return edited(data, "xl/worksheets/sheet1.xml", lambda sheet: pattern.sub(xml.encode(), sheet))


def refusals(records):
    return [(each.file, each.row, each.column, each.found) for each in records.report.refusals]


def told(records):
    return [str(notice) for notice in records.report.notices]


def test_a_clinic_as_one_workbook_is_the_same_clinic():
    records = load(small_clinic())
    again = load_files([("clinic.xlsx", workbook_of(records, titles=("Synthetic clinic", "as of July")))])
    assert again.fingerprint == records.fingerprint
    assert again.absent_columns == records.absent_columns and again.absent_tables == records.absent_tables
    assert not again.report.refusals
    day = date.fromisoformat(AS_OF[1])
    found = [audit(each, load_policies(None), day).findings for each in (records, again)]
    assert found[0].height and found[0].equals(found[1])


@pytest.mark.parametrize(
    "row",
    [
        ["00012", 1, datetime(2026, 3, 1), "97110", "GP KX", 2.0, 90.50],
        ["00012", "1", 46082, 97110.0, "GP,KX", "2", "$90.50"],
        ["00012", 1.0, "3/1/2026", "97110", "gp kx", 2, "90.5"],
        ["00012", 1, datetime(2026, 3, 1, 14, 5), 97110, "GP KX", 2, 90.5],
    ],
)
def test_the_same_row_by_other_types(row):
    records = load_files([("a.xlsx", book({"Claim Lines": [HEADER, row]}))])
    assert not records.report.refusals
    assert records.fingerprint == CLEAN.fingerprint


def test_titles_blank_rows_and_columns_and_a_column_without_a_heading():
    rows = [
        ["Sunny Clinic"],
        [],
        [None, *HEADER, None],
        [],
        [None, *ROW, "seen"],
        [None, *[None] * 8],
        ["  "],
    ]
    records = load_files([("a.xlsx", book({"Claim Lines": rows}))])
    assert records.fingerprint == CLEAN.fingerprint
    assert records.report.tables[0].unknown_columns == ["column I without a heading"]
    assert "a.xlsx [Claim Lines]: the header is row 3; 1 row above it left out" in told(records)


def test_refusals_name_workbook_sheet_and_row():
    rows = [
        ["title"],
        HEADER,
        ROW,
        ["00013", 1, "soon", 97110, "GP", 2, 9],
        ["00014", 1, None, 97110, "GP", -1, 9],
    ]
    records = load_files([("folder/a.xlsx", book({"claim_lines": rows}))])
    assert refusals(records) == [
        ("folder/a.xlsx [claim_lines]", 4, "service_date", "soon"),
        ("folder/a.xlsx [claim_lines]", 5, "units", "-1"),
    ]


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        ('<c r="G3" t="e"><v>#REF!</v></c>', "#REF!"),
        ('<c r="G3" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="G3"><f>45*2</f></c>', "a formula that was never calculated"),
        ('<c r="G3"><f>45*2</f><v/></c>', "a formula that was never calculated"),
        ('<c r="G3"><f>45*2</f><v></v></c>', "a formula that was never calculated"),
        ('<c r="G3"><f t="shared" si="0"/></c>', "a formula that was never calculated"),
        ('<c r="G3"><f>45*2</f><v>0</v></c>', "a formula that was never calculated"),
    ],
)
def test_a_cell_without_a_value_refuses_its_row(xml, found):
    second = ["00013", 1, date(2026, 3, 2), 97110, "GP", 2, 9]
    data = put(book({"claim_lines": [HEADER, ROW, second]}), "G3", xml)
    records = load_files([("a.xlsx", data)])
    assert refusals(records) == [("a.xlsx [claim_lines]", 3, "charge", found)]
    assert records.fingerprint == CLEAN.fingerprint


@pytest.mark.parametrize(
    "xml",
    [
        '<c r="G2"><f>45.25*2</f><v>90.5</v></c>',
        '<c r="G2" t="str"><f>A1</f><v>90.50</v></c>',
        "<c r='G2' ><f>45.25*2</f><v>90.5</v></c>",
    ],
)
def test_a_formula_counts_by_its_stored_result(xml):
    records = load_files([("a.xlsx", put(book({"claim_lines": [HEADER, ROW]}), "G2", xml))])
    assert not records.report.refusals
    assert records.fingerprint == CLEAN.fingerprint


def test_a_formula_that_gives_nothing_is_an_empty_cell():
    data = put(book({"claim_lines": [HEADER, ROW]}), "G2", '<c r="G2" t="str"><f>""</f><v></v></c>')
    records = load_files([("a.xlsx", data)])
    assert records.tables["claim_lines"]["charge"].to_list() == [None]


def test_an_error_in_a_column_that_nobody_reads_costs_nothing():
    data = put(book({"claim_lines": [[*HEADER, "sum"], [*ROW, 1]]}), "H2", '<c r="H2" t="e"><v>#REF!</v></c>')
    assert load_files([("a.xlsx", data)]).fingerprint == CLEAN.fingerprint


def test_formulas_of_a_program_that_does_not_calculate_are_refused():
    held = io.BytesIO()
    made = xlsxwriter.Workbook(held)
    sheet = made.add_worksheet("claims")
    sheet.write_row(0, 0, ["claim_id", "payer_id"])
    sheet.write_formula(1, 0, '="C"&1')
    sheet.write_formula(2, 0, '="C"&1', value="C1")
    made.close()
    records = load_files([("a.xlsx", held.getvalue())])
    assert [row for _, row, _, _ in refusals(records)] == [2]
    assert records.tables["claims"]["claim_id"].to_list() == ["C1"]


def test_numbers_that_lost_their_digits_are_no_identifiers():
    records = load_files([("a.xlsx", book({"claims": [["claim_id"], [1234567893], [12345678901234567890]]}))])
    assert records.tables["claims"]["claim_id"].to_list() == ["1234567893"]
    assert [row for _, row, _, _ in refusals(records)] == [3]


def test_times_of_the_day_fall_on_the_service_date():
    rows = [["note_id", "service_date", "started_at", "ended_at"],
            ["N1", date(2026, 3, 1), time(9, 5), datetime(2026, 3, 1, 9, 50)]]  # fmt: skip
    note = load_files([("a.xlsx", book({"notes": rows}))]).tables["notes"].row(0, named=True)
    assert note["started_at"] == datetime(2026, 3, 1, 9, 5) and note["ended_at"] == datetime(
        2026, 3, 1, 9, 50
    )


def test_hidden_sheets_are_read_and_sheets_of_other_names_told():
    sheets = {"Claim Line": [HEADER, ROW], "Pivot": [["x"]], "Claims (2)": [], "truth": [["rule"]]}
    records = load_files([("a.xlsx", book(sheets, hidden=("Claim Line",)))])
    assert records.fingerprint == CLEAN.fingerprint
    assert "a.xlsx [Claim Line] is hidden in the workbook; it was read" in told(records)
    assert [notice.file for notice in records.report.left_out] == ["a.xlsx [Pivot]", "a.xlsx [Claims (2)]"]


def test_a_workbook_without_a_table_is_told():
    for sheets in ({"truth": [["rule", "line"]]}, {"Sheet1": []}):
        with pytest.raises(InputError, match="was left out"):
            load_files([("a.xlsx", book(sheets))])


def test_sheets_of_one_table_go_on_from_one_another():
    sheets = {"notes 1": [["note_id"], ["N1"]], "notes 2": [["note_id", "kind"], ["N2", "treatment"]]}
    records = load_files([("a.xlsx", book(sheets))])
    assert records.tables["notes"]["note_id"].to_list() == ["N1", "N2"]


def test_a_workbook_of_one_sheet_may_bear_the_tables_name(tmp_path):
    (tmp_path / "claim_lines").mkdir()
    for name in ("claim_lines.xlsx", "claim_lines/march.xlsx"):
        assert load_files([(name, book({"Sheet1": [HEADER, ROW]}))]).fingerprint == CLEAN.fingerprint
    with pytest.raises(InputError, match="no table of ours"):
        load_files([("march.xlsx", book({"Sheet1": [HEADER, ROW]}))])


def test_merged_cells_count_for_each_of_their_rows():
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "claim_lines"
    for row in (["Sunny Clinic"], HEADER, ROW, [None, 2, *ROW[2:]], ["00013", 1, *ROW[2:]]):
        sheet.append(row)
    sheet.merge_cells("A1:G1")
    sheet.merge_cells("A3:A4")
    held = io.BytesIO()
    made.save(held)
    records = load_files([("a.xlsx", held.getvalue())])
    keys = records.tables["claim_lines"].select("claim_id", "line").rows()
    assert keys == [("00012", 1), ("00012", 2), ("00013", 1)]
    assert "a.xlsx [claim_lines]: the values of 1 merged cells were taken for each of their rows" in told(
        records
    )


@pytest.mark.parametrize(
    ("name", "table"),
    [("claims", "claims"), ("Claim", "claims"), ("CLAIM LINES", "claim_lines"), ("Plan of Care", "plans_of_care"),
     ("notes (2)", "notes"), ("Notes_3", "notes"), ("rtm", "rtm"), ("Sheet1", None), ("837", None), ("", None)],
)  # fmt: skip
def test_a_sheet_is_named_as_people_name_it(name, table):
    assert sheet_table(name) == table


def test_workbooks_are_found_by_what_they_are(tmp_path):
    data = book({"claim_lines": [HEADER, ROW]})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("export/clinic.xlsx", data)
    for name, content in (
        ("a.csv", data),
        ("export.zip", data),
        ("a.zip", packed.getvalue()),
        ("noname", data),
    ):
        (tmp_path / name).write_bytes(content)
        assert load(tmp_path / name).fingerprint == CLEAN.fingerprint
        assert load_files([(name, content)]).fingerprint == CLEAN.fingerprint
    assert "a.csv is a workbook and was read as one" in told(load(tmp_path / "a.csv"))


def test_other_tables_that_bear_a_workbooks_name(tmp_path):
    text = "\t".join(HEADER) + "\n" + "\t".join(["00012", "1", "2026-03-01", "97110", "GP KX", "2", "90.5"])
    CLEAN.tables["claim_lines"].write_parquet(tmp_path / "claim_lines.xlsx")
    for content in (text.encode(), (tmp_path / "claim_lines.xlsx").read_bytes()):
        records = load_files([("claim_lines.xls", content)])
        assert records.fingerprint == CLEAN.fingerprint
        assert "not a workbook, and was read as that" in records.report.render()
    for page in (b"<html><table><tr><td>claim_id</td></tr></table>", b'<?xml version="1.0"?><Workbook/>'):
        with pytest.raises(InputError, match="web page or XML"):
            load_files([("claim_lines.xls", page)])
        left = load_files([("x.xls", page), ("claims.csv", b"claim_id\nC1\n")]).report.left_out
        assert "save it as .xlsx" in str(left[0])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda sheet: b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet, "declares entities"),
        (lambda sheet: sheet.decode().encode("utf-16"), "UTF-8"),
        (lambda sheet: sheet[: len(sheet) // 2], "can be read"),
        (lambda sheet: sheet.replace(b'r="A2"', b'r="XFE2"'), "1,000 columns"),
        (lambda sheet: sheet.replace(b'r="A2"', b'r="ALM2"'), "1,000 columns"),
        (lambda sheet: sheet.replace(b'r="A2"', b'r="ALL1048576"'), "cells a sheet"),
        (lambda sheet: sheet.replace(b'r="A2"', b'r="A99999999"'), "cells a sheet"),
        (lambda sheet: sheet.replace(b"<sheetData>", b"<sheetData><row>" + b"<c><v>1</v></c>" * 1_001), "1,000 columns"),
    ],
)  # fmt: skip
def test_a_workbook_that_nobody_should_open_is_one_line(change, why):
    data = edited(book({"claim_lines": [HEADER, ROW]}), "xl/worksheets/sheet1.xml", change)
    with pytest.raises(InputError, match=why) as refused:
        load_files([("a.xlsx", data)])
    assert "a.xlsx" in str(refused.value) and "\n" not in str(refused.value)


def test_what_a_sheet_says_of_its_size_is_not_believed():
    def lie(sheet):
        return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', sheet)

    data = edited(book({"claim_lines": [HEADER, ROW]}), "xl/worksheets/sheet1.xml", lie)
    assert load_files([("a.xlsx", data)]).fingerprint == CLEAN.fingerprint


def test_cells_that_are_only_formatted_do_not_count():
    def format_far(sheet):
        return sheet.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>')

    data = edited(book({"claim_lines": [HEADER, ROW]}), "xl/worksheets/sheet1.xml", format_far)
    assert load_files([("a.xlsx", data)]).fingerprint == CLEAN.fingerprint


def test_macros_are_not_run_and_told():
    held = io.BytesIO(book({"claim_lines": [HEADER, ROW]}))
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0")
    records = load_files([("a.xlsm", held.getvalue())])
    assert records.fingerprint == CLEAN.fingerprint
    assert "a.xlsm: holds macros; they were not run" in told(records)


def test_a_part_that_unpacks_without_end_is_not_unpacked(monkeypatch):
    data = edited(book({"claim_lines": [HEADER, ROW]}), "xl/styles.xml", lambda styles: b" " * 20_000_000)
    with pytest.raises(InputError, match="times its packed size"):
        load_files([("a.xlsx", data)])
    monkeypatch.setattr("compliance.records.package.MOST_UNPACKED", 10_000)
    with pytest.raises(InputError, match="unpacks to more than"):
        load_files([("a.xlsx", book({"claim_lines": [HEADER, *[ROW] * 3_000]}))])


def test_a_workbook_beside_tables(tmp_path: Path):
    (tmp_path / "a.xlsx").write_bytes(book({"claim_lines": [HEADER, ROW]}))
    (tmp_path / "claims.csv").write_text("claim_id\n00012\n")
    records = load(tmp_path)
    assert records.tables["claims"].height == 1 and records.tables["claim_lines"].height == 1
    assert not records.report.left_out


def test_a_workbook_of_the_old_excel():
    data = (ROOT / "tests/data/workbooks/clinic.xls").read_bytes()
    records = load_files([("export.dat.xls", data)])
    assert refusals(records) == [
        ("export.dat.xls [Claim Lines]", 5, "charge", "#REF!"),
    ]
    lines = records.tables["claim_lines"]
    assert (
        lines["claim_id"].to_list() == ["00012", "00014", "00015"]
        and lines.row(0)[1:] == CLEAN.tables["claim_lines"].row(0)[1:]
    )
    assert records.tables["payers"].height == 1
    assert "export.dat.xls [payers] is hidden in the workbook; it was read" in told(records)
    assert any("1 formula gives nothing" in each for each in told(records))
    asks = bytes.fromhex("ffff0000000000000700")  # the formula's flags, and what follows them
    asking = data.replace(asks, asks[:2] + b"\1" + asks[3:])
    assert refusals(load_files([("a.xls", asking)]))[1][1:] == (
        6,
        "charge",
        "a formula that was never calculated",
    )


@pytest.mark.parametrize("place", [44, 48, 68, 76, 100, 512 + 3, 1024 + 2, 3000])
def test_an_old_workbook_whose_sectors_lead_nowhere(place):
    data = bytearray((ROOT / "tests/data/workbooks/clinic.xls").read_bytes())
    for wrong in (0, 1, 0x7FFFFFFF):
        data[place : place + 4] = wrong.to_bytes(4, "little")
        try:
            load_files([("a.xls", bytes(data))])
        except InputError:
            continue


def test_other_old_office_files_are_no_workbooks():
    data = (ROOT / "tests/data/workbooks/clinic.xls").read_bytes().replace(b"W\0o\0r\0k\0", b"X\0o\0r\0k\0")
    with pytest.raises(InputError, match="without a workbook in it"):
        load_files([("claims.xls", data)])
    at = data.index("Xork".encode("utf-16-le"))
    name = "EncryptedPackage".encode("utf-16-le")
    locked = data[:at] + name.ljust(64, b"\0") + bytes([len(name) + 2]) + data[at + 65 :]
    with pytest.raises(InputError, match="locked with a password"):
        load_files([("claims.xlsx", locked)])


def test_a_workbook_in_binary():
    rows = [
        HEADER,
        ["00012", 1, 46082, 97110, "GP KX", 2, 90.5],
        ["00013", 1, 46082, 97110, "GP KX", 2, "#REF!"],
    ]
    records = load_files([("a.xlsb", binary_workbook({"claim_lines": rows, "other": [["x"]]}))])
    assert refusals(records) == [("a.xlsb [claim_lines]", 3, "charge", "#REF!")]
    assert records.fingerprint == CLEAN.fingerprint
    with pytest.raises(InputError, match="cells a sheet"):
        load_files([("a.xlsb", binary_workbook({"claim_lines": rows}, first_row=40_000_000))])


CELLS = [ods.text(name) for name in HEADER]
DAY = '<table:table-cell office:value-type="date" office:date-value="2026-03-01"><text:p>03/01/26</text:p></table:table-cell>'
FIRST = [
    ods.text("00012"),
    ods.number(1),
    DAY,
    ods.number(97110),
    ods.text("GP KX"),
    ods.number(2),
    ods.number(90.5),
]
SECOND = [ods.text("00013"), *FIRST[1:6]]


def test_a_workbook_of_open_document():
    error = '<table:table-cell calcext:value-type="error" office:value-type="string"><text:p>#N/A</text:p></table:table-cell>'
    bare = '<table:table-cell table:formula="of:=45*2"/>'
    far = '<table:table-cell table:number-columns-repeated="16377"/>'
    rows = [
        ods.row(ods.text("title")),
        ods.row(*CELLS, far),
        ods.row(*FIRST, far),
        ods.row(*SECOND, error),
        ods.row(*SECOND, bare),
    ]
    data = ods.open_document("Claim Lines", *rows, ods.row(far, times=1_048_571), style="gone")
    records = load_files([("a.ods", data)])
    assert refusals(records) == [
        ("a.ods [Claim Lines]", 4, "charge", "#N/A"),
        ("a.ods [Claim Lines]", 5, "charge", "a formula that was never calculated"),
    ]
    assert records.fingerprint == CLEAN.fingerprint
    assert "a.ods [Claim Lines] is hidden in the workbook; it was read" in told(records)


@pytest.mark.parametrize(
    ("row", "before", "why"),
    [
        (ods.row(*FIRST, times=900_000), "", "5,000,000 cells"),
        (ods.row(*FIRST).replace("<table:table-cell ", '<table:table-cell table:number-columns-repeated="1000" ', 1), "",
         "1,000 columns"),
        ("", '<!DOCTYPE a [<!ENTITY b "c">]>', "declares entities"),
        ("<table:table-row>", "", "can be read"),
    ],
)  # fmt: skip
def test_an_open_document_that_nobody_should_open(row, before, why):
    with pytest.raises(InputError, match=why):
        load_files([("a.ods", ods.open_document("claim_lines", ods.row(*CELLS), row, before=before))])


EXPORT = [
    "record_id",
    "visit_date",
    "cpt",
    "patient_id",
    "visit_id",
    "therapist_id",
    "insurance_type_id",
    "units",
    "Colour",
]
CHARGES = [
    [1, date(2026, 3, 1), 97110, 71, 501, 9, 3, 2, "red"],
    [2, date(2026, 3, 1), "97530", 71, 501, 9, 3, 1, None],
    [3, date(2026, 3, 2), "G0283", 72, 502, 9, 1, 1, "blue"],
]


def written(row):
    return ",".join("" if cell is None else str(cell) for cell in row)


@pytest.mark.parametrize("name", ["Sheet1", "Charges", "claim_lines"])
def test_a_sheet_that_another_program_exported_is_read_by_its_layout(name):
    text = "\n".join(written(row) for row in (EXPORT, *CHARGES)) + "\n"
    as_text = load_files([("charges.csv", text.encode())])
    data = book({name: [["Charges of March"], [], EXPORT, *CHARGES], "About": [["x", "y"]]})
    records = load_files([("charges.xlsx", data)])
    assert records.fingerprint == as_text.fingerprint and records.tables["claim_lines"].height == 3
    assert records.absent_columns == as_text.absent_columns and records.reasons == as_text.reasons
    assert any("recognised as WebPT Analytics Charges" in each for each in told(records))
    assert [notice.file for notice in records.report.left_out] == ["charges.xlsx [About]"]


def test_an_error_in_an_export_refuses_its_row_where_the_layout_reads_it():
    data = put(book({"Sheet1": [EXPORT, *CHARGES]}), "H3", '<c r="H3" t="e"><v>#N/A</v></c>')
    data = put(data, "I2", '<c r="I2" t="e"><v>#N/A</v></c>')
    records = load_files([("charges.xlsx", data)])
    assert refusals(records) == [("charges.xlsx [Sheet1]", 3, "units", "#N/A")]
    lines = next(each for each in records.report.tables if each.table == "claim_lines")
    assert (lines.rows_read, lines.rows_refused, lines.rows_loaded) == (3, 1, 2)
