"""Words that the rules on progress reports share."""

from collections.abc import Sequence

import narwhals as nw

from compliance.checks.terms import first


def report_severity() -> nw.Expr:
    """The severity of a fault of a report, by the payer's `progress_report_severity`: `repay` is medium, `doc` low."""
    return (
        nw.when(nw.col("progress_report_severity") == "repay").then(nw.lit("medium")).otherwise(nw.lit("low"))
    )


def note_called() -> nw.Expr:
    """What a note is called in a sentence, by its kind: `progress report`, `discharge note`."""
    kind = nw.col("kind")
    note = nw.when(kind.is_in(["discharge", "treatment"])).then(nw.lit(" note")).otherwise(nw.lit(""))
    said = (
        nw.when(kind == "reevaluation")
        .then(nw.lit("re-evaluation"))
        .otherwise(kind.str.replace_all("_", " "))
    )
    return nw.concat_str([said, note])


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


def with_nobodys(
    units: nw.LazyFrame, notes: nw.LazyFrame, key: Sequence[str], begins: nw.Expr, ends: nw.Expr
) -> nw.LazyFrame:
    """Add `nobodys`: 1 where one of the notes, of the unit's clinic and discipline and from `begins` to `ends`, names no patient.

    `key` names a unit, which has clinic_id and discipline. Such a note may be the very one that the unit lacks.
    """
    strays = notes.filter(nw.col("attended") & nw.col("patient_id").is_null()).select(
        "clinic_id", noted_discipline="discipline", noted_on=nw.coalesce(nw.col("service_date"), nw.col("period_to"))
    )  # fmt: skip
    on, noted = nw.col("noted_on"), nw.col("noted_discipline")
    met = (
        units.with_columns(begins=begins, ends=ends)
        .select(*key, "clinic_id", "begins", "ends")
        .join(strays.unique(), on="clinic_id", how="inner")
        .filter(noted.is_null() | (noted == nw.col("discipline")))
        .filter((on >= nw.col("begins")) & (on <= nw.col("ends")))
        .select(*key, nobodys=nw.lit(1))
        .unique()
    )
    return units.join(met, on=list(key), how="left")
