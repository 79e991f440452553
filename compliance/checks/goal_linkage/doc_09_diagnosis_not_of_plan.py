"""DOC-09: a 97530 line that points to no diagnosis of its plan of care."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import ACTIVITY_CODES
from compliance.checks.plans_of_care.diagnoses import DIAGNOSIS_PARAMETERS, judged_by_plan
from compliance.checks.rule import rule


@rule(
    code="DOC-09",
    title="Diagnosis not of the plan of care",
    severity="low",
    subject="line",
    unit="line of 97530",
    cites=["house-default"],
    needs=["claim_lines.cpt", "plans_of_care.diagnosis_codes"],
    absence_of={"plans_of_care": "patient"},
    parameters=DIAGNOSIS_PARAMETERS,
    exposes="line",
    message="Line {line} of claim {claim_id} bills 97530 for {line_diagnoses}; the plan treats {plan_diagnoses}",
    fix="Point line {line} to a diagnosis of the plan ({plan_diagnoses}), or update the plan with {line_diagnoses}.",
)
def diagnosis_not_of_plan(
    claim_lines: nw.LazyFrame, plans_of_care: nw.LazyFrame, claims: nw.LazyFrame
) -> nw.LazyFrame:
    """A line of 97530 points to at least one diagnosis that the plan of care treats.

    ## What it checks
    The diagnoses that a standing 97530 line points to, against those of its plan of care.

    ## Why it matters
    The diagnosis on the claim ties the activity to the condition that the plan treats. A payer with a list of covered
    diagnoses denies a line that points elsewhere.

    ## How we read the rule
    - One diagnosis in common is enough.
    - Pointers are codes, or positions in the claim's list of diagnoses (1 to 12, or A to L).
    - Codes match in their first characters, as many as the policy says; dots and case do not count.
    - The institutional claim form has no pointers: there all diagnoses of the claim speak for each line. Where an export
      points on the patient's institutional lines all the same, and some of the claim's diagnoses are of the plan and some
      are not, a line without pointers cannot be told.
    - A payer without such a rule is not judged.
    - Without a plan, its diagnoses, pointers, or the diagnosis at the position, nothing can be told.

    ## What it does not check
    Whether the payer covers 97530 for the diagnosis, and whether the diagnosis explains the deficit. Lines of other
    codes (POC-08).
    """
    judged = nw.col("cpt").is_in(ACTIVITY_CODES)
    return judged_by_plan(claim_lines, judged, plans_of_care, claims).drop("cpt")
