"""Numbers and dates as people read them."""

from datetime import date, datetime

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


def test_a_rate_names_its_count_its_denominator_and_its_interval():
    assert formats.rate(31, 250, 0.089, 0.17) == "12.4 % (31 of 250; 8.9–17.0)"
    assert formats.rate(3, 1200) == "0.2 % (3 of 1,200)"
    assert formats.rate(0, 0) == "– (none checked)"


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
