"""Claim files (X12 5010): interchanges into transaction sets, sets to their readers, everything else named and refused.

Delimiters come from each ISA. Segment positions, by which the load report names a place, count the segments of the file
from 1. The counts of SE, GE and IEA are checked and differences told; a broken segment costs its claim, not the file.
An interchange without a set, and a claim outside one, are refused by name: what is not read must not look like nothing.
Segments are read from the file as they come and rows are gathered in columns, so that a file of any length streams.
"""

import gc
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import polars as pl

from compliance.records.raw import BATCH_ROWS, ROW, Exchange, RawTable
from compliance.records.x12_stream import (
    LONGEST_SEGMENT,
    Decoding,
    Delimiters,
    Opener,
    Piece,
    decoded,
    pieces,
)

Elements = list[str]
SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
READ = "837 professional of version 005010X222 or 835 of version 005010X221"
SETS = {
    "270": "eligibility inquiry", "271": "eligibility answer", "276": "claim status inquiry", "277": "claim status",
    "278": "authorization request", "820": "premium payment", "834": "enrolment", "997": "acknowledgment",
    "999": "acknowledgment", "835": "remittance", "837": "claims",
}  # fmt: skip
GUIDES = {"X222": "professional", "X223": "institutional", "X224": "dental", "X098": "professional",
          "X096": "institutional", "X097": "dental"}  # fmt: skip
CLAIM_SEGMENTS = {"CLM": ("837", "claims"), "CLP": ("835", "remittances")}
"""Segments that open a claim or its answer: in which set they belong, and which table they feed."""
DIGITS = re.compile(r"[0-9]{1,9}")
"""A count as X12 writes it; `str.isdigit` also takes ², and `int` refuses thousands of digits."""
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


def read_x12(files: Iterable[tuple[str, Opener]], known_lines: pl.DataFrame | None) -> Exchange:
    """Read claim files, each a name and what opens it, into tables.

    `known_lines`: claim lines that table files brought, to which remittances may answer (columns claim_id, line, cpt,
    modifiers, service_date), or null. Never raises for what a file holds.
    """
    from compliance.records.x12_claims import Claims
    from compliance.records.x12_remittances import Remittances

    exchange = Exchange("x12")
    claims, remittances = Claims(exchange), Remittances(exchange)
    collecting = gc.isenabled()
    gc.disable()  # segments are many short-lived lists without cycles; scanning them again and again doubles the time
    try:
        for name, opener in files:
            exchange.files.append(name)
            _File(name, exchange, claims, remittances).read(opener)
            claims.file_ends(name)
            remittances.file_ends(name)
    finally:
        if collecting:
            gc.enable()
    claims.settle(remittances.payer_numbers)
    remittances.settle(claims, known_lines)
    exchange.tables = chain(claims.tables(), remittances.tables())
    return exchange


class _File:
    """One claim file, read from piece to piece."""

    def __init__(self, name: str, exchange: Exchange, claims: "Sets", remittances: "Sets") -> None:
        self.name, self.exchange = name, exchange
        self.sets = {"837": claims, "835": remittances}
        self.position = 0

    def read(self, opener: Opener) -> None:
        done = Decoding()
        interchange: _Interchange | None = None
        with opener() as stream:
            for piece in pieces(decoded(stream, done)):
                if piece.begins:
                    if interchange:
                        interchange.end()
                    interchange = self._open(piece)
                if interchange:
                    interchange.take(piece)
                    self.position = interchange.position
        if interchange:
            interchange.end()
        elif not self.position:
            self.exchange.refuse(self.name, None, "no segment", READ)
        if done.nul:
            self.exchange.note(self.name, f"{done.nul:,} NUL characters were left out", done.nul)
        if done.windows:
            said = f"{done.windows:,} bytes are not UTF-8 and were read as Windows-1252"
            self.exchange.note(self.name, said, done.windows)

    def _open(self, piece: Piece) -> "_Interchange | None":
        if piece.given is None:
            self.position += 1
            wanted = "an ISA segment of 16 elements, or a GS or ST segment"
            self.exchange.refuse(self.name, self.position, piece.head, wanted)
            return None
        if not piece.head.startswith("ISA"):
            self.exchange.note(self.name, f"no ISA: {piece.given}")
        return _Interchange(self, piece.head, piece.given)


