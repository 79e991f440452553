"""The day by which an identified overpayment is to be returned.

The clock starts when somebody records that there is an overpayment; a screen's finding alone is not "identified".
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

import narwhals as nw
import polars as pl

from compliance.checks.terms import fold, whole_days

RETURN, SUSPENSION = "overpayment_return_days", "overpayment_suspension_days"
YEAR = 10_000
Day = TypeVar("Day", bound=date)


def due_on(
    identified_on: Day,
    return_days: int,
    suspension_days: int | None = None,
    investigation_from: Day | None = None,
    investigation_to: Day | None = None,
) -> Day:
    """The last day to report and return.

    `suspension_days`: a timely good-faith investigation suspends the clock at most so many days after identification
    (None: the payer has no such rule). `investigation_to` None: still open, so that the answer is the latest possible day.
    Days used before the investigation began are not given back. An investigation that ended before the overpayment was
    identified, or began after the clock had run out, suspends nothing. Source: 42 CFR 401.305.
    """
    plain = identified_on + timedelta(days=return_days)
    if suspension_days is None or investigation_from is None or investigation_from > plain:
        return plain
    latest = identified_on + timedelta(days=suspension_days)
    ends = latest if investigation_to is None else min(investigation_to, latest)
    used = max((investigation_from - identified_on).days, 0)
    return max(ends + timedelta(days=return_days - used), plain)


def with_due(overpayments: nw.LazyFrame) -> nw.LazyFrame:
    """Add `due_on` to overpayments with their parameters: null where nobody says when, or the payer has no days."""
    told = ["identified_on", "investigation_from", "investigation_to", RETURN, SUSPENSION]
    dated = overpayments.filter(~nw.col("identified_on").is_null() & ~nw.col(RETURN).is_null())
    due = fold(
        dated.select("overpayment_id", *told),
        by=["overpayment_id"],
        order_by=["identified_on"],
        step=_due,
        returns={"due_on": pl.Datetime("us")},
    )
    return overpayments.join(due, on="overpayment_id", how="left")


def _due(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    row = rows[0]
    return [
        {
            "due_on": due_on(
                row["identified_on"], int(row[RETURN]), _days(row[SUSPENSION]), row["investigation_from"],
                row["investigation_to"],
            )
        }
    ]  # fmt: skip


def _days(told: float | None) -> int | None:
    """A number of days; engines write an absent one as None or as not a number."""
    return None if told is None or told != told else int(told)


def days_between(first: nw.Expr, last: nw.Expr) -> nw.Expr:
    """Whole days from one day to another."""
    return whole_days(last - first)


def older_than(day: nw.Expr, years: nw.Expr, on: nw.Expr) -> nw.Expr:
    """Whether a day lies more than so many years before another: the same day of the year is not yet older."""
    return _number(on) - _number(day) > years * YEAR


def _number(day: nw.Expr) -> nw.Expr:
    """A day as a whole number in the order of days: 20260301."""
    year, month, date_ = (part.cast(nw.Float64) for part in (day.dt.year(), day.dt.month(), day.dt.day()))
    return year * YEAR + month * 100 + date_


def nearest(days_left: nw.Expr, warnings: nw.Expr, listed: Iterable[str]) -> nw.Expr:
    """The smallest of the listed days of warning (`30 14 7`) that is reached; null before the first."""
    reached = nw.when(days_left.is_null()).then(days_left)
    for days in sorted({int(each) for cell in listed for each in cell.split(" ")}, reverse=True):
        padded = nw.concat_str([nw.lit(" "), warnings, nw.lit(" ")])
        named = nw.coalesce(padded.str.contains(f" {days} ", literal=True), nw.lit(False))
        reached = nw.when(named & (days_left <= days)).then(nw.lit(days)).otherwise(reached)
    return reached
