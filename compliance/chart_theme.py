"""How charts look: the colours of light and dark, severity by colour *and* shape, hatching for what cannot be told.

Pure: `apply` takes an Altair chart and returns it dressed. The dashboard's own colours (`.streamlit/config.toml`,
`ui/style.css`) are these tokens too; a test holds them equal and measures their contrast.
"""

from itertools import pairwise
from typing import Any, Literal

import altair as alt

from compliance.checks.rule import SEVERITIES

Mode = Literal["light", "dark"]

TOKENS: dict[Mode, dict[str, str]] = {
    "light": {
        "paper": "#FFFFFF",
        "wash": "#F4F6F8",
        "line": "#D8DEE4",
        "ink": "#17212B",
        "muted": "#52606D",
        "accent": "#0B6B73",
        "high": "#B3261E",
        "medium": "#B4530A",
        "low": "#7A6200",
        "info": "#3D5A80",
        "cannot_tell": "#66727F",
    },
    "dark": {
        "paper": "#12181F",
        "wash": "#1B232C",
        "line": "#2E3944",
        "ink": "#E6EBF0",
        "muted": "#A3AFBA",
        "accent": "#4FC3CB",
        "high": "#FF8A80",
        "medium": "#FFB067",
        "low": "#E3C94C",
        "info": "#9DBCE3",
        "cannot_tell": "#A3AFBA",
    },
}

SEVERITY_SIGNS = {"high": "▲", "medium": "◆", "low": "●", "info": "○"}
# Vega has no open circle among filled symbols: the inner circle runs the other way round and so stays empty.
RING = "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1ZM0,-0.6A0.6,0.6,0,1,0,0,0.6A0.6,0.6,0,1,0,0,-0.6Z"
SEVERITY_SHAPES = {"high": "triangle-up", "medium": "diamond", "low": "circle", "info": RING}

# Formats of axes and tooltips (d3); `compliance.formats` writes the same in sentences.
MONEY = "$,.0f"
SHARE_ON_AXIS = "~%"
"""Per cent without needless zeros: small shares are 0.2 % and 0.4 %, where whole ones would be 0 % and 0 %."""
COUNT = ",d"
DAY = "%b %-d, %Y"
DAY_ON_AXIS = "%b %-d"

FONT = '"Source Sans", "Source Sans 3", Inter, system-ui, sans-serif'


def mode(dark: bool) -> Mode:
    """The name of the token set."""
    return "dark" if dark else "light"


def token(name: str, dark: bool) -> str:
    """One colour as `#RRGGBB`; raises KeyError for a name that `TOKENS` lacks."""
    return TOKENS[mode(dark)][name]


def severity_color(dark: bool) -> alt.Scale:
    """Colours of the four severities, in their order; use together with `severity_shape` or the word itself."""
    return alt.Scale(domain=list(SEVERITIES), range=[token(severity, dark) for severity in SEVERITIES])


def severity_shape() -> alt.Scale:
    """Shapes of the four severities, those of `SEVERITY_SIGNS`."""
    return alt.Scale(domain=list(SEVERITIES), range=[SEVERITY_SHAPES[severity] for severity in SEVERITIES])


def hatch(dark: bool, stripes: int = 12, aspect: float = 1.0) -> dict[str, Any]:
    """Diagonal stripes as a Vega gradient with hard edges: the fill of what cannot be told.

    Give it as a value, `alt.condition(alt.datum.outcome == "cannot_tell", alt.value(hatch(dark)), colour)`. Vega lays a
    gradient over the mark's own box, so `stripes` is their number on each mark: one for every 8 pixels of a typical
    bar reads well. `aspect` is a typical mark's height over its width, so that they stand at 45 degrees.
    """
    edges = [index / (2 * stripes) for index in range(2 * stripes + 1)]
    bands = list(pairwise(edges))
    colours = (token("cannot_tell", dark), token("paper", dark))
    stops = [
        {"offset": round(edge, 5), "color": colours[index % 2]}
        for index, band in enumerate(bands)
        for edge in band
    ]
    return {"gradient": "linear", "x1": 0, "y1": 0, "x2": 1, "y2": aspect, "stops": stops}


def config(dark: bool) -> dict[str, Any]:
    """The Vega-Lite configuration: no gridline, quiet axes, the sentence of the chart as its title."""
    ink, muted, line, paper = (token(name, dark) for name in ("ink", "muted", "line", "paper"))
    labels = {"labelFont": FONT, "labelFontSize": 12, "labelColor": ink}
    titles = {"titleFont": FONT, "titleFontSize": 12, "titleFontWeight": "normal", "titleColor": muted}
    return {
        "background": paper,
        "font": FONT,
        "view": {"stroke": None},
        "title": {
            "font": FONT,
            "fontSize": 15,
            "fontWeight": 600,
            "color": ink,
            "subtitleFont": FONT,
            "subtitleFontSize": 12,
            "subtitleColor": muted,
            "anchor": "start",
            "frame": "group",
            "offset": 10,
        },
        "axis": {
            **labels,
            **titles,
            "grid": False,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
            "tickSize": 4,
            "labelPadding": 4,
            "titlePadding": 8,
        },
        "header": {**labels, **titles, "labelAnchor": "start"},
        "legend": {**labels, **titles, "symbolStrokeWidth": 0, "orient": "top", "offset": 4},
        "text": {"font": FONT, "fontSize": 12, "color": ink, "fill": ink},
        "bar": {"color": token("accent", dark)},
        "line": {"color": token("accent", dark), "strokeWidth": 2},
        "point": {"color": token("accent", dark), "filled": True, "size": 60, "opacity": 1},
        "rule": {"color": muted},
        "rect": {"color": token("accent", dark)},
        "range": {
            "category": [token(name, dark) for name in ("accent", "info", "medium", "low", "cannot_tell")]
        },
    }


def apply(chart: Any, dark: bool) -> Any:
    """The chart (any Altair top-level chart) with this configuration; show it with Streamlit's `theme=None`."""
    dressed = chart.copy(deep=True)
    dressed["config"] = alt.Config(**config(dark))
    return dressed


def contrast(first: str, second: str) -> float:
    """Contrast of two colours `#RRGGBB`, 1 to 21, as WCAG 2.2 defines it (relative luminance, SC 1.4.3)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
