"""An Excel package written anew in memory, so that what opens it afterwards cannot be surprised.

A workbook is a zip of XML that anybody may have made. Every part is unpacked within limits, searched for entity
declarations, and the few that cells need are packed again. On the way what a reader of values would lose in silence gets
a mark that it keeps: a cell that holds an error, and a formula that no program has calculated. How far a sheet reaches is
taken from its cells, never from what it says of itself.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from compliance.records.raw import MOST_COLUMNS
from compliance.records.report import InputError, first_line

UNREADABLE_ZIP = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
)  # fmt: skip
"""What a zip raises that is none, is damaged, or is packed in a way that nobody reads."""
MOST_UNPACKED = 2**30
"""Bytes of one workbook, unpacked: a sheet of a million rows and some twenty columns."""
MOST_CELLS = 25_000_000
"""Rows times columns of one sheet, which a reader holds at once."""
MOST_PARTS = 5_000
WINDOW = 2**20
LONGEST_ROW = 2**25
"""Bytes of a row or a shared string, as XML."""
FAULT = "\ue0f0"
"""Begins a cell that holds no value: what follows says why. Of the private-use characters, no program writes it."""
NEVER_CALCULATED = "a formula that was never calculated"
PERHAPS = ""
"""A formula whose result is an empty text: of Excel it is that, of programs that do not calculate it is unknown."""
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
"""Errors by the numbers that binary workbooks give them."""

Faults = dict[tuple[int, int], str]
"""What stands in the cells of a sheet that hold no value, by row and column from 0."""
UNUSED = re.compile(
    r"(?:^|/)(?:media|theme|drawings|charts|chartsheets|embeddings|externalLinks|pivotTables|pivotCache|printerSettings|"
    r"customXml|customProperty|docProps|comments|threadedComments|persons|tables|queryTables|activeX|ctrlProps|slicers|"
    r"slicerCaches|calcChain\.xml|vbaProject[^/]*|connections\.xml|metadata[^/]*|richData)(?:/|$)"
)
"""Parts of a package that hold no cell."""
DECLARES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
CELL = rb"<((?:\w+:)?)c(?=[\s>])((?>[^<>]*+))(?<!/)>((?>[^<]++|<(?!/?\1c[\s/>]))*+)</\1c\s*>"
"""A cell with content: prefix, attributes, content. Possessive, so that no file can make it look twice."""
CELLS = re.compile(CELL)
EMPTY_CELL = re.compile(rb"<(?:\w+:)?c\s(?>[^<>]*+)(?<=/)>")
ANY_CELL = re.compile(rb"<(?:c|\w+:c)(?=[\s/>])")
PLAIN_PLACE = re.compile(rb'<c r="([A-Z]+)([0-9]+)"')
PLACE = re.compile(rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r\s*=\s*[\"']([A-Za-z]+)([0-9]+)[\"']")
ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])")
IS_ERROR = re.compile(rb"\st\s*=\s*[\"']e[\"']")
IS_TEXT = re.compile(rb"\st\s*=\s*[\"']str[\"']")
TYPE = re.compile(rb"\st\s*=\s*[\"'][^\"']*[\"']")
VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^<>]*)?>([^<]*)<")
FORMULA = re.compile(rb"<(?:\w+:)?f(?=[\s/>])")
UNVALUED = re.compile(
    rb"(?:</(?:\w+:)?f\s*>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*(?:</(?:\w+:)?c|<(?:\w+:)?v\s*(?:/>|>\s*<))"
)
CALCULATE = re.compile(rb"\sfullCalcOnLoad\s*=\s*[\"'](?:1|true)[\"']")


ROW_HEADER, LAST_CELL, BUNDLED = 0, 11, 0x9C
ERROR_CELLS = (3, 11)
RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^<>]*>")


def records(part: bytes) -> Iterator[tuple[int, int, int]]:
    """The records of a binary part: kind, and where the content begins and ends."""
    at, size = 0, len(part)
    while at < size:
        kind = part[at]
        at += 1
        if kind & 0x80 and at < size:
            kind = (kind & 0x7F) + ((part[at] & 0x7F) << 7)
            at += 1
        length = 0
        for shift in (0, 7, 14, 21):
            if at >= size:
                return
            byte = part[at]
            at += 1
            length += (byte & 0x7F) << shift
            if not byte & 0x80:
                break
        yield kind, at, min(at + length, size)
        at += length


def bundled(workbook: bytes) -> list[str]:
    """The relations by which a binary workbook names its sheets, in order."""
    names = []
    for kind, begin, end in records(workbook):
        if kind == BUNDLED:
            length = int.from_bytes(workbook[begin + 8 : begin + 12], "little")
            if length < 1_000:
                names.append(
                    workbook[begin + 12 : min(begin + 12 + 2 * length, end)].decode("utf-16-le", "replace")
                )
    return names


def related(relations: bytes) -> dict[str, str]:
    """The parts that relations name, by their id."""
    found = {}
    for relation in RELATION.findall(relations):
        said = dict(
            re.findall(r'\s(Id|Target)\s*=\s*["\']([^"\']*)["\']', relation.decode("utf-8", "replace"))
        )
        found[said.get("Id", "")] = said.get("Target", "")
    return found


@dataclass
class Extent:
    """How far the cells of a part reach; `unplaced` where some do not say where they are and are counted instead."""

    rows: int = 0
    columns: int = 0
    unplaced: bool = False
    counted_rows: int = 0
    counted_columns: int = 0

    def check(self, where: str) -> None:
        """Raises InputError where a reader would have to hold too much."""
        rows = self.rows + (self.counted_rows if self.unplaced else 0)
        columns = max(self.columns, self.counted_columns if self.unplaced else 0)
        if columns > MOST_COLUMNS:
            raise InputError(
                f"{where}: cells reach to column {columns:,} (expected at most {MOST_COLUMNS:,} columns)"
            )
        if rows * columns > MOST_CELLS:
            raise InputError(
                f"{where}: cells reach over {rows:,} rows and {columns:,} columns (expected at most {MOST_CELLS:,} "
                "cells a sheet; save it as CSV)"
            )


class BinaryParts:
    """The parts of a binary workbook (`.xlsb`): how far their cells reach, and those that hold no value."""

    def __init__(self) -> None:
        self.found: dict[str, Faults] = {}
        self.workbook = b""
        self.targets: dict[str, str] = {}

    def scan(self, name: str, part: bytes, file: str) -> None:
        """Take in a part. Raises InputError where its cells reach too far."""
        if name.lower().endswith("workbook.bin"):
            self.workbook = part
        extent, row, faults = Extent(), 0, {}
        for kind, begin, end in records(part):
            if kind == ROW_HEADER and end - begin >= 4:
                row = int.from_bytes(part[begin : begin + 4], "little")
            elif 0 < kind <= LAST_CELL and end - begin >= 8:
                column = int.from_bytes(part[begin : begin + 4], "little")
                extent.rows, extent.columns = max(extent.rows, row + 1), max(extent.columns, column + 1)
                if kind in ERROR_CELLS and end - begin > 8:
                    faults[row, column] = ERRORS.get(part[begin + 8], "an error")
        extent.check(f"{file} ({name.rpartition('/')[2]})")
        self.found[name.lower()] = faults

    def faults(self) -> list[Faults]:
        """The faults of each sheet, in the order of the workbook."""
        return [
            self.found.get(f"xl/{self.targets.get(name, '')}".lower(), {}) for name in bundled(self.workbook)
        ]


@dataclass
class Package:
    """A workbook written anew: its bytes, whether it holds macros, and the faults of its sheets where they bear no marks."""

    data: bytes
    macros: bool = False
    faults: list[Faults] = field(default_factory=list)


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether an open zip is a workbook: of Excel, of Excel in binary, or of OpenDocument."""
    names = set(archive.namelist())
    if "[Content_Types].xml" in names:
        return any(name.rpartition("/")[2].lower() in ("workbook.xml", "workbook.bin") for name in names)
    if not {"content.xml", "mimetype"} <= names or archive.getinfo("mimetype").file_size > 200:
        return False
    return b"spreadsheet" in archive.read("mimetype")


