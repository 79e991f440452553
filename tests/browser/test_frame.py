"""The frame in a real browser: deep links on a cold server, filters in the URL, nothing asked of other hosts."""

import re
from urllib.parse import quote

import polars as pl
import pytest
from playwright.sync_api import TimeoutError

from tests import clinic
from tests.browser.harness import Visitor, visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def sidebar(visitor: Visitor) -> str:
    return visitor.page.inner_text("[data-testid='stSidebar']")


def choose(visitor: Visitor, filter_name: str, option: str) -> None:
    listed = visitor.page.get_by_role("option", name=re.compile(option)).first
    for _ in range(3):  # a list that opens while the page is still drawn is closed again
        visitor.page.get_by_role("combobox", name=re.compile(filter_name)).click()
        try:
            listed.wait_for(timeout=5_000)
            break
        except TimeoutError:
            visitor.settle()
    listed.click()
    visitor.page.keyboard.press("Escape")
    visitor.settle()


def test_a_deep_link_on_a_cold_server_shows_the_frame_and_keeps_its_query(window, cold_server, tmp_path):
    with visit(window, cold_server(clinic.write(tmp_path))) as visitor:
        visitor.open("/findings?severity=high&hide_names=true&finding=F000042")
        assert visitor.title() == "Findings"
        assert "Filters" in sidebar(visitor)
        assert "Overview" in sidebar(visitor)
        assert (
            "high"
            in visitor.page.locator(
                "[data-testid='stSidebar'] [data-testid='stMultiSelect']"
            ).last.inner_text()
        )
        for kept in ("/findings", "severity=high", "hide_names=true", "finding=F000042"):
            assert kept in visitor.page.url
        visitor.clean()


def test_a_choice_is_written_to_the_url_and_stays_on_the_next_page(visitor):
    visitor.open("/")
    choose(visitor, "Severity", "medium")
    visitor.page.wait_for_url(re.compile("severity=medium"))
    choose(visitor, "Severity", "low")
    both = re.compile(r"severity=medium(,|%2C)low")
    visitor.page.wait_for_url(both)
    visitor.page.get_by_role("link", name=re.compile("Payers")).click()
    visitor.page.wait_for_url(re.compile("/payers"))
    visitor.settle()
    visitor.page.wait_for_url(both)
    visitor.page.go_back()
    visitor.page.go_back()
    visitor.settle()
    visitor.page.wait_for_url(re.compile("severity=medium$"))
    visitor.clean()


def test_the_url_brings_back_a_choice_in_another_browser(window, dashboard):
    with visit(window, dashboard) as receiver:
        receiver.open("/payers?discipline=OT&from=2026-02-01")
        assert "OT" in sidebar(receiver)
        assert receiver.page.get_by_role("button", name="Clear", exact=True).is_enabled()
        receiver.page.get_by_role("button", name="Clear", exact=True).click()
        receiver.settle()
        receiver.page.wait_for_url(re.compile("/payers$"))
        receiver.clean()


def test_a_tampered_url_is_ignored_with_a_notice(visitor):
    visitor.open(
        "/findings?therapist=%3Cb%3Ex&from=2026-02-30&severity=high,apocalyptic&discipline=PT&discipline=OT"
    )
    notice = visitor.page.inner_text("[data-testid='stAlert']")
    assert "therapist=<b>x is not in these records" in notice
    assert "from=2026-02-30 is no date" in notice
    assert "severity=apocalyptic" in notice
    visitor.clean()


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_reader(window, dashboard, dark):
    with visit(window, dashboard, dark=dark) as visitor:
        visitor.open("/")
        ground = visitor.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        assert ground == ("rgb(18, 24, 31)" if dark else "rgb(255, 255, 255)")
        visitor.clean()


def test_the_printed_sheet_bears_no_side_bar(visitor):
    visitor.open("/")
    visitor.page.emulate_media(media="print")
    assert not visitor.page.locator("[data-testid='stSidebar']").is_visible()
    assert visitor.page.locator("h1").is_visible()


def test_every_page_opens_by_its_address(visitor):
    for name in ("overview", "therapists", "payers", "findings", "rules", "records"):
        visitor.open("/" if name == "overview" else f"/{name}")
        assert visitor.title().lower() == name
    visitor.clean()


HOSTILE = (
    "![i](http://e.invalid/i.png) [l](http://e.invalid/l) http://e.invalid/b www.e.invalid a@e.invalid "
    "<img src=http://e.invalid/h.png> $x^2$ :material/home:"
)


def test_names_addresses_and_files_ask_nothing_of_other_hosts(window, cold_server, tmp_path):
    folder = clinic.write(tmp_path)
    for table in ("therapists", "payers", "patients", "clinics"):
        rows = pl.read_csv(folder / f"{table}.csv", infer_schema=False)
        clinic.write_table(
            folder / f"{table}.csv", rows.with_columns(pl.col("name") + " " + HOSTILE).to_dicts()
        )
    asked = quote(HOSTILE)
    with visit(window, cold_server(folder)) as visitor:
        for path in (
            "/", f"/?payer={asked}", "/findings?therapist=T1&payer=MCR", f"/findings?finding={asked}", f"/rules?code={asked}",
            "/therapists", "/payers", "/records",
        ):  # fmt: skip
            visitor.open(path)
            visitor.page.wait_for_timeout(500)
            assert not visitor.page.locator("a[href*='e.invalid'], img[src*='e.invalid'], .katex").count(), (
                path
            )
            if asked in path:
                notice = visitor.page.inner_text("[data-testid='stAlert']").replace("\u2060", "")
                assert " ".join(HOSTILE.split())[:60] in notice  # a longer value is cut
            visitor.clean()


def test_records_that_cannot_be_opened_are_explained(window, cold_server, tmp_path):
    with visit(window, cold_server(tmp_path / "nowhere")) as visitor:
        visitor.open("/records")
        assert visitor.title() == "Records"
        visitor.page.get_by_text("cannot be opened").first.wait_for()
        assert visitor.page.inner_text(".stMain").count("no such file or folder") == 1, "it is said once"
        assert "Filters" in sidebar(visitor)
        visitor.clean()
