"""Which notes repeat another: the visit before, or another patient's note.

Computed once, when an audit starts. What differs from visit to visit without being written anew (dates, clock times)
and what a therapist's template puts into most notes is left out before notes are compared.

Columns of `likeness_table`: note_id; like_note_id (the earlier note); similarity (0 to 1: the share of characters that
the two have in common, in order); same_patient; same_objective (what was done is word for word the same).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from rapidfuzz import fuzz

LIKENESS_SCHEMA: dict[str, pl.DataType] = {
    "note_id": pl.String(),
    "like_note_id": pl.String(),
    "similarity": pl.Float64(),
    "same_patient": pl.Boolean(),
    "same_objective": pl.Boolean(),
}
NEEDS = (
    "note_id",
    "patient_id",
    "discipline",
    "therapist_id",
    "service_date",
    "started_at",
    "is_visit",
    "text",
)
ORDER = ("service_date", "begins", "note_id")

_CLOCK = r"\b\d{1,2}:\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?)?"
_DAY = r"(?:0?[1-46-9]|1[1-9]|2\d|3[01])"
"""A day of a month but 5 and 10, which a strength of 4/5 and a pain of 6/10 have behind their stroke."""
_DATE = rf"\b(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}|(?:0?[1-9]|1[0-2])/{_DAY})\b"
_SENTENCE_END = r"[.;]\s+|\n+"
_OBJECTIVE = re.compile(
    r"(?is)(?:^|\n)\s*(?:o|objective|interventions?|treatment)\s*[:\-–]\s*(.+?)"
    r"(?=\n\s*(?:a|p|assessment|plan|response|goals?)\s*[:\-–]|\Z)"
)
"""The part of a note that tells what was done, under its own heading."""

TEMPLATE_SHARE, TEMPLATE_PATIENTS = 0.5, 5
"""A sentence in more than this share of a therapist's notes, and in those of so many patients, is a template's."""
SHORTEST = 200
"""Characters of what was done from which the same words in two patients' notes are no chance."""
_RAREST, _SHARED = 15, 3
"""Two texts are compared where they share so many (_SHARED) of those runs of three words that are the rarest in each."""
_FLOOR, _MOST = 0.9, 50
"""Pairs of two patients are kept from this similarity on; a run of words leads to its first so many texts at most."""
_AT_ONCE = 20_000
"""Texts whose pairs are gathered together: millions of pairs are in memory at a time, not hundreds of millions."""


def likeness_table(notes: pl.DataFrame) -> pl.DataFrame:
    """The likeness of each visit's note to the visit before, and to an earlier note of another patient.

    `notes` needs the columns in NEEDS; where one is absent the table is empty.
    """
    if not set(NEEDS) <= set(notes.columns):
        return pl.DataFrame(schema=LIKENESS_SCHEMA)
    written = (
        notes.select(NEEDS)
        .filter(pl.col("is_visit") & (pl.col("text").str.strip_chars().str.len_chars() > 0))
        .with_columns(begins=pl.coalesce("started_at", "service_date"))
    )
    bodies = _without_template(_without_dates(written).sort(*ORDER, nulls_last=True))
    return pl.concat([_visit_before(bodies), _other_patients(bodies)]).sort("note_id", "same_patient")


def _without_dates(notes: pl.DataFrame) -> pl.DataFrame:
    """Add `body`: the text in lower case, without dates and clock times; and `done`, its part under its own heading."""
    plain = pl.col("text").str.to_lowercase().str.replace_all(_CLOCK, "").str.replace_all(_DATE, "")
    notes = notes.with_columns(body=plain.str.replace_all(r"[ \t]+", " "))
    done = [found.group(1) if (found := _OBJECTIVE.search(text)) else text for text in notes["body"]]
    return notes.with_columns(done=pl.Series(done, dtype=pl.String))


def _without_template(notes: pl.DataFrame) -> pl.DataFrame:
    """Take the sentences of templates out of `body` and `done`."""
    split = notes.select("note_id", "patient_id", "therapist_id", sentence=_sentences("body")).explode(
        "sentence"
    )
    split = split.filter(pl.col("sentence") != "").unique()
    written = notes.group_by("therapist_id").agg(of=pl.len())
    held = split.group_by("therapist_id", "sentence").agg(
        notes=pl.col("note_id").n_unique(), patients=pl.col("patient_id").n_unique()
    )
    template = held.join(written, on="therapist_id", nulls_equal=True).filter(
        (pl.col("notes") > pl.col("of") * TEMPLATE_SHARE) & (pl.col("patients") >= TEMPLATE_PATIENTS)
    )
    for column in ("body", "done"):
        kept = (
            notes.select("note_id", "therapist_id", sentence=_sentences(column))
            .with_columns(place=pl.int_ranges(pl.col("sentence").list.len()))
            .explode("sentence", "place")
            .join(template, on=["therapist_id", "sentence"], how="anti", nulls_equal=True)
            .filter(pl.col("sentence") != "")
            .sort("note_id", "place")
            .group_by("note_id")
            .agg(pl.col("sentence").str.join(". ").alias(column))
        )
        notes = notes.drop(column).join(kept, on="note_id", how="left", maintain_order="left")
    return notes


