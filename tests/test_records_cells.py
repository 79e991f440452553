"""How cells are read: what is plain, what people write, and what is refused."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.records.cells import TIME_ALONE, read_cells
from compliance.records.models import TABLES, Kind, columns

COLUMNS = {column.kind: column for table in TABLES for column in columns(table)}
CHOICE = next(column for column in columns("clinics") if column.name == "setting")


def read(kind, *cells):
    return read_cells(pl.Series("cell", list(cells), dtype=pl.String), COLUMNS[kind])


def value(kind, cell):
    result = read(kind, cell)
    return "refused" if result.bad[0] else result.values[0]


MARCH_1 = datetime(2026, 3, 1)
DATES = [
    ("2026-03-01", MARCH_1), (" 2026-03-01 ", MARCH_1), ("2026-3-1", MARCH_1), ("2026/03/01", MARCH_1),
    ("03/01/2026", MARCH_1), ("3/1/2026", MARCH_1), ("3/1/2026 14:05", MARCH_1), ("03-01-2026", MARCH_1),
    ("2026-03-01T14:05Z", MARCH_1), ("2026-03-01 00:00:00", MARCH_1), ("2026-03-01T00:00:00.000", MARCH_1),
    ("20260301", MARCH_1), ("202603011405", MARCH_1), ("1-Mar-2026", MARCH_1), ("01-MAR-2026", MARCH_1),
    ("1 March 2026", MARCH_1), ("Mar 1, 2026", MARCH_1), ("46082", MARCH_1), ("46082.5", MARCH_1),
    ("03/04/2026", datetime(2026, 3, 4)), ("9999-12-31", datetime(2199, 12, 31)), ("", None), ("NULL", None),
    ("13/45/2026", "refused"), ("25/12/2026", "refused"), ("2026-02-30", "refused"), ("3/1/26", "refused"),
    ("yesterday", "refused"), ("2026", "refused"), ("0026-03-01", "refused"), ("99999", "refused"),
    ("2026-03-01T25:05", "refused"),
    ("2026-03-01 25:61", "refused"), ("3/1/2026 13:05 PM", "refused"),
    ("1e5", "refused"), ("nan", None), ("inf", "refused"), ("１２", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "meant"), DATES)
def test_dates(cell, meant):
    assert value(Kind.DATE, cell) == meant


@pytest.mark.parametrize(
    ("kind", "cell", "meant"),
    [
        (Kind.MOMENT, "2026-03-01T14:05", datetime(2026, 3, 1, 14, 5)),
        (Kind.MOMENT, "2026-03-01 14:05:30", datetime(2026, 3, 1, 14, 5, 30)),
        (Kind.MOMENT, "2026-03-01T14:05:30.250Z", datetime(2026, 3, 1, 14, 5, 30)),
        (Kind.MOMENT, "3/1/2026 2:05 PM", datetime(2026, 3, 1, 14, 5)),
        (Kind.MOMENT, "3/1/2026 12:05 am", datetime(2026, 3, 1, 0, 5)),
        (Kind.MOMENT, "46082.25", datetime(2026, 3, 1, 6)),
        (Kind.MOMENT, "2026-03-01T24:30", "refused"),
        (Kind.MOMENT, "13:05 PM", "refused"),
        (Kind.MOMENT, "14:05", "refused"),
        (Kind.CLOCK, "14:05", TIME_ALONE.replace(hour=14, minute=5)),
        (Kind.CLOCK, "2:05 PM", TIME_ALONE.replace(hour=14, minute=5)),
        (Kind.END_OF_DAY, "2026-03-01", datetime(2026, 3, 1, 23, 59, 59)),
        (Kind.END_OF_DAY, "3/1/2026", datetime(2026, 3, 1, 23, 59, 59)),
        (Kind.END_OF_DAY, "2026-03-01T08:00", datetime(2026, 3, 1, 8)),
    ],
)
def test_moments(kind, cell, meant):
    assert value(kind, cell) == meant


@pytest.mark.parametrize(
    ("kind", "cell", "meant"),
    [
        (Kind.MONEY, "1234.5", 1234.5), (Kind.MONEY, "$1,234.50", 1234.5), (Kind.MONEY, "(12.00)", -12.0),
        (Kind.MONEY, "-$12.00", -12.0), (Kind.MONEY, "$-12.00", -12.0), (Kind.MONEY, "($1,000)", -1000.0),
        (Kind.MONEY, ".5", 0.5), (Kind.MONEY, "1.234,50", "refused"), (Kind.MONEY, "1,23", "refused"),
        (Kind.MONEY, "inf", "refused"), (Kind.MONEY, "twelve", "refused"), (Kind.MONEY, "$", "refused"),
        (Kind.NUMBER, "3", 3), (Kind.NUMBER, "3.0", 3), (Kind.NUMBER, "1,200", 1200), (Kind.NUMBER, "3.5", "refused"),
        (Kind.NUMBER, "-3", "refused"),
        (Kind.UPPER_BOUND, "-3", "refused"), (Kind.UPPER_BOUND, "(3)", "refused"),
        (Kind.NUMBER, "99999999999999999999", "refused"),
        (Kind.UPPER_BOUND, "2-3", 3.0), (Kind.UPPER_BOUND, "2 – 3", 3.0), (Kind.UPPER_BOUND, "3x/week", 3.0),
        (Kind.UPPER_BOUND, "0.5", 0.5), (Kind.UPPER_BOUND, "daily", "refused"),
        (Kind.FLAG, "Yes", True), (Kind.FLAG, "N", False), (Kind.FLAG, "0", False), (Kind.FLAG, "maybe", "refused"),
        (Kind.CODES, "gp, kx;59", "GP KX 59"), (Kind.CODES, "['GP', 'KX']", "GP KX"), (Kind.CODES, " , ", ""),
        (Kind.CODES, "None", ""), (Kind.KEY, "None", "None"),
        (Kind.LABELS, "LTG 1, STG 2", "LTG1 STG2"), (Kind.LABELS, "LTG1 STG2", "LTG1 STG2"),
        (Kind.CODE, "97110.0", "97110"), (Kind.CODE, "g0283", "G0283"),
        (Kind.KEY, "00123", "00123"), (Kind.KEY, '="00123"', "00123"), (Kind.KEY, "1.23457E+11", "refused"),
        (Kind.TEXT, " “smart” – it’s ", " “smart” – it’s "), (Kind.TEXT, "   ", None), (Kind.TEXT, "NULL", "NULL"),
    ],
)  # fmt: skip
def test_numbers_lists_keys_and_text(kind, cell, meant):
    assert value(kind, cell) == (None if kind is Kind.CODES and meant == "" else meant)


@pytest.mark.parametrize("cell", ["private_practice", "Private Practice", "PRIVATE-PRACTICE"])
def test_choices_in_other_case_or_with_spaces(cell):
    assert read_cells(pl.Series([cell]), CHOICE).values[0] == "private_practice"


def test_an_unknown_choice_is_refused():
    assert read_cells(pl.Series(["clinic"]), CHOICE).bad[0]


@pytest.mark.parametrize(
    ("kind", "given", "meant"),
    [
        (Kind.DATE, pl.Series([datetime(2026, 3, 1, 14, 5)]), MARCH_1),
        (Kind.DATE, pl.Series([MARCH_1.date()]), MARCH_1),
        (Kind.DATE, pl.Series([46082]), MARCH_1),
        (Kind.DATE, pl.Series([MARCH_1]).dt.replace_time_zone("UTC"), MARCH_1),
        (Kind.END_OF_DAY, pl.Series([MARCH_1.date()]), datetime(2026, 3, 1, 23, 59, 59)),
        (Kind.KEY, pl.Series([1001.0, None]), "1001"),
        (Kind.KEY, pl.Series([1001]), "1001"),
        (Kind.NUMBER, pl.Series([2.0, None]), 2),
        (Kind.MONEY, pl.Series(["12.50"]).cast(pl.Decimal(10, 2)), 12.5),
        (Kind.CODES, pl.Series([["gp", "kx"]]), "GP KX"),
        (Kind.FLAG, pl.Series([True]), True),
        (Kind.FLAG, pl.Series([1]), True),
    ],
)
def test_typed_columns_of_parquet(kind, given, meant):
    result = read_cells(given, COLUMNS[kind])
    assert result.values[0] == meant
    assert not result.bad.any()


@pytest.mark.parametrize(
    "given", [pl.Series([1.5]), pl.Series([-1.0]), pl.Series([float("inf")]), pl.Series([b"x"])]
)
def test_typed_cells_that_do_not_fit_are_bad(given):
    assert read_cells(given, COLUMNS[Kind.NUMBER]).bad[0]


@pytest.mark.parametrize(
    ("cells", "meant"),
    [
        (["03/04/2026", "13/04/2026", "05/05/2026", "2026-03-04"], [False, False, True, True]),
        (["03/04/2026", "13/04/2026", "04/13/2026"], [False, False, True]),
        (["03-04-2026 09:00", "13/04/2026"], [False, False]),
        (["03/04/2026", "04/13/2026"], [True, True]),
        (["03/04/2026", "99/04/2026", "13/13/2026"], [True, False, False]),
        (["03/04/2026", None, "4 March 2026"], [True, False, True]),
    ],
)
def test_dates_beside_one_that_is_day_first_are_not_guessed(cells, meant):
    result = read(Kind.DATE, *cells)
    assert (result.values.is_not_null() & ~result.bad).to_list() == meant
    doubted = "13/04/2026" in cells and "03/04/2026" in cells
    assert (
        any("13/04/2026, which can only be day first" in wanted for _, wanted in result.faults) or not doubted
    )


@pytest.mark.parametrize(
    ("cells", "meant"),
    [
        (["62,50", "1.250", "1,250", "80", "12.50"], [False, False, False, True, True]),
        (["$ 1.062,5", "1,250"], [False, False]),
        (["1,250", "1,250.00", "1,250,000"], [True, True, True]),
    ],
)
def test_dollars_beside_one_with_a_decimal_comma_are_not_guessed(cells, meant):
    result = read(Kind.MONEY, *cells)
    assert (result.values.is_not_null() & ~result.bad).to_list() == meant


def of(table, name, *cells):
    column = next(column for column in columns(table) if column.name == name)
    result = read_cells(pl.Series(list(cells)), column)
    return [None if bad else meant for meant, bad in zip(result.values, result.bad, strict=True)]


@pytest.mark.parametrize("table", ["claim_lines", "interventions", "fees"])
def test_procedure_codes_are_five_characters(table):
    assert of(table, "cpt", "97530", " g0283 ", "97530.0", "0001F") == ["97530", "G0283", "97530", "0001F"]
    wrong = (
        "97530,97110",
        "abc",
        "9753O",
        "O7530",
        "97S30",
        "=97530",
        "97530-GO",
        "9753",
        "975300",
        "９７５３０",
    )
    assert of(table, "cpt", *wrong) == [None] * len(wrong)


def test_modifiers_are_parted_where_that_is_certain_and_else_refused():
    written = ("GO/KX", "GOKX", "gokxco", "GP, kx;59", "GP KX", "GP")
    assert of("claim_lines", "modifiers", *written) == [
        "GO KX",
        "GO KX",
        "GO KX CO",
        "GP KX 59",
        "GP KX",
        "GP",
    ]
    assert of("claim_lines", "modifiers", "GPX", "GO.KX", "G", "GOKXC") == [None] * 4


@pytest.mark.parametrize(
    "key", ["C\x1b[31m1", "C\x001", "C\ufffd1", "C\u200b1", "C\u202e1", "C\x851", "C\n1"]
)
def test_keys_with_characters_that_nobody_sees_are_refused(key):
    result = read(Kind.KEY, key, "C1", "Ünï-1")
    assert result.bad.to_list() == [True, False, False]
    assert "can be seen" in result.faults[0][1]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Kind.DATE, pl.Series([timedelta(days=3)])), (Kind.NUMBER, pl.Series([timedelta(minutes=3)])),
        (Kind.KEY, pl.Series([["C1", "P2"]])), (Kind.KEY, pl.Series([{"a": "C1"}])), (Kind.KEY, pl.Series([True])),
        (Kind.CODES, pl.Series([[["GP"]]])), (Kind.CODES, pl.Series([[{"a": "GP"}]])),
        (Kind.DATE, pl.Series([{"a": "2026-03-01"}])), (Kind.TEXT, pl.Series([["a"]])),
        (Kind.MONEY, pl.Series([[1.5]])), (Kind.KEY, pl.Series([["C1"]], dtype=pl.Array(pl.String, 1))),
    ],
)  # fmt: skip
def test_columns_of_a_type_that_holds_no_such_cells_are_refused_whole(kind, given):
    result = read_cells(pl.concat([given, pl.Series([None], dtype=given.dtype)]), COLUMNS[kind])
    assert result.unfit and result.bad.to_list() == [True, False]
    assert result.values.null_count() == 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (pl.Series([0.1 + 0.2, 1e17, 7.0, float("nan")]), [True, True, False, False]),
        (pl.Series([b"\xff\xfe1", b"C1", None]), [True, False, False]),
        (pl.Series(["1.50", "7.00"]).cast(pl.Decimal(9, 2)), [True, False]),
    ],
)
def test_keys_of_parquet_that_name_nothing_certain_are_refused(given, meant):
    assert read_cells(given, COLUMNS[Kind.KEY]).bad.to_list() == meant


def test_bytes_that_are_no_text_are_refused_in_any_column():
    result = read_cells(pl.Series([b"\xff", b"fine"]), COLUMNS[Kind.TEXT])
    assert result.bad.to_list() == [True, False] and result.faults[0][1] == "text in UTF-8"


LARGEST = 2**53


@pytest.mark.parametrize(
    "given",
    [pl.Series(["1e308"]), pl.Series(["-1e16"]), pl.Series(["9007199254740994"]), pl.Series([1e308]),
     pl.Series([-1e300]), pl.Series([2**63], dtype=pl.UInt64), pl.Series([2**60]), pl.Series(["$99,007,199,254,740,993"])],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Kind.MONEY, Kind.DECIMAL, Kind.UPPER_BOUND, Kind.NUMBER])
def test_amounts_beyond_what_a_number_holds_are_refused(kind, given):
    result = read_cells(given, COLUMNS[kind])
    assert result.bad[0]
    assert all("at most 9,007,199,254,740,992" in wanted for _, wanted in result.faults)


@pytest.mark.parametrize("given", [pl.Series([float(LARGEST)]), pl.Series([str(LARGEST)])])
def test_the_largest_amount_is_read(given):
    assert not read_cells(given, COLUMNS[Kind.MONEY]).bad[0]


NOTHING = {"", "null", "\\n", "nan", "nat", "#n/a", "<na>"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=24)), max_size=6), st.sampled_from(list(Kind)))
def test_no_cell_raises_and_none_is_lost_silently(cells, kind):
    result = read(kind, *cells)
    for cell, meant, bad in zip(cells, result.values, result.bad, strict=True):
        nothing = NOTHING | {"none"} if kind in (Kind.CODES, Kind.LABELS) else NOTHING
        said = (cell or "").strip().strip(" \u200b\ufeff,;|[]{}'\"=\x1c\x1d\x1e\x1f\x85").lower()
        if said not in nothing and said.isprintable():
            assert bad or meant is not None


def test_a_date_without_end_is_said():
    read_ = read(Kind.DATE, "9999-12-31", "2026-03-01", "2200-01-01")
    assert read_.values.to_list() == [datetime(2199, 12, 31), MARCH_1, datetime(2199, 12, 31)]
    assert read_.remarks == {"days after 2199 were taken as its last, for a date without end": 2}
