"""INT-06: a line was billed for another day than its note's."""

import narwhals as nw

from compliance.checks.integrity.matching import charted, is_session, untold
from compliance.checks.rule import rule
from compliance.checks.terms import judge


@rule(
    code="INT-06",
    title="Note and claim bear different dates",
    severity="high",
    subject="line",
    unit="claim line with a note",
    cites=["ssa-1833-e", "house-default"],
    needs=["notes.patient_id", "notes.service_date", "claim_lines.service_date"],
    absence_of={"notes": "day"},
    parameters=["note_date_tolerance_days"],
    exposes="line",
    message="{cpt} was billed for {service_date}, but its note is of {note_on}",
    fix="Correct the date: the note of {note_on} does not document {service_date}. Send a corrected claim, or refund "
    "the line.",
)
def note_of_another_day(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """The visit took place, but the claim says another day than the chart.

    ## What it checks
    Each claim line that has no note of its own day, but one of another day that can only be its own.

    ## Why it matters
    A line is payable for the day on which the service was given. With a wrong date it is denied as not documented, and
    it shifts the count of visits, units and days of every other rule.

    ## How we read the rule
    - A note that the line names, of another day, is the line's note, however far away.
    - Of notes that the line does not name, one of the day before or after counts, of the patient and discipline,
      where no line bills the note's own day, and the note holds the code or no codes.
    - A line with an attended note on its own day is right.
    - A line with no note at all is INT-04, not this rule.

    ## What it does not check
    Which of the two dates is true. A visit past midnight is of the day on which it began.
    """
    lines = charted(claim_lines, notes, interventions, "note_date_tolerance_days")
    found = ~nw.col("other_note_id").is_null()
    return judge(
        lines,
        applies=is_session() & ((nw.col("here") > 0) | found | ~nw.col("unknown").is_null()),
        cannot_tell=untold(),
        fails=found,
    ).select(
        "claim_id", "line", "outcome", "missing", "cpt", "service_date", "note_on", "note_date_tolerance_days__id",
        note_id=nw.when(found).then(nw.col("other_note_id")).otherwise(nw.col("note_id")),
    )  # fmt: skip
