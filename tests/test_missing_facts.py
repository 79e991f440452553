"""What checks lack is said in a clinic's words, and whatever a rule can lack has some."""

import re
from pathlib import Path

import pytest

from compliance.audit import HANGS_ON
from compliance.checks.rule import OR, catalogue
from compliance.missing_facts import facts, in_words
from compliance.records.models import TABLES

CHECKS = Path(__file__).parent.parent / "compliance" / "checks"
NAMED = re.compile(r'"([a-z_]+)\.([a-z_]+)"')


def lacking() -> set[tuple[str, str]]:
    """Every column and policy's value that a rule names as what it lacks."""
    written = {
        each for file in CHECKS.rglob("*.py") for each in NAMED.findall(file.read_text(encoding="utf-8"))
    }
    needs = (
        column.partition(".")
        for rule in catalogue().values()
        for need in rule.needs
        for column in need.split(OR)
    )
    needed = {(table, column) for table, _, column in needs if column}
    lost = {
        (whole, "refused")
        for rule in catalogue().values()
        for table in (*rule.absence_of, *rule.adds_up)
        for whole in (table, HANGS_ON.get(table, table))
    }
    return lost | {each for each in written | needed if each[0] in (*TABLES, "policy")}


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("notes.signed_on", "day of the note's signature"),
        ("claim_lines", "claim lines"),
        ("notes.written_at", "written at (notes)"),
        ("policy.unit_method", "how the payer counts units"),
        ("policy.visit_limit", "visit limit (payer policy)"),
    ],
)
def test_a_fact_reads_as_people_say_it(fact: str, said: str) -> None:
    assert in_words(fact) == said


def test_what_rules_can_lack_has_words_of_its_own_and_nothing_else_has() -> None:
    worded = {(table, column) for table, columns in facts().items() for column in columns}
    assert len(worded) > 100 and worded == lacking()


def test_two_facts_of_one_table_are_not_said_alike() -> None:
    for table, columns in facts().items():
        assert len({*columns.values()}) == len(columns), table
