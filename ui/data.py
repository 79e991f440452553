"""Records and what was found in them, each loaded once: every cache of the dashboard is here."""

import os
import sys
from pathlib import Path

import streamlit as st

from compliance.checks.rule import catalogue
from compliance.records.load import Records, load
from ui import filters

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"


def path() -> Path:
    """The records that the dashboard was started on: after `--`, else `COMPLIANCE_DATA`, else the sample."""
    started = Path(sys.argv[0]).name == "app.py" and len(sys.argv) > 1
    given = sys.argv[1] if started else os.environ.get("COMPLIANCE_DATA")
    return Path(given) if given else SAMPLE


def policies_path() -> Path | None:
    """The folder of the clinic's own policies (`COMPLIANCE_POLICIES`), or None."""
    given = os.environ.get("COMPLIANCE_POLICIES")
    return Path(given) if given else None


def records() -> Records:
    """The records of this session; raises `InputError` where they cannot be opened."""
    return _load(path())


@st.cache_resource(show_spinner="Reading the records …", max_entries=4)
def _load(folder: Path) -> Records:
    return load(folder)


def choices() -> filters.Choices:
    """What the filters offer for these records."""
    return _choices(records())


@st.cache_resource(show_spinner=False, max_entries=4, hash_funcs={Records: lambda each: each.fingerprint})
def _choices(loaded: Records) -> filters.Choices:
    return filters.choices_from(loaded.tables, {code: rule.title for code, rule in catalogue().items()})
