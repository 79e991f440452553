"""Risk: dollars at risk counted once, rates with intervals, and who lies outside what chance explains.

All functions are pure: an audit's frames in, a Polars frame (or a number) out. Rates carry their n and N; an interval
is Wilson's at 95 %; funnel and p-chart limits are exact binomial, not normal.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import sqrt
from typing import Any

import polars as pl

from compliance.audit import Audit, line_items
from compliance.checks.rule import AT_RISK

Z95 = 1.959963984540054
"""The normal quantile of a two-sided interval at 95 %."""
INNER, OUTER = 0.025, 0.001
"""One-sided tails of the 95 % and the 99.8 % limits."""

DIMENSIONS = {"therapist": "therapist_id", "payer": "payer_id", "clinic": "clinic_id", "rule": "rule"}


@dataclass(frozen=True)
class Rate:
    """A share `n` of `of` with its Wilson interval; `low` and `high` are 0 and 1 where `of` is 0."""

    n: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The share, None where there is nothing to share."""
        return self.n / self.of if self.of else None


def rate(n: int, of: int) -> Rate:
    """A rate with its 95 % Wilson interval."""
    if of == 0:
        return Rate(n, of, 0.0, 1.0)
    share, spread = n / of, Z95**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    # at the ends the interval reaches 0 and 1 exactly; floats would miss them by a hair
    return Rate(n, of, 0.0 if n == 0 else middle - half, 1.0 if n == of else middle + half)


@lru_cache(maxsize=65536)
def limits(of: int, centre: float, tail: float) -> tuple[float, float]:
    """Exact binomial limits of a share at volume `of`: outside them is improbable at `tail` on that side.

    The upper limit is the least share k/of with P(X >= k) <= tail, the lower the greatest with P(X <= k) <= tail;
    a side that no count reaches is 1 + 1/of (or -1/of), so that nothing lies outside it.
    """
    # scipy takes longer to import than a small clinic to check, and most commands ask for no limits
    from numpy import arange, argmax, concatenate
    from scipy.special import bdtr, bdtrc

    if of == 0:
        return 0.0, 1.0
    counts = arange(of + 1)
    above = concatenate(([1.0], bdtrc(counts[:-1], of, centre)))  # P(X >= k) for k = 0 .. of
    below = bdtr(counts, of, centre)  # P(X <= k)
    upper = int(argmax(above <= tail)) if (above <= tail).any() else of + 1
    lower = int((below <= tail).sum()) - 1
    return lower / of, upper / of


def per_hundred(n: int, of: int) -> tuple[float, float, float] | None:
    """Findings per 100 with their exact 95 % Poisson interval (one visit can have several); None of nothing."""
    if not of:
        return None
    from scipy.special import gammaincinv  # as `bdtr` above

    # a quantile of chi-square with 2k degrees of freedom is twice one of the gamma distribution of shape k
    low = float(gammaincinv(n, 0.025)) if n else 0.0
    return 100 * n / of, 100 * low / of, 100 * float(gammaincinv(n + 1, 0.975)) / of


def expected(n: int, of: int) -> float:
    """The share that later counts are read against: the rate, but of 0 and of the whole the nearer end of its interval.

    From none seen in the past it does not follow that one is beyond chance.
    """
    told = rate(n, of)
    return told.high if n == 0 else told.low if n == of else n / of


def standing(n: int, of: int, centre: float) -> str:
    """Where a rate stands: `outside` the outer limits, `near` (outside the inner) or `within`; `below` on the low side."""
    if of == 0:
        return "within"
    share = n / of
    low_outer, high_outer = limits(of, centre, OUTER)
    low_inner, high_inner = limits(of, centre, INNER)
    if share >= high_outer:
        return "outside"
    if share <= low_outer:
        return "below"
    return "near" if share >= high_inner or share <= low_inner else "within"


