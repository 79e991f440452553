"""Overview: what was found, what it puts at risk, what to fix first."""

import streamlit as st

from compliance import charts, formats, risk, views
from ui import data, filters, frame, parts, reports

frame.enter()
view = parts.ready("Overview")
figures = risk.summary(view.audit)
if view.audit.visits.is_empty() and view.audit.lines.is_empty():
    frame.heading("Overview", "No visit and no claim lies under these filters.", data.context())
    parts.empty("Nothing was checked there. The dates of service held stand above.")
told = views.overview.sentence(figures) + views.narrowed.dismissed_sentence(view)
frame.heading("Overview", told, data.context())
with st.container(horizontal=True, vertical_alignment="center", key="overview_unknowns"):
    # which visits a rule's own checks fell on is not known: with rules chosen the checks are counted
    partly = 0 if filters.current().rules else int(figures["visits_cannot_tell"])
    unknowns = views.overview.unknowns_sentence(view.audit, partly)
    st.caption(formats.markdown(unknowns), width="content")
    if st.button("See records", type="tertiary", key="overview_records"):
        frame.go("records")
    reports.offer(view)
if unsure := views.narrowed.unverified_sentence(view):
    with st.container(horizontal=True, vertical_alignment="center", key="overview_unverified"):
        st.caption(formats.markdown(unsure), width="content")
        if st.button("See these findings", type="tertiary", key="overview_unverified_findings"):
            frame.go("findings", {"unverified": "true"})
if view.audit.findings.is_empty():
    parts.empty("No findings under these filters. What could not be checked is listed under Records.")

left, right = st.columns([1.3, 1], gap="small")
with left, st.container(horizontal=True, key="card_tiles"):
    per = risk.per_hundred(int(figures["findings"]), int(figures["visits"]))
    earlier = data.earlier()
    st.metric(
        "At risk",
        formats.money(figures["dollars"]),
        delta=views.overview.against(figures, risk.summary(earlier[0].audit), *earlier[1:])
        if earlier
        else None,
        delta_color="off",
        help="Each claim line counts once, at its own amount. With dates chosen, against as many days before them.",
    )
    st.metric(
        "Findings per 100 visits",
        f"{per[0]:.1f}" if per else formats.NOTHING,
        delta=f"{per[1]:.1f}–{per[2]:.1f} at 95 %" if per else None,
        delta_color="off",
        delta_arrow="off",
        help="Findings, not visits: a visit can have several, and one finding (a plan without signature) can touch many "
        "visits. With its exact 95 % Poisson interval.",
    )
    st.metric(
        "Cannot tell",
        formats.plural(partly, "visit")
        if partly
        else formats.plural(int(figures["units_cannot_tell"]), "check"),
        help="A check lacked a fact; neither passed nor found.",
    )

causes = views.causes.root_causes(view.valued, view.shares).head(8)
if not causes.is_empty():
    with right, st.container(key="card_causes"):
        st.markdown("**What to fix first**")
        said = views.causes.cause_labels(causes, parts.called)
        for place, cause in enumerate(causes.iter_rows(named=True), 1):
            told, dollars, opened = st.columns([7, 1.5, 1.1], vertical_alignment="center", gap="small")
            told.markdown(formats.markdown(f"{place}. {said[place - 1]}"))
            dollars.markdown(
                f"**{formats.markdown(formats.money(cause['dollars']))}**", text_alignment="right"
            )
            if opened.button("Open", key=f"cause_{place}", type="tertiary", help=cause["rule"]):
                frame.go("findings", {"finding": cause["finding_id"]})

unknown = views.records.unknown_sheet(view.audit.coverage)
if not unknown.is_empty():
    with right, st.container(key="card_unknown"):
        st.markdown("**What could not be told, for want of**")
        for fact, checks, rules, *_ in unknown.head(5).iter_rows():
            told, counted, ruled = st.columns([5, 2.4, 2.2], vertical_alignment="center", gap="small")
            told.markdown(formats.markdown(fact))
            counted.markdown(formats.markdown(formats.plural(checks, "check")), text_alignment="right")
            ruled.markdown(formats.markdown(views.records.first_rules(rules)))
        st.caption("Records tells of which payers, and what to do about each.")

with left:
    families = views.severities.by_severity(view.valued, "family")
    value = views.severities.drawn_by(families)
    title = views.severities.families_title(families)
    drawn = charts.stacked_by(
        families, "family", value, title, value, frame.dark(), views.severities.family_titles()
    )
    measured = "Dollars at risk" if value == "dollars" else "Findings"
    alt = f"{measured} by family of rules, stacked by severity; choosing a bar opens its findings"
    sheet = views.severities.sheet(families, "family")
    chosen = parts.picked(parts.chart(drawn, alt, "overview_family", sheet), "family")
    if chosen:
        frame.go("findings", rule=chosen)

    weeks = risk.weekly(view.audit.visits, every=view.whole.visits)
    if weeks.is_empty():
        st.stop()
    late, left_out = views.weeks.weeks_shown(weeks)
    drawn = charts.p_chart(late, views.weeks.weeks_title(weeks), frame.dark(), left_out)
    alt = "Share of checked visits with a finding by service week, with limits; the records' last two weeks are not complete"
    mondays = parts.picked(parts.chart(drawn, alt, "overview_weeks", weeks), "monday")
    st.caption(views.weeks.COUNTED)
    if unevenly := views.narrowed.reviewed_in_part(view, "weeks"):
        st.caption(unevenly)
    if mondays:
        frame.go("findings", None, **parts.week(mondays[0]))
