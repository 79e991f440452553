"""Working days of a clinic: weekdays without the usual holidays."""

from datetime import date, timedelta
from functools import cache

FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
FLOATING = ((1, 0, 3), (2, 0, 3), (9, 0, 1), (11, 3, 4))
"""Month, weekday (Monday 0), which of the month: King, Presidents, Labor, Thanksgiving."""


@cache
def holidays(year: int) -> frozenset[date]:
    """The days of a year on which outpatient clinics are closed, besides weekends."""
    days = {date(year, month, day) for month, day in FIXED}
    for month, weekday, nth in FLOATING:
        first = date(year, month, 1)
        days.add(first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1)))
    last_of_may = date(year, 5, 31)
    days.add(last_of_may - timedelta(days=last_of_may.weekday()))
    return frozenset(days)


def is_open(day: date) -> bool:
    """Whether a clinic treats on this day."""
    return day.weekday() < 5 and day not in holidays(day.year)


def working_days(first: date, last: date) -> list[date]:
    """Every open day from `first` to `last`, both inclusive."""
    span = (last - first).days
    return [day for n in range(span + 1) if is_open(day := first + timedelta(days=n))]


def next_open(day: date) -> date:
    """`day`, or the first open day after it."""
    while not is_open(day):
        day += timedelta(days=1)
    return day


def month_end(first: date, months: int) -> date:
    """The last day of a span of `months` calendar months that begins on the first of a month."""
    after = first.month - 1 + months
    return date(first.year + after // 12, after % 12 + 1, 1) - timedelta(days=1)
