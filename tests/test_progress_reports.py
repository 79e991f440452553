"""PR-01 to PR-05 together: whatever the order of rows, and patient by patient."""

from datetime import date
from functools import cache

import polars as pl

from compliance.audit import audit
from compliance.checks.cases import Case, read_cases
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames

AS_OF = date(2026, 6, 20)
CASES_OF_A_RULE = 5
SHARED = ("therapists", "clinics", "payers")
KEYS = ("note_id", "claim_id", "patient_id", "plan_id", "goal_id", "replaces_goal_id", "replaces_plan_id", "episode_id",
        "amends_note_id")  # fmt: skip


def told(case: Case) -> bool:
    """Whether a case finds something and shares staff and payer with the others."""
    own = {"payers", "therapists"} & set(case.tables) or "without" in case.said
    return case.payer == "medicare" and case.said.get("finds") != "nothing" and not own


@cache
def clinic() -> dict[str, pl.DataFrame]:
    """The patients of the first cases of each rule in one clinic, each case's keys with its number before them."""
    cases = [
        case
        for rule in select(["PR"])
        for case in list(filter(told, read_cases(rule.cases)))[:CASES_OF_A_RULE]
    ]
    parts: dict[str, list[pl.DataFrame]] = {}
    for number, case in enumerate(cases):
        prefix = pl.lit(f"{number:03d}-")
        for name, table in case.records().tables.items():
            if name in SHARED and number:
                continue
            own = [key for key in KEYS if key in table.columns]
            parts.setdefault(name, []).append(
                table.with_columns(pl.concat_str(prefix, key).alias(key) for key in own)
            )
    return {name: pl.concat(tables) for name, tables in parts.items()}


def records(tables: dict[str, pl.DataFrame]) -> Records:
    return from_frames({name: table for name, table in tables.items() if not table.is_empty()})


def found(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    result = audit(records(tables), load_policies(), AS_OF, select(["PR"]))
    return result.findings.sort("finding_id")


@cache
def expected() -> pl.DataFrame:
    return found(clinic())


def of_patients(tables: dict[str, pl.DataFrame], chosen: pl.Series) -> dict[str, pl.DataFrame]:
    """The records of some patients: their rows, the rows of their notes, claims, plans and goals, and the clinic's."""
    kept = {}
    for name, table in tables.items():
        if "patient_id" in table.columns:
            kept[name] = table.filter(pl.col("patient_id").is_in(chosen.implode()))
        elif name not in SHARED:
            kept[name] = table.filter(
                pl.col(table.columns[0]).str.slice(0, 3).is_in(chosen.str.slice(0, 3).implode())
            )
        else:
            kept[name] = table
    return kept


def test_the_cases_give_findings_of_every_rule() -> None:
    assert expected()["rule"].unique().sort().to_list() == ["PR-01", "PR-02", "PR-03", "PR-04", "PR-05"]


def test_the_order_of_rows_changes_nothing() -> None:
    mixed = {name: table.sample(fraction=1, shuffle=True, seed=7) for name, table in clinic().items()}
    assert found(mixed).equals(expected())


def test_patients_apart_give_what_they_give_together() -> None:
    patients = pl.concat([clinic()[name]["patient_id"] for name in ("claims", "notes")]).unique().sort()
    halves = [patients.gather_every(2), patients.gather_every(2, offset=1)]
    apart = pl.concat([found(of_patients(clinic(), half)) for half in halves]).sort("finding_id")
    assert apart.equals(expected())


def test_evidence_names_the_value_that_decided_and_where_it_comes_from() -> None:
    overdue = expected().filter(pl.col("rule") == "PR-01")
    assert overdue["evidence"].str.contains('"progress_report_treatment_days": {"from": ', literal=True).all()
