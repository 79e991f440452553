"""CMS's quarterly files (code pairs, unit limits, relative values, cost indices) as editions of a clinic's own tables.

A file is read as CMS ships it: a zip with text, or the text itself, with header lines above. Only the rows of therapy
codes are kept, and no descriptors.
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from compliance.policy.code_tables import COLUMNS, read_editions
from compliance.policy.models import PolicyError
from compliance.records.report import InputError
from compliance.records.sources import TEXT_SUFFIXES, texts_under

CODE = re.compile(r"[0-9A-Z]{5}")
DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")
QUARTER = re.compile(r"(20\d\d)[-_ ]?q([1-4])")
YEAR = re.compile(r"(20\d\d)")
HEAD = 15
"""Lines in which a file's column names stand."""
Row = list[str]
Read = tuple[str, list[dict[str, Any]], int]


@dataclass(frozen=True)
class Loaded:
    """An edition that was written: its kind, table, first day, file, and how many of its rows were kept."""

    kind: str
    table: str
    begins: date
    file: str
    kept: int
    read: int

    def __str__(self) -> str:
        table = f" ({self.table})" if self.table else ""
        return f"{self.kind}{table} from {self.begins}: {self.kept:,} of {self.read:,} rows kept in cms/{self.file}"


def load_cms_file(file: Path, folder: Path, therapy: set[str], begins: date | None = None) -> list[Loaded]:
    """Read CMS's file and write its tables under `folder`/cms, one edition each. Raises PolicyError.

    `therapy`: the codes whose rows are kept. `begins`: the edition's first day, where the file's name does not say it.
    Parts of one edition (the four files of code pairs) add up.
    """
    try:
        texts = texts_under(file)
    except InputError as error:
        raise PolicyError(str(error)) from None
    loaded = []
    for name, data in texts:
        rows = _rows(data)
        reader = next((read for is_this, read in READERS if is_this(rows)), None)
        if reader is None:
            continue
        kind, kept, read = reader(rows, therapy)
        if not kept:
            continue
        named = f"{file.name} {name}".lower()
        loaded.append(
            _write(
                folder / "cms",
                kind,
                _table(kind, named, file),
                kept,
                read,
                begins or _begins(kind, named, file),
            )
        )
    if not loaded:
        raise PolicyError(
            f"{file.name}: no table of CMS's that is known here. Give its zip, text or CSV of code pairs (PTP), unit "
            f"limits (MUE), relative values (PPRRVU) or cost indices (GPCI); workbooks are not read. It holds {_listed(texts)}."
        )
    return loaded


def _listed(texts: list[tuple[str, bytes]]) -> str:
    names = [name for name, _ in texts]
    return ", ".join(names[:5]) if names else f"no file that ends in {', '.join(sorted(TEXT_SUFFIXES))}"


