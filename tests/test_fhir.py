"""FHIR R4: real bundles counted from their JSON, each resource as rows, references, hostile files, and a round trip."""

import base64
import copy
import gzip
import io
import json
import warnings
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.formats import plural
from compliance.records.fhir_codes import NOTE_TYPES, note_type, payer_kind
from compliance.records.fhir_models import MODELS, Coding, Concept
from compliance.records.fhir_text import without_markup
from compliance.records.load import InputError, load, load_files
from compliance.records.models import TABLES, schema
from tests.test_x12 import claim as claim_837
from tests.test_x12 import file_837
from tests.written import fhir as written

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B import get_fhir_model_class

DATA = Path(__file__).parent / "data/fhir/synthea-r4"
FILES = sorted(DATA.glob("*.json"))
SNOMED, CVX = "http://snomed.info/sct", "http://hl7.org/fhir/sid/cvx"
CPT = "http://www.ama-assn.org/go/cpt"


def name_of(file):
    return file.name[:20]


def entries(file):
    return [entry["resource"] for entry in json.loads(file.read_text("utf-8"))["entry"]]


def height(records, table):
    return records.tables[table].height


def told(records):
    """What the report says, by message, with its count."""
    return {notice.message: notice.count for notice in records.report.notices if notice.kind == "fhir"}


def count_told(records, *words):
    """The sum of the counts of notices that say all these words."""
    return sum(count or 0 for said, count in told(records).items() if all(word in said for word in words))


def ndjson(*resources):
    return "\n".join(json.dumps(each) for each in resources).encode()


def read(*resources, beside=()):
    """Records of resources in one NDJSON file."""
    return load_files([*beside, ("export.ndjson", ndjson(*resources))])


def one(records, table):
    (row,) = records.tables[table].rows(named=True)
    return row


def to(key):
    return {"reference": key}


def coded(system, code, **more):
    return {"coding": [{"system": system, "code": code}], **more}


# real bundles


def test_the_files_are_those_that_were_counted():
    kinds = Counter(each["resourceType"] for file in FILES for each in entries(file))
    assert len(FILES) == 5
    assert (kinds["Claim"], kinds["ExplanationOfBenefit"], kinds["Practitioner"], kinds["Observation"]) == (
        31,
        26,
        107,
        181,
    )


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_resources_of_each_bundle(file):
    records, resources = load(file), entries(file)
    kinds = Counter(each["resourceType"] for each in resources)
    assert not records.report.refusals
    for kind, table in {"Patient": "patients", "Claim": "claims", "Encounter": "notes", "CarePlan": "plans_of_care",
                        "Practitioner": "therapists", "Organization": "clinics"}.items():  # fmt: skip
        assert height(records, table) == kinds[kind], kind
    unread = {kind: count for kind, count in kinds.items() if kind not in MODELS}
    contained = Counter(f"{each['resourceType']} (contained)" for resource in resources for each in resource.get("contained", ())
                        if each["resourceType"] not in MODELS)  # fmt: skip
    for kind, count in {**unread, **contained}.items():
        many = plural(count, f"resource of type {kind} is", f"resources of type {kind} are")
        assert told(records)[f"FHIR: {many} not read"] == count


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_codes_of_other_systems_are_counted(file):
    records, resources = load(file), entries(file)
    for kind, called in (
        ("Claim", "items of claims"),
        ("ExplanationOfBenefit", "items of explanations of benefit"),
    ):
        systems = Counter(
            item["productOrService"]["coding"][0]["system"]
            for each in resources
            if each["resourceType"] == kind
            for item in each["item"]
        )
        assert set(systems) <= {SNOMED, CVX}
        for system, count in systems.items():
            assert count_told(records, called, system) == count
    procedures = sum(each["resourceType"] == "Procedure" for each in resources)
    assert count_told(records, "procedures", SNOMED) == procedures
    assert not height(records, "claim_lines") and not height(records, "interventions")


def test_the_folder_reads_as_its_files():
    records = load(DATA)
    resources = [each for file in FILES for each in entries(file)]
    once = {(each["resourceType"], each["id"]): each for each in resources}
    assert not records.report.refusals  # practitioners stand in two bundles and differ in what is not read
    assert height(records, "therapists") == sum(kind == "Practitioner" for kind, _ in once) == 102
    assert height(records, "claims") == 31
    days = {
        each["id"]: each["period"]["start"][:10] for each in resources if each["resourceType"] == "Encounter"
    }
    notes = records.tables["notes"].select("note_id", pl.col("service_date").dt.strftime("%Y-%m-%d"))
    assert dict(notes.iter_rows()) == days
    npis = {
        each["id"]: each["identifier"][0]["value"]
        for each in resources
        if each["resourceType"] == "Practitioner"
    }
    assert dict(records.tables["therapists"].select("therapist_id", "npi").iter_rows()) == npis
    assert set(records.tables["notes"]["therapist_id"]) <= set(npis)
    assert not [each for each in records.report.notices if each.kind == "reference"]


@pytest.mark.parametrize("packing", ["plain", "gz", "zip", "upload", "ndjson", "list", "single files"])
def test_the_same_records_in_other_packings(tmp_path, packing):
    file = FILES[0]
    data, resources = file.read_bytes(), entries(file)
    match packing:
        case "plain":
            place = file
        case "gz":
            place = tmp_path / "bundle.json.gz"
            place.write_bytes(gzip.compress(data))
        case "zip":
            place = tmp_path / "bundle.zip"
            with zipfile.ZipFile(place, "w") as archive:
                archive.writestr("export/bundle.json", data)
        case "ndjson":
            place = tmp_path / "export.ndjson.gz"
            place.write_bytes(gzip.compress(ndjson(*_without_urns(file))))
        case "list":
            place = tmp_path / "export.json"
            place.write_text(json.dumps(_without_urns(file)))
        case "single files":
            place = tmp_path
            for each in _without_urns(file):
                (tmp_path / f"{each['resourceType']}-{each['id']}.json").write_text(json.dumps(each))
        case _:
            place = None
    records = load(place) if place else load_files([(file.name, data)])
    assert len(resources) == 86
    assert records.fingerprint == load(file).fingerprint


def _without_urns(file):
    """The resources of a bundle with their addresses written as type and id."""
    text = file.read_text("utf-8")
    for entry in json.loads(text)["entry"]:
        resource = entry["resource"]
        text = text.replace(
            f'"reference": "{entry["fullUrl"]}"',
            f'"reference": "{resource["resourceType"]}/{resource["id"]}"',
        )
    return [entry["resource"] for entry in json.loads(text)["entry"]]


# each resource as rows

PATIENT = {
    "resourceType": "Patient", "id": "P1", "gender": "female", "birthDate": "1950-03-04",
    "name": [{"use": "old", "text": "Old"}, {"given": ["Ann", None], "family": "Lee"}],
}  # fmt: skip
PRACTITIONER = {
    "resourceType": "Practitioner", "id": "T1", "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi",
      "value": "1222222220"}],
    "name": [{"text": "Ana Ortiz", "suffix": ["PT", "DPT"]}],
    "qualification": [{
        "identifier": [{"value": "PT12"}], "code": {"text": "Licence"}, "period": {"start": "2020-01-01", "end": "2027-12-31"},
        "extension": [{"url": written.PLAN_NET, "extension": [
            {"url": "whereValid", "valueCodeableConcept": coded("https://www.usps.com/", "NC")}]}],
    }],
}  # fmt: skip
ROLE = {"resourceType": "PractitionerRole", "id": "R1", "practitioner": to("Practitioner/T1"),
    "organization": to("Organization/CL1"),
        "code": [coded("http://nucc.org/provider-taxonomy", "2251X0800X")], "period": {"start": "2021-01-01"}}  # fmt: skip
