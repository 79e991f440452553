"""Runs every case beside every rule; nothing here knows a rule.

A case fails with its sentence, and with the table of what came out beside what was expected.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from compliance.audit import Audit, audit
from compliance.checks.cases import Case, read_cases, table
from compliance.checks.rule import Rule, catalogue
from compliance.policy import Policies, load_policies
from compliance.records.load import Records, from_frames, load
from compliance.records.models import Kind, columns
from tests import clinic

SIGNERS = ("certified_by", "order_by", "change_signed_by")
"""Columns of plans that hold a name, an NPI or, as keys do, a therapist's key."""


@cache
def cases_of(file: Path) -> list[Case]:
    """The cases in a rule's file, read once."""
    return read_cases(file)


CASES = [
    pytest.param(
        rule, number, case, id=f"{rule.code}: {case.sentence}", marks=pytest.mark.xdist_group(rule.code)
    )
    for rule in catalogue().values()
    for number, case in enumerate(cases_of(rule.cases))
]


@pytest.mark.parametrize(("rule", "number", "case"), CASES)
def test_case(rule: Rule, number: int, case: Case, audited: "Audited") -> None:
    result = audited.of(rule, number, case)
    assert_holds(result, case)


class Audited:
    """Audits of cases. Those of a rule that speak of the same tables on the same day are one clinic and one audit.

    Their keys bear each case's mark, which is taken off again: a case is as alone as if it were.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[tuple[str, tuple[int, ...]], Audit] = {}

    def of(self, rule: Rule, number: int, case: Case) -> Audit:
        if number not in groups(rule.code):
            return audit(case.records(), policies_of(case, self._new_folder()), case.as_of, [rule])
        alike = groups(rule.code)[number]
        if alike not in self._done:
            cases = cases_of(rule.cases)
            records, policies = clinic_of_cases(
                ((mark_of(rule, n), cases[n]) for n in alike[1]), self._new_folder()
            )
            self._done[alike] = audit(records, policies, case.as_of, [rule])
        if unmarked(self._done[alike].coverage, rule):
            return audit(case.records(), policies_of(case, self._new_folder()), case.as_of, [rule])
        return alone(self._done[alike], mark_of(rule, number))

    def _new_folder(self) -> Path:
        made = self._folder / str(len(list(self._folder.iterdir())))
        made.mkdir()
        return made


def mark_of(rule: Rule, number: int) -> str:
    """What the keys of a case begin with. It holds what lists, names of lines and joined keys are parted by."""
    return f"{rule.code}.{number} |/1 "


@cache
def groups(code: str) -> dict[int, tuple[str, tuple[int, ...]]]:
    """Of each case that is not alone, by its number: the rule and the numbers of the cases that are audited with it."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for number, case in enumerate(cases_of(catalogue()[code].cases)):
        if not {"not_run", "without"} & set(case.said) and not of_anybody(case):
            alike[case.as_of, frozenset(case.frames)].append(number)
    return {number: (code, tuple(numbers)) for numbers in alike.values() for number in numbers}


MAYBE_ANYBODYS = {
    "goals": "plan_id",
    "rtm": "patient_id",
    "plans_of_care": "patient_id",
    "authorizations": "patient_id",
}
"""Tables of which a row that lacks the column may be of any case."""


