"""Text from records on paper: one line, visible characters only, and no word that is too long for its column."""

import re
from typing import Any

from compliance import formats

LONG_WORD = re.compile(r"\S{28}")
MAY_BREAK, HELD = "\u200b", "\u00a0"
SPACES = re.compile(r"\s+")
LONGEST = 600
"""Characters of a sentence or a quote that are printed; what is cut off ends with …."""


def printed(text: str | None, longest: int = LONGEST) -> str:
    """Text as it is printed. It goes to the template as data, never as markup."""
    told = formats.terminal(SPACES.sub(" ", text or "")).replace(" %", f"{HELD}%")
    cut = told if len(told) <= longest else f"{told[: longest - 1]}…"
    return LONG_WORD.sub(lambda found: found[0] + MAY_BREAK, cut)


def all_printed(data: Any) -> Any:
    """Every text in a document's data as it is printed; drawings (`svg`) are left as they are."""
    if isinstance(data, dict):
        return {key: value if key == "svg" else all_printed(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [all_printed(each) for each in data]
    return printed(data) if isinstance(data, str) else data
