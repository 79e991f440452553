"""What the columns of an unknown export may say, each guess with its confidence, and the layout that a choice makes.

A guess rests on the header's words (likeness to those that exports use) and on the cells (dates that read as dates, codes that
look like codes). It is never read on its own: a person confirms it on the Records page or edits the written layout.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from rapidfuzz import fuzz

from compliance import strict_yaml
from compliance.formats import listed, plural
from compliance.records.cells import read_cells
from compliance.records.layouts.apply import tables_of
from compliance.records.layouts.files import layout_of
from compliance.records.layouts.models import FORMAT, Border, folded
from compliance.records.models import TABLES, Column, Kind, columns, schema
from compliance.records.raw import ROW, column_name
from compliance.records.report import InputError, Refusal
from compliance.records.tables import Refused, read_table

SAMPLED = 500
"""Filled cells of a column that are looked at."""
PREVIEWED = 20
"""Rows of a file that a preview shows."""
MOST_CODES = 60
"""Values of a coded column that are offered for a meaning."""
LIKELY = 0.6
"""From this confidence on a guess is preselected; below it a person must choose."""
UNLIKE = 0.5
"""Below this likeness a header's cells are not looked at: whatever they are, the guess would stay below `LIKELY`."""
TOLD_BY_LOOKS = 0.62
"""Confidence of a column whose header says nothing and whose cells all look like one fact's."""
TELLING = ("cpt", "diagnosis_codes")
"""Facts whose cells alone tell them."""
UNREADABLE = 0.35
"""What is left of a likeness where no cell can be what the fact says."""
NOTE_TEXT = "note_text"
"""Words of a note are long; a column of short remarks, read as notes, would accuse them of what they do not say."""
LONG = 60
"""Characters from which on, at the median, a column holds words of notes."""
WITHHELD_MODIFIERS = "{count} of modifiers cannot hold a further one (CQ, KX, 59), which may be lost"
SERIES = re.compile(r"(.*?)\s*([1-9]\d?)")
"""A header of a numbered series, as `Proc 1` and `Proc 2`, where a row holds several codes side by side."""
NOT_READ = ""
"""The choice not to read a column."""


class Fact(Border):
    """Something that a column may say: what people call it, which of our columns it fills, and the words of exports for it."""

    fact: str
    says: str
    gives: tuple[str, ...]
    words: tuple[str, ...]
    many: bool = False
    looks: str | None = None

    @property
    def column(self) -> Column:
        """The first of our columns that it fills, by which its cells are judged."""
        table, _, name = self.gives[0].partition(".")
        return next(each for each in columns(table) if each.name == name)

    @property
    def coded(self) -> bool:
        """Whether its cells are codes, each to be given a meaning."""
        return self.column.kind is Kind.CHOICE


@dataclass(frozen=True)
class Guess:
    """What a column may say: `fact` (empty: nothing that is read), with a confidence of 0 to 1, and the next best facts."""

    header: str
    fact: str
    confidence: float
    others: tuple[tuple[str, float], ...] = ()


@cache
def facts() -> dict[str, Fact]:
    """Every fact by its name, in the order in which they are offered."""
    said = strict_yaml.read(Path(__file__).parent / "facts.yaml", InputError)
    read = [Fact.model_validate(each) for each in said["facts"]]
    return {each.fact: each for each in read}


@cache
def _abbreviations() -> Mapping[str, str]:
    return strict_yaml.read(Path(__file__).parent / "facts.yaml", InputError)["abbreviations"]


def guesses(cells: pl.DataFrame) -> list[Guess]:
    """A guess for each header of an unknown export, in the file's order; a fact that one column says is guessed once.

    `cells`: columns of strings under the file's headers; `ROW` is passed over.
    """
    headers = [name for name in cells.columns if name != ROW]
    scored = {header: _scores(header, cells[header]) for header in headers}
    ranked = sorted(
        ((score, header, fact) for header, scores in scored.items() for fact, score in scores.items()),
        key=lambda each: (-each[0], headers.index(each[1])),
    )
    taken: dict[str, tuple[str, float]] = {}
    said: set[str] = set()
    for score, header, fact in ranked:
        free = facts()[fact].many or (fact not in said and not _goes_on(header, headers))
        if score >= LIKELY and header not in taken and free:
            taken[header] = (fact, score)
            said.add(fact)
    return [_guess(header, taken.get(header), scored[header]) for header in headers]


