"""How long a large export takes through its layout: `python -m benchmarks.layouts [LINES]`.

The file is a WebPT Documented Units report of so many lines (a million by default), five lines a visit, written for the run.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from compliance.records.load import load

HEADER = (
    "Clinic Name,Case Name,Visit ID,Patient Name,Patient DOB,Date of Service,Date of Finalization,Addendum,Documenting Therapist,"
    "Finalizing Therapist,Primary Payer Type,Primary Insurance,Secondary Payer Type,Secondary Insurance,Place of Service,"
    "Visit Type,Treating Diagnosis,Modifier,CPT Code,Units\n"
)
CODES = ("97110", "97112", "97140", "97530", "97116")
PATIENTS = 20_000


def lines(count: int) -> Iterator[str]:
    """The rows of the report."""
    dice = random.Random(7)
    for number in range(count // len(CODES)):
        patient, therapist = dice.randrange(PATIENTS), dice.randrange(80)
        day = f"{dice.randint(1, 12)}/{dice.randint(1, 28)}/2025"
        born = f"{patient % 12 + 1}/{patient % 28 + 1}/{1930 + patient % 60}"
        head = (
            f'Clinic {patient % 9},Knee,V{number},"Name{patient}, Ann",{born},{day},{day},No,'
            f'"T{therapist}, Pat","T{therapist % 60}, Ana",'
        )
        for code in CODES:
            yield f"{head}Medicare,Medicare B,,,11,Daily Note,M25.561 - Pain in right knee,GP,{code},1\n"


def main() -> None:
    """Write the file, load it, and print what it took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "documented_units.csv"
        with file.open("w") as written:
            written.write(HEADER)
            written.writelines(lines(count))
        started = time.perf_counter()
        records = load(file)
        seconds = time.perf_counter() - started
    loaded = records.tables["claim_lines"].height
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{loaded:,} lines of {records.tables['claims'].height:,} claims in {seconds:.1f} s, {peak:.1f} GB at most"
    )


if __name__ == "__main__":
    main()
