"""FHIR R4: bundles, NDJSON, single resources into tables; references settled across all files of a path.

A resource that is not what its model says is refused alone, with its line or entry and the path within it. Types that are
not read, codes of other systems and references that lead nowhere are counted and told. `docs/inputs.md` names the elements.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import polars as pl
from pydantic import ValidationError

from compliance.formats import plural, terminal
from compliance.records.fhir_charts import Charts
from compliance.records.fhir_claims import Claims
from compliance.records.fhir_files import AN_OBJECT, Fault, Given, parsed, resources
from compliance.records.fhir_gathering import Gathering, Known, Place
from compliance.records.fhir_models import MODELS, Resource
from compliance.records.fhir_people import People
from compliance.records.fhir_plans import Plans
from compliance.records.fhir_text import Unreadable
from compliance.records.raw import Exchange
from compliance.records.report import KEPT_REFUSALS, Notice, Refusal, left_out

FEEDS = {
    "Patient": "patients", "Practitioner": "therapists", "PractitionerRole": "therapists", "Coverage": "payers",
    "Encounter": "notes", "DocumentReference": "notes", "Composition": "notes", "CarePlan": "plans_of_care",
    "Goal": "goals", "Procedure": "interventions", "Claim": "claims", "ClaimResponse": "remittances",
    "ExplanationOfBenefit": "remittances",
}  # fmt: skip
"""The table that a resource of each type feeds first, which its refusal is counted under."""
NAME, BUNDLE = "resourceType", "Bundle"
DEEPEST = 3
"""Bundles within bundles that are opened."""
LONGEST_TYPE = 60
MOST_TYPES = 300
MOST_FILES_TOLD = 20
"""Files of which each is told how many resources it held; of more only all together."""
CONTAINED = {"Patient", "Practitioner", "PractitionerRole", "Organization", "Coverage", "Condition"}
"""Types that are read within other resources."""
WITHOUT_ROWS = {
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Coverage",
    "Condition",
    "Binary",
    "CarePlan",
}
"""Types that make no rows by themselves, or more than these."""


@dataclass(frozen=True)
class File:
    """A file: its name, whether the name says NDJSON, and how to open it, each time anew."""

    name: str
    lines: bool
    opened: Callable[[], IO[bytes]]


def read_fhir(files: Sequence[File], tables: Mapping[str, pl.DataFrame]) -> Exchange:
    """Read FHIR files into tables.

    `tables`: what table files and claim files brought, whose ids name the same people and claims. Never raises for what a
    file holds.
    """
    return _Reader(Known.of(tables)).read(files)


class _Reader:
    """All files under a path, resource by resource."""

    def __init__(self, known: Known) -> None:
        self.gathering = Gathering(known)
        self.people = People(self.gathering)
        self.plans = Plans(self.gathering, self.people)
        self.charts = Charts(self.gathering, self.people, self.plans)
        self.claims = Claims(self.gathering, self.people, self.charts)
        self.readers: dict[str, Callable[[Any, Place], None]] = {
            "Patient": self.people.patient, "Practitioner": self.people.practitioner,
            "PractitionerRole": self.people.role, "Organization": self.people.organization,
            "Coverage": self.people.coverage, "Condition": self.plans.condition, "Encounter": self.charts.encounter,
            "DocumentReference": self.charts.document, "Composition": self.charts.composition,
            "Binary": self.charts.binary, "CarePlan": self.plans.care_plan, "Goal": self.plans.goal,
            "Procedure": self.charts.procedure, "Provenance": self.charts.provenance, "Claim": self.claims.claim,
            "ClaimResponse": self.claims.response, "ExplanationOfBenefit": self.claims.explanation,
        }  # fmt: skip
        self.exchange = Exchange("fhir")
        self.seen: dict[str, int] = {}
        self.unread: dict[str, int] = {}
        self.files: list[tuple[str, int, int]] = []

    def read(self, files: Sequence[File]) -> Exchange:
        """All files, then what only shows when all have been read."""
        collecting = gc.isenabled()
        gc.disable()  # resources are many short-lived objects without cycles; scanning them again and again costs a third
        try:
            for file in files:
                self._file(file)
        finally:
            if collecting:
                gc.enable()
        self.exchange.tables = [*self.people.tables(), *self.charts.tables(), *self.claims.tables()]
        self.exchange.notices += self._told_files()
        for kind, count in sorted(self.unread.items()):
            said = f"FHIR: {plural(count, f'resource of type {kind} is', f'resources of type {kind} are')} not read"
            self.exchange.notices.append(Notice("fhir", said, None, None, count))
        self.exchange.notices += self.gathering.notices()
        return self.exchange

    def _file(self, file: File) -> None:
        read = others = 0
        before = len(self.exchange.refusals)
        for each in resources(file.opened, file.lines):
            if isinstance(each, Fault):
                self._fault(file, each)
            elif each.content is None:
                self.gathering.tell("entries hold no resource", Place(file.name, each.position, ""))
            else:
                for one in self._unnested(file.name, each):
                    ours = self._resource(file.name, one)
                    read, others = read + (ours is True), others + (ours is False)
        refused = self.exchange.refusals[before:]
        if read or others or any(each.column != NAME for each in refused):
            self.files.append((file.name, read, others))
        else:
            del self.exchange.refusals[before:]
            self.exchange.notices.append(left_out(file.name, "JSON without a FHIR resource"))

    def _told_files(self) -> Iterator[Notice]:
        """How many resources each file held; of many files all together."""
        held = self.files
        if len(held) > MOST_FILES_TOLD:
            held = [
                (
                    f"{len(held):,} files",
                    sum(read for _, read, _ in held),
                    sum(others for _, _, others in held),
                )
            ]
        for name, read, others in held:
            said = f"{name}: FHIR, {plural(read, 'resource')} read, {others:,} of types that are not read"
            yield Notice("fhir", said, name if len(held) == len(self.files) else None, None, read)

    def _unnested(self, file: str, given: Given, depth: int = 0) -> Iterator[Given]:
        """The resource, or those of a bundle that is a line or an entry by itself."""
        content = given.content
        if given.kind == BUNDLE and isinstance(content, bytes):
            content = parsed(content)
        if isinstance(content, str):
            self._refuse(Refusal(file, given.position, None, None, content, AN_OBJECT))
            return
        bundled = isinstance(content, dict) and content.get(NAME) == BUNDLE
        if not bundled or depth >= DEEPEST:
            yield given
            return
        entries = content.get("entry")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                address = entry.get("fullUrl")
                inner = Given(
                    given.position, address if isinstance(address, str) else None, entry["resource"]
                )
                yield from self._unnested(file, inner, depth + 1)

    def _fault(self, file: File, fault: Fault) -> None:
        if fault.expected:
            self._refuse(Refusal(file.name, fault.position, None, None, fault.found, fault.expected))
        else:
            self.exchange.note(file.name, f"{fault.found} were left out")

    def _refuse(self, refusal: Refusal) -> None:
        if len(self.exchange.refusals) < KEPT_REFUSALS:
            self.exchange.refusals.append(refusal)
        else:
            self.exchange.beyond[refusal.table] += 1

    def _resource(self, file: str, given: Given) -> bool | None:
        """Read a resource; whether its type is one that is read, null where it is no resource."""
        content = given.content
        kind = given.kind or (content.get(NAME) if isinstance(content, dict) else None)
        if not isinstance(kind, str):
            found = f"{type(content).__name__} without {NAME}" if kind is None else f"{NAME} {str(kind)[:40]}"
            self._refuse(Refusal(file, given.position, None, NAME, found, "a FHIR resource with its type"))
            return None
        if kind not in self.readers:
            self._unread(kind)
            return False
        self._read(kind, content, Place(file, given.position, "", given.address))
        return True

    def _read(self, kind: str, content: Any, place: Place) -> None:
        """Read a resource, unless one of its id was read before."""
        self.gathering.trace.clear()
        try:
            validator = MODELS[kind].__pydantic_validator__
            whole = isinstance(content, bytes)
            resource = validator.validate_json(content) if whole else validator.validate_python(content)
            place.key = f"{kind}/{resource.id or _named(place)}"
            if place.key in self.seen:
                self._again(resource, kind, place)
                return
            self.seen[place.key] = self.take(resource, kind, place)
        except ValidationError as error:
            self._refuse(_of_validation(error, kind, place, ""))
        except Unreadable as error:
            self._refuse(
                Refusal(place.file, place.position, FEEDS.get(kind), error.path, error.found, error.expected)
            )
        except RecursionError:
            wanted = "elements nested less deeply"
            self._refuse(Refusal(place.file, place.position, FEEDS.get(kind), None, kind, wanted))

    def take(self, resource: Resource, kind: str, place: Place) -> int:
        """Make a resource's rows; a hash of what was read of it. Raises Unreadable where its words are none."""
        if resource.contained:
            self._contained(resource, place)
        self.readers[kind](resource, place)
        if kind in WITHOUT_ROWS:
            return hash(resource.__pydantic_serializer__.to_json(resource, exclude_none=True))
        return hash(tuple(self.gathering.trace))

    def _again(self, resource: Resource, kind: str, place: Place) -> None:
        """Tell of a resource that was read before under its id; one with other content is refused.

        Only what is read counts: copies of a resource in several bundles differ in their narrative and versions.
        """
        if _Reader(self.gathering.known).take(resource, kind, place) == self.seen[place.key]:
            self.gathering.tell("resources stand twice with the same content and count once", place)
        else:
            wanted = f"one {kind} for each id; another one with other content was read before"
            found = place.key.partition("/")[2]
            self._refuse(Refusal(place.file, place.position, FEEDS.get(kind), "id", found, wanted))

    def _contained(self, resource: Resource, place: Place) -> None:
        """The resources within one, known to it alone by `#id`; a broken one is refused by itself."""
        for number, each in enumerate(resource.contained):
            kind, own = each.get(NAME), each.get("id")
            if not isinstance(kind, str) or kind not in CONTAINED:
                self._unread(f"{kind} (contained)")
            elif isinstance(own, str):
                inner = Place(place.file, place.position, f"{place.key}#{own}")
                try:
                    self.readers[kind](MODELS[kind].model_validate(each), inner)
                except ValidationError as error:
                    self._refuse(_of_validation(error, kind, inner, f"contained[{number}]."))

    def _unread(self, kind: str) -> None:
        shown = terminal(kind[:LONGEST_TYPE])
        if shown not in self.unread and len(self.unread) >= MOST_TYPES:
            shown = "any other"
        self.unread[shown] = self.unread.get(shown, 0) + 1


