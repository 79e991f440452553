"""Billed days: what a patient's day of one discipline bills, the notes behind it, and its minutes by code.

A day here is one patient, discipline, date of service, payer and billing provider: minutes never pool across them
(Medicare Claims Processing Manual ch.5 §20.2.C). A day's notes are those that its lines name or were matched to, and
visits of the day that no line belongs to: their minutes can only speak for the claim.
"""

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.terms import (
    billed_once,
    codes,
    flag,
    fold,
    in_polars,
    is_timed,
    like,
    shared,
    with_parameters,
)
from compliance.checks.units.allocation import CLOCK, MIDPOINT, POOLED, Clock, allocate

DAY = ("day",)
"""The key of a billed day: the number of its date, patient, discipline, payer and billing provider among all."""
DEARER_THAN_ANY = 1_000_000
"""A unit that is not supported costs more than any price: prices only choose among equals."""

UNCODED = ""
"""Stands for the code of a service whose code is not known."""


def clock_code(column: str = "cpt") -> nw.Expr:
    """The code whose minutes a code continues (97130 those of 97129), else the code itself."""
    code = nw.col(column)
    for first, further in zip(codes("timed_first"), codes("timed_further"), strict=True):
        code = nw.when(nw.col(column) == further).then(nw.lit(first)).otherwise(code)
    return code


def window(begins: str = "started_at", ends: str = "ended_at") -> nw.Expr:
    """Minutes from one time to another; null where one is missing."""
    return (nw.col(ends) - nw.col(begins)).dt.total_minutes()


def stated_minutes() -> nw.Expr:
    """An intervention's minutes as recorded, else those of its start and end; null where neither is told."""
    timed_window = nw.when(window() >= 0).then(window())
    return nw.coalesce(nw.col("minutes"), timed_window)


