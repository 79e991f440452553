"""Writes records as FHIR R4 in bulk NDJSON, a file a resource type, so that reading can be held against the tables.

`CARRIED` names the columns of each table that arrive as they were; for the others R4 has no element, or none of one meaning.
Of `claims.status` R4 tells draft from sent alone (`status_carried`), of a goal's status open, met and discontinued.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

CARRIED: Mapping[str, tuple[str, ...]] = {
    "clinics": ("clinic_id", "name", "state", "npi"),
    "therapists": ("therapist_id", "name", "npi", "discipline", "role", "credential", "clinic_id", "license_state",
                   "license_number", "license_from", "license_expires_on", "employed_from", "employed_to"),
    "payers": ("payer_id", "name", "kind"),
    "patients": ("patient_id", "name", "birth_date", "sex", "secondary_payer_id"),
    "plans_of_care": ("plan_id", "patient_id", "discipline", "established_on", "signed_on", "starts_on", "ends_on",
                      "visits_per_week", "weeks", "visits_total", "diagnosis_codes", "therapist_id", "interventions",
                      "certified_on", "certified_by", "replaces_plan_id"),
    "goals": ("goal_id", "plan_id", "label", "term", "text", "target", "due_on", "status_on"),
    "notes": ("note_id", "patient_id", "plan_id", "clinic_id", "kind", "outcome", "amends_note_id", "service_date",
              "period_from", "period_to", "therapist_id", "discipline", "started_at", "ended_at", "written_at",
              "signed_on", "attested_on", "cosigned_by", "cosigned_on", "text"),
    "interventions": ("note_id", "line", "cpt", "minutes", "started_at", "ended_at", "therapist_id", "text"),
    "claims": ("claim_id", "patient_id", "payer_id", "clinic_id", "billing_npi", "frequency_code", "original_claim_id",
               "authorization_id", "diagnosis_codes", "referring_npi", "form", "bill_type", "payer_order", "submitted_on",
               "received_on"),
    "claim_lines": ("claim_id", "line", "service_date", "cpt", "modifiers", "units", "charge", "therapist_id",
                    "diagnosis_pointers", "place_of_service", "note_id"),
    "remittances": ("claim_id", "line", "paid_on", "allowed", "deductible", "paid", "patient_responsibility",
                    "adjustments", "remarks"),
}  # fmt: skip
"""Columns that arrive as they were written; the columns of these tables that are not named here do not."""
NUCC = {
    ("PT", "therapist"): "225100000X", ("PT", "assistant"): "225200000X", ("OT", "therapist"): "225X00000X",
    ("OT", "assistant"): "224Z00000X", ("SLP", "therapist"): "235Z00000X", ("SLP", "assistant"): "2355S0801X",
}  # fmt: skip
TYPOLOGY = {"medicare": "121", "medicare_advantage": "111", "medicaid": "2", "commercial": "512", "tricare": "311",
            "workers_comp": "95", "auto": "96", "self_pay": "81"}  # fmt: skip
THERAPY = {"PT": "Physical therapy", "OT": "Occupational therapy", "SLP": "Speech-language pathology"}
NOTE_TITLES = {
    "evaluation": "evaluation", "reevaluation": "re-evaluation", "treatment": "daily note",
    "progress_report": "progress report", "recertification": "recertification", "discharge": "discharge summary",
    "addendum": "addendum", "missed_visit": "missed visit",
}  # fmt: skip
GENDER = {"F": "female", "M": "male", "U": "unknown"}
GOALS = {"open": "active", "met": "completed", "discontinued": "cancelled", "modified": "active"}
CPT, ICD = "http://www.ama-assn.org/go/cpt", "http://hl7.org/fhir/sid/icd-10-cm"
HL7 = "http://terminology.hl7.org/CodeSystem"
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"
GROUP = "https://x12.org/codes/claim-adjustment-group-codes"
RARC = "https://x12.org/codes/remittance-advice-remark-codes"
NPI = "http://hl7.org/fhir/sid/us-npi"
AUTHENTICATED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-authentication-time"
PLAN_NET = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/practitioner-qualification"
PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
BILLS = "https://www.nubc.org/CodeSystem/TypeOfBill"
BLUE_BUTTON = "https://bluebutton.cms.gov/resources"
Row = Mapping[str, Any]
Resource = dict[str, Any]


def status_carried(status: str | None) -> str | None:
    """A claim's status as FHIR tells it: not sent, sent, or withdrawn."""
    return {"ready": "draft", "paid": "submitted", "denied": "submitted"}.get(status or "", status)


