"""UNIT-04: the same minutes of a visit stand under two timed codes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.rule import rule
from compliance.checks.terms import A_MONDAY, first, flag, fold, is_timed, judge, kept, ruled, yes
from compliance.checks.units.allocation import CLOCK, MIDPOINT, POOLED, Clock, allocate
from compliance.checks.units.days import (
    DAY,
    clock_code,
    clock_of,
    notes_of_days,
    of_days,
    stated_minutes,
)
from compliance.checks.units.lines import FACTS, lost_of

SECONDS_OF_A_MINUTE = 60

OVERLAPS: dict[str, pl.DataType] = {
    "code": pl.String(), "twice": pl.Int64(), "other": pl.String(), "lost_pooled": pl.Int64(), "lost_midpoint": pl.Int64(),
    "sessions": pl.String(),
}  # fmt: skip


@rule(
    code="UNIT-04",
    title="Same minutes under two timed codes",
    severity="medium",
    subject="line",
    unit="billed line of a timed code",
    cites=["ncci-policy-11", "mcpm-5-20.2"],
    needs=["interventions.started_at", "interventions.ended_at", "claim_lines.units"],
    parameters=["unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="line",
    message={
        "lost": "{twice} minutes of {cpt} on {service_date} are also minutes of {other}; counted once, {lost} of its {units} "
        "units fall away",
        "held": "{twice} minutes of {cpt} on {service_date} are also minutes of {other}; counted once, they still make up its "
        "units ({units})",
        "cotreated": "{beside_minutes} minutes of {cpt} on {service_date} are also billed by {beside}; each discipline may bill "
        "only its own skilled minutes",
    },
    fix={
        "lost": "Bill the shared minutes under one code; correct the claim.",
        "held": "Record the shared minutes under one code; no unit falls away.",
        "cotreated": "Split the minutes that two disciplines gave together between them, or let one of them bill them.",
    },
)  # fmt: skip
def same_minutes_twice(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """A minute of one patient's treatment counts once, under one timed code.

    ## What it checks
    Each billed timed code, by the start and end of what was given that day to the patient in its discipline.

    ## Why it matters
    Two timed codes for the same minutes bill one service twice.

    ## How we read the rule
    - Who gave the codes does not matter: two people at one patient in the same minutes are one service.
    - Shared minutes belong to the dearer code; of equal ones, to the first by its number. The other is the finding.
    - Units are counted again without the shared minutes, by the payer's way of counting; where it is not known, by
      the one that takes fewer units away. Where none falls away, no dollars are at risk.
    - Where one ends as the other begins, nothing is shared. Codes that are not timed may run beside a timed one.
    - Two disciplines that treat a patient together may each bill only their own skilled minutes. Minutes that both bill by
      their start and end are worth knowing: which of them has to give them up, a person decides, so that no dollars are at risk.
    - With a second timed code on the day, a code without start and end cannot be told. A service of the day without a code
      may be timed: beside it, what shares no minutes with a known code cannot be told.

    ## What it does not check
    Two patients in the same minutes (the rules on one-on-one time); one code recorded twice; two disciplines that record
    minutes without start and end.
    """
    lines = kept(of_days(claim_lines).filter(is_timed()).select(*FACTS))
    speaking = notes_of_days(claim_lines, notes)
    rows = kept(_segments(lines, speaking, interventions))
    told = fold(rows.join(_crowded(rows), on=list(DAY)), by=DAY, order_by=("code", "started_at", "ended_at", "minutes"),
                step=_overlaps, returns=OVERLAPS)  # fmt: skip
    lost = [nw.coalesce(nw.col(name), nw.lit(0)).alias(name) for name in ("lost_pooled", "lost_midpoint")]
    lines = (
        lines.join(_of_days(rows), on=[*DAY, "code"], how="left")
        .join(told, on=[*DAY, "code"], how="left")
        .join(_beside(rows, lines), on=[*DAY, "code"], how="left")
        .join(_uncoded(speaking, interventions), on=list(DAY), how="left")
        .with_columns(*lost)
    )
    fewer = nw.when(nw.col("lost_midpoint") < nw.col("lost_pooled")).then(nw.col("lost_midpoint"))
    fewer = fewer.otherwise(nw.col("lost_pooled"))
    way = nw.col("unit_method")
    excess = nw.when(way == POOLED).then(nw.col("lost_pooled")).otherwise(
        nw.when(way == MIDPOINT).then(nw.col("lost_midpoint")).otherwise(fewer))  # fmt: skip
    lines = lost_of(lines, "lost", excess, (*DAY, "code"))
    rank = nw.concat_str([nw.col("claim_id"), nw.lit("/"), nw.col("line").cast(nw.String)])
    lines = lines.with_columns(rank=rank)
    last = lines.group_by(*DAY, "code").agg(last=nw.col("rank").max())
    lines = lines.join(last, on=[*DAY, "code"])
    shown = (nw.col("lost") > 0) | ((excess == 0) & (nw.col("rank") == nw.col("last")))
    twice, cotreated = (nw.col("twice") > 0) & shown, ~nw.col("beside").is_null() & (nw.col("units") > 0)
    lines = lines.with_columns(
        case=first(("lost", twice & (nw.col("lost") > 0)), ("held", twice), ("cotreated", cotreated))
    )
    return judge(
        lines,
        applies=ruled("unit_method"),
        cannot_tell={
            "notes.note_id": nw.col("codes_of_day").is_null(),
            "interventions.cpt": yes("uncoded") & ~yes("twice"),
            "interventions.started_at": (nw.col("untimed_rows") > 0) & (nw.col("codes_of_day") > 1),
            "claim_lines.units": nw.col("units").is_null(),
            "policy.timed_unit_minutes": nw.col("timed_unit_minutes").is_null() | nw.col("first_unit_minutes").is_null(),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "units", "twice", "other", "lost", "sessions",
        "beside", "beside_minutes", "unit_method__id", exposed_units=nw.col("lost"),
        severity=nw.when(nw.col("case") == "cotreated").then(nw.lit("info")).otherwise(nw.lit("medium")),
    )  # fmt: skip


def _segments(lines: nw.LazyFrame, speaking: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """What the fold reads: each timed service of a billed day, with its code's price and billed units; `placed` where its
    times are known."""
    given = interventions.filter(nw.col("attended") & is_timed()).select(
        "note_id",
        "started_at",
        "ended_at",
        code=clock_code(),
        minutes=stated_minutes(),
        placed=flag(nw.col("started_at") <= nw.col("ended_at")),
    )
    billed = (
        lines.with_columns(counted=nw.coalesce(nw.col("units"), nw.lit(0)))
        .group_by(*DAY, "code")
        .agg(billed=nw.col("counted").sum(), price=nw.col("price").max())
    )
    clock = lines.group_by(*DAY).agg(*(nw.col(name).max() for name in CLOCK))
    rows = speaking.join(given, on="note_id").join(clock, on=list(DAY))
    no_clock = nw.any_horizontal(*(nw.col(name).is_null() for name in CLOCK), ignore_nulls=True)
    return rows.join(billed, on=[*DAY, "code"], how="left").filter(~no_clock)


def _uncoded(speaking: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """The days of which a documented service has no code: DAY, uncoded (1)."""
    bare = interventions.filter(nw.col("attended") & nw.col("cpt").is_null()).select("note_id").unique()
    return speaking.join(bare, on="note_id").select(*DAY, uncoded=nw.lit(1)).unique()


def _of_days(rows: nw.LazyFrame) -> nw.LazyFrame:
    """Each documented code of a day: DAY, code, and of its day `untimed_rows` and `codes_of_day`."""
    untimed = rows.with_columns(untimed_rows=1 - nw.col("placed"))
    by_code = untimed.group_by(*DAY, "code").agg(nw.col("untimed_rows").sum())
    of_day = by_code.group_by(*DAY).agg(nw.col("untimed_rows").sum(), codes_of_day=nw.len())
    return by_code.select(*DAY, "code").join(of_day, on=list(DAY))


def _beside(rows: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """Codes whose minutes another discipline bills too: DAY, code, `beside` (that discipline) and `beside_minutes`."""
    visit = ["patient_id", "service_date"]
    whose = lines.select(*DAY, *visit, "discipline").drop_nulls().unique()
    both = whose.group_by(*visit).agg(least=nw.col("discipline").min(), most=nw.col("discipline").max())
    whose = whose.join(both.filter(nw.col("least") != nw.col("most")).select(*visit), on=visit)
    billed = rows.filter((nw.col("placed") > 0) & (nw.col("billed") > 0)).join(whose, on=list(DAY))
    others = billed.select(*visit, beside="discipline", begins="started_at", ends="ended_at")
    met = billed.join(others, on=visit).filter(nw.col("discipline") != nw.col("beside"))
    begins, ends = nw.max_horizontal("started_at", "begins"), nw.min_horizontal("ended_at", "ends")
    met = met.with_columns(beside_minutes=(ends - begins).dt.total_minutes())
    met = met.filter(nw.col("beside_minutes") > 0)
    by_discipline = met.group_by(*DAY, "code", "beside").agg(nw.col("beside_minutes").sum())
    first_of = by_discipline.group_by(*DAY, "code").agg(nw.col("beside").min())
    return by_discipline.join(first_of, on=[*DAY, "code", "beside"])


def _crowded(rows: nw.LazyFrame) -> nw.LazyFrame:
    """The days on which a service began before another had ended: only there can minutes stand under two codes.

    If any two share time, so do two that begin one after the other.
    """
    seconds = {
        name: (nw.col(name) - nw.lit(A_MONDAY)).dt.total_seconds() for name in ("started_at", "ended_at")
    }
    placed = rows.filter(nw.col("placed") > 0).select(*DAY, **seconds)
    order = ["started_at", "ended_at"]
    beside = placed.with_columns(before=nw.col("ended_at").shift(1).over(*DAY, order_by=order))
    return beside.filter(nw.col("started_at") < nw.col("before")).select(*DAY).unique()


def _number(value: Any) -> float:
    return 0 if value is None or value != value else value


def _overlaps(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each code's minutes that a dearer code of the day has too, and the units that fall away without them."""
    price = {row["code"]: _number(row["price"]) for row in rows}
    billed = {row["code"]: int(_number(row["billed"])) for row in rows}
    minutes = dict.fromkeys(price, 0)
    for row in rows:
        minutes[row["code"]] += max(0, int(_number(row["minutes"])))
    placed = [row for row in rows if row["placed"]]
    twice, other = dict.fromkeys(price, 0), dict.fromkeys(price, "")
    taken: dict[str, set[int]] = {}
    start = min((row["started_at"] for row in placed), default=datetime.min)
    for code in sorted(price, key=lambda each: (-price[each], each)):
        own = {m for row in placed if row["code"] == code for m in _minutes_of(row, start)}
        for dearer, theirs in taken.items():
            if own & theirs:
                other[code] = other[code] or dearer
        twice[code] = len(own & set().union(*taken.values()))
        taken[code] = own
    left = {code: max(0, minutes[code] - twice[code]) for code in price}
    clock = clock_of(rows[0])
    pooled = _lost_in_all(minutes, left, billed, twice, price, clock)
    sessions = "; ".join(
        f"{row['started_at']:%Y-%m-%dT%H:%M}/{row['ended_at']:%Y-%m-%dT%H:%M} {row['code']}" for row in placed
    )
    for code in price:
        before, after = clock.units(minutes[code]), clock.units(left[code])
        yield {
            "code": code, "twice": twice[code], "other": other[code] or None, "lost_pooled": pooled[code],
            "lost_midpoint": min(billed[code], before) - min(billed[code], after),
            "sessions": sessions,
        }  # fmt: skip


def _lost_in_all(
    minutes: dict[str, int],
    left: dict[str, int],
    billed: dict[str, int],
    twice: dict[str, int],
    price: dict[str, float],
    clock: Clock,
) -> dict[str, int]:
    """Units of the day that fall away, put on the codes whose minutes are shared, the lowest priced first."""
    units = sum(billed.values())
    before, after = (min(units, allocate(each, clock, POOLED).total) for each in (minutes, left))
    gone, lost = before - after, dict.fromkeys(billed, 0)
    for code in sorted((each for each in twice if twice[each]), key=lambda each: (price[each], each)):
        lost[code] = min(gone, billed[code])
        gone -= lost[code]
    return lost


def _minutes_of(row: dict[str, Any], start: datetime) -> range:
    """The minutes of a service, numbered from the day's first."""
    first, last = (
        int((row[name] - start).total_seconds() // SECONDS_OF_A_MINUTE) for name in ("started_at", "ended_at")
    )
    return range(first, last)
