"""One-on-one sessions by the clock: who was with which patient from when to when, and the line that bills it.

Clock times are minutes since midnight of the service date (whole numbers), so that every engine compares them alike.
"""

from collections.abc import Sequence

import narwhals as nw

from compliance.checks.terms import ASSISTANT_MODIFIERS, MINUTES_OF_AN_HOUR, flag, has_code, is_timed

ONE_ON_ONE = ("one_on_one", "cotreat")
"""Modes in which a person is with one patient; an empty mode of a timed code reads as one-on-one."""
SHARED_MODES = ("group", "concurrent")
"""Modes in which a person is with several patients at once."""
UNSKILLED = ("aide", "student")
PERSON_DAY = ("person_id", "service_date")
WINDOW = (*PERSON_DAY, "patient_id", "begins", "ends")


def least(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    """The smaller of two numbers; `right` where `left` is not smaller."""
    return nw.when(left < right).then(left).otherwise(right)


def most(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    """The larger of two numbers; `right` where `left` is not larger."""
    return nw.when(left > right).then(left).otherwise(right)


def within(value: nw.Expr, highest: nw.Expr) -> nw.Expr:
    """A number of minutes or units: not below none, not above `highest`."""
    return least(most(value, nw.lit(0)), highest)


def clock_times(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Add `begins`, `ends` (minutes of the day, null where not usable), `exact` (0: they are the visit's), `lasts`.

    Start and end come from the service itself where it has both, else from its note: a service lies within its visit.
    An end that is not after its start is no time. A service whose note has no day is of the day of its start.
    """
    starts = [nw.col(name).dt.truncate("1d") for name in ("started_at", "note_started_at")]
    interventions = interventions.with_columns(service_date=nw.coalesce(nw.col("service_date"), *starts))
    own = ~nw.col("started_at").is_null() & ~nw.col("ended_at").is_null()
    begins = nw.when(own).then(nw.col("started_at")).otherwise(nw.col("note_started_at"))
    ends = nw.when(own).then(nw.col("ended_at")).otherwise(nw.col("note_ended_at"))
    since = {"begins": begins, "ends": ends}
    timed = interventions.with_columns(
        exact=flag(own),
        **{name: (moment - nw.col("service_date")).dt.total_minutes() for name, moment in since.items()},
    )
    usable = nw.coalesce(nw.col("ends") > nw.col("begins"), nw.lit(False))
    return timed.with_columns(**{name: nw.when(usable).then(nw.col(name)) for name in since}).with_columns(
        lasts=nw.col("ends") - nw.col("begins")
    )


def own_minutes() -> nw.Expr:
    """Minutes that the row's own person gave: without an aide's, a student's or (of a therapist's row) an assistant's.

    Without recorded minutes the service's own times give them; null where neither is known.
    """
    told = nw.coalesce(nw.col("minutes"), nw.when(nw.col("exact") > 0).then(nw.col("lasts")))
    assistant = nw.coalesce(nw.col("deliverer_role") == "assistant", nw.lit(False))
    alone = nw.when(assistant).then(nw.lit(0)).otherwise(nw.coalesce(nw.col("assistant_alone"), nw.lit(0)))
    others = nw.coalesce(nw.col("aide_minutes"), nw.lit(0)) + nw.coalesce(
        nw.col("student_minutes"), nw.lit(0)
    )
    return told - alone - others


def of_unknown_role(interventions: nw.LazyFrame, by: Sequence[str]) -> nw.LazyFrame:
    """Whose minutes are not known: `by` and `unroled` (1), where an assistant's minutes are recorded of a person without a role.

    Of a therapist they are another's, of an assistant the person's own.
    """
    whose = nw.col("deliverer_role").is_null() & (nw.coalesce(nw.col("assistant_alone"), nw.lit(0)) > 0)
    rows = interventions.filter(nw.col("attended") & whose & ~nw.col("deliverer_id").is_null())
    return rows.with_columns(therapist_id=nw.col("deliverer_id")).select(*by, unroled=nw.lit(1)).unique()


def by_skilled() -> nw.Expr:
    """Whether a therapist or an assistant, or somebody of unknown role, delivered the row: no aide, no student."""
    return ~nw.coalesce(nw.col("deliverer_role").is_in(UNSKILLED), nw.lit(False))


def one_on_one(
    interventions: nw.LazyFrame, also: Sequence[str] = (), *, together: bool = False
) -> nw.LazyFrame:
    """Attended services that one person gave one patient: `session` (key), `person_id`, clock times, `own` minutes.

    Services of timed codes, and of the codes `also`. Left out: group and concurrent services (but where `together`), what
    an aide or a student delivered, and rows without a minute of the person's own. `own` is no longer than the clock; where
    it is not known, nor are the times.
    """
    mode = nw.col("mode")
    alone = nw.coalesce(mode.is_null() | mode.is_in(ONE_ON_ONE), nw.lit(True)) | nw.lit(together)
    wanted = is_timed() | nw.coalesce(nw.col("cpt").is_in(list(also)), nw.lit(False))
    rows = clock_times(interventions.filter(nw.col("attended") & wanted & alone & by_skilled())).with_columns(
        own=own_minutes(), person_id=nw.col("deliverer_id"), session=session_key()
    )
    known = ~nw.col("own").is_null()
    both = known & ~nw.col("lasts").is_null()
    rows = rows.with_columns(
        own=nw.when(both).then(within(nw.col("own"), nw.col("lasts"))).otherwise(nw.col("own"))
    )
    return rows.filter(~known | (nw.col("own") > 0)).with_columns(
        *(nw.when(known).then(nw.col(name)).alias(name) for name in ("begins", "ends", "lasts"))
    )


def session_key() -> nw.Expr:
    """The key of a note's service: `N1|2`."""
    return nw.concat_str([nw.col("note_id"), nw.lit("|"), nw.col("line").cast(nw.String)])


def billed(sessions: nw.LazyFrame, claim_lines: nw.LazyFrame, columns: list[str]) -> nw.LazyFrame:
    """Add the line that bills each session: `claim_id`, `line` and `columns` of it; null where none does.

    A session without a day is of the day of its line. Of several lines of a code on a note, an assistant's time belongs to
    one with CQ or CO, a therapist's to one without; else the primary payer's first line.
    """
    key = ["note_id", "cpt"]
    lines = claim_lines.filter(~nw.col("note_id").is_null()).with_columns(
        marked=flag(has_code("modifiers", ASSISTANT_MODIFIERS)), billing=_billing()
    )
    exact = lines.group_by(*key, "marked").agg(of_mark=nw.col("billing").min())
    either = lines.group_by(*key).agg(of_code=nw.col("billing").min())
    found = lines.select("billing", "claim_id", "line", *columns, billed_on="service_date")
    return (
        sessions.drop("claim_id", "claim_line", "line", *columns, strict=False)
        .with_columns(marked=flag(nw.col("deliverer_role") == "assistant"))
        .join(exact, on=[*key, "marked"], how="left")
        .join(either, on=key, how="left")
        .with_columns(billing=nw.coalesce(nw.col("of_mark"), nw.col("of_code")))
        .drop("of_mark", "of_code", "marked")
        .join(found, on="billing", how="left")
        .with_columns(service_date=nw.coalesce(nw.col("service_date"), nw.col("billed_on")))
        .drop("billing", "billed_on")
    )


def _billing() -> nw.Expr:
    order = nw.coalesce(nw.col("payer_order"), nw.lit(1)).cast(nw.String)
    return nw.concat_str([order, nw.col("claim_id"), nw.col("line").cast(nw.String)], separator="|")


def crowded(sessions: nw.LazyFrame) -> nw.LazyFrame:
    """The sessions whose window shares time with another window of the same person, so that few are compared."""
    clocked = sessions.filter(~nw.col("begins").is_null())
    sessions = clocked.with_columns(nw.col("begins").cast(nw.Int64), nw.col("ends").cast(nw.Int64))
    windows = sessions.select(*WINDOW).unique()
    order = ["begins", "ends", "patient_id"]
    latest = windows.with_columns(latest=nw.col("ends").cum_max().over(*PERSON_DAY, order_by=order))
    beside = latest.with_columns(
        before=nw.col("latest").shift(1).over(*PERSON_DAY, order_by=order),
        after=nw.col("begins").shift(-1).over(*PERSON_DAY, order_by=order),
    )
    shares = nw.coalesce(nw.col("begins") < nw.col("before"), nw.lit(False)) | nw.coalesce(
        nw.col("ends") > nw.col("after"), nw.lit(False)
    )
    return sessions.join(beside.filter(shares).select(*WINDOW), on=list(WINDOW), how="inner")


def pairs(sessions: nw.LazyFrame) -> nw.LazyFrame:
    """Each crowded session beside each that shares time with it, itself too: the other's columns end in `_other`.

    Added: `shared` (minutes that both windows hold), `same` (1: the same patient), `inside` (minutes that the other
    session must have had within this one's window: its own minutes without the room it has outside).
    """
    whole = [nw.col(name).cast(nw.Int64) for name in ("own", "lasts", "tolerance")]
    near = crowded(sessions).with_columns(*whole)
    ours = near.select("session", *WINDOW, "own", "lasts", "exact", "cpt", "tolerance")
    theirs = near.select(
        *PERSON_DAY,
        **{f"{name}_other": nw.col(name)
           for name in ("session", "patient_id", "begins", "ends", "own", "lasts", "exact", "cpt")},
    )  # fmt: skip
    met = ours.join(theirs, on=list(PERSON_DAY), how="inner").filter(
        (nw.col("begins") < nw.col("ends_other")) & (nw.col("begins_other") < nw.col("ends"))
    )
    shared = least(nw.col("ends"), nw.col("ends_other")) - most(nw.col("begins"), nw.col("begins_other"))
    met = met.with_columns(shared=shared, same=flag(nw.col("patient_id") == nw.col("patient_id_other")))
    room = nw.col("lasts_other") - nw.col("shared")
    return met.with_columns(inside=most(nw.col("own_other") - room, nw.lit(0)))


def clock(column: str) -> nw.Expr:
    """Minutes of the day as text, 540 as `09:00`, for evidence."""
    hour = nw.col(column) // MINUTES_OF_AN_HOUR
    parts = [hour, nw.col(column) - hour * MINUTES_OF_AN_HOUR]
    two = [nw.concat_str([nw.lit("0"), part.cast(nw.String)]).str.slice(-2) for part in parts]
    return nw.concat_str(two, separator=":")


def said(ending: str = "") -> nw.Expr:
    """A session as evidence shows it: `2026-03-02T09:00/2026-03-02T09:30 97530 P1`; columns end in `ending`."""
    day = nw.col("service_date").dt.to_string("%Y-%m-%d")
    first, last = (nw.concat_str([day, nw.lit("T"), clock(f"{name}{ending}")]) for name in ("begins", "ends"))
    return nw.concat_str(
        [
            first,
            nw.lit("/"),
            last,
            nw.lit(" "),
            nw.col(f"cpt{ending}"),
            nw.lit(" "),
            nw.col(f"patient_id{ending}"),
        ]
    )
