"""Every rule gives the same findings on Polars, pandas and DuckDB; splitting and shuffling records changes nothing.

What is split keeps together what a rule's `scope` names: a patient's records, or (`therapist_day`) a day's.

Two sets of records: some patients of the sample, and every rule's cases as one clinic, where nulls, edges and unknown
payers stand that no sample holds.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from compliance.audit import Audit, audit
from compliance.checks.rule import Rule, catalogue
from compliance.policy import Policies, load_policies
from compliance.records.load import Records, from_frames, load
from tests.test_rules import cases_of, clinic_of_cases, of_anybody

pytestmark = pytest.mark.xdist_group("engines")  # one worker makes the clinic of cases

SAMPLE = Path(__file__).parent.parent / "sample_data"
AS_OF = date(2026, 7, 1)
PATIENTS = 20
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


def test_the_order_of_rows_changes_nothing(records: Records, expected: Audit) -> None:
    shuffled = {
        name: table.sample(fraction=1.0, shuffle=True, seed=7)
        for name, table in records.tables.items()
        if name not in records.absent_tables
    }
    result = audit(from_frames(shuffled), load_policies(), AS_OF)
    assert result.findings.equals(expected.findings)


def scoped(scope: str) -> list[Rule]:
    """The rules that are judged by one patient's records, or by one therapist's day."""
    return [rule for rule in catalogue().values() if rule.scope == scope]


def test_splitting_the_records_by_patient_changes_nothing(records: Records, expected: Audit) -> None:
    patients = records.tables["patients"]["patient_id"].sort()
    halves = [patients.gather_every(2), patients.gather_every(2, offset=1)]
    rules = scoped("patient")
    parts = [audit(of_patients(records, half), load_policies(), AS_OF, rules).findings for half in halves]
    whole = expected.findings.filter(pl.col("rule").is_in([rule.code for rule in rules]))
    assert sorted(pl.concat(parts)["finding_id"]) == sorted(whole["finding_id"])


def of_days(records: Records, days: pl.Expr) -> Records:
    """The records with the visits and lines of these days alone; what has no day of service stays whole."""
    tables = {name: table for name, table in records.tables.items() if name not in records.absent_tables}
    for name in ("notes", "claim_lines"):
        tables[name] = tables[name].filter(days)
    tables["interventions"] = tables["interventions"].join(tables["notes"], on="note_id", how="semi")
    return from_frames(tables)


def test_splitting_the_records_by_day_changes_nothing_of_a_therapists_day(
    clinic: tuple[Records, Policies, Audit],
) -> None:
    records, policies, expected = clinic
    rules = scoped("therapist_day")
    even = (pl.col("service_date").dt.day() % 2 == 0).fill_null(True)
    parts = [audit(of_days(records, days), policies, AS_OF, rules).findings for days in (even, ~even)]
    whole = expected.findings.filter(pl.col("rule").is_in([rule.code for rule in rules]))
    assert whole.height > 0
    assert sorted(pl.concat(parts)["finding_id"]) == sorted(whole["finding_id"])


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Records, Policies, Audit]:
    cases = [
        (f"{rule.code}.{number}.", case)
        for rule in catalogue().values()
        for number, case in enumerate(cases_of(rule.cases))
        if "without" not in case.said and not of_anybody(case)
    ]
    records, policies = clinic_of_cases(cases, tmp_path_factory.mktemp("policies"))
    return records, policies, audit(records, policies, AS_OF)


def of_rule(table: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    return table.filter(pl.col("rule") == rule.code)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_finds_the_same_in_the_cases(
    engine: str, clinic: tuple[Records, Policies, Audit]
) -> None:
    records, policies, expected = clinic
    result = audit(records, policies, AS_OF, native=ENGINES[engine])
    for rule in catalogue().values():
        told = of_rule(expected.coverage, rule)
        assert told["failed"].sum() and told["cannot_tell"].sum(), rule.code
        assert of_rule(result.coverage, rule).equals(told), f"{rule.code}: ask .is_null() before comparing"
        assert of_rule(result.findings, rule).equals(of_rule(expected.findings, rule)), rule.code


FOR_ANY_PAYER = {
    "PR-04": "every progress report is judged; the payer decides the severity alone",
    "POC-07": "an evaluation is missing whoever pays; the payer decides on routine re-evaluations alone",
    "INT-05": "which codes note and claim hold is judged whoever pays; the payer decides on missed units alone",
    "FRQ-04": "a benefit on file limits the visits, whatever the kind of its payer",
    "CON-02": "a therapist's day is judged whoever pays",
    "CON-03": "a therapist's day is judged whoever pays",
    "CON-04": "a therapist's day is judged whoever pays",
}


def test_what_hangs_on_a_payer_cannot_be_told_of_an_unknown_one(
    clinic: tuple[Records, Policies, Audit],
) -> None:
    records, policies, _ = clinic
    tables = {name: table for name, table in records.tables.items() if name not in records.absent_tables}
    unknown = pl.lit(None, dtype=pl.String)
    tables["payers"] = tables["payers"].with_columns(kind=unknown, policy=unknown)
    result = audit(from_frames(tables), policies, AS_OF)
    for rule in [rule for rule in catalogue().values() if rule.parameters and rule.code not in FOR_ANY_PAYER]:
        told = of_rule(result.coverage, rule)
        assert told["passed"].sum() + told["failed"].sum() == 0, rule.code
        assert told["cannot_tell"].sum() > 0, f"{rule.code}: applies=ruled(…) keeps an unknown payer"
