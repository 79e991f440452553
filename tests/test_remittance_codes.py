"""Codes of remittances: which are denials, which rules explain them, and the cell of adjustments parted into rows."""

from datetime import datetime

import polars as pl
import pytest

from compliance.checks.rule import RULE_MODULE
from compliance.policy import load_policies
from compliance.policy.remittance_codes import explained_by, meaning, not_denials, remittance_codes
from compliance.records.adjustments import adjustments
from compliance.records.models import empty


@pytest.mark.parametrize(
    ("carc", "rarc", "rules"),
    [
        ("4", None, ("MOD-01", "MOD-02", "AST-03")),
        ("4", "N519", ("MOD-02", "AST-03", "MOD-01")),
        ("18", None, ("INT-08",)),
        ("29", None, ("INT-12",)),
        ("97", "M15", ("NCCI-01", "NCCI-02", "PAY-COV")),
        ("119", "N362", ("MOD-03", "FRQ-04")),
        ("151", "N362 N640", ("UNIT-06", "FRQ-01")),
        ("185", "N570", ("INT-10", "SUP-07")),
        ("197", None, ("FRQ-02",)),
        ("999", None, ()),
        ("999", "N115", ("DOC-01", "DOC-03", "DOC-05", "PR-05")),
    ],
)
def test_a_reason_leads_to_the_rules_on_its_cause(
    carc: str, rarc: str | None, rules: tuple[str, ...]
) -> None:
    assert explained_by(carc, rarc) == rules


def test_price_and_the_patients_share_are_no_denials() -> None:
    assert {"1", "2", "3", "45", "59", "253"} <= set(not_denials())
    assert not {"50", "97", "119", "197"} & set(not_denials())


def test_every_code_is_said_and_names_rules() -> None:
    codes = remittance_codes()
    assert codes.source in load_policies().references
    for code in [*codes.reasons.values(), *codes.remarks.values()]:
        assert code.about
        for rule in code.rules:
            assert RULE_MODULE.fullmatch(f"{rule.lower().replace('-', '_')}_fault"), rule
    assert "not in our list" in meaning("999")


def answers(*rows: tuple[str, int | None, int, str | None, str | None]) -> pl.DataFrame:
    told = pl.DataFrame(
        [(claim, line, datetime(2026, 5, day), said, remarks) for claim, line, day, said, remarks in rows],
        schema=["claim_id", "line", "paid_on", "adjustments", "remarks"],
        orient="row",
    )
    return pl.concat([empty("remittances"), told], how="diagonal_relaxed")


def test_a_cell_of_adjustments_becomes_rows() -> None:
    rows = adjustments(answers(("C1", 1, 4, "CO-50:96.20 PR-2:18.10", "N115 M25")))
    assert rows.select("adjustment_group", "carc", "amount", "remark").rows() == [
        ("CO", "50", 96.2, "N115 M25"),
        ("PR", "2", 18.1, "N115 M25"),
    ]


def test_of_several_answers_the_latest_stands_and_those_of_one_day_add_up() -> None:
    rows = adjustments(
        answers(
            ("C1", 1, 4, "CO-50:96.20", None),
            ("C1", 1, 9, "CO-45:10", None),
            ("C1", 1, 9, "CO-45:5.5", None),
            ("C2", None, 4, "CO-29:80", None),
            ("C3", 1, 4, "CO-50:80", None),
            ("C3", 1, 4, "CO-50:-80", None),
        )
    )
    assert rows.select("claim_id", "line", "carc", "amount").rows() == [
        ("C1", 1, "45", 15.5),
        ("C2", None, "29", 80.0),
    ]


def test_no_remittance_no_adjustment() -> None:
    assert adjustments(empty("remittances")).is_empty()
