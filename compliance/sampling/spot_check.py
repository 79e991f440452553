"""A spot check from records to the bundle that is handed out: what a page or a command calls."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from math import sqrt
from typing import Any

import polars as pl

from compliance.audit import Audit
from compliance.policy import Policies
from compliance.records.load import Records
from compliance.sampling import SamplingError
from compliance.sampling.agreement import verdicts
from compliance.sampling.bundle import FRAME, Bundle, Made, handed_out, plan_document
from compliance.sampling.draw import STRATA_BY, Design, Sample, bands, draw
from compliance.sampling.estimates import measured
from compliance.sampling.frame import Criteria, Excluded, Frame, build_frame, frame_units, with_paid
from compliance.sampling.plan import Plan, plan
from compliance.sampling.worksheet import Answer, worksheet_text


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a sample; None takes what its purpose usually has. `cuts` and `probe` are in cents."""

    seed: int
    purpose: str = "discovery"
    size: int | None = None
    confidence: float | None = None
    rate: float | None = None
    precision: float | None = None
    probe: tuple[float, float] | None = None
    strata_by: str | None = None
    cuts: tuple[int, ...] = ()
    allocation: str = "proportional"

    def as_dict(self) -> dict[str, Any]:
        """What is asked, as JSON holds it."""
        probe = list(self.probe) if self.probe else None
        return {**asdict(self), "cuts": list(self.cuts), "probe": probe}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Asked":
        """What `as_dict` told."""
        probe = (told["probe"][0], told["probe"][1]) if told["probe"] else None
        held: dict[str, Any] = {**told, "cuts": tuple(told["cuts"]), "probe": probe}
        return cls(**held)


@dataclass(frozen=True)
class SpotCheck:
    """What is to be reviewed: the frame, the plan for it, and the draw."""

    frame: Frame
    plan: Plan
    sample: Sample

    @property
    def worksheet(self) -> str:
        """The worksheet to fill."""
        return worksheet_text(self.sample.units)

    def as_dict(self) -> dict[str, Any]:
        """The plan and the drawn units, as JSON holds them."""
        return {
            **plan_document(self.frame, self.plan, self.sample),
            "drawn": self.sample.units.select("order", "unit", "stratum").to_dicts(),
        }


def spot_check(lines: pl.DataFrame, remittances: pl.DataFrame, criteria: Criteria, asked: Asked) -> SpotCheck:
    """Frame, plan and draw from an audit's `lines`, whichever rules it ran. Raises SamplingError."""
    if asked.strata_by == "code" and criteria.unit != "line":
        raise SamplingError(
            f"strata by code: a {criteria.unit} may hold several codes (expected unit line, or other strata)"
        )
    if asked.strata_by not in (None, *STRATA_BY):
        raise SamplingError(f"strata by {asked.strata_by!r} (expected {', '.join(STRATA_BY)})")
    frame = build_frame(with_paid(lines, remittances), criteria)
    planned = plan(
        asked.purpose,
        frame.units["cents"].to_list(),
        criteria.unit,
        size=asked.size,
        confidence=asked.confidence,
        rate=asked.rate,
        precision=asked.precision,
        probe=asked.probe,
    )
    by_dollars = asked.strata_by == "dollars"
    cuts = (tuple(sorted(set(asked.cuts))) or bands(frame.units)) if by_dollars else ()
    design = Design(planned.size, asked.seed, asked.strata_by, cuts, asked.allocation)
    return SpotCheck(frame, planned, draw(frame.units, design))


def bundle_of(check: SpotCheck, records: Records, policies: Policies, judged: Audit) -> bytes:
    """The bundle to hand out; `judged` is an audit of all rules, for what the auditor is compared with afterwards."""
    made = Made(policies.fingerprint, records.fingerprint, judged.as_of.isoformat())
    told = verdicts(check.sample.units, judged.findings, judged.lines, judged.visits)
    return handed_out(check.frame, check.plan, check.sample, told, made)


def check_of(bundle: Bundle) -> SpotCheck:
    """The spot check that a bundle holds, frame and all: so it goes on where the records have changed since."""
    document = bundle.plan
    excluded = tuple(
        Excluded(each["reason"], each["lines"], round(each["dollars"] * 100)) for each in document["excluded"]
    )
    frame = Frame(Criteria.of(document["criteria"]), frame_units(bundle.parts[FRAME].decode()), excluded)
    probe = document["plan"]["probe"]
    planned: dict[str, Any] = {**document["plan"], "probe": tuple(probe) if probe else None}
    return SpotCheck(frame, Plan(**planned), bundle.sample)


def answered_so_far(check: SpotCheck, answers: Sequence[Answer]) -> tuple[Sample, list[Answer]] | None:
    """The sample that the charts answered so far are, with their answers; None where they are none.

    The first so many of a simple draw, without a gap, are what its seed draws where that many are asked. Strata are no
    sample before they are answered whole.
    """
    said = {each.unit: each for each in answers}
    order = check.sample.units.sort("order")["unit"].to_list()
    first = list(takewhile(said.__contains__, order))
    if len(first) == len(order):
        return check.sample, [said[unit] for unit in order]
    if not first or check.sample.design.strata_by:
        return None
    design = replace(check.sample.design, size=len(first))
    return draw(check.frame.units, design), [said[unit] for unit in first]


def probe_of(bundle: Bundle) -> tuple[float, float]:
    """Mean and deviation of a unit's overpayment (cents) in a sample that was reviewed, to size another with."""
    answers = bundle.answers
    if answers is None:
        raise SamplingError("the probe has no answers yet")
    paid = dict(bundle.sample.units.select("unit", "cents").iter_rows())
    differences = [0 if each.correct is None else paid[each.unit] - each.correct for each in answers]
    told = measured("probe", len(paid), differences)
    if told.variance is None:
        raise SamplingError("the probe has one unit: its spread needs two")
    return told.mean, sqrt(told.variance)
