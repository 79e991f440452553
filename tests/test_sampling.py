"""Frames, draws, worksheets, reviews and bundles of spot checks."""

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.sampling import SamplingError
from compliance.sampling.agreement import Verdict, against_rules, agreement, verdicts
from compliance.sampling.bundle import (
    ANSWERS,
    DRAW,
    ESTIMATE,
    FRAME,
    MANIFEST,
    ORDER,
    PLAN,
    RULES,
    Bundle,
    Difference,
    Made,
    handed_out,
    opened,
    reviewed,
    verify,
)
from compliance.sampling.draw import Design, allocated, bands, draw, stratified
from compliance.sampling.estimates import Interval, NoEstimate, Projection
from compliance.sampling.frame import Criteria, Frame, build_frame, frame_text, frame_units
from compliance.sampling.plan import Plan, buys, plan
from compliance.sampling.review import Result, review
from compliance.sampling.sheets import dollars_text, sheet_rows, sheet_text
from compliance.sampling.spot_check import probe_of
from compliance.sampling.told import result_told, reviewers_told, sample_told
from compliance.sampling.worksheet import Answer, WorksheetError, read_worksheet, worksheet_text

LINE = {
    "claim_id": "C1", "line": 1, "service_date": datetime(2026, 3, 2), "cpt": "97530", "patient_id": "P1", "payer_id": "MCR",
    "therapist_id": "T1", "note_therapist_id": None, "clinic_id": "CL1", "discipline": "PT", "note_id": "N1",
    "resubmitted": False, "paid": 36.62, "allowed": 45.78, "amount": 45.78,
}  # fmt: skip


def lines(*rows: dict[str, Any]) -> pl.DataFrame:
    """Standing claim lines; each row says in what it differs from LINE."""
    return pl.DataFrame([{**LINE, **row} for row in rows], schema_overrides={"note_therapist_id": pl.String})


def many(number: int = 40) -> pl.DataFrame:
    """So many lines, of two payers, of dollars from 10 to 90."""
    return lines(
        *(
            {"claim_id": f"C{each:03}", "payer_id": ("MCR", "COM")[each % 2], "paid": 10.0 + 20 * (each % 5)}
            for each in range(number)
        )
    )


def frame_of(number: int = 40) -> Frame:
    return build_frame(many(number), Criteria())


def test_a_frame_counts_what_it_leaves_out_at_the_first_reason() -> None:
    frame = build_frame(
        lines(
            {},
            {},  # the same line again
            {"claim_id": "C2", "resubmitted": True},
            {"claim_id": "C3", "payer_id": "COM", "cpt": "97110"},
            {"claim_id": "C4", "cpt": "97110"},
            {"claim_id": "C5", "service_date": datetime(2025, 12, 31)},
            {"claim_id": "C6", "paid": None},
            {"claim_id": "C7", "paid": 0.0},
            {"claim_id": "C8", "paid": -5.0},
            {"claim_id": "C9", "service_date": None},
        ),
        Criteria(payers=("MCR",), codes=("97530",), since=date(2026, 1, 1), until=date(2026, 3, 2)),
    )
    assert frame.size == 1 and frame.cents == 3662
    assert [(each.reason, each.lines) for each in frame.excluded] == [
        ("listed twice", 1),
        ("denied and billed again", 1),
        ("without a date of service", 1),
        ("of another payer", 1),
        ("of another code", 1),
        ("before 2026-01-01", 1),
        ("without a payment on record", 1),
        ("taken back", 1),
        ("paid nothing", 1),
    ]


def test_unpaid_lines_may_be_drawn_when_asked() -> None:
    denied = lines({}, {"claim_id": "C2", "paid": 0.0})
    assert build_frame(denied, Criteria(paid_only=False)).size == 2


def test_dollars_are_what_was_asked_for() -> None:
    assert build_frame(lines({"paid": None}), Criteria(dollars="allowed")).cents == 4578


def test_an_empty_frame_says_why() -> None:
    with pytest.raises(SamplingError, match=r"2 are without a payment on record \(--dollars allowed"):
        build_frame(lines({"paid": None}, {"claim_id": "C2", "paid": None}), Criteria())


@pytest.mark.parametrize(
    ("unit", "keys"),
    [
        ("line", ["line#C1#1", "line#C1#2", "line#C2#1"]),
        ("claim", ["claim#C1", "claim#C2"]),
        ("visit", ["visit#P1#PT#2026-03-02", "visit#P1#PT#2026-03-04"]),
    ],
)
def test_a_unit_is_a_line_a_claim_or_a_visit(unit: str, keys: list[str]) -> None:
    told = lines({}, {"line": 2, "cpt": "97110"}, {"claim_id": "C2", "service_date": datetime(2026, 3, 4)})
    frame = build_frame(told, Criteria(unit=unit))
    assert frame.units["unit"].to_list() == keys
    assert frame.cents == 3 * 3662
    if unit != "line":
        first = frame.units.row(0, named=True)
        assert (first["codes"], first["lines"]) == ("97110 97530", "C1#1 C1#2")


