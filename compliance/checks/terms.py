"""The domain's verbs that rules share: outcomes, minutes, folds over one patient's ordered rows.

Everything here is a Narwhals expression or takes and returns a Narwhals lazy frame, so that it runs on every
engine; `fold` is the one exception and says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, wraps
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import RLock
from typing import Any, ParamSpec
from uuid import uuid4

import narwhals as nw
import polars as pl

from compliance.strict_yaml import read_own

ONE_DAY = timedelta(days=1)
DAYS_OF_A_WEEK = 7
MINUTES_OF_AN_HOUR = 60
MINUTES_OF_A_DAY = 24 * MINUTES_OF_AN_HOUR
PERCENT = 100
A_MONDAY = datetime(1900, 1, 1)
"""Times and weeks are counted from it, as numbers that every engine shifts alike."""
ASSISTANT_MODIFIERS = ("CQ", "CO")
DISCIPLINE_MODIFIERS = {"PT": "GP", "OT": "GO", "SLP": "GN"}
"""The modifier that says of which discipline's plan of care a line is."""
INSTITUTIONS = ("rehab_agency", "corf", "hospital_outpatient", "snf_part_b", "home_health_part_b")
"""Settings that bill on the institutional form."""
EPISODE = ("patient_id", "discipline", "episode")
BETWEEN_LINES = "\n"
"""Parts the names of lines in `exposed_lines` (`C1/1`): a claim's key may hold spaces, and no control character."""

JOINS_AS_WRITTEN = pl.QueryOptFlags(join_order=False)

Asked = ParamSpec("Asked")
ONE_AT_A_TIME = RLock()
"""Held while something is made that several rules share, since rules are judged side by side."""
PASS, FAIL, CANNOT_TELL, NOT_APPLICABLE = "passed", "failed", "cannot_tell", "not_applicable"


@dataclass(frozen=True)
class CodeSet:
    """A set of billing codes or modifiers that rules share (`codes.yaml`): `unverified` None, or why it is not verified."""

    name: str
    about: str
    source: str
    unverified: str | None
    codes: tuple[str, ...]


@cache
def code_sets() -> Mapping[str, CodeSet]:
    """Every set by its name."""
    told = read_own(Path(__file__).parent / "codes.yaml")
    return {
        name: CodeSet(
            name,
            said["about"],
            said["source"],
            said.get("unverified"),
            tuple(str(code) for code in said["codes"]),
        )
        for name, said in told.items()
    }


def codes(name: str) -> tuple[str, ...]:
    """The codes of a set by its name in `codes.yaml`, such as `evaluation`."""
    return code_sets()[name].codes


def judge(
    units: nw.LazyFrame,
    *,
    applies: nw.Expr | None = None,
    cannot_tell: Mapping[str, nw.Expr] | None = None,
    fails: nw.Expr,
) -> nw.LazyFrame:
    """Say of each unit: not applicable, cannot tell (and which fact is missing), failed or passed, in that order.

    `cannot_tell` maps the missing fact, by its column (`notes.written_at`), to when it is missing. Where the frame
    carries `policy_missing` (the payer or setting that decides a parameter is unknown), that comes first.
    `applies` by a payer's policy is `ruled("parameter")`.
    An expression that is null counts as false: a rule states its unknowns, they never decide silently.
    """
    reasons = dict(cannot_tell or {})
    told = "policy_missing" in units.collect_schema().names()
    missing = [nw.col("policy_missing")] if told else []
    units = units.with_columns(missing=_first_named([*missing, *_named(reasons.items())]))
    outcomes = [(CANNOT_TELL, ~nw.col("missing").is_null()), (FAIL, fails)]
    if applies is not None:
        outcomes.insert(0, (NOT_APPLICABLE, ~surely(applies)))
    units = units.with_columns(outcome=nw.coalesce(*_named(outcomes), nw.lit(PASS)))
    unknown = nw.col("outcome") == CANNOT_TELL
    return units.with_columns(missing=nw.when(unknown).then(nw.col("missing")).otherwise(nw.lit(None)))


