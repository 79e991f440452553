"""Therapists beside each other: who needs a chart review, and on which rules."""

from collections.abc import Mapping

import polars as pl

from compliance import formats, risk
from compliance.audit import Audit
from compliance.charts import STANDING_WORDS
from compliance.rulebook import FAMILIES

CROWDED = 20
"""More columns than these are no picture any more: a heat map then shows families."""


def help_sentence(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    """Who needs a chart review, and where all others stand; `rows` as `risk.funnel` gives them."""
    outside = rows.filter(pl.col("standing") == "outside")
    others = rows.join(outside, on="therapist_id", how="anti")
    told = [
        f"{formats.count(number)} {words}"
        for standing, words in STANDING_OF_OTHERS.items()
        if (number := others.filter(pl.col("standing") == standing)["therapist_id"].n_unique())
    ]
    rest = f"{formats.listed(told)}." if told else ""
    if outside.is_empty():
        return f"Nobody: {rest}"
    who = "; ".join(
        f"{names[row['therapist_id']]} ({row['discipline']}, {row['n']:,} of {row['of']:,} visits)"
        for row in outside.iter_rows(named=True)
    )
    verb = "needs" if outside["therapist_id"].n_unique() == 1 else "need"
    return f"{who} {verb} a chart review." + (f" The others: {rest}" if rest else "")


STANDING_OF_OTHERS = {standing: STANDING_WORDS[standing] for standing in ("within", "near", "below")}
STANDING_OF_OTHERS["below"] += " (see whether the checks had their facts)"
"""Where a therapist stands who needs no chart review, in the words of the funnel's legend."""


def heat_columns(coverage: pl.DataFrame) -> dict[str, str]:
    """What the heat map can be narrowed to: families with a judged rule, by code, named; none where all rules fit."""
    rules = coverage["rule"].unique()
    if len(rules) <= CROWDED:
        return {}
    judged = {rule.partition("-")[0] for rule in rules}
    return {code: f"{code} {name}" for code, name in FAMILIES.items() if code in judged}


def chance_words(cells: pl.DataFrame, what: str = "rule") -> str:
    """How many cells of a heat map would stand out by chance alone: those judged, at the outer limit's tail."""
    judged = cells.filter(~pl.col("state").is_in(["few", "cannot_tell"]) & (pl.col("expected") > 0)).height
    return (
        f"Of {formats.plural(judged, 'pair')} of therapist and {what} with enough units, at most "
        f"{judged * risk.OUTER:.1f} would be expected to bear ▲ by chance alone."
    )


def rate_words(table: pl.DataFrame) -> pl.Series:
    """`12.4 % (31 of 250; 8.9–17.0)` for each row of a table with n, of, share_low and share_high."""
    rows = table.select("n", "of", "share_low", "share_high").iter_rows()
    return pl.Series([formats.rate(n, of, low, high) for n, of, low, high in rows], dtype=pl.String)


def therapists_here(result: Audit) -> pl.Expr:
    """Whether a row's therapist has a visit, a line or a finding under the filters; nobody's row stands for findings alone.

    What is judged of a therapist wherever they work passes every filter of clinics, payers and days, and tells nothing of it.
    """
    found = result.findings.filter(pl.col("clinic_id").is_not_null())
    ids = pl.concat([result.visits["therapist_id"], result.lines["therapist_id"], found["therapist_id"]])
    whose = pl.col("therapist_id")
    nobody = whose.is_null() & pl.lit(found["therapist_id"].null_count() > 0)
    return nobody | whose.is_in(ids.drop_nulls().unique().to_list())


def sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The risk table of therapists with the headings that people read."""
    return table.select(
        pl.col("therapist_id").replace(formats.NOTHING, "none named").alias("Therapist"),
        rate_words(table).alias("Visits with a finding"),
        pl.col("findings").alias("Findings"),
        pl.col("high").alias("▲ high"), pl.col("medium").alias("◆ medium"), pl.col("low").alias("● low"),
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("cannot_tell").alias("Checks that cannot tell"),
    )  # fmt: skip


def sentence(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    """Who is outside what chance explains; `rows` as `risk.funnel` gives them."""
    outside = rows.filter(pl.col("standing") == "outside")
    below = rows.filter(pl.col("standing") == "below").height
    low = f" {below} below the 99.8 % limit." if below else ""
    if outside.is_empty():
        number = rows["therapist_id"].n_unique()
        if number == 1:
            return "The one therapist is within what chance explains." + low
        return f"None of {number} therapists is above what chance explains.{low}"
    who = "; ".join(names[each] for each in outside["therapist_id"])
    verb = (
        "is outside what chance explains and needs"
        if outside.height == 1
        else "are outside what chance explains and need"
    )
    return f"{formats.plural(outside.height, 'therapist')} {verb} a chart review: {who}.{low}"


def pairs_title(cells: pl.DataFrame, what: str = "rule") -> str:
    """What the heat map says; `what` its columns are: rule or family."""
    high = cells.filter(pl.col("state") == "outside").height
    if not high:
        return f"No pair of therapist and {what} is above what chance explains"
    verb = "is" if high == 1 else "are"
    return f"{formats.plural(high, 'pair')} of therapist and {what} {verb} above what chance explains"
