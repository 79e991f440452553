"""How each rule fares with the people who review it: how often it is confirmed, and how long a finding takes to clear."""

from typing import Any

import polars as pl

from compliance.review.decisions import COMMENT, CONFIRMED, DISMISSED
from compliance.review.runs import Present
from compliance.risk import rate

HEALTH_SCHEMA: dict[str, pl.DataType] = {
    "rule": pl.String(), "findings": pl.Int64(), "confirmed": pl.Int64(), "decided": pl.Int64(),
    "share_low": pl.Float64(), "share_high": pl.Float64(), "judged": pl.Int64(), "cannot_tell": pl.Int64(),
    "days_to_clear": pl.Float64(),
}  # fmt: skip


def rule_health(
    findings: pl.DataFrame,
    decided: pl.DataFrame,
    seen: pl.DataFrame,
    coverage: pl.DataFrame,
    present: Present | None = None,
) -> pl.DataFrame:
    """One row a rule: HEALTH_SCHEMA, sorted by rule. Findings of severity info are counted nowhere: nobody clears them.

    `confirmed` of `decided` (findings whose last word, comments apart, confirms or dismisses them) with its 95 % interval,
    null where nothing was decided. `judged` are units that passed or failed. `days_to_clear` is the median from the first
    run that showed a finding to its confirmation or dismissal, or to the last run that still showed it where it is gone
    since; findings that nobody cleared yet are not in it, nor those that are gone with their claim or note (`present`).
    `seen` is `Store.first_seen`, `decided` `Store.decisions`.
    """
    words = (
        decided.filter(pl.col("status") != COMMENT)
        .sort("decision")
        .unique("finding_id", keep="last")
        .filter(pl.col("status").is_in([CONFIRMED, DISMISSED]))
    )
    said = words.group_by("rule").agg(confirmed=(pl.col("status") == CONFIRMED).sum(), decided=pl.len())
    units = coverage.group_by("rule").agg(
        judged=pl.col("passed").sum() + pl.col("failed").sum(), cannot_tell=pl.col("cannot_tell").sum()
    )
    real = findings.filter(pl.col("severity") != "info")
    told = (
        units.join(real.group_by("rule").agg(findings=pl.len()), on="rule", how="full", coalesce=True)
        .join(said, on="rule", how="full", coalesce=True)
        .join(_days_to_clear(findings, words, seen.filter(~pl.col("info")), present), on="rule", how="left")
        .with_columns(
            pl.col("findings", "confirmed", "decided", "judged", "cannot_tell").fill_null(0).cast(pl.Int64)
        )
    )
    return pl.DataFrame([_row(row) for row in told.iter_rows(named=True)], schema=HEALTH_SCHEMA).sort("rule")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    share = rate(row["confirmed"], row["decided"])
    told = row["decided"] > 0
    return {**row, "share_low": share.low if told else None, "share_high": share.high if told else None}


def _days_to_clear(
    findings: pl.DataFrame, words: pl.DataFrame, seen: pl.DataFrame, present: Present | None
) -> pl.DataFrame:
    first, until = (pl.col(name).str.to_datetime(time_zone="UTC") for name in ("first", "cleared"))
    gone = ~pl.col("finding_id").is_in(findings["finding_id"].implode())
    repaired = gone & present.judges() if present else gone
    cleared = pl.coalesce("at", pl.when(repaired).then(pl.col("last")))
    return (
        seen.join(words.select("finding_id", "at"), on="finding_id", how="left")
        .with_columns(cleared=cleared)
        .drop_nulls("cleared")
        .with_columns(days=(until - first).dt.total_seconds() / 86_400)
        .filter(
            pl.col("days") >= 0
        )  # decided before this source's first kept run: how long it took is not known
        .group_by("rule")
        .agg(days_to_clear=pl.col("days").median())
    )