def surely(condition: nw.Expr) -> nw.Expr:
    """Whether a condition holds; where it cannot be told (null) it does not."""
    return nw.coalesce(condition, nw.lit(False))


def ruled(*parameters: str) -> nw.Expr:
    """Whether the payer has a rule, for `judge(applies=…)`: any of the parameters has a value, or may have one.

    Where the payer, its kind or the setting is unknown (`policy_missing`) the unit applies as well: null would read as
    "this payer has no such rule", and the answer is cannot tell.
    """
    valued = [~nw.col(name).is_null() for name in parameters]
    return nw.any_horizontal(*valued, ~nw.col("policy_missing").is_null(), ignore_nulls=True)


def flag(condition: nw.Expr) -> nw.Expr:
    """1 where the condition holds, else 0 (also where it is null): a yes that can be summed and compared."""
    return nw.when(surely(condition)).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)


def yes(column: str) -> nw.Expr:
    """Whether a flag of a joined table is set; a row that found no partner says no."""
    return nw.coalesce(nw.col(column), nw.lit(0)) > 0


def first(*reasons: tuple[str, nw.Expr]) -> nw.Expr:
    """The name of the first reason that holds; null where none does."""
    return _first_named(_named(reasons))


def _named(reasons: Iterable[tuple[str, nw.Expr]]) -> list[nw.Expr]:
    """Each reason's name where it holds, else null. Side by side, not one within the other: an expression is worked out
    anew wherever it is written, and nested ones took twice as long with each reason more."""
    return [nw.when(surely(holds)).then(nw.lit(name)) for name, holds in reasons]


def _first_named(names: Sequence[nw.Expr]) -> nw.Expr:
    return nw.coalesce(*names, nw.lit(None, dtype=nw.String))


def is_timed(column: str = "cpt") -> nw.Expr:
    """Whether a code is one of those of 15 minutes a unit (`codes.yaml`)."""
    return nw.coalesce(nw.col(column).is_in(codes("timed")), nw.lit(False))


def has_code(column: str, code: str | Iterable[str]) -> nw.Expr:
    """Whether a list column (elements separated by one space) holds a code, or any of several."""
    wanted = [code] if isinstance(code, str) else list(code)
    padded = nw.concat_str([nw.lit(" "), nw.col(column), nw.lit(" ")])
    hits = [padded.str.contains(f" {item} ", literal=True) for item in wanted]
    return nw.coalesce(nw.any_horizontal(*hits, ignore_nulls=True), nw.lit(False))


def billed_once(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Lines without those that were denied and billed again: their units would count one service twice."""
    return claim_lines.filter(~nw.coalesce(nw.col("resubmitted"), nw.lit(False)))


def is_institutional() -> nw.Expr:
    """1 where a line's claim is institutional, by `form`, else by `setting`; 0 where not; null where neither is known."""
    form, setting = nw.col("form"), nw.col("setting")
    by_setting = nw.when(~setting.is_null()).then(flag(setting.is_in(INSTITUTIONS)))
    return nw.when(~form.is_null()).then(flag(form == "institutional")).otherwise(by_setting)


MEDICARE_TABLES = {"professional": "medicare_practitioner", "institutional": "medicare_hospital"}
"""Which of Medicare's two tables of code pairs, and of unit limits, judges a claim of which form."""


def table_of_form(table: nw.Expr) -> nw.Expr:
    """A policy's table; of Medicare's two the one for the claim's form. Where the form is unknown the setting's stays."""
    chosen, medicare = table, table.is_in([*MEDICARE_TABLES.values()])
    for form, named in MEDICARE_TABLES.items():
        chosen = nw.when(surely(medicare & (nw.col("form") == form))).then(nw.lit(named)).otherwise(chosen)
    return chosen


def line_name() -> pl.Expr:
    """A line of a Polars frame as `exposed_lines` names it, `C1/2`: its number is whole whatever engine it came from."""
    return pl.concat_str(pl.col("claim_id"), pl.lit("/"), pl.col("line").cast(pl.Int64).cast(pl.String))


def fold(
    rows: nw.LazyFrame,
    *,
    by: Sequence[str],
    order_by: Sequence[str],
    step: Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]]],
    returns: Mapping[str, pl.DataType | type[pl.DataType]],
    alike: bool = False,
) -> nw.LazyFrame:
    """Run a pure function over each group's ordered rows: for readings that are sequential by nature.

    PR-01's periods are one: each due day hangs on the last. `step` gets a group's rows as dicts in order and
    yields rows of the result; the group's keys are added. Nothing else in the checks loops over rows.
    Where `alike`, `step` gets no keys, and groups of equal rows are worked out once: for days that a clinic sees often.
    The result is a frame of the engine that `rows` came from.
    """
    if alike:
        return _fold_alike(rows, by, order_by, step, returns)
    native = in_polars(rows).sort([*by, *order_by], nulls_last=True, maintain_order=True)
    schema = {**{key: native.schema[key] for key in by}, **returns}
    result: list[dict[str, Any]] = []
    for _, rows_of in groupby(native.iter_rows(named=True), key=itemgetter(*by)):
        group = list(rows_of)
        keys = {name: group[0][name] for name in by}
        result.extend({**keys, **row} for row in step(group))
    return like(pl.DataFrame(result, schema=schema, orient="row"), rows)


