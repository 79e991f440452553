"""From files to typed tables: Parquet and frames beside CSV, cells read column by column, rows refused alone."""

import io
import json
from collections.abc import Collection
from pathlib import Path

import polars as pl

from compliance.formats import plural, terminal, these
from compliance.records.cells import TIME_ALONE, CellsRead, as_text, expected, read_cells
from compliance.records.lost import TELLING, from_text
from compliance.records.models import CLOCK_DAY, TABLES, Column, Kind, columns, schema
from compliance.records.raw import (
    MOST_COLUMNS,
    ROW,
    UNREADABLE_PARQUET,
    RawTable,
    match_headers,
    settle_twice,
    spare_name,
)
from compliance.records.report import KEPT_REFUSALS, InputError, Notice, Refusal, first_line, shortened

FILE = "name of the file"
"""Name of the column that holds which file a row came from."""
SETTLED = "compliance records, loaded"
"""Name under which a Parquet file bears what loading its rows has told before (`convert`)."""
MOST_SETTLED = 1_000_000


def read_parquet(source: Path | bytes, file: str, table: str) -> RawTable:
    """A Parquet file's columns that are ours. Raises InputError where it is no Parquet file or has none of them."""
    given = source if isinstance(source, Path) else io.BytesIO(source)
    try:
        headers = list(pl.read_parquet_schema(given))
        if len(headers) > MOST_COLUMNS:
            raise InputError(f"{file}: more than {MOST_COLUMNS:,} columns (expected those of {table})")
        taken, unknown, again = match_headers(headers, table)
        if not taken:
            raise InputError(
                f"{file}: no column of {table} (expected names such as {', '.join(list(schema(table))[:4])})"
            )
        if isinstance(given, io.BytesIO):
            given.seek(0)
        cells = pl.read_parquet(given, columns=[headers[place] for place in {**taken, **again}])
        if isinstance(given, io.BytesIO):
            given.seek(0)
        said = pl.read_parquet_metadata(given).get(SETTLED)
    except UNREADABLE_PARQUET as error:
        raise InputError(f"{file}: not a Parquet file that can be read ({first_line(error)})") from None
    raw = RawTable(file, table, cells, cells.height, unknown)
    _under_our_names(raw, headers, taken, again)
    _settle(raw, said)
    return raw


def _settle(raw: RawTable, said: str | None) -> None:
    """Take over what an earlier loading told of the rows: that equal ones are several, and why something is absent."""
    if said is None or len(said) > MOST_SETTLED:
        return
    try:
        told = json.loads(said)
        withheld, reasons = (
            {str(name): terminal(str(why)) for name, why in told[part].items()}
            for part in ("withheld", "reasons")
        )
        raw.lost = from_text(told.get("lost", []))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, pl.exceptions.PolarsError):
        return
    raw.settled = True
    raw.withheld = {name: why for name, why in withheld.items() if name in raw.cells.columns and name != ROW}
    raw.reasons = {what: why for what, why in reasons.items() if what.partition(".")[0] in TABLES}


def of_frame(frame: pl.DataFrame, table: str) -> RawTable:
    """A frame in memory as a raw table."""
    taken, unknown, again = match_headers(frame.columns, table)
    raw = RawTable(table, table, frame, frame.height, unknown)
    _under_our_names(raw, frame.columns, taken, again)
    return raw


def _under_our_names(raw: RawTable, headers: list[str], taken: dict[int, str], again: dict[int, str]) -> None:
    names = {**taken, **{place: spare_name(place, name) for place, name in again.items()}}
    raw.cells = numbered(
        raw.cells.select(pl.col(headers[place]).alias(name) for place, name in names.items())
    )
    settle_twice(raw, again)


