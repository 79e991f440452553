"""Runs every case beside every rule; nothing here knows a rule.

A case fails with its sentence, and with the table of what came out beside what was expected.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from compliance.audit import Audit, audit
from compliance.checks.cases import Case, read_cases, table
from compliance.checks.rule import Rule, catalogue
from compliance.policy import Policies, load_policies

CASES = [
    pytest.param(rule, case, id=f"{rule.code}: {case.sentence}")
    for rule in catalogue().values()
    for case in read_cases(rule.cases)
]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_case(rule: Rule, case: Case, tmp_path: Path) -> None:
    holds(rule, case, tmp_path)


def holds(rule: Rule, case: Case, tmp_path: Path) -> None:
    """Assert that the rule finds in the case's records what the case says."""
    result = audit(case.records(), policies_of(case, tmp_path), case.as_of, [rule])
    if "not_run" in case.said:
        assert [lack.lacks for lack in result.not_run] == [case.said["not_run"]]
        return
    assert not result.not_run, f"not run: {result.not_run[0].because}"
    assert "finds" in case.said, "a case says what it finds (a table, or nothing)"
    expected = case.said["finds"]
    if expected == "nothing":
        assert found(result, ["message"]) == []
    else:
        wanted = table(expected)
        assert found(result, wanted.columns) == sorted(
            tuple("" if cell is None else cell for cell in row) for row in wanted.iter_rows()
        )
    if "severity" in case.said:
        assert set(result.findings["severity"]) == {case.said["severity"]}
    assert missing(result) == told(case)
    for said, column in (("passes", "passed"), ("not_applicable", "not_applicable")):
        if said in case.said:
            assert int(result.coverage[column].sum()) == case.said[said], f"units that {column}"


def policies_of(case: Case, folder: Path) -> Policies:
    """The built-in policies, with the case's own values on top."""
    if not case.policy:
        return load_policies()
    overlay: dict[str, Any] = {"id": case.payer, "name": "the case's own values"}
    for name, value in case.policy.items():
        overlay[name] = [{"from": "2000-01-01", "value": value, "source": "house-default"}]
    text = yaml.safe_dump(overlay).replace("'2000-01-01'", "2000-01-01")
    (folder / "case.yaml").write_text(text, encoding="utf-8")
    return load_policies(folder)


def found(result: Audit, columns: list[str]) -> list[tuple[str, ...]]:
    """The findings as sorted rows of strings: their columns, else the facts of their evidence."""
    rows = []
    for finding in result.findings.iter_rows(named=True):
        facts = json.loads(finding["evidence"])["facts"]
        at_risk = " ".join(f"{item['claim_id']}/{item['line']}" for item in json.loads(finding["lines"]))
        rows.append(tuple(_said({**facts, **finding, "lines": at_risk}, column) for column in columns))
    return sorted(rows)


def _said(values: dict[str, Any], column: str) -> str:
    if column not in values:
        raise AssertionError(f"no column or fact {column}; there are {', '.join(sorted(values))}")
    value = values[column]
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "date"):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def missing(result: Audit) -> dict[str, int]:
    """Units that could not be told, by the missing fact."""
    told = (
        result.coverage.filter(pl.col("cannot_tell") > 0).group_by("missing").agg(pl.col("cannot_tell").sum())
    )
    return dict(told.sort("missing").iter_rows())


def told(case: Case) -> dict[str, int]:
    """What the case says cannot be told: a fact (one unit), or facts with their number of units."""
    said = case.said.get("cannot_tell", {})
    return {said: 1} if isinstance(said, str) else dict(sorted(said.items()))


@pytest.mark.parametrize("rule", catalogue().values(), ids=catalogue())
def test_each_rule_has_the_cases_it_owes(rule: Rule) -> None:
    cases = read_cases(rule.cases)
    assert any(case.said.get("finds", "nothing") != "nothing" for case in cases), "a case that breaks it"
    assert any(case.said.get("finds") == "nothing" and case.said.get("passes", 0) for case in cases), (
        "one that passes"
    )
    assert any("cannot_tell" in case.said for case in cases), "one that cannot be told"
    assert any("not_run" in case.said for case in cases), "one that does not run"
    assert any(case.said.get("example") == "breaks" for case in cases), "an example for the rule's page"
    assert any(case.said.get("example") == "fine" for case in cases), "an example that does not break it"