def goal_status_carried(status: str | None) -> str | None:
    """A goal's status as FHIR tells it: a modified goal is one that goes on."""
    return {"modified": "open"}.get(status or "", status)


def files_of(tables: Mapping[str, pl.DataFrame]) -> list[tuple[str, bytes]]:
    """What FHIR carries of these tables as bulk NDJSON: a name and its bytes for each type of resource."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for each in resources_of(tables):
        by_type[each["resourceType"]].append(json.dumps(each, separators=(",", ":"), ensure_ascii=False))
    return [(f"{kind}.ndjson", ("\n".join(lines) + "\n").encode()) for kind, lines in by_type.items()]


def write(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """The same into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files_of(tables):
        folder.joinpath(name).write_bytes(data)


def bundle_of(resources: list[Resource]) -> Resource:
    """Resources as one collection bundle."""
    entries = [{"fullUrl": f"https://ehr.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
               for each in resources]  # fmt: skip
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def resources_of(tables: Mapping[str, pl.DataFrame]) -> Iterator[Resource]:
    """All resources that the tables make."""

    def rows(table: str) -> list[dict[str, Any]]:
        return tables[table].to_dicts() if table in tables else []

    yield from map(_clinic, rows("clinics"))
    yield from map(_payer, rows("payers"))
    yield from map(_patient, rows("patients"))
    therapists = rows("therapists")
    yield from map(_practitioner, therapists)
    yield from map(_role, therapists)
    yield from _coverages(rows("payers"), rows("claims"), rows("patients"))
    goals, patient_of = _by(rows("goals"), "plan_id"), {}
    for plan in rows("plans_of_care"):
        patient_of[plan["plan_id"]] = plan["patient_id"]
        yield from _plan(plan, goals.get(plan["plan_id"], []))
    for goal in rows("goals"):
        yield _goal(goal, patient_of.get(goal["plan_id"]))
    subject = {}
    for number, note in enumerate(rows("notes")):
        subject[note["note_id"]] = note["patient_id"]
        yield _encounter(note)
        composed = number % 2 and note["written_at"] and note["therapist_id"]
        if composed or note["cosigned_by"] or note["attested_on"]:
            yield _composition(note)
        else:
            yield _document(note)
    for line in rows("interventions"):
        yield _procedure(line, subject.get(line["note_id"]))
    lines = _by(rows("claim_lines"), "claim_id")
    for claim in rows("claims"):
        yield _claim(claim, lines.get(claim["claim_id"], []))
    patients = {row["claim_id"]: row for row in rows("claims")}
    for number, answer in enumerate(_answers(rows("remittances"))):
        yield _response(answer, patients.get(answer[0]["claim_id"], {}), number)


def _by(rows: list[dict[str, Any]], column: str) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def _coverages(payers: list[Row], claims: list[Row], patients: list[Row]) -> Iterator[Resource]:
    """One for each patient and payer, and the payer that stands second."""
    kinds = {row["payer_id"]: row["kind"] for row in payers}
    orders = {(row["patient_id"], row["payer_id"]): 1 for row in claims if row["payer_id"]}
    orders |= {
        (row["patient_id"], row["secondary_payer_id"]): 2 for row in patients if row["secondary_payer_id"]
    }
    for (patient, payer), order in orders.items():
        kind = _coded("https://nahdo.org/sopt", TYPOLOGY[kinds[payer]]) if kinds.get(payer) else None
        yield _given(
            resourceType="Coverage", id=f"{patient}-{payer}", status="active", type=kind, order=order,
            beneficiary=_to("Patient", patient), payor=[_to("Organization", payer)],
        )  # fmt: skip


def _day(value: datetime | None) -> str | None:
    return value.strftime("%Y-%m-%d") if value else None


def _moment(value: datetime | None) -> str | None:
    return value.strftime("%Y-%m-%dT%H:%M:%S-05:00") if value else None


def _to(kind: str, key: str | None) -> Resource | None:
    return {"reference": f"{kind}/{key}"} if key else None


def _coded(system: str, code: str, text: str | None = None) -> Resource:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def _npi(npi: str) -> Resource:
    return {"system": NPI, "value": npi}


def _given(**elements: Any) -> Resource:
    """Elements without those that are empty: FHIR has no nulls."""
    return {name.rstrip("_"): value for name, value in elements.items() if value not in (None, [], {}, "")}


def _clinic(row: Row) -> Resource:
    return _given(
        resourceType="Organization", id=row["clinic_id"], name=row["name"], type=[_coded(f"{HL7}/organization-type", "prov")],
        identifier=[_npi(row["npi"])] if row["npi"] else [], address=[{"state": row["state"]}] if row["state"] else [],
    )  # fmt: skip


def _payer(row: Row) -> Resource:
    return _given(
        resourceType="Organization", id=row["payer_id"], name=row["name"],
        type=[_coded(f"{HL7}/organization-type", "pay")],
    )  # fmt: skip


def _patient(row: Row) -> Resource:
    return _given(
        resourceType="Patient", id=row["patient_id"], name=[{"text": row["name"]}] if row["name"] else [],
        gender=GENDER.get(row["sex"]), birthDate=_day(row["birth_date"]),
    )  # fmt: skip


def _practitioner(row: Row) -> Resource:
    valid = (
        _given(url="whereValid", valueCodeableConcept=_coded("https://www.usps.com/", row["license_state"]))
        if row["license_state"]
        else None
    )
    licence = _given(
        extension=[{"url": PLAN_NET, "extension": [valid]}] if valid else [],
        identifier=[{"value": row["license_number"]}] if row["license_number"] else [],
        code={"text": "Licence"},
        period=_given(start=_day(row["license_from"]), end=_day(row["license_expires_on"])),
    )  # fmt: skip
    return _given(
        resourceType="Practitioner", id=row["therapist_id"], identifier=[_npi(row["npi"])] if row["npi"] else [],
        name=[_given(text=row["name"], suffix=[row["credential"]] if row["credential"] else [])],
        qualification=[licence] if row["license_number"] else [],
    )  # fmt: skip


def _role(row: Row) -> Resource:
    code = NUCC.get((row["discipline"], row["role"]))
    said = f"{THERAPY.get(row['discipline'], '')} {row['role'] or ''}".strip()
    return _given(
        resourceType="PractitionerRole", id=f"role-{row['therapist_id']}", practitioner=_to("Practitioner", row["therapist_id"]),
        organization=_to("Organization", row["clinic_id"]),
        code=[_coded("http://nucc.org/provider-taxonomy", code)] if code else [{"text": said}] if said else [],
        period=_given(start=_day(row["employed_from"]), end=_day(row["employed_to"])),
    )  # fmt: skip


def _plan(row: Row, goals: list[dict[str, Any]]) -> Iterator[Resource]:
    codes = (row["diagnosis_codes"] or "").split()
    who, subject = _to("Practitioner", row["therapist_id"]), _to("Patient", row["patient_id"])
    conditions = [f"{row['plan_id']}-{number}" for number in range(len(codes))]
    for key, code in zip(conditions, codes, strict=True):
        yield _given(resourceType="Condition", id=key, code=_coded(ICD, code), subject=subject)
    weeks, often = row["weeks"], row["visits_per_week"]
    bounds = (
        {"value": weeks, "unit": "wk", "code": "wk", "system": "http://unitsofmeasure.org"} if weeks else None
    )
    repeat = _given(
        boundsDuration=bounds, count=int(row["visits_total"]) if row["visits_total"] else None,
        frequency=int(often) if often else None, period=1 if often else None, periodUnit="wk" if often else None,
    )  # fmt: skip
    timing = {"scheduledTiming": {"repeat": repeat}} if repeat else {}
    activity = [{"detail": {"status": "scheduled", "code": _coded(CPT, code), **timing}}
                for code in (row["interventions"] or "").split()]  # fmt: skip
    yield _given(
        resourceType="CarePlan", id=row["plan_id"], status="active", intent="plan", subject=subject, author=who,
        category=[{"text": THERAPY[row["discipline"]]}] if row["discipline"] else [], created=_day(row["established_on"]),
        period=_given(start=_day(row["starts_on"]), end=_day(row["ends_on"])),
        replaces=[_to("CarePlan", row["replaces_plan_id"])] if row["replaces_plan_id"] else [],
        addresses=[_to("Condition", key) for key in conditions], activity=activity,
        goal=[_to("Goal", goal["goal_id"]) for goal in goals],
    )  # fmt: skip
    if row["signed_on"]:
        yield _signature(
            f"signed-{row['plan_id']}",
            row["plan_id"],
            row["signed_on"],
            who or {"display": "Author"},
            "author",
        )
    if row["certified_on"] and row["certified_by"]:
        yield _signature(
            f"certified-{row['plan_id']}",
            row["plan_id"],
            row["certified_on"],
            {"display": row["certified_by"]},
            "verifier",
        )


def _signature(key: str, plan: str, when: datetime, who: Resource, role: str) -> Resource:
    stamp = when.strftime("%Y-%m-%dT12:00:00-05:00")
    oid = {"author": "1.2.840.10065.1.12.1.1", "verifier": "1.2.840.10065.1.12.1.5"}[role]
    return {
        "resourceType": "Provenance", "id": key, "target": [_to("CarePlan", plan)], "recorded": stamp,
        "agent": [{"type": _coded(f"{HL7}/provenance-participant-type", role), "who": who}],
        "signature": [{"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": oid}], "when": stamp, "who": who}],
    }  # fmt: skip


