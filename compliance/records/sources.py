"""What lies under a path: table files, workbooks, claim files, archives; each named, sized and read within limits.

Nothing is unpacked to disk: members of an archive are read in memory, and their names choose a table, never a path.
An archive within an archive is not opened, and the limits count everything under the path together. What is left out is
told, file by file: a table that is there and unread must not look like a table without rows.
"""

import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from compliance.formats import terminal
from compliance.records.fhir_files import JSON_START
from compliance.records.package import UNREADABLE_ZIP, is_workbook
from compliance.records.raw import table_named
from compliance.records.report import InputError, Notice, first_line, left_out

MOST_FILES = 20_000
MOST_BYTES = 8 * 2**30
"""Bytes of one file on disk."""
MOST_UNPACKED = 4 * 2**30
"""Bytes of all members of all archives under a path together, unpacked."""
STEEPEST = 1_000
"""How many times its packed size a member may hold, once it is beyond `SMALL`."""
SMALL = 2**20
HEAD = 600
"""First bytes of a file, by which what it holds is told, whatever its name says."""
JSON_SUFFIXES = {".json", ".ndjson", ".jsonl"}
TEXT_SUFFIXES = {".csv", ".tsv", ".psv", ".txt", ".tab"}
PARQUET_SUFFIXES = {".parquet", ".pq"}
WORKBOOKS = {".xlsx", ".xlsm", ".xltx", ".xls", ".xlsb", ".ods"}
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""How a zip archive begins, whatever its name says."""
NO_ARCHIVES = WORKBOOKS | TEXT_SUFFIXES | PARQUET_SUFFIXES
"""Zips of these names are workbooks or an error; none is an archive to open."""
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How Excel's files up to 2003 begin, and those that are locked with a password."""
MARKUP = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:!|\?|[A-Za-z])")
LONGEST_NAME = 120
NESTED = "an archive within an archive is not opened; unpack it first"
X12_START = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*(?:ISA[^A-Za-z0-9\s]|GS[^A-Za-z0-9\s]|ST[^A-Za-z0-9\s,;]{1,2}\d{3}[^A-Za-z0-9\s,;])"
)
LAYOUTS = re.compile(r"^(?:layout|.+\.layout)\.ya?ml$", re.IGNORECASE)
"""Names of files that are no data but the layout of the exports beside them."""
TRUTH = "truth"
"""Stem of the file that says what a synthetic clinic planted; no table, and no surprise."""


@dataclass(frozen=True)
class Source:
    """A file: what to call it, what it holds (`delimited`, `parquet`, `workbook`, `x12`, `fhir`, `layout`), and which table.

    A text or Parquet file without a table may be an export that a layout knows. `stray`: only its folder names the table and
    it may as well be a readme, to be left out where it is no table.
    """

    name: str
    shape: str
    table: str | None
    path: Path | None = None
    data: bytes | None = None
    stray: bool = False

    @property
    def lines(self) -> bool:
        """Whether its name says that each line is a resource by itself (NDJSON)."""
        return self.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl"))

    def open(self) -> BinaryIO:
        """The file as a stream of bytes. Raises InputError where it cannot be read."""
        if self.data is not None:
            return io.BytesIO(self.data)
        assert self.path is not None
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read ({error.strerror or error})") from None

    def read(self, most: int | None = None) -> bytes:
        """The bytes of the file, or the first `most` of them. Raises InputError where they cannot be read."""
        if self.data is not None:
            return self.data[:most]
        try:
            with self.open() as file:
                return file.read(-1 if most is None else most)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read ({error.strerror or error})") from None


@dataclass
class Found:
    """The sources under a path, what was noticed while looking, and how many files and unpacked bytes were met."""

    sources: list[Source] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    files: int = 0
    unpacked: int = 0

    def leave_out(self, name: str, because: str, table: str | None = None, kind: str = "ignored") -> None:
        """Tell of something of which nothing is read."""
        self.notices.append(left_out(name, because, table, kind))

    def count(self, files: int, where: str) -> None:
        """Count files; raises InputError beyond the limit."""
        self.files += files
        if self.files > MOST_FILES:
            raise InputError(f"{where}: more than {MOST_FILES:,} files (expected one folder of tables)")


