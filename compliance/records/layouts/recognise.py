"""Which layout a file's headers are: the exact one, the best of several, or none, with the nearest and what it lacks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compliance.records.layouts.files import built_in
from compliance.records.layouts.models import Layout, folded

NEAR = 0.5
"""Share of a layout's required headers by which a file that lacks the others is said to be near it."""


@dataclass(frozen=True)
class Recognition:
    """What headers were recognised as.

    `layout` is None where no layout fits, or where several fit equally (`tied`, which is for a person to decide). `known`
    counts the headers that the layout knows, of `of`. Without a layout, `near` is the one that lacks least, and `lacks`
    its required headers that the file does not have.
    """

    layout: Layout | None
    known: int
    of: int
    tied: tuple[Layout, ...] = ()
    near: Layout | None = None
    lacks: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Share of the headers that the layout knows, 0 to 1."""
        return self.known / self.of if self.of else 0.0


def recognise(headers: Iterable[str], layouts: Sequence[Layout] | None = None) -> Recognition:
    """The layout (of `layouts`, a clinic's own first; all built-in ones where None) whose headers these are.

    A layout fits where every header that it requires is there. Of several that fit the one that knows most of the headers is
    taken, and of those the one that requires most; a clinic's own goes before a built-in one of the same merit.
    """
    among = built_in() if layouts is None else layouts
    found = {folded(header) for header in headers} - {""}
    fits = [each for each in among if {folded(header) for header in each.recognise.requires} <= found]
    if not fits:
        return _nearest(found, among)
    merits = {each.id: _merit(each, found) for each in fits}
    best = max(merits.values())
    first = [each for each in fits if merits[each.id] == best]
    known = best[1]
    if len(first) > 1:
        return Recognition(None, known, len(found), tuple(first))
    return Recognition(first[0], known, len(found))


def _merit(layout: Layout, found: set[str]) -> tuple[bool, int, int, bool]:
    """How well a layout that fits knows the headers; a clinic's own that knows as many goes first."""
    known = len(found & layout.headers())
    whole = known == len(found)
    return whole, known, len(layout.recognise.requires), layout not in built_in()


def _nearest(found: set[str], among: Sequence[Layout]) -> Recognition:
    best: tuple[float, int, Layout | None, tuple[str, ...]] = (0.0, 0, None, ())
    for layout in among:
        asked = layout.recognise.requires
        lacks = tuple(header for header in asked if folded(header) not in found)
        known = len(found & layout.headers())
        merit = (1 - len(lacks) / len(asked), known)
        if merit[0] >= NEAR and merit > best[:2]:
            best = (*merit, layout, lacks)
    return Recognition(None, best[1], len(found), near=best[2], lacks=best[3])
