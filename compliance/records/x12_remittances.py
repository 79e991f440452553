"""835 remittances (005010X221) into the table `remittances`, joined to claims and their lines.

A remittance names the claim by its control number (CLP01 = CLM01) and the line by the line's control number (REF*6R)
where the claim gave one, else by procedure, date and modifiers, in order. Allowed is AMT*B6; where the payer leaves it
out, paid + patient responsibility. The modifiers and remark codes that this needs are in no table of the 835 libraries
at hand, so the segments are read here; the tests hold the sums against such a library.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from compliance.formats import plural
from compliance.records.raw import ROW, Exchange, RawTable
from compliance.records.x12_claims import Claims
from compliance.records.x12_sets import (
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


PRIOR = {"1": PRIMARY, "2": SECONDARY, "3": TERTIARY}


@dataclass(slots=True)
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
        return round(sum([value for group, _, value in self.adjustments if group == PATIENT]), 2)

    def deductible(self) -> float:
        """Of these the deductible, reason 1."""
        return round(
            sum([v for group, reason, v in self.adjustments if (group, reason) == (PATIENT, DEDUCTIBLE)]), 2
        )


@dataclass(slots=True)
class ClaimAnswer:
    """What a payer says of a claim."""

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


@dataclass(slots=True)
class _Known:
    """A line that may be answered to."""

    line: int
    procedure: str
    date: str | None
    modifiers: frozenset[str]
    control_number: str = ""


@dataclass(slots=True)
class _Sent:
    """A claim that may be answered to: the number under which it was sent is not always its id."""

    claim_id: str
    payer_order: str | None
    submitted_on: str | None


class RemittanceSet(SetReader):
    """One 835 set, read from segment to segment; whole answers are handed to `remittances`."""

    table = "remittances"

    def __init__(self, file: str, version: str, remittances: "Remittances") -> None:
        super().__init__(file, remittances.exchange, remittances.unread)
        self.remittances = remittances
        self.mark = remittances.exchange.mark()
        self.before = (remittances.counts.copy(), remittances.unread.copy(), dict(remittances.provider))
        self.content = hash(version)
        self.answer: ClaimAnswer | None = None
        self.at: Answer | None = None
        self.payment_day: str | None = None
        self.made_on: str | None = None
        self.handlers = IN_HEADER

    def take(self, name: str, text: str, position: int) -> None:
        """Read a segment, and remember what the set holds: one that is sent twice counts once."""
        self.content = hash((self.content, text))
        super().take(name, text, position)

    def end(self, complete: bool) -> None:
        """The set ends; without SE its last answer may be cut off and is refused."""
        last = self.answer
        if last and not complete:
            wanted = "the set to end with SE; its last claim may be cut off"
            self.refuse(Broken(last.position, "no SE after it", wanted))
        self._close()
        self.remittances.set_ends(self)

    def refuse(self, broken: Broken) -> None:
        """Refuse the answer at hand; before the first one, what the segment says of the set."""
        answer = self.answer
        found = broken.found if answer is None else f"claim {answer.number}: {broken.found}"
        costs = answer is not None or broken.found.startswith("CLP")
        self.exchange.refuse(
            self.file, broken.position, found, broken.expected, self.table if costs else None
        )
        if costs:
            self.remittances.counts["refused"] += 1
            self.answer = self.at = None
            self.skipping, self.handlers = True, OPENING

    def _close(self) -> None:
        answer, self.answer = self.answer, None
        self.at, self.skipping, self.handlers = None, False, IN_HEADER
        if answer:
            self.remittances.keep(answer)

    def _close_at(self, segment: Segment) -> None:
        self._close()

    def _provider(self, segment: Segment) -> None:
        """Adjustments of the provider, which belong to no claim: reason and amount, up to six in a segment."""
        self._close()
        for place in range(3, len(segment.elements), 2):
            reason = segment.parts(place)[0]
            if reason:
                value = amount(segment, segment.get(place + 1), "an adjustment")
                kind = reason if re.fullmatch(r"[A-Z0-9]{1,3}", reason) else "others"
                self.remittances.adjusted(kind, value)

    def _payment(self, segment: Segment) -> None:
        try:
            self.payment_day = iso_date(segment, segment.get(16))
        except Broken:
            self.payment_day = None

    def _made(self, segment: Segment) -> None:
        if segment.get(1) == "405":
            self.made_on = iso_date(segment, segment.get(2))

    def _open(self, segment: Segment) -> None:
        self._close()
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
        self.answer = ClaimAnswer(segment.position, number, status, paid_on, paid, owed, payer_number, whole)
        self.at, self.handlers = whole, IN_CLAIM

    def _service(self, segment: Segment) -> None:
        assert self.answer is not None
        self.see_component(segment)
        self.at = _service(segment)
        self.answer.lines.append(self.at)

    def _adjust(self, segment: Segment) -> None:
        assert self.at is not None
        self.at.adjustments += _adjustments(segment, segment.get(1))

    def _date(self, segment: Segment) -> None:
        assert self.answer is not None and self.at is not None
        kind = segment.get(1)
        if kind in {"472", "150"}:
            self.at.date = iso_date(segment, segment.get(2))
        elif kind == "232" and not self.answer.lines:
            self.answer.date = iso_date(segment, segment.get(2))
        else:
            self.leave_kind(segment)

    def _reference(self, segment: Segment) -> None:
        assert self.at is not None
        if segment.get(1) == "6R":
            self.at.control_number = segment.get(2)
        else:
            self.leave_kind(segment)

    def _amount(self, segment: Segment) -> None:
        assert self.at is not None
        if segment.get(1) == "B6":
            self.at.allowed = amount(segment, segment.get(2), "the allowed amount in AMT02")
        else:
            self.leave_kind(segment)

    def _remark(self, segment: Segment) -> None:
        assert self.at is not None
        if segment.get(1) == "HE":
            self.at.remarks.append(segment.get(2))
        else:
            self.leave_kind(segment)

    def _outpatient(self, segment: Segment) -> None:
        self._remarks_of_claim(segment, range(3, 8))

    def _inpatient(self, segment: Segment) -> None:
        self._remarks_of_claim(segment, (5, 20, 21, 22, 23))

    def _remarks_of_claim(self, segment: Segment, places: Iterable[int]) -> None:
        assert self.answer is not None
        self.answer.whole.remarks += [code for place in places if (code := segment.get(place))]


OPENING: Handlers = {
    "CLP": RemittanceSet._open, "LX": RemittanceSet._close_at, "PLB": RemittanceSet._provider,
}  # fmt: skip
IN_HEADER: Handlers = {**OPENING, "BPR": RemittanceSet._payment, "DTM": RemittanceSet._made}
IN_CLAIM: Handlers = {
    **OPENING, "SVC": RemittanceSet._service, "CAS": RemittanceSet._adjust, "DTM": RemittanceSet._date,
    "REF": RemittanceSet._reference, "AMT": RemittanceSet._amount, "LQ": RemittanceSet._remark,
    "MOA": RemittanceSet._outpatient, "MIA": RemittanceSet._inpatient,
}  # fmt: skip

ANSWER, SET, SINGLE = "number of the answer", "number of the set", "is of a line"
JOINED_BY: Mapping[str, type[pl.DataType]] = {
    "number": pl.String, "status": pl.String, "payer_number": pl.String, "procedure": pl.String,
    "submitted": pl.String, "modifiers": pl.String, "date": pl.String, "control_number": pl.String,
    SINGLE: pl.Boolean, ANSWER: pl.Int64, SET: pl.Int64, ROW: pl.Int64, FILE_NUMBER: pl.Int32,
}  # fmt: skip
"""What is kept of an answer beside its row, until it is joined to a claim and a line."""


class Remittances(Sets):
    """Remittances of many files, gathered as rows; joined to claims when all have been read."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.rows = Rows({**dict.fromkeys(COLUMNS, pl.String), **JOINED_BY})
        self.counts: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.provider: dict[str, tuple[int, float]] = {}
        self.seen: dict[int, str] = {}
        self.twice: list[int] = []
        self.sets = self.answers = 0
        self.file = -1
        self.unknown: Counter[str] = Counter()
        self.done: list[pl.DataFrame] = []

    def reader(self, file: str, version: str) -> RemittanceSet:
        """The reader of a set of a file."""
        self.file = len(self.exchange.files) - 1
        self.sets += 1
        return RemittanceSet(file, version, self)

    def set_ends(self, read: RemittanceSet) -> None:
        """Keep what a set held, unless it was read before: then it is told and left out."""
        if read.content in self.seen:
            counts, unread, provider = read.before
            repeated = self.counts["claims"] - counts["claims"] + self.counts["refused"] - counts["refused"]
            self.twice.append(self.sets)
            self.exchange.forget(read.mark)
            self.counts, self.provider = counts, provider
            self.unread.clear()
            self.unread.update(unread)
            said = f"this 835 is the one of {self.seen[read.content]}; it counts once"
            self.exchange.note(read.file, said, repeated)
            return
        self.seen[read.content] = read.file
        self.counts["sets"] += 1

    def file_ends(self, file: str) -> None:
        """Tell what a file held and what of it was not read."""
        if self.counts["sets"]:
            sets = f" in {self.counts['sets']:,} sets" if self.counts["sets"] > 1 else ""
            claims, lines = self.counts["claims"], self.counts["lines"]
            self.exchange.note(file, f"835: {plural(claims, 'claim')}, {plural(lines, 'line')}{sets}", claims)
        if self.provider:
            count = sum(times for times, _ in self.provider.values())
            each = ", ".join(
                f"{kind} {value:.2f}" for kind, (_, value) in sorted(self.provider.items(), key=lambda kv: -kv[1][0])[:12]
            )  # fmt: skip
            belong = plural(count, "provider adjustment (PLB) belongs", "provider adjustments (PLB) belong")
            said = f"{belong} to no claim and in no table: {each}"
            self.exchange.note(file, said, count)
        if self.unread:
            said = f"835 segments that no table has a column for: {told_unread(self.unread)}"
            self.exchange.note(file, said, self.unread.total())
        for gathered in (self.counts, self.unread, self.provider):
            gathered.clear()

    def adjusted(self, kind: str, value: float) -> None:
        """Count a provider adjustment."""
        times, before = self.provider.get(kind, (0, 0.0))
        self.provider[kind] = (times + 1, round(before + value, 2))

    def keep(self, answer: ClaimAnswer) -> None:
        """Keep a whole answer: a row of each line, and one of the claim where something is said beyond its lines."""
        self.answers += 1
        self.counts["claims"] += 1
        self.counts["lines"] += len(answer.lines)
        for line in answer.lines:
            self._add(answer, line, line.owed(), single=True)
        whole = answer.whole
        if not answer.lines:
            whole.paid = answer.paid
            self._add(answer, whole, answer.owed or whole.owed(), single=False)
        elif whole.adjustments or whole.remarks:
            whole.paid = round(answer.paid - sum([line.paid or 0.0 for line in answer.lines]), 2)
            self._add(answer, whole, whole.owed(), single=False)

    def _add(self, answer: ClaimAnswer, line: Answer, owed: float, single: bool) -> None:
        allowed, paid = line.allowed, line.paid
        if allowed is None and paid is not None:
            allowed = round(paid + owed, 2)
        said = " ".join([f"{group}-{reason}:{value:.2f}" for group, reason, value in line.adjustments])
        sums = [None if value is None else repr(value) for value in (allowed, line.deductible(), paid, owed)]
        self.rows.add(
            (None, None, answer.paid_on, *sums, said or None, " ".join(line.remarks) or None,
             answer.number, answer.status, answer.payer_number, line.procedure, line.submitted,
             " ".join(line.modifiers), line.date or answer.date, line.control_number,
             single, self.answers, self.sets, line.position, self.file)
        )  # fmt: skip

    def payer_numbers(self, asked: pl.Series) -> dict[str, str]:
        """Of some of the payer's claim numbers (CLP07) the claim numbers that they were given for."""
        if not asked.len():
            return {}
        rows = self.rows.frame().filter(pl.col("payer_number").is_in(asked.implode()))
        return dict(rows.select("payer_number", "number").iter_rows())

    def settle(self, claims: Claims, known_lines: pl.DataFrame | None) -> None:
        """Join the answers to claims and lines, some thousand at a time."""
        self.rows.flush()
        batches, self.rows.frames = self.rows.frames, []
        batches.reverse()
        rest = pl.DataFrame()
        while batches:
            rows = pl.concat([rest, batches.pop()]) if rest.height else batches.pop()
            if self.twice:
                rows = rows.filter(~pl.col(SET).is_in(self.twice))
            if batches and rows.height:  # the lines of an answer are joined together
                last = pl.col(ANSWER) == rows[ANSWER][-1]
                rest, rows = rows.filter(last), rows.filter(~last)
            self.done.append(self._join(rows, claims, known_lines))
        for file, count in self.unknown.items():
            said = "lines answer to claims that are not here; they are numbered as the remittance lists them"
            self.exchange.note(file, f"{count:,} {said}", count)

    def tables(self) -> Iterator[RawTable]:
        """The table, raw and in batches."""
        return raw_tables("remittances", self.done, COLUMNS, self.exchange.files)

    def _join(self, rows: pl.DataFrame, claims: Claims, known_lines: pl.DataFrame | None) -> pl.DataFrame:
        """Some answers under the ids of claims and the numbers of lines that they answer to."""
        numbers = rows["number"].unique()
        sent, lines = _sent(claims.settled, numbers), _lines(claims.settled_lines, numbers)
        tabled = _tabled(known_lines, numbers)
        ids: list[str] = []
        places: list[str | None] = []
        kept: list[bool] = []
        current, used, claim_id, known = 0, set(), "", None
        for answer, number, status, paid_on, single, position, file, *asked in rows.select(
            ANSWER, "number", "status", "paid_on", SINGLE, ROW, FILE_NUMBER, "procedure", "submitted", "modifiers",
            "date", "control_number",
        ).iter_rows():  # fmt: skip
            if answer != current:
                current, used = answer, set()
                claim = _answered(status, paid_on, sent.get(number))
                claim_id = claim.claim_id if claim else number
                known = lines.get(claim_id) if claim else tabled.get(number)
            place = self._place(_Asked(*asked), known, used, file) if single else None
            kept.append(place is not None or not single)
            if not kept[-1]:
                self._refuse_line(file, position, number, claim_id, _Asked(*asked))
                continue
            ids.append(claim_id)
            places.append(None if place is None else str(place))
        found = [pl.Series("claim_id", ids, pl.String), pl.Series("line", places, pl.String)]
        rows = rows.filter(pl.Series(kept, dtype=pl.Boolean)) if len(ids) < rows.height else rows
        return rows.with_columns(found).select(*COLUMNS, ROW, FILE_NUMBER)

    def _place(self, asked: "_Asked", known: list[_Known] | None, used: set[int], file: int) -> int | None:
        """The number of the line that is answered to; of a claim that is not here, the next one."""
        place = len(used) + 1 if known is None else _matched(asked, known, used)
        if known is None:
            self.unknown[self.exchange.files[file]] += 1
        if place is not None:
            used.add(place)
        return place

    def _refuse_line(self, file: int, position: int, number: str, claim_id: str, asked: "_Asked") -> None:
        service = " ".join((asked.procedure, asked.modifiers)).strip()
        found = f"claim {number}: {service} on {asked.date or 'no date'}"
        wanted = f"a line of claim {claim_id} with this procedure and date"
        self.exchange.refuse(self.exchange.files[file], position, found, wanted, "remittances")