def under(path: Path) -> Found:
    """The sources of a file, an archive or a folder. Raises InputError where there is nothing to read."""
    found = Found()
    try:
        if path.is_dir():
            for name, file in _files(path, found):
                _add(found, name, file, None)
        elif path.is_file():
            _add(found, path.name, path, None)
        elif path.exists():
            raise InputError(f"{path}: a pipe or a device (expected a file or a folder)")
        else:
            what = "a link to nothing" if path.is_symlink() else "no such file or folder"
            raise InputError(f"{path}: {what}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    return _not_nothing(found, str(path))


def uploaded(files: list[tuple[str, bytes]]) -> Found:
    """The sources of files held in memory, each a name and its bytes. Raises InputError where there is none."""
    found = Found()
    for name, data in files:
        _add(found, str(PurePosixPath(name.replace("\\", "/"))), None, data)
    return _not_nothing(found, files[0][0] if len(files) == 1 else f"{len(files)} files")


def texts_under(path: Path) -> list[tuple[str, bytes]]:
    """The text files of an archive, or the file itself, within the limits of archives: names and bytes. Raises InputError."""
    if not path.is_file():
        what = "a folder, not a file; give its file or a zip" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}")
    file = Source(path.name, "", None, path)
    if not file.read(HEAD).startswith(ARCHIVES):
        return [(path.name, file.read())] if path.suffix.lower() in TEXT_SUFFIXES else []
    found, texts = Found(), []
    try:
        with _opened(path, None) as archive:
            members = [each for each in archive.infolist() if not each.filename.endswith("/")]
            found.count(len(members), path.name)
            for member in sorted(members, key=lambda each: each.filename):
                name = PurePosixPath(member.filename.replace("\\", "/")).name
                if PurePosixPath(name).suffix.lower() not in TEXT_SUFFIXES or _hidden(name):
                    continue
                _spend(found, name, member.file_size, _steep(member))
                texts.append((name, _bounded(archive, member, name)))
    except UNREADABLE_ZIP as error:
        raise InputError(f"{path.name}: not a zip archive that can be read ({first_line(error)})") from None
    return texts


def _not_nothing(found: Found, what: str) -> Found:
    if not found.sources:
        why = f" ({found.notices[0].message})" if found.notices else ""
        raise InputError(
            f"{what}: nothing to read{why}; expected tables such as claims.csv or notes.parquet, a workbook, X12 "
            "claim files or FHIR resources"
        )
    return found


def _files(folder: Path, found: Found) -> Iterator[tuple[str, Path]]:
    """Files below a folder in order of name; what is hidden, no plain file or a link to a folder is left out."""
    for here, folders, names in os.walk(folder, onerror=lambda error: _unreadable(folder, found, error)):
        place = Path(here)
        inside = str(place.relative_to(folder))
        if not folders and not names and (table := table_named(place.stem)) and place != folder:
            found.leave_out(f"{terminal(inside)}/", "the folder is empty", table, "empty")
        folders[:] = _entered(place, folder, sorted(folders), found)
        for name in sorted(names):
            found.count(1, str(folder))
            shown = terminal(str((place / name).relative_to(folder)))
            because = _no_file(place / name)
            if because:
                beside = (
                    name.startswith(("._", "~$")) and name[2:] in names
                )  # another program's note on the file
                if not beside and (not _hidden(name) or table_named(_bare(name))):
                    found.leave_out(shown, because, table_named(_bare(name)))
            else:
                yield str((place / name).relative_to(folder)), place / name


def _unreadable(folder: Path, found: Found, error: OSError) -> None:
    inside = Path(error.filename)
    if inside == folder:
        raise error
    shown = terminal(str(inside.relative_to(folder)))
    found.leave_out(f"{shown}/", f"it cannot be opened ({error.strerror})", table_named(inside.stem))


def _entered(place: Path, folder: Path, folders: list[str], found: Found) -> list[str]:
    """The folders to go into: not hidden ones, and no links, which may lead in a circle."""
    entered = []
    for name in folders:
        if name.startswith((".", "__MACOSX")):
            continue
        if (place / name).is_symlink():
            shown = terminal(str((place / name).relative_to(folder)))
            because = "links to folders are not followed; put the folder itself here"
            found.leave_out(f"{shown}/", because, table_named(Path(name).stem))
        else:
            entered.append(name)
    return entered


def _hidden(name: str) -> bool:
    return name.startswith((".", "_", "~$"))


def _bare(name: str) -> str:
    """The stem of a file name as it would be without its first mark and its endings: `_claims.csv.gz` is `claims`."""
    return name.lstrip("._~$").partition(".")[0]


def _no_file(file: Path) -> str | None:
    """Why an entry of a folder is not to be read; null where it is."""
    if _hidden(file.name):
        return f"names that begin with {file.name[0]} are not read; rename it"
    if file.is_file():
        return None
    return (
        "a link to nothing" if file.is_symlink() and not file.exists() else "a pipe or a device, not a file"
    )


def _shown(name: str) -> str:
    """A name for the report: in one line, and of a long one the end, which tells what it is."""
    shown = terminal(name[-2 * LONGEST_NAME :])
    return shown if len(shown) <= LONGEST_NAME else "…" + shown[1 - LONGEST_NAME :]


