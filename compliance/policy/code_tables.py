"""CMS's tables of codes: relative values, cost indices, code pairs, unit limits, therapy codes; dated, each with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import polars as pl
from pydantic import ValidationError

from compliance.policy.models import Dated, PolicyError
from compliance.policy.strict import read
from compliance.strict_yaml import shown

Kind = Literal["relative_values", "geography", "unit_limits", "code_pairs", "therapy_codes"]
KINDS: tuple[str, ...] = get_args(Kind)
COLUMNS: dict[str, dict[str, type[pl.DataType]]] = {
    "relative_values": {"cpt": pl.String, "work": pl.Float64, "practice_expense": pl.Float64, "malpractice": pl.Float64,
                        "status": pl.String, "multiple_procedure": pl.String},
    "geography": {"state": pl.String, "locality": pl.String, "name": pl.String, "work": pl.Float64,
                  "practice_expense": pl.Float64, "malpractice": pl.Float64},
    "unit_limits": {"table": pl.String, "cpt": pl.String, "units": pl.Int64, "indicator": pl.String},
    "code_pairs": {"table": pl.String, "column_1": pl.String, "column_2": pl.String, "effective_on": pl.Date,
                   "deleted_on": pl.Date, "modifier_indicator": pl.String, "rationale": pl.String},
    "therapy_codes": {"cpt": pl.String, "kind": pl.String, "discipline": pl.String, "begins_on": pl.Date},
}  # fmt: skip
"""The columns of an edition's CSV."""
IDENTIFYING: dict[str, tuple[str, ...]] = {
    "relative_values": ("cpt",),
    "geography": ("state", "locality"),
    "unit_limits": ("table", "cpt"),
    "code_pairs": ("table", "column_1", "column_2", "effective_on", "deleted_on"),
    "therapy_codes": ("cpt", "discipline"),
}
"""What a row of an edition is about: two rows of one would bill a line twice."""
MOST = 100_000
"""No relative value, index or unit limit comes near it."""
ALWAYS, NEVER = datetime(1900, 1, 1), datetime(9999, 12, 31)
VOID = "9"
"""The modifier indicator of a pair that never was in force."""


class Edition(Dated):
    """One file of one kind: from when, until when (inclusive; empty = until the next begins), and who says so."""

    kind: Kind
    file: str
    readded_on: date | None = None
    readded_after: date | None = None

    @property
    def why_unverified(self) -> str | None:
        """None where verified, else the reason."""
        return (
            None if self.verified is True else self.verified or "the file does not say that it was verified"
        )


@dataclass(frozen=True)
class CodeTables:
    """The editions and their frames. A frame has its edition's dates as `valid_from`, `valid_until` (exclusive)."""

    editions: tuple[tuple[Edition, pl.DataFrame], ...] = ()

    @cached_property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Each kind's rows with the days on which they are in force, as rules ask for them by name."""
        return {kind: self._dated(kind) for kind in KINDS}

    def _dated(self, kind: str) -> pl.DataFrame:
        """The rows of a kind: of each table (`practitioner`, `hospital` …) one edition follows another."""
        parts = []
        for listed in self._by_table(kind).values():
            begins = [edition.valid_from for edition, _ in listed]
            if kind == "code_pairs":
                parts.append(_pairs(*listed[-1]))
                continue
            for (edition, rows), following in zip(listed, [*begins[1:], None], strict=True):
                days = [day for day in (edition.valid_until, following) if day]
                parts.append(_between(edition, rows, min(days, default=None)))
        schema = {**COLUMNS[kind], **DATED}
        for read_only in ("effective_on", "deleted_on", "begins_on"):
            schema.pop(read_only, None)
        return pl.concat([pl.DataFrame(schema=schema), *(part.select(list(schema)) for part in parts)])

    def _by_table(self, kind: str) -> dict[str, list[tuple[Edition, pl.DataFrame]]]:
        """A kind's editions by the table that they hold, the oldest first; of two of one day the later read stands."""
        told: dict[str, dict[date, tuple[Edition, pl.DataFrame]]] = {}
        for edition, rows in self.editions:
            if edition.kind != kind:
                continue
            parts = rows.partition_by("table", as_dict=True) if "table" in rows.columns else {("",): rows}
            for (table, *_), part in parts.items():
                told.setdefault(str(table), {})[edition.valid_from] = (edition, part)
        return {table: [told[table][day] for day in sorted(told[table])] for table in sorted(told)}