@dataclass(slots=True)
class _Asked:
    """What a line of a remittance says of the service that it answers to."""

    procedure: str
    submitted: str
    modifiers: str
    date: str | None
    control_number: str


def _sent(claims: list[pl.DataFrame], numbers: pl.Series) -> dict[str, list[_Sent]]:
    """The claims of claim files that bear some numbers."""
    found: dict[str, list[_Sent]] = {}
    for batch in claims:
        asked = batch.filter(pl.col("number").is_in(numbers.implode()))
        for number, *rest in asked.select("number", "claim_id", "payer_order", "submitted_on").iter_rows():
            found.setdefault(number, []).append(_Sent(*rest))
    return found


def _lines(lines: list[pl.DataFrame], numbers: pl.Series) -> dict[str, list[_Known]]:
    """The lines of the claims of claim files that bear some numbers, by the claims' ids."""
    found: dict[str, list[_Known]] = {}
    for batch in lines:
        asked = batch.filter(pl.col("number").is_in(numbers.implode()))
        columns = ("claim_id", "line", "cpt", "service_date", "modifiers", "control_number")
        for claim_id, line, cpt, day, modifiers, control in asked.select(columns).iter_rows():
            known = _Known(int(line), cpt.upper(), day, frozenset((modifiers or "").split()), control or "")
            found.setdefault(claim_id, []).append(known)
    return found