def at_risk(findings: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Each finding's share of each line, no line counted twice.

    Returns finding_id, rule, severity, claim_id, line, amount (of the finding alone), share (dollars attributed to
    it): a line is at risk for the largest of its findings' amounts, never above its own amount, and findings share
    that in proportion. Parts therefore sum to the whole.
    """
    exploded = line_items(
        findings.filter(pl.col("severity").is_in(AT_RISK)), "finding_id", "rule", "severity"
    ).filter(pl.col("amount") > 0)
    own = lines.select("claim_id", "line", line_amount="amount")
    key = ["claim_id", "line"]
    return (
        exploded.join(own, on=key, how="left")
        .with_columns(
            whole=pl.min_horizontal(
                pl.col("amount").max().over(key), pl.coalesce("line_amount", pl.col("amount").max().over(key))
            )
        )
        .with_columns(share=pl.col("whole") * pl.col("amount") / pl.col("amount").sum().over(key))
        .drop("line_amount", "whole")
        .sort("finding_id", "claim_id", "line")
    )


def with_dollars(findings: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Findings with `dollars`, their attributed share: what adds up across findings."""
    own = shares.group_by("finding_id").agg(dollars=pl.col("share").sum())
    return findings.join(own, on="finding_id", how="left", maintain_order="left").with_columns(
        pl.col("dollars").fill_null(0.0)
    )


def risk_table(result: Audit, by: str) -> pl.DataFrame:
    """The risk table per therapist, payer, clinic or rule.

    Columns: the key, findings (info apart), info, dollars (each line once), visits or units checked (`of`), `n` with
    a finding, share with Wilson `share_low` and `share_high`, high, medium, low (counts), cannot_tell, and claims where the key
    has them. Sorted by dollars.
    """
    column = DIMENSIONS[by]
    valued = with_dollars(result.findings, at_risk(result.findings, result.lines))
    real = pl.col("severity") != "info"
    found = valued.group_by(column).agg(
        findings=real.sum(), info=(~real).sum(), dollars=pl.col("dollars").sum(),
        **{severity: (pl.col("severity") == severity).sum() for severity in ("high", "medium", "low")},
    )  # fmt: skip
    told = result.coverage.group_by(column).agg(
        pl.col("passed", "failed", "cannot_tell", "not_applicable").sum()
    )
    if by == "rule":
        counted = told.with_columns(n=pl.col("failed"), of=pl.col("passed") + pl.col("failed"))
    else:
        visits = (
            result.visits.filter(pl.col("checked"))
            .group_by(column)
            .agg(n=(pl.col("own" if by == "therapist" else "findings") > 0).sum(), of=pl.len())
        )
        counted = told.join(visits, on=column, how="full", coalesce=True, nulls_equal=True)
        claims = result.lines.group_by(_rendering(column)).agg(claims=pl.col("claim_id").n_unique())
        counted = counted.join(claims, on=column, how="left", nulls_equal=True)
    table = counted.join(found, on=column, how="full", coalesce=True, nulls_equal=True)
    numbers = [name for name, kind in table.schema.items() if kind.is_numeric()]
    table = table.with_columns(pl.col(numbers).fill_null(0))
    return with_intervals(table).sort(
        ["dollars", "findings", column], descending=[True, True, False], nulls_last=True
    )


def _rendering(column: str) -> pl.Expr:
    if column == "therapist_id":
        return pl.coalesce("therapist_id", "note_therapist_id").alias(column)
    return pl.col(column)


def with_intervals(table: pl.DataFrame) -> pl.DataFrame:
    """Add share, share_low and share_high (Wilson 95 %) to a table that has `n` and `of`."""
    rates = [rate(int(n), int(of)) for n, of in table.select("n", "of").iter_rows()]
    return table.with_columns(
        pl.Series("share", [r.share for r in rates], dtype=pl.Float64),
        pl.Series("share_low", [r.low for r in rates], dtype=pl.Float64),
        pl.Series("share_high", [r.high for r in rates], dtype=pl.Float64),
    )


def funnel(visits: pl.DataFrame) -> pl.DataFrame:
    """One row a therapist and discipline: visits checked (`of`), with a finding (`n`), and where the rate stands.

    A finding that is another therapist's (a report of theirs that is overdue) counts for the other, not here.

    Columns: therapist_id, discipline, n, of, share, share_low, share_high, centre (the discipline's rate), standing.
    """
    counted = (
        visits.filter(pl.col("checked"))
        .group_by("discipline", "therapist_id")
        .agg(n=(pl.col("own") > 0).sum(), of=pl.len())
        .with_columns(centre=pl.col("n").sum().over("discipline") / pl.col("of").sum().over("discipline"))
        .sort("discipline", "therapist_id")
    )
    stands = [standing(row["n"], row["of"], row["centre"]) for row in counted.iter_rows(named=True)]
    return with_intervals(counted).with_columns(pl.Series("standing", stands, dtype=pl.String))


def funnel_limits(centre: float, largest: int, points: int = 120) -> pl.DataFrame:
    """The funnel's curves: of, inner_low, inner_high, outer_low, outer_high, from 1 visit to `largest`."""
    volumes = sorted({max(1, round(largest * step / points)) for step in range(1, points + 1)})
    rows = []
    for of in volumes:
        inner, outer = limits(of, centre, INNER), limits(of, centre, OUTER)
        rows.append((of, *(min(1.0, max(0.0, value)) for value in (*inner, *outer))))
    return pl.DataFrame(
        rows, schema=["of", "inner_low", "inner_high", "outer_low", "outer_high"], orient="row"
    )


def weekly(
    visits: pl.DataFrame,
    incomplete_weeks: int = 2,
    baseline_until: date | None = None,
    every: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The p-chart: per service week (its Monday), visits checked with a finding and the limits at that volume.

    With `baseline_until` the centre, and so the limits, are those of the weeks that began before that day: a frozen
    baseline, against which later weeks are read. Without any such week, or without the day, of all weeks. Of a baseline
    without a finding the limits are those of its interval's end (`expected`).

    Columns: week, n, of, share, centre, limit_low, limit_high (outer limits), standing (as `standing`). The last
    `incomplete_weeks` weeks are marked `incomplete`: their claims are still coming in. The last of `every` visit that is
    known, where `visits` are those that filters let through.
    """
    counted = (
        visits.filter(pl.col("checked"))
        .with_columns(week=pl.col("service_date").dt.truncate("1w"))
        .group_by("week")
        .agg(n=(pl.col("findings") > 0).sum(), of=pl.len())
        .sort("week")
    )
    if counted.is_empty():
        return counted.with_columns(
            share=None, centre=None, limit_low=None, limit_high=None, standing=None, incomplete=None
        )
    before = counted.filter(pl.col("week").dt.date() < baseline_until) if baseline_until else counted
    based_on = before if before.height else counted
    n, of = int(based_on["n"].sum()), int(based_on["of"].sum())
    centre, likely = n / of, expected(n, of)
    bounds = [limits(volume, likely, OUTER) for volume in counted["of"]]
    stands = [standing(found, volume, likely) for found, volume in counted.select("n", "of").iter_rows()]
    known = (visits if every is None else every).filter(pl.col("checked"))
    last = known["service_date"].dt.truncate("1w").max()
    return counted.with_columns(
        share=pl.col("n") / pl.col("of"),
        centre=pl.lit(centre),
        limit_low=pl.Series([max(0.0, low) for low, _ in bounds]),
        limit_high=pl.Series([min(1.0, high) for _, high in bounds]),
        standing=pl.Series(stands, dtype=pl.String),
        incomplete=pl.col("week") > pl.lit(last).dt.offset_by(f"-{incomplete_weeks}w"),
    )


def excess(coverage: pl.DataFrame, minimum: int = 10) -> pl.DataFrame:
    """Therapist x rule: how far the count of failed units lies above what the rule's own rate predicts.

    Columns: therapist_id, rule, n, of, expected, excess (standardised: (n - expected) / sd), cannot_tell, state:
    `few` below `minimum` units, `cannot_tell` where nothing could be judged, else as `standing` says.
    """
    return _cells(coverage, minimum).drop("variance")


def family_excess(coverage: pl.DataFrame, minimum: int = 10) -> pl.DataFrame:
    """Therapist x family of rules: columns as `excess`, `rule` the family's code, its rules added up.

    `state` is that of the family's rule that stands out most, so that no rule hides behind its neighbours.
    """
    ranks = {
        state: rank for rank, state in enumerate(("cannot_tell", "few", "below", "within", "near", "outside"))
    }
    told = pl.DataFrame(
        {"rank": list(ranks.values()), "state": list(ranks)}, schema={"rank": pl.Int64, "state": pl.String}
    )
    return (
        _cells(coverage, minimum)
        .with_columns(
            rule=pl.col("rule").str.split("-").list.first(),
            rank=pl.col("state").replace_strict(ranks, return_dtype=pl.Int64),
        )
        .group_by("therapist_id", "rule")
        .agg(pl.col("n", "of", "expected", "variance", "cannot_tell").sum(), rank=pl.col("rank").max())
        .join(told, on="rank")
        .with_columns(excess=_standardised())
        .select("therapist_id", "rule", "n", "of", "cannot_tell", "expected", "excess", "state")
        .sort("therapist_id", "rule")
    )


def _cells(coverage: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """`excess`, and the variance of n that the rule's own rate predicts."""
    counted = (
        coverage.drop_nulls("therapist_id")
        .group_by("therapist_id", "rule")
        .agg(
            n=pl.col("failed").sum(),
            of=(pl.col("passed") + pl.col("failed")).sum(),
            cannot_tell=pl.col("cannot_tell").sum(),
        )
        .with_columns(centre=pl.col("n").sum().over("rule") / pl.col("of").sum().over("rule"))
        .with_columns(pl.col("centre").fill_nan(0.0).fill_null(0.0))
        .with_columns(expected=pl.col("of") * pl.col("centre"))
        .with_columns(variance=pl.col("expected") * (1 - pl.col("centre")))
        .with_columns(excess=_standardised())
        .filter((pl.col("of") > 0) | (pl.col("cannot_tell") > 0))
        .sort("therapist_id", "rule")
    )
    states = [_state(row, minimum) for row in counted.iter_rows(named=True)]
    return counted.with_columns(pl.Series("state", states, dtype=pl.String)).drop("centre")


def _standardised() -> pl.Expr:
    difference = pl.col("n") - pl.col("expected")
    return pl.when(pl.col("variance") > 0).then(difference / pl.col("variance").sqrt()).otherwise(0.0)


def _state(row: dict[str, float], minimum: int) -> str:
    if row["of"] == 0:
        return "cannot_tell"
    if row["of"] < minimum:
        return "few"
    return standing(int(row["n"]), int(row["of"]), row["centre"])


def unread() -> pl.Expr:
    """Whether a finding only says that nobody has read a payer's value: one for each, and on nothing in the records."""
    about_payer = (pl.col("severity") == "info") & (pl.col("subject") == "payer")
    return about_payer & pl.col("evidence").str.contains('"value": "unknown"', literal=True)


def summary(result: Audit) -> dict[str, Any]:
    """The figures of the overview's sentence: visits, claims, findings, claims_hit, dollars, visits_cannot_tell …"""
    real = result.findings.filter(pl.col("severity") != "info")
    shares = at_risk(result.findings, result.lines)
    hit = set(shares["claim_id"]) | set(real["claim_id"].drop_nulls())
    checked = result.visits.filter(pl.col("checked"))
    return {
        "visits": result.visits.height,
        "checked": checked.height,
        "visits_with_finding": int((checked["findings"] > 0).sum()),
        "claims": result.lines["claim_id"].n_unique(),
        "lines": result.lines.height,
        "findings": real.height,
        "info": result.findings.height - real.height,
        "unread": result.findings.filter(unread()).height,
        "claims_hit": len(hit),
        "dollars": float(shares["share"].sum()),
        "visits_cannot_tell": int((result.visits["cannot_tell"]).sum()),
        "units_cannot_tell": int(result.coverage["cannot_tell"].sum()),
    }
