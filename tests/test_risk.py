"""Rates, limits and dollars: the figures published for small numbers, and that parts sum to the whole."""

import json
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import risk


@pytest.mark.parametrize(
    ("n", "of", "low", "high"), [(2, 4, 15, 85), (12, 60, 12, 32), (30, 200, 11, 21), (0, 8, 0, 32)]
)
def test_wilson_intervals(n: int, of: int, low: int, high: int) -> None:
    rate = risk.rate(n, of)
    assert (round(100 * rate.low), round(100 * rate.high)) == (low, high)


@pytest.mark.parametrize(
    ("of", "outer", "inner"), [(4, 4, None), (10, None, 4), (20, 8, 6), (60, 15, 12), (200, 35, 30)]
)
def test_exact_limits_at_a_baseline_of_ten_per_cent(of: int, outer: int | None, inner: int | None) -> None:
    if outer is not None:
        assert round(risk.limits(of, 0.1, risk.OUTER)[1] * of) == outer
    if inner is not None:
        assert round(risk.limits(of, 0.1, risk.INNER)[1] * of) == inner


def test_two_of_four_is_no_signal_and_thirty_five_of_two_hundred_is() -> None:
    assert risk.standing(2, 4, 0.1) == "within"
    assert risk.standing(35, 200, 0.1) == "outside"
    assert risk.standing(30, 200, 0.1) == "near"
    assert risk.standing(0, 200, 0.1) == "below"


def test_nobody_stands_outside_where_nothing_was_checked() -> None:
    assert risk.standing(0, 0, 0.1) == "within"
    assert risk.rate(0, 0).share is None


@given(st.integers(1, 400), st.floats(0.001, 0.999))
def test_outer_limits_enclose_inner_limits(of: int, centre: float) -> None:
    inner, outer = risk.limits(of, centre, risk.INNER), risk.limits(of, centre, risk.OUTER)
    assert outer[0] <= inner[0] <= centre <= inner[1] <= outer[1]


def findings(*rows: tuple[str, str, list[tuple[str, int, float]]]) -> pl.DataFrame:
    """Findings of (id, severity, lines at risk)."""
    return pl.DataFrame(
        [
            {
                "finding_id": name,
                "rule": name,
                "severity": severity,
                "lines": json.dumps([{"claim_id": c, "line": n, "amount": a} for c, n, a in lines]),
            }
            for name, severity, lines in rows
        ],
        schema=dict.fromkeys(("finding_id", "rule", "severity", "lines"), pl.String),
    )


def lines(*rows: tuple[str, int, float]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"claim_id": pl.String, "line": pl.Int64, "amount": pl.Float64}, orient="row"
    )


def test_a_line_that_two_findings_hit_is_at_risk_once() -> None:
    found = findings(("A", "high", [("C1", 1, 100.0)]), ("B", "medium", [("C1", 1, 100.0), ("C1", 2, 50.0)]))
    shares = risk.at_risk(found, lines(("C1", 1, 100.0), ("C1", 2, 50.0)))
    assert shares["share"].sum() == 150.0
    assert dict(shares.group_by("finding_id").agg(pl.col("share").sum()).iter_rows()) == {
        "A": 50.0,
        "B": 100.0,
    }


def test_documentation_weaknesses_put_no_dollars_at_risk() -> None:
    found = findings(("A", "low", [("C1", 1, 100.0)]), ("B", "info", [("C1", 1, 100.0)]))
    assert risk.at_risk(found, lines(("C1", 1, 100.0))).is_empty()


amounts = st.floats(0, 500, allow_nan=False).map(lambda dollars: round(dollars, 2))
drawn = st.lists(
    st.tuples(
        st.sampled_from("ABCDE"), st.sampled_from(["high", "medium", "low"]), st.integers(1, 4), amounts
    ),
    max_size=12,
)


