"""Which units are drawn: strata, how many of each, and the draw itself, which any tool can repeat.

The draw: within each stratum units stand in ascending order of the hexadecimal SHA-256 of `SEED/UNIT` (the seed in decimal
digits, a slash, the unit's key, in UTF-8), and the first n are drawn; all drawn units are reviewed in the same order. By
hand: `printf '%s' '7/line#C000004#1' | sha256sum`. So a larger sample from the same seed holds the smaller one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from heapq import heapify, heappop, heapreplace
from statistics import pstdev
from typing import Any

import polars as pl

from compliance.sampling import SamplingError
from compliance.sampling.sheets import dollars_text

ALGORITHM = "ascending SHA-256 of SEED/UNIT within each stratum"
WHOLE = "all"
"""The one stratum of a simple sample."""
STRATA_BY = {
    "payer": "payer_id",
    "therapist": "therapist_id",
    "clinic": "clinic_id",
    "code": "codes",
    "dollars": "cents",
}
BANDS = 3
ALLOCATIONS = ("proportional", "neyman")
MOST_CUTS = 50
LEAST = 2
"""A stratum's spread needs two of its units."""


@dataclass(frozen=True)
class Design:
    """How the sample is drawn. `cuts` are the upper ends of the bands of dollars but the last, in cents."""

    size: int
    seed: int
    strata_by: str | None = None
    cuts: tuple[int, ...] = ()
    allocation: str = "proportional"

    def as_dict(self) -> dict[str, Any]:
        """The design as JSON holds it."""
        return {**asdict(self), "cuts": [dollars_text(cut) for cut in self.cuts], "algorithm": ALGORITHM}


@dataclass(frozen=True)
class Stratum:
    """A part of the frame, and how many of its units are drawn."""

    name: str
    population: int
    cents: int
    drawn: int


@dataclass(frozen=True)
class Sample:
    """A draw. `units`: the frame's columns of the drawn units with `order` (1 …), `stratum` and `rank`, in that order."""

    design: Design
    strata: tuple[Stratum, ...]
    units: pl.DataFrame


def draw(units: pl.DataFrame, design: Design) -> Sample:
    """Draw from a frame's units. Raises SamplingError where the size does not fit the frame or its strata."""
    if not 1 <= design.size <= units.height:
        raise SamplingError(
            f"a sample of {design.size:,}: the frame has {units.height:,} units (expected 1 to {units.height:,})"
        )
    if design.allocation not in ALLOCATIONS:
        raise SamplingError(f"allocation {design.allocation!r} (expected {' or '.join(ALLOCATIONS)})")
    if len(design.cuts) > MOST_CUTS:
        raise SamplingError(f"{len(design.cuts):,} cuts of dollars (expected {MOST_CUTS} or fewer)")
    placed = stratified(units, design.strata_by, design.cuts)
    groups = {str(name): group for (name,), group in placed.group_by("stratum")}
    names = sorted(groups, key=_in_order(design.strata_by))
    sizes = allocated(
        [(groups[name].height, _weight(groups[name], design)) for name in names], design.size, len(names) > 1
    )
    strata = [
        Stratum(name, groups[name].height, int(groups[name]["cents"].sum()), size)
        for name, size in zip(names, sizes, strict=True)
    ]
    parts = [ranked(groups[each.name], design.seed).head(each.drawn) for each in strata]
    drawn = pl.concat(parts).sort("rank").with_row_index("order", offset=1)
    return Sample(design, tuple(strata), drawn.with_columns(pl.col("order").cast(pl.Int64)))


def ranked(units: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Units with `rank`, the hash that orders them, in that order."""
    hashes = [hashlib.sha256(f"{seed}/{unit}".encode()).hexdigest() for unit in units["unit"]]
    return units.with_columns(rank=pl.Series(hashes, dtype=pl.String)).sort("rank")


def stratified(units: pl.DataFrame, by: str | None, cuts: Sequence[int] = ()) -> pl.DataFrame:
    """Units with the `stratum` of each: every unit is in one."""
    if by is None:
        return units.with_columns(stratum=pl.lit(WHOLE))
    if by != "dollars":
        return units.with_columns(stratum=pl.col(STRATA_BY[by]).fill_null("(none)"))
    name: Any = pl.lit(f"above ${dollars_text(cuts[-1])}") if cuts else pl.lit(WHOLE)
    for cut in sorted(cuts, reverse=True):
        name = pl.when(pl.col("cents") <= cut).then(pl.lit(f"up to ${dollars_text(cut)}")).otherwise(name)
    return units.with_columns(stratum=name)


def bands(units: pl.DataFrame, number: int = BANDS) -> tuple[int, ...]:
    """Upper ends of bands that hold about the same dollars each, in cents: few large units, many small ones."""
    ordered = units["cents"].sort().to_list()
    whole, so_far, cuts = sum(ordered), 0, []
    for cents in ordered:
        so_far += cents
        if len(cuts) < number - 1 and so_far * number >= whole * (len(cuts) + 1) and cents < ordered[-1]:
            cuts.append(cents)
    return tuple(sorted(set(cuts)))


def allocated(strata: Sequence[tuple[int, float]], size: int, least_two: bool) -> list[int]:
    """How many of each stratum (units, weight): two, then each next one where weight/(2n+1) is largest (Sainte-Laguë).

    So sizes are in proportion to the weights as far as strata have units, and a larger sample takes fewer from none.
    """
    sizes = [min(LEAST, units) if least_two else 0 for units, _ in strata]
    if size < sum(sizes):
        raise SamplingError(
            f"a sample of {size} in {len(strata)} strata: two of each are needed (expected {sum(sizes)} or more)"
        )
    queue = [(-weight / (2 * sizes[place] + 1), place) for place, (_, weight) in enumerate(strata)]
    heapify(queue)
    for _ in range(size - sum(sizes)):
        while sizes[queue[0][1]] == strata[queue[0][1]][0]:
            heappop(queue)
        place = queue[0][1]
        sizes[place] += 1
        heapreplace(queue, (-strata[place][1] / (2 * sizes[place] + 1), place))
    return sizes


def _weight(units: pl.DataFrame, design: Design) -> float:
    """A stratum's weight: its units; Neyman's takes them times the deviation of their dollars."""
    if design.allocation == "proportional":
        return float(units.height)
    return units.height * pstdev(units["cents"].to_list())


def _in_order(by: str | None) -> Callable[[str], tuple[float, str]]:
    """Bands of dollars stand from low to high, other strata by name."""
    if by != "dollars":
        return lambda name: (0.0, name)
    return lambda name: (
        float("inf")
        if name.startswith("above")
        else 0.0
        if name == WHOLE
        else float(name.rpartition("$")[2]),
        name,
    )
