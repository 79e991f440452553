"""UNIT-05: a therapist's timed minutes look rounded or templated."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge
from compliance.checks.units.allocation import supported
from compliance.checks.units.days import minutes_by_code, minutes_of_notes


@rule(
    code="UNIT-05",
    title="Rounded or templated minutes",
    severity="info",
    subject="therapist",
    unit="therapist with timed visits",
    cites=["house-default", "mcpm-5-20.2"],
    needs=["notes.therapist_id"],
    parameters=[
        "minutes_pattern_visits",
        "minutes_pattern_share",
        "timed_unit_minutes",
        "first_unit_minutes",
    ],
    exposes="none",
    scope="therapist",
    message={
        "least": "{at_least} of {visits} visits have exactly the least minutes of their units",
        "same": "All {visits} visits have {shortest} timed minutes",
    },
    fix=dict.fromkeys(("least", "same"), "Record the minutes that were given, from a clock, at each visit."),
)
def rounded_minutes(notes: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Minutes that are always just enough, or always the same, look rounded or copied.

    ## What it checks
    Each therapist's visits with timed minutes, by who wrote the note.

    ## Why it matters
    Reviewers ask whether minutes that never vary were measured. A pattern is no proof of a fault.

    ## How we read the rule
    - The least minutes of a visit's units are 8, 23, 38, 53 and so on.
    - More than 80 percent of at least 10 visits at exactly the least minutes is a pattern; both are values of the
      house.
    - The same timed minutes on every one of at least 10 visits is a pattern too.
    - A visit's minutes are the sum of its timed codes, else the note's own total. Visits whose minutes are not
      known, or of an unknown payer, do not count.
    - A therapist with fewer such visits is not judged.

    ## What it does not check
    Whether any of these visits' units are supported (UNIT-01).
    """
    minutes = minutes_of_notes(notes, minutes_by_code(interventions)).select("note_id", "total")
    unit, first = nw.col("timed_unit_minutes"), nw.col("first_unit_minutes")
    visits = (
        notes.filter(nw.col("is_visit") & ~nw.col("therapist_id").is_null())
        .join(minutes, on="note_id", how="left")
        .filter(nw.col("total").is_null() | (nw.col("total") > 0))
    )
    told = ~nw.col("total").is_null() & nw.col("policy_missing").is_null()
    visits = visits.with_columns(
        counted=flag(told),
        unknown=flag(~nw.col("policy_missing").is_null()),
        untold=flag(nw.col("total").is_null()),
        least=flag(told & (supported(nw.col("total")) * unit + first - unit == nw.col("total"))),
        counts=nw.when(told).then(nw.col("total")),
    )
    people = visits.group_by("therapist_id").agg(
        nw.col("minutes_pattern_visits").max(),
        nw.col("minutes_pattern_share").max(),
        shortest=nw.col("counts").min(),
        longest=nw.col("counts").max(),
        visits=nw.col("counted").sum(),
        at_least=nw.col("least").sum(),
        unknown=nw.col("unknown").sum(),
        untold=nw.col("untold").sum(),
        missing_payer=nw.col("policy_missing").min(),
        every=nw.col("note_id").count(),
    )
    wanted = nw.col("minutes_pattern_visits")
    enough = nw.col("visits") >= wanted
    mostly = nw.col("at_least") > nw.col("minutes_pattern_share") * nw.col("visits")
    case = nw.when(nw.coalesce(mostly, nw.lit(False))).then(nw.lit("least")).otherwise(nw.lit("same"))
    short = ~nw.coalesce(enough, nw.lit(False))
    nobody = nw.col("unknown") == nw.col("every")
    people = people.with_columns(
        case=case, policy_missing=nw.when(nobody).then(nw.col("missing_payer")).otherwise(nw.lit(None))
    )
    return judge(
        people,
        applies=nobody | nw.coalesce(nw.col("every") >= wanted, nw.lit(False)),
        cannot_tell={"interventions.minutes": short},
        fails=mostly | (nw.col("shortest") == nw.col("longest")),
    ).select(
        "therapist_id",
        "outcome",
        "missing",
        "case",
        "visits",
        "at_least",
        "shortest",
        "longest",
        fault=nw.col("case"),
    )
