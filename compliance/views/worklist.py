"""What waits for a reviewer, what stands, and the clocks that run."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from compliance import formats, risk


def sentence(counted: Mapping[str, int], work: pl.DataFrame, before: Mapping[str, Any] | None) -> str:
    """What is open, and what changed since the run that it is compared with."""
    still = work.filter(pl.col("status").is_in(["open", "asked"]))
    dollars = formats.money(float(still["dollars"].sum()))
    told = f"{formats.plural(still.height, 'finding')} to decide, {dollars} at risk"
    if counted.get("overdue"):
        told += f", {formats.plural(counted['overdue'], 'answer')} overdue"
    if before is None:
        return f"{told}. This is the first run of these records that was kept."
    new, reopened, fixed = (counted.get(name, 0) for name in ("new", "reopened", "fixed"))
    when = formats.day(date.fromisoformat(before["at"][:10]))
    return f"{told}. Since {when}: {new:,} new, {reopened:,} reopened, {fixed:,} fixed."


STANDINGS = ("open", "asked", "confirmed", "dismissed", "waived")
OLD_DAYS = 30
SHARED = " (a line that a dismissed finding has in common with another counts in both)"


def standing_sentence(work: pl.DataFrame, seen: pl.DataFrame, on: date) -> str:
    """Dollars by how findings stand, how many of those to decide are old, and how long decided ones took.

    `work` is `worklist.with_standing`, `seen` `Store.first_seen`. Ages count from the first kept run that showed a finding.
    """
    counted = {row["status"]: row for row in work.group_by("status").agg(
        n=pl.len(), dollars=pl.col("dollars").sum()).iter_rows(named=True)}  # fmt: skip
    told = [
        f"{formats.count(row['n'])} {status} ({formats.money(row['dollars'])})"
        for status in STANDINGS
        if (row := counted.get(status))
    ]
    aged = work.join(seen.select("finding_id", "first"), on="finding_id").with_columns(
        begun=pl.col("first").str.to_datetime(time_zone="UTC"),
        ended=pl.col("at").str.to_datetime(time_zone="UTC"),
    )
    waiting = aged.filter(pl.col("status").is_in(["open", "asked"]))
    old = waiting.filter(pl.col("begun").dt.date() < on - timedelta(days=OLD_DAYS)).height
    share = risk.rate(old, waiting.height)
    age = formats.rate(old, waiting.height, share.low, share.high)
    took = aged.filter(pl.col("status").is_in(["confirmed", "dismissed"]), pl.col("ended") >= pl.col("begun"))
    days = took.select((pl.col("ended") - pl.col("begun")).dt.total_seconds().median() / 86_400).item()
    # dismissed ones share a line's dollars among themselves, the others too
    shared = {"dismissed"} < set(counted)
    parts = [
        (", ".join(told) or "No finding") + (SHARED if shared else ""),
        f"older than {OLD_DAYS} days: {age} of those to decide" if waiting.height else "",
        ""
        if days is None
        else f"decided after {days:.1f} days in the median (of {formats.count(took.height)})",
    ]
    return f"{'; '.join(filter(None, parts))}."


def sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of `worklist.gathered` with headings; `label` says what each is."""
    return rows.select(
        What="label", **{"At risk": pl.col("dollars").round(2)}, Findings="findings", New="new", Reopened="reopened",
        Lines="lines",
    )  # fmt: skip


def pareto_sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, dollars first, with what each and those above it hold of the whole."""
    return sheet(rows).select(
        "At risk", "Findings", rows["cumulative"].alias("Held with those above"), "What", "Lines"
    )


def standing_words(row: Mapping[str, Any]) -> str:
    """How a finding stands: `waived until Sep 1, 2026`, `asked Cy by Jul 8, 2026 (answer overdue)`."""
    until = (
        f" until {formats.day(row['expires_on'])}" if row["expires_on"] and row["status"] == "waived" else ""
    )
    who = f" {row['assignee']} by {formats.day(row['due_on'])}" if row["status"] == "asked" else ""
    note = f" ({row['note']})" if row["note"] else ""
    talk = f", {formats.plural(row['comments'], 'comment')}" if row["comments"] else ""
    return f"{row['status']}{until}{who}{note}{talk}"


def clocks_sentence(running: pl.DataFrame, owed: float) -> str:
    """How much was confirmed as overpaid (`clocks.owed`: each line once), and which day comes first."""
    first = running.row(0, named=True)
    dollars = formats.money(owed)
    days = first["days_left"]
    left = f"{formats.plural(days, 'day')} left" if days >= 0 else f"{formats.plural(-days, 'day')} ago"
    return (
        f"{formats.plural(running.height, 'confirmed overpayment')}, {dollars} that payers paid: the first is to be returned by "
        f"{formats.day(first['due_on'])} ({left}). While it is investigated in good faith the clock may stand still."
    )


def clocks_sheet(running: pl.DataFrame) -> pl.DataFrame:
    """The running clocks with headings."""
    return running.select(
        **{"Return by": "due_on", "Days left": "days_left", "If investigated, at latest": "latest_on"},
        **{"Identified": "identified_on", "Paid by the payer": pl.col("dollars").round(2)},
        Payer="payer_id", Rule="rule", Claim="claim_id", Found="message",
    )  # fmt: skip


def gone_sheet(gone: pl.DataFrame) -> pl.DataFrame:
    """Findings of an earlier run that are no longer there, with headings."""
    return gone.select(
        Since=pl.col("change").replace({"unseen": "not judged again"}), Rule="rule",
        Service=pl.col("service_date").cast(pl.Date), Amount=pl.col("amount").round(2), Found="message",
        Therapist="therapist_id", Patient="patient_id", Payer="payer_id", Claim="claim_id",
    )  # fmt: skip
