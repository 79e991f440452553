"""Expected payment and re-pricing: the worked figures of the fee schedule to the cent, and what must hold of any day."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit import Audit, audit
from compliance.money import exposure
from compliance.policy import load_policies
from compliance.records.load import from_frames

POLICIES = load_policies()
RELATIVE_VALUES = POLICIES.code_tables.frames["relative_values"]
CODES = ["97530", "97110", "97112", "97140", "97150", "97161", "98977"]
Billed = list[tuple[str, int]]


def priced_day(billed: Billed, day: str = "2024-07-10", kind: str = "medicare", **clinic: str) -> Audit:
    """The audit of one patient's day on one claim, no remittance."""
    return priced(_lines(billed, day), {"claim_id": ["C1"]}, kind, **clinic)


def _lines(billed: Billed, day: str) -> dict[str, list[str]]:
    return {
        "claim_id": ["C1"] * len(billed),
        "line": [str(n) for n in range(1, len(billed) + 1)],
        "service_date": [day] * len(billed),
        "cpt": [cpt for cpt, _ in billed],
        "units": [str(units) for _, units in billed],
        "charge": ["1000"] * len(billed),
        "modifiers": ["GP"] * len(billed),
    }


def priced(
    lines: dict[str, list[str]], claims: dict[str, list[str | None]], kind: str = "medicare", **clinic: str
) -> Audit:
    """The audit of one patient's lines on claims of one payer and clinic, no remittance."""
    place = {"clinic_id": ["CL1"], "setting": ["private_practice"], **{k: [v] for k, v in clinic.items()}}
    of_one = {"patient_id": "P1", "payer_id": "X", "clinic_id": "CL1"}
    claims = {**claims, **{name: [key] * len(claims["claim_id"]) for name, key in of_one.items()}}
    tables: dict[str, Any] = {
        "claim_lines": lines, "claims": claims, "clinics": place, "payers": {"payer_id": ["X"], "kind": [kind]},
    }  # fmt: skip
    records = from_frames({name: pl.DataFrame(table) for name, table in tables.items()})
    return audit(records, POLICIES, date(2026, 11, 1), [])


def amounts(billed: Billed, **more: str) -> list[float]:
    return priced_day(billed, **more).lines.sort("claim_id", "line")["amount"].to_list()


def at_risk(
    billed: Billed, gone: dict[int, int | None], day: str = "2024-07-10", instead: str | None = None
) -> list[float]:
    """Dollars at risk of the lines whose units fall away (None = all of them), as one finding."""
    lines = priced_day(billed, day).lines
    return exposed(lines, gone, instead)


def exposed(lines: pl.DataFrame, gone: dict[int, int | None], instead: str | None = None) -> list[float]:
    rows = pl.DataFrame(
        {
            "unit_row": [0] * len(gone),
            "share": [None] * len(gone),
            "exposed_units": list(gone.values()),
            "exposed_as": [instead] * len(gone),
            "claim_id": ["C1"] * len(gone),
            "line": list(gone),
        },
        schema_overrides={"share": pl.Float64, "exposed_units": pl.Int64, "exposed_as": pl.String, "line": pl.Int64},
    )  # fmt: skip
    return exposure(rows, lines, RELATIVE_VALUES).to_list()


@pytest.mark.parametrize(
    ("billed", "day", "total"),
    [
        ([("97530", 2), ("97140", 1), ("97110", 1)], "2024-07-10", 105.52),
        ([("97530", 1), ("97110", 1)], "2024-07-10", 58.92),
        ([("97161", 1), ("97110", 1), ("97530", 1)], "2024-07-10", 148.30),
        ([("97530", 2)], "2024-07-10", 62.41),
        ([("97530", 2), ("97140", 1), ("97110", 1)], "2026-07-10", 103.54),
        ([("97530", 2)], "2026-07-10", 60.12),
        ([("98977", 1)], "2026-07-10", 51.44),
    ],
)
def test_a_day_is_priced_with_one_unit_in_full(billed: Billed, day: str, total: float) -> None:
    assert round(sum(amounts(billed, day=day)), 2) == total


# The rule book's figures of one unit at national amounts: code, in full, with half of its practice expense (None: not reduced).
OF_2024 = """
97530 36.62 25.80 | 97110 29.29 22.30 | 97112 33.62 25.30 | 97116 29.29 22.30 | 97140 26.96 20.80 | 97535 32.62 23.97
97150 17.98 13.98 | 97113 36.62 26.46 | 97161 100.20 76.39 | 97162 100.20 76.39 | 97163 100.20 76.39 | 97165 101.19 76.89
97166 101.19 76.89 | 97167 101.19 76.89 | 97164 69.57 51.26 | 97168 69.90 51.43 | 97537 31.62 23.97 | 97542 31.62 23.97
97750 33.95 24.63 | 97533 62.25 39.28 | 97760 47.60 32.29 | 97035 13.98 10.65 | G0283 11.65 8.99
98975 19.97 - | 98977 47.27 - | 98980 50.60 - | 98981 39.95 -
"""
OF_2026 = """
97530 35.07 25.05 | 97110 29.06 22.21 | 97116 29.06 22.21 | 97112 32.73 24.88 | 97113 37.07 26.72 | 97140 27.72 21.21
97535 32.40 23.88 | 97150 18.04 14.03 | 97124 29.73 20.88 | 97161 97.86 74.82 | 97162 97.86 74.82 | 97163 97.86 74.82
97165 100.54 76.15 | 97166 100.54 76.15 | 97167 100.54 76.15 | 97164 67.47 49.93 | 97168 68.47 50.44 | 97533 60.79 38.58
97537 32.06 24.22 | 97542 31.06 23.71 | 97750 33.73 24.55 | 97760 46.09 31.56 | 97761 40.42 28.72 | 97763 50.10 33.23
97012 14.36 11.36 | 97032 14.70 11.69 | 97035 14.36 10.86 | 92507 76.15 59.95 | 92526 84.17 64.63
98975 21.71 - | 98977 51.44 - | 98985 51.44 - | 98979 26.39 - | 98980 54.11 - | 98981 41.42 -
"""


