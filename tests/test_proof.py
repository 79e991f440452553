"""What the facts of a finding prove: minutes against units, days, sessions, pairs, thresholds, payments."""

import json
from datetime import date

import polars as pl
import pytest

from compliance import proof
from compliance.audit import audit
from compliance.checks.cases import read_cases
from compliance.checks.rule import catalogue
from compliance.policy import load_policies

CLOCK = {"timed_unit_minutes": {"value": 15}, "first_unit_minutes": {"value": 8}}
TWO_CODES = {"minutes_by_code": "97110=7 97530=15", "billed_by_code": "97110=1 97530=1", "supported_by_code": "97110=0 97530=1",
             "timed_minutes": 22, "units_billed": 2, "units_supported": 1, "unit_method": "cms_8_minute"}  # fmt: skip


def test_pooled_minutes_stand_on_one_row_and_say_what_was_billed():
    told = proof.units(TWO_CODES, CLOCK)
    assert told.sentence == "22 timed minutes are enough for 1 unit; 2 were billed, 1 too many of 97110"
    assert told.counting == ""
    assert told.bars.select("row", "starts", "ends").rows() == [
        (proof.ALL_MINUTES, 0, 7),
        (proof.ALL_MINUTES, 7, 22),
    ]
    assert told.marks.rows() == [(proof.ALL_MINUTES, 23, "2 billed", True)]
    assert told.steps == [8, 23]


def test_where_each_code_counts_by_itself_each_has_its_row_and_mark():
    told = proof.units(TWO_CODES | {"unit_method": "midpoint"}, CLOCK)
    assert told.bars.select("row", "starts", "ends").rows() == [("97110", 0, 7), ("97530", 0, 15)]
    assert told.marks.rows() == [("97110", 8, "1 billed", True), ("97530", 8, "1 billed", False)]


def test_a_payer_whose_counting_nobody_has_read_is_not_said_to_count_by_code():
    told = proof.units(TWO_CODES | {"unit_method": "unknown"}, CLOCK)
    assert told.pooled and "nobody has read" in told.counting
    assert "by itself" in proof.units(TWO_CODES | {"unit_method": "midpoint"}, CLOCK).counting


def test_where_the_way_of_counting_is_not_known_both_are_told_each_with_its_name():
    told = proof.ways_of_units(
        TWO_CODES
        | {
            "unit_method": "unknown",
            "pooled_by_code": "97110=0 97530=1",
            "midpoint_by_code": "97110=1 97530=1",
        },
        CLOCK,
    )
    assert [each.pooled for each in told] == [True, False]
    assert [each.sentence for each in told] == [
        "By the 8-minute rule: 22 timed minutes are enough for 1 unit; 2 were billed, 1 too many of 97110",
        "By the midpoint of each code: 22 timed minutes are enough for 2 units; 2 were billed",
    ]
    assert [each.way for each in proof.ways_of_units(TWO_CODES, CLOCK)] == [""]
    assert proof.ways_of_units({"timed_minutes": 22}, CLOCK) == []


def test_without_the_parameters_no_step_is_drawn_and_without_totals_nothing():
    told = proof.units(TWO_CODES, {})
    assert told.steps == [] and told.marks.is_empty()
    assert proof.units({"timed_minutes": 22}, CLOCK) is None
    alone = proof.units({"timed_minutes": 40, "units_billed": 2}, CLOCK)
    assert alone.bars["ends"].to_list() == [40] and alone.codes["supported"].to_list() == [None]


def test_counted_days_stand_before_on_and_after_the_due_day():
    days = proof.days({"counted_days": "2026-03-02 2026-03-04 2026-03-06", "due_on": "2026-03-04"})
    assert [(day.number, day.on.day, day.place) for day in days] == [
        (1, 2, "counted"),
        (2, 4, "due"),
        (3, 6, "after"),
    ]
    assert proof.days({"treatment_days": 3}) == []