def test_the_frames_hash_is_that_of_its_file_and_its_file_gives_it_back() -> None:
    frame = frame_of()
    assert frame.sha256 == hashlib.sha256(frame.text.encode()).hexdigest()
    assert frame_units(frame.text).equals(frame.units)
    assert frame.text.startswith("unit,first_day,last_day,patient_id,") and "\r" not in frame.text


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), max_size=5))
@settings(deadline=None)
def test_a_sheet_gives_back_what_was_written_and_runs_nothing(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\r", "").replace("\0", "") for cell in row] for row in rows]
    rows = [[cell.encode("utf-8", "ignore").decode() for cell in row] for row in rows]
    text = sheet_text(["one", "two"], rows)
    assert [list(row.values()) for row in sheet_rows(text)] == rows
    assert sheet_text(["a"], [["=1+1"], ["-5.00"]]) == "a\n'=1+1\n-5.00\n"


def test_the_draw_is_the_lowest_hashes_of_seed_and_unit() -> None:
    frame = frame_of()
    sample = draw(frame.units, Design(size=5, seed=7))
    by_hand = sorted(frame.units["unit"], key=lambda unit: hashlib.sha256(f"7/{unit}".encode()).hexdigest())
    assert sample.units["unit"].to_list() == by_hand[:5]
    assert sample.units["order"].to_list() == [1, 2, 3, 4, 5]


def test_the_draw_is_the_same_on_every_machine() -> None:
    drawn = draw(frame_of().units, Design(size=4, seed=7)).units["unit"].to_list()
    assert drawn == ["line#C012#1", "line#C029#1", "line#C034#1", "line#C022#1"]  # as sha256sum says


@given(st.permutations(range(40)), st.integers(0, 2**64), st.sampled_from([None, "payer", "dollars"]))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_changes_nothing(order: list[int], seed: int, by: str | None) -> None:
    shuffled = build_frame(many()[order], Criteria())
    assert shuffled.sha256 == frame_of().sha256
    design = Design(9, seed, by, bands(shuffled.units) if by == "dollars" else ())
    once, again = (draw(units, design).units for units in (frame_of().units[order], shuffled.units))
    assert once.equals(again)


@given(st.integers(1, 39), st.integers(0, 99), st.sampled_from(["proportional", "neyman"]))
@settings(max_examples=25, deadline=None)
def test_a_larger_sample_of_a_seed_holds_the_smaller(size: int, seed: int, allocation: str) -> None:
    units = frame_of().units
    for by in (None, "payer"):
        if by is None or size >= 4:
            less, more = (
                set(draw(units, Design(n, seed, by, (), allocation)).units["unit"]) for n in (size, size + 1)
            )
            assert less < more


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=60), st.integers(1, 5))
@settings(deadline=None)
def test_strata_part_the_frame(cents: list[int], number: int) -> None:
    units = pl.DataFrame({"unit": [str(place) for place in range(len(cents))], "cents": cents})
    cuts = bands(units, number)
    placed = stratified(units, "dollars", cuts)
    assert placed["unit"].to_list() == units["unit"].to_list() and placed["stratum"].null_count() == 0
    assert placed["stratum"].n_unique() == len(cuts) + 1 <= number
    tops = placed.group_by("stratum").agg(low=pl.col("cents").min(), high=pl.col("cents").max()).sort("low")
    assert all(low > high for low, high in zip(tops["low"][1:], tops["high"], strict=False))


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1e6)), min_size=2, max_size=6),
    st.data(),
)
@settings(deadline=None)
def test_allocation_adds_up_within_its_bounds(strata: list[tuple[int, float]], data: st.DataObject) -> None:
    least = sum(min(2, units) for units, _ in strata)
    size = data.draw(st.integers(least, sum(units for units, _ in strata)))
    sizes = allocated(strata, size, True)
    assert sum(sizes) == size
    assert all(min(2, units) <= drawn <= units for drawn, (units, _) in zip(sizes, strata, strict=True))


