"""Patient, Practitioner, PractitionerRole, Organization and Coverage into patients, therapists, clinics and payers.

An organization is a payer where its type or a coverage says so, a clinic where its type or a visit, a role or a claim says
so. A payer's kind comes from codes of its coverages alone. What only a reference names (an NPI, a payer's name) gets a row.
"""

from dataclasses import dataclass, field

import polars as pl

from compliance.records.fhir_codes import is_npi, payer_kind, who
from compliance.records.fhir_gathering import Gathering, Place, Rows, key_of, name_key, raw_table, tail
from compliance.records.fhir_models import (
    Concept,
    Coverage,
    Extension,
    HumanName,
    Identifier,
    Organization,
    Patient,
    Period,
    Practitioner,
    PractitionerRole,
    Qualification,
    Reference,
)
from compliance.records.raw import RawTable

SEX = {"female": "F", "male": "M", "unknown": "U", "other": "U"}
"""Administrative gender as claims write sex; for any other than female and male they write U."""
PATIENTS = ("patient_id", "name", "birth_date", "sex", "secondary_payer_id")
THERAPISTS = ("therapist_id", "name", "npi", "discipline", "role", "credential", "clinic_id", "license_state",
              "license_number", "license_from", "license_expires_on", "employed_from", "employed_to")  # fmt: skip
CLINICS = ("clinic_id", "name", "state", "npi")
PAYERS = ("payer_id", "name", "kind")
STAYS = ("patient_id", "kind", "from")
WHERE_VALID = "whereValid"
PROVIDERS, INSURERS = {"prov", "dept", "team"}, {"pay", "ins"}
"""Codes of HL7's organization types."""


@dataclass
class _Therapist:
    place: Place
    id: str
    name: str | None
    npi: str | None
    qualifications: tuple[Qualification, ...] = ()
    credential: str | None = None
    roles: list[PractitionerRole] = field(default_factory=list)


@dataclass
class _Organization:
    place: Place
    resource: Organization
    npi: str | None


@dataclass
class _Coverage:
    payer: str | None
    kind: str | None
    order: int | None
    patient: str | None
    place: Place
    active: bool


def npi_of(identifiers: tuple[Identifier, ...]) -> str | None:
    """The NPI among identifiers."""
    return next((each.value for each in identifiers if each.value and is_npi(each)), None)


def day(text: str | None, gathering: Gathering, place: Place) -> str | None:
    """The day of a date or moment as written; null, and told, for a year or a month alone."""
    if text is None:
        return None
    if len(text) < 10:
        gathering.tell("dates state only a year or a month and were left empty", place)
        return None
    if len(text) > 10 and text.endswith(("Z", "+00:00")):
        gathering.tell("times are in UTC; their day and hour were taken as the clinic's", place)
    return text[:10]


def moment(text: str | None, gathering: Gathering, place: Place) -> str | None:
    """A moment as written, without its zone; null for a day alone."""
    if text is None or len(text) <= 10:
        return None
    day(text, gathering, place)
    return text[:19]