def repacked(archive: zipfile.ZipFile, file: str) -> Package:
    """The parts of an Excel package that cells need, within limits and marked. Raises InputError where it is unfit."""
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    check_parts(members, file)
    made = io.BytesIO()
    package = Package(b"")
    binary = BinaryParts()
    spent = 0
    uncalculated = any(
        CALCULATE.search(part) for member in members if member.filename.endswith("workbook.xml")
        for part in windows(archive, member, file)
    )  # fmt: skip
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as writing:
        for member in members:
            if member.filename.endswith("workbook.bin.rels"):
                binary.targets = related(b"".join(windows(archive, member, file)))
            package.macros |= "vbaProject" in member.filename
            spent += member.file_size
            if spent > MOST_UNPACKED:
                raise InputError(
                    f"{file}: unpacks to more than {MOST_UNPACKED // 2**30} GB (save its sheets as CSV)"
                )
            if member.filename.lower().endswith(".bin") and not UNUSED.search(member.filename):
                part = b"".join(windows(archive, member, file))
                binary.scan(member.filename, part, file)
                writing.writestr(member.filename, part)
            if not member.filename.lower().endswith((".xml", ".rels", ".vml")):
                continue
            parts = declaring_nothing(windows(archive, member, file), file)
            if not UNUSED.search(member.filename) and not member.filename.lower().endswith(".vml"):
                _copy(writing, member.filename, _in_utf_8(parts, file), uncalculated, file)
            else:
                for _ in parts:
                    pass
    package.data = made.getvalue()
    package.faults = binary.faults()
    return package


