"""The charts: a frame in, an Altair chart out. Pure; the dashboard and the reports share them.

Every chart says a sentence as its title, has units in its axis title and n in its tooltip, and tells severities by
shape or word as well as by colour. Data are aggregates (`compliance.risk`); none holds a row a claim line.
Selections are named `pick`, so that a page reads `selection["pick"]`.
"""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt
import polars as pl

from compliance import chart_theme as theme
from compliance import formats
from compliance.chart_theme import COUNT, DAY, DAY_ON_AXIS, MONEY, SHARE_ON_AXIS, token

PICK = "pick"
MANY_BARS = 9
"""More bars than these stand closer, so that what follows them stays in sight."""
AROUND_BARS, AROUND_DOTS, AROUND_HEAT = 92, 76, 128
"""Pixels that title, legend and axis take of a drawing's height."""
STANDING_WORDS = {
    "outside": "above the 99.8 % limit",
    "below": "below the 99.8 % limit",
    "near": "beyond the 95 % limit",
    "within": "within expected variation",
}


def _severity_order() -> alt.Order:
    return alt.Order("place:Q")


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """Severities in their order, named with their sign."""
    order = pl.DataFrame({"severity": list(theme.SEVERITIES), "place": range(len(theme.SEVERITIES))})
    return frame.join(order, on="severity", how="left").with_columns(
        told=pl.col("severity").replace_strict(
            {s: f"{theme.SEVERITY_SIGNS[s]} {s}" for s in theme.SEVERITIES}, default=""
        )
    )


def stacked_by(
    frame: pl.DataFrame,
    key: str,
    value: str,
    title: str,
    unit: str,
    dark: bool,
    names: Mapping[str, str] | None = None,
) -> alt.LayerChart:
    """Bars per `key`, severities stacked, longest first, the total written at its end.

    `frame` has `key`, severity, `value` and findings. `unit` is `dollars` or `findings`.
    """
    number, worded = (MONEY, formats.money) if unit == "dollars" else (COUNT, formats.count)
    shown = _in_words(_placed(frame).with_columns(label=_labels(frame[key], names)), worded, value)
    valued = set(frame.filter(pl.col(value) > 0)["severity"])
    pick = alt.selection_point(name=PICK, fields=[key])
    totals = shown.group_by("label").agg(total=pl.col(value).sum())
    totals = totals.sort(["total", "label"], descending=[True, False])
    longest = max(1.0, float(totals["total"].max() or 0))  # type: ignore[arg-type]
    order = totals["label"].to_list()
    bars = (
        alt.Chart(shown)
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X(f"sum({value}):Q", title=f"{'Dollars at risk' if unit == 'dollars' else 'Findings'}",
                    axis=alt.Axis(format=number, tickCount=4), scale=alt.Scale(domainMax=1.12 * longest)),
            y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=150)),
            color=alt.Color("severity:N", scale=theme.severity_color(dark), legend=alt.Legend(
                title=None, values=[s for s in theme.SEVERITIES if s in valued],
                labelExpr=_sign_labels())),
            order=_severity_order(),
            detail=alt.Detail(f"{key}:N"),  # what a sum is not grouped by, a pick does not hold
            opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
            tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")), alt.Tooltip("severity:N"),
                     *_tips(**{value: unit}), alt.Tooltip("findings:Q", title="findings", format=COUNT)],
        )
        .add_params(pick)
    )  # fmt: skip
    text = (
        alt.Chart(_in_words(totals, worded, "total"))
        .mark_text(align="left", dx=4, color=token("ink", dark))
        .encode(x=alt.X("total:Q"), y=alt.Y("label:N", sort=order), text="total_said:N")
    )
    each = 24 if totals.height <= MANY_BARS else 19
    return alt.layer(bars, text).properties(title=title, height=_height(totals.height, each, AROUND_BARS))


def _height(rows: int, each: int, around: int) -> int:
    """Pixels of a whole drawing: Streamlit fits title, legend and axes within the height that it is given."""
    return each * max(1, rows) + around


def _labels(keys: pl.Series, names: Mapping[str, str] | None) -> pl.Series:
    return pl.Series(
        [(names or {}).get(key, key) if key is not None else "none named" for key in keys], dtype=pl.String
    )


def _in_words(table: pl.DataFrame, worded: Callable[[Any], str], *names: str) -> pl.DataFrame:
    """Add `<name>_said`: the numbers as sentences write them, so that none that is not zero reads as 0."""
    said = [
        pl.Series(f"{name}_said", [worded(each) for each in table[name]], dtype=pl.String) for name in names
    ]
    return table.with_columns(said)


def _tips(**titles: str) -> list[alt.Tooltip]:
    """Tooltips of columns that `_in_words` said, by the title of each."""
    return [alt.Tooltip(f"{name}_said:N", title=title) for name, title in titles.items()]


LIMITS = {"limit_low": "lower limit", "limit_high": "upper limit"}


def _sign_labels() -> str:
    """A Vega expression that writes a severity with its sign."""
    pairs = ", ".join(f"'{severity}': '{sign} {severity}'" for severity, sign in theme.SEVERITY_SIGNS.items())
    return f"{{{pairs}}}[datum.value]"


