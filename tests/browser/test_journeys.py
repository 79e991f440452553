"""A person's ways through the dashboard in a real browser: from the funnel to the note, and on by a shared link."""

import re
import zipfile
from datetime import date
from pathlib import Path

import pytest

from compliance.audit import audit
from compliance.policy import load_policies
from compliance.records.load import load
from compliance.review import Decision, open_store
from compliance.sampling.bundle import verify
from tests import clinic
from tests.browser.harness import ROOT, visit
from tests.test_layout_guesses import DAILY

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_from_the_funnel_to_the_highlighted_note_and_on_by_link_to_a_cold_server(
    window, dashboard, cold_server
):
    with visit(window, dashboard) as visitor:
        visitor.open("/therapists")
        outside = visitor.page.locator("svg.marks path[aria-label*='above the 99.8 % limit']").first
        outside.click(timeout=60_000)
        visitor.page.wait_for_url(re.compile("/findings.*therapist="))
        visitor.settle()
        assert visitor.title() == "Findings"
        visitor.page.wait_for_selector(".evidence")
        visitor.open(
            "/findings?rule=DOC-03"
        )  # a rule that reads notes: its cards mark the words that it read
        visitor.page.wait_for_selector(".evidence")
        words = visitor.page.locator(".evidence mark").all_inner_texts()
        assert any(word.strip() for word in words), "the note shows the words that were read"
        visitor.page.wait_for_url(re.compile("finding="))
        shared, title = visitor.page.url, visitor.page.locator("h3").first.inner_text()
        visitor.clean()
    with visit(window, cold_server(ROOT / "sample_data")) as receiver:
        receiver.open(shared.removeprefix(dashboard))
        receiver.page.wait_for_selector(".evidence", timeout=120_000)
        assert receiver.page.locator("h3").first.inner_text() == title
        assert receiver.page.locator(".evidence mark").all_inner_texts() == words
        receiver.page.locator("h1").evaluate("head => head.dataset.drawn = 'first'")
        receiver.page.get_by_text("Hide names", exact=True).first.click()
        receiver.page.wait_for_url(re.compile("hide_names=true"))
        receiver.settle()
        assert receiver.page.locator("h1[data-drawn='first']").count(), "the second run draws nothing anew"
        receiver.clean()


def test_a_dropped_zip_is_looked_at_in_this_session_only(window, dashboard, tmp_path: Path):
    folder = clinic.write(tmp_path / "tables")
    packed = tmp_path / "clinic.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for table in sorted(folder.glob("*.csv")):
            archive.write(table, table.name)
    with visit(window, dashboard) as visitor, visit(window, dashboard) as other:
        visitor.open("/records")
        visitor.page.set_input_files("[data-testid='stFileUploader'] input[type=file]", str(packed))
        look = visitor.page.get_by_role("button", name="Look at these files")
        visitor.page.wait_for_function("button => !button.disabled", arg=look.element_handle())
        look.click()
        visitor.page.get_by_role("button", name=re.compile("Back to")).wait_for(timeout=60_000)
        visitor.settle()
        visitor.page.get_by_role("link", name=re.compile("Therapists")).click()
        visitor.page.wait_for_url(re.compile("/therapists"))
        visitor.settle()
        assert "Synthetic sample" not in visitor.page.inner_text(".stMain")
        other.open("/therapists")
        assert "Synthetic sample" in other.page.inner_text(".stMain")
        visitor.clean()


def test_hidden_names_hide_therapists_and_patients(window, dashboard):
    with visit(window, dashboard, dark=True) as visitor:
        visitor.open("/therapists?hide_names=true")
        said = visitor.page.inner_text(".stMain")
        assert "Therapist " in said or "within what chance explains" in said
        for name in ("Vasquez", "Zielinski", "Ellison", "Chaudhry"):
            assert name not in said
        tools = visitor.page.locator(".stVegaLiteChart, [data-testid='stFullScreenFrame']").locator(
            "[data-testid='stElementToolbarButton']:has(button[aria-label^='Show data'])"
        )
        shown = [tool.evaluate("tool => getComputedStyle(tool).display") for tool in tools.all()]
        assert shown and set(shown) == {"none"}, "a chart's own table would show ids"
        visitor.clean()


WIDEST = """async selector => {
  const marks = [...document.querySelectorAll(selector)], width = each => each.getBoundingClientRect().width;
  const widest = marks.reduce((a, b) => width(b) > width(a) ? b : a);
  widest.scrollIntoView({block: "center"});
  await new Promise(done => setTimeout(done, 300));
  const box = widest.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Brings the widest mark into view and says where its middle is: a stacked bar may begin with a sliver."""