def figures(table: str, day: str) -> list[Any]:
    rows = [row.split() for row in table.replace("\n", "|").split("|") if row.strip()]
    return [
        pytest.param(cpt, day, float(full), float(full if half == "-" else half), id=f"{cpt} on {day}")
        for cpt, full, half in rows
    ]


def cents(dollars: float) -> float:
    return int(dollars * 100 + 0.5 + 1e-9) / 100


@pytest.mark.parametrize(
    ("cpt", "day", "full", "reduced"), [*figures(OF_2024, "2024-07-10"), *figures(OF_2026, "2026-07-10")]
)
def test_a_unit_pays_what_the_schedule_says(cpt: str, day: str, full: float, reduced: float) -> None:
    line = priced_day([(cpt, 1)], day).lines.row(0, named=True)
    assert cents(line["amount"]) == full
    assert cents(line["unit_price"]) == reduced


def test_an_unsupported_unit_of_the_highest_code_costs_its_reduced_price() -> None:
    assert at_risk([("97530", 2), ("97140", 1), ("97110", 1)], {1: 1})[0] == pytest.approx(25.80, abs=0.005)


def test_when_a_whole_line_falls_another_code_is_paid_in_full() -> None:
    assert at_risk([("97530", 2), ("97140", 1), ("97110", 1)], {1: None})[0] == pytest.approx(
        55.42, abs=0.005
    )


def test_another_code_costs_the_difference() -> None:
    assert at_risk([("97530", 1)], {1: None}, instead="97110")[0] == pytest.approx(7.33, abs=0.005)
    assert at_risk([("97530", 1)], {1: None}, "2026-07-10", "97110")[0] == pytest.approx(6.01, abs=0.005)


def test_locality_moves_the_price_and_not_the_share() -> None:
    national, dear = amounts([("97530", 1)])[0], amounts([("97530", 1)], state="AK", locality="01")[0]
    assert dear > national
    lines = priced_day([("97530", 1)], state="AK", locality="01").lines
    assert exposed(lines, {1: None}, "97110")[0] / dear == pytest.approx(7.33 / 36.62, abs=0.02)


def test_a_claim_without_a_billing_number_is_of_the_day_of_the_clinics_other_claims() -> None:
    lines = {
        **_lines([("97530", 1), ("97110", 1)], "2024-07-10"),
        "claim_id": ["C1", "C2"],
        "line": ["1", "1"],
    }
    told = [
        priced(lines, {"claim_id": ["C1", "C2"], "billing_npi": npis}).lines["amount"].sum()
        for npis in (["1", "1"], ["1", None], ["1", "2"])
    ]
    assert told[0] == pytest.approx(told[1]) and told[1] < told[2]


def test_a_year_without_relative_values_counts_the_charge() -> None:
    assert amounts([("97530", 1)], day="2025-07-10") == [1000.0]


def test_a_payer_without_a_schedule_counts_the_charge() -> None:
    assert amounts([("97530", 1)], kind="auto") == [1000.0]


def test_no_line_is_expected_to_pay_more_than_its_charge() -> None:
    day = datetime(2024, 7, 10)
    lines = priced_day([("97161", 1)]).lines
    assert lines["service_date"].to_list() == [day]
    assert (lines["expected"] <= lines["charge"]).all()


days = st.lists(st.tuples(st.sampled_from(CODES), st.integers(1, 4)), min_size=1, max_size=5)


@settings(max_examples=12, deadline=None)
@given(billed=days)
def test_all_lines_of_a_day_are_worth_the_day(billed: Billed) -> None:
    lines = priced_day(billed).lines
    gone: dict[int, int | None] = dict.fromkeys(range(1, len(billed) + 1))
    assert sum(exposed(lines, gone)) == pytest.approx(lines["amount"].sum())


@settings(max_examples=12, deadline=None)
@given(billed=days, data=st.data())
def test_more_units_gone_cost_more_and_never_more_than_the_line(billed: Billed, data: st.DataObject) -> None:
    lines = priced_day(billed).lines
    line = data.draw(st.integers(1, len(billed)))
    costs = [exposed(lines, {line: units})[0] for units in range(billed[line - 1][1] + 1)]
    assert costs[0] == pytest.approx(0) and costs == sorted(costs)
    assert costs[-1] <= lines.filter(pl.col("line") == line)["amount"][0] + 1e-9
    assert exposed(lines, {line: None})[0] == pytest.approx(costs[-1])


@settings(max_examples=12, deadline=None)
@given(billed=days, data=st.data())
def test_what_falls_away_is_the_day_before_less_the_day_after(billed: Billed, data: st.DataObject) -> None:
    """Priced anew without the line, the day pays exactly what was not at risk (where no line was capped)."""
    line = data.draw(st.integers(1, len(billed)))
    rest = [each for n, each in enumerate(billed, 1) if n != line]
    before = priced_day(billed).lines
    after = sum(amounts(rest)) if rest else 0.0
    assert exposed(before, {line: None})[0] == pytest.approx(before["amount"].sum() - after, abs=1e-6)
