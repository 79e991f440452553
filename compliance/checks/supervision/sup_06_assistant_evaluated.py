"""SUP-06: an assistant (or an aide) did an evaluation or re-evaluation."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import services
from compliance.checks.terms import ASSISTANT_MODIFIERS, codes, first, flag, has_code, judge, ruled

EVALUATING_KINDS = ("evaluation", "reevaluation")
CONTEXT = ["kind", "service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id",
           "assistant_evaluation_billable", "assistant_evaluation_billable__id", "policy_missing"]  # fmt: skip
UNIT = [
    "claim_id", "line", "note_id", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id",
    "by_assistant", "by_aide", "by_therapist", "by_unknown", "deliverer", "deliverer_is",
    "assistant_evaluation_billable", "assistant_evaluation_billable__id", "policy_missing",
]  # fmt: skip


@rule(
    code="SUP-06",
    title="Evaluation or re-evaluation by an assistant",
    severity="high",
    subject="line",
    key=["claim_id", "line", "note_id", "cpt"],
    unit="evaluation or re-evaluation",
    cites=["42-cfr-410.61", "mbpm-15-220-a"],
    needs=["therapists.role"],
    parameters=["assistant_evaluation_billable"],
    exposes="line",
    message={
        "delivered": "{deliverer} ({deliverer_is}) did the evaluation {cpt} of {service_date}; only a therapist may",
        "billed": "The evaluation {cpt} of {service_date} is billed as an assistant's; only a therapist may do one",
    },
    fix={
        "delivered": "Void {cpt}: {deliverer_is} may not perform or bill it. A therapist evaluates.",
        "billed": "Void {cpt}, or correct the rendering therapist and remove CQ/CO where a therapist evaluated.",
    },
)
def assistant_evaluated(
    claim_lines: nw.LazyFrame, interventions: nw.LazyFrame, notes: nw.LazyFrame
) -> nw.LazyFrame:
    """Evaluation is the therapist's: an assistant may supply data, not the evaluation.

    ## What it checks
    Each evaluation and re-evaluation, billed or not yet, must be a therapist's.

    ## Why it matters
    Assistants may not evaluate, re-evaluate or change the plan; the code is not payable as theirs.

    ## How we read the rule
    - Who gave it is who delivered the code on the visit, else the author of the note.
    - Where a therapist shared in the code, the assistant took measurements: no fault.
    - Without a note the claim speaks: an assistant as rendering therapist, or CQ or CO on the line.
    - An evaluation without any service recorded is judged by its note's author; which of services without a code was the
      evaluation cannot be told.
    - A co-signature does not make it the therapist's.

    ## What it does not check
    Progress reports by an assistant (PR-02); students (SUP-03).
    """
    both = [*codes("evaluation"), *codes("reevaluation")]
    evaluating = nw.col("cpt").is_in(both) | (
        nw.col("cpt").is_null() & nw.col("kind").is_in(EVALUATING_KINDS)
    )
    noted = services(interventions, notes, claim_lines, CONTEXT).filter(
        nw.coalesce(evaluating, nw.lit(False))
    )
    role = nw.col("rendering_role")
    marked = has_code("modifiers", ASSISTANT_MODIFIERS)
    billed = (
        claim_lines.filter(nw.col("cpt").is_in(both))
        .join(
            noted.filter(~nw.col("claim_id").is_null()).select("claim_id", "line"),
            on=["claim_id", "line"],
            how="anti",
        )
        .with_columns(
            by_assistant=flag((role == "assistant") | marked),
            by_aide=flag(role == "aide"),
            by_therapist=flag((role == "therapist") & ~marked),
            by_unknown=flag(role.is_null() & ~marked),
            deliverer=nw.lit(None, dtype=nw.String),
            deliverer_is=nw.coalesce(nw.col("rendering_credential"), role),
        )
    )
    units = nw.concat([noted.select(UNIT), billed.select(UNIT)], how="vertical")
    helper = (nw.col("by_assistant") > 0) | (nw.col("by_aide") > 0)
    alone = helper & (nw.col("by_therapist") == 0)
    uncoded = interventions.filter(nw.col("cpt").is_null()).select("note_id").unique()
    units = units.join(uncoded.with_columns(uncoded=nw.lit(1)), on="note_id", how="left")
    return judge(
        units,
        applies=ruled("assistant_evaluation_billable"),
        cannot_tell={
            "interventions.cpt": nw.col("cpt").is_null() & (nw.col("uncoded") > 0),
            "therapists.role": ~helper & (nw.col("by_therapist") == 0) & (nw.col("by_unknown") > 0),
        },
        fails=alone & ~nw.col("assistant_evaluation_billable"),
    ).select(
        "claim_id", "line", "note_id", "outcome", "missing", "cpt", "service_date", "patient_id", "discipline", "clinic_id",
        "payer_id", "therapist_id", "deliverer", "deliverer_is", "assistant_evaluation_billable__id",
        case=first(("billed", nw.col("deliverer").is_null()), ("delivered", nw.lit(True))),
    )  # fmt: skip
