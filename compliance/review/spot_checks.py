"""Spot checks as they are kept: what was drawn, and what each reviewer answered, as entries of the trail and nowhere else.

A sample is kept as what it takes to draw it again: criteria, what was asked, seed, the frame's hash. An answer is one
entry; the last one of a reviewer and a unit counts, and the earlier ones stay in the trail.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import polars as pl

from compliance.review.trail import canonical, readable

DRAWN, ANSWERED, EXPORTED, VIEWED = "sample drawn", "sample answer", "sample exported", "chart viewed"
SAMPLE_SCHEMA: dict[str, pl.DataType] = dict.fromkeys(
    ("sample_id", "name", "frame", "source", "criteria", "asked", "person", "at"), pl.String()
)
ANSWER_SCHEMA: dict[str, pl.DataType] = {
    "reviewer": pl.String(), "unit": pl.String(), "answer": pl.String(), "correct": pl.Int64(), "comment": pl.String(),
    "seconds": pl.Float64(), "person": pl.String(), "at": pl.String(),
}  # fmt: skip


class Book(Protocol):
    """Where acts are written and read back: the review data, or a session's own pages."""

    def note(self, person: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> int:
        """Write an act; returns its number."""
        ...

    def acts(self, action: str, subject: str | None = None) -> pl.DataFrame:
        """Acts in order: entry, at, person, subject, detail (JSON)."""
        ...


class SessionBook:
    """A book that nobody else reads and that is gone with its session: for uploads, or without review data."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def note(self, person: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> int:
        """Write an act; returns its number."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        number = len(self._rows) + 1
        self._rows.append(
            {"entry": number, "at": at, "person": person, "action": action, "subject": subject,
             "detail": canonical(detail or {})}
        )  # fmt: skip
        return number

    def acts(self, action: str, subject: str | None = None) -> pl.DataFrame:
        """Acts in order: entry, at, person, subject, detail (JSON)."""
        rows = [row for row in self._rows if row["action"] == action and subject in (None, row["subject"])]
        schema = {"entry": pl.Int64()} | dict.fromkeys(("at", "person", "subject", "detail"), pl.String())
        return pl.DataFrame(rows, schema={**schema, "action": pl.String()}).drop("action")


@dataclass(frozen=True)
class KeptSample:
    """A drawn sample to keep: `criteria` and `asked` as JSON holds them, the frame's hash, whose records (`source`)."""

    name: str
    source: str
    frame: str
    criteria: Mapping[str, Any]
    asked: Mapping[str, Any]

    @property
    def sample_id(self) -> str:
        """The same for the same frame, criteria, sizes and seed: twelve hexadecimal digits."""
        told = canonical([self.frame, dict(self.criteria), dict(self.asked)])
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def keep_sample(book: Book, sample: KeptSample, person: str) -> str:
    """Keep a drawn sample under its name, once; returns its id. Raises ValueError without a name."""
    if not sample.name.strip():
        raise ValueError("Give the sample a name.")
    if book.acts(DRAWN, sample.sample_id).is_empty():
        detail = {
            "name": sample.name.strip(), "source": sample.source, "frame": sample.frame,
            "criteria": dict(sample.criteria), "asked": dict(sample.asked),
        }  # fmt: skip
        book.note(person, DRAWN, sample.sample_id, detail)
    return sample.sample_id


@readable()
def samples(book: Book, source: str) -> pl.DataFrame:
    """The samples kept of a source, the newest first: SAMPLE_SCHEMA, criteria and asked as JSON."""
    rows: dict[str, dict[str, Any]] = {}
    for row in book.acts(DRAWN).iter_rows(named=True):
        told = json.loads(row["detail"])
        if told["source"] == source:
            held = {name: canonical(told[name]) for name in ("criteria", "asked")}
            own = {**told, **held, "sample_id": row["subject"], "person": row["person"], "at": row["at"]}
            rows.setdefault(row["subject"], {name: own[name] for name in SAMPLE_SCHEMA})
    return pl.DataFrame(list(reversed(rows.values())), schema=SAMPLE_SCHEMA)


def keep_answer(
    book: Book, sample_id: str, reviewer: str, person: str, answer: Mapping[str, Any], seconds: float
) -> None:
    """Keep a reviewer's answer of a unit: `answer` has unit, answer, correct (cents or None) and comment.

    `reviewer` is whose answer it is, `person` who was at the screen; `seconds` from opening the chart to saving.
    """
    if not reviewer.strip():
        raise ValueError("Say who reviews.")
    told = {name: answer[name] for name in ("unit", "answer", "correct", "comment")}
    detail = {**told, "reviewer": reviewer.strip(), "seconds": round(seconds, 1)}
    book.note(person, ANSWERED, sample_id, detail)


@readable()
def answers(book: Book, sample_id: str) -> pl.DataFrame:
    """The last answer of each reviewer and unit: ANSWER_SCHEMA, reviewers in the order in which they began."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    begun: dict[str, int] = {}
    for row in book.acts(ANSWERED, sample_id).iter_rows(named=True):
        told = json.loads(row["detail"])
        begun.setdefault(told["reviewer"], len(begun))
        last[(told["reviewer"], told["unit"])] = {**told, "person": row["person"], "at": row["at"]}
    rows = sorted(last.values(), key=lambda each: begun[each["reviewer"]])
    return pl.DataFrame(rows, schema=ANSWER_SCHEMA)
