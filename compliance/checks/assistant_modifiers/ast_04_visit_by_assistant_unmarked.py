"""AST-04: an assistant gave the whole visit, and no line of it bears CQ or CO."""

from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.assistant_modifiers.services import assistant_lines, marked, modifier
from compliance.checks.incomplete_lines import incomplete, maybe_billed, untold
from compliance.checks.rule import rule
from compliance.checks.terms import BETWEEN_LINES, FAIL, fold, judge, kept, ruled
from compliance.checks.units.days import DAY


@rule(
    code="AST-04",
    title="Assistant's visit billed as a therapist's",
    severity="medium",
    subject="patient_day",
    key=["patient_id", "discipline", "service_date", "payer_id", "biller"],
    unit="billed day of treatment in which an assistant took part",
    cites=["cms-cq-co", "ssa-1834-v", "tricare-85-fr-15061"],
    needs=["notes.note_id", "claim_lines.modifiers"],
    parameters=["assistant_modifier_required", "assistant_payment_factor", "assistant_de_minimis_percent",
                "assistant_final_unit_rule", "coinsurance", "unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="lines",
    message={
        "cut": "An assistant gave the whole visit of {service_date}, no therapist took part, and no line bears {modifier} "
        "({lines_billed} billed)",
        "uncut": "An assistant gave the whole visit of {service_date}, no therapist took part, and no line bears {modifier} "
        "({lines_billed} billed); the payer cuts nothing for an assistant's service of that day, so no dollars are at risk",
    },
    fix=dict.fromkeys(
        ("cut", "uncut"),
        "Add {modifier} to the lines of {service_date}, or document what the therapist gave; send a corrected claim or refund.",
    ),
)  # fmt: skip
def visit_by_assistant_unmarked(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """A day of treatment that only an assistant gave is billed as if a therapist had given it.

    ## What it checks
    Each billed day of a patient and discipline on which an assistant treated.

    ## Why it matters
    The claim says that a therapist furnished the visit. The record says that none did.

    ## How we read the rule
    - All visits of the day and discipline are one: where a therapist gave any of them, AST-01 judges line by line.
    - One line with CQ or CO, and AST-01 judges the others.
    - Where this rule finds a fault, AST-01 says nothing of that day: one fault, one finding.
    - The whole visit is at risk, at its allowed amounts. Where the payer asks for the modifier and cuts nothing for an
      assistant's service, as Medicare before 2022 or TRICARE, the payment was right: no dollars are at risk, and the
      message says so.
    - A person whose role is not known may be a therapist: it cannot be told.
    - A line of the patient and discipline that bears CQ or CO and has no day may be of the visit: it cannot be told.
    - Speech therapy, evaluations and the supply of monitoring devices bear no such modifier.

    ## What it does not check
    Whether the assistant was supervised (SUP-01) or may give the service at all (SUP-06, SUP-07).
    """
    lines = assistant_lines(claim_lines, notes, interventions, units=False).filter(
        nw.col("day_assistant") > 0
    )
    lines = lines.with_columns(
        rank=nw.concat_str([nw.col("claim_id"), nw.lit("/"), nw.col("line").cast(nw.String)]),
    )
    lines = kept(lines)
    first = lines.group_by(*DAY).agg(nw.col("rank").min())
    days = lines.join(first, on=[*DAY, "rank"])
    unmarked = (nw.col("day_therapist") == 0) & (nw.col("day_marked") == 0)
    cut = ~nw.col("assistant_payment_factor").is_null()
    case = nw.when(cut).then(nw.lit("cut")).otherwise(nw.lit("uncut"))
    undated = incomplete(claim_lines.filter(marked() & nw.col("service_date").is_null()), notes)
    asked = days.select(*DAY, "patient_id", "discipline", "service_date")
    maybe = maybe_billed(asked, undated, list(DAY))
    judged = judge(
        days.with_columns(case=case).join(maybe, on=list(DAY), how="left"),
        applies=ruled("assistant_modifier_required"),
        cannot_tell={"therapists.role": (nw.col("day_unknown") > 0) & unmarked, **untold(unmarked)},
        fails=nw.col("assistant_modifier_required") & unmarked,
    )
    failed = lines.join(judged.filter(nw.col("outcome") == FAIL).select(*DAY), on=list(DAY))
    listed = fold(
        failed.select(*DAY, "claim_id", "line", "rank"), by=DAY, order_by=("claim_id", "line"), step=_listed, returns=LISTED
    )  # fmt: skip
    return judged.join(listed, on=list(DAY), how="left").select(
        "patient_id", "discipline", "service_date", "payer_id", "biller", "clinic_id", "therapist_id", "claim_id", "line",
        "outcome", "missing", "case", "lines_billed", "exposed_lines", "assistant_modifier_required__id",
        "assistant_payment_factor__id", note_id=nw.col("day_note"), modifier=modifier(), fault=nw.col("case"),
        exposed_share=nw.when(~cut).then(nw.lit(0.0)).otherwise(nw.lit(None)),
    )  # fmt: skip


LISTED: dict[str, pl.DataType] = {"exposed_lines": pl.String(), "lines_billed": pl.Int64()}


def _listed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a day in one cell, which no expression of every engine can write."""
    return [{"exposed_lines": BETWEEN_LINES.join(row["rank"] for row in rows), "lines_billed": len(rows)}]
