"""The charts: a frame in, an Altair chart out. Pure; the dashboard and the reports share them.

Every chart says a sentence as its title, has units in its axis title and n in its tooltip, and tells severities by
shape or word as well as by colour. Data are aggregates (`compliance.risk`); none holds a row a claim line.
Selections are named `pick`, so that a page reads `selection["pick"]`.
"""

from collections.abc import Mapping

import altair as alt
import polars as pl

from compliance import chart_theme as theme
from compliance.chart_theme import COUNT, DAY, DAY_ON_AXIS, MONEY, PERCENT, token

PICK = "pick"
STANDING_WORDS = {
    "outside": "needs a chart review",
    "below": "below the lower limit",
    "near": "near the limit",
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
    shown = _placed(frame).with_columns(label=_labels(frame[key], names))
    number = MONEY if unit == "dollars" else COUNT
    order = alt.EncodingSortField(value, op="sum", order="descending")
    pick = alt.selection_point(name=PICK, fields=[key])
    bars = (
        alt.Chart(shown)
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X(f"sum({value}):Q", title=f"{'Dollars at risk' if unit == 'dollars' else 'Findings'}",
                    axis=alt.Axis(format=number, tickCount=4)),
            y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=190)),
            color=alt.Color("severity:N", scale=theme.severity_color(dark), legend=alt.Legend(
                title=None, values=[s for s in theme.SEVERITIES if s in set(frame["severity"])],
                labelExpr=_sign_labels())),
            order=_severity_order(),
            opacity=alt.condition(pick, alt.value(1), alt.value(0.35)),
            tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")), alt.Tooltip("severity:N"),
                     alt.Tooltip(f"{value}:Q", title=unit, format=number),
                     alt.Tooltip("findings:Q", title="findings", format=COUNT)],
        )
        .add_params(pick)
    )  # fmt: skip
    totals = shown.group_by("label").agg(total=pl.col(value).sum())
    text = (
        alt.Chart(totals)
        .mark_text(align="left", dx=4, color=token("ink", dark))
        .encode(x=alt.X("total:Q"), y=alt.Y("label:N", sort=order), text=alt.Text("total:Q", format=number))
    )
    height = max(90, 24 * max(1, totals.height))
    return alt.layer(bars, text).properties(title=title, height=height)


def _labels(keys: pl.Series, names: Mapping[str, str] | None) -> pl.Series:
    return pl.Series(
        [(names or {}).get(key, key) if key is not None else "none named" for key in keys], dtype=pl.String
    )


def _sign_labels() -> str:
    """A Vega expression that writes a severity with its sign."""
    pairs = ", ".join(f"'{severity}': '{sign} {severity}'" for severity, sign in theme.SEVERITY_SIGNS.items())
    return f"{{{pairs}}}[datum.value]"


def p_chart(weeks: pl.DataFrame, title: str, dark: bool) -> alt.LayerChart:
    """Share of checked visits with a finding per service week, with its limits; the last weeks are shaded.

    `weeks` as `risk.weekly` gives it. Points outside the limits stand out by shape and colour.
    """
    shown = weeks.with_columns(
        outside=(pl.col("share") > pl.col("limit_high")) | (pl.col("share") < pl.col("limit_low")),
        ends=pl.col("week").dt.offset_by("1w"),
    )
    week = alt.X(
        "week:T",
        title="Service week (its Monday)",
        axis=alt.Axis(format=DAY_ON_AXIS, labelAngle=0, tickCount=8),
    )
    base = alt.Chart(shown)
    shade = (
        alt.Chart(shown.filter(pl.col("incomplete")))
        .mark_rect(color=token("line", dark), opacity=0.55)
        .encode(x=alt.X("min(week):T"), x2=alt.X2("max(ends):T"))
    )
    band = base.mark_area(color=token("accent", dark), opacity=0.12, interpolate="step").encode(
        x=week, y=alt.Y("limit_low:Q"), y2="limit_high:Q"
    )
    centre = base.mark_rule(strokeDash=[4, 3]).encode(y=alt.Y("mean(centre):Q"))
    line = base.mark_line(color=token("accent", dark)).encode(
        x=week,
        y=alt.Y("share:Q", title="Share of visits with a finding", axis=alt.Axis(format=".0%", tickCount=4),
                scale=alt.Scale(zero=True)),
    )  # fmt: skip
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=week,
        y="share:Q",
        shape=alt.Shape("outside:N", scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]), legend=None),
        color=alt.Color("outside:N", legend=None,
                        scale=alt.Scale(domain=[False, True], range=[token("accent", dark), token("high", dark)])),
        tooltip=[alt.Tooltip("week:T", title="week of", format=DAY), alt.Tooltip("n:Q", title="with a finding", format=COUNT),
                 alt.Tooltip("of:Q", title="visits checked", format=COUNT), alt.Tooltip("share:Q", format=PERCENT),
                 alt.Tooltip("limit_low:Q", title="lower limit", format=PERCENT),
                 alt.Tooltip("limit_high:Q", title="upper limit", format=PERCENT)],
    )  # fmt: skip
    return alt.layer(shade, band, centre, line, points).properties(title=title, height=190)