class Sets:
    """Sets of one kind, of many files: gives each set its reader, and tells of a file when it has been read."""

    def reader(self, file: str, version: str) -> SetReader:
        """The reader of a set."""
        raise NotImplementedError

    def file_ends(self, file: str) -> None:
        """Tell what a file held."""
        raise NotImplementedError


class _Interchange:
    """The sets of one interchange, segment by segment, and the claims that lie in none."""

    def __init__(self, file: _File, head: str, given: Delimiters) -> None:
        self.file, self.name, self.exchange = file, file.name, file.exchange
        self.head, self.given = head, given
        self.position, self.first = file.position, file.position + 1
        self.group_version = self.interchange_version = self.opened = ""
        self.counts: Counter[str] = Counter()
        self.component = given.component
        self.reader: SetReader | None = None
        self.kind = self.start = ""
        self.began = 0
        self.within = False
        self.hidden = 0
        self.mark = self.exchange.mark()

    def take(self, piece: Piece) -> None:
        """Read the segments of a piece."""
        element, position = self.given.element, self.position
        before = self.counts["met"]
        take = self.reader.take if self.reader else None
        for raw in piece.text.split(self.given.terminator):
            text = raw.strip()
            if not text:
                continue
            position += 1
            name = text.partition(element)[0]
            if name in WATCHED:
                self.position = position
                if self._watched(name, text):
                    take = self.reader.take if self.reader else None
                    continue
            if take is not None:
                take(name, text, position)
        self.position = position
        self._count_hidden(piece, self.counts["met"] - before)

    def _watched(self, name: str, text: str) -> bool:
        """Whether a segment is of the envelope, or a claim that no set holds, and so none for the set's reader."""
        if name in CLAIM_SEGMENTS:
            self.counts["met"] += 1
            return self._lost(name, text, self.position)
        elements = [each.strip() for each in text[:LONGEST_SEGMENT].split(self.given.element)]
        self._envelope(Segment(self.position, elements, self.component))
        return True

    def end(self) -> None:
        """The interchange ends: with a set that nothing closed, without any set, or with claims that none holds."""
        self._unclosed(": the file may be cut off")
        if not self.counts["all sets"]:
            self.exchange.forget(self.mark)  # its claims are refused together
            wanted = f"a transaction set (ST to SE), {self.given} as the start of the file says"
            found = f"no transaction set in {self.head}…"
            self.exchange.refuse(self.name, self.first if self.position else None, found, wanted)
        elif self.hidden:
            found = f"{self.hidden:,} claims (CLM or CLP) within other segments"
            self.exchange.refuse(self.name, self.first, found, f"{self.given}, as the start of the file says")

    def _count_hidden(self, piece: Piece, met: int) -> None:
        """Count what looks like the start of a claim and is none, since another segment swallowed it."""
        element = self.given.element
        for text, taken in [(piece.text, met), *((each, 0) for each in piece.hidden)]:
            if text.count(f"CLM{element}") + text.count(f"CLP{element}") > taken:
                parted = re.escape(element + self.given.component)
                opening = rf"(?<![A-Za-z0-9 {parted}])(?:CLM|CLP){re.escape(element)}"
                self.hidden += max(0, len(re.findall(opening, text)) - taken)

    def _lost(self, name: str, text: str, position: int) -> bool:
        """Refuse a claim that lies outside a set or in a set of the other kind."""
        kind, table = CLAIM_SEGMENTS[name]
        if self.within and (self.kind == kind or self.kind not in CLAIM_SETS):
            self.counts["claims of the set"] += 1
            return False
        self.counts["claims of the set"] += self.within
        found = "*".join(text[:80].split(self.given.element))
        self.exchange.refuse(self.name, position, found, f"a claim within an {kind} set", table)
        return True

    def _envelope(self, segment: Segment) -> None:
        match segment.name:
            case "ISA":
                self.interchange_version, self.opened = segment.get(12), segment.get(13)
            case "GS":
                version = segment.elements[-1] if len(segment.elements) > 6 else ""
                self.group_version = segment.get(8) or version
                self.counts["groups"] += 1
                self.counts["sets"] = 0
            case "GE":
                self._check(segment, self.counts["sets"], "transaction sets")
            case "IEA":
                self._check(segment, self.counts["groups"], "groups")
                if self.opened and self.opened != segment.get(2):
                    said = f"IEA closes interchange {segment.get(2)[:20]}, but ISA opened {self.opened[:20]}"
                    self.exchange.note(self.name, said)
            case "ST":
                self._unclosed("")
                self._open(segment)
            case "SE":
                if self.within:
                    self._check(segment, segment.position - self.began + 1, "segments")
                self._close(complete=True)

    def _open(self, segment: Segment) -> None:
        self.counts["sets"] += 1
        self.counts["all sets"] += 1
        self.counts["claims of the set"] = 0
        self.within, self.began, self.start = True, segment.position, str(segment)
        self.kind = segment.get(1)
        version = segment.get(3) or self.group_version or self.interchange_version
        refused = _not_ours(self.kind, version)
        if refused:
            self.exchange.refuse(self.name, segment.position, refused, READ)
            return
        self.reader = self.file.sets[self.kind].reader(self.name, version)
        self.reader.element, self.reader.component = self.given.element, self.component

    def _close(self, complete: bool) -> None:
        reader, self.reader = self.reader, None
        if reader:
            self.component = reader.component
            reader.end(complete)
        elif self.within and self.counts["claims of the set"]:
            count = self.counts["claims of the set"]
            held = "answers to claims" if self.kind == "835" else "claims"
            said = f"the refused set at segment {self.began} holds {count:,} {held}"
            self.exchange.note(self.name, said, count)
        self.within = False

    def _unclosed(self, because: str) -> None:
        if not self.within:
            return
        self.exchange.note(self.name, f"the set at segment {self.began} has no SE{because}")
        if not self.counts["claims of the set"]:
            wanted = "a set that ends with SE; this one breaks off before its first claim"
            self.exchange.refuse(self.name, self.began, self.start, wanted)
        self._close(complete=False)

    def _check(self, segment: Segment, counted: int, what: str) -> None:
        """Tell where the count that closes a part of the file is not what was counted."""
        said = segment.get(1)
        if said != str(counted) and not (DIGITS.fullmatch(said) and int(said) == counted):
            at = f"{segment.name} at segment {segment.position} says {said[:20] or 'no'} {what}"
            self.exchange.note(self.name, f"{at}; {counted} are there")


