"""NCCI-04: 59 or an X modifier where no pair asks for it, and a therapist who uses it as a routine."""

import narwhals as nw

from compliance.checks.code_pairs.pairs import PARAMETERS, paired
from compliance.checks.rule import rule
from compliance.checks.terms import PERCENT, codes, flag, has_code, judge

LINE = ["claim_id", "line"]
RATE = ["modifier_59_rate", "modifier_59_times_peers", "modifier_59_lines"]
DAY = ["patient_id", "service_date", "payer_id", "cpt"]


@rule(
    code="NCCI-04",
    title="Modifier 59 without need",
    severity="info",
    subject="line",
    key=["claim_id", "line", "overused_by", "clinic_id", "year"],
    unit="claim line with 59 or an X modifier, and each therapist's year of 97530",
    cites=["ncci-ptp-2024q3", "mln-1783722"],
    needs=["claims.patient_id", "claim_lines.service_date", "claim_lines.cpt", "claim_lines.modifiers"],
    parameters=[*PARAMETERS, *RATE],
    exposes="line",
    message={
        "needless": "{cpt} of {service_date} bears a modifier for a separate service, but no pair of that day asks for one",
        "both": "{cpt} of {service_date} bears 59 and an X modifier on one line",
        "overuse": "{marked_lines} of {lines_in_year} lines of 97530 in {year} bear 59 or an X modifier ({percent} percent; the "
        "other therapists' {peers_percent})",
    },
    fix={
        "needless": "Take the modifier off, unless the payer's own table asks for it.",
        "both": "Keep the one modifier that fits: an X modifier where it says why, else 59.",
        "overuse": "See that 59 is added line by line where the record shows distinct start and stop times, and not by default.",
    },
)
def modifier_overused(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """59 and the X modifiers let denied pairs through; payers watch who uses them without need.

    ## What it checks
    Each claim line with 59, XE, XP, XS or XU: whether a pair of that day asks for it. And each therapist's share of such
    lines among their lines of 97530 in a calendar year.

    ## Why it matters
    A modifier by default is what auditors look for first. It also hides which pairs were really separate.

    ## How we read the rule
    - A modifier is needless where the line is in no pair that the payer's table held on the day, on either side. To Medicare
      97530 with 97140, 97110 or 97116 needs none since 2020.
    - The same code twice on a day is a reason of its own.
    - 59 and an X modifier never stand on one line.
    - A therapist overuses it with more than half of 20 or more lines of 97530 in a year, and more than twice the share of the
      clinic's other therapists together. With fewer than 20 lines, or fewer than 20 of the others, nobody is judged.
    - A payer whose table nobody has read cannot be told.

    ## What it does not check
    Whether the record shows separate intervals (NCCI-03).
    """
    lines = _with_reasons(claim_lines, code_pairs)
    each = _lines(lines)
    therapists = _therapists(claim_lines)
    return nw.concat([each, therapists], how="vertical")


def _with_reasons(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with `in_pair` and `repeated`: the reasons for a modifier, 1 or 0."""
    rows = paired(claim_lines, code_pairs).filter(~nw.col("column_1_claim").is_null())
    second = rows.select(*LINE)
    first = rows.select(claim_id="column_1_claim", line="column_1_line")
    held = nw.concat([second, first], how="vertical").unique().with_columns(in_pair=nw.lit(1))
    again = claim_lines.group_by(DAY).agg(times=nw.col("line").count())
    return (
        claim_lines.join(held, on=LINE, how="left")
        .join(again, on=DAY, how="left")
        .with_columns(
            in_pair=nw.coalesce(nw.col("in_pair"), nw.lit(0)),
            repeated=flag(nw.col("times") > 1),
            unread=flag(nw.col("code_pair_table") == "unknown"),
        )
    )


def _lines(lines: nw.LazyFrame) -> nw.LazyFrame:
    """The lines judged: whether they bear a modifier that nothing asks for, or two that exclude each other."""
    both = has_code("modifiers", "59") & has_code("modifiers", codes("x_modifiers"))
    needless = (nw.col("in_pair") == 0) & (nw.col("repeated") == 0)
    case = nw.when(both).then(nw.lit("both")).otherwise(
        nw.when(needless).then(nw.lit("needless")).otherwise(nw.lit(None, dtype=nw.String))
    )  # fmt: skip
    lines = lines.filter(has_code("modifiers", codes("pair_modifiers"))).with_columns(case=case)
    dated = nw.col("service_date").is_null()
    known = ~nw.col("code_pair_table").is_null() | ~nw.col("policy_missing").is_null() | dated
    number, text = nw.lit(None, dtype=nw.Float64), nw.lit(None, dtype=nw.String)
    return judge(
        lines,
        applies=known,
        cannot_tell={
            "claim_lines.service_date": dated,
            "claim_lines.cpt": nw.col("cpt").is_null(),
            "policy.code_pair_table": (nw.col("unread") > 0) & ~both,
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", nw.col("line").cast(nw.Float64), "outcome", "missing", "case", "cpt", "modifiers", "service_date",
        "therapist_id", "payer_id", "clinic_id", nw.col("code_pair_table__id").cast(nw.Float64), modifier_59_rate__id=number,
        overused_by=text, year=number, marked_lines=number, lines_in_year=number, percent=number, peers_percent=number,
        severity=nw.lit("info"), fault=nw.col("case"),
    )  # fmt: skip


def _therapists(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Each therapist's year of 97530 at a clinic: lines, lines with a modifier, and the same of the clinic's others."""
    counted = claim_lines.filter(
        nw.coalesce(nw.col("cpt").is_in(codes("therapeutic_activities")), nw.lit(False))
        & ~nw.col("therapist_id").is_null()
        & ~nw.col("clinic_id").is_null()
        & ~nw.col("service_date").is_null()
        & ~nw.col("code_pair_table").is_null()
        & nw.col("policy_missing").is_null()
    ).with_columns(
        year=nw.col("service_date").dt.year().cast(nw.Int64),
        one=nw.lit(1),
        marked=flag(has_code("modifiers", codes("pair_modifiers"))),
    )
    own = counted.group_by("therapist_id", "clinic_id", "year").agg(
        *(nw.col(name).max() for name in (*RATE, "modifier_59_rate__id", "service_date")),
        lines_in_year=nw.col("one").sum(),
        marked_lines=nw.col("marked").sum(),
    )
    every = counted.group_by("clinic_id", "year").agg(
        all_lines=nw.col("one").sum(), all_marked=nw.col("marked").sum()
    )
    rows = own.join(every, on=["clinic_id", "year"], how="inner").with_columns(
        peers=nw.col("all_lines") - nw.col("lines_in_year"),
        peers_marked=nw.col("all_marked") - nw.col("marked_lines"),
    )
    enough = (nw.col("lines_in_year") >= nw.col("modifier_59_lines")) & (
        nw.col("peers") >= nw.col("modifier_59_lines")
    )
    rows = rows.filter(enough).with_columns(
        rate=nw.col("marked_lines") / nw.col("lines_in_year"),
        peers_rate=nw.col("peers_marked") / nw.col("peers"),
    )
    often = nw.col("rate") > nw.col("modifier_59_rate")
    stands_out = nw.col("rate") > nw.col("peers_rate") * nw.col("modifier_59_times_peers")
    number, text = nw.lit(None, dtype=nw.Float64), nw.lit(None, dtype=nw.String)
    return judge(rows, fails=often & stands_out).select(
        "outcome", "missing", "service_date", "therapist_id", "clinic_id",
        nw.col("modifier_59_rate__id", "year").cast(nw.Float64),
        claim_id=text, line=number, case=nw.lit("overuse"), cpt=text, modifiers=text, payer_id=text,
        code_pair_table__id=number, overused_by=nw.col("therapist_id"),
        marked_lines=nw.col("marked_lines").cast(nw.Float64), lines_in_year=nw.col("lines_in_year").cast(nw.Float64),
        percent=(nw.col("rate") * PERCENT).round(0),
        peers_percent=(nw.col("peers_rate") * PERCENT).round(0),
        severity=nw.lit("low"), fault=nw.lit("overuse"),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "modifiers", "service_date", "therapist_id", "payer_id",
        "clinic_id",
        "code_pair_table__id", "modifier_59_rate__id", "overused_by", "year", "marked_lines", "lines_in_year", "percent",
        "peers_percent", "severity", "fault",
    )  # fmt: skip
