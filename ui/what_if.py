"""The parts of the What if page that choose: whose rule, which value, what is kept, saved, exported and discarded."""

from datetime import date

import streamlit as st

from compliance import formats
from compliance.checks.rule import catalogue
from compliance.policy import Policies, PolicyError
from compliance.policy.display import told as said
from compliance.whatif import Change, changes_of, laid, overlay_text
from ui import data, filters, parts, trail, value_input

CHANGES = "changes_of_what_if"
"""Where the session keeps changes that are not saved."""


def form(policies: Policies, offered: filters.Choices) -> Change | None:
    """The change that is being chosen; None where it is what is in force already."""
    judging = data.judging_policies()
    read = sorted({name for rule in catalogue().values() for name in rule.parameters})
    policy = st.selectbox(
        "Whose rule", judging, key="what_if_policy", format_func=lambda id_: policies.names[id_]
    )
    parameter = st.selectbox(
        "Which rule", read, key="what_if_parameter", format_func=lambda name: parts.words(name),
        index=read.index("progress_report_treatment_days"),
    )  # fmt: skip
    st.caption(formats.markdown(policies.parameter(parameter).about))
    heirs = [policies.names[each] for each in policies.heirs(policy, parameter) if each in judging]
    if heirs:
        st.caption(formats.markdown(f"What takes this value from there changes too: {'; '.join(heirs)}."))
    begins = st.date_input(
        "For dates of service from", offered.first or date.today(), key="what_if_from", format="YYYY-MM-DD"
    )
    now = policies.value(policy, parameter, offered.last or date.today())
    value = value_input.choose(
        policies.parameter(parameter), now and now.value, f"what_if_{policy}_{parameter}"
    )
    source = policies.reference(now.source).title if now else "no value in force"
    trust = "" if now is None or now.verified is True else " (unverified)"
    st.caption(formats.markdown(f"In force: {said(now and now.value)}. {source}{trust}."))
    return None if value == (now and now.value) else Change(policy, parameter, value, begins)


def words(change: Change) -> str:
    """A change in words."""
    name = data.policies().names[change.policy]
    return f"{name}: {parts.words(change.parameter)} = {said(change.value)} from {formats.day(change.begins)}"


def kept_changes() -> list[Change]:
    """The changes that were put aside so far, each to be taken back."""
    kept: list[Change] = st.session_state.setdefault(CHANGES, [])
    for place, change in enumerate(kept):
        if st.button(
            f"{formats.markdown(words(change))}  ✕", key=f"chip_change_{place}", help="Take this change back"
        ):
            kept.pop(place)
            st.rerun()
    return kept


def keeping(changes: list[Change]) -> None:
    """Save under a name, export as policy files, or discard."""
    name = st.text_input("Name", key="what_if_name", placeholder="Payer's letter of July")
    texts = {
        policy: overlay_text(
            [each for each in changes if each.policy == policy],
            name or "unnamed",
            data.person(),
            date.today(),
        )
        for policy in dict.fromkeys(each.policy for each in changes)
    }
    with st.container(horizontal=True):
        if st.button("Save", key="what_if_save", type="primary", disabled=not name.strip()):
            store = data.store()
            for policy, text in texts.items():
                if store:
                    store.save_overlay(name if len(texts) == 1 else f"{name} ({policy})", text, data.person())
            st.toast(
                "Saved."
                if store
                else "Not saved: of an upload, or with the review data switched off, nothing is kept."
            )
        for policy, text in texts.items():
            st.download_button(f"Export {policy}.yaml", text, f"{policy}.yaml", "application/yaml", key=f"what_if_{policy}_yaml",
                               on_click=trail.exported, args=(f"{policy}.yaml",))  # fmt: skip
        if st.button("Discard", key="what_if_discard"):
            st.session_state[CHANGES] = []
            data.forget_widgets("what_if_")
            st.rerun()


def saved() -> None:
    """What-ifs that were saved, each to be looked at again or taken off the list."""
    store = data.store()
    if store is None:
        return
    for place, row in enumerate(store.overlays().iter_rows(named=True)):
        with st.container(horizontal=True, vertical_alignment="center"):
            when = formats.day(date.fromisoformat(row["at"][:10]))
            st.markdown(formats.markdown(f"{row['name']} · {row['person']}, {when}"), width="stretch")
            if st.button("Open", key=f"what_if_open_{place}", type="tertiary"):
                _open(row["text"])
            if st.button("Discard", key=f"what_if_gone_{place}", type="tertiary"):
                store.discard_overlay(row["name"], data.person())
                st.rerun()


def _open(text: str) -> None:
    """Look at a saved what-if again, where its policy and parameters are still there."""
    try:
        changes = changes_of(text)
        laid(data.policies(), changes, date.today())
    except PolicyError as refusal:
        st.warning(formats.markdown(f"It does not fit the policies of today. {refusal}"))
        return
    st.session_state[CHANGES] = changes
    data.forget_widgets("what_if_")
    st.rerun()
