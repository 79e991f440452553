"""Transaction sets of claim files: their segments, the reader that each kind of set builds on, and what elements say.

`x12` gives each set the reader of its kind (`x12_claims`, `x12_remittances`). A segment that is not what its place requires
costs its claim, not the file; a kind of segment that is not read is counted and told.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from compliance.records.raw import BATCH_ROWS, ROW, Exchange, RawTable
from compliance.records.x12_stream import LONGEST_SEGMENT

Elements = list[str]
SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
DIGITS = re.compile(r"[0-9]{1,9}")
"""A count as X12 writes it; `str.isdigit` also takes ², and `int` refuses thousands of digits."""
DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)
HCPCS = re.compile(r"[A-Z0-9]{5}")
QUALIFIER = re.compile(r"[A-Z0-9]{2}")
COMPOSITES = {"SVC": 1, "SV1": 1, "HI": 1, "CLM": 5}
"""Segments in which a composite stands, and its place in them."""
QUALIFIED = re.compile(r"^(?:HC|ER|IV|WK|A?B[KF]|\d{1,2})([:>^|\\<+!])")
"""How a composite begins, and the separator behind its qualifier."""
KINDS_UNREAD = 80
"""Kinds of segments that are told one by one when they are not read; the rest are told together."""
FILE_NUMBER = "number of the file"
"""Name of the column that holds which of the claim files a row came from."""


class Broken(Exception):
    """A segment that is not what its place requires: position, what was found, what was expected."""

    def __init__(self, position: int, found: str, expected: str) -> None:
        super().__init__(found)
        self.position, self.found, self.expected = position, found[:80], expected


class Segment:
    """A segment: its position in the file, and its elements, of which the first is its name."""

    __slots__ = ("component", "elements", "position", "whole")

    def __init__(self, position: int, elements: Elements, component: str, whole: bool = True) -> None:
        self.position, self.elements, self.component, self.whole = position, elements, component, whole

    @property
    def name(self) -> str:
        """Segment identifier: `CLM`."""
        return self.elements[0]

    def get(self, place: int) -> str:
        """Element by its X12 number (`CLM01` is 1); empty where the segment is shorter."""
        elements = self.elements
        return elements[place] if place < len(elements) else ""

    def parts(self, place: int) -> list[str]:
        """Components of a composite element."""
        given = self.get(place)
        parts = given.split(self.component)
        return [part.strip() for part in parts] if " " in given else parts

    def check(self) -> None:
        """Raise Broken where the segment was too long to be read whole."""
        if not self.whole:
            wanted = f"segments of at most {LONGEST_SEGMENT:,} characters"
            raise Broken(self.position, f"{self.name}, a segment longer than that", wanted)

    def __str__(self) -> str:
        return "*".join(self.elements)


Handlers = Mapping[str, Callable[[Any, Segment], None]]
"""What is done with a segment, by its name: a method of a reader of sets. No instance holds its own, so none outlives its set."""


class SetReader:
    """Reads the segments of one transaction set, one by one; a state is which segments are handled and how."""

    table = ""
    """The table whose rows a broken segment costs."""

    def __init__(self, file: str, exchange: Exchange, unread: Counter[str]) -> None:
        self.file, self.exchange, self.unread = file, exchange, unread
        self.handlers: Handlers = {}
        self.element, self.component = "*", ":"
        self.skipping = False
        self.known: set[str] = set()

    def take(self, name: str, text: str, position: int) -> None:
        """Read a segment: its name, its text and its position."""
        handle = self.handlers.get(name)
        try:
            if handle is None:
                if not self.skipping:
                    self._other(name, text, position)
                return
            whole = len(text) <= LONGEST_SEGMENT
            elements = text.split(self.element)
            if " " in text:
                elements = [each.strip() for each in elements]
            segment = Segment(position, elements, self.component, whole)
            handle(self, segment)
            if not whole:
                segment.check()
        except Broken as broken:
            self.refuse(broken)

    def _other(self, name: str, text: str, position: int) -> None:
        """A segment for which there is no handler: counted if it may be one, else what lies around it is broken."""
        if name not in self.known:
            if not SEGMENT_ID.fullmatch(name):
                raise Broken(position, text[:80], "a segment")
            self.known.add(name)
        if len(text) > LONGEST_SEGMENT:
            Segment(position, [name], "", False).check()
        self.leave(name)

    def leave(self, what: str) -> None:
        """Count something that is not read, because no table has a column for it."""
        if what not in self.unread and len(self.unread) >= KINDS_UNREAD:
            what = "others"
        self.unread[what] += 1

    def leave_kind(self, segment: Segment) -> None:
        """Count a segment that is not read, by its name and qualifier: `REF*EI`."""
        kind = segment.get(1)
        self.leave(
            f"{segment.name}*{kind}" if len(kind) < 4 and kind.isalnum() and kind.isascii() else segment.name
        )

    def see_component(self, segment: Segment) -> None:
        """Read a composite by the separator that it shows, where the declared one is not in it; and those after it."""
        own = _component(segment, self.component)
        if own != self.component:
            self.component = segment.component = own
            said = f"parts of elements are separated by {own!r}, not as ISA says; so they were read"
            self.exchange.note(self.file, said)

    def refuse(self, broken: Broken) -> None:
        """Refuse what a broken segment costs, and go on after it."""
        raise NotImplementedError

    def end(self, complete: bool) -> None:
        """The set ends: with SE, or (not `complete`) without."""
        raise NotImplementedError


class Sets:
    """Sets of one kind, of many files: gives each set its reader, and tells of a file when it has been read."""

    def reader(self, file: str, version: str) -> SetReader:
        """The reader of a set."""
        raise NotImplementedError

    def file_ends(self, file: str) -> None:
        """Tell what a file held."""
        raise NotImplementedError


class Rows:
    """Rows of a table, turned into columns batch by batch, so that no Python object outlives its batch."""

    def __init__(self, columns: Mapping[str, type[pl.DataType]]) -> None:
        self.columns = columns
        self.waiting: list[tuple[object, ...]] = []
        self.frames: list[pl.DataFrame] = []
        self.flushed = 0

    def __len__(self) -> int:
        return self.flushed + len(self.waiting)

    def add(self, row: tuple[object, ...]) -> None:
        """Add a row: a value for each column."""
        self.waiting.append(row)
        if len(self.waiting) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Turn the rows that wait into columns."""
        if self.waiting:
            values = zip(*self.waiting, strict=True)
            made = [
                pl.Series(name, column, kind, strict=False)
                for (name, kind), column in zip(self.columns.items(), values, strict=True)
            ]
            self.frames.append(pl.DataFrame(made))
            self.flushed += len(self.waiting)
            self.waiting = []

    def frame(self) -> pl.DataFrame:
        """All rows, without a copy of them."""
        self.flush()
        return (
            pl.concat(self.frames, rechunk=False) if self.frames else pl.DataFrame(schema=dict(self.columns))
        )


