"""Unknown exports: what their columns may say, how sure that is, and that nothing is read on a guess."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.cli import cli
from compliance.records.exports import guessed_text, unknown_exports
from compliance.records.layouts import sample_of
from compliance.records.layouts.guess import Choice, composed, drafted, facts, guesses, meanings
from compliance.records.load import InputError, load, load_files
from compliance.records.models import columns
from tests.test_layouts import BILLING, CHARGES, WEBPT, rif

DAILY = (
    "Daily Charges\n"
    '"Svc Dt",MRN,"Patient",DOB,"Tx Provider","Ins Name","Fin Class","Proc Code",M1,M2,Qty,"Chg Amt","Dx 1",Comment\n'
    '3/2/2026,0101,"Doe, Jane",1/2/1950,"Ruiz, Ana PT","Medicare B",MCR,97110,GP,,2,80.00,M25.561,late\n'
    '3/2/2026,0101,"Doe, Jane",1/2/1950,"Ruiz, Ana PT","Medicare B",MCR,97140,GP,,1,40.00,M25.561,\n'
    '3/4/2026,0102,"Roe, Rick",5/6/1961,"Ott, Pat PTA",Aetna,XYZ,97530,GP,CQ,1,$45.50,M54.50,\n'
)
"""As a practice's billing program might write it; no public layout of Therabill, Tebra, AdvancedMD or Prompt was found."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "daily.csv").write_text(DAILY)
    return tmp_path


def said() -> dict[str, str]:
    return {each.header: each.fact for each in guesses(sample_of(DAILY.encode(), "daily.csv"))}


def test_headers_and_cells_tell_what_columns_say():
    assert said() == {
        "Svc Dt": "service_date", "MRN": "patient", "Patient": "patient_name", "DOB": "birth_date",
        "Tx Provider": "therapist_name", "Ins Name": "payer_name",
        "Fin Class": "payer_kind", "Proc Code": "cpt", "M1": "modifiers", "M2": "modifiers",
        "Qty": "units", "Chg Amt": "charge", "Dx 1": "diagnosis_codes", "Comment": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "cells", "fact"),
    [
        ("PatientDOB", "1/2/1950", "birth_date"),
        ("Date Of Service", "03/02/2026", "service_date"),
        ("ProcedureCode", "97110", "cpt"),
        ("X17", "97110", "cpt"),
        ("Rendering Provider", "Ruiz, Ana", "therapist_name"),
        ("Primary Payer", "Aetna", "payer_name"),
        ("Minutes", "23", "minutes"),
        (
            "Note Text",
            "Patient reports less pain on the stairs; step-ups 3 x 10 with contact guard assistance.",
            "note_text",
        ),
        ("Units", "not a number", ""),
    ],
)
def test_a_header_alone(header, cells, fact):
    (guess,) = [
        each
        for each in guesses(sample_of(f'{header},Other\n"{cells}",q\n'.encode(), "f.csv"))
        if each.header == header
    ]
    assert guess.fact == fact
    assert 0 <= guess.confidence < 1


def test_facts_fill_columns_that_there_are():
    for fact in facts().values():
        for target in fact.gives:
            table, _, name = target.partition(".")
            assert name in {column.name for column in columns(table)}, target


def test_codes_are_given_a_meaning_where_it_is_known():
    cells = sample_of(DAILY.encode(), "daily.csv")
    assert meanings("payer_kind", cells["Fin Class"]) == {"MCR": "medicare", "XYZ": ""}


def test_nothing_is_read_on_a_guess(folder: Path):
    with pytest.raises(InputError, match=r"daily\.csv was left out: no table of ours"):
        load(folder)
    (unknown,) = unknown_exports(folder)
    assert "Svc Dt" in guessed_text([unknown]) and " % sure" in guessed_text([unknown])
    spaced = guessed_text([replace(unknown, file="daily (1).csv")])
    assert "validate 'daily (1).csv' --write-layout 'daily (1).layout.yaml'" in spaced


def test_validate_says_the_guesses_and_writes_a_layout_that_loads(folder: Path):
    runner = CliRunner()
    told = runner.invoke(cli, ["validate", str(folder)])
    assert "is known to no layout and was not read" in told.stdout
    layout = folder / "daily.layout.yaml"
    assert runner.invoke(cli, ["validate", str(folder), "--write-layout", str(layout)]).exit_code == 0
    records = load(folder)
    lines = records.tables["claim_lines"]
    assert lines["modifiers"].to_list() == ["GP", "GP", "GP CQ"]
    assert lines["charge"].to_list() == [80.0, 40.0, 45.5]
    assert lines["claim_id"].n_unique() == 2, "what a patient was charged on one day is one claim"
    assert records.tables["patients"]["patient_id"].to_list() == ["0101", "0102"]
    assert records.tables["payers"]["kind"].to_list() == ["medicare", None]
    assert "claim_lines.modifiers" in records.absent_columns, "two columns may have lost a third modifier"