ENVELOPE = {"ISA", "GS", "ST", "SE", "GE", "IEA"}
WATCHED = ENVELOPE | set(CLAIM_SEGMENTS)
CLAIM_SETS = {"835", "837"}
COMPOSITES = {"SVC": 1, "SV1": 1, "HI": 1, "CLM": 5}
QUALIFIED = re.compile(r"^(?:HC|ER|IV|WK|A?B[KF]|\d{1,2})([:>^|\\<+!])")


def _not_ours(kind: str, version: str) -> str | None:
    """What a set is, where it is none that is read; else null."""
    guide = next((name for mark, name in GUIDES.items() if mark in version), None)
    what = f"{kind} {guide or SETS.get(kind, 'transaction set')}, version {version or 'no version'}"
    if kind not in CLAIM_SETS or (version and not version.startswith("00501")):
        return what
    if kind == "837" and guide in {"institutional", "dental"}:
        return what
    return None


def _component(segment: Segment, declared: str) -> str:
    """The component separator that a composite shows, where the declared one is not in it."""
    composite = segment.get(COMPOSITES[segment.name])
    if declared in composite:
        return declared
    shown = QUALIFIED.match(composite)
    return shown[1] if shown else declared


DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)


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


HCPCS = re.compile(r"[A-Z0-9]{5}")
QUALIFIER = re.compile(r"[A-Z0-9]{2}")


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
