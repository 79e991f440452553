"""A spot check on screen, as far as nothing is drawn: what is kept and read back, the command, the episode, the interim look."""

import json
import shlex
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from compliance import episodes
from compliance.audit import audit
from compliance.checks.rule import catalogue
from compliance.cli import cli
from compliance.policy import load_policies
from compliance.records.load import from_frames, load
from compliance.report_counts import treatment_counts
from compliance.review import spot_checks
from compliance.review.spot_checks import KeptSample, SessionBook, answers, keep_answer, keep_sample, samples
from compliance.sampling import SamplingError
from compliance.sampling.agreement import Verdict
from compliance.sampling.bundle import Made, handed_out, opened
from compliance.sampling.command import sample_command
from compliance.sampling.frame import Criteria, line_name, lines_of
from compliance.sampling.spot_check import Asked, SpotCheck, answered_so_far, spot_check
from compliance.sampling.spot_check import check_of as of_bundle
from compliance.sampling.told import compared_told
from compliance.sampling.worksheet import Answer, answered
from tests import clinic
from tests.test_sampling import many


def kept(name: str = "Medicare", seed: int = 7, source: str = "clinic") -> KeptSample:
    return KeptSample(name, source, "f" * 64, Criteria().as_dict(), Asked(seed).as_dict())


def said(unit: str, answer: str = "ok", correct: int | None = 100) -> dict[str, object]:
    return {"unit": unit, "answer": answer, "correct": correct, "comment": ""}


def test_a_sample_is_kept_once_and_listed_newest_first_for_its_records_alone() -> None:
    book = SessionBook()
    first = keep_sample(book, kept(), "ana")
    assert keep_sample(book, kept("another name"), "ben") == first
    keep_sample(book, kept("later", seed=8), "ana")
    keep_sample(book, kept("elsewhere", seed=9, source="other"), "ana")
    assert samples(book, "clinic").select("name", "person").rows() == [("later", "ana"), ("Medicare", "ana")]
    with pytest.raises(ValueError, match="name"):
        keep_sample(book, kept("  "), "ana")


def test_the_last_answer_of_a_reviewer_and_a_unit_counts_and_reviewers_stand_in_the_order_they_began() -> (
    None
):
    book = SessionBook()
    for reviewer, unit, answer in (
        ("ana", "u1", "ok"),
        ("ben", "u1", "missing"),
        ("ana", "u2", "ok"),
        ("ana", "u1", "error"),
    ):
        keep_answer(book, "s1", reviewer, "desk", said(unit, answer), 61.04)
    keep_answer(book, "s2", "ana", "desk", said("u1"), 1)
    told = answers(book, "s1")
    assert told.select("reviewer", "unit", "answer").rows() == [
        ("ana", "u1", "error"), ("ana", "u2", "ok"), ("ben", "u1", "missing"),
    ]  # fmt: skip
    assert told["seconds"].unique().to_list() == [61.0]
    with pytest.raises(ValueError, match="who reviews"):
        keep_answer(book, "s1", " ", "desk", said("u1"), 1)
    assert book.acts(spot_checks.VIEWED).is_empty()


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria(),
        Criteria(
            "visit", "amount", ("MCR", "COM"), since=date(2026, 1, 1), until=date(2026, 2, 1), paid_only=False
        ),
    ],
)
def test_criteria_and_what_was_asked_survive_json(criteria: Criteria) -> None:
    assert Criteria.of(json.loads(json.dumps(criteria.as_dict()))) == criteria
    asked = Asked(7, "dollars", None, 0.9, 0.05, 0.25, (12.5, 30.0), "dollars", (100, 2000), "neyman")
    assert Asked.of(json.loads(json.dumps(asked.as_dict()))) == asked


@pytest.mark.parametrize(
    ("criteria", "asked"),
    [
        (Criteria("claim", "amount", ("MCR",), codes=("97530",), since=date(2026, 1, 10)),
         Asked(7, "rate", None, 0.9, 0.2, 0.055)),
        (Criteria("line", "amount", paid_only=False), Asked(3, "size", 12, 0.95, strata_by="payer")),
        (Criteria("visit", "amount", therapists=("T1", "T2"), until=date(2026, 2, 20)), Asked(1, "discovery", None, 0.95, 0.005)),
    ],
)  # fmt: skip
def test_the_command_line_draws_what_the_page_draws(tmp_path: Path, criteria: Criteria, asked: Asked) -> None:
    records = load(clinic.write(tmp_path / "my records"))
    lines = audit(records, load_policies(), date(2026, 7, 1), []).lines
    here = spot_check(lines, records.tables["remittances"], criteria, asked)
    command = sample_command(str(tmp_path / "my records"), criteria, asked)
    words = shlex.split(command)
    assert words[:2] == ["compliance", "sample"] and words[-2:] == ["--output", "spot.zip"]
    told = CliRunner().invoke(cli, [*words[1:-2], "--format", "json"])
    assert told.exit_code == 0, told.output
    drawn = json.loads(told.stdout)
    assert [each["unit"] for each in drawn["drawn"]] == here.sample.units["unit"].to_list()
    assert drawn["plan"]["confidence"] == asked.confidence


