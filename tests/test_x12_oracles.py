"""Our claim files' reader beside libraries of others, on the same files: what they count, we count; and where we keep ours."""

import re

import oxedi
import polars as pl
import pytest
import pyx12.error_handler
import pyx12.params
from pyx12.x12context import X12ContextReader

from compliance.formats import plural
from compliance.records.load import load, load_files
from compliance.records.sources import uploaded
from compliance.records.x12_guides import held_to_guides
from tests.test_x12 import CLP_C1, PROFESSIONAL, REMITTANCES, claim, file_835, file_837, name_of

COMPLETE = [file for file in REMITTANCES if file.name != "tertiary-payment.835"]


def loops(file, tmp_path, loop):
    """The loops of a claim file as pyx12 walks its guide."""
    edition, text = tmp_path / file.name, file.read_text("utf-8").replace("005010X222A2", "005010X222A1")
    if "HC>" in text:  # its ISA declares another separator than it uses, at which pyx12 loses the loops
        text = text[:104] + ">" + text[105:]
    edition.write_text(text, "utf-8")
    with edition.open() as text:
        reader = X12ContextReader(pyx12.params.params(), pyx12.error_handler.err_handler(), text)
        return [each for each in reader.iter_segments(loop) if each.id == loop]


@pytest.mark.parametrize("file", PROFESSIONAL, ids=name_of)
def test_claims_lines_and_charges_are_those_that_pyx12_finds(file, tmp_path):
    claims = loops(file, tmp_path, "2300")
    ours = load(file).tables
    assert [claim.get_value("CLM01") for claim in claims] == ours["claims"]["claim_id"].to_list()
    assert sum(float(claim.get_value("CLM02")) for claim in claims) == pytest.approx(
        sum(map(float, re.findall(r"CLM\*[^*]*\*([\d.]+)", file.read_text("utf-8"))))
    )
    lines = [line for claim in claims for line in claim.select("2400")]
    assert len(lines) == ours["claim_lines"].height


BREAKS = [
    ("DTP*472*D8*20260302", "DTP*472*D8*20261302"), ("CLM*C1*150", "CLM*C1*lots"), ("11:B:1", "11:B:"),
    ("*UN*2*", "*UN*two*"), ("SV1*HC:97110:GP:KX", "SV1*HC"), ("SV1*HC:97110:GP:KX*100*UN*2***1:2~", ""),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), BREAKS)
def test_what_ours_refuses_pyx12_finds_wrong_in_the_same_claim(before, after):
    name, data = file_837(claim("C0"), claim("C1"), claim("C2"))
    start = data.index(b"CLM*C1")
    broken = data[:start] + data[start:].replace(before.encode(), after.encode(), 1)
    records = load_files([(name, broken)])
    assert [refusal.found[:8] for refusal in records.report.refusals] == ["claim C1"]
    segments = broken.decode().split("~")
    first, last = (
        next(n for n, each in enumerate(segments, 1) if each.startswith(f"CLM*{c}")) for c in ("C1", "C2")
    )
    (held,) = held_to_guides(uploaded([(name, broken)]).sources, lambda said: None)
    whole = held_to_guides(uploaded([(name, data)]).sources, lambda said: None)[0].errors
    new = [
        each for each in held.errors if (each.name, each.text) not in {(one.name, one.text) for one in whole}
    ]
    assert any(first <= (each.segment or 0) < last for each in new), held.render()


@pytest.mark.parametrize("file", COMPLETE, ids=name_of)
def test_answers_lines_and_adjustments_are_those_that_oxedi_finds(file):
    tables = oxedi.parse(file.read_bytes()).tables
    theirs = {name: tables[name].to_polars() for name in ("claims", "services", "adjustments")}
    ours = load(file)
    assert (
        f"835: {plural(theirs['claims'].height, 'claim')}, {plural(theirs['services'].height, 'line')}"
        in ours.report.render()
    )
    rows = ours.tables["remittances"]
    said = rows["adjustments"].drop_nulls().str.split(" ").explode()
    assert said.len() == theirs["adjustments"].height
    dollars = said.str.extract(r":(.*)").cast(pl.Float64).sum()
    assert dollars == pytest.approx(float(theirs["adjustments"]["amount"].sum()))
    allowed = theirs["services"]["allowed_amount"].drop_nulls()
    assert set(map(float, allowed)) <= set(rows["allowed"])


def test_why_remittances_are_read_by_our_own_reader():
    """Each a reason that would fall away with a release of the library: look at it again when this test fails."""
    name, data = file_835(*CLP_C1)
    with pytest.raises(oxedi.ParseError):  # payers' portals hand out sets without their envelope
        oxedi.parse(data[data.index(b"ST*") :])
    assert load_files([(name, data[data.index(b"ST*") :])]).tables["remittances"].height == 3
    other = data.replace(b"C1*", b"C9*").translate(bytes.maketrans(b"*~:", b"|!>"))
    both = oxedi.parse(
        data + b"\n" + other
    )  # a second interchange with delimiters of its own is lost without a word
    assert both.tables["claims"].to_polars().height == 1
    assert load_files([(name, data + b"\n" + other)]).tables["remittances"].height == 6
    columns = oxedi.parse(data).tables["services"].to_polars().columns
    assert not {
        column for column in columns if "modifier" in column or "remark" in column or "submitted" in column
    }
    bad = oxedi.parse(
        data.replace(b"*50*30", b"*50*lots")
    )  # a payment that is no number is none: a claim paid less
    assert bad.tables["services"].to_polars()["payment_amount"].null_count() == 1
    assert load_files([(name, data.replace(b"*50*30", b"*50*lots"))]).tables["remittances"].height == 0
