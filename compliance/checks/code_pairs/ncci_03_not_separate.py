"""NCCI-03: a modifier calls paired codes separate services, and the record does not show it."""

import narwhals as nw

from compliance.checks.code_pairs.pairs import PAIR, PARAMETERS, SEPARABLE, of_a_table, once, paired, settled
from compliance.checks.rule import rule
from compliance.checks.terms import flag, is_timed, judge, kept
from compliance.checks.units.days import stated_minutes

KEY = ["claim_id", "line", "column_1_claim", "column_1_line"]
SIDES = {"1": ("column_1_note", "pair_column_1"), "2": ("note_id", "pair_column_2")}


@rule(
    code="NCCI-03",
    title="Modifier without separate intervals",
    severity="medium",
    subject="line",
    key=PAIR,
    unit="claim line with a modifier, and each code that it is paired with",
    cites=["ncci-ptp-2024q3", "mln-1783722"],
    needs=["claim_lines.modifiers", "interventions.minutes", "notes.note_id"],
    parameters=[*PARAMETERS, "separate_interval_minutes"],
    exposes="line",
    message={
        "overlap": "{pair_column_2} and {pair_column_1} of {service_date} are billed as separate services, but their times "
        "overlap",
        "sum": "{pair_column_2} and {pair_column_1} of {service_date} are billed as separate services, but their {minutes_2} and "
        "{minutes_1} minutes are more than the visit's {visit_minutes}",
        "minutes": "{pair_column_2} and {pair_column_1} of {service_date} are billed as separate services, but one of them has "
        "fewer than {separate_interval_minutes} minutes ({minutes_2} and {minutes_1})",
        "undivided": "{pair_column_2} and {pair_column_1} of {service_date} are billed as separate services, but the note does "
        "not divide its time between them",
    },
    fix=dict.fromkeys(
        ("overlap", "sum", "minutes", "undivided"),
        "Take the modifier and {pair_column_2} off, or add the distinct start and stop times of both where the record "
        "shows them.",
    ),
)
def not_separate(
    claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame, interventions: nw.LazyFrame, notes: nw.LazyFrame
) -> nw.LazyFrame:
    """59 or an X modifier states that two paired codes were separate services; for timed codes, in distinct intervals.

    ## What it checks
    Each pair that a modifier separates on the claim, against the times and minutes of both codes in the visit's notes.

    ## Why it matters
    A modifier that the record does not bear out makes a claim false, and the column 2 line an overpayment.

    ## How we read the rule
    - Times of the two codes that overlap are no separate intervals. Sequential ones in one session are.
    - A timed code with fewer than 8 minutes, recorded or from its start to its end, is no interval of its own.
    - A note that has one of the two codes only, or neither minutes nor times of either, is one undivided block.
    - Where minutes are known and times are not, the two are separate if the visit was long enough for both. Where the
      visit's length is not known, it cannot be told.
    - A line without a note, or a note without interventions, cannot be told; nor can the minutes of a code, or that it is
      not recorded, where a service of the note has no code.
    - One line of column 2 is one finding for each code that it is paired with, however many lines bill that code.
    - Of 29581 to 29584 with 97140 it was not read which of the two is column 2: it cannot be told which line falls away.
    - A pair that was not in force, or that nothing separates, is not judged here; nor is a payer whose table nobody has
      read, unless the record would not bear the modifier out: that cannot be told.

    ## What it does not check
    Whether a modifier was needed (NCCI-04) or is missing (NCCI-01); what the note's words say of the intervals.
    """
    marked = nw.coalesce(
        nw.col("modifier_indicator").is_in(SEPARABLE) & (nw.col("modified") > 0), nw.lit(False)
    )
    rows = paired(claim_lines, code_pairs).with_columns(marked=flag(marked))
    shown = _shown(rows.filter(nw.col("marked") > 0), interventions, notes)
    rows = rows.join(shown, on=[*KEY, "pair_column_1"], how="left").with_columns(case=_fault())
    rows = rows.with_columns(would_fail=(nw.col("marked") > 0) & ~nw.col("case").is_null())
    told = ~nw.col("case").is_null()
    timeless = (nw.col("untimed_1") > 0) | (nw.col("untimed_2") > 0)
    unmeasured = (nw.col("unmeasured_1") > 0) | (nw.col("unmeasured_2") > 0)
    noteless = nw.col("note_id").is_null() | nw.col("column_1_note").is_null()
    bare = (nw.col("treated_1") == 0) | (nw.col("treated_2") == 0)
    judged = judge(
        rows,
        applies=((nw.col("marked") > 0) & of_a_table(nw.col("would_fail")))
        | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            **settled(),
            "claim_lines.note_id": ~told & noteless,
            "interventions.cpt": ~told & (bare | (_uncoded() & (_lacking() | _short()))),
            "interventions.minutes": ~told & timeless & unmeasured,
            "interventions.started_at": ~told & timeless & nw.col("visit_minutes").is_null(),
        },
        fails=nw.col("would_fail"),
    )
    return once(judged).select(
        *KEY, "outcome", "missing", "case", "service_date", "note_id", "pair_column_1", "pair_column_2", "modifier_indicator",
        "minutes_1", "minutes_2", "visit_minutes", "separate_interval_minutes", "table_as_of", "code_pair_table__id",
        "separate_interval_minutes__id", fault=nw.col("case"),
    )  # fmt: skip


