"""MOD-03: KX missing above the yearly threshold, or used long before it."""

import narwhals as nw

from compliance.checks.modifiers.running_total import BUCKET, LINE, added_up
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge, yes

PARAMETERS = [
    "kx_required",
    "kx_threshold",
    "medical_review_threshold",
    "kx_near_threshold",
    "kx_early_share",
]
WHOSE = {1: "with other providers", 0: "at least, known here"}
FACTS = [
    "claim_id",
    "line",
    "cpt",
    "service_date",
    "bucket",
    "running_total",
    "threshold",
    "review_threshold",
    "counted",
    "near",
    "dollars_here",
    "elsewhere",
    "elsewhere_on",
    "elsewhere_with_own",
]


@rule(
    code="MOD-03",
    title="KX and the yearly threshold",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["ssa-1833-g", "kx-noridian", "kx-2025", "kx-2026"],
    needs=["claim_lines.service_date", "claim_lines.cpt", "claim_lines.modifiers"],
    adds_up={"claim_lines": "patient"},
    parameters=PARAMETERS,
    exposes="line",
    message={
        "missing": "{cpt} of {service_date} brings the year's {bucket} dollars to ${running_total:,.2f} ({counted}), above "
        "${threshold:,.0f}, and bears no KX{near}",
        "review": "{cpt} of {service_date} brings the year's {bucket} dollars to ${running_total:,.2f} ({counted}), above "
        "${review_threshold:,.0f}, from where claims may be chosen for review",
        "early": "{cpt} of {service_date} bears KX at ${running_total:,.2f} ({counted}) of the year's ${threshold:,.0f} for "
        "{bucket}",
    },
    fix={
        "missing": "Append KX to {cpt}: with this line the year's {bucket} dollars are ${running_total:,.2f}, and above "
        "${threshold:,.0f} every line needs KX. Confirm first that the record supports the necessity of the service.",
        "review": "See that the record shows why skilled therapy goes on; be ready to send it.",
        "early": "Use KX from the line on that brings the year's {bucket} dollars above the threshold, not as a routine.",
    },
)
def kx_missing_above_threshold(
    claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame, therapy_spend: nw.LazyFrame
) -> nw.LazyFrame:
    """Above a yearly amount Medicare pays therapy only with KX, by which the therapist attests that it is necessary.

    ## What it checks
    The allowed dollars of each patient and calendar year in two buckets, PT with SLP and OT, added up in order of date of
    service, claim and line; and KX on each line.

    ## Why it matters
    Without KX every line above the threshold is denied. Above the review threshold claims may be chosen for medical review.

    ## How we read the rule
    - The line that takes the bucket above the threshold needs KX, and every later line of the year. Exactly at the threshold
      none is needed.
    - PT and SLP share one bucket, OT has its own. January begins anew.
    - What counts is the allowed amount, deductible and coinsurance included, after the multiple-procedure reduction and before
      the assistant's. Where no remittance came, the payer's fee or the fee schedule's amount stands for it, reduced in the same
      way. A charge is no allowed amount: where it could decide, it cannot be told.
    - Dollars at other providers count as well: the latest amount on or before the day of service. An amount that includes
      this clinic's own replaces what was added up here to its day.
    - Where no such amount is known, what is known here is the least: above the threshold it is a finding, near below it
      ($150) it cannot be told. Farther below, a line without KX passes: that rests on what is known here alone, and on
      other providers' dollars being fewer than what is left. Load `therapy_spend` to be sure. Where the records say that there
      are such dollars and not how many, it cannot be told.
    - CMS adds up in the order in which it processes claims: near above the threshold the message says so.
    - KX below 90 percent of the threshold is worth knowing where the dollars at other providers are known; where they are
      not, KX may be due, and it cannot be told whether it is early.
    - The line that passes the review threshold is worth knowing.
    - A line of the patient and year that names no payer, or one of the patient without a day, may count: where its dollars
      could take the bucket to the threshold, a line without KX cannot be told.
    - A year whose threshold nobody has read cannot be told.

    ## What it does not check
    Whether the record supports the necessity that KX attests; look at the other findings of the same lines.
    """
    lines = added_up(claim_lines, therapy_codes)
    lines = _with_uncounted(_with_elsewhere(lines, therapy_spend))
    total, most, limit = nw.col("running_total"), nw.col("most"), nw.col("kx_threshold")
    bears = nw.col("kx") > 0
    above = total > limit
    review = (total > nw.col("medical_review_threshold")) & (
        total - nw.col("own") <= nw.col("medical_review_threshold")
    )
    looks_early = bears & (most < limit * nw.col("kx_early_share")) & (nw.col("without_charge") == 0)
    early = looks_early & (nw.col("elsewhere_known") > 0)
    case = nw.lit(None, dtype=nw.String)
    for name, holds in (("early", early), ("review", review), ("missing", above & ~bears)):
        case = nw.when(nw.coalesce(holds, nw.lit(False))).then(nw.lit(name)).otherwise(case)
    lines = lines.with_columns(case=case)
    open_question = ~bears & nw.col("case").is_null()
    could_reach = (most > limit) | (
        (most > limit - nw.col("kx_near_threshold")) & (nw.col("elsewhere_known") == 0)
    )
    uncounted = most + nw.col("payerless") + nw.col("dayless")
    near = nw.when(nw.col("elsewhere_known") == 0).then(nw.col("kx_near_threshold")).otherwise(nw.lit(0.0))
    with_them = open_question & (uncounted > limit - near)
    unpriced = (nw.col("unpriced") > 0) & (could_reach | (nw.col("without_charge") > 0))
    near_below = (nw.col("elsewhere_known") == 0) & (total > limit - nw.col("kx_near_threshold"))
    return judge(
        lines,
        applies=(nw.col("kx_required") & (nw.col("counts") > 0)) | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            "claim_lines.modifiers": nw.col("bucket").is_null(),
            "policy.kx_threshold": limit.is_null(),
            "remittances.allowed": open_question & unpriced,
            "claims.payer_id": with_them & (nw.col("payerless") > 0),
            "claim_lines.service_date": with_them & (nw.col("dayless") > 0),
            "therapy_spend.amount": (open_question & (near_below | yes("unsaid")))
            | (looks_early & nw.col("case").is_null() & (nw.col("elsewhere_known") == 0)),
        },
        fails=~nw.col("case").is_null(),
    ).with_columns(
        threshold=limit,
        review_threshold=nw.col("medical_review_threshold"),
        near=nw.when(total - limit <= nw.col("kx_near_threshold"))
        .then(nw.lit("; Medicare adds up in the order in which it processes claims"))
        .otherwise(nw.lit("")),
        counted=nw.when(nw.col("elsewhere_known") > 0).then(nw.lit(WHOSE[1])).otherwise(nw.lit(WHOSE[0])),
        bucket=nw.when(nw.col("bucket") == "OT").then(nw.lit("OT")).otherwise(nw.lit("PT and SLP")),
    ).select(
        *FACTS, "outcome", "missing", "case", "kx_threshold__id", "medical_review_threshold__id", fault=nw.col("case"),
        severity=nw.when(nw.col("case") == "missing").then(nw.lit("high")).otherwise(nw.lit("info")),
    )  # fmt: skip


