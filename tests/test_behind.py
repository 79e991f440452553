"""Small tables of the evidence card: they hold what the records say behind a finding's figures, and add up to them."""

import json
from typing import Any

import pytest

from compliance.audit import Audit, audit
from compliance.checks.cases import read_cases
from compliance.checks.rule import catalogue
from compliance.policy import load_policies
from compliance.views import behind


def cases_of(code: str) -> list[Any]:
    """The cases of a rule that break it, by the policies as they are."""
    told = read_cases(catalogue()[code].cases)
    return [case for case in told if not case.policy and case.said.get("finds") not in (None, "nothing")]


def judged(case: Any, code: str) -> Audit:
    return audit(case.records(), load_policies(), case.as_of, [catalogue()[code]])


@pytest.mark.parametrize("case", cases_of("MOD-03"), ids=lambda case: case.sentence)
def test_the_lines_of_a_running_total_add_up_to_it(case):
    result = judged(case, "MOD-03")
    assert result.findings.height
    for finding in result.findings.iter_rows(named=True):
        facts = json.loads(finding["evidence"])["facts"]
        told = behind.running_total(finding, facts, result.lines, load_policies())
        assert told is not None
        assert told["Sum so far"][-1] == pytest.approx(facts["running_total"])
        assert (told["Claim"][-1], told["Line"][-1]) == (finding["claim_id"], finding["line"])
        others = told.filter(told["Line"].is_null())
        assert (others["Allowed"].to_list() or [None])[0] == facts["elsewhere"]


def test_lines_that_do_not_add_up_to_the_total_are_not_shown():
    case = cases_of("MOD-03")[0]
    result = judged(case, "MOD-03")
    finding = result.findings.row(0, named=True)
    facts = json.loads(finding["evidence"])["facts"]
    other = facts | {"running_total": facts["running_total"] + 1}
    assert behind.running_total(finding, other, result.lines, load_policies()) is None
    assert behind.running_total(finding, {}, result.lines, load_policies()) is None
