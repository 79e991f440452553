"""Exports among the files of a clinic: which they are, what each layout makes of them, and how they join the tables."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from compliance.formats import listed, plural, terminal
from compliance.records.delimited import decode, possible_headers
from compliance.records.layouts import (
    Export,
    Layout,
    Recognition,
    built_in,
    different,
    layout_of,
    own_layouts,
    read_export,
    read_export_parquet,
    recognise,
    sample_of,
)
from compliance.records.layouts.guess import Guess, drafted, facts, guesses
from compliance.records.models import TABLES, columns, schema
from compliance.records.raw import RawTable, column_name
from compliance.records.report import LEFT_OUT, InputError, LoadReport, Notice, left_out
from compliance.records.sources import Found, Source, under, uploaded

SNIFFED = 65_536
"""Bytes of a file in which its header is looked for before it is read."""
FEWEST, MOST_NAMED = 3, 5
"""Columns by which a file of another name may be a table of ours; columns that a message names."""
GUESSED_FROM = 4_000_000
"""Bytes of a file that are read to guess what its columns say."""


EXCHANGED = {"x12": ("claims", "claim file (X12)"), "fhir": ("fhir", "FHIR R4 resources")}
"""Shapes of files that hold rows of several tables and are no export: what `Seen` calls them, and in words."""


def layouts_among(found: Found, own: Sequence[Layout] = ()) -> tuple[Layout, ...]:
    """Layouts that lie beside the data, then the clinic's own, then the built-in ones. Raises InputError."""
    beside = [layout_of(_text(source), source.name) for source in found.sources if source.shape == "layout"]
    first = different(beside, "layouts beside the records")
    ids = {layout.id for layout in first}
    found.sources = [source for source in found.sources if source.shape != "layout"]
    for layout in first:
        found.notices.append(Notice("layout", f"layout {layout.name} was found beside the records"))
    return (*first, *(layout for layout in own if layout.id not in ids), *built_in())


def _text(source: Source) -> str:
    try:
        return source.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.name}: not readable as YAML: {error} (expected UTF-8)") from None


def tables_and_exports(found: Found, layouts: Sequence[Layout]) -> tuple[list[Source], list[Source]]:
    """Tables and workbooks, and files that may be exports: those without a table's name, or without its key."""
    tables: list[Source] = []
    exports: list[Source] = []
    for source in found.sources:
        if source.shape in EXCHANGED:
            continue
        text = source.shape in ("delimited", "parquet")
        is_export = text and (source.table is None or _only_named_so(source, layouts))
        (exports if is_export else tables).append(source)
    for source in _certain(tables, exports, layouts):
        table = ours(source, layouts)
        exports.remove(source)
        tables.append(replace(source, table=table))
        said = f"{source.name} was read as the table {table}, whose columns it has; name it {table}{Path(source.name).suffix}"
        found.notices.append(Notice("header", said, source.name, table))
    return tables, exports


def _certain(tables: Sequence[Source], exports: Sequence[Source], layouts: Sequence[Layout]) -> list[Source]:
    """Files under another name that are a table of ours by their columns, where no other file may carry that table."""
    if any(source.shape == "workbook" for source in tables):
        return []  # a sheet of it may be the table
    meant = [(source, ours(source, layouts)) for source in exports]
    taken = Counter([*(source.table for source in tables), *(table for _, table in meant)])
    return [source for source, table in meant if table and taken[table] == 1]


def ours(source: Source, layouts: Sequence[Layout]) -> str | None:
    """The one table of ours that has all columns of a text file's header, its key among them; None where none or several do."""
    names = _header(source)
    fitting = [
        table
        for table in TABLES
        if len(names) >= FEWEST and _key(table) <= names <= {column_name(each) for each in schema(table)}
    ]
    known = len(fitting) == 1 and not recognise(sorted(names), layouts).layout
    return fitting[0] if known else None


def _header(source: Source) -> set[str]:
    """The headers of a text file as we would write them; none where it cannot be read."""
    if source.shape != "delimited":
        return set()
    try:
        text, _ = decode(source.read(SNIFFED), source.name)
    except InputError:
        return set()
    header = next(possible_headers(text), None)
    return {column_name(cell) for cell in header.cells if cell} if header else set()


def _key(table: str) -> set[str]:
    return {column.name for column in columns(table) if column.required}


