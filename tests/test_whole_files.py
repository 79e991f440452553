"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from compliance.whole_files import write_whole


def test_a_new_file_and_one_in_place_of_another_of_the_same_rights(tmp_path: Path) -> None:
    file = tmp_path / "findings.csv"
    write_whole(file, b"one")
    file.chmod(0o640)
    write_whole(file, b"two")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"two", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["findings.csv"]


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "findings.csv")
    write_whole(tmp_path / "link.csv", b"one")
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "findings.csv").read_bytes() == b"one"


def test_a_device_is_written_to_as_it_is() -> None:
    write_whole(Path(os.devnull), b"one")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("before", [None, b"answers of a week"])
def test_without_room_what_stood_there_stays(
    before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "reviewed.zip"
    if before is not None:
        file.write_bytes(before)

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == (
        {} if before is None else {"reviewed.zip": before}
    )
