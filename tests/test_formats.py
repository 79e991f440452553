"""Numbers and dates as people read them."""

import csv
import io
import re
from datetime import date, datetime

import polars as pl
import pytest

from compliance import formats


@pytest.mark.parametrize(
    ("amount", "cents", "written"),
    [
        (5430.4, False, "$5,430"),
        (9718.5, False, "$9,719"),
        (25.8, True, "$25.80"),
        (0, False, "$0"),
        (0.3, False, "<$1"),
        (-0.3, False, "-<$1"),
        (-12.5, True, "-$12.50"),
        (-1200, False, "-$1,200"),
        (None, False, "–"),
    ],
)
def test_money(amount, cents, written):
    assert formats.money(amount, cents) == written


def test_a_share_that_is_not_zero_is_never_written_as_zero():
    assert formats.percent(0.0004) == "<0.1 %"
    assert formats.percent(0) == "0.0 %"
    assert formats.percent(0.9996) == ">99.9 %" and formats.percent(1) == "100.0 %", "nor a rest as none"


def test_a_rate_names_its_count_its_denominator_and_its_interval():
    assert formats.rate(31, 250, 0.089, 0.17) == "12.4 % (31 of 250; 8.9–17.0)"
    assert formats.rate(3, 1200) == "0.2 % (3 of 1,200)"
    assert formats.rate(0, 0) == "– (none checked)"
    assert formats.rate(0, 24_879, 0.0, 0.00015) == "0.0 % (0 of 24,879; 0.0–<0.1)", (
        "none seen is not none there"
    )
    assert formats.rate(24_878, 24_879, 0.9998, 0.99999) == ">99.9 % (24,878 of 24,879; >99.9–>99.9)"


def test_dates():
    assert formats.day(date(2026, 3, 4)) == "Mar 4, 2026"
    assert formats.day(datetime(2026, 3, 4, 9)) == "Mar 4, 2026"
    assert formats.span(date(2026, 1, 1), date(2026, 6, 30)) == "Jan 1 – Jun 30, 2026"
    assert formats.span(date(2025, 12, 1), date(2026, 1, 2)) == "Dec 1, 2025 – Jan 2, 2026"
    assert formats.span(None, None) == "–"


def test_one_visit_two_visits():
    assert formats.plural(1, "visit") == "1 visit"
    assert formats.plural(1240, "visit") == "1,240 visits"
    assert formats.plural(2, "fix", "fixes") == "2 fixes"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("O'Neil, Ana–Maria", "O'Neil, Ana–Maria"),
        ("\x1b[31mred\n\x07\x9b", "\\x1b[31mred\\n\\x07\\x9b"),
        ("\u202enimda", "\\u202enimda"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_terminal_is_shown_control_characters(text, shown):
    assert formats.terminal(text) == shown
    assert formats.terminal_lines(f"{text}\n").endswith("\n")


@pytest.mark.parametrize(
    "text",
    [
        "![i](http://e.invalid/t.png) [l](http://e.invalid)",
        "<img src=x> &lt; $x^2$ `code` ~~struck~~ **bold** _it_ :red[hi] | # head",
        "1. first - + * > quoted\\",
        "plain",
    ],
)
def test_markdown_of_any_text_shows_that_text(text):
    written = formats.markdown(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", written).replace(formats.WORD_JOINER, "") == text
    assert not re.search(r"(?<!\\)[!-/:-@\[-`{-~](?<!\\)", re.sub(r"\\.", "", written))


@pytest.mark.parametrize(
    "text", ["https://e.invalid", "WWW.e.invalid", "a@e.invalid", ":smile:", ":material/home:"]
)
def test_what_the_page_links_by_itself_is_broken_up(text):
    assert formats.WORD_JOINER in formats.markdown(text)


def test_markdown_of_a_text_is_one_line_without_indent():
    assert formats.markdown("    a\n\n# b\n===") == r"a \# b \=\=\="


WRITTEN = ["=1+1", "'=1+1", "@x", "-2", "\t=1", " =1", "\n=1", "＝1", "'tis", "fine", "", "''"]


def test_a_spreadsheet_runs_no_cell_and_each_can_be_read_back():
    table = pl.DataFrame({"What": WRITTEN, "At risk": [-float(place) for place in range(len(WRITTEN))]})
    rows = list(csv.reader(io.StringIO(formats.spreadsheet(table))))[1:]
    cells = [row[0] for row in rows]
    assert not [cell for cell in cells if cell.strip()[:1] in tuple("=+-@＝")]
    assert [cell[1:] if re.match(f"'(?:{formats.FORMULA[1:]})", cell) else cell for cell in cells] == WRITTEN
    assert [float(row[1]) for row in rows] == table["At risk"].to_list(), "numbers stay numbers"


def test_lists_of_days_and_units_by_code_read_as_people_write_them():
    assert formats.days_in("2025-12-30 2026-03-04 2026-03-06") == "Dec 30, 2025, Mar 4 and Mar 6, 2026"
    assert formats.days_in("2026-03-04") is None
    assert formats.units_in("97110=0 97530=2") == "0 of 97110 and 2 of 97530"
    assert formats.units_in("97530=2 or so") is None


def test_one_of_a_thing_is_no_plural():
    told = "1 units of 97530 was 1 days after 1 timed minutes (1 days allowed), 11 units, 0.1 units, 2,001 days, 1 97530"
    said = "1 unit of 97530 was 1 day after 1 timed minute (1 day allowed), 11 units, 0.1 units, 2,001 days, 1 97530"
    assert formats.singular(told) == said


def test_what_one_does_is_said_of_one():
    told = "1 of 1 units fall away; 2 of 1 fall away; 1 are payable; 21 are too many; 1 of this line are too many"
    said = (
        "1 of 1 unit falls away; 2 of 1 fall away; 1 is payable; 21 are too many; 1 of this line is too many"
    )
    assert formats.singular(told) == said


def test_lists_of_codes_read_as_people_write_them():
    assert formats.codes_in("97110 97140 97530") == "97110, 97140 and 97530"
    assert formats.codes_in("Z47.89 M75.122") == "Z47.89 and M75.122"
    assert formats.codes_in("97530") is None
    assert formats.codes_in("GP CQ") is None
    assert formats.listed([]) == ""
