"""Writes synthetic clinics as a folder of tables, network by network, so that memory stays small at any size."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, Literal

import polars as pl

from compliance.synth import faults_of_charts, faults_of_claims
from compliance.synth.calendar import month_end, working_days
from compliance.synth.episodes import Episode, Patient, disciplines_of, new_episode, new_patient
from compliance.synth.plantings import Planter
from compliance.synth.spoiling import Spoiler
from compliance.synth.staff import network, shift_rows
from compliance.synth.tables import COLUMNS, Filing, fee_rows, payer_rows

FIRST_DAY = date(2026, 1, 1)
NETWORK_SIZE = 250
"""Patients that three sites can hold in six months; more patients get more sites."""


@dataclass(frozen=True)
class Summary:
    """What was written: rows a table, and violations planted by rule (`certain` ones only)."""

    folder: Path
    rows: dict[str, int]
    planted: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """One sentence a line."""
        tables = ", ".join(
            f"{count:,} {table.replace('_', ' ')}" for table, count in self.rows.items() if table != "truth"
        )
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(self.planted.items()))
        return f"Wrote {self.folder}: {tables}.\nPlanted violations (truth): {rules or 'none'}."


def write(
    folder: Path, patients: int, seed: int, months: int = 6, format: Literal["csv", "parquet"] = "csv"
) -> Summary:
    """Write the records of synthetic clinics and `truth.csv` into `folder` (made if absent).

    The same arguments give the same bytes. `patients` is how many; `months` how many calendar months from January 2026.
    `format` is `csv`, or `parquet` (a folder of files a table, for large data).
    """
    if patients < 1 or months < 2:
        raise ValueError(f"patients must be at least 1 and months at least 2 (found {patients} and {months})")
    folder.mkdir(parents=True, exist_ok=True)
    last = month_end(FIRST_DAY, months)
    sink = _Csv(folder) if format == "csv" else _Parquet(folder)
    filing = Filing(Random(f"filing {seed}"), FIRST_DAY, last)
    filing.rows["payers"] = payer_rows()
    filing.rows["fees"] = fee_rows(FIRST_DAY)
    planted: Counter[str] = Counter()
    for number, begin in enumerate(range(0, patients, NETWORK_SIZE)):
        count = min(NETWORK_SIZE, patients - begin)
        rng = Random(f"network {seed} {number}")
        planted.update(_network(rng, filing, number, begin, count, last))
        sink.take(filing.taken())
    return Summary(folder, sink.close(), dict(planted))


def _network(rng: Random, filing: Filing, number: int, begin: int, count: int, last: date) -> list[str]:
    """One network of three sites with its patients; returns the rule of each certain violation planted in it."""
    sites = network(rng, number, FIRST_DAY, last)
    patients: list[tuple[Patient, list[Episode]]] = []
    while len(patients) < count:
        patient = new_patient(rng, begin + len(patients) + 1, sites, FIRST_DAY)
        episodes = []
        for place, discipline in enumerate(disciplines_of(rng, patient)):
            key = f"{patient.patient_id[1:]}{place + 1}"
            episode = new_episode(rng, key, patient, discipline, FIRST_DAY, last)
            if episode:
                episodes.append(episode)
        if episodes:
            patients.append((patient, episodes))
    everyone = [episode for _, episodes in patients for episode in episodes]
    planted = Planter(rng, sites, everyone, scale=count / 200).plant()
    filing.rng = rng
    for site in sites:
        filing.site(site)
    for patient, episodes in patients:
        filing.patient(patient, episodes)
    days = working_days(FIRST_DAY, last)
    for site in sites:
        filing.rows["shifts"].extend(shift_rows(rng, site, days))
    filing.truth(planted)
    # a generator of its own: what is spoilt in rows leaves the notes as they are
    spoiler = Spoiler(Random(f"rows {number} {begin} {count} {rng.random()}"), filing.rows, scale=count / 200)
    certain = [each.rule for each in planted if not each.debatable]
    return [*certain, *spoiler.plant([*faults_of_claims.FAULTS, *faults_of_charts.FAULTS])]


def _cell(value: Any) -> Any:
    """A value as the contract writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return " ".join(value)
    return value


class _Csv:
    """One CSV file a table, appended to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, int] = {}
        for table in COLUMNS:
            folder.joinpath(f"{table}.csv").unlink(missing_ok=True)

    def take(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        """Append rows to their files."""
        for table, columns in COLUMNS.items():
            if not tables.get(table):
                continue
            text = io.StringIO()
            out = csv.writer(text, lineterminator="\n")
            if table not in self.rows:
                out.writerow(columns)
            out.writerows([_cell(row.get(column)) for column in columns] for row in tables[table])
            with self.folder.joinpath(f"{table}.csv").open("a", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
            self.rows[table] = self.rows.get(table, 0) + len(tables[table])

    def close(self) -> dict[str, int]:
        """Rows written by table."""
        return {table: self.rows[table] for table in COLUMNS if table in self.rows}


class _Parquet:
    """A folder of Parquet files a table, one file a network; the truth stays one CSV file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, int] = {}
        self.truth = _Csv(folder)
        self.part = 0

    def take(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        """Write a part of each table."""
        for table, columns in COLUMNS.items():
            rows = tables.get(table)
            if not rows:
                continue
            if table == "truth":
                self.truth.take({table: rows})
                continue
            frame = pl.DataFrame(
                {
                    column: [None if (cell := _cell(row.get(column))) == "" else str(cell) for row in rows]
                    for column in columns
                },
                schema=dict.fromkeys(columns, pl.String),
            )
            self.folder.joinpath(table).mkdir(exist_ok=True)
            frame.write_parquet(self.folder / table / f"{self.part:05d}.parquet")
            self.rows[table] = self.rows.get(table, 0) + len(rows)
        self.part += 1

    def close(self) -> dict[str, int]:
        """Rows written by table."""
        return self.rows | self.truth.close()
