"""Meeting: ten minutes on a projector. Large type, names hidden, four figures, four questions, and the run that they are of."""

import streamlit as st

from compliance import views
from ui import data, filters, frame, meeting, parts, reports

frame.enter()
view = parts.ready("Meeting")
hides = filters.current().hide_names
filters.hide_here(hides or not st.session_state.get("meeting_names", False))
told = reports.subject(view)
sentence = views.overview.sentence(told.figures) + views.narrowed.dismissed_sentence(view)
frame.heading("Meeting", sentence, f"{data.context()} · run {told.run.run_id}")
with st.container(key="meeting"):
    meeting.four_figures(told)
    left, right = st.columns(2, gap="medium")
    with left:
        meeting.better(view, told)
        meeting.which_payer(view)
    with right:
        meeting.who_needs_help(view)
        meeting.by_friday(told)
    meeting.beside_ourselves(view)
with st.container(horizontal=True, vertical_alignment="center", key="meeting_tools"):
    reports.offer(view)
    why = (
        "*Hide names* of the side bar is on."
        if hides
        else "Names are hidden on a projector until you show them."
    )
    st.toggle("Show names", key="meeting_names", help=why, disabled=hides)