def p_chart(
    weeks: pl.DataFrame,
    title: str,
    dark: bool,
    note: str = "",
    marks: Sequence[tuple[date, str]] = (),
) -> alt.LayerChart:
    """Share of checked visits with a finding per service week, with its limits; the last weeks are shaded.

    `marks` are days with a word (`training`), each an upright line.

    `weeks` as `risk.weekly` gives it. Points outside the limits stand out by shape and colour. No line leads across weeks
    without visits. `note` stands below the title.
    """
    shown = weeks.sort("week").with_columns(
        run=(pl.col("week").diff() > pl.duration(days=7)).fill_null(False).cum_sum(),
        outside=pl.col("standing").is_in(["outside", "below"]),
        ends=pl.col("week").dt.offset_by("1w"),
        monday=pl.col("week").dt.strftime("%Y-%m-%d"),
    )
    shown = _in_words(shown, formats.percent, "share", *LIMITS)
    pick = alt.selection_point(name=PICK, fields=["monday"])
    upright = alt.Scale(domain=[0, _weeks_top(shown)], nice=False)
    week = alt.X(
        "week:T",
        title="Service week (its Monday)",
        axis=alt.Axis(format=DAY_ON_AXIS, labelAngle=0, values=_mondays(shown["week"])),
    )
    base = alt.Chart(shown)
    shade = (
        alt.Chart(shown.filter(pl.col("incomplete")))
        .mark_rect(color=token("line", dark), opacity=0.55)
        .encode(x=alt.X("min(week):T"), x2=alt.X2("max(ends):T"))
    )
    band = base.mark_area(color=token("accent", dark), opacity=0.12, interpolate="step", clip=True).encode(
        x=week, y=alt.Y("limit_low:Q", scale=upright), y2="limit_high:Q", detail="run:N"
    )
    centre = base.mark_rule(strokeDash=[4, 3]).encode(y=alt.Y("mean(centre):Q"))
    line = base.mark_line(color=token("accent", dark)).encode(
        x=week, detail="run:N",
        y=alt.Y("share:Q", title="Visits with a finding", axis=alt.Axis(format=SHARE_ON_AXIS, tickCount=4),
                scale=upright),
    )  # fmt: skip
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=week,
        y="share:Q",
        shape=alt.Shape("outside:N", scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]), legend=None),
        color=alt.Color("outside:N", legend=None,
                        scale=alt.Scale(domain=[False, True], range=[token("accent", dark), token("high", dark)])),
        tooltip=[alt.Tooltip("week:T", title="week of", format=DAY),
                 alt.Tooltip("n:Q", title="with a finding", format=COUNT),
                 alt.Tooltip("of:Q", title="visits checked", format=COUNT), *_tips(share="share", **LIMITS)],
        opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
    ).add_params(pick)  # fmt: skip
    told = shown.filter(pl.col("incomplete")).head(1)
    room = shown.filter(~pl.col("incomplete")).height >= WEEKS_OF_ROOM
    side = {"align": "right", "dx": -4} if room else {"align": "left", "dx": 4}
    word = alt.Chart(told).mark_text(dy=3, baseline="top", color=token("muted", dark), **side).encode(
        x=alt.X("week:T"), y=alt.value(0), text=alt.value("not complete ▸" if room else "not complete")
    )  # fmt: skip
    said = alt.TitleParams(text=title, subtitle=note) if note else title
    layers = [shade, band, centre, line, points, word, *_marked(marks, dark)]
    return alt.layer(*layers).properties(title=said, height=250)


WEEKS_OF_ROOM = 4
"""With fewer complete weeks, what is said of the incomplete ones does not fit before them."""


def _marked(marks: Sequence[tuple[date, str]], dark: bool) -> list[alt.Chart]:
    """An upright line with its word for each day."""
    if not marks:
        return []
    days = pl.DataFrame(marks, schema={"day": pl.Date, "told": pl.String}, orient="row")
    base = alt.Chart(days.with_columns(pl.col("day").cast(pl.Datetime("us")))).encode(x=alt.X("day:T"))
    rules = base.mark_rule(color=token("ink", dark), strokeDash=[2, 2])
    words = base.mark_text(align="left", dx=4, dy=12, baseline="top", fontSize=12, color=token("ink", dark))
    return [rules, words.encode(y=alt.value(0), text="told:N")]


