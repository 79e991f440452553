"""RTM-04: remote monitoring without a plan of care, its modifier, a device as the FDA defines it, or an order."""

import narwhals as nw

from compliance.checks.remote_monitoring.events import LINE, of_set
from compliance.checks.rule import rule
from compliance.checks.terms import DISCIPLINE_MODIFIERS, first, flag, has_code, judge, ruled, yes


@rule(
    code="RTM-04",
    title="Conditions of monitoring not met",
    severity="high",
    subject="line",
    unit="line of remote monitoring",
    cites=["rtm-guide", "cms-rtm-2026"],
    needs=["claim_lines.modifiers"],
    absence_of={"rtm": "patient", "plans_of_care": "patient"},
    parameters=["monitoring_conditions_required"],
    exposes="line",
    message={
        "plan": "No plan of care of its discipline was in force on {service_date}, when {cpt} was billed",
        "modifier": "{cpt} of {service_date} bears none of GP, GO and GN while a plan of care is in force",
        "device": "The record names no device that the FDA clears for {cpt} of {service_date}",
        "order": "The record holds no order by {service_date} for {cpt}",
    },
    fix={
        "plan": "Do not bill monitoring outside a plan of care.",
        "modifier": "Add the modifier of the plan's discipline (GP, GO or GN) to {cpt}.",
        "device": "Record the device and that it is one as the FDA defines it, or do not bill.",
        "order": "Record the day of the order, or do not bill.",
    },
)
def conditions_missing(
    claim_lines: nw.LazyFrame, rtm: nw.LazyFrame, plans_of_care: nw.LazyFrame, absent_columns: frozenset[str]
) -> nw.LazyFrame:
    """A therapist's remote monitoring stands on a plan of care, a medical device and an order.

    ## What it checks
    Each line of remote monitoring: a plan in force on its date, a modifier of a discipline, a device, an order.

    ## Why it matters
    Without one of them the line is denied.

    ## How we read the rule
    - A plan is in force from its first to its last day. It is of the line's discipline: one of another does not serve. A
      patient of whom no plan of the discipline is recorded cannot be told.
    - While a plan is in force the line bears GP, GO or GN.
    - The device is named in the patient's records of monitoring up to the line's date. One that is not a medical device is
      none; whether an unmarked one is cannot be told.
    - An order is one dated by the line's date. Where the export keeps the day of orders and this patient's records have
      none, the order is missing; where it does not keep them, or the patient has no record of monitoring, it cannot be
      told.

    ## What it does not check
    Whether the plan is certified (POC-03, POC-04), and whether the modifier is the right one (MOD-02).
    """
    lines = claim_lines.filter(of_set("monitoring"))
    units = lines.join(_plans(lines, plans_of_care), on=LINE, how="left")
    units = units.join(_records(lines, rtm), on=LINE, how="left")
    kept = {name: f"rtm.{name}" not in absent_columns for name in ("device", "device_cleared", "ordered_on")}
    recorded = yes("recorded")
    case = first(
        ("plan", yes("planned") & ~yes("in_force")),
        ("modifier", yes("in_force") & ~has_code("modifiers", DISCIPLINE_MODIFIERS.values())),
        (
            "device",
            recorded
            & nw.lit(kept["device"])
            & (~yes("device_named") | (yes("not_cleared") & ~yes("cleared"))),
        ),
        ("order", recorded & nw.lit(kept["ordered_on"]) & ~yes("ordered")),
    )
    units = units.with_columns(case=case)
    open_question = nw.col("case").is_null()
    return judge(
        units,
        applies=ruled("monitoring_conditions_required"),
        cannot_tell={
            "plans_of_care.plan_id": open_question & ~yes("planned") & ~yes("in_force"),
            "plans_of_care.discipline": open_question & ~yes("planned"),
            "rtm.date": open_question & ~recorded,
            "rtm.device": open_question & nw.lit(not kept["device"]),
            "rtm.device_cleared": open_question & ~yes("cleared"),
            "rtm.ordered_on": open_question & nw.lit(not kept["ordered_on"]),
        },
        fails=nw.coalesce(nw.col("monitoring_conditions_required"), nw.lit(False)) & ~open_question,
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "modifiers", "monitoring_conditions_required__id", fault="case",
    )  # fmt: skip


def _plans(lines: nw.LazyFrame, plans_of_care: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line: whether a plan of its patient and discipline is recorded (`planned`), and one in force (`in_force`).

    An open end is in force; a plan whose discipline nobody knows may be of the line's, but does not show that it is.
    """
    plans = plans_of_care.select(
        "patient_id",
        plan_from=nw.coalesce(nw.col("starts_on"), nw.col("established_on"), nw.col("evaluated_on")),
        plan_to="ends_on",
        plan_discipline="discipline",
    )
    on, own, of_plan = nw.col("service_date"), nw.col("discipline"), nw.col("plan_discipline")
    met = lines.select(*LINE, "patient_id", "service_date", "discipline").join(
        plans, on="patient_id", how="inner"
    )
    met = met.filter(own.is_null() | of_plan.is_null() | (own == of_plan))
    begun = nw.col("plan_from").is_null() | (nw.col("plan_from") <= on)
    held = begun & (nw.col("plan_to").is_null() | (nw.col("plan_to") >= on))
    met = met.with_columns(planned=flag(own.is_null() | ~of_plan.is_null()), in_force=flag(held))
    return met.group_by(*LINE).agg(nw.col("planned").max(), nw.col("in_force").max())


def _records(lines: nw.LazyFrame, rtm: nw.LazyFrame) -> nw.LazyFrame:
    """What the patient's records of monitoring up to the line's date say of device and order."""
    events = rtm.select(
        "patient_id", "device", "device_cleared", "ordered_on", event_on=nw.col("date").dt.truncate("1d")
    )
    met = lines.select(*LINE, "patient_id", "service_date").join(events, on="patient_id", how="inner")
    met = met.filter(nw.col("event_on") <= nw.col("service_date"))
    return (
        met.with_columns(
            recorded=flag(nw.lit(True)),
            device_named=flag(~nw.col("device").is_null()),
            cleared=flag(nw.coalesce(nw.col("device_cleared"), nw.lit(False)).cast(nw.Boolean)),
            not_cleared=flag(~nw.coalesce(nw.col("device_cleared"), nw.lit(True)).cast(nw.Boolean)),
            ordered=flag(nw.col("ordered_on") <= nw.col("service_date")),
        )
        .group_by(*LINE)
        .agg(
            *(
                nw.col(name).max()
                for name in ("recorded", "device_named", "cleared", "not_cleared", "ordered")
            )
        )
    )
