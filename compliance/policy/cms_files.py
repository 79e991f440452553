"""CMS's quarterly files (code pairs, unit limits, relative values, cost indices) as editions of a clinic's own tables.

A file is read as CMS ships it: a zip with text, or the text itself, with header lines above. Only the rows of therapy
codes are kept, and no descriptors. A row of them that cannot be read refuses the file: half a table would pass for one.
"""

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from compliance.policy.code_tables import COLUMNS, IDENTIFYING, MOST, Edition, read_editions
from compliance.policy.models import PolicyError
from compliance.records.delimited import decode
from compliance.records.report import InputError
from compliance.records.sources import TEXT_SUFFIXES, texts_under
from compliance.strict_yaml import shown

CODE = re.compile(r"(?=[A-Z]*\d)[0-9A-Z]{5}")
DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
QUARTER = re.compile(r"(20\d\d)[-_ ]?q([1-4])")
MONTH = re.compile(r"(20\d\d)[-_ ]?(jan|apr|jul|oct)")
YEAR = re.compile(r"(20\d\d)")
YEARS = range(1990, 2100)
YEARLY = ("relative_values", "geography")
TABLES = {"medicaid": ("medicaid",), "hospital": ("hosp", "outpatient"), "practitioner": ("prac", "ccipra")}
LONGEST_ENDING = 4_000
"""Characters at a file's end that hold its last two rows."""
HEAD = 15
"""Lines in which a file's column names stand."""
Row = list[str]
Kept = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """An edition that was written: its kind, table, first day, file, and how many of its rows were kept.

    `lacks`: so many codes of column 1 have pairs in the table that was known before, and none in this one.
    """

    kind: str
    table: str
    begins: date
    file: str
    kept: int
    read: int
    lacks: int = 0

    def __str__(self) -> str:
        table = f" ({self.table})" if self.table else ""
        told = f"{self.kind}{table} from {self.begins}: {self.kept:,} of {self.read:,} rows kept in cms/{self.file}"
        return f"{told}\nWarning: {_in_part(self.lacks)}" if self.lacks else told


@dataclass
class Text:
    """One file's rows, as they are read: `name` for messages, `head` its first lines, `read` rows that bear a code."""

    name: str
    head: list[Row]
    rest: Iterator[Row]
    read: int = 0
    ending: str = ""
    """The last two lines, where the last has no line end."""

    def refuse_cut(self) -> None:
        """Refuse a file that ends within a row: half a table would count as the whole. Raises PolicyError."""
        if not self.ending:
            return
        separator = "\t" if "\t" in self.ending else ","
        before, last = list(csv.reader(self.ending.splitlines(), delimiter=separator))
        if len(last) < len(before) or self.ending.splitlines()[-1].count('"') % 2:
            raise PolicyError(
                f"{self.name}: ends within its last row, {shown(separator.join(last))}. Give the whole file as CMS ships it."
            )

    def rows(self, wanted: Callable[[Row], bool]) -> Iterator[tuple[int, Row]]:
        """The rows that begin with a code and are `wanted`, with their number. Raises PolicyError for one cut short."""
        before = 0
        for number, written in enumerate(chain(self.head, self.rest), 1):
            row = [cell.upper() if CODE.fullmatch(cell.upper()) else cell for cell in written[:2]] + written[
                2:
            ]
            if not row or not CODE.fullmatch(row[0]):
                continue
            self.read += 1
            if not wanted(row):
                continue
            if len(row) < before or any("\n" in cell for cell in row):
                raise self.wrong(number, f"{len(row)} cells", f"{before} as above; is the file cut off?")
            before = len(row)
            yield number, row

    def wrong(self, number: int, found: str, expected: str) -> PolicyError:
        """What is wrong with a row, for the one who loads the file."""
        return PolicyError(
            f"{self.name}, row {number}: {found} (expected {expected}). Give the file as CMS ships it."
        )


@dataclass
class Edited:
    """The rows of one edition, of all files that hold parts of it, and which file and row each came from."""

    rows: list[Kept] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    read: int = 0


Reader = Callable[[Text, set[str]], Iterator[tuple[int, Kept]]]


