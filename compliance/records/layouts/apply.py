"""From an export's rows to our tables, as its layout says: expressions over whole columns, no row at a time.

What a layout yields are raw tables: cells are read, and refused, as those of any other file. Only what the layout itself cannot
understand (a code that it does not list, a date in another form) is refused here, with the file's own header and row.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import polars as pl

from compliance.formats import plural, these
from compliance.records.cells import NOTHING
from compliance.records.layouts.models import Cell, Condition, Layout, TableMap, at, folded
from compliance.records.models import TABLES, Column, columns
from compliance.records.raw import ROW, RawTable
from compliance.records.report import KEPT_REFUSALS, Notice, Refusal, shortened

EMPTY = ["", "none", *NOTHING]
"""What databases write for an empty cell, in small letters."""
SHOWN = 5
"""So many unknown codes are named."""
ID_LENGTH = 12
"""Hexadecimal digits of an identifier that is made of names: two of a million patients collide once in 500 clinics."""
BETWEEN = "\x1f"
"""Parts the columns of which an identifier is made."""
UNUSED = "\u0000 "
"""Begins the names of columns that are only needed on the way; no header of a file begins so."""


@dataclass
class _Made:
    """A table in the making: its rows under our names, and what is to be told of them."""

    file: str
    layout: Layout
    table: TableMap
    cells: pl.DataFrame
    headers: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    beyond: int = 0
    notices: list[Notice] = field(default_factory=list)

    def tell(self, kind: str, said: str, count: int | None = None) -> None:
        self.notices.append(Notice(kind, f"{self.file}: {said}", self.file, self.table.table, count))


def tables_of(file: str, cells: pl.DataFrame, layout: Layout) -> list[RawTable]:
    """The raw tables that a file's cells are under a layout, one for each of the layout's tables.

    `cells`: columns of strings under the file's own headers, and `ROW`, the row of the file on which each begins. A table of
    the layout of which the file has no column that it needs is left out.
    """
    shown = {folded(name): name for name in reversed(cells.columns) if name != ROW}
    bare = _bare(cells, shown, layout.headers())
    notices = [Notice("layout", f"{file}: {said}", file) for said in layout.told]
    bare, told = _once(bare, layout.once, file, layout.main)
    made = [
        _table(_Made(file, layout, table, bare), at_place, shown)
        for table in layout.tables
        for at_place in table.places
    ]
    raws = _joined([each for each in made if each is not None], layout)
    if raws:
        main = next((raw for raw in raws if raw.table == layout.main), raws[0])
        known = layout.headers()
        main.unknown_columns += [name for name in shown.values() if folded(name) not in known]
        raws[0].notices[:0] = [*notices, *told]
    return raws


def _bare(cells: pl.DataFrame, shown: dict[str, str], known: frozenset[str]) -> pl.DataFrame:
    """The columns that the layout knows, under folded names, without space around, nothing where they say nothing."""
    texts = []
    for name, header in shown.items():
        if name in known:
            text = pl.col(header).cast(pl.String).str.strip_chars()
            short = (text.str.len_bytes() <= 4) & text.str.to_lowercase().is_in(EMPTY)
            texts.append(pl.when(~short).then(text).alias(name))
    return cells.select(*texts, ROW)


def _once(
    cells: pl.DataFrame, headers: Sequence[str] | None, file: str, table: str
) -> tuple[pl.DataFrame, list[Notice]]:
    """Of rows that agree in these columns the first, and a notice of how many others there were."""
    names = [folded(header) for header in headers or ()]
    if not names or not set(names) <= set(cells.columns):
        return cells, []
    kept = cells.unique(names, keep="first", maintain_order=True)
    dropped = cells.height - kept.height
    if not dropped:
        return cells, []
    verb = "repeats another in" if dropped == 1 else "repeat others in"
    said = f"{file}: {plural(dropped, 'row')} {verb} {', '.join(headers or ())}, taken once"
    return kept, [Notice("duplicate", said, file, table, dropped)]


def _table(made: _Made, place: dict[str, str], shown: dict[str, str]) -> _Made | None:
    """The rows of one table at one place, or None where the file lacks a column that it needs."""
    table = made.table
    cells = made.cells
    if table.where:
        cells = cells.filter(_holds(table.where, place, cells))
        if table.table == made.layout.main and not table.each:
            _tell_other_rows(made, table.where, made.cells.height - cells.height)
    once = tuple(at(header, place) for header in table.once or ())
    cells, told = _once(cells, once, made.file, table.table)
    made.notices += told
    sources = {name: _source(cell, place, cells) for name, cell in table.columns.items()}
    lacking = [
        column for column in columns(table.table) if column.required and not _can(column, table, sources)
    ]
    if lacking:
        return None
    made.headers = {name: _said(cell, place, shown) for name, cell in table.columns.items()}
    given = {name: expression for name, expression in sources.items() if expression is not None}
    kept = cells.select(
        *(expression.cast(pl.String).alias(name) for name, expression in given.items()),
        *(_fullness(name, table.columns[name], place, cells) for name in given if table.columns[name].full),
        ROW,
    )
    made.cells = kept
    described = {column.name: column for column in columns(table.table)}
    for name in given:
        _understood(made, described[name], table.columns[name])
    for name, cell in table.columns.items():
        if cell.key and name in made.cells.columns and not _present(cell.header, place, cells):
            made.cells = made.cells.with_columns(_identifiers(made.cells[name]))
    for name, cell in table.columns.items():
        if cell.number_within:
            count = pl.int_range(1, pl.len() + 1).over(list(cell.number_within))
            made.cells = made.cells.with_columns(count.cast(pl.String).alias(name))
    return made


def _tell_other_rows(made: _Made, where: Condition, count: int) -> None:
    if count:
        looked = ", ".join(dict.fromkeys(where.headers()))
        named = made.table.table.replace("_", " ")
        rows = these(count, "row", "is", "are")
        made.tell("layout", f"{rows} none of {named}, by {looked}: left out", count)


def _can(column: Column, table: TableMap, sources: dict[str, pl.Expr | None]) -> bool:
    return sources.get(column.name) is not None or bool(table.columns[column.name].number_within)


def _present(headers: Sequence[str] | None, place: dict[str, str], cells: pl.DataFrame) -> list[str]:
    """Those of the headers that the file has, folded."""
    names = [folded(at(header, place)) for header in headers or ()]
    return [name for name in names if name in cells.columns]


def _said(cell: Cell, place: dict[str, str], shown: dict[str, str]) -> str:
    """The file's own headers of a column, for messages."""
    named = [shown.get(folded(at(header, place)), "") for header in cell.headers()]
    return ", ".join(dict.fromkeys(filter(None, named)))


