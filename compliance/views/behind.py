"""What the records hold behind a finding's figures, as small tables: told apart by the facts' names, not by rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.modifiers.running_total import added_up
from compliance.checks.remote_monitoring.events import MANAGING
from compliance.checks.remote_monitoring.givers import SETUP
from compliance.checks.tables import REPORT_KINDS
from compliance.checks.units.days import minutes_by_code, minutes_of_notes
from compliance.parameters import ParameterValues
from compliance.policy import Policies

BUCKETS = {"PT and SLP": "PT_SLP", "OT": "OT"}


def running_total(
    finding: Mapping[str, Any], facts: Mapping[str, Any], lines: pl.DataFrame, policies: Policies
) -> pl.DataFrame | None:
    """The year's dollars of a threshold, line by line until the finding's.

    Service, Claim, Line, Code, Allowed, Sum so far, Threshold.
    What other providers' rows say comes first, without a claim. None where the facts name no running total, or where the
    lines do not add up to it: a table that contradicts the sentence helps nobody.
    """
    bucket = BUCKETS.get(str(facts.get("bucket")))
    if facts.get("running_total") is None or bucket is None or finding["service_date"] is None:
        return None
    own = lines.filter(pl.col("patient_id") == finding["patient_id"]).lazy()
    counting = ParameterValues(policies).attach(nw.from_native(own), ("kx_required",))
    codes = nw.from_native(policies.code_tables.frames["therapy_codes"].lazy())
    added = (
        added_up(counting, codes).filter(nw.col("bucket") == bucket, ~nw.col("known").is_null()).to_native()
    )
    year = finding["service_date"].year
    rows = added.collect().filter(pl.col("year") == year).sort("service_date", "claim_id", "line")
    if facts.get("elsewhere_with_own"):
        rows = rows.filter(pl.col("service_date") > datetime.fromisoformat(facts["elsewhere_on"]))
    last = (pl.col("claim_id") == finding["claim_id"]) & (pl.col("line") == finding["line"])
    here = rows.with_row_index("place").filter(last)["place"]
    if here.is_empty():
        return None
    told = _summed(_elsewhere(facts), rows.head(here[0] + 1))
    told = told.with_columns(pl.lit(float(facts["threshold"])).alias("Threshold"))
    return told if abs(told["Sum so far"][-1] - facts["running_total"]) < CENT else None


CENT = 0.01
COLUMNS = {"Service": pl.Date, "Claim": pl.String, "Line": pl.Int64, "Code": pl.String, "Allowed": pl.Float64}


def _elsewhere(facts: Mapping[str, Any]) -> pl.DataFrame:
    """What a row of other providers' dollars says, as the first row of the table; none where they are not known."""
    if facts.get("elsewhere") is None:
        return pl.DataFrame(schema=COLUMNS)
    whose = "all providers" if facts.get("elsewhere_with_own") else "other providers"
    on = datetime.fromisoformat(facts["elsewhere_on"]).date()
    return pl.DataFrame([(on, whose, None, None, float(facts["elsewhere"]))], schema=COLUMNS, orient="row")


