"""Weeks of a plan of care: how often the patient came, against how often the plan says.

One reading for FRQ-03, on the intervals of the plans of care family.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.plans_of_care.certification import MOMENT, PATIENT, Chart
from compliance.checks.plans_of_care.intervals import Day, Interval, Rules, governing
from compliance.checks.terms import BETWEEN_LINES, ONE_DAY, codes, like, line_name, typed_rows

WEEK = timedelta(days=7)
SESSION_GAP = "session_gap_minutes"
STEP = re.compile(r"(?:\d+-)?(\d+)\s*[x*]\s*(\d+)")
NO_RULES = Rules()
WEEKS: dict[str, pl.DataType] = {
    "plan_id": pl.String(), "about": pl.String(), "doubt": pl.String(), "interval_from": MOMENT, "judged_to": MOMENT,
    "planned": pl.String(), "unread": pl.Boolean(), "full_weeks": pl.Int64(), "weeks_over": pl.Int64(),
    "visits_by_week": pl.String(), "made_of_planned": pl.String(), "counted_days": pl.String(), "weeks_attended": pl.Int64(),
    "visits_planned": pl.Float64(), "visits_made": pl.Int64(),
}  # fmt: skip
"""What `of_weeks` yields: one row a plan `about` its weeks, and one about the days with more sessions than planned."""
Row = dict[str, Any]
Sessions = dict[tuple[str | None, str | None, datetime], int]


def steps(text: str | None) -> list[tuple[float, int]] | None:
    """`3x4 2-3x4` as visits a week and weeks, of a range the upper bound; null where the text says anything else."""
    if not text:
        return []
    found = [(float(visits), int(weeks)) for visits, weeks in STEP.findall(text)]
    return found if found and not STEP.sub("", text).strip(" ,;") else None


def sessions(notes: nw.LazyFrame) -> Sessions:
    """Days on which the clock times of visits' notes show more than one session: how many, by patient, discipline and day.

    A day with a visit whose times, or whose payer's SESSION_GAP, are not known is left out.
    """
    key = (*PATIENT, "service_date")
    visits = typed_rows(notes.filter(nw.col("is_visit")).select(*key, "started_at", "ended_at", SESSION_GAP))
    visits = visits.filter(pl.len().over(key) > 1)
    times: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for *day, start, end, gap in visits.iter_rows():
        times[tuple(day)].append((start, end, gap))
    return {
        day: count
        for day, own in times.items()
        if all(None not in each for each in own) and (count := _apart(sorted(own))) > 1
    }


def _apart(times: Sequence[tuple[datetime, datetime, int]]) -> int:
    """How many sessions there are: each begins so many minutes after the end of all before it as the payer's policy says."""
    count, last = 0, datetime.min
    for start, end, gap in times:
        count += start >= last + timedelta(minutes=gap) if count else 1
        last = max(last, end)
    return count


def of_weeks(held: Sessions) -> Callable[[Chart], Iterable[Row]]:
    """What to say of a chart: see WEEKS."""

    def speak(chart: Chart) -> Iterator[Row]:
        of_plan: dict[str, list[Day]] = defaultdict(list)
        for day in chart.days:
            found = governing(day, chart.intervals, NO_RULES, chart.as_of, chart.absent)
            if found:
                of_plan[found[0].plan.plan_id].append(day)
        for each in chart.intervals:
            row = chart.plan_rows[each.plan.plan_id]
            told: Row = {
                **dict.fromkeys(WEEKS), "plan_id": each.plan.plan_id, "doubt": chart.doubt,
                "interval_from": each.starts, "unread": steps(row["frequency_steps"]) is None,
                "planned": row["frequency_steps"] or _short(row["visits_per_week"]),
            }  # fmt: skip
            own = of_plan[each.plan.plan_id]
            yield told | {"about": "weeks"} | _weeks(chart, each, row, own)
            yield told | {"about": "sessions"} | _sessions(row, own, held)

    return speak