def load_cms_file(
    file: Path,
    folder: Path,
    therapy: set[str],
    begins: date | None = None,
    known: pl.DataFrame | None = None,
) -> list[Loaded]:
    """Read CMS's file and write its tables under `folder`/cms, one edition each, all or none. Raises PolicyError.

    `therapy`: the codes whose rows are kept. `begins`: the edition's first day, where the file's name does not say it.
    Parts of one edition (the four files of code pairs) add up; a row that is loaded again replaces the one before. `known` are
    the code pairs in force until now (table, column_1): an edition that lacks codes of theirs is told to be a part.
    """
    if begins and begins.year not in YEARS:
        raise PolicyError(f"--from {begins}: no such edition. Give a day from {YEARS[0]} to {YEARS[-1]}.")
    try:
        texts = texts_under(file)
        editions = _editions(file, texts, therapy, begins)
    except InputError as error:
        raise PolicyError(str(error)) from None
    if not editions:
        raise PolicyError(
            f"{file.name}: no table of CMS's that is known here. Give its zip, text or CSV of code pairs (PTP), unit "
            f"limits (MUE), relative values (PPRRVU) or cost indices (GPCI); workbooks are not read. It holds {_listed(texts)}."
        )
    for (kind, _, _), edited in editions.items():
        _refuse_contradictions(kind, edited)
    return _write(folder / "cms", editions, known)


def _editions(
    file: Path, texts: list[tuple[str, bytes]], therapy: set[str], begins: date | None
) -> dict[tuple[str, str, date], Edited]:
    """The rows of each kind, table and first day that the files hold."""
    editions: dict[tuple[str, str, date], Edited] = {}
    for name, data in texts:
        text = _text(name if name == file.name else f"{file.name}/{name}", data)
        found = next(((kind, read) for kind, is_this, read in READERS if is_this(text.head)), None)
        if found is None:
            continue
        kind, reader = found
        text.refuse_cut()
        try:
            rows = list(reader(text, therapy))
        except csv.Error as error:
            raise PolicyError(f"{text.name}: not readable as text with columns: {error}.") from None
        if not rows:
            continue
        names = (name.lower(), file.name.lower())
        key = (kind, _table(kind, names, file), begins or _begins(kind, names, file))
        edited = editions.setdefault(key, Edited())
        edited.rows += [row for _, row in rows]
        edited.places += [f"{text.name}, row {number}" for number, _ in rows]
        edited.read += text.read
    return editions


def _listed(texts: list[tuple[str, bytes]]) -> str:
    names = [name for name, _ in texts]
    return ", ".join(names[:5]) if names else f"no file that ends in {', '.join(sorted(TEXT_SUFFIXES))}"


def _text(name: str, data: bytes) -> Text:
    text, _ = decode(data, name)
    head = text[:4000]
    separator = "\t" if head.count("\t") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = ([cell.strip() for cell in row] for row in reader)
    try:
        lines = text[-LONGEST_ENDING:].splitlines()
        ending = "" if text.endswith(("\n", "\r")) else "\n".join(lines[-2:])
        return Text(name, list(islice(rows, HEAD)), rows, ending=ending if len(lines) > 1 else "")
    except csv.Error as error:
        raise PolicyError(f"{name}: not readable as text with columns: {error}.") from None


def _heads(rows: list[Row], *words: str) -> bool:
    head = " ".join(cell for row in rows for cell in row).lower()
    return all(word in " ".join(head.split()) for word in words)


def _pairs(text: Text, therapy: set[str]) -> Iterator[tuple[int, Kept]]:
    """Column 1, column 2, * = before 1996, effective, deleted (* = not), modifier indicator, rationale."""
    for number, row in text.rows(lambda row: not therapy.isdisjoint(row[:2])):
        if len(row) < 6 or not CODE.fullmatch(row[1]):
            raise text.wrong(
                number, shown("\t".join(row[:6])), "two codes, their days and the modifier indicator"
            )
        if row[5][:1] not in {"0", "1", "9"}:
            raise text.wrong(number, f"modifier indicator {shown(row[5])}", "0, 1 or 9")
        yield number, {
            "column_1": row[0], "column_2": row[1], "effective_on": _day(text, number, "effective day", row[3]),
            "deleted_on": None if row[4] in {"", "*"} else _day(text, number, "deletion day", row[4]),
            "modifier_indicator": row[5][:1], "rationale": row[6] if len(row) > 6 else None,
        }  # fmt: skip