def numbered(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells with their rows counted from 1."""
    return cells.with_columns(pl.int_range(1, cells.height + 1, dtype=pl.Int64).alias(ROW))


class Refused:
    """Refusals of a table, kept up to a limit and counted beyond it; `rows`: what the rows that were left out say of whose and
    when they are."""

    def __init__(self) -> None:
        self.kept: list[Refusal] = []
        self.beyond = 0
        self.rows: list[pl.DataFrame] = []

    def leave_out(self, rows: pl.DataFrame) -> None:
        """Remember typed rows that are not loaded."""
        self.rows.append(rows.select(name for name in TELLING if name in rows.columns))

    def add(self, rows: pl.DataFrame, table: str, column: str | None, wanted: str) -> None:
        """Refuse the rows of a frame with columns FILE, ROW and `found`."""
        self.beyond += max(0, rows.height - KEPT_REFUSALS)
        for file, row, found in rows.head(KEPT_REFUSALS).select(FILE, ROW, "found").iter_rows():
            shown = None if found is None else shortened(found)
            self.kept.append(Refusal(file, row, table, column, shown, wanted))


def read_table(raw: RawTable, refused: Refused) -> tuple[pl.DataFrame, list[Notice]]:
    """The usable rows of a raw table, typed, with FILE and ROW; rows with an unreadable cell are refused."""
    height = raw.cells.height
    usable = pl.Series("usable", [True], pl.Boolean).new_from_index(0, height)
    file = raw.files if raw.files is not None else pl.Series(FILE, [raw.file]).new_from_index(0, height)
    place = raw.cells[ROW]
    read: dict[str, pl.Series] = {}
    told: list[Notice] = []
    for column in columns(raw.table):
        if column.name not in raw.cells.columns:
            read[column.name] = pl.Series(column.name, [None], column.held_as).new_from_index(0, height)
            if column.required and height:
                wanted = "this column, without which no row can be used"
                refused.kept.append(Refusal(raw.file, 1, raw.table, column.name, None, wanted))
                usable = usable & False
            continue
        given = raw.cells[column.name]
        cells = read_cells(given, column)
        bad = cells.bad
        if bad.any():
            _refuse(_rows(file, place, given), cells, column, refused)
        if column.required:
            lacking = cells.values.is_null() & ~bad
            if lacking.any():
                refused.add(_rows(file, place, None, lacking), raw.table, column.name, _a_value(column))
            bad = bad | lacking
        usable = usable & ~bad
        read[column.name] = cells.values
        told += [
            Notice("cells", f"{raw.file}, {column.name}: {count:,} {remark}", raw.file, raw.table, count)
            for remark, count in cells.remarks.items()
            if count
        ]
    typed = pl.DataFrame([*read.values(), file, place])
    typed, usable = _clocks(typed, usable, raw.table, refused)
    if usable.all():
        return typed, told
    refused.leave_out(typed.filter(~usable))
    return typed.filter(usable), told


def _refuse(rows: pl.DataFrame, cells: CellsRead, column: Column, refused: Refused) -> None:
    """Refuse the bad cells of a column, each once and with the explanation that fits it."""
    if cells.unfit:
        found = f"a column of {cells.unfit}, in {plural(int(cells.bad.sum()), 'row')}"
        refused.kept.append(Refusal(rows[FILE][0], None, column.table, column.name, found, expected(column)))
        return
    rest = cells.bad
    for mask, wanted in cells.faults:
        refused.add(rows.filter(mask & rest), column.table, column.name, wanted)
        rest = rest & ~mask
    refused.add(rows.filter(rest), column.table, column.name, expected(column))


def _a_value(column: Column) -> str:
    return f"a value: it identifies the row ({expected(column)})"


def _rows(
    file: pl.Series, place: pl.Series, given: pl.Series | None, which: pl.Series | None = None
) -> pl.DataFrame:
    found = pl.Series("found", [None], pl.String).new_from_index(0, file.len())
    if given is not None:
        try:
            found = _said(given).rename("found")
        except pl.exceptions.PolarsError:
            found = pl.Series("found", [f"({given.dtype})"], pl.String).new_from_index(0, file.len())
    frame = pl.DataFrame([file, place, found])
    return frame if which is None else frame.filter(which)


MOST_DAYS = 3_650_000
"""Days before and after 1970 of which Polars can say the date; of one beyond, as Parquet may hold, it does not return."""
PARTS_OF_A_DAY = {"d": 1, "ms": 86_400_000, "us": 86_400_000_000}
"""Of a day's or moment's unit; in nanoseconds no such day can be written."""


def _said(given: pl.Series) -> pl.Series:
    """The cells of a column as text."""
    if given.dtype == pl.Binary:
        return as_text(given)
    unit = getattr(given.dtype, "time_unit", "d")
    if not isinstance(given.dtype, pl.Date | pl.Datetime) or unit not in PARTS_OF_A_DAY:
        return given.cast(pl.String)
    most = MOST_DAYS * PARTS_OF_A_DAY[unit]
    beyond = ~given.to_physical().is_between(-most, most).fill_null(True)
    return given.set(beyond, None).cast(pl.String).set(beyond, "(a day that no calendar holds)")


def _clocks(
    typed: pl.DataFrame, usable: pl.Series, table: str, refused: Refused
) -> tuple[pl.DataFrame, pl.Series]:
    """Put times without a day on the day of their row; refuse them where the row has none."""
    for column in columns(table):
        day = CLOCK_DAY.get(f"{table}.{column.name}")
        if column.kind is not Kind.CLOCK or day is None:
            continue
        typed, lost = on_day(typed, column.name, pl.col(day))
        if lost.any():
            rows = typed.select(FILE, ROW, pl.lit("a time alone").alias("found")).filter(lost & usable)
            refused.add(rows, table, column.name, f"a date with the time, or a {day} in the row")
            usable = usable & ~lost
    return typed, usable


def on_day(typed: pl.DataFrame, clock: str, day: pl.Expr) -> tuple[pl.DataFrame, pl.Series]:
    """Times alone in a column on their day, and which of them have none."""
    alone = typed[clock].dt.year() == TIME_ALONE.year
    if not alone.any():
        return typed, pl.Series([False], dtype=pl.Boolean).new_from_index(0, typed.height)
    on = day.dt.truncate("1d") + (pl.col(clock) - TIME_ALONE)
    is_alone = pl.col(clock).dt.year() == TIME_ALONE.year
    typed = typed.with_columns(pl.when(is_alone).then(on).otherwise(pl.col(clock)).alias(clock))
    return typed, alone.fill_null(False) & typed[clock].is_null()


def without_repeats(
    typed: pl.DataFrame, table: str, refused: Refused
) -> tuple[pl.DataFrame, int, list[Notice]]:
    """Rows by key: identical ones once, with a notice; of differing ones the first, the later refused."""
    model = TABLES[table]
    keys = list(model.keys)
    if typed.height < 2:
        return typed, 0, []
    twice = typed.select(pl.struct(keys).is_duplicated()).to_series()
    if not twice.any():
        return typed, 0, []
    own = list(schema(table))
    ordered = typed.with_row_index("order")
    single, several = ordered.filter(~twice), ordered.filter(twice)
    once = several.unique(own, keep="first", maintain_order=True)
    repeated = several.height - once.height
    told = []
    if repeated:
        said = f"{table}: {these(repeated, 'row', 'repeats', 'repeat')} another row in every cell; kept once"
        told.append(Notice("duplicate", said, None, table, repeated))
    if not model.repeats:
        first = once.unique(keys, keep="first", maintain_order=True)
        later = once.join(first.select("order"), on="order", how="anti", maintain_order="left")
        if later.height:
            held = first.select(*keys, pl.format("{}, row {}", FILE, ROW).alias("held"))
            shown = pl.concat_str([pl.col(key).cast(pl.String).fill_null("") for key in keys], separator=" ")
            rows = later.join(
                held, on=keys, how="left", nulls_equal=True, maintain_order="left"
            ).with_columns(shown.alias("found"))
            for place, group in rows.group_by("held", maintain_order=True):
                wanted = f"one row for each {', '.join(keys)}; {place[0]} has this one with other values"
                refused.add(group, table, keys[0] if len(keys) == 1 else None, wanted)
            refused.leave_out(later)
        once = first
    return pl.concat([single, once]).sort("order").drop("order"), repeated, told


def dangling(tables: dict[str, pl.DataFrame], present: Collection[str]) -> list[Notice]:
    """Rows that refer to a row which is not there, by column: how many, and the first few."""
    told = []
    for table in present:
        for column in columns(table):
            if column.refers_to is None:
                continue
            target, _, key = column.refers_to.partition(".")
            named = tables[table][column.name].drop_nulls()
            lost = named.filter(~named.is_in(tables[target][key].implode())) if named.len() else named
            if not lost.len():
                continue
            which = lost.unique(maintain_order=True)
            shown = ", ".join(which.head(3)) + (f" and {which.len() - 3:,} more" if which.len() > 3 else "")
            rows = plural(lost.len(), "row names", "rows name")
            if tables[target].height:
                said = f"{rows} {which.len():,} {column.name} that {target} lacks: {shown}"
            else:
                lack = (
                    f"no row of {target} was loaded" if target in present else f"there is no {target} table"
                )
                said = f"{rows} a {column.name}, but {lack}"
            told.append(Notice("reference", f"{table}.{column.name}: {said}", None, table, lost.len()))
    return told