def meant(source: Source) -> str:
    """Which table a file may be meant as by its name (`claims_export.csv`), and what keeps it from being that; or nothing."""
    stem = f"_{column_name(PurePosixPath(source.name).name.partition('.')[0])}_"
    named = sorted((table for table in TABLES if f"_{table}_" in stem), key=len)
    if not named or source.shape != "delimited":
        return ""
    table, names = named[-1], _header(source)
    lacks = sorted(_key(table) - names)
    if lacks:
        return f"; by its name it may be meant as {table}, but it has no column {' or '.join(lacks)}"
    known = {column_name(each) for each in schema(table)}
    unknown = listed(sorted(names - known)[:MOST_NAMED])
    rest = f", and all but {unknown} is read" if unknown else ""
    return f"; by its name it may be meant as {table}: if it is, name it {table}.csv{rest}"


def _only_named_so(source: Source, layouts: Sequence[Layout]) -> bool:
    """Whether a file bears a table's name, lacks that table's key and has the headers of a layout."""
    assert source.table is not None
    if source.shape != "delimited":
        return False
    try:
        text, _ = decode(source.read(SNIFFED), source.name)
    except InputError:
        return False
    header = next(possible_headers(text), None)
    if header is None:
        return False
    keys = {column.name for column in columns(source.table) if column.required}
    if keys <= {column_name(cell) for cell in header.cells}:
        return False
    return any(recognise(each.cells, layouts).layout for each in possible_headers(text))


def read_exports(sources: Sequence[Source], layouts: Sequence[Layout], report: LoadReport) -> list[RawTable]:
    """The raw tables of all exports that a layout knows; the others are left out and told. Raises InputError."""
    raws: list[RawTable] = []
    for source in sources:
        try:
            export = _export(source, layouts)
        except InputError as error:
            report.notices.append(left_out(source.name, error.because))
            continue
        raws += export.tables
        table = None if export.tables else ours(source, layouts)
        if table:
            because = f"its columns are those of our table {table}, as another file's are; if its rows belong there too, put "
            report.notices.append(
                left_out(source.name, f"{because}all of that table's files into a folder {table}")
            )
        elif not export.tables:
            report.notices.append(left_out(source.name, export.why_not + meant(source)))
    return raws


def _export(source: Source, layouts: Sequence[Layout]) -> Export:
    if source.shape == "parquet":
        return read_export_parquet(source.path or source.read(), source.name, layouts)
    return read_export(source.read(), source.name, layouts)


def nothing_read(exports: Sequence[Source], report: LoadReport) -> str:
    """Why nothing could be read, in one line."""
    if exports:
        left = [notice for notice in report.notices if notice.kind == "ignored"]
        more = f" (and {plural(len(left) - 1, 'more file')})" if len(left) > 1 else ""
        return (
            f"{left[-1].message}{more} (expected tables such as claims.csv, X12 claim files, or exports that a "
            "layout knows)"
        )
    return f"{report.notices[-1].message} (expected a header and rows)"


def without_known(
    typed: pl.DataFrame, raw: RawTable, parts: Sequence[pl.DataFrame], report: LoadReport
) -> tuple[pl.DataFrame, int]:
    """The rows of an export whose key no earlier file has, and how many had it: a clinic's own tables go first."""
    if not parts or not typed.height:
        return typed, 0
    keys = list(TABLES[raw.table].keys)
    known = pl.concat([part.select(keys) for part in parts]).unique()
    fresh = typed.join(known, on=keys, how="anti", nulls_equal=True, maintain_order="left")
    met = typed.height - fresh.height
    if met:
        said = f"{raw.file}: {met:,} {raw.table.replace('_', ' ')} are in another file, which counts"
        report.notices.append(Notice("merge", said, raw.file, raw.table, met))
    return fresh, met


@dataclass(frozen=True)
class Seen:
    """A file before it is loaded: what it will be read as, how many lines it has, and how much of its header is known.

    `kind`: `table`, `layout`, `workbook`, `claims`, `fhir`, or `unknown` (nothing will be read of it, and `what` says why).
    """

    file: str
    kind: str
    what: str
    lines: int | None = None
    known: int | None = None
    of: int | None = None
    unknown: "UnknownExport | None" = None


def looked_at(files: list[tuple[str, bytes]], own: Sequence[Layout] = ()) -> list[Seen]:
    """What files held in memory will be read as, before they are. Raises InputError where none can be looked at."""
    found = uploaded(files)
    layouts = layouts_among(found, own)
    tables, exports = tables_and_exports(found, layouts)
    seen = [_seen_table(source) for source in tables]
    seen += [Seen(each.name, *EXCHANGED[each.shape]) for each in found.sources if each.shape in EXCHANGED]
    seen += [_seen_export(source, layouts) for source in exports]
    left = [notice for notice in found.notices if notice.kind in LEFT_OUT]
    return seen + [Seen(each.file or "", "unknown", each.message.partition(": ")[2]) for each in left]


