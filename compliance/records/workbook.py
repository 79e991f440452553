"""Workbooks to raw tables: one sheet a table, whatever stands above its header.

A sheet feeds the table that its name says; a workbook of one sheet may bear the table's name itself. Values are the
ones that the program which saved the file had calculated: nothing is calculated here, no macro runs, no link is
followed. A cell without a value of its own (an error, a formula that was never calculated) refuses its row.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any

import polars as pl
from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from compliance.formats import plural
from compliance.records.layouts import Export, Layout, Recognition, export_of, folded, recognise
from compliance.records.models import TABLES, columns, schema
from compliance.records.old_workbook import checked_old
from compliance.records.open_document import read_open_document
from compliance.records.package import (
    FAULT,
    NEVER_CALCULATED,
    PERHAPS,
    UNREADABLE_ZIP,
    Faults,
    Package,
    repacked,
)
from compliance.records.raw import (
    BATCH_ROWS,
    LONGEST_CELL,
    MOST_COLUMNS,
    ROW,
    RawTable,
    column_name,
    match_headers,
    settle_twice,
    spare_name,
    table_named,
)
from compliance.records.report import InputError, Notice, Refusal, first_line, left_out

HEADER_WITHIN = 50
"""Rows among which the header is looked for: below titles, a clinic's name, the dates of a report."""
FULL = {1_048_576: "1,048,576", 65_536: "65,536"}
"""Rows at which Excel ends, today's and the old one's: an export that reaches them was cut there."""
WHOLE = 10**15
"""Excel keeps fifteen digits of a number; beyond it the last ones of an identifier are lost."""
ONE = {name.removesuffix("s"): name for name in TABLES} | {"plan_of_care": "plans_of_care"}
"""Tables by the name of one of their rows."""
NUMBERED = re.compile(r"[\s_-]*\(?\d+\)?\s*$")
"""How sheets are told apart that continue one another: `notes 2`, `notes (2)`."""
MOST_MERGED = 1_000_000
"""Cells that a value is carried down to within merged ranges."""
MOST_SHEETS = 500
TRUTH = "truth"
"""Name of the sheet that says what a synthetic clinic planted."""
UNREADABLE = (*UNREADABLE_ZIP, LookupError)
"""What a workbook raises whose zip is damaged, or lacks a part that it names."""

Cells = list[Any]


@dataclass
class Sheet:
    """A sheet: its rows from the first on, each a list of cells as calamine types them, from column `first` on."""

    name: str
    hidden: bool
    rows: Iterator[Cells]
    first: int = 0
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    head: list[Cells] = field(default_factory=list)
    """The rows among which the header is looked for, no longer in `rows`."""

    def begin(self) -> None:
        """Take the first rows; of a sheet that is empty so far, those after them."""
        self.head = list(islice(self.rows, HEADER_WITHIN))
        while self.head and not any(map(_filled, self.head[-1])):
            self.head.pop()

    def below(self, place: int) -> Iterator[tuple[int, Cells]]:
        """The rows below the one at a place, with their numbers in the sheet."""
        gap = HEADER_WITHIN - len(self.head)
        after = enumerate(self.rows, start=len(self.head) + gap + 1)
        return chain(islice(enumerate(self.head, start=1), place + 1, None), after)


def read_workbook(
    data: bytes, file: str, table: str | None, layouts: Sequence[Layout] | None = None
) -> tuple[list[RawTable], list[Notice]]:
    """The sheets of a workbook that are tables or exports, and what is told of the others.

    `table`: the one that the file's own name says, for a workbook of a single sheet. `layouts`: of exports (all built-in
    ones where None). Raises InputError where the workbook cannot be used.
    """
    raws: list[RawTable] = []
    told: list[Notice] = []
    for number, (sheet, alone) in enumerate(_sheets(data, file, told)):
        if number >= MOST_SHEETS:
            raise InputError(f"{file}: more than {MOST_SHEETS} sheets (expected one a table)")
        label = f"{file} [{sheet.name}]"
        sheet.begin()
        named = sheet_table(sheet.name) or (table if alone else None)
        if named is None or not _has_key(sheet, named):
            found, because = _export(sheet, label, layouts)
            raws += found
            if not found and named is None and sheet.name.strip().lower() != TRUTH:
                told.append(left_out(label, because))
            if found or named is None:
                continue
        raws.append(_table(sheet, label, named))
        if sheet.hidden:
            told.append(Notice("sheet", f"{label} is hidden in the workbook; it was read", label, named))
    if not raws and not told:
        told.append(left_out(file, "no sheet of it is a table"))
    return raws, told


