"""DOC-06: a note of 97530 that does not say how the patient responded."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import ELEMENTS, KEPT, activity_notes, added, judge_notes
from compliance.checks.rule import rule

PARAMETERS = [ELEMENTS]


@rule(
    code="DOC-06",
    title="No patient response",
    severity="low",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text"],
    parameters=PARAMETERS,
    exposes="note",
    message={
        "no": "The 97530 note of {service_date} does not say how the patient responded",
        "weak": "The 97530 note of {service_date} tells the patient's response only in general words",
    },
    fix="Write how the patient did: the change from the first trial to the last, fatigue, pain before and after, vital "
    "signs, loss of balance, fewer cues, what could not be completed.",
    quotes=["weak_response"],
)
def no_patient_response(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, note_facts: nw.LazyFrame
) -> nw.LazyFrame:
    """A note of 97530 tells how the patient responded to the activity.

    ## What it checks
    Each note of a visit with 97530 must tell the patient's response: performance, tolerance, symptoms, change.

    ## Why it matters
    The response shows that a therapist watched, judged and adjusted. It is what the next progress report builds on.

    ## How we read the rule
    - Pain, fatigue, exertion, vital signs, rest breaks, loss of balance, quality of movement, improvement, what the
      patient said, and what could not be completed are responses.
    - General words alone (*tol well*, *did well*, *cont POC*) are worth knowing, and no weakness yet.
    - An empty heading of a template is no response.
    - A response in the section of another code does not speak for 97530.
    - An addendum to the note speaks for it.
    - A payer that does not ask for it is not judged.
    - Without a note or its text nothing can be told.

    ## What it does not check
    Whether the response is the same in every note (INT-02).
    """
    units = activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
    response = nw.col("response")
    return judge_notes(units, "DOC-06", fails=(response != "yes") & ~added("response")).select(
        *KEPT,
        "response",
        case=response,
        severity=nw.when(response == "weak").then(nw.lit("info")).otherwise(nw.lit("low")),
    )