def _fold_alike(
    rows: nw.LazyFrame,
    by: Sequence[str],
    order_by: Sequence[str],
    step: Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]]],
    returns: Mapping[str, pl.DataType | type[pl.DataType]],
) -> nw.LazyFrame:
    """`fold`, of groups whose rows but for the keys are equal, over the first alone."""
    native = in_polars(rows).sort([*by, *order_by], nulls_last=True, maintain_order=True)
    told = [name for name in native.columns if name not in by]
    native = native.with_row_index("_row").with_columns(
        _group=pl.struct(by).rle_id(), _same=pl.col("_row").first().over(told)
    )
    groups = native.group_by("_group", maintain_order=True).agg(
        pl.col(by).first(), _same=pl.col("_same").cast(pl.String).str.join(" ")
    )
    groups = groups.with_columns(_first=pl.col("_group").first().over("_same"))
    result: list[dict[str, Any]] = []
    firsts = native.filter(pl.col("_group").is_in(groups["_first"].unique().implode()))
    rows_of = firsts.select("_group", *told).iter_rows(named=True)
    for number, group in groupby(rows_of, key=lambda row: row["_group"]):
        result.extend({"_first": number, **row} for row in step(list(group)))
    schema = {"_first": groups.schema["_first"], **returns}
    worked_out = pl.DataFrame(result, schema=schema, orient="row")
    whole = groups.join(worked_out, on="_first", how="inner", maintain_order="left_right")
    return like(whole.select(*by, *returns), rows)