def funnel(
    rows: pl.DataFrame, curves: pl.DataFrame, centre: float, title: str, dark: bool, names: Mapping[str, str]
) -> alt.LayerChart:
    """One discipline's funnel: visits checked against share with a finding, exact limits, only outsiders named.

    `rows` as `risk.funnel`, `curves` as `risk.funnel_limits` give them.
    """
    shown = rows.with_columns(
        name=_labels(rows["therapist_id"], names),
        told=pl.col("standing").replace_strict(STANDING_WORDS),
    )
    volume = alt.X(
        "of:Q", title="Visits checked", scale=alt.Scale(zero=True, nice=True), axis=alt.Axis(tickCount=6)
    )
    limits = alt.Chart(curves)
    lines = [
        limits.mark_line(color=token("muted", dark), strokeWidth=1, strokeDash=dash, interpolate="step-after").encode(
            x=volume, y=alt.Y(f"{column}:Q", title="Share of visits with a finding",
                              axis=alt.Axis(format=".0%", tickCount=5))
        )
        for column, dash in (("inner_low", [2, 2]), ("inner_high", [2, 2]), ("outer_low", [1, 0]), ("outer_high", [1, 0]))
    ]  # fmt: skip
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
            y="share:Q",
            color=alt.Color("standing:N", scale=scale, legend=None),
            shape=alt.Shape("standing:N", scale=shapes, legend=None),
            opacity=alt.condition(pick, alt.value(0.95), alt.value(0.3)),
            tooltip=[alt.Tooltip("name:N", title="therapist"), alt.Tooltip("n:Q", title="visits with a finding"),
                     alt.Tooltip("of:Q", title="visits checked"), alt.Tooltip("share:Q", format=PERCENT),
                     alt.Tooltip("told:N", title="stands")],
        )
        .add_params(pick)
    )  # fmt: skip
    outside = shown.filter(pl.col("standing").is_in(["outside", "below"]))
    labels = (
        alt.Chart(outside)
        .mark_text(align="left", dx=9, dy=-3, fontWeight=600, color=token("ink", dark))
        .encode(x=volume, y="share:Q", text="name:N")
    )
    return alt.layer(*lines, middle, points, labels).properties(title=title, height=300)


