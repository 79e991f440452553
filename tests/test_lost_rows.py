"""Rows that a file must have had and that were not loaded: what hangs on them is not run or not told, never a fault."""

from datetime import date, datetime

import polars as pl
import pytest

from compliance.audit import Audit, audit
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames, load_files

AS_OF = date(2026, 6, 1)
DAYS = [f"2026-03-{day:02}" for day in range(2, 16)]
CLINIC = {
    "payers": "payer_id,name,kind\nMCR,Medicare,medicare\n",
    "clinics": "clinic_id,setting,state\nCL1,private_practice,TX\n",
    "therapists": "therapist_id,discipline,role,credential,clinic_id\nT1,PT,therapist,PT,CL1\n",
    "patients": "patient_id,birth_date\nP1,1950-01-01\nP2,1951-01-01\n",
    "plans_of_care": "plan_id,patient_id,discipline,starts_on,weeks,visits_per_week,diagnosis_codes,signed_on\n"
    + "".join(f"PL{n},P{n},PT,2026-03-02,8,5,M17.11,2026-03-02\n" for n in (1, 2)),
    "goals": "goal_id,plan_id,label,text,term,status,due_on\n"
    + "".join(f"G{n},PL{n},LTG 1,Carry a basket up 12 steps,long,open,2026-03-02\n" for n in (1, 2)),
    "notes": "note_id,patient_id,plan_id,discipline,clinic_id,therapist_id,kind,service_date,signed_on,text\n"
    + "".join(
        f"N{n}-{day},P{n},PL{n},PT,CL1,T1,{'treatment' if day != DAYS[0] else 'evaluation'},{day},{day},Carried a basket\n"
        for n in (1, 2)
        for day in DAYS
    )
    + "".join(
        f"R{n},P{n},PL{n},PT,CL1,T1,progress_report,2026-03-11,2026-03-11,Progress\n" for n in (1, 2)
    ),
    "interventions": "note_id,line,cpt,minutes\n"
    + "".join(f"N{n}-{day},1,97530,30\n" for n in (1, 2) for day in DAYS),
    "claims": "claim_id,patient_id,payer_id,clinic_id,submitted_on,status\n"
    + "".join(f"C{n},P{n},MCR,CL1,2026-04-01,paid\n" for n in (1, 2)),
    "claim_lines": "claim_id,line,service_date,cpt,modifiers,units,charge,therapist_id\n"
    + "".join(
        f"C{n},{line},{day},97530,GP,2,120,T1\n" for n in (1, 2) for line, day in enumerate(DAYS, 1)
    ),
}  # fmt: skip


def clinic(**instead: str) -> Records:
    """The clinic's records, some tables with other text."""
    told = {**CLINIC, **instead}
    return load_files([(f"{name}.csv", text.encode()) for name, text in told.items()])


def audited(records: Records, *rules: str) -> Audit:
    return audit(records, load_policies(None), AS_OF, select(list(rules)))


def found(result: Audit) -> list[tuple[str, str]]:
    return result.findings.select("rule", "patient_id").unique().sort("rule", "patient_id").rows()


def untold(result: Audit) -> set[str]:
    return set(result.coverage["missing"].drop_nulls())


def header(table: str) -> str:
    return CLINIC[table].splitlines()[0] + "\n"


def spoilt(table: str, *rows: str) -> str:
    """The table's text with a date that none is in each row that begins with one of `rows`, or in all."""
    first, *rest = CLINIC[table].splitlines()
    hit = [line for line in rest if line.startswith(rows) or not rows]
    return "\n".join([first, *(line.replace("2026-", "20x6-") if line in hit else line for line in rest), ""])


RULES = {
    "notes": "PR-01", "goals": "DOC-01", "plans_of_care": "POC-01", "interventions": "UNIT-04", "claims": "INT-07",
    "claim_lines": "INT-08",
}  # fmt: skip


@pytest.mark.parametrize(("table", "code"), RULES.items())
def test_a_table_without_a_row_does_not_run_what_needs_it(table, code):
    result = audited(clinic(**{table: header(table)}), code)
    assert [each.because for each in result.not_run] == [f"{table} counts as absent: it has no row"]
    assert not result.findings.height


@pytest.mark.parametrize(("table", "code"), [("notes", "PR-01"), ("plans_of_care", "POC-01")])
def test_a_table_of_which_no_row_could_be_read_does_not_run_what_needs_it(table, code):
    records = clinic(**{table: spoilt(table)})
    result = audited(records, code)
    assert [each.because for each in result.not_run] == [
        f"{table} counts as absent: no row of it could be read"
    ]
    assert any(f"no row of {table} was loaded" in str(notice) for notice in records.report.notices)


