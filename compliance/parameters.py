"""Parameters as columns: each row of a table gets the value in force for its payer, place and date of service.

What a row asks is its context (policy, setting, state, discipline) and the interval between two days on which some
value changes that its date of service lies in. Few things are asked, so the values become a small table that is joined
to the records. A rule therefore cannot use a value of the wrong day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, get_args

import narwhals as nw
import polars as pl

from compliance.checks.tables import CONTEXT, HOUSE
from compliance.checks.terms import first, in_polars, kept, like
from compliance.policy import Policies, Value
from compliance.policy.code_tables import ALWAYS
from compliance.policy.models import UNKNOWN
from compliance.records.models import Setting

BEGINNING = ALWAYS.date()
SETTINGS: tuple[str, ...] = get_args(Setting)
PLACES = (*CONTEXT, "cpt")
Place = tuple[str | None, ...]
"""What a row asks a value for: its cell of each of PLACES."""
DAY_OF = {
    "claim_lines": "claim_lines.service_date", "notes": "notes.service_date", "interventions": "notes.service_date",
    "plans_of_care": "plans_of_care.starts_on",
}  # fmt: skip
"""What dates the rows of a table: a value of a policy is known of a day alone."""
PATIENT_OF = {"claim_lines": "claims.patient_id"}
"""Whose the rows of a table are: a line of nobody is never added to, or held against, another line of nobody."""
DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(), "number": pl.Float64(), "boolean": pl.Boolean(), "choice": pl.String(),
    "text": pl.String(), "list": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class _Asking:
    """Rows with `policy_missing` and `asked`: the number, in the list `asked`, of the place and day that they ask for.

    A number and no text, since every rule joins its values by it.
    """

    rows: nw.LazyFrame
    asked: Sequence[tuple[Place, date]]
    columns: dict[str, pl.DataFrame] = field(default_factory=dict)
    """The values of each parameter that some rule has asked for, for each of `asked`."""


class ParameterValues:
    """Attaches parameter columns to tables and remembers every value that was used (`shown`, by its id)."""

    def __init__(self, policies: Policies) -> None:
        names = list(policies.parameters)
        self._policies = policies
        self._codes = sorted({code for name in names for code in policies.codes(name)})
        self._edges = sorted({BEGINNING, *(edge for name in names for edge in policies.edges(name))})
        self._ids: dict[tuple[Any, ...], int] = {}
        self._asking: dict[str, _Asking | None] = {}
        self._attached: dict[tuple[str, tuple[str, ...]], nw.LazyFrame] = {}
        self.shown: list[Mapping[str, Any]] = []

    def attach(self, rows: nw.LazyFrame, parameters: Sequence[str], table: str | None = None) -> nw.LazyFrame:
        """Add `<name>`, `<name>__id` and `policy_missing` to rows that carry a context; others pass unchanged.

        `policy_missing` names the fact without which the value cannot be known: the payer, its kind, or a setting
        on which the value depends; or the value itself (`policy.visit_limit`), where it is a number or a yes and nobody
        has read it. The value is null there, and where the payer has no such rule. Rows with a column `cpt` get the
        value narrowed to their code, where a policy narrows it. Without a state the value is the one for all states:
        most states' own rows are not in the policies, so knowing the state would seldom change it. Rows under the
        house's own policy (`HOUSE`: a therapist's day) ask for no payer.

        What the rows of a `table` that is named ask for is worked out once, and rules with the same parameters get the
        same frame, so that they can share what they derive of it (`terms.shared`, `terms.with_parameters`).
        """
        if not parameters:
            return rows
        if table is None:
            return self._with_values(rows, self._asking_of(rows, None), parameters)
        if table not in self._asking:
            self._asking[table] = self._asking_of(rows, table)
        key = table, tuple(parameters)
        if key not in self._attached:
            attached = self._with_values(rows, self._asking[table], parameters)
            if attached is not rows:
                vars(attached)["_with"] = lambda named: self.attach(rows, named, table)
            self._attached[key] = attached
        return self._attached[key]

    def _with_values(
        self, rows: nw.LazyFrame, told: _Asking | None, parameters: Sequence[str]
    ) -> nw.LazyFrame:
        if told is None:
            return rows
        known = [each for name in parameters for each in (name, f"{name}__id")]
        values = like(self._values(told, parameters), rows)
        return (
            told.rows.drop(*known, strict=False)  # lines were priced by some
            .join(values, on="asked", how="left")
            .with_columns(policy_missing=nw.coalesce(nw.col("policy_missing"), nw.col("varies")))
            .drop("asked", "varies")
        )

    def _asking_of(self, rows: nw.LazyFrame, table: str | None) -> _Asking | None:
        """What the rows ask for; None where they carry no context."""
        columns = rows.collect_schema().names()
        if not set(CONTEXT) <= set(columns):
            return None
        text = _asked(self._codes if "cpt" in columns else [], self._edges)
        asking = kept(rows.with_columns(told=text, policy_missing=_unknown_place(table or "")))
        distinct = in_polars(asking.select("told").unique())["told"].sort()
        numbers = pl.DataFrame({"told": distinct, "asked": pl.int_range(len(distinct), eager=True)})
        numbered = asking.join(like(numbers, rows), on="told", how="left").drop("told")
        return _Asking(kept(numbered), [self._parted(each) for each in distinct])

    def _parted(self, told: str) -> tuple[Place, date]:
        *place, edge = told.split("|")
        return tuple(part or None for part in place), self._edges[int(edge)]

    def _values(self, told: _Asking, parameters: Sequence[str]) -> pl.DataFrame:
        """Each parameter's value and its id for each that is asked, by its number: asked, varies, two columns a parameter."""
        for name in parameters:
            if name not in told.columns:
                told.columns[name] = self._column(told.asked, name)
        columns = [told.columns[name] for name in dict.fromkeys(parameters)]
        varies = pl.coalesce(*(column["varies"] for column in columns)).alias("varies")
        values = [column[each] for column in columns for each in column.columns if each != "varies"]
        numbers = pl.int_range(len(told.asked), eager=True).alias("asked")
        return pl.DataFrame([numbers, *values]).with_columns(varies)

    def _column(self, asked: Sequence[tuple[Place, date]], name: str) -> pl.DataFrame:
        """One parameter for each of `asked`, in its order: its value, its id, `varies`.

        Of a place only the policy matters, and what some row of the parameter is narrowed by.
        """
        dtype = DTYPES[self._policies.parameter(name).type]
        schema = {name: dtype, f"{name}__id": pl.Int64(), "varies": pl.String()}
        narrowing = self._policies.narrowing(name) | {"policy"}
        matters = [key in narrowing for key in PLACES]
        known: dict[Place, list[tuple[date, tuple[Any, ...]]]] = {}
        cells = []
        for whole, day in asked:
            place = tuple(part if told else None for part, told in zip(whole, matters, strict=True))
            if place not in known:
                known[place] = self._intervals(name, place, narrowing)
            cells.append(next(told for begins, told in reversed(known[place]) if begins <= day))
        return pl.DataFrame(cells, schema=schema, orient="row")

    def _intervals(
        self, name: str, place: Place, narrowing: frozenset[str]
    ) -> list[tuple[date, tuple[Any, ...]]]:
        """Intervals that cover all time: first day; the value as a cell, its id, the fact that it varies by or None."""
        worded = DTYPES[self._policies.parameter(name).type] == pl.String()
        intervals = []
        for begins, value, varies in self._values_of(name, dict(zip(PLACES, place, strict=True)), narrowing):
            told = None if value is None else _cell(value.value)
            if told == UNKNOWN and not worded:
                told, varies = None, f"policy.{name}"
            intervals.append((begins, (told, self._id(name, value), varies)))
        return intervals

    def _values_of(
        self, name: str, places: dict[str, str | None], narrowing: frozenset[str]
    ) -> list[tuple[Any, ...]]:
        """Intervals that cover all time: first day, Value or None, missing fact or None."""
        if places["policy"] is None:
            return [(BEGINNING, None, None)]
        unknown = "setting" in narrowing and places["setting"] is None
        settings = [None, *SETTINGS] if unknown else [places["setting"]]
        intervals = []
        for begins in sorted({BEGINNING, *self._policies.edges(name)}):
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
            intervals.append((begins, None if varies else plain, varies))
        return intervals

    def _id(self, name: str, value: Value | None) -> int | None:
        if value is None:
            return None
        key = (name, value.layer, value.source, value.valid_from, _cell(value.value))
        if key not in self._ids:
            self._ids[key] = len(self.shown)
            self.shown.append(_shown(name, value, self._policies))
        return self._ids[key]


