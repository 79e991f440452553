"""Parameters as columns: each row of a table gets the value in force for its payer, place and date of service.

The policy's resolved values are few; they become a small table of intervals per context (policy, setting, state,
discipline) which is joined to the records by context and filtered by date. A rule therefore cannot use a value
of the wrong day.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import narwhals as nw
import polars as pl

from compliance.checks.tables import CONTEXT
from compliance.checks.terms import like
from compliance.policy import Policies, Value
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
        self.shown: list[Mapping[str, Any]] = []

    def attach(self, rows: nw.LazyFrame, parameters: Sequence[str]) -> nw.LazyFrame:
        """Add `<name>`, `<name>__id` and `policy_missing` to rows that carry a context; others pass unchanged.

        `policy_missing` names the fact without which the value cannot be known: the payer, its kind, or a setting
        on which the value depends. The value is null there, and where the payer has no such rule. Rows with a column
        `cpt` get the value narrowed to their code, where a policy narrows it. Without a state
        the value is the one for all states: most states' own rows are not in the policies, so knowing the state
        would seldom change it.
        """
        if not parameters or not set(CONTEXT) <= set(rows.collect_schema().names()):
            return rows
        key = nw.concat_str([nw.coalesce(nw.col(name), nw.lit("")) for name in CONTEXT], separator="|")
        rows = rows.with_columns(
            context=key,
            judged_on=nw.coalesce(
                nw.col("service_date"), nw.lit(datetime(BEGINNING.year, 1, 1)).cast(nw.Datetime("us"))
            ),
            policy_missing=nw.when(nw.col("payer_id").is_null())
            .then(nw.lit("claims.payer_id"))
            .otherwise(
                nw.when(nw.col("policy").is_null()).then(nw.lit("payers.kind")).otherwise(nw.lit(None))
            ),
        )
        by_code = "cpt" in rows.collect_schema().names()
        for name in parameters:
            codes = self._policies.codes(name) if by_code else []
            rows = rows.with_columns(asked=_asked(codes))
            asked = rows.select("asked").unique().collect(backend="polars").to_native()["asked"].to_list()
            intervals = like(self._intervals(name, sorted(asked)), rows)
            rows = (
                rows.join(intervals, on="asked", how="inner")
                .filter(
                    (nw.col("judged_on") >= nw.col("valid_from"))
                    & (nw.col("judged_on") < nw.col("valid_until"))
                )
                .with_columns(policy_missing=nw.coalesce(nw.col("policy_missing"), nw.col("varies")))
                .drop("valid_from", "valid_until", "varies", "asked")
            )
        return rows.drop("context", "judged_on")

    def _intervals(self, name: str, contexts: Sequence[str]) -> pl.DataFrame:
        """The parameter's value per context, without gaps: asked, valid_from, valid_until, value, id, varies."""
        dtype = DTYPES[self._policies.parameter(name).type]
        rows: list[tuple[Any, ...]] = []
        for context in contexts:
            places = dict(zip((*CONTEXT, "cpt"), (part or None for part in context.split("|")), strict=True))
            for begins, ends, value, varies in self._resolved(name, places):
                told = None if value is None else _cell(value.value)
                rows.append((context, begins, ends, told, self._id(name, value), varies))
        schema = {
            "asked": pl.String(), "valid_from": pl.Datetime("us"), "valid_until": pl.Datetime("us"), name: dtype,
            f"{name}__id": pl.Int64(), "varies": pl.String(),
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _resolved(self, name: str, places: dict[str, str | None]) -> list[tuple[Any, ...]]:
        """Intervals (from, until exclusive, Value or None, missing fact or None) that cover all time."""
        if places["policy"] is None:
            return [(_moment(BEGINNING), _moment(date.max), None, None)]
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
            intervals.append((_moment(begins), _moment(ends), None if varies else plain, varies))
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
    """The context that is asked for a value: with the row's code where some policy narrows the parameter to it."""
    named = nw.coalesce(nw.col("cpt").is_in(codes), nw.lit(False)) if codes else nw.lit(False)
    code = nw.when(named).then(nw.col("cpt")).otherwise(nw.lit("")) if codes else nw.lit("")
    return nw.concat_str([nw.col("context"), code], separator="|")


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


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) if day < date.max else datetime(9999, 12, 31) - timedelta(0)
