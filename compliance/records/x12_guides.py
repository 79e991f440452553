"""Claim files held to the implementation guides in full, by pyx12: every segment, element and code.

Loading asks only for what the tables need and refuses only what cannot be read; payers' gateways ask for the whole guide. This
takes a claim or two a millisecond, so it is asked for (`compliance validate --strict`) and tells how far it is.
"""

import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, TextIO, cast

from compliance.formats import terminal
from compliance.records.sources import Source
from compliance.records.x12_stream import Decoding, Piece, decoded, pieces

MOST_ERRORS = 10_000
"""Errors kept of one file; the rest are counted."""
SHOWN_ERRORS = 50
TELL_EVERY = 5.0
"""Seconds between two words on how far the validation is."""
NEAREST = {"221": "005010X221A1", "222": "005010X222A1", "223": "005010X223A2"}
"""The edition of each guide that pyx12 has; a file of another edition of the guide is held to this one, and it is said."""
EDITION = re.compile(r"005010X(221|222|223)(?:A\d)?(?![A-Z0-9])")
SAID = re.compile(
    r"(?:Line:(?P<line>\d+) )?(?P<level>ISA|GS|ST|SEG|ELE):(?P<code>\S*) - (?P<text>.*)", re.DOTALL
)


@dataclass(frozen=True)
class GuideError:
    """What a guide does not allow: the position of the segment in the file, its name, the element, pyx12's code and words."""

    segment: int | None
    name: str | None
    element: str | None
    code: str
    text: str

    def __str__(self) -> str:
        place = self.element or self.name or ""
        at = f"segment {self.segment:,}" if self.segment is not None else "envelope"
        return f"{at}{f', {place}' if place else ''}: {self.text} [{self.code}]"


@dataclass
class Held:
    """A claim file held to its guides: which ones, what they do not allow, and what could not be held to any."""

    file: str
    guides: list[str] = field(default_factory=list)
    segments: int = 0
    errors: list[GuideError] = field(default_factory=list)
    errors_not_kept: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether all of the file was held to a guide, and nothing was found."""
        return (
            bool(self.guides) and not self.errors and not any("not checked" in each for each in self.remarks)
        )

    def add(self, error: GuideError) -> None:
        """Keep an error, or count it beyond the limit."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)
        else:
            self.errors_not_kept += 1

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {**asdict(self), "valid": self.valid}

    def render(self) -> str:
        """The result for a terminal."""
        count = len(self.errors) + self.errors_not_kept
        said = (
            f"{count:,} error{'s' if count > 1 else ''}"
            if count
            else "no error"
            if self.valid
            else "not checked in full"
        )
        guides = ", ".join(self.guides) or "no guide"
        lines = [f"{self.file} ({guides}): {self.segments:,} segments, {said}"]
        lines += [f"  {remark}" for remark in self.remarks]
        lines += [f"  {error}" for error in self.errors[:SHOWN_ERRORS]]
        if count > SHOWN_ERRORS:
            lines.append(f"  … and {count - SHOWN_ERRORS:,} more; --format json has up to {MOST_ERRORS:,}")
        return "\n".join(lines)


def held_to_guides(sources: Iterable[Source], tell: Callable[[str], None]) -> list[Held]:
    """Each claim file among `sources` held to its implementation guides; `tell` hears how far it is."""
    return [_held(source, tell) for source in sources if source.shape == "x12"]


def as_text(held: list[Held]) -> str:
    """The results for a terminal."""
    if not held:
        return "Held to implementation guides: there is no X12 file here.\n"
    valid = sum(each.valid for each in held)
    head = f"Held to the implementation guides in full, by pyx12: {valid:,} of {len(held):,} files without an error."
    return "\n".join([head, *[each.render() for each in held]]) + "\n"


def as_json(held: list[Held]) -> str:
    """The results for programs: a list of files, with the errors of each."""
    return json.dumps([each.as_dict() for each in held])


def _held(source: Source, tell: Callable[[str], None]) -> Held:
    held = Held(terminal(source.name))
    numbered = _numbered(pieces(decoded(source.open(), Decoding())))
    for _, together in groupby(numbered, key=lambda each: each[0]):
        _interchange(_Fed(piece for _, piece in together), held, tell)
    return held


def _numbered(of: Iterable[Piece]) -> Iterator[tuple[int, Piece]]:
    number = 0
    for piece in of:
        number += piece.begins
        yield number, piece


