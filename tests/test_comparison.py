"""The clinic beside itself: KX share, minutes a visit, dollars a patient, and the mix of codes with its limits."""

from datetime import date, datetime

import polars as pl
import pytest

from compliance.comparison import drift_sentence, figures, mix, monthly


def lines(**cells: list[object]) -> pl.DataFrame:
    number = len(next(iter(cells.values())))
    return pl.DataFrame(
        {
            "payer_kind": ["medicare"] * number, "modifiers": ["GP"] * number, "amount": [30.0] * number,
            "amount_basis": ["allowed"] * number, "patient_id": ["P1"] * number, "cpt": ["97110"] * number,
            "service_date": [datetime(2026, 1, 5)] * number, **cells,
        },
        schema_overrides={"service_date": pl.Datetime("us"), "modifiers": pl.String},
    )  # fmt: skip


NOTES = pl.DataFrame(
    {
        "patient_id": ["P1", "P1", "P2", "P3"], "discipline": ["PT"] * 4,
        "service_date": [datetime(2026, 1, 5), datetime(2026, 1, 5), datetime(2026, 2, 2), datetime(2026, 2, 3)],
        "timed_minutes": [30, 15, 38, None], "total_minutes": [40, None, None, None],
    },
    schema_overrides={"service_date": pl.Datetime("us")},
)  # fmt: skip


def test_the_figures_of_the_letter_say_what_they_rest_on() -> None:
    billed = lines(
        modifiers=["GP KX", "GP", "KX GO", None, "GP KX"],
        payer_kind=["medicare", "medicare", "medicare", "medicare", "commercial"],
        patient_id=["P1", "P1", "P2", "P2", "P3"],
        amount_basis=["allowed", "allowed", "allowed", "charge", "charge"],
    )
    kx, minutes, dollars = figures(billed, NOTES)
    assert (kx.value, kx.of) == (0.5, 4) and kx.share is not None and (kx.share.n, kx.share.of) == (2, 4)
    assert (minutes.value, minutes.of) == ((55 + 38) / 2, 2), (
        "two notes of a day are one visit; one knows no minutes"
    )
    assert (dollars.value, dollars.of) == (45.0, 2), "a charge is no allowed amount"


def test_without_lines_and_notes_nothing_is_said_of_them() -> None:
    kx, minutes, dollars = figures(lines(cpt=[]), NOTES.clear())
    assert (kx.value, kx.of, minutes.value, minutes.of, dollars.value, dollars.of) == (
        None,
        0,
        None,
        0,
        None,
        0,
    )
    assert (
        mix(lines(cpt=[])).is_empty() and drift_sentence(mix(lines(cpt=[]))) == "No timed codes were billed."
    )


def test_months_are_told_apart() -> None:
    told = monthly(lines(cpt=["97110"]), NOTES)
    minutes = {first: (each[1].value, each[1].of) for first, each in told.items()}
    assert minutes == {date(2026, 1, 1): (55.0, 1), date(2026, 2, 1): (38.0, 1)}


def test_a_mix_that_moved_beyond_its_own_past_is_told_and_a_small_quarter_is_not() -> None:
    days = [datetime(2025, 10, 6)] * 200 + [datetime(2026, 1, 5)] * 200
    codes = ["97530"] * 40 + ["97110"] * 160 + ["97530"] * 90 + ["97110"] * 110
    told = mix(lines(cpt=codes, service_date=days))
    last = told.filter((pl.col("code") == "97530") & (pl.col("quarter") == datetime(2026, 1, 1))).row(
        0, named=True
    )
    assert (last["n"], last["of"], last["share"], last["centre"], last["standing"]) == (
        90,
        200,
        0.45,
        0.2,
        "above",
    )
    assert drift_sentence(told).startswith(
        "Outside what its own past explains in the last quarter: 97110 80.0 % → 55.0 % (110 of 200 lines), 97530"
    )
    rare = mix(
        lines(
            cpt=["97530"] + ["97110"] * 1999 + ["97530"] * 8 + ["97110"] * 192,
            service_date=[days[0]] * 2000 + [days[-1]] * 200,
        )
    )
    assert "97530 <0.1 % → 4.0 % (8 of 200 lines)" in drift_sentence(rare)
    few = mix(lines(cpt=codes[:200] + ["97530"] * 9, service_date=days[:200] + [datetime(2026, 1, 5)] * 9))
    assert few.filter(pl.col("quarter") == datetime(2026, 1, 1))["standing"].unique().to_list() == ["few"]


def test_shares_of_a_quarter_sum_to_one_whatever_the_codes() -> None:
    many = [f"97{number}" for number in (110, 112, 116, 140, 530, 535, 537, 542)] * 10
    told = mix(lines(cpt=many), baseline_until=date(2027, 1, 1))
    assert told["share"].sum() == pytest.approx(1.0) and "others" in told["code"].to_list()
