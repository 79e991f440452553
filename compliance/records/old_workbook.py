"""Workbooks of Excel up to 2003 (`.xls`): the stream of their records, checked and put into a container of our own.

The container is a file system of sectors that point to one another, and the stream says itself how much memory a sheet
needs; neither is believed. Records that only a calculating program needs are taken out of use.
"""

import struct

from compliance.records.package import ERRORS, MOST_CELLS, NEVER_CALCULATED, PERHAPS, Faults
from compliance.records.raw import MOST_COLUMNS
from compliance.records.report import InputError

MOST_BYTES = 400 * 2**20
SECTOR = 4096
END, FREE, IS_FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
FIRST_RESERVED = 0xFFFFFFFA
BEGINS, ENDS, SHEET, LOCKED = 0x0809, 0x000A, 0x0085, 0x002F
FORMULA, BOOLEAN_OR_ERROR, MANY, SIZE = 0x0006, 0x0205, 0x00BD, 0x0200
CELLS = {FORMULA, BOOLEAN_OR_ERROR, MANY, 0x0203, 0x0204, 0x00D6, 0x027E, 0x00FD}
UNUSED = {SIZE, 0x0018, 0x0017}
"""What a sheet says of its size, and names that formulas use."""


def checked_old(data: bytes, file: str) -> tuple[bytes, bool, list[Faults]]:
    """The workbook in a container of our own, whether it holds macros, and the faults of each sheet in order.

    Raises InputError where it is none, is locked, or is too large.
    """
    if len(data) > MOST_BYTES:
        raise InputError(
            f"{file}: {len(data) // 2**20:,} MB (expected at most {MOST_BYTES // 2**20} MB of this kind)"
        )
    try:
        streams = _streams(data)
        if "encryptedpackage" in streams:
            raise InputError(f"{file}: locked with a password (expected an open workbook)")
        found = next((streams[name] for name in ("workbook", "book") if name in streams), None)
        if found is None:
            raise InputError(f"{file}: an old Office file without a workbook in it (expected a workbook)")
        stream = bytearray(_content(data, *found))
        sheets = _globals(stream, file)
        faults = [_sheet(stream, at, file) for at in sheets]
    except (struct.error, IndexError, ValueError) as error:
        raise InputError(f"{file}: not a workbook that can be read ({error})") from None
    return _container(bytes(stream)), "_vba_project_cur" in streams, faults


def _streams(data: bytes) -> dict[str, tuple[int, int, bool]]:
    """First sector, size and whether it lies among the small ones, of each stream by name in lower case."""
    header = _Header(data)
    directory = b"".join(header.chain(header.directory))
    streams: dict[str, tuple[int, int, bool]] = {}
    for at in range(0, len(directory) - 127, 128):
        entry = directory[at : at + 128]
        length = min(struct.unpack_from("<H", entry, 64)[0], 64)
        name = entry[: max(length - 2, 0)].decode("utf-16-le", errors="replace").lower()
        start, size = struct.unpack_from("<IQ", entry, 116)
        if header.size == 512:
            size &= 0xFFFFFFFF
        streams.setdefault("" if entry[66] == 5 else name, (start, size, size < header.cutoff))
    return streams


def _content(data: bytes, start: int, size: int, small: bool) -> bytes:
    header = _Header(data)
    if not small:
        return b"".join(header.chain(start))[:size]
    root = _streams(data)[""]
    held = b"".join(header.chain(root[0]))
    table = b"".join(header.chain(header.small_table))
    following = struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])
    places = _chained(start, following)
    return b"".join(held[place * 64 : place * 64 + 64] for place in places)[:size]


def _chained(start: int, following: tuple[int, ...]) -> list[int]:
    """The sectors of a chain. Raises ValueError where it never ends or leads nowhere."""
    places: list[int] = []
    while start < FIRST_RESERVED:
        if start >= len(following) or len(places) > len(following):
            raise ValueError("a chain of sectors that leads nowhere")
        places.append(start)
        start = following[start]
    return places


