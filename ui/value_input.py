"""Choosing a parameter's value on screen: a widget by its type, and the way there and back."""

from typing import Any

import streamlit as st

from compliance.policy import Parameter

NO_RULE = "This payer has no such rule"
TYPE = "Type a number"


def choose(parameter: Parameter, now: Any, key: str) -> Any:
    """The value that is chosen for a parameter: `now`, which is in force, until another is. None = no such rule."""
    if st.checkbox(NO_RULE, now is None, key=f"{key}_none"):
        return None
    label = f"New value ({parameter.unit})" if parameter.unit else "New value"
    key = f"{key}_value"
    if parameter.type == "integer":
        held = now if isinstance(now, int) and not isinstance(now, bool) else None
        return st.number_input(
            label, parameter.least, parameter.most, held, step=1, key=key, placeholder=TYPE
        )
    if parameter.type == "number":
        held = float(now) if isinstance(now, int | float) and not isinstance(now, bool) else None
        ends = float(parameter.least), float(parameter.most)
        typed = st.number_input(label, *ends, held, format="%g", key=key, placeholder=TYPE)
        return now if typed is None else typed
    if parameter.type == "boolean":
        return st.segmented_control(label, [True, False], default=bool(now is True), required=True, key=key,
                                    format_func=lambda each: "yes" if each else "no")  # fmt: skip
    if parameter.type == "choice":
        listed = list(parameter.allowed)
        place = listed.index(now) if now in listed else 0
        return st.selectbox(label, listed, place, key=key, format_func=lambda each: each.replace("_", " "))
    if parameter.type == "list":
        held = [str(each) for each in now] if isinstance(now, list | tuple) else []
        offered = list(parameter.allowed) or held
        return st.multiselect(label, offered, held, accept_new_options=not parameter.allowed, key=key)
    return st.text_input(label, str(now or ""), key=key) or None
