"""The Records page: dropped files said before they are taken, unknown ones mapped, previewed, used and kept."""

import io
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from streamlit.testing.v1 import AppTest

from compliance.records.layouts import layout_of
from compliance.records.load import load
from compliance.records.models import TABLES, schema
from compliance.records.templates import template_csv, template_workbook
from tests import clinic
from tests.test_layout_guesses import DAILY
from tests.test_layouts import WEBPT

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.xdist_group("pages")


@pytest.fixture
def page(tmp_path, monkeypatch) -> AppTest:
    monkeypatch.delenv("COMPLIANCE_POLICIES", raising=False)
    monkeypatch.setenv("COMPLIANCE_DATA", str(clinic.write(tmp_path / "clinic", patients=3, visits=4)))
    (tmp_path / "layouts").mkdir()
    monkeypatch.setenv("COMPLIANCE_LAYOUTS", str(tmp_path / "layouts"))
    return opened()


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run().switch_page("pages/records.py").run()


def drop(app: AppTest, name: str, text: str) -> AppTest:
    return app.file_uploader(key="records_files").upload(name, text.encode()).run()


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, [each.message for each in app.exception]
    return app


def tables(app: AppTest) -> str:
    return "\n".join(str(each.value.to_dict()) for each in app.dataframe)


def test_fhir_files_are_said_before_they_are_taken(page):
    drop(page, "patient.json", '{"resourceType": "Patient", "id": "P7", "gender": "female"}')
    assert "FHIR R4 resources" in tables(page) and not page.button(key="records_look").disabled
    press(page, "records_look")
    assert page.button(key="records_back"), "the upload is what is shown"


def test_a_known_export_is_said_before_it_is_taken_and_then_what_it_cannot_give(page):
    drop(page, "units.csv", WEBPT)
    assert "WebPT Documented Units" in tables(page) and "20 of 20" in tables(page)
    press(page, "records_look")
    told = tables(page)
    assert "the report has one list of codes for chart and claim, and no minutes" in told, (
        "why UNIT-01 does not run"
    )
    assert "Units (claim_lines.units)" in told, "a refused cell is named as the file names it"


def test_an_unknown_export_is_mapped_previewed_and_used(page):
    drop(page, "daily.csv", DAILY)
    assert "not read: no table of ours has this name" in tables(page)
    assert page.selectbox(key="map_daily.csv_Svc Dt").value == "service_date"
    assert "99 % sure" in page.selectbox(key="map_daily.csv_Svc Dt").label
    assert page.selectbox(key="map_code_daily.csv_Fin Class_MCR").value == "medicare"
    page.selectbox(key="map_code_daily.csv_Fin Class_XYZ").select("commercial").run()
    said = "\n".join(each.value for each in page.markdown)
    assert "3 rows of claim lines" in said and "would become" in said
    press(page, "records_use")
    assert "daily (" not in tables(page) and "14 of 14" in tables(page)
    press(page, "records_look")
    assert "claim lines" in tables(page)
    assert "claim lines: modifiers" in tables(page) or "modifiers" in tables(page)


def test_what_would_be_refused_is_shown_in_the_preview(page):
    drop(page, "daily.csv", DAILY)
    page.selectbox(key="map_daily.csv_Qty").select("charge").run()
    page.selectbox(key="map_daily.csv_Chg Amt").select("units").run()
    assert "Chg Amt (claim_lines.units)" in tables(page) and "a whole number" in tables(page)


def test_a_mapping_is_saved_for_all_and_not_over_another(page, tmp_path):
    drop(page, "daily.csv", DAILY)
    press(page, "records_layout_save")
    kept = tmp_path / "layouts" / "daily.yaml"
    layout = layout_of(kept.read_text(), "daily.yaml")
    assert layout.made and layout.recognise.requires[0] == "Svc Dt"
    before = kept.read_text()
    page.text_input(key="map_name_daily.csv").input("daily").run()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "daily.csv").write_text(DAILY)
    assert load(tmp_path / "data", tmp_path / "layouts").tables["claim_lines"].height == 3
    assert kept.read_text() == before


def test_a_choice_that_makes_no_table_says_what_is_needed(page):
    drop(page, "two.csv", "Gender,Colour\nF,red\nM,blue\n")
    if page.warning:
        assert "no table can be made" in page.warning[0].value
    assert not [each for each in page.button if each.key == "records_use"]


def test_hidden_names_hide_the_cells_of_a_preview(page):
    hidden = drop(opened(hide_names="true"), "daily.csv", DAILY)
    assert "Ott, Pat" not in tables(hidden)
    assert "Ott, Pat" in tables(drop(page, "daily.csv", DAILY))
    assert "Names are hidden, so no cell is shown here." in [each.value for each in hidden.caption]


def test_templates_hold_every_column_and_load_when_filled(tmp_path):
    book = CalamineWorkbook.from_filelike(io.BytesIO(template_workbook()))
    assert book.sheet_names == list(TABLES)
    for table in TABLES:
        (header,) = book.get_sheet_by_name(table).to_python()
        assert header == list(schema(table)) == template_csv(table).strip().split(",")
    assert template_workbook() == template_workbook()


def test_a_claim_file_of_which_nothing_loads_says_so_and_no_more(page):
    claims = ROOT / "tests/data/x12/linuxforhealth/src/tests/resources/837_005010X222A2"
    text = (claims / "demo.example2.837").read_text()
    drop(page, "cut.837", text[: len(text) * 2 // 3])
    press(page, "records_look")
    shown = next(each.value for each in page.dataframe if "Expected" in each.value.columns)
    assert shown[["Table", "Column", "Found"]].to_dict("records") == [
        {"Table": "claims", "Column": "", "Found": "claim 26462967: no SE after it"}
    ]
    said = [each.value for each in page.caption]
    assert "No row could be loaded from these files." in said
    assert "No check ran: there was nothing to judge." in said
    assert "no day of service" in page.get("html")[0].proto.body
