"""CMS's files as it ships them become editions of a clinic's own tables; what is no such file is refused in one line."""

import zipfile
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from compliance.policy import PolicyError, load_policies
from compliance.policy.cms_files import load_cms_file

THERAPY = {"97530", "97150", "97140", "98985"}
PAIRS = (
    "CPT only copyright\t\t\t\t\t\t\n"
    "Column 1\tColumn 2\t* = before 1996\tEffective Date\tDeletion Date *=no data\tModifier 0=not allowed\tRationale\n"
    "97150\t97530\t\t20201001\t*\t1\tMisuse\n"
    "97140\t97530\t\t20000101\t20191231\t1\tMutually exclusive\n"
    "10021\t10022\t\t20000101\t*\t0\tOther\n"
)
LIMITS = (
    '"HCPCS/CPT Code","Practitioner Services MUE Values","MUE Adjudication Indicator","MUE Rationale"\n'
    '97530,5,"3 Date of Service Edit: Clinical",Data\n98985,1,"2 Date of Service Edit: Policy",Policy\n10021,1,"3 x",Data\n'
)
VALUES = (
    "2027 National Physician Fee Schedule\n,,,STATUS,,WORK,NON-FAC,,FAC,,MP\n"
    "HCPCS,MOD,DESCRIPTION,CODE,PAYMENT,RVU,PE RVU,INDICATOR,PE RVU,INDICATOR,RVU,TOTAL,TOTAL,IND,DAYS,OP,OP,OP,MULT PROC\n"
    "97530,,Text,A,,0.44,0.60,,0.60,,0.01,1.05,1.05,7,000,0,0,0,5\n99999,,Text,A,,1,1,,1,,1,3,3,0,000,0,0,0,0\n"
)
PLACES = (
    "ADDENDUM E\nMedicare Administrative Contractor (MAC),State,Locality Number,Locality Name,"
    "2027 PW GPCI (without 1.0 Floor),2027 PW GPCI (with 1.0 Floor),2027 PE GPCI,2027 MP GPCI\n"
    "10112,AL,00,ALABAMA,0.98,1.0,0.869,0.575\n"
)


