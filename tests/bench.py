"""Seconds and memory on synthetic records: `python -m tests.bench [PATIENTS]`, or `make bench`."""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from compliance.audit import audit
from compliance.policy import load_policies
from compliance.records.load import load
from compliance.synth import write

PATIENTS = 2000


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took, and the most memory the process has held so far."""
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:32} {seconds:8.2f} s {held:8.0f} MB")


def main(patients: int) -> None:
    """Write records, read them as CSV and as Parquet, and run every check."""
    with tempfile.TemporaryDirectory() as place:
        folder, columns = Path(place) / "csv", Path(place) / "parquet"
        columns.mkdir()
        with timed(f"write {patients:,} patients"):
            write(folder, patients, 1)
        with timed("read CSV"):
            records = load(folder)
        for name, table in records.tables.items():
            table.write_parquet(columns / f"{name}.parquet")
        with timed("read Parquet"):
            records = load(columns)
        lines = records.tables["claim_lines"].height
        with timed(f"check {lines:,} claim lines"):
            found = audit(records, load_policies(), date(2026, 7, 1)).findings.height
        print(f"{found:,} findings")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS)
