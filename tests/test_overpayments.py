"""The clock of an overpayment: the rule book's worked days, and what must hold of any investigation."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.checks.overpayments.clock import due_on

IDENTIFIED = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("begins", "ends", "due"),
    [
        (None, None, date(2026, 4, 30)),
        (date(2026, 3, 1), date(2026, 7, 15), date(2026, 9, 13)),
        (date(2026, 3, 1), None, date(2026, 10, 27)),
        (date(2026, 3, 1), date(2027, 1, 1), date(2026, 10, 27)),
        (date(2026, 3, 11), date(2026, 7, 15), date(2026, 9, 3)),
        (date(2026, 4, 30), date(2026, 7, 15), date(2026, 7, 15)),
        (date(2026, 5, 1), date(2026, 7, 15), date(2026, 4, 30)),
    ],
)
def test_the_days_of_the_rule_book(begins: date | None, ends: date | None, due: date) -> None:
    assert due_on(IDENTIFIED, 60, 180, begins, ends) == due


def test_without_the_suspension_an_investigation_changes_nothing() -> None:
    assert due_on(IDENTIFIED, 60, None, IDENTIFIED, date(2026, 7, 15)) == date(2026, 4, 30)


days = st.integers(-100, 400).map(lambda n: IDENTIFIED + timedelta(days=n))


@given(begins=days, ends=days)
def test_an_investigation_never_shortens_and_never_lengthens_beyond_its_most(
    begins: date, ends: date
) -> None:
    due = due_on(IDENTIFIED, 60, 180, begins, ends)
    assert due_on(IDENTIFIED, 60) <= due <= IDENTIFIED + timedelta(days=240)