def _seen_table(source: Source) -> Seen:
    if source.shape == "workbook":
        what = f"our table {source.table}" if source.table else "workbook, a sheet a table"
        return Seen(source.name, "workbook", what)
    lines = _lines(source) if source.shape == "delimited" else None
    return Seen(source.name, "table", f"our table {source.table}", lines)


def _lines(source: Source) -> int:
    """Lines below the header, by the ends of lines; texts with line breaks count more."""
    data = source.data or b""
    return max(0, data.count(b"\n") + (not data.endswith(b"\n") and bool(data)) - 1)


def _seen_export(source: Source, layouts: Sequence[Layout]) -> Seen:
    lines = _lines(source) if source.shape == "delimited" else None
    try:
        found, before = _recognised(source, layouts)
    except InputError as error:
        return Seen(source.name, "unknown", error.because)
    if lines is not None:
        lines = max(0, lines - before)
    if found.layout:
        return Seen(source.name, "layout", found.layout.name, lines, found.known, found.of)
    unknown = (
        unknown_export(source.name, source.read(GUESSED_FROM), layouts)
        if source.shape == "delimited"
        else None
    )
    why = Export(source.name, found).why
    return Seen(source.name, "unknown", why, lines, unknown=unknown)


def _recognised(source: Source, layouts: Sequence[Layout]) -> tuple[Recognition, int]:
    """What a file's header is recognised as, and the lines above it."""
    if source.shape == "parquet":
        return read_export_parquet(source.path or source.read(), source.name, layouts).recognition, 0
    text, _ = decode(source.read(SNIFFED), source.name)
    tried = [(recognise(header.cells, layouts), header.before) for header in possible_headers(text)]
    best = [each for each in tried if each[0].layout] or [
        each for each in tried if each[0].tied or each[0].near
    ]
    return (best or tried or [(Recognition(None, 0, 0), 0)])[0]


@dataclass(frozen=True)
class UnknownExport:
    """A text file that no layout knows: its first rows under its headers, and what each column may say."""

    file: str
    recognition: Recognition
    cells: pl.DataFrame
    guesses: list[Guess]

    def layout(self, by: str, on: date) -> str:
        """The layout that the guesses make, as the text of a file to be checked and edited. Raises InputError."""
        return drafted(self.file, self.cells, by, on)[0]

    def as_dict(self) -> dict[str, Any]:
        """The file and its guesses as JSON values."""
        told = [
            {"header": each.header, "says": each.fact or None, "confidence": each.confidence}
            for each in self.guesses
        ]
        return {"file": self.file, "guesses": told}


def unknown_exports(path: Path, layouts: Path | None = None) -> list[UnknownExport]:
    """The text files under a path that no table of ours and no layout is, each with guesses. Raises InputError."""
    found = under(path)
    among = layouts_among(found, own_layouts(layouts))
    _, exports = tables_and_exports(found, among)
    asked = [
        unknown_export(source.name, source.read(GUESSED_FROM), among)
        for source in exports
        if source.shape == "delimited" and not ours(source, among)
    ]
    return [each for each in asked if each is not None]


def unknown_export(file: str, data: bytes, layouts: Sequence[Layout]) -> UnknownExport | None:
    """What the columns of a file may say, if it has columns and no layout knows them; else null."""
    try:
        text, _ = decode(data[:SNIFFED], file)
        tried = [recognise(header.cells, layouts) for header in possible_headers(text)]
        if any(each.layout for each in tried):
            return None
        cells = sample_of(data, file)
    except InputError:
        return None
    near = next((each for each in tried if each.tied or each.near), Recognition(None, 0, cells.width - 1))
    found = guesses(cells)
    if not any(each.fact for each in found):
        return None
    return UnknownExport(file, near, cells, found)


def guessed_text(unknown: Sequence[UnknownExport]) -> str:
    """The guesses for a terminal: header by header, with how sure each is; nothing where every file is known."""
    lines: list[str] = []
    for export in unknown:
        lines += [f"{export.file} is known to no layout and was not read. Its columns may say:", ""]
        width = max(len(each.header) for each in export.guesses)
        for each in export.guesses:
            meant = (
                f"{facts()[each.fact].says} ({100 * each.confidence:.0f} % sure)"
                if each.fact
                else "nothing that is read"
            )
            lines.append(f"  {terminal(each.header):<{min(width, 40)}}  {meant}")
        layout = shlex.quote(f"{Path(export.file).stem}.layout.yaml")
        lines += [
            "",
            "To read it, write these guesses as a layout, check every line, and keep it beside the data or in a folder:",
            f"  compliance validate {shlex.quote(export.file)} --write-layout {layout}",
            "",
        ]
    return "\n".join(lines)