def _rows(data: bytes) -> list[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    head = text[:4000]
    separator = "\t" if head.count("\t") > head.count(",") else ","
    try:
        return [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        ]
    except csv.Error as error:
        raise PolicyError(f"not readable as text with columns: {error}") from None


def _heads(rows: list[Row], *words: str) -> bool:
    head = " ".join(cell for row in rows[:HEAD] for cell in row).lower()
    return all(word in " ".join(head.split()) for word in words)


def _pairs(rows: list[Row], therapy: set[str]) -> Read:
    """Column 1, column 2, * = before 1996, effective, deleted (* = not), modifier indicator, rationale."""
    kept, read = [], 0
    for row in rows:
        if len(row) < 6 or not (CODE.fullmatch(row[0]) and CODE.fullmatch(row[1]) and DAY.fullmatch(row[3])):
            continue
        read += 1
        if row[0] in therapy or row[1] in therapy:
            kept.append({
                "column_1": row[0], "column_2": row[1], "effective_on": _day(row[3]), "deleted_on": _day(row[4]),
                "modifier_indicator": row[5][:1], "rationale": row[6] if len(row) > 6 else None,
            })  # fmt: skip
    return "code_pairs", kept, read


def _limits(rows: list[Row], therapy: set[str]) -> Read:
    """Code, units, adjudication indicator (`3 Date of Service Edit: Clinical`), rationale."""
    kept, read = [], 0
    for row in rows:
        if (
            len(row) < 3
            or not CODE.fullmatch(row[0])
            or not row[1].isdecimal()
            or row[2][:1] not in {"1", "2", "3"}
        ):
            continue
        read += 1
        if row[0] in therapy:
            kept.append({"cpt": row[0], "units": int(row[1]), "indicator": row[2][:1]})
    return "unit_limits", kept, read


def _values(rows: list[Row], therapy: set[str]) -> Read:
    """The relative value file: code, modifier, descriptor, status, …, work, practice expense, …, multiple procedure."""
    kept, read = [], 0
    for row in rows:
        if len(row) < 19 or not CODE.fullmatch(row[0]):
            continue
        read += 1
        numbers = [_number(row[place]) for place in (5, 6, 10)]
        if row[0] in therapy and not row[1] and None not in numbers:
            kept.append({
                "cpt": row[0], "work": numbers[0], "practice_expense": numbers[1], "malpractice": numbers[2],
                "status": row[3], "multiple_procedure": row[18],
            })  # fmt: skip
    return "relative_values", kept, read


def _places(rows: list[Row], therapy: set[str]) -> Read:
    """Cost indices: contractor, state, locality, its name, work (with the floor of 1.0), practice expense, malpractice."""
    head = next(row for row in rows[:HEAD] if any("locality" in cell.lower() for cell in row))
    titles = [" ".join(cell.lower().split()) for cell in head]
    work = [n for n, title in enumerate(titles) if "pw" in title and "without" not in title]
    place = {"practice_expense": "pe gpci", "malpractice": "mp gpci"}
    columns = {
        name: next((n for n, title in enumerate(titles) if word in title), None)
        for name, word in place.items()
    }
    columns["work"] = work[0] if work else None
    if None in columns.values():
        raise PolicyError(
            f"cost indices without a column of {', '.join(k for k, v in columns.items() if v is None)}"
        )
    kept = []
    for row in rows:
        if len(row) < len(head) or not re.fullmatch("[A-Z]{2}", row[1]) or not row[2].isdecimal():
            continue
        numbers = {name: _number(row[n]) for name, n in columns.items() if n is not None}
        if None not in numbers.values():
            kept.append(
                {"state": row[1], "locality": row[2].zfill(2), "name": row[3].rstrip("* "), **numbers}
            )
    return "geography", kept, len(kept)


READERS: list[tuple[Callable[[list[Row]], bool], Callable[[list[Row], set[str]], Read]]] = [
    (lambda rows: _heads(rows, "column 1", "column 2", "deletion"), _pairs),
    (lambda rows: _heads(rows, "mue", "adjudication"), _limits),
    (lambda rows: _heads(rows, "gpci", "locality"), _places),
    (lambda rows: _heads(rows, "hcpcs", "mult", "rvu"), _values),
]


def _day(text: str) -> date | None:
    found = DAY.fullmatch(text)
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        raise PolicyError(
            f"{text} is no day. Give the file as CMS ships it, with days such as 20261001."
        ) from None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _table(kind: str, named: str, file: Path) -> str:
    """Which of CMS's tables a file holds, by its name. Raises PolicyError where it does not say."""
    if "table" not in COLUMNS[kind]:
        return ""
    for words, table in (
        (("medicaid",), "medicaid"),
        (("hosp", "outpatient"), "hospital"),
        (("prac", "ccipra"), "practitioner"),
    ):
        if any(word in named for word in words):
            return table
    raise PolicyError(
        f"{file.name}: its name does not say whose table it is. Keep CMS's name, with practitioner or hospital in it."
    )


def _begins(kind: str, named: str, file: Path) -> date:
    """The first day of an edition by the file's name: its quarter, or of the fee schedule its year. Raises PolicyError."""
    quarter = QUARTER.search(named)
    if quarter:
        return date(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    year = YEAR.search(named)
    if year and kind in ("relative_values", "geography"):
        return date(int(year[1]), 1, 1)
    raise PolicyError(
        f"{file.name}: its name does not say from when it counts. Give its first day: --from 2026-10-01."
    )


def _write(place: Path, kind: str, table: str, rows: list[dict[str, Any]], read: int, begins: date) -> Loaded:
    schema = COLUMNS[kind]
    frame = pl.DataFrame([{"table": table, **row} for row in rows], schema=schema, infer_schema_length=None)
    name = f"{'_'.join(part for part in (kind, table) if part)}_{begins}.csv"
    listed = [edition for edition, _ in read_editions(place)]
    if any(edition.file == name for edition in listed):
        frame = pl.concat([pl.read_csv(place / name, schema=schema), frame])
    frame = frame.unique().sort(list(schema), nulls_last=True)
    yearly = kind in ("relative_values", "geography")
    entry = {
        "kind": kind, "file": name, "from": begins, **({"to": date(begins.year, 12, 31)} if yearly else {}),
        "source": "cms-file", "verified": True, "note": f"{frame.height:,} rows of therapy codes of CMS's file.",
    }  # fmt: skip
    others = [
        edition.model_dump(mode="python", by_alias=True, exclude_none=True)
        for edition in listed
        if edition.file != name
    ]
    try:
        place.mkdir(parents=True, exist_ok=True)
        frame.write_csv(place / name)
        (place / "tables.yaml").write_text(
            yaml.safe_dump([*others, entry], sort_keys=False), encoding="utf-8"
        )
    except OSError as error:
        raise PolicyError(f"{place}: cannot be written ({error.strerror}).") from None
    return Loaded(kind, table, begins, name, frame.height, read)
