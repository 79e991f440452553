"""What a spot check comes to: the estimate in words and as intervals, who differs from whom, and the bundle."""

import re
from collections.abc import Sequence
from hashlib import sha256
from statistics import median

import polars as pl
import streamlit as st

from compliance import charts, formats
from compliance.review import ReviewError, spot_checks
from compliance.review.spot_checks import Book
from compliance.sampling import SamplingError, bundle, told
from compliance.sampling.agreement import against_rules, agreement
from compliance.sampling.draw import Sample
from compliance.sampling.estimates import Interval, Projection
from compliance.sampling.review import Result
from compliance.sampling.review import review as reviewed
from compliance.sampling.spot_check import answered_so_far, bundle_of
from compliance.sampling.worksheet import CANNOT_TELL, Answer
from ui import data, frame, parts
from ui.made import kept
from ui.spot_check import Opened, drawn_sheet, paragraphs, strata_named

ESTIMATORS = {"difference": "Difference (reported)", "ratio": "Ratio", "mean_per_unit": "Mean per unit"}
SHEET_HEIGHT = 300
INTERIM = (
    "The charts answered so far, without a gap, are themselves a sample of this seed. An interim look: a review that "
    "stops when its figures please is no sample."
)
NOT_YET = "Answer the first chart to see a result. Strata carry none before all their charts are answered."


def show(shown: Opened) -> None:
    """The result of the reviewer on screen, or of the first who is done for one who reviews nothing."""
    own = shown.answers(shown.reviewer)
    done = [each for each in shown.reviewers if shown.complete(each)]
    if (
        not own
        and done
        and st.toggle("Show the result without reviewing: it tells what others answered", key="spot_peek")
    ):
        _told(shown, shown.check.sample, shown.answers(done[0]), done)
        return
    if shown.reviewer in done:
        _told(shown, shown.check.sample, shown.answers(done[0]), done)
        return
    so_far = answered_so_far(shown.check, own)
    st.info(formats.markdown(INTERIM if so_far else NOT_YET))
    if so_far:
        _told(shown, so_far[0], so_far[1], [])
    elif own:
        _disagreements(shown, own)


def _told(shown: Opened, sample: Sample, answers: list[Answer], done: list[str]) -> None:
    """The figures: in a row, in words, as intervals, and where auditor and rules differ."""
    result = reviewed(sample, answers)
    whose = done[0] if done else shown.reviewer
    _tiles(result, _minutes(shown, whose))
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        lines = told.sample_told(sample, shown.unit, shown.check.plan.confidence, answers)
        st.html(paragraphs(strata_named(shown.check, lines)))
    with right:
        _intervals(result)
    if len(done) > 1:
        _reviewers(shown, done)
    _disagreements(shown, answers)


def _tiles(result: Result, minutes: float | None) -> None:
    projected = result.projections["difference"]
    sums = projected if isinstance(projected, Projection) else None
    figures = {
        "Wrong": (f"{result.errors} of {result.reviewed}", _rate_words(result)),
        "Net error of the sample": (formats.money(result.net_cents / 100), None),
        "Projected overpayment": (formats.money(sums.point / 100) if sums else "–", None),
        "Lower limit, two-sided": (formats.money(sums.low / 100) if sums else "–", None),
        "Lower limit, one-sided": (formats.money(sums.lower / 100) if sums else "–", None),
        "Minutes per chart, median": ("–" if minutes is None else f"{minutes:.1f}", None),
    }
    with st.container(key="card_spot_tiles"):
        for place, (name, (figure, note)) in zip(st.columns(len(figures)), figures.items(), strict=True):
            place.metric(name, figure, delta=note, delta_color="off", delta_arrow="off")


def _rate_words(result: Result) -> str | None:
    """The error rate with its interval, and how many could not be told: they are in the rate as right."""
    told, untold = result.rate, result.answers.get(CANNOT_TELL, 0)
    words = []
    if isinstance(told, Interval):
        words.append(f"{formats.percent(told.share)} ({formats.ends(told.low, told.high)})")
    if untold:
        words.append(f"{formats.count(untold)} cannot tell")
    return "; ".join(words) or None


def _minutes(shown: Opened, reviewer: str) -> float | None:
    seconds = shown.given.filter(pl.col("reviewer") == reviewer)["seconds"].to_list()
    return median(seconds) / 60 if seconds else None


def _intervals(result: Result) -> None:
    """Dollars by estimator where they are projected, else the error rate, with their limits."""
    drawn = {name: each for name, each in result.projections.items() if isinstance(each, Projection)}
    dollars = bool(drawn) and result.reviewed < result.population
    if dollars:
        rows = [(ESTIMATORS[name], each.low / 100, each.point / 100, each.high / 100, each.lower / 100)
                for name, each in drawn.items()]  # fmt: skip
        title, axis = "Overpayment of the frame, projected", "Dollars; the tick is the one-sided lower limit"
    else:
        rates = {each.name: each.rate for each in result.strata} if len(result.strata) > 1 else {}
        rows = [(name, each.low, each.share, each.high, each.lower)
                for name, each in {"All": result.rate, **rates}.items() if isinstance(each, Interval)]  # fmt: skip
        title, axis = "Error rate", "Share of units wrong; the tick is the one-sided lower limit"
    table = pl.DataFrame(rows, schema=["label", "low", "point", "high", "lower"], orient="row")
    if table.height:
        table = parts.masked(table, "label")
        parts.chart(
            charts.interval_bars(table, title, axis, frame.dark(), dollars),
            f"{title} with its intervals", "spot_intervals", table, picks=False,
        )  # fmt: skip