def test_names_of_lines_are_read_back() -> None:
    claims = pl.DataFrame({"claim_id": ["C 1", "C%20", "C#3"], "line": [1, 2, 3]})
    listed = " ".join(claims.select(line_name())["claim_id"])
    assert lines_of(listed) == [("C 1", 1), ("C%20", 2), ("C#3", 3)]


def check_of(**asked: object) -> SpotCheck:
    """Ten of forty lines by seed 7, or as asked."""
    remittances = from_frames({}).tables["remittances"]
    how: dict[str, Any] = {"purpose": "size", "size": 10, **asked}
    return spot_check(many().drop("paid"), remittances, Criteria(dollars="amount"), Asked(7, **how))


def test_the_charts_answered_without_a_gap_are_the_sample_that_the_seed_draws_of_that_size() -> None:
    check = check_of()
    order = check.sample.units["unit"].to_list()
    given = [Answer(unit, "ok", 4578) for unit in (order[0], order[1], order[3])]
    so_far = answered_so_far(check, given)
    assert so_far is not None
    sample, heard = so_far
    assert sample.units["unit"].to_list() == order[:2] == [each.unit for each in heard]
    assert sample.strata[0].population == 40 and sample.design.size == 2
    assert answered_so_far(check, given[1:]) is None
    whole = answered_so_far(check, [Answer(unit, "ok", 4578) for unit in reversed(order)])
    assert whole is not None and whole[0] is check.sample and [each.unit for each in whole[1]] == order


@pytest.mark.parametrize(
    "asked", [{}, {"strata_by": "dollars"}, {"rate": 0.2, "purpose": "rate", "size": None}]
)
def test_a_bundle_holds_the_whole_spot_check(asked: dict[str, object]) -> None:
    check = check_of(**asked)
    told = [Verdict(unit, "ok") for unit in check.sample.units["unit"]]
    content = handed_out(check.frame, check.plan, check.sample, told, Made("p", "r", "2026-07-01"))
    again = of_bundle(opened(content))
    assert again.frame.sha256 == check.frame.sha256 and again.frame.excluded == check.frame.excluded
    assert again.frame.criteria == check.frame.criteria and again.plan == check.plan
    assert again.sample.units.equals(check.sample.units) and again.sample.strata == check.sample.strata
    assert handed_out(again.frame, again.plan, again.sample, told, Made("p", "r", "2026-07-01")) == content


def test_strata_carry_no_result_before_all_is_answered() -> None:
    check = check_of(strata_by="payer")
    order = check.sample.units["unit"].to_list()
    assert answered_so_far(check, [Answer(unit, "ok", 4578) for unit in order[:-1]]) is None
    assert answered_so_far(check, [Answer(unit, "ok", 4578) for unit in order]) is not None


@pytest.mark.parametrize(
    ("answer", "correct", "due"),
    [("ok", 5, 3662), ("error", 0, 0), ("missing", None, 0), ("cannot tell", 5, None)],
)
def test_an_answer_says_what_was_due(answer: str, correct: int | None, due: int | None) -> None:
    assert answered("u", answer, correct, " two\n words ", 3662) == Answer("u", answer, due, "two words")


@pytest.mark.parametrize(("answer", "correct"), [("error", None), ("error", -1), ("", None), ("fine", None)])
def test_an_answer_that_cannot_be_used_is_refused(answer: str, correct: int | None) -> None:
    with pytest.raises(SamplingError, match=r"dollars that were correct|expected ok"):
        answered("u", answer, correct, "", 3662)


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ("error", "error", "agree that it is wrong (UNIT-01)"), ("missing", "ok", "missed by the rules"),
        ("ok", "error", "did not (UNIT-01): a false alarm"), ("ok", "ok", "agree that it is right"),
        ("cannot tell", "ok", "You could not tell"), ("ok", "cannot tell", "The rules could not tell"),
    ],
)  # fmt: skip
def test_an_answer_stands_beside_the_rules_verdict(answer: str, verdict: str, words: str) -> None:
    rules = ("UNIT-01",) if verdict == "error" else ()
    assert words in compared_told(Answer("u", answer, 0), Verdict("u", verdict, rules))


