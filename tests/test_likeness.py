"""Which notes repeat another: the table does not hang on the order of rows, and finds near copies among patients."""

from datetime import datetime

import polars as pl

from compliance.notes.likeness import NEEDS, likeness_table
from compliance.records.load import load
from tests.test_engines import SAMPLE

WORK = (
    "Objective: sit to stand from an 18 inch chair, 3 sets of 6, with contact guard and two cues for foot placement; lower "
    "body dressing at the edge of the bed with minimal assistance for the left sock; carried a {} over 40 feet with one "
    "loss of balance."
)


def visits(*rows: tuple[str, str, int, str]) -> pl.DataFrame:
    """Visits by note, patient, day of March and text."""
    return pl.DataFrame(
        [
            (note, patient, "PT", "T1", datetime(2026, 3, day), None, True, text)
            for note, patient, day, text in rows
        ],
        schema=dict(
            zip(
                NEEDS,
                [pl.String, pl.String, pl.String, pl.String, pl.Datetime("us"), pl.Datetime("us"), pl.Boolean, pl.String],
                strict=True,
            )
        ),
        orient="row",
    )  # fmt: skip


def test_the_order_of_rows_changes_nothing() -> None:
    notes = load(SAMPLE).tables["notes"].head(800).with_columns(is_visit=pl.lit(True))
    table = likeness_table(notes)
    assert table.height > 100
    assert likeness_table(notes.sample(fraction=1.0, shuffle=True, seed=3)).equals(table)


def test_the_later_note_is_the_copy_and_a_changed_word_hides_nothing() -> None:
    table = likeness_table(
        visits(("N2", "P2", 9, WORK.format("laundry basket")), ("N1", "P1", 2, WORK.format("laundry bag")))
    )
    assert table.select("note_id", "like_note_id", "same_patient").rows() == [("N2", "N1", False)]
    assert table["similarity"].item() > 0.95


def test_the_visit_before_is_of_the_same_patient_and_discipline() -> None:
    table = likeness_table(
        visits(
            ("N1", "P1", 2, "Stairs x6"), ("N2", "P2", 3, "Stairs x6"), ("N3", "P1", 4, "3/4/26 stairs x6")
        )
    )
    assert table.rows() == [("N3", "N1", 1.0, True, True)]


def test_notes_without_what_likeness_needs_are_like_nothing() -> None:
    assert likeness_table(pl.DataFrame({"note_id": ["N1"], "text": ["Stairs"]})).is_empty()


def test_a_copy_with_a_few_words_changed_is_found_among_many_notes_of_other_words() -> None:
    """In a short note five changed words leave hardly half of its runs of three words, and it is a copy all the same."""
    work = "Carried {} items over {} feet to the {} shelf with {} cues for posture, then {} sit to stand from {} inches"
    others = [
        (f"N{n:03}", f"P{n}", 2, " ".join(f"{word}{n % 7}{n // 7}" for word in work.split() * 2))
        for n in range(300)
    ]
    source = f"{work.format(12, 40, 'upper', 2, 8, 18)}, {work.format(6, 30, 'lower', 3, 9, 16)}."
    copy = f"{work.format(10, 45, 'upper', 3, 6, 18)}, {work.format(8, 30, 'lower', 1, 9, 17)}."
    table = likeness_table(visits(*others, ("N990", "P990", 3, source), ("N991", "P991", 4, copy)))
    assert table.filter(pl.col("note_id") == "N991")["like_note_id"].to_list() == ["N990"]


def test_a_copy_is_found_however_many_there_are() -> None:
    """A run of words leads to its first texts only: copies of one text are not all held against each other."""
    rows = [(f"N{n:03}", f"P{n}", 1 + n // 10, WORK.format(f"basket of {n} towels")) for n in range(120)]
    copies = visits(*rows).with_columns(therapist_id="patient_id")  # of one therapist they were a template
    assert likeness_table(copies)["note_id"].to_list() == [f"N{n:03}" for n in range(1, 120)]
