"""The parts of the Spot check page that choose and draw: criteria, purpose, seed, the list, and the sample on screen."""

import html
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats
from compliance.review import spot_checks
from compliance.review.spot_checks import Book, KeptSample
from compliance.sampling import SamplingError, bundle, told
from compliance.sampling.agreement import Verdict
from compliance.sampling.command import sample_command
from compliance.sampling.draw import ALGORITHM, STRATA_BY
from compliance.sampling.frame import Criteria, lines_of
from compliance.sampling.plan import CONFIDENCE, MARGIN, PRECISION, RATE, buys
from compliance.sampling.spot_check import Asked, SpotCheck, check_of
from compliance.sampling.worksheet import Answer
from ui import data, filters, parts

UNITS = {"line": "Claim lines", "claim": "Claims", "visit": "Visits"}
DOLLARS = {"paid": "Paid by the payer", "allowed": "Allowed", "amount": "Best known"}
PURPOSES = {
    "discovery": "Discovery: would an error show?",
    "rate": "Rate: how many are wrong?",
    "dollars": "Dollars: what was overpaid?",
    "size": "Targeted: so many charts of this frame",
}
BUYS_TARGETED = "Narrow the filters at the side to whom or what the review is about: what it finds speaks for this frame alone."
SEED, OPENED, BUNDLE = "seed_of_spot_check", "opened_spot_check", "bundle_of_spot_check_"
NEW = ""
"""What stands for a sample that is yet to be drawn: None would be no choice."""
HIGHEST_SEED = 10**9


@dataclass(frozen=True)
class Opened:
    """A kept sample on screen: its draw, what the rules found of it, and whose answers are kept.

    `bundle` is the one that it came from, where these records no longer give its frame.
    """

    sample_id: str
    name: str
    asked: Asked
    check: SpotCheck
    verdicts: Mapping[str, Verdict]
    given: pl.DataFrame
    reviewer: str
    bundle: bytes | None = None

    @property
    def unit(self) -> str:
        """What a unit is."""
        return self.check.frame.criteria.unit

    @property
    def units(self) -> pl.DataFrame:
        """The drawn units in the order of review."""
        return self.check.sample.units.sort("order")

    @property
    def reviewers(self) -> list[str]:
        """Who answered, in the order in which they began."""
        return self.given["reviewer"].unique(maintain_order=True).to_list()

    def answers(self, reviewer: str) -> list[Answer]:
        """A reviewer's last answers, in the order of review."""
        own = self.given.filter(pl.col("reviewer") == reviewer)
        columns = own.select("unit", "answer", "correct", "comment").iter_rows()
        said = {row[0]: Answer(*row) for row in columns}
        return [said[unit] for unit in self.units["unit"] if unit in said]

    def complete(self, reviewer: str) -> bool:
        """Whether a reviewer answered every chart."""
        return len(self.answers(reviewer)) == self.units.height


def choose(kept: Mapping[str, Any]) -> None:
    """Set which sample is on screen: the one just kept, else what was chosen, else what the link names."""
    linked = st.query_params.get("sample")
    if st.session_state.get(OPENED) in kept:
        st.session_state["spot_sample"] = st.session_state.pop(OPENED)
    elif "spot_sample" not in st.session_state:
        if linked and linked not in kept:
            st.warning(
                formats.markdown(f"Sample {formats.short(linked)} is not among those kept of these records.")
            )
        st.session_state["spot_sample"] = linked if linked in kept else NEW
    elif st.session_state["spot_sample"] not in kept:
        st.session_state["spot_sample"] = NEW


def opened(book: Book, row: Mapping[str, Any], reviewer: str) -> Opened | None:
    """A kept sample: drawn again where these records give its frame, else from its bundle; None while that is asked for."""
    asked = Asked.of(json.loads(row["asked"]))
    drawn = _drawn_again(row, asked)
    if drawn is None:
        return None
    check, found, content = drawn
    given = spot_checks.answers(book, row["sample_id"])
    verdicts = {each.unit: each for each in found}
    return Opened(row["sample_id"], row["name"], asked, check, verdicts, given, reviewer, content)


def _drawn_again(
    row: Mapping[str, Any], asked: Asked
) -> tuple[SpotCheck, Sequence[Verdict], bytes | None] | None:
    held = st.session_state.get(f"{BUNDLE}{row['sample_id']}")
    if held is not None:
        return held
    try:
        check, found = data.spot_check(Criteria.of(json.loads(row["criteria"])), asked)
    except SamplingError:
        check, found = None, []
    if check is not None and check.frame.sha256 == row["frame"]:
        return check, found, None
    _ask_for_bundle(row)
    return None