def _limits(text: Text, therapy: set[str]) -> Iterator[tuple[int, Kept]]:
    """Code, units, adjudication indicator (`3 Date of Service Edit: Clinical`), rationale."""
    for number, row in text.rows(lambda row: row[0] in therapy):
        if len(row) < 3 or row[2][:1] not in {"1", "2", "3"}:
            found = shown(row[2]) if len(row) > 2 else f"{len(row)} cells"
            raise text.wrong(number, f"adjudication indicator {found}", "1, 2 or 3")
        if not re.fullmatch("[0-9]{1,5}", row[1]):
            raise text.wrong(number, f"units {shown(row[1])}", "a whole number of at most five digits")
        yield number, {"cpt": row[0], "units": int(row[1]), "indicator": row[2][:1]}


def _values(text: Text, therapy: set[str]) -> Iterator[tuple[int, Kept]]:
    """The relative value file: code, modifier, descriptor, status, …, work, practice expense, …, multiple procedure."""
    places = {"work": 5, "practice_expense": 6, "malpractice": 10}
    for number, row in text.rows(lambda row: row[0] in therapy):
        if len(row) < 19:
            raise text.wrong(number, f"{len(row)} cells", "at least 19")
        if not row[1] and all(row[place] for place in places.values()):
            values = {name: _number(text, number, name, row[place]) for name, place in places.items()}
            yield number, {"cpt": row[0], **values, "status": row[3], "multiple_procedure": row[18]}


def _places(text: Text, therapy: set[str]) -> Iterator[tuple[int, Kept]]:
    """Cost indices: contractor, state, locality, its name, work (with the floor of 1.0), practice expense, malpractice."""
    head = next(row for row in text.head if any("locality" in cell.lower() for cell in row))
    titles = [" ".join(cell.lower().split()) for cell in head]
    work = [n for n, title in enumerate(titles) if "pw" in title and "without" not in title]
    place = {"practice_expense": "pe gpci", "malpractice": "mp gpci"}
    columns = {
        name: next((n for n, title in enumerate(titles) if word in title), None)
        for name, word in place.items()
    }
    columns["work"] = work[0] if work else None
    if None in columns.values():
        lacking = ", ".join(name for name, n in columns.items() if n is None)
        raise PolicyError(
            f"{text.name}: cost indices without a column of {lacking} (expected PW, PE and MP GPCI)."
        )
    for number, row in enumerate(chain(text.head, text.rest), 1):
        if len(row) < 3 or not re.fullmatch("[A-Z]{2}", row[1]) or not re.fullmatch(r"[0-9]{1,2}", row[2]):
            continue
        if len(row) < len(head):
            raise text.wrong(number, f"{len(row)} cells", f"{len(head)}; is the file cut off?")
        text.read += 1
        numbers = {name: _number(text, number, name, row[n]) for name, n in columns.items() if n is not None}
        yield number, {"state": row[1], "locality": row[2].zfill(2), "name": row[3].rstrip("* "), **numbers}


READERS: list[tuple[str, Callable[[list[Row]], bool], Reader]] = [
    ("code_pairs", lambda head: _heads(head, "column 1", "column 2", "deletion"), _pairs),
    ("unit_limits", lambda head: _heads(head, "mue", "adjudication"), _limits),
    ("geography", lambda head: _heads(head, "gpci", "locality"), _places),
    ("relative_values", lambda head: _heads(head, "hcpcs", "mult", "rvu"), _values),
]


def _day(text: Text, number: int, column: str, cell: str) -> date:
    found = DAY.fullmatch(cell)
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    raise text.wrong(number, f"{column} {shown(cell)}", "a day such as 20261001")


