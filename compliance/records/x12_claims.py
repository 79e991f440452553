"""837 professional claims (005010X222) into claims, lines, payers, patients, therapists and clinics.

What a claim file does not say stays empty: a therapist without a taxonomy code has no discipline or role, a clinic no
setting. Ids are those of the file: the patient control number, the member id, the payer id, the NPI.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from compliance.records.delimited import ROW, RawTable
from compliance.records.x12 import (
    DIGITS,
    Broken,
    Exchange,
    Segment,
    TransactionSet,
    amount,
    is_procedure,
    iso_date,
    raw_table,
)

FILING: Mapping[str, str] = {
    "09": "self_pay",
    "12": "commercial",  # preferred provider organisation
    "13": "commercial",  # point of service
    "14": "commercial",  # exclusive provider organisation
    "15": "commercial",  # indemnity insurance
    "16": "medicare_advantage",  # HMO that bears Medicare risk
    "AM": "auto",
    "BL": "commercial",  # Blue Cross/Blue Shield
    "CH": "tricare",
    "CI": "commercial",
    "HM": "commercial",  # health maintenance organisation
    "MA": "medicare",  # Part A
    "MB": "medicare",  # Part B
    "MC": "medicaid",
    "WC": "workers_comp",
}
"""SBR09, claim filing indicator, to the kind of payer; others (11, 17, DS, FI, LM, OF, TV, VA, ZZ) are none of ours."""

TAXONOMY: Mapping[str, tuple[str, str]] = {
    "2251": ("PT", "therapist"),  # 225100000X, and specialisations such as 2251X0800X
    "2252": ("PT", "assistant"),  # 225200000X
    "225X": ("OT", "therapist"),  # 225X00000X, 225XH1200X …
    "224Z": ("OT", "assistant"),  # 224Z00000X …
    "235Z": ("SLP", "therapist"),  # 235Z00000X
    "2355S0801X": ("SLP", "assistant"),  # 2355A2700X, beside it, assists an audiologist
}
"""NUCC taxonomy codes, whole or by their first four characters, to discipline and role."""

PAYER_ORDER = {"P": "1", "S": "2", "T": "3"}
FREQUENCIES = {"1", "7", "8"}
TABLES: Mapping[str, tuple[str, ...]] = {
    "clinics": ("clinic_id", "name", "state", "npi"),
    "therapists": ("therapist_id", "name", "npi", "discipline", "role"),
    "payers": ("payer_id", "name", "kind"),
    "patients": ("patient_id", "name", "birth_date", "sex", "secondary_payer_id"),
    "claims": ("claim_id", "patient_id", "payer_id", "clinic_id", "billing_npi", "frequency_code", "original_claim_id",
               "authorization_id", "diagnosis_codes", "referring_npi", "form", "payer_order", "submitted_on", "status"),
    "claim_lines": ("claim_id", "line", "service_date", "cpt", "modifiers", "units", "charge", "therapist_id",
                    "diagnosis_pointers", "place_of_service"),
}  # fmt: skip
"""The tables and columns that an 837 feeds."""


def discipline_and_role(taxonomy: str) -> tuple[str | None, str | None]:
    """Discipline and role that a NUCC taxonomy code names; nulls where it names no therapist."""
    code = taxonomy.upper()
    return TAXONOMY.get(code) or TAXONOMY.get(code[:4]) or (None, None)


@dataclass
class Party:
    """Somebody or something that an NM1 loop names."""

    id: str | None = None
    name: str | None = None
    person: bool = False
    state: str | None = None
    taxonomy: str = ""
    birth_date: str | None = None
    sex: str | None = None


@dataclass
class Line:
    """A service line as the file states it."""

    position: int
    number: int
    procedure: str = ""
    modifiers: str = ""
    charge: float | None = None
    units: str | None = None
    place: str = ""
    pointers: str = ""
    service_date: str | None = None
    control_number: str = ""
    rendering: Party | None = None
    priced: bool = False


@dataclass
class Claim:
    """A claim as the file states it."""

    file: str
    position: int
    number: str
    total: float
    frequency: str
    place: str
    patient: Party | None
    payer: Party | None
    kind: str | None
    payer_order: str | None
    billing: Party | None
    submitted_on: str | None
    lines: list[Line] = field(default_factory=list)
    diagnoses: list[str] = field(default_factory=list)
    original: str = ""
    authorization: str = ""
    referring: str | None = None
    rendering: Party | None = None
    secondary: Party | None = None
    claim_id: str = ""
    original_claim_id: str | None = None

    def content(self) -> tuple[object, ...]:
        """What two copies of one claim have in common, whenever and in whichever file they were sent."""
        lines = tuple((line.number, line.procedure, line.modifiers, line.units, line.charge, line.service_date,
                       line.rendering.id if line.rendering else None) for line in self.lines)  # fmt: skip
        return (self.frequency, self.parties(), self.total, tuple(self.diagnoses), self.original, lines)

    def parties(self) -> tuple[str | None, ...]:
        """Ids of patient, payer and billing provider."""
        return tuple(party.id if party else None for party in (self.patient, self.payer, self.billing))


class Claims:
    """Claims of many files, gathered; ids are settled when all have been read."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.claims: list[Claim] = []
        self.by_number: dict[str, list[Claim]] = {}

    def read(self, given: TransactionSet) -> None:
        """Read a set; claims with a broken segment are refused."""
        before = len(self.claims)
        reader = _Set(given, self.exchange)
        self.claims += reader.claims()
        read = self.claims[before:]
        lines = sum(len(claim.lines) for claim in read)
        notes = reader.told["notes"]
        said = f"837 professional: {len(read):,} claims, {lines:,} lines"
        self.exchange.note(
            given.file, said + (f"; {notes:,} notes (NTE, CN1) were not read" if notes else ""), len(read)
        )
        for what, count in reader.told.items():
            if what != "notes":
                self.exchange.note(given.file, f"{count:,} {what}", count)

    def settle(self, payer_numbers: Mapping[str, str]) -> None:
        """Give each claim its id and its original.

        `payer_numbers`: payer's claim number to the claim number of a remittance, by which a replacement names its
        original. Claims that share a number stay apart where payer, patient, provider or frequency differ.
        """
        standing = []
        seen: dict[str, set[object]] = {}
        copies: Counter[str] = Counter()
        reused: dict[str, list[str]] = {}
        for claim in self.claims:
            others = self.by_number.setdefault(claim.number, [])
            known = seen.setdefault(claim.number, set())
            original = ("original", claim.parties())
            if claim.content() in known:
                copies[claim.file] += 1
                continue
            if claim.frequency == "1" and original in known:
                found = f"claim {claim.number} again, with other content"
                wanted = "another claim number, or frequency 7 (replacement) or 8 (void)"
                self.exchange.refuse(claim.file, claim.position, found, wanted, "claims")
                continue
            known |= {claim.content(), *([original] if claim.frequency == "1" else [])}
            claim.claim_id = claim.number if not others else f"{claim.number}#{len(others) + 1}"
            if others:
                reused.setdefault(claim.file, []).append(claim.claim_id)
            if claim.frequency != "1":
                claim.original_claim_id = self._original(claim, others, payer_numbers)
            others.append(claim)
            standing.append(claim)
        self.claims = standing
        self._tell(copies, reused)

    def _tell(self, copies: Counter[str], reused: dict[str, list[str]]) -> None:
        for file, count in copies.items():
            self.exchange.note(
                file, f"{count:,} claims were sent before with the same content and count once", count
            )
        for file, ids in reused.items():
            said = f"{len(ids):,} claims bear the number of an earlier one and stand beside it: {', '.join(ids[:3])}"
            self.exchange.note(file, said, len(ids))

    def _original(self, claim: Claim, others: list[Claim], payer_numbers: Mapping[str, str]) -> str | None:
        number = payer_numbers.get(claim.original, claim.original)
        if number != claim.number and number in self.by_number:
            return self.by_number[number][-1].claim_id
        for other in reversed(others):
            if other.parties()[1] == claim.parties()[1]:
                return other.claim_id
        return claim.original or None

    def tables(self) -> list[RawTable]:
        """The tables, a raw table for each file and table."""
        return _Tables(self.claims, self.exchange).raw()