def _ask_for_bundle(row: Mapping[str, Any]) -> None:
    """Ask for the bundle of a sample whose frame these records do not give."""
    st.info(
        formats.markdown(
            f"These records give another frame than {row['name']} was drawn from ({row['frame'][:12]}…). Its answers are kept. "
            "Load the records of then, or give the bundle that was handed out: it holds the frame."
        )
    )
    file = st.file_uploader("The sample's bundle", type="zip", key=f"spot_bundle_{row['sample_id']}")
    if file is not None:
        given = bundle.opened(file.getvalue(), file.name)
        check = check_of(given)
        if (check.frame.sha256, check.sample.design.seed) != (row["frame"], json.loads(row["asked"])["seed"]):
            raise SamplingError(f"{file.name} is the bundle of another sample")
        st.session_state[f"{BUNDLE}{row['sample_id']}"] = (check, given.verdicts, file.getvalue())
        st.rerun()


def form() -> tuple[Criteria, Asked]:
    """What is asked: the filters at the side give payers, therapists, clinics and days."""
    chosen = filters.current()
    unit = st.segmented_control(
        "Unit",
        list(UNITS),
        default="line",
        required=True,
        key="spot_unit",
        format_func=lambda each: UNITS[each],
    )
    left, right = st.columns(2, gap="small")
    with left:
        start = 0 if data.records().tables["remittances"].height else list(DOLLARS).index("amount")
        dollars = st.selectbox(
            "Dollars", list(DOLLARS), start, key="spot_dollars", format_func=lambda each: DOLLARS[each]
        )
    with right:
        codes = data.records().tables["claim_lines"]["cpt"].drop_nulls().unique().sort().to_list()
        asked_codes = st.multiselect("Codes", codes, key="spot_codes", placeholder="All")
    criteria = Criteria(
        unit, dollars, chosen.payers, chosen.therapists, chosen.clinics, tuple(asked_codes), chosen.since, chosen.until
    )  # fmt: skip
    return criteria, _plan(unit)


def _plan(unit: str) -> Asked:
    """Purpose, what it takes, strata and seed."""
    purpose = st.selectbox(
        "Purpose", list(PURPOSES), key="spot_purpose", format_func=lambda each: PURPOSES[each]
    )
    fields = st.columns(2 if purpose in ("discovery", "size") else 3, gap="small")
    rate, precision, size = None, None, None
    with fields[0]:
        if purpose == "size":
            size = st.number_input("Charts", 1, value=10, key="spot_size")
        else:
            rate = _percent("Error rate, %", RATE, f"spot_rate_{purpose}")
    if purpose in ("rate", "dollars"):
        with fields[1]:
            start = MARGIN if purpose == "rate" else PRECISION
            precision = _percent(
                "± points" if purpose == "rate" else "± % of it", start, f"spot_precision_{purpose}"
            )
    with fields[-1]:
        confidence = _percent("Confidence, %", CONFIDENCE[purpose], f"spot_confidence_{purpose}")
    left, right = st.columns(2, gap="small")
    strata = [each for each in STRATA_BY if each != "code" or unit == "line"]
    with left:
        by = st.selectbox(
            "Strata", [None, *strata], key="spot_strata", format_func=lambda each: f"By {each}" if each else "None: simple"
        )  # fmt: skip
    with right:
        made = st.session_state.setdefault(SEED, secrets.randbelow(HIGHEST_SEED))
        seed = st.number_input(
            "Seed", 0, HIGHEST_SEED, made, key="spot_seed", help="The same seed draws the same units."
        )
    return Asked(int(seed), purpose, size, confidence, rate, precision, None, by)


def _percent(label: str, share: float, key: str) -> float:
    return st.number_input(label, 0.1, 99.9, 100 * share, 1.0, key=key, format="%g") / 100


def paragraphs(lines: list[str]) -> str:
    """Told lines as HTML: what is set in becomes a list; escaped, and masked where names are hidden."""
    names = filters.names()
    said = [(line.startswith("  "), html.escape(names.masked(line.strip()))) for line in lines]
    shown = "".join(f"<li>{text}</li>" if inner else f"<p>{text}</p>" for inner, text in said)
    gathered = re.sub("((?:<li>.*?</li>)+)", r"<ul class='cites'>\1</ul>", shown)
    return f"<div class='told'>{gathered}</div>"


