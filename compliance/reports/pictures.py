"""The dashboard's charts as SVG, light, in the font that the package ships: the same on every machine."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from compliance import chart_theme, formats

FONTS = Path(__file__).parent / "fonts"
FONT = "Source Sans 3"
LABELS = 220
"""Pixels of a label beside an axis: nobody can point at a label on paper to read the rest of it."""
BEYOND = re.compile("[\U00010000-\U0010ffff]")
NUMBERED = re.compile(r"\b(clip|gradient_|filter)(\d+)\b")
"""Ids that the renderer counts on from one drawing to the next."""


@cache
def _fonts_known() -> None:
    vl_convert.register_font_directory(str(FONTS))


def svg(chart: Any, width: int, height: int | None = None) -> str:
    """An Altair chart as SVG of so many pixels, titles and axes among them; `height` as the chart has it where None."""
    _fonts_known()
    sized = chart_theme.apply(chart, dark=False).properties(
        width=width,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        padding={"left": 14, "right": 6, "top": 4, "bottom": 4},
    )
    if height is not None:
        sized = sized.properties(height=height)
    spec = readied(sized.to_dict())
    # no address is allowed: whatever a name in the data says, nothing is fetched
    return _renumbered(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def readied(spec: Any) -> Any:
    """A specification in our font, without what stops the renderer.

    A control character in a name aborts the whole process; a character beyond 16 bits stops it where a label is cut short.
    """
    if isinstance(spec, dict):
        return {key: LABELS if key == "labelLimit" else readied(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [readied(each) for each in spec]
    if not isinstance(spec, str):
        return spec
    return FONT if spec == chart_theme.FONT else BEYOND.sub("\ufffd", formats.terminal(spec))


def _renumbered(drawing: str) -> str:
    numbers: dict[str, str] = {}
    return NUMBERED.sub(
        lambda found: found[1] + numbers.setdefault(found[0], str(len(numbers))),
        drawing,
    )
