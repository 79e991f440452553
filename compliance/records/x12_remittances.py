"""835 remittances (005010X221) into the table `remittances`, joined to claims and their lines.

A remittance names the claim by its control number (CLP01 = CLM01) and the line by the line's control number (REF*6R)
where the claim gave one, else by procedure, date and modifiers, in order. Allowed is AMT*B6; where the payer leaves it
out, paid + patient responsibility. The modifiers and remark codes that this needs are in no table of the 835 libraries
at hand, so the segments are read here; the tests hold the sums against such a library.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from compliance.records.delimited import ROW, RawTable
from compliance.records.x12 import (
    Broken,
    Exchange,
    Segment,
    TransactionSet,
    amount,
    is_procedure,
    iso_date,
    raw_table,
)
from compliance.records.x12_claims import Claim, Claims

COLUMNS = (
    "claim_id",
    "line",
    "paid_on",
    "allowed",
    "deductible",
    "paid",
    "patient_responsibility",
    "adjustments",
    "remarks",
)
DEDUCTIBLE, PATIENT = "1", "PR"
PRIMARY, SECONDARY, TERTIARY = {"1", "19"}, {"2", "20"}, {"3", "21"}
"""CLP02, claim status, by the order of the payer; 4 (denied) and 22 (reversal) name none."""


@dataclass
class Answer:
    """What a payer says of a line, or of a claim beyond its lines."""

    position: int
    procedure: str = ""
    modifiers: tuple[str, ...] = ()
    submitted: str = ""
    date: str | None = None
    control_number: str = ""
    paid: float | None = None
    allowed: float | None = None
    adjustments: list[tuple[str, str, float]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def owed(self) -> float:
        """Patient responsibility: the adjustments of group PR."""
        return round(sum(value for group, _, value in self.adjustments if group == PATIENT), 2)

    def deductible(self) -> float:
        """Of these the deductible, reason 1."""
        return round(
            sum(v for group, reason, v in self.adjustments if (group, reason) == (PATIENT, DEDUCTIBLE)), 2
        )


@dataclass
class ClaimAnswer:
    """What a payer says of a claim."""

    file: str
    position: int
    number: str
    status: str
    paid_on: str
    paid: float
    owed: float
    payer_number: str
    whole: Answer
    lines: list[Answer] = field(default_factory=list)
    date: str | None = None


@dataclass
class _Known:
    """A line that may be answered to."""

    line: int
    procedure: str
    date: str | None
    modifiers: tuple[str, ...]
    control_number: str = ""


class Remittances:
    """Remittances of many files, gathered; joined to claims when all have been read."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.answers: list[ClaimAnswer] = []
        self.rows: dict[str, list[tuple[object, ...]]] = {}
        self.unknown: Counter[str] = Counter()
        self.seen: dict[int, str] = {}

    def read(self, given: TransactionSet) -> None:
        """Read a set; answers with a broken segment are refused, a set that was read before is told and left out."""
        content = hash(tuple(str(segment) for segment in given.segments))
        if content in self.seen:
            self.exchange.note(given.file, f"this 835 is the one of {self.seen[content]}; it counts once")
            return
        self.seen[content] = given.file
        reader = _Set(given, self.exchange)
        read = reader.answers()
        self.answers += read
        lines = sum(len(answer.lines) for answer in read)
        provider = (
            f"; {reader.provider_adjustments:,} provider adjustments (PLB) belong to no claim"
            if reader.provider_adjustments
            else ""
        )
        self.exchange.note(given.file, f"835: {len(read):,} claims, {lines:,} lines{provider}", len(read))

    def payer_numbers(self) -> dict[str, str]:
        """Payer's claim number (CLP07) to the claim number that it was given for."""
        return {answer.payer_number: answer.number for answer in self.answers if answer.payer_number}

    def settle(self, claims: Claims, known_lines: pl.DataFrame | None) -> None:
        """Join the answers to claims and lines, and make their rows."""
        tabled = self._tabled(known_lines)
        for answer in self.answers:
            claim = _answered(answer, claims.by_number.get(answer.number, []))
            claim_id = claim.claim_id if claim else answer.number
            known = _lines_of(claim) if claim else tabled.get(answer.number)
            self._rows(answer, claim_id, known)
        for file, count in self.unknown.items():
            self.exchange.note(
                file,
                f"{count:,} lines answer to claims that are not here; they are numbered as the remittance lists them",
                count,
            )

    def tables(self) -> list[RawTable]:
        """One raw table for each file."""
        columns: dict[str, type[pl.DataType]] = {**dict.fromkeys(COLUMNS, pl.String), ROW: pl.Int64}
        return [raw_table("remittances", file, columns, rows) for file, rows in self.rows.items()]

    def _tabled(self, known_lines: pl.DataFrame | None) -> dict[str, list[_Known]]:
        """The lines, from tables, of the claims that are answered to."""
        if known_lines is None or not self.answers:
            return {}
        numbers = pl.Series("claim_id", [answer.number for answer in self.answers], dtype=pl.String).unique()
        asked = known_lines.filter(pl.col("claim_id").is_in(numbers.implode())).sort("claim_id", "line")
        found: dict[str, list[_Known]] = {}
        columns = ("claim_id", "line", "cpt", "service_date", "modifiers")
        for claim_id, line, cpt, day, modifiers in asked.select(columns).iter_rows():
            date = day.strftime("%Y-%m-%d") if day else None
            found.setdefault(claim_id, []).append(
                _Known(line, cpt or "", date, tuple((modifiers or "").split()))
            )
        return found

    def _rows(self, answer: ClaimAnswer, claim_id: str, known: list[_Known] | None) -> None:
        rows = self.rows.setdefault(answer.file, [])
        used: set[int] = set()
        for ordinal, line in enumerate(answer.lines, 1):
            if known is None:
                self.unknown[answer.file] += 1
                number: int | None = ordinal
            else:
                number = _matched(line, answer, known, used)
            if number is None:
                service = " ".join((line.procedure, *line.modifiers))
                found = f"claim {answer.number}: {service} on {line.date or answer.date or 'no date'}"
                wanted = f"a line of claim {claim_id} with this procedure and date"
                self.exchange.refuse(answer.file, line.position, found, wanted, "remittances")
                continue
            used.add(number)
            rows.append(_row(claim_id, number, answer.paid_on, line, line.owed()))
        whole = answer.whole
        if not answer.lines:
            whole.paid, owed = answer.paid, answer.owed or whole.owed()
            rows.append(_row(claim_id, None, answer.paid_on, whole, owed))
        elif whole.adjustments or whole.remarks:
            whole.paid = round(answer.paid - sum(line.paid or 0.0 for line in answer.lines), 2)
            rows.append(_row(claim_id, None, answer.paid_on, whole, whole.owed()))