def _tabled(known_lines: pl.DataFrame | None, numbers: pl.Series) -> dict[str, list[_Known]]:
    """The lines, from tables, of the claims that are answered to."""
    found: dict[str, list[_Known]] = {}
    if known_lines is not None:
        asked = known_lines.filter(pl.col("claim_id").is_in(numbers.implode())).sort("claim_id", "line")
        columns = ("claim_id", "line", "cpt", "service_date", "modifiers")
        for claim_id, line, cpt, day, modifiers in asked.select(columns).iter_rows():
            date = day.strftime("%Y-%m-%d") if day else None
            known = _Known(line, (cpt or "").upper(), date, frozenset((modifiers or "").split()))
            found.setdefault(claim_id, []).append(known)
    return found


def _answered(status: str, paid_on: str, candidates: list[_Sent] | None) -> _Sent | None:
    """Of the claims with the number, the one whose payer stands where the answer says, and the last sent before it."""
    if not candidates or len(candidates) == 1:
        return candidates[0] if candidates else None
    order = next((order for order, codes in PRIOR.items() if status in codes), None)
    fitting = [
        claim for claim in candidates if order is None or claim.payer_order in (order, None)
    ] or candidates
    sent = [claim for claim in fitting if claim.submitted_on is None or claim.submitted_on <= paid_on]
    return (sent or fitting)[-1]


