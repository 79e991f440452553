"""Resources per second of reading FHIR claims: `make bench-fhir`, or `python -m benchmarks.fhir CLAIMS`.

Beside the whole way from file to checked tables stand plain JSON without any model, which cannot be undercut, and
fhir.resources, which validates every element; figures of one run, as ratios, since seconds say more of the machine.
"""

import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from compliance.records.fhir_models import Claim
from compliance.records.load import load

CLAIMS = 20_000
ORACLE = 2_000
"""Claims that fhir.resources reads: enough to time it."""


def claim(number: int) -> dict[str, Any]:
    """A claim of two lines, as a billing system exports it."""

    def coded(system: str, code: str) -> dict[str, Any]:
        return {"coding": [{"system": system, "code": code}]}

    def item(line: int, code: str) -> dict[str, Any]:
        return {
            "sequence": line, "careTeamSequence": [1], "diagnosisSequence": [1, 2], "servicedDate": "2026-03-02",
            "productOrService": coded("http://www.ama-assn.org/go/cpt", code), "quantity": {"value": 2},
            "modifier": [coded("urn:oid:2.16.840.1.113883.6.14", "GP")], "net": {"value": 90.5, "currency": "USD"},
        }  # fmt: skip

    icd = "http://hl7.org/fhir/sid/icd-10-cm"
    return {
        "resourceType": "Claim", "id": f"C{number:07}", "status": "active", "use": "claim", "created": "2026-03-05",
        "type": coded("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "patient": {"reference": f"Patient/P{number % 500}"}, "provider": {"reference": "Organization/CL1"},
        "priority": coded("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/V{number % 500}"}}],
        "careTeam": [{"sequence": 1, "provider": {"reference": f"Practitioner/T{number % 9}"}}],
        "diagnosis": [{"sequence": place, "diagnosisCodeableConcept": coded(icd, code)}
                      for place, code in ((1, "M54.50"), (2, "R26.2"))],
        "item": [item(1, "97110"), item(2, "97530")],
    }  # fmt: skip


def entries(lines: list[str]) -> Iterator[str]:
    """The same claims as a bundle, entry by entry."""
    yield '{"resourceType":"Bundle","type":"collection","entry":['
    for number, line in enumerate(lines):
        yield f'{"," if number else ""}{{"fullUrl":"urn:uuid:{number}","resource":{line}}}'
    yield "]}"


def timed(what: str, count: int, work: Callable[[], object], against: float | None = None) -> float:
    """Print and return resources per second of processor time, and the ratio to `against`."""
    began = time.process_time()
    work()
    rate = count / (time.process_time() - began)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = f"{rate / against:8.2f} x json" if against else ""
    print(f"{what:52} {rate:10,.0f}/s {held:8.0f} MB {ratio}", flush=True)
    return rate


def main(count: int) -> None:
    """Write claims as NDJSON and as a bundle, and read them each way."""
    lines = [json.dumps(claim(number), separators=(",", ":")) for number in range(count)]
    with tempfile.TemporaryDirectory() as place:
        by_line, bundle = Path(place) / "Claim.ndjson", Path(place) / "bundle.json"
        by_line.write_text("\n".join(lines), encoding="utf-8")
        bundle.write_text("".join(entries(lines)), encoding="utf-8")
        load(by_line)
        plain = timed("json alone", count, lambda: [json.loads(line) and None for line in lines])
        timed(
            "our model alone",
            count,
            lambda: [Claim.model_validate_json(line) and None for line in lines],
            plain,
        )
        timed("NDJSON to checked tables", count, lambda: load(by_line), plain)
        timed("a bundle to checked tables", count, lambda: load(bundle), plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fhir.resources.R4B.claim import Claim as Oracle

        some = lines[:ORACLE]
        Oracle.model_validate_json(some[0])
        timed(
            "fhir.resources alone",
            len(some),
            lambda: [Oracle.model_validate_json(line) and None for line in some],
            plain,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CLAIMS)
