"""Exports of other programs, written as their layouts say and as dirty: what is loaded, what does not run, what is told."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from compliance.audit import lacking
from compliance.checks.rule import catalogue
from compliance.records.convert import convert
from compliance.records.layouts import built_in, export_of, layout_of, recognise
from compliance.records.load import InputError, Records, load, load_files

BOM = "\ufeff"


def loaded(text: str | bytes, name: str = "export.csv", **more: str) -> Records:
    data = text if isinstance(text, bytes) else text.encode()
    return load_files(
        [(name, data), *((file.replace("_", "."), said.encode()) for file, said in more.items())]
    )


def not_run(records: Records) -> dict[str, str]:
    """The rules that cannot run and the first column that each lacks."""
    lacks = {code: lacking(rule, records) for code, rule in catalogue().items()}
    return {code: lack[0] for code, lack in lacks.items() if lack}


def notices(records: Records) -> str:
    return "\n".join(map(str, records.report.notices))


def column(records: Records, table: str, name: str) -> list:
    return records.tables[table][name].to_list()


WEBPT = BOM + (
    "Clinic Name,Case Name,Visit ID,Patient Name,Patient DOB,Date of Service,Date of Finalization,Addendum,"
    "Documenting Therapist,Finalizing Therapist,Primary Payer Type,Primary Insurance,Secondary Payer Type,"
    "Secondary Insurance,Place of Service,Visit Type,Treating Diagnosis,Modifier,CPT Code,Units\n"
    'North,Knee,V1,"Doe, Jane",1/2/1950,3/2/2026,3/2/2026,No,"Ott, Pat","Ruiz, Ana",Medicare,Medicare B,Commercial,'
    "Aetna,11,Daily Note,M25.561 - Pain in knee,GP CQ,97110,2\n"
    'North,Knee,V1,"Doe, Jane",01/02/1950,3/2/2026,3/2/2026,No,"Ott, Pat","Ruiz, Ana",Medicare,Medicare B,Commercial,'
    "Aetna,11,Daily Note,M25.561 - Pain in knee,GP,97140,1\n"
    'North,Knee,V1,"Doe, Jane",1/2/1950,3/2/2026,3/2/2026,Yes,"Ott, Pat","Ruiz, Ana",Medicare,Medicare B,Commercial,'
    "Aetna,11,Daily Note,M25.561 - Pain in knee,GP,97140,1\n"
    'South,Neck,V2,"Roe, Rick",5/6/1961,3/4/2026,3/5/2026,No,"Ruiz, Ana","Ruiz, Ana",VA,Veterans,,,11,Daily Note,'
    "M54.2,GP,97110,two\n"
    ",,,,,,,,,,,,,,,,,,,\n"
)


def test_webpt_documented_units():
    records = loaded(WEBPT)
    assert column(records, "claim_lines", "modifiers") == ["GP CQ", "GP"], "an addendum lists a code again"
    assert column(records, "claim_lines", "line") == [1, 2]
    assert column(records, "claim_lines", "therapist_id") == ["Ruiz, Ana"] * 2
    assert column(records, "notes", "therapist_id") == ["Ott, Pat", "Ruiz, Ana"]
    assert column(records, "notes", "cosigned_by") == ["Ruiz, Ana", None]
    assert records.tables["patients"].height == 2, "one birth date in two spellings is one patient"
    assert column(records, "payers", "kind") == ["medicare", "commercial", None]
    assert column(records, "claims", "diagnosis_codes") == ["M25.561", "M54.2"]
    refused = [str(each) for each in records.report.refusals]
    assert refused == [
        'export.csv, row 5, Units (claim_lines.units): "two" (expected a whole number of 0 or more: 12)'
    ]


def test_webpt_documented_units_have_no_minutes_so_the_rule_of_minutes_does_not_run():
    records = loaded(WEBPT)
    lacks = not_run(records)
    assert lacks["UNIT-01"] == lacks["UNIT-02"] == "interventions"
    assert lacks["PR-01"] == "notes.kind", "reports without a charge are not in the report"
    assert "no minutes" in records.reasons["interventions"]
    assert "MOD-01" not in lacks


def test_webpt_patients_keep_their_number_where_the_hidden_column_is_shown():
    lines = WEBPT.splitlines()
    shown = [
        f"{line},{'EMR Patient ID' if not place else f'P{place}'}" for place, line in enumerate(lines[:2])
    ]
    assert column(loaded("\n".join(shown) + "\n"), "patients", "patient_id") == ["P1"]


CHARGES = (
    "record_id,visit_date,record_pointer,cpt,clinic_id,patient_id,case_id,visit_id,therapist_id,cosign_therapist_id,"
    "insurance_id,insurance_type_id,units,charge_amount,cpt_code_id,client_id,note_type,cpt_prefix,cpt_suffix,"
    "cpt_modifier,modified_date,note_finalized_date,PrimaryIns\n"
    "1,2026-03-02 00:00:00,9,97110,7,0012,4,88,5,,31,3,2,80.00,1,1,DN,,GP,59,2026-03-03,2026-03-02,Medicare\n"
    "1,2026-03-02 00:00:00,9,97110,7,0012,4,88,5,,31,3,2,80.00,1,1,DN,,GP,59,2026-03-03,2026-03-02,Medicare\n"
    "2,2026-03-02 00:00:00,9,97140,7,0012,4,88,6,5,31,16,1,40.00,2,1,ZZ,,GP,,2026-03-03,2026-03-02,Medicare\n"
)


def test_webpt_charges():
    records = loaded(CHARGES)
    assert column(records, "claim_lines", "cpt") == ["97110", "97140"]
    assert "1 row repeats another in record_id" in notices(records)
    assert column(records, "patients", "patient_id") == ["0012"], "leading zeros are kept"
    assert column(records, "claim_lines", "modifiers") == ["GP 59", "GP"]
    assert column(records, "payers", "kind") == [None], "an insurance of two kinds is of none that we know"
    assert "insurance_type_id differs within one payer_id" in notices(records)
    assert "note_type says 'ZZ'" in notices(records)
    assert {"PR-01", "UNIT-01", "INT-09"} <= set(not_run(records))


BILLING = (
    "record_id,patient_account_number,date_of_service,charge_date,charge_id,update_date,cpt_code,mod1,mod2,units,"
    "cur_ins_code,cur_insurance_code,cur_insurance_class,gpms_code,charge_amount,company_id,visit_id,"
    "place_of_service_id,treating_therapist_id,webpt_treating_therapist_id,billing_therapist_id,"
    "webpt_billing_therapist_id,md_code,total_ins_pay_amt,total_pat_adj_amt,cur_balance,owed_amt,total_pay_amt,"
    "total_adj_amt,age_start_date,total_ins_adj_amt\n"
    "1,A1,3/2/2026 12:00:00 AM,3/2/2026,C1,3/2/2026,97110,GP,{second},2,MC1,MC1,Medicare,,80.00,9,V1,1,6,6,5,5,,0.00,0,80,80,"
    "0,0,3/2/2026,0\n"
    "2,A1,3/4/2026 12:00:00 AM,3/4/2026,C2,3/4/2026,97110,GP,,2,MC1,MC1,Medicare,,80.00,9,V2,1,6,6,5,5,,61.20,0,0,0,"
    "61.20,0,3/4/2026,18.80\n"
)


def test_revflow_with_both_modifiers_filled_accuses_nobody_of_a_third():
    records = loaded(BILLING.format(second="CQ"))
    assert column(records, "claim_lines", "modifiers") == ["GP CQ", "GP"]
    lacks = not_run(records)
    assert {"MOD-01", "MOD-03", "AST-01", "NCCI-01", "INT-08"} <= set(lacks)
    assert lacks["MOD-03"] == "claim_lines.modifiers"
    assert "two columns of modifiers" in records.reasons["claim_lines.modifiers"]


def test_revflow_without_a_line_of_two_modifiers_has_lost_none():
    assert "MOD-01" not in not_run(loaded(BILLING.format(second="")))


def test_revflow_does_not_know_the_payer_once_an_insurance_has_paid():
    assert column(loaded(BILLING.format(second="")), "claims", "payer_id") == ["MC1", None]


def test_eccentrix_authorizations():
    records = loaded(
        "Patient First Name,Patient Last Name,Auth Number,Insurance Name,Insurance Phone,Discipline,Auth Type,"
        "Authorized Visits,Units Authorized,Start Date,End Date,Status,Notes\n"
        "Jane,Doe,A-1,Aetna,555-0100,ST,Initial,12,,03/01/2026,05/31/2026,Approved,\n"
        "Jane,Doe,A-2,Aetna,555-0100,XX,Initial,12,,03/01/2026,05/31/2026,Approved,\n"
        "Rick,Roe,A-3,Aetna,555-0100,PT,Initial,12,,03/01/2026,05/31/2026,Denied,\n"
        ",,,,,,,,,,,,\n"
    )
    assert column(records, "authorizations", "discipline") == ["SLP"]
    assert column(records, "authorizations", "number") == ["A-1"]
    (refusal,) = records.report.refusals
    assert (refusal.row, refusal.header, refusal.found) == (3, "Discipline", "XX")
    assert records.report.tables[-1].rows_refused == 1
    assert "1 row is none of authorizations, by Status" in notices(records)


def test_eccentrix_caseload_joins_authorizations_by_name():
    caseload = (
        "First Name,Last Name,Date of Birth,Gender,Phone,Email,Address,Primary Diagnosis,Referring Physician,Allergies,"
        "Precautions,Insurance,Insurance ID,Medicaid ID,Discipline,Frequency\n"
        "Jane,DOE,01/02/1950,Female,,,,Knee pain,,,,Aetna,1,,ST,2x/week\n,,,,,,,,,,,,,,,\n"
    )
    records = loaded(caseload)
    assert column(records, "patients", "sex") == ["F"]
    assert records.absent_tables >= {"plans_of_care", "notes"}
    assert "frequency" in records.reasons["plans_of_care"]


AIS = (
    "PatientVisitID,FirstName,LastName,PatientName,VisitDate,VisitTypeNames,TherapistID,Therapist,"
    "ProfessionalClassificationName,EmploymentTypeAbbr,AgencyNameForVisit,AgencyIDForVisit,SupervisingTherapistID=\n"
    "11,Jane,Doe,Jane Doe,3/2/2026,Visit,5,Pat Ott,PTA,FT,Home Co,1,6\n"
    "12,Jane,Doe,Jane Doe,3/4/2026,Strange,6,Ana Ruiz,PT,FT,Home Co,1,\n"
    "13,Jane,Doe,Jane Doe,3/5/2026,Visit,7,Lee Poe,MSW,FT,Home Co,1,\n"
)


def test_ais_visit_history():
    records = loaded(AIS)
    assert column(records, "therapists", "role") == ["assistant", "therapist", None]
    assert column(records, "notes", "supervisor_id") == ["6", None, None]
    assert not_run(records)["PR-01"] == "notes.kind"
    assert {"claims", "claim_lines"} <= records.absent_tables


@pytest.mark.parametrize(
    ("text", "patients"),
    [
        (
            "facility_id,facility_name,patient_id,patient_name,appointment_at,visit_status,checkin_time,checkout_time,"
            "ins_name,auth_ins_visits,copay,deductible\n1,North,0007,Jane Doe,2026-03-02 09:00,No Show,,,Aetna,12,0,0\n",
            ["0007"],
        ),
        (
            'Patient ID,Patient Name,Gender,DOB,Appt Date,"Start Time, Sortable",Appt Type,Status,Appt For,'
            "Referring Physician,Referring Physician NPI,Primary Dx Code,Visit Type,Visit Date,Facility,Location,"
            "Treating Practitioner,Rx Date,Rx Status,Primary Insurance,Secondary Insurance,Comments,Created Date\n"
            'H1,"Doe, Jane",Female,1/2/1950,3/2/2026,09:00,Fit,Done,,,,,,,North,,,,,Aetna,,,\n',
            ["H1"],
        ),
    ],
)
def test_appointments_are_no_notes(text, patients):
    records = loaded(text)
    assert column(records, "patients", "patient_id") == patients
    assert "notes" in records.absent_tables
    assert "appointments" in records.reasons["notes"]
    assert "left out" not in notices(records)
    nobody = loaded(text + text.splitlines()[1].replace(patients[0], "", 1) + "\n")
    assert "1 row has no " in notices(nobody)


def test_tuva_medical_claim():
    head = (
        "claim_id,claim_line_number,claim_type,person_id,member_id,payer,plan,claim_start_date,claim_line_start_date,"
        "place_of_service_code,service_unit_quantity,hcpcs_code,hcpcs_modifier_1,hcpcs_modifier_2,hcpcs_modifier_3,"
        "rendering_npi,billing_npi,paid_date,paid_amount,allowed_amount,charge_amount,deductible_amount,"
        "diagnosis_code_1,diagnosis_code_2,something_new\n"
    )
    records = loaded(
        head
        + "C1,1,professional,P1,M1,medicare,ffs,2026-03-02,2026-03-02,11,2.0,97110,GP,CQ,59,1234567893,1999999992,"
        "2026-03-20,50.5,60.25,80,0,M25561,M545,x\n"
        "C1,2,professional,P1,M1,medicare,ffs,2026-03-02,2026-03-02,11,1,97140,GP,,,1234567893,1999999992,,,,40,,M25561,M545,x\n"
    )
    assert column(records, "claim_lines", "modifiers") == ["GP CQ 59", "GP"]
    assert column(records, "claims", "diagnosis_codes") == ["M25561 M545"]
    assert column(records, "claims", "status") == ["submitted"]
    assert records.tables["remittances"].height == 1
    assert "MOD-01" not in not_run(records)
    lines = next(each for each in records.report.tables if each.table == "claim_lines")
    assert lines.unknown_columns == ["something_new"]


RIF_HEAD = (
    "DML_IND|BENE_ID|CLM_ID|CLM_GRP_ID|FINAL_ACTION|CLM_FROM_DT|CLM_THRU_DT|NCH_WKLY_PROC_DT|RFR_PHYSN_NPI|"
    "ICD_DGNS_CD1|ICD_DGNS_VRSN_CD1|ICD_DGNS_CD2|CARR_CLM_BLG_NPI_NUM|LINE_NUM|PRF_PHYSN_NPI|"
    "CARR_LINE_RDCD_PMT_PHYS_ASTN_C|LINE_SRVC_CNT|LINE_PLACE_OF_SRVC_CD|LINE_1ST_EXPNS_DT|HCPCS_CD|HCPCS_1ST_MDFR_CD|"
    "HCPCS_2ND_MDFR_CD|LINE_NCH_PMT_AMT|LINE_BENE_PTB_DDCTBL_AMT|LINE_SBMTD_CHRG_AMT|LINE_ALOWD_CHRG_AMT\n"
)


def rif(*modifiers: str) -> str:
    line = (
        "INSERT|567834|{claim}|900|{final}|27-OCT-1999|27-OCT-1999|06-NOV-1999|8765676540|M25561|0||1234567893|{line}|"
        "1923124000|0|1.000|11|27-OCT-1999|97110|{first}|{second}|37.50|0|245.04|75.00\n"
    )
    first, second = modifiers
    return (
        RIF_HEAD
        + line.format(claim=1, line=1, final="F", first=first, second=second)
        + line.format(claim=1, line=2, final="F", first=first, second="")
        + line.format(claim=2, line=1, final="N", first=first, second="")
    )


def test_rif_carrier():
    records = loaded(rif("GP", "CQ"), "carrier.txt")
    assert [day.date() for day in column(records, "claim_lines", "service_date")] == [date(1999, 10, 27)] * 2
    assert column(records, "claim_lines", "charge") == [245.04] * 2
    assert column(records, "claims", "claim_id") == ["1"], (
        "a superseded claim is left out, a header is one claim"
    )
    assert column(records, "payers", "kind") == ["medicare"]
    assert not_run(records)["MOD-03"] == "claim_lines.modifiers"
    assert not_run(records)["UNIT-01"] == "notes"


def test_rif_carrier_with_one_modifier_a_line():
    assert "MOD-01" not in not_run(loaded(rif("GP", "")))


@pytest.mark.parametrize("quoted", [False, True])
def test_synpuf_carrier_unfolds_its_lines(quoted):
    names = ["DESYNPUF_ID", "CLM_ID", "CLM_FROM_DT", "CLM_THRU_DT", "ICD9_DGNS_CD_1"]
    for each in ("PRF_PHYSN_NPI", "HCPCS_CD", "LINE_ALOWD_CHRG_AMT", "LINE_ICD9_DGNS_CD"):
        names += [f"{each}_{n}" for n in range(1, 14)]
    row = dict.fromkeys(names, "") | {
        "DESYNPUF_ID": "0A", "CLM_ID": "887", "CLM_FROM_DT": "20090302", "CLM_THRU_DT": "20090302", "ICD9_DGNS_CD_1": "7242",
        "HCPCS_CD_1": "97110", "HCPCS_CD_13": "97140", "PRF_PHYSN_NPI_1": "1923124000", "LINE_ALOWD_CHRG_AMT_1": "50.00",
    }  # fmt: skip
    head = ",".join(f'"{name}"' if quoted else name for name in names)
    records = loaded(f"{head}\n{','.join(row.values())}\n")
    assert column(records, "claim_lines", "line") == [1, 13]
    assert column(records, "claim_lines", "cpt") == ["97110", "97140"]
    assert [day.date() for day in column(records, "claim_lines", "service_date")] == [date(2009, 3, 2)] * 2
    lacks = not_run(records)
    assert lacks["MOD-01"] == "claim_lines.modifiers" and lacks["UNIT-06"] == "claim_lines.units"


def test_every_layout_recognises_its_own_headers_and_no_other_does():
    for layout in built_in():
        found = recognise([*layout.recognise.requires, *layout.recognise.knows])
        assert found.layout is layout and found.share == 1, layout.id


def test_a_report_may_have_a_title_above_its_header():
    records = loaded("Documented Units\nMarch 2026\n\n" + WEBPT.removeprefix(BOM))
    assert records.tables["claim_lines"].height == 2
    assert records.report.refusals[0].row == 8


def test_a_clinics_own_table_goes_before_what_an_export_says():
    own = "payer_id,name,kind\nMedicare B,Medicare,medicare_advantage\n"
    records = load_files([("webpt.csv", WEBPT.encode()), ("payers.csv", own.encode())])
    kinds = dict(records.tables["payers"].select("payer_id", "kind").iter_rows())
    assert kinds["Medicare B"] == "medicare_advantage"
    assert "are in another file, which counts" in notices(records)


def test_a_file_that_bears_a_tables_name_and_is_an_export_is_read_as_one():
    assert loaded(WEBPT, "claims.csv").tables["claim_lines"].height == 2


OWN = """
layout: 1
id: ours
name: Our visits
source: our own
recognise: {requires: [Visit, Who, Day]}
tables:
  - table: notes
    columns:
      note_id: Visit
      patient_id: Who
      service_date: {header: Day, dates: ["%d/%m/%Y"]}
