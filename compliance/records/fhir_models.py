"""FHIR R4 resources as far as records need them: one small model a resource, elements under FHIR's own names.

Elements that are not named here are ignored. Dates stay text, since the tables read their own cells; every element may be
absent, and what a missing one means is decided where the resource becomes rows.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST_TEXT = 3_000_000
"""Characters of one string; a note of a million characters is one and a third in base64."""


class Element(BaseModel):
    """What every element has in common: unknown parts are ignored, numbers are finite, strings bounded."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, str_max_length=LONGEST_TEXT)


class Coding(Element):
    """A code of a system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Element):
    """CodeableConcept: codings that mean the same, and words."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Period(Element):
    """From when until when."""

    start: str | None = None
    end: str | None = None


class Identifier(Element):
    """A business identifier."""

    system: str | None = None
    value: str | None = None
    type: Concept | None = None


class Reference(Element):
    """Another resource: by address, by identifier, or by name alone."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Money(Element):
    """An amount of money."""

    value: float | None = None


class Quantity(Element):
    """An amount with its unit."""

    value: float | None = None
    unit: str | None = None
    code: str | None = None


class Extension(Element):
    """An extension; extensions of an extension are read on demand."""

    url: str | None = None
    valueDateTime: str | None = None
    valueCodeableConcept: Concept | None = None
    extension: tuple[dict[str, Any], ...] = ()


class Resource(Element):
    """What every resource may have."""

    id: str | None = Field(None, max_length=200)
    status: str | None = None
    contained: tuple[dict[str, Any], ...] = ()
    identifier: tuple[Identifier, ...] = ()


class HumanName(Element):
    """A name."""

    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: tuple[str | None, ...] = ()
    suffix: tuple[str | None, ...] = ()


class Address(Element):
    """An address, of which the state counts."""

    state: str | None = None


class Patient(Resource):
    """A patient."""

    name: tuple[HumanName, ...] = ()
    gender: str | None = None
    birthDate: str | None = None
    deceasedDateTime: str | None = None


class Qualification(Element):
    """A licence, a degree, a taxonomy code."""

    identifier: tuple[Identifier, ...] = ()
    code: Concept | None = None
    period: Period | None = None
    extension: tuple[Extension, ...] = ()


class Practitioner(Resource):
    """Somebody who treats, orders or bills."""

    name: tuple[HumanName, ...] = ()
    qualification: tuple[Qualification, ...] = ()


class PractitionerRole(Resource):
    """What somebody does for an organization."""

    practitioner: Reference | None = None
    organization: Reference | None = None
    code: tuple[Concept, ...] = ()
    specialty: tuple[Concept, ...] = ()
    period: Period | None = None


class Organization(Resource):
    """A clinic, a payer, or neither."""

    name: str | None = None
    type: tuple[Concept, ...] = ()
    address: tuple[Address, ...] = ()


class CoverageClass(Element):
    """A class of coverage: group, plan."""

    type: Concept | None = None
    value: str | None = None


class Coverage(Resource):
    """That a payer covers a patient."""

    type: Concept | None = None
    beneficiary: Reference | None = None
    payor: tuple[Reference, ...] = ()
    order: int | None = None
    classes: tuple[CoverageClass, ...] = Field((), alias="class")


class Condition(Resource):
    """A diagnosis, to which claims and plans refer."""

    code: Concept | None = None


class EncounterParticipant(Element):
    """Who took part."""

    type: tuple[Concept, ...] = ()
    individual: Reference | None = None


class Encounter(Resource):
    """A visit."""

    type: tuple[Concept, ...] = ()
    serviceType: Concept | None = None
    subject: Reference | None = None
    participant: tuple[EncounterParticipant, ...] = ()
    period: Period | None = None
    reasonCode: tuple[Concept, ...] = ()
    serviceProvider: Reference | None = None


class Attachment(Element):
    """The words of a document, or where they are."""

    contentType: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None


class Content(Element):
    """One form of a document."""

    attachment: Attachment | None = None


class RelatesTo(Element):
    """Another document that this one appends or replaces; of a composition by `targetReference`."""

    code: str | None = None
    target: Reference | None = None
    targetReference: Reference | None = None


class Context(Element):
    """When, and in which encounter, what is documented took place."""

    encounter: tuple[Reference, ...] = ()
    period: Period | None = None
    related: tuple[Reference, ...] = ()
    practiceSetting: Concept | None = None


class DocumentReference(Resource):
    """A document of the chart."""

    docStatus: str | None = None
    type: Concept | None = None
    category: tuple[Concept, ...] = ()
    subject: Reference | None = None
    date: str | None = None
    author: tuple[Reference, ...] = ()
    authenticator: Reference | None = None
    custodian: Reference | None = None
    relatesTo: tuple[RelatesTo, ...] = ()
    description: str | None = None
    content: tuple[Content, ...] = ()
    context: Context | None = None
    extension: tuple[Extension, ...] = ()


class Attester(Element):
    """Who signed a composition, and when."""

    mode: str | None = None
    time: str | None = None
    party: Reference | None = None


class Event(Element):
    """What a composition documents."""

    period: Period | None = None
    detail: tuple[Reference, ...] = ()


class Narrative(Element):
    """Words as XHTML."""

    div: str | None = None


class Section(Element):
    """A section of a composition; sections within it are read on demand."""

    title: str | None = None
    text: Narrative | None = None
    section: tuple[dict[str, Any], ...] = ()


class Composition(Resource):
    """A note in sections."""

    type: Concept | None = None
    category: tuple[Concept, ...] = ()
    subject: Reference | None = None
    encounter: Reference | None = None
    date: str | None = None
    author: tuple[Reference, ...] = ()
    title: str | None = None
    attester: tuple[Attester, ...] = ()
    custodian: Reference | None = None
    relatesTo: tuple[RelatesTo, ...] = ()
    event: tuple[Event, ...] = ()
    section: tuple[Section, ...] = ()

    @field_validator("identifier", mode="before")
    @classmethod
    def _one_identifier(cls, given: object) -> object:
        """R4 lets a composition have one identifier where other resources have several."""
        return [given] if isinstance(given, dict) else given


class Binary(Resource):
    """The words of a document, apart from it."""

    contentType: str | None = None
    data: str | None = None


class Repeat(Element):
    """How often."""

    boundsDuration: Quantity | None = None
    boundsPeriod: Period | None = None
    count: int | None = None
    frequency: int | None = None
    frequencyMax: int | None = None
    period: float | None = None
    periodUnit: str | None = None


class Timing(Element):
    """When something is to happen."""

    repeat: Repeat | None = None


class ActivityDetail(Element):
    """A planned service."""

    code: Concept | None = None
    status: str | None = None
    scheduledTiming: Timing | None = None


class Activity(Element):
    """Something that a plan of care plans."""

    detail: ActivityDetail | None = None


class CarePlan(Resource):
    """A plan of care."""

    replaces: tuple[Reference, ...] = ()
    category: tuple[Concept, ...] = ()
    title: str | None = None
    subject: Reference | None = None
    period: Period | None = None
    created: str | None = None
    author: Reference | None = None
    addresses: tuple[Reference, ...] = ()
    goal: tuple[Reference, ...] = ()
    activity: tuple[Activity, ...] = ()


class Range(Element):
    """From an amount to another."""

    low: Quantity | None = None
    high: Quantity | None = None


class Target(Element):
    """What is to be reached, and by when."""

    measure: Concept | None = None
    detailQuantity: Quantity | None = None
    detailRange: Range | None = None
    detailCodeableConcept: Concept | None = None
    detailString: str | None = None
    detailInteger: int | None = None
    detailBoolean: bool | None = None
    dueDate: str | None = None


class Goal(Resource):
    """A goal."""

    lifecycleStatus: str | None = None
    achievementStatus: Concept | None = None
    category: tuple[Concept, ...] = ()
    description: Concept | None = None
    target: tuple[Target, ...] = ()
    statusDate: str | None = None


class Performer(Element):
    """Who did it."""

    actor: Reference | None = None


class Annotation(Element):
    """Words on something."""

    text: str | None = None


class Procedure(Resource):
    """A service that was given."""

    code: Concept | None = None
    encounter: Reference | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None
    performedString: str | None = None
    performer: tuple[Performer, ...] = ()
    note: tuple[Annotation, ...] = ()


class Signature(Element):
    """A signature."""

    when: str | None = None
    who: Reference | None = None


class Agent(Element):
    """Who took part in writing a resource."""

    type: Concept | None = None
    who: Reference | None = None


class Provenance(Resource):
    """Who signed plans of care and notes, and when."""

    target: tuple[Reference, ...] = ()
    agent: tuple[Agent, ...] = ()
    signature: tuple[Signature, ...] = ()


class CareTeam(Element):
    """Somebody who took part in what a claim bills."""

    sequence: int | None = None
    provider: Reference | None = None
    role: Concept | None = None


class Diagnosis(Element):
    """A diagnosis of a claim, in place."""

    sequence: int | None = None
    diagnosisCodeableConcept: Concept | None = None
    diagnosisReference: Reference | None = None


class SupportingInfo(Element):
    """What else a claim states: type of bill, frequency, day of receipt."""

    category: Concept | None = None
    code: Concept | None = None
    timingDate: str | None = None
    timingPeriod: Period | None = None


class Insurance(Element):
    """A coverage under which a claim is made."""

    sequence: int | None = None
    focal: bool | None = None
    coverage: Reference | None = None
    preAuthRef: tuple[str | None, ...] = ()


class Related(Element):
    """Another claim, and what it is to this one."""

    claim: Reference | None = None
    relationship: Concept | None = None
    reference: Identifier | None = None


class Adjudication(Element):
    """One thing that a payer decided."""

    category: Concept | None = None
    reason: Concept | None = None
    amount: Money | None = None
    value: float | None = None


class Item(Element):
    """A service line."""

    sequence: int | None = None
    careTeamSequence: tuple[int, ...] = ()
    diagnosisSequence: tuple[int, ...] = ()
    productOrService: Concept | None = None
    modifier: tuple[Concept, ...] = ()
    servicedDate: str | None = None
    servicedPeriod: Period | None = None
    locationCodeableConcept: Concept | None = None
    quantity: Quantity | None = None
    unitPrice: Money | None = None
    net: Money | None = None
    encounter: tuple[Reference, ...] = ()
    detail: tuple[dict[str, Any], ...] = ()


class Billed(Resource):
    """What a claim and an explanation of benefit have in common."""

    type: Concept | None = None
    use: str | None = None
    patient: Reference | None = None
    created: str | None = None
    insurer: Reference | None = None
    provider: Reference | None = None
    related: tuple[Related, ...] = ()
    careTeam: tuple[CareTeam, ...] = ()
    supportingInfo: tuple[SupportingInfo, ...] = ()
    diagnosis: tuple[Diagnosis, ...] = ()
    insurance: tuple[Insurance, ...] = ()


class Claim(Billed):
    """A claim."""

    item: tuple[Item, ...] = ()


class Payment(Element):
    """What was paid, and when."""

    date: str | None = None
    amount: Money | None = None


class Total(Element):
    """A sum over a claim."""

    category: Concept | None = None
    amount: Money | None = None


class AnsweredItem(Item):
    """A service line with the payer's answer."""

    itemSequence: tuple[int, ...] = ()
    adjudication: tuple[Adjudication, ...] = ()