def _weeks_top(weeks: pl.DataFrame) -> float:
    """The upper end of the p-chart's axis: above every share and most limits; weeks of few visits have wide ones."""
    shares, limits = weeks["share"].drop_nulls(), weeks["limit_high"].drop_nulls()
    highest = max([0.02, *shares, *limits.sort()[: 3 * len(limits) // 4 + 1]])
    return min(1.0, 1.15 * float(highest))


def funnel(
    rows: pl.DataFrame, curves: pl.DataFrame, centre: float, title: str, dark: bool, names: Mapping[str, str]
) -> alt.LayerChart:
    """One discipline's funnel: visits checked against share with a finding, exact limits, only outsiders named; a line ties a
    name to its mark where it stands away from it.

    `rows` as `risk.funnel`, `curves` as `risk.funnel_limits` give them.
    """
    shown = rows.with_columns(
        name=_labels(rows["therapist_id"], names),
        told=pl.col("standing").replace_strict(STANDING_WORDS),
    )
    shown = _in_words(shown, formats.percent, "share")
    largest = float(rows["of"].max() or 1)  # type: ignore[arg-type]
    volume = alt.X(
        "of:Q", title="Visits checked", scale=alt.Scale(domain=[0, 1.05 * largest], nice=False),
        axis=alt.Axis(tickCount=5, format=COUNT)
    )  # fmt: skip
    scale_up = alt.Scale(domain=[0, _top(rows, centre)], nice=False)
    upright = {
        "scale": scale_up,
        "axis": alt.Axis(format=SHARE_ON_AXIS, tickCount=5),
        "title": "Visits with a finding",
    }
    share = alt.Y("share:Q", **upright)
    limits = alt.Chart(curves)
    dashes = {"inner_low": [2, 2], "inner_high": [2, 2], "outer_low": [1, 0], "outer_high": [1, 0]}
    quiet = {"color": token("muted", dark), "strokeWidth": 1, "interpolate": "step-after", "clip": True}
    lines = [
        limits.mark_line(strokeDash=dash, **quiet).encode(x=volume, y=alt.Y(f"{column}:Q", **upright))
        for column, dash in dashes.items()
    ]
    middle = (
        alt.Chart(pl.DataFrame({"centre": [centre]}))
        .mark_rule(color=token("muted", dark))
        .encode(y="centre:Q")
    )
    pick = alt.selection_point(name=PICK, fields=["therapist_id"])
    scale = alt.Scale(
        domain=list(STANDING_WORDS),
        range=[token(name, dark) for name in ("high", "info", "medium", "accent")],
    )
    shapes = alt.Scale(
        domain=list(STANDING_WORDS), range=["triangle-up", "triangle-down", "diamond", "circle"]
    )
    points = (
        alt.Chart(shown)
        .mark_point(filled=True, size=110, opacity=0.9)
        .encode(
            x=volume,
            y=share,
            color=alt.Color("standing:N", scale=scale, legend=None),
            shape=alt.Shape("standing:N", scale=shapes, legend=None),
            opacity=alt.condition(pick, alt.value(0.95), alt.value(0.3)),
            tooltip=[alt.Tooltip("name:N", title="therapist"), alt.Tooltip("n:Q", title="visits with a finding"),
                     alt.Tooltip("of:Q", title="visits checked"), *_tips(share="share"),
                     alt.Tooltip("told:N", title="stands")],
        )
        .add_params(pick)
    )  # fmt: skip
    halo = {
        "stroke": token("paper", dark),
        "strokeWidth": 3,
    }  # keeps the limits, but no mark, out of the names
    named = _placed_names(shown, largest, _top(rows, centre))
    around, names_written = (
        [
            alt.Chart(named.filter(pl.col("far") == far))
            .mark_text(align="right" if far else "left", dx=-BESIDE if far else BESIDE, fontWeight=600,
                       color=token("ink", dark), **more)
            .encode(x=volume, y=alt.Y("label:Q", **upright), text="name:N")
            for far in (False, True)
        ]
        for more in (halo, {})
    )  # fmt: skip
    away = (pl.col("label") - pl.col("share")).abs() * PLOT[1] / _top(rows, centre) > LINE
    ties = (
        alt.Chart(named.filter(away))
        .mark_rule(color=token("ink", dark), strokeWidth=1)
        .encode(x=volume, y=alt.Y("label:Q", **upright), y2="share:Q")
    )
    return alt.layer(*lines, middle, ties, *around, points, *names_written).properties(
        title=title, height=290
    )


_MOST_TICKS = 9


def _mondays(weeks: pl.Series) -> list[alt.DateTime]:
    """The weeks that the axis names: Mondays, where Vega's own ticks are Sundays or the first of months."""
    every = -(-len(weeks) // _MOST_TICKS) or 1
    return [alt.DateTime(year=day.year, month=day.month, date=day.day) for day in weeks.sort()[::every]]


def _top(rows: pl.DataFrame, centre: float) -> float:
    """The upper end of the funnel's axis: above every point, with room for the limits where there are many visits."""
    highest = float(rows["share"].max() or 0)  # type: ignore[arg-type]
    return min(1.0, max(1.2 * highest, 2.5 * centre, 0.05))


PLOT = (260, 200)
"""Pixels that a funnel has at least between its axes: three stand side by side."""
BESIDE, ABOVE, UNDER = 10, 9, 12
"""Pixels from the middle of a mark to where its name begins, and to the middle of a name above and under it."""
LETTER, LINE, MARK = 6.6, 13, 6
"""Pixels of a letter's width, of a line of text, and from the middle of a mark to its edge."""
ON_AXIS = 5
"""Pixels above the axis at which the middle of a name would stand on it."""
STACKED = 12
"""So many heights are tried for a name, on either side."""
Box = tuple[float, float, float, float]


def _named_points(shown: pl.DataFrame) -> pl.DataFrame:
    """Who is named: those outside the outer limits, one label a place: of, share, under (below the limits), name."""
    return (
        shown.filter(pl.col("standing").is_in(["outside", "below"]))
        .group_by("of", "share", under=pl.col("standing") == "below")
        .agg(pl.col("name").sort().str.join("; "))
        .sort("of", "share")
    )


def _placed_names(shown: pl.DataFrame, largest: float, top: float) -> pl.DataFrame:
    """Where each name is written: `label`, its height, and `far`, whether it stands to the left of its mark.

    The first place that meets no mark and no name before it: those above the limits upwards from their mark, those
    below under it, for above it the limits and the others stand, but not on the axis; else what meets least.
    """
    across, upwards = PLOT[0] / (1.05 * largest), PLOT[1] / top
    marks = [
        _box(of * across, share * upwards, MARK, MARK)
        for of, share in shown.select("of", "share").iter_rows()
    ]
    written: list[Box] = []
    places: list[tuple[bool, float]] = []
    for row in _named_points(shown).iter_rows(named=True):
        x, y = row["of"] * across, row["share"] * upwards
        tried = [
            (far, _box(x + (-1 if far else 1) * (BESIDE + width / 2), y + rise, width / 2, LINE / 2))
            for width in [LETTER * len(row["name"])]
            for rise in _rises(y, row["under"])
            for far in (row["of"] > 0.6 * largest, row["of"] <= 0.6 * largest)
        ]
        far, box = min(tried, key=lambda each: _met(each[1], marks, written))
        written.append(box)
        places.append((far, (box[2] + box[3]) / 2 / upwards))
    schema = {"far": pl.Boolean, "label": pl.Float64}
    return pl.concat(
        [_named_points(shown), pl.DataFrame(places, schema=schema, orient="row")], how="horizontal"
    )


def _rises(y: float, under: bool) -> list[float]:
    """Pixels above a mark at which its name may stand, the best first."""
    rising = [ABOVE + step * LINE for step in range(STACKED)]
    level = [0] if y > ON_AXIS else []
    falling = [-UNDER - step * LINE for step in range(STACKED) if y - UNDER - step * LINE > ON_AXIS]
    return [*falling, *level, *rising] if under else [ABOVE, *level, *rising[1:]]


def _box(x: float, y: float, half_width: float, half_height: float) -> Box:
    return x - half_width, x + half_width, y - half_height, y + half_height


def _met(box: Box, marks: Sequence[Box], written: Sequence[Box]) -> int:
    """How much a name at this place meets: another name, or the end of the drawing, is worse than a mark."""
    names = sum(_overlap(box, each) for each in written)
    beyond = box[0] < 0 or box[1] > PLOT[0] or box[3] > PLOT[1] + LINE
    return 10 * names + 10 * beyond + sum(_overlap(box, each) for each in marks)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def heat_map(
    cells: pl.DataFrame, title: str, dark: bool, names: Mapping[str, str], order: Sequence[str] = ()
) -> alt.LayerChart:
    """Therapist x rule (or family, in the `order` of its codes): colour is the excess beyond chance, never the raw per cent.

    Unknowns are hatched, few pale. `cells` as `risk.excess` or `risk.family_excess` gives them; the number in a cell is
    the count of units that failed. Those outside the outer limit bear ▲, and their therapists stand on top. A click
    picks the therapist and the rule.
    """
    number = pl.col("n").cast(pl.String)
    shown = cells.with_columns(
        name=_labels(cells["therapist_id"], names),
        note=pl.when(pl.col("state") == "outside").then("▲ " + number)
        .when(pl.col("n") > 0).then(number).otherwise(pl.lit("")),
        strong=(pl.col("excess") > 2.5) & ~pl.col("state").is_in(["few", "cannot_tell"]),
    )  # fmt: skip
    rows = (
        shown.group_by("name").agg(outside=(pl.col("state") == "outside").any())
        .sort(["outside", "name"], descending=[True, False])["name"].to_list()
    )  # fmt: skip
    pick = alt.selection_point(name=PICK, fields=["therapist_id", "rule"])
    base = alt.Chart(shown).encode(
        x=alt.X(
            "rule:N",
            title=None,
            sort=list(order) or "ascending",
            axis=alt.Axis(labelAngle=0 if order else -45, orient="top", ticks=False, domain=False),
        ),
        y=alt.Y("name:N", title=None, sort=rows, axis=alt.Axis(labelLimit=150, ticks=False, domain=False)),
    )
    bound = 4.0
    judged = alt.datum.state != "cannot_tell"
    cellscale = alt.Scale(domain=[-bound, 0, bound], clamp=True, interpolate="rgb",
                          range=[token("info", dark), token("paper", dark), token("high", dark)])  # fmt: skip
    legend = alt.Legend(
        title="Standard deviations beyond the rule's own rate; number: units failed; pale: few; hatched: cannot tell",
        titleLimit=900, gradientLength=220, direction="horizontal", values=[-4, -2, 0, 2, 4])  # fmt: skip
    rects = base.mark_rect(stroke=token("line", dark), strokeWidth=0.5).encode(
        color=alt.condition(
            judged, alt.Color("excess:Q", scale=cellscale, legend=legend), alt.value(theme.hatch(dark, stripes=5))
        ),
        opacity=alt.condition(alt.datum.state == "few", alt.value(0.3), alt.value(1)),
        tooltip=[alt.Tooltip("name:N", title="therapist"), "rule:N", alt.Tooltip("n:Q", title="failed", format=COUNT),
                 alt.Tooltip("of:Q", title="units checked", format=COUNT),
                 alt.Tooltip("expected:Q", title="expected", format=".1f"),
                 alt.Tooltip("cannot_tell:Q", title="cannot tell", format=COUNT)],
    ).add_params(pick)  # fmt: skip
    marks = base.mark_text(fontSize=11).encode(
        text="note:N",
        color=alt.condition(alt.datum.strong, alt.value(token("paper", dark)), alt.value(token("ink", dark))),
    )
    height = _height(shown["name"].n_unique(), 20, AROUND_HEAT)
    return alt.layer(rects, marks).properties(title=title, height=height)


def rate_dots(
    table: pl.DataFrame,
    key: str,
    fields: tuple[str, str, str],
    title: str,
    axis: str,
    dark: bool,
    names: Mapping[str, str],
    number: str = SHARE_ON_AXIS,
) -> alt.LayerChart:
    """Rates with their intervals, one row a `key`: a dot between the interval's ends, n and N in the tooltip.

    `fields` name the rate and the ends of its interval; rows stand in the order of the table's dollars.
    """
    value, low, high = fields
    known = table.filter(pl.col(value).is_not_null() & (pl.col("of") > 0))
    worded = formats.percent if number.endswith("%") else lambda each: f"{each:.1f}"
    shown = _in_words(known.with_columns(label=_labels(known[key], names)), worded, *fields)
    order = shown.sort(["dollars", "label"], descending=[True, False])["label"].to_list()
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150))
    base = alt.Chart(shown)
    bars = base.mark_rule(color=token("muted", dark), strokeWidth=2).encode(
        x=alt.X(
            f"{low}:Q", title=axis, axis=alt.Axis(format=number, tickCount=4), scale=alt.Scale(zero=True)
        ),
        x2=f"{high}:Q",
        y=y,
    )
    pick = alt.selection_point(name=PICK, fields=[key])
    dots = base.mark_point(filled=True, size=90, color=token("accent", dark)).encode(
        x=f"{value}:Q",
        y=y,
        opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
        tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")),
                 *_tips(**{value: axis.lower(), low: "from", high: "to"}),
                 alt.Tooltip("n:Q", title="visits with a finding", format=COUNT),
                 alt.Tooltip("of:Q", title="visits checked", format=COUNT),
                 alt.Tooltip("findings:Q", format=COUNT), alt.Tooltip("claims:Q", format=COUNT)],
    ).add_params(pick)  # fmt: skip
    return alt.layer(bars, dots).properties(title=title, height=_height(shown.height, 22, AROUND_DOTS))


def pareto(rows: pl.DataFrame, label: str, value: str, title: str, axis: str, dark: bool) -> alt.LayerChart:
    """Bars from the largest down; behind each its value and the share of the whole that it and those above it hold.

    `rows` has the label, `dollars`, `findings`, of which one is the value, and `cumulative` (0 to 1).
    """
    rows = rows.select(
        label, "dollars", "findings", "cumulative"
    )  # a browser can read all that a chart is given
    number = formats.money if value == "dollars" else lambda each: formats.count(int(each))
    said = _in_words(rows, lambda share: formats.percent(round(share or 0.0, 9)), "cumulative")
    shown = _in_words(said, number, value).with_columns(
        told=pl.format("{} · {}", f"{value}_said", "cumulative_said")
    )
    order = shown[label].to_list()
    furthest = 1.6 * max([1.0, *shown[value]])
    x = alt.X(f"{value}:Q", title=axis, axis=alt.Axis(format=MONEY if value == "dollars" else COUNT, tickCount=4),
              scale=alt.Scale(domain=[0, furthest], nice=False))  # fmt: skip
    base = alt.Chart(shown).encode(
        x=x, y=alt.Y(f"{label}:N", sort=order, title=None, axis=alt.Axis(labelLimit=290))
    )
    tips = [alt.Tooltip(f"{label}:N"), alt.Tooltip("dollars:Q", format="$,.2f"), alt.Tooltip("findings:Q", format=COUNT),
            *_tips(cumulative="held together with those above")]  # fmt: skip
    bars = base.mark_bar(color=token("accent", dark), height=14).encode(tooltip=tips)
    words = base.mark_text(align="left", dx=6, color=token("ink", dark), fontSize=12).encode(text="told:N")
    return alt.layer(bars, words).properties(
        title=_picture_title(title), height=_height(shown.height, 22, AROUND_DOTS)
    )


def mix_panels(told: pl.DataFrame, title: str, dark: bool) -> alt.FacetChart:
    """One small panel a code: its share by quarter between the limits of its own past; a diamond lies outside.

    `told` as `comparison.mix` gives it.
    """
    shown = _in_words(told, formats.percent, "share", "centre", *LIMITS).with_columns(
        outside=pl.col("standing").is_in(["above", "below"])
    )
    base = alt.Chart(shown)
    x = alt.X("quarter:T", title=None, axis=alt.Axis(format="%b %Y", tickCount=3, labelAngle=0))
    band = base.mark_area(color=token("accent", dark), opacity=0.12).encode(
        x=x,
        y=alt.Y(
            "limit_low:Q", title="Share of timed lines", axis=alt.Axis(format=SHARE_ON_AXIS, tickCount=3)
        ),
        y2="limit_high:Q",
    )
    line = base.mark_line(color=token("accent", dark)).encode(x=x, y="share:Q")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=x, y="share:Q",
        shape=alt.Shape("outside:N", legend=None, scale=alt.Scale(domain=[False, True], range=["circle", "diamond"])),
        color=alt.Color("outside:N", legend=None,
                        scale=alt.Scale(domain=[False, True], range=[token("accent", dark), token("high", dark)])),
        tooltip=[alt.Tooltip("code:N"), alt.Tooltip("quarter:T", format="%b %Y", title="quarter from"),
                 alt.Tooltip("n:Q", title="lines", format=COUNT), alt.Tooltip("of:Q", title="timed lines", format=COUNT),
                 *_tips(share="share", centre="its past", **LIMITS)],
    )  # fmt: skip
    panels = alt.layer(band, line, points).properties(width=150, height=90)
    facets = panels.facet(facet=alt.Facet("code:N", title=None), columns=4)
    # a shared axis would also stand below the places of the last row that no code fills
    resolved = alt.Resolve(
        scale=alt.ScaleResolveMap(y="independent"), axis=alt.AxisResolveMap(x="independent")
    )
    return facets.properties(title=title, resolve=resolved)


