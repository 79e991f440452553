"""Claim files (X12 5010): interchanges into transaction sets, sets to their readers, everything else named and refused.

Delimiters come from each ISA. Segment positions, by which the load report names a place, count the segments of the file
from 1. The counts of SE, GE and IEA are checked and differences told; a broken segment costs its claim, not the file.
An interchange without a set, and a claim outside one, are refused by name: what is not read must not look like nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count as counting

import polars as pl

from compliance.records.delimited import RawTable
from compliance.records.report import Notice, Refusal

Elements = list[str]
SEGMENT_ID = re.compile(r"^[A-Z][A-Z0-9]{1,2}$")
READ = "837 professional of version 005010X222 or 835 of version 005010X221"
SETS = {
    "270": "eligibility inquiry", "271": "eligibility answer", "276": "claim status inquiry", "277": "claim status",
    "278": "authorization request", "820": "premium payment", "834": "enrolment", "997": "acknowledgment",
    "999": "acknowledgment", "835": "remittance", "837": "claims",
}  # fmt: skip
GUIDES = {"X222": "professional", "X223": "institutional", "X224": "dental", "X098": "professional",
          "X096": "institutional", "X097": "dental"}  # fmt: skip
LONGEST_SEGMENT = 100_000
"""Characters of one segment; of a longer one the rest is not read, and its claim is refused."""
CLAIM_SEGMENTS = {"CLM": ("837", "claims"), "CLP": ("835", "remittances")}
"""Segments that open a claim or its answer: in which set they belong, and which table they feed."""
LONGEST_FOUND = 160
DIGITS = re.compile(r"[0-9]{1,9}")
"""A count as X12 writes it; `str.isdigit` also takes ², and `int` refuses thousands of digits."""


class Broken(Exception):
    """A segment that is not what its place requires: position, what was found, what was expected."""

    def __init__(self, position: int, found: str, expected: str) -> None:
        super().__init__(found)
        self.position, self.found, self.expected = position, found[:80], expected


@dataclass(slots=True)
class Segment:
    """A segment: its position in the file, and its elements, of which the first is its name."""

    position: int
    elements: Elements
    component: str
    whole: bool = True

    @property
    def name(self) -> str:
        """Segment identifier: `CLM`."""
        return self.elements[0]

    def get(self, place: int) -> str:
        """Element by its X12 number (`CLM01` is 1); empty where the segment is shorter."""
        return self.elements[place].strip() if place < len(self.elements) else ""

    def parts(self, place: int) -> list[str]:
        """Components of a composite element."""
        return [part.strip() for part in self.get(place).split(self.component)]

    def check(self) -> None:
        """Raise Broken where the segment was too long to be read whole."""
        if not self.whole:
            wanted = f"segments of at most {LONGEST_SEGMENT:,} characters"
            raise Broken(self.position, f"{self.name}, a segment longer than that", wanted)

    def __str__(self) -> str:
        return "*".join(self.elements)


@dataclass(frozen=True)
class Delimiters:
    """How an interchange parts elements, components and segments."""

    element: str
    component: str
    terminator: str

    def __str__(self) -> str:
        return f"elements parted by {self.element!r} and segments ended by {self.terminator!r}"


@dataclass
class TransactionSet:
    """The segments between ST and SE, and what the envelope says of them."""

    file: str
    kind: str
    version: str
    segments: list[Segment] = field(default_factory=list)
    complete: bool = False


@dataclass
class Exchange:
    """What a number of claim files held: tables before their cells are read, refusals and notices."""

    tables: list[RawTable] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def note(self, file: str, message: str, count: int | None = None) -> None:
        """Tell something of a file that cost nothing."""
        self.notices.append(Notice("x12", f"{file}: {message}", file, None, count))

    def refuse(
        self, file: str, position: int | None, found: str, expected: str, table: str | None = None
    ) -> None:
        """Tell of a part of a file that could not be used."""
        shown = found if len(found) <= LONGEST_FOUND else found[: LONGEST_FOUND - 1] + "…"
        self.refusals.append(Refusal(file, position, table, None, shown, expected))


def read_x12(files: list[tuple[str, bytes]], known_lines: pl.DataFrame | None) -> Exchange:
    """Read claim files, each a name and its bytes, into tables.

    `known_lines`: claim lines that table files brought, to which remittances may answer (columns claim_id, line, cpt,
    modifiers, service_date), or null. Never raises for what a file holds.
    """
    from compliance.records.x12_claims import Claims
    from compliance.records.x12_remittances import Remittances

    exchange = Exchange()
    claims, remittances = Claims(exchange), Remittances(exchange)
    for file, data in files:
        for each in transaction_sets(file, _decoded(data), exchange):
            refused = _not_ours(each)
            if refused:
                exchange.refuse(file, each.segments[0].position if each.segments else None, refused, READ)
            elif each.kind == "837":
                claims.read(each)
            else:
                remittances.read(each)
    claims.settle(remittances.payer_numbers())
    remittances.settle(claims, known_lines)
    exchange.tables = [*claims.tables(), *remittances.tables()]
    return exchange


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _not_ours(given: TransactionSet) -> str | None:
    """What a set is, where it is none that is read; else null."""
    version = given.version or "no version"
    guide = next((name for mark, name in GUIDES.items() if mark in given.version), None)
    what = f"{given.kind} {guide or SETS.get(given.kind, 'transaction set')}, version {version}"
    if given.kind not in {"837", "835"} or (given.version and not given.version.startswith("00501")):
        return what
    if given.kind == "837" and guide in {"institutional", "dental"}:
        return what
    return None


def transaction_sets(file: str, text: str, exchange: Exchange) -> Iterator[TransactionSet]:
    """The transaction sets of a file, envelopes checked and differences told."""
    positions = counting(1)
    chunks = _interchanges(_without_nul(file, text, exchange))
    for chunk in chunks:
        given = _delimiters(chunk)
        if given is None:
            wanted = "an ISA segment of 16 elements, or a GS or ST segment"
            exchange.refuse(file, next(positions), chunk[:40], wanted)
            continue
        if not chunk.startswith("ISA"):
            exchange.note(file, f"no ISA: {given}")
        sets = _Sets(file, exchange)
        for segment in segments(file, chunk, given, positions, exchange):
            yield from sets.take(segment)
        yield from sets.end()
        _refuse_lost(file, chunk, given, sets, exchange)
    if not chunks:
        exchange.refuse(file, None, "no segment", READ)


def _without_nul(file: str, text: str, exchange: Exchange) -> str:
    """Some transfers pad segments with NUL, which would hide the name of each that follows."""
    count = text.count("\0")
    if count:
        exchange.note(file, f"{count:,} NUL characters were left out", count)
    return text.replace("\0", "")


class _Sets:
    """The sets of one interchange, gathered segment by segment, and the claims that lie in none."""

    def __init__(self, file: str, exchange: Exchange) -> None:
        self.file, self.exchange = file, exchange
        self.current: TransactionSet | None = None
        self.first = 0
        self.group_version = self.interchange_version = self.opened = ""
        self.counts: Counter[str] = Counter()
        self.claims = 0
        self.lost: list[Segment] = []

    def take(self, segment: Segment) -> Iterator[TransactionSet]:
        """Read a segment; yields the set that it ends."""
        self.first = self.first or segment.position
        match segment.name:
            case "ISA":
                self.interchange_version, self.opened = segment.get(12), segment.get(13)
            case "GS":
                version = segment.elements[-1] if len(segment.elements) > 6 else ""
                self.group_version = segment.get(8) or version
                self.counts["groups"] += 1
                self.counts["sets"] = 0
            case "GE":
                _count(self.exchange, self.file, segment, self.counts["sets"], "transaction sets")
            case "IEA":
                self._closed(segment)
            case "ST":
                yield from self._unclosed("")
                self._open(segment)
            case "SE":
                yield from self._complete(segment)
            case _:
                self._inside(segment)

    def end(self) -> Iterator[TransactionSet]:
        """The set that nothing closed."""
        yield from self._unclosed(": the file may be cut off")

    def _open(self, segment: Segment) -> None:
        self.counts["sets"] += 1
        self.counts["all sets"] += 1
        version = segment.get(3) or self.group_version or self.interchange_version
        self.current = TransactionSet(self.file, segment.get(1), version, [segment])

    def _complete(self, segment: Segment) -> Iterator[TransactionSet]:
        current, self.current = self.current, None
        if current:
            current.complete = True
            _count(self.exchange, self.file, segment, len(current.segments) + 1, "segments")
            yield current

    def _unclosed(self, because: str) -> Iterator[TransactionSet]:
        current, self.current = self.current, None
        if current is None:
            return
        position = current.segments[0].position
        self.exchange.note(self.file, f"the set at segment {position} has no SE{because}")
        if not any(segment.name in CLAIM_SEGMENTS for segment in current.segments):
            wanted = "a set that ends with SE; this one breaks off before its first claim"
            self.exchange.refuse(self.file, position, str(current.segments[0]), wanted)
        yield current

    def _closed(self, segment: Segment) -> None:
        _count(self.exchange, self.file, segment, self.counts["groups"], "groups")
        if self.opened and self.opened != segment.get(2):
            said = f"IEA closes interchange {segment.get(2)}, but ISA opened {self.opened}"
            self.exchange.note(self.file, said)

    def _inside(self, segment: Segment) -> None:
        kind, _ = CLAIM_SEGMENTS.get(segment.name, (None, None))
        if self.current:
            self.current.segments.append(segment)
        if kind is None:
            return
        if self.current is None or (self.current.kind != kind and self.current.kind in {"835", "837"}):
            self.lost.append(segment)
        else:
            self.claims += 1


def _refuse_lost(file: str, chunk: str, given: Delimiters, sets: _Sets, exchange: Exchange) -> None:
    """Refuse what no set holds: the whole interchange, or claims outside a set or hidden in another segment."""
    if not sets.counts["all sets"]:
        wanted = f"a transaction set (ST to SE), {given} as the start of the file says"
        exchange.refuse(file, sets.first or None, f"no transaction set in {chunk[:40]}…", wanted)
        return
    for segment in sets.lost:
        kind, table = CLAIM_SEGMENTS[segment.name]
        exchange.refuse(file, segment.position, str(segment)[:80], f"a claim within an {kind} set", table)
    parted = re.escape(given.element + given.component)
    opening = rf"(?<![A-Za-z0-9 {parted}])(CLM|CLP){re.escape(given.element)}"
    hidden = len(re.findall(opening, chunk)) - sets.claims - len(sets.lost)
    if hidden > 0:
        found = f"{hidden:,} claims (CLM or CLP) within other segments"
        exchange.refuse(file, sets.first, found, f"{given}, as the start of the file says")


def _count(exchange: Exchange, file: str, segment: Segment, counted: int, what: str) -> None:
    said = segment.get(1)
    if said != str(counted) and not (DIGITS.fullmatch(said) and int(said) == counted):
        exchange.note(
            file,
            f"{segment.name} at segment {segment.position} says {said[:20] or 'no'} {what}; {counted} are there",
        )


def segments(
    file: str, chunk: str, given: Delimiters, positions: Iterator[int], exchange: Exchange
) -> Iterator[Segment]:
    """The segments of one interchange in order."""
    component = given.component
    for raw in _split(chunk, given.terminator):
        bare = raw.strip()
        if not bare:
            continue
        elements = bare[:LONGEST_SEGMENT].split(given.element)
        own = component
        if elements[0] in {"SVC", "SV1", "HI", "CLM"}:
            own = _component(elements, component)
            if own != component:
                component = own
                said = f"parts of elements are separated by {own!r}, not as ISA says; so they were read"
                exchange.note(file, said)
        yield Segment(next(positions), elements, own, len(bare) <= LONGEST_SEGMENT)


def _interchanges(text: str) -> list[str]:
    """The file cut before each ISA that opens an interchange."""
    starts = [
        found.start(1)
        for found in re.finditer(r"(?:\A|[\r\n~^'|]|IEA[^\r\n]{1,30}?)\s*(ISA)(?=[^A-Za-z0-9\s])", text)
    ]
    if not starts:
        return [text.strip()] if text.strip() else []
    before = text[: starts[0]].strip()
    ends = [*starts[1:], len(text)]
    cut = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return [before, *cut] if before else cut


def _delimiters(chunk: str) -> Delimiters | None:
    """Element separator, component separator and segment terminator; null where the start is no envelope."""
    head = re.match(r"(ISA|GS|ST)([^A-Za-z0-9\s])", chunk)
    if head is None:
        return None
    element = head[2]
    if head[1] != "ISA":
        following = re.search(r"([^A-Za-z0-9\s.,\-])\s*(?:ST|BPR|BHT)" + re.escape(element), chunk[3:2000])
        ended = following[1] if following and following[1] != element else "\n"
        return Delimiters(element, ":", ended)
    place = -1
    for _ in range(16):
        place = chunk.find(element, place + 1, 400)
        if place < 0:
            return None
    if place + 2 >= len(chunk):
        return None
    terminator = chunk[place + 2]
    return Delimiters(element, chunk[place + 1], "\n" if terminator in "\r\n" else terminator)


def _split(chunk: str, terminator: str) -> Iterator[str]:
    start = 0
    while start < len(chunk):
        end = chunk.find(terminator, start)
        if end < 0:
            end = len(chunk)
        yield chunk[start:end]
        start = end + 1


COMPOSITES = {"SVC": 1, "SV1": 1, "HI": 1, "CLM": 5}
QUALIFIED = re.compile(r"^(?:HC|ER|IV|WK|A?B[KF]|\d{1,2})([:>^|\\<+!])")


def _component(elements: Elements, declared: str) -> str:
    """The component separator that a composite shows, where the declared one is not in it."""
    place = COMPOSITES[elements[0]]
    composite = elements[place] if place < len(elements) else ""
    shown = QUALIFIED.match(composite)
    return shown[1] if shown and declared not in composite else declared


def iso_date(segment: Segment, text: str) -> str:
    """A date of eight digits as ISO. Raises Broken where it is none."""
    if not re.match(r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$", text, re.ASCII):
        raise Broken(segment.position, str(segment), "a date of eight digits: 20260301")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def amount(segment: Segment, text: str, what: str) -> float:
    """A number as X12 writes it. Raises Broken where it is none."""
    if not re.match(r"^-?(?:\d+\.?\d*|\.\d+)$", text, re.ASCII) or len(text) > 18:
        raise Broken(segment.position, str(segment), f"{what}, a number")
    return float(text)


def is_procedure(composite: list[str]) -> bool:
    """Whether a composite is a qualifier and a procedure code; CPT and HCPCS codes (HC) have five characters."""
    if len(composite) < 2 or not re.match(r"^[A-Z0-9]{2}$", composite[0]):
        return False
    return bool(re.match(r"^[A-Z0-9]{5}$" if composite[0] == "HC" else r"^\S+$", composite[1]))


def raw_table(
    table: str, file: str, columns: dict[str, type[pl.DataType]], rows: list[tuple[object, ...]]
) -> RawTable:
    """Rows of a claim file as a raw table; the last value of each is the position of its segment."""
    frame = pl.DataFrame(rows, schema=columns, orient="row", strict=False)
    return RawTable(file, table, frame, frame.height)
