"""How minutes become units: worked examples, and the algebra that any minutes obey."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compliance.checks.units.allocation import MIDPOINT, POOLED, Clock, allocate

CMS = Clock(unit=15, first=8)
EXAMPLES = yaml.safe_load((Path(__file__).parent / "data/eight_minute_rule.yaml").read_text(encoding="utf-8"))
CODES = ("97035", "97110", "97112", "97140", "97530")
MINUTES = st.dictionaries(st.sampled_from(CODES), st.integers(0, 90), min_size=1)
CLOCKS = st.integers(2, 60).flatmap(
    lambda unit: st.builds(Clock, unit=st.just(unit), first=st.integers(1, unit))
)
METHODS = st.sampled_from([POOLED, MIDPOINT])


def allowed_vectors(minutes: dict[str, int], clock: Clock, method: str) -> list[dict[str, int]]:
    return list(allocate(minutes, clock, method).vectors())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_worked_examples_of_the_8_minute_rule(example: dict[str, Any]) -> None:
    told = example["minutes"]
    if isinstance(told, dict):
        minutes = {str(code): each for code, each in told.items()}
        assert allocate(minutes, CMS, POOLED).total == example["units"]
        expected = [{str(code): n for code, n in vector.items()} for vector in example.get("allocations", [])]
        if expected:
            found = allowed_vectors(minutes, CMS, POOLED)
            assert sorted(found, key=str) == sorted(
                ({code: vector[code] for code in minutes} for vector in expected), key=str
            )
        return
    first, last = told if isinstance(told, list) else (told, told)
    assert {CMS.units(minutes) for minutes in range(first, last + 1)} == {example["units"]}


@pytest.mark.parametrize(
    ("minutes", "units"),
    [
        ({"97112": 24, "97110": 23}, {"97112": 2, "97110": 2}),
        ({"97110": 33, "97140": 7}, {"97110": 2, "97140": 0}),
        ({"97110": 18, "97140": 13, "97116": 10, "97035": 8}, {"97110": 1, "97140": 1, "97116": 1, "97035": 1}),
        ({"97112": 7, "97110": 7, "97140": 7}, {"97112": 0, "97110": 0, "97140": 0}),
    ],
)  # fmt: skip
def test_the_midpoint_rule_counts_each_code_by_itself(minutes: dict[str, int], units: dict[str, int]) -> None:
    assert allowed_vectors(minutes, CMS, MIDPOINT) == [units]


def test_another_way_of_counting_is_refused() -> None:
    with pytest.raises(ValueError, match="no way to count units"):
        allocate({"97530": 15}, CMS, "by hand")


@given(MINUTES, CLOCKS)
def test_every_pooled_allocation_adds_up_to_the_units_of_the_total(
    minutes: dict[str, int], clock: Clock
) -> None:
    vectors = allowed_vectors(minutes, clock, POOLED)
    assert vectors
    for vector in vectors:
        assert sum(vector.values()) == clock.units(sum(minutes.values()))
        assert all(0 <= vector[code] - minutes[code] // clock.unit <= 1 for code in minutes)


@given(MINUTES, CLOCKS)
def test_a_code_with_more_left_over_never_gets_less(minutes: dict[str, int], clock: Clock) -> None:
    for vector in allowed_vectors(minutes, clock, POOLED):
        got = {code: vector[code] - minutes[code] // clock.unit for code in minutes}
        left = {code: minutes[code] % clock.unit for code in minutes}
        assert all(got[a] >= got[b] for a in minutes for b in minutes if left[a] > left[b])


@given(MINUTES, CLOCKS, METHODS, st.sampled_from(CODES), st.integers(1, 40))
def test_units_are_monotone_in_minutes(
    minutes: dict[str, int], clock: Clock, method: str, code: str, more: int
) -> None:
    longer = {**minutes, code: minutes.get(code, 0) + more}
    assert allocate(longer, clock, method).total >= allocate(minutes, clock, method).total


@given(MINUTES, METHODS)
def test_the_order_of_codes_changes_nothing(minutes: dict[str, int], method: str) -> None:
    expected = {tuple(sorted(vector.items())) for vector in allowed_vectors(minutes, CMS, method)}
    for order in permutations(minutes):
        shuffled = {code: minutes[code] for code in order}
        assert {
            tuple(sorted(vector.items())) for vector in allowed_vectors(shuffled, CMS, method)
        } == expected


@given(MINUTES, CLOCKS, METHODS, st.dictionaries(st.sampled_from(CODES), st.integers(0, 7)))
def test_the_nearest_allocation_is_allowed_and_none_is_nearer(
    minutes: dict[str, int], clock: Clock, method: str, billed: dict[str, int]
) -> None:
    def unsupported(code: str, units: int) -> int:
        return max(0, billed.get(code, 0) - units)

    def distance(vector: dict[str, int]) -> int:
        return sum(unsupported(code, units) for code, units in vector.items())

    vectors = allowed_vectors(minutes, clock, method)
    nearest = allocate(minutes, clock, method).nearest(unsupported)
    assert nearest in vectors
    assert distance(nearest) == min(distance(vector) for vector in vectors)
