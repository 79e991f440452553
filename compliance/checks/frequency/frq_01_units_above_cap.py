"""FRQ-01: more units or codes than the payer pays in a day or a week."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.rule import rule
from compliance.checks.terms import (
    A_MONDAY,
    DAYS_OF_A_WEEK,
    billed_once,
    codes,
    fold,
    judge,
    kept,
    like,
    typed_rows,
    whole_days,
)

CAPS = {"day": "daily_timed_unit_cap", "codes": "daily_code_cap", "week": "weekly_unit_cap"}
PLACES = "capped_places_left_out"
TIMED = frozenset(codes("timed"))
WHO = ("patient_id", "discipline", "payer_id")
Row = dict[str, Any]


@rule(
    code="FRQ-01",
    title="Units above the payer's cap",
    severity="high",
    subject="line",
    key=["claim_id", "line", "fault"],
    unit="line under a cap",
    cites=["house-default"],
    needs=["claim_lines.cpt", "claim_lines.units", "claim_lines.service_date"],
    adds_up={"claim_lines": "day"},
    parameters=[*CAPS.values(), PLACES],
    exposes="line",
    message={
        "day": "{total} timed units on {service_date}, the payer pays {cap} a day: {excess} of {cpt} fall away",
        "codes": "{total} codes on {service_date}, the payer pays {cap} a day: {cpt} falls away",
        "week": "{total} timed units in the week of {week_from}, the payer pays {cap} a week: {excess} of {cpt} fall away",
    },
    fix={
        "day": "Units over {cap} a day: obtain an authorization, waive them, or bill the patient as the contract says.",
        "codes": "Codes over {cap} a day: obtain an authorization, waive them, or bill the patient as the contract says.",
        "week": "Units over {cap} a week: obtain an authorization, waive them, or bill the patient as the contract says.",
    },
)
def units_above_cap(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Some payers pay no more than so many timed units or codes in a day, or units in a week.

    ## What it checks
    The standing lines of each patient, discipline and payer, against the caps in force on the day of service.

    ## Why it matters
    What lies above the cap is denied, and cannot be billed to the patient under most contracts.

    ## How we read the rule
    - Timed codes count in units, for the day and for the week from Monday to Sunday; every code counts for the cap on codes.
    - Of a day's units the lowest-priced fall away; of a week's, those of its last days, and of one day the lowest-priced.
    - Each discipline has its own count.
    - Places of service that the policy leaves out do not count.
    - A payer without a cap is not judged; where nobody has read whether there is one, nothing can be told.
    - A line without units cannot be told, nor the other lines of its day or week.

    ## What it does not check
    Medically unlikely units (UNIT-06). Whether minutes support the units (UNIT-01).
    """
    lines = billed_once(claim_lines).select(
        *WHO, "claim_id", "line", "service_date", "cpt", "units", "amount", "place_of_service", "policy_missing",
        *CAPS.values(), PLACES, *(f"{name}__id" for name in CAPS.values()),
    )  # fmt: skip
    above, below = _parted(lines)
    folded = fold(
        above, by=WHO, order_by=("service_date", "claim_id", "line"), step=_of_patient, returns=RETURNS
    )
    judged = nw.concat([folded.select(*WHO, *RETURNS), _below(below)], how="vertical")
    return (
        judge(
            judged,
            applies=~nw.col("cap").is_null() | ~nw.col("policy_missing").is_null(),
            cannot_tell={
                "claim_lines.units": nw.col("unmeasured"),
            },
            fails=nw.col("exposed_units") > 0,
        )
        .with_columns(fault=nw.col("case"), excess=nw.col("exposed_units"))
        .drop("unmeasured")
    )


RETURNS: dict[str, pl.DataType] = {
    "claim_id": pl.String(), "line": pl.Int64(), "service_date": pl.Datetime("us"), "week_from": pl.Datetime("us"),
    "cpt": pl.String(), "case": pl.String(), "cap": pl.Int64(), "total": pl.Int64(), "exposed_units": pl.Int64(),
    "unmeasured": pl.Boolean(), "policy_missing": pl.String(), **{f"{name}__id": pl.Int64() for name in CAPS.values()},
}  # fmt: skip


TOLD: dict[str, Any] = {"week_from": None, "total": None, "exposed_units": 0, "unmeasured": False}
"""What a line of a patient who stays below every cap says of it."""


