"""Progress report periods: which treatment days each report covers, and when the next one falls due.

One reading for the whole family (PR-01 to PR-04). It is sequential by nature, each due day hangs on the report
before it, so it is a pure function over one patient's days and reports, run by `terms.fold`.
Source: Medicare Benefit Policy Manual ch. 15 §220.3.D.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

import narwhals as nw
import polars as pl

from compliance.checks.progress_reports.terms import author_doubt, of_own_discipline, written_on
from compliance.checks.tables import REPORT_KINDS
from compliance.checks.terms import ONE_DAY, flag, fold, in_polars, like, ruled, shared, with_parameters

PERIOD_PARAMETERS = (
    "progress_report_treatment_days",
    "progress_report_calendar_days",
    "progress_report_grace_days",
    "progress_report_exposure",
    "progress_report_severity",
    "discharge_note_days",
    "active_participation_required",
    "delayed_participation_allowed",
)
"""What a payer's policy says about periods; every rule that reads them declares these."""

TROUBLE = ("late", "missing", "open", "undischarged")

Outcome = Literal["passed", "late", "missing", "open", "running", "undischarged", "unknown", "no_rule"]


class Day(NamedTuple):
    """A treatment day with the limits in force on it: null where the payer sets none.

    `allowed` in treatment days, `calendar` and `grace` and `idle` in calendar days. `unknown` names the fact
    without which the limits cannot be known.
    """

    on: datetime
    allowed: int | None
    calendar: int | None = None
    grace: int = 0
    idle: int | None = None
    unknown: str | None = None


@dataclass(frozen=True)
class Report:
    """A report that may close a period: signed by its clinician, or perhaps so (`doubt` names the missing fact)."""

    note_id: str
    ends_on: datetime
    written_on: datetime
    doubt: str | None = None
    starts_on: datetime | None = None


@dataclass(frozen=True)
class Due:
    """When a report falls due: the position of the period's last treatment day, the due day, the last day to write."""

    position: int
    on: datetime
    deadline: datetime


@dataclass(frozen=True)
class Period:
    """A progress report period of one episode, by positions in its treatment days (both inclusive).

    `due_on` is the last day it may run to, `deadline` the last day on which its report may be written; null where
    nothing falls due. `unknown` names the fact without which the outcome cannot be told.
    """

    first: int
    last: int
    outcome: Outcome
    due_on: datetime | None = None
    deadline: datetime | None = None
    report: Report | None = None
    unknown: str | None = None

    @property
    def decided(self) -> tuple[Any, ...]:
        """What two readings must agree on to be the same answer."""
        named = self.report.note_id if self.report and self.outcome == "late" else None
        return self.first, self.last, self.outcome, named


def periods(days: Sequence[Day], reports: Sequence[Report], as_of: datetime) -> list[Period]:
    """The periods of one episode: its treatment days in order, each once, and the reports that may close them.

    Where a report is in doubt the episode is read with and without it; what both readings say is told, the rest is
    `unknown`, with the missing fact.
    """
    if not any(day.unknown is None for day in days):
        return [Period(0, len(days) - 1, "unknown", unknown=days[0].unknown)] if days else []
    days = _carried(days)
    certain = _read(days, [report for report in reports if report.doubt is None], as_of)
    doubts = [report.doubt for report in sorted(reports, key=_order) if report.doubt]
    if doubts:
        certain = _agreed(certain, _read(days, reports, as_of), doubts[0])
    return [_of_known_payer(period, days) for period in certain]


def _read(days: Sequence[Day], reports: Sequence[Report], as_of: datetime) -> list[Period]:
    """The manual's algorithm, each period closed by the earliest report that covers a day of it."""
    waiting = sorted(reports, key=_order)
    read: list[Period] = []
    first = 0
    while first < len(days):
        due = _due(days, first)
        report = next((each for each in waiting if each.ends_on >= days[first].on), None)
        if report is not None:
            waiting.remove(report)
            period = _reported(days, first, due, report)
        elif due is not None:
            outcome: Outcome = "open" if as_of <= due.deadline else "missing"
            period = Period(first, due.position, outcome, due.on, due.deadline)
        elif read and read[-1].report is not None and read[-1].report.ends_on >= days[-1].on:
            # a discharge that came too late for the period before closes the last, short one as well
            period = Period(first, len(days) - 1, "passed", report=read[-1].report)
        else:
            period = Period(first, len(days) - 1, _after_the_last_report(days[-1], as_of))
        read.append(period)
        if period.outcome == "open":
            break
        first = period.last + 1
    return read


