"""How many units to review, for each purpose. Confidence, rates and margins are shares between 0 and 1.

Without `population` the frame counts as endless; a frame that is known needs fewer.
"""

from math import ceil, log, sqrt
from statistics import mean, pvariance

from scipy.special import ndtri

from compliance.sampling import SamplingError

HAIR = 1e-9
"""What a float may lie above a whole number and still be that number."""


def normal_quantile(confidence: float) -> float:
    """The standard normal's quantile of a two-sided interval: 1.6449 at 90 %."""
    return float(ndtri((1 + confidence) / 2))


def discovery_size(rate: float, confidence: float, population: int | None = None) -> int:
    """The least sample in which no error at all shows, with this confidence, that fewer than `rate` are wrong."""
    _refuse_outside(rate=rate, confidence=confidence)
    if population is None:
        return ceil(log(1 - confidence) / log(1 - rate) - HAIR)
    wrong = ceil(rate * population - HAIR)
    unseen = 1.0  # the chance that none of `wrong` is drawn, without replacement
    for drawn in range(population):
        if unseen <= 1 - confidence + HAIR:
            return drawn
        unseen *= max(population - wrong - drawn, 0) / (population - drawn)
    return population


def none_shows(reviewed: int, confidence: float, population: int) -> float:
    """What share of the frame fewer are wrong than, with this confidence, where none of those reviewed is."""
    _refuse_outside(confidence=confidence)
    unseen = 1.0
    for wrong in range(population - reviewed + 1):
        if unseen <= 1 - confidence + HAIR:
            return wrong / population
        unseen *= (population - wrong - reviewed) / (population - wrong)
    return (population - reviewed + 1) / population


def rate_size(rate: float, margin: float, confidence: float, population: int | None = None) -> int:
    """The sample that tells an error rate near `rate` within ± `margin`: n0 = z²p(1−p)/e², n = n0/(1+(n0−1)/N)."""
    _refuse_outside(rate=rate, margin=margin, confidence=confidence)
    endless = normal_quantile(confidence) ** 2 * rate * (1 - rate) / margin**2
    if population is None:
        return ceil(endless - HAIR)
    return min(ceil(endless / (1 + (endless - 1) / population) - HAIR), population)


def dollar_size(
    mean: float, deviation: float, precision: float, confidence: float, population: int | None = None
) -> int:
    """The sample that tells a total within ± `precision` of itself: n0 = (z·s/(precision·mean))², n = n0/(1+n0/N).

    `mean` and `deviation` of a unit's overpayment come from a probe, or from `supposed_error`.
    """
    _refuse_outside(precision=precision, confidence=confidence)
    if mean <= 0:
        raise SamplingError("the mean overpayment must lie above 0: without it no size gives a precision")
    endless = (normal_quantile(confidence) * deviation / (precision * mean)) ** 2
    if population is None:
        return max(ceil(endless - HAIR), 2)
    return min(max(ceil(endless / (1 + endless / population) - HAIR), 2), population)


def supposed_error(cents: list[int], rate: float) -> tuple[float, float]:
    """Mean and deviation of a unit's overpayment if a share `rate` of units, whichever, were wholly wrong (cents)."""
    _refuse_outside(rate=rate)
    if not cents:
        raise SamplingError("the frame is empty: no unit meets the criteria")
    centre, spread = mean(cents), pvariance(cents)
    expected = rate * centre
    return expected, sqrt(max(rate * (spread + centre**2) - expected**2, 0.0))


def _refuse_outside(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise SamplingError(f"{name} {100 * share:g} %: must lie between 0 and 100 %")
