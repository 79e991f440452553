"""POC-01: treatment before a plan of care was established."""

from datetime import datetime

import narwhals as nw

from compliance.checks.plans_of_care.certification import established_days, on_their_days
from compliance.checks.rule import rule
from compliance.checks.terms import codes, flag, judge, yes

UNPLANNED = (*codes("evaluation"), *codes("reevaluation"), *codes("monitoring"))
"""Codes that this rule leaves alone: evaluations make the plan; remote monitoring has a rule of its own."""
LINE = ["claim_id", "line"]
BEGUN = ("established_on", "evaluated_on", "signed_on", "certified_on", "starts_on")
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
    - A plan that names no patient may be of any line of its discipline that was given on or after its day; where notes name the
      plan, of their patients' lines. Where it could be the plan that is lacking, nothing can be told.
    - The line is a finding only where the records hold the beginning of the episode: its evaluation, or its first day as
      the records state it. Records that start in mid-episode may lack the plan alone.

    ## What it does not check
    Whether the plan is complete (POC-02), certified (POC-03) or still in force (POC-04). Remote monitoring (RTM-04).
    """
    planned = established_days(plans_of_care, treatment_days, notes, episodes, as_of, absent_columns).rename(
        {"plan_id": "with_plan"}
    )
    lines = claim_lines.filter(~nw.coalesce(nw.col("cpt").is_in(UNPLANNED), nw.lit(False)))
    lines = lines.join(_maybe_planned(lines, plans_of_care, notes), on=LINE, how="left")
    units = on_their_days(lines.select(*LINE, "note_id", "cpt", "submitted", "maybe_planned", *DAY), planned)
    fails = nw.col("case").is_in(["before_plan", "no_plan"])
    return judge(
        units.with_columns(severity=nw.lit("block_or_repay")),
        cannot_tell={
            "claim_lines.service_date": nw.col("service_date").is_null(),
            "notes.discipline": nw.col("discipline").is_null(),
            "claims.patient_id": nw.col("patient_id").is_null(),
            "claim_lines.cpt": fails & nw.col("cpt").is_null(),
            "plans_of_care.patient_id": fails & yes("maybe_planned"),
        },
        fails=fails,
    ).select(
        "claim_id", "line", "note_id", "outcome", "missing", "case", "severity", "cpt", "service_date", "established_on",
        plan_id="with_plan", fault="case",
    )  # fmt: skip


def _maybe_planned(lines: nw.LazyFrame, plans_of_care: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Lines that a plan of no patient may have been established for by their day: LINE, maybe_planned (1)."""
    whose = notes.select("plan_id", noted_patient="patient_id").filter(~nw.col("noted_patient").is_null())
    on = nw.coalesce(*(nw.col(name) for name in BEGUN))
    plans = (
        plans_of_care.filter(nw.col("patient_id").is_null())
        .select("plan_id", planned="discipline", planned_on=on)
        .join(whose.unique(), on="plan_id", how="left")
        .with_columns(undated=flag(nw.col("planned_on").is_null()))
        .group_by("planned", "noted_patient")
        .agg(nw.col("planned_on").min(), nw.col("undated").max())
    )
    noted = nw.col("noted_patient")
    wanted = lines.select(*LINE, *DAY)
    met = [
        wanted.join(plans.filter(~noted.is_null()), left_on="patient_id", right_on="noted_patient"),
        wanted.join(plans.filter(noted.is_null()).drop("noted_patient"), how="cross"),
    ]
    columns = [*LINE, *DAY, "planned", "planned_on", "undated"]
    pairs = nw.concat([each.select(columns) for each in met], how="vertical")
    same = nw.col("planned").is_null() | (nw.col("planned") == nw.col("discipline"))
    by_then = yes("undated") | (nw.col("planned_on") <= nw.col("service_date"))
    return pairs.filter(same & by_then).select(*LINE).unique().with_columns(maybe_planned=nw.lit(1))