class _Set:
    """One transaction set, read from segment to segment."""

    def __init__(self, given: TransactionSet, exchange: Exchange) -> None:
        self.given, self.exchange = given, exchange
        self.told: Counter[str] = Counter()
        self.done: list[Claim] = []
        self.claim: Claim | None = None
        self.skipping = self.other_payer = False
        self.billing: Party | None = None
        self.subscriber: Party | None = None
        self.dependent: Party | None = None
        self.payer: Party | None = None
        self.kind: str | None = None
        self.payer_order: str | None = None
        self.billing_taxonomy = ""
        self.submitted_on: str | None = None
        self.last: Party | None = None

    def claims(self) -> list[Claim]:
        """The claims of the set."""
        for segment in self.given.segments:
            try:
                self._take(segment)
            except Broken as broken:
                self._refuse(broken)
        last = self.claim
        if last and not self.given.complete:
            self._refuse(
                Broken(
                    last.position,
                    f"claim {last.number}",
                    "the set to end with SE; its last claim may be cut off",
                )
            )
        self._close()
        return self.done

    def _refuse(self, broken: Broken) -> None:
        table = "claims"
        found = broken.found if self.claim is None else f"claim {self.claim.number}: {broken.found}"
        self.exchange.refuse(self.given.file, broken.position, found, broken.expected, table)
        self.claim, self.skipping = None, True

    def _close(self) -> None:
        """End the claim at hand: whole claims are kept."""
        claim, self.claim = self.claim, None
        self.skipping = self.other_payer = False
        if claim is None:
            return
        try:
            _whole(claim)
        except Broken as broken:
            self.exchange.refuse(
                self.given.file,
                broken.position,
                f"claim {claim.number}: {broken.found}",
                broken.expected,
                "claims",
            )
            return
        charged = round(sum(line.charge or 0.0 for line in claim.lines), 2)
        if charged != round(claim.total, 2):
            self.told[f"claims state a total that is not the sum of their lines ({claim.number})"] += 1
        self.done.append(claim)

    def _take(self, segment: Segment) -> None:
        name = segment.name
        if name == "HL":
            self._close()
            self._level(segment)
        elif name == "CLM":
            self._close()
            self.claim = self._claim(segment)
        elif self.skipping:
            return
        elif self.claim is None:
            self._header(segment)
        elif not re.match(r"^[A-Z][A-Z0-9]{1,2}$", name):
            raise Broken(segment.position, str(segment), "a segment")
        elif name == "LX":
            self.other_payer = False
            self.last = None
            self.claim.lines.append(Line(segment.position, len(self.claim.lines) + 1))
            self._number(segment)
        elif self.claim.lines:
            self._line(segment, self.claim, self.claim.lines[-1])
        else:
            self._claim_detail(segment, self.claim)
        segment.check()

    def _level(self, segment: Segment) -> None:
        self.last = None
        level = segment.get(3)
        if level == "20":
            self.billing, self.billing_taxonomy = None, ""
        if level in {"20", "22"}:
            self._new_subscriber()
        self.dependent = None

    def _new_subscriber(self) -> None:
        self.subscriber = self.dependent = self.payer = None
        self.kind = self.payer_order = None

    def _header(self, segment: Segment) -> None:
        match segment.name:
            case "BHT":
                self.submitted_on = iso_date(segment, segment.get(4)) if segment.get(4) else None
            case "SBR":
                self._new_subscriber()
                filing = segment.get(9)
                self.kind, self.payer_order = FILING.get(filing), PAYER_ORDER.get(segment.get(1))
                if filing and self.kind is None:
                    self.told[
                        f"subscribers have claim filing indicator {filing}, which names no kind of payer"
                    ] += 1
            case "NM1":
                self._name(segment)
            case "PRV" if segment.get(1) == "BI":
                self.billing_taxonomy = segment.get(3)
            case "N4" if self.last:
                self.last.state = segment.get(2) or None
            case "DMG" if self.last:
                self.last.birth_date = iso_date(segment, segment.get(2)) if segment.get(2) else None
                self.last.sex = segment.get(3) or None

    def _name(self, segment: Segment) -> None:
        self.last = party = _party(segment)
        match segment.get(1):
            case "85":
                self.billing = party
            case "IL":
                self.subscriber, self.dependent = party, None
            case "QC":
                self.dependent = party
            case "PR":
                self.payer = party

    def _claim(self, segment: Segment) -> Claim:
        segment.check()
        number = segment.get(1)
        place, _, frequency = [*segment.parts(5), "", "", ""][:3]
        if self.billing and not self.billing.taxonomy:
            self.billing.taxonomy = self.billing_taxonomy
        claim = Claim(
            file=self.given.file,
            position=segment.position,
            number=number,
            total=0.0,
            frequency=frequency,
            place=place,
            patient=_patient(self.subscriber, self.dependent),
            payer=self.payer,
            kind=self.kind,
            payer_order=self.payer_order,
            billing=self.billing,
            submitted_on=self.submitted_on,
        )
        if not number:
            raise Broken(segment.position, str(segment), "a claim number in CLM01")
        claim.total = amount(segment, segment.get(2), "the claim's charge in CLM02")
        if frequency not in FREQUENCIES:
            raise Broken(segment.position, str(segment), "frequency 1, 7 or 8 in CLM05-3")
        return claim

    def _claim_detail(self, segment: Segment, claim: Claim) -> None:
        match segment.name:
            case "SBR":
                self.other_payer = True
                self.last = None
                self.other_order = segment.get(1)
            case "NM1" if self.other_payer:
                if segment.get(1) == "PR" and claim.payer_order == "1" and self.other_order == "S":
                    claim.secondary = _party(segment)
            case "NM1":
                self._claim_party(segment, claim)
            case "REF" if segment.get(1) == "F8" and not self.other_payer:
                claim.original = segment.get(2)
            case "REF" if segment.get(1) == "G1" and not self.other_payer:
                claim.authorization = segment.get(2)
            case "PRV" if segment.get(1) == "PE" and self.last is not None and not self.other_payer:
                self.last.taxonomy = segment.get(3)
            case "HI":
                claim.diagnoses += _diagnoses(segment)
            case "NTE" | "CN1":
                self.told["notes"] += 1

    def _claim_party(self, segment: Segment, claim: Claim) -> None:
        party = _party(segment)
        self.last = party if segment.get(1) == "82" else None
        if segment.get(1) == "82":
            claim.rendering = party
        elif segment.get(1) in {"DN", "DK"} and claim.referring is None:
            claim.referring = party.id

    def _number(self, segment: Segment) -> None:
        assert self.claim is not None
        given = segment.get(1)
        line = self.claim.lines[-1]
        if DIGITS.fullmatch(given) and 0 < int(given) < 10_000:
            line.number = int(given)
        if line.number in {other.number for other in self.claim.lines[:-1]}:
            raise Broken(segment.position, str(segment), "a line number of its own in LX01")

    def _line(self, segment: Segment, claim: Claim, line: Line) -> None:
        match segment.name:
            case "SV1":
                self._service(segment, claim, line)
            case "SV2" | "SV3":
                raise Broken(segment.position, str(segment), "SV1, the service of a professional claim")
            case "DTP" if segment.get(1) == "472":
                self._service_date(segment, line)
            case "REF" if segment.get(1) == "6R":
                line.control_number = segment.get(2)
            case "NM1":
                self.last = _party(segment) if segment.get(1) == "82" else None
                if self.last is not None:
                    line.rendering = self.last
                elif segment.get(1) in {"DN", "DK"} and claim.referring is None:
                    claim.referring = _party(segment).id
            case "PRV" if segment.get(1) == "PE" and self.last is not None:
                self.last.taxonomy = segment.get(3)
            case "NTE" | "CN1":
                self.told["notes"] += 1

    def _service(self, segment: Segment, claim: Claim, line: Line) -> None:
        composite = segment.parts(1)
        if not is_procedure(composite) or line.priced:
            raise Broken(
                segment.position,
                str(segment),
                "one SV1 a line, with a qualifier and a procedure code: HC:97110",
            )
        line.priced = True
        line.procedure = composite[1]
        line.modifiers = " ".join(part for part in composite[2:6] if part)
        line.charge = amount(segment, segment.get(2), "the line's charge in SV102")
        count = amount(segment, segment.get(4), "units in SV104")
        if segment.get(3) == "MJ":
            self.told["lines are billed in minutes (MJ); their units are left empty"] += 1
        elif count != int(count) or count < 0:
            raise Broken(segment.position, str(segment), "whole units in SV104")
        else:
            line.units = str(int(count))
        line.place = segment.get(5) or claim.place
        line.pointers = " ".join(part for part in segment.parts(7) if part)

    def _service_date(self, segment: Segment, line: Line) -> None:
        first, _, last = segment.get(3).partition("-")
        line.service_date = iso_date(segment, first)
        if last and iso_date(segment, last) != line.service_date:
            self.told["lines cover several days; the first counts as the service date"] += 1


