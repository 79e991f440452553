"""What the rules on signatures and edits know of a note's billing, and of a claim's form."""

import narwhals as nw

from compliance.checks.terms import flag

INSTITUTIONS = ("rehab_agency", "corf", "hospital_outpatient", "snf_part_b", "home_health_part_b")
"""Settings that bill on the institutional form, where the claim does not say which it is."""


def billed_on(claim_lines: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """When each note was first billed: note_id, billed (1: a submitted line bills it), claimed_on (null: not known)."""
    sent = claims.select("claim_id", "submitted_on")
    lines = claim_lines.filter(nw.col("submitted") & ~nw.col("note_id").is_null()).join(
        sent, on="claim_id", how="left"
    )
    return (
        lines.group_by("note_id").agg(claimed_on=nw.col("submitted_on").min()).with_columns(billed=nw.lit(1))
    )


def is_institutional() -> nw.Expr:
    """1 where a line's claim is institutional, by `form`, else by `setting`; 0 where not; null where neither is known."""
    form, setting = nw.col("form"), nw.col("setting")
    by_setting = nw.when(~setting.is_null()).then(flag(setting.is_in(INSTITUTIONS)))
    return nw.when(~form.is_null()).then(flag(form == "institutional")).otherwise(by_setting)
