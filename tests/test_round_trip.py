"""A clinic's records, told in other formats and loaded again, give the findings of its folder of CSV.

Charts go as FHIR, sent professional claims as 837P and their answers as 835, other claims as FHIR; a workbook has the tables that
neither knows and, with the keys, the columns that they cannot carry.
"""

from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from compliance.audit import audit
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames, load, load_files
from compliance.records.models import TABLES
from compliance.synth import write
from tests.written import fhir, workbook, x12

PATIENTS, SEED, AS_OF = 30, 7, date(2026, 7, 1)
CHARTS = ("clinics", "therapists", "payers", "patients", "plans_of_care", "goals", "notes", "interventions")
BILLED = ("claims", "claim_lines", "remittances")
BESIDE_CLAIMS = {
    "claims": ("status", "received_on", "clinic_id", "authorization_id"),
    "claim_lines": ("note_id", "abn_on", "therapist_id", "diagnosis_pointers"),
    "clinics": ("npi",),
    "therapists": ("npi",),
}
"""What an 837 professional cannot carry, and where its ids or its way of writing are its own."""


@cache
def clinic() -> Records:
    with TemporaryDirectory() as place:
        write(Path(place) / "clinic", PATIENTS, SEED)
        return load(Path(place) / "clinic")


def of_claims(tables, claims, how):
    return {name: tables[name].join(claims, "claim_id", how) for name in BILLED}


@cache
def told() -> Records:
    """The same records from FHIR, 837P, 835 and a workbook."""
    records = clinic()
    tables, sent = records.tables, x12.professional(records)
    charts = {name: tables[name] for name in CHARTS}
    others = of_claims(tables, sent, "anti")
    files = [
        ("sent.837", x12.claims_837(records)),
        ("paid.835", x12.remittances_835(records)),
        *fhir.files_of({**charts, **others}),
    ]
    return load_files([*files, ("rest.xlsx", workbook.workbook_of(_beside(records)))])


def _beside(records: Records) -> Records:
    beside = {}
    for name in [name for name in TABLES if name not in records.absent_tables]:
        table = records.tables[name]
        if name == "remittances":
            continue
        carried = set(fhir.CARRIED.get(name, ())) - set(TABLES[name].keys) - set(BESIDE_CLAIMS.get(name, ()))
        absent = {each.partition(".")[2] for each in records.absent_columns if each.startswith(f"{name}.")}
        beside[name] = table.drop(*carried, *absent, strict=False)
    return from_frames(beside)


EXPLAINED = {
    (
        "payers",
        "kind",
    ): "neither format says what kind a payer is but where a patient is insured by it or a claim goes to it",
    (
        "remittances",
        "deductible",
    ): "an 835 states it as adjustment PR-1 alone; some rows of the clinic have that and a deductible of 0",
    ("remittances", "adjustments"): "an 835 tells reasons group by group; their order says nothing",
}
"""Columns in which the records may differ, and why; and all else is equal, cell by cell."""
PRESENT = {
    "claims.original_claim_id": "claim files always say whether there is an original; the folder has no such column",
    "notes.amends_note_id": "of FHIR a column that no resource fills counts as not exported; here no note amends another",
    "therapists.employed_to": "the same: here nobody has left",
}
"""Columns that one of both has not, and why: they are empty in the other."""


def billed_payers():
    tables = clinic().tables
    return {*tables["claims"]["payer_id"], *tables["patients"]["secondary_payer_id"]}


def settled(name, table):
    """A table as both tell it: without what is explained."""
    if name == "payers":
        table = table.filter(pl.col("payer_id").is_in(billed_payers()))
    if name == "remittances":
        deducted = pl.col("adjustments").str.extract(r"PR-1:([0-9.]+)").cast(pl.Float64)
        said = pl.col("adjustments").str.split(" ").list.sort()
        table = table.with_columns(deductible=pl.coalesce(deducted, "deductible"), adjustments=said)
    return table.sort(*TABLES[name].keys, nulls_last=True)


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_of_a_table_comes_back(name):
    wanted, found = (settled(name, records.tables[name]) for records in (clinic(), told()))
    different = [column for column in wanted.columns if found.height != wanted.height
                 or wanted[column].ne_missing(found[column]).any()]  # fmt: skip
    assert not different, found.join(wanted, on=list(TABLES[name].keys), how="full").head()


def test_only_what_is_explained_differs():
    differing = {
        (name, column)
        for name, table in clinic().tables.items()
        for column in table.columns
        if not _equal(name, column)
    }
    assert differing <= set(EXPLAINED)


def _equal(name, column):
    keys = list(TABLES[name].keys)
    given, found = (each.tables[name].sort(keys, nulls_last=True)[column] for each in (clinic(), told()))
    return given.equals(found, null_equal=True)


def test_nothing_is_refused_and_the_same_columns_are_there():
    assert told().report.rows_refused == 0 and not told().report.refusals
    assert told().absent_tables == clinic().absent_tables
    assert told().absent_columns ^ clinic().absent_columns == set(PRESENT)


def test_the_findings_are_the_same():
    policies = load_policies()
    given, found = (
        audit(records, policies, AS_OF).findings.sort("finding_id") for records in (clinic(), told())
    )
    assert given.height > 50 and given["rule"].n_unique() > 15
    said = ["finding_id", "rule", "severity", "subject", "amount_at_risk", "lines", "message"]
    assert found.select(said).equals(given.select(said)), (
        given.join(found, on=said, how="anti", nulls_equal=True).select(said).rows(),
        found.join(given, on=said, how="anti", nulls_equal=True).select(said).rows(),
    )