def lanes_of(tables: dict[str, pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The marks of patient P001's episode, and what PR-01 found."""
    day, as_of = datetime(2026, 1, 20), date(2026, 7, 1)
    records = from_frames(tables)
    result = audit(records, load_policies(), as_of, [catalogue()["PR-01"]])
    counts = treatment_counts(records, load_policies(), as_of, "P001")
    found = result.findings.filter(pl.col("patient_id") == "P001")
    return episodes.episode(records.tables, result, "P001", "PT", day, day, counts), found


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Four patients: P001's tenth visit is a therapist's progress report."""
    records = load(clinic.write(tmp_path_factory.mktemp("clinic"), patients=4))
    return {name: table for name, table in records.tables.items() if name not in records.absent_tables}


def numbers(marks: pl.DataFrame) -> list[str]:
    return marks.filter(pl.col("lane") == "Treatment days").sort("begins")["mark"].to_list()


def written_by(tables: dict[str, pl.DataFrame], kind: str, therapist: str) -> dict[str, pl.DataFrame]:
    """The tables with every note of a kind written by another."""
    theirs = pl.when(pl.col("kind") == kind).then(pl.lit(therapist)).otherwise("therapist_id")
    return tables | {"notes": tables["notes"].with_columns(therapist_id=theirs)}


def test_an_episode_has_its_plan_numbered_days_reports_goals_and_claims(
    tables: dict[str, pl.DataFrame],
) -> None:
    marks, _ = lanes_of(tables)
    counted = dict(marks.group_by("lane").len().iter_rows())
    assert counted["Plan of care"] == 1 and counted["Treatment days"] == 14 and counted["Claims"] == 14
    assert "14 treatment days" in episodes.episode_sentence(marks)
    assert "2 evaluations and reports" in episodes.episode_sentence(marks)
    assert set(marks["lane"]) <= set(episodes.LANES)
    assert episodes.lanes(marks) == [
        "Plan of care", "Treatment days", "Reports by therapist", "Goals", "Claims"
    ]  # fmt: skip


def test_days_count_anew_after_a_therapists_report_and_not_after_an_evaluation(
    tables: dict[str, pl.DataFrame],
) -> None:
    marks, _ = lanes_of(tables)
    assert numbers(marks) == [str(each) for each in (*range(1, 11), *range(1, 5))]


def test_an_assistants_report_stands_apart_and_days_count_on_as_pr_01_counts_them(
    tables: dict[str, pl.DataFrame],
) -> None:
    marks, found = lanes_of(written_by(tables, "progress_report", "A1"))
    assert numbers(marks) == [str(each) for each in range(1, 15)]
    assert "Reports by assistant" in episodes.lanes(marks)
    told = marks.filter(pl.col("lane") == "Reports by assistant")["told"].to_list()
    assert len(told) == 1 and told[0].endswith("by an assistant")
    missing = found.filter(pl.col("evidence").str.contains('"missing"'))
    assert json.loads(missing["evidence"][0])["facts"]["treatment_days"] == 14


def test_a_patient_nobody_knows_has_an_empty_episode() -> None:
    tables = from_frames({}).tables
    result = audit(from_frames({}), load_policies(), date(2026, 7, 1), [])
    nobody = treatment_counts(from_frames({}), load_policies(), date(2026, 7, 1), "P9")
    empty = episodes.episode(tables, result, "P9", None, datetime(2026, 3, 2), datetime(2026, 3, 2), nobody)
    assert empty.is_empty() and episodes.episode_sentence(empty).startswith("0 treatment days")


def test_a_late_report_ends_the_count_on_the_day_it_was_written_and_the_new_one_begins_after_the_due_day(
    tables: dict[str, pl.DataFrame],
) -> None:
    late = pl.when(pl.col("kind") == "progress_report").then(pl.col("service_date") + timedelta(days=12))
    notes = tables["notes"].with_columns(
        signed_on=late.otherwise("signed_on"), written_at=late.otherwise("written_at")
    )
    marks, found = lanes_of(tables | {"notes": notes})
    facts = json.loads(found.filter(pl.col("evidence").str.contains('"late"'))["evidence"][0])["facts"]
    assert numbers(marks) == [str(each) for each in (*range(1, 14), 4)]
    assert facts["treatment_days"] == 13


def test_days_of_a_payer_without_progress_reports_bear_no_number(tables: dict[str, pl.DataFrame]) -> None:
    medicaid = tables["claims"].with_columns(payer_id=pl.lit("MCD"))
    marks, _ = lanes_of(tables | {"claims": medicaid})
    assert set(numbers(marks)) == {episodes.UNCOUNTED}
