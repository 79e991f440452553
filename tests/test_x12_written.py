"""Records written as 837P and 835 are valid, readable by others, and come back as they were."""

from functools import cache
from pathlib import Path

import oxedi
import polars as pl
import pytest
import pyx12.error_handler
import pyx12.params
from pyx12.x12context import X12ContextReader

from compliance.records.load import from_frames, load, load_files
from compliance.records.sources import uploaded
from compliance.records.x12_guides import held_to_guides
from tests.written.x12 import claims_837, professional, remittances_835

SAMPLE = Path(__file__).parent.parent / "sample_data"
CLAIM = ["claim_id", "patient_id", "payer_id", "clinic_id", "billing_npi", "frequency_code", "original_claim_id",
         "authorization_id", "diagnosis_codes", "referring_npi", "form", "payer_order", "submitted_on"]  # fmt: skip
LINE = [
    "claim_id",
    "line",
    "service_date",
    "cpt",
    "modifiers",
    "units",
    "charge",
    "therapist_id",
    "place_of_service",
]


@cache
def sample():
    return load(SAMPLE)


@cache
def few():
    """The records of some patients, for what is slow."""
    tables = sample().tables
    patients = tables["patients"].head(24)
    claims = tables["claims"].join(patients, "patient_id", "semi")
    of_claims = {
        name: tables[name].join(claims, "claim_id", "semi") for name in ("claim_lines", "remittances")
    }
    shared = {name: tables[name] for name in ("clinics", "therapists", "payers", "authorizations")}
    return from_frames({"patients": patients, "claims": claims, **of_claims, **shared})


@cache
def back():
    return load_files([("s.837", claims_837(sample())), ("s.835", remittances_835(sample()))])


def numbered(table, column, key, known):
    """A column of our ids as the numbers by which a claim file knows them."""
    numbers = dict(known.select(key, known.columns[1]).iter_rows())
    return table.with_columns(pl.col(column).replace_strict(numbers, default=pl.col(column)).alias(column))


def test_what_is_written_has_no_error_in_its_guides():
    files = [("s.837", claims_837(few())), ("s.835", remittances_835(few()))]
    for held in held_to_guides(uploaded(files).sources, lambda said: None):
        assert held.valid, held.render()
        assert held.segments > 1_000


def test_the_library_that_validates_counts_the_same_claims_and_lines(tmp_path):
    (tmp_path / "s.837").write_bytes(claims_837(few()))
    with (tmp_path / "s.837").open() as file:
        reader = X12ContextReader(pyx12.params.params(), pyx12.error_handler.err_handler(), file)
        claims = [tree for tree in reader.iter_segments("2300") if tree.id == "2300"]
    lines = [line for claim in claims for line in claim.select("2400")]
    ours = load(tmp_path / "s.837").tables
    assert (len(claims), len(lines)) == (ours["claims"].height, ours["claim_lines"].height)
    assert [claim.get_value("CLM01") for claim in claims] == ours["claims"]["claim_id"].to_list()
    charged = sum(float(line.get_value("SV102")) for line in lines)
    assert charged == pytest.approx(ours["claim_lines"]["charge"].sum())


def test_the_library_that_reads_remittances_finds_nothing_wrong_and_the_same_sums():
    read = oxedi.parse(remittances_835(sample()))
    assert [str(each) for each in read.diagnostics] == []
    services, adjusted = read.tables["services"].to_polars(), read.tables["adjustments"].to_polars()
    ours = back().tables["remittances"]
    assert services.height == ours.height
    assert float(services["payment_amount"].sum()) == pytest.approx(ours["paid"].sum())
    said = ours["adjustments"].drop_nulls().str.split(" ").explode()
    assert adjusted.height == said.len()
    assert float(adjusted["amount"].sum()) == pytest.approx(said.str.extract(r":(.*)").cast(pl.Float64).sum())


def test_claims_come_back_as_they_were():
    given = sample().tables
    claims = professional(sample())
    for column, key, known in (
        (
            "authorization_id",
            "authorization_id",
            given["authorizations"].select("authorization_id", "number"),
        ),
        ("clinic_id", "clinic_id", given["clinics"].select("clinic_id", "npi")),
    ):
        claims = numbered(claims, column, key, known)
    wanted, read = (each.select(CLAIM).sort("claim_id") for each in (claims, back().tables["claims"]))
    assert read.equals(wanted), read.join(wanted, on=CLAIM, how="anti", nulls_equal=True)


def test_lines_come_back_as_they_were():
    given = sample().tables
    lines = given["claim_lines"].join(professional(sample()), "claim_id", "semi")
    npis = given["therapists"].select("therapist_id", "npi")
    lines = lines.join(npis, "therapist_id", "left").with_columns(therapist_id="npi")
    wanted, read = (
        each.select(LINE).sort("claim_id", "line") for each in (lines, back().tables["claim_lines"])
    )
    assert read.equals(wanted)
    codes = given["claims"].select("claim_id", pl.col("diagnosis_codes").str.split(" ").alias("codes"))
    pointed = [_codes(each.join(codes, "claim_id")) for each in (lines, back().tables["claim_lines"])]
    assert pointed[0] == pointed[1]


def _codes(lines):
    """Diagnoses to which lines point, positions resolved."""
    rows = lines.sort("claim_id", "line").select("diagnosis_pointers", "codes").iter_rows()
    return [
        [
            codes[int(each) - 1] if each.isdigit() and int(each) <= len(codes) else each
            for each in said.split()
        ]
        for said, codes in rows
    ]


def test_remittances_come_back_as_they_were():
    given = sample().tables["remittances"].join(professional(sample()), "claim_id", "semi")
    # an 835 states the deductible as adjustment PR-1 alone; in the sample some rows name that and a deductible of 0
    deducted = pl.col("adjustments").str.extract(r"PR-1:([0-9.]+)").cast(pl.Float64)
    given = given.with_columns(deductible=pl.coalesce(deducted, "deductible"))
    adjusted = pl.col("adjustments").str.split(" ").list.sort()
    wanted, read = (
        each.with_columns(adjusted).sort("claim_id", "line", "paid_on")
        for each in (given, back().tables["remittances"])
    )
    assert read.equals(wanted)


def test_people_and_payers_come_back_as_they_were():
    given, read = sample().tables, back().tables
    patients = given["patients"].select("patient_id", "name", "birth_date", "sex")
    assert (
        read["patients"].select(patients.columns).join(patients, on=patients.columns, how="anti").is_empty()
    )
    therapists = given["therapists"].select("name", "npi", "discipline", "role")
    assert (
        read["therapists"]
        .select(therapists.columns)
        .join(therapists, on=therapists.columns, how="anti")
        .is_empty()
    )
    kinds = given["payers"].select("payer_id", "name", pl.col("kind").replace({"self_pay": None}))
    different = (
        read["payers"].select(kinds.columns).join(kinds, on=kinds.columns, how="anti", nulls_equal=True)
    )
    assert different.is_empty()
    assert set(read["claims"]["patient_id"]) == set(read["patients"]["patient_id"])
