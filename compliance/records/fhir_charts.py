"""Encounters, documents, plans of care, goals, procedures and signatures into notes, plans, goals and interventions.

A document (DocumentReference, Composition) is a note; an encounter without a document is one by itself. An encounter gives
its first document that is no addendum its time, place and therapist, and its procedures are that note's interventions.
"""

import re
from datetime import datetime

import polars as pl

from compliance.records.delimited import ROW, RawTable
from compliance.records.fhir_codes import (
    diagnosis_code,
    discipline_said,
    note_type,
    procedure_code,
    words,
)
from compliance.records.fhir_gathering import FILE, Gathering, Place, Rows, key_of, raw_table
from compliance.records.fhir_models import (
    Activity,
    Binary,
    CarePlan,
    Composition,
    Concept,
    Condition,
    DocumentReference,
    Encounter,
    Goal,
    Procedure,
    Provenance,
    RelatesTo,
    Repeat,
    Target,
)
from compliance.records.fhir_people import People, day, moment
from compliance.records.fhir_text import (
    MARKED_UP,
    PLAIN,
    content_type,
    decoded,
    of_sections,
    readable,
)

AUTHENTICATED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-authentication-time"
LABEL = re.compile(r"^((?:LTG|STG|Goal)\s*#?\s*\d{1,3}[a-z]?)\b", re.IGNORECASE)
MINUTES = re.compile(r"^\s*(\d{1,3})\s*(?:min|minutes?)\b", re.IGNORECASE)
NO_SHOW = re.compile(r"no[ -_]?show|did not (?:come|attend|arrive)", re.IGNORECASE)
WEEKS = {"wk": 1.0, "d": 1 / 7, "mo": 365.25 / 84, "a": 365.25 / 7}
LONGEST_SERVICE = 24 * 60
REPORTS = {"progress_report", "recertification", "discharge", "reevaluation"}
"""Kinds of notes that may cover a period; days without a time of day in their period are those that they cover."""
GOAL_STATUS = {
    "proposed": "open", "planned": "open", "accepted": "open", "active": "open", "on-hold": "open",
    "completed": "met", "cancelled": "discontinued", "rejected": "discontinued",
}  # fmt: skip
ENCOUNTERS = ("note_id", "encounter", "patient", "status", "outcome", "service_date", "started_at", "ended_at",
              "therapist", "clinic", "kind", "discipline")  # fmt: skip
DOCUMENTS = ("note_id", "document", "patient", "encounter", "plan", "kind", "amends", "service_date", "period_from",
             "period_to", "started_at", "ended_at", "therapist", "clinic", "discipline", "written_at", "signed_on",
             "attested_on", "cosigned_by", "cosigned_on", "text", "binary")  # fmt: skip
PLANS = ("plan_id", "plan", "patient_id", "discipline", "established_on", "starts_on", "ends_on", "visits_per_week",
         "weeks", "visits_total", "frequency_steps", "diagnosis_codes", "therapist", "interventions",
         "replaces_plan_id")  # fmt: skip
GOALS = ("goal_id", "goal", "label", "term", "text", "target", "due_on", "status", "status_on")
PROCEDURES = ("note_id", "cpt", "minutes", "started_at", "ended_at", "therapist_id", "text")
SIGNATURES = ("target", "signed_on", "signer", "signer_name", "author")
NOTE_COLUMNS = ("note_id", "patient_id", "plan_id", "clinic_id", "kind", "outcome", "amends_note_id", "service_date",
                "period_from", "period_to", "therapist_id", "discipline", "started_at", "ended_at", "written_at",
                "signed_on", "attested_on", "cosigned_by", "cosigned_on", "text")  # fmt: skip
PLAN_COLUMNS = ("plan_id", "patient_id", "discipline", "established_on", "signed_on", "starts_on", "ends_on",
                "visits_per_week", "frequency_steps", "weeks", "visits_total", "diagnosis_codes", "therapist_id",
                "interventions", "certified_on", "certified_by", "replaces_plan_id")  # fmt: skip


Signed = tuple[str, str | None, str | None, bool]
"""A signature: day, key and name of the signer, whether it is the author's."""