def _summed(first: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.select(
        pl.col("service_date").cast(pl.Date).alias("Service"), pl.col("claim_id").alias("Claim"),
        pl.col("line").cast(pl.Int64).alias("Line"), pl.col("cpt").alias("Code"), pl.col("own").alias("Allowed"),
    )  # fmt: skip
    return pl.concat([first, named]).with_columns(pl.col("Allowed").cum_sum().round(2).alias("Sum so far"))


KINDS = {"management": "management", "interactive_contact": "live contact", "device_data": "device data"}


def monitoring_events(
    finding: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame | None:
    """The events of remote monitoring that a finding counts, in order: Day, Event, and Device, or Minutes and By (an id).

    None where the facts count none (a set-up stands for no month), or where the records' events do not come to them.
    """
    on = finding["service_date"]
    if on is None or "rtm" not in tables:
        return None
    own = tables["rtm"].filter(pl.col("patient_id") == finding["patient_id"]).sort("date", "rtm_id")
    day, event = pl.col("date").cast(pl.Date).alias("Day"), pl.col("kind").replace(KINDS).alias("Event")
    if facts.get("data_days") is not None:
        before = (pl.lit(on) - pl.col("date").dt.truncate("1d")).dt.total_days()
        same = pl.col("device").is_null() | (pl.col("device") == facts["device"])
        inside = before.is_between(0, facts["monitoring_period_days"] - 1)
        told = own.filter(pl.col("kind") == "device_data", same, inside).select(day, event, Device="device")
        return told if told["Day"].n_unique() == facts["data_days"] else None
    if facts.get("month_minutes") is None or facts.get("cpt") == SETUP:
        return None
    people = tables["therapists"].select("therapist_id", by="discipline")
    theirs = pl.col("by").is_null() | (pl.col("by") == finding["discipline"])
    month = pl.col("date").dt.truncate("1mo") == pl.lit(on).dt.truncate("1mo")
    counted = own.join(people, on="therapist_id", how="left", maintain_order="left").filter(
        pl.col("kind").is_in(MANAGING), month, theirs if finding["discipline"] else pl.lit(True)
    )
    told = counted.select(day, event, pl.col("minutes").cast(pl.Int64).alias("Minutes"), By="therapist_id")
    return told if told["Minutes"].sum() == facts["month_minutes"] else None


def shifts_of_day(
    finding: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame | None:
    """Who was on shift where a therapist's presence was asked for: By (an id), Shift, Where, From, To, On site then.

    Of the discipline's therapists at the clinic that day, and of the named supervisor anywhere. None where the facts ask for
    no presence, or the records hold no shift at all.
    """
    near = facts.get("level") in ("direct", "personal") and "deliverer" in facts
    if not near or finding["service_date"] is None or tables["shifts"].is_empty():
        return None
    able = tables["therapists"].filter(pl.col("role") == "therapist")
    able = able.select("therapist_id", "name", of="discipline")
    day = pl.lit(finding["service_date"]).dt.truncate("1d")
    first, last = pl.col("starts_at").dt.truncate("1d"), pl.col("ends_at").dt.truncate("1d")
    at_clinic = (pl.col("clinic_id") == pl.lit(finding["clinic_id"], pl.String)).fill_null(False)
    fit = (pl.col("of") == pl.lit(finding["discipline"], pl.String)).fill_null(True)
    named = (pl.col("name") == pl.lit(facts.get("supervisor"), pl.String)).fill_null(False)
    met = (
        tables["shifts"]
        .join(able, on="therapist_id")
        .filter((first <= day) & (pl.coalesce(last, first) >= day))
    )
    return met.filter((at_clinic & fit) | named).sort("starts_at", "therapist_id").select(
        pl.col("therapist_id").alias("By"), pl.col("kind").fill_null("clocked").alias("Shift"),
        pl.when(at_clinic).then(pl.lit("this clinic")).otherwise(pl.lit("elsewhere")).alias("Where"),
        _moment("starts_at", day).alias("From"), _moment("ends_at", day).alias("To"),
        _on_site(facts, at_clinic).alias("On site then"),
    )  # fmt: skip


def reports_of_goal(
    finding: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> list[str]:
    """The ids of the reports in which a goal was compared, by date; empty where the facts compare none, or the records' are
    others: those of the plan that say nothing of the goal would count too."""
    if not {"goal_id", "from_on", "to_on", "reports"} <= facts.keys():
        return []
    first, last = (datetime.fromisoformat(facts[name]) for name in ("from_on", "to_on"))
    same_plan = pl.col("plan_id").fill_null(finding["plan_id"]) == finding["plan_id"]
    discipline = pl.col("discipline").fill_null(finding["discipline"]) == finding["discipline"]
    of_plan = same_plan & (pl.col("patient_id") == finding["patient_id"]) & discipline
    within = pl.col("service_date").dt.truncate("1d").is_between(first, last)
    found = (
        tables["notes"]
        .filter(of_plan, pl.col("kind").is_in(REPORT_KINDS), _attended(), within)
        .sort("service_date", "note_id")["note_id"]
        .to_list()
    )
    return found if len(found) == facts["reports"] else []


def visits_of_pattern(
    finding: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame | None:
    """The visits whose minutes are alike: Day, Patient (an id), Note, Timed minutes. None where the facts tell of none, or where
    the records' visits are not as many."""
    if not {"at_least", "shortest", "longest", "visits"} <= facts.keys():
        return None
    own = tables["notes"].filter(pl.col("therapist_id") == finding["therapist_id"], _attended())
    given = tables["interventions"].join(own.select("note_id", attended=pl.lit(value=True)), on="note_id")
    own = own.with_columns(treated=pl.col("note_id").is_in(given["note_id"].implode()))
    coded = minutes_by_code(nw.from_native(given.lazy()))
    minutes = minutes_of_notes(nw.from_native(own.lazy()), coded).to_native().collect()
    visits = own.join(minutes.select("note_id", "total"), on="note_id").filter(pl.col("total") > 0)
    visits = visits.sort("service_date", "note_id").select(
        pl.col("service_date").cast(pl.Date).alias("Day"), pl.col("patient_id").alias("Patient"),
        pl.col("note_id").alias("Note"), pl.col("total").cast(pl.Int64).alias("Timed minutes"),
    )  # fmt: skip
    return visits if visits.height == facts["visits"] else None


def _attended() -> pl.Expr:
    return pl.col("outcome").fill_null("attended") == "attended"


def _moment(column: str, day: pl.Expr) -> pl.Expr:
    """A moment as its time of day, and with its date where that is another."""
    told = pl.col(column)
    return (
        pl.when(told.dt.truncate("1d") == day)
        .then(told.dt.strftime("%H:%M"))
        .otherwise(told.dt.strftime("%b %d %H:%M"))
    )


def _on_site(facts: Mapping[str, Any], at_clinic: pl.Expr) -> pl.Expr:
    """Whether a shift shows its therapist at the clinic for the whole service; null where a time is not known."""
    begins, ends = (
        pl.lit(datetime.fromisoformat(facts[name]) if facts.get(name) else None, pl.Datetime("us"))
        for name in ("starts_at", "ends_at")
    )
    whole = at_clinic & (pl.col("starts_at") <= begins) & (pl.col("ends_at") >= ends)
    kind = pl.col("kind").fill_null("clocked")
    clocked = pl.when(whole).then(pl.lit("yes")).when(~whole).then(pl.lit("no"))
    return pl.when(kind == "clocked").then(clocked).otherwise(
        pl.when(kind == "leave").then(pl.lit("on leave")).otherwise(pl.lit("a plan only"))
    )  # fmt: skip
