"""Claim files (X12 5010): interchanges into transaction sets, sets to their readers, everything else named and refused.

Delimiters come from each ISA. Segment positions, by which the load report names a place, count the segments of the file
from 1. The counts of SE, GE and IEA are checked and differences told; a broken segment costs its claim, not the file.
An interchange without a set, and a claim outside one, are refused by name: what is not read must not look like nothing.
Segments are read from the file as they come and rows are gathered in columns, so that a file of any length streams.
"""

import gc
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import polars as pl

from compliance.formats import plural
from compliance.records.raw import Exchange
from compliance.records.x12_claims import Claims
from compliance.records.x12_remittances import Remittances
from compliance.records.x12_sets import DIGITS, Segment, SetReader, Sets
from compliance.records.x12_stream import (
    LONGEST_SEGMENT,
    Decoding,
    Delimiters,
    Opener,
    Piece,
    decoded,
    pieces,
)

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


def read_x12(files: Iterable[tuple[str, Opener]], known_lines: pl.DataFrame | None) -> Exchange:
    """Read claim files, each a name and what opens it, into tables.

    `known_lines`: claim lines that table files brought, to which remittances may answer (columns claim_id, line, cpt,
    modifiers, service_date), or null. Never raises for what a file holds.
    """
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

    def __init__(self, name: str, exchange: Exchange, claims: Sets, remittances: Sets) -> None:
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
            self.exchange.note(
                self.name,
                f"{plural(done.nul, 'NUL character was', 'NUL characters were')} left out",
                done.nul,
            )
        if done.windows:
            bytes_ = plural(done.windows, "byte is not UTF-8 and was", "bytes are not UTF-8 and were")
            said = f"{bytes_} read as Windows-1252"
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
        cut_off = self.within
        self._unclosed(": the file may be cut off")
        if self.opened and self.counts["all sets"] and not cut_off and not self.counts["ends"]:
            said = f"the interchange at segment {self.first} has no IEA: the file may be cut off, and sets that came after lost"
            self.exchange.note(self.name, said)
        if not self.counts["all sets"]:
            self.exchange.forget(self.mark)  # its claims are refused together
            wanted = f"a transaction set (ST to SE), {self.given} as the start of the file says"
            found = f"no transaction set in {self.head}…"
            self.exchange.refuse(self.name, self.first if self.position else None, found, wanted)
        elif self.hidden:
            found = f"{plural(self.hidden, 'claim')} (CLM or CLP) within other segments"
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
                self.counts["ends"] += 1
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
            held = plural(
                count, *(("answer to a claim", "answers to claims") if self.kind == "835" else ("claim",))
            )
            said = f"the refused set at segment {self.began} holds {held}"
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


def _not_ours(kind: str, version: str) -> str | None:
    """What a set is, where it is none that is read; else null."""
    guide = next((name for mark, name in GUIDES.items() if mark in version), None)
    what = f"{kind} {guide or SETS.get(kind, 'transaction set')}, version {version or 'no version'}"
    if kind not in CLAIM_SETS or (version and not version.startswith("00501")):
        return what
    if kind == "837" and guide in {"institutional", "dental"}:
        return what
    return None
