"""Records as claim files: an 837 professional of the claims that were sent, and an 835 of what payers answered.

What the implementation guides ask and no table holds (addresses, a tax number, who sends and who receives) is made up.
Institutional claims, claims that were never sent and therapists without an NPI have no place in an 837 professional.
"""

import re
from collections.abc import Iterator
from itertools import groupby

import polars as pl

from compliance.records.load import Records

FILING = {
    "medicare": "MB", "medicare_advantage": "16", "medicaid": "MC", "commercial": "CI", "tricare": "CH",
    "workers_comp": "WC", "auto": "AM", "self_pay": "ZZ", None: "ZZ",
}  # fmt: skip
"""SBR09; version 5010 has no code for a patient who pays."""
FILING_835 = {**FILING, "commercial": "12"}
"""CLP06, whose list lacks CI."""
TAXONOMY = {
    ("PT", "therapist"): "225100000X", ("PT", "assistant"): "225200000X", ("OT", "therapist"): "225X00000X",
    ("OT", "assistant"): "224Z00000X", ("SLP", "therapist"): "235Z00000X", ("SLP", "assistant"): "2355S0801X",
}  # fmt: skip
STATUS = {None: "1", 1: "1", 2: "2", 3: "3"}
ORDER = {None: "P", 1: "P", 2: "S", 3: "T"}
ISA = ("ISA", "00", " " * 10, "00", " " * 10, "ZZ", "CLINIC".ljust(15), "ZZ", "PAYERS".ljust(15), "260701", "1200", "^",
       "00501", "000000001", "0", "P", ":")  # fmt: skip


def claims_837(records: Records) -> bytes:
    """The sent professional claims of records as one interchange, a set for each day of submission."""
    return _interchange("HC", "837", "005010X222A1", _Claims(records).sets())


def remittances_835(records: Records) -> bytes:
    """The remittances of records to sent professional claims as one interchange, a set for each payment."""
    return _interchange("HP", "835", "005010X221A1", _Answers(records).sets())


def professional(records: Records) -> pl.DataFrame:
    """The claims that an 837 professional carries."""
    sent = pl.col("submitted_on").is_not_null()
    return records.tables["claims"].filter(
        sent & (pl.col("form").fill_null("professional") == "professional")
    )


Segment = tuple[object, ...]


def _interchange(code: str, kind: str, version: str, sets: Iterator[list[Segment]]) -> bytes:
    written = [ISA, ("GS", code, "CLINIC", "PAYERS", "20260701", "1200", "1", "X", version)]
    count = 0
    for count, body in enumerate(sets, 1):
        opening = ("ST", kind, f"{count:04d}", version) if kind == "837" else ("ST", kind, f"{count:04d}")
        written += [opening, *body, ("SE", len(body) + 2, f"{count:04d}")]
    written += [("GE", count, "1"), ("IEA", "1", "000000001")]
    return "\n".join(_text(segment) for segment in written).encode() + b"\n"


def _text(segment: Segment) -> str:
    elements = ["" if each is None else str(each) for each in segment]
    while not elements[-1]:
        elements.pop()
    return "*".join(elements) + "~"


def money(value: float | None) -> str:
    """Dollars as X12 writes them: without zeros that say nothing."""
    return f"{value or 0:.2f}".rstrip("0").rstrip(".")


def _plain(text: str | None, length: int = 60) -> str:
    return re.sub(r"[*~:^\s]+", " ", text or "").strip()[:length]


def _day(value) -> str:
    return value.strftime("%Y%m%d") if value else ""


def _person(code: str, name: str | None, qualifier: str, number: str | None) -> Segment:
    first, _, last = _plain(name).partition(" ")
    first, last = (first, last) if last else ("", first or "UNKNOWN")
    return ("NM1", code, "1", last, first, "", "", "", qualifier if number else "", number)


def _by(table: pl.DataFrame, key: str) -> dict[str, dict]:
    return {row[key]: row for row in table.iter_rows(named=True)}


