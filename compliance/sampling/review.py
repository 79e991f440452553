"""What a reviewed sample comes to: its error rate, its dollars, and their projection, or why there is none.

A unit that the auditor could not tell counts as correct, which can only lower what is projected; the other extreme, all of
its dollars wrong, is stated beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from compliance.sampling.conventions import conventions
from compliance.sampling.draw import Sample
from compliance.sampling.estimates import (
    Interval,
    NoEstimate,
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
from compliance.sampling.worksheet import CANNOT_TELL, WRONG, Answer

CONFIDENCE = conventions().limit("two_sided").confidence
ESTIMATORS = ("difference", "ratio", "mean_per_unit")
"""The first is the one to report; the others stand beside it."""


@dataclass(frozen=True)
class StratumResult:
    """A stratum's share: errors of its reviewed units with exact limits, and its net error in cents."""

    name: str
    population: int
    reviewed: int
    errors: int
    rate: Interval | None
    net_cents: int


@dataclass(frozen=True)
class Result:
    """Everything a reviewed sample says. Cents throughout; rates are shares.

    `rate` is weighted by the strata; `net_rate` the sample's net error of its dollars; `projections` by estimator;
    `rate_at_most` and `net_cents_at_most` count every unit that could not be told as wholly wrong.
    """

    population: int
    reviewed: int
    frame_cents: int
    sample_cents: int
    answers: Mapping[str, int]
    errors: int
    rate: Interval | NoEstimate
    rate_at_most: float
    overpaid_cents: int
    underpaid_cents: int
    net_cents: int
    net_cents_at_most: int
    net_rate: float | None
    projections: Mapping[str, Projection | NoEstimate]
    strata: tuple[StratumResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON holds it: dollars with cents, shares to six places."""
        return {
            "population": self.population,
            "reviewed": self.reviewed,
            "frame_dollars": self.frame_cents / 100,
            "sample_dollars": self.sample_cents / 100,
            "answers": dict(self.answers),
            "errors": self.errors,
            "error_rate": _rate(self.rate),
            "error_rate_if_untold_are_errors": round(self.rate_at_most, 6),
            "overpaid_dollars": self.overpaid_cents / 100,
            "underpaid_dollars": self.underpaid_cents / 100,
            "net_error_dollars": self.net_cents / 100,
            "net_error_dollars_if_untold_are_errors": self.net_cents_at_most / 100,
            "net_financial_error_rate": None if self.net_rate is None else round(self.net_rate, 6),
            "overpayment": {name: _projection(each) for name, each in self.projections.items()},
            "strata": [
                {
                    **{k: v for k, v in asdict(each).items() if k not in ("rate", "net_cents")},
                    "error_rate": _rate(each.rate),
                    "net_error_dollars": each.net_cents / 100,
                }
                for each in self.strata
            ],
        }


def review(sample: Sample, answers: Sequence[Answer], confidence: float = CONFIDENCE) -> Result:
    """Estimate from answers for every unit of the draw."""
    said = {each.unit: each for each in answers}
    paid_of = dict(sample.units.select("unit", "cents").iter_rows())
    strata_of = {each.name: [] for each in sample.strata}
    for unit, name in sample.units.select("unit", "stratum").iter_rows():
        strata_of[name].append(unit)
    reviewed = [
        _reviewed(each.name, each.population, each.cents, strata_of[each.name], said, paid_of)
        for each in sample.strata
    ]
    wrong = {name: [int(said[unit].answer in WRONG) for unit in units] for name, units in strata_of.items()}
    worst = {
        name: [int(said[unit].answer in (*WRONG, CANNOT_TELL)) for unit in units]
        for name, units in strata_of.items()
    }
    differences = [each for part in reviewed for each in part.differences]
    untold = sum(paid_of[each.unit] for each in answers if each.answer == CANNOT_TELL)
    population, paid = sum(each.population for each in reviewed), sum(paid_of.values())
    counts = Counter(each.answer for each in answers)
    return Result(
        population=population,
        reviewed=len(answers),
        frame_cents=sum(each.paid_in_all for each in reviewed),
        sample_cents=paid,
        answers={name: counts[name] for name in sorted(counts)},
        errors=sum(map(sum, wrong.values())),
        rate=_error_rate(reviewed, wrong, confidence),
        rate_at_most=sum(part.population * sum(worst[part.name]) / len(worst[part.name]) for part in reviewed)
        / population,
        overpaid_cents=sum(each for each in differences if each > 0),
        underpaid_cents=-sum(each for each in differences if each < 0),
        net_cents=sum(differences),
        net_cents_at_most=sum(differences) + untold,
        net_rate=sum(differences) / paid if paid else None,
        projections=_projections(reviewed, confidence),
        strata=tuple(_stratum(part, wrong[part.name], confidence) for part in reviewed),
    )


def _reviewed(
    name: str,
    population: int,
    cents: int,
    units: Sequence[str],
    said: Mapping[str, Answer],
    paid_of: Mapping[str, int],
) -> Reviewed:
    paid = tuple(paid_of[unit] for unit in units)
    correct = tuple(due if (due := said[unit].correct) is not None else paid_of[unit] for unit in units)
    return Reviewed(name, population, cents, paid, correct)


def _stratum(part: Reviewed, wrong: Sequence[int], confidence: float) -> StratumResult:
    rate = exact_interval(sum(wrong), len(wrong), confidence) if wrong else None
    return StratumResult(part.name, part.population, len(part.paid), sum(wrong), rate, sum(part.differences))


def _error_rate(
    strata: Sequence[Reviewed], wrong: Mapping[str, Sequence[int]], confidence: float
) -> Interval | NoEstimate:
    """The frame's error rate: exact limits of a simple sample, the normal distribution's of a stratified one."""
    population = sum(each.population for each in strata)
    if all(len(each.paid) == each.population for each in strata):
        share = sum(map(sum, wrong.values())) / population
        return Interval(share, share, share, share, share, confidence)
    if len(strata) == 1:
        answers = wrong[strata[0].name]
        return exact_interval(sum(answers), len(answers), confidence)
    lacks = unfit([(each.name, each.population, len(each.paid)) for each in strata])
    if lacks:
        return lacks
    told = projected([measured(each.name, each.population, wrong[each.name]) for each in strata], confidence)
    if not told.standard_error:
        return NoEstimate(
            "within each stratum all answers are alike: no interval for the whole; see each stratum's exact one"
        )
    upper = 2 * told.point - told.lower
    ends = (told.point, told.low, told.high, told.lower, upper)
    return Interval(*(min(max(each / population, 0.0), 1.0) for each in ends), confidence)


def _projections(strata: Sequence[Reviewed], confidence: float) -> dict[str, Projection | NoEstimate]:
    lacks = _unprojectable(strata)
    if lacks:
        return dict.fromkeys(ESTIMATORS, lacks)
    return {
        "difference": difference_estimate(strata, confidence),
        "ratio": ratio_estimate(strata, confidence),
        "mean_per_unit": mean_per_unit_estimate(strata, confidence),
    }


def _unprojectable(strata: Sequence[Reviewed]) -> NoEstimate | None:
    """Why dollars cannot be projected, or None. A frame that was reviewed whole needs no projection: its sum is the truth."""
    if all(len(each.paid) == each.population for each in strata):
        return None
    lacks = unfit([(each.name, each.population, len(each.paid)) for each in strata])
    if lacks:
        return lacks
    reviewed, least = sum(len(each.paid) for each in strata), conventions().least
    if reviewed < least:
        return NoEstimate(f"{reviewed} units are too few to project dollars from (expected {least} or more)")
    if not any(difference for each in strata for difference in each.differences):
        return NoEstimate(
            "no dollars are in error in the sample: there is nothing to project, and its spread says nothing of what "
            "was not drawn"
        )
    return None


def _rate(told: Interval | NoEstimate | None) -> dict[str, Any] | None:
    if told is None:
        return None
    if isinstance(told, NoEstimate):
        return {"not_estimated": told.because}
    return {
        "estimate": round(told.share, 6),
        "confidence": told.confidence,
        "two_sided": [round(told.low, 6), round(told.high, 6)],
        "one_sided_lower": round(told.lower, 6),
        "one_sided_upper": round(told.upper, 6),
    }


def _projection(told: Projection | NoEstimate) -> dict[str, Any]:
    if isinstance(told, NoEstimate):
        return {"not_estimated": told.because}
    return {
        "point_estimate": _dollars(told.point),
        "standard_error": _dollars(told.standard_error),
        "confidence": told.confidence,
        "two_sided": [_dollars(told.low), _dollars(told.high)],
        "two_sided_lower_limit": _dollars(told.low),
        "one_sided_lower_limit": _dollars(told.lower),
        "precision": None if told.precision is None else round(told.precision, 6),
        "quantiles": told.quantiles,
    }


def _dollars(cents: float) -> float:
    return round(cents / 100, 2) + 0.0  # no minus before nothing
