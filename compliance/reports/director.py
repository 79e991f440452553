"""The director's page: one sentence, four figures, three pictures, and what to fix by Friday; as data for the template."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from compliance import charts, formats, prebill, risk, views
from compliance.reports.pictures import svg
from compliance.reports.subject import Subject

FIXES_SHOWN = 10
WIDE, HALF, THIRD = 1040, 516, 342
"""Pixels of a drawing that fills a page's width, half of it, a third of it."""
HIGH = 286
PAYERS_DRAWN = 8


def page(subject: Subject) -> dict[str, Any]:
    """The data of the director's page."""
    weeks = risk.weekly(
        subject.audit.visits, baseline_until=subject.baseline_until, every=subject.view.whole.visits
    )
    unknowns = views.overview.unknowns_sentence(subject.audit, int(subject.figures["visits_cannot_tell"]))
    return {
        "sentence": views.overview.sentence(subject.figures)
        + views.narrowed.dismissed_sentence(subject.view),
        "unknowns": f"{unknowns} {views.narrowed.unverified_sentence(subject.view)}".strip(),
        "tiles": tiles(subject),
        "weeks": None if weeks.is_empty() else _weeks(weeks, subject),
        "payers": _payers(subject),
        "people": _people(subject),
        "billing": _billing(subject),
        "fixes": fixes(subject),
    }


def tiles(subject: Subject) -> list[dict[str, str]]:
    """The four figures: label, value, note."""
    return [_clean(subject), _held(subject), _per_hundred(subject), _top_fix(subject)]


def _clean(subject: Subject) -> dict[str, str]:
    claims, label = subject.claims, "Clean claims before billing"
    if not claims:
        note = "none under these filters waits" if subject.unsent else "every claim was sent"
        return {"label": label, "value": formats.NOTHING, "note": note}
    clean = sum(claim["decision"] == prebill.RELEASE for claim in claims)
    told = risk.rate(clean, len(claims))
    unsure = prebill.released_untold(claims)
    partly = f"; {formats.count(unsure)} not checked in full" if unsure else ""
    return {
        "label": label,
        "value": formats.percent(told.share),
        "note": f"{formats.count(clean)} of {formats.plural(len(claims), 'unsent claim')}; "
        f"{formats.ends(told.low, told.high)} at 95 %{partly}",
    }


def _held(subject: Subject) -> dict[str, str]:
    held = [claim for claim in subject.claims if claim["decision"] == prebill.HOLD]
    at_risk = f"{formats.money(subject.figures['dollars'])} at risk in all"
    told = f"on {formats.plural(len(held), 'unsent claim')}; {at_risk}"
    return {
        "label": "Held",
        "value": formats.money(sum(claim["amount"] for claim in held)),
        "note": told if held else at_risk,
    }


def _per_hundred(subject: Subject) -> dict[str, str]:
    found, visits = int(subject.figures["findings"]), int(subject.figures["visits"])
    per = risk.per_hundred(found, visits)
    if per is None:
        return {"label": "Findings per 100 visits", "value": formats.NOTHING, "note": "no visits"}
    note = f"{formats.count(found)} on {formats.plural(visits, 'visit')}; {per[1]:.1f}–{per[2]:.1f} at 95 %"
    return {"label": "Findings per 100 visits", "value": f"{per[0]:.1f}", "note": note}


def _top_fix(subject: Subject) -> dict[str, str]:
    """What the page Meeting calls the first fix; where nothing is held, the cause with most at risk."""
    told = fixes(subject, 1)
    if not told["rows"]:
        return {"label": "Top fix", "value": formats.NOTHING, "note": "nothing to fix"}
    first = told["rows"][0]
    held = told["dollars"] == "holds"
    return {
        "label": "First fix releases" if held else "Top fix: at risk",
        "value": first["releases"] if held else first["dollars"],
        "note": f"{first['rule']} {first['what']}",
    }


def _billing(subject: Subject) -> str:
    first = [each for ids in subject.fixes["ids"].head(FIXES_SHOWN) for each in ids]
    released = prebill.released_by(subject.waiting, first, subject.lifted)
    return views.billing.sentence(subject.claims, subject.fixes, released, FIXES_SHOWN, subject.unsent)


def fixes(subject: Subject, top: int = FIXES_SHOWN) -> dict[str, Any]:
    """What to fix: of the unsent claims what holds them, else of all claims what puts most at risk.

    Returns heading, `dollars` (the column's heading), rows (what, who, dollars, more), and how many are left out.
    """
    due = f"What to fix by {formats.day(views.billing.next_friday(subject.as_of))}"
    if not subject.fixes.is_empty():
        rows = _fixes(subject, subject.fixes.head(top).with_columns(lines="claims"), "held")
        heading, dollars, more = f"{due}, blockers first", "holds", subject.fixes.height - len(rows)
    else:
        causes = views.causes.root_causes(subject.view.valued, subject.view.shares)
        rows = _fixes(subject, causes.head(top), "dollars")
        heading, dollars, more = f"{due}, by dollars at risk", "at risk", causes.height - len(rows)
    return {"heading": heading, "dollars": dollars, "rows": rows, "more": more}


def _fixes(subject: Subject, causes: pl.DataFrame, dollars: str) -> list[dict[str, str]]:
    words = views.causes.cause_labels(causes, subject.called)
    return [
        {
            "rule": row["rule"],
            "what": what,
            "who": views.causes.owner(row, subject.called),
            "dollars": formats.money(row[dollars]),
            "releases": _released(row.get("released")),
        }
        for row, what in zip(causes.iter_rows(named=True), words, strict=True)
    ]


def _released(dollars: float | None) -> str:
    """What a fix releases; where other findings hold the same claims, it releases nothing alone."""
    if dollars is None:
        return ""
    return formats.money(dollars) if dollars else "with others"


