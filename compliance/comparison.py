"""A clinic beside itself: the figures that CMS's comparative billing reports used, from the clinic's own claims.

CMS's letters to physical therapists compared the share of lines with KX, treatment minutes a visit, and dollars a patient.
No peer's figures are shipped: what is compared is this clinic's months, and its mix of codes against its own past.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from compliance.checks.terms import codes
from compliance.formats import percent
from compliance.risk import OUTER, Rate, expected, limits, rate

MINIMUM = 30
"""Fewer timed lines than these in a quarter say nothing of its mix."""
MIX_CODES = 6
"""So many of the most billed timed codes are followed; the others are one."""


@dataclass(frozen=True)
class Figure:
    """One figure with its volume: `value` (None where nothing is known), `of` how many of `each` it rests on, and its interval
    if a share. Visits are those of which minutes are recorded."""

    name: str
    unit: str
    value: float | None
    of: int
    each: str
    share: Rate | None = None


def figures(lines: pl.DataFrame, notes: pl.DataFrame) -> tuple[Figure, Figure, Figure]:
    """KX share of the lines of payers with a threshold, minutes a visit, allowed dollars a patient.

    `lines` are an audit's standing lines (payer_kind, modifiers, amount, amount_basis, patient_id), `notes` the records'
    notes (patient_id, service_date, discipline, timed_minutes, total_minutes). Minutes: total, else timed; visits without
    either are left out of `of`.
    """
    federal = lines.filter(pl.col("payer_kind") == "medicare")
    with_kx = federal.filter(pl.col("modifiers").fill_null("").str.split(" ").list.contains("KX"))
    share = rate(with_kx.height, federal.height)
    timed = notes.with_columns(minutes=pl.coalesce("total_minutes", "timed_minutes")).drop_nulls("minutes")
    visits = timed.group_by("patient_id", "discipline", "service_date").agg(pl.col("minutes").sum())
    paid = lines.filter(pl.col("amount_basis") == "allowed")
    patients = paid["patient_id"].n_unique()
    return (
        Figure("Lines with KX (Medicare)", "", share.share, federal.height, "line", share),
        Figure("Minutes a visit", "minutes", _mean(visits["minutes"]), visits.height, "visit"),
        Figure(
            "Allowed dollars a patient",
            "$",
            float(paid["amount"].sum()) / patients if patients else None,
            patients,
            "patient",
        ),
    )


def _mean(values: pl.Series) -> float | None:
    return float(values.cast(pl.Float64).sum()) / len(values) if len(values) else None


def monthly(lines: pl.DataFrame, notes: pl.DataFrame) -> dict[date, tuple[Figure, Figure, Figure]]:
    """The same figures of each calendar month with lines or notes, by its first day, the earliest first."""
    days = pl.concat([lines["service_date"], notes["service_date"]]).drop_nulls()
    month = pl.col("service_date").dt.truncate("1mo").dt.date()
    return {
        first: figures(lines.filter(month == first), notes.filter(month == first))
        for first in days.dt.truncate("1mo").dt.date().unique().sort()
    }


def mix(lines: pl.DataFrame, baseline_until: date | None = None) -> pl.DataFrame:
    """The coding mix by quarter: each code's share of timed units' lines, against its own share in the baseline.

    Columns: code, quarter, n, of, share, centre, limit_low, limit_high, standing (`above`, `below`, `within`, `few`).
    The baseline is all quarters that began before `baseline_until`, else all but the last; a single quarter is its own.
    Limits are exact binomial at 99.8 %. A drift is a question for the charts, not an answer: a share may rise with need.
    """
    timed = lines.filter(pl.col("cpt").is_in(codes("timed")) & pl.col("service_date").is_not_null())
    if timed.is_empty():
        return pl.DataFrame(schema=MIX_SCHEMA)
    billed = timed["cpt"].value_counts().sort(["count", "cpt"], descending=[True, False])
    leading = billed["cpt"].head(MIX_CODES).to_list()
    named = timed.with_columns(
        code=pl.when(pl.col("cpt").is_in(leading)).then(pl.col("cpt")).otherwise(pl.lit("others")),
        quarter=pl.col("service_date").dt.truncate("1q"),
    )
    counted = named.group_by("code", "quarter").agg(n=pl.len().cast(pl.Int64))
    quarters = named.group_by("quarter").agg(of=pl.len().cast(pl.Int64)).sort("quarter")
    every = (
        counted.select("code")
        .unique()
        .join(quarters, how="cross")
        .join(counted, on=["code", "quarter"], how="left")
    )
    last = quarters["quarter"].max()
    early = pl.col("quarter").dt.date() < baseline_until if baseline_until else pl.col("quarter") < last
    rows = [
        row
        for (code,), own in every.fill_null(0).group_by("code")
        for row in _drift(code, own.sort("quarter"), early)
    ]
    return pl.DataFrame(rows, schema=MIX_SCHEMA).sort("code", "quarter")


MIX_SCHEMA: dict[str, pl.DataType] = {
    "code": pl.String(), "quarter": pl.Datetime("us"), "n": pl.Int64(), "of": pl.Int64(), "share": pl.Float64(),
    "centre": pl.Float64(), "limit_low": pl.Float64(), "limit_high": pl.Float64(), "standing": pl.String(),
}  # fmt: skip


def _drift(code: object, own: pl.DataFrame, early: pl.Expr) -> list[dict[str, object]]:
    """One code's quarters with the limits that its baseline sets at their volume."""
    before = own.filter(early)
    based_on = before if before.height else own
    n, of = int(based_on["n"].sum()), int(based_on["of"].sum())
    centre, likely = n / of, expected(n, of)
    rows = []
    for row in own.iter_rows(named=True):
        low, high = limits(row["of"], likely, OUTER)
        share = row["n"] / row["of"]
        stands = "above" if share >= high else "below" if share <= low else "within"
        rows.append(
            {
                "code": code, "quarter": row["quarter"], "n": row["n"], "of": row["of"], "share": share, "centre": centre,
                "limit_low": max(0.0, low), "limit_high": min(1.0, high),
                "standing": "few" if row["of"] < MINIMUM else stands,
            }
        )  # fmt: skip
    return rows


def drift_sentence(told: pl.DataFrame) -> str:
    """Which codes' last quarter lies outside what their own past explains."""
    if told.is_empty():
        return "No timed codes were billed."
    last = told.filter(pl.col("quarter") == told["quarter"].max())
    moved = last.filter(pl.col("standing").is_in(["above", "below"]))
    if moved.is_empty():
        return "The last quarter's mix of timed codes lies within what its own past explains."
    words = [
        f"{row['code']} {percent(row['centre'])} → {percent(row['share'])} ({row['n']:,} of {row['of']:,} lines)"
        for row in moved.iter_rows(named=True)
    ]
    return f"Outside what its own past explains in the last quarter: {', '.join(words)}. Ask the charts why."