def _source(cell: Cell, place: dict[str, str], cells: pl.DataFrame) -> pl.Expr | None:
    """The cells of a column before their codes; None where the file has none of the headers."""
    raw = _written(cell, place, cells)
    if raw is None:
        return None
    if cell.pattern:
        raw = (
            raw.str.extract_all(cell.pattern).list.join(" ") if cell.every else raw.str.extract(cell.pattern)
        )
    return pl.when(_holds(cell.where, place, cells)).then(raw) if cell.where else raw


def _written(cell: Cell, place: dict[str, str], cells: pl.DataFrame) -> pl.Expr | None:
    if cell.value is not None:
        return pl.lit(cell.value)
    if cell.place:
        return pl.lit(next(iter(place.values())))
    if cell.join:
        names = _present(cell.join, place, cells)
        return _list_of(names) if names else None
    names = _present(cell.header, place, cells)
    if names:
        return pl.coalesce(names)
    wanted = _present(cell.key, place, cells)
    return _key(wanted) if cell.key and len(wanted) == len(cell.key) else None


def _list_of(names: Sequence[str]) -> pl.Expr:
    return pl.concat_str(*names, separator=" ", ignore_nulls=True)


def _key(names: Sequence[str]) -> pl.Expr:
    """What an identifier is made of, as it is written; nothing where the first of the columns is empty."""
    whole = pl.concat_str(*(pl.col(name).fill_null("") for name in names), separator=BETWEEN)
    return pl.when(pl.col(names[0]).is_not_null()).then(whole)