def zipped(folder: Path, name: str, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return folder / name


def test_one_part_of_the_code_pairs_is_told_to_be_a_part(tmp_path: Path) -> None:
    name = "medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f1.zip"
    file = zipped(tmp_path, name, {"ccipra-f1.TXT": PAIRS})
    known = load_policies().code_tables.frames["code_pairs"]
    (told,) = load_cms_file(file, tmp_path / "ours", THERAPY, known=known)
    before = set(known.filter(table="practitioner")["column_1"])
    kept = pl.read_csv(tmp_path / "ours" / "cms" / told.file, infer_schema=False)
    assert told.lacks == len(before - set(kept["column_1"])) > 0
    assert f"Warning: no pair of {told.lacks} codes of column 1" in str(told) and "four files" in str(told)
    assert "A part: " in (tmp_path / "ours" / "cms" / "tables.yaml").read_text(encoding="utf-8")


def test_pairs_bring_their_start_dates_and_replace_the_built_in_table(tmp_path: Path) -> None:
    file = zipped(
        tmp_path,
        "medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f1.zip",
        {"../x/ccipra-f1.TXT": PAIRS},
    )
    told = load_cms_file(file, tmp_path / "ours", THERAPY)
    assert [str(each) for each in told] == [
        "code_pairs (practitioner) from 2026-10-01: 2 of 3 rows kept in cms/code_pairs_practitioner_2026-10-01.csv"
    ]
    rows = load_policies(tmp_path / "ours").code_tables.frames["code_pairs"]
    ours = rows.filter(pl.col("table") == "practitioner").sort("column_1")
    assert ours["valid_from"].to_list() == [datetime(2000, 1, 1), datetime(2020, 10, 1)]
    assert ours["valid_until"].to_list() == [datetime(2020, 1, 1), datetime(9999, 12, 31)]
    assert ours["as_of"].unique().to_list() == [datetime(2026, 10, 1)]


def test_the_parts_of_an_edition_add_up(tmp_path: Path) -> None:
    for part, code in (("f1", "97150"), ("f2", "97113")):
        name = f"medicare-ncci-2026q4-practitioner-ptp-{part}.zip"
        text = PAIRS.replace("97150", code)
        load_cms_file(zipped(tmp_path, name, {"a.txt": text}), tmp_path / "ours", THERAPY)
    rows = load_policies(tmp_path / "ours").code_tables.frames["code_pairs"]
    ours = rows.filter(pl.col("table") == "practitioner")
    assert set(ours["column_1"]) == {"97113", "97140", "97150"}
    assert ours.height == 3


def test_limits_values_and_indices(tmp_path: Path) -> None:
    mue = zipped(tmp_path, "medicare-ncci-2026-q4-practitioner-services-mue-table.zip", {"MUE.csv": LIMITS})
    rvu = zipped(
        tmp_path, "rvu2027a.zip", {"PPRRVU2027_Jan.csv": VALUES, "GPCI2027.csv": PLACES, "readme.pdf": "x"}
    )
    for file in (mue, rvu):
        load_cms_file(file, tmp_path / "ours", THERAPY)
    frames = load_policies(tmp_path / "ours").code_tables.frames
    limits = frames["unit_limits"].filter((pl.col("cpt") == "97530") & (pl.col("table") == "practitioner"))
    assert limits.sort("valid_from")["units"].to_list() == [6, 6, 5]
    assert limits["valid_from"].max() == datetime(2026, 10, 1)
    year = pl.col("valid_from") == datetime(2027, 1, 1)
    values = frames["relative_values"].filter(year)
    assert values.select("cpt", "work", "practice_expense", "malpractice", "multiple_procedure").rows() == [
        ("97530", 0.44, 0.6, 0.01, "5")
    ]
    assert frames["geography"].filter(year).select("state", "locality", "work").rows() == [("AL", "00", 1.0)]


def test_the_first_day_may_be_said(tmp_path: Path) -> None:
    (tmp_path / "practitioner.txt").write_text(PAIRS, encoding="utf-8")
    with pytest.raises(PolicyError, match="--from"):
        load_cms_file(tmp_path / "practitioner.txt", tmp_path / "ours", THERAPY)
    told = load_cms_file(tmp_path / "practitioner.txt", tmp_path / "ours", THERAPY, date(2027, 1, 1))
    assert told[0].begins == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("notes-2026q4.txt", "nothing of CMS", "no table of CMS's"),
        ("ptp-2026q4.txt", PAIRS, "whose table"),
        ("book.xlsx", "PK", "workbooks are not read"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=why) as refused:
        load_cms_file(tmp_path / name, tmp_path / "ours", THERAPY)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ours").exists()


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path, "practitioner-2026q4.zip", {"a.txt": "0" * 20_000_000})
    with pytest.raises(PolicyError, match="unpacks to"):
        load_cms_file(file, tmp_path / "ours", THERAPY)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "practitioner-2026q4.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(PolicyError, match="not a zip"):
        load_cms_file(tmp_path / "practitioner-2026q4.zip", tmp_path / "ours", THERAPY)
    with pytest.raises(PolicyError, match="no such file"):
        load_cms_file(tmp_path / "absent.zip", tmp_path / "ours", THERAPY)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("prac-2026q4.txt", PAIRS.replace("20201001", "20201301"), "row 3: effective day '20201301'"),
        ("prac-2026q4.txt", PAIRS.replace("20191231", "soon"), "row 4: deletion day 'soon'"),
        ("prac-2026q4.txt", PAIRS.replace("*\t1\tMisuse", "*\tX\tMisuse"), "row 3: modifier indicator 'X'"),
        ("prac-2026q4.txt", PAIRS.partition("\t20191231")[0], "ends within its last row, .97140"),
        (
            "prac-2026q4.txt",
            PAIRS + "97150\t97530\t\t20201001\t*\t0\tMisuse\n",
            "row 6: 97150 97530 .* row 3",
        ),
        ("prac_mue-2026q4.csv", LIMITS.replace("97530,5", "97530," + "9" * 20), "row 2: units '9999"),
        ("prac_mue-2026q4.csv", LIMITS + '97530,6,"3 x",Data\n', "row 5: practitioner 97530|row 5: 97530"),
        ("PPRRVU2027.csv", VALUES.replace("0.44", "nan"), "row 4: work 'nan'"),
        ("PPRRVU2027.csv", VALUES.replace("0.60", "1e308"), "row 4: practice_expense '1e308'"),
        ("GPCI2027.csv", PLACES.replace("0.575", "-1"), "row 3: malpractice '-1'"),
        ("GPCI2027.csv", PLACES.replace("PE GPCI", "PX"), "GPCI2027.csv: .* practice_expense"),
        ("prac-2025q1-2026q4.txt", PAIRS, "both 2025-01-01 and 2026-10-01"),
    ],
)
def test_a_row_that_cannot_be_read_refuses_the_file(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=why):
        load_cms_file(tmp_path / name, tmp_path / "ours", THERAPY)
    assert not (tmp_path / "ours").exists()


