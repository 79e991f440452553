"""Small tables of the evidence card: they hold what the records say behind a finding's figures, and add up to them."""

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from compliance.audit import Audit, audit
from compliance.checks.cases import read_cases
from compliance.checks.remote_monitoring.givers import SETUP
from compliance.checks.rule import catalogue
from compliance.policy import load_policies
from compliance.views import behind
from tests.test_rules import policies_of


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


@pytest.mark.parametrize(
    "case", [*cases_of("RTM-01"), *cases_of("RTM-02"), *cases_of("RTM-05")], ids=lambda case: case.sentence
)
def test_events_of_monitoring_come_to_what_the_finding_counts(case):
    code = next(code for code in ("RTM-01", "RTM-02", "RTM-05") if case in cases_of(code))
    records = case.records()
    result = audit(records, load_policies(), case.as_of, [catalogue()[code]])
    for finding in result.findings.iter_rows(named=True):
        facts = json.loads(finding["evidence"])["facts"]
        told = behind.monitoring_events(finding, facts, records.tables)
        if "data_days" in facts:
            assert told is not None and told["Day"].n_unique() == facts["data_days"]
        elif facts.get("cpt") == SETUP:
            assert told is None
        elif "month_minutes" in facts:
            assert told is not None and told["Minutes"].sum() == facts["month_minutes"]


def test_events_that_do_not_come_to_the_count_are_not_shown():
    case = cases_of("RTM-02")[0]
    records = case.records()
    finding = audit(records, load_policies(), case.as_of, [catalogue()["RTM-02"]]).findings.row(0, named=True)
    facts = json.loads(finding["evidence"])["facts"]
    assert behind.monitoring_events(finding, facts | {"month_minutes": -1}, records.tables) is None
    assert behind.monitoring_events(finding, {}, records.tables) is None


SERVICE = {"level": "direct", "deliverer": "Bo", "starts_at": "2026-03-02T10:00", "ends_at": "2026-03-02T10:30",
           "supervisor": "Ana"}  # fmt: skip
OF_THE_DAY = {"service_date": datetime(2026, 3, 2), "clinic_id": "CL1", "discipline": "PT"}


def on_shift(**more: str | None) -> list[tuple[str | None, ...]]:
    tables = {
        "therapists": pl.DataFrame(
            {"therapist_id": ["T1", "T2", "T3", "A1"], "name": ["Ana", "Cy", "Di", "Bo"], "discipline": ["PT", "PT", "OT", "PT"],
             "role": ["therapist", "therapist", "therapist", "assistant"]}
        ),
        "shifts": pl.DataFrame(
            [("T1", "CL2", 9, 17, "clocked"), ("T2", "CL1", 8, 12, None), ("T2", "CL1", 8, 12, "scheduled"),
             ("T2", "CL1", 13, 17, "clocked"), ("T2", "CL1", 7, 17, "leave"), ("T3", "CL1", 8, 17, "clocked"),
             ("A1", "CL1", 8, 17, "clocked")],
            schema=["therapist_id", "clinic_id", "starts_at", "ends_at", "kind"], orient="row",
        ).with_columns(pl.datetime(2026, 3, 2, pl.col(name)).alias(name) for name in ("starts_at", "ends_at")),
    }  # fmt: skip
    told = behind.shifts_of_day(OF_THE_DAY, SERVICE | more, tables)
    return [] if told is None else told.rows()


def test_shifts_of_the_disciplines_therapists_at_the_clinic_and_of_the_supervisor_anywhere_say_who_was_on_site():
    assert on_shift() == [
        ("T2", "leave", "this clinic", "07:00", "17:00", "on leave"),
        ("T2", "clocked", "this clinic", "08:00", "12:00", "yes"),
        ("T2", "scheduled", "this clinic", "08:00", "12:00", "a plan only"),
        ("T1", "clocked", "elsewhere", "09:00", "17:00", "no"),
        ("T2", "clocked", "this clinic", "13:00", "17:00", "no"),
    ]


def test_shifts_are_shown_only_where_presence_was_asked_for():
    assert on_shift(level="general") == []
    assert {row[-1] for row in on_shift(starts_at=None) if row[1] == "clocked"} == {None, "no"}


@pytest.mark.parametrize("case", cases_of("UNIT-05"), ids=lambda case: case.sentence)
def test_the_visits_behind_a_pattern_of_minutes_are_those_that_were_counted(case):
    records = case.records()
    for finding in judged(case, "UNIT-05").findings.iter_rows(named=True):
        facts = json.loads(finding["evidence"])["facts"]
        told = behind.visits_of_pattern(finding, facts, records.tables)
        assert told is not None
        assert (told["Timed minutes"].min(), told["Timed minutes"].max()) == (
            facts["shortest"],
            facts["longest"],
        )
        assert behind.visits_of_pattern(finding, facts | {"visits": 1}, records.tables) is None
        assert behind.visits_of_pattern(finding, {}, records.tables) is None


PLATEAUS = [
    case for case in read_cases(catalogue()["INT-01"].cases) if case.said.get("finds", "nothing") != "nothing"
]


@pytest.mark.parametrize("case", PLATEAUS, ids=lambda case: case.sentence)
def test_the_reports_behind_a_plateau_are_those_that_were_compared(case, tmp_path):
    records = case.records()
    result = audit(records, policies_of(case, tmp_path), case.as_of, [catalogue()["INT-01"]])
    for finding in result.findings.iter_rows(named=True):
        facts = json.loads(finding["evidence"])["facts"]
        ids = behind.reports_of_goal(finding, facts, records.tables)
        assert len(ids) == facts["reports"]
        days = dict(records.tables["notes"].select("note_id", "service_date").iter_rows())
        assert [days[each].date().isoformat() for each in (ids[0], ids[-1])] == [
            facts["from_on"],
            facts["to_on"],
        ]
        assert behind.reports_of_goal(finding, facts | {"reports": 99}, records.tables) == []
        assert behind.reports_of_goal(finding, {}, records.tables) == []