def _number(text: Text, number: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST:
        raise text.wrong(number, f"{column} {shown(cell)}", f"a number from 0 to {MOST:,}")
    return value


def _said(names: Iterable[str], what: Callable[[str], set[Any]], file: Path) -> Any:
    """What the file within the archive says by its name, else what the archive's name says; None where neither does."""
    for name in names:
        told = what(name)
        if len(told) > 1:
            both = " and ".join(sorted(str(each) for each in told))
            raise PolicyError(f"{file.name}: {name} says both {both}. Give it one name, as CMS does.")
        if told:
            return told.pop()
    return None


def _table(kind: str, names: Sequence[str], file: Path) -> str:
    """Which of CMS's tables a file holds, by its name. Raises PolicyError where it does not say."""
    if "table" not in COLUMNS[kind]:
        return ""

    def named(name: str) -> set[str]:
        told = {table for table, words in TABLES.items() if any(word in name for word in words)}
        return {"medicaid"} if "medicaid" in told else told

    table = _said(names, named, file)
    if table is None:
        raise PolicyError(
            f"{file.name}: its name does not say whose table it is. Keep CMS's name, with practitioner or hospital in it."
        )
    return table


def _begins(kind: str, names: Sequence[str], file: Path) -> date:
    """The first day of an edition by the file's name: its quarter, or of the fee schedule its year. Raises PolicyError."""
    months = {"jan": 1, "apr": 4, "jul": 7, "oct": 10}
    ways: list[Callable[[str], set[date]]] = [
        lambda name: {date(int(year), 3 * int(quarter) - 2, 1) for year, quarter in QUARTER.findall(name)}
    ]
    if kind in YEARLY:
        ways.append(lambda name: {date(int(year), months[month], 1) for year, month in MONTH.findall(name)})
        ways.append(lambda name: {date(int(year), 1, 1) for year in YEAR.findall(name)})
    for way in ways:
        begins = _said(names, way, file)
        if begins:
            return begins
    raise PolicyError(
        f"{file.name}: its name does not say from when it counts. Give its first day: --from 2026-10-01."
    )


def _refuse_contradictions(kind: str, edited: Edited) -> None:
    """Refuse two rows that say different things of one code: which of them is right nobody here can tell."""
    known: dict[tuple[Any, ...], tuple[Kept, str]] = {}
    for row, place in zip(edited.rows, edited.places, strict=True):
        key = tuple(row.get(name) for name in IDENTIFYING[kind])
        told, first = known.setdefault(key, (row, place))
        if any(told[name] != row[name] for name in row if name not in ("name", "rationale")):
            named = " ".join(str(part) for part in key if part is not None)
            raise PolicyError(f"{place}: {named} has other values in {first}. Keep the right one.")


def _in_part(lacks: int) -> str:
    codes = "1 code" if lacks == 1 else f"{lacks:,} codes"
    return (
        f"no pair of {codes} of column 1 that the table before has. CMS publishes code pairs in four files a quarter: until "
        "all are loaded, pairs pass that should not."
    )


def _write(
    place: Path, editions: dict[tuple[str, str, date], Edited], known: pl.DataFrame | None
) -> list[Loaded]:
    """Write the editions beside the ones that are there: files whole or not at all, and the list of them last."""
    listed = {edition.file: (edition, rows) for edition, rows in read_editions(place)}
    loaded, written = [], []
    for (kind, table, begins), edited in editions.items():
        name = f"{'_'.join(part for part in (kind, table) if part)}_{begins}.csv"
        frame = pl.DataFrame(
            [{"table": table, **row} for row in edited.rows], schema=COLUMNS[kind], infer_schema_length=None
        )
        if name in listed:
            frame = pl.concat([listed[name][1], frame])
        frame = frame.unique(IDENTIFYING[kind], keep="last", maintain_order=True)
        frame = frame.sort(list(COLUMNS[kind]), nulls_last=True)
        lacks = 0
        if kind == "code_pairs" and known is not None:
            before = known.filter(table=table)["column_1"].unique()
            lacks = int((~before.is_in(frame["column_1"].implode())).sum())
        listed[name] = (_edition(kind, name, begins, frame.height, lacks), frame)
        written.append((name, frame.write_csv()))
        loaded.append(Loaded(kind, table, begins, name, frame.height, edited.read, lacks))
    entries = [
        edition.model_dump(mode="python", by_alias=True, exclude_none=True) for edition, _ in listed.values()
    ]
    written.append(("tables.yaml", yaml.safe_dump(entries, sort_keys=False)))
    _replace(place, written)
    return loaded


def _edition(kind: str, name: str, begins: date, rows: int, lacks: int) -> Edition:
    ends = {"to": date(begins.year, 12, 31)} if kind in YEARLY else {}
    said = {"kind": kind, "file": name, "from": begins, **ends, "source": "cms-file", "verified": True}
    note = f"{rows:,} rows of therapy codes of CMS's file."
    return Edition.model_validate({**said, "note": f"{note} A part: {_in_part(lacks)}" if lacks else note})


def _replace(place: Path, files: list[tuple[str, str]]) -> None:
    """Write files aside and then put each in its place, so that a load that is broken off leaves what was there."""
    aside = [(place / name, place / f".{name}.{os.getpid()}.part", text) for name, text in files]
    try:
        place.mkdir(parents=True, exist_ok=True)
        for _, part, text in aside:
            part.write_text(text, encoding="utf-8")
        for final, part, _ in aside:
            part.replace(final)
    except OSError as error:
        raise PolicyError(f"{place}: cannot be written ({error.strerror}).") from None
    finally:
        for _, part, _ in aside:
            if place.is_dir():
                part.unlink(missing_ok=True)
