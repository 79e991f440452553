"""What a note says of where each goal stands: the words after the goal's label, up to the next one.

Columns of `goal_levels`: note_id; goal_id; measure (level of help and numbers, null where there is neither, or where two
levels are compared: then the goal moved); moved (whether two levels, or a value with an earlier one, stand there).
"""

import re
from collections import defaultdict

import polars as pl

LEVEL_SCHEMA: dict[str, pl.DataType] = {
    "note_id": pl.String(),
    "goal_id": pl.String(),
    "measure": pl.String(),
    "moved": pl.Boolean(),
}
_DATES = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{2,4}|\b\d{1,2}/(?:0?[1-46-9]|1[1-9]|2\d|3[01])\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def goal_levels(notes: pl.DataFrame, mentions: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """One row a note and goal that it names by label. `mentions`, `links`: the tables of `reading` and `linking`."""
    named = links.filter((pl.col("how") == "label") & pl.col("goal_id").is_not_null()).sort(
        "note_id", "start", "goal_id"
    )
    levels = mentions.filter((pl.col("kind") == "assist_level") & ~pl.col("negated")).select(
        "note_id", "start", "value"
    )
    told: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for note_id, start, value in levels.join(
        named.select("note_id").unique(), on="note_id", how="semi"
    ).iter_rows():
        told[note_id].append((start, value))
    places: dict[str, set[int]] = defaultdict(set)
    for note_id, start in named.select("note_id", "start").iter_rows():
        places[note_id].add(start)
    texts = dict(notes.select("note_id", "text").drop_nulls().iter_rows())
    rows: dict[tuple[str, str], tuple[str | None, bool]] = {}
    for note_id, goal_id, end in named.select("note_id", "goal_id", "end").iter_rows():
        text = texts.get(note_id, "")
        until = min((start for start in places[note_id] if start >= end), default=len(text))
        found = {value for start, value in told[note_id] if end <= start < until}
        rows.setdefault((note_id, goal_id), _measure(text[end:until], found))
    return pl.DataFrame(
        [(*key, *value) for key, value in rows.items()], schema=LEVEL_SCHEMA, orient="row"
    ).sort("note_id", "goal_id")


def _measure(words: str, levels: set[str]) -> tuple[str | None, bool]:
    """The measure that a goal's words state, and whether they compare it with another."""
    if len(levels) > 1:
        return None, True
    numbers = _NUMBER.findall(_DATES.sub(" ", words))
    stated = [*sorted(levels), *numbers]
    return (" ".join(stated) if stated else None), False
