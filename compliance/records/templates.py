"""Empty tables to fill in: a CSV file for each table, and a workbook with a sheet for each, which is read as it is filled."""

import io
from datetime import datetime

import xlsxwriter

from compliance.records.cells import expected
from compliance.records.models import TABLES, Column, columns

MADE = datetime(2026, 1, 1)
"""When the workbook says it was made: the same template has the same bytes."""
WIDEST = 28


def template_csv(table: str) -> str:
    """The header of a table as CSV. Raises KeyError for a table that the records do not have."""
    return ",".join(column.name for column in columns(table)) + "\n"


def template_workbook() -> bytes:
    """An Excel workbook with a sheet for each table: its header, each cell with a comment that says what belongs there."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.set_properties({"title": "Tables for the records of a clinic", "created": MADE})
        key = book.add_format({"bold": True, "bg_color": "#DDEBEC", "border": 1})
        other = book.add_format({"bg_color": "#F4F6F8", "border": 1})
        text = book.add_format({"num_format": "@"})
        for table in TABLES:
            sheet = book.add_worksheet(table)
            for place, column in enumerate(columns(table)):
                sheet.set_column(place, place, min(WIDEST, len(column.name) + 4), text)
                sheet.write_string(0, place, column.name, key if column.required else other)
                sheet.write_comment(0, place, comment(column), {"x_scale": 2})
            sheet.freeze_panes(1, 0)
    return buffer.getvalue()


def comment(column: Column) -> str:
    """What belongs into a column: its meaning, its form, what it refers to."""
    said = [column.description.replace("`", ""), f"Expected: {expected(column)}."]
    if column.required:
        said.append("Must be filled: it identifies the row.")
    if column.refers_to:
        said.append(f"Refers to {column.refers_to}.")
    return "\n".join(said)
