"""What the rules on signatures and edits know of a note's billing."""

import narwhals as nw


def billed_on(claim_lines: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """When each note was first billed: note_id, billed (1: a submitted line bills it), claimed_on (null: not known)."""
    sent = claims.select("claim_id", "submitted_on")
    lines = claim_lines.filter(nw.col("submitted") & ~nw.col("note_id").is_null()).join(
        sent, on="claim_id", how="left"
    )
    return (
        lines.group_by("note_id").agg(claimed_on=nw.col("submitted_on").min()).with_columns(billed=nw.lit(1))
    )