def _asked(codes: Sequence[str], edges: Sequence[date]) -> nw.Expr:
    """What a row asks of the policies, as one text: its context, its code where some policy narrows a value to it, and
    the number of the last of `edges`, the days on which some value changes, that had come (0 where it has no date).
    """
    named = nw.coalesce(nw.col("cpt").is_in(codes), nw.lit(False)) if codes else nw.lit(False)
    code = nw.when(named).then(nw.col("cpt")).otherwise(nw.lit("")) if codes else nw.lit("")
    place = [nw.coalesce(nw.col(name), nw.lit("")) for name in CONTEXT]
    come = [(nw.col("service_date") >= _moment(edge)).cast(nw.Int64) for edge in edges[1:]]
    edge = nw.sum_horizontal(nw.lit(0), *come)
    return nw.concat_str([*place, code, edge.cast(nw.Int64).cast(nw.String)], separator="|")


def _moment(day: date) -> nw.Expr:
    return nw.lit(datetime(day.year, day.month, day.day)).cast(nw.Datetime("us"))


def _unknown_place(table: str) -> nw.Expr:
    """The fact without which nobody knows whose policy of which day judges a row, and of whom; null where all are known.

    Null as well for rows that the house's own policy judges. `table` says which of them its rows are asked for.
    """
    of_house = nw.coalesce(nw.col("policy") == HOUSE, nw.lit(False))
    asked = {
        "claims.payer_id": "payer_id",
        "payers.kind": "policy",
        DAY_OF.get(table): "service_date",
        PATIENT_OF.get(table): "patient_id",
    }
    missing = first(*((fact, nw.col(column).is_null()) for fact, column in asked.items() if fact))
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