def _party(segment: Segment) -> Party:
    person = segment.get(2) == "1"
    names = [segment.get(4), segment.get(5), segment.get(3), segment.get(7)] if person else [segment.get(3)]
    return Party(segment.get(9) or None, " ".join(name for name in names if name) or None, person)


def _patient(subscriber: Party | None, dependent: Party | None) -> Party | None:
    """The subscriber, or the dependent under an id of its own: member id, name and birth date."""
    if dependent is None or dependent.id:
        return dependent or subscriber
    parts = [
        subscriber.id if subscriber else None,
        dependent.name,
        (dependent.birth_date or "").replace("-", ""),
    ]
    dependent.id = "-".join(re.sub(r"\s+", "_", part.upper()) for part in parts if part) or None
    return dependent


def _diagnoses(segment: Segment) -> list[str]:
    """Diagnosis codes; ICD-10 codes get back the point that claim files leave out (M545 is M54.5)."""
    codes = []
    for place in range(1, len(segment.elements)):
        qualifier, code = [*segment.parts(place), "", ""][:2]
        if qualifier in {"ABK", "ABF"} and code:
            codes.append(code if "." in code or len(code) < 4 else f"{code[:3]}.{code[3:]}")
        elif qualifier in {"BK", "BF"} and code:
            codes.append(code)
    return codes


