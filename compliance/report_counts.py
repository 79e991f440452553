"""How PR-01 counts one patient's treatment days: which number each has, and which reports begin the count anew."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl

from compliance.audit import HANGS_ON, absent_columns, joined
from compliance.checks.progress_reports.periods import PERIOD_PARAMETERS, report_periods
from compliance.checks.terms import in_polars
from compliance.parameters import ParameterValues
from compliance.policy import Policies
from compliance.records.load import Records
from compliance.records.models import TABLES

COUNTS: dict[str, pl.DataType] = {
    "discipline": pl.String(), "service_date": pl.Datetime("us"), "number": pl.Int64(), "since": pl.Datetime("us"),
}  # fmt: skip


def treatment_counts(records: Records, policies: Policies, as_of: date, patient_id: str) -> pl.DataFrame:
    """One patient's treatment days as PR-01 counts them: COUNTS, by discipline and day.

    `number` counts from `since`, the first day after the last period that a report closed; both null where the payer of
    the day asks for no progress report. A report that came too late counts from the day on which it was written.
    """
    values = ParameterValues(policies)
    charts = joined(_of_patient(records, patient_id), policies, as_of, values, lambda table: table.lazy())
    found = report_periods(
        values.attach(charts["treatment_days"], PERIOD_PARAMETERS, "treatment_days"),
        values.attach(charts["notes"], PERIOD_PARAMETERS, "notes"),
        charts.as_of,
        absent_columns(records),
    )
    periods = in_polars(found).filter(pl.col("patient_id") == patient_id).sort("discipline", "period_from")
    rows = [
        (discipline, *numbered)
        for (discipline, _), episode in periods.group_by("discipline", "episode", maintain_order=True)
        for numbered in _numbered(list(episode.iter_rows(named=True)))
    ]
    return pl.DataFrame(rows, schema=COUNTS, orient="row").sort("discipline", "service_date")


def _of_patient(records: Records, patient_id: str) -> Records:
    """The records with the rows of one patient, and those of nobody's, which may be the patient's."""
    own = (pl.col("patient_id") == patient_id) | pl.col("patient_id").is_null()
    tables = {
        name: table.filter(own) if "patient_id" in table.columns else table
        for name, table in records.tables.items()
    }
    for name, whole in HANGS_ON.items():
        key = list(TABLES[whole].keys)
        tables[name] = tables[name].join(tables[whole].select(key), on=key, how="semi")
    return replace(records, tables=tables)


def _numbered(periods: list[dict[str, Any]]) -> Iterator[tuple[datetime, int | None, datetime | None]]:
    """The days of one episode's periods with their number and the day from which it counts."""
    if periods[0]["case"] == "no_rule":
        yield from ((day, None, None) for day in _days(periods))
        return
    days = _days(periods)
    for day in days:
        closed = [each["period_to"] for each in periods if _closed(each, day)]
        counted = [each for each in days if each <= day and not (closed and each <= max(closed))]
        yield day, len(counted), counted[0]


def _days(periods: list[dict[str, Any]]) -> list[datetime]:
    told = {each for period in periods for each in period["counted_days"].split()}
    return [datetime.fromisoformat(each) for each in sorted(told)]


def _closed(period: dict[str, Any], day: datetime) -> bool:
    """Whether a period is closed on a day after it: one without a report never is, one with a late report once it is there."""
    if period["case"] == "missing" or day <= period["period_to"]:
        return False
    return period["case"] != "late" or day >= period["written_on"]
