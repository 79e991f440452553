"""DOC-03: 97530 whose note describes only what was done to the patient."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import ELEMENTS, KEPT, activity_notes, added, judge_notes
from compliance.checks.rule import rule

PARAMETERS = [ELEMENTS]


@rule(
    code="DOC-03",
    title="Passive treatment billed as 97530",
    severity="medium",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text"],
    parameters=PARAMETERS,
    exposes="note",
    message="The 97530 note of {service_date} describes only passive treatment",
    fix="97530 is unsupported as written. The therapist may add what was done, if recalled within policy, in a dated "
    "addendum; otherwise do not bill it, or refund it. Modalities and manual therapy have codes of their own.",
    quotes=["passive"],
)
def passive_only(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, note_facts: nw.LazyFrame
) -> nw.LazyFrame:
    """97530 is an activity of the patient; heat, modalities, massage and manual therapy are none.

    ## What it checks
    A note of a visit with 97530 that names passive treatment, and no activity of the patient, is a finding.

    ## Why it matters
    The code pays for dynamic activities that improve function. Ultrasound, hot packs and soft tissue work belong to
    other codes; billed as 97530, the whole line may be recovered.

    ## How we read the rule
    - Modalities, massage, joint and soft tissue mobilisation, passive motion, taping and positioning are passive.
    - Manual therapy is 97140 and never part of 97530.
    - One functional activity of that day is enough, whatever else was done.
    - An activity that was refused, planned, or named in a goal was not done.
    - Passive treatment in the section of another code does not speak for 97530.
    - An addendum that names the activity speaks for the note.
    - The rule is the same for every payer that asks for it: 97530 is no Medicaid code.
    - The whole line is at risk.
    - A payer that does not ask for it is not judged.
    - Without a note or its text nothing can be told.

    ## What it does not check
    Whether the minutes of a modality were counted into 97530 beside a true activity (UNIT-01).
    """
    units = activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
    return judge_notes(units, "DOC-03", fails=nw.col("passive_only") & ~added("activity")).select(*KEPT)