def before_and_after(table: pl.DataFrame, key: str, title: str, axis: str, dark: bool) -> alt.LayerChart:
    """A dumbbell: dollars of each `key` before (ring) and after (dot), the change between them; the largest first.

    `table` has the key, before, after, change, added and removed.
    """
    counts = pl.format(" · +{} −{} findings", "added", "removed")
    change = pl.format(
        "{}{}",
        pl.when(pl.col("change") < 0).then(pl.lit("−")).otherwise(pl.lit("+")),
        pl.col("change").abs().map_elements(formats.money, return_dtype=pl.String),
    )
    shown = table.with_columns(
        told=pl.concat_str(
            change, pl.when(pl.col("added") + pl.col("removed") > 0).then(counts).otherwise(pl.lit(""))
        ),
        end=pl.max_horizontal("before", "after"),
    )
    order = shown[key].to_list()
    furthest = 1.5 * max([1.0, *shown["end"]])
    x = alt.X("before:Q", title=axis, axis=alt.Axis(format=MONEY, tickCount=4),
              scale=alt.Scale(domain=[0, furthest], nice=False))  # fmt: skip
    base = alt.Chart(shown).encode(y=alt.Y(f"{key}:N", sort=order, title=None))
    tips = [
        alt.Tooltip(f"{key}:N"),
        *(alt.Tooltip(f"{name}:Q", format="$,.2f") for name in ("before", "after", "change")),
        alt.Tooltip("added:Q", title="findings added", format=COUNT),
        alt.Tooltip("removed:Q", title="findings removed", format=COUNT),
    ]
    rule = base.mark_rule(color=token("muted", dark), strokeWidth=2).encode(x=x, x2="after:Q")
    was = base.mark_point(size=80, strokeWidth=2, filled=False, color=token("muted", dark)).encode(
        x=x, tooltip=tips
    )
    now = base.mark_point(size=80, filled=True, color=token("accent", dark), opacity=1).encode(
        x="after:Q", tooltip=tips
    )
    words = base.mark_text(align="left", dx=10, color=token("ink", dark), fontSize=12).encode(
        x="end:Q", text="told:N"
    )
    return alt.layer(rule, was, now, words).properties(
        title=_picture_title(title), height=_height(shown.height, 26, AROUND_DOTS)
    )


