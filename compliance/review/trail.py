"""The trail: who did what and when, each entry sealed by a hash that covers the one before it.

A changed, inserted or removed entry breaks the chain from there on. The last entry's number and hash (`head`) are
printed on reports: whoever keeps one can prove later that nothing was cut off the end.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from compliance.review.errors import ReviewError

FIRST = "0" * 64
"""What stands for the hash before the first entry."""
SEALED = ("entry", "at", "person", "action", "subject", "detail", "previous")
"""An entry: its number, the moment (UTC, ISO), the person, the action, what it was about, the details (JSON), and the hash of
the entry before; its own `hash` covers them all."""

UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError, ValueError, pl.exceptions.PolarsError)
"""What reading an entry may raise that a later hand changed."""


@contextmanager
def readable() -> Generator[None]:
    """Around what reads entries: one that a later hand left unreadable is a ReviewError, not a fault of the program."""
    try:
        yield
    except UNREADABLE:
        raise ReviewError(
            "The review data holds what this program did not write: compliance trail --verify says where."
        ) from None


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: how many entries hold, the head's hash, and the first fault (None where there is none)."""

    entries: int
    head: str
    fault: str | None

    @property
    def said(self) -> str:
        """In one sentence."""
        if self.fault:
            return f"The trail does not hold: {self.fault}."
        return f"The trail holds: {self.entries:,} entries; the last one's hash is {self.head}."


def canonical(value: Any) -> str:
    """JSON that is the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def seal(row: Mapping[str, Any]) -> str:
    """The hash of an entry: SHA-256 of the canonical JSON of SEALED, in UTF-8."""
    return hashlib.sha256(canonical({name: row[name] for name in SEALED}).encode()).hexdigest()


def _sealed(row: Mapping[str, Any]) -> str | None:
    """The hash of an entry; None where it holds what JSON cannot, as bytes."""
    try:
        return seal(row)
    except (TypeError, ValueError):
        return None


def verify(entries: Iterable[Mapping[str, Any]]) -> Verdict:
    """Follow the chain from its first entry, in order of number."""
    number, head = 0, FIRST
    for row in entries:
        if row["entry"] != number + 1:
            return Verdict(
                number, head, f"entry {number + 1} is missing: after {number} comes {row['entry']}"
            )
        if row["previous"] != head:
            return Verdict(number, head, f"entry {row['entry']} does not follow from entry {number}")
        if row["hash"] != _sealed(row):
            return Verdict(number, head, f"entry {row['entry']} was changed after it was written")
        number, head = row["entry"], row["hash"]
    return Verdict(number, head, None)
