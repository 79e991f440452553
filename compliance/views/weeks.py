"""The weeks of the p-chart, in words."""

from datetime import date, timedelta

import polars as pl

from compliance import formats, risk

COUNTED = "Visits, not findings: a finding on a plan or a report counts for each visit that it touches, and a visit counts once."
"""Why the share of visits is another figure than findings per 100 visits."""


def weeks_title(weeks: pl.DataFrame) -> str:
    """What the p-chart says: how many complete weeks lie outside its limits."""
    if weeks.is_empty():
        return "No checked visit in any week"
    complete = weeks.filter(~pl.col("incomplete"))
    above = complete.filter(pl.col("standing") == "outside").height
    below = complete.filter(pl.col("standing") == "below").height
    if not above and not below:
        return "No week is outside what chance explains"
    low = formats.count(below) if above else formats.plural(below, "week")
    told = [f"{formats.plural(above, 'week')} above" if above else "", f"{low} below" if below else ""]
    return f"{' and '.join(filter(None, told))} what chance explains"


def better_sentence(weeks: pl.DataFrame, baseline_until: date | None) -> str:
    """Whether weeks since the baseline lie below it: counts of weeks, never a trend read into noise."""
    complete = weeks.filter(~pl.col("incomplete"))
    began = pl.col("week").dt.date() < baseline_until if baseline_until else pl.lit(True)
    before, after = weeks.filter(began), complete.filter(~began)
    if baseline_until is None or after.is_empty():
        return weeks_title(weeks)
    if before.is_empty():
        return f"No week lies before {formats.day(baseline_until)}: nothing to compare with"
    below = after.filter(pl.col("share") < pl.col("centre")).height
    told = f"{below} of {formats.plural(after.height, 'week')} below the baseline"
    return f"{_of_weeks(before)} before, {_of_weeks(after)} since: {told}, {_beyond(after)}"


def _of_weeks(weeks: pl.DataFrame) -> str:
    """The rate of weeks together, with n, N and its interval."""
    told = risk.rate(int(weeks["n"].sum()), int(weeks["of"].sum()))
    return formats.rate(told.n, told.of, told.low, told.high)


def _beyond(weeks: pl.DataFrame) -> str:
    """How many weeks lie outside the limits, on either side."""
    sides = {"better": "below", "worse": "outside"}
    counts = {side: weeks.filter(pl.col("standing") == stands).height for side, stands in sides.items()}
    told = [
        f"{formats.plural(number, 'week')} beyond what chance explains, on the {side} side"
        for side, number in counts.items()
        if number
    ]
    return formats.listed(told) or "no week beyond what chance explains"


def weeks_shown(weeks: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The weeks that the p-chart draws, and what it leaves to its table: a few visits that a long pause parts from the rest.

    `weeks` as `risk.weekly`. A few: fewer than one in twenty; long: more than eight weeks without a visit.
    """
    if weeks.height < 2:
        return weeks, ""
    ordered = weeks.sort("week")
    pauses = ordered.filter(pl.col("week").diff() > pl.duration(weeks=LONG_PAUSE))["week"]
    for begins in reversed(pauses.to_list()):
        before = ordered.filter(pl.col("week") < begins)
        if float(before["of"].sum()) < FEW_VISITS * float(ordered["of"].sum()):
            visits = formats.plural(int(before["of"].sum()), "earlier visit")
            span = formats.span(before["week"].to_list()[0], before["week"].to_list()[-1])
            of = "week of" if before.height == 1 else "weeks of"
            return ordered.filter(pl.col("week") >= begins), f"{visits} ({of} {span}) only in the table"
    return ordered, ""


LONG_PAUSE, FEW_VISITS = 8, 0.05


def week_of(monday: str) -> tuple[date, date]:
    """The first and the last day of the week of a Monday, `2026-03-02`."""
    first = date.fromisoformat(monday)
    return first, first + timedelta(days=6)
