"""Findings are put together as text, by column: they must be the JSON and the sentences that one by one would give."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from compliance.checks.rule import Rule, catalogue
from compliance.findings import FINDING_SCHEMA, Facts, findings, with_context
from compliance.money import PLACE

AWKWARD = 'C"1\\|\n–é\x7f'
"""A claim's key with whatever JSON, the id's parts and an encoding could trip over."""
TEXT = "Seated – bike 10 min; hot pack 15 min."
KINDS: dict[str, Any] = {
    "claim_id": pl.String, "line": pl.Int64, "note_id": pl.String, "patient_id": pl.String, "discipline": pl.String,
    "service_date": pl.Datetime("us"), "payer_id": pl.String, "clinic_id": pl.String, "plan_id": pl.String,
    "therapist_id": pl.String, "note_therapist_id": pl.String, "submitted": pl.Boolean, "cpt": pl.String,
    "treating_role": pl.String, "units": pl.Int64, "amount": pl.Float64, "amount_basis": pl.String, "price_day": pl.String,
    **dict.fromkeys(("unit_price", "first_unit_more", "worth", "conversion_factor", "practice_expense_reduction"), pl.Float64),
}  # fmt: skip
DAY = datetime(2026, 3, 4)


def facts(submitted: bool = False) -> Facts:
    shared = {"claim_id": AWKWARD, "note_id": "N1", "patient_id": "P1", "discipline": "PT", "service_date": DAY, "payer_id": "M",
              "plan_id": "PL1", "therapist_id": "T1", "price_day": "P1", "units": 1, "amount_basis": "charge"}  # fmt: skip
    lines = [
        {**shared, "line": 2, "cpt": "97530", "amount": 38.485, "amount_basis": "allowed", "submitted": submitted},
        {**shared, "line": 1, "cpt": "97110", "amount": 8.12, "submitted": False},
    ]  # fmt: skip
    words = {"note_id": "N1", "kind": "passive", "value": None, "negated": False}
    return Facts(
        lines=pl.DataFrame(lines, schema=KINDS),
        notes=pl.DataFrame([{**shared, "text": TEXT}], schema={**KINDS, "text": pl.String}),
        plans=pl.DataFrame(schema=KINDS),
        mentions=pl.DataFrame([{**words, "start": at, "end": at + 8} for at in range(23, 12, -1)]),
        values=[{"value": 10, "layer": "medicare"}, {"value": "é", "layer": "clinic"}],
        relative_values=pl.DataFrame(
            schema={"cpt": pl.String, "multiple_procedure": pl.String, **dict.fromkeys(PLACE, pl.Float64),
                    "valid_from": pl.Datetime("us"), "valid_until": pl.Datetime("us")}
        ),
    )  # fmt: skip


def a_rule(**how: Any) -> Rule:
    told = {
        "message": "On {on} {days} days for {codes}, {dollars:,.2f}, of {whose}",
        "fix": "Nothing to fill in.",
    }
    return replace(
        catalogue()["INT-04"], **{"code": "XX-01", "severity": "block_or_repay", "exposes": "note", "key": ("note_id", "about"),
        "quotes": (), **told, **how}
    )  # fmt: skip


def judged(**columns: list[Any]) -> pl.DataFrame:
    told = {"note_id": ["N1"], "about": ["a|b\\"], "on": [DAY], "days": [1.0], "codes": ["97110 97530"],
            "dollars": [1234.5], "whose": [None], "limit__id": [1]}  # fmt: skip
    return pl.DataFrame(told | columns, schema_overrides={"whose": pl.String})


def found(rule: Rule, units: pl.DataFrame, told: Facts) -> list[dict[str, Any]]:
    return findings([(rule, units.clear()), (rule, with_context(units, told))], told).to_dicts()


def test_a_finding_is_the_json_and_the_sentence_of_its_unit() -> None:
    (row,) = found(a_rule(), judged(), facts())
    lines = [
        {"amount": 8.12, "claim_id": AWKWARD, "line": 1},
        {"amount": 38.49, "claim_id": AWKWARD, "line": 2},
    ]
    evidence = {
        "amount_basis": ["allowed", "charge"],
        "facts": {"about": "a|b\\", "codes": "97110 97530", "days": 1, "dollars": 1234.5, "on": "2026-03-04", "whose": None},
        "parameters": {"limit": {"layer": "clinic", "value": "é"}},
        "quotes": [],
    }  # fmt: skip
    assert row["lines"] == json.dumps(lines, sort_keys=True)
    assert row["evidence"] == json.dumps(evidence, sort_keys=True, ensure_ascii=False)
    assert row["message"] == "On Mar 4, 2026 1 day for 97110 and 97530, 1,234.50, of unknown"
    assert (row["amount_at_risk"], row["severity"]) == (46.61, "high")
    assert (row["claim_id"], row["line"], row["patient_id"]) == (AWKWARD, 1, "P1")
    assert row["finding_id"] == "XX-01-9e3604f56532"


def test_what_is_submitted_is_to_be_repaid_not_held() -> None:
    assert [row["severity"] for row in found(a_rule(), judged(), facts(submitted=True))] == ["medium"]


def test_the_rules_own_quote_stands_before_eight_of_the_notes() -> None:
    units = judged(quote_start=[0], quote_end=[6], quote=["Seated"], quote_kind=[None])
    (row,) = found(a_rule(quotes=("passive",)), units, facts())
    own, *noted = json.loads(row["evidence"])["quotes"]
    assert own == {"note_id": "N1", "start": 0, "end": 6, "text": "Seated", "kind": "quote"}
    assert [quote["start"] for quote in noted] == list(range(13, 21))
    assert {quote["text"] == TEXT[quote["start"] : quote["end"]] for quote in noted} == {True}


@pytest.mark.parametrize(
    ("moment", "shown", "said"),
    [
        (datetime(2026, 3, 4, 9, 5, 59), "2026-03-04T09:05", "Mar 4, 2026 09:05"),
        (datetime(2026, 3, 4), "2026-03-04", "Mar 4, 2026"),
    ],
)
def test_a_moment_is_shown_to_the_minute(moment: datetime, shown: str, said: str) -> None:
    (row,) = found(a_rule(message="{on}"), judged(on=[moment]), facts())
    assert (json.loads(row["evidence"])["facts"]["on"], row["message"]) == (shown, said)


def test_each_case_has_its_own_sentence_of_its_own_facts() -> None:
    units = pl.concat(
        [judged(case=["one"]), judged(note_id=["N2"], case=["other"], dollars=[None])], how="vertical_relaxed"
    )
    said = {"one": "{dollars:,.0f}", "other": "nothing for {codes}"}
    assert [row["message"] for row in found(a_rule(message=said), units, facts())] == [
        "1,234",
        "nothing for 97110 and 97530",
    ]


def test_a_unit_without_facts_or_lines_has_its_empty_places() -> None:
    units = pl.DataFrame({"note_id": ["N9"]})
    (row,) = found(a_rule(exposes="none", key=("note_id",), message="Said"), units, facts())
    assert (row["lines"], row["evidence"], row["amount_at_risk"]) == (
        "[]",
        '{"facts": {}, "quotes": []}',
        0.0,
    )


def test_nothing_found_is_an_empty_table() -> None:
    assert findings([(a_rule(), judged().clear())], facts()).schema == FINDING_SCHEMA
