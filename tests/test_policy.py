"""Policies: the regulators' values on their boundary days, layers, narrowing and what is refused."""

import os
import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.policy import PolicyError, Row, load_policies, policy_of
from compliance.policy.display import policy_list_text, policy_text
from compliance.policy.policies import KINDS, Layer

PP = "private_practice"
BUILT_IN = load_policies()


@pytest.mark.parametrize(
    ("policy", "parameter", "setting", "day", "before", "after"),
    [
        ("medicare", "progress_report_treatment_days", None, "2006-01-01", None, 10),
        ("medicare", "progress_report_calendar_days", None, "2013-01-01", 30, None),
        ("medicare", "progress_report_grace_days", None, "2006-01-01", None, 7),
        ("medicare", "assistant_supervision", PP, "2025-01-01", "direct", "general"),
        ("medicare", "assistant_supervision", "snf_part_b", "2025-01-01", "general", "general"),
        ("medicare_advantage", "assistant_supervision", PP, "2025-01-01", "direct", "general"),
        ("tricare", "assistant_supervision", PP, "2020-04-16", None, "direct"),
        ("tricare", "assistant_supervision", PP, "2025-01-01", "direct", "general"),
        ("medicare", "virtual_counts_as_direct", PP, "2020-03-01", False, True),
        ("medicare", "virtual_counts_as_direct", PP, "2025-01-01", True, False),
        ("medicare", "remote_monitoring_supervision", PP, "2024-01-01", None, "general"),
        ("medicare", "provisional_slp_billable", None, "2025-06-09", "questioned", "not_billable"),
        ("medicare", "functional_reporting_required", None, "2013-07-01", None, True),
        ("medicare", "functional_reporting_required", None, "2019-01-01", True, False),
        ("medicare", "assistant_modifier_required", None, "2020-01-01", None, True),
        ("medicare", "assistant_payment_factor", None, "2022-01-01", None, 0.85),
        ("tricare", "assistant_modifier_required", None, "2020-04-16", None, True),
        ("medicare", "assistant_maintenance_allowed", None, "2021-01-01", None, True),
    ],
)
def test_a_value_changes_on_its_day(policy, parameter, setting, day, before, after):
    first = date.fromisoformat(day)
    found = [BUILT_IN.value(policy, parameter, on, setting) for on in (first - timedelta(days=1), first)]
    assert [value and value.value for value in found] == [before, after]


def test_built_in_policies_are_whole():
    assert set(KINDS) <= set(BUILT_IN.policy_ids)
    layers = [layer for policy in BUILT_IN.policy_ids for layer in BUILT_IN.layers[policy]]
    rows = [row for layer in layers for listed in layer.rows.values() for row in listed]
    assert rows
    assert not [row for row in rows if "does not say" in (row.why_unverified or "")]


def test_payers_choose_their_policy():
    assert BUILT_IN.policy_of("medicare", None) == policy_of("medicare") == "medicare"
    assert BUILT_IN.policy_of("medicare", "nobody") is None
    assert "Did you mean 'medicare'" in BUILT_IN.hint("medicar")


