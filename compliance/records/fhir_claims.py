"""Claim, ClaimResponse and ExplanationOfBenefit into claims, claim lines and remittances.

A line is an item with a CPT or HCPCS code; items with codes of other systems are counted and make no line. An explanation
of benefit gives claim and lines where no Claim does, and always the payer's answer. Sums are those that the payer states;
patient responsibility, where it is not stated, is the sum of deductible, coinsurance and copayment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from compliance.records.claim_codes import FREQUENCIES
from compliance.records.fhir_charts import Charts
from compliance.records.fhir_codes import (
    GROUPS,
    REASONS,
    REMARKS,
    diagnosis_code,
    of_system,
    procedure_code,
)
from compliance.records.fhir_gathering import Gathering, Place, Rows, key_of, name_key, raw_table
from compliance.records.fhir_models import (
    Adjudication,
    Billed,
    CareTeam,
    Claim,
    ClaimResponse,
    Concept,
    ExplanationOfBenefit,
    Item,
    Payment,
    Quantity,
    SupportingInfo,
    Total,
)
from compliance.records.fhir_people import People, day
from compliance.records.raw import RawTable

CLAIMS = ("claim_id", "claim", "patient_id", "insurer", "coverage", "provider", "frequency_code", "original_claim_id",
          "authorization_id", "diagnosis_codes", "referring_npi", "form", "bill_type", "payer_order", "submitted_on",
          "received_on", "status")  # fmt: skip
LINES = ("claim_id", "line", "service_date", "cpt", "modifiers", "units", "charge", "therapist_id",
         "diagnosis_pointers", "place_of_service", "note_id")  # fmt: skip
REMITTANCES = ("claim", "answer", "line", "paid_on", "allowed", "deductible", "paid", "patient_responsibility", "adjustments",
               "remarks")  # fmt: skip
CLAIM_COLUMNS = ("claim_id", "patient_id", "payer_id", "clinic_id", "billing_npi", "frequency_code", "original_claim_id",
                 "authorization_id", "diagnosis_codes", "referring_npi", "form", "bill_type", "payer_order", "submitted_on",
                 "received_on", "status")  # fmt: skip
STATUS = {"draft": "draft", "active": "submitted", "cancelled": "void"}
FORMS = {"professional", "institutional"}
RENDERING = ("rendering", "performing", "treating", "", "primary", "attending")
"""Roles of a claim's care team that render the service, the surest first; referring, supervising, assisting ones do not."""
REFERRING = {"referring", "ordering"}
REPLACES = {"prior", "replaces", "replacement", "7"}
ANSWERED, EXPLAINED = "ClaimResponse", "ExplanationOfBenefit"
MINUTES = {"MJ", "min", "minute", "minutes"}
AMOUNTS: Mapping[str, str] = {
    "eligible": "allowed", "allowed": "allowed", "line_alowd_chrg_amt": "allowed",
    "deductible": "deductible", "line_bene_ptb_ddctbl_amt": "deductible", "rev_cntr_cash_ddctbl_amt": "deductible",
    "coinsurance": "coinsurance", "line_coinsrnc_amt": "coinsurance", "rev_cntr_coinsrnc_wge_adjstd_c": "coinsurance",
    "copay": "copay",
    "benefit": "paid", "line_nch_pmt_amt": "paid", "rev_cntr_pmt_amt_amt": "paid",
    "paidtoprovider": "paid to provider", "line_prvdr_pmt_amt": "paid to provider",
    "memberliability": "patient", "rev_cntr_ptnt_rspnsblty_pmt": "patient",
    "submitted": "submitted", "line_sbmtd_chrg_amt": "submitted", "rev_cntr_tot_chrg_amt": "submitted",
}  # fmt: skip
"""Codes of adjudication (HL7, CARIN, and the last part of Blue Button's) and what they are amounts of."""
PATIENT_SHARES = ("deductible", "coinsurance", "copay")
ROLE_OF_REASONS = {"deductible": "PR", "coinsurance": "PR", "copay": "PR"}
"""Adjustment group of a reason that stands with a category which is the patient's by its meaning."""