def test_an_existing_layout_is_not_written_over(folder: Path):
    (folder / "x.yaml").write_text("mine")
    assert (
        CliRunner().invoke(cli, ["validate", str(folder), "--write-layout", str(folder / "x.yaml")]).exit_code
    )
    assert (folder / "x.yaml").read_text() == "mine"


def test_a_choice_without_a_table_says_what_is_needed():
    with pytest.raises(InputError, match="no table can be made"):
        composed(["A"], Choice({"A": "sex"}), "a", "me", date(2026, 3, 1))


KNOWN = {
    "webpt": WEBPT,
    "charges": CHARGES,
    "billing": BILLING.format(second="CQ"),
    "rif": rif("GP", "CQ"),
    "daily": DAILY,
}


def mutated(text: str, seed: int) -> str:
    """The file with its header and cells shuffled, dropped, doubled or spoilt."""
    dice = random.Random(seed)
    separator = "|" if "|" in text else ","
    rows = [line.split(separator) for line in text.splitlines()]
    width = len(rows[0])
    for _ in range(dice.randint(1, 4)):
        what, place = dice.randrange(6), dice.randrange(max(width, 1))
        if what == 0:
            rows = [row[:place] + row[place + 1 :] for row in rows]
        elif what == 1:
            rows = [[*row, dice.choice(["", "x", "Units", "\u00e9"])] for row in rows]
        elif what == 2:
            dice.shuffle(rows[0])
        elif what == 3:
            row = dice.choice(rows)
            if row:
                row[min(place, len(row) - 1)] = dice.choice(
                    ["", "\0", '"', "9" * 400, "31/31/2026", "NaN", "-1", "\ufeff"]
                )
        elif what == 4:
            rows.insert(dice.randrange(len(rows) + 1), [])
        else:
            rows = rows[: dice.randint(0, len(rows))] or [[]]
        width = len(rows[0])
    return "\n".join(separator.join(row) for row in rows)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("seed", range(40))
def test_no_file_ends_otherwise_than_loaded_or_refused(name, seed, tmp_path):
    spoilt = mutated(KNOWN[name], seed).encode("utf-8", "surrogatepass")
    (tmp_path / "export.csv").write_bytes(spoilt)
    said = [refused(lambda: load_files([("export.csv", spoilt)])), refused(lambda: guessed(tmp_path))]
    assert not [each for each in said if "\n" in each]


def refused(act: Callable[[], object]) -> str:
    """What an act is refused with; empty where it succeeds."""
    try:
        act()
    except InputError as refusal:
        return str(refusal)
    return ""


def guessed(folder: Path) -> None:
    for unknown in unknown_exports(folder):
        unknown.layout("me", date(2026, 3, 1))


SIDE_BY_SIDE = "Visit,MRN,Service Date,Proc 1,Mins 1,Units 1,Proc 2,Mins 2,Units 2\nV1,P1,3/2/2026,97110,15,1,97530,15,1\n"


def test_a_second_column_of_a_series_is_not_guessed_as_something_else_and_is_told():
    cells = sample_of(SIDE_BY_SIDE.encode(), "wide.csv")
    assert {each.header: each.fact for each in guesses(cells)} == {
        "Visit": "note", "MRN": "patient", "Service Date": "service_date", "Proc 1": "cpt", "Mins 1": "minutes",
        "Units 1": "units", "Proc 2": "", "Mins 2": "", "Units 2": "",
    }  # fmt: skip
    assert (
        "Proc 2, Mins 2 and Units 2 of a numbered series: not read"
        in drafted("wide.csv", cells, "me", date(2026, 3, 2))[0]
    )


def test_two_columns_for_one_fact_are_refused_rather_than_one_of_them_lost():
    said = {
        "Visit": "note",
        "MRN": "patient",
        "Service Date": "service_date",
        "Proc 1": "cpt",
        "Proc 2": "cpt",
    }
    with pytest.raises(InputError, match="Proc 1 and Proc 2 each say CPT or HCPCS code"):
        composed(list(said), Choice(said), "wide", "me", date(2026, 3, 2))