def _sentences(column: str) -> pl.Expr:
    parted = pl.col(column).str.replace_all(_SENTENCE_END, "\n").str.split("\n")
    return parted.list.eval(pl.element().str.strip_chars(" .;"))


def _visit_before(bodies: pl.DataFrame) -> pl.DataFrame:
    """Each note beside that of the visit before it, of its patient and discipline: one comparison a note."""
    key = ["patient_id", "discipline"]
    before = bodies.with_columns(
        pl.col(name).shift(1).over(key).alias(f"{name}_before") for name in ("note_id", "body", "done")
    ).filter(
        pl.col("patient_id").is_not_null()
        & pl.col("body").is_not_null()
        & pl.col("body_before").is_not_null()
    )
    # one by one: rapidfuzz's own loop over pairs imports NumPy, which takes longer than all pairs of a small clinic
    alike = [fuzz.ratio(*pair) / 100 for pair in before.select("body", "body_before").iter_rows()]
    return before.select(
        "note_id",
        like_note_id=pl.col("note_id_before"),
        similarity=pl.Series(alike, dtype=pl.Float64),
        same_patient=pl.lit(True),
        same_objective=(pl.col("done") == pl.col("done_before")).fill_null(False),
    ).cast(dict(LIKENESS_SCHEMA))


def _other_patients(bodies: pl.DataFrame) -> pl.DataFrame:
    """Each note beside the earlier note of another patient that it is most like, from a floor of similarity on."""
    long = bodies.filter(pl.col("patient_id").is_not_null() & (pl.col("done").str.len_chars() >= SHORTEST))
    texts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = [row for each in long.iter_rows(named=True) if (row := _same_words(each, texts))]
    same = {row[0] for row in rows}
    rows += [row for row in _near_words(long, texts) if row[0] not in same]
    return pl.DataFrame(rows, schema=LIKENESS_SCHEMA, orient="row")


def _same_words(note: dict[str, Any], texts: dict[str, list[tuple[str, str]]]) -> tuple[Any, ...] | None:
    """The note's row where another patient's earlier note has the same words; remembers the text's first two patients."""
    met = texts[note["done"]]
    other = next((note_id for note_id, patient in met if patient != note["patient_id"]), None)
    if len(met) < 2 and note["patient_id"] not in {patient for _, patient in met}:
        met.append((note["note_id"], note["patient_id"]))
    return None if other is None else (note["note_id"], other, 1.0, False, True)


def _near_words(long: pl.DataFrame, texts: dict[str, list[tuple[str, str]]]) -> Iterator[tuple[Any, ...]]:
    """Rows of notes whose words are nearly those of an earlier, other text of another patient."""
    earlier = _near_texts(list(texts))
    for note in long.iter_rows(named=True):
        best = max(
            (
                (similarity, note_id)
                for text, similarity in earlier.get(note["done"], ())
                for note_id, patient in texts[text]
                if patient != note["patient_id"]
            ),
            default=None,
            key=lambda pair: (pair[0], [-ord(letter) for letter in pair[1]]),
        )
        if best:
            yield note["note_id"], best[1], best[0], False, False


def _near_texts(texts: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
    """For each text the earlier ones that are nearly the same: those that share rare words with it, measured in full."""
    near: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for place, other in _sharing_rare_runs(texts):
        similarity = fuzz.ratio(texts[place], texts[other], score_cutoff=100 * _FLOOR) / 100
        if similarity >= _FLOOR:
            near[texts[place]].append((texts[other], similarity))
    return near


def _sharing_rare_runs(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of two texts, the later first, that share several of the rarest runs of words of each.

    What a copy has in common with its source are words that hardly any other text has; runs that are in one text alone
    lead nowhere. The number of pairs grows with the texts, not with their square.
    """
    rarest = (
        _runs(texts)
        .with_columns(held_by=pl.len().over("run"))
        .filter(pl.col("held_by") > 1)
        .group_by("place")
        .agg(pl.col("run").sort_by("held_by", "run").head(_RAREST))
        .explode("run")
        .sort("run", "place")
    )
    first = rarest.filter(pl.int_range(pl.len()).over("run") < _MOST).rename({"place": "other"})
    for begin in range(0, len(texts), _AT_ONCE):
        later = rarest.filter(pl.col("place").is_between(begin, begin + _AT_ONCE, closed="left"))
        met = later.join(first, on="run").filter(pl.col("other") < pl.col("place"))
        yield from (
            met.group_by("place", "other").len().filter(pl.col("len") >= _SHARED).drop("len").iter_rows()
        )


def _runs(texts: Sequence[str]) -> pl.DataFrame:
    """The runs of three words of each text, once each: place of the text, run (a hash)."""
    word = pl.col("word")
    words = (
        pl.DataFrame({"text": texts}, schema={"text": pl.String})
        .with_row_index("place")
        .select("place", word=pl.col("text").str.split(" "))
        .explode("word")
        .with_columns(word.hash())
    )
    run = pl.struct(word, second=word.shift(-1), third=word.shift(-2)).hash()
    return (
        words.select("place", run=run, ends_in=pl.col("place").shift(-2))
        .filter(pl.col("ends_in") == pl.col("place"))
        .select("place", "run")
        .unique()
    )
