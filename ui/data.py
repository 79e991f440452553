"""Records and what was found in them, each loaded once: every cache of the dashboard is here.

Records on disk are shared by all sessions and cached by their content's signature; uploaded records belong to the
browser session alone (`st.session_state`) and leave memory with it.
"""

import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats, report_counts, views
from compliance.audit import Audit, audit, without
from compliance.checks.rule import catalogue
from compliance.names import choices_from
from compliance.notes.tables import spoken
from compliance.policy import Policies, load_policies
from compliance.records.layouts import Layout, layout_of, own_layouts
from compliance.records.load import Records, load, load_files
from compliance.review import ReviewError, dismissals
from compliance.review.decisions import DISMISSED
from compliance.review.runs import Present, changes, run_of
from compliance.review.spot_checks import Book, SessionBook
from compliance.review.store import Store, default_url
from compliance.review.store import open_store as opened
from compliance.sampling.agreement import Verdict, verdicts
from compliance.sampling.frame import Criteria
from compliance.sampling.spot_check import Asked, SpotCheck
from compliance.sampling.spot_check import spot_check as drawn_check
from compliance.whatif import Change, Difference, compare, overlay_text
from ui import filters

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
_UPLOADED = "uploaded_records"
_AUDITED = "uploaded_audit"
_MAPPINGS = "layouts_made"
_WHAT_IFS = "told_what_ifs"
_SPOT_CHECKS = "drawn_spot_checks"
_BOOK = "book_of_spot_checks_"
_REFUSED = "review_data_refused"
ASKED_AGAIN = 30
"""Seconds after which review data that could not be opened is tried again."""
SPOT_CHECKS_KEPT = 3
"""Draws that a session holds: the one on screen, and those that were tried just before."""


def path() -> Path:
    """The records that the dashboard was started on: after `--`, else `COMPLIANCE_DATA`, else the sample."""
    started = Path(sys.argv[0]).name == "app.py" and len(sys.argv) > 1
    given = sys.argv[1] if started else os.environ.get("COMPLIANCE_DATA")
    return Path(given) if given else SAMPLE


def policies_path() -> Path | None:
    """The folder of the clinic's own policies (`COMPLIANCE_POLICIES`), or None."""
    given = os.environ.get("COMPLIANCE_POLICIES")
    return Path(given) if given else None


def layouts_path() -> Path | None:
    """The folder of the clinic's own layouts of exports (`COMPLIANCE_LAYOUTS`), or None."""
    given = os.environ.get("COMPLIANCE_LAYOUTS")
    return Path(given) if given else None


def layouts() -> list[Layout]:
    """The layouts that this session made for the files at hand, then the clinic's own. Raises InputError."""
    made = [layout_of(text, name) for name, text in mappings().items()]
    ids = {each.id for each in made}
    return [*made, *(each for each in own_layouts(layouts_path()) if each.id not in ids)]


def mappings() -> dict[str, str]:
    """The layouts that were made on the Records page in this session: their texts by the file that each was made of."""
    return st.session_state.setdefault(_MAPPINGS, {})


def uploaded() -> bool:
    """Whether this session looks at records that were dropped on the Records page."""
    return _UPLOADED in st.session_state


def upload(files: list[tuple[str, bytes]]) -> None:
    """Look at these files from now on, in this session only; raises `InputError` and changes nothing where unusable."""
    st.session_state[_UPLOADED] = load_files(files, layouts())
    st.session_state.pop(_AUDITED, None)


def forget_upload() -> None:
    """Back to the records that the dashboard was started on."""
    st.session_state.pop(_UPLOADED, None)
    st.session_state.pop(_AUDITED, None)


def records() -> Records:
    """The records of this session; raises `InputError` where they cannot be opened."""
    if uploaded():
        return st.session_state[_UPLOADED]
    own = layouts_path()
    return _load(path(), own, (_signature(path()), _signature(own) if own else ()))


