"""Records as one workbook with a sheet a table, as a clinic would keep or export them."""

import io
from datetime import datetime, time

import polars as pl
import xlsxwriter

from compliance.records.load import Records
from compliance.records.models import TABLES, Kind, columns

LONGEST = 32_767
"""Characters that Excel holds in a cell."""


def workbook_of(records: Records, titles: tuple[str, ...] = ()) -> bytes:
    """The present tables of records, each on a sheet of its name with only the columns that files carried.

    Dates and moments are cells of a date format, numbers are numbers, flags are booleans; what Excel cannot hold as its
    own type (a moment at midnight where a date alone means another time, a number as key) is text. `titles` stand
    above each header.
    """
    made = io.BytesIO()
    book = xlsxwriter.Workbook(
        made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    formats = {
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "moment": book.add_format({"num_format": "mm/dd/yyyy hh:mm:ss"}),
    }
    for name in TABLES:
        if name in records.absent_tables:
            continue
        sheet = book.add_worksheet(name)
        for row, title in enumerate(titles):
            sheet.write_string(row, 0, title)
        held = [column for column in columns(name) if f"{name}.{column.name}" not in records.absent_columns]
        for place, column in enumerate(held):
            sheet.write_string(len(titles), place, column.name)
            _column(sheet, len(titles) + 1, place, records.tables[name][column.name], column.kind, formats)
    book.close()
    return made.getvalue()


def _column(sheet, first: int, place: int, cells: pl.Series, kind: Kind, formats) -> None:
    for row, cell in enumerate(cells, start=first):
        if cell is None:
            continue
        if isinstance(cell, bool):
            sheet.write_boolean(row, place, cell)
        elif isinstance(cell, datetime):
            _moment(sheet, row, place, cell, kind, formats)
        elif isinstance(cell, (int, float)):
            sheet.write_number(row, place, cell)
        else:
            assert len(cell) <= LONGEST
            sheet.write_string(row, place, cell)


def _moment(sheet, row: int, place: int, cell: datetime, kind: Kind, formats) -> None:
    if kind is Kind.DATE:
        sheet.write_datetime(row, place, cell, formats["day"])
    elif cell.time() == time(0):
        sheet.write_string(row, place, cell.isoformat())
    else:
        sheet.write_datetime(row, place, cell, formats["moment"])