CLINIC = {"resourceType": "Organization", "id": "CL1", "name": "Elm Street PT", "address": [{"state": "nc"}],
          "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999999984"}]}  # fmt: skip
PAYER = {"resourceType": "Organization", "id": "MCR", "name": "Medicare"}
COVERAGE = {"resourceType": "Coverage", "id": "V1", "status": "active", "beneficiary": to("Patient/P1"),
    "payor": [to("Organization/MCR")],
            "type": coded("https://nahdo.org/sopt", "121"), "order": 1}  # fmt: skip
ENCOUNTER = {"resourceType": "Encounter", "id": "N1", "status": "finished", "class": {"code": "AMB"},
    "subject": to("Patient/P1"),
             "period": {"start": "2026-03-02T09:00:00-05:00", "end": "2026-03-02T09:45:00-05:00"},
             "participant": [{"individual": to("Practitioner/T1")}], "serviceProvider": to("Organization/CL1")}  # fmt: skip
PROCEDURE = {"resourceType": "Procedure", "id": "X1", "status": "completed", "code": coded(CPT, "97110"),
    "subject": to("Patient/P1"),
             "encounter": to("Encounter/N1"), "performer": [{"actor": to("PractitionerRole/R1")}],
             "performedPeriod": {"start": "2026-03-02T09:00:00-05:00", "end": "2026-03-02T09:23:30-05:00"}}  # fmt: skip
CLAIM = {
    "resourceType": "Claim", "id": "C1", "status": "active", "use": "claim", "created": "2026-03-05",
    "type": coded("http://terminology.hl7.org/CodeSystem/claim-type", "professional"), "patient": to("Patient/P1"),
    "provider": to("Organization/CL1"), "insurance": [{"sequence": 1, "focal": True, "coverage": to("Coverage/V1"),
      "preAuthRef": ["A77"]}],
    "careTeam": [{"sequence": 1, "provider": to("Practitioner/T1"), "role": coded("x", "rendering")},
                 {"sequence": 2, "provider": to("Practitioner/T2"), "role": coded("x", "primary")},
                 {"sequence": 3, "provider": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi",
                   "value": "1111111112"}},
                  "role": coded("x", "referring")}],
    "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": coded("http://hl7.org/fhir/sid/icd-10-cm", "M545")},
                  {"sequence": 2, "diagnosisCodeableConcept": coded(SNOMED, "44465007")},
                  {"sequence": 3, "diagnosisReference": to("Condition/D1")}],
    "item": [
        {"sequence": 1, "careTeamSequence": [1], "diagnosisSequence": [1, 2, 3], "productOrService": coded(CPT, "97110"),
         "modifier": [coded("x", "GP"), coded("x", "KX")], "servicedDate": "2026-03-02", "quantity": {"value": 2},
           "net": {"value": 90.5},
         "locationCodeableConcept": coded("x", "11"), "encounter": [to("Encounter/N1")]},
        {"sequence": 2, "productOrService": coded(SNOMED, "229070002"), "net": {"value": 10}},
        {"sequence": 3, "careTeamSequence": [2],
          "productOrService": coded("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "G0283"),
         "servicedPeriod": {"start": "2026-03-02", "end": "2026-03-03"}, "quantity": {"value": 1}, "unitPrice": {"value": 20}},
    ],
}  # fmt: skip
CONDITION = {
    "resourceType": "Condition",
    "id": "D1",
    "code": coded("http://hl7.org/fhir/sid/icd-10-cm", "R26.2"),
}
RESPONSE = {
    "resourceType": "ClaimResponse", "id": "E1", "status": "active", "use": "claim", "outcome": "complete",
      "created": "2026-03-19",
    "request": to("Claim/C1"), "payment": {"date": "2026-03-20", "amount": {"value": 70}},
    "item": [
        {"itemSequence": 1, "adjudication": [
            {"category": coded("x", "eligible"), "amount": {"value": 80}}, {"category": coded("x", "benefit"),
              "amount": {"value": 60}},
            {"category": coded("x", "deductible"), "amount": {"value": 5}, "reason": coded(written.CARC, "1")},
            {"category": coded("x", "copay"), "amount": {"value": 15}},
            {"category": {"text": "adjustment"}, "amount": {"value": 10.5}, "reason": {"coding": [
                {"system": written.CARC, "code": "45"}, {"system": written.GROUP, "code": "CO"}]}},
            {"category": {"text": "remark"}, "reason": coded(written.RARC, "N115")}]},
        {"itemSequence": 2, "adjudication": [{"category": coded("x", "benefit"), "amount": {"value": 10}}]},
    ],
}  # fmt: skip


def test_people():
    died = {**PATIENT, "deceasedDateTime": "2026-04-01T10:00:00-04:00"}
    second = {
        **COVERAGE,
        "id": "V2",
        "order": 2,
        "payor": [{"display": "Acme Health"}],
        "type": coded("https://nahdo.org/sopt", "5"),
    }
    records = read(died, PRACTITIONER, ROLE, CLINIC, PAYER, COVERAGE, second)
    assert not records.report.refusals
    row = one(records, "patients")
    assert (row["name"], row["sex"], row["birth_date"]) == ("Ann Lee", "F", datetime(1950, 3, 4))
    assert row["secondary_payer_id"] == "Acme Health"
    assert one(records, "stays") == {
        "patient_id": "P1",
        "kind": "deceased",
        "from": datetime(2026, 4, 1),
        "to": None,
    }
    row = one(records, "therapists")
    assert row | {"enrolled_on": None} == {
        "therapist_id": "T1", "name": "Ana Ortiz", "npi": "1222222220", "discipline": "PT", "role": "therapist",
        "credential": "PT, DPT", "clinic_id": "CL1", "license_state": "NC", "license_number": "PT12",
        "license_from": datetime(2020, 1, 1), "license_expires_on": datetime(2027, 12, 31),
        "employed_from": datetime(2021, 1, 1), "employed_to": None, "enrolled_on": None, "excluded_on": None,
    }  # fmt: skip
    row = one(records, "clinics")
    assert (row["clinic_id"], row["name"], row["state"], row["npi"]) == (
        "CL1",
        "Elm Street PT",
        "NC",
        "1999999984",
    )
    payers = {
        row["payer_id"]: (row["name"], row["kind"]) for row in records.tables["payers"].rows(named=True)
    }
    assert payers == {"MCR": ("Medicare", "medicare"), "Acme Health": ("Acme Health", "commercial")}


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        ("https://nahdo.org/sopt", "111", "medicare_advantage"), ("https://nahdo.org/sopt", "121", "medicare"),
        ("https://nahdo.org/sopt", "1", None), ("https://nahdo.org/sopt", "2", "medicaid"), ("https://nahdo.org/sopt",
          "311", "tricare"),
        ("https://nahdo.org/sopt", "32", None), ("https://nahdo.org/sopt", "95", "workers_comp"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AUTOPOL", "auto"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "HMO", None),
        ("http://terminology.hl7.org/CodeSystem/coverage-selfpay", "pay", "self_pay"),
        ("https://codesystem.x12.org/005010/1032", "MB", "medicare"), ("urn:other", "121", None),
    ],
)  # fmt: skip
def test_kinds_of_payers_come_from_codes_alone(system, code, kind):
    assert payer_kind(Concept(coding=(Coding(system=system, code=code),), text="Medicare")) == kind


