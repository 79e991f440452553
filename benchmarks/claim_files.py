"""Claims per second of reading claim files, beside the libraries that were not chosen: `python -m benchmarks.claim_files CLAIMS`.

All read the same files in the same run; a ratio above 1 is faster than ours. Ours makes typed columns, joins answers to lines
and refuses by claim; the others make what they make. The slow ones read fewer claims, at the same length of each.
"""

import io
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import oxedi
import polars as pl
import pyx12.error_handler
import pyx12.params
import pyx12.x12file
from openx12 import x835, x837p
from pyx12.x12context import X12ContextReader

from compliance.records.load import Records, from_frames, load
from compliance.records.sources import uploaded
from compliance.records.x12 import read_x12
from compliance.records.x12_guides import held_to_guides
from compliance.synth import write
from tests.written.x12 import claims_837, professional, remittances_835

CLAIMS = 20_000
FEW = 500
"""Claims for what takes a millisecond or more each."""


def main(claims: int) -> None:
    """Write an 837P and an 835 of so many claims, and read both with each."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "csv"
        write(folder, 200, 1)
        records = load(folder)
    for kind, made in (("837P", claims_837), ("835", remittances_835)):
        file, few = (made(_copied(records, wanted)) for wanted in (claims, FEW))
        opening = b"CLM*" if kind == "837P" else b"CLP*"
        print(f"{kind}: {file.count(opening):,} claims, {len(file) / 2**20:.0f} MB, "
              f"{file.count(b'~') / file.count(opening):.0f} segments a claim")  # fmt: skip
        ours = 0.0
        for name, read, given in _readers(kind, file, few):
            rate = given.count(opening) / _seconds(read, given)
            ours = ours or rate
            print(f"  {name:52} {rate:10,.0f} claims/s {rate / ours:8.2f} x", flush=True)


def _copied(records: Records, wanted: int) -> Records:
    """The sent professional claims of records with their lines and answers, under new numbers until there are enough."""
    tables = records.tables
    claims = professional(records)
    parts: dict[str, list[pl.DataFrame]] = {"claims": [], "claim_lines": [], "remittances": []}
    for copy in count():
        if copy * claims.height >= wanted:
            break
        some = claims.head(wanted - copy * claims.height)
        for name, table in (
            ("claims", some),
            ("claim_lines", tables["claim_lines"]),
            ("remittances", tables["remittances"]),
        ):
            kept = table.join(some, "claim_id", "semi")
            parts[name].append(kept.with_columns(claim_id=kept["claim_id"] + f"-{copy}"))
    shared = {
        name: tables[name] for name in ("patients", "clinics", "therapists", "payers", "authorizations")
    }
    return from_frames({**shared, **{name: pl.concat(frames) for name, frames in parts.items()}})


Reader = Callable[[bytes], object]


def _readers(kind: str, file: bytes, few: bytes) -> list[tuple[str, Reader, bytes]]:
    """Whoever reads the kind of file, ours first, each with the file that it is given."""
    reads: list[tuple[str, Reader, bytes]] = [("ours, segments to columns and joins", _ours, file)]
    if kind == "835":
        reads += [
            ("oxedi, typed tables", lambda data: oxedi.parse(data).tables["services"].to_polars(), file),
            ("oxedi, streamed by set", lambda data: sum(1 for _ in oxedi.stream(data)), file),
            ("openx12, dictionaries", lambda data: x835.parse(data.decode()).claims, file),
        ]
    else:
        reads += [("openx12, dictionaries", lambda data: x837p.parse(data.decode()).claims, file)]
    loop = "2300" if kind == "837P" else "2100"
    return [
        *reads,
        ("pyx12, segments alone", lambda data: sum(1 for _ in pyx12.x12file.X12Reader(io.StringIO(data.decode()))), few),
        ("pyx12, loops of its guide", lambda data: _loops(data, loop), few),
        ("pyx12, full validation (validate --strict)", _held, few),
    ]  # fmt: skip


def _ours(data: bytes) -> object:
    exchange = read_x12([("file", lambda: io.BytesIO(data))], None)
    assert not exchange.refusals
    return sum(raw.rows_read for raw in exchange.tables)


def _loops(data: bytes, loop: str) -> int:
    reader = X12ContextReader(
        pyx12.params.params(), pyx12.error_handler.err_handler(), io.StringIO(data.decode())
    )
    return sum(each.id == loop for each in reader.iter_segments(loop))


def _held(data: bytes) -> object:
    (held,) = held_to_guides(uploaded([("file", data)]).sources, lambda said: None)
    assert held.valid, held.render()
    return held


def _seconds(read: Reader, given: bytes) -> float:
    """Seconds of the processor, the best of three: of a machine that others use too, it tells most."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        read(given)
        taken.append(time.process_time() - began)
    return min(taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CLAIMS)
