"""Records: what was loaded, what was refused and why, what the export lacks; load other records."""

import polars as pl
import streamlit as st

from compliance import formats
from compliance.records.load import InputError
from ui import data, frame, parts

frame.enter()
try:
    report = data.records().report
except InputError as refusal:
    report = None
    st.error(f"{refusal} Nothing was changed.")

if report is not None:
    rows = sum(each.rows_loaded for each in report.tables)
    present = [each for each in report.tables if each.files]
    sentence = (
        f"{formats.plural(rows, 'row')} loaded from {formats.plural(len(present), 'table')}; "
        f"{formats.plural(len(report.refusals), 'row')} refused."
    )
    frame.heading("Records", sentence, data.context())
else:
    frame.heading("Records")

with st.container(key="card_drop"):
    files = st.file_uploader(
        "Drop a zip, tables (CSV, Parquet) or claim files (837P, 835). They stay in this browser session's memory.",
        accept_multiple_files=True,
        key="records_files",
    )
    look, back, _ = st.columns([1, 1, 4])
    if look.button("Look at these files", type="primary", disabled=not files, key="records_look"):
        try:
            data.upload([(each.name, each.getvalue()) for each in files])
            st.rerun()
        except InputError as refusal:
            st.error(f"{refusal} Nothing was changed.")
    if data.uploaded() and back.button("Back to the first records", key="records_back"):
        data.forget_upload()
        st.rerun()

if report is None:
    st.stop()

st.subheader("Loaded", anchor=False)
loaded = pl.DataFrame(
    [
        {"table": each.table, "rows read": each.rows_read, "rows loaded": each.rows_loaded, "rows refused": each.rows_refused,
         "files": ", ".join(each.files), "columns absent": ", ".join(each.absent_columns),
         "columns not known": ", ".join(each.unknown_columns)}
        for each in present
    ]
)  # fmt: skip
st.dataframe(loaded, hide_index=True, width="stretch")
parts.download(loaded, "records_loaded", "loaded.csv")

left, right = st.columns(2, gap="medium")
with left:
    st.subheader("Refused, and why", anchor=False)
    if report.refusals:
        refused = pl.DataFrame(
            [{"file": r.file, "row": r.row, "table": r.table, "column": r.column, "found": r.found, "expected": r.expected}
             for r in report.refusals], infer_schema_length=None,
        )  # fmt: skip
        st.dataframe(refused, hide_index=True, width="stretch", height=260)
        parts.download(refused, "records_refused", "refused.csv")
    else:
        st.caption("No row was refused.")
    for notice in report.notices[:40]:
        st.caption(str(notice))
with right:
    st.subheader("What could not be checked", anchor=False)
    audit = data.audited()
    for lack in audit.not_run:
        st.markdown(f"**{lack.rule}** did not run, because {lack.because}.")
    if not audit.not_run:
        st.caption("Every rule ran on these records.")
    told = (
        audit.coverage.filter(pl.col("cannot_tell") > 0)
        .group_by("rule", "missing")
        .agg(pl.col("cannot_tell").sum())
    )
    if told.height:
        told = told.sort("cannot_tell", "rule", descending=[True, False])
        told = told.rename({"cannot_tell": "checks that cannot tell", "missing": "missing fact"})
        st.dataframe(told, hide_index=True, width="stretch", height=260)
        parts.download(told, "records_unknown", "cannot_tell.csv")
