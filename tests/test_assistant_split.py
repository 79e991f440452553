"""How units divide between therapist and assistant: worked examples, the algebra, and what a modifier costs."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compliance.checks.assistant_modifiers.split import Marks, Share, Split, marks, split_service, split_units
from compliance.checks.units.allocation import POOLED, Clock, allocate

CMS = Clock(unit=15, first=8)
FROM_2022 = Share(percent=10, final_unit=True)
EXAMPLES = yaml.safe_load((Path(__file__).parent / "data/cq_co.yaml").read_text(encoding="utf-8"))
MINUTES = st.integers(0, 90)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_worked_examples(example: dict[str, Any]) -> None:
    """Each is `[without, bearing, doubtful]` units a code."""
    codes = {str(code): told for code, told in example["codes"].items()}
    timed = {code: sum(told) for code, told in codes.items() if code != "97150"}
    (units,) = allocate(timed, CMS, POOLED).vectors()
    for code, expected in example["expected"].items():
        therapist, assistant = codes[str(code)]
        found = (
            split_units(therapist, assistant, units[str(code)], CMS, FROM_2022)
            if str(code) in units
            else split_service(therapist, assistant, 1, FROM_2022)
        )
        assert found == Split(*expected)


@given(MINUTES, MINUTES, st.booleans())
def test_the_parts_are_the_supported_units(therapist: int, assistant: int, final_unit: bool) -> None:
    units = CMS.units(therapist + assistant)
    split = split_units(therapist, assistant, units, CMS, Share(10, final_unit))
    assert split.without + split.bearing + split.doubtful == units
    of_therapist = min(therapist // CMS.unit, units)
    assert split.without >= of_therapist, "a full quarter hour of the therapist bears none"
    assert split.bearing >= min(assistant // CMS.unit, units - of_therapist), (
        "a full one of the assistant does"
    )
    assert 0 <= split.doubtful <= 1, "the tests decide on the last unit alone"


@given(MINUTES, MINUTES)
def test_who_gave_nothing_has_no_unit(therapist: int, assistant: int) -> None:
    assert split_units(therapist, 0, CMS.units(therapist), CMS, FROM_2022).bearing == 0
    alone = split_units(0, assistant, CMS.units(assistant), CMS, FROM_2022)
    assert alone == Split(bearing=CMS.units(assistant))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_a_claim_that_bills_its_split_lacks_nothing(without: int, bearing: int, doubtful: int) -> None:
    split = Split(without, bearing, doubtful)
    told = marks(split, unmarked=without, marked=bearing + doubtful)
    assert (told.missing, told.needless) == (0, 0)
    other = marks(split, unmarked=without + doubtful, marked=bearing)
    assert other == Marks(0, doubtful, 0)


def test_the_two_tests_disagree_on_small_totals() -> None:
    assert FROM_2022.tests(therapist=13, assistant=2) == 1
    assert FROM_2022.tests(therapist=40, assistant=5) == 1
    assert FROM_2022.tests(therapist=39, assistant=6) == 2
    assert FROM_2022.tests(therapist=27, assistant=3) == 0
    assert FROM_2022.tests(therapist=0, assistant=0) == 0