def _has_key(sheet: Sheet, table: str) -> bool:
    """Whether a row among the first names all columns without which no row of the table can be used, or none is there."""
    keys = {column.name for column in columns(table) if column.required}
    rows = [{column_name(cell) for cell in _headers(row)} for row in sheet.head]
    return not rows or any(keys <= cells for cells in rows)


def _headers(row: Cells) -> list[str]:
    return [(as_cell(cell) or "").removeprefix(FAULT).strip() for cell in row]


def _export(sheet: Sheet, label: str, layouts: Sequence[Layout] | None) -> tuple[list[RawTable], str]:
    """What a layout makes of a sheet, and where none knows it, why nothing."""
    rows = [(place, _headers(row)) for place, row in enumerate(sheet.head) if 1 < len(row) <= MOST_COLUMNS]
    asked = [(place, cells, recognise(cells, layouts)) for place, cells in rows if any(cells)]
    known = next((each for each in asked if each[2].layout or each[2].tied), None)
    if known is None or known[2].layout is None:
        nearest = known or next((each for each in asked if each[2].near), None)
        return [], Export(label, nearest[2] if nearest else Recognition(None, 0, 0)).why_not
    place, cells, found = known
    assert found.layout is not None
    wanted, taken, others = found.layout.headers(), {}, {}
    for at, header in enumerate(cells):
        if header and header not in taken.values() and header not in others:
            if folded(header) in wanted:
                taken[at] = header
            else:
                others[header] = pl.lit(None, pl.String).alias(header)
    raw = RawTable(label, found.layout.main, pl.DataFrame(), 0)
    filled = _collected(_carried(sheet.below(place), sheet, place, raw), taken, cells, raw)
    export = export_of(label, filled.with_columns(others.values()), layouts)
    if export.tables:
        _hand_on(raw, export.tables, sorted(others))
    return list(export.tables), export.why_not


def _hand_on(raw: RawTable, tables: Sequence[RawTable], unknown: list[str]) -> None:
    """Give the refusals and notices of a sheet to the table that the export mainly is."""
    main = next((each for each in tables if each.table == raw.table), tables[0])
    main.refusals[:0] = raw.refusals
    main.rows_read += len({refusal.row for refusal in raw.refusals})
    main.notices += raw.notices
    main.unknown_columns += [each[:60] for each in unknown] + raw.unknown_columns


def sheet_table(name: str) -> str | None:
    """The table that a sheet's name says: `Claim Lines`, `claim line`, `notes (2)`; else null."""
    for said in (name, NUMBERED.sub("", name)):
        if named := table_named(said) or ONE.get(column_name(said)):
            return named
    return None


def _sheets(data: bytes, file: str, told: list[Notice]) -> Iterator[tuple[Sheet, bool]]:
    """Each sheet with cells, and whether it is the only one."""
    if data.startswith(b"PK") and (sheets := _of_open_document(data, file)) is not None:
        yield from ((sheet, len(sheets) == 1) for sheet in sheets)
        return
    package = _package(data, file)
    if package.macros:
        told.append(Notice("sheet", f"{file}: holds macros; they were not run", file))
    book = _book(package.data, file)
    kept = []
    for number, about in enumerate(book.sheets_metadata):
        if about.typ != SheetTypeEnum.WorkSheet:
            told.append(left_out(f"{file} [{about.name}]", "a chart, a dialog or macros, no table"))
        else:
            kept.append((number, about))
    for number, about in kept:
        found = _native(lambda number=number: book.get_sheet_by_index(number), file)
        sheet = _sheet(found, about.name, about.visible != SheetVisibleEnum.Visible, file)
        if number < len(package.faults) and package.faults[number]:
            sheet.rows = _faulted(sheet.rows, sheet.first, package.faults[number])
            empty = sum(fault == PERHAPS for fault in package.faults[number].values())
            if empty:
                formulas = plural(empty, "formula gives", "formulas give")
                said = (
                    f"{formulas} nothing; where a value should stand, open the workbook in Excel and save it"
                )
                told.append(
                    Notice("cells", f"{file} [{about.name}]: {said}", f"{file} [{about.name}]", None, empty)
                )
        yield sheet, len(kept) == 1


def _sheet(found: CalamineSheet, name: str, hidden: bool, file: str) -> Sheet:
    start = found.start
    rows = _native(found.iter_rows, file) if start else iter(())
    return Sheet(name, hidden, rows, start[1] if start else 0, found.merged_cell_ranges or [])


