"""837 professional claims (005010X222) into claims, lines, payers, patients, therapists and clinics.

What a claim file does not say stays empty: a therapist without a taxonomy code has no discipline or role, a clinic no
setting. Ids are those of the file: the patient control number, the member id, the payer id, the NPI.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from compliance.formats import plural
from compliance.records.claim_codes import FILING, FREQUENCIES, discipline_and_role
from compliance.records.raw import BATCH_ROWS, ROW, Exchange, RawTable
from compliance.records.x12_sets import (
    DIGITS,
    FILE_NUMBER,
    Broken,
    Handlers,
    Rows,
    Segment,
    SetReader,
    Sets,
    amount,
    is_procedure,
    iso_date,
    raw_tables,
    told_unread,
)

PAYER_ORDER = {"P": "1", "S": "2", "T": "3"}
COLUMNS: Mapping[str, tuple[str, ...]] = {
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


@dataclass(slots=True)
class Party:
    """Somebody or something that an NM1 loop names."""

    id: str | None = None
    name: str | None = None
    person: bool = False
    state: str | None = None
    taxonomy: str = ""
    birth_date: str | None = None
    sex: str | None = None


NOBODY = Party()


@dataclass(slots=True)
class Line:
    """A service line as the file states it."""

    position: int
    number: int
    procedure: str = ""
    modifiers: str = ""
    charge: float = 0.0
    units: str | None = None
    place: str = ""
    pointers: str = ""
    service_date: str | None = None
    control_number: str = ""
    rendering: Party | None = None
    priced: bool = False


@dataclass(slots=True)
class Claim:
    """A claim as the file states it."""

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

    def content(self) -> tuple[object, ...]:
        """What two copies of one claim have in common, whenever and in whichever file they were sent."""
        lines = tuple((line.number, line.procedure, line.modifiers, line.units, line.charge, line.service_date,
                       line.rendering.id if line.rendering else None) for line in self.lines)  # fmt: skip
        return (self.frequency, self.parties(), self.total, tuple(self.diagnoses), self.original, lines)

    def parties(self) -> tuple[str | None, ...]:
        """Ids of patient, payer and billing provider."""
        patient, payer, billing = self.patient, self.payer, self.billing
        return (
            patient.id if patient else None,
            payer.id if payer else None,
            billing.id if billing else None,
        )


class ClaimSet(SetReader):
    """One 837 professional set, read from segment to segment; whole claims are handed to `keep`."""

    table = "claims"

    def __init__(self, file: str, claims: "Claims") -> None:
        super().__init__(file, claims.exchange, claims.unread)
        self.keep, self.told, self.first = claims.keep, claims.told, claims.first
        self.claim: Claim | None = None
        self.line: Line | None = None
        self.other_payer = False
        self.other_order = self.billing_taxonomy = ""
        self.billing: Party | None = None
        self.subscriber: Party | None = None
        self.dependent: Party | None = None
        self.payer: Party | None = None
        self.last: Party | None = None
        self.kind: str | None = None
        self.payer_order: str | None = None
        self.submitted_on: str | None = None
        self.handlers = IN_HEADER

    def end(self, complete: bool) -> None:
        """The set ends; without SE its last claim may be cut off and is refused."""
        last = self.claim
        if last and not complete:
            wanted = "the set to end with SE; its last claim may be cut off"
            self.refuse(Broken(last.position, "no SE after it", wanted))
        self._close()

    def refuse(self, broken: Broken) -> None:
        """Refuse the claim at hand, or, before the first claim, what the segment says of patient or provider."""
        claim = self.claim
        found = broken.found if claim is None else f"claim {claim.number}: {broken.found}"
        costs_a_claim = claim is not None or broken.found.startswith("CLM")
        table = self.table if costs_a_claim else None
        self.exchange.refuse(self.file, broken.position, found, broken.expected, table)
        if costs_a_claim:
            self.claim = self.line = None
            self.skipping, self.handlers = True, OPENING

    def _close(self) -> None:
        """End the claim at hand: whole claims are kept."""
        claim = self.claim
        if claim is not None:
            self._end_claim(claim)
        self.claim = self.line = None
        self.skipping = self.other_payer = False
        self.handlers = IN_HEADER

    def _end_claim(self, claim: Claim) -> None:
        try:
            _whole(claim)
        except Broken as broken:
            found = f"claim {claim.number}: {broken.found}"
            self.exchange.refuse(self.file, broken.position, found, broken.expected, self.table)
            return
        charged = sum([line.charge for line in claim.lines])
        if abs(charged - claim.total) > 0.004:
            self._tell("claims state a total that is not the sum of their lines")
        self.keep(claim)

    def _tell(self, what: str) -> None:
        """Count something that the report should say, and remember of which claim it was said first."""
        self.told[what] += 1
        if self.claim and what not in self.first:
            self.first[what] = self.claim.number

    def _level(self, segment: Segment) -> None:
        self._close()
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

    def _submitted(self, segment: Segment) -> None:
        self.submitted_on = None
        self.submitted_on = iso_date(segment, segment.get(4)) if segment.get(4) else None

    def _subscriber(self, segment: Segment) -> None:
        self._new_subscriber()
        filing = segment.get(9)
        self.kind, self.payer_order = FILING.get(filing), PAYER_ORDER.get(segment.get(1))
        if filing and self.kind is None:
            self._tell(f"subscribers have claim filing indicator {filing[:2]}, which names no kind of payer")

    def _billing_taxonomy(self, segment: Segment) -> None:
        if segment.get(1) == "BI":
            self.billing_taxonomy = segment.get(3)

    def _place(self, segment: Segment) -> None:
        if self.last:
            self.last.state = segment.get(2) or None

    def _born(self, segment: Segment) -> None:
        if self.last:
            self.last.sex = segment.get(3) or None
            self.last.birth_date = iso_date(segment, segment.get(2)) if segment.get(2) else None

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
            case _:
                self.leave_kind(segment)

    def _open(self, segment: Segment) -> None:
        self._close()
        segment.check()
        self.see_component(segment)
        number = segment.get(1)
        place, _, frequency = [*segment.parts(5), "", "", ""][:3]
        if self.billing and not self.billing.taxonomy:
            self.billing.taxonomy = self.billing_taxonomy
        if not number:
            raise Broken(segment.position, str(segment), "a claim number in CLM01")
        self.claim = claim = Claim(
            segment.position, number, 0.0, frequency, place, _patient(self.subscriber, self.dependent), self.payer,
            self.kind, self.payer_order, self.billing, self.submitted_on,
        )  # fmt: skip
        claim.total = amount(segment, segment.get(2), "the claim's charge in CLM02")
        if frequency not in FREQUENCIES:
            raise Broken(segment.position, str(segment), "frequency 1, 7 or 8 in CLM05-3")
        self.handlers = IN_CLAIM

    def _other_subscriber(self, segment: Segment) -> None:
        self.other_payer, self.last = True, None
        self.other_order = segment.get(1)
        self._tell("further payers of claims are named (SBR): of them the table has the second payer alone")

    def _claim_party(self, segment: Segment) -> None:
        claim, kind = self.claim, segment.get(1)
        assert claim is not None
        self.last = None
        if self.other_payer:
            if kind == "PR" and claim.payer_order == "1" and self.other_order == "S":
                claim.secondary = _party(segment)
        elif kind == "82":
            claim.rendering = self.last = _party(segment)
        elif kind in {"DN", "DK"} and claim.referring is None:
            claim.referring = _party(segment).id
        else:
            self.leave_kind(segment)

    def _claim_reference(self, segment: Segment) -> None:
        claim, kind = self.claim, segment.get(1)
        assert claim is not None
        if kind == "F8" and not self.other_payer:
            claim.original = segment.get(2)
        elif kind == "G1" and not self.other_payer:
            claim.authorization = segment.get(2)
        else:
            self.leave_kind(segment)

    def _taxonomy(self, segment: Segment) -> None:
        if self.last is not None and segment.get(1) == "PE":
            self.last.taxonomy = segment.get(3)
        else:
            self.leave_kind(segment)

    def _health(self, segment: Segment) -> None:
        assert self.claim is not None
        self.see_component(segment)
        found = _diagnoses(segment)
        self.claim.diagnoses += found
        if not found:
            self.leave("HI without diagnosis")

    def _unread_note(self, segment: Segment) -> None:
        self._tell("notes (NTE, CN1) were not read")

    def _new_line(self, segment: Segment) -> None:
        claim = self.claim
        assert claim is not None
        self.other_payer, self.last = False, None
        self.handlers = IN_LINE
        self.line = line = Line(segment.position, len(claim.lines) + 1)
        claim.lines.append(line)
        given = segment.get(1)
        if DIGITS.fullmatch(given) and 0 < int(given) < 10_000:
            line.number = int(given)
        if len(claim.lines) > 1 and line.number in [other.number for other in claim.lines[:-1]]:
            raise Broken(segment.position, str(segment), "a line number of its own in LX01")

    def _other_service(self, segment: Segment) -> None:
        raise Broken(segment.position, str(segment), "SV1, the service of a professional claim")

    def _line_reference(self, segment: Segment) -> None:
        claim, line, kind = self.claim, self.line, segment.get(1)
        assert claim is not None and line is not None
        if kind == "6R":
            line.control_number = segment.get(2)
        elif kind == "G1" and claim.authorization in {"", segment.get(2)}:
            claim.authorization = segment.get(2)
        else:
            self.leave_kind(segment)

    def _line_party(self, segment: Segment) -> None:
        claim, line, kind = self.claim, self.line, segment.get(1)
        assert claim is not None and line is not None
        self.last = None
        if kind == "82":
            line.rendering = self.last = _party(segment)
        elif kind in {"DN", "DK"} and claim.referring is None:
            claim.referring = _party(segment).id
        else:
            self.leave_kind(segment)

    def _service(self, segment: Segment) -> None:
        claim, line = self.claim, self.line
        assert claim is not None and line is not None
        self.see_component(segment)
        composite = segment.parts(1)
        if not is_procedure(composite) or line.priced:
            wanted = "one SV1 a line, with a qualifier and a procedure code: HC:97110"
            raise Broken(segment.position, str(segment), wanted)
        line.priced = True
        line.procedure = composite[1]
        line.modifiers = " ".join([part for part in composite[2:6] if part])
        line.charge = amount(segment, segment.get(2), "the line's charge in SV102")
        count = amount(segment, segment.get(4), "units in SV104")
        if segment.get(3) == "MJ":
            self._tell("lines are billed in minutes (MJ); their units are left empty")
        elif count != int(count) or count < 0:
            raise Broken(segment.position, str(segment), "whole units in SV104")
        else:
            line.units = str(int(count))
        line.place = segment.get(5) or claim.place
        line.pointers = " ".join([part for part in segment.parts(7) if part])

    def _service_date(self, segment: Segment) -> None:
        if segment.get(1) != "472":
            self.leave_kind(segment)
            return
        assert self.line is not None
        first, _, last = segment.get(3).partition("-")
        self.line.service_date = iso_date(segment, first)
        if last and iso_date(segment, last) != self.line.service_date:
            self._tell("lines cover several days; the first counts as the service date")


OPENING: Handlers = {"HL": ClaimSet._level, "CLM": ClaimSet._open}
IN_HEADER: Handlers = {
    **OPENING, "BHT": ClaimSet._submitted, "SBR": ClaimSet._subscriber, "NM1": ClaimSet._name,
    "PRV": ClaimSet._billing_taxonomy, "N4": ClaimSet._place, "DMG": ClaimSet._born,
}  # fmt: skip
IN_CLAIM: Handlers = {
    **OPENING, "SBR": ClaimSet._other_subscriber, "NM1": ClaimSet._claim_party, "REF": ClaimSet._claim_reference,
    "PRV": ClaimSet._taxonomy, "HI": ClaimSet._health, "LX": ClaimSet._new_line, "NTE": ClaimSet._unread_note,
    "CN1": ClaimSet._unread_note, **dict.fromkeys(("DTP", "AMT", "CRC"), ClaimSet.leave_kind),
}  # fmt: skip
IN_LINE: Handlers = {
    **OPENING, "LX": ClaimSet._new_line, "SV1": ClaimSet._service, "SV2": ClaimSet._other_service,
    "SV3": ClaimSet._other_service, "DTP": ClaimSet._service_date, "REF": ClaimSet._line_reference,
    "NM1": ClaimSet._line_party, "PRV": ClaimSet._taxonomy, "NTE": ClaimSet._unread_note,
    "CN1": ClaimSet._unread_note, **dict.fromkeys(("AMT", "CRC"), ClaimSet.leave_kind),
}  # fmt: skip

ORDINAL = "number of the claim"
CLAIM_KEYS: Mapping[str, type[pl.DataType]] = {
    "content": pl.Int64, "parties": pl.Int64, "original": pl.String, ORDINAL: pl.Int64, ROW: pl.Int64,
    FILE_NUMBER: pl.Int32,
}  # fmt: skip
"""What is kept of a claim beside its row until its id is settled: hashes of its content and its parties, its original."""


class Claims(Sets):
    """Claims of many files, gathered as rows; ids are settled when all have been read."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.told: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.unread: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.claims = Rows({**dict.fromkeys(COLUMNS["claims"], pl.String), **CLAIM_KEYS})
        self.lines = Rows({**dict.fromkeys(COLUMNS["claim_lines"], pl.String), "control_number": pl.String,
                           ORDINAL: pl.Int64, ROW: pl.Int64, FILE_NUMBER: pl.Int32})  # fmt: skip
        self.people = {table: People(table) for table in ("therapists", "clinics", "payers", "patients")}
        self.kinds: dict[str, list[str | None]] = {}
        self.met: set[tuple[str | None, ...]] = set()
        self.file = -1
        self.settled: list[pl.DataFrame] = []
        self.settled_lines: list[pl.DataFrame] = []

    def reader(self, file: str, version: str) -> ClaimSet:
        """The reader of a set of a file."""
        self.file = len(self.exchange.files) - 1
        self.counts["sets"] += 1
        return ClaimSet(file, self)

    def file_ends(self, file: str) -> None:
        """Tell what a file held and what of it was not read."""
        if self.counts["sets"]:
            sets = f" in {self.counts['sets']:,} sets" if self.counts["sets"] > 1 else ""
            claims, lines = self.counts["claims"], self.counts["lines"]
            self.exchange.note(
                file, f"837 professional: {plural(claims, 'claim')}, {plural(lines, 'line')}{sets}", claims
            )
        for what, count in self.told.items():
            where = f" (claim {self.first[what][:40]})" if what in self.first else ""
            self.exchange.note(file, f"{count:,} {what}{where}", count)
        if self.unread:
            said = f"837 segments that no table has a column for: {told_unread(self.unread)}"
            self.exchange.note(file, said, self.unread.total())
        for each in (self.told, self.first, self.unread, self.counts):
            each.clear()

    def keep(self, claim: Claim) -> None:
        """Keep a whole claim: a row of it, a row of each of its lines, and whom it names."""
        ordinal = len(self.claims)
        self.counts["claims"] += 1
        self.counts["lines"] += len(claim.lines)
        billing, patient = claim.billing or NOBODY, claim.patient or NOBODY
        payer_id = self._payer(claim)
        self._people(claim, billing, patient)
        place = (claim.position, self.file)
        self.claims.add(
            (claim.number, patient.id, payer_id, billing.id, billing.id, claim.frequency, None,
             claim.authorization or None, " ".join(claim.diagnoses) or None, claim.referring, "professional",
             claim.payer_order, claim.submitted_on, "submitted", hash(claim.content()), hash(claim.parties()),
             claim.original or None, ordinal, *place)
        )  # fmt: skip
        default = claim.rendering or (billing if billing.person else NOBODY)
        for line in claim.lines:
            self.lines.add(
                (claim.number, str(line.number), line.service_date, line.procedure, line.modifiers or None,
                 line.units, repr(line.charge), (line.rendering or default).id, line.pointers or None,
                 line.place or None, line.control_number or None, ordinal, line.position, self.file)
            )  # fmt: skip

    def _people(self, claim: Claim, billing: Party, patient: Party) -> None:
        place = (claim.position, self.file)
        for party in [claim.rendering, *[line.rendering for line in claim.lines]]:
            if party and party.id:
                self._therapist(party, place)
        if billing.id:
            self.people["clinics"].add((billing.id, billing.name, _state(billing.state), billing.id), place)
            if billing.person:
                self._therapist(billing, place)
        if patient.id:
            secondary = claim.secondary.id if claim.secondary else None
            values = (patient.id, patient.name, patient.birth_date, patient.sex, secondary)
            self.people["patients"].add(values, place)
            if claim.secondary and secondary:
                self.people["payers"].add((secondary, claim.secondary.name, None), place)

    def _therapist(self, party: Party, place: tuple[int, int]) -> None:
        known = (party.id, party.name, party.taxonomy)
        if known in self.met:
            return
        if len(self.met) >= BATCH_ROWS:
            self.met.clear()
        self.met.add(known)
        discipline, role = discipline_and_role(party.taxonomy)
        self.people["therapists"].add((party.id, party.name, party.id, discipline, role), place)

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
                said = f"payer {own} is of several kinds; as {claim.kind} it is {own}-{claim.kind}"
                self.exchange.note(self.exchange.files[self.file], said)
        first = not kinds or claim.kind is None or claim.kind == kinds[0]
        payer_id = own if first else f"{own}-{claim.kind}"
        self.people["payers"].add((payer_id, payer.name, claim.kind), (claim.position, self.file))
        return payer_id

    def settle(self, payer_numbers: Callable[[pl.Series], Mapping[str, str]]) -> None:
        """Give each claim its id and its original.

        `payer_numbers`: of some payer's claim numbers, the claim numbers of a remittance, by which a replacement names
        its original. Claims that share a number stay apart where payer, patient, provider or frequency differ.
        """
        claims = self.claims.frame()
        later = pl.col("frequency_code") != "1"
        named = claims.filter(later)["original"].drop_nulls().unique()
        numbers = payer_numbers(named)
        meant = pl.Series([*named, *numbers.values()], dtype=pl.String).unique()
        asked = claims.filter(
            pl.col("claim_id").is_duplicated() | later | pl.col("claim_id").is_in(meant.implode())
        )
        settled = _Settling(self.exchange, numbers).of(asked)
        del claims, asked
        self.settled = _under_ids(self.claims, settled)
        self.settled_lines = _under_ids(self.lines, settled.drop("original_claim_id"))

    def tables(self) -> Iterator[RawTable]:
        """The tables, raw and in batches."""
        files = self.exchange.files
        for table, people in self.people.items():
            yield from raw_tables(table, [people.frame()], COLUMNS[table], files)
        yield from raw_tables("claims", self.settled, COLUMNS["claims"], files)
        yield from raw_tables("claim_lines", self.settled_lines, COLUMNS["claim_lines"], files)


