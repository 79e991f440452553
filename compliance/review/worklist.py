"""The officer's list: each finding with how it stands and what changed, gathered by cause, rule or finding.

Nothing falls off it by itself: a finding leaves the open ones by a decision, or by a run that judged it again and did
not find it (`runs.changes`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from compliance.formats import percent
from compliance.review.decisions import OPEN

By = Literal["cause", "rule", "finding"]
Order = Literal["dollars", "findings"]
SINGLE = ("line", "note", "goal")
"""Subjects of which each finding is small: they are gathered by rule and therapist."""
CHANGES = ("new", "reopened", "same")


def with_standing(valued: pl.DataFrame, stands: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Findings with `dollars`, joined with how they stand (`decisions.standing`) and their `change` (`runs.changes`)."""
    return valued.join(stands, on="finding_id", how="left", maintain_order="left").join(
        changed.select("finding_id", "change"), on="finding_id", how="left", maintain_order="left"
    ).with_columns(pl.col("status").fill_null(OPEN), pl.col("change").fill_null("same"))  # fmt: skip


def cause_key() -> pl.Expr:
    """What gathers findings to one cause: the finding itself (one plan, one report), or the rule and the therapist."""
    gathered = pl.concat_str("rule", pl.col("therapist_id").fill_null(""), separator="|")
    return pl.when(pl.col("subject").is_in(SINGLE)).then(gathered).otherwise(pl.col("finding_id"))


def gathered(work: pl.DataFrame, shares: pl.DataFrame, by: By, order: Order) -> pl.DataFrame:
    """One row a cause, rule or finding, the largest first.

    Columns: key, rule, subject, therapist_id, patient_id, payer_id, service_date, message (of its largest finding), ids
    (of its findings), findings, lines, dollars, new and reopened (counts), share and cumulative (of the order's sum, 0 to 1;
    null where the sum is 0).
    """
    key = {"cause": cause_key(), "rule": pl.col("rule"), "finding": pl.col("finding_id")}[by]
    lines = shares.group_by("finding_id").agg(touched=pl.len())
    rows = (
        work.join(lines, on="finding_id", how="left")
        .with_columns(key=key)
        .sort(["dollars", "finding_id"], descending=[True, False])
        .group_by("key", maintain_order=True)
        .agg(
            pl.col(
                "rule", "subject", "therapist_id", "patient_id", "payer_id", "service_date", "message"
            ).first(),
            ids=pl.col("finding_id"),
            findings=pl.len().cast(pl.Int64),
            lines=pl.col("touched").fill_null(0).sum().cast(pl.Int64),
            dollars=pl.col("dollars").sum(),
            new=(pl.col("change") == "new").sum().cast(pl.Int64),
            reopened=(pl.col("change") == "reopened").sum().cast(pl.Int64),
        )
    )
    other = "findings" if order == "dollars" else "dollars"
    whole = pl.col(order).sum()
    share = pl.when(whole > 0).then(pl.col(order) / whole)
    return rows.sort([order, other, "key"], descending=[True, True, False]).with_columns(
        share=share, cumulative=share.cum_sum()
    )


def counts(work: pl.DataFrame, changed: pl.DataFrame) -> dict[str, int]:
    """How many findings stand in each status and changed in each way: `open`, `asked` …, `new`, `fixed`, `unseen` …"""
    told = dict(work.group_by("status").len().iter_rows())
    told |= dict(changed.group_by("change").len().iter_rows())
    told["overdue"] = int((work["note"] == "answer overdue").sum())
    return {name: int(number) for name, number in told.items()}


def pareto_sentence(rows: pl.DataFrame, by: By, order: Order, top: int = 5) -> str:
    """What the largest few make up: `The first 5 of 31 causes hold 62 % of the dollars.`"""
    share = sum(each or 0.0 for each in rows["share"].head(top))
    if not share:
        return "No dollars are at risk." if order == "dollars" else "No findings."
    if rows.height == 1:
        return f"One {by} holds all of the {order}."
    if rows.height <= top:
        return f"These {rows.height} {by}s hold all of the {order}."
    return f"The first {top} of {rows.height:,} {by}s hold {percent(round(share, 9))} of the {order}."


def chosen(work: pl.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The findings of the chosen rows of `gathered`."""
    ids = [each for row in rows for each in row["ids"]]
    return work.filter(pl.col("finding_id").is_in(ids))