@pytest.mark.parametrize(
    ("page", "mark", "filtered"),
    [
        ("/", "[aria-roledescription='bar']", "rule="),
        ("/", "[aria-roledescription='point']", "from=.*to="),
        ("/payers", "[aria-roledescription='bar']", "payer="),
        ("/payers", "[aria-roledescription='point']", "payer="),
        ("/therapists", "[aria-label*='failed: 1;']", "therapist=.*rule=|rule=.*therapist="),
    ],
)
def test_a_mark_that_is_clicked_opens_its_findings(window, dashboard, page, mark, filtered):
    with visit(window, dashboard) as visitor:
        visitor.open(page)
        visitor.page.wait_for_selector(
            f"svg.marks {mark}", state="attached"
        )  # drawn after the script has ended
        visitor.page.mouse.click(*visitor.page.evaluate(WIDEST, f"svg.marks {mark}"))
        visitor.page.wait_for_url(re.compile(f"/findings.*({filtered})"), timeout=30_000)
        visitor.clean()


def test_names_are_hidden_from_the_first_run_and_findings_are_stepped_through_by_key(window, dashboard):
    with visit(window, dashboard) as visitor:
        visitor.open("/findings?hide_names=true&therapist=T0014")
        assert "Xiong" not in visitor.page.inner_text("body")
        visitor.page.wait_for_selector(".evidence")
        visitor.page.wait_for_url(re.compile("finding="))
        first = visitor.page.url
        visitor.page.get_by_role("button", name="Next ›").focus()
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_url(lambda url: url != first)
        visitor.page.get_by_text(re.compile(r"^2 of ")).wait_for()
        visitor.clean()


def shows(visitor, said: str | re.Pattern[str]) -> None:
    """Wait until the page says so: an address can change before what stands under it is drawn."""
    visitor.page.locator(".stMain").get_by_text(said).first.wait_for()


def tick(visitor, table: int, row: int) -> None:
    """Tick a row of a table: the grid is drawn on a canvas, so its box is found by its place."""
    box = visitor.page.locator("[data-testid='stDataFrame']").nth(table).bounding_box()
    visitor.page.mouse.click(box["x"] + 18, box["y"] + 45 + 26 * row)
    visitor.page.wait_for_timeout(500)
    visitor.settle()


def test_the_officer_decides_one_cause_and_sees_it_leave_the_open_ones(window, dashboard):
    with visit(window, dashboard) as visitor:
        visitor.open("/worklist")
        before = int(
            re.search(r"([\d,]+) findings to decide", visitor.page.inner_text(".stMain"))
            .group(1)
            .replace(",", "")
        )
        tick(visitor, 0, 0)
        visitor.page.get_by_role("radio", name="Confirm").or_(
            visitor.page.get_by_text("Confirm", exact=True)
        ).first.click()
        visitor.settle()
        visitor.page.get_by_role("button", name=re.compile("^Confirm: ")).click()
        visitor.page.get_by_text(re.compile("^Confirmed: ")).first.wait_for(timeout=30_000)
        visitor.settle()
        shows(visitor, re.compile("Choose one or more rows"))  # a tick stays not for what came into its place
        said = visitor.page.inner_text(".stMain")
        after = int(re.search(r"([\d,]+) findings to decide", said).group(1).replace(",", ""))
        assert after < before
        visitor.clean()


def test_what_was_dismissed_is_left_out_and_a_link_counts_it_again(
    window, cold_server, tmp_path, monkeypatch
):
    monkeypatch.setenv("COMPLIANCE_REVIEW", f"sqlite:///{tmp_path / 'review.db'}")
    records = clinic.write(tmp_path / "records")
    found = audit(load(records), load_policies(), date.today()).findings
    own = found.filter(found["therapist_id"] == "T1", found["severity"] != "info")
    open_store().decide(own.to_dicts(), Decision("dismissed", "Documented elsewhere"), "ana")
    address = cold_server(records)
    left_out, counted = (
        f"{own.height} findings that reviewers dismissed are {how}" for how in ("left out", "counted")
    )
    with visit(window, address) as visitor:
        visitor.open("/therapists")
        shows(visitor, re.compile(left_out))
        visitor.page.get_by_text("Count dismissed").click()
        shows(visitor, re.compile(counted))
        visitor.page.wait_for_url(re.compile("count_dismissed=true"))
        link = visitor.page.url.removeprefix(address)
        visitor.clean()
    with visit(window, address) as visitor:
        visitor.open(link)
        shows(visitor, re.compile(counted))
        visitor.page.get_by_role("link", name="Overview").click()
        visitor.settle()
        shows(visitor, re.compile(counted))  # the choice goes along to the next page
        visitor.clean()


def test_a_payers_change_is_seen_at_once_and_taken_back(window, dashboard):
    with visit(window, dashboard) as visitor:
        visitor.open("/what_if")
        box = visitor.page.get_by_label("New value (treatment days)")
        box.fill("8")
        box.press("Enter")
        visitor.page.get_by_text(re.compile("dollars at risk go from")).wait_for(timeout=60_000)
        visitor.settle()
        visitor.page.get_by_role("button", name="Discard").click()
        visitor.page.get_by_text(re.compile("Nothing changes")).wait_for(timeout=60_000)
        visitor.clean()


