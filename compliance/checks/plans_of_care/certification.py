"""Plans of care over a patient's treatment days: which plan a day stands under, and how that plan was certified.

`certified_days` runs the reading of `intervals` over every patient and discipline; `by_plan` rolls its days up to what a
finding says: one row a plan, payer and case, with the lines of its days.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import narwhals as nw
import polars as pl

from compliance.checks.plans_of_care.intervals import (
    Day,
    Interval,
    Plan,
    Rules,
    Verdict,
    barred,
    expired,
    gap,
    governing,
    intervals,
)
from compliance.checks.terms import (
    BETWEEN_LINES,
    ONE_DAY,
    fold,
    in_polars,
    like,
    line_name,
    shared,
    typed_rows,
)

CERTIFICATION = (
    "certification_required",
    "certification_initial_days",
    "certification_verbal_sign_days",
    "certification_interval_days",
    "certification_delay_days",
    "certification_credentials",
    "certification_barred_credentials",
    "signature_exception",
    "signature_exception_transmit_days",
)
"""What a payer's policy says about certification; every rule that reads it declares these."""
IDS = tuple(f"{name}__id" for name in CERTIFICATION)
ASKED = (*CERTIFICATION, *IDS, "policy_missing")
"""What tells of a row what its payer asks."""
SETTLED = ("passed", "no_rule")
PATIENT = ("patient_id", "discipline")
MOMENT = pl.Datetime("us")
PLAN_DATES = ("begins", "evaluated_on", "established", "ends_on", "certified_on", "verbal_order_on", "sent_on",
              "order_signed_on")  # fmt: skip
PLAN_WORDS = ("plan_id", "replaces_plan_id", "certified_by", "certification_delay_reason", "order_by", "order_discipline",
              "doubt")  # fmt: skip
TYPED: dict[str, pl.DataType] = {
    "patient_id": pl.String(), "discipline": pl.String(), "service_date": MOMENT, "row": pl.String(),
    **dict.fromkeys(PLAN_DATES, MOMENT), **dict.fromkeys(PLAN_WORDS, pl.String()),
    "weeks": pl.Float64(), "visits_total": pl.Float64(), "visits_per_week": pl.Float64(), "amount_per_day": pl.Float64(),
    "frequency_steps": pl.String(), "episode": pl.Int64(), "evaluation": pl.Boolean(), "uncoded": pl.Boolean(),
    "noted_first": pl.String(), "noted_last": pl.String(), "payer_id": pl.String(), "clinic_id": pl.String(),
    "policy_missing": pl.String(),
    **{name: pl.Int64() for name in CERTIFICATION},
    "certification_required": pl.Boolean(), "signature_exception": pl.Boolean(),
    "certification_credentials": pl.String(),
    "certification_barred_credentials": pl.String(),
    **dict.fromkeys(IDS, pl.Int64()),
}  # fmt: skip
"""Every column that the fold reads, and how it is held whatever the engine made of nulls."""
RETURNS: dict[str, pl.DataType] = {
    "service_date": MOMENT, "payer_id": pl.String(), "clinic_id": pl.String(), "plan_id": pl.String(),
    "case": pl.String(), "policy_missing": pl.String(), "interval_from": MOMENT, "interval_to": MOMENT,
    "interval_ends_by": pl.String(), "due_on": MOMENT, "deadline": MOMENT, "certified_on": MOMENT,
    "certified_by": pl.String(), "barred_credential": pl.String(), "order_signed_on": MOMENT, "order_by": pl.String(),
    "sent_on": MOMENT, "renewed_by": pl.String(),
    **dict.fromkeys(IDS, pl.Int64()),
}  # fmt: skip
"""What `certified_days` returns beside patient_id, discipline and `about`."""
ESTABLISHED: dict[str, pl.DataType] = {
    "service_date": MOMENT, "plan_id": pl.String(), "case": pl.String(), "policy_missing": pl.String(), "established_on": MOMENT,
}  # fmt: skip
"""What `established_days` returns beside patient_id and discipline."""
ENDS_BY: Mapping[str, str] = {
    "duration": "its own duration", "cap": "the longest interval allowed", "visits": "its number of visits",
    "unknown": "nothing known",
}  # fmt: skip