def _due(days: Sequence[Day], first: int) -> Due | None:
    """When the report of the period that begins at `first` falls due; None while the period runs.

    Each day is judged by the limits in force on it. The calendar leg falls due only where treatment went on after it.
    """
    for position in range(first, len(days)):
        day = days[position]
        if day.calendar is not None:
            last = days[first].on + (day.calendar - 1) * ONE_DAY
            if day.on > last:
                return Due(position - 1, last, last + days[position - 1].grace * ONE_DAY)
        if day.allowed is not None and position - first + 1 >= day.allowed:
            return Due(position, day.on, day.on + day.grace * ONE_DAY)
    return None


def _reported(days: Sequence[Day], first: int, due: Due | None, report: Report) -> Period:
    """A period that a report closes: early by its own end, else on the due day (no gain from closing late)."""
    covered = max(position for position in range(first, len(days)) if days[position].on <= report.ends_on)
    if due is None:
        return Period(first, covered, "passed", report=report)
    outcome: Outcome = "passed" if report.written_on <= due.deadline else "late"
    return Period(first, min(covered, due.position), outcome, due.on, due.deadline, report)


def _after_the_last_report(last: Day, as_of: datetime) -> Outcome:
    """Whether treatment runs on, or stopped without a discharge note to close the last, short period."""
    return "undischarged" if last.idle is not None and as_of > last.on + last.idle * ONE_DAY else "running"


def _order(report: Report) -> tuple[Any, ...]:
    return report.ends_on, report.written_on, report.note_id


def _carried(days: Sequence[Day]) -> list[Day]:
    """Give a day of unknown payer the limits of the day before (else after), so that counting can go on."""
    known = next(day for day in days if day.unknown is None)
    carried = []
    for day in days:
        known = day if day.unknown is None else known
        carried.append(known if known is day else known._replace(on=day.on, unknown=day.unknown))
    return carried


def _agreed(without: list[Period], with_doubtful: list[Period], doubt: str) -> list[Period]:
    """The periods that both readings tell alike; the others cannot be told, unless neither finds trouble."""
    if not any(period.outcome in TROUBLE for period in (*without, *with_doubtful)):
        return without
    same = {period.decided for period in without}
    return [
        period
        if period.decided in same or period.outcome == "running"
        else replace(period, outcome="unknown", unknown=(period.report and period.report.doubt) or doubt)
        for period in with_doubtful
    ]


def _of_known_payer(period: Period, days: Sequence[Day]) -> Period:
    """A period with a day of unknown payer cannot be told, whatever its report."""
    unknown = next((day.unknown for day in days[period.first : period.last + 1] if day.unknown), None)
    if unknown is None or period.outcome in ("unknown", "running"):
        return period
    return replace(period, outcome="unknown", unknown=unknown)


TIMES = (
    "due_on",
    "deadline",
    "written_on",
    "report_from",
    "report_to",
    "period_to",
    "episode_to",
    "next_written_on",
    "service_date",
)
WORDS = (
    "case",
    "policy_missing",
    "allowed",
    "note_id",
    "counted_days",
    "since",
    "payer_id",
    "clinic_id",
    "therapist_id",
)
LIMITS: dict[str, pl.DataType] = {
    **dict.fromkeys(PERIOD_PARAMETERS, pl.Int64()),
    "progress_report_exposure": pl.String(),
    "progress_report_severity": pl.String(),
    "active_participation_required": pl.Boolean(),
    "delayed_participation_allowed": pl.Boolean(),
}
IDS = tuple(f"{name}__id" for name in PERIOD_PARAMETERS)
RETURNS: dict[str, pl.DataType] = {
    "episode": pl.Int64(),
    "period_from": pl.Datetime("us"),
    **dict.fromkeys(TIMES, pl.Datetime("us")),
    **dict.fromkeys(WORDS, pl.String()),
    "treatment_days": pl.Int64(),
    "episode_days": pl.Int64(),
    "last_of_episode": pl.Boolean(),
    **LIMITS,
    **dict.fromkeys(IDS, pl.Int64()),
}
"""What `report_periods` returns beside patient_id and discipline."""


def report_periods(
    treatment_days: nw.LazyFrame, notes: nw.LazyFrame, as_of: datetime, absent: frozenset[str]
) -> nw.LazyFrame:
    """One row a period of each patient and discipline, with RETURNS.

    `case` is the period's outcome, `policy_missing` the fact without which it cannot be told; `note_id`, `report_from`
    (null: not said), `report_to`, `written_on` its report; `counted_days` the treatment days since the last report
    (`treatment_days` of them; ISO dates parted by a space), `since` what they count from; `next_written_on` when the
    episode's next report was written; the limits are those of the due day.
    """
    limited = with_parameters(treatment_days, *PERIOD_PARAMETERS)
    return _report_periods(limited, with_parameters(notes), as_of, absent)


