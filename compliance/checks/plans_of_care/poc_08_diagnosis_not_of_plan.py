"""POC-08: a line of another code than 97530 that points to no diagnosis of its plan of care."""

import narwhals as nw

from compliance.checks.plans_of_care.diagnoses import DIAGNOSIS_PARAMETERS, judged_by_plan
from compliance.checks.rule import rule
from compliance.checks.terms import codes

JUDGED_ELSEWHERE = codes("therapeutic_activities")


@rule(
    code="POC-08",
    title="Diagnosis not of the plan of care, other codes",
    severity="low",
    subject="line",
    unit="line of another code than 97530",
    cites=["house-default"],
    needs=["claim_lines.cpt", "plans_of_care.diagnosis_codes"],
    absence_of={"plans_of_care": "patient"},
    parameters=DIAGNOSIS_PARAMETERS,
    exposes="line",
    message="Line {line} of claim {claim_id} bills {cpt} for {line_diagnoses}; the plan treats {plan_diagnoses}",
    fix="Point line {line} to a diagnosis of the plan ({plan_diagnoses}), or update the plan with {line_diagnoses}.",
)
def diagnosis_not_of_plan(
    claim_lines: nw.LazyFrame, plans_of_care: nw.LazyFrame, claims: nw.LazyFrame
) -> nw.LazyFrame:
    """A line points to at least one diagnosis that the plan of care treats.

    ## What it checks
    The diagnoses that a standing line points to, against those of its plan of care. Lines of 97530 are DOC-09's, so that
    none is accused twice.

    ## Why it matters
    The diagnosis on the claim ties the service to the condition that the plan treats. A line that points elsewhere cannot
    be followed back to the plan.

    ## How we read the rule
    - One diagnosis in common is enough, be it the medical or the treatment diagnosis.
    - Pointers are codes, or positions in the claim's list of diagnoses; the institutional form has none, there all
      diagnoses of the claim speak for each line. Where an export points on the patient's institutional lines all the same,
      and some of the claim's diagnoses are of the plan and some are not, a line without pointers cannot be told.
    - Codes match in their first characters, as many as the policy says; dots and case do not count.
    - A payer without such a rule is not judged.
    - Without a plan, its diagnoses, pointers, or the diagnosis at the position, nothing can be told.

    ## What it does not check
    Lines of 97530 (DOC-09). Whether the payer lists the diagnosis as covered: no payer's list is part of the program.
    """
    other = ~nw.coalesce(nw.col("cpt").is_in(JUDGED_ELSEWHERE), nw.lit(False))
    return judged_by_plan(claim_lines, other, plans_of_care, claims)
