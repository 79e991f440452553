"""The worksheet: one row a drawn unit for an auditor to fill, and its answers read back, every bad cell refused.

What the rules found is not on it, so that nobody's answer leans on it. Answers: `ok`; `error`, with the dollars that were
correct; `missing`, a record that was not produced, which is an error of all its dollars and is never replaced by another
unit; `cannot tell`. A unit is known by its key: rows may be sorted, columns added.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from compliance.formats import terminal
from compliance.sampling import SamplingError
from compliance.sampling.frame import COLUMNS
from compliance.sampling.sheets import dollars_text, sheet_text, unguarded

OK, ERROR, MISSING, CANNOT_TELL = ANSWERS = ("ok", "error", "missing", "cannot tell")
WRONG = (ERROR, MISSING)
"""The answers that count as errors."""
FILLED = ("answer", "correct_dollars", "comment")
"""What the auditor writes."""
WORKSHEET = ("order", "stratum", *COLUMNS, *FILLED)
ANSWERED = ("unit", *FILLED)
NEEDED = ("unit", "dollars", *FILLED)
DOLLARS = re.compile(r"\$?\s*(\d{1,9}|\d{1,3}(?:,\d{3}){1,2})(?:\.(\d{1,2}))?")
EXPECTED_ANSWER = "expected ok, error, missing or cannot tell"
EXPECTED_DOLLARS = "expected dollars such as 36.62"
TOLD = 20
"""Bad cells that the message names; `WorksheetError.refusals` has them all."""


@dataclass(frozen=True)
class BadCell:
    """A cell that cannot be used. Rows count as a spreadsheet counts them: the header is row 1."""

    row: int | None
    column: str | None
    found: str
    expected: str

    def __str__(self) -> str:
        place = ", ".join(
            filter(
                None,
                (f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else ""),
            )
        )
        found = terminal(self.found if len(self.found) <= 60 else f"{self.found[:60]}…")
        return f"{place}: {found} ({self.expected})" if place else f"{found} ({self.expected})"


class WorksheetError(SamplingError):
    """A worksheet with cells that cannot be used; `refusals` has each with its row and column.

    The message says the same of several cells once, with their rows.
    """

    def __init__(self, name: str, refusals: Sequence[BadCell]) -> None:
        self.refusals = tuple(refusals)
        rows: dict[BadCell, list[int]] = {}
        for each in self.refusals:
            rows.setdefault(replace(each, row=None), []).extend([each.row] if each.row else [])
        told = [f"{_rows_told(numbers)}{', ' if numbers and same.column else ''}{same}" if same.column
                else f"{_rows_told(numbers)}{': ' if numbers else ''}{same}" for same, numbers in rows.items()]  # fmt: skip
        rest = len(told) - TOLD
        super().__init__(
            f"{terminal(name)}: {'; '.join(told[:TOLD])}{f'; and {rest:,} more' if rest > 0 else ''}"
        )


def _rows_told(numbers: Sequence[int]) -> str:
    """`row 2`, `rows 2–5, 9`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    told = [f"{first}" if first == last else f"{first}–{last}" for first, last in spans]
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(told)}" if numbers else ""


@dataclass(frozen=True)
class Answer:
    """What an auditor said of a unit. `correct` is in cents; None where the answer names no dollars (cannot tell)."""

    unit: str
    answer: str
    correct: int | None
    comment: str = ""


def answered(unit: str, answer: str, correct: int | None, comment: str, paid: int) -> Answer:
    """An auditor's answer of a unit that was paid `paid` cents, `correct` read only of an error. Raises SamplingError."""
    if answer not in ANSWERS:
        raise SamplingError(f"{answer or 'no answer'}: {EXPECTED_ANSWER}")
    if answer == ERROR and (correct is None or correct < 0):
        raise SamplingError("an error needs the dollars that were correct, as 36.62 or 0")
    due = {OK: paid, ERROR: correct, MISSING: 0, CANNOT_TELL: None}[answer]
    return Answer(unit, answer, due, " ".join(comment.split()))


def worksheet_text(drawn: pl.DataFrame) -> str:
    """The empty worksheet of a draw's units."""
    columns = ["order", "stratum", *COLUMNS[:-1], "cents"]
    rows = drawn.sort("order").select(columns).iter_rows()
    return sheet_text(WORKSHEET, ((*row[:-1], dollars_text(row[-1]), "", "", "") for row in rows))


def answers_text(answers: Sequence[Answer]) -> str:
    """Answers as the bundle keeps them, in the order given."""
    rows = (
        (each.unit, each.answer, None if each.correct is None else dollars_text(each.correct), each.comment)
        for each in answers
    )
    return sheet_text(ANSWERED, rows)


def read_worksheet(content: bytes, drawn: pl.DataFrame, name: str = "worksheet") -> list[Answer]:
    """The answers of a filled worksheet, in the draw's order. Raises WorksheetError, which names every bad cell."""
    return _read(_rows(content, name, NEEDED), drawn, name)