def unknown_bars(
    table: pl.DataFrame, key: str, title: str, dark: bool, names: Mapping[str, str]
) -> alt.LayerChart:
    """Share of checks that could not be told, hatched: unknown is neither pass nor finding."""
    shown = _in_words(table, formats.percent, "cannot_tell_share").with_columns(
        label=_labels(table[key], names), cannot_tell_share=pl.col("cannot_tell_share").fill_null(0.0)
    )
    order = shown.sort(["dollars", "label"], descending=[True, False])["label"].to_list()
    y = alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=150))
    longest = max(0.01, float(shown["cannot_tell_share"].max() or 0))  # type: ignore[arg-type]
    base = alt.Chart(shown)
    stripes = theme.hatch(dark, stripes=20, aspect=0.07)
    edge = token("cannot_tell", dark)
    bars = base.mark_bar(height={"band": 0.6}, color=stripes, stroke=edge, strokeWidth=0.5).encode(
        x=alt.X("cannot_tell_share:Q", title="Share of checks", axis=alt.Axis(format=SHARE_ON_AXIS, tickCount=4),
                scale=alt.Scale(domain=[0, 1.25 * longest], nice=False)),
        y=y,
        tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")),
                 alt.Tooltip("cannot_tell:Q", title="could not be told", format=COUNT),
                 *_tips(cannot_tell_share="share of checks")],
    )  # fmt: skip
    text = base.mark_text(align="left", dx=4, color=token("ink", dark)).encode(
        x="cannot_tell_share:Q", y=y, text="cannot_tell_share_said:N"
    )
    return alt.layer(bars, text).properties(title=title, height=_height(shown.height, 24, AROUND_DOTS))


