"""Overpayments that a reviewer confirmed, and the day by which each is to be returned.

The clock starts when a reviewer confirms a finding that puts paid dollars at risk; the screen's finding alone starts none.
Dates, not legal advice: how long it may stand still while it is investigated in good faith is told beside it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from compliance.audit import line_items
from compliance.checks.overpayments.clock import RETURN, SUSPENSION, due_on
from compliance.policy import Policies
from compliance.review.decisions import CONFIRMED

CLOCK_SCHEMA: dict[str, pl.DataType] = {
    "finding_id": pl.String(), "rule": pl.String(), "payer_id": pl.String(), "claim_id": pl.String(), "message": pl.String(),
    "dollars": pl.Float64(), "identified_on": pl.Date(), "due_on": pl.Date(), "latest_on": pl.Date(), "days_left": pl.Int64(),
}  # fmt: skip


def clocks(
    work: pl.DataFrame, lines: pl.DataFrame, payers: Mapping[str, str | None], policies: Policies, on: date
) -> pl.DataFrame:
    """One row a confirmed finding with paid dollars whose payer sets a day of return: CLOCK_SCHEMA, the nearest first.

    `work` is `worklist.with_standing`; `lines` the audit's, of which those that a remittance allowed dollars for count as
    paid; `payers` names each payer's policy. `latest_on` is the day if an investigation takes all the time that it may.
    """
    paid = lines.filter(pl.col("allowed") > 0).select("claim_id", "line")
    confirmed = work.filter((pl.col("status") == CONFIRMED) & (pl.col("amount_at_risk") > 0))
    rows = []
    for finding in confirmed.iter_rows(named=True):
        row = _clock(finding, paid, payers, policies, on)
        if row:
            rows.append(row)
    return pl.DataFrame(rows, schema=CLOCK_SCHEMA, orient="row").sort("due_on", "finding_id")


def _clock(
    finding: Mapping[str, Any],
    paid: pl.DataFrame,
    payers: Mapping[str, str | None],
    policies: Policies,
    on: date,
) -> dict[str, Any] | None:
    policy = payers.get(finding["payer_id"] or "")
    identified = datetime.fromisoformat(finding["at"]).astimezone().date()  # the clinic's day, not UTC's
    days = policies.value(policy, RETURN, identified) if policy else None
    if days is None or not isinstance(days.value, int):
        return None
    of_it = line_items(pl.DataFrame({"lines": [finding["lines"]]})).join(
        paid, on=["claim_id", "line"], how="semi"
    )
    dollars = float(of_it["amount"].sum())
    if dollars <= 0:
        return None
    held = policies.value(policy, SUSPENSION, identified) if policy else None
    still = held.value if held is not None and isinstance(held.value, int) else None
    due = due_on(identified, days.value)
    return {
        **{name: finding[name] for name in ("finding_id", "rule", "payer_id", "claim_id", "message")},
        "dollars": dollars, "identified_on": identified, "due_on": due,
        "latest_on": due_on(identified, days.value, still, identified), "days_left": (due - on).days,
    }  # fmt: skip
