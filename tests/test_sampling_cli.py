"""`compliance sample`, `estimate` and `sample --verify`, as an auditor calls them on a small clinic."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from compliance.synth import write
from tests.test_cli import AS_OF, run


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    write(folder, patients=6, seed=3)
    return folder


@pytest.fixture(scope="module")
def drawn(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle `spot.zip` of 35 lines and its worksheet `spot.csv`."""
    folder = tmp_path_factory.mktemp("spot")
    told = run("sample", records, "--size", "35", "--seed", "7", "--output", folder / "spot.zip",
               "--worksheet", folder / "spot.csv", *AS_OF)  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    return folder


def fill(blank: Path, target: Path, *, wrong: int = 5, last: str = "ok") -> Path:
    """Fill a worksheet: the first so many wrong in full, the last as told, the others ok."""
    with blank.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for place, row in enumerate(rows):
        row["answer"] = "error" if place < wrong else last if place == len(rows) - 1 else "ok"
        row["correct_dollars"] = "0" if place < wrong else ""
    with target.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def test_three_commands_from_records_to_a_verified_bundle(drawn: Path, tmp_path: Path) -> None:
    done = fill(drawn / "spot.csv", tmp_path / "done.csv", last="cannot tell")
    told = run("estimate", done, "--sample", drawn / "spot.zip", "--output", tmp_path / "reviewed.zip")
    assert told.returncode == 0 and told.stderr == ""
    for said in ("Reviewed 35 of ",
                 "5 of 35 are wrong, 1 could not be told and count as right: 14.3 % (90 % interval 5.8 % to 27.7 %, exact",
                 "Projected overpayment",
                 "OIG, lower limit of the two-sided 90 % interval: $", "Against the rules:"):  # fmt: skip
        assert said in told.stdout
    for bundle in (drawn / "spot.zip", tmp_path / "reviewed.zip"):
        verified = run("sample", "--verify", bundle)
        assert verified.returncode == 0 and verified.stdout.startswith("The bundle is whole")
    assert run("estimate", tmp_path / "reviewed.zip").stdout == told.stdout, "a reviewed bundle says it again"
    document = json.loads(run("estimate", tmp_path / "reviewed.zip", "--format", "json").stdout)
    assert document["errors"] == 5 and document["answers"] == {"cannot tell": 1, "error": 5, "ok": 29}


def test_the_same_seed_gives_the_same_bytes(records: Path, drawn: Path, tmp_path: Path) -> None:
    told = run("sample", records, "--size", "35", "--seed", "7", "--output", tmp_path / "again.zip",
               "--worksheet", tmp_path / "again.csv", *AS_OF, anew=True)  # fmt: skip
    assert (tmp_path / "again.zip").read_bytes() == (drawn / "spot.zip").read_bytes()
    assert (tmp_path / "again.csv").read_bytes() == (drawn / "spot.csv").read_bytes()
    assert "Seed 7; drawn by ascending SHA-256 of SEED/UNIT within each stratum." in told.stdout


def test_the_draw_is_told_as_json(records: Path) -> None:
    told = json.loads(
        run("sample", records, "--purpose", "rate", "--rate", "20%", "--precision", "10", "--unit", "visit",
            "--strata", "payer", "--seed", "3", "--format", "json", *AS_OF).stdout
    )  # fmt: skip
    assert told["criteria"]["unit"] == "visit" and told["design"]["seed"] == 3
    assert sum(each["units"] for each in told["strata"]) == told["frame"]["units"]
    assert len(told["drawn"]) == told["plan"]["size"] == sum(each["drawn"] for each in told["strata"])
    by_hand = [hashlib.sha256(f"3/{each['unit']}".encode()).hexdigest() for each in told["drawn"]]
    assert by_hand == sorted(by_hand)


def test_a_seed_that_was_made_up_is_told(records: Path) -> None:
    told = run("sample", records, "--size", "5", *AS_OF).stdout
    seed = told.partition("Seed ")[2].partition(";")[0]
    again = run("sample", records, "--size", "5", "--seed", seed, *AS_OF).stdout
    assert told == again and "Not kept: --output BUNDLE keeps it" in told


def test_two_reviewers_are_compared(drawn: Path, tmp_path: Path) -> None:
    one = fill(drawn / "spot.csv", tmp_path / "one.csv", wrong=5)
    two = fill(drawn / "spot.csv", tmp_path / "two.csv", wrong=7)
    told = run("estimate", one, "--sample", drawn / "spot.zip", "--second", two).stdout
    assert "Two reviewers agree on 33 of 35; Cohen's kappa 0.80." in told
    assert told.count(": ok, error") == 2


def test_a_discovery_without_an_error_says_what_it_shows(drawn: Path, tmp_path: Path) -> None:
    done = fill(drawn / "spot.csv", tmp_path / "done.csv", wrong=0)
    told = run("estimate", done, "--sample", drawn / "spot.zip").stdout
    assert (
        "None is wrong: you may be 95 % confident that fewer than 5.7 % of all are." in told
    )  # 3 of 53: 18·17·16 of 53·52·51
    assert "No projection of dollars: no dollars are in error in the sample" in told


