"""The parts of the Meeting page: four figures, are we better, who needs help, which payer hurts, what to do by Friday."""

from datetime import date

import polars as pl
import streamlit as st

from compliance import charts, comparison, formats, risk, views
from compliance.reports import Subject, director
from compliance.review.store import Store
from ui import data, frame, parts


def four_figures(told: Subject) -> None:
    """Clean claims before billing, dollars held, findings per 100 visits, the top fix: as the printed page has them."""
    with st.container(key="card_meeting"):
        tiles = director.tiles(told)
        for place, tile in zip(st.columns(len(tiles)), tiles, strict=True):
            place.metric(
                tile["label"], tile["value"], delta=tile["note"], delta_color="off", delta_arrow="off"
            )


def better(view: views.narrowed.Narrowed, subject: Subject) -> None:
    """The p-chart with its baseline frozen on the first marked day, and the marked days."""
    st.subheader("Are we better?", anchor=False)
    kept, _ = data.review()
    marks, baseline = list(subject.marks), subject.baseline_until
    weeks = risk.weekly(view.audit.visits, baseline_until=baseline, every=view.whole.visits)
    if weeks.is_empty():
        parts.explain("No checked visit has a date.")
        return
    shown, note = views.weeks.weeks_shown(weeks)
    against = "" if baseline else "Nobody knows yet: no day is marked to compare with. "
    told = f"{against}{views.weeks.better_sentence(weeks, baseline)}.{views.narrowed.reviewed_in_part(view, 'weeks')}"
    st.markdown(formats.markdown(told))
    drawn = charts.p_chart(shown, "Visits with a finding by service week", frame.dark(), note, marks)
    words = (
        "Share of checked visits with a finding by service week, against a frozen baseline, with marked days"
    )
    parts.chart(drawn, words, "meeting_weeks", weeks, picks=False)
    st.caption(views.weeks.COUNTED)
    if kept:
        _marking(kept, marks)


def _marking(kept: Store, marks: list[tuple[date, str]]) -> None:
    """Mark a day (a training, a new rule): the first marked day ends the baseline."""
    with st.expander("Mark a day"):
        day = st.date_input("Day", date.today(), key="meeting_day", format="YYYY-MM-DD")
        words = st.text_input(
            "What happened", key="meeting_words", placeholder="Training on progress reports"
        )
        if st.button("Mark", key="meeting_mark", disabled=not words.strip()):
            kept.mark(day, words, data.person())
            st.rerun()
        for place, (on, said) in enumerate(marks):
            if st.button(f"{formats.markdown(f'{formats.day(on)}: {said}')}  ✕", key=f"chip_mark_{place}"):
                kept.unmark(on, said, data.person())
                st.rerun()


def who_needs_help(view: views.narrowed.Narrowed) -> None:
    """The funnel in words, and its picture of the discipline that has most therapists outside, of equals the largest."""
    st.subheader("Who needs help?", anchor=False)
    rows = risk.funnel(view.audit.visits).drop_nulls("therapist_id")
    if rows.is_empty():
        parts.explain("No checked visit names its therapist.")
        return
    names = parts.mapping(rows, "therapist_id")
    st.markdown(formats.markdown(views.therapists.help_sentence(rows, names)))
    outside = rows.filter(pl.col("standing") == "outside")
    sizes = (outside if outside.height else rows).group_by("discipline").agg(pl.len(), pl.col("of").sum())
    largest, *others = sizes.sort(["len", "of", "discipline"], descending=[True, True, False])["discipline"]
    of_one = rows.filter(pl.col("discipline") == largest)
    centre = of_one["centre"][0]
    curves = risk.funnel_limits(centre, int(max(of_one["of"]) * 1.05) + 1)
    drawn = charts.funnel(
        of_one,
        curves,
        centre,
        f"{largest}: visits with a finding, and what chance explains",
        frame.dark(),
        names,
    )
    parts.chart(
        drawn, f"Funnel plot of {largest}", "meeting_funnel", parts.named(of_one, "therapist_id"), picks=False
    )
    if others and outside.height:
        st.caption(f"The picture is of {largest}; {formats.listed(sorted(others))} on the page Therapists.")


