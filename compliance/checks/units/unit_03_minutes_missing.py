"""UNIT-03: a visit's minutes are missing, or contradict each other."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import codes, flag, is_timed, judge, ruled, surely, yes
from compliance.checks.units.days import stated_minutes, window

HELP = r"(?i)min\.?[ -]?(?:a(?:[^a-z]|$)|assist|vc|tc|cue|verbal|visual|tactile)"
"""Minimal help as notes write it: `x8 min A` tells no minutes."""
MINUTES_IN_TEXT = (
    r"(?i)(?:^|[^0-9a-z.])[0-9]{1,3}[ -]?min(?:s|utes?)?(?:[^a-z]|$)|"
    "(?:^|[^0-9a-z.])[0-9]{1,3} ?['\u2019\u2032] ?[0-9]{5}(?:[^0-9]|$)"
)
"""Minutes, or a mark of them before a code (`35' 97530`): after any other number the mark may be of feet."""
CASES = ("none", "timed_missing", "total_missing", "timed_over_total", "sum", "clock")


@rule(
    code="UNIT-03",
    title="Minutes missing or contradictory",
    severity="low",
    subject="note",
    unit="visit note",
    cites=["mcpm-5-20.3", "mcpm-5-20.2", "cert-missing-time"],
    needs=["notes.note_id", "interventions.minutes or interventions.started_at or notes.timed_minutes or notes.total_minutes"],
    absence_of={"interventions": "day"},
    parameters=["minutes_tolerance"],
    exposes="note",
    message={
        "none": "The visit of {service_date} has timed codes and no minutes at all",
        "timed_missing": "The note of {service_date} does not say the minutes of its timed codes",
        "total_missing": "The note of {service_date} does not say the total treatment minutes",
        "timed_over_total": "The note of {service_date} has {timed} timed minutes of {total_minutes} in total",
        "sum": "The note of {service_date} totals {timed_minutes} timed and {total_minutes} treatment minutes; its codes add up "
        "to {coded} and {coded_all}",
        "clock": "The minutes of the note of {service_date} do not fit its start and end times",
    },
    fix=dict.fromkeys(
        CASES,
        "The therapist adds timed and total minutes, dated today, from a record made at the time. Do not reconstruct them.",
    ),
)  # fmt: skip
def minutes_missing(
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A visit's note states the minutes of its timed codes and the total treatment minutes, and they agree.

    ## What it checks
    Each visit note: its timed and total minutes, the minutes of its codes, and its start and end times.

    ## Why it matters
    Units rest on minutes. Reviewers deny timed codes whose time is not documented.

    ## How we read the rule
    - No minutes at all beside a timed code (none of the codes', no total, no start and end): the timed lines are at
      risk. All else is a weakness of the record.
    - The minutes of timed codes are stated by the note's total of them, or by every timed code's own minutes.
    - The total treatment minutes are stated by the note's total, by its start and end, or by every code's minutes.
      A visit without timed codes needs this total only.
    - Totals agree that differ by no more than the tolerance (2 minutes). Totals and codes are compared only where
      every code's minutes are known.
    - Timed minutes are never more than total minutes.
    - Times contradict where an end comes before its start, where the total is longer than from start to end, or
      where a code's minutes differ from its own start and end, beyond the tolerance. A visit may take longer than
      its treatment.
    - Where the note's words state minutes (`97530 (25 min)`, `25' 97530`) and no field does, it cannot be told: words are
      not read into minutes. Minimal help (`x8 min A`) is none.
    - An export that carries no minutes cannot be told; nor can the minutes of timed codes where a service has no code.

    ## What it does not check
    Whether the minutes support the billed units (UNIT-01); how many minutes the note's words state.
    """
    visits = notes.filter(nw.col("is_visit"))
    billed = claim_lines.filter(~nw.col("note_id").is_null()).with_columns(timed_line=flag(is_timed()))
    billed = billed.group_by("note_id").agg(timed_line=nw.col("timed_line").max())
    units = visits.join(_coded(interventions), on="note_id", how="left").join(
        billed, on="note_id", how="left"
    )
    with_timed = yes("rows_timed") | yes("timed_line")
    known_timed = (nw.col("rows_timed") > 0) & (nw.col("untold_timed") == 0) & (nw.col("uncoded") == 0)
    known_all = nw.col("untold") == 0
    span, slack = window(), nw.col("minutes_tolerance")
    nothing = (
        ~yes("told") & nw.col("timed_minutes").is_null() & nw.col("total_minutes").is_null() & span.is_null()
    )
    timed_told = ~nw.col("timed_minutes").is_null() | surely(known_timed)
    total_told = ~nw.col("total_minutes").is_null() | ~span.is_null() | surely(known_all)
    units = units.with_columns(
        timed=nw.coalesce(nw.col("timed_minutes"), nw.when(known_timed).then(nw.col("coded"))),
        with_timed=with_timed,
    )
    carries_total = "notes.total_minutes" not in absent_columns
    apart = known_timed & ((nw.col("timed_minutes") - nw.col("coded")).abs() > slack)
    apart_all = known_all & ((nw.col("total_minutes") - nw.col("coded_all")).abs() > slack)
    clock = (span < 0) | (nw.col("total_minutes") - span > slack) | (nw.col("apart") > slack)
    reasons = (
        ("none", with_timed & nothing),
        ("timed_missing", with_timed & ~timed_told),
        ("total_missing", ~total_told & nw.lit(carries_total)),
        ("timed_over_total", nw.col("timed") > nw.col("total_minutes")),
        ("sum", surely(apart) | surely(apart_all)),
        ("clock", clock),
    )
    case = nw.lit(None, dtype=nw.String)
    for name, holds in reversed(reasons):
        case = nw.when(surely(holds)).then(nw.lit(name)).otherwise(case)
    unread = {"interventions.minutes", "notes.timed_minutes"} <= absent_columns
    missing = nw.col("case").is_in(["none", "timed_missing"])
    perhaps_timed = nw.col("case").is_null() & ~with_timed & ~timed_told
    in_words = nw.col("text").str.replace_all(HELP, " ").str.contains(MINUTES_IN_TEXT)
    uncoded = (nw.col("uncoded") > 0) & ((nw.col("case") == "timed_missing") | perhaps_timed)
    return judge(
        units.with_columns(case=case),
        applies=ruled("minutes_tolerance"),
        cannot_tell={
            "interventions.cpt": (~nw.col("treated") & nw.col("timed_line").is_null()) | surely(uncoded),
            "interventions.minutes": missing & (nw.lit(unread) | surely(in_words)),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "note_id", "outcome", "missing", "case", "service_date", "timed", "timed_minutes", "total_minutes", "coded",
        "coded_all", "started_at", "ended_at", "minutes_tolerance__id", fault=nw.col("case"),
        exposed_cpt=nw.lit(" ".join(codes("timed"))),
        severity=nw.when(nw.col("case") == "none").then(nw.lit("medium")).otherwise(nw.lit("low")),
    )  # fmt: skip


def _coded(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """What a note's codes say: sums of told minutes, rows and untold ones, and how far minutes differ from times."""
    minutes, timed = stated_minutes(), is_timed()
    told = nw.coalesce(minutes, nw.lit(0))
    apart = nw.when(window() < 0).then(nw.lit(0) - window() + nw.col("minutes_tolerance"))
    apart = apart.otherwise((window() - nw.coalesce(nw.col("minutes"), window())).abs())
    rows = interventions.select(
        "note_id",
        coded_all=told,
        coded=nw.when(timed).then(told).otherwise(nw.lit(0)),
        rows_timed=flag(timed),
        untold=flag(minutes.is_null()),
        untold_timed=flag(timed & minutes.is_null()),
        told=flag(~minutes.is_null()),
        uncoded=flag(nw.col("cpt").is_null()),
        apart=nw.coalesce(apart, nw.lit(0)),
    )
    return (
        rows.group_by("note_id")
        .agg(
            *(nw.col(name).sum() for name in ("coded_all", "coded", "rows_timed")),
            *(nw.col(name).max() for name in ("untold", "untold_timed", "told", "uncoded", "apart")),
        )
        .with_columns(nw.col("coded_all").cast(nw.Int64), nw.col("coded").cast(nw.Int64))
    )
