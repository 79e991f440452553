"""INT-13: a chart is to be destroyed before its time of retention has passed."""

import narwhals as nw

from compliance.checks.integrity.filing import with_last_day
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled


@rule(
    code="INT-13",
    title="Chart destroyed too early",
    severity="info",
    subject="patient_day",
    key=["patient_id", "payer_id"],
    unit="patient and payer with a day of destruction",
    cites=["house-default", "42-cfr-422.504"],
    needs=["patients.purge_on", "claim_lines.service_date"],
    parameters=["retention_years", "retention_minor_until_age"],
    exposes="none",
    message="The chart is to be destroyed on {purge_on}; after the last service on {last_service_on} it is to be kept through "
    "{keep_until}",
    fix="Move the day of destruction to after {keep_until}. An audit, a lawsuit or a repayment under review holds it longer.",
)
def purged_too_early(claim_lines: nw.LazyFrame, patients: nw.LazyFrame) -> nw.LazyFrame:
    """A chart that is gone cannot defend the claims that rest on it.

    ## What it checks
    Each patient with a day of destruction, for each payer that was billed: last service and years of retention.

    ## Why it matters
    Without the chart every line of an audit falls. Payers and states set how long it is kept.

    ## How we read the rule
    - The time runs from the last day of service: the one that the export tells, or the last line, whichever is later.
    - It is the payer's number of years; Medicare Advantage asks 10, Medicare 7. A state's own number goes into the
      clinic's policy.
    - A minor's chart is kept until an age, if that is later.
    - The last day of the term is a day of keeping; the day after, the chart may be destroyed.
    - A chart without a day of destruction is kept, and is not judged.

    ## What it does not check
    Litigation holds, and rules for other records (policies: 6 years). Whether the chart was destroyed.
    """
    billed = claim_lines.filter(~nw.col("service_date").is_null()).with_columns(
        payer=nw.coalesce(nw.col("payer_id"), nw.lit(""))
    )
    newest = billed.group_by("patient_id", "payer").agg(service_date=nw.col("service_date").max())
    billed = billed.join(newest, on=["patient_id", "payer", "service_date"]).select(
        "patient_id", "payer_id", "policy_missing", "retention_years", "retention_years__id", "retention_minor_until_age",
        "retention_minor_until_age__id", last_line="service_date",
    ).unique()  # fmt: skip
    later = nw.col("last_service_on") > nw.col("last_line")
    charts = billed.join(
        patients.select("patient_id", "birth_date", "last_service_on", "purge_on"), on="patient_id"
    ).with_columns(
        last_service_on=nw.when(nw.coalesce(later, nw.lit(False)))
        .then(nw.col("last_service_on"))
        .otherwise(nw.col("last_line"))
    )
    charts = with_last_day(charts, "by_payer", begins="last_service_on", years="retention_years")
    charts = with_last_day(charts, "by_age", begins="birth_date", years="retention_minor_until_age")
    of_age = nw.col("by_age") > nw.col("by_payer")
    keep = nw.when(nw.coalesce(of_age, nw.lit(False))).then(nw.col("by_age")).otherwise(nw.col("by_payer"))
    return judge(
        charts.with_columns(keep_until=keep),
        applies=ruled("retention_years") & ~nw.col("purge_on").is_null(),
        cannot_tell={},
        fails=nw.col("purge_on") <= nw.col("keep_until"),
    ).select(
        "patient_id", "payer_id", "outcome", "missing", "last_service_on", "purge_on", "keep_until", "birth_date",
        "retention_years__id", "retention_minor_until_age__id", service_date=nw.col("last_service_on"),
    )  # fmt: skip
