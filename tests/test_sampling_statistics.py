"""Sample sizes and estimates against published and worked figures, and the algebra that must hold for any."""

from fractions import Fraction
from math import sqrt
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.sampling import SamplingError
from compliance.sampling.estimates import (
    Measured,
    Projection,
    Reviewed,
    difference_estimate,
    exact_interval,
    mean_per_unit_estimate,
    measured,
    projected,
    ratio_estimate,
    unfit,
)
from compliance.sampling.sizes import discovery_size, dollar_size, none_shows, rate_size, supposed_error

PUBLISHED = yaml.safe_load(
    (Path(__file__).parent / "data/sampling_estimates.yaml").read_text(encoding="utf-8")
)
PROJECTED = [each for each in PUBLISHED if "strata" in each]
SIMPLE = [0] * 22 + [2580, 3662, 3662, 7324, 6242, 2580, 10986, 3662]
STRATIFIED = {
    "A": (800, [0] * 22 + [2580] * 3 + [3662] * 5),
    "B": (300, [0] * 12 + [7324] * 5 + [10986] * 3),
    "C": (100, [0] * 3 + [14648] * 5 + [3662] * 2),
}


def dollars(cents: float) -> float:
    return round(cents / 100, 2)


@pytest.mark.parametrize(
    ("confidence", "sizes"),
    [(0.90, (230, 114, 45, 22, 11)), (0.95, (299, 149, 59, 29, 14)), (0.99, (459, 228, 90, 44, 21))],
)
def test_discovery_sizes(confidence, sizes):
    assert tuple(discovery_size(rate, confidence) for rate in (0.01, 0.02, 0.05, 0.10, 0.20)) == sizes


def test_a_discovery_of_three_percent():
    assert discovery_size(0.03, 0.95) == 99


@pytest.mark.parametrize(
    ("population", "sizes"),
    [
        (200, "51/66 116/132 94/111 66/83 84/101"),
        (500, "60/81 176/218 129/166 82/109 112/145"),
        (1_000, "64/88 214/278 148/198 89/122 126/169"),
        (2_000, "66/92 239/323 160/220 93/130 134/185"),
        (5_000, "67/95 257/357 168/235 96/135 139/195"),
        (20_000, "68/96 267/377 172/243 97/138 142/201"),
    ],
)
def test_attribute_sizes(population, sizes):
    asked = [(0.5, 0.1), (0.5, 0.05), (0.2, 0.05), (0.1, 0.05), (0.05, 0.03)]
    told = " ".join(
        "/".join(str(rate_size(rate, margin, confidence, population)) for confidence in (0.9, 0.95))
        for rate, margin in asked
    )
    assert told == sizes


def test_the_worked_simple_sample_to_the_cent():
    stratum = measured("all", 1200, SIMPLE)
    told = projected([stratum], 0.90)
    assert sum(SIMPLE) == 40698 and stratum.mean / 100 == pytest.approx(13.566)
    assert stratum.variance and round(sqrt(stratum.variance) / 100, 4) == 27.0139
    assert (dollars(told.standard_error), dollars(told.point)) == (5844.01, 16279.20)
    assert (dollars(told.low), dollars(told.high), dollars(told.lower)) == (6349.49, 26208.91, 8615.17)
    assert told.precision and round(told.precision, 2) == 0.61
    assert told.quantiles == "Student's t, 29 degrees of freedom"


def test_the_worked_error_rate():
    told = exact_interval(8, 30, 0.90)
    percents = [round(100 * each, 1) for each in (told.share, told.low, told.high, told.lower)]
    assert percents == [26.7, 14.0, 43.0, 16.2]


def test_the_worked_stratified_sample_to_the_cent():
    strata = [measured(name, population, values) for name, (population, values) in STRATIFIED.items()]
    told = projected(strata, 0.90)
    assert [dollars(stratum.total) for stratum in strata] == [6946.67, 10436.70, 8056.40]
    assert [dollars(stratum.standard_error) for stratum in strata] == [2135.38, 2929.48, 2122.70]
    assert (dollars(told.point), dollars(told.standard_error)) == (25439.77, 4200.90)
    assert (dollars(told.low), dollars(told.lower)) == (18529.91, 20056.10)
    assert told.quantiles == "normal"


@pytest.mark.parametrize("example", PROJECTED, ids=lambda each: each["id"])
def test_published_projections(example):
    strata = [Measured(name, **figures) for name, figures in example["strata"].items()]
    told = projected(strata, 0.90)
    assert told.point == pytest.approx(example["point"], rel=1e-5)
    if "standard_error" in example:
        assert told.standard_error == pytest.approx(example["standard_error"], rel=1e-5)
    for confidence in (90, 95):
        if limits := example.get(f"two_sided_{confidence}"):
            told = projected(strata, confidence / 100)
            assert [told.low, told.high] == pytest.approx(limits, rel=1e-5)


@pytest.mark.parametrize(
    "example", [each for each in PUBLISHED if "errors" in each], ids=lambda each: each["id"]
)
def test_published_error_rates(example):
    reviewed = example.get("reviewed") or example["strata"]["all"]["reviewed"]
    told = exact_interval(example["errors"], reviewed, 0.90)
    assert round(told.share, 4) == example["rate"]
    assert told.low < told.lower < told.share < told.upper < told.high
    if services := example.get("services"):
        assert round(services["errors"] / services["reviewed"], 4) == services["rate"]