def joined(
    rows: nw.LazyFrame, *, by: Sequence[str], text: str, order_by: Sequence[str], separator: str = " "
) -> nw.LazyFrame:
    """Each group's distinct texts in one cell, in order: columns `by` and `text`. For evidence, of failed units only.

    A fold, since no expression that runs on every engine joins texts across rows; so filter before.
    """

    def step(group: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        told = dict.fromkeys(row[text] for row in group if row[text] is not None)
        yield {text: separator.join(told) or None}

    wanted = dict.fromkeys([*by, *order_by, text])
    return fold(rows.select(*wanted), by=by, order_by=order_by, step=step, returns={text: pl.String})


def in_polars(rows: nw.LazyFrame) -> pl.DataFrame:
    """The rows as a Polars frame.

    Polars runs the joins in the order in which they are written. Its own order put a date's join before the patient's
    where a group's latest row is joined back to its group, and so made rows by the square of the records.
    """
    if rows.implementation.is_polars():
        return rows.to_native().collect(engine="in-memory", optimizations=JOINS_AS_WRITTEN)
    return rows.collect(backend="polars").to_native()


def kept(rows: nw.LazyFrame) -> nw.LazyFrame:
    """The rows worked out once, for who asks them several times: a lazy frame works everything out anew each time.

    In memory for Polars, in DuckDB's own storage (which spills) for DuckDB.
    """
    if rows.implementation.is_polars():
        return nw.from_native(in_polars(rows).lazy())
    if rows.implementation.is_duckdb():
        import duckdb

        name = f"kept_{uuid4().hex}"
        rows.to_native().create(name)
        return nw.from_native(duckdb.table(name))
    return rows


def typed_rows(rows: nw.LazyFrame, kinds: Mapping[str, pl.DataType] | None = None) -> pl.DataFrame:
    """Rows in Polars, where engines' ways to keep nulls of whole numbers (NaN) and dates end.

    `kinds` is the type of every column, for rows of several tables that a fold reads together.
    """
    table = in_polars(rows)
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    days = [name for name, kind in table.schema.items() if kind.is_temporal()]
    keys = [name for name in ("line",) if name in table.columns]
    table = table.with_columns(pl.col(floats).fill_nan(None), pl.col(days).cast(pl.Datetime("us")))
    table = table.with_columns(pl.col(keys).cast(pl.Int64))
    return table.cast({name: kinds[name] for name in table.columns}) if kinds else table  # type: ignore[arg-type]


def like(frame: pl.DataFrame, model: nw.LazyFrame) -> nw.LazyFrame:
    """A Polars frame as a lazy frame of the same engine as `model`."""
    implementation = model.implementation
    if implementation.is_polars():
        return nw.from_native(frame.lazy())
    if implementation.is_pandas():
        return nw.from_native(frame.to_pandas(use_pyarrow_extension_array=True)).lazy()
    if implementation.is_duckdb():
        import duckdb

        connection = getattr(model.to_native(), "_compliance_connection", None) or duckdb
        return nw.from_native(connection.from_arrow(frame.to_arrow()))
    raise NotImplementedError(f"fold has no adapter for {implementation}")


def shared(derive: Callable[Asked, nw.LazyFrame]) -> Callable[Asked, nw.LazyFrame]:
    """Let rules that derive the same of the same frames share it: worked out by the first that asks, then kept.

    Rules of the same parameters are given the same frames (`ParameterValues.attach`). What is kept hangs on the first
    frame and goes with it, and so with the audit: it holds records.
    """

    @wraps(derive)
    def told(*frames: Asked.args, **how: Asked.kwargs) -> nw.LazyFrame:
        asked = (derive, *frames[1:], *how.items())
        with ONE_AT_A_TIME:
            known = vars(frames[0]).setdefault("_derived", [])
            for answered, frame in known:
                if _same(answered, asked):
                    return frame
            frame = kept(derive(*frames, **how))
            known.append((asked, frame))
        return frame

    return told


def with_parameters(rows: nw.LazyFrame, *names: str) -> nw.LazyFrame:
    """A table with these alone of the parameters that were attached to it: one frame for all rules, for what `shared` derives."""
    attach = vars(rows).get("_with")
    with ONE_AT_A_TIME:
        return attach(names) if attach else rows


def _same(these: Sequence[Any], those: Sequence[Any]) -> bool:
    """Whether two calls were given the same: frames themselves, all else by value."""
    return len(these) == len(those) and all(
        this is that or (not isinstance(this, nw.LazyFrame | nw.Expr) and this == that)
        for this, that in zip(these, those, strict=True)
    )


def cents(dollars: nw.Expr) -> nw.Expr:
    """Dollars to the cent, half up."""
    return (((dollars * 100 + 0.5 + 1e-9) // 1) / 100).round(2)


def whole_days(duration: nw.Expr) -> nw.Expr:
    """The whole days of a duration; negative where the later moment came first."""
    return duration.dt.total_minutes() // MINUTES_OF_A_DAY


def day(moment: datetime) -> datetime:
    """The midnight that begins a moment's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
