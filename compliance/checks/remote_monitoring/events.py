"""Remote monitoring as its rules see it: which device a code is for, and the minutes of a patient's month."""

import narwhals as nw

from compliance.checks.terms import A_MONDAY, codes, flag, surely, whole_days, yes

LINE = ["claim_id", "line"]
DEVICES = {
    "respiratory": ("98976", "98984"),
    "musculoskeletal": ("98977", "98985"),
    "cbt": ("98978", "98986"),
}
"""The device's supply codes, of the longer and of the shorter tier."""
MONTHS = 12
MANAGING = ("management", "interactive_contact")
LACKS = ("without_date", "without_kind", "without_patient")
"""What an event lacks."""


def of_set(name: str) -> nw.Expr:
    """Whether the row's code is in a set of `codes.yaml`."""
    return nw.coalesce(nw.col("cpt").is_in(codes(name)), nw.lit(False))


def device_of_code() -> nw.Expr:
    """The device of a supply code; null of any other."""
    named = nw.lit(None, dtype=nw.String)
    for device, pair in DEVICES.items():
        named = (
            nw.when(nw.coalesce(nw.col("cpt").is_in(pair), nw.lit(False)))
            .then(nw.lit(device))
            .otherwise(named)
        )
    return named


def other_tier() -> nw.Expr:
    """The supply code of the same device in the other tier."""
    named = nw.lit(None, dtype=nw.String)
    for longer, shorter in DEVICES.values():
        for code, other in ((longer, shorter), (shorter, longer)):
            same = nw.coalesce(nw.col("cpt") == code, nw.lit(False))
            named = nw.when(same).then(nw.lit(other)).otherwise(named)
    return named


def month(column: str) -> nw.Expr:
    """A calendar month as a whole number that rises by one a month."""
    day = nw.coalesce(nw.col(column), nw.lit(A_MONDAY).cast(nw.Datetime("us")))  # pandas casts no null
    return day.dt.year().cast(nw.Int64) * MONTHS + day.dt.month().cast(nw.Int64)


def days_between(later: str, earlier: str) -> nw.Expr:
    """Whole days from one moment to another."""
    return whole_days(nw.col(later) - nw.col(earlier))


def in_period(event_on: str) -> nw.Expr:
    """Whether a day is of the period that the line's date ends, by the payer's `monitoring_period_days`."""
    before = days_between("service_date", event_on)
    return (before >= 0) & (before < nw.col("monitoring_period_days"))


def maybe_met(lines: nw.LazyFrame, rtm: nw.LazyFrame, *kinds: str) -> nw.LazyFrame:
    """Pairs of a line and an event that may be of it, but lacks its date, kind or patient.

    The columns of `lines` (which needs patient_id), and of the event event_id, event_kind, event_on (a day), event_minutes,
    event_device, event_by, and as 0 or 1 each of LACKS. Events of other kinds than `kinds`, and of another patient, are out.
    """
    date, kind, patient = (nw.col(name) for name in ("date", "kind", "patient_id"))
    may_be = kind.is_null() | kind.is_in(kinds)
    events = rtm.filter((date.is_null() | kind.is_null() | patient.is_null()) & may_be).select(
        "patient_id", event_id="rtm_id", event_kind="kind", event_on=date.dt.truncate("1d"), event_minutes="minutes",
        event_device="device", event_by="therapist_id", without_date=flag(date.is_null()),
        without_kind=flag(kind.is_null()), without_patient=flag(patient.is_null()),
    )  # fmt: skip
    named = lines.join(events.filter(~patient.is_null()), on="patient_id", how="inner")
    of_nobody = lines.join(events.filter(patient.is_null()).drop("patient_id"), how="cross")
    return nw.concat([named, of_nobody.select(*named.collect_schema().names())], how="vertical")


