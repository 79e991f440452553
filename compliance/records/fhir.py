"""FHIR R4: bundles, NDJSON, single resources into tables; references settled across all files of a path.

A resource that is not what its model says is refused alone, with its line or entry and the path within it. Types that are
not read, codes of other systems and references that lead nowhere are counted and told. `docs/inputs.md` names the elements.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import polars as pl
from pydantic import ValidationError

from compliance.formats import terminal
from compliance.records.fhir_charts import Charts
from compliance.records.fhir_claims import Claims
from compliance.records.fhir_files import Fault, Given, resources
from compliance.records.fhir_gathering import Gathering, Known, Place
from compliance.records.fhir_models import MODELS, Resource
from compliance.records.fhir_people import People
from compliance.records.fhir_text import Unreadable
from compliance.records.report import Notice, Refusal
from compliance.records.x12 import Exchange

FEEDS = {
    "Patient": "patients", "Practitioner": "therapists", "PractitionerRole": "therapists", "Coverage": "payers",
    "Encounter": "notes", "DocumentReference": "notes", "Composition": "notes", "CarePlan": "plans_of_care",
    "Goal": "goals", "Procedure": "interventions", "Claim": "claims", "ClaimResponse": "remittances",
    "ExplanationOfBenefit": "remittances",
}  # fmt: skip
"""The table that a resource of each type feeds first, which its refusal is counted under."""
NAME = "resourceType"
LONGEST_TYPE = 40
KEPT_REFUSALS = 5_000


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
        self.charts = Charts(self.gathering, self.people)
        self.claims = Claims(self.gathering, self.people, self.charts)
        self.readers: dict[str, Callable[[Any, Place], None]] = {
            "Patient": self.people.patient, "Practitioner": self.people.practitioner,
            "PractitionerRole": self.people.role, "Organization": self.people.organization,
            "Coverage": self.people.coverage, "Condition": self.charts.condition, "Encounter": self.charts.encounter,
            "DocumentReference": self.charts.document, "Composition": self.charts.composition,
            "Binary": self.charts.binary, "CarePlan": self.charts.care_plan, "Goal": self.charts.goal,
            "Procedure": self.charts.procedure, "Provenance": self.charts.provenance, "Claim": self.claims.claim,
            "ClaimResponse": self.claims.response, "ExplanationOfBenefit": self.claims.explanation,
        }  # fmt: skip
        self.exchange = Exchange()
        self.seen: dict[str, int] = {}
        self.unread: dict[str, int] = {}

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
        for kind, count in sorted(self.unread.items()):
            said = f"FHIR: {count:,} resources of type {kind} are not read"
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
                ours = self._resource(file.name, each)
                read, others = read + (ours is True), others + (ours is False)
        refused = self.exchange.refusals[before:]
        if read or others or any(each.column != NAME for each in refused):
            said = f"{file.name}: FHIR, {read:,} resources read, {others:,} of types that are not read"
            self.exchange.notices.append(Notice("fhir", said, file.name, None, read))
        else:
            del self.exchange.refusals[before:]
            said = f"{file.name} was left out: JSON without a FHIR resource"
            self.exchange.notices.append(Notice("ignored", said, file.name))

    def _fault(self, file: File, fault: Fault) -> None:
        if fault.expected:
            self._refuse(Refusal(file.name, fault.position, None, None, fault.found, fault.expected))
        else:
            said = f"{file.name}: {fault.found} were left out"
            self.exchange.notices.append(Notice("fhir", said, file.name))

    def _refuse(self, refusal: Refusal) -> None:
        if len(self.exchange.refusals) < KEPT_REFUSALS:
            self.exchange.refusals.append(refusal)
        else:
            self.exchange.beyond[refusal.table] += 1

    def _resource(self, file: str, given: Given) -> bool | None:
        """Read a resource; whether its type is one that is read, null where it is no resource."""
        content = given.content
        kind = content.get(NAME) if isinstance(content, dict) else None
        if not isinstance(kind, str) or not isinstance(content, dict):
            found = f"{type(content).__name__} without {NAME}" if kind is None else f"{NAME} {str(kind)[:40]}"
            self._refuse(Refusal(file, given.position, None, NAME, found, "a FHIR resource with its type"))
            return None
        if kind not in self.readers:
            shown = terminal(kind[:LONGEST_TYPE])
            if shown in self.unread or len(self.unread) < 500:
                self.unread[shown] = self.unread.get(shown, 0) + 1
            else:
                self.unread["any other"] = self.unread.get("any other", 0) + 1
            return False
        own = content.get("id")
        if own is None and given.address:
            own = given.address.rstrip("/").rpartition(":" if given.address.startswith("urn:") else "/")[2]
        key = f"{kind}/{own}" if isinstance(own, str) and own else f"{kind}/{file}-{given.position}"
        self._read(kind, content, Place(file, given.position, key, given.address))
        return True

    def _again(self, resource: Resource, kind: str, place: Place) -> bool:
        """Whether a resource was read before under its id: the same is told, another one refused.

        Only elements that are read count: copies of a resource in several bundles differ in their narrative and versions.
        """
        shape = hash(resource.__pydantic_serializer__.to_json(resource, exclude_none=True))
        before = self.seen.get(place.key)
        if before is None:
            self.seen[place.key] = shape
            return False
        if before == shape:
            self.gathering.tell("resources stand twice with the same content and count once", place)
        else:
            wanted = f"one {kind} for each id; another one with other content was read before"
            found = place.key.partition("/")[2]
            self._refuse(Refusal(place.file, place.position, FEEDS.get(kind), "id", found, wanted))
        return True

    def _read(self, kind: str, content: Any, place: Place, where: str = "") -> None:
        try:
            resource = MODELS[kind].model_validate(content)
            if not where and self._again(resource, kind, place):
                return
            if resource.contained and not where:
                self._contained(resource, place)
            self.readers[kind](resource, place)
        except ValidationError as error:
            self._refuse(_of_validation(error, kind, place, where))
        except Unreadable as error:
            path = where + error.path
            self._refuse(
                Refusal(place.file, place.position, FEEDS.get(kind), path, error.found, error.expected)
            )
        except RecursionError:
            wanted = "elements nested less deeply"
            self._refuse(Refusal(place.file, place.position, FEEDS.get(kind), where or None, kind, wanted))

    def _contained(self, resource: Resource, place: Place) -> None:
        """The resources within one, known to it alone by `#id`."""
        for number, each in enumerate(resource.contained):
            kind, own = each.get(NAME), each.get("id")
            if not isinstance(kind, str) or kind not in self.readers or kind in ("Claim", "Encounter"):
                shown = f"{terminal(str(kind)[:LONGEST_TYPE])} (contained)"
                self.unread[shown] = self.unread.get(shown, 0) + 1
            elif isinstance(own, str):
                inner = Place(place.file, place.position, f"{place.key}#{own}")
                self._read(kind, each, inner, f"contained[{number}].")


def _of_validation(error: ValidationError, kind: str, place: Place, where: str) -> Refusal:
    """A refusal with the path of the first element that is at fault."""
    faults = error.errors(include_url=False, include_context=False)
    first = faults[0]
    path = where + "".join(
        f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"]
    ).lstrip(".")
    found = _shown(first["input"])
    wanted = first["msg"][:1].lower() + first["msg"][1:]
    more = f"; and {len(faults) - 1:,} more" if len(faults) > 1 else ""
    return Refusal(place.file, place.position, FEEDS.get(kind), path, found, f"{kind}: {wanted[:120]}{more}")


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    shown = str(value) if not isinstance(value, int) else f"{value}"[:80]
    return shown if len(shown) <= 80 else f"{shown[:40]}… ({len(shown):,} characters)"
