"""DOC-05: a note of 97530 that names no activity."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import (
    ELEMENTS,
    KEPT,
    activity_notes,
    added,
    holds,
    judge_notes,
)
from compliance.checks.rule import rule

PARAMETERS = [ELEMENTS]


@rule(
    code="DOC-05",
    title="No specific activity",
    severity="medium",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text"],
    parameters=PARAMETERS,
    exposes="note",
    message="The 97530 note of {service_date} does not say what the patient did",
    fix="97530 is unsupported as written. The therapist may add the activity, if recalled within policy, in a dated "
    "addendum; otherwise do not bill it, or refund it.",
    quotes=["generic_title"],
)
def no_specific_activity(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, note_facts: nw.LazyFrame
) -> nw.LazyFrame:
    """A note of 97530 names what the patient did.

    ## What it checks
    A note of a visit with 97530 that names no activity of the patient is a finding: *ther act x 2 units*, *therapeutic
    activities performed*, *functional training*, *as on previous dates*.

    ## Why it matters
    The name of the code is no description of the service. Without the activity nothing shows that 97530 was given,
    and the whole line may be recovered.

    ## How we read the rule
    - An activity, a daily living task, an exercise or a treatment by name is specific; the code, its name, a
      class of activities (*fine motor activities*) and a reference to another note are not.
    - An activity that was refused, planned, told of the past or named in a goal was not done.
    - Words in the section of another code do not speak for 97530.
    - An addendum that names the activity speaks for the note.
    - Where only passive treatment (DOC-03) or only exercise (DOC-04) was done, that is the finding.
    - The whole line is at risk.
    - A payer that does not ask for it is not judged.
    - Where words remain that may name an activity, and none that is known to, it cannot be told.
    - Without a note or its text nothing can be told.

    ## What it does not check
    Whether the activity belongs to another code, as walking (97116) or dressing (97535) may.
    """
    units = activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
    unnamed = ~holds("specific_activity") & ~added("activity")
    unknown = {"notes.recognised_activity": nw.col("specific_activity").is_null() & ~added("activity")}
    return judge_notes(units, "DOC-05", cannot_tell=unknown, fails=unnamed).select(*KEPT)
