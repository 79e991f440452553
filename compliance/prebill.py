"""Before billing: hold or release for each claim that is not sent yet, and which fixes release the most.

A claim is held where a finding of severity high or medium touches it, unless a reviewer dismissed or waived the finding.
What could not be told holds none, and is no pass either: it stands beside the decision.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from compliance.audit import VISIT, Audit
from compliance.checks.rule import AT_RISK
from compliance.risk import at_risk

HOLD, RELEASE = "hold", "release"


def blocking(result: Audit, lifted: Collection[str] = ()) -> pl.DataFrame:
    """What holds each claim: claim_id, finding_id; the findings that were `lifted` hold none."""
    shares = at_risk(result.findings, result.lines)
    named = result.findings.filter(pl.col("severity").is_in(AT_RISK))
    hits = pl.concat([named.select("claim_id", "finding_id"), shares.select("claim_id", "finding_id")])
    return (
        hits.drop_nulls()
        .filter(~pl.col("finding_id").is_in(list(lifted)))
        .join(result.lines.select("claim_id").unique(), on="claim_id", how="semi")
        .unique()
        .sort("claim_id", "finding_id")
    )


def pre_bill(result: Audit, lifted: Collection[str] = ()) -> list[dict[str, Any]]:
    """Each claim of an audit of what is unsubmitted: claim_id, decision (`hold`, `release`), amount, findings (ids).

    `cannot_tell`: whether a check on one of its visits could not be told.
    """
    held = blocking(result, lifted)
    by_claim = {key[0]: group["finding_id"].to_list() for key, group in held.group_by("claim_id")}
    claims = result.lines.group_by("claim_id").agg(pl.col("amount").sum()).sort("claim_id")
    doubtful = result.visits.filter(pl.col("cannot_tell")).select(VISIT)
    untold = set(result.lines.join(doubtful, on=VISIT, how="semi")["claim_id"])
    return [
        {
            "claim_id": row["claim_id"],
            "decision": HOLD if row["claim_id"] in by_claim else RELEASE,
            "amount": round(row["amount"], 2),
            "findings": by_claim.get(row["claim_id"], []),
            "cannot_tell": row["claim_id"] in untold,
        }
        for row in claims.iter_rows(named=True)
    ]


def unsent(result: Audit) -> int:
    """How many claims of an audit are not sent yet."""
    return result.lines.filter(~pl.col("submitted").fill_null(False))["claim_id"].n_unique()


def released_untold(claims: Iterable[Mapping[str, Any]]) -> int:
    """How many of the released claims could not be checked in full."""
    return sum(claim["decision"] == RELEASE and claim["cannot_tell"] for claim in claims)


def fixes(result: Audit, key: pl.Expr, lifted: Collection[str] = ()) -> pl.DataFrame:
    """What to fix, blockers first, then by the dollars that the fix alone releases.

    `key` gathers findings to one fix (`review.worklist.cause_key`). Columns: key, severity (the worst), rule, subject,
    therapist_id, patient_id, payer_id, service_date, message, fix, ids, findings, claims (held by it), released (dollars of
    the claims that nothing else holds), held (dollars of all the claims that it holds).
    """
    held = blocking(result, lifted)
    told = result.findings.with_columns(key=key).join(held, on="finding_id", how="semi")
    worth = result.lines.group_by("claim_id").agg(worth=pl.col("amount").sum())
    by_fix = held.join(told.select("finding_id", "key"), on="finding_id").select("claim_id", "key").unique()
    dollars = (
        by_fix.join(worth, on="claim_id")
        .with_columns(alone=pl.len().over("claim_id") == 1)
        .group_by("key")
        .agg(
            claims=pl.len().cast(pl.Int64),
            released=pl.col("worth").filter(pl.col("alone")).sum(),
            held=pl.col("worth").sum(),
        )
    )
    order = pl.col("severity").replace_strict({each: place for place, each in enumerate(AT_RISK)}, default=9)
    return (
        told.with_columns(place=order)
        .sort(["place", "amount_at_risk", "finding_id"], descending=[False, True, False])
        .group_by("key", maintain_order=True)
        .agg(
            pl.col(
                "severity",
                "rule",
                "subject",
                "therapist_id",
                "patient_id",
                "payer_id",
                "service_date",
                "message",
                "fix",
                "place",
            ).first(),
            ids=pl.col("finding_id"),
            findings=pl.len().cast(pl.Int64),
        )
        .join(dollars, on="key")
        .sort(["place", "released", "held", "key"], descending=[False, True, True, False])
        .drop("place")
    )


def released_by(result: Audit, fixed: Collection[str], lifted: Collection[str] = ()) -> tuple[int, float]:
    """How many claims, and what dollars, are released once these findings are fixed, beyond those that are released now."""
    now = {row["claim_id"] for row in pre_bill(result, lifted) if row["decision"] == RELEASE}
    then = [row for row in pre_bill(result, {*lifted, *fixed}) if row["decision"] == RELEASE]
    gained = [row["amount"] for row in then if row["claim_id"] not in now]
    return len(gained), float(sum(gained))


def sheet(claims: list[dict[str, Any]], result: Audit) -> pl.DataFrame:
    """The claims for the billing system: claim_id, decision, amount, rules (`PR-01 UNIT-01`), fixes (sentences),
    cannot_tell (whether a check on it could not be told).
    """
    rules = dict(result.findings.select("finding_id", "rule").iter_rows())
    told = dict(result.findings.select("finding_id", "fix").iter_rows())
    rows = [
        {
            "claim_id": claim["claim_id"],
            "decision": claim["decision"],
            "amount": claim["amount"],
            "rules": " ".join(sorted({rules[each] for each in claim["findings"]})) or None,
            "fixes": " ".join(dict.fromkeys(told[each] for each in claim["findings"])) or None,
            "cannot_tell": claim["cannot_tell"],
        }
        for claim in claims
    ]
    schema: dict[str, pl.DataType] = dict.fromkeys(
        ("claim_id", "decision", "amount", "rules", "fixes"), pl.String()
    )
    schema |= {"amount": pl.Float64(), "cannot_tell": pl.Boolean()}
    return pl.DataFrame(rows, schema=schema)
