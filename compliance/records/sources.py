"""What lies under a path: table files, claim files, archives; each named, sized and read within limits.

Nothing is unpacked to disk: members of an archive are read in memory, and their names choose a table, never a path.
"""

import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from compliance.records.delimited import table_named
from compliance.records.report import InputError, Notice

MOST_FILES = 20_000
MOST_BYTES = 8 * 2**30
"""Bytes of one file on disk."""
MOST_UNPACKED = 4 * 2**30
"""Bytes of an archive's members together, unpacked."""
STEEPEST = 1_000
"""How many times its packed size a member may hold, once it is beyond `SMALL`."""
SMALL = 2**20
TEXT_SUFFIXES = {".csv", ".tsv", ".psv", ".txt", ".tab"}
PARQUET_SUFFIXES = {".parquet", ".pq"}
WORKBOOKS = {".xlsx", ".xls", ".xlsm", ".ods"}
X12_START = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*(?:ISA[^A-Za-z0-9\s]|GS[^A-Za-z0-9\s]|ST[^A-Za-z0-9\s,;]{1,2}\d{3}[^A-Za-z0-9\s,;])"
)
TRUTH = "truth"
"""Stem of the file that says what a synthetic clinic planted; no table, and no surprise."""


@dataclass(frozen=True)
class Source:
    """A file: what to call it, what it holds (`delimited`, `parquet`, `x12`) and, for a table, which one."""

    name: str
    shape: str
    table: str | None
    path: Path | None = None
    data: bytes | None = None

    def read(self) -> bytes:
        """The bytes of the file. Raises InputError where they cannot be read."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read ({error.strerror or error})") from None


@dataclass
class Found:
    """The sources under a path and what was noticed while looking."""

    sources: list[Source] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def under(path: Path) -> Found:
    """The sources of a file, an archive or a folder. Raises InputError where there is nothing to read."""
    try:
        if path.is_dir():
            found = Found()
            for name, file in _files(path):
                _add(found, name, file, None)
        elif path.exists():
            found = Found()
            _add(found, path.name, path, None)
        else:
            raise InputError(f"{path}: no such file or folder")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    return _not_nothing(found, str(path))


def uploaded(files: list[tuple[str, bytes]]) -> Found:
    """The sources of files held in memory, each a name and its bytes. Raises InputError where there is none."""
    found = Found()
    for name, data in files:
        _add(found, str(PurePosixPath(name.replace("\\", "/"))), None, data)
    return _not_nothing(found, files[0][0] if len(files) == 1 else f"{len(files)} files")


def _not_nothing(found: Found, what: str) -> Found:
    if not found.sources:
        why = f" ({found.notices[0].message})" if found.notices else ""
        raise InputError(
            f"{what}: nothing to read{why}; expected tables such as claims.csv or notes.parquet, or X12 claim files"
        )
    return found


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files below a folder in order of name; hidden ones and links to folders left out."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if name.startswith((".", "_", "~$")):
                continue
            count += 1
            if count > MOST_FILES:
                raise InputError(f"{folder}: more than {MOST_FILES:,} files (expected one folder of tables)")
            file = Path(here) / name
            if file.is_file():
                yield str(file.relative_to(folder)), file


def _add(found: Found, name: str, path: Path | None, data: bytes | None) -> None:
    """Classify a file by its name and its first bytes, and keep it or say why not."""
    pure = PurePosixPath(name)
    suffix, stem = pure.suffix.lower(), pure.stem
    size = len(data) if data is not None else path.stat().st_size if path else 0
    if size > MOST_BYTES:
        raise InputError(f"{name}: {size / 2**30:,.0f} GB (expected at most {MOST_BYTES // 2**30} GB a file)")
    head = data[:600] if data is not None else _head(path, name)
    table = table_named(stem) or table_named(pure.parent.name)
    if suffix in TEXT_SUFFIXES and stem.lower() == TRUTH:
        return
    if X12_START.match(head):
        found.sources.append(Source(name, "x12", None, path, data))
    elif suffix == ".zip" or (head.startswith(b"PK\x03\x04") and suffix not in WORKBOOKS | TEXT_SUFFIXES):
        _unpack(found, name, path, data)
    elif table and suffix in TEXT_SUFFIXES | PARQUET_SUFFIXES:
        shape = "parquet" if suffix in PARQUET_SUFFIXES else "delimited"
        if shape == "delimited" and head.startswith(b"PAR1"):
            shape = "parquet"
            found.notices.append(
                Notice("ignored", f"{name} is a Parquet file and was read as one", name, table)
            )
        found.sources.append(Source(name, shape, table, path, data))
    else:
        found.notices.append(Notice("ignored", f"{name} was left out: {_why_not(suffix, table)}", name))


def _why_not(suffix: str, table: str | None) -> str:
    if suffix in WORKBOOKS:
        return "workbooks are not read; save each sheet as CSV"
    if suffix in {".json", ".ndjson", ".jsonl"}:
        return "FHIR and other JSON are not read; expected CSV, Parquet or X12"
    if suffix in TEXT_SUFFIXES | PARQUET_SUFFIXES:
        return "no table of ours has this name"
    if table:
        return f"{table} is expected as CSV or Parquet"
    return "neither a table nor a claim file"


def _head(path: Path | None, name: str) -> bytes:
    assert path is not None
    try:
        with path.open("rb") as file:
            return file.read(600)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None


def _unpack(found: Found, name: str, path: Path | None, data: bytes | None) -> None:
    """Read an archive's members in memory, within limits. Raises InputError where it is none, or is a bomb."""
    try:
        with _opened(path, data) as archive:
            _members(found, name, archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name}: not a zip archive that can be read ({why})") from None


def _opened(path: Path | None, data: bytes | None) -> zipfile.ZipFile:
    if data is not None:
        return zipfile.ZipFile(io.BytesIO(data))
    assert path is not None
    return zipfile.ZipFile(path)


def _members(found: Found, name: str, archive: zipfile.ZipFile) -> None:
    members = [each for each in archive.infolist() if not each.is_dir()]
    if len(members) > MOST_FILES:
        raise InputError(f"{name}: more than {MOST_FILES:,} files (expected one folder of tables)")
    total = 0
    for member in sorted(members, key=lambda each: each.filename):
        inner = PurePosixPath(member.filename.replace("\\", "/"))
        if any(part.startswith((".", "__MACOSX", "_")) and part not in {"..", "."} for part in inner.parts):
            continue
        shown = f"{name}/{inner.name}" if len(inner.parts) < 2 else f"{name}/{inner.parent.name}/{inner.name}"
        if member.flag_bits & 1:
            raise InputError(f"{shown}: locked with a password (expected an open archive)")
        if inner.suffix.lower() == ".zip":
            found.notices.append(
                Notice("ignored", f"{shown} was left out: an archive within an archive", shown)
            )
            continue
        steep = member.file_size > SMALL and member.file_size > STEEPEST * max(member.compress_size, 1)
        total += member.file_size
        if steep or total > MOST_UNPACKED:
            raise InputError(
                f"{shown}: unpacks to {member.file_size:,} bytes (expected at most {STEEPEST:,} times its packed size "
                f"and {MOST_UNPACKED // 2**30} GB in all)"
            )
        _add(found, shown, None, _bounded(archive, member, shown))


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str) -> bytes:
    with archive.open(member) as packed:
        data = packed.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise InputError(f"{shown}: holds more than the archive says (expected {member.file_size:,} bytes)")
    return data
