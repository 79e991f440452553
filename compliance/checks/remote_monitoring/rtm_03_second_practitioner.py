"""RTM-03: remote monitoring of a patient billed twice, or by two practitioners, in one period."""

import narwhals as nw

from compliance.checks.remote_monitoring.events import LINE, days_between, device_of_code, month, of_set
from compliance.checks.rule import rule
from compliance.checks.terms import DAYS_OF_A_WEEK, first, flag, judge, ruled, whole_days, yes

SETUP = "98975"


@rule(
    code="RTM-03",
    title="Monitoring billed twice",
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
        "episode": "{cpt} of {service_date}: set-up had been billed on {set_up_on}, in the same episode of care",
    },
    fix={
        **dict.fromkeys(
            ("practitioner", "again"),
            "Remove the later line; one practitioner bills a patient's monitoring, once a period.",
        ),
        "episode": "Remove the later line; set-up is billed once an episode of care.",
    },
)
def second_practitioner(
    claim_lines: nw.LazyFrame, plans_of_care: nw.LazyFrame, treatment_days: nw.LazyFrame
) -> nw.LazyFrame:
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
    - Set-up is billed once an episode of care. Two of one discipline are of one episode where one plan of care holds both
      dates, or the later's plan replaces the earlier's. Where an episode began between them they are of two. Else it
      cannot be told.
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
    units = units.join(_set_up_before(lines, plans_of_care, treatment_days), on=LINE, how="left")
    units = units.with_columns(
        case=first(
            ("practitioner", yes("practitioner")), ("again", yes("again")), ("episode", yes("one_episode"))
        )
    )
    return judge(
        units,
        applies=ruled("monitoring_one_practitioner"),
        cannot_tell={
            "claim_lines.therapist_id": nw.col("case").is_null() & yes("unknown"),
            "plans_of_care.plan_id": nw.col("case").is_null() & yes("perhaps"),
        },
        fails=nw.coalesce(nw.col("monitoring_one_practitioner"), nw.lit(False)) & ~nw.col("case").is_null(),
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "set_up_on", "monitoring_one_practitioner__id", "monitoring_period_days__id", fault="case",
    )  # fmt: skip


def _set_up_before(
    lines: nw.LazyFrame, plans_of_care: nw.LazyFrame, treatment_days: nw.LazyFrame
) -> nw.LazyFrame:
    """Of each set-up after another of its patient, payer and discipline: LINE, set_up_on, one_episode, perhaps."""
    on = nw.col("service_date")
    plans = plans_of_care.select(
        "plan_id", "replaces_plan_id", "weeks", "ends_on",
        began=nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on")),
    )  # fmt: skip
    set_ups = (
        lines.filter(nw.col("cpt") == SETUP)
        .join(plans, on="plan_id", how="left")
        .join(_episodes(lines, treatment_days), on=LINE, how="left")
    )
    ended = nw.coalesce(nw.col("ends_on") < on, nw.lit(False)) | (
        nw.col("ends_on").is_null()
        & nw.coalesce(whole_days(on - nw.col("began")) >= nw.col("weeks") * DAYS_OF_A_WEEK, nw.lit(False))
    )
    set_ups = set_ups.with_columns(ended=flag(ended))
    key = ["patient_id", "payer_id", "discipline"]
    before = set_ups.select(
        *key, set_up_on="service_date", order_before="order", plan_before="plan_id", episode_before="episode",
    )  # fmt: skip
    met = set_ups.join(before, on=key, how="inner")
    earlier = nw.col("set_up_on") < on
    met = met.filter(earlier | ((nw.col("set_up_on") == on) & (nw.col("order_before") < nw.col("order"))))
    first_plan = nw.col("plan_before")
    same = ~first_plan.is_null() & (
        nw.coalesce(nw.col("plan_id") == first_plan, nw.lit(False))
        | nw.coalesce(nw.col("replaces_plan_id") == first_plan, nw.lit(False))
    )
    other = nw.coalesce(nw.col("episode") != nw.col("episode_before"), nw.lit(False))
    other = other & ~nw.col("episode").is_null() & ~nw.col("episode_before").is_null()
    one = same & (nw.col("ended") == 0) & ~other
    return (
        met.with_columns(one_episode=flag(one), perhaps=flag(~one & ~other))
        .group_by(*LINE)
        .agg(nw.col("set_up_on").max(), nw.col("one_episode").max(), nw.col("perhaps").max())
    )


def _episodes(lines: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """The episode of each set-up: that of the patient's latest day of treatment in its discipline. LINE, episode."""
    key = ["patient_id", "discipline"]
    days = treatment_days.select(*key, "episode", treated_on="service_date")
    met = (
        lines.filter(nw.col("cpt") == SETUP)
        .select(*LINE, *key, "service_date")
        .join(days, on=key, how="inner")
    )
    met = met.filter(nw.col("treated_on") <= nw.col("service_date"))
    return met.group_by(*LINE).agg(episode=nw.col("episode").max())
