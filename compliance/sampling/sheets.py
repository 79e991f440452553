"""CSV of one spelling: the same rows are the same bytes on every machine, and no spreadsheet runs a cell as a formula.

UTF-8, commas, a line feed after each row, quotes only where needed; dollars with two decimals. A cell that would begin as a
formula has one apostrophe before it, which reading takes away.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from compliance.formats import FORMULA

RUNS = re.compile(FORMULA)
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def sheet_text(columns: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """Rows under their header; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if cell is None else _guarded(str(cell)) for cell in row)
    return buffer.getvalue()


def sheet_rows(text: str) -> list[dict[str, str]]:
    """What `sheet_text` wrote."""
    return [
        {name: unguarded(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def _guarded(cell: str) -> str:
    return f"'{cell}" if RUNS.search(cell) and not NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and RUNS.search(cell[1:]) else cell


def dollars_text(cents: int) -> str:
    """`36.62` of 3662 cents."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02}"


def cents_of(text: str) -> int:
    """3662 of `36.62`, as `dollars_text` writes it."""
    whole, _, rest = text.lstrip("-").partition(".")
    cents = int(whole) * 100 + int(rest or 0)
    return -cents if text.startswith("-") else cents