def _add(found: Found, name: str, path: Path | None, data: bytes | None, packed: bool = False) -> None:
    """Classify a file by its name and its first bytes, and keep it or say why not. `packed`: it lay in an archive."""
    name = _shown(name)
    size = len(data) if data is not None else path.stat().st_size if path else 0
    if size > MOST_BYTES:
        raise InputError(f"{name}: {size / 2**30:,.0f} GB (expected at most {MOST_BYTES // 2**30} GB a file)")
    head = Source(name, "", None, path, data).read(HEAD)
    suffix, table, own = _named(name)
    if suffix in TEXT_SUFFIXES and PurePosixPath(name).stem.lower() == TRUTH:
        return
    if X12_START.match(head):
        found.sources.append(Source(name, "x12", None, path, data))
    elif _is_json(suffix, table, head):
        found.sources.append(Source(name, "fhir", None, path, data))
    elif (head.startswith(OLD_OFFICE) and suffix in NO_ARCHIVES) or (
        head.startswith(ARCHIVES) and _is_workbook(found, name, path, data)
    ):
        _keep_workbook(found, Source(name, "workbook", table, path, data), suffix)
    elif suffix in WORKBOOKS:
        _called_workbook(found, Source(name, "", table, path, data), suffix, head)
    elif suffix == ".zip" or (head.startswith(ARCHIVES) and suffix not in NO_ARCHIVES):
        _nested(found, name) if packed else _unpack(found, name, path, data)
    elif suffix == ".gz":
        _nested(found, name) if packed else _gunzip(found, name, path, data)
    elif table and suffix in TEXT_SUFFIXES | PARQUET_SUFFIXES:
        _keep(found, Source(name, "", table, path, data, suffix == ".txt" and not own), suffix, head)
    elif suffix in TEXT_SUFFIXES | PARQUET_SUFFIXES:
        _keep(found, Source(name, "", None, path, data), suffix, head)
    elif LAYOUTS.match(PurePosixPath(name).name):
        found.sources.append(Source(name, "layout", None, path, data))
    else:
        found.leave_out(name, _why_not(suffix, table), table)


def _is_json(suffix: str, table: str | None, head: bytes) -> bool:
    """Whether a file is JSON by its name and its first bytes, or holds a FHIR resource whatever it is called."""
    if not JSON_START.match(head):
        return False
    named_otherwise = suffix in WORKBOOKS | PARQUET_SUFFIXES or (table and suffix in TEXT_SUFFIXES)
    return suffix in JSON_SUFFIXES or (b'"resourceType"' in head and not named_otherwise)


def _named(name: str) -> tuple[str, str | None, bool]:
    """The ending of a file name, the table that it or its folder names, and whether its own name does."""
    pure = PurePosixPath(name)
    own = table_named(pure.stem)
    return pure.suffix.lower(), own or table_named(PurePosixPath(pure.parent.name).stem), own is not None


def _keep(found: Found, source: Source, suffix: str, head: bytes) -> None:
    shape = "parquet" if suffix in PARQUET_SUFFIXES else "delimited"
    if shape == "delimited" and head.startswith(b"PAR1"):
        shape = "parquet"
        said = f"{source.name} is a Parquet file and was read as one"
        found.notices.append(Notice("encoding", said, source.name, source.table))
    found.sources.append(replace(source, shape=shape))


def _is_workbook(found: Found, name: str, path: Path | None, data: bytes | None) -> bool:
    """Whether a zip is a workbook; if so its parts count among the unpacked bytes. A damaged one is what it is called."""
    try:
        with _opened(path, data) as archive:
            if not is_workbook(archive):
                return False
            for member in archive.infolist():
                _spend(found, name, member.file_size, _steep(member))
            return True
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def _keep_workbook(found: Found, source: Source, suffix: str) -> None:
    if suffix not in WORKBOOKS:
        said = f"{source.name} is a workbook and was read as one"
        found.notices.append(Notice("encoding", said, source.name, source.table))
    found.sources.append(source)


def _called_workbook(found: Found, source: Source, suffix: str, head: bytes) -> None:
    """Keep a file that bears a workbook's name and is none: a table of text, which many programs call `.xls`."""
    if head.startswith(ARCHIVES):
        raise InputError(
            f"{source.name}: not a workbook that can be read (expected {suffix} as Excel saves it)"
        )
    if MARKUP.match(head):
        because = f"it is a web page or XML that is called {suffix}; open it in Excel and save it as .xlsx"
        if source.table:
            raise InputError(f"{source.name}: {because}")
        found.leave_out(source.name, because)
    else:
        shape, what = ("parquet", "a Parquet file") if head.startswith(b"PAR1") else ("delimited", "text")
        said = f"{source.name} is {what}, not a workbook, and was read as that"
        found.notices.append(Notice("encoding", said, source.name, source.table))
        found.sources.append(replace(source, shape=shape))


def _nested(found: Found, name: str) -> None:
    found.leave_out(name, NESTED, table_named(_bare(PurePosixPath(name).name)))