@shared
def certified_days(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent: frozenset[str],
) -> nw.LazyFrame:
    """One row a treatment day with trouble and what is said `about` it, with RETURNS; of the days that stand alike and are
    settled the first. One pass over the charts speaks for two rules.

    `about` is `first`, the certification of the first plan that the day stands under (POC-03), or `later`, what comes
    after an interval's end (POC-04). `case` is how the day stands, `policy_missing` the fact without which nobody can tell.
    """
    charts = _chart_rows(plans_of_care, treatment_days, notes, episodes)
    returns = {"about": pl.String(), **RETURNS}
    return like(_said(charts, as_of, absent, _of_certification, returns), treatment_days)


def established_days(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent: frozenset[str],
) -> nw.LazyFrame:
    """Whether a plan was established by each treatment day (POC-01): service_date and ESTABLISHED.

    Where a chart's only episode began under its first plan nothing is left to ask; only other charts are read day by day.
    """
    charts = _chart_rows(plans_of_care, treatment_days, notes, episodes)
    plans, days, _ = charts
    planned = _planned_from_the_start(plans, days)
    settled = days.select(*PATIENT, "service_date").join(planned, on=PATIENT)
    others = [rows.join(planned, on=PATIENT, how="anti") for rows in charts]
    said = _said(others, as_of, absent, _of_establishment, ESTABLISHED)
    return like(pl.concat([said, settled], how="diagonal"), treatment_days)


