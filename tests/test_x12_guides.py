"""`validate --strict`: claim files held to their implementation guides in full, beside what loading asks."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.records import x12_guides
from compliance.records.load import InputError, load
from compliance.records.sources import under, uploaded
from compliance.records.x12_guides import as_text, held_to_guides
from tests.test_cli import run
from tests.test_x12 import DATA, FILES, PROFESSIONAL, claim, file_837, name_of
from tests.test_x12_streams import mutated

QUIET = lambda said: None  # noqa: E731
BROKEN = DATA / "linuxforhealth/src/tests/resources/835_005010X221A1/tertiary-payment.835"


def held(*files):
    return held_to_guides(uploaded(list(files)).sources, QUIET)


def test_errors_name_segment_element_code_and_words():
    (read,) = held_to_guides(under(BROKEN).sources, QUIET)
    assert read.guides == ["005010X221A1"] and not read.valid
    found = {(each.segment, each.element, each.code) for each in read.errors}
    assert {(4, "BPR16", "1"), (20, "SVC01-2", "1")} <= found
    (missing,) = [each for each in read.errors if each.element == "BPR16"]
    assert "Check Issue or EFT Effective Date" in missing.text and missing.name == "BPR"


def test_what_our_reader_refuses_has_an_error_in_the_guide_too():
    refusals = load(BROKEN).report.refusals
    (read,) = held_to_guides(under(BROKEN).sources, QUIET)
    assert {refusal.row for refusal in refusals} <= {error.segment for error in read.errors}


@pytest.mark.parametrize("file", PROFESSIONAL, ids=name_of)
def test_an_edition_that_is_not_at_hand_is_held_to_its_sister_and_said(file):
    (read,) = held_to_guides(under(file).sources, QUIET)
    assert read.guides == ["005010X222A1"]
    assert any("says 005010X222A2" in remark for remark in read.remarks)


def test_every_file_is_held_or_says_why_not():
    for read in held_to_guides(under(DATA).sources, QUIET):
        assert read.guides or any("not checked" in remark for remark in read.remarks), read.file
        assert read.segments > 0
        assert read.valid == (not read.errors and not any("not checked" in each for each in read.remarks))
    assert len(FILES) == 48


def test_positions_go_on_from_interchange_to_interchange_and_delimiters_may_change():
    name, data = file_837(claim("C1"))
    other = file_837(claim("C2"))[1].replace(b"*D8*20260302", b"*D8*20261302").decode()
    mixed = data + b"\n" + other.translate(str.maketrans("*~:", "|!>")).encode()
    (read,) = held((name, mixed))
    first = next(each for each in read.errors if each.element == "DTP03")
    assert first.segment is not None and first.segment > data.count(b"~")
    assert read.segments == 2 * data.count(b"~")


def test_a_file_that_is_no_interchange_is_not_called_valid():
    name, data = file_837(claim("C1"))
    (read,) = held((name, data[data.index(b"GS*") :]))
    assert not read.valid and "not checked" in as_text([read])


def test_the_command_says_it_in_text_and_json(tmp_path):
    (tmp_path / "x.835").write_bytes(BROKEN.read_bytes())
    text = run("validate", tmp_path, "--strict")
    assert text.returncode == 0 and "segment 4, BPR16: Mandatory data element" in text.stdout
    told = json.loads(run("validate", tmp_path, "--strict", "--format", "json").stdout)
    (file,) = told["strict"]
    assert file["file"] == "x.835" and file["guides"] == ["005010X221A1"] and file["valid"] is False
    assert {"segment": 4, "name": "BPR", "element": "BPR16", "code": "1"}.items() <= file["errors"][0].items()
    assert "strict" not in json.loads(run("validate", tmp_path, "--format", "json").stdout)


def test_without_claim_files_the_command_says_so(tmp_path):
    (tmp_path / "notes.csv").write_text("note_id\nN1\n")
    assert "there is no X12 file here" in run("validate", tmp_path, "--strict").stdout


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_is_held_or_says_why_not(file, data):
    damaged = mutated(data, file.read_bytes().decode("utf-8", "replace"), "~")
    try:
        sources = uploaded([(file.name, damaged)]).sources
    except InputError:
        return
    for read in held_to_guides(sources, QUIET):
        assert read.valid or read.errors or read.remarks
        assert as_text([read])


def test_how_far_it_is_is_said(monkeypatch):
    monkeypatch.setattr(x12_guides, "TELL_EVERY", 0)
    said = []
    held_to_guides(under(BROKEN).sources, said.append)
    assert said and "tertiary-payment.835: 2 segments held to their guide" in said[1]
