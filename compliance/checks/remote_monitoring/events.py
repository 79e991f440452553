"""Remote monitoring as its rules see it: which device a code is for, and the minutes of a patient's month."""

import narwhals as nw

from compliance.checks.terms import codes, flag, whole_days

LINE = ["claim_id", "line"]
DEVICES = {
    "respiratory": ("98976", "98984"),
    "musculoskeletal": ("98977", "98985"),
    "cbt": ("98978", "98986"),
}
"""The device's supply codes, of the longer and of the shorter tier."""
MONTHS = 12


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
    return nw.col(column).dt.year().cast(nw.Int64) * MONTHS + nw.col(column).dt.month().cast(nw.Int64)


def days_between(later: str, earlier: str) -> nw.Expr:
    """Whole days from one moment to another."""
    return whole_days(nw.col(later) - nw.col(earlier))


def month_minutes(lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Of each management line, its month: LINE, month_minutes, contacts, unknown_minutes.

    Management time and live contacts of the patient in the line's calendar month, by somebody of the line's discipline
    or of an unknown one.
    """
    people = therapists.select("therapist_id", by_discipline="discipline")
    counted = nw.coalesce(nw.col("kind").is_in(["management", "interactive_contact"]), nw.lit(False))
    events = (
        rtm.filter(counted & ~nw.col("date").is_null())
        .join(people, on="therapist_id", how="left")
        .select("patient_id", "by_discipline", "kind", "minutes", month=month("date"))
    )
    met = lines.select(*LINE, "patient_id", "discipline", month=month("service_date")).join(
        events, on=["patient_id", "month"], how="inner"
    )
    same = nw.col("discipline").is_null() | nw.col("by_discipline").is_null()
    met = met.filter(same | (nw.col("discipline") == nw.col("by_discipline")))
    return (
        met.with_columns(
            month_minutes=nw.coalesce(nw.col("minutes"), nw.lit(0)),
            contacts=flag(nw.col("kind") == "interactive_contact"),
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
