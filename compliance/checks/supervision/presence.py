"""Where the supervising therapist was: clocked shifts, leave and logged contacts against an assistant's service."""

import narwhals as nw

from compliance.checks.terms import flag

UNIT = ("note_id", "cpt")
WINDOW = ("clinic_id", "discipline", "service_date", "starts_at", "ends_at")
HOME = "12"
"""CMS place of service: the patient's home. A therapist on the clinic's clock is not there."""


def _minutes(span: nw.Expr) -> nw.Expr:
    return span.dt.total_minutes()


def clocked(shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Shifts that prove presence (a schedule does not), with their day."""
    kind = nw.col("kind")
    return shifts.filter(kind.is_null() | (kind == "clocked")).with_columns(
        day=nw.col("starts_at").dt.truncate("1d")
    )


def with_presence(units: nw.LazyFrame, shifts: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Add what the clock says of each unit, as 0 or 1 (null: no).

    `units` needs note_id, cpt, clinic_id, discipline, service_date, starts_at, ends_at, supervisor_id. Added:
    `covered`, the supervisor's clock covers the whole service at the clinic; `anyone`, some therapist's of the
    discipline does; `kept`, the supervisor's clock is kept around that day (between the first and the last clocked
    shift of the records); `clinic_kept`, that of some therapist of the discipline at the clinic is; `unended`, a
    shift that would decide has no end; `punched`, the supervisor clocked in somewhere that day; `scheduled`, a schedule
    has the supervisor at the clinic for the whole service; `on_leave`, the supervisor was on leave that day.
    """
    able = therapists.filter(nw.col("role") == "therapist").select(
        "therapist_id", able_discipline="discipline"
    )
    there = clocked(shifts).join(able, on="therapist_id", how="inner")
    there = there.select(
        "therapist_id", "clinic_id", "able_discipline", "day", on_at="starts_at", off_at="ends_at"
    )
    unit = units.select(
        *UNIT, "clinic_id", "discipline", "service_date", "starts_at", "ends_at", "supervisor_id"
    )
    unit = unit.unique()
    return (
        units.join(_covering(unit, there), on=list(UNIT), how="left")
        .join(_kept(unit, there), on=list(UNIT), how="left")
        .join(_punched(unit, there), on=list(UNIT), how="left")
        .join(_scheduled(unit, shifts), on=list(UNIT), how="left")
        .join(_leave(unit, shifts), on=list(UNIT), how="left")
    )


def _covering(unit: nw.LazyFrame, there: nw.LazyFrame) -> nw.LazyFrame:
    """Whether one therapist's shifts together cover the unit from start to end.

    Asked once for all services that a clinic gave at the same time: each is held against every shift of the day there.
    """
    timed = unit.filter(nw.col("ends_at") > nw.col("starts_at")).with_columns(
        discipline=nw.coalesce(nw.col("discipline"), nw.lit(""))
    )
    near = (
        timed.select(*WINDOW)
        .unique()
        .join(
            there.unique(), left_on=["clinic_id", "service_date"], right_on=["clinic_id", "day"], how="inner"
        )
        .filter(
            (nw.col("discipline") == "")
            | nw.col("able_discipline").is_null()
            | (nw.col("able_discipline") == nw.col("discipline"))
        )
    )
    starts, ends, on_at, off_at = (nw.col(name) for name in ("starts_at", "ends_at", "on_at", "off_at"))
    begins = nw.when(on_at > starts).then(on_at).otherwise(starts)
    finishes = nw.when(off_at < ends).then(off_at).otherwise(ends)
    together = near.with_columns(shared=_minutes(finishes - begins), lasts=_minutes(ends - starts))
    together = together.with_columns(
        shared=nw.when((nw.col("shared") > 0) & ~off_at.is_null())
        .then(nw.col("shared"))
        .otherwise(nw.lit(0)),
        unended=flag(off_at.is_null() & (on_at <= starts)),
    )
    by_therapist = together.group_by(*WINDOW, "therapist_id").agg(
        nw.col("shared").sum(), nw.col("lasts").max(), nw.col("unended").max()
    )
    covers = flag((nw.col("shared") >= nw.col("lasts")) & (nw.col("lasts") > 0))
    by_therapist = by_therapist.with_columns(covers=covers)
    anyone = by_therapist.group_by(*WINDOW).agg(nw.col("unended").max(), anyone=nw.col("covers").max())
    own = by_therapist.select(*WINDOW, supervisor_id="therapist_id", covered="covers")
    return (
        timed.join(anyone, on=list(WINDOW), how="inner")
        .join(own, on=[*WINDOW, "supervisor_id"], how="left")
        .select(*UNIT, "anyone", "covered", "unended")
    )


def _kept(unit: nw.LazyFrame, there: nw.LazyFrame) -> nw.LazyFrame:
    """Whose clock is kept around the unit's day, so that no shift means absence."""
    own = there.group_by("therapist_id").agg(first_day=nw.col("day").min(), last_day=nw.col("day").max())
    site = there.group_by("clinic_id", "able_discipline").agg(
        site_first=nw.col("day").min(), site_last=nw.col("day").max()
    )
    on = nw.col("service_date")
    return (
        unit.join(own, left_on="supervisor_id", right_on="therapist_id", how="left")
        .join(
            site, left_on=["clinic_id", "discipline"], right_on=["clinic_id", "able_discipline"], how="left"
        )
        .select(
            *UNIT,
            kept=flag((on >= nw.col("first_day")) & (on <= nw.col("last_day"))),
            clinic_kept=flag((on >= nw.col("site_first")) & (on <= nw.col("site_last"))),
        )
    )


def _punched(unit: nw.LazyFrame, there: nw.LazyFrame) -> nw.LazyFrame:
    """Whether the supervisor clocked in on the unit's day, at any clinic."""
    days = there.select(supervisor_id="therapist_id", service_date="day").unique()
    return (
        unit.join(days, on=["supervisor_id", "service_date"], how="inner")
        .select(*UNIT)
        .unique()
        .with_columns(punched=nw.lit(1).cast(nw.Int64))
    )


def _scheduled(unit: nw.LazyFrame, shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Whether a scheduled shift of the supervisor at the clinic covers the unit.

    Shifts of one day are joined by it, since years of schedules would else meet every service.
    """
    planned = shifts.filter(nw.col("kind") == "scheduled").select(
        "clinic_id",
        supervisor_id="therapist_id",
        from_at="starts_at",
        to_at="ends_at",
        day=nw.col("starts_at").dt.truncate("1d"),
    )
    own = unit.with_columns(day=nw.col("starts_at").dt.truncate("1d"))
    where, of_one_day = ["supervisor_id", "clinic_id"], nw.col("to_at").dt.truncate("1d") == nw.col("day")
    met = [
        own.join(planned.filter(of_one_day), on=[*where, "day"], how="inner"),
        own.join(planned.filter(~of_one_day).drop("day"), on=where, how="inner"),
    ]
    return (
        nw.concat(
            [each.select(*UNIT, "starts_at", "ends_at", "from_at", "to_at") for each in met], how="vertical"
        )
        .filter((nw.col("from_at") <= nw.col("starts_at")) & (nw.col("to_at") >= nw.col("ends_at")))
        .select(*UNIT)
        .unique()
        .with_columns(scheduled=nw.lit(1).cast(nw.Int64))
    )


def _leave(unit: nw.LazyFrame, shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Whether the supervisor's leave covers the service, or its day where no time is known."""
    away = shifts.filter(nw.col("kind") == "leave").select(
        "therapist_id", away_from="starts_at", away_to="ends_at"
    )
    first_day, last_day = (nw.col(name).dt.truncate("1d") for name in ("away_from", "away_to"))
    on = nw.col("service_date")
    timed = ~nw.col("starts_at").is_null()
    during = (nw.col("starts_at") >= nw.col("away_from")) & (nw.col("starts_at") < nw.col("away_to"))
    whole_day = (on >= first_day) & (on <= nw.coalesce(last_day, first_day))
    says = nw.when(timed & ~nw.col("away_to").is_null() & (nw.col("away_to") > last_day)).then(during)
    return (
        unit.join(away, left_on="supervisor_id", right_on="therapist_id", how="inner")
        .filter(whole_day)
        .with_columns(on_leave=flag(says.otherwise(whole_day)))
        .group_by(*UNIT)
        .agg(nw.col("on_leave").max())
    )
