"""INT-12: a claim was not filed within the payer's time limit, or the limit is near."""

from datetime import datetime

import narwhals as nw

from compliance.checks.integrity.filing import with_last_day
from compliance.checks.rule import rule
from compliance.checks.terms import first, judge, ruled, whole_days


@rule(
    code="INT-12",
    title="Timely filing",
    severity="high",
    subject="line",
    unit="claim line of a first payer",
    cites=["42-cfr-424.44", "42-cfr-447.45", "ngs-denial-codes"],
    needs=["claims.submitted_on", "claim_lines.service_date"],
    parameters=["timely_filing_days", "timely_filing_months", "timely_filing_warn_share"],
    exposes="line",
    message={
        "unsent": "{cpt} of {service_date} was not filed by {limit_on}, the last day, {days_over} days ago",
        "late": "{cpt} of {service_date} was filed on {filed_on}, {days_over} days after the last day, {limit_on}",
        "near": "{cpt} of {service_date} is not filed yet; the last day is {limit_on} ({days_left} days left)",
    },
    fix={
        "unsent": "Do not bill the patient. Ask the payer for an exception, if one applies (CARC 29); else write it off.",
        "late": "Ask the payer for an exception with proof of timely filing, if there is any (CARC 29); else write it off.",
        "near": "File the claim by {limit_on}.",
    },
)
def filed_too_late(claim_lines: nw.LazyFrame, claims: nw.LazyFrame, as_of: datetime) -> nw.LazyFrame:
    """Each payer sets a last day for filing; after it the service is not paid, and the patient may not be billed.

    ## What it checks
    Each line of a first payer's claim against the payer's limit, from the day of service.

    ## Why it matters
    A claim past the limit is denied (CARC 29) and mostly cannot be cured.

    ## How we read the rule
    - The day of service is day 0. A limit in months is the calendar's: 12 months from Nov 20, 2025 end on
      Nov 20, 2026.
    - A claim is filed on the day the payer received it, else on the day it was sent; one that is not sent is judged
      today.
    - A replacement is judged by the claim that it replaces: corrected claims have limits of their own.
    - When three quarters of the time have passed, a claim that is not filed yet is worth knowing.
    - A late claim that was paid risks repayment; any other is not payable.
    - A second payer's limit runs from the first payer's answer, and is not judged.
    - Limits of commercial and Medicare Advantage plans stand in their contracts: of a plan whose limit is not in its policy, in
      days or in months, it cannot be told.

    ## What it does not check
    Limits of corrected claims and appeals; exceptions, such as retroactive entitlement.
    """
    lines = _filed(claim_lines, claims).filter(nw.coalesce(nw.col("payer_order"), nw.lit(1)) == 1)
    lines = with_last_day(
        lines, "limit_on", begins="service_date", days="timely_filing_days", months="timely_filing_months"
    )
    today = nw.lit(as_of).cast(nw.Datetime("us"))
    reached = nw.coalesce(nw.when(nw.col("submitted")).then(nw.col("filed_on")), today)
    passed = whole_days(reached - nw.col("service_date"))
    lines = lines.with_columns(passed=passed, term=nw.col("limit_on_days")).with_columns(
        days_over=nw.col("passed") - nw.col("term"), days_left=nw.col("term") - nw.col("passed")
    )
    over = ~nw.col("days_over").is_null() & (nw.col("days_over") > 0)
    near = nw.col("passed") >= nw.col("term") * nw.col("timely_filing_warn_share")
    case = first(
        ("late", over & nw.col("submitted")),
        ("unsent", over & ~nw.col("submitted")),
        ("near", ~nw.col("submitted") & ~nw.col("term").is_null() & near),
    )
    lines = lines.with_columns(case=case)
    paid = (nw.col("case") == "late") & (nw.col("status") == "paid")
    severity = nw.when(paid).then(nw.lit("medium")).otherwise(nw.lit("high"))
    unsourced = (nw.col("frequency_code") == "7") & nw.col("original_on").is_null()
    return judge(
        lines.with_columns(policy_missing=_unread()),
        applies=ruled("timely_filing_days", "timely_filing_months"),
        cannot_tell={
            "claim_lines.service_date": nw.col("service_date").is_null(),
            "claims.submitted_on": nw.col("submitted") & nw.col("filed_on").is_null(),
            "claims.original_claim_id": (nw.col("case") == "late") & unsourced,
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "limit_on", "filed_on", "days_over",
        "days_left", "timely_filing_days__id", "timely_filing_months__id", "timely_filing_warn_share__id",
        fault=nw.col("case"), severity=nw.when(nw.col("case") == "near").then(nw.lit("info")).otherwise(severity),
    )  # fmt: skip


def _unread() -> nw.Expr:
    """`policy_missing`, but for the limit in days of a payer whose limit in months is known."""
    days = nw.coalesce(nw.col("policy_missing") == "policy.timely_filing_days", nw.lit(False))
    return nw.when(~(days & ~nw.col("timely_filing_months").is_null())).then(nw.col("policy_missing"))


def _filed(claim_lines: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with `filed_on`: when their claim, or the one that it replaces, reached the payer."""
    reached = nw.coalesce(nw.col("received_on"), nw.col("submitted_on"))
    sent = claims.select("claim_id", "frequency_code", "original_claim_id", own_on=reached)
    first_sent = claims.select(original_claim_id="claim_id", original_on=reached)
    return (
        claim_lines.join(sent, on="claim_id", how="left")
        .join(first_sent, on="original_claim_id", how="left")
        .with_columns(filed_on=nw.coalesce(nw.col("original_on"), nw.col("own_on")))
    )