LONGEST_TITLE_LINE, WIDEST_LETTER = 48, 10
BAR, ROW = 20, 40
"""Pixels of a bar of these pictures, and of the row that it stands in with what is written above it."""
AROUND_PICTURE = 74
WIDE_PART = 0.28
"""Share of the axis that a part of a bar takes at least where its name is written in it."""


def _picture_title(sentence: str) -> alt.TitleParams:
    """The sentence of a small chart, in as many lines as a narrow card needs."""
    lines = textwrap.wrap(sentence, LONGEST_TITLE_LINE)
    # an own limit: the plot's first width, before the card has its own, would cut the words
    limit = LONGEST_TITLE_LINE * WIDEST_LETTER
    return alt.TitleParams(text=lines, fontSize=13, offset=6, frame="bounds", limit=limit)


def _picture_height(rows: int, sentence: str) -> int:
    return ROW * rows + AROUND_PICTURE + 16 * len(textwrap.wrap(sentence, LONGEST_TITLE_LINE))


def minutes_against_units(
    bars: pl.DataFrame, marks: pl.DataFrame, steps: Sequence[int], title: str, dark: bool
) -> alt.LayerChart:
    """Timed minutes as bars, the minutes from which each unit counts as steps, and what was billed where it would begin.

    `bars` and `marks` as `proof.Units` gives them: a bar a code, on one row where the minutes are pooled. `steps` are the
    minutes of the first, second … unit.
    """
    rows = sorted({*bars["row"], *marks["row"]})
    furthest = max([1, *steps, *bars["ends"]])
    y = alt.Y("row:N", title=None, sort=rows, axis=alt.Axis(labelLimit=120, ticks=False, domain=False))
    told = {
        str(minutes): [str(minutes), formats.plural(unit, "unit")] for unit, minutes in enumerate(steps, 1)
    }
    x = alt.X(
        "starts:Q",
        title="Timed minutes, and the units for which they are enough",
        scale=alt.Scale(domain=[0, furthest * 1.06], nice=False),
        axis=alt.Axis(values=list(steps), labelExpr=f"{json.dumps(told)}[datum.label]", labelOverlap=True)
        if steps else alt.Axis(tickCount=4),
    )  # fmt: skip
    shown = bars.with_columns(
        label=pl.col("code") + ": " + pl.col("minutes").cast(pl.String) + " min",
        middle=(pl.col("starts") + pl.col("ends")) / 2,
        wide=(pl.col("ends") - pl.col("starts")) > furthest * 0.2,
    )
    drawn = alt.Chart(shown).mark_bar(
        height=BAR, color=token("accent", dark), stroke=token("paper", dark), strokeWidth=2
    ).encode(
        x=x, x2="ends:Q", y=y,
        tooltip=[alt.Tooltip("code:N"), alt.Tooltip("minutes:Q", title="timed minutes"),
                 alt.Tooltip("supported:Q", title="units supported"), alt.Tooltip("billed:Q", title="units billed")],
    )  # fmt: skip
    label = alt.Chart(shown.filter("wide")).encode(x="middle:Q", y=y, text="label:N")
    written = [  # a halo of the bar's colour keeps the steps out of the words
        label.mark_text(fontSize=11, fill=token("accent", dark), stroke=token("accent", dark), strokeWidth=5),
        label.mark_text(fontSize=11, fill=token("paper", dark)),
    ]
    at = alt.Chart(pl.DataFrame({"at": list(steps)}, schema={"at": pl.Int64})).encode(x="at:Q")
    lines = [
        at.mark_rule(color=token("paper", dark), strokeWidth=2),
        at.mark_rule(color=token("muted", dark), strokeDash=[2, 2]),
    ]
    return alt.layer(drawn, *lines, *written, *_billed(marks, y, furthest, dark)).properties(
        title=_picture_title(title), height=_picture_height(len(rows), title)
    )


def _billed(marks: pl.DataFrame, y: alt.Y, furthest: float, dark: bool) -> list[alt.Chart]:
    """What was billed, above its bar: ▼ at the minutes that it takes, and its words on the side that has room."""
    scale = alt.Scale(domain=[False, True], range=[token("ink", dark), token("high", dark)])
    colour = alt.Color("short:N", scale=scale, legend=None)
    points = alt.Chart(marks).mark_point(
        shape="triangle-down", filled=True, size=90, yOffset=-BAR / 2 - 4, opacity=1
    )
    layers = [points.encode(x="at:Q", y=y, color=colour, tooltip=[alt.Tooltip("told:N", title="units"),
              alt.Tooltip("at:Q", title="minutes that they take")])]  # fmt: skip
    for far in (False, True):
        some = marks.filter((pl.col("at") > 0.6 * furthest) == far)
        text = alt.Chart(some).mark_text(
            align="right" if far else "left",
            dx=-9 if far else 9,
            yOffset=-BAR / 2 - 4,
            fontWeight=600,
            fontSize=11,
        )
        layers.append(text.encode(x="at:Q", y=y, text="told:N", color=colour))
    return layers