def _fault() -> nw.Expr:
    """Why the record does not show separate services, null where it does or does not say."""
    one_note = nw.col("note_id") == nw.col("column_1_note")
    silent = (
        (nw.col("silent_1") > 0) & (nw.col("silent_2") > 0) & one_note & ~nw.col("visit_minutes").is_null()
    )
    longer = (nw.col("minutes_1") + nw.col("minutes_2") > nw.col("visit_minutes")) & (nw.col("overlaps") == 0)
    fault = nw.lit(None, dtype=nw.String)
    for name, holds in (
        ("undivided", (_lacking() & ~_uncoded()) | silent),
        ("sum", longer),
        ("minutes", _short() & ~_uncoded()),
        ("overlap", nw.col("overlaps") > 0),
    ):
        fault = nw.when(nw.coalesce(holds, nw.lit(False))).then(nw.lit(name)).otherwise(fault)
    return fault


def _lacking() -> nw.Expr:
    """Whether the notes of a pair, which record services, do not record both codes."""
    recorded = (nw.col("treated_1") > 0) & (nw.col("treated_2") > 0)
    return recorded & ((nw.col("rows_1") == 0) | (nw.col("rows_2") == 0))


def _short() -> nw.Expr:
    """Whether a timed code has fewer minutes than an interval of its own."""
    least = nw.col("separate_interval_minutes")
    sides = [
        is_timed(code) & (nw.col(f"unmeasured_{side}") == 0) & (nw.col(f"minutes_{side}") < least)
        for side, (_, code) in SIDES.items()
    ]
    return nw.any_horizontal(*sides, ignore_nulls=True)


def _uncoded() -> nw.Expr:
    """Whether a note of the pair holds a service without a code, which may be either."""
    return (nw.col("uncoded_1") > 0) | (nw.col("uncoded_2") > 0)


def _shown(pairs: nw.LazyFrame, interventions: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """What the record shows of pairs that a modifier separates, by KEY and pair_column_1: minutes, overlaps, the visit."""
    told_by = list(dict.fromkeys(name for side in SIDES.values() for name in side))
    rows = kept(pairs.select(*KEY, *told_by).unique())
    named = [rows.select(note_id=note) for note, _ in SIDES.values()]
    interventions = interventions.join(nw.concat(named, how="vertical").unique(), on="note_id", how="semi")
    rows = _with_visit(_with_overlap(_with_minutes(rows, interventions), interventions), notes)
    return rows.drop(name for name in told_by if name != "pair_column_1")


def _with_minutes(rows: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Add, of each side's code in its note: rows, minutes, and how many rows lack minutes, times, or both."""
    untimed = nw.col("started_at").is_null() | nw.col("ended_at").is_null()
    given = (
        interventions.filter(~nw.col("note_id").is_null() & ~nw.col("cpt").is_null())
        .with_columns(
            one=nw.lit(1),
            minutes=stated_minutes(),
            unmeasured=flag(stated_minutes().is_null()),
            untimed=flag(untimed),
            silent=flag(untimed & nw.col("minutes").is_null()),
        )
        .group_by("note_id", "cpt")
        .agg(rows=nw.col("one").sum(), minutes=nw.col("minutes").sum(), unmeasured=nw.col("unmeasured").sum(),
             untimed=nw.col("untimed").sum(), silent=nw.col("silent").sum())
    )  # fmt: skip
    any_given = given.select("note_id").unique()
    bare = interventions.filter(nw.col("cpt").is_null()).select("note_id").unique()
    for side, (note, code) in SIDES.items():
        names = {
            f"{name}_{side}": nw.col(name) for name in ("rows", "minutes", "unmeasured", "untimed", "silent")
        }
        rows = rows.join(
            given.select(**{note: nw.col("note_id"), code: nw.col("cpt")}, **names),
            on=[note, code],
            how="left",
        )
        treated = any_given.select(**{note: nw.col("note_id"), f"treated_{side}": nw.lit(1)})
        uncoded = bare.select(**{note: nw.col("note_id"), f"uncoded_{side}": nw.lit(1)})
        rows = (
            rows.join(treated, on=note, how="left")
            .join(uncoded, on=note, how="left")
            .with_columns(
                **{
                    f"{name}_{side}": nw.coalesce(nw.col(f"{name}_{side}"), nw.lit(0))
                    for name in ("treated", "uncoded", "rows", "unmeasured", "untimed", "silent")
                }
            )
        )
    return rows


def _with_overlap(rows: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Add `overlaps`: how many times a row of the one code overlaps one of the other."""
    given = interventions.filter(~nw.col("started_at").is_null() & ~nw.col("ended_at").is_null())
    both = rows.select(*KEY, *(name for side in SIDES.values() for name in side))
    for side, (note, code) in SIDES.items():
        times = given.select(
            **{note: nw.col("note_id"), code: nw.col("cpt"), f"from_{side}": nw.col("started_at"),
               f"to_{side}": nw.col("ended_at")}
        )  # fmt: skip
        both = both.join(times, on=[note, code], how="inner")
    meets = (nw.col("from_1") < nw.col("to_2")) & (nw.col("from_2") < nw.col("to_1"))
    found = both.filter(meets).select(*KEY).unique().with_columns(overlaps=nw.lit(1))
    return rows.join(found, on=KEY, how="left").with_columns(
        overlaps=nw.coalesce(nw.col("overlaps"), nw.lit(0))
    )


def _with_visit(rows: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Add `visit_minutes`: how long the visit was, where one note speaks of both codes."""
    length = notes.select("note_id", length=nw.coalesce(nw.col("total_minutes"), nw.col("timed_minutes")))
    one_note = nw.coalesce(nw.col("note_id") == nw.col("column_1_note"), nw.lit(False))
    return rows.join(length, on="note_id", how="left").with_columns(
        visit_minutes=nw.when(one_note).then(nw.col("length")).otherwise(nw.lit(None))
    )
