"""From a path, from uploaded files or from frames to records: every table of the contract, typed, and the load report."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from compliance.records.models import TABLES, columns, empty_tables, schema
from compliance.records.report import InputError, LoadReport, Notice, Refusal, TableReport

__all__ = [
    "InputError",
    "LoadReport",
    "Notice",
    "Records",
    "Refusal",
    "TableReport",
    "empty_tables",
    "from_frames",
]


@dataclass(frozen=True)
class Records:
    """A clinic's records.

    `tables`: every table of the contract with every column of its schema, typed; absent ones are empty or null.
    `absent_tables`: tables that no file carried; `absent_columns`: columns (`table.column`) of present tables that no
    file carried. `fingerprint`: the same for the same content, whatever files it came in.
    """

    tables: dict[str, pl.DataFrame]
    report: LoadReport
    fingerprint: str
    absent_tables: frozenset[str]
    absent_columns: frozenset[str]


def from_frames(frames: Mapping[str, pl.DataFrame]) -> Records:
    """Records from frames in memory, keyed by table name. Raises InputError for a name that is no table."""
    tables = empty_tables()
    absent = set()
    for name, frame in frames.items():
        if name not in TABLES:
            raise InputError(f"{name} is no table (expected one of {', '.join(TABLES)})")
        typed = []
        for column in columns(name):
            if column.name not in frame.columns:
                absent.add(f"{name}.{column.name}")
                typed.append(pl.lit(None, column.held_as).alias(column.name))
            else:
                typed.append(_cast(frame.schema[column.name], column.held_as, column.name))
        tables[name] = frame.select(typed)
    digest = sha256(
        "".join(f"{n}{f.hash_rows().sum()}" for n, f in sorted(tables.items())).encode()
    ).hexdigest()
    return Records(tables, LoadReport(), digest, frozenset(TABLES) - set(frames), frozenset(absent))


def _cast(given: pl.DataType, held: pl.DataType, name: str) -> pl.Expr:
    cell = pl.col(name)
    if given == pl.String and held == pl.Datetime:
        parsed = [
            cell.str.to_datetime(f, strict=False, time_unit="us")
            for f in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
        ]
        day = cell.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        if name == "written_at":
            day = day + pl.duration(hours=23, minutes=59, seconds=59)
        return pl.coalesce(*parsed, day).alias(name)
    if given == pl.String and held == pl.Boolean:
        return cell.str.to_lowercase().replace_strict(
            {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False},
            default=None,
            return_dtype=pl.Boolean,
        )
    return cell.cast(held, strict=False)