def _goal(row: Row, patient: str | None) -> Resource:
    target = _given(detailString=row["target"], dueDate=_day(row["due_on"]))
    return _given(
        resourceType="Goal", id=row["goal_id"], lifecycleStatus=GOALS.get(row["status"], "active"),
        identifier=[{"value": row["label"]}] if row["label"] else [], subject=_to("Patient", patient or "unknown"),
        category=[{"text": f"{row['term']} term"}] if row["term"] else [], description={"text": row["text"] or "goal"},
        target=[target] if target else [], statusDate=_day(row["status_on"]),
    )  # fmt: skip


def _encounter(row: Row) -> Resource:
    missed = row["outcome"] in ("no_show", "cancelled")
    start = _moment(row["started_at"]) or _day(row["service_date"])
    who = _to("Practitioner", row["therapist_id"])
    return _given(
        resourceType="Encounter", id=row["note_id"],
        status="cancelled" if missed else "finished" if row["outcome"] else "unknown",
        class_={"system": f"{HL7}/v3-ActCode", "code": "AMB"}, subject=_to("Patient", row["patient_id"]),
        serviceType={"text": THERAPY[row["discipline"]]} if row["discipline"] else None,
        participant=[{"individual": who}] if who else [], period=_given(start=start, end=_moment(row["ended_at"])),
        reasonCode=[{"text": "No show"}] if row["outcome"] == "no_show" else [],
        serviceProvider=_to("Organization", row["clinic_id"]),
    )  # fmt: skip


