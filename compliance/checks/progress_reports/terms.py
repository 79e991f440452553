"""Words that the rules on progress reports share."""

import narwhals as nw

from compliance.checks.terms import first


def report_severity() -> nw.Expr:
    """The severity of a fault of a report, by the payer's `progress_report_severity`: `repay` is medium, `doc` low."""
    return (
        nw.when(nw.col("progress_report_severity") == "repay").then(nw.lit("medium")).otherwise(nw.lit("low"))
    )


def written_on() -> nw.Expr:
    """The day a note's text was finished, else signed."""
    return nw.coalesce(nw.col("written_at"), nw.col("signed_on")).dt.truncate("1d")


def of_own_discipline() -> nw.Expr:
    """Whether a note's author may be of its discipline: a report of physical therapy is a physical therapist's."""
    trained, treated = nw.col("author_discipline"), nw.col("discipline")
    return trained.is_null() | treated.is_null() | (trained == treated)


def author_doubt() -> nw.Expr:
    """The missing fact where a note's author, or what the author is, is unknown; else null."""
    return first(
        ("notes.therapist_id", nw.col("therapist_id").is_null()),
        ("therapists.role", nw.col("author_role").is_null()),
    )