def test_a_probe_sizes_a_sample_of_dollars(records: Path, drawn: Path, tmp_path: Path) -> None:
    done = fill(drawn / "spot.csv", tmp_path / "done.csv")
    run("estimate", done, "--sample", drawn / "spot.zip", "--output", tmp_path / "probe.zip")
    told = run("sample", records, "--purpose", "dollars", "--probe", tmp_path / "probe.zip", *AS_OF).stdout
    assert "if overpayments spread as in the probe" in told


def test_a_changed_bundle_is_named_and_fails(drawn: Path, tmp_path: Path) -> None:
    content = (drawn / "spot.zip").read_bytes()
    (tmp_path / "changed.zip").write_bytes(content.replace(b"1,all,line", b"2,all,line", 1))
    told = run("sample", "--verify", tmp_path / "changed.zip")
    assert told.returncode == 1
    assert "  worksheet.csv is damaged" in told.stdout


def test_answers_and_draws_are_not_overwritten(records: Path, drawn: Path) -> None:
    before = (drawn / "spot.csv").read_bytes()
    for option, name in (("--worksheet", "spot.csv"), ("--output", "spot.zip")):
        told = run("sample", records, "--size", "5", option, drawn / name)
        assert (told.returncode, told.stdout) == (2, "")
        assert f"{option} {drawn / name}: is there already (expected a new file)" in told.stderr
    assert (drawn / "spot.csv").read_bytes() == before


RECORDS, DRAWN = "RECORDS", "DRAWN"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sample",), "give one of the two"),
        (("sample", RECORDS, "--verify", "x.zip"), "give one of the two"),
        (("sample", "--verify", "nowhere.zip"), "nowhere.zip: no such file"),
        (("sample", RECORDS, "--rate", "0.05"), "Write 5 for 5 %, or 0.05% if meant"),
        (("sample", RECORDS, "--confidence", "100"), "--confidence: '100' is no percentage between 0 and 100"),
        (("sample", RECORDS, "--precision", "nan"), "--precision: 'nan' is no percentage"),
        (("sample", RECORDS, "--payer", "MCX"), "--payer 'MCX': not in these records"),
        (("sample", RECORDS, "--clinic", "XX"), "--clinic 'XX': not in these records"),
        (("sample", RECORDS, "--code", "99999"), "the frame is empty: no claim line meets the criteria"),
        (("sample", RECORDS, "--size", "9999"), "a sample of 9,999: the frame has"),
        (("sample", RECORDS, "--size", "3", "--strata", "payer"), "two of each are needed"),
        (("sample", RECORDS, "--strata", "code", "--unit", "visit"), "a visit may hold several codes"),
        (("sample", RECORDS, "--from", "2026-03-01", "--to", "2026-02-01"), "lies after"),
        (("sample", RECORDS, "--strata", "dollars", "--cut", "nan"), "--cut: 'nan' is no dollars above 0"),
        (("sample", RECORDS, "--output", "both.zip", "--worksheet", "both.zip"), "is the file of --output"),
        (("estimate", f"{DRAWN}/spot.csv", "--sample", f"{DRAWN}/spot.zip", "--output", f"{DRAWN}/spot.csv"), "is there already"),
        (("estimate", f"{DRAWN}/spot.csv", "--sample", f"{DRAWN}/spot.zip", "--output", f"{DRAWN}/spot.zip"), "is there already"),
        (("sample", RECORDS, "--format", "csv"), "sample writes table or json, not csv"),
        (("sample", RECORDS, "--output", "nowhere/x.zip"), "there is no folder nowhere"),
        (("sample", RECORDS, "--purpose", "dollars", "--probe", f"{DRAWN}/spot.zip"), "the probe has no answers yet"),
        (("estimate", "nowhere.csv"), "nowhere.csv: no such file"),
        (("estimate", f"{DRAWN}/spot.csv"), "is needed: --sample BUNDLE"),
        (("estimate", f"{DRAWN}/spot.zip"), "has no answers yet. Give the filled worksheet"),
        (("estimate", f"{DRAWN}/spot.csv", "--sample", f"{DRAWN}/spot.csv"), "is no bundle of a spot check"),
        (("estimate", f"{DRAWN}/spot.csv", "--sample", f"{DRAWN}/spot.zip"), "rows 2–36, column answer: is empty"),
        (("estimate", f"{DRAWN}/spot.zip", "--sample", f"{DRAWN}/spot.zip"), "is a workbook or a zip"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(
    records: Path, drawn: Path, arguments: tuple[str, ...], said: str
) -> None:
    given = [each.replace(RECORDS, str(records)).replace(DRAWN, str(drawn)) for each in arguments]
    told = run(*given)
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr and told.stderr.count("\n") == 1