def _spelt(text: pl.Expr) -> pl.Expr:
    """A name or a date in one spelling: small letters, single spaces, no leading zeros, no midnight."""
    return (
        text.str.to_lowercase()
        .str.replace_all(rf"[t ]0{{1,2}}:00(?::00(?:\.0+)?)?\s*(?:am)?($|{BETWEEN})", "${1}")
        .str.replace_all(r"(^|\D)0+(\d)", "${1}${2}")
        .str.replace_all(rf"[^\p{{L}}\p{{M}}\p{{N}}.{BETWEEN}]+", " ")
        .str.replace_all(rf" ?{BETWEEN} ?", "|")
        .str.strip_chars()
    )


def _identifiers(keys: pl.Series) -> pl.Series:
    """Each key as an identifier that does not tell it: the first digits of its hash. Two spellings of one key are one."""
    distinct = keys.drop_nulls().unique()
    spelt = pl.select(_spelt(pl.lit(distinct))).to_series() if distinct.len() else distinct
    hashed = pl.Series([_hashed(each) for each in spelt], dtype=pl.String)
    return keys.replace_strict(distinct, hashed, default=None, return_dtype=pl.String)


def _hashed(key: str) -> str:
    if not key.isascii():
        parts = unicodedata.normalize("NFKD", key)
        key = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return sha256(key.encode()).hexdigest()[:ID_LENGTH]


def _holds(condition: Condition, place: dict[str, str], cells: pl.DataFrame) -> pl.Expr:
    """Whether a row is meant; a column that the file lacks is empty in every row."""

    def text(header: str) -> pl.Expr:
        name = folded(at(header, place))
        return pl.col(name) if name in cells.columns else pl.lit(None, pl.String)

    holds = pl.lit(True)
    if condition.header is not None:
        said = _words(text(condition.header)).fill_null("")
        if condition.one_of is not None:
            holds &= said.is_in(_plain(condition.one_of))
        if condition.none_of is not None:
            holds &= ~said.is_in(_plain(condition.none_of))
    if condition.filled:
        holds &= pl.any_horizontal(text(header).is_not_null() for header in condition.filled)
    for pair, alike in ((condition.same, True), (condition.differ, False)):
        if pair:
            one, other = (_words(text(header)).fill_null("") for header in pair)
            holds &= (one == other) if alike else (one != other)
    for header in condition.zero or ():
        holds &= text(header).fill_null("0").str.replace_all(r"[$,\s]", "").cast(
            pl.Float64, strict=False
        ).fill_null(1) == pl.lit(0)
    return holds


def _words(text: pl.Expr) -> pl.Expr:
    """A value as codes are compared: small letters, one space between words."""
    return text.str.to_lowercase().str.replace_all(r"[\s\-_/]+", " ").str.strip_chars()


def _plain(values: Sequence[str]) -> list[str]:
    return (
        pl.select(_words(pl.lit(pl.Series(list(values), dtype=pl.String)))).to_series().to_list()
        if values
        else []
    )


def _fullness(name: str, cell: Cell, place: dict[str, str], cells: pl.DataFrame) -> pl.Expr:
    """Whether all columns of a list are filled, so that it may have lost what came after."""
    names = _present(cell.join, place, cells)
    return pl.all_horizontal(pl.col(each).is_not_null() for each in names).alias(UNUSED + name)


def _understood(made: _Made, column: Column, cell: Cell) -> None:
    """Translate the codes and the dates of a column; what cannot be is refused, told or makes the column untrusted."""
    name = column.name
    if cell.full:
        full = int(made.cells[UNUSED + name].sum() or 0)
        made.cells = made.cells.drop(UNUSED + name)
        if full:
            made.withheld[name] = cell.full
            made.tell(
                "layout",
                f"in {plural(full, 'row')} all of {made.headers[name]} are filled; {cell.full}",
                full,
            )
    if cell.codes is not None:
        _decoded(made, column, cell)
    if cell.dates:
        _dated(made, column, cell.dates)