class _Claims:
    def __init__(self, records: Records) -> None:
        tables = records.tables
        self.claims = professional(records)
        self.lines: dict[str, list[dict]] = {}
        for row in tables["claim_lines"].sort("claim_id", "line").iter_rows(named=True):
            self.lines.setdefault(row["claim_id"], []).append(row)
        self.patients, self.payers = (
            _by(tables["patients"], "patient_id"),
            _by(tables["payers"], "payer_id"),
        )
        self.clinics = _by(tables["clinics"], "clinic_id")
        self.therapists = _by(tables["therapists"], "therapist_id")
        self.numbers = dict(tables["authorizations"].select("authorization_id", "number").iter_rows())
        self.level = 0

    def sets(self) -> Iterator[list[Segment]]:
        rows = self.claims.sort("submitted_on", "clinic_id", "claim_id").rows(named=True)
        for number, (day, sent) in enumerate(groupby(rows, key=lambda row: row["submitted_on"]), 1):
            body = [
                ("BHT", "0019", "00", number, _day(day), "1200", "CH"),
                ("NM1", "41", "2", "CLINIC", "", "", "", "", "46", "CLINIC"),
                ("PER", "IC", "BILLING", "TE", "5555550100"),
                ("NM1", "40", "2", "PAYERS", "", "", "", "", "46", "PAYERS"),
            ]
            self.level = 0
            for clinic, claims in groupby(sent, key=lambda row: row["clinic_id"]):
                body += self._clinic(self.clinics.get(clinic, {}), list(claims))
            yield body

    def _clinic(self, clinic: dict, claims: list[dict]) -> Iterator[Segment]:
        self.level += 1
        above = self.level
        yield ("HL", above, "", "20", "1")
        npi = claims[0]["billing_npi"] or clinic.get("npi")
        yield ("NM1", "85", "2", _plain(clinic.get("name")) or "CLINIC", "", "", "", "", "XX", npi)
        yield ("N3", "1 MAIN ST")
        yield ("N4", "TOWN", clinic.get("state") or "MD", "212010000")
        yield ("REF", "EI", "123456789")
        for claim in claims:
            yield from self._claim(claim, above)

    def _claim(self, claim: dict, above: int) -> Iterator[Segment]:
        self.level += 1
        patient, payer = self.patients[claim["patient_id"]], self.payers[claim["payer_id"]]
        yield ("HL", self.level, above, "22", "0")
        yield ("SBR", ORDER[claim["payer_order"]], "18", *[""] * 6, FILING[payer["kind"]])
        yield _person("IL", patient["name"], "MI", patient["patient_id"])
        yield ("N3", "2 MAIN ST")
        yield ("N4", "TOWN", "MD", "21201")
        if patient["birth_date"]:
            yield ("DMG", "D8", _day(patient["birth_date"]), patient["sex"] or "U")
        yield ("NM1", "PR", "2", _plain(payer["name"]), "", "", "", "", "PI", payer["payer_id"])
        yield from self._detail(claim, patient)

    def _detail(self, claim: dict, patient: dict) -> Iterator[Segment]:
        lines = self.lines.get(claim["claim_id"], [])
        place = next((line["place_of_service"] for line in lines if line["place_of_service"]), "11")
        total = money(sum(line["charge"] or 0 for line in lines))
        form = f"{place}:B:{claim['frequency_code'] or 1}"
        yield ("CLM", claim["claim_id"], total, "", "", form, "Y", "A", "Y", "Y")
        if claim["authorization_id"]:
            yield ("REF", "G1", self.numbers.get(claim["authorization_id"]) or claim["authorization_id"])
        if claim["original_claim_id"]:
            yield ("REF", "F8", claim["original_claim_id"])
        codes = (claim["diagnosis_codes"] or "").split()
        if codes:
            qualifiers = ["ABK", *["ABF"] * 11]
            yield (
                "HI",
                *(f"{of}:{code.replace('.', '')}" for of, code in zip(qualifiers, codes, strict=False)),
            )
        if claim["referring_npi"]:
            yield _person("DN", "REFERRING PHYSICIAN", "XX", claim["referring_npi"])
        if claim["payer_order"] in (1, None) and patient["secondary_payer_id"]:
            yield from self._second(patient, self.payers[patient["secondary_payer_id"]])
        for line in lines:
            yield from self._line(line, codes)

    def _second(self, patient: dict, payer: dict) -> Iterator[Segment]:
        yield ("SBR", "S", "18", *[""] * 6, FILING[payer["kind"]])
        yield ("OI", "", "", "Y", "", "", "Y")
        yield _person("IL", patient["name"], "MI", patient["patient_id"])
        yield ("NM1", "PR", "2", _plain(payer["name"]), "", "", "", "", "PI", payer["payer_id"])

    def _line(self, line: dict, codes: list[str]) -> Iterator[Segment]:
        service = ":".join(["HC", line["cpt"], *(line["modifiers"] or "").split()[:4]])
        pointers = [
            str(codes.index(pointer) + 1) if pointer in codes else pointer
            for pointer in (line["diagnosis_pointers"] or "").split()
        ]
        yield ("LX", line["line"])
        yield ("SV1", service, money(line["charge"]), "UN", line["units"], line["place_of_service"], "",
               ":".join(pointers[:4]))  # fmt: skip
        yield ("DTP", "472", "D8", _day(line["service_date"]))
        yield ("REF", "6R", line["line"])
        therapist = self.therapists.get(line["therapist_id"] or "", {})
        if therapist.get("npi"):
            yield _person("82", therapist["name"], "XX", therapist["npi"])
            taxonomy = TAXONOMY.get((therapist["discipline"], therapist["role"]))
            if taxonomy:
                yield ("PRV", "PE", "PXC", taxonomy)


