"""What waits to be billed, and who is to fix what by when."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from compliance import formats
from compliance.prebill import released_untold
from compliance.views.findings import signed_severities


def sentence(
    claims: Sequence[Mapping[str, Any]],
    fixes: pl.DataFrame,
    first: tuple[int, float],
    top: int,
    in_all: int = 0,
) -> str:
    """How much is held and released of what is not sent yet, and what the first fixes would release.

    `in_all` claims wait whatever the filters.
    """
    if not claims and in_all:
        others = f"{formats.count(in_all)} {'does' if in_all == 1 else 'do'} in all"
        return f"No claim under these filters waits to be billed; {others}."
    if not claims:
        return "Every claim of these records was sent: nothing waits to be billed."
    held = [claim for claim in claims if claim["decision"] == "hold"]
    whole = formats.money(sum(claim["amount"] for claim in claims))
    told = f"{formats.plural(len(claims), 'unsent claim')}, {whole}: "
    unsure = released_untold(claims)
    partly = f", {formats.count(unsure)} of them not checked in full" if unsure else ""
    if not held:
        return f"{told}release all of them{partly}."
    dollars = formats.money(sum(claim["amount"] for claim in held))
    told += f"hold {formats.count(len(held))} ({dollars}), release {formats.count(len(claims) - len(held))}{partly}."
    number = min(top, fixes.height)
    these = "Fixing the first one" if number == 1 else f"Fixing the first {number}"
    return f"{told} {these} releases {formats.plural(first[0], 'claim')}, {formats.money(first[1])}."


def fixes_sheet(fixes: pl.DataFrame, words: Sequence[str], due: date) -> pl.DataFrame:
    """The fixes with headings: what, what each releases, whose it is, by when, and how; the longest last, a screen may cut it."""
    return fixes.select(
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        What=pl.Series(words, dtype=pl.String),
        Releases=pl.col("released").round(2),
        Claims="claims",
        Held=pl.col("held").round(2),
        Owner=pl.col("owner"),
        Due=pl.coalesce("due_on", pl.lit(due)),
        Fix="fix",
    )


def next_friday(today: date) -> date:
    """The Friday of this week, or of the next one on a Saturday or Sunday: when a clinic's week of claims goes out."""
    return today + timedelta(days=(4 - today.weekday()) % 7)