def _signature(place: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files: what changes when the records do."""
    files = [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.is_file())
    return tuple((str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in files)


@st.cache_resource(show_spinner="Reading the records …", max_entries=4)
def _load(place: Path, own: Path | None, signature: Any) -> Records:
    return load(place, own)


def policies() -> Policies:
    """The payer policies in force here."""
    folder = policies_path()
    return _policies(folder, _signature(folder) if folder else ())


@st.cache_resource(show_spinner=False, max_entries=4)
def _policies(folder: Path | None, signature: Any) -> Policies:
    return load_policies(folder)


class Shelf:
    """Where one audit is kept: run once, however many sessions ask at the same time."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.audit: Audit | None = None


def audited() -> Audit:
    """What the checks found in this session's records, as of today; the first asker sees how far they are."""
    held, chosen, today = records(), policies(), date.today()
    shared = None if uploaded() else _shelf(held.fingerprint, chosen.fingerprint, today)
    shelf = shared or st.session_state.setdefault(_AUDITED, Shelf())
    with shelf.lock:
        if shelf.audit is None:
            shelf.audit = _run(held, chosen, today)
    return shelf.audit


@st.cache_resource(show_spinner=False, max_entries=4)
def _shelf(records_fingerprint: str, policies_fingerprint: str, as_of: date) -> Shelf:
    return Shelf()


def _run(held: Records, chosen: Policies, as_of: date) -> Audit:
    """Run the checks, saying which step of how many."""
    notes = formats.plural(held.tables["notes"].height, "note")
    bar = st.progress(0.0, f"Reading {notes} and running the checks …")
    interrupted: list[BaseException] = []

    def tell(step: str, done: int, of: int) -> None:
        """Show the step. Someone who turns to another page meanwhile interrupts the telling, not the audit."""
        if not interrupted:
            try:
                bar.progress(done / of, f"{step} … (step {done + 1} of {of}; {notes})")
            except BaseException as turned:
                interrupted.append(turned)

    result = audit(held, chosen, as_of, progress=tell)
    if not interrupted:
        bar.empty()
    return result


def treatment_counts(patient_id: str) -> pl.DataFrame:
    """A patient's treatment days as PR-01 counts them (`report_counts.COUNTS`), kept: a chart asks at every keystroke."""
    held, chosen, today = records(), policies(), date.today()
    if uploaded():
        return report_counts.treatment_counts(held, chosen, today, patient_id)
    return _counted((held.fingerprint, chosen.fingerprint, today, patient_id), held, chosen)


@st.cache_resource(show_spinner=False, max_entries=64)
def _counted(key: tuple[str, str, date, str], _held: Records, _chosen: Policies) -> pl.DataFrame:
    return report_counts.treatment_counts(_held, _chosen, *key[-2:])


def view() -> views.narrowed.Narrowed:
    """The audit under the filters in force."""
    return _narrowed(filters.current())


def peers() -> views.narrowed.Narrowed:
    """The audit under the filters in force but for the therapists: what one of them is compared with."""
    return _narrowed(replace(filters.current(), therapists=()))


def _narrowed(chosen: filters.Filters) -> views.narrowed.Narrowed:
    others = replace(chosen, therapists=()).apply if chosen.therapists else None
    found = audited()
    told = dismissed(found.findings)
    return views.narrowed.narrowed(found, chosen.apply, others, told, chosen.count_dismissed, _left_out)


def _left_out(whole: Audit, ids: Sequence[str]) -> Audit:
    """The audit of this session's records without these findings, kept: every page asks for it, some several times a run."""
    key = (records().fingerprint, policies().fingerprint, whole.as_of, tuple(sorted(ids)))
    return _without(key, whole) if ids else whole


@st.cache_resource(show_spinner=False, max_entries=2)
def _without(key: tuple[str, str, date, tuple[str, ...]], _whole: Audit) -> Audit:
    return without(_whole, key[-1])


def dismissed(findings: pl.DataFrame) -> pl.DataFrame | None:
    """Which of these findings stand dismissed today (`review.dismissals`); None without review data that can be read."""
    decided = _decided()
    return None if decided is None else dismissals(findings, decided, date.today())


def dismissed_in_all() -> str:
    """Whether dismissed findings are in figures that no filter narrows, as `views.narrowed.dismissed_words`."""
    return views.narrowed.dismissed_words(len(_gone(audited().findings)), filters.current().count_dismissed)


def any_dismissed() -> bool:
    """Whether reviewers ever dismissed a finding."""
    decided = _decided()
    return decided is not None and DISMISSED in decided["status"]


def _decided() -> pl.DataFrame | None:
    kept, _ = review()
    try:
        return kept.decisions() if kept else None
    except ReviewError:
        return None


def earlier() -> tuple[views.narrowed.Narrowed, date, date] | None:
    """The audit on as many days before the chosen ones, with these days; None without dates or without visits then."""
    offered = choices()
    before = filters.current().before(offered.first, offered.last)
    if before is None or before.since is None or before.until is None:
        return None
    found = _narrowed(before)
    return None if found.audit.visits.is_empty() else (found, before.since, before.until)


def choices() -> filters.Choices:
    """What the filters offer for these records."""
    loaded = records()
    return choices_from(loaded.tables, _titles()) if uploaded() else _choices(loaded)


@st.cache_resource(show_spinner=False, max_entries=4, hash_funcs={Records: lambda each: each.fingerprint})
def _choices(loaded: Records) -> filters.Choices:
    return choices_from(loaded.tables, _titles())


def _titles() -> dict[str, str]:
    return {code: rule.title for code, rule in catalogue().items()}


@st.cache_resource(show_spinner=False)
def _store(url: str) -> Store:
    return opened(url)


def store() -> Store | None:
    """The review data; None for an upload, and where it is switched off (`COMPLIANCE_REVIEW=off`). Raises ReviewError."""
    url = None if uploaded() else default_url()
    return None if url is None else _store(url)


def review() -> tuple[Store | None, str]:
    """The review data for parts that do without it: the store, or None and why it cannot be opened (empty: there is none).

    Pages ask several times a run, and a host that does not answer takes long to say so: it is asked anew only after a while.
    """
    url, refused, asked = st.session_state.get(_REFUSED, (None, "", 0.0))
    if refused and url == default_url() and not uploaded() and monotonic() - asked < ASKED_AGAIN:
        return None, refused
    try:
        return store(), ""
    except ReviewError as refusal:
        st.session_state[_REFUSED] = (default_url(), str(refusal), monotonic())
        return None, str(refusal)


def person() -> str:
    """Who is at the screen: the signed-in user, else the account that runs the dashboard."""
    return _signed_in_as() or getpass.getuser()


def _signed_in_as() -> str:
    """The person whom a sign-in names, by address or name; empty without one."""
    return str(getattr(st.user, "email", None) or getattr(st.user, "name", None) or "")


@dataclass(frozen=True)
class Since:
    """What changed since an earlier run: all kept runs, the one compared with (a row; None = this is the first), and the
    changes under the filters in force (service_date as a moment)."""

    runs: pl.DataFrame
    before: Mapping[str, Any] | None
    changed: pl.DataFrame


def since(kept: Store, run: int | None = None) -> Since:
    """Keep this audit as a run where it is not kept yet, and say what changed since run number `run`.

    Where there is none such: since the last run of other records, policies or rules than now; one that differs only by its
    day tells nothing of what was repaired.
    """
    now = run_of(audited(), records(), policies(), source())
    kept.keep(now, person())
    runs = kept.runs(now.source)
    earlier = runs.filter(pl.col("run") != runs["run"].max())
    same = pl.all_horizontal(
        pl.col(name) == getattr(now, name) for name in ("records", "policies", "program")
    )
    differing = earlier.filter(~same)
    asked = earlier.filter(pl.col("run").is_in([run]))
    chosen = asked if asked.height else (differing if differing.height else earlier).tail(1)
    before = chosen.row(0, named=True) if chosen.height else None
    last = kept.findings_of(before["run"]) if before else kept.findings_of(-1)
    ever = kept.seen_until(now.source, before["run"] if before else -1)
    present = Present.of(audited(), records())
    changed = changes(now.findings, last, ever, present).with_columns(
        pl.col("service_date").str.to_datetime("%Y-%m-%d", time_unit="us")
    )
    return Since(runs, before, filters.current().apply(changed))


def signed_in() -> bool:
    """Whether a person is known by a sign-in, and not by the account that runs the dashboard."""
    return bool(_signed_in_as())


def book() -> Book:
    """Where spot checks are kept: the review data, or this session alone for an upload or without review data."""
    return store() or st.session_state.setdefault(f"{_BOOK}{records().fingerprint}", SessionBook())


def source() -> str:
    """Whose records these are, as the review data names them."""
    return records().fingerprint if uploaded() else str(path().resolve())


def spot_check(criteria: Criteria, asked: Asked) -> tuple[SpotCheck, list[Verdict]]:
    """The draw that is asked for and what the rules found of its units. Raises SamplingError."""
    key = (records().fingerprint, policies().fingerprint, date.today(), criteria, asked)
    kept: dict[Any, tuple[SpotCheck, list[Verdict]]] = st.session_state.setdefault(_SPOT_CHECKS, {})
    if key not in kept:
        result = audited()
        check = drawn_check(result.lines, records().tables["remittances"], criteria, asked)
        while len(kept) >= SPOT_CHECKS_KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = (check, verdicts(check.sample.units, result.findings, result.lines, result.visits))
    return kept[key]


def policy_of_payers() -> dict[str, str | None]:
    """The policy that judges each payer of these records."""
    rows = records().tables["payers"].iter_rows(named=True)
    return {row["payer_id"]: policies().policy_of(row["kind"], row["policy"]) for row in rows}


def judging_policies() -> list[str]:
    """The policies that judge these records' payers, those with most claims first; then all others."""
    counted = dict(records().tables["claims"].group_by("payer_id").len().iter_rows())
    claims: dict[str, int] = {}
    for payer, judged in policy_of_payers().items():
        if judged:
            claims[judged] = claims.get(judged, 0) + counted.get(payer, 0)
    first = sorted(claims, key=lambda id_: (-claims[id_], id_))
    return first + [id_ for id_ in policies().policy_ids if id_ not in claims and id_ != "base"]


def forget_widgets(prefix: str) -> None:
    """Let the widgets whose keys begin so start anew in the next run."""
    for key in [each for each in st.session_state if str(each).startswith(prefix)]:
        del st.session_state[key]


def what_if(changes: Sequence[Change]) -> Difference:
    """What the changes of policies do to the whole of these records."""
    told = tuple(overlay_text([each], "unsaved", person(), date.today()) for each in changes)
    counts = filters.current().count_dismissed
    gone = frozenset() if counts else _gone(audited().findings)
    key = (records().fingerprint, policies().fingerprint, date.today(), told, gone)
    kept: dict[Any, Difference] = st.session_state.setdefault(_WHAT_IFS, {})
    if key not in kept:
        with st.spinner("Running the rules that read it …"):
            kept.clear()
            heeded = (lambda findings: ()) if counts else _gone
            kept[key] = compare(records(), policies(), audited(), changes, heeded)
    return kept[key]


def _gone(findings: pl.DataFrame) -> frozenset[str]:
    """The ids of these findings that stand dismissed today."""
    told = dismissed(findings)
    return frozenset(() if told is None else told["finding_id"])


def row(table: str, **key: Any) -> dict[str, Any] | None:
    """One row of the records by its key, or None."""
    found = records().tables[table].filter(*(pl.col(name) == value for name, value in key.items()))
    return found.row(0, named=True) if found.height else None


def note(note_id: str) -> dict[str, Any] | None:
    """One note with the text that the checks read: what was written at each intervention is part of it."""
    tables = records().tables
    one = pl.col("note_id") == note_id
    found = spoken(tables["notes"].filter(one), tables["interventions"].filter(one))
    return found.row(0, named=True) if found.height else None


def context() -> str:
    """What is looked at: dates of service, clinics, as of when, rows refused."""
    offered = choices()
    whose = (
        "Your upload, in this session only"
        if uploaded()
        else "Synthetic sample"
        if path().resolve() == SAMPLE
        else ""
    )
    parts = [
        whose,
        formats.span(offered.first, offered.last) if offered.first and offered.last else "no day of service",
        formats.plural(len(offered.clinics), "clinic"),
        f"as of {formats.day(date.today())}",
        f"{formats.refused(records().report) or 'no row'} refused",
    ]
    return " · ".join(part for part in parts if part)


def note_of_day(patient_id: str | None, on: Any) -> str | None:
    """The id of the patient's note of a day of service, of several the first; None where there is none."""
    notes = records().tables["notes"]
    same = (pl.col("patient_id") == patient_id) & (pl.col("service_date") == on)
    found = notes.filter(same)["note_id"].sort().to_list()
    return found[0] if found else None
