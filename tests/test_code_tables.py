"""CMS's tables of codes as they are built in: which pairs are in force on which day, and which limits."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from compliance.policy import PolicyError, load_policies
from compliance.policy.code_tables import CodeTables, Edition, joined

FRAMES = load_policies().code_tables.frames
PAIRS = FRAMES["code_pairs"]
ROWS = pl.read_csv(Path(__file__).parent / "data" / "ncci_97530_rows.csv", infer_schema=False)
OPEN = "9999-12-31"
EVALUATIONS = "97161 97162 97163 97165 97166 97167"
REEVALUATIONS = "97164 97168"


def indicators(one: str, other: str, on: date, table: str = "practitioner") -> list[str]:
    """The indicators of the pair's rows in force on the day."""
    day = datetime(on.year, on.month, on.day)
    held = PAIRS.filter(
        (pl.col("table") == table) & (pl.col("column_1") == one) & (pl.col("column_2") == other)
    ).filter((pl.col("valid_from") <= day) & (day < pl.col("valid_until")))
    return held["modifier_indicator"].to_list()


@pytest.mark.parametrize("row", list(ROWS.iter_rows(named=True)), ids=lambda row: "-".join(row.values()))
def test_each_row_of_97530_as_cms_published_it(row: dict[str, str]) -> None:
    one, other, indicator = row["column_1"], row["column_2"], row["modifier_indicator"]
    listed = ROWS.filter((pl.col("column_1") == one) & (pl.col("column_2") == other))
    if row["active"] == "true":
        assert indicators(one, other, date(2024, 7, 1)) == [indicator]
    elif not (listed["active"] == "true").any():
        assert indicators(one, other, date(2024, 7, 1)) == []
    if row["deleted_on"] == OPEN:
        return
    last = date.fromisoformat(row["deleted_on"])
    if indicator == "9":
        assert "9" not in indicators(one, other, last)
        assert indicators(one, other, date(2026, 3, 2)) == (
            [] if not (listed["active"] == "true").any() else ["1"]
        )
    else:
        assert indicators(one, other, last) == [indicator]
        assert indicators(one, other, last + timedelta(days=1)) == []


STATUS = [
    ("97530", "97537 97542 97750", "1"), ("97530", "95851 95852 97153 97155", "0"),
    ("97150", "97530 97110 97112 97113 97116 97124 97140 97533 97535 97537 97542 97760 97761 97763", "1"),
    ("97150", "95851", "0"), ("92507 92508", "97530 97110 97112 97129 97150 97533", "1"),
    ("92526", "97530 97110 97112 97150", "1"), ("92526", "97032 G0283", "0"), ("95992", "97530 97110 97112 97140", "1"),
    ("90912 90913", "97530 97032 97110 97112 97535 97750", "1"), ("90901", "97530 97032 97110 97112 97535 97750", "0"),
    ("97755", "97530 97035 97110 97112 97140 97533 97535 97537 97542 97545 97760 97761 97763", "1"), ("97755", "97750", "0"),
    ("97140", "97750 97018 95851 95852", "1"), ("97140", "97124", "0"), ("97113", "97110 97022", "1"), ("97113", "97036", "0"),
    ("97112", "97022 97036", "1"), ("97012", "97140 97018 97164 97168", "1"),
    ("97760 97761 97763", "97110 97112 97116 97124 97140 97016", "1"), ("97760 97761", "97763", "0"), ("97761", "97760", "1"),
    ("97760 97761", REEVALUATIONS, "1"),
    ("97535 97537 97542 97533 97124 97129 97130 97139 97545 97012 97016 97018 97022 97024 97026 97028 97032 97033 97034 97035 "
     "97036 97039 G0281 G0283 G0329", REEVALUATIONS, "1"),
    ("97545", "97140", "0"), (f"{EVALUATIONS} {REEVALUATIONS}", "97750 97755 97763 95851 95852", "0"),
    (f"{EVALUATIONS} {REEVALUATIONS}", "96105 96125", "1"), ("97161", "97164", "0"), ("97162", "97161 97164", "0"),
    ("97163", "97161 97162 97164", "0"), ("97165", "97168", "0"), ("97166", "97165 97168", "0"),
    ("97167", "97165 97166 97168", "0"), ("97750", "97150 95851 95852", "0"), ("97016", "97018 97026", "1"),
    ("97018", "97022", "1"), ("97024", "97018 97026", "1"), ("97026", "97018 97022", "1"), ("97028", "97018 97022 97026", "1"),
    ("G0281", "97032 G0283", "1"), ("G0283", "97032", "1"), ("G0281", "G0329", "0"),
    ("97597 97598", "97022 97605 97606 97610 97164", "1"), ("97597 97598", "97602", "0"),
    ("98940 98941 98942", "97112 97124 97140", "1"), ("98940 98941 98942", f"{EVALUATIONS} {REEVALUATIONS}", "0"),
    ("98978", "98975 98976 98977", "0"), ("98980 98981", "97750", "0"),
]  # fmt: skip
"""Pairs in force on 2024-07-01, practitioner table, with their indicators (rule book §7)."""
HOSPITAL = [
    ("97153 97155", "97530", "1"), ("92526", "97032 G0283", "1"), ("90901", "97530 97032 97110 97112 97535 97750", "1"),
    (f"{EVALUATIONS} {REEVALUATIONS}", "97750 97755 97763", "1"), ("97750", "98980", "1"), ("97530", "97542", "1"),
]  # fmt: skip
"""Where the hospital table differs, and one pair in which it does not."""
NOT_IN_FORCE = [
    ("97140", "97530"), ("97530", "97116 97113 97164 97168 97535 97533 97110 97112"), ("97530", EVALUATIONS),
    (EVALUATIONS, "97140"), ("97110 97112 97113 97116 97140 97150 97530", REEVALUATIONS), ("97034 97035 97036", "97018 97022"),
]  # fmt: skip


