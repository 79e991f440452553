"""INT-14: a note's text was changed after the claim was sent, without an addendum."""

import narwhals as nw

from compliance.checks.integrity.billing import billed_on
from compliance.checks.rule import rule
from compliance.checks.terms import judge, yes

LABELLED = r"(?i)addend|late entry|amended (?:on|entry|note)|correct(?:ed|ion) (?:on|entry)"
"""How a text marks what was added later."""


@rule(
    code="INT-14",
    title="Note changed after billing",
    severity="medium",
    subject="note",
    unit="billed note",
    cites=["house-default", "pim-3-signatures"],
    needs=["notes.edited_at", "claims.submitted_on", "claim_lines.service_date"],
    exposes="note",
    message="The note of {service_date} was changed on {edited_at}, after its claim of {claimed_on}, and no addendum says what",
    fix="Restore the text as it was billed, and put what was changed into an addendum, labelled and dated on the day it "
    "is written. Keep the audit trail.",
)
def changed_after_billing(
    notes: nw.LazyFrame, claim_lines: nw.LazyFrame, claims: nw.LazyFrame
) -> nw.LazyFrame:
    """What was billed rested on a text that is no longer there.

    ## What it checks
    Each note whose visit was billed, for a change of its text on a later day than the claim.

    ## Why it matters
    A record that changes after payment cannot prove what was paid. Changes must be visible: dated, signed, and beside the
    words they correct.

    ## How we read the rule
    - A change on the day of the claim is not after it.
    - An addendum that names the note makes the change visible; so does a text that marks its own addition
      (*addendum*, *late entry*).
    - Without a time of change the text stands as it was finished.
    - A text that was first finished after the claim is INT-03, not this rule.
    - The lines are named, and a person decides about the dollars.

    ## What it does not check
    What was changed. Changes of fields other than the text.
    """
    addenda = (
        notes.filter(~nw.col("amends_note_id").is_null())
        .select(note_id="amends_note_id")
        .unique()
        .with_columns(amended=nw.lit(1))
    )
    billed = billed_on(claim_lines, claims)
    units = notes.join(billed, on="note_id", how="inner").join(addenda, on="note_id", how="left")
    edited, claimed = nw.col("edited_at"), nw.col("claimed_on")
    labelled = nw.coalesce(nw.col("text").str.contains(LABELLED), nw.lit(False)) | yes("amended")
    finished = nw.coalesce(nw.col("written_at"), nw.col("signed_on")).dt.truncate("1d")
    finished_before = finished.is_null() | (finished <= claimed)
    later = ~edited.is_null() & ~claimed.is_null() & (edited.dt.truncate("1d") > claimed)
    return judge(
        units,
        cannot_tell={"claims.submitted_on": ~edited.is_null() & claimed.is_null()},
        fails=later & finished_before & ~labelled,
    ).select("note_id", "outcome", "missing", "edited_at", "claimed_on", exposed_share=nw.lit(0.0))
