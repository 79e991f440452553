"""What was loaded, refused and noticed, and what could not be checked for want of it."""

from collections.abc import Callable, Sequence

import polars as pl

from compliance import formats
from compliance.audit import Audit
from compliance.checks.rule import catalogue
from compliance.missing_facts import in_words
from compliance.records.load import LoadReport, Notice


def loaded_sheet(report: LoadReport) -> pl.DataFrame:
    """What was loaded, one row a table."""
    return pl.DataFrame(
        [
            {"Table": each.table.replace("_", " "), "Rows loaded": each.rows_loaded, "Refused": each.rows_refused,
             "Repeated": each.rows_repeated, "Columns that the export lacks": _columns(each.absent_columns),
             "Columns not known": _columns(each.unknown_columns), "Files": ", ".join(each.files)}
            for each in report.tables if each.files
        ],
        schema_overrides={"Rows loaded": pl.Int64},
    )  # fmt: skip


def _columns(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def refused_sheet(report: LoadReport) -> pl.DataFrame:
    """What was refused: where, what was found, what would have been right."""
    heads = ("File", "Row", "Table", "Column", "Found", "Expected")
    rows = [(r.file, r.row, r.table, r.called, r.found, r.expected) for r in report.refusals]
    return pl.DataFrame(rows, schema=dict.fromkeys(heads, pl.String) | {"Row": pl.Int64}, orient="row")


def noticed(report: LoadReport) -> list[tuple[str, list[Notice]]]:
    """What was noticed, by what became of it, each with its heading: files left out, and what was read all the same."""
    unread = report.left_out
    read = [notice for notice in report.notices if notice not in unread]
    files = formats.plural(len(unread), "file or folder", "files or folders")
    parted = [
        (f"Left out: {files} of which nothing was read", unread),
        (f"Noticed in what was read ({len(read):,})", read),
    ]
    return [(heading, notices) for heading, notices in parted if notices]


def not_run_sheet(result: Audit) -> pl.DataFrame:
    """The rules that could not run, the table or column that they lack, and why, where a layout says so."""
    titles = catalogue()
    rows = [
        (lack.rule, titles[lack.rule].title, in_words(lack.lacks), lack.lacks, lack.why or "")
        for lack in result.not_run
    ]
    sheet = pl.DataFrame(
        rows,
        schema=dict.fromkeys(("Rule", "Title", "Lacks", "In the records", "Why"), pl.String),
        orient="row",
    )
    return sheet if any(lack.why for lack in result.not_run) else sheet.drop("Why")


VALUE = "policy."
"""What the name of a missing value of a policy begins with."""


def unknown_sheet(coverage: pl.DataFrame, payers: Callable[[str], str] = str) -> pl.DataFrame:
    """The facts that were missing, the checks that could therefore not be told, their rules, what to do, of a payer's values the
    payers (as `payers` calls them), and the column of the records."""
    told = coverage.filter(pl.col("cannot_tell") > 0).with_columns(pl.col("missing").fill_null("not stated"))
    facts = told.group_by("missing").agg(
        pl.col("cannot_tell").sum(),
        rules=pl.col("rule").unique().sort().str.join(", "),
        payers=pl.col("payer_id").drop_nulls().unique().sort(),
    )
    facts = facts.sort(["cannot_tell", "missing"], descending=[True, False])
    return facts.select(
        pl.Series([in_words(each) for each in facts["missing"]], dtype=pl.String).alias("Missing fact"),
        pl.col("cannot_tell").alias("Checks"),
        pl.col("rules").alias("Rules"),
        pl.Series([to_do(each) for each in facts["missing"]], dtype=pl.String).alias("What to do"),
        pl.Series(
            [
                ", ".join(payers(each) for each in named) if fact.startswith(VALUE) else ""
                for fact, named in facts.select("missing", "payers").iter_rows()
            ],
            dtype=pl.String,
        ).alias("Payers"),
        pl.col("missing").alias("In the records"),
    )


def first_rules(rules: str) -> str:
    """The first rules of a cell of `unknown_sheet`, and how many more there are: `DOC-02, DOC-03, DOC-04 and 5 more`."""
    named = rules.split(", ")
    if len(named) <= RULES_NAMED + 1:
        return rules
    return f"{', '.join(named[:RULES_NAMED])} and {len(named) - RULES_NAMED} more"


RULES_NAMED = 3


def to_do(fact: str) -> str:
    """What makes a check tell that lacked a fact, by its column (`notes.signed_on`, `policy.visit_limit`)."""
    if fact.startswith(VALUE):
        return "Look the value up in the payer’s manual, and give it in a policy file of yours."
    if fact.endswith(".refused"):
        return "Mend the rows that were refused; Records lists them."
    return "Complete the record, or have the export carry it."


def checks_made(coverage: pl.DataFrame) -> int:
    """How many checks were answered: passed, failed, or could not be told."""
    return int(coverage.select(pl.sum_horizontal(pl.col("passed", "failed", "cannot_tell").sum())).item())


def sentence(report: LoadReport) -> str:
    """What was loaded and what was refused, in one sentence."""
    rows = sum(each.rows_loaded for each in report.tables)
    present = sum(1 for each in report.tables if each.files)
    told = formats.refused(report) or "no row"
    return f"{formats.plural(rows, 'row')} loaded from {formats.plural(present, 'table')}; {told} refused."