def press(visitor, name: str) -> None:
    """Press the button or the segment of that name, and wait for what follows."""
    visitor.page.get_by_role("button", name=name, exact=True).or_(
        visitor.page.get_by_role("radio", name=name, exact=True)
    ).first.click()
    visitor.settle()


def fill(visitor, label: str, text: str) -> None:
    """Write into a field, as a person does who ends with Enter."""
    field = visitor.page.get_by_label(label, exact=True).first
    field.fill(text)
    field.press("Enter")
    visitor.settle()


def test_the_auditor_draws_ten_answers_two_sees_the_result_and_takes_the_bundle(window, dashboard, tmp_path):
    with visit(window, dashboard) as visitor:
        visitor.open("/spot_check?payer=MCR&hide_names=true")
        visitor.page.get_by_label("Purpose").click()
        visitor.page.get_by_role("option", name=re.compile("^Targeted")).click()
        visitor.settle()
        for label, text in (("Charts", "10"), ("Seed", "7"), ("Name", "Spring")):
            fill(visitor, label, text)
        press(visitor, "Keep this sample and review it")
        visitor.page.wait_for_url(re.compile("sample="))
        shows(visitor, "What the rules found is shown once you have answered.")
        press(visitor, "Error")
        fill(visitor, "Correct dollars", "5")
        press(visitor, "Save")
        shows(visitor, re.compile("^Answered in"))
        press(visitor, "Next ›")
        press(visitor, "OK")
        press(visitor, "Save")
        press(visitor, "Result")
        shows(visitor, re.compile("1 of 2 are wrong"))
        press(visitor, "Bundle")
        with visitor.page.expect_download() as taken:
            visitor.page.get_by_role("button", name="To hand out (zip)").click()
        taken.value.save_as(tmp_path / "spot.zip")
        assert verify((tmp_path / "spot.zip").read_bytes()) == []
        visitor.clean()


def test_the_director_sees_four_figures_without_names_and_prints_the_run_that_the_screen_shows(
    window, dashboard
):
    with visit(window, dashboard, size="1920x1080") as visitor:
        visitor.open("/meeting")
        said = visitor.page.inner_text(".stMain")
        for asked in ("Are we better?", "Who needs help?", "Which payer hurts?", "What to fix by"):
            assert asked in said
        assert len(visitor.page.locator("[data-testid='stMetric']").all()) >= 4
        run = re.search(r"run ([0-9a-f]{12})", said)
        assert run and "Vasquez" not in said and "Zielinski" not in said
        visitor.page.get_by_text("Report", exact=True).first.click()
        visitor.page.get_by_role("button", name="Make the PDF").click()
        with visitor.page.expect_download(timeout=120_000) as taken:
            visitor.page.get_by_role("button", name=re.compile("^Download compliance")).click(timeout=120_000)
        assert Path(taken.value.path()).read_bytes().startswith(b"%PDF")
        visitor.clean()


def test_before_billing_opens_the_finding_that_holds_a_claim(window, dashboard):
    with visit(window, dashboard) as visitor:
        visitor.open("/before_billing")
        assert re.search(r"hold \d+ ", visitor.page.inner_text(".stMain"))
        tick(visitor, 0, 0)
        visitor.page.wait_for_url(re.compile("/findings.*finding="), timeout=60_000)
        visitor.page.wait_for_selector(".evidence", timeout=60_000)
        visitor.clean()


def test_an_unknown_export_is_mapped_used_and_its_mapping_taken_home(window, dashboard, tmp_path):
    (tmp_path / "daily.csv").write_text(DAILY)
    with visit(window, dashboard) as visitor:
        visitor.open("/records")
        visitor.page.set_input_files(
            "[data-testid='stFileUploader'] input[type=file]", str(tmp_path / "daily.csv")
        )
        visitor.page.get_by_text("What do the columns of daily.csv say?").wait_for(timeout=60_000)
        visitor.settle()
        code = visitor.page.get_by_label("XYZ", exact=True)
        code.scroll_into_view_if_needed()  # a list that opens while the page scrolls closes again
        visitor.settle()
        code.click()
        visitor.page.get_by_role("option", name="commercial", exact=True).click()
        visitor.settle()
        shows(visitor, re.compile("3 rows of claim lines"))
        with visitor.page.expect_download() as taken:
            visitor.page.get_by_role("button", name="Download the mapping").click()
        (tmp_path / "own").mkdir()
        taken.value.save_as(tmp_path / "own" / "daily.yaml")
        press(visitor, "Use this mapping")
        press(visitor, "Look at these files")
        visitor.page.get_by_role("button", name=re.compile("Back to")).wait_for(timeout=60_000)
        visitor.settle()
        visitor.page.get_by_text(re.compile("^What the exports cannot give")).click()
        visitor.page.get_by_text(re.compile("claim lines: modifiers: 2 columns of modifiers")).wait_for()
        visitor.clean()
    kinds = load(tmp_path / "daily.csv", tmp_path / "own").tables["payers"]["kind"].to_list()
    assert kinds == ["medicare", "commercial"]
