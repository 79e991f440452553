"""Who gave what a monitoring line stands for: minutes that count and that do not, and which units lack CQ or CO."""

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.assistant_modifiers.split import Marks, Share, Split, marks, split_service
from compliance.checks.remote_monitoring.events import (
    LACKS,
    LINE,
    MANAGING,
    by_discipline,
    in_period,
    maybe_met,
    month,
)
from compliance.checks.terms import PERCENT, flag, fold

SETUP, FIRST, FURTHER = "98975", "98980", "98981"
SETTING = "clinics.setting"
UNCOUNTED = ("aide", "student", "speech_assistant")
"""Whose minutes a therapist may not bill."""


def given(lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """The records of monitoring that each line stands for: a line's context, at, rtm_id, minutes, who, guarded.

    Of a management line those of its calendar month, of a set-up the set-ups of the period that its service date ends;
    by somebody of the line's discipline or of an unknown one. `who`: therapist, assistant, one of UNCOUNTED, or null;
    `guarded`: of an assistant, whether the supervision was enough (1), was not (0), or is not known (null).
    """
    people = therapists.select("therapist_id", role="role", by_discipline="discipline")
    events = (
        rtm.filter(~nw.col("date").is_null())
        .join(people, on="therapist_id", how="left")
        .select("patient_id", "rtm_id", "role", "by_discipline", "kind", "minutes", "supervision", at="date",
                event_on=nw.col("date").dt.truncate("1d"))
    )  # fmt: skip
    met = lines.join(events, on="patient_id", how="inner")
    kind, of_setup = nw.col("kind"), nw.coalesce(nw.col("cpt") == SETUP, nw.lit(False))
    set_up, managed = (
        of_setup & (kind == "setup") & in_period("event_on"),
        ~of_setup & kind.is_in(MANAGING) & _of_month(),
    )
    met = met.filter(nw.coalesce(set_up | managed, nw.lit(False)))
    either = nw.col("discipline").is_null() | nw.col("by_discipline").is_null()
    met = met.filter(either | (nw.col("discipline") == nw.col("by_discipline")))
    return met.with_columns(who=_who(), level=supervision_level()).with_columns(
        guarded=_guarded(), unread=flag(_unread())
    )


def maybe_given(lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line, the events that may be of those it stands for, but lack their date, kind or patient: LINE, and as 0 or 1
    maybe_any, maybe_others (some may be of others than a therapist) and LACKS."""
    kind, undated = nw.col("event_kind"), nw.col("event_on").is_null()
    of_setup = nw.coalesce(nw.col("cpt") == SETUP, nw.lit(False))
    set_up = of_setup & (kind.is_null() | (kind == "setup")) & (undated | in_period("event_on"))
    managed = ~of_setup & (kind.is_null() | kind.is_in(MANAGING)) & (undated | _of_month())
    met = maybe_met(lines, rtm, "setup", *MANAGING).filter(set_up | managed)
    met = by_discipline(met, therapists).with_columns(who=_who())
    others = flag(nw.coalesce(nw.col("who"), nw.lit("")) != "therapist")
    met = met.with_columns(maybe_any=nw.lit(1), maybe_others=others)
    return met.group_by(*LINE).agg(nw.col("maybe_any", "maybe_others", *LACKS).max())


def _of_month() -> nw.Expr:
    return month("event_on") == month("service_date")


def supervision_level() -> nw.Expr:
    """How closely an assistant who monitors is to be supervised: as the payer says of monitoring, else of assistants."""
    return nw.coalesce(nw.col("remote_monitoring_supervision"), nw.col("assistant_supervision"))


def _who() -> nw.Expr:
    """Whose minutes they are, by the payer's policy."""
    role = nw.col("role")
    staff = ~nw.coalesce(nw.col("monitoring_aide_billable"), nw.lit(True)) & role.is_in(["aide", "student"])
    speech = nw.coalesce(nw.col("by_discipline"), nw.col("discipline"), nw.lit("")) == "SLP"
    unpaid = speech & ~nw.coalesce(nw.col("slp_assistant_billable"), nw.lit(True))
    assistant = nw.when(unpaid).then(nw.lit("speech_assistant")).otherwise(nw.lit("assistant"))
    known = nw.when(role == "assistant").then(assistant).otherwise(nw.lit("therapist"))
    known = nw.when(nw.coalesce(staff, nw.lit(False))).then(role).otherwise(known)
    return nw.when(role.is_null()).then(nw.lit(None, dtype=nw.String)).otherwise(known)


def _guarded() -> nw.Expr:
    """Whether an assistant's supervision was close enough: 1, 0, or null where the record does not say."""
    level, said = nw.coalesce(nw.col("level"), nw.lit("")), nw.coalesce(nw.col("supervision"), nw.lit("none"))
    enough = nw.when(level == "direct").then(flag(_present()))
    enough = enough.otherwise(nw.when(level == "personal").then(flag(said == "in_room")).otherwise(nw.lit(1)))
    told = nw.when(said == "none").then(nw.lit(0)).otherwise(enough)
    return nw.when(~nw.col("supervision").is_null()).then(told)


def _present() -> nw.Expr:
    """Whether the supervisor was at hand, in person or, where the payer lets it count, by video."""
    said = nw.coalesce(nw.col("supervision"), nw.lit(""))
    video = nw.coalesce(nw.col("virtual_counts_as_direct"), nw.lit(False))
    return said.is_in(["in_room", "on_site"]) | ((said == "virtual") & video)


def _unread() -> nw.Expr:
    """Whether the level is not known and the supervision may be too distant for it."""
    said = nw.coalesce(nw.col("supervision"), nw.lit("none"))
    by_setting = nw.col("level").is_null() & nw.coalesce(nw.col("policy_missing") == SETTING, nw.lit(False))
    unread = by_setting | nw.coalesce(nw.col("level") == "unknown", nw.lit(False))
    return unread & (said != "none") & ~_present()


def sums(events: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line: month_minutes, uncounted_minutes and by whom, assistant_minutes, and what is not known.

    Columns: LINE, month_minutes, uncounted_minutes, aide_minutes, assistant_minutes, and as 0 or 1 by_aide, by_student,
    by_speech_assistant, assisted, unguarded, unknown_guard, unread_level,
    unknown_minutes, unknown_people.
    """
    told = nw.coalesce(nw.col("minutes"), nw.lit(0))
    who = nw.coalesce(nw.col("who"), nw.lit(""))

    def of(*people: str) -> nw.Expr:
        return nw.when(who.is_in(people)).then(told).otherwise(nw.lit(0))

    assistant = who == "assistant"
    minutes = ("month_minutes", "uncounted_minutes", "aide_minutes", "assistant_minutes")
    flags = (*(f"by_{each}" for each in UNCOUNTED), "assisted", "unguarded", "unknown_guard", "unread_level",
             "unknown_minutes", "unknown_people")  # fmt: skip
    return (
        events.with_columns(
            month_minutes=told,
            uncounted_minutes=of(*UNCOUNTED),
            aide_minutes=of("aide"),
            assistant_minutes=of("assistant"),
            **{f"by_{each}": flag(who == each) for each in UNCOUNTED},
            assisted=flag(assistant),
            unguarded=flag(assistant & (nw.col("guarded") == 0)),
            unknown_guard=flag(assistant & nw.col("guarded").is_null()),
            unread_level=flag(assistant & (nw.col("unread") > 0)),
            unknown_minutes=flag(nw.col("minutes").is_null()),
            unknown_people=flag(who == ""),
        )
        .group_by(*LINE)
        .agg(*(nw.col(name).sum() for name in minutes), *(nw.col(name).max() for name in flags))
        .with_columns(*(nw.col(name).cast(nw.Int64) for name in minutes))
    )


MARKED: dict[str, pl.DataType] = dict.fromkeys(
    ("missing_units", "maybe_units", "service_minutes", "service_assistant_minutes"), pl.Int64()
)


def lacking(events: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line, the units of its code that lack CQ or CO: LINE and MARKED; null where missing minutes decide.

    The minutes of a month are read in the order of their dates: the first are those of 98980, the further those of each
    unit of 98981, what is left belongs to the last. Where the dates of two people are the same, both orders count, and
    so does the whole month where 98980 stands alone.
    """
    counted = events.filter(nw.coalesce(nw.col("who").is_in(["therapist", "assistant"]), nw.lit(False)))
    wanted = ("at", "rtm_id", "who", "minutes", "cpt", "marked_units", "unmarked_units", "further_units",
              "monitoring_minutes", "monitoring_assistant_share")  # fmt: skip
    return fold(
        counted.select(*LINE, *wanted), by=LINE, order_by=("at", "rtm_id"), step=_step, returns=MARKED
    )


def _step(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    ways = list(_ways(rows))
    told = [_marks(rows, spans) for spans in ways]
    sure = [each for each in told if each is not None]
    known = len(sure) == len(told)
    yield {
        "missing_units": min(each.missing for each in sure) if known else None,
        "maybe_units": max(each.missing + each.maybe for each in sure) if known else None,
        "service_minutes": sum(therapist + assistant for therapist, assistant in ways[0]),
        "service_assistant_minutes": sum(assistant for _, assistant in ways[0]),
    }


Spans = list[tuple[int, int]]
"""Therapist's and assistant's minutes of each unit of a line's code."""


def _ways(rows: list[dict[str, Any]]) -> Iterator[Spans]:
    """Each reading of whose minutes the units of a line's code are."""
    code, length = rows[0]["cpt"], _whole(rows[0]["monitoring_minutes"])
    whole = [(_of(rows, "therapist"), _of(rows, "assistant"))]
    if code not in (FIRST, FURTHER) or not length:
        yield whole
        return
    for favoured in ("therapist", "assistant"):
        order = sorted(rows, key=lambda row: (row["at"], row["who"] != favoured))
        spans = _windows(order, length)
        yield spans[:1] if code == FIRST else spans[1:]
    if code == FIRST and not _whole(rows[0]["further_units"]):
        yield whole


def _windows(order: list[dict[str, Any]], length: int) -> Spans:
    """Minutes of each unit in order; the last takes what is left, so that a short month is one."""
    minutes = [row["who"] for row in order for _ in range(_whole(row["minutes"]))]
    units = max(1, len(minutes) // length)
    parts = [minutes[length * n : length * (n + 1) if n < units - 1 else None] for n in range(units)]
    return [(part.count("therapist"), part.count("assistant")) for part in parts]


def _marks(rows: list[dict[str, Any]], spans: Spans) -> Marks | None:
    """What the line's code lacks of CQ or CO by one reading; None where missing minutes decide."""
    line, people = rows[0], {row["who"] for row in rows}
    unmarked, bearing = _whole(line["unmarked_units"]), _whole(line["marked_units"])
    unmeasured = any(_absent(row["minutes"]) for row in rows)
    if people == {"therapist"} or _absent(line["monitoring_assistant_share"]):
        return Marks()
    if people == {"assistant"}:
        units = unmarked + bearing if unmeasured or line["cpt"] == SETUP else len(spans)
        return marks(Split(bearing=units), unmarked, bearing)
    if unmeasured:
        return None
    share = Share(round(PERCENT * line["monitoring_assistant_share"]), final_unit=False)
    parts = [split_service(therapist, assistant, 1, share) for therapist, assistant in spans]
    total = Split(
        sum(part.without for part in parts),
        sum(part.bearing for part in parts),
        sum(part.doubtful for part in parts),
    )
    return marks(total, unmarked, bearing)


def _of(rows: list[dict[str, Any]], who: str) -> int:
    return sum(_whole(row["minutes"]) for row in rows if row["who"] == who)


def _absent(value: Any) -> bool:
    """Null, or what pandas holds for it."""
    return value is None or value != value


def _whole(value: Any) -> int:
    return 0 if _absent(value) else int(value)