def test_a_corrected_file_replaces_what_it_corrects(tmp_path: Path) -> None:
    for units in ("5", "6"):
        (tmp_path / "prac_mue-2026q4.csv").write_text(LIMITS.replace("97530,5", f"97530,{units}"), "utf-16")
        load_cms_file(tmp_path / "prac_mue-2026q4.csv", tmp_path / "ours", THERAPY)
    rows = load_policies(tmp_path / "ours").code_tables.frames["unit_limits"]
    ours = (pl.col("cpt") == "97530") & (pl.col("valid_from") == datetime(2026, 10, 1))
    assert rows.filter(ours)["units"].to_list() == [6]


def test_the_name_within_an_archive_goes_before_its_own(tmp_path: Path) -> None:
    file = zipped(tmp_path, "practitioner-2026q4.zip", {"hospital-2025q1.txt": PAIRS})
    (told,) = load_cms_file(file, tmp_path / "ours", THERAPY)
    assert (told.table, told.begins) == ("hospital", date(2025, 1, 1))


def test_a_load_that_is_broken_off_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours"
    (tmp_path / "prac_mue-2026q4.csv").write_text(LIMITS, encoding="utf-8")
    load_cms_file(tmp_path / "prac_mue-2026q4.csv", ours, THERAPY)
    before = {file.name: file.read_bytes() for file in (ours / "cms").iterdir()}

    def full(file: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "prac-2026q4.txt").write_text(PAIRS, encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(PolicyError, match="No space left"):
        load_cms_file(tmp_path / "prac-2026q4.txt", ours, THERAPY)
    assert {file.name: file.read_bytes() for file in (ours / "cms").iterdir()} == before


@pytest.mark.parametrize(
    ("listed", "rows", "why"),
    [
        ("- 1", "", "entry 1"),
        ("a: b", "", "not a list"),
        (
            "- {kind: unit_limits, file: m.csv, from: 2026-01-01, to: 2025-01-01, source: s}",
            "",
            "entry 1.*before",
        ),
        ("", "p,97530,-5,3", "m.csv, row 2, units: -5"),
        ("", "p,97530,5,3\np,97530,6,3", "p 97530 has several rows"),
        ("", "table,cpt", "m.csv"),
    ],
)
def test_editions_made_by_hand_are_read_with_care(tmp_path: Path, listed: str, rows: str, why: str) -> None:
    (tmp_path / "cms").mkdir()
    entry = "- {kind: unit_limits, file: m.csv, from: 2026-01-01, to: 9999-12-31, source: s}"
    (tmp_path / "cms" / "tables.yaml").write_text(listed or entry, encoding="utf-8")
    head = "table,cpt,units,indicator\n" if rows[:1] == "p" else ""
    (tmp_path / "cms" / "m.csv").write_text(head + rows, encoding="utf-8")
    with pytest.raises(PolicyError, match=why):
        load_policies(tmp_path)
    (tmp_path / "cms" / "tables.yaml").write_text(entry, encoding="utf-8")
    (tmp_path / "cms" / "m.csv").write_text("table,cpt,units,indicator\np,97530,5,3\n", encoding="utf-8")
    assert load_policies(tmp_path).code_tables.frames["unit_limits"].height


@pytest.mark.parametrize("ending", ["9753", "97530,", '97530,6,"3 Date', "97530"])
def test_a_file_that_ends_within_a_row_is_refused(tmp_path: Path, ending: str) -> None:
    """The rest of the table is not there, and what is would count as the whole of it."""
    text = LIMITS.rstrip("\n") + "\n"
    (tmp_path / "prac_mue-2026q4.csv").write_text(text + ending, encoding="utf-8")
    with pytest.raises(PolicyError, match="ends within its last row") as refused:
        load_cms_file(tmp_path / "prac_mue-2026q4.csv", tmp_path / "ours", THERAPY)
    assert "\n" not in str(refused.value) and not (tmp_path / "ours").exists()


def test_codes_in_small_letters_count(tmp_path: Path) -> None:
    (tmp_path / "prac_mue-2026q4.csv").write_text(
        LIMITS.rstrip("\n") + '\ng0283,1,"3 Date of Service Edit: Clinical",Data\n', encoding="utf-8"
    )
    load_cms_file(tmp_path / "prac_mue-2026q4.csv", tmp_path / "ours", {*THERAPY, "G0283"})
    (written,) = (tmp_path / "ours" / "cms").glob("unit_limits*.csv")
    assert "G0283,1" in written.read_text(encoding="utf-8")


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="a folder, not a file"):
        load_cms_file(tmp_path, tmp_path / "ours", THERAPY)
