"""POC-03: the first certification of a plan came late, or never."""

from datetime import datetime

import narwhals as nw

from compliance.checks.plans_of_care.certification import CERTIFICATION, SETTLED, by_plan, certified_days
from compliance.checks.rule import rule
from compliance.checks.terms import judge

SEVERITIES = {"never": "medium", "late": "medium", "open": "info"}


@rule(
    code="POC-03",
    title="First certification late or missing",
    severity="medium",
    subject="plan",
    key=["plan_id", "payer_id", "fault"],
    unit="first plan of an episode",
    cites=["42-cfr-424.24", "mbpm-15-220.1.3", "noridian-certification", "cy2025-pfs-final-rule"],
    needs=["plans_of_care.certified_on", "plans_of_care.patient_id"],
    parameters=list(CERTIFICATION),
    exposes="lines",
    message={
        "never": "No physician certified the plan of {interval_from}; the signature was due {due_on}",
        "barred": "The plan of {interval_from} bears only the name of a {barred_credential}, who may not order or certify "
        "therapy; a certification was due {due_on}",
        "late": "The plan of {interval_from} was certified {certified_on}, after {deadline}, and nothing says why so late "
        "(due {due_on})",
        "delayed": "The plan of {interval_from} was certified {certified_on}, after {due_on} and by {deadline}: delayed, "
        "accepted without a reason",
        "reasoned": "The plan of {interval_from} was certified {certified_on}, after {deadline}, and the record says why",
        "order_late": "The plan of {interval_from} needs no signature, but the order is dated {order_signed_on}, after the "
        "evaluation",
        "overdue": "No physician certified the plan of {interval_from} by {due_on}; until {deadline} it is accepted late "
        "without a reason",
        "open": "The plan of {interval_from} is to be certified by {deadline}",
    },
    fix={
        "never": "Send the plan to the ordering physician today, log the transmission, obtain the signature, and write the "
        "statement on the delayed certification.",
        "barred": "Send the plan to a physician, nurse practitioner, clinical nurse specialist or physician assistant; obtain "
        "the signature, and write the statement on the delayed certification.",
        "late": "Write the statement on the delayed certification: why it came late, and what shows that a physician was "
        "involved.",
        "delayed": "Keep the evidence of when the plan was sent. Nothing else is asked.",
        "reasoned": "Keep the reason and the evidence of the physician's involvement with the plan.",
        "order_late": "Keep the order and the evidence of when the plan was sent.",
        "overdue": "Send the plan to the ordering physician today, log the transmission, and obtain the signature by "
        "{deadline}.",
        "open": "Obtain the signature by {deadline}, or keep the signed order with evidence that the plan was sent.",
    },
)
def first_certification_late(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A physician certifies the first plan of an episode soon after treatment began.

    ## What it checks
    The first plan of each episode of a patient and discipline: by which route it was certified, and when.

    ## Why it matters
    Certification is a condition of payment. Where no physician was ever involved, all services under the plan are denied.

    ## How we read the rule
    - The clock starts on the day of the plan's own evaluation, which is day 0. Of a plan that names none, with the initial
      treatment: the evaluation that the records hold, or the first day that they state of the episode.
    - What lies more than 30 days before the plan, or belongs to no plan that the records hold, does not start its clock:
      another plan, which the records lack, may lie between. Whether a plan is the first of its episode is then not known:
      a signature in time serves, the exception below does not, and nothing else can be told.
    - In time is a dated signature within the days allowed; or a verbal order within them that is signed soon after.
    - Or, for services from the day on which the law allows it: a signed and dated order for the discipline on file, and
      evidence that the plan was sent within the days allowed, not before the order was signed. Only the first plan of an
      episode may go without signature so.
    - Each service is judged by the law of its day: an unsigned plan may hold for later services and not for earlier ones.
    - An order dated after the evaluation serves, if it came before the plan was sent; it is a weakness. Where nobody recorded
      for which discipline it is, it cannot be told whether it serves.
    - A chiropractor or a dentist may neither order nor certify, nor may a nurse or therapist; their signature is none. So is
      that of a therapist of the records, named by key or NPI, and the author's own. A physician's or nurse practitioner's
      credential beside it counts more. Any other name without a credential counts.
    - A signature that is late by no more than the days of delay is accepted without a reason; later, with one. Both are
      weaknesses without dollars.
    - Later without a reason, the services before the signature are at risk; without any signature, all of them.
    - Until the last timely day it is a reminder; until the delay has passed, a weakness.
    - A plan that resumes care after a pause longer than the delay is certified as a first one, by signature.
    - Of a plan that names no predecessor, an evaluation of its own makes it a first plan.
    - A signature without a day, or from before the evaluation, cannot be told, nor what hangs on a column that the export
      lacks.
    - A payer that asks for no certification is not judged.

    ## What it does not check
    Recertification (POC-04). Whether the plan went to the physician who gave the order, and whether an NPI belongs to a
    chiropractor or dentist. After half a year a contractor may ask for other proof that a physician was involved.
    """
    days = certified_days(plans_of_care, treatment_days, notes, episodes, as_of, absent_columns)
    units = by_plan(days.filter(nw.col("about") == "first").drop("about"), claim_lines)
    unsigned = nw.col("case").is_in(["never"]) & ~nw.col("barred_credential").is_null()
    severity = nw.lit("low")
    for case, said in SEVERITIES.items():
        severity = nw.when(nw.col("case") == case).then(nw.lit(said)).otherwise(severity)
    units = units.with_columns(
        severity=severity, case=nw.when(unsigned).then(nw.lit("barred")).otherwise(nw.col("case"))
    )
    return (
        judge(
            units,
            applies=(nw.col("case") != "no_rule") | ~nw.col("policy_missing").is_null(),
            fails=~nw.col("case").is_in(SETTLED),
        )
        .drop("renewed_by")
        .with_columns(fault=nw.col("case"))
    )
