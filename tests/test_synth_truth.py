"""Recall and precision of findings against planted violations."""

import json

import polars as pl
import pytest

from compliance.synth.truth import compare, summarise

FINDING = {
    "rule": "DOC-02",
    "severity": "low",
    "claim_id": None,
    "line": None,
    "note_id": None,
    "plan_id": None,
    "lines": "[]",
    "patient_id": None,
    "discipline": None,
}
TRUTH = {
    "rule": "DOC-02",
    "claim_id": "",
    "line": "",
    "note_id": "",
    "plan_id": "",
    "goal_id": "",
    "patient_id": "",
    "discipline": "",
    "subject": "note",
    "debatable": "false",
}
FOUND_TYPES = dict.fromkeys(FINDING, pl.String) | {"line": pl.Int64}


def compared(findings, truth):
    found = pl.DataFrame([FINDING | each for each in findings], schema=FOUND_TYPES)
    planted = pl.DataFrame([TRUTH | each for each in truth], schema=dict.fromkeys(TRUTH, pl.String))
    return {row["rule"]: row for row in compare(found, planted).iter_rows(named=True)}


def at_risk(*lines):
    return json.dumps([{"claim_id": claim, "line": line, "amount": 10.5} for claim, line in lines])


def test_a_finding_on_the_note_recalls_it():
    row = compared([{"note_id": "N1"}], [{"note_id": "N1"}, {"note_id": "N2"}])["DOC-02"]
    assert (row["planted"], row["recalled"], row["recall"]) == (2, 1, 0.5)
    assert (row["findings"], row["matched"], row["precision"]) == (1, 1, 1.0)


def test_the_rule_must_be_the_same():
    rows = compared([{"rule": "DOC-06", "note_id": "N1"}], [{"note_id": "N1"}])
    assert rows["DOC-02"]["recalled"] == 0
    assert rows["DOC-06"] == {
        "rule": "DOC-06",
        "planted": 0,
        "recalled": 0,
        "findings": 1,
        "matched": 0,
        "recall": None,
        "precision": 0.0,
    }


@pytest.mark.parametrize(
    "finding",
    [
        {"claim_id": "C1", "line": 2},
        {"lines": at_risk(("C9", 1), ("C1", 2))},
        {"claim_id": "C9", "line": 1, "lines": at_risk(("C1", 2))},
    ],
)
def test_a_line_is_recalled_by_the_findings_own_or_by_one_at_risk(finding):
    assert compared([finding], [{"claim_id": "C1", "line": "2"}])["DOC-02"]["recalled"] == 1


def test_the_same_line_number_of_another_claim_is_another_line():
    row = compared(
        [{"claim_id": "C2", "line": 2, "lines": at_risk(("C1", 3))}], [{"claim_id": "C1", "line": "2"}]
    )["DOC-02"]
    assert (row["recalled"], row["matched"]) == (0, 0)


def test_a_plan_is_recalled_by_its_key():
    assert compared([{"plan_id": "P1"}], [{"plan_id": "P1", "subject": "plan"}])["DOC-02"]["recalled"] == 1


def test_a_goal_is_recalled_by_its_key_not_by_its_plan():
    truth = pl.DataFrame([TRUTH | {"goal_id": "G1", "subject": "goal"}])
    findings = pl.DataFrame(
        [FINDING | {"goal_id": "G1", "plan_id": "P1"}, FINDING | {"goal_id": "G2", "plan_id": "P1"}]
    )
    row = compare(findings, truth).row(0, named=True)
    assert (row["recalled"], row["matched"], row["findings"]) == (1, 1, 2)


def test_a_period_is_recalled_by_patient_and_discipline():
    truth = {"patient_id": "P1", "discipline": "PT", "subject": "period"}
    assert compared([{"patient_id": "P1", "discipline": "PT"}], [truth])["DOC-02"]["recalled"] == 1
    assert compared([{"patient_id": "P1", "discipline": "OT"}], [truth])["DOC-02"]["recalled"] == 0
    assert (
        compared([{"patient_id": "P1", "discipline": "PT"}], [truth | {"subject": "note"}])["DOC-02"][
            "recalled"
        ]
        == 0
    )


def test_what_is_debatable_counts_for_precision_only():
    row = compared(
        [{"note_id": "N1"}], [{"note_id": "N1", "debatable": "true"}, {"note_id": "N2", "debatable": "true"}]
    )["DOC-02"]
    assert (row["planted"], row["recall"], row["precision"]) == (0, None, 1.0)


def test_information_is_no_false_finding():
    row = compared(
        [{"note_id": "N1", "severity": "info"}, {"note_id": "N3", "severity": "info"}], [{"note_id": "N1"}]
    )["DOC-02"]
    assert (row["recalled"], row["findings"], row["matched"]) == (1, 1, 1)


def test_empty_cells_are_no_keys():
    row = compared([{}], [{}])["DOC-02"]
    assert (row["recalled"], row["matched"]) == (0, 0)


def test_a_truth_of_four_columns_serves():
    truth = pl.DataFrame({"rule": ["DOC-02"], "claim_id": ["C1"], "line": ["1"], "note_id": [None]})
    findings = pl.DataFrame([FINDING | {"claim_id": "C1", "line": 1}], schema=FOUND_TYPES)
    assert compare(findings, truth).row(0, named=True)["recalled"] == 1


def test_the_summary_ends_with_the_sum_of_all_rules():
    found = pl.DataFrame([FINDING | {"note_id": "N1"}], schema=FOUND_TYPES)
    planted = pl.DataFrame([TRUTH | {"note_id": "N1"}, TRUTH | {"rule": "PR-01", "note_id": "N2"}])
    lines = summarise(compare(found, planted)).splitlines()
    assert lines[-1].split() == ["all", "2", "1", "50.0", "%", "1", "1", "100.0", "%"]
    assert [line.split()[0] for line in lines] == ["rule", "DOC-02", "PR-01", "all"]
