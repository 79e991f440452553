"""The charts: valid Vega-Lite in light and dark, sentences as titles, units on axes, no severity by colour alone."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from compliance import chart_theme, charts, episodes, proof, risk

VISITS = pl.DataFrame(
    {
        "therapist_id": [f"T{number % 3}" for number in range(240)],
        "discipline": ["PT"] * 240,
        "checked": [True] * 240,
        "own": [1 if number % 3 == 0 and number % 2 else 0 for number in range(240)],
        "findings": [1 if number % 3 == 0 and number % 2 else 0 for number in range(240)],
        "service_date": [datetime(2026, 1, 5) + timedelta(days=number // 2) for number in range(240)],
    }
)
NAMES = {"T0": "Alvarez, Ana", "T1": "Brandt, Bo", "T2": "Chen, Li"}
PAYERS = pl.DataFrame(
    {"payer_id": ["A", "B", None], "dollars": [10.0, 300.0, 0.0], "n": [1, 9, 0], "of": [20, 30, 0],
     "share": [0.05, 0.3, None], "share_low": [0.0, 0.17, 0.0], "share_high": [0.2, 0.48, 1.0], "findings": [1, 12, 0],
     "claims": [20, 30, 0], "cannot_tell": [0, 5, 0], "cannot_tell_share": [0.0, 0.1, None]}
)  # fmt: skip
SEVERITIES = pl.DataFrame(
    {"payer_id": ["A", "B", "B"], "severity": ["high", "medium", "low"], "dollars": [10.0, 300.0, 0.0], "findings": [1, 9, 3]}
)  # fmt: skip
CLOCK = {"timed_unit_minutes": {"value": 15}, "first_unit_minutes": {"value": 8}}
UNITS = proof.units(
    {"minutes_by_code": "97110=7 97530=15", "billed_by_code": "97110=1 97530=1", "units_billed": 2}, CLOCK
)
SESSIONS = proof.sessions(
    {"sessions": "2026-03-02T09:00/2026-03-02T09:30 97530 P1; 2026-03-02T09:15/2026-03-02T09:45 97110 P2"}
).rename({"patient_id": "row"})
STRETCHES = proof.shared(SESSIONS, "row")
WEEKS = proof.weeks({"made_of_planned": "2026-03-02=1/1 2026-03-09=2/1"})
EPISODE = pl.DataFrame(
    [("Treatment days", datetime(2026, 1, 20), datetime(2026, 1, 20), "1", "day 1"),
     ("Plan of care", datetime(2026, 1, 5), datetime(2026, 4, 4), "", "POC1"),
     ("Goals", datetime(2026, 3, 1), datetime(2026, 3, 1), "", "LTG 1: open")],
    schema=episodes.EPISODE_SCHEMA, orient="row",
)  # fmt: skip
INTERVALS = pl.DataFrame(
    {"label": ["Difference", "Ratio"], "low": [-20.0, 10.0], "point": [100.0, 110.0], "high": [220.0, 210.0],
     "lower": [5.0, 30.0]}
)  # fmt: skip
STEPS = proof.payment(
    {"price_in_full": 36.62, "expected_payment": 24.4, "paid": 19.52, "coinsurance_amount": 7.32}
)


def drawn(chart: Any, dark: bool = False) -> dict[str, Any]:
    return chart_theme.apply(chart, dark).to_dict()


def funnel(dark: bool = False) -> Any:
    rows = risk.funnel(VISITS)
    return charts.funnel(
        rows, risk.funnel_limits(rows["centre"][0], 85), rows["centre"][0], "PT: 1 above", dark, NAMES
    )


def heat(dark: bool = False) -> Any:
    cells = pl.DataFrame(
        {"therapist_id": ["T0", "T1", "T2"], "rule": ["PR-01"] * 3, "n": [9, 0, 0], "of": [20, 4, 0],
         "expected": [3.0, 0.5, 0.0], "excess": [3.8, -0.6, 0.0], "cannot_tell": [0, 0, 7],
         "state": ["outside", "few", "cannot_tell"]}
    )  # fmt: skip
    return charts.heat_map(cells, "1 pair", dark, NAMES)


MADE = {
    "funnel": funnel,
    "heat map": heat,
    "stacked": lambda dark=False: charts.stacked_by(SEVERITIES, "payer_id", "dollars", "B holds most", "dollars", dark),
    "weeks": lambda dark=False: charts.p_chart(risk.weekly(VISITS), "No week is outside", dark),
    "rates": lambda dark=False: charts.rate_dots(
        PAYERS, "payer_id", ("share", "share_low", "share_high"), "Rates", "Share of visits", dark, {}
    ),
    "unknown": lambda dark=False: charts.unknown_bars(PAYERS, "payer_id", "Cannot tell", dark, {}),
    "units": lambda dark=False: charts.minutes_against_units(UNITS.bars, UNITS.marks, UNITS.steps, UNITS.sentence, dark),
    "time line": lambda dark=False: charts.time_line(SESSIONS, STRETCHES, "15 minutes at once", dark),
    "threshold": lambda dark=False: charts.against_threshold(
        2530.0, [("threshold", 2480.0), ("review", 3000.0)], "At least $2,530 known here", dark
    ),
    "threshold with others": lambda dark=False: charts.against_threshold(
        2976.65, [("threshold", 2480.0)], "$2,976.65, with other providers", dark, 2093.06
    ),
    "visits per week": lambda dark=False: charts.visits_per_week(WEEKS, "1 of 2 full weeks holds more", dark),
    "episode": lambda dark=False: charts.episode_lanes(
        EPISODE, episodes.LANES, (datetime(2026, 1, 20), datetime(2026, 1, 20)), ("2 treatment days", episodes.KEY), dark
    ),
    "intervals": lambda dark=False: charts.interval_bars(INTERVALS, "Overpayment, projected", "Dollars", dark, True),
    "shares": lambda dark=False: charts.interval_bars(
        pl.DataFrame({"label": ["All"], "low": [0.0], "point": [0.5], "high": [1.0], "lower": [0.1]}),
        "Rate", "Share", dark, False,
    ),
    "payment": lambda dark=False: charts.payment_steps(STEPS, "Paid $19.52", dark),
}  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", MADE)
def test_a_chart_is_valid_and_says_its_sentence(name, dark):
    spec = drawn(MADE[name](dark), dark)
    assert spec["title"]
    assert spec["config"]["background"] == chart_theme.token("paper", dark)


@pytest.mark.parametrize("name", ["funnel", "heat map", "stacked", "weeks", "rates"])
def test_a_mark_can_be_picked(name):
    assert charts.PICK in {each["name"] for each in drawn(MADE[name]())["params"]}


def encodings(spec: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    return [layer["encoding"][channel] for layer in spec["layer"] if channel in layer.get("encoding", {})]


def values(spec: dict[str, Any], field: str) -> list[Any]:
    return [row[field] for rows in spec["datasets"].values() for row in rows if field in row]


def test_what_is_not_zero_is_never_written_as_zero():
    few = PAYERS.with_columns(cannot_tell_share=pl.Series([0.0, 0.0004, None]))
    said = values(
        drawn(charts.unknown_bars(few, "payer_id", "Cannot tell", False, {})), "cannot_tell_share_said"
    )
    assert said == ["0.0 %", "<0.1 %", "–"]
    some_cents = SEVERITIES.with_columns(dollars=pl.Series([0.3, 300.0, 0.0]))
    bars = drawn(charts.stacked_by(some_cents, "payer_id", "dollars", "At risk", "dollars", False))
    assert values(bars, "total_said") == ["$300", "<$1"]


def test_a_week_with_more_visits_than_planned_bears_a_sign_and_the_plan_is_drawn_across_each():
    spec = drawn(MADE["visits per week"]())
    assert values(spec, "said") == ["1", "2 ▲"]
    assert [layer["encoding"]["y"]["field"] for layer in spec["layer"]] == ["made", "made", "planned"]


def test_dollars_of_other_providers_are_a_part_of_the_bar_that_is_named():
    spec = drawn(MADE["threshold with others"]())
    assert [(row["part"], row["starts"], row["ends"]) for row in next(iter(spec["datasets"].values()))] == [
        ("other providers", 0.0, 2093.06),
        ("here", 2093.06, 2480.0),
        ("here, above the threshold", 2480.0, 2976.65),
    ]
    assert [row["part"] for rows in spec["datasets"].values() for row in rows if "middle" in row] == [
        "other providers"
    ]


def test_only_those_outside_the_outer_limits_are_named():
    rows = risk.funnel(VISITS)
    outside = {
        NAMES[each] for each in rows.filter(pl.col("standing").is_in(["outside", "below"]))["therapist_id"]
    }
    named = charts._named_points(rows.with_columns(name=pl.col("therapist_id").replace(NAMES)))
    assert {name for names in named["name"] for name in names.split("; ")} == outside
    assert "Alvarez, Ana" in outside


def test_severities_bear_their_sign_in_the_legend():
    legend = encodings(drawn(MADE["stacked"]()), "color")[0]["legend"]
    assert "▲ high" in legend["labelExpr"]
    assert legend["values"] == ["high", "medium"]


def test_bars_stand_longest_first_from_zero():
    spec = drawn(MADE["stacked"]())
    assert encodings(spec, "y")[0]["sort"] == ["B", "A"]
    assert encodings(spec, "x")[0]["axis"]["format"] == chart_theme.MONEY


def test_unknown_is_hatched_and_few_is_pale():
    rects = drawn(heat())["layer"][0]["encoding"]
    assert "cannot_tell" in str(rects["color"]["condition"]["test"])
    assert rects["color"]["value"]["gradient"] == "linear"
    assert rects["opacity"]["condition"]["value"] < 0.5


def test_the_heat_map_writes_counts_and_marks_only_the_outside():
    assert sorted(set(values(drawn(heat()), "note"))) == ["", "▲ 9"]


def test_a_rate_without_a_denominator_is_not_drawn():
    assert set(values(drawn(MADE["rates"]()), "label")) == {"A", "B"}


def test_one_wide_week_does_not_flatten_the_chart():
    weeks = risk.weekly(VISITS).with_row_index().with_columns(
        limit_high=pl.when(pl.col("index") == 0).then(1.0).otherwise(0.2), share=pl.lit(0.1)
    )  # fmt: skip
    assert charts._weeks_top(weeks) == pytest.approx(0.23)


def test_the_steps_of_units_are_said_in_minutes_and_units():
    axis = encodings(drawn(MADE["units"]()), "x")[0]["axis"]
    assert axis["values"] == [8, 23]
    assert '"23": ["23", "2 units"]' in axis["labelExpr"]
    assert set(values(drawn(MADE["units"]()), "told")) == {"2 billed"}


def test_a_bar_beyond_its_threshold_is_told_apart_and_both_figures_are_written():
    spec = drawn(MADE["threshold"]())
    assert set(values(spec, "part")) == {"here", "here, above the threshold"}
    assert set(values(spec, "told")) == {"threshold $2,480", "review $3,000"}


def test_what_is_shared_is_shaded_behind_its_minutes():
    assert values(drawn(MADE["time line"]()), "together") == [2]


def test_an_interval_below_zero_is_drawn_from_its_lower_end():
    spec = drawn(MADE["intervals"]())
    assert encodings(spec, "x")[0]["scale"]["domain"][0] == -20.0
    assert "$100 (-$20 to $220)" in values(spec, "told")


def test_no_share_beyond_the_whole_stands_on_an_axis():
    assert max(encodings(drawn(MADE["shares"]()), "x")[0]["axis"]["values"]) == 1


def test_spans_days_and_single_marks_of_an_episode_are_drawn_each_in_its_way():
    spec = drawn(MADE["episode"]())
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["rect", "bar", "point", "tick", "text"]
    assert spec["title"]["subtitle"] == episodes.KEY


def test_a_payment_hangs_its_steps_between_its_sums():
    rows = [row for rows in drawn(MADE["payment"]())["datasets"].values() for row in rows]
    told = {row["step"]: (round(row["starts"], 2), round(row["ends"], 2)) for row in rows}
    assert told["coinsurance"] == (29.3, 36.62)
    assert told["expected payment"][0] == told["paid"][0] == 0


def crowded(*people: tuple[str, int, float, str]) -> pl.DataFrame:
    return pl.DataFrame(people, schema=["name", "of", "share", "standing"], orient="row")


def boxes(placed: pl.DataFrame, largest: float, top: float) -> list[tuple[float, float, float, float]]:
    """Where names stand, in the pixels of the smallest funnel."""
    across, upwards = charts.PLOT[0] / (1.05 * largest), charts.PLOT[1] / top
    told = []
    for row in placed.iter_rows(named=True):
        width = charts.LETTER * len(row["name"])
        x = row["of"] * across + (-1 if row["far"] else 1) * (charts.BESIDE + width / 2)
        told.append(charts._box(x, row["label"] * upwards, width / 2, charts.LINE / 2))
    return told


def test_names_on_a_funnel_meet_no_other_name_and_no_mark():
    people = crowded(
        ("Luis Fontaine", 166, 0.29, "outside"), ("Doris Chaudhry", 192, 0.295, "outside"),
        ("Aisha McCabe", 133, 0.08, "below"), ("Henry Paxton", 158, 0.075, "below"), ("Al Ng", 105, 0.11, "within"),
        ("Bo Wu", 113, 0.08, "near"), ("Cy Ra", 46, 0.04, "near"), ("Di Su", 51, 0.22, "within"),
    )  # fmt: skip
    placed = charts._placed_names(people, 192.0, 1.0)
    written = boxes(placed, 192.0, 1.0)
    marks = [
        charts._box(of * charts.PLOT[0] / (1.05 * 192), share * charts.PLOT[1], charts.MARK, charts.MARK)
        for of, share in people.select("of", "share").iter_rows()
    ]
    assert placed["name"].len() == 4
    for number, box in enumerate(written):
        assert not any(charts._overlap(box, other) for other in [*written[:number], *marks])
        assert box[0] >= 0 and box[1] <= charts.PLOT[0] and box[2] > 0


def test_a_lone_name_stands_beside_its_mark_and_not_on_the_axis():
    people = crowded(("A", 90, 0.5, "outside"), ("B", 160, 0.02, "below"), ("C", 100, 0.2, "below"))
    placed = {row["name"]: row for row in charts._placed_names(people, 190.0, 1.0).iter_rows(named=True)}
    assert placed["A"]["label"] > 0.5 and not placed["A"]["far"]
    assert placed["B"]["label"] > 0.02 and placed["B"]["far"]
    assert placed["C"]["label"] < 0.2


def test_no_line_leads_across_weeks_without_visits():
    weeks = risk.weekly(VISITS).filter(pl.col("week") != datetime(2026, 2, 2))
    spec = drawn(charts.p_chart(weeks, "No week is outside", False, "3 earlier visits"))
    assert sorted({row["run"] for rows in spec["datasets"].values() for row in rows if "run" in row}) == [
        0,
        1,
    ]
    assert spec["title"]["subtitle"] == "3 earlier visits"


def test_the_sentence_of_a_small_chart_keeps_its_words_whatever_the_first_width_of_its_plot():
    title = charts.minutes_against_units(
        UNITS.bars, UNITS.marks, UNITS.steps, UNITS.sentence, False
    ).to_dict()["title"]
    assert title["limit"] >= 7 * max(len(line) for line in title["text"])
