"""Workbooks of OpenDocument (`.ods`), as LibreOffice saves them: the cells of each sheet, read as a stream.

Their cells say their type and value in words, and how often they repeat: a sheet of ten lines may claim to be a billion
cells. Only what holds something is made into rows.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from compliance.records.package import (
    FAULT,
    MOST_UNPACKED,
    NEVER_CALCULATED,
    check_parts,
    declaring_nothing,
    windows,
)
from compliance.records.raw import MOST_COLUMNS
from compliance.records.report import InputError

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
STYLE = "urn:oasis:names:tc:opendocument:xmlns:style:1.0 "
CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
MOST_FILLED = 5_000_000
"""Cells that hold something, repeated ones as often as they stand."""
LAST_ROW = 1_048_576
CELL_NAMES = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")
DURATION = re.compile(r"^PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S$")
LOOKS_FAULTY = re.compile(r"^(?:#[A-Z/0-9]+[!?]|#N/A|Err:\d+)$")


@dataclass
class OpenSheet:
    """A sheet: rows that hold something, by their number from 0, and the ranges that were merged over rows."""

    name: str
    style: str
    rows: dict[int, list[Any]] = field(default_factory=dict)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)

    def each(self) -> Iterator[list[Any]]:
        """All rows from the first to the last that holds something, of one width."""
        width = max(map(len, self.rows.values()), default=0)
        empty = [""] * width
        for number in range(max(self.rows, default=-1) + 1):
            row = self.rows.get(number)
            yield list(empty) if row is None else row + [""] * (width - len(row))


def read_open_document(archive: zipfile.ZipFile, file: str) -> tuple[list[OpenSheet], set[str]]:
    """The sheets in order, and the names of those that are hidden. Raises InputError where it cannot be used."""
    members = {member.filename: member for member in archive.infolist() if not member.filename.endswith("/")}
    check_parts(list(members.values()), file)
    if sum(member.file_size for member in members.values()) > MOST_UNPACKED:
        raise InputError(f"{file}: unpacks to more than {MOST_UNPACKED // 2**30} GB (save its sheets as CSV)")
    for name, member in members.items():
        if name.endswith(".xml") and name != "content.xml":
            for part in declaring_nothing(windows(archive, member, file), file):
                if name.endswith("manifest.xml") and b"encryption-data" in part:
                    raise InputError(f"{file}: locked with a password (expected an open workbook)")
    reader = _Reader(file)
    try:
        for part in declaring_nothing(windows(archive, members["content.xml"], file), file):
            reader.parser.Parse(part, False)
        reader.parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InputError(f"{file}: not a workbook that can be read ({error})") from None
    hidden = {sheet.name for sheet in reader.sheets if sheet.style in reader.hidden_styles}
    return reader.sheets, hidden


class _Reader:
    """What the parser of content.xml calls."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.sheets: list[OpenSheet] = []
        self.hidden_styles: set[str] = set()
        self.style = ""
        self.filled = 0
        self.row = self.column = self.repeats = 0
        self.depth = 0
        """How deep in a table within a table: a table of a drawing or a cell is none of ours."""
        self.cells: list[Any] = []
        self.cell: dict[str, str] | None = None
        self.text: list[str] | None = None
        self.paragraphs: list[str] = []
        self.aside = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.begin
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.declares
        self.parser.EntityDeclHandler = self.declares
        self.parser.buffer_text = True

    def declares(self, *given: Any) -> None:
        raise InputError(f"{self.file}: declares entities or a document type (expected a workbook as saved)")

    def begin(self, name: str, said: dict[str, str]) -> None:
        if self.aside or name in (f"{OFFICE}annotation", f"{TABLE}shapes", f"{TABLE}tracked-changes"):
            self.aside += 1
        elif name == f"{STYLE}style":
            self.style = said.get(f"{STYLE}name", "")
        elif name == f"{STYLE}table-properties" and said.get(f"{TABLE}display") == "false":
            self.hidden_styles.add(self.style)
        elif name == f"{TABLE}table":
            self.depth += 1
            if self.depth == 1:
                self.sheets.append(
                    OpenSheet(said.get(f"{TABLE}name", ""), said.get(f"{TABLE}style-name", ""))
                )
                self.row = 0
        elif self.depth == 1:
            self.within(name, said)

    def within(self, name: str, said: dict[str, str]) -> None:
        """What begins in a sheet."""
        if name == f"{TABLE}table-row":
            self.repeats = _times(said.get(f"{TABLE}number-rows-repeated"))
            self.column, self.cells = 0, []
        elif name in CELL_NAMES:
            self.cell, self.paragraphs = said, []
        elif self.cell is not None and name == f"{TEXT}p":
            self.text = []
        elif self.text is not None and name == f"{TEXT}s":
            self.text.append(" " * min(_times(said.get(f"{TEXT}c")), 1_000))
        elif self.text is not None and name in (f"{TEXT}tab", f"{TEXT}line-break"):
            self.text.append("\t" if name.endswith("tab") else "\n")

    def characters(self, text: str) -> None:
        if self.text is not None and not self.aside:
            self.text.append(text)

    def end(self, name: str) -> None:
        if self.aside:
            self.aside -= 1
        elif name == f"{TABLE}table":
            self.depth -= 1
        elif self.depth != 1:
            return
        elif name == f"{TEXT}p" and self.text is not None:
            self.paragraphs.append("".join(self.text))
            self.text = None
        elif name in CELL_NAMES and self.cell is not None:
            self.put(self.cell, "\n".join(self.paragraphs))
            self.cell = None
        elif name == f"{TABLE}table-row":
            self.put_row()

    def put(self, said: dict[str, str], text: str) -> None:
        """Add a cell as often as it says; empty ones only move on."""
        times = _times(said.get(f"{TABLE}number-columns-repeated"))
        value = _value(said, text)
        if value != "":
            if self.column + times > MOST_COLUMNS:
                raise InputError(f"{self.file} [{self.sheets[-1].name}]: more than {MOST_COLUMNS:,} columns")
            self.cells += [""] * (self.column - len(self.cells)) + [value] * times
            rows = _times(said.get(f"{TABLE}number-rows-spanned"))
            if rows > 1:
                self.sheets[-1].merged.append(((self.row, self.column), (self.row + rows - 1, self.column)))
        self.column += times

    def put_row(self) -> None:
        if self.cells:
            self.filled += len(self.cells) * self.repeats
            if self.filled > MOST_FILLED or self.row + self.repeats > LAST_ROW:
                raise InputError(
                    f"{self.file} [{self.sheets[-1].name}]: more than {MOST_FILLED:,} cells or {LAST_ROW:,} rows "
                    "(save its sheets as CSV)"
                )
            for number in range(self.row, self.row + self.repeats):
                self.sheets[-1].rows[number] = list(self.cells)
        self.row += self.repeats


def _times(said: str | None) -> int:
    return max(int(said), 1) if said and said.isdecimal() and len(said) < 10 else 1


def _value(said: dict[str, str], text: str) -> Any:
    """A cell as text or as its type; a fault where it holds no value."""
    kind = said.get(f"{OFFICE}value-type")
    formula = f"{TABLE}formula" in said
    if said.get(f"{CALC}value-type") == "error" or (formula and LOOKS_FAULTY.match(text)):
        return FAULT + (text or "an error")
    if kind is None:
        return FAULT + NEVER_CALCULATED if formula and not text else text
    if kind in ("float", "currency", "percentage"):
        return float(said.get(f"{OFFICE}value", ""))
    if kind == "date":
        return said.get(f"{OFFICE}date-value", text)
    if kind == "time":
        found = DURATION.match(said.get(f"{OFFICE}time-value", ""))
        return f"{int(found[1])}:{found[2]}:{found[3]}" if found else text
    if kind == "boolean":
        return said.get(f"{OFFICE}boolean-value") == "true"
    return said.get(f"{OFFICE}string-value", text)
