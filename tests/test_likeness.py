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