def overlay(folder: Path, text: str, name: str = "ours.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return load_policies(folder)


def test_a_clinics_layer_lies_on_top_and_reaches_heirs(tmp_path):
    ours = overlay(
        tmp_path,
        "id: medicare\nassistant_supervision:\n  - {from: 2026-01-01, to: 2026-06-30, value: direct, source: house-default}\n",
    )
    for policy in ("medicare", "medicare_advantage"):
        inside = ours.value(policy, "assistant_supervision", date(2026, 6, 30), PP)
        assert (inside.value, inside.layer) == ("direct", "medicare (ours.yaml)")
        assert ours.value(policy, "assistant_supervision", date(2026, 7, 1), PP).value == "general"
    assert ours.fingerprint != BUILT_IN.fingerprint


def test_a_state_policy_inherits(tmp_path):
    ours = overlay(
        tmp_path,
        "id: tx\nbased_on: medicaid\ncosign_days:\n  - {from: 2020-01-01, value: 14, source: house-default, verified: true}\n",
    )
    assert ours.value("tx", "cosign_days", date(2026, 1, 1)).value == 14
    assert ours.value("tx", "cosign_required", date(2026, 1, 1)).layer == "medicaid"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: medicare\ncosign_days: [{from: 2020-01-01, value: 3}]",
         "ours.yaml: cosign_days, row 1: no source. Every value names one; see references.yaml."),
        ("id: medicare\ncosign_day: [{from: 2020-01-01, value: 3, source: house-default}]", "Did you mean 'cosign_days'?"),
        ("id: medicare\ncosign_days: [{from: 2020-01-01, vale: 3, source: house-default}]", "Did you mean 'value'?"),
        ("id: medicare\ncosign_days: [{from: 2020-01-01, value: soon, source: house-default}]", "Give a whole number"),
        ("id: medicare\ncosign_days: [{from: 2020-01-01, to: 2019-01-01, value: 3, source: house-default}]", "before it begins"),
        ("id: medicare\ncosign_days: [{from: soon, value: 3, source: house-default}]", "from 'soon' cannot be read"),
        ("id: medicare\ncosign_days: [{from: 2020-01-01, value: 3, source: mbpm-15-229}]",
         "cosign_days, row 1: source 'mbpm-15-229' names no reference. Did you mean 'mbpm-15-220'?"),
        ("id: medicare\nid: medicaid", "line 2: id is there twice"),
        ("id: x\nbased_on: medicar", "Did you mean 'medicare'?"),
        ("id: medicare\nbased_on: auto", "is built in"),
        ("", "empty"),
        ("- 1", "not a mapping"),
        ("id: [", "not readable as YAML"),
        ("name: x", "no id"),
        ("id: x\ncosign_days:\n  - {from: 2020-01-01, value: 3, source: house-default, state: TX}\n"
         "  - {from: 2021-01-01, value: 4, source: house-default, setting: school}", "(state TX and setting school)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_one_line(tmp_path, text, said):
    with pytest.raises(PolicyError) as refused:
        overlay(tmp_path, text)
    assert said in str(refused.value)
    assert "ours.yaml" in str(refused.value) and "\n" not in str(refused.value)


ONE = "cosign_days: [{from: 2020-01-01, value: %s, source: house-default}]"
BOMB = "a: &a [lol, lol]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrst")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: [a]", "no id"),
        ("? [a, b]\n: 1\nid: x", "line 1: a list or mapping as a name"),
        ("id: medicare\n? {a: b}\n: 1", "line 2: a list or mapping as a name"),
        ("id: medicare\nname: [a]", "name is ['a']. Give text"),
        ('id: medicare\nname: "\\e[31mx"', "name is '\\x1b[31mx'. Give text of visible characters"),
        (f"id: medicare\n{BOMB}", "an alias (*)"),
        ("id: medicare\n" + ONE % ("[" * 5_000 + "]" * 5_000), "more than 20 levels"),
        ("id: medicare\n" + ONE % ("x" * 10_000), "Give a whole number"),
        ("id: medicare\n" + ONE % 10**26, "Give a whole number from 0 to 1,000,000"),
        ("id: medicare\nassistant_payment_factor: [{from: 2020-01-01, value: .inf, source: x}]", "Give a number from 0"),
        ("id: medicare\nassistant_payment_factor: [{from: 2020-01-01, value: .nan, source: x}]", "Give a number from 0"),
        ("id: mine\nbased_on: mine", "based_on names the policy itself"),
        ("id: mine", "sets no parameter and inherits none"),
        ("id: mine\nname: Mine", "Give it a parent, such as `based_on: commercial`"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_one_short_line(tmp_path, text, said):
    with pytest.raises(PolicyError) as refused:
        overlay(tmp_path, text)
    assert said in str(refused.value)
    assert (
        "ours.yaml" in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 400
    )


def test_a_chain_of_policies_without_a_value_is_refused(tmp_path):
    (tmp_path / "b.yaml").write_text("id: b")
    with pytest.raises(PolicyError, match=r"sets no parameter and inherits none"):
        overlay(tmp_path, "id: a\nbased_on: b")
    (tmp_path / "b.yaml").write_text("id: b\nbased_on: medicaid")
    assert load_policies(tmp_path).value("a", "cosign_required", date(2026, 1, 1)).layer == "medicaid"


def test_what_is_named_as_a_policy_and_is_no_file_is_refused(tmp_path):
    (tmp_path / "medicare.yaml").mkdir()
    with pytest.raises(PolicyError, match=r"medicare\.yaml: a folder or a device, not a file"):
        load_policies(tmp_path)
    (tmp_path / "medicare.yaml").rmdir()
    for name in ("medicare.yaml", "references.yaml"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
        with pytest.raises(PolicyError, match=f"{re.escape(name)}: a link to nothing"):
            overlay(tmp_path, "id: tx\nbased_on: medicaid")
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "medicare.yaml")
    with pytest.raises(PolicyError, match="not a file"):
        load_policies(tmp_path)


def test_a_clinic_describes_its_own_sources_beside_its_policy(tmp_path):
    (tmp_path / "references.yaml").write_text("plan-letter: {title: Letter of the plan, section: page 2}")
    ours = overlay(tmp_path, "id: medicare\ncosign_days: [{from: 2020-01-01, value: 3, source: plan-letter}]")
    assert ours.reference("plan-letter").section == "page 2"
    with pytest.raises(PolicyError, match=r"No reference 'plan-lettr'\. Did you mean 'plan-letter'\?"):
        ours.reference("plan-lettr")


@pytest.mark.parametrize("text", ["? [a]\n: {title: 5}", "id: [*a]", "- 1", "x: 5", "x: " + "[" * 3_000])
def test_sources_that_cannot_be_read_are_refused(tmp_path, text):
    (tmp_path / "references.yaml").write_text(text)
    with pytest.raises(PolicyError, match=r"^references\.yaml"):
        overlay(tmp_path, "id: tx\nbased_on: medicaid")


def test_the_address_of_a_source_is_one_of_the_web(tmp_path):
    (tmp_path / "references.yaml").write_text("x: {title: X, address: 'javascript:alert(1)'}")
    with pytest.raises(PolicyError, match=r"references\.yaml: x\.address|address 'javascript"):
        overlay(tmp_path, "id: tx\nbased_on: medicaid")


def test_a_policy_under_the_name_of_the_parameters_is_not_passed_over(tmp_path):
    (tmp_path / "parameters.yaml").write_text("id: medicare")
    with pytest.raises(PolicyError, match=r"parameters\.yaml: .* Rename it"):
        overlay(tmp_path, "id: tx\nbased_on: medicaid")


def test_a_policy_whose_file_name_is_in_capitals_counts(tmp_path):
    assert "tx" in overlay(tmp_path, "id: tx\nbased_on: medicaid", "TX.YAML").policy_ids


@given(
    st.sampled_from(BUILT_IN.policy_ids),
    st.sampled_from(sorted(BUILT_IN.parameters)),
    st.dates(date(1999, 1, 1), date(2030, 1, 1)),
    st.sampled_from([None, PP, "school"]),
    st.sampled_from([None, "MD", "OH", "DC"]),
)
def test_the_timeline_agrees_with_the_day(policy, parameter, on, setting, state):
    line = BUILT_IN.timeline(parameter, policy, setting, state, "PT")
    inside = [v for v in line if v.valid_from <= on and (v.valid_until is None or on < v.valid_until)]
    value = BUILT_IN.value(policy, parameter, on, setting, state, "PT")
    assert [(v.value, v.layer, v.source) for v in inside] == (
        [] if value is None else [(value.value, value.layer, value.source)]
    )


@given(st.permutations([{}, {"state": "TX"}, {"state": "TX", "setting": "school"}]))
def test_the_narrowest_row_wins_in_any_order(narrowings):
    rows = [
        Row.model_validate({"from": "2020-01-01", "value": len(n), "source": "x", **n}) for n in narrowings
    ]
    layer = Layer("x", {"cosign_days": tuple(rows)})
    place = {"state": "TX", "setting": "school", "discipline": None, "cpt": None}
    assert layer.row("cosign_days", date(2026, 1, 1), place).value == 2


def test_the_display_says_layer_day_and_source():
    value = BUILT_IN.value("medicare_advantage", "progress_report_treatment_days", date(2026, 1, 1))
    assert (value.layer, value.valid_from, value.verified) == ("medicare", date(2013, 1, 1), True)
    shown = policy_text(BUILT_IN, "medicare_advantage", date(2026, 1, 1))
    assert "progress_report_treatment_days: 10 treatment days\n    from 2013-01-01 · medicare ▸ " in shown
    assert "medicare_advantage" in policy_list_text(BUILT_IN)
    assert "direct" in policy_text(BUILT_IN, "medicare", date(2024, 12, 31))


def test_an_id_that_would_fall_apart_is_refused(tmp_path):
    (tmp_path / "ours.yaml").write_text("id: a|b\nbased_on: commercial\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"holds a \|"):
        load_policies(tmp_path)


def test_rows_of_thousands_are_read_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is held against each other; what it speaks for is worked out once."""
    asked = 0
    plain = Row.narrowing.fget

    def counted(row: Row) -> dict[str, str]:
        nonlocal asked
        asked += 1
        return plain(row)

    rows = "".join(
        f"  - {{from: {year}-01-01, to: {year}-12-31, value: 15, source: house-default}}\n"
        for year in range(1500, 2200)
    )
    (tmp_path / "medicare.yaml").write_text(f"id: medicare\ntimed_unit_minutes:\n{rows}", encoding="utf-8")
    load_policies()
    monkeypatch.setattr(Row, "narrowing", property(counted))
    load_policies(tmp_path)
    assert asked <= 2 * 700


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.yaml", "id: Medicare\nbased_on: medicare\ntimed_unit_minutes: [{ROW, value: 10}]", "nearly 'medicare'"),
        ("a.yaml", "id: medicar\ntimed_unit_minutes: [{ROW, value: 10}]", "nearly 'medicare'"),
        ("a.yaml", "id: Workers Comp\ntimed_unit_minutes: [{ROW, value: 10}]", "nearly 'workers_comp'"),
        ("a.yaml", "id: medicare\ntimed_unit_minutes:\n- {ROW, value: 010}", "line 3: 010 would be read as 8"),
        ("a.yaml", "id: medicare\ntimed_unit_minutes:\n- {ROW, value: 1:15}", "line 3: 1:15 would be read as 75"),
        ("a.yaml", "id: medicare\ntimed_unit_minutes:\n- {from: 20200101, value: 8, source: house-default}",
         "from 20200101 cannot be read: no day; write it such as"),
        ("medicaid.json", "{}", "medicaid.json: not read; policies are YAML"),
        ("remittance_codes.yaml", "garbage: [", "remittance_codes.yaml: .* would not be read"),
    ],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / "medicare.yaml").write_text(
        "id: medicare\ntimed_unit_minutes: [{from: 2020-01-01, value: 15, source: house-default}]"
    )
    row = "from: 2020-01-01, source: house-default"
    (tmp_path / ("medicare.yaml" if "id: medicare\n" in text else name)).write_text(text.replace("ROW", row))
    with pytest.raises(PolicyError, match=why) as refused:
        load_policies(tmp_path)
    assert "\n" not in str(refused.value)


def test_an_id_that_goes_on_from_a_known_one_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: medicaid_tx\nbased_on: medicaid\n")
    assert "medicaid_tx" in load_policies(tmp_path).names


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("progress_report_calendar_days", "0", "a whole number from 1 to 1,000,000"),
        ("timed_unit_minutes", "0", "a whole number from 1 to 1,000,000"),
        ("retention_years", "1000000", "a whole number from 0 to 200"),
        ("timely_filing_months", "1000000", "a whole number from 0 to 1,200"),
        ("assistant_payment_factor", "85", "a number from 0 to 1,"),
        ("sequestration", "2", "a number from 0 to 1,"),
        ("overpayment_warning_days", '["30 days"]', "a list of whole numbers in quotes"),
        ("overpayment_warning_days", '[""]', "a list of whole numbers in quotes"),
    ],
)
def test_a_value_that_no_rule_could_reckon_with_is_refused(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    row = f"from: 2020-01-01, source: house-default, value: {value}"
    (tmp_path / "medicare.yaml").write_text(f"id: medicare\n{name}: [{{{row}}}]")
    with pytest.raises(PolicyError, match=why):
        load_policies(tmp_path)


def test_who_takes_a_value_from_a_policy_and_who_has_its_own(tmp_path: Path) -> None:
    row = "[{from: 2020-01-01, source: house-default, value: 9}]"
    (tmp_path / "own.yaml").write_text(f"id: ours\nbased_on: medicare\nprogress_report_treatment_days: {row}")
    policies = load_policies(tmp_path)
    assert "medicare_advantage" in policies.heirs("medicare", "progress_report_treatment_days")
    assert "ours" not in policies.heirs("medicare", "progress_report_treatment_days")
    assert "ours" in policies.heirs("medicare", "timed_unit_minutes")
    assert policies.heirs("ours", "timed_unit_minutes") == ()