class Charts:
    """What was planned, done and written; settled when all files have been read."""

    def __init__(self, gathering: Gathering, people: People) -> None:
        self.gathering, self.people = gathering, people
        self.encounters, self.documents = (
            Rows(ENCOUNTERS, self.gathering.trace),
            Rows(DOCUMENTS, self.gathering.trace),
        )
        self.plans, self.goals = Rows(PLANS, self.gathering.trace), Rows(GOALS, self.gathering.trace)
        self.procedures, self.signatures = (
            Rows(PROCEDURES, self.gathering.trace),
            Rows(SIGNATURES, self.gathering.trace),
        )
        self.conditions: dict[str, str] = {}
        self.plan_goals: dict[str, str] = {}
        self.binaries: dict[str, str] = {}
        self.notes_of: dict[str, str] = {}

    # one resource

    def condition(self, given: Condition, place: Place) -> None:
        """A diagnosis that others name."""
        self.gathering.own_id("", given, place)
        code = diagnosis_code(given.code)
        self.conditions[place.key] = code or ""
        if code is None:
            self.gathering.no_code("conditions", given.code)

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

    def care_plan(self, given: CarePlan, place: Place) -> None:
        """A plan of care."""
        own = self.gathering.own_id("plans_of_care", given, place)
        for each in given.goal:
            if key := key_of(each, place):
                self.plan_goals[key] = own
        if given.status == "entered-in-error":
            self.gathering.tell("care plans were entered in error and left out", place)
            return
        said = [given.title or "", *words(given.category)]
        start, end = (given.period.start, given.period.end) if given.period else (None, None)
        codes = []
        for each in given.activity:
            code = procedure_code(each.detail.code) if each.detail else None
            if code:
                codes.append(code)
            elif each.detail and each.detail.code:
                self.gathering.no_code("planned activities", each.detail.code)
        author = self.people.person_named(given.author, place)
        diagnoses = " ".join(key for each in given.addresses if (key := key_of(each, place)))
        replaced = [key for each in given.replaces if (key := key_of(each, place))]
        self.plans.add(
            own, place.key, key_of(given.subject, place), discipline_said(said), day(given.created, self.gathering, place),
            day(start, self.gathering, place), day(end, self.gathering, place), *_frequency(given.activity),
            diagnoses or None, author, " ".join(dict.fromkeys(codes)) or None, replaced[0] if replaced else None,
            place.file, place.position,
        )  # fmt: skip

    def goal(self, given: Goal, place: Place) -> None:
        """A goal."""
        own = self.gathering.own_id("goals", given, place)
        if given.lifecycleStatus == "entered-in-error":
            self.gathering.tell("goals were entered in error and left out", place)
            return
        text = next(words([given.description]), None)
        stated = [found[1] for each in given.identifier if (found := LABEL.match(each.value or ""))]
        label = stated[0] if stated else found[1] if text and (found := LABEL.match(text)) else None
        said = " ".join([*words(given.category), label or ""]).lower()
        term = (
            "short"
            if re.search(r"short|^stg|\bstg", said)
            else "long"
            if re.search(r"long|\bltg", said)
            else None
        )
        status = GOAL_STATUS.get(given.lifecycleStatus or "")
        achieved = (
            [coding.code for coding in given.achievementStatus.coding] if given.achievementStatus else []
        )
        if status == "met" and {"not-achieved", "not-attainable"} & set(achieved):
            status = "discontinued"
        if status == "open" and "achieved" in achieved:
            status = "met"
        if len(given.target) > 1:
            self.gathering.tell(
                "goals have several targets; they stand in one cell, with the first due date", place
            )
        targets = [said for each in given.target if (said := _target(each))]
        due = next((each.dueDate for each in given.target if each.dueDate), None)
        self.goals.add(
            own, place.key, label, term, text, "; ".join(targets) or None, day(due, self.gathering, place), status,
            day(given.statusDate, self.gathering, place), place.file, place.position,
        )  # fmt: skip

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
            raw_table("plans_of_care", self._plan_rows(signatures), PLAN_COLUMNS),
            raw_table("goals", self._goal_rows(), ("goal_id", "plan_id", *GOALS[2:])),
            raw_table("notes", self._note_rows(signatures), NOTE_COLUMNS),
            raw_table("interventions", self._intervention_rows(), ("note_id", "line", *PROCEDURES[1:])),
        ]
        return [raw for raw in made if raw.rows_read]

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

    def _plan_rows(self, signatures: dict[str, list[Signed]]) -> pl.DataFrame:
        frame = self.plans.frame()
        signed: list[tuple[str | None, str | None, str | None]] = []
        for plan, therapist in frame.select("plan", "therapist").iter_rows():
            own = self.people.therapist_id(therapist) if therapist else None
            signed.append(self._certified(signatures.get(plan, []), own))
        signed_on, certified_on, certified_by = zip(*signed, strict=True) if signed else ((), (), ())
        return self.gathering.with_ids(frame, "patient_id", "replaces_plan_id").with_columns(
            self.gathering.mapped(frame["diagnosis_codes"], self.diagnoses).alias("diagnosis_codes"),
            self.gathering.mapped(frame["therapist"], self.people.therapist_id).alias("therapist_id"),
            pl.Series("signed_on", signed_on, dtype=pl.String),
            pl.Series("certified_on", certified_on, dtype=pl.String),
            pl.Series("certified_by", certified_by, dtype=pl.String),
        )

    def _certified(
        self, given: list[Signed], author: str | None
    ) -> tuple[str | None, str | None, str | None]:
        """Day of the author's signature; day and name of the first other one."""
        signed = certified = by = None
        for when, who, name, authored in given:
            person = self.people.therapist_id(who) if who else None
            if authored or (person and person == author):
                signed = signed or when
            elif certified is None:
                certified, by = when, (self.people.npi(who) if who else None) or name or person
        return signed, certified, by

    def diagnoses(self, keys: str) -> str | None:
        """ICD-10-CM codes of the conditions that keys name."""
        codes = []
        for key in keys.split():
            code = self.conditions.get(self.gathering.settled(key))
            if code is None:
                self.gathering.lost("diagnoses of plans of care are conditions that no file holds", key)
            elif code:
                codes.append(code)
        return " ".join(codes) or None

    def _goal_rows(self) -> pl.DataFrame:
        plans = {self.gathering.settled(key): plan for key, plan in self.plan_goals.items()}
        frame = self.goals.frame()
        return frame.with_columns(self.gathering.mapped(frame["goal"], plans.get).alias("plan_id"))

    def _note_rows(self, signatures: dict[str, list[Signed]]) -> pl.DataFrame:
        settle = self.gathering.settled
        encounters, documents = self.encounters.frame(), self.documents.frame()
        documents = _apart(documents.with_columns(key=pl.col("document")))
        documents = documents.with_columns(
            self.gathering.mapped(documents["encounter"], settle).alias("encounter"),
            pl.coalesce("text", self.gathering.mapped(documents["binary"], self._binary)).alias("text"),
        )
        self._signed_elsewhere(documents, signatures)
        order = documents.with_row_index("order").with_columns(
            late=pl.col("kind").fill_null("") == "addendum"
        )
        first = (
            order.drop_nulls("encounter")
            .sort("late", "order")
            .unique("encounter", keep="first", maintain_order=True)
        )
        principal = dict(first.select("encounter", "note_id").iter_rows())
        visits = encounters.select(
            "encounter", pl.exclude("encounter", "note_id", FILE, ROW).name.suffix(" of the visit")
        )
        joined = documents.join(visits, on="encounter", how="left", maintain_order="left").with_columns(
            pl.col("outcome of the visit").alias("outcome")
        )
        dated = pl.coalesce(
            "service_date", "service_date of the visit", pl.col("written_at").str.slice(0, 10)
        )
        both = ("patient", "started_at", "ended_at", "therapist", "clinic", "discipline")
        joined = joined.with_columns(
            dated.alias("service_date"),
            pl.coalesce("kind", "kind of the visit").alias("kind"),
            *(pl.coalesce(name, f"{name} of the visit").alias(name) for name in both),
        )
        alone = encounters.filter(~pl.col("encounter").is_in(list(principal)))
        alone = _apart(alone.with_columns(key=pl.col("encounter")), set(documents["note_id"]))
        self.notes_of = {
            **dict(alone.select("encounter", "note_id").iter_rows()),
            **dict(documents.select("document", "note_id").iter_rows()),
            **principal,
        }
        whole = pl.concat([joined, alone], how="diagonal").select(
            *dict.fromkeys([*DOCUMENTS, "outcome", FILE, ROW])
        )
        return self._with_signatures(whole, signatures).with_columns(
            self.gathering.mapped(whole["patient"], self.gathering.id_of).alias("patient_id"),
            self.gathering.mapped(whole["plan"], self.gathering.id_of).alias("plan_id"),
            self.gathering.mapped(whole["amends"], self.note_of).alias("amends_note_id"),
            self.gathering.mapped(whole["therapist"], self.people.therapist_id).alias("therapist_id"),
            self.gathering.mapped(whole["clinic"], self.people.clinic_id).alias("clinic_id"),
        )

    def _binary(self, key: str) -> str | None:
        text = self.binaries.get(self.gathering.settled(key))
        if text is None:
            self.gathering.lost(
                "documents have their text in a Binary that no file holds or that is no text", key
            )
        return text

    def _signed_elsewhere(self, documents: pl.DataFrame, signatures: dict[str, list[Signed]]) -> None:
        here = {*documents["document"], *self.plans.frame()["plan"]}
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


