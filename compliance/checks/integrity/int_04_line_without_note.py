"""INT-04: a claim line that no note documents."""

import narwhals as nw

from compliance.checks.integrity.matching import charted, is_session, untold
from compliance.checks.rule import rule
from compliance.checks.terms import judge


@rule(
    code="INT-04",
    title="Claim line without a note",
    severity="medium",
    subject="line",
    unit="claim line",
    cites=["cms-compliance-tips-pt", "ssa-1833-e"],
    needs=["notes.patient_id", "notes.service_date", "claim_lines.service_date"],
    absence_of={"notes": "day"},
    parameters=["note_date_tolerance_days"],
    exposes="line",
    message={
        "none": "{cpt} x{units} was billed for {service_date}, but no note documents that day",
        "no_show": "{cpt} x{units} was billed for {service_date}, but the only note of that day says that the patient did "
        "not come",
    },
    fix={
        "none": "No {cpt} documentation for {service_date}: locate the note, correct the date, or refund the line.",
        "no_show": "No {cpt} documentation for {service_date}: correct the date, or refund the line.",
    },
)
def line_without_note(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """What was billed for a day on which the chart holds no visit.

    ## What it checks
    Each claim line needs a note of its patient, day and discipline that says the patient came.

    ## Why it matters
    A service that no note shows was, for a reviewer, not given: the whole line is to be paid back. Missing and
    insufficient documentation is the largest cause of improper payment for therapy.

    ## How we read the rule
    - Any attended note of the day serves, whatever its kind: what it must hold is judged by other rules.
    - The discipline is that of the line's GP, GO or GN, or of who rendered it. A wrong modifier does not make a
      note missing.
    - A no-show, cancelled or missed-visit note documents no service.
    - A note of the day before or after that bills nothing itself is the line's note under a wrong date: INT-06.
      So is a note of any other day that the line names.
    - A patient without any note of the discipline in the export cannot be told, nor a line before the first of
      them: the export may begin later than the claims.
    - A line that names a note which the export lacks cannot be told, nor one that a note of its patient without a day, or
      of its day without a patient, may document.
    - Remote monitoring has no visit note and is not judged; a line without a code and a note may be one.

    ## What it does not check
    Whether the note holds the code (INT-05), and whether what it says supports the code (DOC, UNIT). Notes that the
    export lacks at its end look as if they had not been written: load notes through the same day as the claims.
    """
    lines = charted(claim_lines, notes, interventions, "note_date_tolerance_days")
    no_show = nw.col("no_show") > 0
    return judge(
        lines.with_columns(case=nw.when(no_show).then(nw.lit("no_show")).otherwise(nw.lit("none"))),
        applies=is_session() & nw.col("other_note_id").is_null(),
        cannot_tell={**untold(), "claim_lines.cpt": (nw.col("here") == 0) & nw.col("cpt").is_null()},
        fails=nw.col("here") == 0,
    ).select(
        "claim_id",
        "line",
        "outcome",
        "missing",
        "case",
        "cpt",
        "units",
        "first_note_on",
        fault=nw.col("case"),
    )
