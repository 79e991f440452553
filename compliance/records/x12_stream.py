"""Claim files as streams: bytes in chunks, to the text of whole segments, interchange by interchange.

No more than a chunk and an unfinished segment is held at once, however long the file. Each ISA states its delimiters, and a
file may change them from interchange to interchange.
"""

import codecs
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

CHUNK = 2**20
"""Bytes read at once."""
LONGEST_SEGMENT = 100_000
"""Characters of one segment; of a longer one the rest is not read, and its claim is refused."""
HEAD = 2_500
"""Characters from which the delimiters of an interchange are read."""
BEFORE = re.compile(r"(?:\A|[\r\n]\s*|[~^'|]\s*|IEA[^\r\n]{1,30}?\s*)\Z")
"""What stands before an ISA that opens an interchange: nothing, a line's end, a terminator, or an IEA."""
CONTEXT = 60


@dataclass(frozen=True)
class Delimiters:
    """How an interchange parts elements, components and segments."""

    element: str
    component: str
    terminator: str

    def __str__(self) -> str:
        return f"elements parted by {self.element!r} and segments ended by {self.terminator!r}"


@dataclass
class Piece:
    """Text of whole segments of one interchange.

    `begins`: it is the first of its interchange; `head` its first characters; `given` its delimiters, null where its start
    is no envelope; `hidden`: characters of a segment too long to be kept, of which only the start stands in the text.
    """

    text: str
    begins: bool
    head: str
    given: Delimiters | None
    hidden: list[str] = field(default_factory=list)


@dataclass
class Decoding:
    """What was done to the bytes of a file so that they became text."""

    windows: int = 0
    nul: int = 0


def decoded(stream: BinaryIO, done: Decoding) -> Iterator[str]:
    """The text of a stream, chunk by chunk: UTF-8, and bytes that are none as Windows-1252; NUL characters left out.

    Some transfers pad segments with NUL, which would hide the name of each that follows.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("compliance.windows")
    first = True
    while True:
        data = stream.read(CHUNK)
        _reading.done = done
        text = decoder.decode(data, not data)
        if first:
            text, first = text.removeprefix("\ufeff"), False
        if "\0" in text:
            done.nul += text.count("\0")
            text = text.replace("\0", "")
        if text:
            yield text
        if not data:
            return


_reading = threading.local()
"""Of each thread the file that it decodes at the moment."""


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 as Windows-1252, counted."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    _reading.done.windows += len(bad)
    return bad.decode("cp1252", "replace"), error.end


codecs.register_error("compliance.windows", _as_windows)


def pieces(texts: Iterator[str]) -> Iterator[Piece]:
    """The pieces of a file in order: of each interchange whole segments, the last of it whatever is left."""
    return _Pieces().of(texts)


class _Pieces:
    """A file between two chunks: the unfinished segment, and the interchange that it belongs to."""

    def __init__(self) -> None:
        self.rest = ""
        self.given: Delimiters | None = None
        self.opened = False
        self.hidden: list[str] = []
        self.looked = 0

    def of(self, texts: Iterator[str]) -> Iterator[Piece]:
        for text in texts:
            self.rest += text
            yield from self._cut(last=False)
        yield from self._cut(last=True)

    def _cut(self, last: bool) -> Iterator[Piece]:
        while True:
            if not self.opened:
                self.rest = self.rest.lstrip()
                if not self.rest or (len(self.rest) < HEAD and not last):
                    return
                begins, self.opened, self.given = True, True, delimiters(self.rest[:HEAD])
            else:
                begins = False
            following = _opening(self.rest, 3 if begins else 0)
            if following is not None and (last or following + HEAD <= len(self.rest)):
                yield self._piece(following, begins)
                self.opened = False
                continue
            end = len(self.rest) if last else self._whole(following)
            yield self._piece(end, begins)
            if last:
                return
            self._shorten()
            return

    def _whole(self, following: int | None) -> int:
        """Where the last whole segment ends, before an interchange of which too little is there to be read."""
        if self.given is None:
            return 0
        return self.rest.rfind(self.given.terminator, 0, following) + 1

    def _piece(self, end: int, begins: bool) -> Piece:
        text, self.rest = self.rest[:end], self.rest[end:]
        hidden, self.hidden = self.hidden, []
        return Piece(text, begins, text[:40] or self.rest[:40], self.given, hidden)

    def _shorten(self) -> None:
        """Keep of a segment that does not end its start, and its last characters, in which an ISA may begin."""
        if len(self.rest) > LONGEST_SEGMENT + 1 + CHUNK:
            kept = LONGEST_SEGMENT + 1
            self.hidden.append(self.rest[kept:-HEAD])
            self.rest = self.rest[:kept] + self.rest[-HEAD:]


def _opening(text: str, start: int) -> int | None:
    """Where the first ISA that opens an interchange begins, at or after `start`; null where none does."""
    while True:
        place = text.find("ISA", start)
        if place < 0 or place + 3 >= len(text):
            return None
        separator = text[place + 3]
        if not (separator.isascii() and separator.isalnum()) and not separator.isspace():
            before = text[max(0, place - CONTEXT) : place]
            if BEFORE.search(before) if place <= CONTEXT else BEFORE.search("." + before):
                return place
        start = place + 3


def delimiters(head: str) -> Delimiters | None:
    """Element separator, component separator and segment terminator; null where the start is no envelope."""
    found = re.match(r"(ISA|GS|ST)([^A-Za-z0-9\s])", head)
    if found is None:
        return None
    element = found[2]
    if found[1] != "ISA":
        following = re.search(r"([^A-Za-z0-9\s.,\-])\s*(?:ST|BPR|BHT)" + re.escape(element), head[3:2000])
        ended = following[1] if following and following[1] != element else "\n"
        return Delimiters(element, ":", ended)
    place = -1
    for _ in range(16):
        place = head.find(element, place + 1, 400)
        if place < 0:
            return None
    if place + 2 >= len(head):
        return None
    terminator = head[place + 2]
    return Delimiters(element, head[place + 1], "\n" if terminator in "\r\n" else terminator)


Opener = Callable[[], BinaryIO]
"""Opens a file for reading its bytes."""
