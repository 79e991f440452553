"""RTM-01: the days with data are too few, or too many, for the device supply code."""

import narwhals as nw

from compliance.checks.remote_monitoring.events import LINE, days_between, device_of_code, of_set, other_tier
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, ruled, yes

UNPRICED = "98976"
"""Its values are not in our tables; the file of 2026 gives both tiers of the device the same."""


@rule(
    code="RTM-01",
    title="Days of data do not fit the supply code",
    severity="high",
    subject="line",
    unit="line of device supply",
    cites=["cms-rtm-2026"],
    needs=["rtm.date", "rtm.kind", "claim_lines.cpt"],
    absence_of={"rtm": "patient"},
    parameters=["monitoring_period_days", "monitoring_long_days", "monitoring_short_days"],
    exposes="line",
    message={
        "lower": "{data_days} days with data in the {monitoring_period_days} days to {service_date}; {cpt} needs "
        "{monitoring_long_days}, and {suggested} fits",
        "none": "{data_days} days with data in the {monitoring_period_days} days to {service_date}; no supply code fits",
        "higher": "{data_days} days with data in the {monitoring_period_days} days to {service_date} are more than {cpt} is "
        "for; {suggested} fits",
    },
    fix={
        "lower": "Bill {suggested} for {data_days} days.",
        "none": "Do not bill a device supply code for this period.",
        "higher": "Bill {suggested} for {data_days} days.",
    },
)
def days_do_not_fit_code(claim_lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """A device's supply is paid by how many days of its period bore data.

    ## What it checks
    Each line of a device supply code: the distinct days with data in its period, against the code's tier.

    ## Why it matters
    A code whose days are not there is not payable. In 2026 the two tiers are worth the same, so that the amount is
    often nothing; the code is wrong all the same.

    ## How we read the rule
    - The service date is the last day of the period.
    - Several transmissions of a day are one day. Data of another device do not count; data of an unnamed device do.
    - Where the shorter tier fits, the line should have been its code. Before there was a shorter tier nothing fits.
    - More days than the shorter tier holds are worth knowing: the longer code fits.
    - A patient of whom no day of data is recorded at all cannot be told.
    - 98986 is not on the list of therapy codes; whether a therapist may bill it cannot be told.

    ## What it does not check
    Days with data for which nothing was billed. Two supply codes in one period (RTM-03).
    """
    lines = claim_lines.filter(of_set("monitoring_supply_long") | of_set("monitoring_supply_short"))
    lines = lines.with_columns(
        device=device_of_code(), suggested=other_tier(), longer=of_set("monitoring_supply_long")
    )
    known = rtm.filter(nw.col("kind") == "device_data").select("patient_id").unique()
    units = lines.join(_data_days(lines, rtm), on=LINE, how="left").join(
        known.with_columns(monitored=flag(nw.lit(True))), on="patient_id", how="left"
    )
    units = units.with_columns(data_days=nw.coalesce(nw.col("data_days"), nw.lit(0)))
    days, longer, shorter = (
        nw.col(name) for name in ("data_days", "monitoring_long_days", "monitoring_short_days")
    )
    short_fits = nw.coalesce((days >= shorter) & (days < longer), nw.lit(False))
    fits = nw.when(nw.col("longer")).then(days >= longer).otherwise(short_fits)
    case = first(
        ("lower", ~fits & short_fits),
        ("higher", ~fits & ~nw.col("longer") & ~shorter.is_null() & (days >= longer)),
        ("none", ~fits),
    )
    units = units.with_columns(case=case)
    lower = nw.col("case") == "lower"
    priced = lower & (nw.col("device") == "musculoskeletal")
    severity = nw.when(nw.col("case") == "higher").then(nw.lit("info")).otherwise(nw.lit("block_or_repay"))
    return judge(
        units,
        applies=ruled("monitoring_long_days"),
        cannot_tell={
            "policy.coverage": nw.col("cpt") == "98986",
            "rtm.date": ~yes("monitored"),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "data_days", "device", "monitoring_period_days", "monitoring_long_days", "monitoring_long_days__id",
        "monitoring_short_days", "monitoring_short_days__id", severity=severity, fault="case",
        suggested=nw.when(nw.col("case") != "none").then(nw.col("suggested")),
        exposed_as=nw.when(priced).then(nw.col("suggested")),
        exposed_share=nw.when(lower & (nw.col("cpt") == UNPRICED)).then(nw.lit(0.0)),
    )  # fmt: skip


def _data_days(lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """Distinct days with data of the line's device within its period."""
    data = rtm.filter(nw.col("kind") == "device_data").select(
        "patient_id", data_on=nw.col("date").dt.truncate("1d"), data_device="device"
    )
    met = lines.select(*LINE, "patient_id", "service_date", "device", "monitoring_period_days").join(
        data.unique(), on="patient_id", how="inner"
    )
    before = days_between("service_date", "data_on")
    own = nw.col("data_device").is_null() | (nw.col("data_device") == nw.col("device"))
    inside = met.filter(own & (before >= 0) & (before < nw.col("monitoring_period_days")))
    return inside.select(*LINE, "data_on").unique().group_by(*LINE).agg(data_days=nw.col("data_on").count())