def time_line(sessions: pl.DataFrame, stretches: pl.DataFrame, title: str, dark: bool) -> alt.LayerChart:
    """Sessions by the clock, one row each of `row`; the stretches in which several are on at once are shaded.

    `sessions`: begins, ends, row (as shown), cpt. `stretches` as `proof.shared` gives them.
    """
    rows = sessions.sort("begins", "row")["row"].unique(maintain_order=True).to_list()
    y = alt.Y("row:N", title=None, sort=rows, axis=alt.Axis(labelLimit=140, ticks=False, domain=False))
    x = alt.X(
        "begins:T",
        title="Time of day",
        axis=alt.Axis(format="%H:%M", tickCount=5),
        scale=alt.Scale(nice=False),
    )
    shown = sessions.with_columns(
        label=pl.col("cpt").fill_null(""),
        middle=pl.col("begins") + (pl.col("ends") - pl.col("begins")) / 2,
        minutes=(pl.col("ends") - pl.col("begins")).dt.total_minutes(),
    )
    bars = alt.Chart(shown).mark_bar(height=BAR, color=token("accent", dark), cornerRadius=2).encode(
        x=x, x2="ends:T", y=y,
        tooltip=[alt.Tooltip("row:N", title="who"), alt.Tooltip("cpt:N", title="code"),
                 alt.Tooltip("begins:T", format="%H:%M"), alt.Tooltip("ends:T", format="%H:%M"), "minutes:Q"],
    )  # fmt: skip
    shade = alt.Chart(stretches).mark_rect(
        color=token("medium", dark), opacity=0.22, stroke=token("medium", dark), strokeDash=[3, 2]
    ).encode(
        x=x, x2="ends:T",
        tooltip=[alt.Tooltip("minutes:Q", title="minutes at once"), alt.Tooltip("together:Q", title="how many")],
    )  # fmt: skip
    words = (
        alt.Chart(shown)
        .mark_text(color=token("paper", dark), fontSize=11)
        .encode(x="middle:T", y=y, text="label:N")
    )
    return alt.layer(shade, bars, words).properties(
        title=_picture_title(title),
        height=_picture_height(len(rows), title) - (ROW - BAR - 6) * len(rows) + 4,
    )


def episode_lanes(
    marks: pl.DataFrame, lanes: Sequence[str], days: tuple[date, date], titles: tuple[str, str], dark: bool
) -> alt.LayerChart:
    """A patient's episode, a lane each: spans as bars, days as ticks with their number or letter, or as diamonds.

    `marks` as `episodes.episode` gives them; `days` are the sampled unit's first and last, which are shaded; `titles` the
    sentence and the key below it.
    """
    y = alt.Y("lane:N", title=None, sort=list(lanes), scale=alt.Scale(domain=list(lanes)),
              axis=alt.Axis(ticks=False, domain=False, labelLimit=140, labelPadding=10))  # fmt: skip
    x = alt.X("begins:T", title=None, axis=alt.Axis(format=DAY_ON_AXIS, tickCount=8, labelOverlap=True))
    tips = [alt.Tooltip("told:N", title="what"), alt.Tooltip("begins:T", title="from", format=DAY),
            alt.Tooltip("ends:T", title="to", format=DAY)]  # fmt: skip
    shown = marks.with_columns(spans=pl.col("begins") < pl.col("ends"))
    half = timedelta(hours=12)
    sampled = pl.DataFrame({"begins": [days[0] - half], "ends": [days[1] + half]})
    shade = alt.Chart(sampled).mark_rect(color=token("medium", dark), opacity=0.3).encode(x=x, x2="ends:T")
    spans = alt.Chart(shown.filter("spans")).mark_bar(
        height=8, color=token("info", dark), opacity=0.75, stroke=token("paper", dark)
    ).encode(x=x, x2="ends:T", y=y, tooltip=tips)  # fmt: skip
    single = shown.filter(~pl.col("spans"))
    points = alt.Chart(single.filter(pl.col("mark") == "")).mark_point(
        shape="diamond", filled=True, size=60, color=token("info", dark), opacity=1
    ).encode(x=x, y=y, tooltip=tips)  # fmt: skip
    marked = alt.Chart(single.filter(pl.col("mark") != "")).encode(x=x, y=y, tooltip=tips)
    written = [
        marked.mark_tick(color=token("accent", dark), thickness=2, height=9, yOffset=5),
        marked.mark_text(fontSize=10, dy=-6, color=token("ink", dark)).encode(text="mark:N"),
    ]
    said = alt.TitleParams(text=titles[0], subtitle=titles[1], fontSize=13)
    return alt.layer(shade, spans, points, *written).properties(title=said, height=25 * len(lanes) + 74)


def interval_bars(rows: pl.DataFrame, title: str, axis: str, dark: bool, dollars: bool) -> alt.LayerChart:
    """Estimates with their two-sided interval as a bar, the point in it, and the one-sided lower limit as a tick.

    `rows`: label, low, point, high, lower (dollars, or shares of 1), in the order shown.
    """
    number = formats.money if dollars else formats.percent
    shown = _in_words(rows, number, "point", "low", "high", "lower").with_columns(
        told=pl.format("{} ({} to {})", "point_said", "low_said", "high_said")
    )
    least = min([0.0, *shown["low"], *shown["lower"]])
    furthest = max([0.01, *shown["high"]])
    scale = alt.Scale(domain=[least, furthest + 0.8 * (furthest - least)], nice=False)
    ticks = (
        alt.Axis(format=MONEY, tickCount=4)
        if dollars
        else alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    )
    x = alt.X("low:Q", title=axis, scale=scale, axis=ticks)
    y = alt.Y("label:N", title=None, sort=shown["label"].to_list(), axis=alt.Axis(labelLimit=190))
    ends = {
        "point": "point",
        "low": "two-sided, from",
        "high": "two-sided, to",
        "lower": "one-sided lower limit",
    }
    tips = [alt.Tooltip("label:N", title="estimate"), *_tips(**ends)]
    base = alt.Chart(shown).encode(y=y, tooltip=tips)
    accent = token("accent", dark)
    layers = [
        base.mark_bar(height=10, color=accent, opacity=0.35).encode(x=x, x2="high:Q"),
        base.mark_tick(height=18, thickness=2, color=token("muted", dark)).encode(x="lower:Q"),
        base.mark_point(size=90, filled=True, color=accent, opacity=1).encode(x="point:Q"),
        base.mark_text(align="left", dx=8, color=token("ink", dark)).encode(x="high:Q", text="told:N"),
    ]
    return alt.layer(*layers).properties(title=_picture_title(title), height=_height(shown.height, 30, 84))


