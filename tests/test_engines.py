"""Every rule gives the same findings on Polars, pandas and DuckDB; splitting and shuffling records changes nothing."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from compliance.audit import Audit, audit
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames, load

SAMPLE = Path(__file__).parent.parent / "sample_data"
AS_OF = date(2026, 7, 1)
PATIENTS = 40
ENGINES: dict[str, Callable[[pl.DataFrame], Any]] = {
    "pandas": lambda table: table.to_pandas(use_pyarrow_extension_array=True),
    "pandas as it comes": lambda table: table.to_pandas(),
    "duckdb": lambda table: duckdb.from_arrow(table.to_arrow()),
}


@pytest.fixture(scope="module")
def records() -> Records:
    """Some patients of the sample."""
    whole = load(SAMPLE)
    return of_patients(whole, whole.tables["patients"]["patient_id"].sort().head(PATIENTS))


@pytest.fixture(scope="module")
def expected(records: Records) -> Audit:
    return audit(records, load_policies(), AS_OF)


def of_patients(records: Records, patients: pl.Series) -> Records:
    """The records of these patients; tables of staff and payers stay whole."""
    tables = {name: table for name, table in records.tables.items() if name not in records.absent_tables}
    for name, table in tables.items():
        if "patient_id" in table.columns:
            tables[name] = table.filter(
                pl.col("patient_id").is_in(patients.implode()) | pl.col("patient_id").is_null()
            )
    for name, key, parent in (
        ("claim_lines", "claim_id", "claims"),
        ("remittances", "claim_id", "claims"),
        ("interventions", "note_id", "notes"),
        ("goals", "plan_id", "plans_of_care"),
    ):
        if name in tables:
            tables[name] = tables[name].join(tables[parent].select(key), on=key, how="semi")
    if "goal_measures" in tables:
        tables["goal_measures"] = tables["goal_measures"].join(
            tables["goals"].select("goal_id"), on="goal_id", how="semi"
        )
    return from_frames(tables)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_findings(engine: str, records: Records, expected: Audit) -> None:
    result = audit(records, load_policies(), AS_OF, native=ENGINES[engine])
    assert expected.findings.height > 0
    assert result.findings.equals(expected.findings)
    assert result.coverage.equals(expected.coverage)


def test_the_order_of_rows_changes_nothing(records: Records, expected: Audit) -> None:
    shuffled = {
        name: table.sample(fraction=1.0, shuffle=True, seed=7)
        for name, table in records.tables.items()
        if name not in records.absent_tables
    }
    result = audit(from_frames(shuffled), load_policies(), AS_OF)
    assert result.findings.equals(expected.findings)


def test_splitting_the_records_by_patient_changes_nothing(records: Records, expected: Audit) -> None:
    patients = records.tables["patients"]["patient_id"].sort()
    halves = [patients.gather_every(2), patients.gather_every(2, offset=1)]
    parts = [audit(of_patients(records, half), load_policies(), AS_OF).findings for half in halves]
    assert sorted(pl.concat(parts)["finding_id"]) == sorted(expected.findings["finding_id"])
