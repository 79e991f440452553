"""Files that are no table of ours: recognised by their headers, read as their layout says, or told what they may be."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from compliance.records.delimited import Header, decode, possible_headers, read_below
from compliance.records.layouts.apply import tables_of
from compliance.records.layouts.files import built_in
from compliance.records.layouts.models import Layout, folded
from compliance.records.layouts.recognise import Recognition, recognise
from compliance.records.raw import ROW, UNREADABLE_PARQUET, RawTable
from compliance.records.report import InputError, Notice, first_line

SAMPLED = 1_000_000
"""Characters of a file that guesses look at."""


MAP_IT = "make a mapping of it on the Records page or with `compliance validate FILE --write-layout`"
"""What to do with a file that no layout knows."""


@dataclass(frozen=True)
class Export:
    """A file that is no table of ours: what it was recognised as, and its raw tables (none where no layout fits)."""

    file: str
    recognition: Recognition
    tables: tuple[RawTable, ...] = ()

    @property
    def why_not(self) -> str:
        """Why nothing was read, and what to do; one sentence without the file."""
        if self.recognition.tied:
            return f"{self.why}; say which with a layout of your own"
        return f"{self.why}; {MAP_IT}"

    @property
    def why(self) -> str:
        """Why nothing was read."""
        told = self.recognition
        if told.tied:
            return f"its headers are those of {' and '.join(layout.name for layout in told.tied)} alike"
        if told.near:
            lacks = ", ".join(told.lacks)
            return f"its headers are near those of {told.near.name}, but {lacks} is lacking"
        return "no table of ours has this name and no layout these headers"


def export_of(file: str, cells: pl.DataFrame, layouts: Sequence[Layout] | None = None) -> Export:
    """What a sheet of cells is under the layouts (all built-in ones where None): the one way in for readers of other files.

    `cells`: one column of strings a header, named as the file names it, empty cells null or empty; `ROW` (an integer)
    holds the row of the file on which each begins, and is counted from 2 where it is lacking (row 1 is the header).
    `Export.tables` are raw tables for `load`; without a layout that fits there are none, and `why_not` says why.
    """
    if ROW not in cells.columns:
        cells = cells.with_columns(pl.int_range(2, cells.height + 2, dtype=pl.Int64).alias(ROW))
    headers = [name for name in cells.columns if name != ROW]
    found = recognise(headers, layouts)
    if found.layout is None:
        return Export(file, found)
    return _export(file, cells, found, [])


def _export(file: str, cells: pl.DataFrame, found: Recognition, before: Sequence[Notice]) -> Export:
    """Apply the layout that was found, and say what the file was taken for."""
    layout = found.layout
    assert layout is not None
    raws = tables_of(file, cells, layout)
    named = ", ".join(raw.table for raw in raws)
    lacks = "" if raws else " but holds no table that could be read"
    said = f"{file}: recognised as {layout.name} ({found.known} of {found.of} headers known){lacks}"
    told = Notice("layout", f"{said}: {named}" if named else said, file)
    if not raws:
        return Export(file, found)
    raws[0].notices[:0] = [told, *before]
    return Export(file, found, tuple(raws))


def read_export(data: bytes, file: str, layouts: Sequence[Layout] | None = None) -> Export:
    """A text file (CSV and the like) under the layouts. Raises InputError where it is no text."""
    among = built_in() if layouts is None else layouts
    text, told = decode(data, file)
    header, found = _header(text, among)
    if header is None or found.layout is None:
        return Export(file, found)
    taken, again = _taken(header.cells, found.layout.headers())
    raw = read_below(text, file, header, taken, found.layout.main)
    named = {f"{place:04}": header.cells[place] for place in taken}
    cells = raw.cells.rename({name: shown for name, shown in named.items() if name in raw.cells.columns})
    if again:
        said = f"{file}: {', '.join(again)} stands twice in the header; the first counts"
        told = [*told, Notice("header", said, file)]
    export = _export(file, cells, found, told)
    _with_bad_rows(export, raw, header, found.layout)
    return export


def sample_of(data: bytes, file: str, most: int = SAMPLED) -> pl.DataFrame:
    """The first rows of a text file that no layout knows, every column under its header, with `ROW`; what guesses look at.

    The header is the first of the lines with the most cells; a header that stands twice gets its place. Raises InputError
    where the file is no table of text.
    """
    text, _ = decode(data[: 4 * most], file)
    lines = list(possible_headers(text))
    if not lines:
        raise InputError(f"{file}: no line with several cells (expected a header and rows)")
    header = max(lines, key=lambda each: (sum(map(bool, each.cells)), -each.before))
    names: dict[int, str] = {}
    filled = [place for place, cell in enumerate(header.cells) if cell]
    if not filled:
        raise InputError(f"{file}: no line that could be a header (expected names of columns)")
    for place, cell in enumerate(header.cells[: filled[-1] + 1]):
        name = cell or f"column {place + 1}"
        names[place] = name if name not in names.values() else f"{name} ({place + 1})"
    start = text if len(text) <= most else text[:most].rpartition("\n")[0]
    raw = read_below(start, file, header, names, "claim_lines")
    return raw.cells


def _header(text: str, among: Sequence[Layout]) -> tuple[Header | None, Recognition]:
    """The line whose cells a layout knows, else the first that has cells, and what it was recognised as."""
    first: tuple[Header | None, Recognition] = (None, Recognition(None, 0, 0))
    for header in possible_headers(text):
        found = recognise(header.cells, among)
        if found.layout or found.tied:
            return header, found
        if first[0] is None or (found.near and not first[1].near):
            first = (header, found)
    return first


def _taken(headers: Sequence[str], known: frozenset[str]) -> tuple[dict[int, str], list[str]]:
    """Places of the columns to read, each under a name of its own, and headers that stand twice."""
    seen: set[str] = set()
    taken: dict[int, str] = {}
    again: list[str] = []
    for place, header in enumerate(headers):
        name = folded(header)
        if name in known and name in seen:
            again.append(header)
        elif name in known:
            taken[place] = f"{place:04}"
            seen.add(name)
    return taken, again


def _with_bad_rows(export: Export, raw: RawTable, header: Header, layout: Layout) -> None:
    """Hand on the rows that are none (quotes that do not pair, cells too many), and headers that the layout does not know."""
    if not export.tables:
        return
    known = layout.headers()
    main = next((each for each in export.tables if each.table == layout.main), export.tables[0])
    main.refusals[:0] = raw.refusals
    main.notices += raw.notices
    main.rows_read += len(raw.refusals)
    main.unknown_columns += [each[:60] for each in header.cells if each and folded(each) not in known]


def read_export_parquet(source: Path | bytes, file: str, layouts: Sequence[Layout] | None = None) -> Export:
    """A Parquet file under the layouts. Raises InputError where it is none."""
    among = built_in() if layouts is None else layouts
    given = source if isinstance(source, Path) else io.BytesIO(source)
    try:
        found = recognise(list(pl.read_parquet_schema(given)), among)
        if found.layout is None:
            return Export(file, found)
        if isinstance(given, io.BytesIO):
            given.seek(0)
        cells = pl.read_parquet(given)
        flat = cells.select(_flat(cells.columns, cells))
    except UNREADABLE_PARQUET as error:
        raise InputError(f"{file}: not a Parquet file that can be read ({first_line(error)})") from None
    rows = pl.int_range(1, flat.height + 1, dtype=pl.Int64).alias(ROW)
    return _export(file, flat.with_columns(rows), found, [])


def _flat(names: Iterable[str], cells: pl.DataFrame) -> list[pl.Expr]:
    """Columns of one value a cell as text; structures and lists are no column of an export."""
    return [pl.col(name).cast(pl.String) for name in names if not cells.schema[name].is_nested()]
