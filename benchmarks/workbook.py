"""Seconds and memory of reading a workbook: `make bench-workbook`, or `python -m benchmarks.workbook ROWS`.

A sheet of claim lines, a third of the rows a claim, dates as cells of a date format. Beside the whole way from file to
checked tables stands the same table as CSV.
"""

import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import xlsxwriter

from compliance.records.load import load

ROWS = 300_000
HEADER = "claim_id line service_date cpt modifiers units charge therapist_id diagnosis_pointers place_of_service note_id"


def row(number: int) -> list[str | int | float | datetime]:
    """A claim line."""
    day = datetime(2026, 1, 1) + timedelta(days=number % 180)
    return [
        f"C{number // 3:07}", number % 3 + 1, day, "97110", "GP KX", 2, 90.5, f"T{number % 40:04}", "M54.50", "11",
        f"N{number:07}",
    ]  # fmt: skip


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """The workbook and the CSV."""
    workbook, text = folder / "clinic.xlsx", folder / "claim_lines.csv"
    book = xlsxwriter.Workbook(workbook, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("claim_lines")
    sheet.write_row(0, 0, HEADER.split())
    with text.open("w", encoding="utf-8") as lines:
        lines.write(HEADER.replace(" ", ",") + "\n")
        for number in range(rows):
            cells = row(number)
            sheet.write_row(number + 1, 0, cells)
            lines.write(
                ",".join(f"{cell:%Y-%m-%d}" if isinstance(cell, datetime) else str(cell) for cell in cells)
                + "\n"
            )
    book.close()
    return workbook, text


def main() -> None:
    """Print seconds of the processor for both files, and the most memory that reading the workbook took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        workbook, text = write(Path(folder), rows)
        for file in (workbook, text):
            begun = time.process_time()
            read = load(file).tables["claim_lines"].height
            spent = time.process_time() - begun
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{file.suffix:<6} {read:>9,} rows  {spent:6.1f} s  at most {most:,.0f} MB so far")


if __name__ == "__main__":
    main()