def read_answers(content: bytes, drawn: pl.DataFrame, name: str = "answers") -> list[Answer]:
    """The answers that `answers_text` wrote, checked as a worksheet's are."""
    paid = {unit: dollars_text(cents) for unit, cents in drawn.select("unit", "cents").iter_rows()}
    rows = _rows(content, name, ANSWERED)
    return _read([(n, {**row, "dollars": paid.get(row["unit"], "")}) for n, row in rows], drawn, name)


def _rows(content: bytes, name: str, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Rows with their numbers, by column; a spreadsheet's guard is taken off."""
    header, rows = _cells(content, name)
    wrong = [
        BadCell(1, column, "is not there", "keep the worksheet's columns")
        if column not in header
        else BadCell(1, column, "stands twice", "expected once")
        for column in needed
        if header.count(column) != 1
    ]
    wrong = wrong or [
        BadCell(number, None, f"{len(cells)} cells", f"expected {len(header)}, as in the header")
        for number, cells in rows
        if any(cells[len(header) :])
    ]
    if wrong:
        raise WorksheetError(name, wrong)
    blank = [""] * len(header)
    return [
        (number, dict(zip(header, map(unguarded, [*cells, *blank]), strict=False))) for number, cells in rows
    ]


def _cells(content: bytes, name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows with their numbers, whatever the separator; rows of nothing are left out."""
    if content[:4] == b"PK\x03\x04":
        raise WorksheetError(name, [BadCell(None, None, "is a workbook or a zip", "save it as CSV UTF-8")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise WorksheetError(
            name, [BadCell(row, None, "is not UTF-8 text", "save it as CSV UTF-8")]
        ) from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise WorksheetError(
            name, [BadCell(None, None, f"is no CSV: {error}", "save it as CSV UTF-8")]
        ) from None
    if not rows:
        raise WorksheetError(name, [BadCell(None, None, "is empty", "expected the worksheet that was drawn")])
    header = [cell.strip() for cell in rows[0]]
    return header, [
        (number, cells) for number, cells in enumerate(rows[1:], start=2) if any(c.strip() for c in cells)
    ]


@dataclass
class _Reading:
    """What was read so far."""

    answers: dict[str, Answer] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    refusals: list[BadCell] = field(default_factory=list)


def _read(rows: Sequence[tuple[int, Mapping[str, str]]], drawn: pl.DataFrame, name: str) -> list[Answer]:
    paid = dict(drawn.sort("order").select("unit", "cents").iter_rows())
    so_far = _Reading()
    for number, row in rows:
        unit = row["unit"].strip()
        if unit not in paid:
            found = f"{unit or 'is empty'}"
            so_far.refusals.append(BadCell(number, "unit", found, "expected a unit of this draw"))
        elif unit in so_far.rows:
            first = so_far.rows[unit]
            so_far.refusals.append(BadCell(number, "unit", unit, f"expected once; it stands in row {first}"))
        else:
            so_far.rows[unit] = number
            _one(so_far, number, unit, row, paid[unit])
    gone = [unit for unit in paid if unit not in so_far.rows]
    so_far.refusals += [
        BadCell(None, None, f"{unit} has no row", "expected one row for each drawn unit") for unit in gone
    ]
    if so_far.refusals:
        raise WorksheetError(name, so_far.refusals)
    return [so_far.answers[unit] for unit in paid]


def _one(so_far: _Reading, number: int, unit: str, row: Mapping[str, str], paid: int) -> None:
    """Read one row's cells; each that cannot be used is kept with its place."""
    refused = so_far.refusals
    if cents_in(row["dollars"]) != paid:
        said = f"expected {dollars_text(paid)}, as drawn; the correct dollars go into correct_dollars"
        refused.append(BadCell(number, "dollars", row["dollars"] or "is empty", said))
    answer = " ".join(row["answer"].casefold().replace("_", " ").split())
    if answer not in ANSWERS:
        refused.append(BadCell(number, "answer", row["answer"] or "is empty", EXPECTED_ANSWER))
        return
    written = row["correct_dollars"].strip()
    correct = cents_in(written)
    if written and correct is None:
        refused.append(BadCell(number, "correct_dollars", written, EXPECTED_DOLLARS))
        return
    wanted = {OK: paid, MISSING: 0, CANNOT_TELL: None}
    if answer == ERROR:
        if correct is None:
            refused.append(
                BadCell(number, "correct_dollars", "is empty", f"{EXPECTED_DOLLARS}: the answer is error")
            )
            return
    elif written and correct != wanted[answer]:
        due = wanted[answer]
        said = "an empty cell" if due is None else f"{dollars_text(due)} or an empty cell"
        refused.append(
            BadCell(number, "correct_dollars", written, f"expected {said}: the answer is {answer}")
        )
        return
    comment = " ".join(row["comment"].split())
    so_far.answers[unit] = Answer(unit, answer, correct if answer == ERROR else wanted[answer], comment)


def cents_in(text: str) -> int | None:
    """3662 of dollars as a person writes them, `36.62` or `$36.62`; None of anything else."""
    found = DOLLARS.fullmatch(text.strip())
    if not found:
        return None
    return int(found[1].replace(",", "")) * 100 + int((found[2] or "0").ljust(2, "0"))