def heat_map(cells: pl.DataFrame, title: str, dark: bool, names: Mapping[str, str]) -> alt.LayerChart:
    """Therapist x rule: colour is the excess beyond chance, never the raw per cent; few units and unknowns are hatched.

    `cells` as `risk.excess` gives them. Click picks the therapist and the rule.
    """
    shown = cells.with_columns(
        name=_labels(cells["therapist_id"], names),
        note=pl.when(pl.col("state") == "outside").then(pl.lit("▲")).otherwise(pl.lit("")),
    )
    pick = alt.selection_point(name=PICK, fields=["therapist_id", "rule"])
    base = alt.Chart(shown).encode(
        x=alt.X("rule:N", title=None, axis=alt.Axis(labelAngle=-50, orient="top")),
        y=alt.Y("name:N", title=None, axis=alt.Axis(labelLimit=150)),
    )
    bound = 4.0
    judged = alt.datum.state != "cannot_tell"
    cellscale = alt.Scale(domain=[-bound, 0, bound], clamp=True,
                          range=[token("info", dark), token("paper", dark), token("high", dark)])  # fmt: skip
    rects = base.mark_rect(stroke=token("line", dark), strokeWidth=0.5).encode(
        color=alt.condition(
            judged, alt.Color("excess:Q", scale=cellscale, legend=alt.Legend(title="Excess beyond chance (standard deviations)",
                              gradientLength=140)), alt.value(theme.hatch(dark, stripes=5))
        ),
        opacity=alt.condition(alt.datum.state == "few", alt.value(0.35), alt.value(1)),
        tooltip=[alt.Tooltip("name:N", title="therapist"), "rule:N", alt.Tooltip("n:Q", title="failed", format=COUNT),
                 alt.Tooltip("of:Q", title="units checked", format=COUNT),
                 alt.Tooltip("expected:Q", title="expected", format=".1f"),
                 alt.Tooltip("cannot_tell:Q", title="cannot tell", format=COUNT)],
    ).add_params(pick)  # fmt: skip
    marks = base.mark_text(color=token("ink", dark), fontSize=11).encode(text="note:N")
    height = max(120, 19 * shown["name"].n_unique())
    return alt.layer(rects, marks).properties(title=title, height=height)


def rate_bars(
    table: pl.DataFrame, key: str, title: str, axis: str, dark: bool, names: Mapping[str, str]
) -> alt.LayerChart:
    """Rates with their intervals, one row a `key`: a dot and its Wilson interval, n and N in the tooltip."""
    shown = table.filter(pl.col("of") > 0).with_columns(
        label=_labels(table.filter(pl.col("of") > 0)[key], names)
    )
    order = alt.EncodingSortField("dollars", order="descending")
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=190))
    base = alt.Chart(shown)
    bars = base.mark_rule(color=token("muted", dark), strokeWidth=2).encode(
        x=alt.X(
            "share_low:Q", title=axis, axis=alt.Axis(format=".0%", tickCount=4), scale=alt.Scale(zero=True)
        ),
        x2="share_high:Q",
        y=y,
    )
    dots = base.mark_point(filled=True, size=90, color=token("accent", dark), opacity=1).encode(
        x="share:Q",
        y=y,
        tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")), alt.Tooltip("n:Q", title="with a finding"),
                 alt.Tooltip("of:Q", title="checked"), alt.Tooltip("share:Q", format=PERCENT)],
    )  # fmt: skip
    return alt.layer(bars, dots).properties(title=title, height=max(90, 24 * max(1, shown.height)))


def unknown_bars(
    table: pl.DataFrame, key: str, title: str, dark: bool, names: Mapping[str, str]
) -> alt.Chart:
    """Share of checks that could not be told, hatched: unknown is neither pass nor finding."""
    shown = table.with_columns(label=_labels(table[key], names)).filter(pl.col("cannot_tell") > 0)
    return (
        alt.Chart(shown)
        .mark_bar(height={"band": 0.6}, color=theme.hatch(dark), stroke=token("cannot_tell", dark), strokeWidth=0.5)
        .encode(
            x=alt.X("cannot_tell_share:Q", title="Share of checks", axis=alt.Axis(format=".0%", tickCount=4)),
            y=alt.Y("label:N", title=None, sort="-x", axis=alt.Axis(labelLimit=190)),
            tooltip=[alt.Tooltip("label:N", title=key.removesuffix("_id")),
                     alt.Tooltip("cannot_tell:Q", title="could not be told", format=COUNT),
                     alt.Tooltip("cannot_tell_share:Q", title="share of checks", format=PERCENT)],
        )
        .properties(title=title, height=max(60, 20 * max(1, shown.height)))
    )  # fmt: skip
