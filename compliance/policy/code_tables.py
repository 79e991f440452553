"""CMS's tables of codes: relative values, cost indices, code pairs, unit limits; dated editions, each with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import polars as pl
import yaml
from pydantic import Field, ValidationError

from compliance.policy.models import Border, PolicyError

Kind = Literal["relative_values", "geography", "unit_limits", "code_pairs"]
KINDS: tuple[str, ...] = get_args(Kind)
COLUMNS: dict[str, dict[str, type[pl.DataType]]] = {
    "relative_values": {"cpt": pl.String, "work": pl.Float64, "practice_expense": pl.Float64, "malpractice": pl.Float64,
                        "status": pl.String, "multiple_procedure": pl.String},
    "geography": {"state": pl.String, "locality": pl.String, "name": pl.String, "work": pl.Float64,
                  "practice_expense": pl.Float64, "malpractice": pl.Float64},
    "unit_limits": {"table": pl.String, "cpt": pl.String, "units": pl.Int64, "indicator": pl.String},
    "code_pairs": {"table": pl.String, "column_1": pl.String, "column_2": pl.String, "deleted_on": pl.Date,
                   "modifier_indicator": pl.String, "rationale": pl.String},
}  # fmt: skip
"""The columns of an edition's CSV."""
ALWAYS, NEVER = datetime(1900, 1, 1), datetime(9999, 12, 31)
VOID = "9"
"""The modifier indicator of a pair that never was in force."""


class Edition(Border):
    """One file of one kind: from when, until when (inclusive; empty = until the next begins), and who says so."""

    kind: Kind
    file: str
    valid_from: date = Field(alias="from")
    to: date | None = None
    source: str = Field(min_length=1)
    verified: bool | str = False
    note: str | None = None
    readded_on: date | None = None
    readded_after: date | None = None


@dataclass(frozen=True)
class CodeTables:
    """The editions and their frames. A frame has its edition's dates as `valid_from`, `valid_until` (exclusive)."""

    editions: tuple[tuple[Edition, pl.DataFrame], ...] = ()

    def of(self, kind: str) -> list[tuple[Edition, pl.DataFrame]]:
        """The editions of a kind, the oldest first."""
        return sorted((each for each in self.editions if each[0].kind == kind), key=lambda e: e[0].valid_from)

    @cached_property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Each kind's rows with the days on which they are in force, as rules ask for them by name."""
        return {kind: self._dated(kind) for kind in KINDS}

    def _dated(self, kind: str) -> pl.DataFrame:
        listed = self.of(kind)
        begins = [edition.valid_from for edition, _ in listed]
        parts = []
        for place, (edition, rows) in enumerate(listed):
            following = begins[place + 1] if place + 1 < len(begins) else None
            ends = edition.to + timedelta(days=1) if edition.to else following
            if following and ends:
                ends = min(ends, following)
            parts.append(_pairs(edition, rows) if kind == "code_pairs" else _between(edition, rows, ends))
        schema = {**COLUMNS[kind], **DATED}
        if kind == "code_pairs":
            parts = parts[-1:]
            schema.pop("deleted_on")
        return pl.concat([pl.DataFrame(schema=schema), *(part.select(list(schema)) for part in parts)])


DATED: dict[str, type[pl.DataType] | pl.DataType] = {
    "valid_from": pl.Datetime("us"), "valid_until": pl.Datetime("us"), "as_of": pl.Datetime("us"),
}  # fmt: skip


def _between(edition: Edition, rows: pl.DataFrame, ends: date | None) -> pl.DataFrame:
    return rows.with_columns(
        valid_from=_lit(_moment(edition.valid_from)),
        valid_until=_lit(_moment(ends) if ends else NEVER),
        as_of=_lit(_moment(edition.valid_from)),
    )


def _pairs(edition: Edition, rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs with their days in force: a pair that was void never was; one that was added again began again.

    The newest edition holds the history of all pairs, so older ones are not needed beside it.
    """
    key = ["table", "column_1", "column_2"]
    again = rows.filter(pl.col("deleted_on") == edition.readded_after).select(key).unique()
    stands = pl.col("deleted_on").is_null()
    rows = rows.join(again.with_columns(again=True), on=key, how="left")
    begins = pl.when(stands & pl.col("again").fill_null(False)).then(
        _lit(_moment(edition.readded_on) if edition.readded_on else ALWAYS)
    )
    return rows.filter(pl.col("modifier_indicator") != VOID).with_columns(
        valid_from=begins.otherwise(_lit(ALWAYS)),
        valid_until=pl.when(stands)
        .then(_lit(NEVER))
        .otherwise(pl.col("deleted_on").cast(pl.Datetime("us")) + timedelta(days=1)),
        as_of=_lit(_moment(edition.valid_from)),
    )


def _lit(moment: datetime) -> pl.Expr:
    return pl.lit(moment, dtype=pl.Datetime("us"))


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def read_editions(folder: Path) -> tuple[tuple[Edition, pl.DataFrame], ...]:
    """The editions that a folder's `tables.yaml` lists, none where it has none. Raises PolicyError."""
    index = folder / "tables.yaml"
    if not index.is_file():
        return ()
    try:
        listed = yaml.safe_load(index.read_text(encoding="utf-8"))
        editions = [Edition.model_validate(each) for each in listed]
    except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
        raise PolicyError(f"cms/tables.yaml: {' '.join(str(error).split())}") from None
    return tuple((edition, _rows(folder / Path(edition.file).name, edition.kind)) for edition in editions)


def _rows(file: Path, kind: str) -> pl.DataFrame:
    try:
        return pl.read_csv(file, schema=COLUMNS[kind])
    except (OSError, pl.exceptions.PolarsError) as error:
        why = str(error).splitlines()[0]
        raise PolicyError(
            f"cms/{file.name}: {why}. Its columns are {', '.join(COLUMNS[kind])}, as `compliance policies --load` writes."
        ) from None


def joined(*folders: Sequence[tuple[Edition, pl.DataFrame]]) -> CodeTables:
    """Code tables of several folders; of two editions of a kind and day the last folder's stands."""
    chosen = {
        (edition.kind, edition.valid_from): (edition, rows) for each in folders for edition, rows in each
    }
    return CodeTables(tuple(chosen.values()))
