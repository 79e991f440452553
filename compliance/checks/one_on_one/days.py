"""A person's day: hours worked by the clock or the schedule, and the least minutes that billed units stand for."""

import narwhals as nw

from compliance.checks.one_on_one.sessions import SHARED_MODES, most
from compliance.checks.terms import (
    ASSISTANT_MODIFIERS,
    BETWEEN_LINES,
    billed_once,
    codes,
    flag,
    has_code,
    is_timed,
    joined,
)
from compliance.checks.units.allocation import CLOCK, POOLED

DAY = ["therapist_id", "service_date"]
VISIT = [*DAY, "patient_id", "discipline"]
OF_LINE = (
    "claim_id",
    "line",
    "service_date",
    "patient_id",
    "discipline",
    "payer_id",
    "cpt",
    "units",
    "unit_method",
)
LEAST = ("evaluation_least_minutes", "group_least_minutes", *CLOCK)
"""The parameters that say how few minutes may stand behind what is billed."""
GROUP = "97150"


def worked(shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Minutes worked a person and day: therapist_id, service_date, worked_minutes, worked_by, unended.

    Clocked shifts of all clinics count; where none is clocked, scheduled ones. `unended` is 1 where one of those has no
    end after its start. Leave is no work.
    """
    kind = nw.coalesce(nw.col("kind"), nw.lit("clocked"))
    lasts = (nw.col("ends_at") - nw.col("starts_at")).dt.total_minutes()
    ended = nw.coalesce(nw.col("ends_at") > nw.col("starts_at"), nw.lit(False))
    rows = shifts.with_columns(
        worked_by=kind, service_date=nw.col("starts_at").dt.truncate("1d"), lasts=lasts, unended=flag(~ended)
    ).filter(nw.col("worked_by") != "leave")
    rows = rows.with_columns(lasts=nw.when(nw.col("unended") == 0).then(nw.col("lasts")).otherwise(nw.lit(0)))
    by_kind = rows.group_by(*DAY, "worked_by").agg(
        worked_minutes=nw.col("lasts").sum(), unended=nw.col("unended").max()
    )
    first = by_kind.group_by(*DAY).agg(worked_by=nw.col("worked_by").min())
    return by_kind.join(first, on=[*DAY, "worked_by"], how="inner")


def lines_by_person(claim_lines: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Claim lines (OF_LINE) with the one person who gave them, `therapist_id`; null where several did, or nobody is known.

    The service's deliverer, without a record of the service the note's author, else the line's own therapist (who, on
    a line with CQ or CO, is not the one who gave it). Group and concurrent services, and minutes of assistants, aides
    or students within a therapist's service, leave nobody.
    """
    role = nw.col("deliverer_role")
    assistant = nw.coalesce(role == "assistant", nw.lit(False))
    helped = [nw.coalesce(nw.col(name), nw.lit(0)) > 0 for name in ("aide_minutes", "student_minutes")]
    shared = nw.coalesce(nw.col("mode").is_in(SHARED_MODES), nw.lit(False))
    alone = (nw.coalesce(nw.col("assistant_alone"), nw.lit(0)) > 0) & ~assistant
    given = (
        interventions.filter(nw.col("attended"))
        .with_columns(
            several=flag(alone | helped[0] | helped[1] | shared | nw.col("deliverer_id").is_null()),
        )
        .group_by("note_id", "cpt")
        .agg(
            one=nw.col("deliverer_id").min(),
            other=nw.col("deliverer_id").max(),
            several=nw.col("several").max(),
        )
    )
    marked = has_code("modifiers", ASSISTANT_MODIFIERS)
    by_claim = nw.when(~marked).then(nw.coalesce(nw.col("note_therapist_id"), nw.col("therapist_id")))
    single = (nw.col("several") == 0) & (nw.col("one") == nw.col("other"))
    person = (
        nw.when(nw.col("several").is_null()).then(by_claim).otherwise(nw.when(single).then(nw.col("one")))
    )
    return (
        billed_once(claim_lines)
        .join(given, on=["note_id", "cpt"], how="left")
        .select(*OF_LINE, therapist_id=person)
    )


def billed_days(lines: nw.LazyFrame, days: nw.LazyFrame) -> nw.LazyFrame:
    """Persons' days with the fewest minutes that what was billed takes: `least_minutes`, `units` (timed), `evaluations`,
    `unknown_units` (1: a timed line's units are not known).

    `lines` are `lines_by_person`, `days` therapist_days with the LEAST of the house. Evaluations take a least time each,
    groups once a day.
    """
    timed = least_minutes(lines, days).group_by(*DAY).agg(
        nw.col("least").sum(), nw.col("units").sum(), nw.col("unknown_units").max()
    )  # fmt: skip
    known = days.join(untimed_floors(lines), on=DAY, how="left").join(timed, on=DAY, how="left").with_columns(
        nw.coalesce(nw.col(name), nw.lit(0)) for name in ("least", "units", "unknown_units", "evaluations", "groups")
    )  # fmt: skip
    evaluation, group = (nw.col(name) for name in LEAST[:2])
    floors = nw.col("evaluations") * evaluation + nw.col("groups") * group
    return known.with_columns(least_minutes=nw.col("least") + floors).drop("least", "groups")


def least_minutes(lines: nw.LazyFrame, days: nw.LazyFrame) -> nw.LazyFrame:
    """The least one-on-one minutes that timed units stand for: VISIT, `least`, `units`, `unknown_units`.

    `lines` are `lines_by_person`, with `unit_method`; `days` the persons' days, with the CLOCK of the house. Units of one
    payer count (a second payer's claim repeats them). A unit's minutes for each, less what the first may fall short: of
    the day together under the 8-minute rule, of each code under another or unknown way. Where somebody else gave a part
    of the patient's day, each code's last unit may rest on a single minute.
    """
    visit = ["patient_id", "discipline", "service_date", "payer_id"]
    timed = lines.filter(is_timed() & ~nw.col("service_date").is_null()).with_columns(
        *(nw.coalesce(nw.col(name), nw.lit("")) for name in ("patient_id", "discipline", "payer_id")),
        told=nw.coalesce(nw.col("units"), nw.lit(0)),
        unknown_units=flag(nw.col("units").is_null()),
        person=nw.coalesce(nw.col("therapist_id"), nw.lit("")),
        pooled=flag(nw.col("unit_method") == POOLED),
    )
    people = timed.group_by(*visit).agg(
        first_person=nw.col("person").min(), last_person=nw.col("person").max()
    )
    by_code = timed.group_by(*visit, "therapist_id", "cpt").agg(
        nw.col("told").sum(), nw.col("unknown_units").max(), nw.col("pooled").min()
    )
    by_visit = by_code.filter((nw.col("told") > 0) | (nw.col("unknown_units") > 0)).group_by(
        *visit, "therapist_id"
    )
    summed = by_visit.agg(
        nw.col("unknown_units").max(),
        nw.col("pooled").min(),
        units=nw.col("told").sum(),
        different=nw.col("cpt").count(),
    ).join(people, on=visit, how="inner")
    unit, first = (nw.col(name) for name in CLOCK)
    short = nw.when(nw.col("pooled") > 0).then(unit - first).otherwise(nw.col("different") * (unit - first))
    alone = nw.col("first_person") == nw.col("last_person")
    short = nw.when(alone).then(short).otherwise(nw.col("different") * (unit - 1))
    summed = summed.filter(~nw.col("therapist_id").is_null()).join(
        days.select(*DAY, *CLOCK), on=DAY, how="inner"
    )
    summed = summed.with_columns(least=most(nw.col("units") * unit - short, nw.lit(0)))
    return summed.group_by(*VISIT).agg(
        nw.col("least").max(), nw.col("units").max(), nw.col("unknown_units").max()
    )


def untimed_floors(lines: nw.LazyFrame) -> nw.LazyFrame:
    """A person's day: `evaluations`, patients evaluated or re-evaluated, and `groups`, 1 where a group was billed."""
    evaluating = nw.coalesce(
        nw.col("cpt").is_in([*codes("evaluation"), *codes("reevaluation")]), nw.lit(False)
    )
    marked = lines.filter(~nw.col("therapist_id").is_null()).with_columns(
        evaluations=flag(evaluating), groups=flag(nw.col("cpt") == GROUP)
    )
    by_visit = marked.group_by(*VISIT).agg(nw.col("evaluations").max(), nw.col("groups").max())
    return by_visit.group_by(*DAY).agg(nw.col("evaluations").sum(), nw.col("groups").max())


def listed(lines: nw.LazyFrame, days: nw.LazyFrame) -> nw.LazyFrame:
    """The lines of some persons' days by name: therapist_id, day (ISO text), exposed_lines (see `rule`)."""
    name = nw.concat_str([nw.col("claim_id"), nw.lit("/"), nw.col("line").cast(nw.Int64).cast(nw.String)])
    chosen = lines.join(days.select(*DAY).unique(), on=DAY, how="inner").with_columns(exposed_lines=name)
    return joined(
        chosen.with_columns(day=iso_day()),
        by=["therapist_id", "day"],
        text="exposed_lines",
        order_by=["claim_id", "line"],
        separator=BETWEEN_LINES,
    )


def iso_day() -> nw.Expr:
    """The service date as text: a key that a fold's result has alike on every engine."""
    return nw.col("service_date").dt.to_string("%Y-%m-%d")