DATED: dict[str, type[pl.DataType] | pl.DataType] = {
    "valid_from": pl.Datetime("us"), "valid_until": pl.Datetime("us"), "as_of": pl.Datetime("us"),
}  # fmt: skip


def _between(edition: Edition, rows: pl.DataFrame, ends: date | None) -> pl.DataFrame:
    """Rows in force from the edition's day, or from their own where they begin later, until `ends` (exclusive)."""
    begins = _lit(_moment(edition.valid_from))
    if "begins_on" in rows.columns:
        begins = pl.max_horizontal(begins, pl.col("begins_on").cast(pl.Datetime("us")))
    return rows.with_columns(
        valid_from=begins,
        valid_until=_lit(_moment(ends) if ends else NEVER),
        as_of=_lit(_moment(edition.valid_from)),
    )


def _pairs(edition: Edition, rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs with their days in force: a pair that was void never was; one that was added again began again.

    The newest edition of a table holds the history of all its pairs, so older ones are not needed beside it. Where it
    has no start dates, a pair is taken to be in force from the beginning, or from the day after its row before was
    deleted; one deleted on `readded_after`, and there again, from `readded_on`.
    """
    day = pl.Datetime("us")
    before = (
        pl.col("deleted_on").shift(1).over("column_1", "column_2", order_by="deleted_on", nulls_last=True)
    )
    follows = before.cast(day) + timedelta(days=1)
    if edition.readded_on:
        again = _lit(_moment(edition.readded_on))
        follows = pl.when(before == edition.readded_after).then(again).otherwise(follows)
    return rows.filter(pl.col("modifier_indicator") != VOID).with_columns(
        valid_from=pl.coalesce(pl.col("effective_on").cast(day), follows, _lit(ALWAYS)),
        valid_until=(pl.col("deleted_on").cast(day) + timedelta(days=1)).fill_null(NEVER),
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
    listed = read(index)
    if not isinstance(listed, list):
        raise PolicyError("cms/tables.yaml: not a list of editions. Write `[]` where there is none.")
    editions = [_edition(number, said) for number, said in enumerate(listed, 1)]
    return tuple((edition, _rows(folder / Path(edition.file).name, edition.kind)) for edition in editions)


def _edition(number: int, said: object) -> Edition:
    try:
        return Edition.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        wanted = "Give {kind, file, from, source}, as `compliance policies --load` writes."
        raise PolicyError(
            f"cms/tables.yaml, entry {number}: {key} {shown(first.get('input'))}: {why}. {wanted}"
        ) from None


def _rows(file: Path, kind: str) -> pl.DataFrame:
    """The rows of an edition's file. Raises PolicyError where they are not what `--load` writes."""
    columns = COLUMNS[kind]
    wanted = f"Its columns are {', '.join(columns)}, as `compliance policies --load` writes."
    try:
        head = pl.read_csv(file, n_rows=0, infer_schema=False).columns
        rows = pl.read_csv(file, schema=columns) if head == list(columns) else None
    except (OSError, pl.exceptions.PolarsError) as error:
        why = str(error).splitlines()[0]
        raise PolicyError(f"cms/{file.name}: {why}. {wanted}") from None
    if rows is None:
        raise PolicyError(f"cms/{file.name}: its columns are {', '.join(head[:8])}. {wanted}")
    numbers = [name for name, dtype in columns.items() if dtype in (pl.Float64, pl.Int64)]
    for name in numbers:
        wrong = (~rows[name].is_between(0, MOST)).fill_null(True)
        if wrong.any():
            row = wrong.arg_max() or 0
            raise PolicyError(
                f"cms/{file.name}, row {row + 2}, {name}: {rows[name][row]} (expected a number from 0 to {MOST:,})."
            )
    again = rows.select(pl.struct(IDENTIFYING[kind]).is_duplicated()).to_series()
    if again.any():
        named = " ".join(str(part) for part in rows.select(IDENTIFYING[kind]).filter(again).row(0) if part)
        raise PolicyError(f"cms/{file.name}: {named} has several rows. Keep one.")
    return rows


def joined(*folders: Sequence[tuple[Edition, pl.DataFrame]]) -> CodeTables:
    """Code tables of several folders; of two editions of a table and day the last folder's stands."""
    return CodeTables(tuple(edition for each in folders for edition in each))