def _type(row: Row) -> Resource:
    title = NOTE_TITLES.get(row["kind"], "note")
    return {"text": f"{THERAPY.get(row['discipline'], 'Therapy')} {title}"}


def _covers(row: Row) -> Resource:
    return _given(start=_day(row["period_from"]), end=_day(row["period_to"]))


def _document(row: Row) -> Resource:
    who, text = (
        _to("Practitioner", row["therapist_id"]),
        base64.b64encode((row["text"] or "").encode()).decode(),
    )
    signed = _day(row["signed_on"])
    return _given(
        resourceType="DocumentReference", id=row["note_id"], status="current", docStatus="final" if signed else "preliminary",
        type=_type(row), subject=_to("Patient", row["patient_id"]), date=_moment(row["written_at"]),
        author=[who] if who else [], authenticator=who if signed else None,
        relatesTo=_amends(row, "target"), extension=[{"url": AUTHENTICATED, "valueDateTime": signed}] if signed else [],
        content=[{"attachment": _given(contentType="text/plain; charset=utf-8", data=text)}],
        context=_given(encounter=[_to("Encounter", row["note_id"])], period=_covers(row),
                       related=[_to("CarePlan", row["plan_id"])] if row["plan_id"] else []),
    )  # fmt: skip


def _amends(row: Row, element: str) -> list[Resource]:
    kind = "DocumentReference" if element == "target" else "Composition"
    return [{"code": "appends", element: _to(kind, row["amends_note_id"])}] if row["amends_note_id"] else []