@shared
def _report_periods(
    treatment_days: nw.LazyFrame, notes: nw.LazyFrame, as_of: datetime, absent: frozenset[str]
) -> nw.LazyFrame:
    days = _day_rows(treatment_days, notes)
    reports = _of_every_discipline(_report_rows(notes, absent), treatment_days)
    rows = pl.concat([_in_polars(days), _in_polars(reports)], how="diagonal_relaxed")
    found = fold(
        nw.from_native(rows.lazy()),
        by=("patient_id", "discipline"),
        order_by=("service_date", "note_id"),
        step=lambda rows: _of_patient(rows, as_of),
        returns=RETURNS,
    )
    return like(_in_polars(found), treatment_days)


def _in_polars(rows: nw.LazyFrame) -> pl.DataFrame:
    """Rows for the fold, which reads days and reports in one order: typed alike, whatever the engine made of nulls."""
    table = in_polars(rows)
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    typed = {name: kind for name, kind in RETURNS.items() if name in table.columns}
    table = table.with_columns(pl.col(floats).fill_nan(None))
    return table.with_columns(pl.col(name).cast(kind) for name, kind in typed.items())


def exposed(periods: nw.LazyFrame) -> nw.LazyFrame:
    """Add the days that a late or missing report puts at risk: after the due day until the day before it was written.

    Where `progress_report_exposure` is `whole_period` they begin with the period. Null where nothing is at risk.
    """
    whole = nw.col("progress_report_exposure") == "whole_period"
    begins = nw.when(whole).then(nw.col("period_from")).otherwise(nw.col("due_on") + ONE_DAY)
    ends = (
        nw.when(nw.col("case") == "late").then(nw.col("written_on") - ONE_DAY).otherwise(nw.col("episode_to"))
    )
    at_risk = nw.col("case").is_in(["late", "missing"])
    nothing = nw.lit(None, dtype=nw.Datetime("us"))
    return periods.with_columns(
        exposed_from=nw.when(at_risk).then(begins).otherwise(nothing),
        exposed_to=nw.when(at_risk).then(ends).otherwise(nothing),
    )


def report_notes(notes: nw.LazyFrame) -> nw.LazyFrame:
    """Notes that may be the report of a period: of a report's kind, or with the dates of a period."""
    dated = ~nw.col("period_from").is_null() & ~nw.col("period_to").is_null()
    kind = nw.coalesce(nw.col("kind").is_in(REPORT_KINDS), nw.lit(False))
    return notes.filter(nw.col("attended") & (kind | dated))