def test_one_payer_of_several_kinds():
    others = [
        {**COVERAGE, "id": f"V{n}", "type": coded("https://nahdo.org/sopt", code)}
        for n, code in ((2, "111"), (3, "121"))
    ]
    claims = [
        {
            **CLAIM,
            "id": f"C{n}",
            "insurance": [{"sequence": 1, "focal": True, "coverage": to(f"Coverage/V{n}")}],
        }
        for n in (1, 2, 3)
    ]
    records = read(PAYER, COVERAGE, *others, *claims)
    assert records.tables["claims"]["payer_id"].to_list() == ["MCR", "MCR-medicare_advantage", "MCR"]
    assert set(records.tables["payers"].select("payer_id", "kind").iter_rows()) == {
        ("MCR", "medicare"), ("MCR-medicare_advantage", "medicare_advantage")}  # fmt: skip


def test_a_visit_with_its_document_and_procedures():
    text = "S: “stairs” better.\nO: 97110 23 min"
    document = {
        "resourceType": "DocumentReference", "id": "DOC1", "status": "current", "type": coded("http://loinc.org", "11508-9"),
        "subject": to("Patient/P1"), "date": "2026-03-02T12:00:00-05:00", "author": [to("PractitionerRole/R1")],
        "authenticator": to("Practitioner/T1"), "extension": [{"url": written.AUTHENTICATED,
          "valueDateTime": "2026-03-03T08:00:00-05:00"}],
        "content": [{"attachment": {"contentType": "application/pdf", "data": "AAAA"}},
                    {"attachment": {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}}],
        "context": {"encounter": [to("Encounter/N1")], "related": [to("CarePlan/PL1")]},
    }  # fmt: skip
    later = {**PROCEDURE, "id": "X0", "code": coded("urn:oid:2.16.840.1.113883.6.12", "97530"),
             "performedPeriod": {"start": "2026-03-02T09:24:00-05:00", "end": "2026-03-02T09:45:00-05:00"}}  # fmt: skip
    words = {key: value for key, value in PROCEDURE.items() if key != "performedPeriod"} | {
        "id": "X9",
        "performedString": "8 minutes",
    }
    records = read(
        PATIENT, PRACTITIONER, ROLE, CLINIC, ENCOUNTER, document, later, PROCEDURE, words, CLAIM, CONDITION
    )
    row = one(records, "notes")
    assert (row["note_id"], row["patient_id"], row["plan_id"], row["clinic_id"]) == (
        "DOC1",
        "P1",
        "PL1",
        "CL1",
    )
    assert (row["kind"], row["outcome"], row["discipline"], row["therapist_id"]) == (
        "treatment",
        "attended",
        "PT",
        "T1",
    )
    assert row["service_date"] == datetime(2026, 3, 2) and row["started_at"] == datetime(2026, 3, 2, 9)
    assert row["written_at"] == datetime(2026, 3, 2, 12) and row["signed_on"] == datetime(2026, 3, 3)
    assert row["text"] == text
    assert count_told(records, "Progress note") == 1
    lines = (
        records.tables["interventions"]
        .sort("line")
        .select("note_id", "line", "cpt", "minutes", "therapist_id")
        .rows()
    )
    assert lines == [
        ("DOC1", 1, "97110", 23, "T1"),
        ("DOC1", 2, "97530", 21, "T1"),
        ("DOC1", 3, "97110", 8, "T1"),
    ]
    assert records.tables["claim_lines"]["note_id"].to_list() == ["DOC1", None]


def test_an_addendum_to_a_visit_is_no_second_visit():
    context = {"encounter": [to("Encounter/N1")]}
    document = {"resourceType": "DocumentReference", "subject": to("Patient/P1"), "context": context}
    appends = [{"code": "appends", "target": to("DocumentReference/D1")}]
    addendum = {**document, "id": "D0", "type": {"text": "Addendum"}, "relatesTo": appends}
    daily = {**document, "id": "D1", "type": {"text": "Daily note"}}
    records = read(PATIENT, PRACTITIONER, ENCOUNTER, addendum, daily, PROCEDURE)
    first, second = records.tables["notes"].sort("note_id").rows(named=True)
    assert (first["kind"], first["amends_note_id"], first["started_at"], first["outcome"]) == (
        "addendum",
        "D1",
        None,
        None,
    )
    assert first["service_date"] == second["service_date"] == datetime(2026, 3, 2)
    assert (second["kind"], second["started_at"], second["outcome"]) == (
        "treatment",
        datetime(2026, 3, 2, 9),
        "attended",
    )
    assert one(records, "interventions")["note_id"] == "D1"


def test_a_composition_with_two_signatures():
    composition = {
        "resourceType": "Composition", "id": "N9", "status": "final", "type": {"text": "PT Progress Report"}, "title": "Note",
        "subject": to("Patient/P1"), "date": "2026-03-20T10:00:00-04:00", "author": [to("Practitioner/A1")],
        "attester": [{"mode": "professional", "time": "2026-03-20", "party": to("Practitioner/A1")},
                     {"mode": "professional", "time": "2026-03-25", "party": to("Practitioner/A1")},
                     {"mode": "professional", "time": "2026-03-21", "party": to("Practitioner/T1")},
                     {"mode": "personal", "time": "2026-03-22", "party": to("Patient/P1")}],
        "event": [{"period": {"start": "2026-03-02", "end": "2026-03-19"}, "detail": [to("CarePlan/PL1")]}],
        "relatesTo": [{"code": "replaces", "targetReference": to("Composition/N0")}],
        "section": [{"title": "Subjective",
          "text": {"div": "<div><p>Walks &lt; 100&nbsp;ft<br/>daily.</p><ul><li>one</li><li>two</li></ul></div>"}},
                    {"title": "Plan", "section": [{"title": "Goals", "text": {"div": "<div>LTG 1</div>"}}]}],
    }  # fmt: skip
    row = one(read(PATIENT, PRACTITIONER, composition), "notes")
    assert (row["kind"], row["period_from"], row["period_to"]) == (
        "progress_report",
        datetime(2026, 3, 2),
        datetime(2026, 3, 19),
    )
    assert row["service_date"] == datetime(2026, 3, 20)
    assert (row["signed_on"], row["attested_on"]) == (datetime(2026, 3, 20), datetime(2026, 3, 25))
    assert (row["cosigned_by"], row["cosigned_on"]) == ("T1", datetime(2026, 3, 21))
    assert row["text"] == "Subjective\nWalks < 100\xa0ft\ndaily.\none\ntwo\n\nPlan\nGoals\nLTG 1"


@pytest.mark.parametrize(
    ("code", "text", "others", "meant"),
    [
        (None, "Physical Therapy Daily Note", (), ("treatment", "PT")), (None, "OT Re-evaluation", (), ("reevaluation", None)),
        ("18735-1", None, (), ("evaluation", "PT")), ("11508-9", "PT Progress Report", (), ("progress_report", "PT")),
        ("11508-9", "Physical therapy Progress note", (), ("progress_note", "PT")), ("18842-5", None, (), ("discharge", None)),
        (None, "Note", ("Missed visit",), ("missed_visit", None)), (None, "Addendum to evaluation", (), ("addendum", None)),
        (None, "Recertification", (), ("recertification", None)), ("59284-0", "Consent", (), (None, None)),
    ],
)  # fmt: skip
def test_kinds_of_notes(code, text, others, meant):
    coding = (Coding(system="http://loinc.org", code=code),) if code else ()
    assert note_type(Concept(coding=coding, text=text), others) == meant
    assert code is None or code == "59284-0" or code in NOTE_TYPES


