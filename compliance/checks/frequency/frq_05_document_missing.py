"""FRQ-05: a document that the payer requires is not in the record."""

import narwhals as nw

from compliance.checks.plans_of_care.certification import listed
from compliance.checks.rule import rule
from compliance.checks.terms import flag, has_code, judge, whole_days

REQUIRED, GRADE, AGE = PARAMETERS = [
    "required_documents",
    "required_documents_severity",
    "required_documents_days",
]
IDS = [f"{name}__id" for name in PARAMETERS]
DOCUMENTS = {
    "referral": "a referral",
    "outcome_measure": "an outcome score",
    "standardized_test": "a standardized test",
    "prior_function": "the function before",
}
"""What a document or a note may hold, and how a finding calls it."""
PLAN_NOTES = ("evaluation", "reevaluation", "recertification")
BEFORE = r"(?i)prior (?:level|function)|previous (?:level|function)|plof|p\.l\.o\.f"


@rule(
    code="FRQ-05",
    title="Required document missing",
    severity="low",
    subject="plan",
    unit="plan of care under which a payer with required documents was billed",
    cites=["arkansas-medicaid-review", "house-default"],
    needs=["plans_of_care.patient_id", "claim_lines.service_date"],
    absence_of={"documents": "patient", "notes": "patient", "plans_of_care": "patient"},
    parameters=PARAMETERS,
    exposes="lines",
    message="The record of the plan of {begins_on} lacks {lacking}, which the payer requires",
    fix="Find {lacking} or obtain it, and file it with the record of the plan; date it the day it is made.",
)
def document_missing(
    plans_of_care: nw.LazyFrame,
    documents: nw.LazyFrame,
    notes: nw.LazyFrame,
    mentions: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """Some payers want more in the record than a plan of care.

    ## What it checks
    Each plan of care under which the payer was billed: the documents that the payer's policy lists, and the clock times of
    its visits.

    ## Why it matters
    A reviewer who asks for a record and does not find a listed document denies the services, whatever the notes say.

    ## How we read the rule
    - A referral is a document of that kind, or the order that the plan names.
    - An outcome score and a standardized test may stand in a note of evaluation or recertification of the plan, as may the
      function before.
    - An order or a referral of an earlier plan of the discipline serves the next one too, while it is recent enough.
    - Another document of the patient counts for each plan, unless it names another. One that is older, before the plan, than
      the policy's days does not count; one without a day does.
    - Clock times are wanting where a visit under the plan lacks its start or its end.
    - Whether it is a weakness or bars payment, the policy says.
    - What may stand in a table or column that the export lacks cannot be told. Nor can a payer's list that nobody has read.

    ## What it does not check
    The plan itself (POC-01, POC-02). Whether goals can be measured (DOC-07). What a document says.
    """
    begins = nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on"))
    plans = plans_of_care.select(
        "plan_id",
        "patient_id",
        "discipline",
        "order_signed_on",
        "policy_missing",
        *PARAMETERS,
        *IDS,
        begins_on=begins,
    )
    billed = listed(claim_lines.filter(~nw.col("plan_id").is_null()), "plan_id")
    units = (
        plans.join(billed, on="plan_id", how="left")
        .join(_on_file(plans, documents), on="plan_id", how="left")
        .join(_referred_before(plans, documents), on="plan_id", how="left")
        .join(_noted(notes, mentions), on="plan_id", how="left")
        .join(_untimed(notes), on="plan_id", how="left")
    )
    recent = nw.coalesce(_recent(nw.col("order_signed_on")), nw.lit(False))
    has = {
        "referral": _held("referral") | recent | _held("referred_before"),
        "outcome_measure": _held("outcome_measure") | _held("tested"),
        "standardized_test": _held("standardized_test") | _held("tested"),
        "prior_function": _held("prior_function") | _held("told_before"),
    }
    lacks = {name: has_code(REQUIRED, name) & ~held for name, held in has.items()}
    lacks["times"] = has_code(REQUIRED, "times") & _held("untimed")
    hidden = {
        "documents.kind": nw.any_horizontal(*(lacks[name] for name in DOCUMENTS), ignore_nulls=True),
        "plans_of_care.order_signed_on": lacks["referral"],
        "notes.started_at": lacks["times"],
        "notes.ended_at": lacks["times"],
    }
    words = {**DOCUMENTS, "times": "start and stop times"}
    lacking = nw.concat_str(
        *(
            nw.when(lacks[name]).then(nw.lit(f"{said}, ")).otherwise(nw.lit(""))
            for name, said in words.items()
        )
    ).str.strip_chars(", ")
    units = units.with_columns(
        lacking=lacking,
        severity=nw.when(nw.col(GRADE) == "block").then(nw.lit("high")).otherwise(nw.lit("low")),
    )
    asked = ~nw.col(REQUIRED).is_null() | ~nw.col("policy_missing").is_null()
    return judge(
        units,
        applies=~nw.col("exposed_lines").is_null() & asked,
        cannot_tell={f"policy.{REQUIRED}": nw.col(REQUIRED) == "unknown"}
        | {name: lack for name, lack in hidden.items() if name in absent_columns},
        fails=nw.col("lacking") != "",
    ).select(
        "plan_id", "outcome", "missing", "severity", "lacking", "begins_on", "exposed_lines", *PARAMETERS, *IDS,
        service_date="begins_on",
    )  # fmt: skip


def _held(name: str) -> nw.Expr:
    return nw.coalesce(nw.col(name), nw.lit(0)) > 0


def _recent(on: nw.Expr) -> nw.Expr:
    """Whether a day is no older, before the plan, than the policy allows."""
    return ~on.is_null() & (
        nw.col("begins_on").is_null()
        | nw.col(AGE).is_null()
        | (whole_days(nw.col("begins_on") - on) <= nw.col(AGE))
    )


def _on_file(plans: nw.LazyFrame, documents: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan, by kind, whether a document that counts is on file."""
    filed = documents.select("patient_id", "kind", "dated_on", of_plan="plan_id")
    own = plans.join(filed, on="patient_id", how="inner").filter(
        nw.col("of_plan").is_null() | (nw.col("of_plan") == nw.col("plan_id"))
    )
    counting = own.filter(nw.col("dated_on").is_null() | _recent(nw.col("dated_on")))
    kinds = [flag(nw.col("kind") == kind).alias(kind) for kind in DOCUMENTS]
    return counting.with_columns(*kinds).group_by("plan_id").agg(*(nw.col(kind).max() for kind in DOCUMENTS))


def _referred_before(plans: nw.LazyFrame, documents: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan, whether an order or a referral of an earlier plan of the discipline is recent: `referred_before`."""
    names = ["patient_id", "discipline", "earlier_on", "referred_on"]
    of_plan = plans.select(
        "patient_id", "discipline", earlier="plan_id", earlier_on="begins_on", referred_on="order_signed_on"
    )
    filed = documents.filter(nw.col("kind") == "referral").select(earlier="plan_id", referred_on="dated_on")
    ordered = of_plan.filter(~nw.col("referred_on").is_null()).select(names)
    referred = of_plan.drop("referred_on").join(filed, on="earlier", how="inner").select(names)
    on = nw.col("referred_on")
    return (
        plans.join(nw.concat([ordered, referred]), on=["patient_id", "discipline"], how="inner")
        .filter((nw.col("earlier_on") < nw.col("begins_on")) & (on.is_null() | _recent(on)))
        .select("plan_id")
        .unique()
        .with_columns(referred_before=nw.lit(1))
    )


def _noted(notes: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan, whether its notes of evaluation name a test (`tested`) or the function before (`told_before`)."""
    tests = (
        mentions.filter((nw.col("kind") == "named_test") & ~nw.col("negated"))
        .select("note_id")
        .unique()
        .with_columns(tested=nw.lit(1))
    )
    before = flag(nw.coalesce(nw.col("text"), nw.lit("")).str.contains(BEFORE))
    return (
        notes.filter(nw.col("kind").is_in(PLAN_NOTES) & ~nw.col("plan_id").is_null())
        .join(tests, on="note_id", how="left")
        .with_columns(tested=flag(nw.col("tested") > 0), told_before=before)
        .group_by("plan_id")
        .agg(nw.col("tested").max(), nw.col("told_before").max())
    )


def _untimed(notes: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan, how many of its visits lack a start or an end."""
    lacking = nw.col("started_at").is_null() | nw.col("ended_at").is_null()
    return (
        notes.filter(nw.col("is_visit") & ~nw.col("plan_id").is_null())
        .with_columns(untimed=flag(lacking))
        .group_by("plan_id")
        .agg(nw.col("untimed").sum())
    )