@given(drawn)
def test_parts_sum_to_the_whole_and_never_exceed_the_lines(
    drawn: list[tuple[str, str, int, float]],
) -> None:
    all_lines = lines(*((f"C{n}", n, 120.0 * n) for n in range(1, 5)))
    found = findings(
        *(
            (f"{name}{i}", severity, [(f"C{n}", n, amount)])
            for i, (name, severity, n, amount) in enumerate(drawn)
        )
    )
    shares = risk.at_risk(found, all_lines)
    per_line = (
        shares.group_by("claim_id", "line")
        .agg(pl.col("share").sum())
        .join(all_lines, on=["claim_id", "line"])
    )
    assert (per_line["share"] <= per_line["amount"] + 1e-6).all()
    valued = risk.with_dollars(found, shares)
    assert abs(valued["dollars"].sum() - shares["share"].sum()) < 1e-6


def test_a_family_adds_up_its_rules_and_no_rule_hides_in_it():
    rows = [
        ("T1", "PR-01", 10, 40),
        ("T2", "PR-01", 49, 1),
        ("T1", "PR-02", 200, 0),
        ("T2", "PR-02", 150, 50),
        ("T1", "POC-01", 2, 1),
    ]
    coverage = pl.DataFrame(
        rows, schema=["therapist_id", "rule", "passed", "failed"], orient="row"
    ).with_columns(cannot_tell=1)
    rules, families = risk.excess(coverage), risk.family_excess(coverage)
    assert families.select("therapist_id", "rule").rows() == [("T1", "POC"), ("T1", "PR"), ("T2", "PR")]
    first = families.filter(pl.col("rule") == "PR").row(0, named=True)
    own = rules.filter((pl.col("therapist_id") == "T1") & pl.col("rule").str.starts_with("PR-"))
    assert (first["n"], first["of"], first["cannot_tell"]) == (40, 250, 2)
    assert first["expected"] == pytest.approx(own["expected"].sum())
    assert first["state"] == "outside", "PR-01 is outside, though the family as a whole is not"
    assert first["excess"] < 0
    assert families.row(0, named=True)["state"] == "few"


def test_a_frozen_baseline_keeps_its_centre_whatever_comes_later() -> None:
    weeks = [datetime(2026, 1, 5 + 7 * number) for number in range(3)] + [datetime(2026, 2, 2)]
    visits = pl.DataFrame(
        {
            "service_date": [week for week in weeks for _ in range(100)],
            "findings": ([1] * 10 + [0] * 90) * 3 + [0] * 100,
            "checked": [True] * 400,
        }
    )
    frozen = risk.weekly(visits, baseline_until=date(2026, 2, 1))
    assert frozen["centre"].unique().to_list() == [0.1] and frozen["standing"].to_list()[-1] == "below"
    assert risk.weekly(visits)["centre"][0] == 0.075
    assert risk.weekly(visits, baseline_until=date(2020, 1, 1))["centre"][0] == 0.075, (
        "no week before: all of them"
    )


def test_weeks_that_a_filter_ends_early_are_complete_where_later_ones_are_known() -> None:
    weeks = [datetime(2026, 1, 5 + 7 * number) for number in range(4)]
    visits = pl.DataFrame({"service_date": weeks, "findings": 0, "checked": True})
    assert risk.weekly(visits)["incomplete"].to_list() == [False, False, True, True]
    early = visits.head(2)
    assert risk.weekly(early)["incomplete"].to_list() == [True, True]
    assert risk.weekly(early, every=visits)["incomplete"].to_list() == [False, False]
    assert risk.weekly(visits.head(3), every=visits)["incomplete"].to_list() == [False, False, True]


def test_one_finding_after_a_baseline_without_any_is_not_beyond_chance() -> None:
    weeks = [datetime(2026, 1, 5), datetime(2026, 1, 12), datetime(2026, 2, 2), datetime(2026, 2, 9)]
    visits = pl.DataFrame(
        {
            "service_date": [week for week in weeks for _ in range(50)],
            "findings": [0] * 100 + [1] + [0] * 49 + [1] * 20 + [0] * 30,
            "checked": [True] * 200,
        }
    )
    told = risk.weekly(visits, incomplete_weeks=0, baseline_until=date(2026, 2, 1))
    assert told["centre"].unique().to_list() == [0.0]
    assert told["standing"].to_list() == ["within", "within", "within", "outside"]
    assert risk.expected(0, 100) == risk.rate(0, 100).high and risk.expected(5, 5) == risk.rate(5, 5).low
    assert risk.expected(3, 4) == 0.75