@pytest.mark.parametrize(
    ("status", "reason", "outcome"), [("cancelled", "No-show", "no_show"), ("cancelled", "Snow", "cancelled")]
)
def test_missed_visits(status, reason, outcome):
    row = one(read(PATIENT, {**ENCOUNTER, "status": status, "reasonCode": [{"text": reason}]}), "notes")
    assert (row["kind"], row["outcome"]) == ("missed_visit", outcome)


def test_a_plan_with_goals_and_signatures():
    repeat = {
        "boundsDuration": {"value": 8, "code": "wk"},
        "frequency": 2,
        "frequencyMax": 3,
        "period": 1,
        "periodUnit": "wk",
    }
    plan = {
        "resourceType": "CarePlan", "id": "PL1", "status": "active", "intent": "plan", "subject": to("Patient/P1"),
        "category": [coded(SNOMED, "91251008", text="Physical therapy procedure")], "created": "2026-03-01",
        "period": {"start": "2026-03-02", "end": "2026-04-26"}, "author": to("Practitioner/T1"),
          "addresses": [to("Condition/D1")],
        "goal": [to("Goal/G1")], "replaces": [to("CarePlan/PL0")],
        "activity": [{"detail": {"status": "scheduled", "code": coded(CPT, code), "scheduledTiming": {"repeat": repeat}}}
                     for code in ("97110", "97530")] + [{"detail": {"code": coded(SNOMED, "229070002")}}],
    }  # fmt: skip
    goal = {
        "resourceType": "Goal", "id": "G1", "lifecycleStatus": "active", "description": {"text": "LTG 1: climb 12 stairs"},
        "subject": to("Patient/P1"), "statusDate": "2026-03-02",
        "target": [{"measure": {"text": "knee flexion"}, "detailQuantity": {"value": 110, "unit": "deg"},
          "dueDate": "2026-04-20"}],
    }  # fmt: skip
    physician = {"display": "S. Wolff, MD"}
    signatures = [
        {"resourceType": "Provenance", "id": key, "target": [to("CarePlan/PL1")], "agent": [{"who": who}],
         "signature": [{"when": f"{day}T09:00:00-05:00", "who": who}]}
        for key, day, who in (("S2", "2026-03-10", physician), ("S1", "2026-03-02", to("Practitioner/T1")))
    ]  # fmt: skip
    records = read(PATIENT, PRACTITIONER, CONDITION, plan, goal, *signatures)
    row = one(records, "plans_of_care")
    assert (row["discipline"], row["therapist_id"], row["replaces_plan_id"]) == ("PT", "T1", "PL0")
    assert (row["established_on"], row["starts_on"], row["ends_on"]) == (
        datetime(2026, 3, 1), datetime(2026, 3, 2), datetime(2026, 4, 26))  # fmt: skip
    assert (row["visits_per_week"], row["weeks"], row["diagnosis_codes"]) == (3, 8, "R26.2")
    assert row["interventions"] == "97110 97530" and count_told(records, "planned activities", SNOMED) == 1
    assert (row["signed_on"], row["certified_on"], row["certified_by"]) == (
        datetime(2026, 3, 2), datetime(2026, 3, 10), "S. Wolff, MD")  # fmt: skip
    row = one(records, "goals")
    assert (row["plan_id"], row["label"], row["term"], row["status"]) == ("PL1", "LTG 1", "long", "open")
    assert (row["target"], row["due_on"]) == ("knee flexion 110 deg", datetime(2026, 4, 20))


def test_a_frequency_that_changes():
    def activity(often, weeks):
        repeat = {
            "boundsDuration": {"value": weeks, "code": "wk"},
            "frequency": often,
            "period": 1,
            "periodUnit": "wk",
        }
        return {"detail": {"code": coded(CPT, "97110"), "scheduledTiming": {"repeat": repeat}}}

    plan = {
        "resourceType": "CarePlan",
        "id": "PL1",
        "subject": to("Patient/P1"),
        "activity": [activity(3, 4), activity(2, 4)],
    }
    row = one(read(PATIENT, plan), "plans_of_care")
    assert (row["frequency_steps"], row["visits_per_week"]) == ("3x4 2x4", None)


def test_a_claim_whole():
    records = read(PATIENT, PRACTITIONER, CLINIC, PAYER, COVERAGE, ENCOUNTER, CONDITION, CLAIM)
    assert not records.report.refusals
    assert one(records, "claims") == {
        "claim_id": "C1", "patient_id": "P1", "payer_id": "MCR", "clinic_id": "CL1", "billing_npi": "1999999984",
        "frequency_code": None, "original_claim_id": None, "authorization_id": "A77", "diagnosis_codes": "M54.5 R26.2",
        "referring_npi": "1111111112", "form": "professional", "bill_type": None, "payer_order": 1,
        "submitted_on": datetime(2026, 3, 5), "received_on": None, "status": "submitted",
    }  # fmt: skip
    first, third = records.tables["claim_lines"].rows(named=True)
    assert first == {
        "claim_id": "C1", "line": 1, "service_date": datetime(2026, 3, 2), "cpt": "97110", "modifiers": "GP KX", "units": 2,
        "charge": 90.5, "therapist_id": "T1", "diagnosis_pointers": "1 2", "abn_on": None, "place_of_service": "11",
          "note_id": "N1",
    }  # fmt: skip
    assert (third["line"], third["cpt"], third["charge"], third["therapist_id"]) == (3, "G0283", 20.0, "T2")
    assert count_told(records, "items of claims", SNOMED) == 1
    assert count_told(records, "several days") == 1
    assert [row["therapist_id"] for row in records.tables["therapists"].rows(named=True)] == ["T1"]
    (lost,) = [
        each for each in records.report.notices if each.kind == "reference" and "therapist_id" in each.message
    ]
    assert "T2" in lost.message


def test_an_answer_joins_its_lines():
    records = read(CLAIM, RESPONSE)
    row = one(records, "remittances")
    assert row == {
        "claim_id": "C1", "line": 1, "paid_on": datetime(2026, 3, 20), "allowed": 80.0, "deductible": 5.0, "paid": 60.0,
        "patient_responsibility": 20.0, "adjustments": "PR-1:5.00 CO-45:10.50", "remarks": "N115",
    }  # fmt: skip
    assert count_told(records, "items without a CPT") == 1
    for change, said in (
        ({"outcome": "queued"}, "queued"),
        ({"status": "cancelled"}, "cancelled"),
        ({"use": "preauthorization"}, "preauth"),
    ):
        records = read(CLAIM, {**RESPONSE, **change})
        assert not height(records, "remittances") and count_told(records, said) >= 1


def test_an_answer_to_a_claim_as_a_whole():
    whole = {**RESPONSE, "item": [], "total": [{"category": coded("x", "eligible"), "amount": {"value": 80}}]}
    row = one(read(CLAIM, whole), "remittances")
    assert (row["line"], row["allowed"], row["paid"]) == (None, 80.0, 70.0)


BLUE = "https://bluebutton.cms.gov/resources"


