"""Text tables as they come: any encoding, any separator, quotes or none; to columns of strings, in batches.

Rows stream through the standard reader batch by batch, so that no Python object outlives its batch. A row that is not a
row (a quote that never closes, more or fewer cells than the header) is refused alone, with its line in the file.
"""

import csv
import gc
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import polars as pl

from compliance.formats import plural, these
from compliance.records.models import schema
from compliance.records.raw import (
    BATCH_ROWS,
    LONGEST_CELL,
    MOST_COLUMNS,
    ROW,
    RawTable,
    match_headers,
    settle_twice,
    spare_name,
)
from compliance.records.report import InputError, Notice, Refusal, left_out, shortened

SAMPLED = 100_000
"""Characters by which text is told from binary data."""
MOST_READ_AGAIN = 50_000_000
"""Characters that may be read a second time after unclosed quotes before the file as a whole is given up."""
SEPARATORS = (",", "\t", ";", "|")
MOST_TITLES = 20
"""Lines among which the header of an export is looked for."""
SIGNATURES = {
    b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image", b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip or an Excel workbook", b"\xd0\xcf\x11\xe0": "an old Office file", b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip file", b"MZ": "a program", b"\x7fELF": "a program", b"SQLite format": "a database",
    b"{\\rtf": "an RTF document",
}  # fmt: skip
CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f\ufffd]")


