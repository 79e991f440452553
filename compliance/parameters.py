"""Parameters as columns: each row of a table gets the value in force for its payer, place and date of service.

The policy's resolved values are few; they become a small table of intervals per context (policy, setting, state,
discipline) which is joined to the records by context and filtered by date. A rule therefore cannot use a value
of the wrong day.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, get_args

import narwhals as nw
import polars as pl

from compliance.checks.tables import CONTEXT, HOUSE
from compliance.checks.terms import in_polars, like, whole_days
from compliance.policy import Policies, Value
from compliance.policy.models import UNKNOWN
from compliance.records.models import Setting

BEGINNING = date(1900, 1, 1)
SETTINGS: tuple[str, ...] = get_args(Setting)
DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(), "number": pl.Float64(), "boolean": pl.Boolean(), "choice": pl.String(),
    "text": pl.String(), "list": pl.String(),
}  # fmt: skip


class ParameterValues:
    """Attaches parameter columns to tables and remembers every value that was used (`shown`, by its id)."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._ids: dict[tuple[Any, ...], int] = {}
        self._asked: dict[tuple[str | None, ...], pl.DataFrame] = {}
        self._columns: dict[tuple[tuple[str | None, ...], str], pl.DataFrame] = {}
        self._told: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self.shown: list[Mapping[str, Any]] = []

    def attach(self, rows: nw.LazyFrame, parameters: Sequence[str], table: str | None = None) -> nw.LazyFrame:
        """Add `<name>`, `<name>__id` and `policy_missing` to rows that carry a context; others pass unchanged.

        `policy_missing` names the fact without which the value cannot be known: the payer, its kind, or a setting
        on which the value depends; or the value itself (`policy.visit_limit`), where it is a number or a yes and nobody
        has read it. The value is null there, and where the payer has no such rule. Rows with a column `cpt` get the
        value narrowed to their code, where a policy narrows it. Without a state the value is the one for all states:
        most states' own rows are not in the policies, so knowing the state would seldom change it. Rows under the
        house's own policy (`HOUSE`: a therapist's day) ask for no payer.

        The contexts and days of a `table` that is named are looked up once.
        """
        columns = rows.collect_schema().names()
        if not parameters or not set(CONTEXT) <= set(columns):
            return rows
        codes = (
            {code for name in parameters for code in self._policies.codes(name)}
            if "cpt" in columns
            else set()
        )
        known = [each for name in parameters for each in (name, f"{name}__id")]
        rows = rows.drop(*known, strict=False).with_columns(  # lines were priced by some
            asked=_asked(sorted(codes)), day=_day_number(), policy_missing=_unknown_payer()
        )
        key = (table, *sorted(codes))
        values = like(self._values(self._asked_of(rows, key), parameters, key), rows)
        return (
            rows.join(values, on=["asked", "day"], how="inner")
            .with_columns(policy_missing=nw.coalesce(nw.col("policy_missing"), nw.col("varies")))
            .drop("asked", "day", "varies")
        )

    def _asked_of(self, rows: nw.LazyFrame, table: tuple[str | None, ...]) -> pl.DataFrame:
        """The distinct contexts and days of rows: asked, day; remembered for a table that has a name."""
        if table[0] is None or table not in self._asked:
            distinct = in_polars(rows.select("asked", "day").unique())
            self._asked[table] = distinct.cast({"asked": pl.String, "day": pl.Int64}).sort("asked", "day")
        return self._asked[table]

    def _values(
        self, asked: pl.DataFrame, parameters: Sequence[str], table: tuple[str | None, ...]
    ) -> pl.DataFrame:
        """Each parameter's value and its id for each context and day: asked, day, varies, and two columns a parameter."""
        columns = []
        for name in dict.fromkeys(parameters):
            known = table[0] is not None and (table, name) in self._columns
            column = self._columns[table, name] if known else self._column(asked, name)
            self._columns[table, name] = column
            columns.append(column)
        varies = pl.coalesce(*(column["varies"] for column in columns)).alias("varies")
        return asked.hstack([each for column in columns for each in column.drop("varies")]).with_columns(
            varies
        )

    def _column(self, asked: pl.DataFrame, name: str) -> pl.DataFrame:
        """One parameter for each row of `asked`, in its order: its value, its id, `varies`."""
        contexts = asked["asked"].unique(maintain_order=True).to_list()
        return (
            asked.join(self._intervals(name, contexts), on="asked", maintain_order="left_right")
            .filter((pl.col("day") >= pl.col("begins")) & (pl.col("day") < pl.col("ends")))
            .select(name, f"{name}__id", varies="varies_here")
        )

    def _intervals(self, name: str, contexts: Sequence[str]) -> pl.DataFrame:
        """The parameter's value per context, without gaps: asked, begins, ends (days), value, id, varies_here."""
        dtype = DTYPES[self._policies.parameter(name).type]
        rows = [row for context in contexts for row in self._told_of(name, context)]
        schema = {
            "asked": pl.String(), "begins": pl.Int64(), "ends": pl.Int64(), name: dtype, f"{name}__id": pl.Int64(),
            "varies_here": pl.String(),
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _told_of(self, name: str, context: str) -> list[tuple[Any, ...]]:
        """The rows of `_intervals` for one context, worked out once: rules share parameters, tables share contexts."""
        if (name, context) in self._told:
            return self._told[name, context]
        worded = DTYPES[self._policies.parameter(name).type] == pl.String()
        places = dict(zip((*CONTEXT, "cpt"), (part or None for part in context.split("|")), strict=True))
        rows: list[tuple[Any, ...]] = []
        for begins, ends, value, varies in self._resolved(name, places):
            told = None if value is None else _cell(value.value)
            if told == UNKNOWN and not worded:
                told, varies = None, f"policy.{name}"
            rows.append((context, begins, ends, told, self._id(name, value), varies))
        self._told[name, context] = rows
        return rows

    def _resolved(self, name: str, places: dict[str, str | None]) -> list[tuple[Any, ...]]:
        """Intervals (first day, last day exclusive, Value or None, missing fact or None) that cover all time."""
        if places["policy"] is None:
            return [(0, _number(date.max), None, None)]
        settings = [places["setting"]] if places["setting"] else [None, *SETTINGS]
        edges = sorted({BEGINNING, date.max, *self._policies.edges(name)})
        intervals = []
        for begins, ends in pairwise(edges):
            values = [
                self._policies.value(
                    places["policy"],
                    name,
                    begins,
                    setting=setting,
                    state=places["state"],
                    discipline=places["discipline"],
                    cpt=places["cpt"],
                )
                for setting in settings
            ]
            plain = values[0]
            varies = "clinics.setting" if len({_said(value) for value in values}) > 1 else None
            intervals.append((_number(begins), _number(ends), None if varies else plain, varies))
        return intervals

    def _id(self, name: str, value: Value | None) -> int | None:
        if value is None:
            return None
        key = (name, value.layer, value.source, value.valid_from, _cell(value.value))
        if key not in self._ids:
            self._ids[key] = len(self.shown)
            self.shown.append(_shown(name, value, self._policies))
        return self._ids[key]


def _asked(codes: Sequence[str]) -> nw.Expr:
    """The context that is asked for a value: with the row's code where some policy narrows a parameter to it."""
    named = nw.coalesce(nw.col("cpt").is_in(codes), nw.lit(False)) if codes else nw.lit(False)
    code = nw.when(named).then(nw.col("cpt")).otherwise(nw.lit("")) if codes else nw.lit("")
    place = [nw.coalesce(nw.col(name), nw.lit("")) for name in CONTEXT]
    return nw.concat_str([*place, code], separator="|")


def _day_number() -> nw.Expr:
    """The row's day as its number since BEGINNING, 0 where it has none: whole numbers meet alike on every engine."""
    first = nw.lit(datetime(BEGINNING.year, 1, 1)).cast(nw.Datetime("us"))
    days = whole_days(nw.coalesce(nw.col("service_date"), first) - first)
    return days.cast(nw.Int64)


def _number(day: date) -> int:
    return (day - BEGINNING).days


def _unknown_payer() -> nw.Expr:
    """The fact without which nobody knows whose policy judges a row; null where it is known, or is the house's."""
    of_house = nw.coalesce(nw.col("policy") == HOUSE, nw.lit(False))
    kind = nw.when(nw.col("policy").is_null()).then(nw.lit("payers.kind")).otherwise(nw.lit(None))
    missing = nw.when(nw.col("payer_id").is_null()).then(nw.lit("claims.payer_id")).otherwise(kind)
    return nw.when(of_house).then(nw.lit(None, dtype=nw.String)).otherwise(missing)


def _shown(name: str, value: Value, policies: Policies) -> dict[str, Any]:
    """A value as the evidence shows it: what, from which layer, source and date, verified or why not."""
    return {
        "value": value.value,
        "unit": policies.parameter(name).unit,
        "layer": value.layer,
        "source": value.source,
        "from": value.valid_from.isoformat(),
        "verified": value.verified is True,
        "why_unverified": None if value.verified is True else value.verified,
        "note": value.note,
    }


def _said(value: Value | None) -> str | None:
    return None if value is None else repr(value.value)


def _cell(value: Any) -> Any:
    return " ".join(str(item) for item in value) if isinstance(value, list | tuple) else value
