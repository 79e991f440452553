"""What loading did: per table the rows read and refused, each refusal with its place, and what was noticed."""

import textwrap
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from compliance.formats import plural, terminal

LEFT_OUT = ("ignored", "empty")
"""Kinds of notices that tell of a file or folder of which nothing was read."""
SHOWN_REFUSALS = 50
"""Refusals that the text shows; the JSON has all that are kept."""
KEPT_REFUSALS = 5_000
"""Refusals that a reader keeps (of a column of a file, of a table of a claim file, of all FHIR files); the rest are counted."""
LONGEST_FOUND = 80
"""Characters that a refusal shows of a cell."""


class InputError(Exception):
    """The input as a whole cannot be used. Its message is one line: what, where, and what would be right."""

    @property
    def because(self) -> str:
        """The message without the file that it begins with, for sentences that name the file themselves."""
        return str(self).partition(": ")[2]


@dataclass(frozen=True)
class Refusal:
    """A row that was left out, or a part of a file that could not be used.

    `row` is the line of the file on which the row begins, from 1 (the header is line 1 of a plain CSV; of a workbook it
    is the sheet's row; rows of Parquet count from 1 without a header; for X12 it is the position of the segment, for FHIR
    the line of NDJSON or the entry of a bundle, and `column` the path within the resource). `column` is null where the row
    as a whole is at fault. `header` is what an export calls the column, where a layout said so.
    """

    file: str
    row: int | None
    table: str | None
    column: str | None
    found: str | None
    expected: str
    header: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", terminal(self.file))
        for name in ("found", "header"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, terminal(getattr(self, name)))

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (self.file, f"row {self.row}" if self.row is not None else "", self.called)
            if part
        )
        said = f'"{self.found}"' if self.found is not None else "nothing"
        return f"{place}: {said} (expected {self.expected})"

    @property
    def called(self) -> str:
        """The column as its file calls it, and ours; empty where the row as a whole is at fault."""
        if self.header is None or self.column is None:
            return self.column or ""
        return f"{self.header} ({self.table}.{self.column})"


@dataclass(frozen=True)
class Notice:
    """Something that the reader of the report should know and that cost no row: an encoding, a dangling reference.

    `kind` is one of ignored, encoding, separator, header, empty, cells, duplicate, reference, merge, sheet, x12,
    layout, fhir; of these ignored and empty name a file or folder of which nothing was read (`LoadReport.left_out`).
    """

    kind: str
    message: str
    file: str | None = None
    table: str | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", terminal(self.message))

    def __str__(self) -> str:
        return self.message


def left_out(name: str, because: str, table: str | None = None, kind: str = "ignored") -> Notice:
    """That nothing was read of a file, a folder or a sheet, and why. `kind`: one of `LEFT_OUT`."""
    return Notice(kind, f"{name} was left out: {because}", name, table)


def shortened(text: str, most: int = LONGEST_FOUND) -> str:
    """The start of a text that is longer than `most` characters, marked as cut; a shorter one whole."""
    return text if len(text) <= most else text[: most - 1] + "…"