def test_allocation_is_in_proportion_or_by_spread() -> None:
    assert allocated([(600, 600.0), (300, 300.0), (100, 100.0)], 30, True) == [18, 9, 3]
    units = lines(
        *({"claim_id": f"A{each}", "payer_id": "A", "paid": 10.0} for each in range(50)),
        *({"claim_id": f"B{each}", "payer_id": "B", "paid": 1.0 + each} for each in range(50)),
    )
    frame = build_frame(units, Criteria())
    sizes = [each.drawn for each in draw(frame.units, Design(20, 1, "payer", (), "neyman")).strata]
    assert sizes == [2, 18], "a stratum whose dollars are all alike needs no more than two"


def test_too_small_a_sample_for_its_strata_is_refused() -> None:
    with pytest.raises(SamplingError, match=r"3 in 2 strata: two of each are needed \(expected 4"):
        draw(frame_of().units, Design(3, 1, "payer"))
    with pytest.raises(SamplingError, match="the frame has 40 units"):
        draw(frame_of().units, Design(41, 1))


def test_a_plan_says_what_its_size_buys() -> None:
    cents = [3662] * 1000
    found = plan("discovery", cents, "line", rate=0.05, confidence=0.95)
    assert found.size == 57, "59 of an endless frame"
    assert buys(found)[0] == (
        "57 of 1,000 lines: if none of them is wrong, you may be 95 % confident that fewer than 5.0 % of all are."
    )
    rate = plan("rate", cents, "visit", rate=0.2, precision=0.05, confidence=0.9)
    assert rate.size == 148 and "told within ±5 points, with 90 % confidence" in buys(rate)[0]
    dollars = plan("dollars", cents, "line", rate=0.2, precision=0.25)
    assert dollars.size == 148 and "if about 20.0 % are wholly wrong" in buys(dollars)[0]
    probed = plan("dollars", cents, "line", probe=(1356.6, 2701.39))
    assert probed.size == 147 and "as in the probe" in buys(probed)[0]
    assert "Too few to project dollars" in buys(plan("discovery", cents, "line", size=10))[2]
    assert "everything is reviewed" in buys(plan("rate", cents[:5], "line"))[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"purpose": "guess"}, "expected discovery, rate, dollars, size"),
        ({"purpose": "size"}, "how many units"),
        ({"purpose": "rate", "size": 11}, "expected 1 to 10"),
        ({"purpose": "rate", "rate": 1.0}, "between 0 and 100 %"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SamplingError, match=said):
        plan(asked.pop("purpose"), [100] * 10, "line", **asked)


def filled(drawn: pl.DataFrame, *changes: tuple[int, str, str]) -> bytes:
    """The worksheet with every answer ok, but for cells by row (from 2) and column."""
    rows = [{**row, "answer": "ok"} for row in sheet_rows(worksheet_text(drawn))]
    for row, column, cell in changes:
        rows[row - 2][column] = cell
    return sheet_text(list(rows[0]), (list(row.values()) for row in rows)).encode()


DRAWN = draw(frame_of().units, Design(6, 7)).units


def test_the_worksheet_hides_what_the_rules_found() -> None:
    header = worksheet_text(DRAWN).partition("\n")[0].split(",")
    assert header[-3:] == ["answer", "correct_dollars", "comment"]
    assert not {"verdict", "rule", "rules", "findings", "severity"} & set(header)


def test_answers_are_read_back() -> None:
    answers = read_worksheet(
        filled(DRAWN, (2, "answer", " Error "), (2, "correct_dollars", "$10.5"), (3, "answer", "MISSING"),
               (4, "answer", "cannot_tell"), (5, "comment", "=1+1"), (6, "correct_dollars", "90.00")), DRAWN,
    )  # fmt: skip
    assert [(each.answer, each.correct) for each in answers] == [
        ("error", 1050), ("missing", 0), ("cannot tell", None), ("ok", 5000), ("ok", 9000), ("ok", 9000),
    ]  # fmt: skip
    assert answers[3].comment == "=1+1"


def test_a_worksheet_may_be_sorted_and_saved_as_spreadsheets_save() -> None:
    text = filled(DRAWN).decode()
    header, *rows = text.splitlines()
    moved = "\r\n".join([f"{header},mine", *(f"{row},x" for row in reversed(rows)), ",,,"])
    for content in (
        moved.encode("utf-8-sig"),
        moved.replace(",", ";").encode(),
        moved.replace(",", "\t").encode(),
    ):
        assert read_worksheet(content, DRAWN) == read_worksheet(text.encode(), DRAWN)