def _reviewers(shown: Opened, done: list[str]) -> None:
    first, second = done[0], done[1]
    if len(done) > 2:
        second = st.selectbox(formats.markdown(f"{first} compared with"), done[1:], key="spot_second")
    compared = agreement(shown.answers(first), shown.answers(second))
    st.html(paragraphs([f"First reviewer {first}, second {second}. {told.reviewers_told(compared)[0]}"]))
    sheet = _units(shown, [each[0] for each in compared.differing]).with_columns(
        pl.Series("First", [each[1] for each in compared.differing], dtype=pl.String),
        pl.Series("Second", [each[2] for each in compared.differing], dtype=pl.String),
    )
    if not sheet.is_empty():
        height = min(SHEET_HEIGHT, 38 + parts.ROW_HEIGHT * (sheet.height + 1))
        parts.sheet(sheet, "Charts on which two reviewers differ", height=height, row_height=parts.ROW_HEIGHT)
        parts.download(sheet, "spot_reviewers", "reviewers.csv")


def _units(shown: Opened, units: Sequence[str]) -> pl.DataFrame:
    """Units as people read them, in this order: the columns of the list that was drawn, but for payer, codes, stratum."""
    place = {unit: number for number, unit in enumerate(shown.units["unit"])}
    sheet = drawn_sheet(shown.check)[[place[unit] for unit in units]]
    return sheet.drop("Payer", "Codes", "Stratum", strict=False)


def _disagreements(shown: Opened, answers: list[Answer]) -> None:
    """Where the auditor and the rules differ, either way."""
    compared = against_rules(answers, list(shown.verdicts.values()))
    st.html(paragraphs(told.rules_told(compared)[:1]))
    said = {each.unit: each for each in answers}
    listed = [(unit, "Missed by the rules") for unit in compared.missed]
    listed += [(unit, "Flagged by the rules only") for unit in compared.false_alarms]
    units = [unit for unit, _ in listed]
    columns = {
        "Difference": [how for _, how in listed],
        "Auditor": [said[unit].answer for unit in units],
        "Rules": [", ".join(shown.verdicts[unit].rules) or "–" for unit in units],
        "Comment": [said[unit].comment for unit in units],
    }
    sheet = _units(shown, units).with_columns(
        pl.Series(name, values, dtype=pl.String) for name, values in columns.items()
    )
    if sheet.is_empty():
        st.caption("No answered chart on which auditor and rules differ.")
        return
    sheet = parts.masked(sheet, "Comment")
    parts.sheet(
        sheet,
        "Charts on which auditor and rules differ",
        height=min(SHEET_HEIGHT, 38 + parts.ROW_HEIGHT * (sheet.height + 1)),
        row_height=parts.ROW_HEIGHT,
    )
    parts.download(sheet, "spot_differences", "differences.csv")


def bundles(shown: Opened, book: Book) -> None:
    """The bundle to hand out, that with the answers once they are complete, and the check of one that comes back."""
    done = [each for each in shown.reviewers if shown.complete(each)]
    person, slug = data.person(), re.sub(r"\W+", "_", shown.name).strip("_").lower() or "sample"
    records, policies, judged = data.records(), data.policies(), data.audited()

    def handed_out() -> bytes:
        return shown.bundle or bundle_of(shown.check, records, policies, judged)

    def with_answers() -> bytes:
        second = shown.answers(done[1]) if len(done) > 1 else None
        return bundle.reviewed(bundle.opened(given), shown.answers(done[0]), second)

    def exported(kind: str) -> None:
        try:
            book.note(person, spot_checks.EXPORTED, shown.sample_id, {"kind": kind})
        except ReviewError as refusal:
            st.warning(formats.markdown(f"The export is not in the trail. {refusal}"))

    from_bundle = sha256(shown.bundle).hexdigest() if shown.bundle else ""
    of = f"{shown.sample_id} {records.fingerprint} {policies.fingerprint} {judged.as_of} {from_bundle}"
    with st.spinner("Making the bundle …"):
        given = kept("bundle", of, handed_out)
        offered = {"To hand out": ("handed_out", given)}
        if done and (shown.reviewer in done or shown.reviewer not in shown.reviewers):
            said = [shown.answers(each) for each in done[:2]]
            whole = kept("reviewed", f"{of} {said}", with_answers)
            offered["With answers and estimate"] = ("reviewed", whole)
    with st.container(horizontal=True):
        for label, (kind, content) in offered.items():
            st.download_button(
                f"{label} (zip)", content, f"{slug}_{kind}.zip", "application/zip", key=f"spot_bundle_{kind}",
                type="primary" if kind == "reviewed" else "secondary",
                on_click=exported, args=(kind,),
            )  # fmt: skip
    st.caption(
        "Frame, plan, seed, draw, worksheet and what the rules found (rules.csv: not for who has yet to answer), each with its "
        "hash. A bundle names patients by their ids: keep it as you keep the records."
    )


def verify() -> None:
    """Check a bundle: its hashes, its draw and its estimate, again."""
    file = st.file_uploader("Verify a bundle", type="zip", key="spot_verify")
    if file is None:
        return
    content = file.getvalue()
    try:
        differences = bundle.verify(content, file.name)
    except SamplingError as refusal:
        st.error(formats.markdown(str(refusal)))
        return
    lines = told.verified_told(differences, bundle.made_by(content), bundle.program_version())
    (st.error if differences else st.success)(formats.markdown(lines[0]))
    st.html(paragraphs(lines[1:]))
