"""What a patient's claim lines add to the year's dollars of a threshold, in the order in which they are added up."""

import narwhals as nw

from compliance.checks.modifiers.therapy_lines import code_kinds
from compliance.checks.terms import cents, flag, has_code

BUCKET = ["patient_id", "year", "bucket"]
LINE = ["claim_id", "line"]
UNPRICED = ("charge", "unknown")
"""What a line's amount is where nobody knows what was, or would be, allowed."""


def added_up(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with what their bucket holds with each (null: the line counts in none).

    Added: `bucket` (PT_SLP, OT), `year`, `own` (the dollars that the line adds), `known` (the bucket's with it), `at_most`,
    `unpriced` and `without_charge` (more than 0: some line of it has no price).
    """
    lines = _of_buckets(claim_lines, therapy_codes)
    counted = lines.filter(
        (nw.col("counts") > 0)
        & nw.col("policy_missing").is_null()
        & ~nw.col("bucket").is_null()
        & ~nw.col("service_date").is_null()
    )
    order = ["service_date", *LINE]
    sums = counted.select(
        *LINE,
        known=nw.col("own").cum_sum().over(*BUCKET, order_by=order),
        at_most=nw.col("own_most").cum_sum().over(*BUCKET, order_by=order),
        unpriced=nw.col("is_unpriced").cum_sum().over(*BUCKET, order_by=order),
        without_charge=nw.col("chargeless").cum_sum().over(*BUCKET, order_by=order),
    )
    return lines.join(sums, on=LINE, how="left")


def _of_buckets(claim_lines: nw.LazyFrame, therapy_codes: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with year, bucket, whether they count towards it, and the dollars that they add, known and at most."""
    lines = claim_lines.join(code_kinds(claim_lines, therapy_codes), on=LINE, how="left")
    speech = nw.col("discipline").is_in(["PT", "SLP"])
    bucket = (
        nw.when(speech)
        .then(nw.lit("PT_SLP"))
        .otherwise(nw.when(nw.col("discipline") == "OT").then(nw.lit("OT")))
    )
    unpriced = nw.col("amount_basis").is_in(UNPRICED)
    amount = cents(nw.coalesce(nw.col("amount"), nw.lit(0.0)))  # payers add up what they allow, in cents
    therapy = ~nw.col("code_kind").is_null() | ~nw.col("modifier_discipline").is_null()
    return lines.with_columns(
        bucket=bucket,
        year=nw.coalesce(nw.col("service_date").dt.year(), nw.lit(0)).cast(nw.Int64),
        counts=flag(therapy & (nw.col("kx_required") | ~nw.col("policy_missing").is_null())),
        kx=flag(has_code("modifiers", "KX")),
        own=nw.when(unpriced).then(nw.lit(0.0)).otherwise(amount),
        own_most=amount,
        is_unpriced=flag(unpriced),
        chargeless=flag(nw.col("amount_basis") == "unknown"),
    )