def _parted(lines: nw.LazyFrame) -> tuple[nw.LazyFrame, nw.LazyFrame]:
    """The lines of patients who may be above a cap, and those of all others: which units fall away needs a fold."""
    names = [nw.coalesce(nw.col(name), nw.lit("")) for name in WHO]
    lines = kept(lines.with_columns(who=nw.concat_str(names, separator="|")))
    timed = nw.col("cpt").is_in(sorted(TIMED))
    spans = lines.with_columns(
        timed_units=nw.when(timed).then(nw.coalesce(nw.col("units"), nw.lit(0))).otherwise(nw.lit(0)),
        week=whole_days(nw.col("service_date") - nw.lit(A_MONDAY)) // DAYS_OF_A_WEEK,
    )
    by_day = spans.group_by("who", "service_date").agg(
        nw.col("timed_units").sum(), nw.col(CAPS["day"]).min(), nw.col(CAPS["codes"]).min(), lines=nw.len()
    )
    by_week = spans.group_by("who", "week").agg(nw.col("timed_units").sum(), nw.col(CAPS["week"]).min())
    many = nw.col("lines") > nw.col(CAPS["codes"])
    capped = nw.any_horizontal(*(~nw.col(name).is_null() for name in CAPS.values()), ignore_nulls=True)
    unsure = capped & (nw.col("units").is_null() | nw.col("service_date").is_null())
    above = [
        by_day.filter(nw.coalesce((nw.col("timed_units") > nw.col(CAPS["day"])) | many, nw.lit(False))),
        by_week.filter(nw.col("timed_units") > nw.col(CAPS["week"])),
        lines.filter(unsure | ~nw.col(PLACES).is_null()),
    ]
    whose = nw.concat([each.select("who") for each in above], how="vertical").unique()
    return (
        lines.join(whose, on="who", how="semi").drop("who"),
        lines.join(whose, on="who", how="anti").drop("who"),
    )


def _below(lines: nw.LazyFrame) -> nw.LazyFrame:
    """The units of lines of which nothing falls away: each under every cap that its code would count for."""
    of_line = [name for name in RETURNS if name not in (*TOLD, "case", "cap")]
    table = typed_rows(lines.select(*WHO, *of_line, *CAPS.values()))
    timed = pl.col("cpt").is_in(sorted(TIMED)).fill_null(False)
    units = [
        (table if case == "codes" else table.filter(timed)).with_columns(
            case=pl.lit(case), cap=pl.col(cap), policy_missing=_shown(case)
        )
        for case, cap in CAPS.items()
    ]
    told = [pl.lit(value).cast(RETURNS[name]).alias(name) for name, value in TOLD.items()]
    schema = {**{name: table.schema[name] for name in WHO}, **RETURNS}
    return like(pl.concat(units).with_columns(told).select(list(schema)).cast(dict(schema)), lines)


def _shown(case: str) -> pl.Expr:
    """`_hidden`, as an expression."""
    of_others = [f"policy.{name}" for name in CAPS.values() if name != CAPS[case]]
    missing = pl.col("policy_missing")
    return pl.when(~missing.is_in(of_others)).then(missing)


def _of_patient(rows: list[Row]) -> Iterator[Row]:
    """Each line under each cap, with the units of it that fall away."""
    rows = [row for row in rows if row["place_of_service"] not in (row[PLACES] or "").split()]
    timed = [row for row in rows if row["cpt"] in TIMED]
    yield from _under("day", timed, _day, _units)
    yield from _under("codes", rows, _day, lambda row: 1)
    yield from _under("week", timed, _week, _units)


def _under(
    case: str, rows: list[Row], span: Callable[[Row], Any], size: Callable[[Row], int]
) -> Iterator[Row]:
    spans: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        spans[span(row)].append(row)
    for own in spans.values():
        own.sort(key=_last if case == "week" else _cheapest)
        total = len({row["cpt"] for row in own}) if case == "codes" else sum(size(row) for row in own)
        unmeasured = case != "codes" and any(row["units"] is None for row in own)
        left, gone = None, set()
        for row in own:
            cap = _whole(row[CAPS[case]])
            if left is None:
                left = max(total - cap, 0) if cap is not None else 0
            lost = 0
            if case == "codes":
                if left and row["cpt"] not in gone and len(gone) < left:
                    gone.add(row["cpt"])
                lost = _units(row) if row["cpt"] in gone and cap is not None else 0
            elif cap is not None:
                lost = min(size(row), left)
                left -= lost
            yield {
                "claim_id": row["claim_id"], "line": _whole(row["line"]), "service_date": row["service_date"],
                "week_from": _week(row), "cpt": row["cpt"], "case": case, "cap": cap, "total": total,
                "exposed_units": lost, "unmeasured": unmeasured,
                "policy_missing": _hidden(row, case),
                **{f"{name}__id": _whole(row[f"{name}__id"]) for name in CAPS.values()},
            }  # fmt: skip


def _hidden(row: Row, case: str) -> str | None:
    """The fact that hides this cap: the payer's, or the cap that nobody has read."""
    missing = row["policy_missing"]
    of_others = [f"policy.{name}" for name in CAPS.values() if name != CAPS[case]]
    return None if missing in of_others else missing


def _day(row: Row) -> Any:
    return row["service_date"]


def _week(row: Row) -> Any:
    on = row["service_date"]
    return on - timedelta(days=on.weekday()) if on else None


def _units(row: Row) -> int:
    return _whole(row["units"]) or 0


def _price(row: Row) -> float:
    return (row["amount"] or 0.0) / (_units(row) or 1)


def _cheapest(row: Row) -> tuple[Any, ...]:
    return _price(row), row["cpt"], row["claim_id"], row["line"]


def _last(row: Row) -> tuple[Any, ...]:
    on = row["service_date"]
    return -(on.toordinal() if on else 0), *_cheapest(row)


def _whole(value: Any) -> int | None:
    """A whole number, whatever an engine made of it for its nulls' sake."""
    return None if value is None or value != value else int(value)