def _under_ids(rows: Rows, settled: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows under the ids of their claims, and beside these the numbers under which the claims were sent (`number`)."""
    rows.flush()
    batches, rows.frames = rows.frames, []
    number = pl.col("claim_id")
    if not settled.height:
        return [batch.with_columns(number=number) for batch in batches]
    known = [name for name in ("original_claim_id",) if name in settled.columns]
    made = []
    for batch in batches:
        joined = batch.drop(known).join(settled, ORDINAL, "left", maintain_order="left")
        kept = joined.filter(~pl.col("dropped").fill_null(False))
        made.append(kept.with_columns(number=number, claim_id=pl.coalesce("settled", number)))
    return made


class People(Rows):
    """Whom claims name, each once; what the first mention left empty, later ones fill."""

    def __init__(self, table: str) -> None:
        super().__init__({**dict.fromkeys(COLUMNS[table], pl.String), ROW: pl.Int64, FILE_NUMBER: pl.Int32})
        self.key, *self.others = COLUMNS[table]
        self.met: set[tuple[object, ...]] = set()
        self.rows = 0

    def add(self, row: tuple[object, ...], place: tuple[int, int] = (0, 0)) -> None:
        """Add a mention, unless it was met lately."""
        if row not in self.met:
            if len(self.met) >= BATCH_ROWS:
                self.met.clear()
            self.met.add(row)
            super().add((*row, *place))

    def flush(self) -> None:
        """Turn mentions into columns, and gather those of one person once they have doubled."""
        super().flush()
        if sum(frame.height for frame in self.frames) > 2 * max(self.rows, BATCH_ROWS):
            self.frame()

    def frame(self) -> pl.DataFrame:
        """Everybody once."""
        Rows.flush(self)
        if not self.frames:
            return pl.DataFrame(schema=dict(self.columns))
        first = [pl.col(name).drop_nulls().first() for name in self.others]
        mentions = pl.concat(self.frames)
        once = mentions.group_by(self.key, maintain_order=True).agg(*first, pl.col(ROW, FILE_NUMBER).first())
        self.frames, self.rows = [once], once.height
        return once


@dataclass
class _Sent:
    """A claim whose number others bear too, or that names an original."""

    claim_id: str
    payer: str | None


class _Settling:
    """Ids of the claims whose number is not theirs alone, in the order in which they were sent."""

    def __init__(self, exchange: Exchange, payer_numbers: Mapping[str, str]) -> None:
        self.exchange, self.payer_numbers = exchange, payer_numbers
        self.by_number: dict[str, list[_Sent]] = {}
        self.seen: dict[str, set[object]] = {}
        self.copies: Counter[str] = Counter()
        self.reused: dict[str, list[str]] = {}

    def of(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Of each claim its id (`settled`), `original_claim_id`, and whether it is left out (`dropped`)."""
        columns = (
            "claim_id",
            "frequency_code",
            "payer_id",
            "content",
            "parties",
            "original",
            ROW,
            FILE_NUMBER,
        )
        made = [
            (ordinal, *self._settle(*row)) for ordinal, *row in asked.select(ORDINAL, *columns).iter_rows()
        ]
        self._tell()
        return pl.DataFrame(
            made, orient="row",
            schema={ORDINAL: pl.Int64, "settled": pl.String, "original_claim_id": pl.String, "dropped": pl.Boolean},
        )  # fmt: skip

    def _settle(
        self, number: str, frequency: str, payer: str | None, content: int, parties: int, original: str | None,
        position: int, place: int,
    ) -> tuple[str | None, str | None, bool]:  # fmt: skip
        """The id of a claim, its original, and whether it is left out: a copy, or another under a number that was given."""
        file = self.exchange.files[place]
        others, known = self.by_number.setdefault(number, []), self.seen.setdefault(number, set())
        first = ("original", parties)
        if content in known:
            self.copies[file] += 1
            self.exchange.repeated["claims"] += 1
            return None, None, True
        if frequency == "1" and first in known:
            found = f"claim {number} again, with other content"
            wanted = "another claim number, or frequency 7 (replacement) or 8 (void)"
            self.exchange.refuse(file, position, found, wanted, "claims")
            return None, None, True
        known |= {content, *([first] if frequency == "1" else [])}
        claim_id = number if not others else f"{number}#{len(others) + 1}"
        if others:
            self.reused.setdefault(file, []).append(claim_id)
        replaced = None if frequency == "1" else self._original(number, payer, original, others)
        others.append(_Sent(claim_id, payer))
        return claim_id, replaced, False

    def _original(
        self, number: str, payer: str | None, original: str | None, others: list[_Sent]
    ) -> str | None:
        meant = self.payer_numbers.get(original or "", original or "")
        if meant != number and self.by_number.get(meant):
            return self.by_number[meant][-1].claim_id
        for other in reversed(others):
            if other.payer == payer:
                return other.claim_id
        return original

    def _tell(self) -> None:
        for file, count in self.copies.items():
            self.exchange.note(
                file,
                f"{plural(count, 'claim was', 'claims were')} sent before with the same content; each counts once",
                count,
            )
        for file, ids in self.reused.items():
            bear = plural(len(ids), "claim bears", "claims bear")
            said = f"{bear} the number of an earlier one, kept beside it: {', '.join(ids[:3])}"
            self.exchange.note(file, said, len(ids))


def _party(segment: Segment) -> Party:
    """Whom an NM1 names: first, middle and last name and suffix of a person, else the organisation."""
    elements = segment.elements
    if len(elements) < 10:
        elements = [*elements, *[""] * (10 - len(elements))]
    _, _, kind, last, first, middle, _, suffix, _, number = elements[:10]
    if kind != "1":
        return Party(number or None, last or None)
    return Party(
        number or None, " ".join([each for each in (first, middle, last, suffix) if each]) or None, True
    )


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


def _state(state: str | None) -> str | None:
    return state if state and re.match(r"^[A-Za-z]{2}$", state) else None