"""


def test_a_layout_beside_the_data_reads_dates_day_first_and_refuses_others(tmp_path: Path):
    (tmp_path / "visits.csv").write_text("Visit,Who,Day\n1,A,03/04/2026\n2,A,04/14/2026\n")
    (tmp_path / "visits.layout.yaml").write_text(OWN)
    records = load(tmp_path)
    assert [day.date() for day in column(records, "notes", "service_date")] == [date(2026, 4, 3)]
    assert records.report.refusals[0].found == "04/14/2026"


def test_layouts_of_a_folder(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "visits.yaml").write_text(OWN)
    (tmp_path / "data" / "visits.csv").write_text("Visit,Who,Day\n1,A,03/04/2026\n")
    assert load(tmp_path / "data", tmp_path / "own").tables["notes"].height == 1
    with pytest.raises(InputError, match="no table of ours has this name"):
        load(tmp_path / "data")


def test_two_layouts_that_fit_alike_are_not_chosen_between():
    other = OWN.replace("id: ours", "id: theirs").replace("Our visits", "Their visits")
    files = [
        ("v.csv", b"Visit,Who,Day\n1,A,03/04/2026\n"),
        ("a.layout.yaml", OWN.encode()),
        ("b.layout.yaml", other.encode()),
    ]
    with pytest.raises(InputError, match="Our visits and Their visits alike"):
        load_files(files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("note_id:", "note:"), "no column 'note'. Did you mean 'note_id'"),
        (("table: notes", "table: note"), "'note' is no table. Did you mean 'notes'"),
        (("requires:", "require:"), "recognise.require"),
        (("layout: 1", "layout: 2"), "`layout` is 2 (expected 1"),
        (("%d/%m/%Y", "%q"), "no form of a date"),
        (("note_id: Visit", "note_id: {header: Visit, pattern: '(a)(b)'}"), "one group"),
        (
            ("note_id: Visit", "note_id: {header: Visit, pattern: '(a{65535})'}"),
            "repeats at most 1,000 times",
        ),
        (
            ("note_id: Visit", "note_id: {header: Visit, pattern: '((?:a{99}){99,99})'}"),
            "repeats at most 1,000",
        ),
        (
            ("note_id: Visit", "note_id: {header: Visit, pattern: '(a{9999,})'}"),
            "repeats at most 1,000",
        ),
        (("id: ours", "id: ours\n# " + "x" * 1_000_000), "more than 1 MB"),
        (
            ("note_id: Visit", "note_id: {header: Visit, codez: {}}"),
            "there is no such key. Did you mean 'codes'",
        ),
        (("id: ours", "id: ours\nid: theirs"), "id is there twice"),
    ],
)
def test_mistakes_in_a_layout_are_one_line_with_a_remedy(change, said):
    with pytest.raises(InputError) as refused:
        layout_of(OWN.replace(*change), "visits.layout.yaml")
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith("visits.layout.yaml")


def test_a_sheet_of_cells_is_read_as_an_export():
    sheet = pl.DataFrame({"Visit ID": ["V1"], "Date of Service": ["2026-03-02"], "Documenting Therapist": ["A"],
                          "Finalizing Therapist": ["A"], "CPT Code": ["97110"], "Units": ["1"]})  # fmt: skip
    export = export_of("book.xlsx [Sheet1]", sheet)
    assert export.recognition.layout is not None
    assert {raw.table for raw in export.tables} == {"therapists", "notes", "claims", "claim_lines"} - {
        "patients"
    }
    assert not export_of("book.xlsx [Sheet2]", pl.DataFrame({"a": ["1"], "b": ["2"]})).tables


def test_a_converted_export_lacks_what_the_export_lacked_and_keeps_the_rest(tmp_path: Path):
    records = loaded(WEBPT)
    convert(records, tmp_path / "records")
    again = load(tmp_path / "records")
    assert again.fingerprint == records.fingerprint
    assert not_run(again) == not_run(records)
    assert again.reasons == records.reasons


def test_a_reason_cannot_write_to_the_terminal():
    layout = OWN.replace("tables:", 'cannot_give: {claims: "no\\e[2J"}\ntables:')
    files = [("visits.csv", b"Visit,Who,Day\n1,A,03/04/2026\n"), ("a.layout.yaml", layout.encode())]
    records = load_files(files)
    assert "\x1b" not in records.report.render() and "claims" in records.reasons


def test_the_layout_of_the_documentation_reads_a_wide_list():
    page = (Path(__file__).resolve().parents[1] / "docs" / "inputs.md").read_text()
    example = page.partition("```yaml\nlayout: 1")[2].partition("```")[0]
    rows = "Visit,MRN,Day,Type,Code 1,Min 1,Code 2,Min 2\nV1,7,13/04/2026,DN,97110,15,97140,10\nV2,7,14/04/2026,PN,97110,20,,\n"
    records = loaded(rows, "visits.csv", visits_layout_yaml="layout: 1" + example)
    assert column(records, "interventions", "line") == [1, 2, 1]
    assert column(records, "interventions", "minutes") == [15, 10, 20]
    assert column(records, "notes", "kind") == ["treatment", "progress_report"]
    assert not_run(records)["INT-03"] == "notes.signed_on"