def check_parts(members: list[zipfile.ZipInfo], file: str) -> None:
    """Raises InputError for parts that are too many, of one name, or locked."""
    names = [member.filename.lower() for member in members]
    if len(names) > MOST_PARTS:
        raise InputError(f"{file}: a workbook of {len(names):,} parts (expected at most {MOST_PARTS:,})")
    if len(set(names)) < len(names):
        raise InputError(
            f"{file}: two parts of the workbook bear one name (expected a workbook as Excel saves it)"
        )
    if any(member.flag_bits & 1 for member in members):
        raise InputError(f"{file}: locked with a password (expected an open workbook)")


def windows(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: str) -> Iterator[bytes]:
    """A member's bytes, window by window. Raises InputError where it cannot be unpacked, or holds more than it says."""
    read = 0
    try:
        with archive.open(member) as packed:
            while part := packed.read(WINDOW):
                read += len(part)
                yield part
    except UNREADABLE_ZIP as error:
        raise InputError(f"{file}: a part of the workbook cannot be unpacked ({first_line(error)})") from None
    if read != member.file_size:
        raise InputError(f"{file}: a part of the workbook is not of the size that it says")


def declaring_nothing(parts: Iterator[bytes], file: str) -> Iterator[bytes]:
    """The windows of XML that declares no entity, in UTF-8 or UTF-16. Raises InputError at any other."""
    before = b""
    for part in parts:
        if DECLARES.search((before[-32:] + part).replace(b"\0", b"")):
            raise InputError(
                f"{file}: declares entities or a document type (expected a workbook as Excel saves it)"
            )
        before = part
        yield part


def _in_utf_8(parts: Iterator[bytes], file: str) -> Iterator[bytes]:
    for number, part in enumerate(parts):
        if b"\0" in part or (not number and part.startswith((b"\xff\xfe", b"\xfe\xff"))):
            raise InputError(
                f"{file}: a part of the workbook is not in UTF-8 (expected a workbook as Excel saves it)"
            )
        yield part


