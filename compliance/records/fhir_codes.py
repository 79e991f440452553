"""Which codes of FHIR mean what to records: code systems, kinds of payers and notes, disciplines in code and word."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from compliance.records.claim_codes import FILING, discipline_and_role
from compliance.records.fhir_models import Concept, Identifier

LONGEST_SYSTEM = 160
NPI = "http://hl7.org/fhir/sid/us-npi"
NPI_SYSTEMS = {NPI, "https://hl7.org/fhir/sid/us-npi", "urn:oid:2.16.840.1.113883.4.6"}
PROCEDURES = re.compile(
    r"ama-assn\.org/go/cpt|hcpcs|^urn:oid:2\.16\.840\.1\.113883\.6\.(?:12|285|14)$|^cpt$", re.IGNORECASE
)
"""Systems of CPT and HCPCS codes: the AMA's address, CMS's addresses, object identifiers."""
DIAGNOSES = re.compile(
    r"fhir/sid/icd-10(?:-cm)?$|^urn:oid:2\.16\.840\.1\.113883\.6\.(?:90|3)$", re.IGNORECASE
)
"""Systems of ICD-10-CM codes."""
TAXONOMY = re.compile(r"nucc\.org/provider-taxonomy|^urn:oid:2\.16\.840\.1\.113883\.6\.101$", re.IGNORECASE)
REASONS = re.compile(r"claim-adjustment-reason-codes|x12\.org/external/139$", re.IGNORECASE)
GROUPS = re.compile(r"claim-adjustment-group-codes|x12\.org/005010/1033$", re.IGNORECASE)
REMARKS = re.compile(r"remittance-advice-remark-codes|x12\.org/external/411$", re.IGNORECASE)
STUDENT = "390200000X"
"""NUCC: student in an organized health care education or training program."""

PAYER_TYPOLOGY: Mapping[str, str] = {
    "11": "medicare_advantage",  # Medicare, managed care (111 HMO, 112 PPO …)
    "12": "medicare",  # Medicare, not managed (121 fee for service)
    "2": "medicaid",
    "311": "tricare",
    "5": "commercial",
    "6": "commercial",  # Blue Cross/Blue Shield
    "81": "self_pay",
    "95": "workers_comp",
    "96": "auto",
}
"""Source of Payment Typology, by the longest prefix; 1 alone (Medicare of any kind) and the others name none of ours."""
PAYER_CODES: Mapping[str, str] = {
    "AUTOPOL": "auto",
    "WCBPOL": "workers_comp",
    "pay": "self_pay",
    "PAY": "self_pay",
    "MILITARY": "tricare",
}
"""HL7's codes of coverage that name a kind of payer; HMO, PPO, PUBLICPOL and others leave it open."""

LOINC = re.compile(r"loinc\.org|^urn:oid:2\.16\.840\.1\.113883\.6\.1$", re.IGNORECASE)
NOTE_TYPES: Mapping[str, tuple[str, str | None]] = {
    "18735-1": ("evaluation", "PT"),
    "18734-4": ("evaluation", "OT"),
    "18740-1": ("evaluation", "SLP"),
    "11508-9": ("progress_note", "PT"),
    "11507-1": ("progress_note", "OT"),
    "11512-1": ("progress_note", "SLP"),
    "11506-3": ("progress_note", None),
    "34131-3": ("progress_note", None),
    "34129-7": ("progress_note", None),
    "34130-5": ("progress_note", None),
    "28579-1": ("treatment", "PT"),
    "28578-3": ("treatment", "OT"),
    "28571-8": ("treatment", "SLP"),
    "18842-5": ("discharge", None),
}
"""LOINC document types: kind of note and discipline. `progress_note` is LOINC's name for the note of any visit after the
first (subsequent visit evaluation note), not for the report of a period."""
NOTE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"missed|no[ -_]?show|cancell?ed visit", "missed_visit"),
        (r"addendum|amendment", "addendum"),
        (r"re[ -_]?cert", "recertification"),
        (r"re[ -_]?eval|re[ -_]?assess", "reevaluation"),
        (r"discharge", "discharge"),
        (r"progress[ _](?:report|summary)|summary of progress", "progress_report"),
        (r"progress[ _]note", "progress_note"),
        (r"eval", "evaluation"),
        (r"treatment|daily|visit note|session", "treatment"),
    )
)
"""Words in a document's type or title that say what kind of note it is, the first that fits."""
DISCIPLINE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"physical therap|physiotherap|^PT$", re.IGNORECASE), "PT"),
    (re.compile(r"occupational therap|^OT$", re.IGNORECASE), "OT"),
    (re.compile(r"speech|^SLP$|^ST$", re.IGNORECASE), "SLP"),
)
ROLE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"student", re.IGNORECASE), "student"),
    (re.compile(r"\baide\b|technician", re.IGNORECASE), "aide"),
    (re.compile(r"assistant", re.IGNORECASE), "assistant"),
    (re.compile(r"therapist|pathologist", re.IGNORECASE), "therapist"),
)


