"""Last days: of filing a claim, and of keeping a chart. Months and years are the calendar's, not so many days."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.terms import fold

MONTHS_A_YEAR = 12


def with_last_day(
    rows: nw.LazyFrame,
    name: str,
    *,
    begins: str,
    days: str | None = None,
    months: str | None = None,
    years: str | None = None,
) -> nw.LazyFrame:
    """Add the column `name`: the last day of a term from the day `begins`, as long as the columns named say; and
    `name`_days, the days between.

    Of several lengths the earliest end wins; where none is given, or the day is unknown, the end is null. Twelve months
    from Nov 20, 2025 end on Nov 20, 2026; a month without the day ends on its last one.
    """
    key = [each for each in (begins, days, months, years) if each]
    text = nw.concat_str(
        *(nw.coalesce(nw.col(each).cast(nw.String), nw.lit("")) for each in key), separator="|"
    )
    rows = rows.with_columns(term=text)
    known = rows.filter(~nw.col(begins).is_null()).select("term", *key).unique()

    def step(group: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        told = group[0]
        lengths = {
            unit: told[column]
            for unit, column in (("days", days), ("months", months), ("years", years))
            if column
        }
        ends = last_day(told[begins], **lengths)
        yield {name: ends, f"{name}_days": (ends - told[begins]).days if ends else None}

    terms = fold(
        known,
        by=["term"],
        order_by=key,
        step=step,
        returns={name: pl.Datetime("us"), f"{name}_days": pl.Int64()},
    )
    return rows.join(terms, on="term", how="left").drop("term")


def last_day(
    begins: datetime, days: float | None = None, months: float | None = None, years: float | None = None
) -> datetime | None:
    """The last day of a term: `begins` is day 0."""
    ends = [] if _absent(days) else [begins + timedelta(days=int(days or 0))]
    ends += [] if _absent(months) else [_months_after(begins, int(months or 0))]
    ends += [] if _absent(years) else [_months_after(begins, MONTHS_A_YEAR * int(years or 0))]
    return min(ends, default=None)


def _absent(length: float | None) -> bool:
    """Null, or what pandas holds for it."""
    return length is None or length != length


def _months_after(day: datetime, months: int) -> datetime:
    years, month = divmod(day.month - 1 + months, MONTHS_A_YEAR)
    year, month = day.year + years, month + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