def _matched(asked: _Asked, known: list[_Known], used: set[int]) -> int | None:
    """The line that is answered to: by its control number, else by procedure, date and modifiers, unused ones first."""
    if asked.control_number:
        named = [each.line for each in known if each.control_number == asked.control_number]
        if len(named) == 1:
            return named[0]
    procedure, modifiers = (asked.submitted or asked.procedure).upper(), frozenset(asked.modifiers.split())
    same = [
        each
        for each in known
        if each.procedure == procedure and (asked.date is None or each.date == asked.date)
    ]
    alike = [each for each in same if each.modifiers == modifiers]
    for fitting in (alike, same):
        unused = [each.line for each in fitting if each.line not in used]
        if unused:
            return unused[0]
    return (alike or same)[0].line if same else None


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


GROUP, REASON = re.compile(r"[A-Z]{2}"), re.compile(r"[A-Z0-9]{1,4}")


def _adjustments(segment: Segment, group: str) -> list[tuple[str, str, float]]:
    if not GROUP.fullmatch(group):
        raise Broken(segment.position, str(segment), "an adjustment group in CAS01: CO, PR, OA or PI")
    found = []
    for place in range(2, len(segment.elements), 3):
        reason = segment.elements[place]
        if not reason:
            continue
        if not REASON.fullmatch(reason):
            raise Broken(segment.position, str(segment), "adjustment reason codes (CARC): 45")
        found.append((group, reason, amount(segment, segment.get(place + 1), "an adjustment")))
    return found
