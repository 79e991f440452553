"""Facts and parameters of the evidence card in words: nothing twice, no raw name, no code word of a policy."""

from datetime import date

import polars as pl
import pytest

from compliance.checks.rule import catalogue
from compliance.policy import load_policies
from ui import fact_words


def test_what_stands_elsewhere_on_the_card_is_no_fact_again():
    facts = {
        "fault": "late",
        "no_goals": True,
        "cap": 4,
        "lost": 2,
        "counted_days": "2026-03-02",
        "daily_cap": 4,
        "empty": None,
    }
    assert fact_words.rows(facts, {"daily_cap": {}}, {"counted_days"}) == [
        ("The payer's cap", "4"),
        ("Units lost", "2"),
    ]


def test_days_left_are_said_only_while_some_are_left():
    assert fact_words.rows({"days_left": -179, "days_over": 11}, {}, ()) == [("Days over", "11")]
    assert ("Days left", "7") in fact_words.rows({"days_left": 7, "days_over": -7}, {}, ())


def test_the_limit_of_a_benefit_is_said_with_where_it_is_from():
    facts = {
        "limit": 37, "used": 38, "counted_days": "2026-01-20", "benefit_from": "2026-01-01", "benefit_to": "2026-12-31",
        "disciplines": "PT OT SLP",
    }  # fmt: skip
    assert fact_words.limit_of_benefit(facts).startswith(
        "Limit used: <b>37 visits</b>, from Jan 1, 2026 to Dec 31, 2026, PT, OT and SLP together ▸ the patient"
    )
    dollars = fact_words.limit_of_benefit(facts | {"limit": 1500.0, "counted_days": None})
    assert "<b>$1,500.00</b>" in dollars
    assert fact_words.limit_of_benefit({"limit": 24, "used": 25}) == ""


def test_units_by_each_way_of_counting_are_named_in_words():
    assert fact_words.rows({"by_cms": 0, "by_midpoint": 1, "either_way": "; not known"}, {}, ()) == [
        ("Units by the 8-minute rule", "0"),
        ("Units by midpoint of each code", "1"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("authorized_codes", "97110 97530", "97110 and 97530"),
        ("visits_by_week", "2026-04-13=2 2026-04-20=3", "Apr 13, 2026: 2, Apr 20, 2026: 3"),
        ("unit_method", "cms_8_minute", "CMS's 8-minute rule"),
        ("missed_dollars", 7.5, "$7.50"),
        ("percent", 99.96666, "99.9667"),
    ],
)
def test_a_fact_reads_as_people_write_it(name, value, said):
    assert fact_words.said(name, value) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "calendar days", ("no such rule", "")),
        ("unknown", "visits", (fact_words.NOBODY_READ, "")),
        (1, "minutes", ("1", "minute")),
        (1, "days with data", ("1", "day with data")),
        (12, "calendar months", ("12", "calendar months")),
        (0.85, None, ("85 %", "")),
        (2480, "dollars", ("$2,480.00", "")),
        (["in_room", "DOC-01"], None, ("with the therapist in the room and DOC-01", "")),
        (True, None, ("yes", "")),
    ],
)
def test_a_parameter_reads_as_people_write_it(value, unit, said):
    assert fact_words.parameter("any", value, unit) == said


def test_every_choice_of_a_policy_is_said_in_words():
    policies = load_policies()
    for name, parameter in policies.parameters.items():
        for choice in parameter.allowed or ():
            worth, _ = fact_words.parameter(name, choice, None)
            assert "_" not in worth, (name, choice)


def test_the_parameters_that_a_rule_names_first_lead_and_those_that_say_nothing_come_last():
    told = {
        "a": {"value": None, "source": "cfr"}, "b": {"value": 3, "source": "house-default"},
        "c": {"value": 60, "source": "cfr"}, "d": {"value": 5, "source": "cfr"},
    }  # fmt: skip
    assert [name for name, _ in fact_words.leading(told, ["a", "b", "d", "c"])] == ["d", "c", "b", "a"]


def test_payers_that_share_a_value_stand_together_and_all_have_one():
    policies = load_policies()
    table = fact_words.in_force(catalogue()["PR-01"], policies, date(2026, 7, 1))
    days = table.filter(table["Parameter"] == "Progress report treatment days")
    assert days.height < len(policies.policy_ids) - 1
    told = " ".join(days["Payers"])
    assert all(policies.names[each] in told for each in policies.policy_ids if each != "base")
    assert "10 treatment days" in days["Value"].to_list() and "no such rule" in days["Value"].to_list()
    assert all(each.startswith(("verified", "unverified")) for each in table["Verified"] if each)


def test_values_in_force_stand_below_their_parameter_with_nothing_drawn_of_what_they_say():
    values = fact_words.in_force(catalogue()["PR-01"], load_policies(), date(2026, 7, 1))
    hostile = values.with_columns(Source=pl.lit("<img src=x>"))
    told = fact_words.in_force_html(hostile)
    assert told.count("class='head'") == values["Parameter"].n_unique()
    assert "<img" not in told and "&lt;img" in told


def test_a_policy_tells_its_values_in_the_words_of_the_rules():
    told = fact_words.of_policy(load_policies(), "medicare", date(2026, 7, 1))
    said = {
        name: (value, where, source)
        for name, value, where, _, source, _ in told.filter(pl.col("Where") == "everywhere").iter_rows()
    }
    assert said["ABN modifiers"][0] == "yes"
    assert said["Assistant payment factor"][0] == "85 %"
    assert said["Certification delay days"] == (
        "30 calendar days",
        "everywhere",
        "Medicare Benefit Policy Manual ch.15 §220.1.3, certification",
    )
    private = told.filter(pl.col("Parameter") == "Assistant supervision", pl.col("Where") != "everywhere")
    assert private["Where"].to_list() == ["setting private practice"]
    assert not any("_" in text for name in ("Parameter", "Value", "Where") for text in told[name])