def _composition(row: Row) -> Resource:
    signatures = [(row["signed_on"], row["therapist_id"]), (row["attested_on"], row["therapist_id"]),
                  (row["cosigned_on"], row["cosigned_by"])]  # fmt: skip
    markup = f'<div xmlns="http://www.w3.org/1999/xhtml"><pre>{escape(row["text"] or "")}</pre></div>'
    plan = [_to("CarePlan", row["plan_id"])] if row["plan_id"] else []
    event = _given(period=_covers(row), detail=plan)
    return _given(
        resourceType="Composition", id=row["note_id"], status="final", type=_type(row), title="Note",
        subject=_to("Patient", row["patient_id"]), encounter=_to("Encounter", row["note_id"]), date=_moment(row["written_at"]),
        author=[_to("Practitioner", row["therapist_id"])], relatesTo=_amends(row, "targetReference"),
        attester=[{"mode": "professional", "time": _day(when), "party": _to("Practitioner", who)}
                  for when, who in signatures if when],
        event=[event] if event else [], section=[{"text": {"status": "additional", "div": markup}}],
    )  # fmt: skip


def _procedure(row: Row, patient: str | None) -> Resource:
    who = _to("Practitioner", row["therapist_id"])
    times = _given(start=_moment(row["started_at"]), end=_moment(row["ended_at"]))
    minutes = f"{row['minutes']} min" if row["minutes"] is not None and not times else None
    return _given(
        resourceType="Procedure", id=f"{row['note_id']}-{row['line']}", status="completed", code=_coded(CPT, row["cpt"]),
        subject=_to("Patient", patient or "unknown"), encounter=_to("Encounter", row["note_id"]), performedPeriod=times,
        performedString=minutes, performer=[{"actor": who}] if who else [],
        note=[{"text": row["text"]}] if row["text"] else [],
    )  # fmt: skip


def _claim(row: Row, lines: list[dict[str, Any]]) -> Resource:
    people = list(dict.fromkeys(line["therapist_id"] for line in lines if line["therapist_id"]))
    team = [{"sequence": number, "provider": _to("Practitioner", who), "role": _coded(f"{HL7}/claimcareteamrole", "primary")}
            for number, who in enumerate(people, 1)]  # fmt: skip
    if row["referring_npi"]:
        role = _coded("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole", "referring")
        team.append(
            {"sequence": len(team) + 1, "provider": {"identifier": _npi(row["referring_npi"])}, "role": role}
        )
    codes = (row["diagnosis_codes"] or "").split()
    insurance = _given(
        sequence=row["payer_order"] or 1, focal=True, coverage=_to("Coverage", f"{row['patient_id']}-{row['payer_id']}"),
        preAuthRef=[row["authorization_id"]] if row["authorization_id"] else [],
    )  # fmt: skip
    status = {"draft": "draft", "ready": "draft", "void": "cancelled"}.get(row["status"] or "", "active")
    related = {
        "claim": _to("Claim", row["original_claim_id"]),
        "relationship": _coded(f"{HL7}/ex-relatedclaimrelationship", "prior"),
    }
    return _given(
        resourceType="Claim", id=row["claim_id"], status=status, use="claim",
        type=_coded(f"{HL7}/claim-type", row["form"]) if row["form"] else {"text": "claim"},
        patient=_to("Patient", row["patient_id"]),
        created=_day(row["submitted_on"]) or "2026-12-31", provider=_to("Organization", row["clinic_id"]),
        priority=_coded(f"{HL7}/processpriority", "normal"), related=[related] if row["original_claim_id"] else [],
        careTeam=team, supportingInfo=_stated(row), insurance=[insurance],
        diagnosis=[{"sequence": number, "diagnosisCodeableConcept": _coded(ICD, code)} for number, code in enumerate(codes, 1)],
        item=[_item(line, people, codes) for line in lines],
    )  # fmt: skip


