"""Encounters, documents, procedures and signatures into notes and interventions.

A document (DocumentReference, Composition) is a note; an encounter without a document is one by itself. An encounter gives
its first document that is no addendum its times and outcome, and its procedures are that note's interventions.
"""

import re
from datetime import datetime

import polars as pl

from compliance.records.fhir_codes import (
    discipline_said,
    note_type,
    procedure_code,
    words,
)
from compliance.records.fhir_gathering import FILE, Gathering, Place, Rows, key_of, raw_table
from compliance.records.fhir_models import (
    Binary,
    Composition,
    Concept,
    DocumentReference,
    Encounter,
    Procedure,
    Provenance,
    RelatesTo,
)
from compliance.records.fhir_people import People, day, moment
from compliance.records.fhir_plans import Plans, Signed
from compliance.records.fhir_text import (
    MARKED_UP,
    PLAIN,
    content_type,
    decoded,
    of_sections,
    readable,
)
from compliance.records.raw import ROW, RawTable

AUTHENTICATED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-authentication-time"
MINUTES = re.compile(r"^\s*(\d{1,3})\s*(?:min|minutes?)\b", re.IGNORECASE)
NO_SHOW = re.compile(r"no[ -_]?show|did not (?:come|attend|arrive)", re.IGNORECASE)
LONGEST_SERVICE = 24 * 60
REPORTS = {"progress_report", "recertification", "discharge", "reevaluation"}
"""Kinds of notes that may cover a period; days without a time of day in their period are those that they cover."""
ENCOUNTERS = ("note_id", "encounter", "patient", "status", "outcome", "service_date", "started_at", "ended_at",
              "therapist", "clinic", "kind", "discipline")  # fmt: skip
DOCUMENTS = ("note_id", "document", "patient", "encounter", "plan", "kind", "amends", "service_date", "period_from",
             "period_to", "started_at", "ended_at", "therapist", "clinic", "discipline", "written_at", "signed_on",
             "attested_on", "cosigned_by", "cosigned_on", "text", "binary")  # fmt: skip
PROCEDURES = ("note_id", "cpt", "minutes", "started_at", "ended_at", "therapist_id", "text")
OF_THE_FIRST = ("kind", "started_at", "ended_at")
OF_EACH = ("patient", "therapist", "clinic", "discipline")
"""What an encounter gives to the first of its documents, and to each."""
SIGNATURES = ("target", "signed_on", "signer", "signer_name", "author")
NOTE_COLUMNS = ("note_id", "patient_id", "plan_id", "clinic_id", "kind", "outcome", "amends_note_id", "service_date",
                "period_from", "period_to", "therapist_id", "discipline", "started_at", "ended_at", "written_at",
                "signed_on", "attested_on", "cosigned_by", "cosigned_on", "text")  # fmt: skip


