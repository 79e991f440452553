"""RTM-01: the days with data are too few, or too many, for the device supply code."""

import narwhals as nw

from compliance.checks.remote_monitoring.events import (
    LACKS,
    LINE,
    device_of_code,
    in_period,
    maybe_met,
    of_set,
    other_tier,
    untold,
)
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, ruled, yes

FACTS = ("patient_id", "service_date", "device", "monitoring_period_days")
UNPRICED = "98976"
"""Its values are not in our tables; the file of 2026 gives both tiers of the device the same."""


@rule(
    code="RTM-01",
    title="Days of data do not fit the supply code",
    severity="high",
    subject="line",
    unit="line of device supply",
    cites=["cms-rtm-2026"],
    needs=["rtm.patient_id", "rtm.date", "rtm.kind", "claim_lines.cpt"],
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
    - A patient of whom no day of data is recorded at all cannot be told. Nor can a line whose code would fit, or no longer
      fit, if events without a date, a kind or a patient were days of it.
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
    units = units.join(_more_days(lines, rtm), on=LINE, how="left")
    days = nw.coalesce(nw.col("data_days"), nw.lit(0))
    units = units.with_columns(data_days=days, most_days=days + nw.coalesce(nw.col("more_days"), nw.lit(0)))
    units = units.with_columns(case=_case(nw.col("data_days")), at_most=_case(nw.col("most_days")))
    fitting = nw.lit("fits")
    doubtful = nw.coalesce(nw.col("case"), fitting) != nw.coalesce(nw.col("at_most"), fitting)
    lower = nw.col("case") == "lower"
    priced = lower & (nw.col("device") == "musculoskeletal")
    severity = nw.when(nw.col("case") == "higher").then(nw.lit("info")).otherwise(nw.lit("block_or_repay"))
    facts = untold(doubtful)
    return judge(
        units,
        applies=ruled("monitoring_long_days"),
        cannot_tell={
            "policy.coverage": nw.col("cpt") == "98986",
            **facts,
            "rtm.date": facts["rtm.date"] | ~yes("monitored"),
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


def _case(days: nw.Expr) -> nw.Expr:
    """What is wrong with the line's code for so many days with data; null where it fits."""
    longer, shorter = nw.col("monitoring_long_days"), nw.col("monitoring_short_days")
    short_fits = nw.coalesce((days >= shorter) & (days < longer), nw.lit(False))
    fits = nw.when(nw.col("longer")).then(days >= longer).otherwise(short_fits)
    return first(
        ("lower", ~fits & short_fits),
        ("higher", ~fits & ~nw.col("longer") & ~shorter.is_null() & (days >= longer)),
        ("none", ~fits),
    )


def _data_days(lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """Distinct days with data of the line's device within its period: LINE, data_days."""
    return _days_on(lines, rtm).group_by(*LINE).agg(data_days=nw.col("data_on").count())


def _more_days(lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """The most days that events of no date, kind or patient may add to a line's: LINE, more_days and LACKS."""
    met = maybe_met(lines.select(*LINE, *FACTS), rtm, "device_data").rename({"event_on": "data_on"})
    own = nw.col("event_device").is_null() | (nw.col("event_device") == nw.col("device"))
    met = met.filter(own & (nw.col("data_on").is_null() | in_period("data_on")))
    added = met.join(_days_on(lines, rtm), on=[*LINE, "data_on"], how="anti")
    once = nw.coalesce(nw.col("data_on").dt.to_string("%Y-%m-%d"), nw.col("event_id"))
    added = added.with_columns(once=once).group_by(*LINE, "once").agg(nw.col(*LACKS).max())
    return added.group_by(*LINE).agg(nw.col(*LACKS).max(), more_days=nw.col("once").count())


def _days_on(lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """Each day with data of the line's device within its period, once: LINE, data_on."""
    data = rtm.filter(nw.col("kind") == "device_data").select(
        "patient_id", data_on=nw.col("date").dt.truncate("1d"), data_device="device"
    )
    met = lines.select(*LINE, *FACTS).join(data.unique(), on="patient_id", how="inner")
    own = nw.col("data_device").is_null() | (nw.col("data_device") == nw.col("device"))
    return met.filter(own & in_period("data_on")).select(*LINE, "data_on").unique()
