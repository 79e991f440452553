"""A what-if: what it adds, removes and moves is what an audit under the same policy file finds."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from compliance.audit import Audit, audit
from compliance.checks.rule import select
from compliance.policy import Policies, PolicyError, load_policies
from compliance.records.load import Records, load
from compliance.risk import at_risk
from compliance.whatif import Change, changes_of, compare, laid, overlay_text, rerun
from tests import clinic

AS_OF = date(2026, 7, 1)
FROM = date(2026, 1, 1)
REPORT = "progress_report_treatment_days"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return load(clinic.write(tmp_path_factory.mktemp("clinic"), patients=6, visits=14))


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="module")
def before(records: Records, policies: Policies) -> Audit:
    return audit(records, policies, AS_OF, select(["PR", "UNIT-01", "SUP-02"]))


def test_a_shorter_interval_adds_findings_and_moves_dollars(
    records: Records, policies: Policies, before: Audit
) -> None:
    told = compare(records, policies, before, [Change("medicare", REPORT, 4, FROM)])
    assert told.added.height > 0 and set(told.added["rule"]) <= {"PR-01", "PR-02", "PR-03"}
    assert told.dollars_after > told.dollars_before
    assert told.dollars_after - told.dollars_before == pytest.approx(
        float(told.lines["change"].sum()), abs=0.01
    )
    assert told.rules["change"].sum() == pytest.approx(told.dollars_after - told.dollars_before, abs=0.05)
    assert told.rules["added"].sum() == told.added.height
    assert told.largest.height == min(20, told.lines.height)
    assert told.lines["change"].abs().to_list() == sorted(told.lines["change"].abs(), reverse=True)


def test_what_is_told_is_what_an_audit_under_the_exported_file_finds(
    records: Records, policies: Policies, before: Audit, tmp_path: Path
) -> None:
    change = Change("medicare", REPORT, 4, FROM)
    told = compare(records, policies, before, [change])
    (tmp_path / "medicare.yaml").write_text(
        overlay_text([change], "four days", "ana", AS_OF), encoding="utf-8"
    )
    under = audit(records, load_policies(tmp_path), AS_OF, select(["PR", "UNIT-01", "SUP-02"]))
    gained = set(under.findings["finding_id"]) - set(before.findings["finding_id"])
    lost = set(before.findings["finding_id"]) - set(under.findings["finding_id"])
    of_before = {each.code for each in select(["PR", "UNIT-01", "SUP-02"])}
    assert set(told.added.filter(pl.col("rule").is_in(of_before))["finding_id"]) == gained
    assert set(told.removed["finding_id"]) == lost
    assert float(at_risk(under.findings, under.lines)["share"].sum()) == pytest.approx(told.dollars_after)


def test_the_same_value_again_changes_nothing(records: Records, policies: Policies, before: Audit) -> None:
    told = compare(records, policies, before, [Change("medicare", REPORT, 10, FROM)])
    assert told.added.is_empty() and told.removed.is_empty() and told.lines.is_empty() and not told.moved


def test_another_payers_change_leaves_these_findings_alone(
    records: Records, policies: Policies, before: Audit
) -> None:
    told = compare(records, policies, before, [Change("auto", REPORT, 2, FROM)])
    assert told.added.is_empty() and told.removed.is_empty()


def test_heirs_of_a_policy_take_the_change_with_it(policies: Policies) -> None:
    from compliance.policy.loader import laid_over

    text = overlay_text([Change("medicare", REPORT, 4, FROM)], "four", "ana", AS_OF)
    changed = laid_over(policies, text, "what-if")
    for policy in ("medicare", "medicare_advantage"):
        value = changed.value(policy, REPORT, AS_OF)
        assert value is not None and value.value == 4 and value.layer == "what-if"
    other, same = changed.value("commercial", REPORT, AS_OF), policies.value("commercial", REPORT, AS_OF)
    assert other == same
    assert policies.value("medicare", REPORT, AS_OF).value == 10  # type: ignore[union-attr]


def test_only_rules_that_read_the_parameter_run_again_and_all_where_it_prices_a_line() -> None:
    assert {rule.code for rule in rerun([Change("medicare", "cosign_days", 3, FROM)])} == {"SUP-02"}
    assert len(rerun([Change("medicare", "conversion_factor", 30.0, FROM)])) == len(select(None))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("medicare", REPORT, -1, FROM), "does not fit"),
        (Change("medicare", "progress_days", 1, FROM), "is no parameter"),
        (Change("medicaid_of_mars", REPORT, 1, FROM), "No policy"),
        (Change("medicare", REPORT, 1, FROM, (("setting", "moon"),)), "setting"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    change: Change, said: str, records: Records, policies: Policies, before: Audit
) -> None:
    with pytest.raises(PolicyError, match=said):
        compare(records, policies, before, [change])


def test_two_changes_of_one_day_and_value_are_written_out_and_load_again(policies: Policies) -> None:
    codes = ["97110", "97530"]
    changes = [Change("medicare", REPORT, 8, FROM), Change("medicare", "cosign_days", 8, FROM),
               Change("medicare", "documentation_elements", codes, FROM)]  # fmt: skip
    text = overlay_text([*changes, Change("medicare", "required_documents", codes, FROM)], "n", "a", AS_OF)
    assert "&" not in text and "*" not in text
    assert changes_of(text)[:3] == changes
    laid(policies, changes[:2], AS_OF)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "a",
        "id: medicare",
        "id: [x]\nx: [{from: soon, value: 1}]",
        "!!python/name:os.system",
        "x: [{from: 2026-01-01}]",
    ],
)
def test_a_text_that_is_no_what_if_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="no what-if"):
        changes_of(text)


def test_the_file_names_its_author_and_day_and_loads_again() -> None:
    text = overlay_text([Change("medicare", REPORT, 8, FROM)], "eight: “why”", "ana\n- x: 1", AS_OF)
    row = yaml.safe_load(text)[REPORT][0]
    assert changes_of(text) == [Change("medicare", REPORT, 8, FROM)]
    narrow = Change("medicaid", REPORT, 8, FROM, (("setting", "school"), ("state", "MD")))
    assert changes_of(overlay_text([narrow], "n", "a", AS_OF)) == [narrow]
    assert row["value"] == 8 and "ana" in row["note"] and "2026-07-01" in row["note"]
