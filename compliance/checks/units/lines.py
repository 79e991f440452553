"""Billed lines of timed codes with what their day's minutes support, as UNIT-01 and UNIT-02 judge them."""

from collections.abc import Sequence

import narwhals as nw

from compliance.checks.incomplete_lines import incomplete, maybe_billed
from compliance.checks.terms import codes, flag, is_timed, kept
from compliance.checks.units.allocation import CLOCK, POOLED
from compliance.checks.units.days import (
    DAY,
    code_minutes,
    day_minutes,
    minutes_by_code,
    minutes_of_notes,
    notes_of_days,
    of_days,
    supported_units,
    with_the_rest,
)

FACTS = (
    "claim_id", "line", *DAY, "code", "price", "cpt", "units", "patient_id", "discipline", "service_date", "payer_id",
    "clinic_id", "biller", "policy_missing",
    *(each for name in ("unit_method", *CLOCK) for each in (name, f"{name}__id")),
)  # fmt: skip
"""What the rules on units tell of a line, or judge it by."""


def judged_lines(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    counted: nw.Expr | None = None,
) -> nw.LazyFrame:
    """Lines of timed codes, each with its day's minutes and the units that they support.

    Holds of a claim line: FACTS; of its day `timed_minutes` (null: not known), `note_minutes` (by the notes'
    own totals), `by_code` (1: each code's minutes are known; null: the day has no note), `stated` (1: some timed
    minutes are told), `units_billed`, `units_untold` and `unlisted` (more than 0: a timed line without units; an
    unlisted code is billed); of its code what `supported_units` gives, `billed` units, `pooled_total` and
    `midpoint_total`. `counted` says which of an intervention's minutes count: all, unless told otherwise, and then the note's
    own total says those of the one code that tells none.
    """
    every = kept(of_days(claim_lines).select(*FACTS))
    speaking = notes_of_days(claim_lines, notes)
    by_code = minutes_by_code(interventions, counted)
    by_code = kept(with_the_rest(by_code, notes) if counted is None else by_code)
    minutes = day_minutes(speaking, minutes_of_notes(notes, by_code))
    coded = kept(code_minutes(speaking, by_code, every))
    units = supported_units(coded)
    totals = units.group_by(*DAY).agg(
        pooled_total=nw.col("pooled").sum(), midpoint_total=nw.col("midpoint").sum()
    )
    unlisted = nw.coalesce(nw.col("cpt").is_in(codes("unlisted")), nw.lit(False))
    billed = nw.when(is_timed()).then(nw.col("units"))
    of_day = (
        every.with_columns(
            unlisted=flag(unlisted),
            units_billed=nw.coalesce(billed, nw.lit(0)),
            units_untold=flag(is_timed() & nw.col("units").is_null()),
        )
        .group_by(*DAY)
        .agg(nw.col("units_billed").sum(), nw.col("unlisted", "units_untold").max())
        .with_columns(nw.col("units_billed").cast(nw.Int64))
        .join(minutes, on=list(DAY), how="left")
        .join(totals, on=list(DAY), how="left")
    )
    of_code = coded.select(*DAY, "code", "billed").join(units, on=[*DAY, "code"], how="left")
    return (
        every.filter(is_timed())
        .join(of_day, on=list(DAY), how="left")
        .join(of_code, on=[*DAY, "code"], how="left")
    )


def untold() -> dict[str, nw.Expr]:
    """The facts without which `judged_lines` do not say what a day's minutes support, for `judge(cannot_tell=…)`."""
    by_total = (nw.col("by_code") == 0) & (nw.col("unit_method") != POOLED)
    minutes = (nw.col("stated") == 0) | nw.col("timed_minutes").is_null() | by_total
    return {
        "notes.note_id": nw.col("by_code").is_null(),
        "claim_lines.units": nw.col("units_untold") > 0,
        "policy.timed_unit_minutes": nw.any_horizontal(*(nw.col(name).is_null() for name in CLOCK), ignore_nulls=True),
        "policy.unit_method": nw.col("unlisted") > 0,
        "interventions.cpt": minutes & (nw.col("uncoded") > 0),
        "interventions.minutes": minutes,
    }  # fmt: skip


def maybe_timed(days: nw.LazyFrame, claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """DAY of `days` and what its line LACKS, where one without a day or code may bill a timed code of that day and payer."""
    payer, own = nw.col("lined_payer"), nw.col("payer_id")
    of_payer = payer.is_null() | own.is_null() | (payer == own)
    timed = nw.col("lined_code").is_null() | is_timed("lined_code")
    return maybe_billed(days, incomplete(claim_lines, notes), list(DAY), of_payer & timed)


def lost_of(lines: nw.LazyFrame, name: str, excess: nw.Expr, by: Sequence[str]) -> nw.LazyFrame:
    """Add `name`, the units of each line that fall away of a group's `excess`: from the lowest priced, then the last.

    Lines are put in order only in groups with an excess: few have one.
    """
    lines = kept(lines.with_columns(excess=excess))
    ranked = lines.filter(nw.col("excess").max().over(*by) > 0).with_columns(
        cheap=0 - nw.col("price"), billable=nw.coalesce(nw.col("units"), nw.lit(0))
    )
    after = nw.col("billable").sum().over(*by) - nw.col("billable").cum_sum().over(
        *by, order_by=("cheap", "claim_id", "line")
    )
    ranked = ranked.with_columns(rest=nw.col("excess") - after)
    most = nw.when(nw.col("rest") > nw.col("billable")).then(nw.col("billable")).otherwise(nw.col("rest"))
    least = nw.when(most > 0).then(most).otherwise(nw.lit(0))
    lost = ranked.select("claim_id", "line", nw.coalesce(least, nw.lit(0)).cast(nw.Int64).alias(name))
    return (
        lines.drop("excess")
        .join(lost, on=["claim_id", "line"], how="left")
        .with_columns(nw.coalesce(nw.col(name), nw.lit(0)).cast(nw.Int64).alias(name))
    )
