"""Pairs of claim lines that a payer's table of code pairs holds on the day, as the rules on pairs see them."""

import narwhals as nw

from compliance.checks.terms import (
    CANNOT_TELL,
    FAIL,
    codes,
    flag,
    has_code,
    is_institutional,
    judge,
    shared,
    table_of_form,
    with_parameters,
)
from compliance.policy.code_tables import ALWAYS

PARAMETERS = ["code_pair_table", "code_pair_modifier_either_line"]
CONTEXT = ("code_pair_table", "code_pair_table__id", "policy_missing")
PAIR = ["claim_id", "line", "pair_column_1"]
"""What a rule on pairs accuses: a line of column 2, once for each code that it is paired with."""
NEVER, SEPARABLE = ["0", "0?"], ["1", "1?"]
"""The modifier indicators of pairs that nothing separates, and of those that a modifier does.

With a question mark: which of the two codes is column 2 was not read, so it is not known which line falls away.
"""
UNORDERED = ["0?", "1?"]
UNREAD, CLOSEST = "unknown", "legacy"
"""A payer whose table nobody has read is held against the widest one that was, to see whether it could matter."""
TABLES_OF = {
    "medicare_practitioner": ("practitioner",),
    "medicare_hospital": ("hospital",),
    "legacy": ("practitioner", "legacy"),
}
"""The tables of CMS's file that each value of `code_pair_table` reads."""


