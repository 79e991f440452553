"""What is spoilt in claims: units, modifiers, code pairs, one-on-one time, caps, remote monitoring, payment."""

from collections.abc import Callable

from compliance.synth.spoiling import Spoiler


def unit_01(spoiler: Spoiler, number: int) -> None:
    """A unit more than the minutes support."""
    for visit in spoiler.visits(lambda each: each.payer_kind == "medicare"):
        line = visit.lines[-1]
        line["units"] += 1
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("UNIT-01", "One unit more is billed than the minutes support.", visit, line=line)
        return


FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [(unit_01, 4)]
"""What is planted, and how often in 200 patients."""