def _copy(writing: zipfile.ZipFile, name: str, parts: Iterator[bytes], uncalculated: bool, file: str) -> None:
    extent = Extent()
    with writing.open(zipfile.ZipInfo(name), "w") as packed:
        for piece in _pieces(parts, file):
            packed.write(_marked(piece, extent, uncalculated))
            extent.check(f"{file} ({name.rpartition('/')[2]})")


def _pieces(parts: Iterator[bytes], file: str) -> Iterator[bytes]:
    """The bytes of a part, cut only after a row or a shared string. Raises InputError where one is endless."""
    held: list[bytes] = []
    for part in parts:
        if len(held) * WINDOW > LONGEST_ROW:
            raise InputError(
                f"{file}: a row of more than {LONGEST_ROW // 2**20} MB (expected a workbook as Excel saves it)"
            )
        cut = max(part.rfind(b"row>"), part.rfind(b"si>"))
        if cut < 0:
            held.append(part)
            continue
        cut = part.index(b">", cut) + 1
        yield b"".join([*held, part[:cut]])
        held = [part[cut:]]
    yield b"".join(held)


def _marked(piece: bytes, extent: Extent, uncalculated: bool) -> bytes:
    """A piece of a sheet without its empty cells, with a mark in cells that hold no value; its extent is added."""
    plain = (
        b":c" not in piece and b":row" not in piece
    )  # as Excel writes: without prefixes, and many times as fast
    places = PLAIN_PLACE.findall(piece) if plain else []
    if not places or len(places) != len(ANY_CELL.findall(piece)) or piece.count(b"</c>") != len(places):
        piece, places = _as_written(piece, extent)
    elif plain:
        extent.counted_rows += piece.count(b"<row")
    _extend(extent, places)
    errors = (b'"e"' in piece or b"'e'" in piece) and IS_ERROR.search(piece)
    formulas = (b"<f" in piece or b":f" in piece) and (UNVALUED.search(piece) or uncalculated)
    return CELLS.sub(lambda cell: _cell(cell, uncalculated), piece) if errors or formulas else piece


def _as_written(piece: bytes, extent: Extent) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A piece without its empty cells, in any way of writing, and the places of its cells."""
    rows = ROW.split(piece)
    extent.counted_rows += len(rows) - 1
    bare = EMPTY_CELL.sub(b"", piece)
    places = PLACE.findall(bare)
    if len(places) == len(ANY_CELL.findall(bare)):
        return bare, places
    extent.unplaced = True  # an empty cell keeps its place for those after it that do not name theirs
    extent.counted_columns = max(extent.counted_columns, *(len(ANY_CELL.findall(row)) for row in rows))
    return piece, PLACE.findall(piece)


def _extend(extent: Extent, places: list[tuple[bytes, bytes]]) -> None:
    for letters in {letters for letters, _ in places}:
        number = 0
        for letter in letters.upper()[:6]:
            number = number * 26 + letter - 64
        extent.columns = max(extent.columns, number)
    extent.rows = max(extent.rows, max((int(row[:9]) for row in {row for _, row in places}), default=0))


def _cell(cell: re.Match[bytes], uncalculated: bool) -> bytes:
    """A cell as it is, or as text that says why it holds no value."""
    prefix, attributes, content = cell.groups()
    value = VALUE.search(content)
    held = value[1].strip() if value else b""
    if IS_ERROR.search(attributes):
        fault = held or b"an error"
    elif not FORMULA.search(content) or (IS_TEXT.search(attributes) and value):
        return cell[0]
    elif not held or (uncalculated and held == b"0"):
        fault = NEVER_CALCULATED.encode()
    else:
        return cell[0]
    bare = TYPE.sub(b"", attributes)
    mark = FAULT.encode() + fault
    return b'<%bc%b t="str"><%bv>%b</%bv></%bc>' % (prefix, bare, prefix, mark, prefix, prefix)
