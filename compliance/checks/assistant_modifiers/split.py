"""Which billed units bear CQ or CO: how a code's units divide between therapist and assistant. Pure functions.

`therapist` minutes are all of the therapist's, those given together with an assistant included; `assistant` minutes are
those of an assistant alone. Sources: Medicare Claims Processing Manual ch.5 §20.1 (two tests of more than 10 percent, either
of which may be used), and 86 FR 64996 (the last unit, from 2022).
"""

from dataclasses import dataclass

from compliance.checks.units.allocation import Clock


@dataclass(frozen=True)
class Split:
    """A code's units: `without` and `bearing` the modifier for sure, `doubtful` where the two tests disagree."""

    without: int = 0
    bearing: int = 0
    doubtful: int = 0


@dataclass(frozen=True)
class Marks:
    """What a code's billed units lack: `missing` the modifier for sure, `maybe` by one test, `needless` with it."""

    missing: int = 0
    maybe: int = 0
    needless: int = 0


@dataclass(frozen=True)
class Share:
    """When a service counts as given in part by an assistant: above `percent`; `final_unit` from 2022."""

    percent: int
    final_unit: bool

    def tests(self, therapist: int, assistant: int) -> int:
        """How many of the two tests say that the assistant's minutes exceed the share: 0, 1 or 2.

        The first rounds the percentage, the second the minutes that the share makes; both half up.
        """
        whole = therapist + assistant
        if not whole:
            return 0
        rounded = (200 * assistant + whole) // (2 * whole)
        most = (2 * whole * self.percent + 100) // 200
        return (rounded > self.percent) + (assistant > most)


def split_units(therapist: int, assistant: int, units: int, clock: Clock, share: Share) -> Split:
    """The units of a timed code that its minutes support, divided.

    Full quarter hours of the therapist bear none, then full ones of the assistant do. Of what is left: two units that
    both share are one and one; the last unit bears none where the therapist alone gave enough for it, else the tests
    decide.
    """
    without = min(therapist // clock.unit, units)
    bearing = min(assistant // clock.unit, units - without)
    left = units - without - bearing
    rest, alone = therapist - clock.unit * without, assistant - clock.unit * bearing
    if left > 1:
        if rest < clock.first:
            return Split(without, bearing + left)
        if share.final_unit:
            return Split(without + 1, bearing + left - 1)
        return Split(without, bearing + left - 1, 1)
    if not left:
        return Split(without, bearing)
    if share.final_unit and rest >= clock.first:
        return Split(without + 1, bearing)
    return _by_tests(without, bearing, 1, share.tests(rest, alone))


def split_service(therapist: int, assistant: int, units: int, share: Share) -> Split:
    """The units of a code that is not timed: all of them as the tests say of the whole service."""
    return _by_tests(0, 0, units, share.tests(therapist, assistant))


def _by_tests(without: int, bearing: int, units: int, tests: int) -> Split:
    if tests == 2:
        return Split(without, bearing + units)
    return Split(without, bearing, units) if tests else Split(without + units, bearing)


def marks(split: Split, unmarked: int, marked: int) -> Marks:
    """What the billed units of a code, so many without and so many with the modifier, lack by its split.

    Units beyond what the minutes support are UNIT-01's: none of them lacks the modifier.
    """
    missing = _both(unmarked - split.without - split.doubtful, split.bearing - marked)
    perhaps = _both(unmarked - split.without, split.bearing + split.doubtful - marked)
    needless = _both(marked - split.bearing - split.doubtful, split.without - unmarked)
    return Marks(missing, perhaps - missing, needless)


def _both(over: int, short: int) -> int:
    return max(0, min(over, short))