def show_draw(check: SpotCheck, asked: Asked, first: Sequence[str] = ()) -> None:
    """What the size buys (after `first`), what is left out, the list in order, the command that draws the same."""
    frame = check.frame
    targeted = [BUYS_TARGETED] if asked.purpose == "size" else []
    st.html(paragraphs([*first, *buys(check.plan), *targeted]))
    with st.container(horizontal=True, vertical_alignment="center", key="spot_facts"):
        st.caption(f"Seed {asked.seed}. SHA-256 of the frame: `{frame.sha256[:16]}…`", width="content")
        out = pl.DataFrame(
            [(each.reason.capitalize(), each.lines, each.cents / 100) for each in frame.excluded],
            schema={"Left out": pl.String, "Lines": pl.Int64, "Dollars": pl.Float64}, orient="row",
        )  # fmt: skip
        with st.popover(
            f"Left out: {formats.plural(sum(out['Lines']), 'line')}", type="tertiary", disabled=out.is_empty()
        ):
            parts.sheet(out, "Lines that are not in the frame, by reason")
            st.caption(f"The frame's SHA-256: {frame.sha256}. Drawn by {ALGORITHM}.")
    sheet = drawn_sheet(check)
    parts.sheet(sheet, "The drawn units in the order of review", height=300, row_height=parts.ROW_HEIGHT)
    parts.download(sheet, "spot_drawn", "drawn.csv")
    if not data.uploaded():
        st.caption("The same from the command line:")
        command = sample_command(str(data.path()), frame.criteria, asked)
        st.code(filters.names().masked(command), language="bash", wrap_lines=True)


def strata_named(check: SpotCheck, lines: Sequence[str]) -> list[str]:
    """Told lines in which strata bear names in place of ids."""
    column = STRATA_BY.get(check.sample.design.strata_by or "", "")
    call = parts.people(column) if column.endswith("_id") else str
    named = {f"  {each.name}:": f"  {call(each.name)}:" for each in check.sample.strata}
    begins = [next((key for key in named if line.startswith(key)), None) for line in lines]
    return [
        line if key is None else named[key] + line.removeprefix(key)
        for key, line in zip(begins, lines, strict=True)
    ]


def drawn_sheet(check: SpotCheck) -> pl.DataFrame:
    """The drawn units as people read them."""
    rows = check.sample.units.sort("order")
    kind = check.frame.criteria.unit
    named = [unit_words(kind, row) for row in rows.iter_rows(named=True)]
    columns = {
        "No.": rows["order"], "Unit": pl.Series(named, dtype=pl.String), "Service": rows["first_day"].str.to_date(strict=False),
        "Dollars": rows["cents"] / 100,
        **{word: _people(rows[column], column)
           for word, column in (("Patient", "patient_id"), ("Therapist", "therapist_id"), ("Payer", "payer_id"))},
        "Codes": rows["codes"],
    }  # fmt: skip
    by = STRATA_BY.get(check.sample.design.strata_by or "", "")
    stratum = (
        {"Stratum": _people(rows["stratum"], by) if by.endswith("_id") else rows["stratum"]} if by else {}
    )
    return parts.masked(pl.DataFrame({**columns, **stratum}), "Stratum")


def unit_words(kind: str, row: Mapping[str, Any]) -> str:
    """A unit as people call it: `C000004 line 1`, `Claim C000004`, `PT visit`."""
    lines = lines_of(row["lines"])
    if kind == "line":
        return f"{lines[0][0]} line {lines[0][1]}"
    return f"Claim {lines[0][0]}" if kind == "claim" else f"{row['discipline'] or ''} visit".strip()


def _people(ids: pl.Series, column: str) -> pl.Series:
    """Ids, several parted by spaces, as they are called on screen."""
    call = parts.people(column)
    return pl.Series([", ".join(map(call, (each or "").split())) or "–" for each in ids], dtype=pl.String)


def keep(book: Book, check: SpotCheck, asked: Asked) -> None:
    """The name under which a draw is kept, and the button that does it."""
    name = st.text_input("Name", key="spot_name", placeholder="Medicare, third quarter")
    if st.button(
        "Keep this sample and review it", type="primary", key="spot_keep", disabled=not name.strip()
    ):
        sample = KeptSample(
            name, data.source(), check.frame.sha256, check.frame.criteria.as_dict(), asked.as_dict()
        )
        st.session_state[OPENED] = spot_checks.keep_sample(book, sample, data.person())
        st.session_state.pop(SEED, None)
        data.forget_widgets("spot_")
        st.rerun()


def sentence(shown: Opened | None, check: SpotCheck) -> str:
    """The page's answer: what can be drawn and how many are, or how far the review is."""
    frame = check.frame
    size = formats.plural(frame.size, frame.criteria.unit)
    dollars = f"{formats.money(frame.cents / 100)} {told.BASIS[frame.criteria.dollars]}"
    if shown is None:
        return f"{formats.count(check.plan.size)} of {size}, {dollars}, are drawn by seed {check.sample.design.seed}."
    done = formats.count(len(shown.answers(shown.reviewer)))
    return (
        f"{shown.name}: {formats.count(shown.units.height)} of {size}, {dollars}, by seed {check.sample.design.seed}; "
        f"{shown.reviewer} answered {done}."
    )