def which_payer(view: views.narrowed.Narrowed) -> None:
    """Dollars at risk by payer."""
    st.subheader("Which payer hurts?", anchor=False)
    table = views.payers.rated(view)
    if table.is_empty():
        parts.explain("No claim names its payer.")
        return
    names = parts.mapping(table, "payer_id")
    st.markdown(formats.markdown(views.payers.sentence(table, float(view.shares["share"].sum()), names)))
    if not view.valued.is_empty():
        stacked = views.severities.by_severity(view.valued, "payer_id", table["payer_id"])
        value, title = views.severities.drawn_by(stacked), views.severities.payers_title(stacked)
        drawn = charts.stacked_by(stacked, "payer_id", value, title, value, frame.dark(), names)
        parts.chart(drawn, title, "meeting_payers", parts.named(stacked, "payer_id"), picks=False)


def by_friday(told: Subject) -> None:
    """The ten fixes that release the most, blockers first: as the printed page has them."""
    listed = director.fixes(told)
    st.subheader(listed["heading"], anchor=False)
    if not listed["rows"]:
        st.markdown("Nothing is to be fixed.")
    lines = [f"{row['rule']} {row['what']}: {listed['dollars']} {row['dollars']}" for row in listed["rows"]]
    st.markdown("\n".join(f"{place}. {formats.markdown(each)}" for place, each in enumerate(lines, 1)))


def beside_ourselves(view: views.narrowed.Narrowed) -> None:
    """The figures of CMS's letters from these claims, and the mix of codes with its limits."""
    st.subheader("What would a payer's letter say?", anchor=False)
    ids = view.audit.visits.select("patient_id", "discipline", "service_date")
    notes = (
        data.records()
        .tables["notes"]
        .join(ids.unique(), on=["patient_id", "discipline", "service_date"], how="semi")
    )
    with st.container(horizontal=True, key="card_letter"):
        for told in comparison.figures(view.audit.lines, notes):
            st.metric(
                told.name, figure_words(told), delta=volume_words(told), delta_color="off", delta_arrow="off"
            )
    st.caption(
        "Minutes are of the visits that record some; dollars are what payers allowed, of the patients whose claims were paid."
    )
    with st.expander("Month by month"):
        months = pl.DataFrame(
            [
                {
                    "Month": f"{first:%b %Y}",
                    **{each.name: figure_words(each, with_volume=True) for each in told},
                }
                for first, told in comparison.monthly(view.audit.lines, notes).items()
            ]
        )
        parts.sheet(months, "The same figures by month, each with what it rests on")
        parts.download(months, "meeting_months", "months.csv")
    mix = comparison.mix(view.audit.lines)
    st.markdown(formats.markdown(comparison.drift_sentence(mix)))
    if not mix.is_empty():
        drawn = charts.mix_panels(
            mix, "Share of timed lines by quarter, within the limits of their own past", frame.dark()
        )
        parts.chart(
            drawn, "Share of each timed code by quarter with its limits", "meeting_mix", mix, picks=False
        )


def figure_words(told: comparison.Figure, with_volume: bool = False) -> str:
    """A figure as people write it, `38.3` or `38.3 (of 215)`; a share with n, N and interval; a dash where nothing is known."""
    if told.value is None:
        return formats.NOTHING
    if told.share is not None:
        share = told.share
        return (
            formats.rate(share.n, share.of, share.low, share.high)
            if with_volume
            else formats.percent(told.value)
        )
    value = formats.money(told.value) if told.unit == "$" else f"{told.value:.1f}"
    return f"{value} ({volume_words(told)})" if with_volume else value


def volume_words(told: comparison.Figure) -> str:
    """What a figure rests on: `of 215 visits`, of a share `26 of 215; 8.4–17.4 at 95 %`."""
    if told.share is None or not told.of:
        return f"of {formats.plural(told.of, told.each)}"
    ends = formats.ends(told.share.low, told.share.high)
    return f"{formats.count(told.share.n)} of {formats.count(told.of)}; {ends} at 95 %"