def explanation(**changes):
    def amount(variable, value):
        return {
            "category": coded(f"{BLUE}/codesystem/adjudication", f"{BLUE}/variables/{variable}"),
            "amount": {"value": value},
        }

    made = copy.deepcopy(CLAIM) | {
        "resourceType": "ExplanationOfBenefit", "id": "E1", "outcome": "complete", "payment": {"date": "2026-03-20"},
        "identifier": [{"system": f"{BLUE}/variables/clm_id", "value": "987"}], "insurer": {"identifier": {"value": "CMS"}},
        "supportingInfo": [{"sequence": 1, "category": coded(f"{BLUE}/codesystem/information", f"{BLUE}/variables/clm_freq_cd"),
                            "code": coded(f"{BLUE}/variables/clm_freq_cd", "1")},
                           {"sequence": 2, "category": coded("x", "clmrecvddate"), "timingDate": "2026-03-06"}],
        "provider": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999999984"},
          "display": "ELM STREET"},
    }  # fmt: skip
    made["item"][0]["adjudication"] = [amount("line_alowd_chrg_amt", 80), amount("line_nch_pmt_amt", 60),
                                       amount("line_bene_ptb_ddctbl_amt", 5), amount("line_coinsrnc_amt", 15)]  # fmt: skip
    return made | changes


def test_an_explanation_of_benefit_gives_the_claim_where_nobody_else_does():
    records = read(explanation())
    row = one(records, "claims")
    assert (row["claim_id"], row["frequency_code"], row["received_on"]) == ("E1", "1", datetime(2026, 3, 6))
    assert (row["billing_npi"], row["clinic_id"], row["payer_id"]) == ("1999999984", "1999999984", "CMS")
    assert one(records, "clinics")["name"] == "ELM STREET"
    assert records.tables["claim_lines"]["cpt"].to_list() == ["97110", "G0283"]
    row = one(records, "remittances")
    assert (row["claim_id"], row["line"], row["allowed"], row["paid"], row["patient_responsibility"]) == (
        "E1",
        1,
        80.0,
        60.0,
        20.0,
    )


def test_an_explanation_of_benefit_beside_its_claim_only_answers():
    records = read(explanation(claim=to("Claim/C1")), CLAIM, {**CLAIM, "id": "C2"})
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2"]
    assert records.tables["claims"]["payer_id"].to_list() == ["CMS", None]  # the answer names who paid
    assert height(records, "claim_lines") == 4
    assert one(records, "remittances")["claim_id"] == "C1"


def test_an_answer_that_stands_twice_counts_once():
    explained = explanation(claim=to("Claim/C1"))
    records = read(CLAIM, RESPONSE, explained)
    row = one(records, "remittances")
    assert (row["paid"], row["adjustments"]) == (60.0, None) and count_told(
        records, "same claim and day"
    ) == 2
    later = {**RESPONSE, "id": "E2", "payment": {"date": "2026-04-20"}}
    assert height(read(CLAIM, later, explained), "remittances") == 2


def test_bundles_within_bundles_and_lines_that_are_bundles():
    inner = written.bundle_of([PATIENT, CLAIM])
    outer = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [{"resource": inner}, {"resource": CONDITION}],
    }
    nested = load_files([("b.json", json.dumps(outer).encode())])
    assert (
        nested.fingerprint
        == read(inner, CONDITION).fingerprint
        == read(PATIENT, CLAIM, CONDITION).fingerprint
    )


def test_blue_button_names_an_npi_by_its_type_and_the_part_of_medicare_by_classes():
    npi = {
        "type": coded("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType", "npi"),
        "value": "1222222220",
    }
    classes = [
        {"type": coded("x", "subgroup"), "value": "Medicare"},
        {"type": coded("x", "subplan"), "value": "Part B"},
    ]
    coverage = {
        **COVERAGE,
        "type": coded(f"{written.HL7}/v3-ActCode", "SUBSIDIZ"),
        "class": classes,
        "payor": [{"identifier": {"value": "CMS"}}],
    }
    records = read(
        coverage,
        explanation(
            careTeam=[{"sequence": 1, "provider": {"identifier": npi}, "role": coded("x", "performing")}]
        ),
    )
    assert one(records, "payers")["kind"] == "medicare" and one(records, "claims")["payer_id"] == "CMS"
    assert set(records.tables["claim_lines"]["therapist_id"]) == {"1222222220"}
    assert (
        one(records, "claims")["submitted_on"] is None
    )  # the day of an explanation of benefit is the payer's


def test_types_with_their_own_numbers_do_not_meet():
    document = {
        "resourceType": "DocumentReference",
        "id": "1",
        "subject": to("Patient/P1"),
        "type": {"text": "Daily note"},
    }
    composition = {
        "resourceType": "Composition",
        "id": "1",
        "subject": to("Patient/P1"),
        "type": {"text": "Evaluation"},
        "identifier": {"value": "one, not a list"},
    }
    records = read(
        {**ENCOUNTER, "id": "1"},
        document,
        composition,
        {**PROCEDURE, "encounter": to("Encounter/1")},
        {**CLAIM, "id": "1"},
        explanation(id="1"),
    )
    assert not records.report.refusals
    assert set(records.tables["notes"]["note_id"]) == {"1", "Composition/1", "Encounter/1"}
    assert one(records, "interventions")["note_id"] == "Encounter/1"
    assert set(records.tables["claims"]["claim_id"]) == {"1", "ExplanationOfBenefit/1"}
    assert one(records, "remittances")["claim_id"] == "ExplanationOfBenefit/1"


@pytest.mark.parametrize(
    ("related", "frequency", "original"),
    [
        ([{"claim": to("Claim/C0"), "relationship": coded("x", "prior")}], "7", "C0"),
        ([{"claim": to("Claim/C0"), "relationship": coded("x", "associated")}], None, None),
        (
            [
                {
                    "claim": to("https://ehr.example/fhir/Claim/C0/_history/2"),
                    "relationship": coded("x", "prior"),
                }
            ],
            "7",
            "C0",
        ),
    ],
)
def test_related_claims(related, frequency, original):
    row = read({**CLAIM, "id": "C0"}, {**CLAIM, "related": related}).tables["claims"].row(1, named=True)
    assert (row["frequency_code"], row["original_claim_id"]) == (frequency, original)


def test_minutes_and_drafts_are_not_units_and_not_sent():
    item = CLAIM["item"][0] | {"quantity": {"value": 30, "unit": "min"}}
    records = read({**CLAIM, "status": "draft", "item": [item]})
    assert one(records, "claim_lines")["units"] is None and count_told(records, "in minutes") == 1
    row = one(records, "claims")
    assert (row["status"], row["submitted_on"]) == ("draft", None)


# references