def _whole(claim: Claim) -> None:
    """Raise Broken where a claim lacks a line, or a line its service or date."""
    if not claim.lines:
        raise Broken(claim.position, "no LX", "at least one service line")
    for line in claim.lines:
        if not line.priced:
            raise Broken(line.position, f"line {line.number} without SV1", "a service in each line")
        if line.service_date is None:
            raise Broken(line.position, f"line {line.number} without DTP*472", "a service date in each line")


class _Tables:
    """Settled claims as raw tables; whoever several claims name stands once."""

    def __init__(self, claims: list[Claim], exchange: Exchange) -> None:
        self.exchange = exchange
        self.claims = claims
        self.rows: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        self.people: dict[tuple[str, str], list[object]] = {}
        self.kinds: dict[str, list[str | None]] = {}

    def raw(self) -> list[RawTable]:
        """One raw table for each file and table."""
        self._therapists()
        for claim in self.claims:
            self._claim(claim)
        for (table, _), (file, position, *values) in self.people.items():
            self.rows.setdefault((table, str(file)), []).append((*values, position))
        made = []
        for (table, file), rows in self.rows.items():
            columns: dict[str, type[pl.DataType]] = {**dict.fromkeys(TABLES[table], pl.String), ROW: pl.Int64}
            made.append(raw_table(table, file, columns, rows))
        return made

    def _therapists(self) -> None:
        """First whoever renders with a taxonomy code, so that one claim's code serves another claim's line."""
        for claim in self.claims:
            for party in [claim.rendering, *(line.rendering for line in claim.lines)]:
                self._person(claim, party)
            if claim.billing and claim.billing.person:
                self._person(claim, claim.billing)

    def _person(self, claim: Claim, party: Party | None) -> None:
        if party and party.id:
            discipline, role = discipline_and_role(party.taxonomy)
            self._once("therapists", claim, party.id, [party.id, party.name, party.id, discipline, role])

    def _once(self, table: str, claim: Claim, key: str, values: Sequence[object]) -> None:
        """Keep somebody once; what the first mention left empty, later ones fill."""
        kept = self.people.setdefault((table, key), [claim.file, claim.position, *values])
        for place, value in enumerate(values, 2):
            if kept[place] is None:
                kept[place] = value

    def _claim(self, claim: Claim) -> None:
        billing, patient = claim.billing or Party(), claim.patient or Party()
        payer_id = self._payer(claim)
        if billing.id:
            self._once(
                "clinics", claim, billing.id, [billing.id, billing.name, _state(billing.state), billing.id]
            )
        if patient.id:
            secondary = claim.secondary.id if claim.secondary else None
            values = [patient.id, patient.name, patient.birth_date, patient.sex, secondary]
            self._once("patients", claim, patient.id, values)
            if claim.secondary and secondary:
                self._once("payers", claim, secondary, [secondary, claim.secondary.name, None])
        self.rows.setdefault(("claims", claim.file), []).append(
            (claim.claim_id, patient.id, payer_id, billing.id, billing.id, claim.frequency, claim.original_claim_id,
             claim.authorization or None, " ".join(claim.diagnoses) or None, claim.referring, "professional",
             claim.payer_order, claim.submitted_on, "submitted", claim.position)
        )  # fmt: skip
        default = claim.rendering or (billing if billing.person else None)
        for line in claim.lines:
            rendering = line.rendering or default
            self.rows.setdefault(("claim_lines", claim.file), []).append(
                (claim.claim_id, str(line.number), line.service_date, line.procedure, line.modifiers or None,
                 line.units, repr(line.charge), rendering.id if rendering else None, line.pointers or None,
                 line.place or None, line.position)
            )  # fmt: skip

    def _payer(self, claim: Claim) -> str | None:
        """The payer's id; where one id stands for several kinds of payer, the kind is added to it."""
        payer = claim.payer
        if payer is None or not (payer.id or payer.name):
            return None
        own = payer.id or str(payer.name)
        kinds = self.kinds.setdefault(own, [])
        if claim.kind not in kinds and claim.kind is not None:
            kinds.append(claim.kind)
            if len(kinds) > 1:
                self.exchange.note(
                    claim.file, f"payer {own} is of several kinds; as {claim.kind} it is {own}-{claim.kind}"
                )
        first = not kinds or claim.kind is None or claim.kind == kinds[0]
        payer_id = own if first else f"{own}-{claim.kind}"
        self._once("payers", claim, payer_id, [payer_id, payer.name, claim.kind])
        return payer_id


def _state(state: str | None) -> str | None:
    return state if state and re.match(r"^[A-Za-z]{2}$", state) else None
