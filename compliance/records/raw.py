"""What readers hand to loading: a file's rows before their cells are read, under the names of our columns.

A reader of one table (`delimited`, `workbook`, `layouts`, Parquet) makes raw tables; a reader of files that hold several tables
(`x12`, `fhir`) an exchange of them. Typing, refusals of cells and the load report come after it, once for all (`load`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from compliance.records.models import TABLES, schema
from compliance.records.report import KEPT_REFUSALS, Notice, Refusal, shortened

LONGEST_CELL = 1_000_000
"""Characters of one cell; more is no note but a quote that never closes."""
MOST_COLUMNS = 1_000
"""Columns of one file or sheet; no export has as many, and a damaged one may claim any number."""
BATCH_ROWS = 50_000
"""Rows that are held as Python objects before they become columns."""
LONGEST_FOUND = 160
"""Characters that a refusal shows of a segment, which says more than a cell."""
ROW = "row of the file"
"""Name of the column that holds where a row begins; no table of ours has one of that name."""

UNREADABLE_PARQUET = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
"""What Polars raises at a Parquet file that is none or is damaged."""


@dataclass
class RawTable:
    """A file's rows before their cells are read: columns of any type under our names, and `ROW`.

    `settled`: rows that are equal are several all the same, as loading them before has found (`convert`). `lost`: whose rows it
    has refused before.
    Of an export (`compliance/records/layouts/`): `headers` are the file's own names of our columns; `withheld` the columns,
    with the reason, that count as not exported although rows are there; `reasons` why other tables and columns
    (`table.column`) are not in the export; `fills`: rows whose key another file has too add nothing.
    `files`: the file of each row, where the rows come from several.
    """

    file: str
    table: str
    cells: pl.DataFrame
    rows_read: int
    unknown_columns: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    settled: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    fills: bool = False
    refusals_not_kept: int = 0
    files: pl.Series | None = None
    lost: pl.DataFrame | None = None

    @property
    def file_names(self) -> list[str]:
        """The files that rows come from, in order."""
        return [self.file] if self.files is None else self.files.unique(maintain_order=True).to_list()


@dataclass
class Exchange:
    """What a number of claim files or of FHIR files held: tables before their cells are read, refusals and notices.

    `kind` is that of its notices (`x12`, `fhir`). `tables` can be gone through once: a batch of rows is let go when the next is
    asked for. `beyond`: refusals of a table that were counted and not kept; `repeated`: rows of a table that another one equals.
    """

    kind: str
    tables: Iterable[RawTable] = ()
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    beyond: Counter[str | None] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    kept: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def note(self, file: str, message: str, count: int | None = None) -> None:
        """Tell something of a file that cost nothing."""
        self.notices.append(Notice(self.kind, f"{file}: {message}", file, None, count))

    def refuse(
        self, file: str, position: int | None, found: str, expected: str, table: str | None = None
    ) -> None:
        """Tell of a part of a file that could not be used."""
        self.kept[file, table] += 1
        if self.kept[file, table] > KEPT_REFUSALS:
            self.beyond[table] += 1
            return
        self.refusals.append(Refusal(file, position, table, None, shortened(found, LONGEST_FOUND), expected))

    def rows_without_table(self) -> Counter[str]:
        """Rows of each table that are in none of `tables`: refused here, or equal to another one."""
        refused = Counter(refusal.table for refusal in self.refusals) + self.beyond
        return Counter({name: count for name, count in refused.items() if name}) + self.repeated

    def mark(self) -> tuple[int, Counter[str | None], Counter[tuple[str, str | None]]]:
        """How many refusals there are, to which `forget` goes back."""
        return len(self.refusals), self.beyond.copy(), self.kept.copy()

    def forget(self, mark: tuple[int, Counter[str | None], Counter[tuple[str, str | None]]]) -> None:
        """Take back the refusals since `mark`."""
        kept, self.beyond, self.kept = mark
        del self.refusals[kept:]


def column_name(header: str) -> str:
    """A header as we would write it: `Claim ID`, `claim-id`, `claimId` and `CLAIM_ID` are `claim_id`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip().strip("\ufeff\u00a0\"'"))
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def table_named(name: str) -> str | None:
    """The table that a file stem or a sheet names (`Claim Lines`, `claim-lines`), or null."""
    named = column_name(name)
    return named if named in TABLES else None


def match_headers(headers: list[str], table: str) -> tuple[dict[int, str], list[str], dict[int, str]]:
    """Which header stands for which column: places and names, headers of no column, places of columns said again."""
    names = {column_name(name): name for name in schema(table)}
    taken: dict[int, str] = {}
    unknown: list[str] = []
    again: dict[int, str] = {}
    for place, header in enumerate(headers):
        name = names.get(column_name(header))
        if name is None:
            if header.strip():
                unknown.append(header.strip()[:60])
        elif name in taken.values():
            again[place] = name
        else:
            taken[place] = name
    return taken, unknown, again


def spare_name(place: int, name: str) -> str:
    """How a column that stands again is called until it is known which one counts."""
    return f"{name} of column {place + 1}"


def settle_twice(raw: RawTable, again: dict[int, str]) -> None:
    """Of columns of one name keep the first with content, else the first, and tell."""
    for place, name in again.items():
        spare = spare_name(place, name)
        use = not _has_content(raw.cells[name]) and _has_content(raw.cells[spare])
        which = f"column {place + 1} counts, the one before is empty" if use else "the first counts"
        said = f"{raw.file}: column {name} stands twice; {which}"
        raw.notices.append(Notice("header", said, raw.file, raw.table))
        if use:
            raw.cells = raw.cells.with_columns(pl.col(spare).alias(name))
        raw.cells = raw.cells.drop(spare)


def _has_content(cells: pl.Series) -> bool:
    if cells.dtype != pl.String:
        return cells.null_count() < cells.len()
    return bool(cells.str.contains(r"\S").any())