def _why_not(suffix: str, table: str | None) -> str:
    if suffix == ".xml":
        return "XML is not read; FHIR is expected as JSON"
    if suffix in JSON_SUFFIXES:
        return "it holds no JSON in UTF-8; FHIR is expected in a file of this name"
    if table:
        return f"{table} is expected as CSV, Parquet or a workbook"
    return "neither a table, a claim file nor FHIR"


def _unpack(found: Found, name: str, path: Path | None, data: bytes | None) -> None:
    """Read an archive's members in memory, within limits. Raises InputError where a zip is none, or is a bomb."""
    try:
        with _opened(path, data) as archive:
            _members(found, name, archive)
    except UNREADABLE_ZIP as error:
        inner = PurePosixPath(name)
        if (
            inner.suffix.lower() != ".zip"
        ):  # a damaged letter beside the tables is no reason to read none of them
            found.leave_out(name, f"damaged ({first_line(error)})", table_named(_bare(inner.name)))
            return
        raise InputError(f"{name}: not a zip archive that can be read ({first_line(error)})") from None


def _opened(path: Path | None, data: bytes | None) -> zipfile.ZipFile:
    if data is not None:
        return zipfile.ZipFile(io.BytesIO(data))
    assert path is not None
    return zipfile.ZipFile(path)


def _members(found: Found, name: str, archive: zipfile.ZipFile) -> None:
    members = [each for each in archive.infolist() if not each.filename.endswith("/")]
    found.count(len(members), name)
    for member in sorted(members, key=lambda each: each.filename):
        inner = PurePosixPath(member.filename.replace("\\", "/"))
        within = inner.name if len(inner.parts) < 2 else f"{inner.parent.name}/{inner.name}"
        shown = f"{name}/{_shown(within)}"
        if any(_hidden(part) and part not in {"..", "."} for part in inner.parts):
            if (table := table_named(_bare(inner.name))) and not inner.name.startswith("._"):
                found.leave_out(shown, "hidden names (. or _ before them) are not read; rename it", table)
            continue
        if member.flag_bits & 1:
            raise InputError(f"{shown}: locked with a password (expected an open archive)")
        _spend(found, shown, member.file_size, _steep(member))
        if inner.suffix.lower() in {".zip", ".gz"} or _begins_as_archive(archive, member):
            _nested(found, shown)
        else:
            _add(found, shown, None, _bounded(archive, member, shown), packed=True)


def _steep(member: zipfile.ZipInfo) -> bool:
    return member.file_size > SMALL and member.file_size > STEEPEST * max(member.compress_size, 1)


def _spend(found: Found, shown: str, size: int, steep: bool) -> None:
    """Count unpacked bytes, whatever archive they come from. Raises InputError beyond the limits."""
    found.unpacked += size
    if steep or found.unpacked > MOST_UNPACKED:
        raise InputError(
            f"{shown}: unpacks to {size:,} bytes or more (expected at most {STEEPEST:,} times its packed size "
            f"and {MOST_UNPACKED // 2**30} GB in all)"
        )


def _begins_as_archive(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether a member is itself an archive by its first bytes; only these are read. Workbooks are zips too."""
    if PurePosixPath(member.filename).suffix.lower() in NO_ARCHIVES:
        return False
    with archive.open(member) as packed:
        return packed.read(4) in ARCHIVES


def _gunzip(found: Found, name: str, path: Path | None, data: bytes | None) -> None:
    """Read a packed table or claim file (`claims.csv.gz`) in memory, within the limits of archives."""
    inner = name[: -len(".gz")]
    suffix, table, _ = _named(inner)
    given = io.BytesIO(data) if data is not None else path
    size = len(data) if data is not None else path.stat().st_size if path else 0
    most = min(MOST_UNPACKED - found.unpacked, max(SMALL, STEEPEST * size))
    try:
        assert given is not None
        with gzip.open(given) as packed:
            head = packed.read(HEAD)
            ours = X12_START.match(head) or _is_json(suffix, table, head)
            if not ours and not (table and suffix in TEXT_SUFFIXES | PARQUET_SUFFIXES):
                found.leave_out(name, _why_not(suffix, table), table)
                return
            unpacked = head + packed.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name}: not a gzip file that can be read ({first_line(error)})") from None
    _spend(found, name, len(unpacked), len(unpacked) > most)
    if X12_START.match(head):
        found.sources.append(Source(name, "x12", None, None, unpacked))
    elif _is_json(suffix, table, head):
        found.sources.append(Source(name, "fhir", None, None, unpacked))
    else:
        _keep(found, Source(name, "", table, None, unpacked), suffix, head)


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str) -> bytes:
    with archive.open(member) as packed:
        data = packed.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise InputError(f"{shown}: holds more than the archive says (expected {member.file_size:,} bytes)")
    return data