def test_no_error_in_59_leaves_five_percent_possible():
    told = exact_interval(0, 59, 0.95)
    assert told.low == told.lower == 0
    assert 0.049 < told.upper < 0.05
    assert exact_interval(59, 59, 0.95).high == 1


def test_a_dollar_sample_is_sized_from_a_probe():
    # the worked sample: mean 13.566, deviation 27.0139; z = 1.6449: (1.6449·27.0139/(0.25·13.566))² = 171.67
    assert dollar_size(13.566, 27.0139, 0.25, 0.90) == 172
    assert dollar_size(13.566, 27.0139, 0.25, 0.90, population=1200) == 151
    with pytest.raises(SamplingError, match="above 0"):
        dollar_size(0, 1, 0.25, 0.9)


def test_a_share_of_units_wholly_wrong_has_the_moments_of_that_mixture():
    mean, deviation = supposed_error([10_000] * 10, 0.2)
    assert mean == pytest.approx(2_000) and deviation == pytest.approx(4_000)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_shares_outside_nought_and_one_are_refused(share):
    with pytest.raises(SamplingError, match="between 0 and 100 %"):
        discovery_size(share, 0.9)
    with pytest.raises(SamplingError, match="between 0 and 100 %"):
        rate_size(0.1, 0.05, share)


def test_one_unit_of_several_has_no_spread():
    assert unfit([("all", 10, 1)]).because == "the sample has 1 of 10 reviewed: its spread needs two"
    assert "stratum B" in unfit([("A", 10, 5), ("B", 9, 1)]).because
    assert unfit([("A", 10, 5), ("B", 1, 1)]) is None, "a stratum of one unit is known whole"


shares = st.floats(0.01, 0.5)


@given(rate=shares, confidence=st.floats(0.5, 0.99), population=st.integers(1, 3_000))
@settings(deadline=None)
def test_a_finite_frame_never_needs_more(rate, confidence, population):
    assert discovery_size(rate, confidence, population) <= min(discovery_size(rate, confidence), population)
    assert rate_size(rate, 0.05, confidence, population) <= min(rate_size(rate, 0.05, confidence), population)


@given(rate=shares, confidence=st.floats(0.5, 0.99), population=st.integers(1, 2_000))
@settings(deadline=None)
def test_a_discovery_without_an_error_shows_what_it_was_planned_for(rate, confidence, population):
    size = discovery_size(rate, confidence, population)
    wrong = -(-rate * population // 1)  # the least number of units that makes the rate
    assert none_shows(size, confidence, population) <= max(wrong, 1) / population + 1e-9
    if size > 1:
        assert none_shows(size - 1, confidence, population) > wrong / population - 1e-9


@given(data=st.data(), reviewed=st.integers(1, 200), confidences=st.tuples(shares, shares))
@settings(deadline=None)
def test_limits_widen_with_confidence(data, reviewed, confidences):
    errors = data.draw(st.integers(0, reviewed))
    less, more = (exact_interval(errors, reviewed, 0.5 + each / 2) for each in sorted(confidences))
    assert more.low <= less.low <= less.share <= less.high <= more.high
    assert more.low <= more.lower and less.lower >= more.lower


reviewed_units = st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 50_000)), min_size=2, max_size=30)


def stratum(name: str, units: list[tuple[int, int]], more: int = 0) -> Reviewed:
    paid, correct = zip(*units, strict=True)
    return Reviewed(name, len(units) + more, sum(paid), paid, correct)


@given(st.lists(reviewed_units, min_size=1, max_size=4))
@settings(deadline=None)
def test_reviewing_everything_gives_the_truth(groups):
    strata = [stratum(str(number), units) for number, units in enumerate(groups)]
    truth = sum(sum(each.differences) for each in strata)
    for estimate in (difference_estimate, mean_per_unit_estimate, ratio_estimate):
        told = estimate(strata, 0.9)
        if isinstance(told, Projection):
            assert told.point == pytest.approx(truth, abs=1e-3)
            assert told.low == pytest.approx(told.high, abs=1e-3)


@given(units=reviewed_units, more=st.integers(1, 1_000), confidences=st.tuples(shares, shares))
@settings(deadline=None)
def test_dollar_limits_widen_with_confidence(units, more, confidences):
    less, wider = (
        difference_estimate([stratum("all", units, more)], 0.5 + c / 2) for c in sorted(confidences)
    )
    assert wider.low <= less.low <= less.point <= less.high <= wider.high
    assert less.low <= less.lower


@given(units=reviewed_units)
@settings(deadline=None)
def test_the_order_of_answers_changes_no_figure(units):
    assert difference_estimate([stratum("all", units, 9)], 0.9) == difference_estimate(
        [stratum("all", units[::-1], 9)], 0.9
    )


def test_where_the_error_is_a_fixed_share_the_ratio_estimate_is_certain():
    told = ratio_estimate([stratum("all", [(10_000, 8_000), (5_000, 4_000), (2_000, 1_600)], 97)], 0.9)
    assert isinstance(told, Projection)
    assert told.standard_error == pytest.approx(0) and told.point == pytest.approx(3_400)


def test_means_are_exact():
    assert measured("all", 3, [Fraction(1, 3)] * 3).variance == 0.0
