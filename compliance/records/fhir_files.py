"""JSON files as the resources in them: NDJSON line by line, bundles entry by entry, single resources, lists of these.

Files are read as streams, so that memory holds one resource at a time. A line or entry that is no JSON costs itself only:
where a bundle breaks, the entries behind the break are looked for one by one.
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import ijson
from pydantic_core import from_json

LONGEST_RESOURCE = 64 * 2**20
"""Bytes of one line of NDJSON, or of a file that holds a single resource."""
LONGEST_FIRST = 8 * 2**20
"""Bytes of a first line by which a file of another name is told to be NDJSON."""
MOST_SEARCHED = 256 * 2**20
"""Bytes of a broken bundle that are searched for entries behind the break."""
MOST_BROKEN = 1_000
"""Broken entries of one bundle that are told one by one."""
BLOCK = 2**20
BLANK = b" \t\r\n"
MARK = b"\xef\xbb\xbf"
JSON_START = re.compile(rb"^(?:\xef\xbb\xbf)?[\s\0]*[\[{]")
"""How JSON that may hold resources begins."""
TYPE = re.compile(rb'^\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,60})"')
OPENED = re.compile(rb'"resource"\s*:\s*(?=\{)')
ADDRESS = re.compile(rb'"fullUrl"\s*:\s*"([^"\\]{1,500})"')
DEEPEST = 200
"""Lists and objects within each other that are read; FHIR needs some twenty."""
LONGEST_STRING = 8 * 2**20
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
AN_OBJECT = "a FHIR resource as JSON"


@dataclass(frozen=True, slots=True)
class Given:
    """A resource as it stands in its file: the line or entry, the address that a bundle gives it, and its content.

    `kind`: its type, where the line began with that; then the content is the line itself.
    """

    position: int
    address: str | None
    content: Any
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a file that is no resource: the line or entry, what was found, what was expected."""

    position: int | None
    found: str
    expected: str


class _Stream:
    """A stream without NUL characters and without a byte order mark, and no deeper than `DEEPEST`; counts the former.

    ijson keeps the path of every level and reads a string anew with each block, so that depth costs memory and length costs
    time by their square: both are bounded before ijson sees them.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.nuls, self.began = source, 0, False
        self.open = self.escape = b""
        self.in_string, self.string_length = False, 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end. Raises ValueError where they nest too deeply."""
        while size:
            block = self.source.read(max(size, 3))
            if not self.began:
                self.began, block = True, block.removeprefix(MARK)
            if not block:
                return b""
            if b"\0" in block:
                self.nuls += block.count(b"\0")
                block = block.replace(b"\0", b"")
            if block:
                self._bound(block)
                return block
        return b""

    def _bound(self, block: bytes) -> None:
        """Keep the brackets that are open after a block: within it, pairs go from the innermost, a level at a time."""
        brackets, levels = self.open + self._outside_strings(block).translate(None, NO_BRACKETS), 0
        while (inner := brackets.replace(b"[]", b"").replace(b"{}", b"")) != brackets:
            brackets, levels = inner, levels + 1
            if levels > DEEPEST:
                break
        self.open = brackets
        if levels > DEEPEST or len(brackets) > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
        if self.string_length > LONGEST_STRING:
            raise ValueError(f"a string of more than {LONGEST_STRING:,} bytes")

    def _outside_strings(self, block: bytes) -> bytes:
        """What of a block stands outside strings."""
        text = self.escape + block
        self.escape = b""
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
            if text.endswith(b"\\"):
                self.escape, text = b"\\", text[:-1]
        parts = text.split(b'"')
        outside = parts[self.in_string :: 2]
        self.in_string ^= len(parts) % 2 == 0
        begun = self.string_length if len(parts) == 1 else 0
        self.string_length = begun + len(parts[-1]) if self.in_string else 0
        return b"".join(outside)


def resources(opened: Callable[[], IO[bytes]], lines: bool) -> Iterator[Given | Fault]:
    """The resources of a file in order. `opened` opens it anew each time; `lines`: its name says that it is NDJSON.

    Lines that begin with their type are handed on as they are, for the model of that type to read.
    """
    with opened() as file:
        head = file.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[1:2] == b"\0" or head[:1] == b"\0":
        yield Fault(None, "text that is not UTF-8", "JSON in UTF-8")
        return
    if lines or _is_ndjson(opened):
        yield from _by_line(opened)
    else:
        yield from _by_entry(opened)


def _is_ndjson(opened: Callable[[], IO[bytes]]) -> bool:
    """Whether the first line is an object by itself and another follows."""
    with opened() as file:
        first = b""
        while not first.strip(BLANK):
            first = file.readline(LONGEST_FIRST)
            if not first:
                return False
        if not first.rstrip(BLANK).endswith(b"}"):
            return False
        following = b""
        while not following.strip(BLANK):
            following = file.readline(BLOCK)
            if not following:
                return False
    return following.lstrip(BLANK).startswith(b"{") and not isinstance(parsed(first.removeprefix(MARK)), str)


def parsed(text: bytes) -> dict[str, Any] | list[Any] | str:
    """An object or a list; else, as text, why it is none."""
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        return f"no JSON ({str(error)[:80]})"
    return value if isinstance(value, (dict, list)) else f"{type(value).__name__}, no object"


