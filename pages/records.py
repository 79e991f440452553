"""Records: what was loaded, what was refused and why, what the export lacks; load other records."""

import streamlit as st

from compliance import formats, views
from compliance.policy import PolicyError
from compliance.records.load import InputError
from ui import data, filters, frame, mapping, parts

frame.enter()
try:
    report = data.records().report
    audit = data.audited()
    frame.heading("Records", views.records.sentence(report), data.context())
except (InputError, PolicyError) as refusal:
    report = audit = None
    frame.heading("Records", "These records cannot be opened; look at others here.")
    st.error(formats.markdown(f"{refusal}. Nothing was changed."))


def take(given: list[tuple[str, bytes]]) -> None:
    """Look at these files from now on."""
    try:
        with st.spinner("Reading the files …"):
            data.upload(given)
        st.rerun()
    except InputError as refusal:
        st.error(formats.markdown(f"{refusal}. Nothing was changed: the earlier records are still shown."))


with st.container(key="card_drop"):
    files = st.file_uploader(
        "Look at other records: exports of an EHR (CSV), our tables (CSV, Parquet, a workbook), claim files (837P, 835), FHIR R4 "
        "(JSON) or a zip of these, up to 500 MB. They stay in this browser session's memory and are never written to disk.",
        accept_multiple_files=True,
        key="records_files",
    )
    given = [(each.name, each.getvalue()) for each in files]
    seen, refused = mapping.seen(given)
    with st.container(horizontal=True):  # before the table of files, so that its buttons stay where they are
        unread = bool(given) and all(each.kind == "unknown" for each in seen)
        look = st.button(
            "Look at these files", type="primary", disabled=not given or unread, key="records_look"
        )
        if data.uploaded() and st.button("Back to the first records", key="records_back"):
            data.forget_upload()
            st.rerun()
        mapping.made()
        mapping.templates()
    if refused:
        st.error(formats.markdown(f"{refused}. Nothing was changed: the earlier records are still shown."))
    if look:
        take(given)
    if seen:
        mapping.files_table(seen)
    if export := mapping.chosen(seen):
        mapping.mapping(export)
if report is None or audit is None:
    st.stop()

refused = parts.masked(views.records.refused_sheet(report), "Found")
if refused.height:  # across the page: what was expected is what the reader needs to mend the file
    st.subheader("Refused, and why", anchor=False)
    parts.sheet(
        refused,
        "Rows refused: where, what was found, what was expected",
        height=36 + parts.ROW_HEIGHT * min(refused.height, 7),
        row_height=parts.ROW_HEIGHT,
    )
    parts.download(refused, "records_refused", "refused.csv")
left, right = st.columns([1.25, 1], gap="medium")
with left:
    st.subheader("Loaded", anchor=False)
    loaded = views.records.loaded_sheet(report)
    if loaded.height:
        parts.sheet(
            loaded, "Tables loaded, with rows refused and columns lacking", row_height=parts.ROW_HEIGHT
        )
        parts.download(loaded, "records_loaded", "loaded.csv")
    else:
        st.caption("No row could be loaded from these files.")
    if report.absent_tables:
        st.caption(
            "Tables that the export lacks: "
            + ", ".join(each.replace("_", " ") for each in report.absent_tables)
        )
    if not refused.height:
        st.caption("No row was refused.")
    for heading, notices in views.records.noticed(report):
        with st.expander(heading):
            st.text("\n".join(filters.names().masked(str(notice)) for notice in notices[:200]))
with right:
    st.subheader("Rules that could not run", anchor=False)
    lacks = views.records.not_run_sheet(audit)
    if lacks.height:
        parts.sheet(lacks, "Rules that could not run and what they lack", row_height=parts.ROW_HEIGHT)
        parts.download(lacks, "records_not_run", "not_run.csv")
    else:
        st.caption("Every rule ran on these records.")
    mapping.reasons(report.reasons)
    st.subheader("Checks that cannot tell, by missing fact", anchor=False)
    unknown = views.records.unknown_sheet(audit.coverage, parts.people("payer_id"))
    if unknown.height:
        parts.sheet(
            unknown, "Missing facts and the checks that they leave untold", row_height=parts.ROW_HEIGHT
        )
        parts.download(unknown, "records_unknown", "cannot_tell.csv")
    elif views.records.checks_made(audit.coverage):
        st.caption("Every check that ran had the facts that it needs.")
    else:
        st.caption("No check ran: there was nothing to judge.")