class ExplanationOfBenefit(Billed):
    """A claim with the payer's answer."""

    outcome: str | None = None
    claim: Reference | None = None
    item: tuple[AnsweredItem, ...] = ()
    addItem: tuple[dict[str, Any], ...] = ()
    adjudication: tuple[Adjudication, ...] = ()
    total: tuple[Total, ...] = ()
    payment: Payment | None = None


class ResponseItem(Element):
    """The payer's answer to a service line."""

    itemSequence: int | None = None
    adjudication: tuple[Adjudication, ...] = ()


class ClaimResponse(Resource):
    """The payer's answer to a claim."""

    use: str | None = None
    outcome: str | None = None
    created: str | None = None
    insurer: Reference | None = None
    request: Reference | None = None
    item: tuple[ResponseItem, ...] = ()
    addItem: tuple[dict[str, Any], ...] = ()
    adjudication: tuple[Adjudication, ...] = ()
    total: tuple[Total, ...] = ()
    payment: Payment | None = None


MODELS: dict[str, type[Resource]] = {
    model.__name__: model
    for model in (
        Patient, Practitioner, PractitionerRole, Organization, Coverage, Condition, Encounter, DocumentReference,
        Composition, Binary, CarePlan, Goal, Procedure, Provenance, Claim, ClaimResponse, ExplanationOfBenefit,
    )
}  # fmt: skip
"""The resources that are read, by type."""
