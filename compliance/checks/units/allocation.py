"""How minutes become units: the one allocation that every rule on units shares. Pure functions, no tables.

Two ways are known. CMS pools a patient-day's timed minutes and gives the last units to the largest remainders
(Medicare Claims Processing Manual ch.5 §20.2.C); the midpoint rule counts each code by itself. Remainders that tie
leave a choice: every allocation that a choice allows is right.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import narwhals as nw

CLOCK = ("timed_unit_minutes", "first_unit_minutes")
"""The parameters that say how minutes make units: columns of rows that `supported` and `Clock` read."""
POOLED, MIDPOINT = "cms_8_minute", "midpoint"


@dataclass(frozen=True)
class Clock:
    """A unit's minutes, and the minutes from which the first (and each last) unit counts: 15 and 8 at CMS."""

    unit: int
    first: int

    def units(self, minutes: int) -> int:
        """Units that minutes support: with 15 and 8, 8-22 one, 23-37 two, and so on; never less than none."""
        return max(0, (minutes + self.unit - self.first) // self.unit)


@dataclass(frozen=True)
class Allocation:
    """What a patient-day's minutes support, a code: `sure` units, and `extra` more to share among the `tied` codes.

    Every choice of `extra` codes out of `tied`, one unit each, is allowed; without a tie `extra` is 0.
    """

    sure: Mapping[str, int]
    tied: tuple[str, ...] = ()
    extra: int = 0

    @property
    def total(self) -> int:
        """Units of the day, whatever the choice."""
        return sum(self.sure.values()) + self.extra

    def vectors(self) -> Iterator[dict[str, int]]:
        """Every allowed allocation, as units by code."""
        for chosen in combinations(self.tied, self.extra):
            yield {code: units + (code in chosen) for code, units in self.sure.items()}

    def nearest(self, cost: Callable[[str, int], Any]) -> dict[str, int]:
        """The allowed allocation of least total `cost(code, units)`; of equal ones, the first by code.

        Costs are numbers, added over codes. Each tied code takes one unit or none, so the `extra` codes for which a
        unit costs least more are the best choice: no allocation need be tried.
        """
        dearer = {code: cost(code, self.sure[code] + 1) - cost(code, self.sure[code]) for code in self.tied}
        chosen = sorted(self.tied, key=lambda code: (dearer[code], code))[: self.extra]
        return {code: units + (code in chosen) for code, units in self.sure.items()}


def allocate(minutes: Mapping[str, int], clock: Clock, method: str) -> Allocation:
    """Units by code that the minutes of one patient, day, discipline and billing provider support.

    `minutes` are whole and not negative. `method` is `cms_8_minute` (all minutes together set the units; each code
    has its full units, the rest go to the largest remainders) or `midpoint` (each code by itself).
    Raises ValueError for another method.
    """
    if method == MIDPOINT:
        return Allocation({code: clock.units(each) for code, each in minutes.items()})
    if method != POOLED:
        raise ValueError(f"{method!r} is no way to count units; there are {POOLED} and {MIDPOINT}")
    full = {code: each // clock.unit for code, each in minutes.items()}
    remaining = clock.units(sum(minutes.values())) - sum(full.values())
    remainders = sorted((each % clock.unit for each in minutes.values()), reverse=True)
    if not remaining:
        return Allocation(full)
    least = remainders[remaining - 1]
    over = {code for code, each in minutes.items() if each % clock.unit > least}
    tied = tuple(sorted(code for code, each in minutes.items() if each % clock.unit == least))
    sure = {code: units + (code in over) for code, units in full.items()}
    extra = remaining - len(over)
    if extra == len(tied):
        return Allocation({code: units + (code in tied) for code, units in sure.items()})
    return Allocation(sure, tied, extra)


def supported(minutes: nw.Expr) -> nw.Expr:
    """Units that a total of minutes supports, by the row's `timed_unit_minutes` and `first_unit_minutes`."""
    units = (minutes + nw.col("timed_unit_minutes") - nw.col("first_unit_minutes")) // nw.col(
        "timed_unit_minutes"
    )
    return nw.when(units > 0).then(units).otherwise(units * 0)