def visits_per_week(weeks: pl.DataFrame, title: str, dark: bool) -> alt.LayerChart:
    """Visits of each full week as bars, what the plan says as a line across each; weeks above it stand out and bear a sign.

    `weeks` as `proof.weeks` gives them.
    """
    shown = weeks.with_columns(
        label=pl.Series([f"{day:%b} {day.day}" for day in weeks["week"]], dtype=pl.String),
        said=pl.col("made").cast(pl.String) + pl.when("over").then(pl.lit(" ▲")).otherwise(pl.lit("")),
    )
    x = alt.X("label:N", title="Week (its Monday)", sort=shown["label"].to_list(),
              axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False))  # fmt: skip
    most = max(1.0, *shown["made"], *shown["planned"])
    scale = alt.Scale(domain=[0, 1.25 * most], nice=False)
    y = alt.Y("made:Q", title="Visits", scale=scale, axis=alt.Axis(tickMinStep=1, tickCount=4, format="d"))
    colour = alt.Color("over:N", legend=None, scale=alt.Scale(
        domain=[False, True], range=[token("accent", dark), token("high", dark)]))  # fmt: skip
    tips = [alt.Tooltip("label:N", title="week of"), alt.Tooltip("made:Q", title="visits"),
            alt.Tooltip("planned:Q", title="planned")]  # fmt: skip
    base = alt.Chart(shown).encode(x=x, tooltip=tips)
    layers = [
        base.mark_bar(width={"band": 0.6}).encode(y=y, color=colour),
        base.mark_text(dy=-7, fontSize=11, color=token("ink", dark)).encode(y=alt.Y("made:Q", scale=scale), text="said:N"),
        base.mark_tick(thickness=2, width={"band": 0.9}, color=token("ink", dark)).encode(
            y=alt.Y("planned:Q", scale=scale)),
    ]  # fmt: skip
    return alt.layer(*layers).properties(title=_picture_title(title), height=190)


def against_threshold(
    total: float, limits: Sequence[tuple[str, float]], title: str, dark: bool, elsewhere: float = 0.0
) -> alt.LayerChart:
    """A year's dollars as a bar towards its thresholds, each a line with its name and its dollars; beyond is darker.

    `limits` are names and dollars, the deciding one first. `elsewhere` of the total were allowed to others: they come first.
    """
    first = limits[0][1]
    spans = [("other providers", 0.0, elsewhere), ("here", elsewhere, max(elsewhere, min(total, first))),
             ("here, above the threshold", max(elsewhere, first), total)]  # fmt: skip
    names, colours = [name for name, _, _ in spans], ("muted", "accent", "high")
    schema = {"part": pl.String, "starts": pl.Float64, "ends": pl.Float64}
    bars = pl.DataFrame([span for span in spans if span[2] > span[1]], schema=schema, orient="row")
    furthest = 1.18 * max(total, *(limit for _, limit in limits))
    scale = alt.Scale(domain=[0, furthest], nice=False)
    lines = pl.DataFrame(
        [(limit, f"{name} {formats.money(limit)}", place == 0) for place, (name, limit) in enumerate(limits)],
        schema={"at": pl.Float64, "told": pl.String, "first": pl.Boolean}, orient="row",
    )  # fmt: skip
    drawn = alt.Chart(bars).mark_bar(height=BAR).encode(
        x=alt.X("starts:Q", title="Dollars allowed in the year", axis=alt.Axis(format=MONEY, tickCount=4), scale=scale),
        x2="ends:Q",
        color=alt.Color("part:N", legend=None, scale=alt.Scale(
            domain=names, range=[token(each, dark) for each in colours])),
        tooltip=[alt.Tooltip("part:N"), alt.Tooltip("starts:Q", title="from", format="$,.2f"),
                 alt.Tooltip("ends:Q", title="to", format="$,.2f")],
    )  # fmt: skip
    wide = bars.filter(pl.col("ends") - pl.col("starts") > WIDE_PART * furthest, pl.col("part") != names[-1])
    said = alt.Chart(wide.with_columns(middle=(pl.col("starts") + pl.col("ends")) / 2)).mark_text(
        fontSize=11, color=token("paper", dark)
    ).encode(x="middle:Q", text="part:N")  # fmt: skip
    marks = []
    for chosen, side in ((lines.filter("first"), -1), (lines.filter(~pl.col("first")), 1)):
        base = alt.Chart(chosen).encode(x="at:Q", color=alt.value(token("ink", dark)))
        marks += [
            base.mark_tick(orient="vertical", size=BAR + 12, thickness=1.5, yOffset=6 * side),
            base.mark_text(align="right", dx=-5, dy=(BAR / 2 + 7) * side, fontSize=11).encode(text="told:N"),
        ]
    return alt.layer(drawn, *([said] if elsewhere else []), *marks).properties(
        title=_picture_title(title), height=_picture_height(1, title) + 14
    )


def payment_steps(steps: pl.DataFrame, title: str, dark: bool) -> alt.LayerChart:
    """From the fee to the expected payment to what was paid: sums from zero, what is taken off hangs between them.

    `steps` as `proof.payment` gives them.
    """
    kinds, colours = ["sum", "less", "paid"], [token(name, dark) for name in ("accent", "muted", "info")]
    shown = steps.with_columns(
        told=pl.Series([formats.money(each, cents=True) for each in steps["amount"]], dtype=pl.String),
        edge=pl.max_horizontal("starts", "ends"),
    )
    y = alt.Y(
        "step:N",
        title=None,
        sort=shown["step"].to_list(),
        axis=alt.Axis(labelLimit=190, ticks=False, domain=False),
    )
    furthest = max(1.0, float(shown["edge"].max() or 0))  # type: ignore[arg-type]
    bars = alt.Chart(shown).mark_bar(height=14).encode(
        x=alt.X("starts:Q", title="Dollars", axis=alt.Axis(format="$,.0f", tickCount=4),
                scale=alt.Scale(domain=[0, 1.25 * furthest], nice=False)),
        x2="ends:Q", y=y,
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=colours)),
        tooltip=["step:N", alt.Tooltip("told:N", title="dollars")],
    )  # fmt: skip
    words = (
        alt.Chart(shown)
        .mark_text(align="left", dx=4, fontSize=11, color=token("ink", dark))
        .encode(x="edge:Q", y=y, text="told:N")
    )
    height = 20 * shown.height + AROUND_PICTURE + 16 * len(textwrap.wrap(title, LONGEST_TITLE_LINE))
    return alt.layer(bars, words).properties(title=_picture_title(title), height=height)
