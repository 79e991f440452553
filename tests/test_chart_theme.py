"""Colours that can be read, severities that can be told apart without colour, and one set of tokens everywhere."""

import tomllib
from pathlib import Path

import altair as alt
import pandas as pd
import pytest

from compliance import chart_theme
from compliance.chart_theme import SEVERITIES, SEVERITY_SIGNS, TOKENS, contrast

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
READABLE = 4.5  # WCAG 2.2, SC 1.4.3
TEXT_TOKENS = ("ink", "muted", "accent", "high", "medium", "low", "info", "cannot_tell")


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", TOKENS)
@pytest.mark.parametrize("name", TEXT_TOKENS)
@pytest.mark.parametrize("ground", ["paper", "wash"])
def test_every_text_colour_can_be_read(mode, name, ground):
    assert contrast(TOKENS[mode][name], TOKENS[mode][ground]) >= READABLE


def test_severities_differ_by_shape_as_well_as_by_colour():
    assert len(set(SEVERITY_SIGNS.values())) == len(SEVERITIES)
    shapes = chart_theme.severity_shape().to_dict()["range"]
    assert len(set(shapes)) == len(SEVERITIES)


@pytest.mark.parametrize("mode", TOKENS)
def test_the_dashboard_wears_the_tokens_of_the_charts(mode):
    theme, tokens = CONFIG["theme"][mode], TOKENS[mode]
    worn = {
        "primaryColor": "accent",
        "backgroundColor": "paper",
        "secondaryBackgroundColor": "wash",
        "textColor": "ink",
        "borderColor": "line",
        "redColor": "high",
        "orangeColor": "medium",
        "yellowColor": "low",
        "blueColor": "info",
        "grayColor": "cannot_tell",
    }
    assert {option: theme[option] for option in worn} == {
        option: tokens[name] for option, name in worn.items()
    }
    assert theme["sidebar"]["backgroundColor"] == tokens["wash"]


def test_nothing_leaves_the_machine_and_nothing_of_a_patient_shows_in_an_error():
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["enableXsrfProtection"] is True
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert "http" not in str(CONFIG["theme"])


@pytest.mark.parametrize("dark", [False, True])
def test_a_dressed_chart_is_valid_and_the_bare_one_is_left_alone(dark):
    counts = pd.DataFrame({"outcome": ["failed", "cannot_tell"], "lines": [3, 5]})
    told = alt.Color("outcome:N", legend=None)
    colour = alt.condition(alt.datum.outcome == "cannot_tell", alt.value(chart_theme.hatch(dark)), told)
    bare = alt.Chart(counts).mark_bar().encode(x="lines:Q", y="outcome:N", color=colour)
    dressed = chart_theme.apply(bare, dark).to_dict()
    assert dressed["config"]["background"] == TOKENS["dark" if dark else "light"]["paper"]
    assert "linear" in str(dressed["encoding"]["color"])
    assert "labelFont" not in str(bare.to_dict()["config"])


def test_stripes_have_hard_edges_and_fill_the_whole_mark():
    offsets = [stop["offset"] for stop in chart_theme.hatch(dark=False, stripes=4)["stops"]]
    assert offsets[0] == 0 and offsets[-1] == 1
    assert offsets == sorted(offsets)
    assert all(offsets.count(edge) == 2 for edge in offsets[1:-1])
