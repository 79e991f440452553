"""Whether a payer covers a line's code: its own row, else the status in the fee schedule that it follows."""

import narwhals as nw

from compliance.checks.terms import flag, has_code, in_polars

LINE = ["claim_id", "line"]
DAY = ["patient_id", "service_date", "payer_id"]
COVERED, BUNDLED, EXCLUDED = ("A", "R", "T"), ("B", "P"), ("N", "I")
"""CMS's status indicators: payable; paid only with other services; excluded, or not valid for Medicare."""
UNKNOWN = "unknown"


def with_coverage(lines: nw.LazyFrame, relative_values: nw.LazyFrame) -> nw.LazyFrame:
    """Add `covers`: covered, authorization, not_covered, bundled or unknown.

    A payer's own row comes first. Else, of a payer that follows the Medicare schedule, the status in the newest edition
    begun by the day; what is excluded or bundled there is so only for Medicare itself (`abn_modifiers`).
    """
    status = nw.col("schedule_status")
    medicare = nw.coalesce(nw.col("abn_modifiers"), nw.lit(False))
    by_schedule = nw.lit(UNKNOWN)
    for word, indicators, holds in (
        ("not_covered", EXCLUDED, medicare), ("bundled", BUNDLED, medicare), ("covered", COVERED, nw.lit(True)),
    ):  # fmt: skip
        told = nw.coalesce(status.is_in(indicators), nw.lit(False)) & holds
        by_schedule = nw.when(told).then(nw.lit(word)).otherwise(by_schedule)
    own = nw.when(nw.col("coverage") != UNKNOWN).then(nw.col("coverage"))
    follows = ~nw.col("conversion_factor").is_null()
    return lines.join(_status(lines, relative_values), on=LINE, how="left").with_columns(
        covers=nw.coalesce(own, nw.when(follows).then(by_schedule), nw.lit(UNKNOWN))
    )


def _status(lines: nw.LazyFrame, relative_values: nw.LazyFrame) -> nw.LazyFrame:
    begun = (
        lines.select(*LINE, "cpt", "service_date")
        .join(relative_values.select("cpt", "status", "valid_from"), on="cpt")
        .filter(nw.col("valid_from") <= nw.col("service_date"))
    )
    newest = begun.group_by(*LINE).agg(valid_from=nw.col("valid_from").max())
    return begun.join(newest, on=[*LINE, "valid_from"]).select(*LINE, schedule_status="status")


def with_partner(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add `partner`: the code of the same patient, day and payer with which the line's code is paid, by `bundled_with`."""
    listing = lines.filter(~nw.col("bundled_with").is_null())
    others = lines.select(*DAY, other="cpt").unique()
    pairs = listing.select(*LINE, *DAY, "cpt", "bundled_with").join(others, on=DAY)
    found = pairs.filter(listed(listing, "bundled_with", "other") & (nw.col("other") != nw.col("cpt")))
    return lines.join(found.group_by(*LINE).agg(partner=nw.col("other").min()), on=LINE, how="left")


def with_authorization(lines: nw.LazyFrame, authorizations: nw.LazyFrame) -> nw.LazyFrame:
    """Add `authorized` and `kept`, 1 or 0.

    authorized: the claim names an authorization, or one of its patient and payer speaks for the code and day. kept: the
    records hold authorizations at all.
    """
    granted = authorizations.select("patient_id", "payer_id", "starts_on", "ends_on", codes="cpt")
    pairs = lines.select(*LINE, *DAY, "cpt").join(granted, on=["patient_id", "payer_id"])
    on = nw.col("service_date")
    within = (nw.col("starts_on").is_null() | (nw.col("starts_on") <= on)) & (
        nw.col("ends_on").is_null() | (nw.col("ends_on") >= on)
    )
    speaks = nw.col("codes").is_null() | listed(authorizations.rename({"cpt": "codes"}), "codes", "cpt")
    found = pairs.filter(within & speaks).select(*LINE, granted=nw.lit(1)).unique()
    any_kept = authorizations.select(kept=nw.col("authorization_id").count())
    joined = lines.join(found, on=LINE, how="left").join(any_kept, how="cross")
    return joined.with_columns(
        authorized=flag(~nw.col("granted").is_null() | ~nw.col("authorization_id").is_null()),
        kept=flag(nw.col("kept") > 0),
    )


def listed(rows: nw.LazyFrame, lists: str, code: str) -> nw.Expr:
    """Whether a column of lists holds the code of another column. The lists of a policy or payer are few."""
    told = in_polars(rows.select(lists).unique())[lists].drop_nulls().to_list()
    codes = sorted({each for cell in told for each in cell.split(" ")})
    hits = [nw.coalesce(nw.col(code) == each, nw.lit(False)) & has_code(lists, each) for each in codes]
    return nw.any_horizontal(*hits, ignore_nulls=True) if hits else nw.lit(False)