def test_weeks_hold_visits_made_and_planned_and_say_which_are_over():
    told = proof.weeks({"made_of_planned": "2026-03-02=1/1 2026-03-09=2/1 2026-03-16=2/1.5"})
    assert told.select("made", "planned", "over").rows() == [(1, 1.0, False), (2, 1.0, True), (2, 1.5, False)]
    assert proof.weeks_sentence(told) == (
        "1 of 3 full weeks holds more visits than planned, 2 against 1 in the fullest"
    )
    fewer = proof.weeks({"made_of_planned": "2026-03-02=1/3 2026-03-09=0/3"})
    assert proof.weeks_sentence(fewer) == "2 of 2 full weeks hold fewer visits than planned"
    assert proof.weeks({"made_of_planned": None}) is None


def test_visits_under_a_limit_are_numbered_after_those_elsewhere_and_those_beyond_it_stand_out():
    facts = {"counted_days": "2026-03-02 2026-03-04 2026-03-06", "limit": 4, "used": 5, "used_elsewhere": 2}
    assert [(day.number, day.place) for day in proof.days(facts)] == [
        (3, "counted"),
        (4, "counted"),
        (5, "after"),
    ]
    assert proof.visit_limit({"limit": 1500.0, "used": 1600.0}) is None


def test_a_due_day_without_treatment_stands_between_the_days():
    days = proof.days(
        {
            "counted_days": "2026-02-02 2026-03-06",
            "due_on": "2026-03-04",
            "deadline": "2026-04-03",
            "certified_on": None,
        }
    )
    assert [(day.number, day.told) for day in days] == [(1, ""), (None, "due"), (2, ""), (None, "last day")]


def test_sessions_are_read_with_and_without_a_patient():
    told = proof.sessions(
        {"sessions": "2026-03-02T09:00/2026-03-02T09:30 97530 P 1; 2026-03-02T09:15/2026-03-02T09:45 97110"}
    )
    assert told.select("cpt", "patient_id").rows() == [("97530", "P 1"), ("97110", None)]
    assert proof.sessions({"sessions": "nothing by the clock"}) is None


def test_shared_stretches_are_joined_and_say_how_many_at_once():
    told = proof.sessions(
        {"sessions": "2026-03-02T09:00/2026-03-02T09:30 97530 P1; 2026-03-02T09:15/2026-03-02T09:45 97110 P2; "
         "2026-03-02T09:20/2026-03-02T09:25 97110 P3; 2026-03-02T09:00/2026-03-02T09:10 97112 P1"}
    )  # fmt: skip
    stretches = proof.shared(told, "patient_id")
    assert stretches.select("together", "minutes").rows() == [(3, 15)]
    assert (
        proof.shared_sentence(stretches, "patient", {})
        == "15 minutes with up to 3 patients at once by the clock"
    )
    least = proof.shared_sentence(stretches, "patient", {"overlap_minutes": 5})
    assert least.endswith("; 5 minutes certainly shared")


def test_sessions_that_only_touch_share_nothing():
    told = proof.sessions(
        {"sessions": "2026-03-02T09:00/2026-03-02T09:30 97530 P1; 2026-03-02T09:30/2026-03-02T09:45 97110 P2"}
    )
    stretches = proof.shared(told, "patient_id")
    assert stretches.is_empty()
    assert proof.shared_sentence(stretches, "patient", {}) == "No two patients at once by the clock"


def test_a_pair_says_what_its_table_cannot():
    facts = {
        "pair_column_1": "97150",
        "pair_column_2": "97530",
        "modifier_indicator": "1",
        "table_as_of": "2024-07-01",
    }
    told = proof.pair(facts)
    assert "only as separate services" in told.means
    assert told.lacks(date(2026, 3, 2)) == (
        "since when the pair is in force and what changed between Jul 1, 2024 and the day of service, Mar 2, 2026"
    )
    assert proof.pair(facts | {"pair_from": "2020-10-01"}).lacks(date(2024, 6, 1)) == ""
    assert proof.pair({"pair_column_1": "97150"}) is None


def test_a_threshold_says_when_it_counts_only_what_is_known_here():
    facts = {"running_total": 2530, "threshold": 2480, "review_threshold": 3000, "bucket": "OT"}
    told = proof.threshold(facts | {"counted": "at least, known here"})
    assert (
        told.sentence
        == "OT: at least $2,530.00 known here, $50.00 above the threshold of $2,480.00; other providers' dollars are unknown"
    )
    assert told.limits == (("threshold", 2480.0), ("review", 3000.0))
    assert proof.threshold({"running_total": 2530}) is None


