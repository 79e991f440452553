"""Overpayments that a reviewer confirmed, and the day by which each is to be returned.

The clock starts when a reviewer first confirms a finding that puts paid dollars at risk; the screen's finding alone starts
none. Confirming again, asking somebody or waiving gives no new days and stops none: dismissing or opening it again does.
An overpayment that the records hold for the finding gives its own days, and stops the clock once it was returned.
Dates, not legal advice: how long it may stand still while it is investigated in good faith is told beside it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from compliance.audit import line_items
from compliance.checks.overpayments.clock import RETURN, SUSPENSION, due_on
from compliance.policy import Policies

CLOCK_SCHEMA: dict[str, pl.DataType] = {
    "finding_id": pl.String(), "rule": pl.String(), "payer_id": pl.String(), "claim_id": pl.String(), "message": pl.String(),
    "dollars": pl.Float64(), "identified_on": pl.Date(), "due_on": pl.Date(), "latest_on": pl.Date(), "days_left": pl.Int64(),
}  # fmt: skip

PAID = (pl.col("amount") * pl.col("part")).alias("amount")
"""Dollars of a line at risk that the payer paid, and gets back."""


def clocks(
    work: pl.DataFrame,
    lines: pl.DataFrame,
    payers: Mapping[str, str | None],
    policies: Policies,
    on: date,
    recorded: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row a confirmed finding with paid dollars whose payer sets a day of return: CLOCK_SCHEMA, the nearest first.

    `work` is `worklist.with_standing`; `lines` the audit's: those that a remittance allowed dollars for count, with the part
    that the payer paid of them; `payers` names each payer's policy; `recorded` the records' overpayments. `latest_on` is the
    day if an investigation takes all the time that it may.
    """
    paid = _paid(lines)
    confirmed = work.filter(pl.col("confirmed_at").is_not_null() & (pl.col("amount_at_risk") > 0))
    held = _recorded(recorded)
    rows = []
    for finding in confirmed.iter_rows(named=True):
        row = _clock(finding, paid, payers, policies, on, held.get(finding["finding_id"], {}))
        if row:
            rows.append(row)
    return pl.DataFrame(rows, schema=CLOCK_SCHEMA, orient="row").sort("due_on", "finding_id")


def owed(running: pl.DataFrame, work: pl.DataFrame, lines: pl.DataFrame) -> float:
    """Dollars of the running clocks (`clocks`) together: a line that several findings hit counts once, for the largest."""
    paid = _paid(lines)
    findings = work.filter(pl.col("finding_id").is_in(running["finding_id"].implode()))
    once = line_items(findings).join(paid, on=["claim_id", "line"]).group_by("claim_id", "line")
    return float(once.agg(PAID.max())["amount"].sum())


def _paid(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines that a remittance allowed dollars for, with the payer's `part` of them: the rest was the patient's.

    Where the remittance does not say what was paid, all of it.
    """
    part = (pl.col("payer_paid") / pl.col("allowed")).clip(0, 1).fill_null(1.0)
    return lines.filter(pl.col("allowed") > 0).select("claim_id", "line", part=part)


def _recorded(overpayments: pl.DataFrame | None) -> dict[str, dict[str, Any]]:
    """The days that the records hold of each finding's overpayment; of several the earliest that is not returned yet."""
    if overpayments is None:
        return {}
    ordered = overpayments.drop_nulls("finding_id").sort(
        pl.col("returned_on").is_not_null(), "identified_on", "overpayment_id", nulls_last=True
    )
    return {
        row["finding_id"]: row for row in ordered.unique("finding_id", keep="first").iter_rows(named=True)
    }


def _clock(
    finding: Mapping[str, Any],
    paid: pl.DataFrame,
    payers: Mapping[str, str | None],
    policies: Policies,
    on: date,
    held: Mapping[str, Any],
) -> dict[str, Any] | None:
    policy = payers.get(finding["payer_id"] or "")
    if held.get("returned_on") is not None:
        return None
    decided = (
        datetime.fromisoformat(finding["confirmed_at"]).astimezone().date()
    )  # the clinic's day, not UTC's
    identified = min(filter(None, (decided, _day(held.get("identified_on")))))
    days = policies.value(policy, RETURN, identified) if policy else None
    if days is None or not isinstance(days.value, int):
        return None
    of_it = line_items(pl.DataFrame({"lines": [finding["lines"]]})).join(paid, on=["claim_id", "line"])
    dollars = float(of_it.select(PAID.sum()).item())
    if dollars <= 0:
        return None
    suspended = policies.value(policy, SUSPENSION, identified) if policy else None
    still = suspended.value if suspended is not None and isinstance(suspended.value, int) else None
    begun, ended = (_day(held.get(f"investigation_{end}")) for end in ("from", "to"))
    due = due_on(identified, days.value, still if begun else None, begun, ended)
    return {
        **{name: finding[name] for name in ("finding_id", "rule", "payer_id", "claim_id", "message")},
        "dollars": dollars, "identified_on": identified, "due_on": due,
        "latest_on": due_on(identified, days.value, still, begun or identified, ended), "days_left": (due - on).days,
    }  # fmt: skip


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
