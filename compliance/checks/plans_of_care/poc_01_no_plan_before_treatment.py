"""POC-01: treatment before a plan of care was established."""

from datetime import datetime

import narwhals as nw

from compliance.checks.plans_of_care.certification import established_days, on_their_days
from compliance.checks.rule import rule
from compliance.checks.terms import codes, judge

UNPLANNED = (*codes("evaluation"), *codes("reevaluation"), *codes("monitoring"))
"""Codes that this rule leaves alone: evaluations make the plan; remote monitoring has a rule of its own."""
DAY = ["patient_id", "discipline", "service_date"]


@rule(
    code="POC-01",
    title="No plan of care before treatment",
    severity="high",
    subject="line",
    unit="treatment line",
    cites=["42-cfr-410.61", "cgs-cert-plans"],
    needs=["claim_lines.cpt", "claim_lines.service_date", "plans_of_care.patient_id"],
    absence_of={"plans_of_care": "patient"},
    exposes="line",
    message={
        "before_plan": "{cpt} on {service_date} came before the plan of care, which was established {established_on}",
        "no_plan": "{cpt} on {service_date} was given without any plan of care in the records",
    },
    fix={
        "before_plan": "Do not bill {cpt} of {service_date}: the plan was established {established_on}. Bill from that day on.",
        "no_plan": "Do not bill {cpt} of {service_date} until the plan of care is found. If there was none, bill from the day "
        "on which one is established.",
    },
)
def no_plan_before_treatment(
    claim_lines: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A plan of care is established before treatment begins.

    ## What it checks
    Each billed line of treatment, against the day on which the first plan of its episode was established.

    ## Why it matters
    Treatment without a plan is not covered, whatever was documented later. Reviewers look for the plan first.

    ## How we read the rule
    - A plan of the day of the evaluation serves treatment of the same day, whatever the hour.
    - The evaluation itself, and a re-evaluation, need no plan. A line without a code may be one.
    - A plan without a day of its own was established when its evaluation took place.
    - Each discipline needs its own plan; one of another discipline does not serve.
    - A plan of an earlier episode does not serve a new one, unless it still holds the day.
    - A plan that has ended was established all the same (POC-04).
    - Where a note names a plan that the records lack, or the first plan in the records replaces another, nothing can be told.
    - The line is a finding only where the records hold the beginning of the episode: its evaluation, or its first day as
      the records state it. Records that start in mid-episode may lack the plan alone.

    ## What it does not check
    Whether the plan is complete (POC-02), certified (POC-03) or still in force (POC-04). Remote monitoring (RTM-04).
    """
    planned = established_days(plans_of_care, treatment_days, notes, episodes, as_of, absent_columns).rename(
        {"plan_id": "with_plan"}
    )
    lines = claim_lines.filter(~nw.coalesce(nw.col("cpt").is_in(UNPLANNED), nw.lit(False)))
    units = on_their_days(lines.select("claim_id", "line", "note_id", "cpt", "submitted", *DAY), planned)
    fails = nw.col("case").is_in(["before_plan", "no_plan"])
    return judge(
        units.with_columns(severity=nw.lit("block_or_repay")),
        cannot_tell={
            "claim_lines.service_date": nw.col("service_date").is_null(),
            "notes.discipline": nw.col("discipline").is_null(),
            "claims.patient_id": nw.col("patient_id").is_null(),
            "claim_lines.cpt": fails & nw.col("cpt").is_null(),
        },
        fails=fails,
    ).select(
        "claim_id", "line", "note_id", "outcome", "missing", "case", "severity", "cpt", "service_date", "established_on",
        plan_id="with_plan", fault="case",
    )  # fmt: skip