def test_a_table_that_may_well_be_empty_is_there_without_a_row():
    contacts = "supervision_contacts.csv", b"contact_id,date,patient_id\n"
    records = load_files([(f"{name}.csv", text.encode()) for name, text in CLINIC.items()] + [contacts])
    assert "supervision_contacts" not in records.absent_tables


def test_authorizations_without_a_row_are_absent_where_claims_name_one():
    claims = CLINIC["claims"].replace("status\n", "status,authorization_id\n").replace("paid\n", "paid,A1\n")
    empty = "authorization_id,patient_id,payer_id\n"
    assert "authorizations" in clinic(claims=claims, authorizations=empty).absent_tables
    assert "authorizations" not in clinic(authorizations=empty).absent_tables


def test_frames_are_taken_at_their_word():
    frames = {name: table for name, table in clinic().tables.items() if name not in clinic().absent_tables}
    assert "goals" not in from_frames({**frames, "goals": frames["goals"].head(0)}).absent_tables


def test_a_report_that_was_refused_is_no_missing_report():
    without = "\n".join(line for line in CLINIC["notes"].splitlines() if not line.startswith("R")) + "\n"
    assert {("PR-01", "P1"), ("PR-01", "P2")} <= set(found(audited(clinic(notes=without), "PR-01")))
    result = audited(
        clinic(notes=spoilt("notes", "R1").replace("R2", "X2").replace("progress_report", "addendum")),
        "PR-01",
    )
    assert found(result) == [("PR-01", "P2")] and untold(result) == {"notes.refused"}


def test_a_refused_row_that_names_nobody_may_be_of_anybody():
    notes = spoilt("notes", "R1").replace("R1,P1,PL1", "R1,,").replace("progress_report", "addendum")
    result = audited(clinic(notes=notes), "PR-01")
    assert not result.findings.height and untold(result) == {"notes.refused"}


@pytest.mark.parametrize(
    ("table", "row", "code"), [("plans_of_care", "PL1", "POC-01"), ("goals", "G1", "POC-02")]
)
def test_a_plan_or_goal_that_was_refused_is_not_missing(table, row, code):
    result = audited(clinic(**{table: spoilt(table, row)}), code)
    assert ("P1" not in {patient for _, patient in found(result)}) and untold(result)


def test_a_refused_row_of_a_day_leaves_the_other_days_alone():
    """The note of the third was refused, that of the fourth is not there at all."""
    lines = [line for line in CLINIC["notes"].splitlines() if not line.startswith("N1-2026-03-04")]
    notes = "\n".join(lines).replace(
        "N1-2026-03-03,P1,PL1,PT,CL1,T1,treatment", "N1-2026-03-03,P1,PL1,PT,CL1,T1,tr"
    )
    result = audited(clinic(notes=notes), "INT-04")
    assert result.findings["service_date"].to_list() == [datetime(2026, 3, 4)]
    assert untold(result) == {"notes.refused"}


def test_a_refused_service_is_of_the_patient_and_day_of_its_note():
    given = CLINIC["interventions"].replace("N1-2026-03-03,1,97530,30", "N1-2026-03-03,1,97530,thirty")
    lost = clinic(interventions=given).lost
    assert [(name, rows.rows()) for name, rows in lost.items()] == [
        ("interventions", [("P1", datetime(2026, 3, 3))])
    ]


def test_the_second_of_two_rows_of_one_key_is_lost_and_known():
    twice = CLINIC["notes"] + "R2,P1,PL1,PT,CL1,T1,progress_report,2026-03-10,2026-03-10,Other\n"
    assert clinic(notes=twice).lost["notes"].rows() == [("P1", datetime(2026, 3, 10))]


@pytest.mark.parametrize("code", ["UNIT-01", "UNIT-06", "INT-08", "PR-01"])
def test_what_passes_beside_a_refused_line_of_its_patient_is_not_told(code):
    whole, partly = (
        audited(clinic(**told), code) for told in ({}, {"claim_lines": spoilt("claim_lines", "C1,3,")})
    )
    assert "claim_lines.refused" not in untold(whole) and "claim_lines.refused" in untold(partly)
    told = partly.visits.group_by("patient_id").agg(pl.col("cannot_tell").sum()).sort("patient_id")
    assert told["cannot_tell"][0] > 0 == told["cannot_tell"][1], "the other patient's units passed as before"


def test_a_refused_line_of_nobody_leaves_what_passed():
    lines = spoilt("claim_lines", "C1,3,").replace("C1,3,", "C9,3,")
    assert "claim_lines.refused" not in untold(audited(clinic(claim_lines=lines), "UNIT-01"))