def _planned_from_the_start(plans: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """The charts, of one episode and plans of which nothing is in doubt, whose first plan was established by the first
    treatment day: PATIENT and what ESTABLISHED says of all their days."""
    first = (
        plans.sort("begins", pl.col("replaces_plan_id").is_not_null(), "plan_id")
        .group_by(PATIENT, maintain_order=True)
        .agg(pl.col("plan_id", "established").first(), doubts=pl.col("doubt").count())
    )
    begun = days.group_by(PATIENT).agg(
        begun_on=pl.col("service_date").min(), episodes=pl.col("episode").n_unique()
    )
    known = first.join(begun, on=PATIENT).filter(
        pl.col("established") <= pl.col("begun_on"), doubts=0, episodes=1
    )
    return known.select(*PATIENT, "plan_id", case=pl.lit("passed"), established_on="established")


def of_charts(
    plans_of_care: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent: frozenset[str],
    speak: Callable[["Chart"], Iterable[dict[str, Any]]],
    returns: Mapping[str, pl.DataType],
) -> nw.LazyFrame:
    """What `speak` says of the chart of each patient and discipline: rows with `returns`, patient_id and discipline added."""
    charts = _chart_rows(plans_of_care, treatment_days, notes, episodes)
    return like(_said(charts, as_of, absent, speak, returns), treatment_days)


def _said(
    charts: Sequence[pl.DataFrame],
    as_of: datetime,
    absent: frozenset[str],
    speak: Callable[["Chart"], Iterable[dict[str, Any]]],
    returns: Mapping[str, pl.DataType],
) -> pl.DataFrame:
    rows, asked = _numbered(pl.concat(charts, how="diagonal"))
    found = fold(
        nw.from_native(rows.lazy()),
        by=PATIENT,
        order_by=("service_date", "row", "plan_id"),
        step=lambda patient: speak(Chart(patient, asked, as_of, absent)),
        returns=returns,
    )
    return in_polars(found)


def _numbered(rows: pl.DataFrame) -> tuple[pl.DataFrame, list["Asked"]]:
    """What payers ask in place of its ASKED columns as a number, `asked`, of a list: few things are, of every day."""
    absent = [pl.lit(None, dtype=TYPED[name]).alias(name) for name in ASKED if name not in rows.columns]
    rows = rows.with_columns(absent)
    each = rows.select(ASKED).unique(maintain_order=True).with_row_index("asked")
    numbered = rows.join(each, on=ASKED, how="left", nulls_equal=True, maintain_order="left").drop(ASKED)
    return numbered, [
        Asked(_rules(row), {name: row[name] for name in IDS}) for row in each.iter_rows(named=True)
    ]


def by_plan(days: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """One row a plan, payer and case: the first day's facts, `days` (how many), `counted_days`, `exposed_lines`.

    A plan with trouble has no row for its days without.
    """
    named = claim_lines.select(*PATIENT, "service_date", "payer_id", "claim_id", "line")
    told, lines = in_polars(days), in_polars(named)
    troubled = told.filter(~pl.col("case").is_in(SETTLED)).join(
        lines, on=[*PATIENT, "service_date", "payer_id"], how="left"
    )
    settled = told.filter(pl.col("case").is_in(SETTLED))
    rows = pl.concat([troubled, settled], how="diagonal")
    kinds = {
        **{name: TYPED[name] for name in PATIENT},
        **RETURNS,
        "days": pl.Int64(),
        "counted_days": pl.String(),
        "exposed_lines": pl.String(),
    }
    key = ("plan_id", "payer_id")
    found = fold(
        nw.from_native(rows.lazy()),
        by=key,
        order_by=("service_date", "claim_id", "line"),
        step=_cases,
        returns={name: kind for name, kind in kinds.items() if name not in key},
    )
    return like(in_polars(found), claim_lines)


def listed(lines: nw.LazyFrame, key: str) -> nw.LazyFrame:
    """The lines of each `key` as text (`exposed_lines`), in order of service; `lines` needs claim_id, line, service_date."""
    named = line_name()
    grouped = (
        in_polars(lines.select(key, "claim_id", "line", "service_date"))
        .drop_nulls(key)
        .sort("service_date", "claim_id", "line")
        .group_by(key, maintain_order=True)
        .agg(exposed_lines=named.str.join(BETWEEN_LINES))
    )
    return like(grouped, lines)


def on_their_days(lines: nw.LazyFrame, days: nw.LazyFrame) -> nw.LazyFrame:
    """Claim lines with what `established_days` says of their day: engines hold days differently, so they meet in Polars."""
    joined = in_polars(lines).join(in_polars(days), on=[*PATIENT, "service_date"], how="left")
    return like(joined, lines)


def _cases(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The cases of one plan and payer, each with its days and lines; without trouble, one row that says so."""
    trouble = [row for row in rows if row["case"] not in SETTLED or row["policy_missing"]]
    told = trouble or [row for row in rows if row["case"] == "passed"] or rows
    told = sorted(told, key=lambda row: (row["case"], row["policy_missing"] or ""))
    for _, own in groupby(told, key=lambda row: (row["case"], row["policy_missing"])):
        group = list(own)
        days = sorted({row["service_date"] for row in group})
        lines = [f"{row['claim_id']}/{int(row['line'])}" for row in group if row["claim_id"]]
        yield {
            **{name: group[0][name] for name in (*PATIENT, *RETURNS) if name not in ("plan_id", "payer_id")},
            "days": len(days),
            "counted_days": " ".join(day.date().isoformat() for day in days),
            "exposed_lines": BETWEEN_LINES.join(lines) or None,
        }


def _chart_rows(
    plans_of_care: nw.LazyFrame, treatment_days: nw.LazyFrame, notes: nw.LazyFrame, episodes: nw.LazyFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What charts are made of: plans, treatment days, and the first days that the records state of episodes."""
    return (
        _typed(_plan_rows(plans_of_care, treatment_days)),
        _typed(_day_rows(treatment_days, notes)),
        _typed(_openings(episodes)),
    )


def _plan_rows(plans_of_care: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """Plans by patient and discipline; one of unknown discipline may be of any that the patient is treated in."""
    begins = nw.coalesce(
        nw.col("starts_on"),
        nw.col("established_on"),
        nw.col("evaluated_on"),
        nw.col("signed_on"),
        nw.col("certified_on"),
    )
    nothing = nw.lit(None, dtype=nw.String)
    undated = nw.when(begins.is_null()).then(nw.lit("plans_of_care.starts_on")).otherwise(nothing)
    plans = plans_of_care.with_columns(
        begins=begins,
        established=nw.coalesce(
            nw.col("established_on"), nw.col("evaluated_on"), nw.col("signed_on"), nw.col("certified_on")
        ),
        doubt=undated,
        row=nw.lit("plan"),
    ).drop("service_date")
    known = plans.filter(~nw.col("discipline").is_null())
    treated = treatment_days.select(*PATIENT).unique()
    unknown = (
        plans.filter(nw.col("discipline").is_null())
        .drop("discipline")
        .join(treated, on="patient_id")
        .with_columns(doubt=nw.lit("plans_of_care.discipline"))
    )
    columns = [name for name in TYPED if name in known.collect_schema().names()]
    return nw.concat([known.select(columns), unknown.select(columns)], how="vertical")


def _day_rows(treatment_days: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Treatment days with the plans that their notes name."""
    key = [*PATIENT, "service_date"]
    named = (
        notes.filter(nw.col("is_visit") & ~nw.col("plan_id").is_null())
        .group_by(key)
        .agg(noted_first=nw.col("plan_id").min(), noted_last=nw.col("plan_id").max())
    )
    held = treatment_days.collect_schema().names()
    parameters = [name for each in CERTIFICATION for name in (each, f"{each}__id") if name in held]
    parameters += ["policy_missing"] if "policy_missing" in held else []
    return treatment_days.join(named, on=key, how="left").select(
        *key, "episode", "evaluation", "uncoded", "payer_id", "clinic_id", "noted_first", "noted_last",
        *parameters, row=nw.lit("day"),
    )  # fmt: skip


def _openings(episodes: nw.LazyFrame) -> nw.LazyFrame:
    """First days of treatment here, as the records state them of episodes: not those that another provider evaluated."""
    here = nw.col("evaluated_elsewhere_on").is_null() | (
        nw.col("evaluated_elsewhere_on") < nw.col("first_treatment_on")
    )
    return episodes.filter(~nw.col("first_treatment_on").is_null() & here).select(
        *PATIENT, row=nw.lit("opening"), service_date=nw.col("first_treatment_on")
    )


def _typed(rows: nw.LazyFrame) -> pl.DataFrame:
    """Rows for the fold, typed alike: it reads plans and days together."""
    return typed_rows(rows, TYPED)


class Asked(NamedTuple):
    """What a payer asks, and the ids of the values that say so."""

    rules: Rules
    ids: Mapping[str, int | None]


class Chart:
    """One patient's plans and treatment days of one discipline, with the intervals that they make."""

    def __init__(
        self, rows: list[dict[str, Any]], asked: Sequence[Asked], as_of: datetime, absent: frozenset[str]
    ) -> None:
        self.asked, self.as_of, self.absent = asked, as_of, absent
        self._settled: set[tuple[Any, ...]] = set()
        self.day_rows = [row for row in rows if row["row"] == "day"]
        plan_rows = [row for row in rows if row["row"] == "plan"]
        self.plan_rows = {row["plan_id"]: row for row in plan_rows}
        self.doubt = next((row["doubt"] for row in plan_rows if row["doubt"]), None)
        self.established = {row["plan_id"]: row["established"] for row in plan_rows}
        self.days = [_day(row) for row in self.day_rows]
        dated = [row for row in plan_rows if row["begins"] and not row["doubt"]]
        self.openings = [row["service_date"] for row in rows if row["row"] == "opening"]
        rules = {row["plan_id"]: self._rules_of_plan(row) for row in dated}
        self.intervals = intervals([_plan(row) for row in dated], self.days, rules, self.openings)

    def _rules_of_plan(self, row: dict[str, Any]) -> Rules:
        """The rules in force as the plan begins; where its payer is unknown, on the next treatment day."""
        own = self._rules(row)
        if own.unknown is None and own.required is not None:
            return own
        after = [day for day in self.day_rows if day["service_date"] >= row["begins"]]
        return next((rules for day in after if (rules := self._rules(day)).required is not None), own)

    def each_day(self) -> Iterator[tuple[Day, Rules, dict[str, Any]]]:
        """Days in order, with the payer's rules on them and their row."""
        for day, row in zip(self.days, self.day_rows, strict=True):
            yield day, self._rules(row), row

    def _rules(self, row: dict[str, Any]) -> Rules:
        """What the payer asks on a row's day."""
        return self.asked[row["asked"]].rules

    def told(
        self, about: str, interval: Interval, found: Verdict, rules: Rules, row: dict[str, Any], **facts: Any
    ) -> Iterator[dict[str, Any]]:
        """A day as RETURNS has it; nothing where it is settled and stands as one before it, for only trouble is counted."""
        plan, unknown = interval.plan, found.unknown
        if found.case in SETTLED:
            alike = about, plan.plan_id, row["payer_id"], found.case, unknown
            if alike in self._settled:
                return
            self._settled.add(alike)
        elif unknown is None:
            unknown = self.doubt
        yield {
            "about": about,
            "service_date": row["service_date"], "payer_id": row["payer_id"], "clinic_id": row["clinic_id"],
            "plan_id": plan.plan_id, "case": found.case, "policy_missing": unknown,
            "interval_from": interval.starts, "interval_to": interval.ends,
            "interval_ends_by": ENDS_BY[interval.set_by], "due_on": interval.due, "deadline": found.deadline,
            "certified_on": plan.certified_on, "certified_by": plan.certified_by,
            "barred_credential": barred(plan.certified_by, rules) or barred(plan.order_by, rules),
            "order_signed_on": plan.order_signed_on, "order_by": plan.order_by, "sent_on": plan.sent_on,
            "renewed_by": None, **self.asked[row["asked"]].ids, **facts,
        }  # fmt: skip


def _of_certification(chart: Chart) -> Iterator[dict[str, Any]]:
    """What is said about each day: how the first plan of its episode is certified, and what comes after an interval."""
    for day, rules, row in chart.each_day():
        found = governing(day, chart.intervals, rules, chart.as_of, chart.absent)
        if found and found[0].first:
            yield from chart.told("first", found[0], found[1], rules, row)
        yield from _of_later_plans(chart, day, found, rules, row)


def _of_later_plans(
    chart: Chart, day: Day, found: tuple[Interval, Verdict] | None, rules: Rules, row: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Whether a day lies within an interval, or after one that was not renewed in time."""
    if found is None:
        ended = expired(day, chart.intervals)
        if ended:
            how = _unrenewed(ended, day.on, rules, chart.as_of)
            yield from chart.told("later", ended, how, rules, row, barred_credential=None)
        return
    interval, how = found
    if interval.first:
        how = _within(rules)
    if how.case in SETTLED:
        yield from chart.told("later", interval, how, rules, row)
        return
    if interval.former is None:
        yield from chart.told("later", interval, how, rules, row, interval_from=None, interval_to=interval.due,
                              interval_ends_by="the plan before it, which is not in the records")  # fmt: skip
        return
    if how.case in ("never", "late") and gap(interval.former, day.on):
        how = Verdict("cap_day", how.deadline, how.unknown)
    plan = interval.plan
    yield from chart.told("later", interval.former, how, rules, row, renewed_by=plan.plan_id,
                          certified_on=plan.certified_on, certified_by=plan.certified_by, due_on=interval.due,
                          barred_credential=barred(plan.certified_by, rules))  # fmt: skip


def _within(rules: Rules) -> Verdict:
    """A day within a first interval: nothing is overdue, whatever became of the first certification (POC-03)."""
    if rules.unknown:
        return Verdict("no_rule", unknown=rules.unknown)
    return Verdict("no_rule" if rules.required is None else "passed")


def _unrenewed(ended: Interval, on: datetime, rules: Rules, as_of: datetime) -> Verdict:
    """A day after an interval that nothing renews."""
    within = _within(rules)
    if within.case == "no_rule" or ended.ends is None:
        return within
    if not rules.required:
        return Verdict("never")
    accepted = ended.ends + rules.delay_days * ONE_DAY
    unknown = ended.unknown if _may_last(ended, on, rules) else None
    if gap(ended, on):
        return Verdict("cap_day", accepted, unknown)
    return Verdict("overdue" if as_of <= accepted else "never", accepted, unknown)


def _may_last(ended: Interval, on: datetime, rules: Rules) -> bool:
    """Whether the interval, of which the records lack the plan that it continues, may have begun late enough to hold the day.

    The missing one ended no later than the longest interval after this plan was written.
    """
    if ended.first or ended.ends is None or ended.ends == ended.plan.ends_on:
        return False
    return rules.interval_days is None or on <= ended.ends + rules.interval_days * ONE_DAY


def _of_establishment(chart: Chart) -> Iterable[dict[str, Any]]:
    """Whether a plan was established by each day."""
    for day in chart.days:
        own = [each for each in chart.intervals if each.episode == day.episode or each.holds(day.on)]
        dates = {each.plan.plan_id: chart.established[each.plan.plan_id] for each in own}
        by_then = [plan for plan, on in dates.items() if on and on <= day.on]
        later = sorted((on, plan) for plan, on in dates.items() if on and on > day.on)
        case, plan, unknown = "passed", by_then[0] if by_then else None, None
        if not by_then:
            case, plan = ("before_plan", later[0][1]) if later else ("no_plan", None)
            unknown = _unestablished(chart, day, own, dates)
        yield {
            "service_date": day.on, "plan_id": plan, "case": case, "policy_missing": unknown,
            "established_on": dates.get(plan) if plan else None,
        }  # fmt: skip


def _unestablished(
    chart: Chart, day: Day, own: list[Interval], dates: Mapping[str, datetime | None]
) -> str | None:
    """The fact that hides whether a plan was established by a day on which none is known; null where nothing does."""
    if chart.doubt or any(on is None for on in dates.values()):
        return chart.doubt or "plans_of_care.established_on"
    if day.noted - chart.established.keys() or any(not each.first and each.former is None for each in own):
        return "plans_of_care.plan_id"
    if any(each.plan.evaluated_on and each.plan.evaluated_on <= day.on for each in own):
        return None
    begun = [each for each in chart.days if each.episode == day.episode and each.on <= day.on]
    if any(each.evaluation for each in begun) or begun[0].on in chart.openings:
        return None
    return "episodes.first_treatment_on"


def _day(row: dict[str, Any]) -> Day:
    noted = frozenset(plan for plan in (row.get("noted_first"), row.get("noted_last")) if plan)
    return Day(row["service_date"], row["episode"], bool(row["evaluation"]), noted, bool(row["uncoded"]))


def _plan(row: dict[str, Any]) -> Plan:
    ordered = row["order_discipline"]
    return Plan(
        plan_id=row["plan_id"],
        begins=row["begins"],
        evaluated_on=row["evaluated_on"],
        ends_on=row["ends_on"],
        weeks=row["weeks"],
        visits=row["visits_total"],
        replaces=row["replaces_plan_id"],
        certified_on=row["certified_on"],
        certified_by=row["certified_by"],
        verbal_on=row["verbal_order_on"],
        reasoned=bool((row["certification_delay_reason"] or "").strip()),
        sent_on=row["sent_on"],
        order_signed_on=row["order_signed_on"],
        order_by=row["order_by"],
        order_fits=None if ordered is None else ordered == row["discipline"],
    )


def _rules(row: Mapping[str, Any]) -> Rules:
    """The values of CERTIFICATION as Rules."""
    return Rules(
        required=row["certification_required"],
        initial_days=row["certification_initial_days"] or 0,
        verbal_days=row["certification_verbal_sign_days"] or 0,
        interval_days=row["certification_interval_days"],
        delay_days=row["certification_delay_days"] or 0,
        exception=bool(row["signature_exception"]),
        transmit_days=row["signature_exception_transmit_days"] or 0,
        able=frozenset((row["certification_credentials"] or "").split()),
        barring=frozenset((row["certification_barred_credentials"] or "").split()),
        unknown=row["policy_missing"],
    )