def _goes_on(header: str, headers: Sequence[str]) -> bool:
    """Whether a header goes on a numbered series: `Mins 2` beside `Mins 1` says what that says, or nothing."""
    found = SERIES.fullmatch(header)
    return bool(found) and any(
        (other := SERIES.fullmatch(each)) and other[1] == found[1] and int(other[2]) == int(found[2]) - 1
        for each in headers
    )


def _guess(header: str, taken: tuple[str, float] | None, scores: Mapping[str, float]) -> Guess:
    fact, confidence = taken or (NOT_READ, 0.0)
    others = sorted(((score, name) for name, score in scores.items() if name != fact), reverse=True)[:3]
    return Guess(header, fact, round(confidence, 2), tuple((name, round(score, 2)) for score, name in others))


def _scores(header: str, cells: pl.Series) -> dict[str, float]:
    """How likely a column says each fact, 0 to 1; facts that are out of the question are left out."""
    words = _words(header)
    sample = cells.cast(pl.String).str.strip_chars().replace("", None).drop_nulls().head(SAMPLED)
    scores = {}
    for name, fact in facts().items():
        likeness = max(_likeness(words, each) for each in _said(name))
        if likeness < UNLIKE and name not in TELLING:
            continue
        looked = _looks(sample, fact)
        score = likeness if looked is None else likeness * (UNREADABLE + (1 - UNREADABLE) * looked)
        if looked is not None and looked > 0.95 and name in TELLING and fact.looks:
            score = max(score, TOLD_BY_LOOKS)
        if score >= UNLIKE / 2:
            scores[name] = min(score, 0.99)
    return scores


@cache
def _said(fact: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_words(each) for each in facts()[fact].words))


def _likeness(words: str, said: str) -> float:
    """Of two phrases, 0 to 1: the same words in any order are 1, one phrase within the other somewhat less."""
    whole = fuzz.token_sort_ratio(words, said)
    return max(whole, 0.8 * fuzz.token_set_ratio(words, said)) / 100


def _words(header: str) -> str:
    """A header in whole words: `SvcDt` and `svc_dt` are `service date`."""
    parts = re.sub(r"(\d+)", r" \1 ", column_name(header).replace("_", " ")).split()
    return " ".join(_abbreviations().get(part, part) for part in parts)


def _looks(sample: pl.Series, fact: Fact) -> float | None:
    """Share of the cells that can be what the fact says; None where any cell can."""
    if not sample.len():
        return None
    if fact.looks:
        return float(sample.str.to_uppercase().str.contains(fact.looks).mean() or 0.0)  # ty: ignore[invalid-argument-type]
    column = fact.column
    if fact.fact == NOTE_TEXT:
        return 1.0 if _long(sample) else 0.0
    if column.kind in (Kind.TEXT, Kind.KEY, Kind.CODE):
        return 0.3 if _long(sample) else None
    if fact.coded:
        return None if sample.n_unique() <= 60 else 0.2
    read = read_cells(sample.alias(column.name), column)
    return 1 - int(read.bad.sum() or 0) / sample.len()


def _long(sample: pl.Series) -> bool:
    return float(sample.str.len_chars().median() or 0) > LONG  # ty: ignore[invalid-argument-type]


@dataclass(frozen=True)
class Choice:
    """What a person chose: the fact of each header, and for coded facts what each value means (empty: nothing of ours)."""

    said: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dates: str | None = None
    """How all dates are written, where not month first."""

    def headers(self, fact: str) -> list[str]:
        """The headers that say a fact, in the file's order."""
        return [header for header, chosen in self.said.items() if chosen == fact]


