"""What is left of a day's billed units without the minutes that somebody gave whose time does not count."""

import narwhals as nw

from compliance.checks.terms import is_timed
from compliance.checks.units.allocation import MIDPOINT, POOLED, supported

DAY = ["patient_id", "discipline", "service_date", "payer_id"]
NOT_KNOWN = "payer's way not known: the one that takes fewer units away"


def with_lost(rows: nw.LazyFrame, timed: nw.LazyFrame, spared: str) -> nw.LazyFrame:
    """Add `lost`, the billed units that fall away without the `spared` minutes, and `counted`, by which way.

    `rows` are services with such minutes, `timed` all timed services of their days (see `services`); both carry the
    payer's `unit_method`, `timed_unit_minutes` and `first_unit_minutes`. Where the way is not known, the counting that
    takes fewer units away stands.
    """
    timed = timed.with_columns(units=nw.coalesce(nw.col("units"), nw.lit(0)))
    per_code = timed.group_by(*DAY, "note_id", "cpt").agg(
        nw.col("minutes").max(),
        nw.col(spared).max(),
        nw.col("units").sum(),
    )
    day = per_code.group_by(DAY).agg(
        day_minutes=nw.col("minutes").sum(), day_spared=nw.col(spared).sum(), day_units=nw.col("units").sum()
    )
    pooled = _fewer("day_units", supported(nw.col("day_minutes"))) - _fewer(
        "day_units", supported(nw.col("day_minutes") - nw.col("day_spared"))
    )
    own = _fewer("units", supported(nw.col("minutes"))) - _fewer(
        "units", supported(nw.col("minutes") - nw.col(spared))
    )
    order = nw.concat_str([nw.coalesce(nw.col("claim_id"), nw.lit("")), nw.coalesce(nw.col("line"), nw.lit(0)).cast(nw.String),
                           nw.col("note_id"), nw.col("cpt")], separator="|")  # fmt: skip
    rows = rows.join(day, on=DAY, how="left").with_columns(
        pooled=pooled, order=order, mine=own, billable=nw.coalesce(nw.col("units"), nw.lit(0))
    )
    rows = rows.with_columns(
        before=nw.col("billable").cum_sum().over(*DAY, order_by="order") - nw.col("billable")
    )
    share = _between(nw.coalesce(nw.col("pooled"), nw.lit(0)) - nw.col("before"), nw.col("billable"))
    rows = rows.with_columns(share=share, mine=nw.coalesce(nw.col("mine"), nw.lit(0)))
    fewer = nw.when(nw.col("mine") < nw.col("share")).then(nw.col("mine")).otherwise(nw.col("share"))
    way = nw.col("unit_method")
    lost = nw.when(way == POOLED).then(nw.col("share")).otherwise(
        nw.when(way == MIDPOINT).then(nw.col("mine")).otherwise(fewer)
    )  # fmt: skip
    return rows.with_columns(
        lost=nw.when(is_timed()).then(lost).otherwise(nw.lit(0)).cast(nw.Int64),
        counted=counted_by(way),
    )


def counted_by(way: nw.Expr) -> nw.Expr:
    """The payer's way of counting as evidence names it."""
    known = nw.coalesce(way.is_in([POOLED, MIDPOINT]), nw.lit(False))
    return nw.when(known).then(way).otherwise(nw.lit(NOT_KNOWN))


def _fewer(billed: str, units: nw.Expr) -> nw.Expr:
    return nw.when(nw.col(billed) < units).then(nw.col(billed)).otherwise(units)


def _between(value: nw.Expr, most: nw.Expr) -> nw.Expr:
    """A number of units, no less than none and no more than the line's."""
    value = nw.when(value > most).then(most).otherwise(value)
    return nw.when(value > 0).then(value).otherwise(nw.lit(0))
