"""A clinic of any size for tests of pages and charts: visits, notes and claims, with overdue progress reports."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

THERAPISTS = {
    "T1": ("Alvarez, Ana", "PT", "therapist"), "T2": ("Brandt, Bo", "PT", "therapist"), "T3": ("Chen, Li", "PT", "therapist"),
    "T4": ("Diaz, Eva", "OT", "therapist"), "T5": ("Evans, Ida", "OT", "therapist"), "T6": ("Fox, Sam", "SLP", "therapist"),
    "A1": ("Gray, Pat", "PT", "assistant"),
}  # fmt: skip
PAYERS = {
    "MCR": ("Medicare B", "medicare"), "ADV": ("Summit Advantage", "medicare_advantage"), "MCD": ("State Medicaid", "medicaid"),
    "COM": ("Blue Harbor", "commercial"),
}  # fmt: skip
TREATS = {"PT": ("T1", "T2", "T3"), "OT": ("T4", "T5"), "SLP": ("T6",)}
TEXT = (
    "S: Pt reports stairs at home still hard. O: 97530 15 min: sit<->stand from 18 in chair x10, CGA, VC for foot placement, "
    "to meet LTG 1. 97110 15 min: step-ups 6 in x10. Tolerated well. A: Improving. P: Continue 2x/wk."
)


def write(folder: Path, patients: int = 12, visits: int = 14, first: date = date(2026, 1, 5)) -> Path:
    """Write the clinic's tables as CSV into `folder`. Every third patient's progress report is missing."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in ("clinics", "therapists", "payers", "patients", "plans_of_care", "goals", "notes", "interventions",
                     "claims", "claim_lines")
    }  # fmt: skip
    for clinic, name in (("CL1", "Harbor Street"), ("CL2", "North Gate")):
        tables["clinics"].append(
            {"clinic_id": clinic, "name": name, "state": "OH", "setting": "private_practice"}
        )
    for key, (name, discipline, role) in THERAPISTS.items():
        tables["therapists"].append(
            {"therapist_id": key, "name": name, "discipline": discipline, "role": role, "clinic_id": "CL1"}
        )
    tables["payers"] = [{"payer_id": key, "name": name, "kind": kind} for key, (name, kind) in PAYERS.items()]
    for number in range(patients):
        _episode(tables, number, visits, first + timedelta(days=number % 7))
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        write_table(folder / f"{name}.csv", rows)
    return folder


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, the columns of all of them."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns)
        writer.writeheader()
        writer.writerows(rows)


def _episode(tables: dict[str, list[dict[str, Any]]], number: int, visits: int, first: date) -> None:
    patient, plan = f"P{number:03}", f"POC{number:03}"
    discipline = ("PT", "PT", "OT", "SLP")[number % 4]
    treats = TREATS[discipline]
    therapist = treats[number % len(treats)]
    payer, clinic = list(PAYERS)[number % 4 if number % 5 else 0], f"CL{1 + number % 2}"
    who = {"patient_id": patient, "discipline": discipline, "plan_id": plan, "therapist_id": therapist}
    tables["patients"].append({"patient_id": patient, "name": f"Person {number:03}"})
    tables["plans_of_care"].append(
        {**who, "evaluated_on": first, "signed_on": first, "starts_on": first, "ends_on": first + timedelta(days=89),
         "certified_on": first, "visits_per_week": 2, "weeks": 12}
    )  # fmt: skip
    tables["goals"].append(
        {"goal_id": f"G{number:03}", "plan_id": plan, "label": "LTG 1", "term": "long", "status": "open",
         "text": "Pt will climb 12 stairs with rail independently in 8 weeks", "due_on": first + timedelta(days=60)}
    )  # fmt: skip
    for visit in range(visits):
        day = first + timedelta(days=(7 * visit) // 2)
        kind = "evaluation" if visit == 0 else "treatment"
        if visit == 9 and number % 3:
            kind = "progress_report"
        note, claim = f"N{number:03}-{visit:02}", f"C{number:03}-{visit:02}"
        tables["notes"].append(
            {**who, "note_id": note, "clinic_id": clinic, "kind": kind, "outcome": "attended", "service_date": day,
             "timed_minutes": 30, "total_minutes": 30, "signed_on": day, "written_at": day, "text": TEXT}
        )  # fmt: skip
        tables["claims"].append(
            {"claim_id": claim, "patient_id": patient, "payer_id": payer, "clinic_id": clinic, "frequency_code": 1,
             "submitted_on": day + timedelta(days=3), "status": "submitted"}
        )  # fmt: skip
        for line, cpt in enumerate(("97530", "97110"), start=1):
            tables["interventions"].append(
                {"note_id": note, "line": line, "cpt": cpt, "minutes": 15, "mode": "one_on_one"}
            )
            tables["claim_lines"].append(
                {"claim_id": claim, "line": line, "service_date": day, "cpt": cpt, "units": 1, "charge": 62.5,
                 "modifiers": {"PT": "GP", "OT": "GO", "SLP": "GN"}[discipline], "therapist_id": therapist, "note_id": note}
            )  # fmt: skip