class _Header:
    """The container's header and its table of which sector follows which."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        shift = struct.unpack_from("<H", data, 30)[0]
        if shift not in (9, 12):
            raise ValueError("sectors of an unknown size")
        self.size = 1 << shift
        self.directory, self.cutoff = struct.unpack_from("<I4xI", data, 48)
        self.small_table, _, more, _ = struct.unpack_from("<4I", data, 60)
        tables = list(struct.unpack_from("<109I", data, 76))
        for _ in range(len(data) // self.size):
            if more >= FIRST_RESERVED:
                break
            listed = struct.unpack(f"<{self.size // 4}I", self.sector(more))
            tables += listed[:-1]
            more = listed[-1]
        tables = [table for table in tables if table < FIRST_RESERVED]
        if len(set(tables)) != len(tables):
            raise ValueError("a table of sectors that is named twice")
        following: list[int] = []
        for table in tables:
            following += struct.unpack(f"<{self.size // 4}I", self.sector(table))
        self.following = tuple(following)

    def sector(self, number: int) -> bytes:
        begin = (number + 1) * self.size
        if begin >= len(self.data):
            raise ValueError("a sector beyond the end")
        return self.data[begin : begin + self.size].ljust(self.size, b"\0")

    def chain(self, start: int) -> list[bytes]:
        return [self.sector(number) for number in _chained(start, self.following)]


def _globals(stream: bytearray, file: str) -> list[int]:
    """Where sheets begin, in the order of the workbook."""
    at, sheets = 0, []
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, at)
        if kind == LOCKED:
            raise InputError(f"{file}: locked with a password (expected an open workbook)")
        if kind == SHEET:
            sheets.append(struct.unpack_from("<I", stream, at + 4)[0])
        elif kind in UNUSED:
            stream[at : at + 2] = b"\0\0"
        elif kind == ENDS:
            break
        at += 4 + length
    if len(set(sheets)) < len(sheets):
        raise InputError(f"{file}: two sheets begin at one place (expected a workbook as Excel saves it)")
    return sheets


def _sheet(stream: bytearray, at: int, file: str) -> Faults:
    """The faults of the sheet that begins there. Raises InputError where a reader would have to hold too much."""
    faults: Faults = {}
    depth = rows = columns = 0  # a sheet begins itself with BEGINS; within it, a chart does
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, at)
        body = at + 4
        if kind == BEGINS:
            depth += 1
        elif kind == ENDS:
            depth -= 1
            if depth <= 0:
                break
        elif kind in UNUSED:
            stream[at : at + 2] = b"\0\0"
        elif kind in CELLS and depth <= 1 and length >= 6:
            row, column = struct.unpack_from("<2H", stream, body)
            last = struct.unpack_from("<H", stream, body + length - 2)[0] if kind == MANY else column
            rows, columns = max(rows, row + 1), max(columns, column + 1, last + 1)
            if (fault := _fault(stream, kind, body, length)) is not None:
                faults[row, column] = fault
        at = body + length
    if columns > MOST_COLUMNS or rows * columns > MOST_CELLS:
        raise InputError(
            f"{file}: cells reach over {rows:,} rows and {columns:,} columns (expected at most {MOST_COLUMNS:,} columns)"
        )
    return faults


def _fault(stream: bytearray, kind: int, body: int, length: int) -> str | None:
    """Why a cell holds no value, or null. The formula itself is taken out of use."""
    if kind == BOOLEAN_OR_ERROR and length >= 8 and stream[body + 7]:
        return ERRORS.get(stream[body + 6], "an error")
    if kind != FORMULA or length < 22:
        return None
    result, flags = bytes(stream[body + 6 : body + 14]), stream[body + 14]
    stream[body + 20 : body + 22] = b"\0\0"
    is_text = result[6:] == b"\xff\xff"
    if is_text and result[0] == 2:
        return ERRORS.get(result[2], "an error")
    empty = is_text and result[0] == 3
    if flags & 3 and (empty or result == bytes(8)):  # it asks to be calculated on opening
        return NEVER_CALCULATED
    return PERHAPS if empty else None


def _container(stream: bytes) -> bytes:
    """A container with one stream, in sectors of 4,096 bytes: table of sectors, directory, stream."""
    stream = stream.ljust(SECTOR, b"\0")
    held = -(-len(stream) // SECTOR)
    tables = -(-(held + 1) // (SECTOR // 4 - 1))
    first = tables + 1
    following = [IS_FAT] * tables + [END] + [*range(first + 1, first + held), END]
    following += [FREE] * (tables * (SECTOR // 4) - len(following))
    header = struct.pack(
        "<8s16x5H6x9I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 4, 0xFFFE, 12, 6,
        1, tables, tables, 0, SECTOR, END, 0, END, 0,
    )  # fmt: skip
    listed = [*range(tables), *[FREE] * (109 - tables)]
    header += struct.pack("<109I", *listed)
    directory = _entry("Root Entry", 5, 1, 0, 0) + _entry("Workbook", 2, FREE, first, len(stream))
    return b"".join(
        [
            header.ljust(SECTOR, b"\0"),
            struct.pack(f"<{len(following)}I", *following),
            directory.ljust(SECTOR, b"\0"),
            stream.ljust(held * SECTOR, b"\0"),
        ]
    )


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII36xIQ", text, len(text), kind, 1, FREE, FREE, child, start, size)