def first_line(error: BaseException) -> str:
    """What a library's error says, in one line of at most 120 characters; its kind where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0][:120] if said else type(error).__name__


@dataclass
class TableReport:
    """How one table was loaded: rows_read = rows_refused + rows_repeated + rows_loaded.

    `unfilled_columns` are there and empty in every one of many rows.
    `rows_repeated` counts rows equal to another one, and rows of claim files that a table has too.
    """

    table: str
    files: list[str] = field(default_factory=list)
    rows_read: int = 0
    rows_refused: int = 0
    rows_repeated: int = 0
    rows_loaded: int = 0
    absent_columns: list[str] = field(default_factory=list)
    unfilled_columns: list[str] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)


@dataclass
class LoadReport:
    """The load report: tables in the order of the dictionary, refusals and notices in the order of the files."""

    tables: list[TableReport] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    refusals_not_kept: int = 0
    absent_tables: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a table or a column (`table.column`) is absent, where the layout of an export says so."""

    @property
    def left_out(self) -> list[Notice]:
        """The files and folders of which nothing was read, each with the reason."""
        return [notice for notice in self.notices if notice.kind in LEFT_OUT]

    @property
    def rows_refused(self) -> int:
        """Rows of tables that were refused, each once however many of its cells are at fault."""
        return sum(table.rows_refused for table in self.tables)

    @property
    def parts_refused(self) -> int:
        """Refused parts of files that are no row of a table, such as a claim file without a transaction set."""
        return sum(refusal.table is None for refusal in self.refusals)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "rows_read": sum(table.rows_read for table in self.tables),
            "rows_refused": self.rows_refused,
            "parts_refused": self.parts_refused,
            "rows_loaded": sum(table.rows_loaded for table in self.tables),
            "tables": [asdict(table) for table in self.tables],
            "absent_tables": list(self.absent_tables),
            "reasons": dict(self.reasons),
            "refusals": [asdict(refusal) for refusal in self.refusals],
            "refusals_not_kept": self.refusals_not_kept,
            "notices": [asdict(notice) for notice in self.notices],
        }

    def render(self) -> str:
        """The report for a terminal: a line a table, then refusals, then notices."""
        heads = ("table", "read", "refused", "loaded", "lacking columns")
        rows = [
            (
                table.table,
                f"{table.rows_read:,}",
                f"{table.rows_refused:,}",
                f"{table.rows_loaded:,}",
                ", ".join(table.absent_columns) or "none",
            )
            for table in self.tables
        ]
        widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(4)]
        lines = [
            f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}"
            for row in [heads, *rows]
        ]
        return (
            "\n".join(
                [
                    *lines,
                    *self._absent(),
                    *self._reasons(),
                    *self._unfilled(),
                    *self._unknown(),
                    *self._refused(),
                    *self._noticed(),
                ]
            )
            + "\n"
        )

    def _absent(self) -> list[str]:
        told = ", ".join(self.absent_tables)
        return ["", *textwrap.wrap(f"Tables that no file carries: {told}", 110)] if told else []

    def _reasons(self) -> list[str]:
        told = [
            line
            for what, why in self.reasons.items()
            for line in textwrap.wrap(f"{what}: {why}", 106, initial_indent="  ", subsequent_indent="    ")
        ]
        return ["", "Not in the export, and so not checked:", *told] if told else []

    def _unfilled(self) -> list[str]:
        """Columns without a value in any of many rows: what needs them does not run."""
        told = [f"{table.table}.{column}" for table in self.tables for column in table.unfilled_columns]
        said = f"Empty in every row, and so taken as not exported: {', '.join(told)}"
        return ["", *textwrap.wrap(said, 110)] if told else []

    def _unknown(self) -> list[str]:
        told = [
            f"  {table.table}: {', '.join(table.unknown_columns)}"
            for table in self.tables
            if table.unknown_columns
        ]
        return ["", "Columns kept out, because no table of ours has them:", *told] if told else []

    def _refused(self) -> list[str]:
        if not self.refusals and not self.rows_refused:
            return ["", "No row was refused."]
        total = len(self.refusals) + self.refusals_not_kept
        shown = [f"  {refusal}" for refusal in self.refusals[:SHOWN_REFUSALS]]
        rest = total - len(shown)
        why = Counter((refusal.table or "file", refusal.column or "row") for refusal in self.refusals)
        summary = [f"  … and {rest:,} more; by column: " + _counted(why)] if rest > 0 else []
        parts = f" and {self.parts_refused:,} parts of files" if self.parts_refused else ""
        return ["", f"Refused ({plural(self.rows_refused, 'row')}{parts}):", *shown, *summary]

    def _noticed(self) -> list[str]:
        return (
            ["", f"Noticed ({len(self.notices):,}):", *(f"  {each}" for each in self.notices)]
            if self.notices
            else []
        )


def _counted(why: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{table}.{column} {count:,}" for (table, column), count in why.most_common(8))
