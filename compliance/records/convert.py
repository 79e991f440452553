"""Records written as typed Parquet, a file a table, so that loading them again gives the same records.

The folder appears at once and whole, or not at all. What the records lack stays away: a table or a column that no file
carried is not written, so that the rules which need it do not run on the copy either.
"""

import json
import os
import secrets
import shutil
from pathlib import Path

from compliance.records.load import InputError, Records
from compliance.records.lost import as_text
from compliance.records.models import TABLES, schema
from compliance.records.tables import SETTLED

REPORT = "_load_report.json"
"""The load report beside the tables. Its name begins with a mark that loading passes over."""


def convert(records: Records, folder: Path) -> None:
    """Write the tables of records and their load report into a folder that is new or empty.

    Raises InputError where there is no such place, or something in it.
    """
    place = ready(folder)
    written = place.parent / f".{place.name[:60]}.{secrets.token_hex(6)}.partial"
    try:
        written.mkdir()
        for name in TABLES:
            if name not in records.absent_tables:
                table = records.tables[name].select(_carried(records, name))
                table.write_parquet(written / f"{name}.parquet", metadata={SETTLED: _told(records, name)})
        report = json.dumps(records.report.as_dict(), indent=2, ensure_ascii=False)
        (written / REPORT).write_text(
            report.encode("utf-8", "backslashreplace").decode() + "\n", encoding="utf-8"
        )
        _settled(written)
        os.rename(written, place)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(written, ignore_errors=True)


def ready(folder: Path) -> Path:
    """Where a folder is, links followed, if tables may be written there. Raises InputError where not."""
    place = Path(os.path.realpath(folder))
    if place.exists() and not place.is_dir():
        raise InputError(f"{folder}: is a file (expected a new folder)")
    if place.exists() and any(place.iterdir()):
        raise InputError(f"{folder}: is not empty (expected a new or an empty folder; nothing was written)")
    if not place.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {place.parent}")
    if not os.access(place.parent, os.W_OK):
        raise InputError(f"{folder}: may not be written there")
    return place


def _carried(records: Records, table: str) -> list[str]:
    """The columns that files carried: those without any value among them, and those that count as not exported."""
    absent = records.absent_columns - records.unfilled_columns
    held = records.tables[table]
    return [
        column
        for column in schema(table)
        if f"{table}.{column}" not in absent or held[column].null_count() < held.height
    ]


def _told(records: Records, table: str) -> str:
    """Which columns of a table count as not exported although it holds values, why others are absent, and whose rows were
    refused, as JSON."""
    absent = records.absent_columns - records.unfilled_columns
    withheld = [column for column in _carried(records, table) if f"{table}.{column}" in absent]
    why = records.reasons
    return json.dumps(
        {
            "withheld": {column: why.get(f"{table}.{column}", "") for column in withheld},
            "reasons": dict(why),
            "lost": as_text(records.lost.get(table)),
        }
    )


def _settled(folder: Path) -> None:
    """Have the files on the disk before the folder bears its name."""
    for file in folder.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
