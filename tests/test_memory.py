"""Remembered readings: the same as fresh ones, read once, and no obstacle when they cannot be kept or are broken."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from compliance.notes import memory
from compliance.notes.linking import link_table
from compliance.notes.reading import mention_table
from compliance.notes.tables import reading_tables

NOTES = pl.DataFrame(
    {
        "note_id": ["N1", "N2", "N3", "N4"],
        "plan_id": ["P1", "P1", None, "P1"],
        "service_date": [None] * 4,
        "text": ["Sit to stand x8 CGA toward LTG 1", "Sit to stand x8 CGA toward LTG 1", "", None],
    },
    schema_overrides={"service_date": pl.Datetime("us")},
)
GOALS = pl.DataFrame(
    {
        "goal_id": ["G1"],
        "plan_id": ["P1"],
        "label": ["LTG 1"],
        "text": ["Stand from a chair in 6 weeks"],
        "target": [None],
        "due_on": [None],
        "status": ["open"],
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(memory.VARIABLE, str(tmp_path / "readings"))
    return tmp_path / "readings"


def fresh(monkeypatch: pytest.MonkeyPatch) -> tuple[pl.DataFrame, pl.DataFrame]:
    with monkeypatch.context() as without:
        without.setenv(memory.VARIABLE, "off")
        return mention_table(NOTES), link_table(NOTES, GOALS)


def test_what_is_remembered_is_what_was_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mentions, links = fresh(monkeypatch)
    assert mentions.height and links.height
    for _ in range(2):
        assert mention_table(NOTES).equals(mentions)
        assert link_table(NOTES, GOALS).equals(links)
    assert sorted(file.name for file in folder.rglob("*.parquet")) == ["links.parquet", "mentions.parquet"]


def test_a_text_is_read_once_and_silence_is_remembered(folder: Path) -> None:
    asked: list[str] = []

    def read(text: str) -> Iterator[tuple[int]]:
        asked.append(text)
        return iter([(len(text),)] if text else [])

    said = {"length": pl.Int64}
    texts = {memory.key_of(text): text for text in ("one", "three", "")}
    for _ in range(2):
        rows = memory.remembered("lengths", texts, read, said)
        assert sorted(rows["length"].to_list()) == [3, 5]
    memory.remembered("lengths", {**texts, memory.key_of("new"): "new"}, read, said)
    assert sorted(asked) == ["", "new", "one", "three"]


def test_a_broken_file_is_read_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mention_table(NOTES)
    kept = next(folder.rglob("mentions.parquet"))
    kept.write_bytes(b"PAR1 not at all")
    assert mention_table(NOTES).equals(fresh(monkeypatch)[0])
    pl.DataFrame({"key": ["x"]}).write_parquet(kept)
    assert mention_table(NOTES).equals(fresh(monkeypatch)[0])


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(memory.VARIABLE, str(tmp_path / "file"))
    assert mention_table(NOTES).equals(fresh(monkeypatch)[0])


def test_no_text_is_kept_and_nobody_else_may_look(folder: Path) -> None:
    mention_table(NOTES)
    kept = next(folder.rglob("mentions.parquet"))
    assert b"toward" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0


def test_another_version_reads_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading_tables(NOTES, GOALS, pl.DataFrame(schema={"contact_id": pl.String, "text": pl.String}))
    (folder / "ab_patient_files").mkdir()
    monkeypatch.setattr(memory, "_version", lambda: "0123456789abcdef")
    reading_tables(NOTES, GOALS, pl.DataFrame(schema={"contact_id": pl.String, "text": pl.String}))
    assert sorted(each.name for each in folder.iterdir()) == ["ab_patient_files", "readings-0123456789abcdef"]


def test_keys_tell_parts_apart() -> None:
    assert memory.key_of("ab", "c") != memory.key_of("a", "bc")
