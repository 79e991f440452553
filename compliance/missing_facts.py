"""What a check lacks, in a clinic's words: the fact without which it cannot tell, or the table without which it cannot run."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from compliance.strict_yaml import read_own


@cache
def facts() -> Mapping[str, Mapping[str, str]]:
    """The words of each fact by table and column, as the file has them."""
    return read_own(Path(__file__).with_suffix(".yaml"))


def in_words(fact: str) -> str:
    """A fact as a person says it: `notes.signed_on` is `day of the note's signature`, `claim_lines` is `claim lines`.

    One that the file does not name is said by its column: `written at (notes)`.
    """
    table, _, column = fact.partition(".")
    if not column:
        return table.replace("_", " ")
    place = "payer policy" if table == "policy" else table.replace("_", " ")
    return facts().get(table, {}).get(column) or f"{column.replace('_', ' ')} ({place})"
