"""Files that a click takes away, made once and before the click: one that is made while the page runs again may be
swept away before the browser has fetched it, and the person gets nothing."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ui import data

_OF_UPLOAD = "made_of_upload_"


def kept(kind: str, key: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gave for `key`. Of an upload it is the session's own, as the upload is, and only the last of a kind."""
    if not data.uploaded():
        return _shared(kind, key, make)
    place = _OF_UPLOAD + kind
    if st.session_state.get(place, ("",))[0] != key:
        st.session_state[place] = (key, make())
    return st.session_state[place][1]


@st.cache_data(show_spinner=False, max_entries=8)
def _shared(kind: str, key: str, _make: Any) -> bytes:
    return _make()