class People:
    """Who treats, is treated, bills and pays; settled when all files have been read."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self.patients, self.stays = Rows(PATIENTS, self.gathering.trace), Rows(STAYS, self.gathering.trace)
        self.therapists: dict[str, _Therapist] = {}
        self.roles: dict[str, PractitionerRole] = {}
        self.role_places: dict[str, Place] = {}
        self.organizations: dict[str, _Organization] = {}
        self.coverages: dict[str, _Coverage] = {}
        self.payer_ids: dict[tuple[str, str | None], str] = {}
        self.payers: dict[str, list[str | None]] = {}
        self.payer_places: dict[str, Place] = {}
        self.npis: dict[str, str] = {}
        self.clinics_named: dict[str, Place] = {}
        self.referring: set[str] = set()
        self.organization_names: dict[str, str] = {}
        self.people_named: dict[str, tuple[Place, str | None]] = {}

    # one resource

    def patient(self, given: Patient, place: Place) -> None:
        """A patient's row."""
        own = self.gathering.own_id("patients", given, place)
        born = day(given.birthDate, self.gathering, place)
        sex = SEX.get(given.gender or "")
        self.patients.add(own, _name(given.name), born, sex, place.key, place.file, place.position)
        if died := day(given.deceasedDateTime, self.gathering, place):
            self.stays.add(own, "deceased", died, place.file, place.position)

    def practitioner(self, given: Practitioner, place: Place) -> None:
        """Somebody who treats, orders or bills."""
        npi = npi_of(given.identifier)
        own = self.gathering.own_id("therapists", given, place)
        suffixes = [each for name in given.name for each in name.suffix if each]
        credential = ", ".join(dict.fromkeys(suffixes)) or None
        self.therapists[place.key] = _Therapist(
            place, own, _name(given.name), npi, given.qualification, credential
        )
        if npi:
            self.npis.setdefault(npi, place.key)

    def role(self, given: PractitionerRole, place: Place) -> None:
        """What somebody does for an organization."""
        self.gathering.own_id("", given, place)
        self.roles[place.key], self.role_places[place.key] = given, place
        self.clinic_named(key_of(given.organization, place), place)
        self.person_named(given.practitioner, place)

    def organization(self, given: Organization, place: Place) -> None:
        """A clinic, a payer or neither."""
        codes = {coding.code for concept in given.type for coding in concept.coding}
        table = "payers" if codes & INSURERS else "clinics"
        self.gathering.own_id(table, given, place)
        npi = npi_of(given.identifier)
        self.organizations[place.key] = _Organization(place, given, npi)
        if codes & INSURERS:
            self.payer_places[place.key] = place
        if codes & PROVIDERS:
            self.clinics_named[place.key] = place

    def coverage(self, given: Coverage, place: Place) -> None:
        """That a payer covers a patient."""
        self.gathering.own_id("", given, place)
        if given.status == "entered-in-error":
            self.gathering.tell("coverages were entered in error and left out", place)
            return
        classes = [(_code(each.type), each.value) for each in given.classes]
        payer = next((key for each in given.payor if (key := name_key(each, place))), None)
        kind = payer_kind(given.type, classes)
        active = given.status in (None, "active")
        patient = key_of(given.beneficiary, place)
        self.coverages[place.key] = _Coverage(payer, kind, given.order, patient, place, active)
        if payer:
            self.payer_named(payer, place)

    # who is named by others

    def payer_named(self, key: str | None, place: Place) -> None:
        """Somebody pays."""
        if key is not None:
            self.payer_places.setdefault(key, place)

    def clinic_named(self, key: str | None, place: Place) -> None:
        """Somebody bills, employs or houses visits."""
        if key is not None and not key.startswith(("Practitioner/", "PractitionerRole/", "Location/")):
            self.clinics_named.setdefault(key, place)

    def person_named(self, reference: Reference | None, place: Place) -> str | None:
        """Somebody treats; returns the key."""
        key = key_of(reference, place)
        if key is not None and key not in self.people_named:
            self.people_named[key] = (place, reference.display if reference else None)
        return key

    # when all files have been read

    def therapist_id(self, key: str) -> str | None:
        """Whom a key names: a practitioner, the one of a role, or an NPI."""
        key = self._practitioner(key)
        if key in self.therapists:
            return self.therapists[key].id
        if key.startswith(("Organization/", "Patient/", "Device/", "RelatedPerson/", "PractitionerRole/")):
            return None
        if key in self.organizations:
            return None
        if key.startswith("npi:"):
            return self.gathering.known.by_npi.get("therapists", {}).get(key[4:], key[4:])
        return tail(key)

    def npi(self, key: str) -> str | None:
        """The NPI of whom a key names."""
        key = self._practitioner(key)
        if key.startswith("npi:"):
            return key[4:]
        if key in self.therapists:
            return self.therapists[key].npi
        found = self.organizations.get(key)
        return found.npi if found else None

    def _practitioner(self, key: str) -> str:
        key = self.gathering.settled(key)
        role = self.roles.get(key)
        if role is not None:
            named = key_of(role.practitioner, self.role_places[key])
            key = self.gathering.settled(named) if named else key
        return self.npis.get(key[4:], key) if key.startswith("npi:") else key

    def clinic_id(self, key: str) -> str | None:
        """The clinic that a key names: an organization, the one of a role; a person is none."""
        key = self.gathering.settled(key)
        role = self.roles.get(key)
        if role is not None:
            named = key_of(role.organization, self.role_places[key])
            if named is None:
                return None
            key = self.gathering.settled(named)
        if key in self.therapists or key.startswith(("Practitioner", "Location/", "named:")):
            return None
        if key.startswith("npi:"):
            npi = key[4:]
            if npi in self.npis:
                return None
            return self.gathering.known.by_npi.get("clinics", {}).get(npi, npi)
        return self.gathering.id_of(key)

    def payer_id(self, key: str) -> str | None:
        """The payer that a key names: an organization, or a coverage's payer under its kind."""
        key = self.gathering.settled(key)
        covered = self.coverages.get(key)
        if covered is not None:
            return self._payer(covered.payer, covered.kind, covered.place) if covered.payer else None
        if key.startswith("Coverage/") or "#" in key:
            return None
        return self._payer(key, None, self.payer_places.get(key))

    def _payer(self, key: str, kind: str | None, place: Place | None) -> str | None:
        """The payer's id; where one stands for several kinds of payer, the kind is added to it."""
        key = self.gathering.settled(key)
        own = self.gathering.id_of(key)
        if own is None:
            return None
        kinds = self.payers.setdefault(own, [])
        if kind is not None and kind not in kinds:
            kinds.append(kind)
            if len(kinds) > 1 and place is not None:
                self.gathering.tell(
                    f"payers are of several kinds; as {kind} payer {own} is {own}-{kind}", place
                )
        return own if kind is None or kinds[0] == kind else f"{own}-{kind}"

    def tables(self) -> list[RawTable]:
        """Patients, therapists, clinics, payers, and the days of death."""
        payers = self._payer_rows()
        frame = self.patients.frame()
        second = {
            self.gathering.settled(each.patient): each
            for each in self.coverages.values()
            if each.patient and each.order == 2 and each.active
        }

        def secondary(key: str) -> str | None:
            covered = second.get(key)
            return (
                self._payer(covered.payer, covered.kind, covered.place) if covered and covered.payer else None
            )

        patients = frame.with_columns(
            self.gathering.mapped(frame["secondary_payer_id"], secondary).alias("secondary_payer_id")
        )
        made = [
            raw_table("clinics", self._clinic_rows(), CLINICS),
            raw_table("therapists", self._therapist_rows(), THERAPISTS),
            raw_table("payers", payers, PAYERS),
            raw_table("patients", patients, PATIENTS),
            raw_table("stays", self.stays.frame(), STAYS),
        ]
        self._tell_neither()
        return [raw for raw in made if raw.rows_read]

    def _payer_rows(self) -> pl.DataFrame:
        for covered in self.coverages.values():
            if covered.payer:
                self._payer(covered.payer, covered.kind, covered.place)
        rows, done = Rows(PAYERS, self.gathering.trace), set()
        for key, place in self.payer_places.items():
            settled = self.gathering.settled(key)
            own = self._payer(settled, None, place)
            if own is None or own in done:
                continue
            done.add(own)
            found = self.organizations.get(settled)
            name = found.resource.name if found else tail(key) if key.startswith("named:") else None
            place = found.place if found else place
            for number, kind in enumerate(self.payers[own] or [None]):
                rows.add(f"{own}-{kind}" if number else own, name, kind, place.file, place.position)
        return rows.frame()

    def _clinic_rows(self) -> pl.DataFrame:
        rows, done = Rows(CLINICS, self.gathering.trace), set()
        for key, place in self.clinics_named.items():
            settled = self.gathering.settled(key)
            own = self.clinic_id(settled)
            if own is None or own in done:
                continue
            found = self.organizations.get(settled)
            if found is None and not settled.startswith("npi:"):
                continue
            done.add(own)
            name, state, npi = self.organization_names.get(key), None, None
            if found is not None:
                name, npi, place = found.resource.name, found.npi, found.place
                state = next(
                    (two for each in found.resource.address if (two := _two_letters(each.state))), None
                )
            rows.add(own, name, state, npi or (settled[4:] if settled.startswith("npi:") else None), place.file,
                     place.position)  # fmt: skip
        return rows.frame()

    def _tell_neither(self) -> None:
        used = {self.gathering.settled(key) for key in (*self.clinics_named, *self.payer_places)}
        for key, found in self.organizations.items():
            if key not in used:
                self.gathering.tell(
                    "organizations are neither clinic nor payer by type or use and were left out", found.place
                )

    def _therapist_rows(self) -> pl.DataFrame:
        for key, role in self.roles.items():
            person = self.therapists.get(self._practitioner(key))
            if person is None:
                self.gathering.tell(
                    "practitioner roles name nobody who is here and were left out", self.role_places[key]
                )
            else:
                person.roles.append(role)
        treats = {self._practitioner(key) for key in self.people_named}
        refers = {self._practitioner(key) for key in self.referring} - treats
        rows, done = Rows(THERAPISTS, self.gathering.trace), set()
        for key, person in self.therapists.items():
            cells = self._therapist(person)
            if key in refers and cells[3] is None:
                self.gathering.tell("practitioners refer or order alone and are no therapists", person.place)
                continue
            rows.add(*cells, person.place.file, person.place.position)
            done.add(person.id)
        for key, (place, name) in self.people_named.items():
            own = self.therapist_id(key) if key.startswith("npi:") else None
            if own and own not in done and self.gathering.settled(key) not in self.organizations:
                done.add(own)
                rows.add(own, name, key[4:], *[None] * 10, place.file, place.position)
        return rows.frame()

    def _therapist(self, person: _Therapist) -> list[str | None]:
        place = person.place
        said: list[Concept | None] = [
            concept for role in person.roles for concept in (*role.code, *role.specialty)
        ]
        discipline, does = who(said)
        if discipline is None or does is None:
            named, role = who(each.code for each in person.qualifications)
            discipline, does = discipline or named, does or role
        licence = next((each for each in person.qualifications if each.identifier), None)
        number = next((each.value for each in licence.identifier if each.value), None) if licence else None
        period = licence.period if licence else None
        employed = next((role.period for role in person.roles if role.period), None)
        clinics = {
            clinic
            for role in person.roles
            if (key := key_of(role.organization, place)) and (clinic := self.clinic_id(key))
        }
        if len(clinics) > 1:
            self.gathering.tell("therapists work for several clinics; theirs is left open", place)
        valid, at_work = period or Period(), employed or Period()
        dates = (valid.start, valid.end, at_work.start, at_work.end)
        return [
            person.id, person.name, person.npi, discipline, does, person.credential,
            clinics.pop() if len(clinics) == 1 else None, _valid_in(licence), number,
            *(day(text, self.gathering, place) for text in dates),
        ]  # fmt: skip


def _name(names: tuple[HumanName, ...]) -> str | None:
    """The official name, else the first that is not an old one; as written where it is written whole."""
    current = [name for name in names if name.use not in ("old", "maiden", "nickname")] or list(names)
    for name in sorted(current, key=lambda each: each.use != "official"):
        if name.text:
            return name.text
        if parts := [part for part in (*name.given, name.family) if part]:
            return " ".join(parts)
    return None


def _two_letters(state: str | None) -> str | None:
    return state.upper() if state and len(state) == 2 and state.isascii() and state.isalpha() else None


def _valid_in(licence: Qualification | None) -> str | None:
    """The state where a licence is valid, which Plan-Net's extension of a qualification names."""
    for extension in licence.extension if licence else ():
        for given in extension.extension:
            if given.get("url") == WHERE_VALID:
                try:
                    concept = Extension.model_validate(given).valueCodeableConcept
                except ValueError:
                    continue
                if concept and concept.coding:
                    return _two_letters(concept.coding[0].code)
    return None


def _code(concept: Concept | None) -> str | None:
    return next((coding.code for coding in concept.coding if coding.code), None) if concept else None