def _row(claim_id: str, line: int | None, paid_on: str, answer: Answer, owed: float) -> tuple[object, ...]:
    allowed = answer.allowed
    if allowed is None and answer.paid is not None:
        allowed = round(answer.paid + owed, 2)
    said = " ".join(f"{group}-{reason}:{value:.2f}" for group, reason, value in answer.adjustments)
    sums = [
        None if value is None else repr(value) for value in (allowed, answer.deductible(), answer.paid, owed)
    ]
    return (claim_id, None if line is None else str(line), paid_on, *sums, said or None,
            " ".join(answer.remarks) or None, answer.position)  # fmt: skip


def _answered(answer: ClaimAnswer, candidates: list[Claim]) -> Claim | None:
    """Of the claims with the number, the one whose payer stands where the answer says, and the last sent before it."""
    order = next(
        (o for o, codes in (("1", PRIMARY), ("2", SECONDARY), ("3", TERTIARY)) if answer.status in codes),
        None,
    )
    fitting = [
        claim for claim in candidates if order is None or claim.payer_order in (order, None)
    ] or candidates
    sent = [claim for claim in fitting if claim.submitted_on is None or claim.submitted_on <= answer.paid_on]
    return (sent or fitting)[-1] if fitting else None


def _lines_of(claim: Claim) -> list[_Known]:
    return [
        _Known(
            line.number, line.procedure, line.service_date, tuple(line.modifiers.split()), line.control_number
        )
        for line in claim.lines
    ]


def _matched(line: Answer, answer: ClaimAnswer, known: list[_Known], used: set[int]) -> int | None:
    """The line that is answered to: by its control number, else by procedure, date and modifiers, unused ones first."""
    if line.control_number:
        named = [
            each.line for each in known if each.control_number and each.control_number == line.control_number
        ]
        if len(named) == 1:
            return named[0]
    procedure, date = (line.submitted or line.procedure).upper(), line.date or answer.date
    same = [
        each for each in known if each.procedure.upper() == procedure and (date is None or each.date == date)
    ]
    alike = [each for each in same if set(each.modifiers) == set(line.modifiers)]
    for fitting in (alike, same):
        unused = [each.line for each in fitting if each.line not in used]
        if unused:
            return unused[0]
    return (alike or same)[0].line if same else None


