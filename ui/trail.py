"""What the trail says of looking and taking: the chart that was viewed, the file that was exported, by whom, of which records."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from compliance import formats
from compliance.review import ReviewError, spot_checks
from ui import data, filters

_VIEWED = "charts_viewed"


def exported(name: str) -> None:
    """Record that a file was taken: of which records, under which filters, with or without names."""
    detail = {
        "records": data.records().fingerprint,
        "policies": data.policies().fingerprint,
        "filters": filters.current().query(),
        "names_hidden": filters.names().hidden,
    }
    _note("export", name, detail)


def viewed(finding: Mapping[str, Any]) -> None:
    """Record that the chart behind a finding was viewed, once a session for each note (or finding without one)."""
    subject = str(finding["note_id"] or finding["finding_id"])
    seen: set[str] = st.session_state.setdefault(_VIEWED, set())
    if subject not in seen:
        seen.add(subject)
        _note(
            spot_checks.VIEWED,
            subject,
            {"finding_id": finding["finding_id"], "patient_id": finding["patient_id"]},
        )


def _note(action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """An entry of the trail; of an upload none is kept, and where it cannot be kept that is said."""
    try:
        if store := data.store():
            store.note(data.person(), action, subject, detail)
    except ReviewError as refusal:
        st.toast(formats.markdown(f"{refusal} This is not in the trail."))
