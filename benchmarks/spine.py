"""Seconds and memory of reading and checking synthetic records: `make bench`, or `python -m benchmarks.spine PATIENTS`.

Figures are printed with their ratio to the plainest way of doing the same thing in the same run, since seconds alone
say more of the machine than of the program.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from compliance.audit import audit
from compliance.checks.rule import catalogue
from compliance.policy import load_policies
from compliance.records.load import Records, load
from compliance.synth import write

PATIENTS = 2000
AS_OF = date(2026, 7, 1)


@contextmanager
def timed(what: str, against: float | None = None) -> Iterator[list[float]]:
    """Print how long the block took, the most memory held so far, and the ratio to `against` seconds."""
    taken: list[float] = []
    began = time.perf_counter()
    yield taken
    taken.append(time.perf_counter() - began)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = f"{taken[0] / against:8.1f} x" if against else ""
    print(f"{what:44} {taken[0]:8.2f} s {held:8.0f} MB {ratio}", flush=True)


def main(patients: int) -> None:
    """Write records, read them as CSV and Parquet beside bare Polars, and run every check."""
    with tempfile.TemporaryDirectory() as place:
        folder, columns = Path(place) / "csv", Path(place) / "parquet"
        columns.mkdir()
        with timed(f"write {patients:,} patients"):
            write(folder, patients, 1)
        files = sorted(each for each in folder.glob("*.csv") if each.stem != "truth")
        with timed("Polars reads the CSV files as text") as bare:
            rows = {each.stem: pl.read_csv(each, infer_schema=False).height for each in files}
        print(f"  {rows.get('claim_lines', 0):,} claim lines, {rows.get('notes', 0):,} notes")
        with timed("read CSV, typed and checked", bare[0]):
            records = load(folder)
        for name, table in records.tables.items():
            if name not in records.absent_tables:
                table.write_parquet(columns / f"{name}.parquet")
        with timed("read Parquet, typed and checked", bare[0]):
            load(columns)
        _check(records, bare[0])


def _check(records: Records, bare: float) -> None:
    policies = load_policies()
    with timed(f"all {len(catalogue())} rules", bare) as whole:
        result = audit(records, policies, AS_OF)
    print(f"  {result.findings.height:,} findings")
    for family in sorted({rule.family for rule in catalogue().values()}):
        rules = [rule for rule in catalogue().values() if rule.family == family]
        with timed(f"  {family}: {len(rules)} rules, tables and readings anew", whole[0]):
            audit(records, policies, AS_OF, rules)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS)
