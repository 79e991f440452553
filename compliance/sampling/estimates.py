"""What a reviewed sample says about its frame: error rates with exact limits, dollars with limits in both conventions.

Differences are overpayments: paid less correct, so that an underpayment is negative. Sums are exact (whole cents), so that
the same answers give the same figures on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from scipy.special import betaincinv, ndtri, stdtrit


@dataclass(frozen=True)
class NoEstimate:
    """What cannot be estimated, and why."""

    because: str


@dataclass(frozen=True)
class Interval:
    """A share with its two-sided limits and its one-sided lower and upper limit, all at one confidence."""

    share: float
    low: float
    high: float
    lower: float
    upper: float
    confidence: float


@dataclass(frozen=True)
class Measured:
    """A stratum: how many units it has, how many were reviewed, mean and sample variance of what was measured.

    `variance` is None where one unit was reviewed of several.
    """

    name: str
    population: int
    reviewed: int
    mean: float
    variance: float | None

    @property
    def total(self) -> float:
        """The stratum's projected total."""
        return self.population * self.mean

    @property
    def standard_error(self) -> float:
        """The total's standard error, with the finite population correction; 0 where every unit was reviewed."""
        if self.reviewed >= self.population:
            return 0.0
        assert self.variance is not None
        left = 1 - self.reviewed / self.population
        return self.population * sqrt(self.variance / self.reviewed * left)


@dataclass(frozen=True)
class Projection:
    """A total projected to the frame.

    `low` and `high` are the two-sided interval's limits at `confidence`, `lower` the one-sided lower limit at the same
    confidence; `quantiles` says which distribution they come from.
    """

    point: float
    standard_error: float
    low: float
    high: float
    lower: float
    confidence: float
    quantiles: str

    @property
    def precision(self) -> float | None:
        """Half the interval's width as a share of the point estimate; None of a point at 0."""
        return (self.high - self.point) / abs(self.point) if self.point else None


def exact_interval(errors: int, reviewed: int, confidence: float) -> Interval:
    """A share's Clopper–Pearson limits: exact for a simple random sample, whatever the size of the frame."""
    tail = 1 - confidence
    return Interval(
        share=errors / reviewed,
        low=_exact_low(errors, reviewed, tail / 2),
        high=_exact_high(errors, reviewed, tail / 2),
        lower=_exact_low(errors, reviewed, tail),
        upper=_exact_high(errors, reviewed, tail),
        confidence=confidence,
    )


def _exact_low(errors: int, reviewed: int, tail: float) -> float:
    return float(betaincinv(errors, reviewed - errors + 1, tail)) if errors else 0.0


def _exact_high(errors: int, reviewed: int, tail: float) -> float:
    return float(betaincinv(errors + 1, reviewed - errors, 1 - tail)) if errors < reviewed else 1.0


def measured(name: str, population: int, values: Sequence[int | Fraction]) -> Measured:
    """Mean and sample variance (n − 1) of a stratum's reviewed values."""
    reviewed = len(values)
    centre = Fraction(sum(values), reviewed) if reviewed else Fraction(0)
    spread = sum((value - centre) ** 2 for value in values)
    return Measured(
        name, population, reviewed, float(centre), float(spread / (reviewed - 1)) if reviewed > 1 else None
    )


def projected(strata: Sequence[Measured], confidence: float) -> Projection:
    """The frame's total: T = ΣN·mean, SE = √ΣN²(1−n/N)s²/n.

    Limits take Student's t with n − 1 degrees of freedom of a simple sample and the normal distribution of a stratified
    one, as RAT-STATS does. Ask `unfit` first.
    """
    point = sum(stratum.total for stratum in strata)
    error = sqrt(sum(stratum.standard_error**2 for stratum in strata))
    return _projection(point, error, [stratum.reviewed for stratum in strata], confidence)


def _projection(point: float, error: float, reviewed: Sequence[int], confidence: float) -> Projection:
    if len(reviewed) == 1 and reviewed[0] > 1:
        freedom = reviewed[0] - 1
        two, one = (float(stdtrit(freedom, p)) for p in ((1 + confidence) / 2, confidence))
        quantiles = f"Student's t, {freedom} degrees of freedom"
    else:
        two, one = (float(ndtri(p)) for p in ((1 + confidence) / 2, confidence))
        quantiles = "normal"
    return Projection(
        point, error, point - two * error, point + two * error, point - one * error, confidence, quantiles
    )


def unfit(strata: Sequence[tuple[str, int, int]]) -> NoEstimate | None:
    """Why no spread can be told of strata (name, units, reviewed): one with a single unit reviewed of several."""
    for name, population, reviewed in strata:
        if reviewed < min(2, population):
            where = f"stratum {name}" if len(strata) > 1 else "the sample"
            return NoEstimate(f"{where} has {reviewed} of {population:,} reviewed: its spread needs two")
    return None


@dataclass(frozen=True)
class Reviewed:
    """A stratum's reviewed units in whole cents: what was paid, and what should have been. `paid_in_all` is the frame's."""

    name: str
    population: int
    paid_in_all: int
    paid: tuple[int, ...]
    correct: tuple[int, ...]

    @property
    def differences(self) -> tuple[int, ...]:
        """Overpayment of each unit."""
        return tuple(paid - correct for paid, correct in zip(self.paid, self.correct, strict=True))


def difference_estimate(strata: Sequence[Reviewed], confidence: float) -> Projection:
    """Overpayment by the difference estimator: N times the mean difference (cents)."""
    return projected([measured(s.name, s.population, s.differences) for s in strata], confidence)


def mean_per_unit_estimate(strata: Sequence[Reviewed], confidence: float) -> Projection:
    """Overpayment as what the frame was paid less N times the mean of what was correct (cents)."""
    correct = projected([measured(s.name, s.population, s.correct) for s in strata], confidence)
    paid = sum(s.paid_in_all for s in strata)
    return _projection(
        paid - correct.point, correct.standard_error, [len(s.paid) for s in strata], confidence
    )


def ratio_estimate(strata: Sequence[Reviewed], confidence: float) -> Projection | NoEstimate:
    """Overpayment as the sample's overpaid share of its dollars times the frame's dollars (combined over strata; cents)."""
    paid = sum(Fraction(s.population * sum(s.paid), len(s.paid)) for s in strata)
    over = sum(Fraction(s.population * sum(s.differences), len(s.paid)) for s in strata)
    if not paid:
        return NoEstimate("nothing was paid in the sample: there is no ratio")
    ratio = over / paid
    residuals = [
        measured(
            s.name,
            s.population,
            [Fraction(d) - ratio * p for d, p in zip(s.differences, s.paid, strict=True)],
        )
        for s in strata
    ]
    error = sqrt(sum(stratum.standard_error**2 for stratum in residuals))
    point = float(ratio * sum(s.paid_in_all for s in strata))
    return _projection(point, error, [len(s.paid) for s in strata], confidence)
