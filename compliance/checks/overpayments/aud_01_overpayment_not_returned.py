"""AUD-01: an identified overpayment is not returned in time."""

from datetime import datetime

import narwhals as nw

from compliance.checks.overpayments.clock import days_between, nearest, older_than, with_due
from compliance.checks.rule import rule
from compliance.checks.terms import first, in_polars, judge, ruled

DAYS = ["overpayment_return_days", "overpayment_suspension_days"]
PARAMETERS = [*DAYS, "overpayment_lookback_years", "overpayment_warning_days"]


@rule(
    code="AUD-01",
    title="Overpayment not returned",
    severity="info",
    subject="line",
    key=["overpayment_id"],
    unit="overpayment that somebody identified",
    cites=["42-cfr-401.305", "ssa-1128j-d"],
    needs=["overpayments.identified_on"],
    parameters=PARAMETERS,
    exposes="line",
    message={
        "open": "The overpayment identified on {identified_on} is to be returned by {due_on} ({days_left} days left)",
        "overdue": "The overpayment identified on {identified_on} was to be returned by {due_on}, {days_over} days ago",
        "late": "The overpayment identified on {identified_on} was returned on {returned_on}, {days_over} days after {due_on}",
    },
    fix={
        "open": "Report and return it by {due_on}; record the day. While related overpayments are investigated, record the "
        "first and last day of it.",
        "overdue": "Report and return it now, record the day, and ask counsel about the delay.",
        "late": "Ask counsel whether the delay is to be reported.",
    },
)
def overpayment_not_returned(
    overpayments: nw.LazyFrame, claim_lines: nw.LazyFrame, remittances: nw.LazyFrame, as_of: datetime
) -> nw.LazyFrame:
    """Money that is known not to be ours must go back in time; kept longer it becomes a false claim.

    ## What it checks
    Each recorded overpayment: a person decided that the payer paid too much, and on which day that was known.

    ## Why it matters
    An overpayment that is not returned in time is an obligation under the False Claims Act, with penalties for each claim.

    ## How we read the rule
    - A finding is no identified overpayment. The clock starts when a person records the decision.
    - The day of identification is day 0; the last day in time is so many days later.
    - A timely good-faith investigation of related overpayments suspends the clock until it ends, at most so many days
      after identification. Days used before it began are not given back. An open one is taken to its latest end.
    - An investigation that begins after the clock has run out suspends nothing, and one never shortens the time.
    - Medicaid has the days without the suspension. For other payers the contract says what is to be done: not judged.
    - Money received longer ago than the look-back, counted to the day of identification, need not be returned.
    - Until the last day it is worth knowing, with the warning that was reached; from the day after it is high. What was
      returned late is a repayment risk without dollars.

    ## What it does not check
    Whether the amount is right, and whether an investigation was timely and in good faith.
    """
    received = remittances.group_by("claim_id").agg(received_on=nw.col("paid_on").max())
    lines = claim_lines.select("claim_id", "line", line_amount="amount")
    told = in_polars(overpayments.select("overpayment_warning_days").unique())
    warnings = told["overpayment_warning_days"].drop_nulls().to_list()
    today = nw.lit(as_of).cast(nw.Datetime("us"))
    rows = (
        with_due(overpayments.drop("service_date"))
        .join(received, on="claim_id", how="left")
        .join(lines, on=["claim_id", "line"], how="left")
        .with_columns(days_left=days_between(today, nw.col("due_on")))
        .with_columns(
            days_over=days_between(nw.col("due_on"), nw.coalesce(nw.col("returned_on"), today)),
            warning=nearest(nw.col("days_left"), nw.col("overpayment_warning_days"), warnings),
        )
    )
    years = nw.col("overpayment_lookback_years")
    too_old = older_than(nw.col("received_on"), years, nw.col("identified_on"))
    returned = ~nw.col("returned_on").is_null()
    over = nw.col("days_over") > 0
    case = first(("late", returned & over), ("overdue", ~returned & over), ("open", ~returned))
    judged = judge(
        rows.with_columns(case=case),
        applies=ruled("overpayment_return_days") & ~nw.coalesce(too_old, nw.lit(False)),
        cannot_tell={
            "overpayments.identified_on": nw.col("identified_on").is_null(),
            "overpayments.investigation_from": nw.col("investigation_from").is_null()
            & ~nw.col("investigation_to").is_null()
            & ~nw.col("overpayment_suspension_days").is_null(),
        },
        fails=~nw.col("case").is_null(),
    )
    severity = first(
        ("high", nw.col("case") == "overdue"), ("medium", nw.col("case") == "late"), ("info", nw.lit(True))
    )
    share = nw.when(nw.col("line_amount") > 0).then(nw.col("amount") / nw.col("line_amount"))
    return judged.select(
        "overpayment_id", "claim_id", "line", "patient_id", "payer_id", "clinic_id", "outcome", "missing", "case",
        "amount", "identified_on", "investigation_from", "investigation_to", "returned_on", "due_on", "days_left",
        "days_over", "warning", *(f"{name}__id" for name in PARAMETERS), severity=severity,
        finding="finding_id",
        exposed_share=nw.when(nw.col("case") == "late").then(nw.lit(0.0)).otherwise(share),
    )  # fmt: skip