def untold(doubtful: nw.Expr) -> dict[str, nw.Expr]:
    """For `judge(cannot_tell=…)`: which fact of an event is missing, where what is missing is `doubtful`."""
    return {
        "rtm.kind": doubtful & yes("without_kind"),
        "rtm.patient_id": doubtful & yes("without_patient"),
        "rtm.date": doubtful & yes("without_date"),
    }


def maybe_minutes(lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Of each management line, what events that may be of its month would add: LINE, maybe_minutes, and as 0 or 1
    maybe_contacts, maybe_unmeasured and LACKS."""
    wanted = lines.select(*LINE, "patient_id", "discipline", month=month("service_date"))
    met = maybe_met(wanted, rtm, *MANAGING).filter(
        nw.col("event_on").is_null() | (month("event_on") == nw.col("month"))
    )
    return (
        by_discipline(met, therapists)
        .with_columns(
            maybe_minutes=nw.coalesce(nw.col("event_minutes"), nw.lit(0)),
            maybe_contacts=flag(nw.col("event_kind").is_null() | (nw.col("event_kind") == "interactive_contact")),
            maybe_unmeasured=flag(nw.col("event_minutes").is_null()),
        )
        .group_by(*LINE)
        .agg(nw.col("maybe_minutes").sum(), nw.col("maybe_contacts", "maybe_unmeasured", *LACKS).max())
    )  # fmt: skip


def by_discipline(met: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """The pairs of `maybe_met` whose event was given by the line's discipline, or by an unknown one; adds role."""
    people = therapists.select(event_by="therapist_id", by_discipline="discipline", role="role")
    met = met.join(people, on="event_by", how="left")
    either = nw.col("discipline").is_null() | nw.col("by_discipline").is_null()
    return met.filter(either | (nw.col("discipline") == nw.col("by_discipline")))


def month_minutes(lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Of each management line, its month: LINE, month_minutes, contacts, unknown_minutes.

    Management time and live contacts of the patient in the line's calendar month, by somebody of the line's discipline
    or of an unknown one. An aide's contact is none.
    """
    people = therapists.select("therapist_id", by_discipline="discipline", by_role="role")
    counted = nw.coalesce(nw.col("kind").is_in(MANAGING), nw.lit(False))
    events = (
        rtm.filter(counted & ~nw.col("date").is_null())
        .join(people, on="therapist_id", how="left")
        .select("patient_id", "by_discipline", "by_role", "kind", "minutes", month=month("date"))
    )
    met = lines.select(*LINE, "patient_id", "discipline", month=month("service_date")).join(
        events, on=["patient_id", "month"], how="inner"
    )
    same = nw.col("discipline").is_null() | nw.col("by_discipline").is_null()
    met = met.filter(same | (nw.col("discipline") == nw.col("by_discipline")))
    return (
        met.with_columns(
            month_minutes=nw.coalesce(nw.col("minutes"), nw.lit(0)),
            contacts=flag((nw.col("kind") == "interactive_contact") & ~surely(nw.col("by_role") == "aide")),
            unknown_minutes=flag(nw.col("minutes").is_null()),
        )
        .group_by(*LINE)
        .agg(nw.col("month_minutes").sum(), nw.col("contacts").sum(), nw.col("unknown_minutes").max())
    )


def supported_units(minutes: nw.Expr) -> nw.Expr:
    """Units of the row's management code that the month's minutes support; its bands come from the payer's policy."""
    longer, shorter = nw.col("monitoring_minutes"), nw.col("monitoring_short_minutes")
    brief = nw.coalesce((minutes >= shorter) & (minutes < longer), nw.lit(False))
    more = nw.when(minutes >= longer).then(minutes // longer - 1).otherwise(nw.lit(0))
    by_code = {"98979": flag(brief), "98980": flag(minutes >= longer), "98981": more}
    units = nw.lit(0)
    for code, value in by_code.items():
        units = nw.when(nw.coalesce(nw.col("cpt") == code, nw.lit(False))).then(value).otherwise(units)
    return units