def _with_uncounted(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add the dollars that may be of the bucket and were not added up: `payerless`, of lines of the patient and year that name
    no payer, and `dayless`, of lines of the patient without a day."""
    may_count = (nw.col("counts") > 0) & ~nw.col("patient_id").is_null()
    payerless = lines.filter(may_count & nw.col("payer_id").is_null() & ~nw.col("service_date").is_null())
    dayless = lines.filter(may_count & nw.col("service_date").is_null())
    dollars = nw.col("own_most").sum()
    return (
        lines.join(payerless.group_by("patient_id", "year").agg(payerless=dollars), on=["patient_id", "year"], how="left")
        .join(dayless.group_by("patient_id").agg(dayless=dollars), on="patient_id", how="left")
        .with_columns(*(nw.coalesce(nw.col(name), nw.lit(0.0)).alias(name) for name in ("payerless", "dayless")))
    )  # fmt: skip


def _with_elsewhere(lines: nw.LazyFrame, therapy_spend: nw.LazyFrame) -> nw.LazyFrame:
    """Add the dollars at other providers known by each line's day: `running_total`, `most`, `elsewhere_known`, and their parts.

    `dollars_here` were added up of this clinic's lines; `elsewhere` (null: not known) of `elsewhere_on`, which holds this
    clinic's until then where `elsewhere_with_own` is 1. `unsaid`: 1 where the records hold some without their amount.
    """
    spend = therapy_spend.filter(~nw.col("amount").is_null()).select(
        *BUCKET, "as_of", elsewhere="amount", whole=flag(nw.col("includes_own"))
    )
    own = lines.filter(~nw.col("known").is_null()).select(*LINE, *BUCKET, "service_date", "own", "own_most")
    until = (
        own.join(spend, on=BUCKET, how="inner")
        .filter((nw.col("service_date") <= nw.col("as_of")) & (nw.col("whole") > 0))
        .group_by(*BUCKET, "as_of")
        .agg(told=nw.col("own").sum(), told_most=nw.col("own_most").sum())
    )
    spoken = own.join(spend, on=BUCKET, how="inner").filter(nw.col("as_of") <= nw.col("service_date"))
    latest = spoken.group_by(*LINE).agg(as_of=nw.col("as_of").max())
    chosen = (
        spoken.join(latest, on=[*LINE, "as_of"], how="inner")
        .join(until, on=[*BUCKET, "as_of"], how="left")
        .group_by(*LINE)
        .agg(nw.col("elsewhere", "told", "told_most", "whole").max(), elsewhere_on=nw.col("as_of").max())
        .with_columns(elsewhere_known=nw.lit(1))
    )
    unsaid = (
        own.join(
            therapy_spend.filter(nw.col("amount").is_null()).select(*BUCKET, "as_of"), on=BUCKET, how="inner"
        )
        .filter(nw.col("as_of").is_null() | (nw.col("as_of") <= nw.col("service_date")))
        .select(*LINE)
        .unique()
        .with_columns(unsaid=nw.lit(1))
    )
    zero = nw.lit(0.0)
    other = nw.coalesce(nw.col("elsewhere"), zero)
    here = nw.col("known") - nw.coalesce(nw.col("told"), zero)
    most = nw.col("at_most") + other - nw.coalesce(nw.col("told_most"), zero)
    return lines.join(chosen, on=LINE, how="left").join(unsaid, on=LINE, how="left").with_columns(
        running_total=(here + other).round(2), most=most.round(2), elsewhere_known=flag(yes("elsewhere_known")),
        dollars_here=here.round(2), elsewhere_with_own=nw.col("whole"),
    )  # fmt: skip