class Charts:
    """What was planned, done and written; settled when all files have been read."""

    def __init__(self, gathering: Gathering, people: People, plans: Plans) -> None:
        self.gathering, self.people, self.plans = gathering, people, plans
        trace = gathering.trace
        self.encounters, self.documents = Rows(ENCOUNTERS, trace), Rows(DOCUMENTS, trace)
        self.procedures, self.signatures = Rows(PROCEDURES, trace), Rows(SIGNATURES, trace)
        self.binaries: dict[str, str] = {}
        self.notes_of: dict[str, str] = {}

    # one resource

    def encounter(self, given: Encounter, place: Place) -> None:
        """A visit, or one that was missed."""
        own = self.gathering.own_id("notes", given, place)
        if given.status in ("entered-in-error", "planned", "arrived", "triaged"):
            self.gathering.tell(f"encounters are {given.status} and were left out", place)
            return
        missed = given.status == "cancelled"
        outcome = "attended" if given.status == "finished" else None
        kind, discipline = self._encounter_kind(given)
        if missed:
            why = words(given.reasonCode)
            outcome, kind = (
                ("no_show" if any(NO_SHOW.search(text) for text in why) else "cancelled"),
                "missed_visit",
            )
        start, end = (given.period.start, given.period.end) if given.period else (None, None)
        person = next((each.individual for each in given.participant if _is_performer(each.type)), None)
        person = person or next((each.individual for each in given.participant if each.individual), None)
        clinic = key_of(given.serviceProvider, place)
        self.people.clinic_named(clinic, place)
        self.encounters.add(
            own, place.key, key_of(given.subject, place), given.status, outcome, day(start, self.gathering, place),
            moment(start, self.gathering, place), moment(end, self.gathering, place),
            self.people.person_named(person, place), clinic, kind, discipline, place.file, place.position,
        )  # fmt: skip

    def _encounter_kind(self, given: Encounter) -> tuple[str | None, str | None]:
        kind = discipline = None
        for concept in (*given.type, given.serviceType):
            named, of = note_type(concept, ())
            kind, discipline = kind or named, discipline or of
        if kind in ("evaluation", "reevaluation", "discharge", "treatment") and discipline:
            return kind, discipline
        return None, discipline

    def document(self, given: DocumentReference, place: Place) -> None:
        """A document of the chart. Raises Unreadable where its words are none."""
        own = self.gathering.own_id("notes", given, place)
        if given.status == "entered-in-error" or given.docStatus == "entered-in-error":
            self.gathering.tell("documents were entered in error and left out", place)
            return
        if given.status == "superseded":
            self.gathering.tell("documents are superseded by others and were left out", place)
            return
        attachments = [each.attachment for each in given.content if each.attachment]
        context = given.context
        titles = [given.description, *(each.title for each in attachments)]
        text, binary = self._words(given, place)
        kind, discipline = note_type(given.type, titles)
        setting = context.practiceSetting if context else None
        discipline = discipline or discipline_said(words([*given.category, setting]))
        start, end = (
            (context.period.start, context.period.end) if context and context.period else (None, None)
        )
        related = context.related if context else ()
        plan = next(
            (key for each in related if (key := key_of(each, place)) and key.startswith("CarePlan/")), None
        )
        encounters = [key for each in (context.encounter if context else ()) if (key := key_of(each, place))]
        if len(encounters) > 1:
            self.gathering.tell("documents belong to several encounters; the first counts", place)
        signed = next((each.valueDateTime for each in given.extension if each.url == AUTHENTICATED), None)
        signer = self.people.person_named(given.authenticator, place)
        author = self.people.person_named(given.author[0] if given.author else None, place) or signer
        cosigner = signer if signer and signer != author and signed else None
        signed_on = day(signed, self.gathering, place)
        clinic = key_of(given.custodian, place)
        self.people.clinic_named(clinic, place)
        kind, amends = self._amended(kind, given.relatesTo, place)
        self._document(
            own, place, key_of(given.subject, place), encounters[0] if encounters else None, plan, kind, amends,
            (start, end), given.date, author, clinic, discipline,
            (None if cosigner else signed_on, None, cosigner, signed_on if cosigner else None), text, binary,
        )  # fmt: skip

    def composition(self, given: Composition, place: Place) -> None:
        """A note in sections. Raises Unreadable where its words are none."""
        own = self.gathering.own_id("notes", given, place)
        if given.status == "entered-in-error":
            self.gathering.tell("documents were entered in error and left out", place)
            return
        kind, discipline = note_type(given.type, [given.title])
        discipline = discipline or discipline_said(words(given.category))
        event = given.event[0] if given.event else None
        start, end = (event.period.start, event.period.end) if event and event.period else (None, None)
        details = [key for each in (event.detail if event else ()) if (key := key_of(each, place))]
        plan = next((key for key in details if key.startswith("CarePlan/")), None)
        author = self.people.person_named(given.author[0] if given.author else None, place)
        kind, amends = self._amended(kind, given.relatesTo, place)
        clinic = key_of(given.custodian, place)
        self.people.clinic_named(clinic, place)
        self._document(
            own, place, key_of(given.subject, place), key_of(given.encounter, place), plan, kind, amends, (start, end),
            given.date, author, clinic, discipline, self._attested(given, author, place), of_sections(given.section),
            None,
        )  # fmt: skip

    def _attested(
        self, given: Composition, author: str | None, place: Place
    ) -> tuple[str | None, str | None, str | None, str | None]:
        """Days of the author's first and later signature, who else signed, and when."""
        signed = attested = cosigner = cosigned = None
        for each in given.attester:
            party = self.people.person_named(each.party, place)
            when = day(each.time, self.gathering, place)
            if party is None or party.startswith("Patient/"):
                continue
            if author is None or party == author:
                signed, attested = (when, attested) if signed is None else (signed, attested or when)
            elif cosigner is None:
                cosigner, cosigned = party, when
            else:
                self.gathering.tell("signatures are a third person's on a note and were left out", place)
        return signed, attested, cosigner, cosigned

    def _amended(
        self, kind: str | None, others: tuple[RelatesTo, ...], place: Place
    ) -> tuple[str | None, str | None]:
        """Kind and key of the note that a document appends to or replaces."""
        for each in others:
            key = key_of(each.target or each.targetReference, place)
            if key and each.code == "appends":
                return "addendum", key
        return kind, None

    def _document(
        self, own: str, place: Place, patient: str | None, encounter: str | None, plan: str | None, kind: str | None,
        amends: str | None, period: tuple[str | None, str | None], written: str | None, author: str | None,
        clinic: str | None, discipline: str | None, signed: tuple[str | None, str | None, str | None, str | None],
        text: str | None, binary: str | None,
    ) -> None:  # fmt: skip
        first, last = (day(each, self.gathering, place) for each in period)
        several = bool(first and last and first != last)
        if kind in REPORTS and first and last and not _clock(period):
            several = True
        if kind == "progress_note":
            kind = "progress_report" if several else "treatment"
            if not several:
                self.gathering.tell(
                    "notes have the type Progress note and cover no several days; they count as notes of a visit, "
                    "not as reports of a period", place,
                )  # fmt: skip
        elif kind is None:
            self.gathering.tell(
                "documents have a type that names no kind of note; their kind is left open", place
            )
        start, end = (None, None) if several else (moment(each, self.gathering, place) for each in period)
        service = None if several and first != last else first
        self.documents.add(
            own, place.key, patient, encounter, plan, kind, amends, service, first if several else None,
            last if several else None, start, end, author, clinic, discipline, _without_zone(written), *signed, text,
            binary, place.file, place.position,
        )  # fmt: skip

    def _words(self, given: DocumentReference, place: Place) -> tuple[str | None, str | None]:
        """The words of a document, or the key of the Binary that holds them."""
        attachments = [each.attachment for each in given.content if each.attachment]
        which = readable(attachments)
        if which is None:
            kinds = sorted({content_type(each) or "no type" for each in attachments}) or ["no attachment"]
            said = f"documents are {' and '.join(kinds)[:80]}, which is not read as text; their text is empty"
            self.gathering.tell(said, place)
            return None, None
        chosen = attachments[which]
        if chosen.data:
            return decoded(
                chosen.data, content_type(chosen), f"content[{which}].attachment.data"
            ) or None, None
        found = re.search(r"(Binary/[^/?#]+|urn:uuid:.+)$", chosen.url or "")
        if found is None:
            self.gathering.tell("documents have their text at another address, which is not asked", place)
        return None, found[1] if found else None

    def binary(self, given: Binary, place: Place) -> None:
        """The words of a document, apart from it. Raises Unreadable where they are none."""
        self.gathering.own_id("", given, place)
        kind = (given.contentType or "").partition(";")[0].strip().lower()
        if kind in PLAIN | MARKED_UP and given.data:
            self.binaries[place.key] = decoded(given.data, kind, "data")

    def procedure(self, given: Procedure, place: Place) -> None:
        """A service that was given in an encounter."""
        self.gathering.own_id("", given, place)
        if given.status in ("entered-in-error", "not-done", "preparation"):
            self.gathering.tell(f"procedures are {given.status} and were left out", place)
            return
        code = procedure_code(given.code)
        if code is None:
            self.gathering.no_code("procedures", given.code)
            return
        encounter = key_of(given.encounter, place)
        if encounter is None:
            self.gathering.tell("procedures with CPT or HCPCS name no encounter and belong to no note", place)
            return
        period = given.performedPeriod
        start = moment(period.start if period else given.performedDateTime, self.gathering, place)
        end = moment(period.end, self.gathering, place) if period else None
        person = self.people.person_named(given.performer[0].actor if given.performer else None, place)
        if len(given.performer) > 1:
            self.gathering.tell("procedures have several performers; the first counts", place)
        text = "\n".join(each.text for each in given.note if each.text) or None
        self.procedures.add(
            encounter, code, self._minutes(given, start, end, place), start, end, person, text, place.file, place.position
        )  # fmt: skip

    def _minutes(self, given: Procedure, start: str | None, end: str | None, place: Place) -> str | None:
        """Whole minutes from start to end, or as words state them."""
        if given.performedString and (found := MINUTES.match(given.performedString)):
            return found[1]
        if not start or not end:
            return None
        try:
            between = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        except ValueError:
            return None  # the cells of start and end say so
        minutes = between.total_seconds() / 60
        if not 0 <= minutes <= LONGEST_SERVICE:
            self.gathering.tell(
                "procedures end before they start or after more than a day; minutes are empty", place
            )
            return None
        return str(int(minutes))

    def provenance(self, given: Provenance, place: Place) -> None:
        """Signatures on plans of care and notes."""
        self.gathering.own_id("", given, place)
        authors = {
            key_of(each.who, place)
            for each in given.agent
            if each.type and any(coding.code == "author" for coding in each.type.coding)
        }
        for signature in given.signature:
            who = self.people.person_named(signature.who, place)
            name = signature.who.display if signature.who else None
            when = day(signature.when, self.gathering, place)
            for each in given.target:
                target = key_of(each, place)
                if target and when:
                    author = "yes" if who and who in authors else None
                    self.signatures.add(target, when, who, name, author, place.file, place.position)

    # when all files have been read

    def tables(self) -> list[RawTable]:
        """Plans of care, goals, notes and interventions."""
        signatures = self._signatures()
        made = [
            raw_table("notes", self._note_rows(signatures), NOTE_COLUMNS),
            raw_table("interventions", self._intervention_rows(), ("note_id", "line", *PROCEDURES[1:])),
        ]
        return [*self.plans.tables(signatures), *(raw for raw in made if raw.rows_read)]

    def note_of(self, key: str) -> str | None:
        """The note of an encounter or document."""
        key = self.gathering.settled(key)
        return self.notes_of.get(key) or self.gathering.id_of(key)

    def _signatures(self) -> dict[str, list[Signed]]:
        """Signatures by what was signed: day, key and name of the signer, whether the author's."""
        found: dict[str, list[Signed]] = {}
        for target, when, who, name, author, *_ in self.signatures.frame().iter_rows():
            found.setdefault(self.gathering.settled(target), []).append((when, who, name, author is not None))
        for target in found:
            found[target].sort(key=lambda each: each[0])
        return found

    def _note_rows(self, signatures: dict[str, list[Signed]]) -> pl.DataFrame:
        mapped, people = self.gathering.mapped, self.people
        encounters, documents = self.encounters.frame(), self.documents.frame()
        documents = _apart(documents.with_columns(key=pl.col("document")))
        documents = documents.with_columns(
            mapped(documents["encounter"], self.gathering.settled).alias("encounter"),
            pl.coalesce("text", mapped(documents["binary"], self._binary)).alias("text"),
        )
        self._signed_elsewhere(documents, signatures)
        principal = _principal(documents)
        alone = encounters.filter(~pl.col("encounter").is_in(list(principal)))
        alone = _apart(alone.with_columns(key=pl.col("encounter")), set(documents["note_id"]))
        self.notes_of = {
            **dict(alone.select("encounter", "note_id").iter_rows()),
            **dict(documents.select("document", "note_id").iter_rows()),
            **principal,
        }
        written = _with_visits(documents, encounters, set(principal.values()))
        notes = pl.concat([written, alone], how="diagonal").select(
            *dict.fromkeys([*DOCUMENTS, "outcome", FILE, ROW])
        )
        return self._with_signatures(notes, signatures).with_columns(
            mapped(notes["patient"], self.gathering.id_of).alias("patient_id"),
            mapped(notes["plan"], self.gathering.id_of).alias("plan_id"),
            mapped(notes["amends"], self.note_of).alias("amends_note_id"),
            mapped(notes["therapist"], people.therapist_id).alias("therapist_id"),
            mapped(notes["clinic"], people.clinic_id).alias("clinic_id"),
        )

    def _binary(self, key: str) -> str | None:
        text = self.binaries.get(self.gathering.settled(key))
        if text is None:
            self.gathering.lost(
                "documents have their text in a Binary that no file holds or that is no text", key
            )
        return text

    def _signed_elsewhere(self, documents: pl.DataFrame, signatures: dict[str, list[Signed]]) -> None:
        here = {*documents["document"], *self.plans.keys()}
        for target in signatures:
            if target not in here:
                self.gathering.lost(
                    "signatures (Provenance) are on something else than plans of care and notes", target
                )

    def _with_signatures(self, notes: pl.DataFrame, signatures: dict[str, list[Signed]]) -> pl.DataFrame:
        """Notes with the signatures that stand in provenances, where the documents state none."""
        author = self.gathering.mapped(notes["therapist"], self.people.therapist_id)
        cosigner = self.gathering.mapped(notes["cosigned_by"], self.people.therapist_id)
        own = (author == cosigner).fill_null(False)  # a person and one of that person's roles
        notes = notes.with_columns(
            pl.when(own)
            .then(pl.coalesce("signed_on", "cosigned_on"))
            .otherwise("signed_on")
            .alias("signed_on"),
            pl.when(own).then(None).otherwise("cosigned_on").alias("cosigned_on"),
            cosigner.set(own, None).alias("cosigned_by"),
        )
        signed = {key: found for key, found in signatures.items() if found}
        if not signed:
            return notes
        rows = []
        for document, author, *cells in notes.select(
            "document", "therapist", "signed_on", "cosigned_by", "cosigned_on"
        ).iter_rows():
            signed_on, cosigned_by, cosigned_on = cells
            own = self.people.therapist_id(author) if author else None
            for when, who, _, authored in signed.get(document, []):
                person = self.people.therapist_id(who) if who else None
                if authored or (person and person == own):
                    signed_on = signed_on or when
                elif cosigned_by is None and person:
                    cosigned_by, cosigned_on = person, when
            rows.append((signed_on, cosigned_by, cosigned_on))
        names = ("signed_on", "cosigned_by", "cosigned_on")
        columns = zip(names, zip(*rows, strict=True), strict=True) if rows else ()
        return notes.with_columns(pl.Series(name, column, dtype=pl.String) for name, column in columns)

    def _intervention_rows(self) -> pl.DataFrame:
        frame = self.procedures.frame()
        frame = frame.with_columns(
            self.gathering.mapped(frame["note_id"], self.note_of).alias("note_id"),
            self.gathering.mapped(frame["therapist_id"], self.people.therapist_id).alias("therapist_id"),
        )
        ordered = frame.with_row_index("order").sort("note_id", "started_at", "order", nulls_last=True)
        lined = ordered.with_columns(
            pl.int_range(1, pl.len() + 1).over("note_id").cast(pl.String).alias("line")
        )
        return lined.sort("order")


