"""DOC-02: a note of 97530 without the assistance or cueing given, or independence visit after visit."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import (
    ELEMENTS,
    KEPT,
    activity_notes,
    added,
    holds,
    judge_notes,
    visits_so_far,
)
from compliance.checks.rule import rule

PARAMETERS = [ELEMENTS, "skilled_need_visits"]


@rule(
    code="DOC-02",
    title="No level of assistance or cueing",
    severity="low",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text"],
    parameters=PARAMETERS,
    exposes="note",
    message={
        "unstated": "The 97530 note of {service_date} states no level of assistance and no cueing",
        "unskilled": "The patient did 97530 independently on {unskilled_visits} visits of the episode by "
        "{service_date}, and the notes show no skilled need",
    },
    fix={
        "unstated": "State the level of assistance (for example CGA, min A, mod I) and the cueing for each activity: "
        "what the therapist gave and why it took a therapist.",
        "unskilled": "State what took a therapist's skill, make the activity harder, or move it to a home programme.",
    },
    quotes=["assist_level"],
)
def assistance_not_stated(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    note_facts: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
) -> nw.LazyFrame:
    """A note of 97530 states how much help the patient needed.

    ## What it checks
    Each note of a visit with 97530 must state a level of assistance or the cueing given that day. Independence counts
    as a level, but not visit after visit without anything that took a therapist.

    ## Why it matters
    The amount and type of assistance is what shows that a therapist's skill was required. Without it the activity
    reads like practice that the patient could do alone.

    ## How we read the rule
    - Any level from independent to total, any cueing (verbal, tactile, by demonstration), *no physical assistance* and
      supervision count.
    - A level told of an earlier visit, in a goal or in the plan for the next visit is not today's; an empty box of a
      template states nothing.
    - A level in the section of another code does not speak for 97530.
    - An addendum to the note speaks for it.
    - Independence without cueing and without words of skill is a weakness from the payer's number of such visits in an
      episode on, whether or not they follow each other.
    - A payer that does not ask for it is not judged.
    - Where the writer tells in the first person what else they did (*I steered the tray*), it cannot be told whether that
      was help.
    - Without a note or its text nothing can be told.

    ## What it does not check
    Whether the level fits the activity, and whether it changes over time (INT-01).
    """
    units = activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
    alone = (nw.col("assistance") == "independent") & ~nw.col("skilled") & ~nw.col("cueing")
    counted = visits_so_far(
        units, treatment_days, alone & ~added("assistance"), name="unskilled_visits", in_a_row=False
    )
    unstated = (nw.col("assistance") == "none") & ~added("assistance")
    unskilled = (nw.col("unskilled_visits") >= nw.col("skilled_need_visits")) & alone
    unclear = nw.coalesce(unstated, nw.lit(False)) & holds("assistance_unclear")
    return judge_notes(
        counted,
        "DOC-02",
        cannot_tell={"notes.recognised_assistance": unclear},
        fails=nw.coalesce(unstated, nw.lit(False)) | nw.coalesce(unskilled, nw.lit(False)),
    ).select(
        *KEPT, "assistance", "unskilled_visits", "skilled_need_visits", "skilled_need_visits__id",
        case=nw.when(nw.col("assistance") == "none").then(nw.lit("unstated")).otherwise(nw.lit("unskilled")),
    )  # fmt: skip