@dataclass
class _Answer:
    """What a payer decided of a line or a claim."""

    amounts: dict[str, float] = field(default_factory=dict)
    adjustments: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def cells(self, paid: float | None = None) -> tuple[str | None, ...]:
        """Allowed, deductible, paid, patient responsibility, adjustments, remarks."""
        given = self.amounts
        shares = [given[name] for name in PATIENT_SHARES if name in given]
        owed = given.get("patient", round(sum(shares), 2) if shares else None)
        payment = given.get("paid", given.get("paid to provider", paid))
        return (_amount(given.get("allowed")), _amount(given.get("deductible")), _amount(payment), _amount(owed),
                " ".join(self.adjustments) or None, " ".join(self.remarks) or None)  # fmt: skip

    def empty(self) -> bool:
        """Whether nothing was decided beyond what was submitted."""
        return not (self.adjustments or self.remarks or set(self.amounts) - {"submitted"})


class Claims:
    """What was billed and what was answered; settled when all files have been read."""

    def __init__(self, gathering: Gathering, people: People, charts: Charts) -> None:
        self.gathering, self.people, self.charts = gathering, people, charts
        self.claims, self.lines = Rows(CLAIMS, self.gathering.trace), Rows(LINES, self.gathering.trace)
        self.answered_claims, self.answered_lines = (
            Rows(CLAIMS, self.gathering.trace),
            Rows(LINES, self.gathering.trace),
        )
        self.remittances = Rows(REMITTANCES, self.gathering.trace)
        self.left_out: set[tuple[str, str]] = set()
        self.diagnoses: dict[str, list[tuple[int, str]]] = {}
        self.insurers: dict[str, str] = {}
        self.own_ids: set[str] = set()
        self.known_by_answer: dict[str, str] = {}

    # one resource

    def claim(self, given: Claim, place: Place) -> None:
        """A claim and its lines."""
        own = self.gathering.own_id("claims", given, place)
        if self._is_no_claim(given.use, given.status, "claims", place):
            return
        self._claim(given, place, own, self.claims, self.lines)

    def _is_no_claim(self, use: str | None, status: str | None, what: str, place: Place) -> bool:
        if use not in (None, "claim"):
            self.gathering.tell(f"{what} are a {use} and were left out", place)
            return True
        if status == "entered-in-error":
            self.gathering.tell(f"{what} were entered in error and left out", place)
            return True
        return False

    def _claim(
        self, given: Claim | ExplanationOfBenefit, place: Place, own: str, claims: Rows, lines: Rows
    ) -> None:
        gathering = self.gathering
        insurance = next((each for each in given.insurance if each.focal), None)
        insurance = insurance or (given.insurance[0] if given.insurance else None)
        coverage = key_of(insurance.coverage, place) if insurance else None
        insurer = name_key(given.insurer, place)
        self.people.payer_named(insurer, place)
        provider = key_of(given.provider, place)
        if provider and provider.startswith("npi:"):
            self._billing_named(given, provider, place)
        else:
            self.people.clinic_named(provider, place)
        frequency, bill_type, received = self._stated(given.supportingInfo, place)
        original, replaces = self._original(given, place)
        if frequency is None and replaces:
            frequency = "7"
        if original and original == place.key:
            original = None
        form = next((code for code in _codes(given.type) if code in FORMS), None)
        team = {each.sequence: self._member(each, place) for each in given.careTeam}
        referring = next((key for role, key in team.values() if role in REFERRING and key), None)
        status = STATUS.get(given.status or "")
        sent = status != "draft" and isinstance(
            given, Claim
        )  # an explanation of benefit was made by the payer
        submitted = day(given.created, gathering, place) if sent else None
        authorization = next((each for each in insurance.preAuthRef if each), None) if insurance else None
        claims.add(
            own, place.key, key_of(given.patient, place), insurer, coverage, provider, frequency, original, authorization,
            self._diagnoses(given, own, place), referring, form, bill_type,
            str(insurance.sequence) if insurance and insurance.sequence else None, submitted, received, status, place.file,
            place.position,
        )  # fmt: skip
        default = self._rendering(team, ()) or (provider if provider and _is_person(provider) else None)
        for number, item in enumerate(given.item, 1):
            self._line(item, number, own, team, default, place, lines)

    def _member(self, given: CareTeam, place: Place) -> tuple[str, str | None]:
        """Role and key of somebody in the care team; who only refers treats nobody."""
        role = _role(given.role)
        key = key_of(given.provider, place)
        if key is None or key.startswith("Organization/"):
            return role, None
        if role not in REFERRING:
            return role, self.people.person_named(given.provider, place)
        self.people.referring.add(key)
        return role, key

    def _billing_named(self, given: Billed, key: str, place: Place) -> None:
        name = given.provider.display if given.provider else None
        if name and key not in self.people.organization_names:
            self.people.organization_names[key] = name
        self.people.clinic_named(key, place)

    def _diagnoses(self, given: Billed, own: str, place: Place) -> str | None:
        """Codes in the order of their sequence; those that a Condition holds wait until all files have been read."""
        simple: list[str] = []
        entries: list[tuple[int, str]] = []
        waiting = False
        for number, each in enumerate(given.diagnosis, 1):
            code = diagnosis_code(each.diagnosisCodeableConcept)
            if code is None and each.diagnosisReference is not None:
                code = key_of(each.diagnosisReference, place)
                code = f"@{code}" if code else None
            if code is None:
                self.gathering.no_code("diagnoses of claims", each.diagnosisCodeableConcept)
            sequence = each.sequence or number
            waiting = waiting or code is None or code[0] == "@" or sequence != number
            entries.append((sequence, code or ""))
            simple.append(code or "")
        if not waiting:
            return " ".join(simple) or None
        self.diagnoses[own] = sorted(entries)
        return None

    def _stated(
        self, infos: tuple[SupportingInfo, ...], place: Place
    ) -> tuple[str | None, str | None, str | None]:
        """Frequency code, type of bill and day of receipt, as supporting information states them."""
        frequency = bill_type = received = None
        for each in infos:
            categories = {code.rpartition("/")[2] for code in _codes(each.category)}
            code = next(iter(_codes(each.code)), None)
            if "clm_freq_cd" in categories or "claimfrequency" in categories:
                frequency = code or frequency
            elif "typeofbill" in categories and code:
                bill_type = code if len(code) == 4 else f"0{code}" if len(code) == 3 else None
            elif "clmrecvddate" in categories:
                period = each.timingPeriod
                received = day(each.timingDate or (period.start if period else None), self.gathering, place)
        if frequency is None and bill_type:
            frequency = bill_type[-1]
        if frequency is not None and frequency not in FREQUENCIES:
            self.gathering.tell(f"claims have frequency {frequency[:10]}, which is none of 1, 7 and 8", place)
            frequency = None
        return frequency, bill_type, received

    def _original(self, given: Billed, place: Place) -> tuple[str | None, bool]:
        """The key of the claim that this one replaces or voids, and whether the relation says so."""
        for each in given.related:
            codes = {code.lower() for code in _codes(each.relationship)}
            key = key_of(each.claim, place)
            if key is None and each.reference and each.reference.value:
                key = f"identifier:{each.reference.system or ''}|{each.reference.value}"
            if key and (codes & REPLACES or not codes):
                return key, bool(codes & REPLACES)
        return None, False

    def _rendering(
        self, team: dict[int | None, tuple[str, str | None]], named: tuple[int, ...]
    ) -> str | None:
        """Whom the named members of the care team, else all, show as rendering."""
        members: Iterable[tuple[str, str | None]] = team.values()
        if len(team) == 1:
            role, key = next(iter(members))
            return key if role in RENDERING else None
        if named:
            members = [team[each] for each in named if each in team] or members
        found = [(RENDERING.index(role), key) for role, key in members if key and role in RENDERING]
        return min(found)[1] if found else None

    def _line(
        self, item: Item, number: int, own: str, team: dict[int | None, tuple[str, str | None]], default: str | None,
        place: Place, lines: Rows,
    ) -> None:  # fmt: skip
        gathering = self.gathering
        line = str(item.sequence or number)
        if item.detail:
            gathering.tell("claim lines have details below them, which are not read", place, len(item.detail))
        code = procedure_code(item.productOrService)
        if code is None:
            if lines is self.lines:
                gathering.no_code("items of claims", item.productOrService)
                self.left_out.add((own, line))
            else:
                gathering.no_code("items of explanations of benefit", item.productOrService)
            return
        modifiers = [each for each in map(_code, item.modifier) if each]
        where = _code(item.locationCodeableConcept)
        date = item.servicedDate
        if date is None and item.servicedPeriod is not None:
            date, end = item.servicedPeriod.start, item.servicedPeriod.end
            if date and end and date[:10] != end[:10]:
                gathering.tell("claim lines cover several days; the first counts as the service date", place)
        rendering = self._rendering(team, item.careTeamSequence) if item.careTeamSequence else default
        note = key_of(item.encounter[0], place) if item.encounter else None
        lines.add(
            own, line, day(date, gathering, place), code, " ".join(modifiers) or None, self._units(item.quantity, place),
            self._charge(item), rendering, " ".join(map(str, item.diagnosisSequence)) or None,
            where if where and len(where) == 2 else None, note, place.file, place.position,
        )  # fmt: skip

    def _units(self, quantity: Quantity | None, place: Place) -> str | None:
        if quantity is None or quantity.value is None:
            return None
        if quantity.unit in MINUTES or quantity.code in MINUTES:
            self.gathering.tell("claim lines are billed in minutes; their units are left empty", place)
            return None
        return f"{quantity.value:.15g}"

    def _charge(self, item: Item) -> str | None:
        """The net amount, else what was submitted, else the unit price times the quantity."""
        if item.net is not None and item.net.value is not None:
            return _amount(item.net.value)
        for each in getattr(item, "adjudication", ()):
            if _meaning(each) == "submitted" and each.amount:
                return _amount(each.amount.value)
        price = item.unitPrice.value if item.unitPrice else None
        count = item.quantity.value if item.quantity else 1
        return _amount(price * count) if price is not None and count is not None else None

    def explanation(self, given: ExplanationOfBenefit, place: Place) -> None:
        """A payer's answer, with the claim."""
        self.gathering.own_id("claims", given, place)
        if self._is_no_claim(given.use, given.status, "explanations of benefit", place):
            return
        if given.status == "cancelled":
            self.gathering.tell("explanations of benefit are cancelled and were left out", place)
            return
        claim = key_of(given.claim, place) or place.key
        known = self.gathering.known.ids.get("claims", frozenset())
        named = {each.value for each in given.identifier if each.value and each.value in known}
        if len(named) == 1:
            self.known_by_answer[claim] = named.pop()
        if insurer := name_key(given.insurer, place):
            self.insurers.setdefault(claim, insurer)
        self._claim(given, place, claim, self.answered_claims, self.answered_lines)
        if given.addItem:
            self.gathering.tell(
                "lines were added by the payer (addItem) and are not read", place, len(given.addItem)
            )
        paid_on = self._paid_on(given.outcome, given.payment, given.created, place)
        if paid_on is None:
            return
        lines = []
        for number, item in enumerate(given.item, 1):
            line = item.itemSequence[0] if len(item.itemSequence) == 1 else item.sequence or number
            if procedure_code(item.productOrService) is not None:
                lines.append((str(line), item.adjudication))
        if given.item and not lines:
            said = "explanations of benefit have no item with a CPT or HCPCS code; their payment is left out"
            self.gathering.tell(said, place)
            return
        self._answers(
            (claim, EXPLAINED), paid_on, lines, (given.adjudication, given.total, given.payment), place
        )

    def response(self, given: ClaimResponse, place: Place) -> None:
        """A payer's answer to a claim."""
        self.gathering.own_id("", given, place)
        if self._is_no_claim(given.use, given.status, "claim responses", place):
            return
        if given.status == "cancelled":
            self.gathering.tell("claim responses are cancelled and were left out", place)
            return
        claim = key_of(given.request, place)
        if claim is None:
            self.gathering.tell("claim responses name no claim and were left out", place)
            return
        if insurer := name_key(given.insurer, place):
            self.insurers.setdefault(claim, insurer)
            self.people.payer_named(insurer, place)
        if given.addItem:
            self.gathering.tell(
                "lines were added by the payer (addItem) and are not read", place, len(given.addItem)
            )
        paid_on = self._paid_on(given.outcome, given.payment, given.created, place)
        if paid_on is not None:
            lines = [(str(each.itemSequence), each.adjudication) for each in given.item if each.itemSequence]
            self._answers(
                (claim, ANSWERED), paid_on, lines, (given.adjudication, given.total, given.payment), place
            )

    def _paid_on(
        self, outcome: str | None, payment: Payment | None, created: str | None, place: Place
    ) -> str | None:
        """The day of payment, else the day of the answer; null, and told, where there is no answer yet."""
        if outcome == "queued":
            self.gathering.tell("answers of payers are queued and hold no decision yet", place)
            return None
        stated = payment.date if payment and payment.date else created
        when = day(stated, self.gathering, place)
        if when is None:
            self.gathering.tell("answers of payers have neither a day of payment nor one of creation", place)
        return when

    def _answers(
        self, claim: tuple[str, str], paid_on: str, lines: list[tuple[str, tuple[Adjudication, ...]]],
        whole: tuple[tuple[Adjudication, ...], tuple[Total, ...], Payment | None], place: Place,
    ) -> None:  # fmt: skip
        """A row for each answered line; one for the claim where no line is answered, or with what goes beyond lines.

        `claim`: its key, and what kind of resource answers.
        """
        answered = 0
        for line, adjudication in lines:
            answer = self._answer(adjudication, place)
            if not answer.empty():
                answered += 1
                self.remittances.add(*claim, line, paid_on, *answer.cells(), place.file, place.position)
        adjudication, totals, payment = whole
        answer = self._answer(adjudication, place)
        if answered:
            if answer.adjustments or answer.remarks:
                answer.amounts.clear()
                self.remittances.add(*claim, None, paid_on, *answer.cells(), place.file, place.position)
            return
        for total in totals:
            meaning = _meaning(total)
            if meaning and total.amount and total.amount.value is not None:
                answer.amounts.setdefault(meaning, total.amount.value)
        paid = payment.amount.value if payment and payment.amount else None
        if paid is not None or not answer.empty():
            self.remittances.add(*claim, None, paid_on, *answer.cells(paid), place.file, place.position)

    def _answer(self, given: Iterable[Adjudication], place: Place) -> _Answer:
        answer = _Answer()
        for each in given:
            meaning = _meaning(each)
            amount = each.amount.value if each.amount else None
            if meaning and amount is not None:
                answer.amounts[meaning] = round(answer.amounts.get(meaning, 0.0) + amount, 2)
            reason = of_system(each.reason, REASONS)
            if reason is not None and amount is not None:
                group = of_system(each.reason, GROUPS) or of_system(each.category, GROUPS)
                group = group or ROLE_OF_REASONS.get(meaning or "")
                if group:
                    answer.adjustments.append(f"{group}-{reason}:{amount:.2f}")
                else:
                    self.gathering.tell(
                        "adjustment reasons (CARC) state no group (CO, PR …) and were left out", place
                    )
            elif reason is not None:
                self.gathering.tell("adjustment reasons (CARC) state no amount and were left out", place)
            if each.reason is not None:
                answer.remarks += [
                    coding.code
                    for coding in each.reason.coding
                    if coding.code and REMARKS.search(coding.system or "")
                ]
        return answer

    # when all files have been read

    def claim_of(self, key: str) -> str | None:
        """The id of the claim that a key names: as read, else as tables and claim files know it.

        An explanation of benefit that names no claim is none of the claims that happen to bear its id.
        """
        settled = self.gathering.settled(key)
        own = self.gathering.ids.get(settled)
        if own is not None:
            return settled if settled.startswith(EXPLAINED) and own in self.own_ids else own
        return self.known_by_answer.get(key) or self.gathering.id_of(key)

    def tables(self) -> list[RawTable]:
        """Claims, claim lines and remittances."""
        claims, lines = self.claims.frame(), self.lines.frame()
        answered, answered_lines = self.answered_claims.frame(), self.answered_lines.frame()
        self.own_ids = set(claims["claim_id"])
        keys = answered["claim_id"]
        own = self.gathering.mapped(keys, self.claim_of)
        for key, each in zip(keys, own, strict=True):
            if key in self.diagnoses:
                self.diagnoses.setdefault(each, self.diagnoses[key])
        answered = answered.with_columns(own.alias("claim_id")).join(
            claims, on="claim_id", how="anti", maintain_order="left"
        )
        answered_lines = answered_lines.with_columns(
            self.gathering.mapped(answered_lines["claim_id"], self.claim_of).alias("claim_id")
        ).join(answered.select("claim_id").unique(), on="claim_id", how="semi", maintain_order="left")
        answered = answered.unique("claim_id", keep="first", maintain_order=True)
        answered_lines = answered_lines.unique(["claim_id", "line"], keep="first", maintain_order=True)
        made = [
            raw_table("claims", self._claim_rows(pl.concat([claims, answered])), CLAIM_COLUMNS, False),
            raw_table("claim_lines", self._line_rows(pl.concat([lines, answered_lines])), LINES, False),
            raw_table("remittances", self._remittance_rows(), ("claim_id", *REMITTANCES[2:]), False),
        ]
        return [raw for raw in made if raw.rows_read]

    def _claim_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        mapped, people = self.gathering.mapped, self.people
        insurers = {self.gathering.settled(key): insurer for key, insurer in self.insurers.items()}
        said = mapped(frame["claim"], lambda key: insurers.get(key))
        payer = pl.coalesce(
            mapped(frame["coverage"], self._covered), mapped(frame["insurer"], people.payer_id),
            mapped(said, people.payer_id),
        )  # fmt: skip
        waiting = frame["claim_id"].is_in(list(self.diagnoses))
        found = mapped(frame["claim_id"].set(~waiting, None), self._waiting_diagnoses)
        return frame.with_columns(
            mapped(frame["patient_id"], self.gathering.id_of).alias("patient_id"),
            payer.alias("payer_id"),
            mapped(frame["provider"], people.clinic_id).alias("clinic_id"),
            mapped(frame["provider"], people.npi).alias("billing_npi"),
            mapped(frame["referring_npi"], people.npi).alias("referring_npi"),
            mapped(frame["original_claim_id"], self.claim_of).alias("original_claim_id"),
            pl.coalesce("diagnosis_codes", found).alias("diagnosis_codes"),
        )

    def _covered(self, key: str) -> str | None:
        if self.gathering.settled(key) not in self.people.coverages:
            self.gathering.lost("claims name a coverage that no file holds", key)
            return None
        return self.people.payer_id(key)

    def _coded(self, claim: str) -> list[tuple[int, str]]:
        """Sequence and ICD-10-CM code of a claim's diagnoses, as far as they have one."""
        coded = []
        for sequence, code in self.diagnoses[claim]:
            if code.startswith("@"):
                found = self.charts.plans.conditions.get(self.gathering.settled(code[1:]))
                if found is None:
                    self.gathering.lost("diagnoses of claims are conditions that no file holds", code[1:])
                code = found or ""
            if code:
                coded.append((sequence, code))
        return coded

    def _waiting_diagnoses(self, claim: str) -> str | None:
        coded = self._coded(claim)
        self.diagnoses[claim] = coded
        return " ".join(code for _, code in coded) or None

    def _line_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Lines with ids; pointers as positions among the codes that the claim has here."""
        frame = frame.with_columns(
            self.gathering.mapped(frame["therapist_id"], self.people.therapist_id).alias("therapist_id"),
            self.gathering.mapped(frame["note_id"], self.charts.note_of).alias("note_id"),
        )
        asked = frame["claim_id"].is_in(list(self.diagnoses))
        if not asked.any():
            return frame
        pointers = [
            self._pointers(claim, given) if waits and given else given
            for claim, given, waits in zip(frame["claim_id"], frame["diagnosis_pointers"], asked, strict=True)
        ]
        return frame.with_columns(pl.Series("diagnosis_pointers", pointers, dtype=pl.String))

    def _pointers(self, claim: str, given: str) -> str | None:
        places = {sequence: place for place, (sequence, _) in enumerate(self.diagnoses[claim], 1)}
        kept = [str(places[int(each)]) for each in given.split() if int(each) in places]
        if len(kept) < len(given.split()):
            self.gathering.lost("claim lines point to diagnoses without an ICD-10-CM code", f"claim {claim}")
        return " ".join(kept) or None

    def _remittance_rows(self) -> pl.DataFrame:
        frame = self.remittances.frame()
        frame = frame.with_columns(self.gathering.mapped(frame["claim"], self.claim_of).alias("claim_id"))
        explained = frame.filter(pl.col("answer") == EXPLAINED).select("claim_id", "paid_on").unique()
        answered = frame.filter(pl.col("answer") == ANSWERED)
        both = answered.join(explained, on=["claim_id", "paid_on"], how="semi")
        if both.height:
            said = "lines of claim responses stand in an explanation of benefit of the same claim and day, which counts"
            self.gathering.lost(said, f"claim {both['claim_id'][0]}", both.height)
            once = answered.join(explained, on=["claim_id", "paid_on"], how="anti", maintain_order="left")
            frame = pl.concat([frame.filter(pl.col("answer") == EXPLAINED), once])
        if not self.left_out:
            return frame
        pairs = frame.select("claim_id", "line").iter_rows()
        lost = pl.Series([pair in self.left_out for pair in pairs], dtype=pl.Boolean)
        if lost.any():
            said = "answers of payers are to items without a CPT or HCPCS code and were left out"
            self.gathering.lost(said, f"claim {frame.filter(lost)['claim_id'][0]}", int(lost.sum()))
        return frame.filter(~lost)


def _meaning(given: Adjudication | Total) -> str | None:
    """What an adjudication or a total is an amount of."""
    for code in _codes(given.category):
        if meaning := AMOUNTS.get(code.rpartition("/")[2].lower()):
            return meaning
    return None


def _code(concept: Concept | None) -> str | None:
    if concept is not None:
        for coding in concept.coding:
            if coding.code:
                return coding.code
    return None


def _codes(concept: Concept | None) -> list[str]:
    return [coding.code for coding in concept.coding if coding.code] if concept is not None else []


def _role(concept: Concept | None) -> str:
    """The role of a care team's member; of several codes one that is known."""
    codes = [code.rpartition("/")[2].lower() for code in _codes(concept)]
    return next((code for code in codes if code in RENDERING or code in REFERRING), codes[0] if codes else "")


def _is_person(key: str) -> bool:
    return key.startswith(("Practitioner/", "PractitionerRole/"))


def _amount(value: float | None) -> str | None:
    return None if value is None else repr(round(value, 2))