def _by_line(opened: Callable[[], IO[bytes]]) -> Iterator[Given | Fault]:
    with opened() as file:
        number, nuls = 0, 0
        while line := file.readline(LONGEST_RESOURCE + 1):
            number += 1
            if len(line) > LONGEST_RESOURCE:
                yield Fault(number, f"a line of more than {LONGEST_RESOURCE:,} bytes", AN_OBJECT)
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_RESOURCE)
                continue
            if number == 1:
                line = line.removeprefix(MARK)
            if b"\0" in line:
                nuls += line.count(b"\0")
                line = line.replace(b"\0", b"")
            if kind := TYPE.match(line):
                yield Given(number, None, line, kind[1].decode())
                continue
            if not line.strip(BLANK):
                continue
            value = parsed(line)
            if isinstance(value, dict):
                yield Given(number, None, value)
            else:
                yield Fault(number, value if isinstance(value, str) else "a list, no object", AN_OBJECT)
        if nuls:
            yield Fault(None, f"{nuls:,} NUL characters", "")


def _by_entry(opened: Callable[[], IO[bytes]]) -> Iterator[Given | Fault]:
    """The entries of a bundle, the elements of a list, or the one resource of a file."""
    with opened() as file:
        first = file.read(BLOCK).removeprefix(MARK).replace(b"\0", b"").lstrip()[:1]
        size = _size(file)
    path = "item" if first == b"[" else "entry.item"
    count = 0
    with opened() as file:
        stream = _Stream(file)
        try:
            for entry in ijson.items(stream, path, use_float=True):
                count += 1
                yield _of_entry(count, entry) if path == "entry.item" else Given(count, None, entry)
        except (ijson.JSONError, ValueError, RecursionError, OverflowError) as error:
            broken: str | None = _reason(error)
        else:
            broken = None
        if stream.nuls:
            yield Fault(None, f"{stream.nuls:,} NUL characters", "")
    if broken and path == "entry.item" and size <= MOST_SEARCHED:
        yield from _behind(opened, count, broken)
    elif broken:
        yield Fault(
            count + 1, broken, f"JSON to the end of the file; {count:,} resources before it were read"
        )
    elif not count and path == "entry.item":
        yield from _single(opened, size)


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"no JSON ({said[:80]})"


def _size(file: IO[bytes]) -> int:
    return file.seek(0, io.SEEK_END)


def _of_entry(position: int, entry: Any) -> Given | Fault:
    if not isinstance(entry, dict):
        return Fault(position, f"{type(entry).__name__} as an entry", "a bundle's entry with a resource")
    address = entry.get("fullUrl")
    return Given(position, address if isinstance(address, str) else None, entry.get("resource"))


def _whole(opened: Callable[[], IO[bytes]]) -> bytes:
    with opened() as file:
        return file.read().removeprefix(MARK).replace(b"\0", b"")


def _single(opened: Callable[[], IO[bytes]], size: int) -> Iterator[Given | Fault]:
    """The one resource that a file is; a bundle without entries holds nothing."""
    if size > LONGEST_RESOURCE:
        yield Fault(None, f"a single resource of {size:,} bytes", f"at most {LONGEST_RESOURCE:,} bytes")
        return
    value = parsed(_whole(opened))
    if isinstance(value, dict):
        if value.get("resourceType") != "Bundle":
            yield Given(1, None, value)
    else:
        yield Fault(1, value if isinstance(value, str) else "a list", AN_OBJECT)


def _behind(opened: Callable[[], IO[bytes]], read: int, broken: str) -> Iterator[Given | Fault]:
    """Of a broken bundle, the entries behind those that were read; broken ones are told."""
    text = _whole(opened)
    decoder = json.JSONDecoder()
    number = end = faults = 0
    while found := OPENED.search(text, end):
        number += 1
        address = ADDRESS.findall(text, end, found.start())
        content, end = _taken(text, found.end(), decoder)
        if number <= read:
            continue
        if content is not None:
            yield Given(number, address[-1].decode("utf-8", "replace") if address else None, content)
        else:
            faults += 1
            if faults <= MOST_BROKEN:
                yield Fault(number, broken, "an entry whose resource is JSON")
    if not faults:
        whole = f"JSON to the end of the file; {max(number, read):,} entries were read"
        yield Fault(max(number, read) + 1, broken, whole)
    elif faults > MOST_BROKEN:
        yield Fault(None, f"{faults - MOST_BROKEN:,} more broken entries", "entries whose resource is JSON")


def _taken(text: bytes, start: int, decoder: json.JSONDecoder) -> tuple[dict[str, Any] | None, int]:
    """The object that begins here and where it ends; null, and where to look on, where it is broken."""
    following = OPENED.search(text, start)
    upto = following.start() if following else len(text)
    part = text[start:upto].decode("utf-8", "replace")
    try:
        _, length = decoder.raw_decode(part)
    except (ValueError, RecursionError):
        return None, start
    value = parsed(part[:length].encode("utf-8", "replace"))
    end = min(start + len(part[:length].encode("utf-8", "replace")), upto)
    return (value if isinstance(value, dict) else None), end