class _Fed(io.TextIOBase):
    """An interchange as the text file that pyx12 reads, under the editions of guides that it has."""

    def __init__(self, of: Iterator[Piece]) -> None:
        self.pieces = of
        self.waiting = ""
        self.segments = 0
        self.editions: dict[str, str] = {}

    def read(self, size: int | None = -1) -> str:
        wanted = size if size is not None and size >= 0 else None
        while wanted is None or len(self.waiting) < wanted:
            piece = next(self.pieces, None)
            if piece is None:
                break
            if piece.given:
                self.segments += sum(
                    not each.isspace() and each != "" for each in piece.text.split(piece.given.terminator)
                )
            self.waiting += EDITION.sub(self._edition, piece.text)
        given, self.waiting = self.waiting[:wanted], self.waiting[wanted:] if wanted is not None else ""
        return given

    def _edition(self, found: re.Match[str]) -> str:
        nearest = NEAREST[found[1]]
        if found[0] != nearest:
            self.editions[found[0]] = nearest
        return nearest


def _interchange(fed: _Fed, held: Held, tell: Callable[[str], None]) -> None:
    """Hold one interchange to its guides and add what pyx12 says to `held`."""
    from pyx12.errors import EngineError, X12Error
    from pyx12.params import params
    from pyx12.x12n_document import x12n_document

    before, told = held.segments, time.monotonic()

    heard = _Heard()

    def advance(segment: Any, reader: Any, node: Any, valid: bool) -> None:
        nonlocal told
        name, position = segment.get_seg_id(), before + reader.get_cur_line()
        if name == "GS" and (guide := segment.get_value("GS08")) and guide not in held.guides:
            held.guides.append(terminal(guide[:20]))
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(
                f"{held.file}: {position:,} segments held to their guide, {len(held.errors) + len(heard.said):,} errors so far"
            )

    tree = io.StringIO()
    with heard:
        try:
            x12n_document(params(), cast(TextIO, fed), None, None, None, tree, callback=advance)
        except (EngineError, X12Error) as error:
            held.remarks.append(f"not checked from segment {before + 1:,} on: {_plain(error)}")
        except (
            Exception
        ) as error:  # pyx12 stops in many ways at files that are none; the file was loaded or refused already
            held.remarks.append(
                f"not checked further: pyx12 stopped at a segment that it cannot take ({_plain(error)})"
            )
    while fed.read(2**20):
        pass
    held.segments = before + fed.segments
    places = _places(tree.getvalue())
    for line in heard.said:
        _say(line, before, places, held)
    for found, nearest in fed.editions.items():
        said = f"says {found}; held to {nearest}, the edition of the same guide that is at hand"
        if said not in held.remarks:
            held.remarks.append(said)


class _Heard(logging.Handler):
    """What pyx12 says to its log, which has every error in order; nothing of it reaches the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []
        self.logger = logging.getLogger("pyx12")

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())

    def __enter__(self) -> "_Heard":
        self.before = self.logger.propagate
        self.logger.propagate = False
        self.logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.logger.removeHandler(self)
        self.logger.propagate = self.before


@dataclass
class _Place:
    """Where pyx12's tree of errors puts one: its words, the name of the segment, and of the element (`DTP`, `DTP03`)."""

    text: str
    name: str
    element: str | None


Places = dict[tuple[int, str], list[_Place]]
"""Places of errors by line and code."""


def _places(tree: str) -> Places:
    found: Places = {}
    interchanges = json.loads(tree)["interchanges"] if tree else []
    sets = [each for top in interchanges for group in top["groups"] for each in group["transactions"]]
    for segment in [segment for each in sets for segment in each["segments"]]:
        name = segment["seg_id"]
        errors = [(error, None) for error in segment["errors"]]
        for element in segment["elements"]:
            part = f"-{element['subele_pos']}" if element["subele_pos"] else ""
            errors += [(error, f"{name}{int(element['ele_pos']):02d}{part}") for error in element["errors"]]
        for error, element in errors:
            at = (segment["cur_line"], error["err_cde"])
            found.setdefault(at, []).append(_Place(error["err_str"], name, element))
    return found


def _say(line: str, before: int, places: Places, held: Held) -> None:
    """Add an error that pyx12 said to its log, with the place that its tree knows."""
    found = SAID.fullmatch(line)
    if found is None:
        no_start = (
            "pyx12 reads interchanges that begin with an ISA of 106 characters, of version 00401 or 00501"
        )
        because = no_start if "does not look like" in line else f"pyx12: {terminal(line[:200])}"
        held.remarks.append(f"not checked from segment {before + 1:,} on: {because}")
        return
    level, code, text = found["level"], found["code"], found["text"]
    position = int(found["line"]) if found["line"] else None
    there = places.get((position or 0, code), [])
    place = next((each for each in there if text.startswith(each.text)), None)
    if place:
        there.remove(place)
    name = place.name if place else None if level in {"SEG", "ELE"} else level
    at = None if position is None else before + position
    said = terminal((place.text if place else text)[:300])
    held.add(GuideError(at, name, place.element if place else None, code, said))


def _plain(error: Exception) -> str:
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    found = re.search(r"Map not found\..*vriic=([^,]*)", said)
    return terminal(f"pyx12 has no guide for version {found[1]}" if found else said)
