"""Before billing: which unsent claims to hold and which to release, and what to fix first to release the most."""

import shlex
from datetime import date

import polars as pl
import streamlit as st

from compliance import formats, prebill, views
from compliance.review import standing
from ui import data, filters, frame, parts, reports

frame.enter()

FIRST = 7
"""So many fixes the sentence speaks of."""

view = parts.ready("Before billing")
subject = reports.subject(view)
waiting, claims, fixes = subject.waiting, subject.claims, subject.fixes
first = [each for ids in fixes["ids"].head(FIRST) for each in ids]
released = prebill.released_by(waiting, first, subject.lifted)
told = views.billing.sentence(claims, fixes, released, FIRST, subject.unsent)
about_them = pl.col("finding_id").is_in(data.audited().waiting.implode())
number = view.dismissed.filter(about_them).height
told += views.narrowed.dismissed_words(number, view.counts_dismissed)
chosen = filters.current()
if chosen.rules or chosen.severities or chosen.therapists:
    told += " A claim is held by findings of any rule, severity and therapist, whatever the filters."
frame.heading("Before billing", told, data.context())
if not claims:
    parts.empty("No claim under these filters waits to be sent.")

if not fixes.is_empty():
    st.markdown(f"**Fix before {formats.day(views.billing.next_friday(date.today()))}, blockers first**")
    owners = pl.DataFrame(schema={"finding_id": pl.String, "assignee": pl.String, "due_on": pl.Date})
    store, _ = data.review()
    if store:
        stands = standing(waiting.findings, store.decisions(), date.today())
        owners = stands.filter(pl.col("status") == "asked").select("finding_id", "assignee", "due_on")
    fixes = fixes.with_columns(finding_id=pl.col("ids").list.first()).join(
        owners, on="finding_id", how="left", maintain_order="left"
    )
    said = views.causes.cause_labels(fixes.with_columns(lines="claims"), parts.called)
    words = [f"{rule} {each}" for rule, each in zip(fixes["rule"], said, strict=True)]
    own = [views.causes.owner(row, parts.called) for row in fixes.iter_rows(named=True)]
    owned = parts.masked(fixes, "assignee", "fix")
    owned = owned.with_columns(owner=pl.coalesce("assignee", pl.Series(own, dtype=pl.String)))
    sheet = views.billing.fixes_sheet(owned, words, views.billing.next_friday(date.today()))
    money = dict.fromkeys(("Releases", "Held"), st.column_config.NumberColumn(format="dollar"))
    event = parts.sheet(
        sheet, "What to fix, blockers first; choosing a row opens its finding",
        height=min(300, 38 + parts.ROW_HEIGHT * (fixes.height + 1)),
        row_height=parts.ROW_HEIGHT, column_config={**money, "What": st.column_config.TextColumn(width=300),
                                      "Owner": st.column_config.TextColumn(width=130),
                                      "Fix": st.column_config.TextColumn(width=330)},
        key="billing_fixes", on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    parts.download(sheet, "billing_fixes_table", "fixes.csv")
    if event["selection"]["rows"]:
        frame.go("findings", {"finding": fixes["finding_id"][event["selection"]["rows"][0]]})

listed = parts.masked(prebill.sheet(claims, waiting), "fixes")
held = listed.filter(pl.col("decision") == prebill.HOLD).height
left, right = st.columns([3, 1], vertical_alignment="center")
left.markdown(f"**Each claim: {formats.count(held)} held, {formats.count(listed.height - held)} released**")
with right:
    parts.download(listed, "billing_claims", "hold_or_release.csv")
shown = listed.select(
    Claim="claim_id", Decision="decision", Amount="amount", Rules="rules", Fix="fixes",
    **{"Not checked in full": "cannot_tell"},
)  # fmt: skip
parts.sheet(
    shown.sort("Decision", "Claim"),
    "Each unsent claim: hold or release, and why",
    height=300,
    row_height=parts.ROW_HEIGHT,
)
if not (data.uploaded() or view.counts_dismissed or chosen.clinics or chosen.disciplines):
    review = ' --review "$COMPLIANCE_REVIEW"' if subject.lifted or number else ""
    narrowed = shlex.join(["compliance", "check", str(data.path()), *chosen.options(), "--unsubmitted"])
    st.caption("The same from the command line:")
    st.code(f"{narrowed}{review}", language="bash")