@pytest.mark.parametrize(
    "reference",
    [
        to("Patient/P1"), to("https://ehr.example/fhir/Patient/P1"), to("Patient/P1/_history/3"), to("urn:uuid:6f1c"),
        to("Patient?identifier=urn:mrn|M77"), {"identifier": {"system": "urn:mrn", "value": "M77"}}, to("#p"),
    ],
)  # fmt: skip
def test_ways_to_name_a_patient(reference):
    patient = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "M77"}]}
    encounter = {
        **ENCOUNTER,
        "subject": reference,
        "contained": [{**PATIENT, "id": "p"}] if reference == to("#p") else [],
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": encounter}, {"fullUrl": "urn:uuid:6f1c", "resource": patient}]}  # fmt: skip
    records = load_files([("b.json", json.dumps(bundle).encode())])
    assert one(records, "notes")["patient_id"] == ("Encounter/N1#p" if reference == to("#p") else "P1")


def test_organizations_in_a_care_team_render_nothing_and_the_surest_role_goes_first():
    team = [
        {"sequence": 1, "provider": to("Organization/CL1"), "role": coded("x", "primary")},
        {"sequence": 2, "provider": to("Practitioner/T2"), "role": coded("x", "attending")},
        {"sequence": 3, "provider": to("Practitioner/T1"), "role": coded("x", "rendering")},
        {"sequence": 4, "provider": to("Practitioner/T3"), "role": coded("x", "supervising")},
    ]
    items = [
        {**CLAIM["item"][0], "sequence": n, "careTeamSequence": named}
        for n, named in ((1, []), (2, [1, 2]), (3, [4]))
    ]
    lines = read({**CLAIM, "careTeam": team, "item": items}).tables["claim_lines"]
    assert lines["therapist_id"].to_list() == ["T1", "T2", None]


def test_what_is_told_is_bounded():
    codes = [
        {"resourceType": "Procedure", "id": f"X{n}", "code": coded(f"urn:{n}" + "x" * 500, "1")}
        for n in range(800)
    ]
    kinds = [{"resourceType": "Thing" + chr(65 + n % 26) * (1 + n // 26)} for n in range(400)]
    records = read(PATIENT, *codes, *kinds)
    assert len(told(records)) < 1_000 and max(map(len, told(records))) < 400
    assert (
        count_told(records, "procedures have") == 800 and count_told(records, " of type ", "not read") == 400
    )


def test_references_across_files_in_any_order(tmp_path):
    resources = [
        PATIENT,
        PRACTITIONER,
        ROLE,
        CLINIC,
        PAYER,
        COVERAGE,
        ENCOUNTER,
        PROCEDURE,
        CONDITION,
        CLAIM,
        RESPONSE,
    ]
    for number, each in enumerate(reversed(resources)):
        (tmp_path / f"{number:02}-{each['resourceType']}.ndjson").write_bytes(ndjson(each))
    assert load(tmp_path).fingerprint == read(*resources).fingerprint


def test_the_ids_of_tables_go_before_those_of_resources():
    tables = [
        ("patients.csv", b"patient_id,name\nM77,Lee\n"), ("therapists.csv",
          b"therapist_id,npi,discipline,role\nANA,1222222220,PT,therapist\n"),
        ("clinics.csv", b"clinic_id,npi,setting\nELM,1999999984,private_practice\n"), ("claims.csv",
          b"claim_id,status\nPCN1,paid\n"),
    ]  # fmt: skip
    mine = [
        {**PATIENT, "identifier": [{"value": "M77"}]},
        PRACTITIONER,
        CLINIC,
        {**CLAIM, "identifier": [{"value": "PCN1"}]},
        RESPONSE,
    ]
    records = read(*mine, beside=tables)
    row = one(records, "claims")
    assert (row["claim_id"], row["patient_id"], row["clinic_id"], row["status"]) == (
        "PCN1",
        "M77",
        "ELM",
        "paid",
    )
    assert records.tables["claim_lines"]["therapist_id"].to_list() == ["ANA", "T2"]
    assert one(records, "remittances")["claim_id"] == "PCN1"
    row = one(records, "therapists")
    assert (row["therapist_id"], row["credential"]) == ("ANA", "PT, DPT")
    assert one(records, "patients")["birth_date"] == datetime(1950, 3, 4)
    assert any(notice.kind == "merge" and "FHIR files" in notice.message for notice in records.report.notices)


def test_claim_files_tables_and_fhir_together(tmp_path):
    (tmp_path / "payers.csv").write_text("payer_id,kind\nMCR,medicare\n")
    name, data = file_837(claim_837("C1"), claim_837("C2"))
    (tmp_path / name).write_bytes(data)
    patient = {**PATIENT, "identifier": [{"type": coded(f"{written.HL7}/v2-0203", "MB"), "value": "M001"}]}
    billed = {**CLAIM, "identifier": [{"value": "C1"}]}
    (tmp_path / "chart.ndjson").write_bytes(
        ndjson(patient, PRACTITIONER, ROLE, CLINIC, ENCOUNTER, PROCEDURE, billed, RESPONSE)
    )
    records = load(tmp_path)
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2"]
    assert records.tables["patients"]["patient_id"].to_list() == ["M001"]
    ana = records.tables["therapists"].filter(pl.col("npi") == "1222222220").row(0, named=True)
    assert (ana["therapist_id"], ana["license_number"]) == (
        "1222222220",
        "PT12",
    )  # as the claim file calls her, with her licence
    note = one(records, "notes")
    assert (note["patient_id"], note["therapist_id"], note["clinic_id"]) == (
        "M001",
        "1222222220",
        "1999999984",
    )
    assert one(records, "remittances")["claim_id"] == "C1"
    lines = records.tables["claim_lines"].filter(pl.col("claim_id") == "C1")
    assert lines["line"].to_list() == [1, 2, 3] and lines["note_id"].to_list() == ["N1", None, None]


def test_copies_count_once_and_other_versions_are_refused():
    copied = {**PATIENT, "meta": {"versionId": "2"}, "telecom": [{"value": "1"}]}
    records = read(PATIENT, copied, {**PATIENT, "gender": "male"}, CLAIM, RESPONSE, RESPONSE)
    assert height(records, "patients") == height(records, "remittances") == 1
    assert count_told(records, "twice with the same content") == 2
    (refusal,) = records.report.refusals
    assert (refusal.row, refusal.table, refusal.column, refusal.found) == (3, "patients", "id", "P1")


def test_what_leads_nowhere_is_told():
    plan = {
        "resourceType": "CarePlan",
        "id": "PL1",
        "subject": to("Patient/P9"),
        "addresses": [to("Condition/D9")],
    }
    signature = {
        "resourceType": "Provenance",
        "id": "S",
        "target": [to("CarePlan/PL9")],
        "signature": [{"when": "2026-01-01T00:00:00Z"}],
    }
    records = read(
        {**CLAIM, "insurance": [{"sequence": 1, "focal": True, "coverage": to("Coverage/V9")}]},
        plan,
        signature,
        ROLE,
        PROCEDURE,
    )
    for said in (
        "coverage that no file holds",
        "conditions that no file holds",
        "something else than",
        "roles name nobody",
    ):
        assert count_told(records, said) >= 1, said
    dangling = " ".join(each.message for each in records.report.notices if each.kind == "reference")
    for named in (
        "plans_of_care.patient_id",
        "claims.patient_id",
        "claim_lines.therapist_id",
        "interventions.note_id",
    ):
        assert named in dangling


# what is no resource, or a broken one


@pytest.mark.parametrize(
    ("change", "column", "found"),
    [
        ({"item": {"sequence": 1}}, "item", "an object of 1"),
        ({"item": [{"sequence": "one"}]}, "item[0].sequence", "one"),
        ({"item": [{"net": {"value": "lots"}}]}, "item[0].net.value", "lots"),
        ({"created": 2026}, "created", "2026"),
        ({"patient": "Patient/P1"}, "patient", "Patient/P1"),
        ({"id": "x" * 300}, "id", "x" * 40 + "… (300 characters)"),
        (
            {"contained": [{"resourceType": "Coverage", "id": "v", "order": "first"}]},
            "contained[0].order",
            "first",
        ),
    ],
)
def test_a_broken_resource_costs_itself_only(change, column, found):
    records = read(PATIENT, {**CLAIM, **change}, {**CLAIM, "id": "C2"})
    assert "C2" in records.tables["claims"]["claim_id"].to_list()
    (refusal,) = records.report.refusals
    assert (refusal.file, refusal.row, refusal.column, refusal.found) == ("export.ndjson", 2, column, found)
    assert "export.ndjson, row 2" in records.report.render()


def test_cells_that_cannot_be_read_are_refused_as_in_tables():
    items = [{**CLAIM["item"][0], "sequence": n, "quantity": {"value": v}} for n, v in ((1, 2), (2, 1.5))]
    records = read({**CLAIM, "item": items})
    assert [(each.row, each.column, each.found) for each in records.report.refusals] == [(1, "units", "1.5")]
    records = read({**PATIENT, "birthDate": "1950"}, {**PATIENT, "id": "P2", "birthDate": "1950-02-31"})
    assert [(each.row, each.column) for each in records.report.refusals] == [(2, "birth_date")]
    assert one(records, "patients")["birth_date"] is None and count_told(records, "only a year") == 1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"resourceType":"Patient","id":"P2"', "no JSON"), (b"[1,2]", "a list, no object"), (b'"Patient"', "str, no object"),
        (b'{"id":"P2"}', "dict without resourceType"), (b'{"resourceType":7}', "resourceType 7"), (b"\xff\xfe\xfa", "no JSON"),
        (b'{"resourceType":"Patient","id":"P2","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no JSON"),
        (b'{"resourceType":"Claim","id":"C2","item":[{"net":{"value":NaN}}]}', "nan"),
        (b'{"id":"P2","resourceType":"Patient","name":NaN}', "no JSON"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_resource_costs_itself_only(line, found):
    data = b"\n".join([ndjson(PATIENT), line, b"", ndjson({**PATIENT, "id": "P3"})])
    records = load_files([("a.ndjson", data)])
    assert records.tables["patients"]["patient_id"].to_list() == ["P1", "P3"]
    (refusal,) = records.report.refusals
    assert refusal.row == 2 and refusal.found.startswith(found)


def test_texts_that_are_none():
    document = {
        "resourceType": "DocumentReference",
        "id": "D",
        "subject": to("Patient/P1"),
        "type": {"text": "Daily note"},
    }
    bad = {**document, "content": [{"attachment": {"contentType": "text/plain", "data": "no base64!"}}]}
    pdf = {
        **document,
        "id": "D2",
        "content": [{"attachment": {"contentType": "application/pdf", "data": "AAAA"}}],
    }
    url = {
        **document,
        "id": "D3",
        "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/B1"}}],
    }
    binary = {
        "resourceType": "Binary",
        "id": "B1",
        "contentType": "text/html",
        "data": base64.b64encode(b"<p>Hi</p>").decode(),
    }
    huge = {
        **document,
        "id": "D4",
        "content": [
            {"attachment": {"contentType": "text/plain", "data": base64.b64encode(b"x" * 1_000_001).decode()}}
        ],
    }
    records = read(PATIENT, bad, pdf, url, binary, huge)
    assert [(each.row, each.column) for each in records.report.refusals] == [
        (2, "content[0].attachment.data"), (6, "content[0].attachment.data")]  # fmt: skip
    assert dict(records.tables["notes"].select("note_id", "text").iter_rows()) == {"D2": None, "D3": "Hi"}
    assert count_told(records, "application/pdf") == 1


def test_markup_as_words():
    assert (
        without_markup("<div>a <b>b</b>c<script>x</script><table><tr><td>1</td><td>2</td></tr></table></div>")
        == "a bc\n1 2"
    )
    assert without_markup("<div><pre>  a\n\n  b &amp; c</pre></div>") == "a\n\n  b & c"
    assert without_markup("<div> <p> </p> </div>") is None


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("package.json", b'{"name": "x", "version": 1}', "FHIR resource"),
        ("list.json", b"[1, 2, 3]", "FHIR resource"),
        ("empty.json", b"", "no JSON"), ("words.json", b"hello", "no JSON"),
        ("utf16.json", "{}".encode("utf-16"), "UTF-8"),
        ("cut.json", b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Pat', "no JSON"),
        ("none.json", b'{"resourceType": "Bundle", "type": "collection", "entry": []}', "FHIR resource"),
        ("other.json", b'{"resourceType": "Observation", "id": "O1"}', "FHIR resource"),
    ],
)  # fmt: skip
def test_files_that_hold_nothing_of_ours(name, data, said):
    with pytest.raises(InputError, match=name) as alone:
        load_files([(name, data)])
    assert said in str(alone.value)
    beside = load_files([(name, data), ("notes.csv", b"note_id\nN1\n")])
    assert height(beside, "notes") == 1 and name in beside.report.render()


def test_a_bundle_that_breaks_keeps_what_is_whole():
    file = FILES[1]
    data, resources = file.read_bytes(), entries(file)
    cut = load_files([("cut.json", data[: len(data) * 2 // 3])])
    assert cut.report.refusals and 0 < height(cut, "claims") < 7
    place = data.index(b'"resourceType": "Encounter"')
    records = load_files([("broken.json", data[:place] + b"}}" + data[place:])])
    kinds = [each["resourceType"] for each in resources]
    assert (height(records, "claims"), height(records, "notes")) == (7, kinds.count("Encounter") - 1)
    first, end = records.report.refusals
    assert first.row == 1 + kinds.index("Encounter") and "to the end of the file" in end.expected
    nul = load_files([("nul.json", data.replace(b'"Claim"', b'"Cla\0im"'))])
    assert nul.fingerprint == load(file).fingerprint and "NUL" in nul.report.render()


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (b'"x":' + b"[" * 300_000 + b"]" * 300_000, "nested more than"),
        (
            b'"x":' + b'{"a":"]}",' * 5 + b'"b":' + b'["\\"]\\\\",' * 300 + b"1" + b"]" * 300 + b"}" * 5,
            "no JSON",
        ),
        (b'"x":' + b'["]",' * 300_000 + b"1" + b"]" * 300_000, "nested more than"),
    ],
    ids=["lists", "escapes", "brackets in strings"],
)
def test_depth_and_length_are_bounded(inside, said):
    patients = [json.dumps({"resource": {**PATIENT, "id": key}}).encode() for key in ("P1", "P3")]
    broken = b'{"resource":{"resourceType":"Patient","id":"P2",' + inside + b"}}"
    bundle = b'{"resourceType":"Bundle","entry":[' + b",".join([patients[0], broken, patients[1]]) + b"]}"
    records = load_files([("b.json", bundle)])
    assert records.tables["patients"]["patient_id"].to_list() == ["P1", "P3"]
    (refusal,) = records.report.refusals
    assert refusal.row == 2 and said in refusal.found


def test_a_long_string_is_told_and_the_entries_around_it_are_read():
    long = {**PATIENT, "id": "P2", "photo": "y" * 9_000_000}
    bundle = json.dumps(written.bundle_of([PATIENT, long, {**PATIENT, "id": "P3"}])).encode()
    records = load_files([("b.json", bundle)])
    assert records.tables["patients"]["patient_id"].to_list() == ["P1", "P2", "P3"]
    (refusal,) = records.report.refusals
    assert "a string of more than" in refusal.found


def test_brackets_in_strings_are_no_depth():
    texts = [
        {**PATIENT, "id": f"P{n}", "name": [{"text": "[{" * 500 + '\\"' * (n % 7) + "\\" * (n % 5)}]}
        for n in range(300)
    ]
    assert height(load_files([("b.json", json.dumps(written.bundle_of(texts)).encode())]), "patients") == 300


def test_what_was_entered_in_error_is_left_out_and_told():
    resources = [{**each, "status": "entered-in-error"} for each in (ENCOUNTER, PROCEDURE, CLAIM, COVERAGE)]
    records = read(PATIENT, *resources)
    assert [table for table in records.tables if height(records, table)] == ["patients"]
    assert count_told(records, "error") == 4


# the oracle


def agrees(ours, theirs, path=""):
    """Whatever our model read is what the other library read."""
    if ours is None or ours == ():
        return
    if isinstance(ours, tuple):
        assert len(ours) == len(theirs), path
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            agrees(mine, other, f"{path}[{number}]")
    elif hasattr(type(ours), "model_fields"):
        for name, field in type(ours).model_fields.items():
            other = theirs.get(field.alias or name)
            agrees(getattr(ours, name), other, f"{path}.{name}")
    elif isinstance(ours, dict):
        assert set(ours) <= set(theirs) or theirs is not None, path
    elif isinstance(ours, (int, float)) and not isinstance(ours, bool):
        assert float(ours) == pytest.approx(float(theirs)), path
    else:
        assert str(ours)[:19] == str(theirs)[:19], path


def oracle(resource):
    """The resource as fhir.resources reads and writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_fhir_model_class(resource["resourceType"])
        return json.loads(model.model_validate_json(json.dumps(resource)).model_dump_json())


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_our_models_agree_with_fhir_resources_on_real_bundles(file):
    for resource in entries(file):
        if resource["resourceType"] in MODELS:
            agrees(
                MODELS[resource["resourceType"]].model_validate(resource), oracle(resource), resource["id"]
            )


SAMPLE = Path(__file__).parent.parent / "sample_data"


@pytest.fixture(scope="module")
def sample():
    return load(SAMPLE)


def test_what_the_writer_writes_is_fhir(sample):
    seen = Counter()
    for resource in written.resources_of(sample.tables):
        kind = resource["resourceType"]
        seen[kind] += 1
        if seen[kind] <= 40:
            agrees(MODELS[kind].model_validate(resource), oracle(resource), f"{kind}/{resource['id']}")
    assert set(seen) == set(MODELS) - {"Binary", "ExplanationOfBenefit"}


# the round trip


def as_carried(table, frame):
    """A table as FHIR carries it: its columns, with pointers as positions and what R4 cannot tell apart made one."""
    frame = frame.select(name for name in written.CARRIED[table] if name != "diagnosis_pointers")
    return frame.sort(TABLES[table].keys if not TABLES[table].repeats else frame.columns, nulls_last=True)


@pytest.fixture(scope="module")
def carried(sample):
    return load_files(written.files_of(sample.tables))


@pytest.mark.parametrize("table", written.CARRIED)
def test_the_sample_arrives_as_it_was(sample, carried, table):
    own, came = as_carried(table, sample.tables[table]), as_carried(table, carried.tables[table])
    assert own.height == came.height
    for column in own.columns:
        assert own[column].equals(came[column], null_equal=True), column


def test_what_fhir_tells_less_of_arrives_as_far_as_it_goes(sample, carried):
    assert not carried.report.refusals
    for table, key, tells in (
        ("claims", "claim_id", written.status_carried),
        ("goals", "goal_id", written.goal_status_carried),
    ):
        own = {row[key]: tells(row["status"]) for row in sample.tables[table].rows(named=True)}
        assert dict(carried.tables[table].select(key, "status").iter_rows()) == own
    codes = dict(sample.tables["claims"].select("claim_id", "diagnosis_codes").iter_rows())
    for own, came in zip(sample.tables["claim_lines"].sort("claim_id", "line").rows(named=True),
                         carried.tables["claim_lines"].sort("claim_id", "line").rows(named=True), strict=True):  # fmt: skip
        listed = (codes[own["claim_id"]] or "").split()
        meant = [
            listed[int(each) - 1] if each.isdigit() else each
            for each in (own["diagnosis_pointers"] or "").split()
        ]
        assert [listed[int(each) - 1] for each in (came["diagnosis_pointers"] or "").split()] == [
            each for each in meant if each in listed
        ]


def test_the_columns_that_fhir_does_not_fill_are_named():
    page = (Path(__file__).parent.parent / "docs/inputs.md").read_text("utf-8")
    section = page[page.index("## FHIR R4") :]
    also = {"frequency_steps", "status"}  # a frequency that changes is read; of a status FHIR tells a part
    lacking = [
        name for table, names in written.CARRIED.items() for name in schema(table) if name not in names
    ]
    assert [name for name in lacking if f"`{name}`" not in section and name not in also] == []


def test_fhir_beside_the_tables_changes_nothing(sample, tmp_path):
    some = ("clinics", "payers", "patients", "claims", "claim_lines", "remittances")
    files = [(f"{name}.parquet", _parquet(sample.tables[name])) for name in some]
    alone = load_files(files)
    beside = load_files([*files, *written.files_of({name: sample.tables[name] for name in some})])
    for name in some:
        assert beside.tables[name].equals(alone.tables[name]), name


def _parquet(frame):
    made = io.BytesIO()
    frame.write_parquet(made)
    return made.getvalue()


# any other bytes


SMALL = json.dumps(written.bundle_of([PATIENT, PRACTITIONER, ROLE, CLINIC, PAYER, COVERAGE, ENCOUNTER, PROCEDURE, CONDITION,
    CLAIM,
                                      RESPONSE, explanation()])).encode()  # fmt: skip


def never_anything_else(name, data):
    """Whether loading gives records and reasons, or one line."""
    try:
        records = load_files([(name, data)])
    except InputError as error:
        return "\n" not in str(error)
    report = records.report
    for table in report.tables:
        assert table.rows_read == table.rows_refused + table.rows_repeated + table.rows_loaded
        assert not table.rows_refused or any(each.table == table.table for each in report.refusals)
    json.dumps(report.as_dict())
    return bool(report.render())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_and_cut_bytes(data):
    source = SMALL if data.draw(st.booleans()) else FILES[data.draw(st.integers(0, 4))].read_bytes()[:60_000]
    spoilt = bytearray(source)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    end = data.draw(st.one_of(st.none(), st.integers(1, len(spoilt))))
    assert never_anything_else("b.json", bytes(spoilt[:end]))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
      st.text(max_size=12),
    st.sampled_from(["", "Patient/", "#", "urn:uuid:", "2026-13-45", "2026", "9999-12-31T00:00:00Z", "\x00", "\u202e",
      "a" * 5_000]),
    st.sampled_from([[], {}, [None], {"coding": None}, [[]], {"reference": "#"}, {"value": 1e300}]).map(copy.deepcopy),
)  # fmt: skip


def spots(value):
    """Every object and list within a value, with the keys of its parts."""
    if isinstance(value, (dict, list)):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from spots(value[key])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_deleted_keys_and_swapped_types(data):
    if data.draw(st.booleans()):
        bundle = json.loads(SMALL)
    else:
        bundle = json.loads(FILES[data.draw(st.sampled_from([1, 2]))].read_text("utf-8"))
        bundle["entry"] = data.draw(st.permutations(bundle["entry"]))[:12]
    for _ in range(data.draw(st.integers(1, 4))):
        holder, key = data.draw(st.sampled_from(list(spots(bundle["entry"]))))
        try:
            if data.draw(st.booleans()):
                del holder[key]
            else:
                holder[key] = data.draw(VALUES)
        except (KeyError, IndexError):
            continue
    assert never_anything_else("b.json", json.dumps(bundle).encode())
    lines = [json.dumps(entry.get("resource")) for entry in bundle["entry"] if isinstance(entry, dict)]
    assert never_anything_else("b.ndjson", "\n".join(lines).encode())


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(VALUES, lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8),
    st.sampled_from(sorted(MODELS)),
)
def test_a_resource_of_anything(value, kind):
    content = {
        "resourceType": kind,
        "id": "1",
        "identifier": value,
        "status": value,
        "subject": value,
        "item": value,
    }
    assert never_anything_else("a.json", json.dumps(content).encode())
