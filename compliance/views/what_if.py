"""What a what-if changes."""

import polars as pl

from compliance import formats
from compliance.whatif import Difference


def sentence(told: Difference) -> str:
    """What a what-if does, in one sentence with its numbers."""
    before, after = formats.money(told.dollars_before), formats.money(told.dollars_after)
    found = (
        f"{formats.plural(told.added.height, 'finding')} added, {formats.count(told.removed.height)} removed"
    )
    if told.moved:
        found += f", {formats.count(len(told.moved))} with other dollars or words"
    unknown = told.told[1] - told.told[0]
    if unknown:
        found += (
            f", {formats.plural(abs(unknown), 'check')} {'more' if unknown > 0 else 'fewer'} that cannot tell"
        )
    change = told.dollars_after - told.dollars_before
    if abs(change) < 0.005:
        return f"{found}; dollars at risk stay at {before}."
    sign = "+" if change > 0 else "−"
    return f"{found}; dollars at risk go from {before} to {after} ({sign}{formats.money(abs(change))})."


def sheet(told: Difference, lines: pl.DataFrame) -> pl.DataFrame:
    """The largest changes, a line each: claim, line, code, service, payer_id, therapist_id, before, after, change, rules."""
    return told.largest.join(
        lines.select("claim_id", "line", "cpt", "service_date", "payer_id", "therapist_id"),
        on=["claim_id", "line"],
        how="left",
        maintain_order="left",
    ).select(
        Claim="claim_id", Line="line", Code="cpt", Service="service_date", payer_id="payer_id",
        therapist_id="therapist_id", Before="before", After="after", Change="change", Rules="rules",
    )  # fmt: skip