def of_anybody(case: Case) -> bool:
    """Whether a row names no plan or no patient: it may be of any case's."""
    return any(
        name in case.frames and case.frames[name][column].null_count() > 0
        for name, column in MAYBE_ANYBODYS.items()
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return Audited(tmp_path_factory.mktemp("cases"))


def unmarked(table: pl.DataFrame, rule: Rule) -> bool:
    """Whether some row names nobody of any case, so that it cannot be told whose it is."""
    people = [
        pl.col(name).str.starts_with(f"{rule.code}.") for name in ("payer_id", "therapist_id", "clinic_id")
    ]
    return not table.select(pl.any_horizontal(*people).fill_null(False).alias("told"))["told"].all()


def alone(whole: Audit, mark: str) -> Audit:
    """What the audit of several cases says of the one whose keys bear `mark`, without the mark."""

    def own(table: pl.DataFrame) -> pl.DataFrame:
        texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
        bears = pl.any_horizontal(pl.col(texts).str.contains(mark, literal=True).fill_null(False))
        return table.filter(bears).with_columns(pl.col(texts).str.replace_all(mark, "", literal=True))

    return replace(whole, findings=own(whole.findings), coverage=own(whole.coverage))


def clinic_of_cases(cases: Iterable[tuple[str, Case]], folder: Path) -> tuple[Records, Policies]:
    """Cases as one clinic: the keys of each bear its mark, and its payers a policy of its own where it sets values."""
    parts: dict[str, list[pl.DataFrame]] = defaultdict(list)
    overlays, cases = False, list(cases)
    for number, (mark, case) in enumerate(cases):
        for name, frame in case.frames.items():
            keys = [
                column.name
                for column in columns(name)
                if column.kind is Kind.KEY and (column.refers_to or column.required)
            ]
            people = case.frames["therapists"]["therapist_id"].implode()
            named = {name: pl.col(name) for name in SIGNERS if name in frame.columns}
            marked = frame.with_columns(
                *((mark + pl.col(key)).alias(key) for key in keys if key in frame.columns),
                **{k: pl.when(v.is_in(people)).then(mark + v).otherwise(v) for k, v in named.items()},
            )
            if name == "payers" and case.policy:
                marked = marked.with_columns(
                    policy=pl.when(pl.col("kind") == case.payer)
                    .then(pl.lit(f"case-{number}"))
                    .otherwise("policy")
                )
            parts[name].append(marked)
        if case.policy:
            overlays = True
            rows = {
                name: [{"from": date(2000, 1, 1), "value": value, "source": "house-default"}]
                for name, value in case.policy.items()
            }
            text = yaml.safe_dump({"id": f"case-{number}", "based_on": case.payer, **rows})
            (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    records = from_frames({name: pl.concat(frames, how="diagonal") for name, frames in parts.items()})
    for _, case in cases if records.report.refusals else ():
        case.records()  # which raises, by its sentence, where the cell is this case's
    assert not records.report.refusals
    return records, load_policies(folder if overlays else None)


def holds(rule: Rule, case: Case, tmp_path: Path) -> None:
    """Assert that the rule finds in the case's records what the case says."""
    assert_holds(audit(case.records(), policies_of(case, tmp_path), case.as_of, [rule]), case)


def assert_holds(result: Audit, case: Case) -> None:
    """Assert that the audit of a case's records found what the case says."""
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
    cases = cases_of(rule.cases)
    assert any(case.said.get("finds", "nothing") != "nothing" for case in cases), "a case that breaks it"
    assert any(case.said.get("finds") == "nothing" and case.said.get("passes", 0) for case in cases), (
        "one that passes"
    )
    assert any("cannot_tell" in case.said for case in cases), "one that cannot be told"
    assert any("not_run" in case.said for case in cases), "one that does not run"
    assert any(case.said.get("example") == "breaks" for case in cases), "an example for the rule's page"
    assert any(case.said.get("example") == "fine" for case in cases), "an example that does not break it"


def test_a_rule_whose_units_hang_on_an_absent_table_says_that_it_did_not_run(tmp_path: Path) -> None:
    tables = load(clinic.write(tmp_path, patients=2, visits=2)).tables
    frames = {name: frame for name, frame in tables.items() if frame.height}

    def of(absent: str) -> Audit:
        present = from_frames({name: frame for name, frame in frames.items() if name != absent})
        return audit(present, load_policies(), date(2026, 6, 30))

    whole = judged(of("none"))
    for absent in ("claims", "claim_lines", "notes"):
        part = of(absent)
        assert whole - judged(part) == whole & {lack.rule for lack in part.not_run}, absent


def judged(result: Audit) -> set[str]:
    """The rules that judged any unit."""
    told = pl.sum_horizontal("passed", "failed", "cannot_tell")
    return set(result.coverage.filter(told > 0)["rule"])