def _component(segment: Segment, declared: str) -> str:
    """The component separator that a composite shows, where the declared one is not in it."""
    composite = segment.get(COMPOSITES[segment.name])
    if declared in composite:
        return declared
    shown = QUALIFIED.match(composite)
    return shown[1] if shown else declared


def iso_date(segment: Segment, text: str) -> str:
    """A date of eight digits as ISO. Raises Broken where it is none."""
    if not DATE.fullmatch(text):
        raise Broken(segment.position, str(segment), "a date of eight digits: 20260301")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def amount(segment: Segment, text: str, what: str) -> float:
    """A number as X12 writes it. Raises Broken where it is none."""
    if len(text) > 18 or not NUMBER.fullmatch(text):
        raise Broken(segment.position, str(segment), f"{what}, a number")
    return float(text)


def is_procedure(composite: list[str]) -> bool:
    """Whether a composite is a qualifier and a procedure code; CPT and HCPCS codes (HC) have five characters."""
    if len(composite) < 2:
        return False
    if composite[0] == "HC":
        return HCPCS.fullmatch(composite[1]) is not None
    return bool(QUALIFIER.fullmatch(composite[0]) and re.fullmatch(r"\S+", composite[1]))


def raw_tables(
    table: str, batches: list[pl.DataFrame], names: Iterable[str], files: list[str]
) -> Iterator[RawTable]:
    """Rows of claim files as raw tables: the columns `names`, and where each row stands. Uses the batches up."""
    wanted = [*names, ROW]
    batches.reverse()
    while batches:
        rows = batches.pop()
        for part in rows.partition_by(FILE_NUMBER, maintain_order=True) if rows.height else []:
            yield RawTable(files[part[FILE_NUMBER][0]], table, part.select(wanted), part.height)


def told_unread(unread: Mapping[str, int]) -> str:
    """How often each kind of segment was not read, the most frequent first."""
    ordered = sorted(unread.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{what} {count:,}" for what, count in ordered)