@lru_cache(maxsize=10_000)
def is_of(system: str | None, systems: re.Pattern[str]) -> bool:
    """Whether a system is one of these."""
    return system is not None and systems.search(system) is not None


def of_system(concept: Concept | None, systems: re.Pattern[str]) -> str | None:
    """The first code of a concept in one of the systems; null where it has none."""
    if concept is not None:
        for coding in concept.coding:
            if coding.code and is_of(coding.system, systems):
                return coding.code
    return None


def procedure_code(concept: Concept | None) -> str | None:
    """The CPT or HCPCS code of a concept."""
    if concept is not None:
        for coding in concept.coding:
            code = coding.code
            if (
                code
                and len(code) == 5
                and code.isascii()
                and code.isalnum()
                and is_of(coding.system, PROCEDURES)
            ):
                return code
    return None


def is_npi(identifier: Identifier) -> bool:
    """Whether an identifier is an NPI: by its system, or by its type as Blue Button writes it."""
    if identifier.system in NPI_SYSTEMS:
        return True
    return identifier.type is not None and any(
        coding.code in ("npi", "NPI") for coding in identifier.type.coding
    )


def systems_of(concept: Concept | None) -> str:
    """The systems of a concept's codes, for telling what was not read."""
    if concept is None:
        return "no code"
    named = sorted({coding.system or "no system" for coding in concept.coding if coding.code})
    return (
        " and ".join(named)[:LONGEST_SYSTEM]
        if named
        else ("words without a code" if concept.text else "no code")
    )


def diagnosis_code(concept: Concept | None) -> str | None:
    """The ICD-10-CM code of a concept, with the point that some exports leave out (M545 is M54.5)."""
    code = of_system(concept, DIAGNOSES)
    if code is None:
        return None
    return code if "." in code or len(code) < 4 else f"{code[:3]}.{code[3:]}"


def words(concepts: Iterable[Concept | None]) -> Iterator[str]:
    """What concepts say in words: their text, else the names of their codes, else the codes."""
    for concept in concepts:
        if concept is None:
            continue
        if concept.text:
            yield concept.text
        for coding in concept.coding:
            if coding.display:
                yield coding.display
            elif coding.code and not concept.text:
                yield coding.code


def payer_kind(concept: Concept | None, classes: Iterable[tuple[str | None, str | None]] = ()) -> str | None:
    """The kind of payer that the codes of a coverage name; null where they leave it open.

    `classes`: type and value of each class of the coverage; Blue Button states the part of Medicare there.
    """
    for coding in concept.coding if concept else ():
        system, code = (coding.system or "").lower(), coding.code or ""
        if "sopt" in system or "2.16.840.1.113883.3.221.5" in system or "payer-typology" in system:
            for length in range(len(code), 0, -1):
                if kind := PAYER_TYPOLOGY.get(code[:length]):
                    return kind
        elif "x12.org" in system:
            if kind := FILING.get(code):
                return kind
        elif "hl7.org" in system and (kind := PAYER_CODES.get(code)):
            return kind
    named = {(kind or "").lower().removeprefix("sub"): (value or "").lower() for kind, value in classes}
    if named.get("group") == "medicare":
        return {"part a": "medicare", "part b": "medicare", "part c": "medicare_advantage"}.get(
            named.get("plan", "")
        )
    return None


def discipline_said(said: Iterable[str]) -> str | None:
    """The one discipline that words name; null where they name none or several."""
    named = {meant for text in said for pattern, meant in DISCIPLINE_WORDS if pattern.search(text)}
    return named.pop() if len(named) == 1 else None


def role_said(said: Iterable[str]) -> str | None:
    """The role that words name, the lesser one where they name several (`PT student`)."""
    texts = list(said)
    for pattern, role in ROLE_WORDS:
        if any(pattern.search(text) for text in texts):
            return role
    return None


def who(concepts: Iterable[Concept | None]) -> tuple[str | None, str | None]:
    """Discipline and role by NUCC taxonomy codes, else by words."""
    given = [concept for concept in concepts if concept is not None]
    discipline = role = None
    for concept in given:
        for coding in concept.coding:
            if coding.code and coding.system and TAXONOMY.search(coding.system):
                if coding.code.upper() == STUDENT:
                    role = "student"
                named, does = discipline_and_role(coding.code)
                discipline, role = discipline or named, role or does
    said = list(words(given))
    return discipline or discipline_said(said), role or role_said(said)


def note_type(concept: Concept | None, others: Iterable[str | None]) -> tuple[str | None, str | None]:
    """Kind and discipline of a note: kind by its words, else by its LOINC code (`progress_note` is no kind yet)."""
    said = [*words([concept]), *(text for text in others if text)]
    discipline = discipline_said(said)
    coded: str | None = None
    for coding in concept.coding if concept else ():
        if coding.code and LOINC.search(coding.system or ""):
            named = NOTE_TYPES.get(coding.code)
            if named:
                coded, discipline = named[0], named[1] or discipline
    worded = next((kind for pattern, kind in NOTE_WORDS for text in said if pattern.search(text)), None)
    if worded == "progress_note":
        worded = coded or worded
    return worded or coded, discipline