def _weeks(chart: Chart, interval: Interval, row: Row, own: Sequence[Day]) -> Row:
    """The full weeks of an interval, those with more visits than planned, and the visits beyond."""
    last = _last(chart, interval)
    made = Counter(_monday(day.on) for day in own if not day.evaluation)
    mondays = list(_mondays(interval.covers_from, last))
    planned = {monday: _planned(interval, row, monday) for monday in mondays}
    over = {monday: made[monday] for monday in mondays if made[monday] > ceil(planned[monday])}
    uncoded = Counter(_monday(day.on) for day in own if day.uncoded)
    unsure = any(made[monday] - uncoded[monday] <= ceil(planned[monday]) for monday in over)
    beyond: list[datetime] = []
    for monday in over:
        days = [day.on for day in own if not day.evaluation and _monday(day.on) == monday]
        beyond += days[ceil(planned[monday]) :]
    treated = [day.on for day in chart.days if day.episode == interval.episode] or [last]
    first, latest = treated[0], treated[-1]
    attended = [monday for monday in mondays if first <= monday and monday + 6 * ONE_DAY <= latest]
    return {
        "doubt": chart.doubt or ("claim_lines.cpt" if unsure else None), "judged_to": last, "full_weeks": len(mondays),
        "weeks_over": len(over),
        "visits_by_week": " ".join(f"{monday.date()}={count}" for monday, count in over.items()) or None,
        "made_of_planned": " ".join(f"{monday.date()}={made[monday]}/{planned[monday]:g}" for monday in mondays) or None,
        "counted_days": _listed(beyond), "weeks_attended": len(attended),
        "visits_planned": float(sum(planned[monday] for monday in attended)),
        "visits_made": sum(made[monday] for monday in attended),
    }  # fmt: skip


def _sessions(row: Row, own: Sequence[Day], held: Sessions) -> Row:
    """Days with more sessions than planned."""
    amount = row["amount_per_day"]
    counted = [day.on for day in own if (row["patient_id"], row["discipline"], day.on) in held]
    beyond = [
        on for on in counted if amount is not None and held[row["patient_id"], row["discipline"], on] > amount
    ]
    return {"planned": _short(amount), "full_weeks": len(counted), "counted_days": _listed(beyond)}


def _last(chart: Chart, interval: Interval) -> datetime:
    """The last day judged: of the interval, before the next plan, and of no end known, the last treatment day."""
    begun = [
        each.covers_from
        for each in chart.intervals
        if each is not interval and each.covers_from > interval.covers_from
    ]
    ends = [on - ONE_DAY for on in begun] + ([interval.ends] if interval.ends else [])
    treated = [day.on for day in chart.days if day.on >= interval.covers_from]
    return min(ends, default=treated[-1] if treated else interval.covers_from)


def _planned(interval: Interval, row: Row, monday: datetime) -> float:
    """Visits planned in a week; where a step changes within it, the larger counts."""
    taper = steps(row["frequency_steps"])
    if not taper:
        return row["visits_per_week"] or 0.0
    return max(_step(interval, taper, on) for on in (monday, monday + 6 * ONE_DAY))


def _step(interval: Interval, taper: Sequence[tuple[float, int]], on: datetime) -> float:
    weeks = (on - interval.starts).days // 7
    for visits, long in taper:
        if weeks < long:
            return visits
        weeks -= long
    return taper[-1][0]


def _mondays(first: datetime, last: datetime) -> Iterator[datetime]:
    """The Mondays of weeks that lie wholly between two days."""
    monday = _monday(first + 6 * ONE_DAY)
    while monday + 6 * ONE_DAY <= last:
        yield monday
        monday += WEEK


def _monday(on: datetime) -> datetime:
    return on - on.weekday() * ONE_DAY


def _short(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"


def _listed(days: Iterable[datetime]) -> str | None:
    return " ".join(day.date().isoformat() for day in days) or None


def lines_of_days(rows: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Rows with the lines of their `counted_days` as `exposed_lines`; remote monitoring is no visit."""
    table = typed_rows(rows)
    monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
    lines = typed_rows(
        claim_lines.filter(~monitoring).select(*PATIENT, "service_date", "claim_id", "line")
    ).with_columns(counted_days=pl.col("service_date").dt.strftime("%Y-%m-%d"))
    named = line_name()
    found = (
        table.select(*PATIENT, "plan_id", "about", pl.col("counted_days").str.split(" "))
        .explode("counted_days")
        .drop_nulls("counted_days")
        .join(lines, on=[*PATIENT, "counted_days"])
        .sort("service_date", "claim_id", "line")
        .group_by("plan_id", "about", maintain_order=True)
        .agg(exposed_lines=named.str.join(BETWEEN_LINES))
    )
    return like(table.join(found, on=["plan_id", "about"], how="left"), claim_lines)
