"""Therapists: who is outside what chance explains, given how many visits were checked."""

import polars as pl
import streamlit as st

from compliance import charts, risk, views
from ui import data, filters, frame, parts

frame.enter()
view = parts.ready("Therapists")
# one therapist is compared with all of the discipline, whoever is chosen
alone = list(filters.current().therapists)
peers = data.peers() if alone else view
mine = pl.col("therapist_id").is_in(alone) if alone else pl.lit(True)
rows = risk.funnel(peers.audit.visits).drop_nulls("therapist_id").filter(mine)
if rows.is_empty():
    frame.heading("Therapists", context=data.context())
    parts.empty(
        "No checked visit names its therapist under these filters. Records says what the export lacks."
    )
names = parts.mapping(rows, "therapist_id")
told = views.therapists.sentence(rows, names) + views.narrowed.dismissed_sentence(view)
frame.heading("Therapists", told, data.context())

picked: list[str] = []
disciplines = [each for each in ("PT", "OT", "SLP") if each in set(rows["discipline"])]
for place, discipline in zip(st.columns(max(2, len(disciplines))), disciplines, strict=False):
    of_one = rows.filter(pl.col("discipline") == discipline)
    centre = of_one["centre"][0]
    curves = risk.funnel_limits(centre, int(max(of_one["of"]) * 1.05) + 1)
    above = of_one.filter(pl.col("standing") == "outside").height
    title = f"{discipline}: {above or 'none'} above the 99.8 % limit"
    with place:
        drawn = charts.funnel(of_one, curves, centre, title, frame.dark(), names)
        alt = f"Funnel plot of {discipline}: visits checked against share with a finding, with exact limits"
        table = parts.named(of_one, "therapist_id")
        picked += parts.picked(parts.chart(drawn, alt, f"therapists_{discipline}", table), "therapist_id")
if picked:
    frame.go("findings", therapist=picked)
st.caption(
    "▲ above the 99.8 % limit (solid): needs a chart review, nothing more. ◆ beyond the 95 % limit (dotted). ● within expected "
    "variation. ▼ below the 99.8 % limit: see whether the checks had their facts. Level line: the discipline's own rate. A mark "
    "counts the findings that are the therapist's own." + views.narrowed.reviewed_in_part(view, "therapists")
)

here = views.therapists.therapists_here(view.audit)
table = risk.risk_table(view.audit, "therapist").filter(here)
shown = views.therapists.sheet(parts.named(table, "therapist_id"))
event = parts.sheet(
    shown, "Therapists with their rates; choosing a row opens their findings",
    key="therapists_table", on_select="rerun", selection_mode="single-row",
)  # fmt: skip
parts.download(shown, "therapists_table", "therapists.csv")
chosen = [table["therapist_id"][row] for row in event["selection"]["rows"]]
if chosen and chosen[0]:
    frame.go("findings", therapist=chosen)

st.caption(
    "Dollars: each claim line once, shared among the findings on it. Under a filter the findings left share it, so parts can be "
    "larger there."
)
coverage = peers.audit.coverage
families = views.therapists.heat_columns(coverage)
family = None
if families:
    family = st.selectbox(
        "Columns of the map", [None, *families], format_func=lambda code: families.get(code, "Families of rules"),
        key="therapists_columns", width=360, bind="query-params",
    )  # fmt: skip
if family:
    coverage = coverage.filter(pl.col("rule").str.starts_with(f"{family}-"))
by_family = bool(families) and not family
cells = (risk.family_excess if by_family else risk.excess)(coverage).filter(mine, here)
if cells.height:
    what = "family" if by_family else "rule"
    drawn = charts.heat_map(
        cells, views.therapists.pairs_title(cells, what), frame.dark(),
        parts.mapping(cells, "therapist_id"), list(families) if by_family else (),
    )  # fmt: skip
    alt = "Heat map of therapists and rules: excess beyond chance; hatched where it could not be told, pale where few"
    events = parts.chart(drawn, alt, f"therapists_heat_{family}", parts.named(cells, "therapist_id"))
    if events:
        frame.go(
            "findings", therapist=parts.picked(events, "therapist_id"), rule=parts.picked(events, "rule")
        )
    graded = " All failed checks count here, whatever their severity." if filters.current().severities else ""
    st.caption(views.therapists.chance_words(cells, what) + graded)