class _Answers:
    def __init__(self, records: Records) -> None:
        self.source = _Claims(records)
        claims = self.source.claims.select("claim_id", "payer_id", "clinic_id")
        self.claims = _by(self.source.claims, "claim_id")
        self.lines = {
            claim: {line["line"]: line for line in lines} for claim, lines in self.source.lines.items()
        }
        self.rows = records.tables["remittances"].join(claims, "claim_id", "inner", maintain_order="left")

    def sets(self) -> Iterator[list[Segment]]:
        order = ("paid_on", "payer_id", "clinic_id", "claim_id")
        rows = self.rows.sort(*order, "line", nulls_last=True, maintain_order=True).rows(named=True)
        payments = groupby(rows, key=lambda row: tuple(row[name] for name in order[:3]))
        for number, ((day, payer, clinic), answers) in enumerate(payments, 1):
            yield self._payment(number, _day(day), payer, clinic, list(answers))

    def _payment(self, number: int, day: str, payer: str, clinic: str, rows: list[dict]) -> list[Segment]:
        paid = sum(row["paid"] or 0 for row in rows)
        way = ("I", money(paid), "C", "CHK") if paid > 0 else ("H", "0", "C", "NON")
        names = self.source.payers[payer], self.source.clinics[clinic]
        body: list[Segment] = [
            ("BPR", *way, *[""] * 11, day), ("TRN", "1", f"CHECK{number}", "1123456789"), ("DTM", "405", day),
            ("N1", "PR", _plain(names[0]["name"])), ("N3", "3 MAIN ST"), ("N4", "TOWN", "MD", "21201"),
            ("PER", "BL", "CLAIMS", "TE", "5555550101"),
            ("N1", "PE", _plain(names[1]["name"]), "XX", names[1]["npi"]), ("LX", "1"),
        ]  # fmt: skip
        for claim_id, answers in groupby(rows, key=lambda row: row["claim_id"]):
            body += self._answer(self.claims[claim_id], list(answers), names[0]["kind"])
        return body

    def _answer(self, claim: dict, rows: list[dict], kind: str | None) -> Iterator[Segment]:
        lines = self.lines.get(claim["claim_id"], {})
        charged = sum(self._charge(row, lines) for row in rows)
        paid, owed = (sum(row[name] or 0 for row in rows) for name in ("paid", "patient_responsibility"))
        patient = self.source.patients[claim["patient_id"]]
        status = "22" if charged < 0 else STATUS[claim["payer_order"]]
        yield ("CLP", claim["claim_id"], status, money(charged), money(paid), money(owed), FILING_835[kind],
               f"P{claim['claim_id']}", "11", claim["frequency_code"] or "1")  # fmt: skip
        whole = [row for row in rows if row["line"] is None]
        for row in whole:
            yield from _adjustments(row)
        yield _person("QC", patient["name"], "MI", patient["patient_id"])
        remarks = [code for row in whole for code in (row["remarks"] or "").split()]
        if remarks:
            yield ("MOA", "", "", *remarks[:5])
        for row in [row for row in rows if row["line"] is not None]:
            yield from self._service(row, lines)

    def _service(self, row: dict, lines: dict[int, dict]) -> Iterator[Segment]:
        line = lines[row["line"]]
        service = ":".join(["HC", line["cpt"], *(line["modifiers"] or "").split()[:4]])
        yield ("SVC", service, money(self._charge(row, lines)), money(row["paid"]), "", line["units"])
        yield ("DTM", "472", _day(line["service_date"]))
        yield from _adjustments(row)
        yield ("REF", "6R", row["line"])
        if row["allowed"] is not None:
            yield ("AMT", "B6", money(row["allowed"]))
        for code in (row["remarks"] or "").split():
            yield ("LQ", "HE", code)

    def _charge(self, row: dict, lines: dict[int, dict]) -> float:
        """What the answer is about: what was paid, and what was not."""
        said = [each.rpartition(":")[2] for each in (row["adjustments"] or "").split()]
        answered = (row["paid"] or 0) + sum(map(float, said))
        return answered if said or row["line"] is None else lines[row["line"]]["charge"] or answered


def _adjustments(row: dict) -> Iterator[Segment]:
    groups: dict[str, list[str]] = {}
    for group, reason, value in re.findall(r"([A-Z]{2})-([A-Z0-9]+):(-?[\d.]+)", row["adjustments"] or ""):
        groups.setdefault(group, []).extend([reason, money(float(value)), ""])
    for group, elements in groups.items():
        for start in range(0, len(elements), 18):
            yield ("CAS", group, *elements[start : start + 18])