def of_days(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Lines that count, with the `day` they belong to, their `code` (see `clock_code`) and `price`, dollars a unit."""
    days = _days_of_lines(with_parameters(claim_lines))
    price = nw.when(nw.col("units") > 0).then(nw.col("amount") / nw.col("units"))
    return claim_lines.join(days, on=["claim_id", "line"], how="inner").with_columns(
        code=clock_code(), price=nw.coalesce(price, nw.lit(0.0))
    )


@shared
def _days_of_lines(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """The `day` of each line that counts: claim_id, line, day."""
    on = nw.col("service_date").dt.to_string("%Y-%m-%d")
    named = [nw.col(name) for name in ("patient_id", "discipline", "payer_id", "biller")]
    told = nw.concat_str([nw.coalesce(each, nw.lit("")) for each in (on, *named)], separator="|")
    lines = billed_once(claim_lines).select("claim_id", "line", told=told)
    days = in_polars(lines.select("told").unique())["told"].sort()
    numbers = pl.DataFrame({"told": days, "day": pl.int_range(len(days), eager=True)})
    return lines.join(like(numbers, lines), on="told", how="left").drop("told")


def notes_of_days(claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Which notes speak for which billed day: DAY and note_id."""
    return _notes_of_days(with_parameters(claim_lines), with_parameters(notes))


@shared
def _notes_of_days(claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    lines = of_days(claim_lines)
    named = lines.filter(~nw.col("note_id").is_null()).select(*DAY, "note_id").unique()
    person = ["patient_id", "discipline", "service_date"]
    unbilled = (
        notes.filter(nw.col("is_visit"))
        .select("note_id", *person)
        .join(named.select("note_id").unique(), on="note_id", how="anti")
        .join(lines.select("day", *person).unique(), on=person)
        .select(*DAY, "note_id")
    )
    return nw.concat([named, unbilled], how="vertical")


def skilled_minutes() -> nw.Expr:
    """An intervention's minutes without those of an aide, or of a student whom no therapist directed in the room."""
    role, minutes = nw.col("deliverer_role"), stated_minutes()
    aide = nw.when(role == "aide").then(minutes).otherwise(nw.lit(0))
    student = nw.when(role == "student").then(minutes).otherwise(nw.lit(0))
    aide = nw.coalesce(nw.col("aide_minutes"), aide, nw.lit(0))
    left = minutes - aide - nw.coalesce(nw.col("student_minutes"), student, nw.lit(0))
    return nw.when(left < 0).then(nw.lit(0)).otherwise(left)


def minutes_by_code(interventions: nw.LazyFrame, minutes: nw.Expr | None = None) -> nw.LazyFrame:
    """Timed codes a note: note_id, code, minutes (of the rows that tell), untold (1 where a row does not), uncoded.

    A service without a code may be one of a timed code: it stands under UNCODED, untold, as 1 in `uncoded`. `minutes`
    says which of a row's minutes count: all of them (`stated_minutes`) unless told otherwise.
    """
    minutes = stated_minutes() if minutes is None else minutes
    uncoded = nw.col("cpt").is_null()
    told = nw.when(~uncoded).then(minutes)
    return (
        interventions.filter(nw.col("attended") & (is_timed() | uncoded))
        .select(
            "note_id", code=nw.coalesce(clock_code(), nw.lit(UNCODED)), told=nw.coalesce(told, nw.lit(0)).cast(nw.Int64),
            untold=flag(told.is_null()), uncoded=flag(uncoded),
        )
        .group_by("note_id", "code")
        .agg(minutes=nw.col("told").sum(), untold=nw.col("untold").max(), uncoded=nw.col("uncoded").max())
        .with_columns(minutes=nw.col("minutes").cast(nw.Int64))
    )  # fmt: skip


def with_the_rest(by_code: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """`minutes_by_code` where the one code of a note whose minutes are not told has what the note's own total leaves for it.

    What the total leaves is no less than the code's rows that tell; else it contradicts the record and tells nothing.
    """
    told = nw.when(nw.col("untold") == 0).then(nw.col("minutes")).otherwise(nw.lit(0))
    others = (
        by_code.with_columns(others=told)
        .group_by("note_id")
        .agg(nw.col("others").sum(), lacking=nw.col("untold").sum())
    )
    own = notes.filter(~nw.col("timed_minutes").is_null()).select("note_id", own="timed_minutes")
    rest = nw.col("own") - nw.col("others")
    left = (
        (nw.col("untold") == 1)
        & (nw.col("uncoded") == 0)
        & (nw.col("lacking") == 1)
        & (nw.col("rest") >= nw.col("minutes"))
    )
    return (
        by_code.join(others.join(own, on="note_id"), on="note_id", how="left")
        .with_columns(rest=rest)
        .with_columns(left=flag(left))
        .with_columns(
            minutes=nw.when(nw.col("left") > 0)
            .then(nw.col("rest"))
            .otherwise(nw.col("minutes"))
            .cast(nw.Int64),
            untold=nw.col("untold") - nw.col("left"),
        )
        .select("note_id", "code", "minutes", "untold", "uncoded")
    )


def minutes_of_notes(notes: nw.LazyFrame, by_code: nw.LazyFrame) -> nw.LazyFrame:
    """Timed minutes a note: note_id, by_code (1: each code's are known), total, own_total, stated (1: some are told), uncoded
    (1: a service has no code).

    `total` is the sum of the codes' where all are known, else the note's own; `own_total` the note's own where it
    has one. `total` is null where neither is known.
    """
    coded = (
        by_code.with_columns(told=1 - nw.col("untold"))
        .group_by("note_id")
        .agg(nw.col("untold", "told", "uncoded").max(), coded=nw.col("minutes").sum())
    )
    known = (nw.col("untold") == 0) | (nw.col("untold").is_null() & nw.col("treated"))
    own = nw.col("timed_minutes")
    sums = nw.coalesce(nw.col("coded"), nw.lit(0)).cast(nw.Int64)
    return (
        notes.select("note_id", "timed_minutes", "treated")
        .join(coded, on="note_id", how="left")
        .with_columns(by_code=flag(known), sums=sums)
        .with_columns(total=nw.when(nw.col("by_code") > 0).then(nw.col("sums")).otherwise(own))
        .select(
            "note_id", "by_code", "total",
            own_total=nw.coalesce(own, nw.col("total")),
            stated=flag(~own.is_null() | (nw.col("told") > 0)), uncoded=flag(nw.col("uncoded") > 0),
        )
    )  # fmt: skip


def day_minutes(speaking: nw.LazyFrame, of_notes: nw.LazyFrame) -> nw.LazyFrame:
    """A billed day's timed minutes, from the notes that speak for it: DAY, by_code, timed_minutes, note_minutes, stated,
    uncoded.

    `timed_minutes` is null where a note's are not known.
    """
    rows = speaking.join(of_notes, on="note_id").with_columns(
        timed_minutes=nw.coalesce(nw.col("total"), nw.lit(0)),
        note_minutes=nw.coalesce(nw.col("own_total"), nw.lit(0)),
        untold=flag(nw.col("total").is_null()),
    )
    summed = rows.group_by(*DAY).agg(
        nw.col("by_code").min(),
        nw.col("stated", "uncoded").max(),
        nw.col("timed_minutes").sum(),
        nw.col("note_minutes").sum(),
        nw.col("untold").max(),
    )
    known = nw.col("untold") == 0
    return summed.with_columns(
        timed_minutes=nw.when(known).then(nw.col("timed_minutes").cast(nw.Int64)),
        note_minutes=nw.when(known).then(nw.col("note_minutes").cast(nw.Int64)),
    ).drop("untold")


def code_minutes(speaking: nw.LazyFrame, by_code: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """Documented and billed timed codes of each day: DAY, code, minutes, billed (units), price, and the day's CLOCK."""
    clock = lines.group_by(*DAY).agg(*(nw.col(name).max() for name in CLOCK))
    coded = by_code.filter(nw.col("code") != UNCODED)
    documented = speaking.join(coded, on="note_id").select(
        *DAY, "code", "minutes", billed=nw.lit(0).cast(nw.Int64), price=nw.lit(0.0).cast(nw.Float64)
    )
    billed = lines.filter(is_timed()).select(
        *DAY, "code", minutes=nw.lit(0).cast(nw.Int64), billed=nw.coalesce(nw.col("units"), nw.lit(0)).cast(nw.Int64),
        price="price",
    )  # fmt: skip
    return (
        nw.concat([documented, billed], how="vertical")
        .group_by(*DAY, "code")
        .agg(nw.col("minutes").sum(), nw.col("billed").sum(), nw.col("price").max())
        .with_columns(nw.col("minutes").cast(nw.Int64), nw.col("billed").cast(nw.Int64))
        .join(clock, on=list(DAY))
    )


SUPPORTED: dict[str, pl.DataType] = {
    "code": pl.String(),
    "minutes": pl.Int64(),
    "pooled": pl.Int64(),
    "midpoint": pl.Int64(),
    "minutes_by_code": pl.String(),
    "billed_by_code": pl.String(),
    "pooled_by_code": pl.String(),
    "midpoint_by_code": pl.String(),
    "pooled_instead": pl.String(),
    "pooled_missed": pl.Float64(),
    "midpoint_missed": pl.Float64(),
}


def supported_units(by_day: nw.LazyFrame) -> nw.LazyFrame:
    """What each day's minutes support, a code: DAY and SUPPORTED, from what `code_minutes` gives.

    `pooled` is, of the allowed allocations of the 8-minute rule, the one nearest to what was billed (of equally near
    ones the one that keeps the dearest codes); `pooled_instead` the only code that it gives more units than were billed;
    `midpoint` each code by itself; `…_missed` the dollars of units that were not billed. A fold, because ties need the whole day.
    """
    rows = by_day.filter(~nw.any_horizontal(*(nw.col(name).is_null() for name in CLOCK), ignore_nulls=True))
    return fold(rows, by=DAY, order_by=("code",), step=_supported, returns=SUPPORTED, alike=True)


def clock_of(row: dict[str, Any]) -> Clock:
    """The clock in a row's columns CLOCK."""
    return Clock(unit=int(row["timed_unit_minutes"]), first=int(row["first_unit_minutes"]))


def said(values: dict[str, int]) -> str:
    """Numbers by code as evidence says them: `97110=1 97530=2`."""
    return " ".join(f"{code}={number}" for code, number in values.items())


def _supported(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    clock = clock_of(rows[0])
    minutes = {row["code"]: max(0, int(row["minutes"])) for row in rows}
    billed = {row["code"]: int(row["billed"]) for row in rows}
    price = {row["code"]: row["price"] for row in rows}

    def unsupported(code: str, units: int) -> float:
        return max(0, billed[code] - units) * (DEARER_THAN_ANY + price[code])

    pooled = allocate(minutes, clock, POOLED).nearest(unsupported)
    midpoint = allocate(minutes, clock, MIDPOINT).nearest(unsupported)
    short = [code for code in minutes if pooled[code] > billed[code]]
    for code in minutes:
        yield {
            "code": code,
            "minutes": minutes[code],
            "pooled": pooled[code],
            "midpoint": midpoint[code],
            "minutes_by_code": said(minutes),
            "billed_by_code": said(billed),
            "pooled_by_code": said(pooled),
            "midpoint_by_code": said(midpoint),
            "pooled_instead": short[0] if len(short) == 1 else None,
            "pooled_missed": _missed(pooled, billed, price),
            "midpoint_missed": _missed(midpoint, billed, price),
        }


def _missed(supported: dict[str, int], billed: dict[str, int], price: dict[str, float]) -> float | None:
    """Dollars of the units that were not billed, at the price of the code's billed units; None where it has none."""
    short = {code: units - billed[code] for code, units in supported.items() if units > billed[code]}
    if not all(price[code] for code in short):
        return None
    return round(sum(units * price[code] for code, units in short.items()), 2)