def _named(place: Place) -> str:
    """What a resource without an id is called: the end of its address, else its place."""
    address = (place.address or "").rstrip("/")
    return (
        address.rpartition(":" if address.startswith("urn:") else "/")[2] or f"{place.file}-{place.position}"
    )


def _of_validation(error: ValidationError, kind: str, place: Place, where: str) -> Refusal:
    """A refusal with the path of the first element that is at fault."""
    faults = error.errors(include_url=False, include_context=False)
    first = faults[0]
    if first["type"] == "json_invalid":
        found = f"no JSON ({first['msg'].removeprefix('Invalid JSON: ')[:80]})"
        return Refusal(place.file, place.position, FEEDS.get(kind), None, found, AN_OBJECT)
    path = where + "".join(
        f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"]
    ).lstrip(".")
    found = _shown(first["input"])
    wanted = first["msg"][:1].lower() + first["msg"][1:]
    more = f"; and {len(faults) - 1:,} more" if len(faults) > 1 else ""
    return Refusal(
        place.file, place.position, FEEDS.get(kind), path or None, found, f"{kind}: {wanted[:120]}{more}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    shown = str(value) if not isinstance(value, int) else f"{value}"[:80]
    return shown if len(shown) <= 80 else f"{shown[:40]}… ({len(shown):,} characters)"