def _weeks(weeks: pl.DataFrame, subject: Subject) -> dict[str, Any]:
    """The chart by week against the baseline that the page Meeting has, and its sentence."""
    title, sentence = (
        views.weeks.weeks_title(weeks),
        views.weeks.better_sentence(weeks, subject.baseline_until),
    )
    drawn, note = views.weeks.weeks_shown(weeks)
    marks = [(day, formats.terminal(subject.names.masked(words))) for day, words in subject.marks]
    return {
        "svg": svg(charts.p_chart(drawn, title, False, note, marks), HALF, HIGH),
        "alt": f"Share of checked visits with a finding by service week, with limits: {sentence}.",
        "sentence": (f"{sentence}." if subject.marks else "")
        + views.narrowed.reviewed_in_part(subject.view, "weeks"),
        "caption": "Visits with a finding by week of service",
        "heads": ["Week of", "Visits with a finding", "Lower limit", "Upper limit", ""],
        "rows": [
            [
                formats.day(row["week"]),
                formats.rate(row["n"], row["of"]),
                formats.percent(row["limit_low"]),
                formats.percent(row["limit_high"]),
                "not complete" if row["incomplete"] else charts.STANDING_WORDS[row["standing"]],
            ]
            for row in weeks.iter_rows(named=True)
        ],
    }


def _payers(subject: Subject) -> dict[str, Any] | None:
    table = views.payers.rated(subject.view)
    if table.is_empty():
        return None
    names = subject.names_of(table["payer_id"])
    whole = float(subject.view.shares["share"].sum())
    sentence = views.payers.sentence(table, whole, names)
    drawn = table.head(PAYERS_DRAWN)
    stacked = views.severities.by_severity(
        subject.view.valued.filter(pl.col("payer_id").is_in(drawn["payer_id"].implode(), nulls_equal=True)),
        "payer_id",
        drawn["payer_id"],
    )
    value = views.severities.drawn_by(stacked)
    title = views.severities.payers_title(stacked) + (
        f" (the first {PAYERS_DRAWN} of {table.height})" if table.height > PAYERS_DRAWN else ""
    )
    return {
        "svg": svg(charts.stacked_by(stacked, "payer_id", value, title, value, False, names), HALF, HIGH),
        "alt": f"{title}, stacked by severity. {sentence}",
        "sentence": sentence,
        "caption": "Payers",
        "heads": ["Payer", "At risk", "Findings", "Claims", "Findings per 100 claims", "Cannot tell"],
        "rows": [
            [
                names.get(row["payer_id"], "none named"),
                formats.money(row["dollars"]),
                formats.count(row["findings"]),
                formats.count(row["claims"]),
                views.payers.per_100_words(row),
                views.payers.untold_words(row),
            ]
            for row in table.iter_rows(named=True)
        ],
    }


def funnel_rows(subject: Subject) -> pl.DataFrame:
    """The funnel's rows as the page Therapists has them: therapists under the filters, compared with all of their peers."""
    rows = risk.funnel(subject.peers.visits).drop_nulls("therapist_id")
    return rows.join(
        subject.audit.visits.select("therapist_id", "discipline").unique(), on=["therapist_id", "discipline"], how="semi"
    ).sort("discipline", "therapist_id")  # fmt: skip


def _people(subject: Subject) -> dict[str, Any] | None:
    rows = funnel_rows(subject)
    if rows.is_empty():
        return None
    names = subject.names_of(rows["therapist_id"])
    disciplines = [each for each in ("PT", "OT", "SLP") if each in set(rows["discipline"])]
    width = {1: WIDE, 2: HALF}.get(len(disciplines), THIRD)
    return {
        "sentence": views.therapists.sentence(rows, names),
        "legend": _legend(rows) + views.narrowed.reviewed_in_part(subject.view, "therapists"),
        "pictures": [_funnel(rows.filter(pl.col("discipline") == each), each, names, width) for each in disciplines],
        "caption": "Therapists",
        "heads": ["Therapist", "Discipline", "Visits with a finding of their own", "Stands"],
        "rows": [
            [
                names[row["therapist_id"]],
                row["discipline"],
                formats.rate(row["n"], row["of"], row["share_low"], row["share_high"]),
                charts.STANDING_WORDS[row["standing"]],
            ]
            for row in rows.sort(pl.col("therapist_id").replace_strict(names), "discipline").iter_rows(named=True)
        ],
    }  # fmt: skip


def _legend(rows: pl.DataFrame) -> str:
    """The funnel in words: its marks, and how many bear each."""
    number = {
        standing: rows.filter(pl.col("standing") == standing).height for standing in charts.STANDING_WORDS
    }
    return (
        f"▲ above the 99.8 % limit (solid), needs a chart review, nothing more: {number['outside']}. "
        f"◆ beyond the 95 % limit (dotted): {number['near']}. ● within expected variation: {number['within']}. "
        f"▼ below the 99.8 % limit, see whether the checks had their facts: {number['below']}. "
        "Level line: the discipline's own rate."
    )


def _funnel(of_one: pl.DataFrame, discipline: str, names: Mapping[str, str], width: int) -> dict[str, str]:
    centre = of_one["centre"][0]
    curves = risk.funnel_limits(centre, int(max(of_one["of"]) * 1.05) + 1)
    above = of_one.filter(pl.col("standing") == "outside").height
    title = f"{discipline}: {above or 'none'} above the 99.8 % limit"
    return {
        "svg": svg(charts.funnel(of_one, curves, centre, title, False, names), width, HIGH),
        "alt": f"Funnel plot of {discipline}: visits checked against share with a finding, with exact limits; {title}.",
    }