BAD_CELLS = [
    ((3, "answer", ""), "row 3, column answer: is empty (expected ok, error, missing or cannot tell)"),
    ((3, "answer", "yes"), "row 3, column answer: yes (expected ok"),
    ((3, "answer", "error"), "row 3, column correct_dollars: is empty (expected dollars such as 36.62: the answer is error)"),
    ((3, "correct_dollars", "12.345"), "row 3, column correct_dollars: 12.345 (expected dollars such as 36.62)"),
    ((3, "correct_dollars", "36,62"), "row 3, column correct_dollars: 36,62"),
    ((3, "correct_dollars", "nan"), "row 3, column correct_dollars: nan"),
    ((3, "correct_dollars", "1e3"), "row 3, column correct_dollars: 1e3"),
    ((3, "correct_dollars", "-5"), "row 3, column correct_dollars: -5"),
    ((3, "correct_dollars", "٣"), "row 3, column correct_dollars: ٣"),
    ((3, "correct_dollars", "9" * 40), "row 3, column correct_dollars: 999"),
    ((3, "correct_dollars", "1"), "row 3, column correct_dollars: 1 (expected 90.00 or an empty cell: the answer is ok)"),
    ((3, "dollars", "51"), "row 3, column dollars: 51 (expected 90.00, as drawn"),
    ((3, "unit", "line#C999#1"), "row 3, column unit: line#C999#1 (expected a unit of this draw)"),
    ((3, "unit", ""), "row 3, column unit: is empty"),
    ((3, "unit", "\x1b[31m"), "row 3, column unit: \\x1b[31m"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"), BAD_CELLS, ids=lambda each: "".join(each[1:]) if isinstance(each, tuple) else ""
)
def test_a_bad_cell_is_refused_by_row_and_column(change: tuple[int, str, str], said: str) -> None:
    assert dollars_text(DRAWN["cents"][1]) == "90.00"
    with pytest.raises(WorksheetError) as refused:
        read_worksheet(filled(DRAWN, change), DRAWN, "mine.csv")
    assert said in str(refused.value) and str(refused.value).startswith("mine.csv: ")
    assert "\x1b" not in str(refused.value)


def test_every_bad_cell_is_told_at_once() -> None:
    with pytest.raises(WorksheetError) as refused:
        read_worksheet(
            filled(DRAWN, (2, "answer", ""), (3, "answer", ""), (5, "answer", ""), (6, "answer", "no")), DRAWN
        )
    assert str(refused.value) == (
        "worksheet: rows 2–3, 5, column answer: is empty (expected ok, error, missing or cannot tell); "
        "row 6, column answer: no (expected ok, error, missing or cannot tell)"
    )
    assert [each.row for each in refused.value.refusals] == [2, 3, 5, 6]


def without(content: bytes, column: str) -> bytes:
    rows = sheet_rows(content.decode())
    kept = [name for name in rows[0] if name != column]
    return sheet_text(kept, ([row[name] for name in kept] for row in rows)).encode()


HOSTILE_SHEETS = [
    (b"", "is empty"),
    (b"\n\n", "column unit: is not there"),
    (b"PK\x03\x04rest", "is a workbook or a zip (save it as CSV UTF-8)"),
    (b"\xff\xfeu\x00n\x00", "is not UTF-8 text"),
    (filled(DRAWN).replace(b"ok", b"\xe9", 1), "row 2: is not UTF-8 text"),
    (without(filled(DRAWN), "answer"), "row 1, column answer: is not there (keep the worksheet's columns)"),
    (filled(DRAWN).replace(b",comment", b",answer", 1), "column answer: stands twice"),
    (filled(DRAWN).replace(b"ok,", b'"ok,', 1), "is no CSV"),
    (filled(DRAWN).replace(b",ok,", b",ok,,,,x", 1), "row 2: 20 cells"),
    (b"\n".join(filled(DRAWN).splitlines()[:-1]), "has no row (expected one row for each drawn unit)"),
    (filled(DRAWN) + filled(DRAWN).splitlines()[2] + b"\n", "expected once; it stands in row 3"),
    (b"unit,dollars,answer,correct_dollars,comment\n" + b"x" * 200_000 + b",1,ok,,\n", "mine.csv: "),
]


@pytest.mark.parametrize(("content", "said"), HOSTILE_SHEETS, ids=range(len(HOSTILE_SHEETS)))
def test_a_file_that_is_no_worksheet_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(WorksheetError) as refused:
        read_worksheet(content, DRAWN, "mine.csv")
    assert said in str(refused.value)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(WorksheetError):
        read_worksheet(content, DRAWN)


def answered(
    sample_units: pl.DataFrame, said: dict[int, tuple[str, int | None]] | None = None
) -> list[Answer]:
    """Answers in the draw's order: ok but for those by order."""
    told = []
    for order, unit, cents in sample_units.select("order", "unit", "cents").iter_rows():
        answer, correct = (said or {}).get(order, ("ok", cents))
        told.append(Answer(unit, answer, correct))
    return told


def worked() -> tuple[Any, list[Answer]]:
    """The rule book's sample: 1,200 units, 30 reviewed, 8 in error."""
    wrong = [25.80, 36.62, 36.62, 73.24, 62.42, 25.80, 109.86, 36.62]
    frame = build_frame(
        lines(*({"claim_id": f"C{each:04}", "paid": 110.0} for each in range(1200))), Criteria()
    )
    sample = draw(frame.units, Design(30, 7))
    return sample, answered(
        sample.units, {order: ("error", 11000 - round(100 * d)) for order, d in enumerate(wrong, start=1)}
    )


def test_the_worked_sample_through_the_whole_review() -> None:
    told = review(*worked())
    assert (told.errors, told.reviewed, told.population, told.net_cents) == (8, 30, 1200, 40698)
    assert isinstance(told.rate, Interval) and round(100 * told.rate.lower, 1) == 16.2
    document = told.as_dict()
    assert document["overpayment"]["difference"] == {
        "point_estimate": 16279.20, "standard_error": 5844.01, "confidence": 0.9, "two_sided": [6349.49, 26208.91],
        "two_sided_lower_limit": 6349.49, "one_sided_lower_limit": 8615.17, "precision": 0.609963,
        "quantiles": "Student's t, 29 degrees of freedom",
    }  # fmt: skip
    assert document["net_financial_error_rate"] == round(406.98 / 3300, 6)
    said = "\n".join(result_told(told, "line"))
    for figure in ("8 of 30 are wrong: 26.7 %", "14.0 % to 43.0 %", "at least 16.2 %", "$16,279.20, ± 61.0 %",
                   "OIG, lower limit of the two-sided 90 % interval: $6,349.49",
                   "Medicare contractors, lower limit of the one-sided 90 % interval: $8,615.17"):  # fmt: skip
        assert figure in said


def one(told: Result) -> Any:
    return told.projections["difference"]


def test_a_missing_record_is_wrong_in_full_and_what_cannot_be_told_is_counted_both_ways() -> None:
    sample = draw(frame_of().units, Design(30, 7))
    told = review(sample, answered(sample.units, {1: ("missing", 0), 2: ("cannot tell", None)}))
    first, second = sample.units["cents"][:2]
    assert told.errors == 1 and told.net_cents == first
    assert told.net_cents_at_most == first + second and told.rate_at_most == pytest.approx(2 / 30)
    said = "\n".join(result_told(told, "line"))
    assert "1 record missing: counted as wrong in full, and not replaced." in said
    assert "1 of 30 are wrong, 1 could not be told and count as right: 3.3 %" in said
    assert "Were all that could not be told wrong: 6.7 %" in said


def test_what_cannot_be_told_is_no_assurance() -> None:
    sample = draw(frame_of().units, Design(30, 7))

    def told(untold: int) -> str:
        answers = answered(sample.units, dict.fromkeys(range(1, untold + 1), ("cannot tell", None)))
        return "\n".join(sample_told(sample, "line", 0.95, answers))

    assert "None is wrong: you may be 95 % confident that fewer than" in told(0)
    assert (
        "None of those told is wrong; only if the 10 not told are right too may you be 95 % confident"
        in told(10)
    )
    assert "Were all that could not be told wrong: 33.3 % (exact 90 % interval 19.3 % to 49.9 %)" in told(10)
    assert "None could be told: the sample shows nothing." in told(30)


def test_limits_without_width_are_not_taken_for_certainty() -> None:
    frame = build_frame(
        lines(*({"claim_id": f"C{each:04}", "paid": 40.0} for each in range(300))), Criteria()
    )
    sample = draw(frame.units, Design(30, 7))
    answers = answered(sample.units, dict.fromkeys(range(1, 31), ("error", 338)))
    projected = one(review(sample, answers))
    assert (projected.point, projected.low, projected.lower) == (1098600, 1098600, 1098600)
    assert "limits without width say nothing of the others" in "\n".join(
        sample_told(sample, "line", 0.9, answers)
    )


@pytest.mark.parametrize(
    ("size", "by", "said", "because"),
    [
        (29, None, {1: ("error", 0)}, "29 units are too few to project dollars from (expected 30 or more)"),
        (30, None, {}, "no dollars are in error in the sample"),
        (1, None, {1: ("error", 0)}, "the sample has 1 of 40 reviewed: its spread needs two"),
    ],
)
def test_a_sample_that_carries_no_projection_says_so(
    size: int, by: str | None, said: Any, because: str
) -> None:
    sample = draw(frame_of().units, Design(size, 7, by))
    told = review(sample, answered(sample.units, said))
    assert isinstance(one(told), NoEstimate) and because in one(told).because
    assert any(line.startswith(f"No projection of dollars: {because}") for line in result_told(told, "line"))
    assert told.as_dict()["overpayment"]["ratio"]["not_estimated"] == one(told).because
    assert isinstance(told.rate, Interval), "its error rate is exact all the same"


def test_no_error_in_a_sample_is_not_no_error_in_the_frame() -> None:
    sample = draw(frame_of().units, Design(30, 7))
    said = "\n".join(result_told(review(sample, answered(sample.units)), "line"))
    assert "0 of 30 are wrong: 0.0 % (90 % interval 0.0 % to 9.5 %, exact" in said


def test_a_stratified_review_weighs_its_strata() -> None:
    sample = draw(frame_of().units, Design(30, 7, "payer"))
    told = review(sample, answered(sample.units, {1: ("error", 0), 2: ("error", 0), 9: ("error", 100)}))
    assert isinstance(one(told), Projection) and one(told).quantiles == "normal"
    assert isinstance(told.rate, Interval)
    weighted = sum(each.population * each.errors / each.reviewed for each in told.strata) / 40
    assert told.rate.share == pytest.approx(weighted)
    assert sum(each.errors for each in told.strata) == told.errors == 3
    assert sum(each.net_cents for each in told.strata) == told.net_cents
    assert "weighted by strata" in "\n".join(result_told(told, "line"))


def test_strata_all_alike_have_no_interval_for_the_whole() -> None:
    sample = draw(frame_of().units, Design(30, 7, "payer"))
    told = review(sample, answered(sample.units))
    assert isinstance(told.rate, NoEstimate)
    assert any("see each stratum's exact one" in line for line in result_told(told, "line"))


def test_reviewing_the_whole_frame_is_the_truth() -> None:
    sample = draw(frame_of().units, Design(40, 7, "payer"))
    told = review(sample, answered(sample.units, {1: ("error", 0), 5: ("error", 0)}))
    assert told.rate == Interval(0.05, 0.05, 0.05, 0.05, 0.05, 0.9)
    assert one(told).point == one(told).low == told.net_cents
    assert any("nothing is projected" in line for line in result_told(told, "line"))


def test_an_underpayment_lowers_the_net_error() -> None:
    sample = draw(frame_of().units, Design(30, 7))
    told = review(sample, answered(sample.units, {1: ("error", sample.units["cents"][0] + 500)}))
    assert (told.net_cents, told.underpaid_cents, told.overpaid_cents) == (-500, 500, 0)
    assert any("$5.00 underpaid" in line for line in result_told(told, "line"))


# Two reviewers, and the rules


def said(*answers: str) -> list[Answer]:
    return [Answer(f"u{place}", answer, 0) for place, answer in enumerate(answers)]


def test_kappa_is_agreement_beyond_chance() -> None:
    # 20 both ok, 15 both error, 5 and 10 apart: 35 of 50, chance 0.5, kappa 0.4
    one_, two = ["ok"] * 25 + ["error"] * 25, ["ok"] * 20 + ["error"] * 5 + ["ok"] * 10 + ["error"] * 15
    told = agreement(said(*one_), said(*two))
    assert (told.same, told.units) == (35, 50) and told.kappa == pytest.approx(0.4)
    assert len(told.differing) == 15 and told.differing[0] == ("u20", "ok", "error")
    assert agreement(said("ok", "error"), said("ok", "error")).kappa == 1
    assert agreement(said("ok", "error"), said("error", "ok")).kappa == -1


def test_reviewers_who_say_one_thing_throughout_have_no_kappa() -> None:
    told = agreement(said("ok", "ok"), said("ok", "ok"))
    assert told.kappa is None
    assert "Cohen's kappa has no value" in reviewers_told(told)[0]


def test_the_rules_are_compared_where_both_could_tell() -> None:
    told = against_rules(
        said("error", "missing", "ok", "ok", "cannot tell", "error"),
        [Verdict(f"u{place}", verdict) for place, verdict in
         enumerate(("error", "ok", "error", "ok", "error", "cannot tell"))],
    )  # fmt: skip
    assert (told.both, told.neither, told.missed, told.false_alarms, told.untold) == (
        1,
        1,
        ("u1",),
        ("u2",),
        2,
    )


def test_the_rules_verdict_is_error_where_dollars_are_at_risk() -> None:
    """Also where a claim's id holds what a list is parted by."""
    told = lines(*({"claim_id": each} for each in ("C 1", "C%201", "C3", "C4")))
    days = {"C 1": 2, "C%201": 2, "C3": 2, "C4": 4}
    told = told.with_columns(
        service_date=pl.Series([datetime(2026, 3, days[each]) for each in told["claim_id"]])
    )
    found = pl.DataFrame(
        [
            {"finding_id": "F1", "rule": "AA-01", "severity": "high", "lines": '[{"claim_id": "C 1", "line": 1, "amount": 5.0}]'},
            {"finding_id": "F2", "rule": "AA-02", "severity": "low", "lines": '[{"claim_id": "C3", "line": 1, "amount": 0.0}]'},
        ]
    )  # fmt: skip
    visits = told.select("patient_id", "discipline", "service_date").unique()
    visits = visits.with_columns(cannot_tell=pl.col("service_date") == datetime(2026, 3, 4))
    sample = draw(build_frame(told, Criteria()).units, Design(4, 7))
    verdict = {
        each.unit: (each.verdict, each.findings) for each in verdicts(sample.units, found, told, visits)
    }
    assert verdict == {
        "line#C 1#1": ("error", ("F1",)),
        "line#C%201#1": ("ok", ()),
        "line#C3#1": ("ok", ()),
        "line#C4#1": ("cannot tell", ()),
    }


def bundle_of(size: int = 30, by: str | None = None) -> Bundle:
    frame = frame_of()
    sample = draw(frame.units, Design(size, 7, by))
    told = [Verdict(unit, "ok") for unit in sample.units["unit"]]
    made = Made("policies", "records", "2026-07-01")
    return opened(handed_out(frame, Plan("size", size, 40, "line", 0.9), sample, told, made))


def reviewed_bundle(by: str | None = None) -> bytes:
    bundle = bundle_of(by=by)
    answers = answered(bundle.sample.units, {1: ("error", 0), 2: ("cannot tell", None)})
    return reviewed(bundle, answers, answers)


@pytest.mark.parametrize("by", [None, "payer"])
def test_a_bundle_verifies_and_has_the_same_bytes_twice(by: str | None) -> None:
    assert verify(reviewed_bundle(by)) == []
    assert reviewed_bundle(by) == reviewed_bundle(by)
    assert [each for each in ORDER if each in opened(reviewed_bundle(by)).parts] == list(ORDER)
    again = opened(reviewed_bundle(by))
    assert (
        again.answers
        == again.second
        == answered(again.sample.units, {1: ("error", 0), 2: ("cannot tell", None)})
    )


def remade(content: bytes, changes: dict[str, bytes], *, hashes: bool = False) -> bytes:
    """The bundle with parts replaced; `hashes`: as a forger would, with the manifest made to fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts |= changes
    if hashes:
        manifest = json.loads(parts[MANIFEST])
        manifest.pop("sha256")
        manifest["parts"] = {
            name: hashlib.sha256(parts[name]).hexdigest()
            for name in ORDER
            if name in parts and name != MANIFEST
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        parts[MANIFEST] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, text)
    return buffer.getvalue()


def test_a_manifest_that_lists_no_part_or_holds_no_words_is_not_whole() -> None:
    content = reviewed_bundle()
    manifest = dict(opened(content).manifest)
    for change in ({"parts": {}}, {"made_with": {**manifest["made_with"], "records": []}}):
        forged = {name: each for name, each in {**manifest, **change}.items() if name != "sha256"}
        text = json.dumps(forged, indent=2, ensure_ascii=False) + "\n"
        forged["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        changed = remade(
            content, {MANIFEST: (json.dumps(forged, indent=2, ensure_ascii=False) + "\n").encode()}
        )
        assert [each.part for each in verify(changed)] == [MANIFEST]


@pytest.mark.parametrize("part", ORDER)
def test_a_changed_byte_names_its_part(part: str) -> None:
    content = reviewed_bundle()
    text = opened(content).parts[part]
    changed = remade(content, {part: text[:-2] + b"!" + text[-1:]})
    assert [each.part for each in verify(changed)] == [part]


def test_no_byte_of_the_zip_can_change_unseen() -> None:
    content = reviewed_bundle()
    for place in [*range(0, len(content), 97), *range(len(content) - 900, len(content))]:
        changed = bytearray(content)
        changed[place] ^= 1
        with suppress(SamplingError):
            assert verify(bytes(changed)), place


@pytest.mark.parametrize(
    ("part", "old", "new", "said"),
    [
        (DRAW, b"1,line", b"2,line", Difference(DRAW, "is not what seed 7 and the plan give")),
        (FRAME, b"10.00", b"11.00", Difference(FRAME, "is not the frame that the plan names")),
        (PLAN, b'"seed": 7', b'"seed": 8', Difference(DRAW, "is not what seed 8 and the plan give")),
        (PLAN, b'"drawn": 30', b'"drawn": 31', Difference(PLAN, "names other strata than the frame gives")),
        (
            PLAN,
            b'"dollars": 2000.0',
            b'"dollars": 2900.0',
            Difference(FRAME, "is not the frame that the plan names"),
        ),
        (
            PLAN,
            b'"size": 30',
            b'"size": 59',
            Difference(PLAN, "plans another size, or for another frame, than was drawn"),
        ),
        (ANSWERS, b",ok,", b",error,", Difference(ESTIMATE, "is not what the answers give")),
        (ESTIMATE, b'"errors": 1', b'"errors": 2', Difference(ESTIMATE, "is not what the answers give")),
        (RULES, b",ok,", b",error,", Difference(ESTIMATE, "is not what the answers give")),
        (RULES, b"#C0", b"#C9", Difference(RULES, "is not about the drawn units")),
        (PLAN, b'"unit": "line"', b'"unit": "lime"', Difference(PLAN, "names no unit or no confidence")),
        (PLAN, b'"confidence": 0.9', b'"confidence": 90', Difference(PLAN, "names no unit or no confidence")),
        (
            PLAN,
            b"ascending SHA",
            b"descending SHA",
            Difference(
                f"{FRAME} or {PLAN}",
                "cannot be drawn from (expected a draw by ascending SHA-256 of SEED/UNIT within each stratum)",
            ),
        ),
    ],
)
def test_a_forged_part_is_found_though_its_hashes_fit(
    part: str, old: bytes, new: bytes, said: Difference
) -> None:
    content = reviewed_bundle()
    text = opened(content).parts[part]
    assert old in text
    forged = remade(content, {part: text.replace(old, new, 1)}, hashes=True)
    assert said in verify(forged)
    with pytest.raises(SamplingError):
        opened(forged)


@pytest.mark.parametrize("part", [PLAN, FRAME, RULES, ANSWERS, ESTIMATE, MANIFEST])
@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[" * 100_000, b"\xff", b"a,b\n1\n", b"null", b'{"design": 1, "frame": []}']
)
def test_a_part_that_cannot_be_read_is_a_difference_not_a_crash(part: str, text: bytes) -> None:
    changed = remade(reviewed_bundle(), {part: text}, hashes=part != MANIFEST)
    assert verify(changed)
    with pytest.raises(SamplingError, match="see compliance sample --verify"):
        opened(changed)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"unit,answer\n", remade(b"PK\x05\x06" + b"\0" * 18, {"a.txt": b""})]
)
def test_what_is_no_bundle_is_refused_in_one_line(content: bytes) -> None:
    for read in (opened, verify):
        with pytest.raises(SamplingError, match="is no bundle of a spot check"):
            read(content, "x.zip")


def test_a_compressed_or_foreign_member_is_not_read() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FRAME, "x" * 10_000_000)
        archive.writestr(MANIFEST, "{}", zipfile.ZIP_STORED)
        archive.writestr("../evil", "x", zipfile.ZIP_STORED)
    told = {each.part for each in verify(buffer.getvalue())}
    assert {FRAME, "../evil"} <= told
    with pytest.raises(SamplingError, match="is compressed"):
        opened(buffer.getvalue())


def test_a_probe_sizes_the_next_sample() -> None:
    mean, deviation = probe_of(opened(reviewed_bundle()))
    assert mean > 0 and deviation > 0
    with pytest.raises(SamplingError, match="no answers yet"):
        probe_of(bundle_of())


def test_hidden_verdicts_do_not_stand_in_the_worksheet() -> None:
    bundle = bundle_of()
    assert b"verdict" in bundle.parts[RULES] and b"verdict" not in bundle.parts["worksheet.csv"]
    assert replace(bundle, parts={**bundle.parts}).unit == "line"


def texts(frames: Sequence[Frame]) -> list[str]:
    return [frame_text(frame.units) for frame in frames]


def test_a_key_that_begins_as_a_formula_is_kept_and_not_run() -> None:
    frame = build_frame(lines({"patient_id": "=cmd()"}), Criteria())
    assert ",'=cmd()," in texts([frame])[0]
    assert frame_units(frame.text)["patient_id"][0] == "=cmd()"


def test_units_of_the_same_dollars_are_one_band() -> None:
    same = build_frame(lines(*({"claim_id": f"C{each}"} for each in range(6))), Criteria())
    assert bands(same.units) == ()
    sample = draw(same.units, Design(3, 7, "dollars"))
    assert [(each.name, each.drawn) for each in sample.strata] == [("all", 3)]
