"""DOC-04: 97530 whose note describes only exercise."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import ELEMENTS, KEPT, activity_notes, added, judge_notes
from compliance.checks.rule import rule

PARAMETERS = [ELEMENTS]


@rule(
    code="DOC-04",
    title="Exercise billed as 97530",
    severity="medium",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text"],
    parameters=PARAMETERS,
    exposes="note",
    message="The 97530 note of {service_date} describes only exercise, which is 97110 or 97112",
    fix="Describe the functional task, if there was one, in a dated addendum; or re-code to 97110 or 97112 where the "
    "minutes match.",
    quotes=["exercise"],
)
def exercise_only(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, note_facts: nw.LazyFrame
) -> nw.LazyFrame:
    """Sets and repetitions of exercise are 97110, however functional their purpose.

    ## What it checks
    A note of a visit with 97530 that names exercise, and no functional activity, is a finding.

    ## Why it matters
    97530 generally pays more than 97110. Choosing the code for its price, with exercise in the note, is the upcoding
    that reviewers look for.

    ## How we read the rule
    - Exercises by name, machines, bands, stretches, sets and repetitions are exercise: one parameter at a time, where
      97530 combines several in a life-like task.
    - One functional activity of that day is enough, whatever else was done.
    - A purpose (*for ADLs*, *so she can get off the toilet*), a goal, and a plan for the next visit are no activity.
    - Exercise in the section of another code does not speak for 97530.
    - An addendum that names the activity speaks for the note.
    - At risk is what 97530 pays more than 97110 for the same units, by the relative values of the day of service
      (2024, first unit: $36.62 less $29.29 is $7.33). Where these are not known, the whole line.
    - A payer that does not ask for it is not judged.
    - Without a note or its text nothing can be told.

    ## What it does not check
    Which of 97110 and 97112 fits, and whether the minutes support it.
    """
    units = activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
    return judge_notes(units, "DOC-04", fails=nw.col("exercise_only") & ~added("activity")).select(
        *KEPT, exposed_as=nw.lit("97110")
    )