def _decoded(made: _Made, column: Column, cell: Cell) -> None:
    given = made.cells[column.name]
    counted = given.drop_nulls().value_counts(sort=True)
    listed = {_plain([code])[0]: meant for code, meant in (cell.codes or {}).items()}
    own = {_plain([choice])[0]: choice for choice in column.choices}
    meant = {**own, **listed}
    said = dict(zip(counted[column.name], _plain(counted[column.name].to_list()), strict=True))
    unknown = {code for code, plain in said.items() if plain not in meant}
    known = {code: meant[plain] for code, plain in said.items() if plain in meant}
    if unknown:
        _unknown(made, column, cell, unknown, [code for code in cell.codes or {} if code])
    mute = {code for code, value in known.items() if value is None}
    if mute:
        count = int(given.is_in(list(mute)).sum())
        made.tell(
            "cells",
            f"{_saying(count, made.headers[column.name])} {_listed(mute)}, which is no {column.name} of ours; taken as unknown",
            count,
        )
    made.cells = made.cells.with_columns(
        pl.col(column.name).replace_strict(
            list(known), list(known.values()), default=None, return_dtype=pl.String
        )
        if known
        else pl.lit(None, pl.String).alias(column.name)
    )


def _saying(count: int, header: str) -> str:
    return f"{plural(count, 'cell')} of {header} {'says' if count == 1 else 'say'}"


def _unknown(made: _Made, column: Column, cell: Cell, codes: set[str], known: Sequence[str]) -> None:
    """Deal with codes that the layout does not list, as it says."""
    at_fault = made.cells[column.name].is_in(list(codes)).fill_null(False)
    count, header = int(at_fault.sum()), made.headers[column.name]
    if cell.unknown == "refuse":
        _refuse(made, column.name, at_fault, f"a code that the layout lists: {', '.join(known[:12])}")
        return
    said = f"{_saying(count, header)} {_listed(codes)}, which the layout {made.layout.name} does not list"
    if cell.unknown == "withhold":
        made.withheld[column.name] = f"{header} holds codes that the layout does not list: {_listed(codes)}"
        said += f"; {column.table}.{column.name} counts as not exported until they are"
    else:
        said += "; taken as unknown"
    made.tell("cells", said, count)


def _listed(codes: set[str]) -> str:
    some = sorted(codes)[:SHOWN]
    rest = len(codes) - len(some)
    return ", ".join(repr(code[:40]) for code in some) + (f" and {rest:,} more" if rest else "")


def _refuse(made: _Made, name: str, at_fault: pl.Series, wanted: str) -> None:
    """Refuse rows, and take them out."""
    rows = made.cells.filter(at_fault).select(ROW, name)
    made.beyond += max(0, rows.height - KEPT_REFUSALS)
    for row, found in rows.head(KEPT_REFUSALS).iter_rows():
        cut = None if found is None else shortened(found)
        made.refusals.append(
            Refusal(made.file, row, made.table.table, name, cut, wanted, made.headers[name] or None)
        )
    made.cells = made.cells.filter(~at_fault)


def _dated(made: _Made, column: Column, formats: Sequence[str]) -> None:
    """Dates in the form that the layout says, as ISO dates; any other is refused, even one that reads."""
    given = made.cells[column.name]
    read = [given.str.to_date(each, strict=False) for each in formats]
    days = read[0]
    for other in read[1:]:
        days = days.fill_null(other)
    at_fault = given.is_not_null() & days.is_null()
    made.cells = made.cells.with_columns(days.dt.strftime("%Y-%m-%d").alias(column.name))
    if at_fault.any():
        made.cells = made.cells.with_columns(given)
        _refuse(made, column.name, at_fault, f"a date in the form {' or '.join(formats)}")
        left = days.filter(~at_fault)
        made.cells = made.cells.with_columns(left.dt.strftime("%Y-%m-%d").alias(column.name))


def _joined(parts: Sequence[_Made], layout: Layout) -> list[RawTable]:
    """The parts of each table as one raw table, in the layout's order."""
    raws = []
    for name in dict.fromkeys(part.table.table for part in parts):
        of_table = [part for part in parts if part.table.table == name]
        cells = pl.concat([part.cells for part in of_table], how="diagonal")
        raw = RawTable(of_table[0].file, name, cells, 0)
        for part in of_table:
            raw.refusals += part.refusals
            raw.notices += part.notices
            raw.withheld |= part.withheld
            raw.headers |= part.headers
            raw.refusals_not_kept += part.beyond
        raw.notices = list(dict.fromkeys(raw.notices))
        if of_table[0].table.distinct:
            raw.fills = True
            rows_elsewhere = any(not each.distinct for each in layout.tables)
            _by_key(raw, of_table[0].table, name == layout.main and not rows_elsewhere)
        elif len(of_table[0].table.places) > 1:
            raw.cells = raw.cells.sort(ROW, maintain_order=True)
        raw.rows_read = raw.cells.height + _refused_rows(raw)
        raws.append(raw)
    _give_reasons(raws, layout)
    return raws