def _principal(documents: pl.DataFrame) -> dict[str, str]:
    """Of each encounter the note of its first document that is no addendum, else of its first."""
    late = pl.col("kind").fill_null("") == "addendum"
    ordered = documents.with_row_index("order").drop_nulls("encounter").sort(late, "order")
    first = ordered.unique("encounter", keep="first", maintain_order=True)
    return dict(first.select("encounter", "note_id").iter_rows())


def _with_visits(documents: pl.DataFrame, encounters: pl.DataFrame, principal: set[str]) -> pl.DataFrame:
    """Documents with what they leave to their encounter: who, where and the day; times and outcome the first one alone."""
    cells = pl.exclude("encounter", "note_id", FILE, ROW).name.suffix(" of the visit")
    visits = encounters.select("encounter", cells)
    joined = documents.join(visits, on="encounter", how="left", maintain_order="left")
    first = pl.col("note_id").is_in(list(principal))
    written = pl.col("written_at").str.slice(0, 10)
    return joined.with_columns(
        pl.when(first).then("outcome of the visit").alias("outcome"),
        pl.coalesce("service_date", "service_date of the visit", written).alias("service_date"),
        *(
            pl.coalesce(name, pl.when(first).then(f"{name} of the visit")).alias(name)
            for name in OF_THE_FIRST
        ),
        *(pl.coalesce(name, f"{name} of the visit").alias(name) for name in OF_EACH),
    )


def _apart(notes: pl.DataFrame, taken: set[str] | None = None) -> pl.DataFrame:
    """Notes of which several resources of different types have one id: all but the first under type and id (`key`)."""
    again = ~pl.col("note_id").is_first_distinct() | pl.col("note_id").is_in(list(taken or ()))
    return notes.with_columns(pl.when(again).then("key").otherwise("note_id").alias("note_id")).drop("key")


def _clock(period: tuple[str | None, str | None]) -> bool:
    return any(each and len(each) > 10 for each in period)


def _is_performer(types: tuple[Concept, ...]) -> bool:
    return any(coding.code in ("PPRF", "ATND") for concept in types for coding in concept.coding)


def _without_zone(text: str | None) -> str | None:
    return text if text is None or len(text) <= 10 else text[:19]
