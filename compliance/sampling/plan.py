"""The plan: what the sample is for, how large it must be for that, and what the size buys, in plain words."""

from dataclasses import asdict, dataclass
from typing import Any

from compliance.formats import count, percent
from compliance.sampling import SamplingError
from compliance.sampling.conventions import conventions
from compliance.sampling.estimates import exact_interval
from compliance.sampling.sizes import discovery_size, dollar_size, none_shows, rate_size, supposed_error

PURPOSES = ("discovery", "rate", "dollars", "size")
CONFIDENCE = {"discovery": 0.95, "rate": 0.90, "dollars": 0.90, "size": 0.90}
RATE, MARGIN, PRECISION = 0.05, 0.05, 0.25
"""What a plan takes where nothing is asked."""


@dataclass(frozen=True)
class Plan:
    """A size and its reason.

    Purposes: `discovery` (meet an error if `rate` or more are wrong), `rate` (tell a rate near `rate` within ± `precision`),
    `dollars` (tell the overpayment within ± `precision` of itself, where `rate` of units are wholly wrong or as a probe
    showed), `size` (chosen by hand). `population` is the frame's.
    """

    purpose: str
    size: int
    population: int
    unit: str
    confidence: float
    rate: float | None = None
    precision: float | None = None
    probe: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON holds it."""
        return {**asdict(self), "probe": list(self.probe) if self.probe else None}


def plan(
    purpose: str,
    cents: list[int],
    unit: str,
    *,
    size: int | None = None,
    confidence: float | None = None,
    rate: float | None = None,
    precision: float | None = None,
    probe: tuple[float, float] | None = None,
) -> Plan:
    """Size a sample of a frame whose units' dollars are `cents`. `size` given: that many, for whatever purpose.

    `probe` is mean and deviation of the overpayment (cents) in a sample reviewed before. Raises SamplingError.
    """
    population = len(cents)
    if purpose not in PURPOSES:
        raise SamplingError(f"purpose {purpose!r} (expected {', '.join(PURPOSES)})")
    confidence = CONFIDENCE[purpose] if confidence is None else confidence
    if size is not None or purpose == "size":
        if size is None:
            raise SamplingError("purpose size: how many units?")
        if not 1 <= size <= population:
            raise SamplingError(
                f"a sample of {size:,}: the frame has {population:,} (expected 1 to {population:,})"
            )
        return Plan("size", size, population, unit, confidence)
    rate = RATE if rate is None else rate
    if purpose == "discovery":
        return Plan(purpose, discovery_size(rate, confidence, population), population, unit, confidence, rate)
    if purpose == "rate":
        margin = MARGIN if precision is None else precision
        needed = rate_size(rate, margin, confidence, population)
        return Plan(purpose, needed, population, unit, confidence, rate, margin)
    goal = PRECISION if precision is None else precision
    centre, deviation = probe or supposed_error(cents, rate)
    needed = max(
        dollar_size(centre, deviation, goal, confidence, population), min(conventions().least, population)
    )
    return Plan(purpose, needed, population, unit, confidence, None if probe else rate, goal, probe)


def buys(told: Plan) -> list[str]:
    """What the size buys, a sentence each."""
    units = f"{count(told.size)} of {count(told.population)} {told.unit}s"
    if told.size == told.population:
        return [f"{units}: everything is reviewed, so what is found is what is there."]
    sure = f"{100 * told.confidence:g} %"
    if told.purpose == "discovery":
        assert told.rate is not None
        return [
            f"{units}: if none of them is wrong, you may be {sure} confident that fewer than {percent(told.rate)} of all are.",
            "One error ends the discovery: then draw a sample that can estimate.",
        ]
    if told.purpose == "rate":
        assert told.rate is not None and told.precision is not None
        return [
            f"{units}: an error rate near {percent(told.rate)} is told within ±{100 * told.precision:g} points, "
            f"with {sure} confidence."
        ]
    if told.purpose == "dollars":
        assert told.precision is not None
        supposed = (
            "if overpayments spread as in the probe"
            if told.probe
            else f"if about {percent(told.rate)} are wholly wrong; a probe tells better"
        )
        return [
            f"{units}: the overpayment is told within ±{100 * told.precision:g} % of itself, with {sure} confidence, {supposed}."
        ]
    return [f"{units}: a number of your own choice.", *_of_any_size(told)]


def _of_any_size(told: Plan) -> list[str]:
    none = none_shows(told.size, told.confidence, told.population)
    half = exact_interval(told.size // 2, told.size, told.confidence)
    width = 100 * max(half.high - half.share, half.share - half.low)
    said = [
        f"If none is wrong, you may be {100 * told.confidence:g} % confident that fewer than {percent(none)} of all are; "
        f"an error rate is told within ±{width:.0f} points at worst."
    ]
    if told.size < conventions().least:
        said.append(f"Too few to project dollars (expected {conventions().least} or more).")
    return said