def _refused_rows(raw: RawTable) -> int:
    return len({refusal.row for refusal in raw.refusals}) + raw.refusals_not_kept


def _give_reasons(raws: Sequence[RawTable], layout: Layout) -> None:
    """Hand on what the layout cannot give: a column of a table that it feeds is withheld, another is merely lacking."""
    by_table = {raw.table: raw for raw in raws}
    for what, why in layout.cannot_give.items():
        table, _, column = what.partition(".")
        if column and table in by_table:
            by_table[table].withheld.setdefault(column, why)
        elif raws:
            raws[0].reasons[what] = why


def _by_key(raw: RawTable, table: TableMap, alone: bool) -> None:
    """One row for each key: what its rows agree in; null, and told, where they do not; lists gathered.

    `alone`: no other table would refuse the rows without a key, so that they are told here.
    """
    keys = list(TABLES[raw.table].keys)
    optional = TABLES[raw.table].optional_keys
    needed = [key for key in keys if key not in optional]
    cells = raw.cells.filter(pl.all_horizontal(pl.col(key).is_not_null() for key in needed))
    if alone and cells.height < raw.cells.height:
        lost = raw.cells.height - cells.height
        said = f"{raw.file}: {these(lost, 'row', 'has', 'have')} no {raw.headers.get(needed[0]) or needed[0]}; left out"
        raw.notices.append(Notice("cells", said, raw.file, raw.table, lost))
    lists = [name for name, cell in table.columns.items() if cell.gather and name in cells.columns]
    plain = [name for name in cells.columns if name not in (*keys, *lists, ROW)]
    rows = cells.unique([*keys, *plain], keep="first", maintain_order=True)
    twice = pl.struct(keys).is_duplicated()
    several = rows.filter(twice)
    if several.height:
        rows = pl.concat([rows.filter(~twice), _agreed(raw, several, keys, plain)], how="diagonal")
    if lists:
        rows = rows.drop(lists).join(_gathered(cells, keys, lists), on=keys, how="left", nulls_equal=True)
    raw.cells = rows.sort(ROW)


def _agreed(raw: RawTable, rows: pl.DataFrame, keys: Sequence[str], plain: Sequence[str]) -> pl.DataFrame:
    grouped = rows.group_by(keys, maintain_order=True).agg(
        pl.col(ROW).first(),
        *(pl.col(name).drop_nulls().first() for name in plain),
        *(_spelt(pl.col(name)).drop_nulls().n_unique().alias(UNUSED + name) for name in plain),
    )
    for name in plain:
        unclear = grouped.filter(pl.col(UNUSED + name) > 1)
        if unclear.height:
            example = unclear.row(0, named=True)
            many = plural(unclear.height, f"row of {raw.table}", f"rows of {raw.table}").replace("_", " ")
            said = f"{raw.file}: {raw.headers.get(name) or name} differs within one {keys[0]} for {many}, "
            said += f"first in row {example[ROW]}; taken as unknown"
            raw.notices.append(Notice("cells", said, raw.file, raw.table, unclear.height))
    one = [pl.when(pl.col(UNUSED + name) < 2).then(pl.col(name)).alias(name) for name in plain]
    return grouped.select(*keys, ROW, *one)


def _gathered(cells: pl.DataFrame, keys: Sequence[str], lists: Sequence[str]) -> pl.DataFrame:
    """Per key the elements of all its rows' lists, each once, in the order in which they come."""
    grouped = cells.group_by(keys, maintain_order=True).agg(
        *(pl.col(name).drop_nulls().unique(maintain_order=True).str.join(" ") for name in lists)
    )
    return grouped.with_columns(
        pl.col(name)
        .str.replace_all(r"[,;\s]+", " ")
        .str.split(" ")
        .list.unique(maintain_order=True)
        .list.join(" ")
        for name in lists
    )