class _Set:
    """One transaction set, read from segment to segment."""

    def __init__(self, given: TransactionSet, exchange: Exchange) -> None:
        self.given, self.exchange = given, exchange
        self.done: list[ClaimAnswer] = []
        self.answer: ClaimAnswer | None = None
        self.skipping = False
        self.payment_day: str | None = None
        self.made_on: str | None = None
        self.provider_adjustments = 0

    def answers(self) -> list[ClaimAnswer]:
        """The claims that the set answers to."""
        for segment in self.given.segments:
            try:
                self._take(segment)
            except Broken as broken:
                self._refuse(broken)
        last = self.answer
        if last and not self.given.complete:
            wanted = "the set to end with SE; its last claim may be cut off"
            self._refuse(Broken(last.position, f"claim {last.number}", wanted))
        self._close()
        return self.done

    def _refuse(self, broken: Broken) -> None:
        found = broken.found if self.answer is None else f"claim {self.answer.number}: {broken.found}"
        self.exchange.refuse(self.given.file, broken.position, found, broken.expected, "remittances")
        self.answer, self.skipping = None, True

    def _close(self) -> None:
        if self.answer:
            self.done.append(self.answer)
        self.answer, self.skipping = None, False

    def _take(self, segment: Segment) -> None:
        name = segment.name
        if name == "CLP":
            self._close()
            self.answer = self._claim(segment)
        elif name in {"LX", "PLB"}:
            self._close()
            self.provider_adjustments += name == "PLB"
        elif self.skipping:
            return
        elif self.answer is None:
            self._header(segment)
        elif not re.match(r"^[A-Z][A-Z0-9]{1,2}$", name):
            raise Broken(segment.position, str(segment), "a segment")
        elif name == "SVC":
            self.answer.lines.append(_service(segment))
        else:
            self._detail(
                segment, self.answer, self.answer.lines[-1] if self.answer.lines else self.answer.whole
            )
        segment.check()

    def _header(self, segment: Segment) -> None:
        if segment.name == "BPR":
            try:
                self.payment_day = iso_date(segment, segment.get(16))
            except Broken:
                self.payment_day = None
        elif segment.name == "DTM" and segment.get(1) == "405":
            self.made_on = iso_date(segment, segment.get(2))

    def _claim(self, segment: Segment) -> ClaimAnswer:
        segment.check()
        paid_on = self.payment_day or self.made_on
        number = segment.get(1)
        if not number:
            raise Broken(segment.position, str(segment), "a claim number in CLP01")
        if paid_on is None:
            raise Broken(segment.position, str(segment), "a payment date in BPR16 or DTM*405 of its set")
        paid = amount(segment, segment.get(4) or "0", "the payment in CLP04")
        owed = amount(segment, segment.get(5) or "0", "patient responsibility in CLP05")
        whole, status, payer_number = Answer(segment.position), segment.get(2), segment.get(7)
        return ClaimAnswer(
            self.given.file, segment.position, number, status, paid_on, paid, owed, payer_number, whole
        )

    def _detail(self, segment: Segment, claim: ClaimAnswer, answer: Answer) -> None:
        match segment.name, segment.get(1):
            case "CAS", group:
                answer.adjustments += _adjustments(segment, group)
            case "DTM", "472" | "150":
                answer.date = iso_date(segment, segment.get(2))
            case "DTM", "232" if not claim.lines:
                claim.date = iso_date(segment, segment.get(2))
            case "REF", "6R":
                answer.control_number = segment.get(2)
            case "AMT", "B6":
                answer.allowed = amount(segment, segment.get(2), "the allowed amount in AMT02")
            case "LQ", "HE":
                answer.remarks.append(segment.get(2))
            case "MOA", _:
                claim.whole.remarks += [code for place in range(3, 8) if (code := segment.get(place))]
            case "MIA", _:
                claim.whole.remarks += [code for place in (5, 20, 21, 22, 23) if (code := segment.get(place))]


def _service(segment: Segment) -> Answer:
    composite = segment.parts(1)
    if not is_procedure(composite):
        raise Broken(segment.position, str(segment), "a qualifier and a procedure code: HC:97110")
    submitted = segment.parts(6)
    paid = amount(segment, segment.get(3), "the payment in SVC03") if segment.get(3) else None
    return Answer(
        segment.position,
        procedure=composite[1],
        modifiers=tuple(part for part in composite[2:6] if part),
        submitted=submitted[1] if len(submitted) > 1 else "",
        paid=paid,
    )


def _adjustments(segment: Segment, group: str) -> list[tuple[str, str, float]]:
    if not re.match(r"^[A-Z]{2}$", group):
        raise Broken(segment.position, str(segment), "an adjustment group in CAS01: CO, PR, OA or PI")
    found = []
    for place in range(2, len(segment.elements), 3):
        reason = segment.get(place)
        if not reason:
            continue
        if not re.match(r"^[A-Z0-9]{1,4}$", reason):
            raise Broken(segment.position, str(segment), "adjustment reason codes (CARC): 45")
        found.append((group, reason, amount(segment, segment.get(place + 1), "an adjustment")))
    return found