def _faulted(rows: Iterator[Cells], first: int, faults: Faults) -> Iterator[Cells]:
    """The rows with a mark in cells that hold no value."""
    by_row: dict[int, list[tuple[int, str]]] = {}
    for (row, column), fault in faults.items():
        if fault != PERHAPS:
            by_row.setdefault(row, []).append((column - first, fault))
    for number, row in enumerate(rows):
        for column, fault in by_row.get(number, ()):
            if 0 <= column < len(row):
                row[column] = FAULT + fault
        yield row


def _of_open_document(data: bytes, file: str) -> list[Sheet] | None:
    """The sheets of a workbook of OpenDocument; null where it is of Excel."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if "[Content_Types].xml" in archive.namelist() or "content.xml" not in archive.namelist():
                return None
            sheets, hidden = read_open_document(archive, file)
    except UNREADABLE as error:
        raise _not_readable(file, error) from None
    return [Sheet(each.name, each.name in hidden, each.each(), 0, each.merged) for each in sheets]


def _not_readable(file: str, error: BaseException) -> InputError:
    return InputError(f"{file}: not a workbook that can be read ({first_line(error)})")


def _package(data: bytes, file: str) -> Package:
    """The workbook as it is safe to open. Raises InputError where it is none."""
    try:
        if not data.startswith(b"PK"):
            return Package(*checked_old(data, file))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return repacked(archive, file)
    except UNREADABLE as error:
        raise _not_readable(file, error) from None


def _book(data: bytes, file: str) -> CalamineWorkbook:
    return _native(lambda: CalamineWorkbook.from_filelike(io.BytesIO(data)), file)


def _native(call: Any, file: str) -> Any:
    """What a call into the library gives. Its faults of every kind, panics among them, become InputError."""
    try:
        return call()
    except PasswordError:
        raise InputError(f"{file}: locked with a password (expected an open workbook)") from None
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        raise _not_readable(file, error) from None


def _table(sheet: Sheet, label: str, table: str) -> RawTable:
    """A sheet's rows below its header. Raises InputError where no row is a header of the table."""
    if not sheet.head:
        rest = next((number for number, row in sheet.below(-1) if any(map(_filled, row))), None)
        if rest is not None:
            raise InputError(
                f"{label}: begins only in row {rest:,} (expected a header in the first {HEADER_WITHIN} rows)"
            )
        notice = left_out(label, "it is empty", table, "empty")
        return RawTable(label, table, pl.DataFrame(schema={ROW: pl.Int64}), 0, notices=[notice])
    place, headers = _header(sheet.head, label, table)
    taken, unknown, again = match_headers(headers, table)
    raw = RawTable(label, table, pl.DataFrame(), 0, unknown)
    if titles := sum(any(map(_filled, row)) for row in sheet.head[:place]):
        said = f"{label}: the header is row {place + 1}; {plural(titles, 'row')} above it left out"
        raw.notices.append(Notice("header", said, label, table, titles))
    names = {**taken, **{at: spare_name(at, name) for at, name in again.items()}}
    raw.cells = _collected(_carried(sheet.below(place), sheet, place, raw), names, headers, raw)
    settle_twice(raw, again)
    return raw


def _header(head: list[Cells], label: str, table: str) -> tuple[int, list[str]]:
    """The first of the rows that name most columns of the table: its place, and its cells as text."""
    best, at, headers = 0, 0, []
    for place, row in enumerate(head):
        if len(row) > MOST_COLUMNS:
            raise InputError(f"{label}: more than {MOST_COLUMNS:,} columns (expected those of {table})")
        cells = _headers(row)
        known = len(match_headers(cells, table)[0])
        if known > best:
            best, at, headers = known, place, cells
    if not best:
        shown = next((text for row in head for cell in row if (text := as_cell(cell))), "")
        raise InputError(
            f"{label}: no column of {table} in its first {len(head)} rows, which begin {shown[:60]!r} "
            f"(expected names such as {', '.join(list(schema(table))[:4])})"
        )
    return at, headers


def _filled(cell: Any) -> bool:
    return cell != "" and not (isinstance(cell, str) and cell.isspace())


def _carried(
    rows: Iterator[tuple[int, Cells]], sheet: Sheet, header: int, raw: RawTable
) -> Iterator[tuple[int, Cells]]:
    """The rows, with the value of cells that were merged over several of them in each."""
    above: dict[int, list[tuple[int, int]]] = {}
    cells = ranges = 0
    for (top, left), (bottom, _) in sheet.merged:
        if bottom > top > header:
            ranges += 1
            cells += bottom - top
            above.setdefault(top, []).append((bottom, left - sheet.first))
    if cells > MOST_MERGED:
        raise InputError(
            f"{raw.file}: {cells:,} merged cells (expected at most {MOST_MERGED:,}; unmerge them)"
        )
    if not above:
        yield from rows
        return
    said = f"{raw.file}: the values of {ranges:,} merged cells were taken for each of their rows"
    raw.notices.append(Notice("cells", said, raw.file, raw.table, ranges))
    going: list[tuple[int, int, Any]] = []
    for number, row in rows:
        going = [each for each in going if each[0] >= number - 1]
        for _, column, value in going:
            if not _filled(row[column]):
                row[column] = value
        going += [
            (bottom, column, row[column])
            for bottom, column in above.get(number - 1, ())
            if 0 <= column < len(row)
        ]
        yield number, row