def _frequency(activities: tuple[Activity, ...]) -> tuple[str | None, str | None, str | None, str | None]:
    """Visits a week, weeks, visits in all, and, of a frequency that changes, its steps."""
    timed = {}
    for each in activities:
        repeat = each.detail.scheduledTiming.repeat if each.detail and each.detail.scheduledTiming else None
        if repeat is not None and each.detail and each.detail.status != "cancelled":
            timed[_a_week(repeat), _weeks(repeat), repeat.count] = None
    known = [each for each in timed if any(part is not None for part in each)]
    if not known:
        return None, None, None, None
    if len(known) == 1:
        a_week, weeks, count = known[0]
        return _written(a_week), _written(weeks), _written(count), None
    steps = [f"{_written(a_week)}x{_written(weeks)}" for a_week, weeks, _ in known if a_week and weeks]
    return None, None, None, " ".join(steps) if len(steps) == len(known) else None


def _a_week(repeat: Repeat) -> float | None:
    """Visits a week; of a range such as 2 to 3 the upper bound."""
    often = repeat.frequencyMax or repeat.frequency
    weeks = WEEKS.get(repeat.periodUnit or "")
    if often is None or weeks is None or not repeat.period:
        return None
    return round(often / (repeat.period * weeks), 2)


def _weeks(repeat: Repeat) -> float | None:
    bounds = repeat.boundsDuration
    if bounds is None or bounds.value is None:
        return None
    weeks = WEEKS.get(bounds.code or bounds.unit or "")
    return None if weeks is None else round(bounds.value * weeks, 2)


def _written(number: float | int | None) -> str | None:
    return None if number is None else f"{number:g}"


def _target(given: Target) -> str | None:
    """What is to be reached, in words."""
    measure = next(words([given.measure]), None)
    detail: str | None = given.detailString
    if given.detailQuantity is not None:
        amount = given.detailQuantity
        detail = " ".join(part for part in (_written(amount.value), amount.unit or amount.code) if part)
    elif given.detailRange is not None:
        low, high = given.detailRange.low, given.detailRange.high
        ends = [_written(each.value) for each in (low, high) if each]
        unit = next(
            (each.unit or each.code for each in (high, low) if each and (each.unit or each.code)), None
        )
        detail = " ".join(part for part in ("-".join(end for end in ends if end), unit) if part)
    elif given.detailCodeableConcept is not None:
        detail = next(words([given.detailCodeableConcept]), None)
    elif given.detailInteger is not None:
        detail = str(given.detailInteger)
    elif given.detailBoolean is not None:
        detail = "yes" if given.detailBoolean else "no"
    return " ".join(part for part in (measure, detail) if part) or None