def _pairs(listed: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [(a, b, told) for ones, others, told in listed for a in ones.split() for b in others.split()]


@pytest.mark.parametrize(("one", "other", "indicator"), _pairs(STATUS))
def test_a_pair_stands_as_the_table_of_2024_says(one: str, other: str, indicator: str) -> None:
    assert indicators(one, other, date(2024, 7, 1)) == [indicator]


@pytest.mark.parametrize(("one", "other", "indicator"), _pairs(HOSPITAL))
def test_the_hospital_table_has_its_own_indicators(one: str, other: str, indicator: str) -> None:
    assert indicators(one, other, date(2024, 7, 1), "hospital") == [indicator]


@pytest.mark.parametrize(("one", "other"), [("97530", "97153"), ("97530", "97155"), ("98980", "97750")])
def test_pairs_that_the_hospital_table_lacks(one: str, other: str) -> None:
    assert indicators(one, other, date(2024, 7, 1), "hospital") == []


@pytest.mark.parametrize(("one", "other", "_"), _pairs([(ones, others, "") for ones, others in NOT_IN_FORCE]))
def test_a_pair_that_was_deleted_or_void_is_not_in_force(one: str, other: str, _: str) -> None:
    assert indicators(one, other, date(2024, 7, 1)) == []


@pytest.mark.parametrize("day", [date(2020, 1, 1), date(2020, 9, 30)])
def test_pairs_that_were_added_again_were_not_in_force_before(day: date) -> None:
    assert indicators("97530", "97750", day) == indicators("97530", "97535", day) == []
    assert indicators("97530", "97750", date(2020, 10, 1)) == ["1"]
    assert indicators("97530", "97535", date(2021, 12, 31)) == ["1"]


def test_no_pair_is_in_force_twice_on_one_day() -> None:
    key = ["table", "column_1", "column_2"]
    following = pl.col("valid_from").shift(-1).over(key, order_by="valid_from")
    assert PAIRS.filter(following < pl.col("valid_until")).is_empty()


def edition(kind: str, begins: date, table: str, **columns: list[object]) -> tuple[Edition, pl.DataFrame]:
    said = Edition.model_validate({"kind": kind, "file": "x.csv", "from": begins, "source": "house-default"})
    count = len(next(iter(columns.values())))
    return said, pl.DataFrame({"table": [table] * count, **columns})


def limits(tables: CodeTables, table: str) -> list[tuple[int, date, date]]:
    rows = tables.frames["unit_limits"].filter(pl.col("table") == table).sort("valid_from")
    return [(units, a.date(), b.date()) for units, a, b in
            rows.select("units", "valid_from", "valid_until").iter_rows()]  # fmt: skip


def test_editions_of_one_table_follow_one_another_and_leave_the_others_alone() -> None:
    limit = {"cpt": ["97530"], "indicator": ["3"]}
    tables = joined(
        [edition("unit_limits", date(2024, 7, 1), "practitioner", units=[6], **limit),
         edition("unit_limits", date(2024, 7, 1), "hospital", units=[8], **limit)],
        [edition("unit_limits", date(2025, 1, 1), "practitioner", units=[5], **limit),
         edition("unit_limits", date(2024, 7, 1), "hospital", units=[7], **limit)],
    )  # fmt: skip
    assert limits(tables, "practitioner") == [
        (6, date(2024, 7, 1), date(2025, 1, 1)),
        (5, date(2025, 1, 1), date(9999, 12, 31)),
    ]
    assert limits(tables, "hospital") == [(7, date(2024, 7, 1), date(9999, 12, 31))]


def test_a_newer_edition_of_pairs_replaces_the_older_and_says_when_a_pair_began() -> None:
    columns = {"column_1": ["97150"], "column_2": ["97530"], "modifier_indicator": ["1"], "rationale": [None]}
    begins = {"effective_on": [date(2025, 4, 1)], "deleted_on": pl.Series([None], dtype=pl.Date).to_list()}
    tables = joined(
        load_policies().code_tables.editions,
        [edition("code_pairs", date(2026, 10, 1), "practitioner", **columns, **begins)],
    )
    rows = tables.frames["code_pairs"]
    ours = rows.filter(pl.col("table") == "practitioner")
    assert ours.height == 1 and ours["valid_from"].item() == datetime(2025, 4, 1)
    assert ours["as_of"].item() == datetime(2026, 10, 1)
    assert rows.filter(pl.col("table") == "hospital").height > 500


def test_a_clinics_list_of_editions_holds_no_alias_and_no_key_twice(tmp_path):
    (tmp_path / "cms").mkdir()
    for text, said in (
        ("- &a {kind: fees}\n- *a\n", "an alias"),
        ("- {kind: fees, kind: fees}\n", "is there twice"),
    ):
        (tmp_path / "cms" / "tables.yaml").write_text(text)
        with pytest.raises(PolicyError, match=said):
            load_policies(tmp_path)