SIGNS: dict[str, tuple[str, ...]] = {
    "clinics": ("clinic", "clinic_name"),
    "therapists": ("therapist", "therapist_name", "therapist_npi"),
    "payers": ("payer", "payer_name"),
    "patients": ("patient", "patient_name", "patient_last_name"),
    "plans_of_care": ("plan",),
    "notes": (
        "note_kind",
        "signed_on",
        "note_text",
        "minutes",
        "timed_minutes",
        "total_minutes",
        "started_at",
    ),
    "interventions": ("minutes",),
    "claims": ("units", "charge", "submitted_on", "claim_status"),
    "claim_lines": ("units", "charge"),
    "remittances": ("paid_on",),
    "authorizations": ("authorized_visits", "authorized_units", "authorization_starts_on"),
}
"""Facts by which a file is known to hold rows of a table; one of them suffices."""
ROWS = ("claim_lines", "interventions", "remittances")
"""Tables of which each row of a file is one; of the others a row is there once for each key."""
STANDS_FOR: dict[str, tuple[tuple[str, ...], ...]] = {
    "claim": (("note",), ("patient", "service_date"), ("patient_name", "birth_date", "service_date")),
    "note": (("patient", "service_date"), ("patient_name", "birth_date", "service_date")),
    "patient": (
        ("patient_name", "birth_date"), ("patient_last_name", "patient_first_name", "birth_date"), ("patient_name",),
        ("patient_last_name", "patient_first_name"),
    ),
    "therapist": (("therapist_npi",), ("therapist_name",)),
    "payer": (("payer_name",),),
    "clinic": (("clinic_name",),),
}  # fmt: skip
"""Where no column says an identifier: the facts that may stand for it, one as it is, several made into one."""
NUMBERED = {"claim_lines": "claim_id", "interventions": "note_id", "remittances": None}
WITHHOLD = ("notes.kind",)
"""Coded columns whose unknown values would accuse: a report of an unknown kind would be a missing one."""


def composed(headers: Sequence[str], choice: Choice, name: str, by: str, on: date) -> str:
    """The layout file of a choice, as text. Raises InputError where it makes no table, or does not hold."""
    for fact in facts().values():
        if len(several := choice.headers(fact.fact)) > 1 and not fact.many:
            raise InputError(
                f"{listed(several)} each say {fact.says} (expected one column; codes that stand side by side in a row are "
                "read by a layout file with `each`, as docs/inputs.md shows)"
            )
    tables = [made for table in SIGNS if (made := _table(table, choice))]
    read = [header for header in headers if choice.said.get(header)]
    if not tables:
        raise InputError(
            f"{name}: no table can be made of these columns (expected at least a patient, a date of service with codes and "
            "units, or an insurance)"
        )
    layout = {
        "layout": FORMAT,
        "id": re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:50] or "export",
        "name": name[:120],
        "source": "headers of the file itself",
        "verified": "made from the headers and cells of one file",
        "made": {"by": by, "on": on},
        "recognise": {
            "requires": read,
            "knows": [header for header in headers if header not in read and folded(header)],
        },
        "tables": tables,
        "told": [*_told(tables), *_left(headers, choice)],
    }
    text = yaml.safe_dump(layout, sort_keys=False, allow_unicode=True, width=110)
    layout_of(text, name)
    return text


