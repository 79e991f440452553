"""What if a payer changed a rule: what is added, removed and moved; saved by name, exported, or discarded."""

from datetime import date

import streamlit as st

from compliance import charts, formats, views
from compliance.review import ReviewError
from compliance.whatif import Difference
from ui import data, fact_words, frame, parts, what_if

frame.enter()

QUESTION = "Choose a payer's rule and a value that it does not have: what that would do is shown at once. Nothing changes."

view = parts.ready("What if")
policies, offered = data.policies(), data.choices()


def result(told: Difference) -> None:
    """The figures, the dumbbell and the largest changes."""
    if not told.rules.is_empty():
        named = told.rules
        drawn = charts.before_and_after(
            named,
            "rule",
            "Dollars at risk by rule: now ○, what if ●",
            "Dollars at risk",
            frame.dark(),
        )
        parts.chart(
            drawn, "Dollars at risk by rule, before and after the change", "what_if", named, picks=False
        )
    if not told.lines.is_empty():
        most = formats.plural(told.largest.height, "line")
        st.markdown(f"**The largest changes: {most} of {formats.count(told.lines.height)}**")
        sheet = parts.named(views.what_if.sheet(told, view.audit.lines), "payer_id", "therapist_id")
        sheet = sheet.rename({"payer_id": "Payer", "therapist_id": "Therapist"})
        money = dict.fromkeys(("Before", "After", "Change"), st.column_config.NumberColumn(format="dollar"))
        parts.sheet(sheet, "The lines whose dollars at risk change most", column_config=money)
        parts.download(sheet, "what_if_lines", "what_if_lines.csv")
    for title, found in (("Findings added", told.added), ("Findings removed", told.removed)):
        if not found.is_empty():
            with st.expander(f"{title}: {formats.count(found.height)}"):
                valued = parts.named(
                    found.with_columns(dollars="amount_at_risk"), "therapist_id", "patient_id", "payer_id"
                )
                sheet = views.findings.sheet(valued)
                parts.sheet(sheet, title)
                parts.download(sheet, f"what_if_{title}", f"{title.lower().replace(' ', '_')}.csv")


def in_force(policy: str) -> None:
    """The values of the policy that are in force, where no change is chosen yet."""
    on = offered.last or date.today()
    rows = fact_words.of_policy(policies, policy, on)
    st.markdown(formats.markdown(f"{policies.names[policy]}: in force on {formats.day(on)}"))
    widths = {
        "Value": st.column_config.TextColumn(width=130),
        "Source": st.column_config.TextColumn(width=190),
    }
    parts.sheet(rows, "The policy's values in force", height=520, column_config=widths)
    parts.download(rows, "what_if_in_force", f"{policy}.csv")


head = st.container()
left, right = st.columns([1, 2.1], gap="medium")
with left, st.container(key="card_what_if"):
    chosen = what_if.form(policies, offered)
    if chosen and st.button("Keep this change and choose another", key="what_if_more", type="tertiary"):
        st.session_state.setdefault(what_if.CHANGES, []).append(chosen)
        data.forget_widgets("what_if_")
        st.rerun()
    every = [*what_if.kept_changes(), *([chosen] if chosen else [])]
told = data.what_if(every) if every else None
with head:
    said = views.what_if.sentence(told) + data.dismissed_in_all() if told else QUESTION
    frame.heading("What if", said, data.context())
with right:
    if told:
        result(told)
    else:
        in_force(st.session_state["what_if_policy"])
with left:
    try:
        if every:
            what_if.keeping(every)
        what_if.saved()
    except ReviewError as refusal:
        st.warning(formats.markdown(str(refusal)))