def test_a_threshold_tells_dollars_here_from_those_of_others():
    facts = {
        "running_total": 2976.65, "threshold": 2480, "bucket": "OT", "counted": "with other providers", "dollars_here": 883.59,
        "elsewhere": 2093.06, "elsewhere_on": "2026-01-01", "elsewhere_with_own": 0,
    }  # fmt: skip
    told = proof.threshold(facts)
    assert told.parts == (("at other providers by Jan 1, 2026", 2093.06), ("here", 883.59))
    assert told.sentence == (
        "OT: $2,976.65, $496.65 above the threshold of $2,480.00: $2,093.06 at other providers by Jan 1, 2026 and $883.59 here"
    )
    whole = proof.threshold(facts | {"elsewhere_with_own": 1})
    assert [what for what, _ in whole.parts] == ["at all providers by Jan 1, 2026", "here since"]


PAID = {"price_in_full": 36.62, "reduction": 0, "expected_allowed": 36.62, "deductible_taken": 0, "coinsurance_amount": 7.32,
        "assistant_reduction": 4.39, "sequestration_withheld": 0.5, "expected_payment": 24.4, "paid": 19.52}  # fmt: skip


def test_the_steps_of_a_payment_add_up():
    steps = proof.payment(PAID)
    assert steps["step"].to_list() == [
        "fee", "coinsurance", "assistant's factor", "sequestration", "expected payment", "paid"
    ]  # fmt: skip
    assert proof.payment_sentence(PAID) == "Paid $19.52, $4.88 less than the $24.40 expected"


@pytest.mark.parametrize(
    ("facts", "step"),
    [({"expected_payment": 0, "paid": 0.0}, "deductible that may be open"),
     ({"coinsurance_amount": None, "expected_payment": 20.0}, "patient's share (remittance)")],
)  # fmt: skip
def test_what_no_fact_names_is_a_step_of_its_own(facts, step):
    steps = proof.payment(PAID | facts).filter(pl.col("kind") != "paid")
    assert step in steps["step"].to_list()
    first, last = steps["amount"][0], steps["amount"][-1]
    assert first + float(steps.filter(pl.col("kind") == "less")["amount"].sum()) == pytest.approx(last)


READS = {
    "UNIT-01": lambda facts, values: proof.units(facts, values),
    "CON-01": lambda facts, _: proof.sessions(facts),
    "UNIT-04": lambda facts, _: proof.sessions(facts),
    "NCCI-01": lambda facts, _: proof.pair(facts),
    "MOD-03": lambda facts, _: proof.threshold(facts),
    "FRQ-03": lambda facts, _: proof.weeks(facts),
    "FRQ-04": lambda facts, _: proof.visit_limit(facts),
    "POC-03": lambda facts, _: proof.days(facts),
    "PR-01": lambda facts, _: proof.days(facts),
    "PAY-01": lambda facts, _: proof.payment(facts),
}


@pytest.mark.parametrize("code", READS)
def test_the_rules_return_what_is_read_here(code):
    rule = catalogue()[code]
    case = next(
        each for each in read_cases(rule.cases) if each.said.get("example") == "breaks" and not each.policy
    )
    found = audit(case.records(), load_policies(), case.as_of, [rule]).findings
    evidence = json.loads(found["evidence"][0])
    shown = READS[code](evidence["facts"], evidence.get("parameters", {}))
    assert shown is not None and not (isinstance(shown, list) and not shown)


def test_days_after_the_plans_end_are_what_is_wrong():
    facts = {
        "counted_days": "2026-02-03 2026-02-04", "interval_to": "2026-02-01", "due_on": "2026-02-11", "deadline": "2026-03-03"
    }  # fmt: skip
    assert proof.lapsed(facts)
    assert [(day.place, day.told) for day in proof.days(facts)] == [
        ("event", "plan until"), ("after", ""), ("after", ""), ("event", "last day")
    ]  # fmt: skip
    assert not proof.lapsed(facts | {"interval_to": "2026-02-03"})
    assert not proof.lapsed({"interval_to": "2026-02-03"})