def paired(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """Claim lines with each line of their day that is column 1 of a pair in force with them; once, without, where none is.

    Added: pair_column_1, pair_column_2, modifier_indicator, pair_from (null = its start is not known), table_as_of,
    column_1_claim, column_1_line, column_1_note, column_1_therapist; `modified`, whether a modifier for a separate
    service stands where the payer looks for it; `doubtful`, whether it is not known that the two lines are of one
    provider. A line without a pair has null in all of them.
    """
    unread = flag(nw.col("code_pair_table") == UNREAD)
    return claim_lines.with_columns(unread=unread).join(
        _pairs(with_parameters(claim_lines, *PARAMETERS), code_pairs), on=["claim_id", "line"], how="left"
    )


@shared
def _pairs(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """What `paired` adds, by claim_id and line of column 2; no row for a line without a pair."""
    second = _of_provider(claim_lines)
    key = ["patient_id", "service_date", "payer_id", "biller"]
    rows = (
        second.select(
            "claim_id",
            "line",
            *key,
            "pair_table",
            "therapist_id",
            "discipline",
            "institutional",
            "modified_2",
            "code_pair_modifier_either_line",
            pair_column_2="cpt",
        )
        .join(_in_tables(code_pairs, second), on=["pair_table", "pair_column_2"], how="inner")
        .filter(
            (nw.col("valid_from") <= nw.col("service_date"))
            & (nw.col("service_date") < nw.col("valid_until"))
        )
        .join(
            second.select(
                *key,
                pair_column_1="cpt",
                column_1_claim="claim_id",
                column_1_line="line",
                column_1_note="note_id",
                column_1_therapist="therapist_id",
                discipline_1="discipline",
                modified_1="modified_2",
            ),
            on=[*key, "pair_column_1"],
            how="inner",
        )
    )
    rows = _of_one_provider(rows)
    either = nw.coalesce(nw.col("code_pair_modifier_either_line"), nw.lit(True))
    return rows.select(
        "claim_id", "line", "pair_column_1", "pair_column_2", "modifier_indicator", "table_as_of", "doubtful",
        "column_1_claim", "column_1_line", "column_1_note", "column_1_therapist",
        modified=nw.when((nw.col("modified_2") > 0) | ((nw.col("modified_1") > 0) & either)).then(nw.lit(1))
        .otherwise(nw.lit(0)),
        pair_from=nw.when(nw.col("valid_from") > nw.lit(ALWAYS)).then(nw.col("valid_from")).otherwise(nw.lit(None)),
    )  # fmt: skip


def _of_provider(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with who bills, on what form, by which table, and whether a modifier says that it is a separate service."""
    table = nw.col("code_pair_table")
    return claim_lines.with_columns(
        institutional=nw.coalesce(is_institutional(), nw.lit(0)),
        modified_2=flag(has_code("modifiers", codes("pair_modifiers"))),
        pair_table=nw.when(table == UNREAD).then(nw.lit(CLOSEST)).otherwise(table_of_form(table)),
    )


def _in_tables(code_pairs: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """The pairs of each value of `code_pair_table`, of codes that the lines bill: a code has hundreds of others."""
    billed = lines.select("cpt").unique()
    for column in ("column_1", "column_2"):
        code_pairs = code_pairs.join(billed.rename({"cpt": column}), on=column, how="semi")
    columns = {"pair_column_1": "column_1", "pair_column_2": "column_2", "table_as_of": "as_of"}
    parts = [
        code_pairs.filter(nw.col("table").is_in(tables)).select(
            "modifier_indicator", "valid_from", "valid_until", **columns, pair_table=nw.lit(value)
        )
        for value, tables in TABLES_OF.items()
    ]
    return nw.concat(parts, how="vertical")


def _of_one_provider(rows: nw.LazyFrame) -> nw.LazyFrame:
    """Pairs of one provider: all lines of a facility; else one therapist's, or one group's in one discipline."""
    here, there = nw.col("discipline"), nw.col("discipline_1")
    same = (nw.col("therapist_id") == nw.col("column_1_therapist")) | (here == there)
    sure = (flag(same) > 0) | (nw.col("institutional") > 0)
    unknown = here.is_null() | there.is_null()
    return rows.filter(sure | unknown).with_columns(doubtful=flag(~sure))


def settled(unread: str = "policy.code_pair_table") -> dict[str, nw.Expr]:
    """What must be known of a pair that would break a rule, as `judge(cannot_tell=…)` takes it; reads `would_fail`."""
    return {
        unread: nw.col("would_fail") & (nw.col("unread") > 0),
        "code_pairs.column_2": nw.col("would_fail") & nw.col("modifier_indicator").is_in(UNORDERED),
        "therapists.discipline": nw.col("would_fail") & (nw.col("doubtful") > 0),
    }


def once(judged: nw.LazyFrame) -> nw.LazyFrame:
    """One row a PAIR of what was judged line by line: the worst, of equals that with the first line of column 1."""
    alone = judged.filter(nw.col("pair_column_1").is_null())
    bad = nw.when(nw.col("outcome") == FAIL).then(nw.lit("0"))
    unsure = nw.when(nw.col("outcome") == CANNOT_TELL).then(nw.lit("1")).otherwise(nw.lit("2"))
    beside = [nw.col(name).cast(nw.String) for name in ("column_1_claim", "column_1_line")]
    pairs = judged.filter(~nw.col("pair_column_1").is_null()).with_columns(
        rank=nw.concat_str([bad.otherwise(unsure), *beside], separator="|")
    )
    first = pairs.group_by(PAIR).agg(first=nw.col("rank").min())
    worst = pairs.join(first, on=PAIR).filter(nw.col("rank") == nw.col("first")).drop("rank", "first")
    return nw.concat([alone, worst], how="vertical")


def of_a_table(would_fail: nw.Expr) -> nw.Expr:
    """Whether a line is judged: its payer uses a table; where nobody has read which, only what others' tables hold."""
    known = ~nw.col("code_pair_table").is_null() & (nw.col("code_pair_table") != "none")
    read = (nw.col("unread") == 0) | would_fail
    return (known & read) | ~nw.col("policy_missing").is_null() | nw.col("service_date").is_null()


def verdict(rows: nw.LazyFrame) -> nw.LazyFrame:
    """What NCCI-01 and NCCI-02 say of paired lines, by `would_fail`: that a table which was read denies the column 2 line."""
    judged = judge(
        rows,
        applies=of_a_table(nw.col("would_fail")),
        cannot_tell={
            "claim_lines.service_date": nw.col("service_date").is_null(),
            "claim_lines.cpt": nw.col("cpt").is_null(),
            **settled(),
        },
        fails=nw.col("would_fail"),
    )
    return once(judged).select(
        "claim_id", "line", "outcome", "missing", "service_date", "pair_column_1", "pair_column_2", "modifier_indicator",
        "column_1_claim", "column_1_line", "pair_from", "table_as_of", "code_pair_table__id",
    )  # fmt: skip