def decode(data: bytes, file: str) -> tuple[str, list[Notice]]:
    """The text of a file and how it was decoded. Raises InputError where it is no text."""
    for signature, what in SIGNATURES.items():
        if data.startswith(signature):
            raise InputError(f"{file}: not a table but {what} (expected a CSV file)")
    for mark, encoding in ((b"\xff\xfe\x00\x00", "utf-32"), (b"\xef\xbb\xbf", "utf-8-sig"),
                           (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return _strict(data, encoding, file)
    head = data[:4000]
    if head[1::2].count(0) > len(head) * 0.3:
        return _strict(data, "utf-16-le", file)
    if head[0::2].count(0) > len(head) * 0.3:
        return _strict(data, "utf-16-be", file)
    try:
        return _text(data.decode("utf-8"), file, [])
    except UnicodeDecodeError:
        return _mixed(data, file)


def _strict(data: bytes, encoding: str, file: str) -> tuple[str, list[Notice]]:
    told = (
        []
        if encoding == "utf-8-sig"
        else [Notice("encoding", f"{file} was read as {encoding.upper()}", file)]
    )
    try:
        return _text(data.decode(encoding), file, told)
    except UnicodeDecodeError:
        if encoding == "utf-8-sig":
            return _mixed(data[3:], file)
        if len(data) % 2:
            return _strict(data[:-1], encoding, file)
        raise InputError(
            f"{file}: starts as {encoding.upper()} but is damaged (expected text in UTF-8 or UTF-16)"
        ) from None


def _mixed(data: bytes, file: str) -> tuple[str, list[Notice]]:
    """Line by line: UTF-8 where a line is that, else Windows-1252, the encoding of older exports."""
    lines, other = [], 0
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            other += 1
            lines.append(line.decode("cp1252", errors="replace"))
    told = Notice(
        "encoding",
        f"{file}: {these(other, 'line', 'is', 'are')} not UTF-8; read as Windows-1252",
        file,
        count=other,
    )
    return _text("\n".join(lines), file, [told])


def _text(text: str, file: str, told: list[Notice]) -> tuple[str, list[Notice]]:
    head = text[:SAMPLED]
    if len(CONTROL.findall(head)) > max(8, len(head) // 100):
        raise InputError(f"{file}: not a table but binary data (expected a CSV file)")
    if "\0" in text:
        count = text.count("\0")
        text = text.replace("\0", "")
        told = [
            *told,
            Notice("encoding", f"{file}: {count:,} NUL characters were left out", file, count=count),
        ]
    return text.removeprefix("\ufeff"), told


class _Lines(Iterator[str]):
    """Lines of a text, remembered since the last record so that a record that went wrong can be read again."""

    def __init__(self, text: str) -> None:
        self.source = io.StringIO(text, newline="")
        self.waiting: deque[str] = deque()
        self.since: list[str] = []
        self.number = 0
        self.read_again = 0

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else self.source.readline()
        if not line:
            raise StopIteration
        self.number += 1
        self.since.append(line)
        return line

    def restart_after_first(self) -> str:
        """Give back all lines but the first since the last record, and return that."""
        first, rest = self.since[0], self.since[1:]
        self.waiting.extendleft(reversed(rest))
        self.number -= len(rest)
        self.read_again += sum(map(len, rest))
        self.since.clear()
        return first


def read_delimited(data: bytes, file: str, table: str) -> RawTable:
    """A CSV file as columns of strings. Raises InputError where the file as a whole is no table."""
    text, told = decode(data, file)
    if not text.strip():
        notices = [*told, left_out(file, "it is empty", table, "empty")]
        return RawTable(file, table, pl.DataFrame(schema={ROW: pl.Int64}), 0, notices=notices)
    lines = _Lines(text)
    header, separator = _header(lines, file, table)
    taken, unknown, again = match_headers(header, table)
    if not taken:
        raise InputError(
            f"{file}, row {lines.number}: no column of {table} in the first line, which begins {_short(header)!r} "
            f"(expected names such as {', '.join(list(schema(table))[:4])})"
        )
    if separator != ",":
        named = {"\t": "tabs", ";": "semicolons", "|": "pipes"}[separator]
        told.append(Notice("separator", f"{file}: cells are separated by {named}", file, table))
    raw = RawTable(file, table, pl.DataFrame(), 0, unknown, notices=told)
    while header and not header[-1].strip():
        header.pop()
    spare = {place: spare_name(place, name) for place, name in again.items()}
    raw.cells = _columns(lines, separator, len(header), {**taken, **spare}, raw)
    settle_twice(raw, again)
    _tell_swallowed(raw, separator, len(header))
    return raw


@dataclass(frozen=True)
class Header:
    """A line that may be a header: its cells, how they are parted, and how many lines stand before it."""

    cells: list[str]
    separator: str
    before: int


def possible_headers(text: str) -> Iterator[Header]:
    """The first lines of a text, each as the header that it would be; a report may have a title above its columns."""
    for before, line in enumerate(islice(io.StringIO(text[:SAMPLED], newline=""), MOST_TITLES)):
        parted = (next(csv.reader([line], delimiter=each), []) for each in SEPARATORS)
        separator, cells = max(zip(SEPARATORS, parted, strict=True), key=lambda each: len(each[1]))
        if 1 < len(cells) <= MOST_COLUMNS:
            yield Header([cell.strip().strip("\ufeff") for cell in cells], separator, before)


def read_below(text: str, file: str, header: Header, taken: dict[int, str], table: str) -> RawTable:
    """The rows below a header: the columns at the places `taken`, under the names given there, and `ROW`."""
    lines = _Lines(text)
    for _ in range(header.before + 1):
        next(lines)
    lines.since.clear()
    raw = RawTable(file, table, pl.DataFrame(), 0)
    width = len(header.cells)
    while width and not header.cells[width - 1]:
        width -= 1
    raw.cells = _columns(lines, header.separator, width, taken, raw)
    _tell_swallowed(raw, header.separator, width)
    return raw


def _tell_swallowed(raw: RawTable, separator: str, width: int) -> None:
    """Tell of cells that hold a whole row: a quote that closes only further down makes it a part of another's cell."""
    if width < 3:
        return
    of_lines = raw.cells.select(pl.col(pl.String).str.contains(r"[\r\n]").any()).row(0, named=True)
    for name in [name for name, several in of_lines.items() if several]:
        broken = raw.cells.lazy().filter(pl.col(name).str.contains(r"[\r\n]")).select(ROW, name)
        asked = broken.filter(pl.col(name).str.count_matches(separator, literal=True) >= width - 1).collect()
        rows = [row for row, cell in asked.iter_rows() if _holds_a_row(cell, separator, width)]
        if rows:
            said = (
                f"{raw.file}, row {rows[0]}, {name}: the cell holds a line with as many cells as a row has; a quote "
                "that is not closed may have swallowed the next row"
            ) + (f" (and {len(rows) - 1:,} more such cells)" if len(rows) > 1 else "")
            raw.notices.append(Notice("cells", said, raw.file, raw.table, len(rows)))


def _holds_a_row(cell: str, separator: str, width: int) -> bool:
    """Whether a line of the cell after its first has a row's number of cells and begins with one word, as a key does."""
    for line in cell.splitlines()[1:]:
        if line.count(separator) >= width - 1:
            cells = next(csv.reader([line], delimiter=separator), [])
            if len(cells) == width and re.fullmatch(r"\S+", cells[0].strip()):
                return True
    return False


def _header(lines: _Lines, file: str, table: str) -> tuple[list[str], str]:
    """The cells of the header and the separator under which most of them are columns of the table."""
    first = ""
    while not first.strip(" \t\r\n,;|"):
        first = next(lines, "")
        if not first:
            raise InputError(f"{file}: only empty lines (expected a header and rows)")
    forced = re.match(r"^\"?sep=(.)\"?\s*$", first)
    if forced:
        lines.since.clear()
        first = next(lines, "")
    best: tuple[int, list[str], str] = (-1, [], ",")
    for separator in [forced[1]] if forced and forced[1] in SEPARATORS else SEPARATORS:
        if first.count(separator) > MOST_COLUMNS:
            raise InputError(f"{file}: more than {MOST_COLUMNS:,} columns (expected those of {table})")
        cells = next(csv.reader([first], delimiter=separator), [])
        known = len(match_headers(cells, table)[0])
        if known > best[0]:
            best = (known, cells, separator)
    lines.since.clear()
    return best[1], best[2]


def _columns(lines: _Lines, separator: str, width: int, taken: dict[int, str], raw: RawTable) -> pl.DataFrame:
    """The rows below the header: in one go where all quotes pair, else record by record."""
    place, number = lines.source.tell(), lines.number
    collecting = gc.isenabled()
    gc.disable()  # rows are many short-lived lists without cycles; scanning them again and again doubles the time
    try:
        return _collected(_batches(lines.source, separator, number), width, taken, raw)
    except csv.Error:
        raw.rows_read = 0
        raw.refusals.clear()
    finally:
        if collecting:
            gc.enable()
    lines.source.seek(place)
    return _collected(_careful_batches(lines, separator, raw), width, taken, raw)


Batch = tuple[list[list[str]], list[int]]
"""Rows of cells, and the lines on which they begin."""


def _batches(source: io.StringIO, separator: str, before: int) -> Iterator[Batch]:
    """Rows as the reader finds them. Raises csv.Error where a row is not one."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(source, delimiter=separator, strict=True)
    end = before
    while True:
        rows, ends = [], [end]
        for row in islice(reader, BATCH_ROWS):
            rows.append(row)
            ends.append(before + reader.line_num)
        if not rows:
            return
        end = ends.pop()
        yield rows, [last + 1 for last in ends]


def _careful_batches(lines: _Lines, separator: str, raw: RawTable) -> Iterator[Batch]:
    """Rows one by one, those with quotes that do not pair refused alone."""
    rows: list[list[str]] = []
    begins: list[int] = []
    for begin, row in _records(lines, separator, raw):
        rows.append(row)
        begins.append(begin)
        if len(rows) >= BATCH_ROWS:
            yield rows, begins
            rows, begins = [], []
    yield rows, begins


def _collected(batches: Iterator[Batch], width: int, taken: dict[int, str], raw: RawTable) -> pl.DataFrame:
    frames = [_frame([], [], taken)]
    for rows, begins in batches:
        kept = [
            place
            for place, row in enumerate(rows)
            if (len(row) == width and row[0]) or _usable(row, width, begins[place], raw)
        ]
        raw.rows_read += len(kept)
        if len(kept) < len(rows):
            rows, begins = [rows[place] for place in kept], [begins[place] for place in kept]
        frames.append(_frame(rows, begins, taken))
    return pl.concat(frames, rechunk=False)


def _records(lines: _Lines, separator: str, raw: RawTable) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins; unreadable ones are refused."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        begin = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            begin = lines.number - len(lines.since) + 1
            first = lines.restart_after_first()
            raw.rows_read += 1
            raw.refusals.append(
                Refusal(raw.file, begin, raw.table, None, _cut(first), _quote_fault(str(error)))
            )
            if lines.read_again > MOST_READ_AGAIN:
                raise InputError(
                    f"{raw.file}, row {begin}: quotes do not pair in too many rows "
                    '(expected " around a cell and "" for a quote within it)'
                ) from None
            reader = csv.reader(lines, delimiter=separator, strict=True)
            continue
        lines.since.clear()
        yield begin, row


def _quote_fault(error: str) -> str:
    if "field larger" in error:
        return f"cells of at most {LONGEST_CELL:,} characters; a quote here may never close"
    return 'quotes that pair: " around a cell, "" for a quote within it'


def _usable(row: list[str], width: int, begin: int, raw: RawTable) -> bool:
    """Whether a row has cells, and as many as the header; empty ones too many are cut, other misfits refused."""
    if not any(cell and not cell.isspace() for cell in row):
        return False
    if len(row) > width and not any(cell.strip() for cell in row[width:]):
        del row[width:]
    if len(row) == width:
        return True
    found = plural(len(row), "cell")
    raw.rows_read += 1
    raw.refusals.append(
        Refusal(raw.file, begin, raw.table, None, found, f"{width:,} cells, as the header has")
    )
    return False


def _frame(batch: list[list[str]], begins: list[int], taken: dict[int, str]) -> pl.DataFrame:
    columns = list(zip(*batch, strict=True)) if batch else []
    cells = {
        name: pl.Series(name, columns[place] if columns else [], dtype=pl.String)
        for place, name in taken.items()
    }
    return pl.DataFrame({**cells, ROW: pl.Series(ROW, begins, dtype=pl.Int64)})


def _short(header: list[str]) -> str:
    return _cut(", ".join(header), 60)


def _cut(text: str, length: int = 80) -> str:
    return shortened(" ".join(text.split()), length)
