"""RTM-03: remote monitoring of a patient billed twice, or by two practitioners, in one period."""

import narwhals as nw

from compliance.checks.remote_monitoring.events import LINE, days_between, device_of_code, month, of_set
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, ruled, yes


@rule(
    code="RTM-03",
    title="Monitoring billed twice in one period",
    severity="high",
    subject="line",
    unit="line of remote monitoring",
    cites=["rtm-guide"],
    needs=["claim_lines.therapist_id"],
    parameters=["monitoring_one_practitioner", "monitoring_period_days"],
    exposes="line",
    message={
        "practitioner": "{cpt} of {service_date}: another practitioner had billed monitoring of this patient in the same period",
        "again": "{cpt} of {service_date}: the same monitoring had been billed in the same period",
    },
    fix=dict.fromkeys(
        ("practitioner", "again"),
        "Remove the later line; one practitioner bills a patient's monitoring, once a period.",
    ),
)
def second_practitioner(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """One practitioner may bill a patient's remote monitoring, once a period; the later line is not payable.

    ## What it checks
    Each line of remote monitoring against the earlier ones of the same patient and payer.

    ## Why it matters
    The payer pays the first and denies the second.

    ## How we read the rule
    - Earlier is by service date, of one date by claim and line.
    - Management lines share a period where they are of one calendar month; others where fewer days than a period lie
      between their service dates.
    - By another practitioner any earlier line of the period counts; by the same, one of the same kind: set-up, the supply
      of the same device in either tier, 98979, or 98980.
    - Without a practitioner on one of the two lines it cannot be told.

    ## What it does not check
    98979 beside 98980 (RTM-02). Monitoring that other providers billed.
    """
    kind = nw.coalesce(device_of_code(), nw.col("cpt"))
    lines = claim_lines.filter(of_set("monitoring")).with_columns(
        thing=kind, month=month("service_date"), managing=flag(of_set("monitoring_management")),
        order=nw.concat_str([nw.col("claim_id"), nw.col("line").cast(nw.String)], separator="|"),
    )  # fmt: skip
    columns = [
        "patient_id",
        "payer_id",
        "therapist_id",
        "service_date",
        "thing",
        "month",
        "managing",
        "order",
    ]
    other = lines.select("patient_id", "payer_id", **{f"{name}_before": nw.col(name) for name in columns[2:]})
    met = lines.select(*LINE, *columns, "monitoring_period_days").join(
        other, on=["patient_id", "payer_id"], how="inner"
    )
    on, before = nw.col("service_date"), nw.col("service_date_before")
    met = met.filter((before < on) | ((before == on) & (nw.col("order_before") < nw.col("order"))))
    both = (nw.col("managing") > 0) & (nw.col("managing_before") > 0)
    near = days_between("service_date", "service_date_before") < nw.col("monitoring_period_days")
    same_month = nw.col("month") == nw.col("month_before")
    met = met.filter((both & same_month) | (~both & near))
    unknown = nw.col("therapist_id").is_null() | nw.col("therapist_id_before").is_null()
    differs = ~unknown & (nw.col("therapist_id") != nw.col("therapist_id_before"))
    again = (nw.col("thing") == nw.col("thing_before")) & (nw.col("thing") != "98981")
    found = (
        met.with_columns(practitioner=flag(differs), again=flag(again), unknown=flag(unknown))
        .group_by(*LINE)
        .agg(*(nw.col(name).max() for name in ("practitioner", "again", "unknown")))
    )
    units = lines.join(found, on=LINE, how="left")
    units = units.with_columns(case=first(("practitioner", yes("practitioner")), ("again", yes("again"))))
    return judge(
        units,
        applies=ruled("monitoring_one_practitioner"),
        cannot_tell={"claim_lines.therapist_id": nw.col("case").is_null() & yes("unknown")},
        fails=nw.coalesce(nw.col("monitoring_one_practitioner"), nw.lit(False)) & ~nw.col("case").is_null(),
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "monitoring_one_practitioner__id", "monitoring_period_days__id", fault="case",
    )  # fmt: skip