def _collected(
    rows: Iterator[tuple[int, Cells]], names: dict[int, str], headers: list[str], raw: RawTable
) -> pl.DataFrame:
    frames = [_frame([], [], names, raw)]
    bare = [at for at, header in enumerate(headers) if not header.strip()]
    unheaded: set[int] = set()
    last = 0
    while batch := list(islice(rows, BATCH_ROWS)):
        last = batch[-1][0]
        kept = [(number, row) for number, row in batch if any(map(_filled, row))]
        unheaded |= {at for at in bare if at not in unheaded and any(_filled(row[at]) for _, row in kept)}
        raw.rows_read += len(kept)
        frames.append(_frame([row for _, row in kept], [number for number, _ in kept], names, raw))
    raw.unknown_columns += [f"column {column_letters(at)} without a heading" for at in sorted(unheaded)]
    if last in FULL:
        said = f"{raw.file}: ends at row {FULL[last]}, the last of a sheet; an export that is longer was cut there"
        raw.notices.append(Notice("sheet", said, raw.file, raw.table))
    return pl.concat(frames, rechunk=False)


def column_letters(at: int) -> str:
    """How a sheet calls its column, counted from 0: `A`, `AB`."""
    letters = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _frame(rows: list[Cells], numbers: list[int], names: dict[int, str], raw: RawTable) -> pl.DataFrame:
    """Rows as columns of strings, without those that hold a cell without a value."""
    columns = list(zip(*rows, strict=True)) if rows else []
    texts = {
        name: pl.Series(name, _texts(columns[at]) if columns else [], dtype=pl.String)
        for at, name in names.items()
    }
    frame = pl.DataFrame({**texts, ROW: pl.Series(ROW, numbers, dtype=pl.Int64)})
    faulty = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
    for name in names.values():
        cells = frame[name]
        bad = (cells.str.starts_with(FAULT) | (cells.str.len_chars() > LONGEST_CELL)).fill_null(False)
        if bad.any():
            faulty = faulty | bad
            for row, cell in frame.filter(bad).select(ROW, name).iter_rows():
                raw.refusals.append(_refusal(raw, row, name, cell))
    return frame.filter(~faulty) if faulty.any() else frame


def _texts(column: tuple[Any, ...]) -> list[str | None]:
    """The cells of a column as text; of a type that repeats itself, each value once."""
    types = set(map(type, column))
    if types == {str}:
        return [cell or None for cell in column]
    if bool in types:  # which equals 1 and 0
        return [as_cell(cell) for cell in column]
    known = {cell: as_cell(cell) for cell in set(column)}
    return [known[cell] for cell in column]


def _refusal(raw: RawTable, row: int, column: str, cell: str) -> Refusal:
    column = column.partition(" of column ")[0]
    if not cell.startswith(FAULT):
        wanted = f"a cell of at most {LONGEST_CELL:,} characters"
        return Refusal(raw.file, row, raw.table, column, f"{len(cell):,} characters", wanted)
    said = cell.removeprefix(FAULT)[:80]
    if said == NEVER_CALCULATED:
        wanted = "a value; open the workbook in Excel, let it calculate, and save it"
    else:
        wanted = "a value, not an error of the spreadsheet"
    return Refusal(raw.file, row, raw.table, column, said, wanted)


def as_cell(cell: Any) -> str | None:
    """A cell as it would be written in a table of text: `97530`, `2026-03-01`, `2026-03-01T14:05:00`, `true`."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return _second(cell).isoformat()
    if isinstance(cell, (date, time)):
        return _clock(cell) if isinstance(cell, time) else cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    return str(cell)


def _number(number: float) -> str:
    if not math.isfinite(number):
        return FAULT + str(number)
    if number != int(number):
        return repr(number)
    return str(int(number)) if abs(number) < WHOLE else f"{number:.14e}"


def _second(moment: datetime) -> datetime:
    """The nearest second: a spreadsheet holds times as fractions of a day."""
    return (moment + timedelta(microseconds=500_000)).replace(microsecond=0) if moment.microsecond else moment


def _clock(at: time) -> str:
    return _second(datetime.combine(date(2000, 1, 1), at)).time().isoformat()
