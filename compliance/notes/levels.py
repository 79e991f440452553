"""What a note says of where each goal stands: the words after the goal's label, up to the next one.

Columns of `goal_levels`: note_id; goal_id; measure (level of help and numbers, null where there is neither, or where two
levels are compared: then the goal moved); moved (whether two levels, or a value with an earlier one, stand there).
"""

import polars as pl

LEVEL_SCHEMA: dict[str, pl.DataType] = {
    "note_id": pl.String(),
    "goal_id": pl.String(),
    "measure": pl.String(),
    "moved": pl.Boolean(),
}
_DATES = r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{2,4}|\b\d{1,2}/(?:0?[1-46-9]|1[1-9]|2\d|3[01])\b"
_NUMBER = r"\d+(?:\.\d+)?"


def goal_levels(notes: pl.DataFrame, mentions: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """One row a note and goal that it names by label. `mentions`, `links`: the tables of `reading` and `linking`."""
    goal = ["note_id", "goal_id"]
    labels = links.filter((pl.col("how") == "label") & pl.col("goal_id").is_not_null())
    named = _with_words(labels.sort("note_id", "start", "goal_id").unique(goal, keep="first"), labels, notes)
    said = mentions.filter((pl.col("kind") == "assist_level") & ~pl.col("negated"))
    levels = (
        named.join(said.select("note_id", "value", said_at="start"), on="note_id")
        .filter(pl.col("said_at").is_between("end", "until", closed="left"))
        .group_by(goal)
        .agg(levels=pl.col("value").str.replace_all("_", " ").unique().sort())
    )
    numbers = pl.col("words").str.replace_all(_DATES, " ").str.extract_all(_NUMBER)
    no_levels = pl.lit([], dtype=pl.List(pl.String))
    stated = pl.concat_list(pl.col("levels").fill_null(no_levels), numbers)
    moved = pl.col("levels").list.len().fill_null(0) > 1
    return (
        named.join(levels, on=goal, how="left")
        .select(
            *goal, measure=pl.when(~moved & (stated.list.len() > 0)).then(stated.list.join(", ")), moved=moved
        )
        .cast(dict(LEVEL_SCHEMA))
        .sort(goal)
    )


def _with_words(named: pl.DataFrame, labels: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Add to labels `words`, what stands after each, and `until`, where they end: at the note's next label, or with it."""
    begins = labels.select("note_id", until="start").unique().sort("until")
    texts = notes.select("note_id", "text").drop_nulls().unique("note_id", keep="last")
    return (
        named.sort("end")
        .join_asof(
            begins, left_on="end", right_on="until", by="note_id", strategy="forward", check_sortedness=False
        )
        .join(texts, on="note_id", how="left")
        .with_columns(pl.col("text").fill_null(""))
        .with_columns(until=pl.coalesce("until", pl.col("text").str.len_chars().cast(pl.Int64)))
        .with_columns(words=pl.col("text").str.slice("end", pl.col("until") - pl.col("end")))
    )