def _told(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """What identifiers were made of, where the file has none."""
    made = {
        name: source["key"]
        for table in tables
        for name, source in table["columns"].items()
        if "key" in source and name in {"claim_id", "note_id", "patient_id"}
    }
    return [
        f"the file has no {name}; rows with the same {' and '.join(parts)} are taken for one {name.removesuffix('_id')}"
        for name, parts in made.items()
    ]


def _left(headers: Sequence[str], choice: Choice) -> list[str]:
    """The columns of a numbered series that are not read, though an earlier one of it is: services may be lost with them."""
    bases = {
        found[1] for header in headers if choice.said.get(header) and (found := SERIES.fullmatch(header))
    }
    left = [
        header for header in headers
        if not choice.said.get(header) and (found := SERIES.fullmatch(header)) and found[1] in bases
    ]  # fmt: skip
    return [f"{listed(left)} of a numbered series: not read, what they hold is missing"] if left else []


def meanings(fact: str, cells: pl.Series) -> dict[str, str]:
    """The values of a coded column, the most frequent first, each with what it may mean (empty: not known)."""
    listed = _meanings().get(fact, {})
    known = {_words(word): meant for meant, words in listed.items() for word in [meant, *words]}
    values = cells.cast(pl.String).str.strip_chars().replace("", None).drop_nulls().value_counts(sort=True)
    return {value: known.get(_words(value), "") for value in values[cells.name].head(MOST_CODES)}


@cache
def _meanings() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return strict_yaml.read(Path(__file__).parent / "facts.yaml", InputError)["meanings"]


def drafted(file: str, cells: pl.DataFrame, by: str, on: date) -> tuple[str, list[Guess]]:
    """The layout that the guesses for an unknown file make, as text to be edited, and the guesses. Raises InputError."""
    found = guesses(cells)
    headers = [each.header for each in found]
    said = {each.header: each.fact for each in found if each.fact}
    codes = {fact: meanings(fact, cells[header]) for header, fact in said.items() if facts()[fact].coded}
    choice = Choice(said, codes)
    text = composed(headers, choice, Path(file).stem, by, on)
    told = [
        f"# {each.header}: {facts()[each.fact].says if each.fact else 'not read'}"
        + (f" ({100 * each.confidence:.0f} % sure)" if each.fact else "")
        for each in found
    ]
    head = "# Guessed from the headers and cells of one file: check every line before it is used.\n"
    return head + "\n".join(" ".join(line.split()) for line in told) + "\n" + text, found


def _table(table: str, choice: Choice) -> dict[str, Any] | None:
    """The part of a layout that makes a table of the choice; None where the file does not hold it."""
    if not _holds(table, choice):
        return None
    made: dict[str, Any] = {}
    for column in columns(table):
        source = _source(f"{table}.{column.name}", column, choice)
        if source is not None:
            made[column.name] = source
    if NUMBERED.get(table) and "line" not in made:
        made["line"] = {"number_within": NUMBERED[table]}
    if table == "claim_lines" and not choice.headers("note") and not _holds("notes", choice):
        made.pop("note_id", None)
    if any(key not in made and key not in TABLES[table].optional_keys for key in TABLES[table].keys):
        return None
    part: dict[str, Any] = {"table": table}
    if table not in ROWS:
        part["distinct"] = True
    return part | {"columns": made}


def _holds(table: str, choice: Choice) -> bool:
    return any(choice.headers(sign) for sign in SIGNS[table])


def _source(target: str, column: Column, choice: Choice) -> dict[str, Any] | None:
    if target == "patients.name" and not choice.headers("patient_name"):
        parts = choice.headers("patient_first_name") + choice.headers("patient_last_name")
        return {"join": parts} if parts else None
    for fact in facts().values():
        if target in fact.gives:
            headers = choice.headers(fact.fact)
            if headers:
                return _of_headers(target, fact, headers, column, choice)
            if fact.fact in STANDS_FOR:
                return _stand_in(fact.fact, choice)
    return None


def _stand_in(fact: str, choice: Choice) -> dict[str, Any] | None:
    for parts in STANDS_FOR[fact]:
        if all(choice.headers(part) or (part == "patient" and _stand_in(part, choice)) for part in parts):
            named = [header for part in parts for header in _headers_of(part, choice)]
            return {"header": named[0]} if len(named) == 1 else {"key": named}
    return None


def _headers_of(fact: str, choice: Choice) -> list[str]:
    if choice.headers(fact):
        return choice.headers(fact)[:1]
    stand_in = _stand_in(fact, choice) or {}
    named = stand_in.get("key") or [stand_in["header"]]
    return list(named)


def _of_headers(
    target: str, fact: Fact, headers: Sequence[str], column: Column, choice: Choice
) -> dict[str, Any]:
    several = fact.many and len(headers) > 1
    one = headers[0] if len(headers) == 1 else list(headers)
    source: dict[str, Any] = {"join": list(headers)} if several else {"header": one}
    if "join" in source and fact.fact == "modifiers" and len(headers) < 4:
        source["full"] = WITHHELD_MODIFIERS.format(count=plural(len(headers), "column"))
    if fact.fact == "diagnosis_codes" and target == "claims.diagnosis_codes":
        source["gather"] = True
    if column.kind is Kind.CHOICE:
        codes = choice.codes.get(fact.fact, {})
        source["codes"] = {code: meant or None for code, meant in codes.items() if code}
        source["unknown"] = "withhold" if target in WITHHOLD else "null"
    if choice.dates and column.kind in (Kind.DATE, Kind.MOMENT, Kind.END_OF_DAY):
        source["dates"] = [choice.dates]
    return source


@dataclass(frozen=True)
class Preview:
    """The first rows of a file as a layout reads them: a table's usable rows, typed, and what was refused."""

    table: str
    rows: pl.DataFrame
    refusals: list[Refusal]
    withheld: Mapping[str, str]


def preview(file: str, cells: pl.DataFrame, text: str, rows: int = PREVIEWED) -> list[Preview]:
    """What the first rows of a file become under the layout of `text`. Raises InputError."""
    shown = []
    for raw in tables_of(file, cells.head(rows), layout_of(text, file)):
        refused = Refused()
        typed, _ = read_table(raw, refused)
        named = [replace(each, header=raw.headers.get(each.column or "")) for each in refused.kept]
        carried = [name for name in raw.cells.columns if name != ROW]
        columns_read = [name for name in schema(raw.table) if name in carried]
        shown.append(Preview(raw.table, typed.select(columns_read), [*raw.refusals, *named], raw.withheld))
    return shown