def _stated(row: Row) -> list[Resource]:
    carin = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBSupportingInfoType"
    variable = f"{BLUE_BUTTON}/variables/clm_freq_cd"
    frequency, bill = row["frequency_code"] or "", row["bill_type"] or ""
    stated = [
        {"category": _coded(f"{BLUE_BUTTON}/codesystem/information", variable), "code": _coded(variable, frequency)},
        {"category": _coded(carin, "typeofbill"), "code": _coded(BILLS, bill)},
        {"category": _coded(carin, "clmrecvddate"), "timingDate": _day(row["received_on"])},
    ]  # fmt: skip
    there = (row["frequency_code"], row["bill_type"], row["received_on"])
    kept = [info for info, value in zip(stated, there, strict=True) if value]
    return [{"sequence": number, **info} for number, info in enumerate(kept, 1)]


def _item(row: Row, people: list[str], codes: list[str]) -> Resource:
    pointers = [int(each) if each.isdigit() else codes.index(each) + 1 for each in (row["diagnosis_pointers"] or "").split()
                if each.isdigit() or each in codes]  # fmt: skip
    place = row["place_of_service"]
    return _given(
        sequence=row["line"], productOrService=_coded(CPT, row["cpt"]) if row["cpt"] else {"text": "none"},
        careTeamSequence=[people.index(row["therapist_id"]) + 1] if row["therapist_id"] else [], diagnosisSequence=pointers,
        modifier=[_coded("urn:oid:2.16.840.1.113883.6.14", each) for each in (row["modifiers"] or "").split()],
        servicedDate=_day(row["service_date"]),
        locationCodeableConcept=_coded(PLACES, place) if place else None,
        quantity={"value": row["units"]} if row["units"] is not None else None,
        net={"value": row["charge"], "currency": "USD"} if row["charge"] is not None else None,
        encounter=[_to("Encounter", row["note_id"])] if row["note_id"] else [],
    )  # fmt: skip


def _answers(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Answers of one claim and day, each line once; what repeats a line is another answer."""
    open_: dict[tuple[Any, Any], list[list[dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        several = open_[row["claim_id"], row["paid_on"]]
        free = next(
            (answer for answer in several if row["line"] not in [each["line"] for each in answer]), None
        )
        if free is None:
            several.append([row])
        else:
            free.append(row)
    for several in open_.values():
        yield from several


def _response(rows: list[dict[str, Any]], claim: Row, number: int) -> Resource:
    first = rows[0]
    whole = [each for row in rows if row["line"] is None for each in _adjudication(row)]
    return _given(
        resourceType="ClaimResponse", id=f"R{number:06}", status="active", use="claim", outcome="complete",
        type=_coded(f"{HL7}/claim-type", claim.get("form") or "professional"),
        patient=_to("Patient", claim.get("patient_id") or "unknown"),
        insurer=_to("Organization", claim.get("payer_id")) or {"display": "payer"}, created=_day(first["paid_on"]),
        request=_to("Claim", first["claim_id"]),
        item=[{"itemSequence": row["line"], "adjudication": _adjudication(row)} for row in rows if row["line"] is not None],
        adjudication=whole,
        payment={"type": _coded(f"{HL7}/ex-paymenttype", "complete"), "date": _day(first["paid_on"]),
                 "amount": {"value": round(sum(row["paid"] or 0 for row in rows), 2), "currency": "USD"}},
    )  # fmt: skip


def _adjudication(row: Row) -> list[Resource]:
    carin = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication"
    stated = [(f"{HL7}/adjudication", "eligible", "allowed"), (f"{HL7}/adjudication", "deductible", "deductible"),
              (f"{HL7}/adjudication", "benefit", "paid"), (carin, "memberliability", "patient_responsibility")]  # fmt: skip
    given = [
        {"category": _coded(system, code), "amount": _money(row[name])}
        for system, code, name in stated
        if row[name] is not None
    ]
    for said in (row["adjustments"] or "").split():
        group, _, rest = said.partition("-")
        code, _, amount = rest.partition(":")
        reason = {"coding": [{"system": CARC, "code": code}, {"system": GROUP, "code": group}]}
        given.append({"category": {"text": "adjustment"}, "reason": reason, "amount": _money(float(amount))})
    for remark in (row["remarks"] or "").split():
        given.append({"category": {"text": "remark"}, "reason": _coded(RARC, remark)})
    return given


def _money(value: float) -> Resource:
    return {"value": value, "currency": "USD"}
