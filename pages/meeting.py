"""Meeting: ten minutes on a projector. Large type, names hidden, four figures, four questions, and the run that they are of."""

import streamlit as st

from compliance import risk, views
from compliance.review.runs import run_of
from ui import data, filters, frame, meeting, parts

frame.enter()
view = parts.ready("Meeting")
shown = st.session_state.get("meeting_names", False)
filters.hide_here(not shown)
run = run_of(data.audited(), data.records(), data.policies(), str(data.path()))
figures = risk.summary(view.audit)
frame.heading("Meeting", views.overview_sentence(figures), f"{data.context()} · run {run.run_id}")
with st.container(key="meeting"):
    fixes = meeting.four_figures(view)
    left, right = st.columns(2, gap="medium")
    with left:
        meeting.better(view)
        meeting.which_payer(view)
    with right:
        meeting.who_needs_help(view)
        meeting.by_friday(fixes)
    meeting.beside_ourselves(view)
st.toggle("Show names", key="meeting_names", help="Names are hidden on a projector until you show them.")