def _day_rows(treatment_days: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Treatment days as the fold reads them: with the clinician who treated, `judged` where the payer has or may have a rule."""
    key = ["patient_id", "discipline", "service_date"]
    clinicians = (
        notes.filter(nw.col("is_visit") & (nw.col("author_role") == "therapist"))
        .group_by(key)
        .agg(clinician_id=nw.col("therapist_id").min())
    )
    judged = ruled("progress_report_treatment_days", "progress_report_calendar_days")
    return treatment_days.join(clinicians, on=key, how="left").select(
        *key,
        "episode",
        "payer_id",
        "clinic_id",
        "therapist_id",
        "clinician_id",
        "policy_missing",
        *PERIOD_PARAMETERS,
        *IDS,
        judged=flag(judged),
    )


def _report_rows(notes: nw.LazyFrame, absent: frozenset[str]) -> nw.LazyFrame:
    """Reports that a clinician wrote and signed, or may have: an export without signatures leaves all in doubt."""
    doubt = author_doubt()
    signed = ~nw.col("signed_on").is_null()
    if "notes.signed_on" in absent:
        doubt, signed = nw.coalesce(doubt, nw.lit("notes.signed_on")), nw.lit(True)
    written = nw.coalesce(written_on(), nw.col("service_date"))
    ends = nw.coalesce(nw.col("period_to"), written)
    clinician = nw.col("author_role").is_null() | (nw.col("author_role") == "therapist")
    return (
        report_notes(notes)
        .filter(signed & clinician & of_own_discipline())
        .with_columns(doubt=doubt, written_on=written)
        .with_columns(ends_on=nw.when(ends > written).then(written).otherwise(ends))
        .select(
            "patient_id",
            "discipline",
            "service_date",
            "note_id",
            "doubt",
            "ends_on",
            "written_on",
            "therapist_id",
            starts_on="period_from",
        )
    )


def _of_every_discipline(reports: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """A report of unknown discipline may be of any that the patient is treated in."""
    columns = reports.collect_schema().names()
    treated = treatment_days.select("patient_id", "discipline").unique()
    unknown = (
        reports.filter(nw.col("discipline").is_null())
        .drop("discipline")
        .join(treated, on="patient_id")
        .with_columns(doubt=nw.coalesce(nw.col("doubt"), nw.lit("notes.discipline")))
    )
    return nw.concat(
        [reports.filter(~nw.col("discipline").is_null()), unknown.select(columns)], how="vertical"
    )


def _of_patient(rows: list[dict[str, Any]], as_of: datetime) -> Iterator[dict[str, Any]]:
    """The periods of one patient and discipline, episode by episode."""
    treated = [row for row in rows if row["episode"] is not None]
    reports = [row for row in rows if row["episode"] is None]
    opened = {row["episode"]: row["service_date"] for row in reversed(treated)}
    for episode in sorted(opened):
        own = [row for row in reports if _episode_of(row, opened) == episode]
        yield from _of_episode([row for row in treated if row["episode"] == episode], own, as_of)


def _episode_of(report: dict[str, Any], opened: dict[int, datetime]) -> int:
    """The last episode begun by the report's date (or the end of its period): a late discharge stays with its own."""
    on = report["service_date"] or report["ends_on"]
    begun = [episode for episode, first in opened.items() if first <= on]
    return max(begun, default=min(opened))


def _of_episode(
    rows: list[dict[str, Any]], reports: list[dict[str, Any]], as_of: datetime
) -> Iterator[dict[str, Any]]:
    judged = [row for row in rows if row["judged"]]
    if not judged:
        yield _row(rows, Period(0, len(rows) - 1, "no_rule"), 0, {})
        return
    authors = {row["note_id"]: row["therapist_id"] for row in reports}
    found = periods(
        [_day(row) for row in judged],
        [
            Report(row["note_id"], row["ends_on"], row["written_on"], row["doubt"], row["starts_on"])
            for row in reports
        ],
        as_of,
    )
    uncovered = 0
    for number, period in enumerate(found):
        after = next((each.report.written_on for each in found[number + 1 :] if each.report), None)
        row = _row(judged, period, uncovered, authors)
        yield {**row, "next_written_on": after, "last_of_episode": number == len(found) - 1}
        if period.outcome != "missing":
            uncovered = period.last + 1


def _day(row: dict[str, Any]) -> Day:
    return Day(
        row["service_date"],
        row["progress_report_treatment_days"],
        row["progress_report_calendar_days"],
        row["progress_report_grace_days"] or 0,
        row["discharge_note_days"],
        row["policy_missing"],
    )


def _row(
    rows: list[dict[str, Any]], period: Period, uncovered: int, authors: dict[str, str | None]
) -> dict[str, Any]:
    """A period as `report_periods` gives it, with the limits and the people of its last day."""
    last, report = rows[period.last], period.report
    counted = _counted(rows, period, uncovered)
    clinicians = [row["clinician_id"] for row in rows[: period.last + 1] if row["clinician_id"]]
    author = authors.get(report.note_id) if report else None
    return {
        "episode": last["episode"],
        "period_from": rows[period.first]["service_date"],
        "period_to": last["service_date"],
        "service_date": period.due_on or last["service_date"],
        "due_on": period.due_on,
        "deadline": period.deadline,
        "written_on": report and report.written_on,
        "report_from": report and report.starts_on,
        "report_to": report and report.ends_on,
        "episode_to": rows[-1]["service_date"],
        "next_written_on": None,
        "case": period.outcome,
        "policy_missing": period.unknown,
        "allowed": _allowed(last),
        "note_id": report and report.note_id,
        "counted_days": " ".join(day.date().isoformat() for day in counted),
        "treatment_days": len(counted),
        "since": "the last progress report" if uncovered else "treatment began",
        "payer_id": last["payer_id"],
        "clinic_id": last["clinic_id"],
        "therapist_id": author or (clinicians[-1] if clinicians else last["therapist_id"]),
        "episode_days": len(rows),
        "last_of_episode": True,
        **{name: last[name] for name in (*PERIOD_PARAMETERS, *IDS)},
    }


def _allowed(row: dict[str, Any]) -> str:
    """The limit in force as a sentence says it: `10 allowed`, `10 or 30 calendar days allowed`."""
    allowed, calendar = (row[name] for name in PERIOD_PARAMETERS[:2])
    limits = [str(allowed)] if allowed is not None else []
    return " or ".join(limits + ([f"{calendar} calendar days"] if calendar is not None else [])) + " allowed"


def _counted(rows: list[dict[str, Any]], period: Period, uncovered: int) -> list[datetime]:
    """The treatment days that a finding counts: since the last report, until the late one was written if it was."""
    days = [row["service_date"] for row in rows]
    if period.outcome in ("passed", "unknown", "undischarged"):
        return days[period.first : period.last + 1]
    if period.report:
        return [day for day in days[uncovered:] if day < period.report.written_on]
    return days[uncovered:]
