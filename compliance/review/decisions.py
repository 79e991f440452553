"""Decisions on findings, and how each finding stands by them on a day.

A decision never removes a finding: it says how it stands. A waiver ends by itself, and so does a dismissal or a waiver
once the finding no longer says what it said when it was decided.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

OPEN, CONFIRMED, DISMISSED, WAIVED, ASKED = "open", "confirmed", "dismissed", "waived", "asked"
COMMENT = "comment"
STATUSES = (CONFIRMED, DISMISSED, WAIVED, ASKED, OPEN, COMMENT)
"""What can be decided: confirmed; dismissed with a reason; waived with a reason until a day; asked of somebody by a day;
open (taken back); or a comment alone, which leaves the status as it is."""
AMOUNT = re.compile(r'"amount": ?[-0-9.eE]+')
DECISION_SCHEMA: dict[str, pl.DataType] = {
    "decision": pl.Int64(), "finding_id": pl.String(), "rule": pl.String(), "status": pl.String(), "reason": pl.String(),
    "expires_on": pl.Date(), "assignee": pl.String(), "due_on": pl.Date(), "stated": pl.String(),
    "person": pl.String(), "at": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """What a person decides; raises ValueError where its status lacks what it needs."""

    status: str
    reason: str = ""
    expires_on: date | None = None
    assignee: str | None = None
    due_on: date | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} is none; there are {', '.join(STATUSES)}")
        if self.status in (DISMISSED, WAIVED, COMMENT) and not _seen(self.reason):
            raise ValueError("A comment needs words." if self.status == COMMENT else "Say the reason.")
        if self.status == WAIVED and self.expires_on is None:
            raise ValueError("Say until when it is waived.")
        if self.status == ASKED and not (self.assignee and _seen(self.assignee) and self.due_on):
            raise ValueError("Say who is asked, and by when.")


def _seen(words: str) -> bool:
    """Whether there is anything in them that can be seen: control characters and joiners of no width cannot."""
    return any(each.isprintable() and not each.isspace() for each in words)


def stated(finding: Mapping[str, Any]) -> str:
    """The digest of what a finding says: severity, sentence and the lines at risk; dollars apart, which prices move."""
    lines = AMOUNT.sub("", finding["lines"])
    told = "|".join([finding["severity"], finding["message"], lines])
    return hashlib.sha256(told.encode()).hexdigest()


def standing(findings: pl.DataFrame, decided: pl.DataFrame, on: date) -> pl.DataFrame:
    """How each finding stands on a day: finding_id, status, reason, person, at, expires_on, assignee, due_on, decision, note,
    confirmed_at.

    `findings` has the contract's columns; `decided` is `Store.decisions()`. The last decision counts, comments apart.
    `note` says why a decision no longer holds (`waiver ended`, `changed since`), or that an answer is overdue; `decision`
    is the number of the last one (0 = none), by which a later decision tells that nobody decided meanwhile. `comments`
    counts them. `confirmed_at` is `first_confirmed`.
    """
    said = findings.select(
        "finding_id",
        now=pl.struct("severity", "message", "lines").map_elements(stated, return_dtype=pl.String),
    )
    talk = decided.filter(pl.col("status") == COMMENT).group_by("finding_id").agg(comments=pl.len())
    last = (
        decided.filter(pl.col("status") != COMMENT)
        .sort("decision")
        .unique("finding_id", keep="last")
        .drop("rule")
    )
    ended = (pl.col("status") == WAIVED) & (pl.col("expires_on") < on)
    moved = pl.col("status").is_in([DISMISSED, WAIVED]) & (pl.col("stated") != pl.col("now"))
    late = (pl.col("status") == ASKED) & (pl.col("due_on") < on)
    note = (
        pl.when(ended).then(pl.lit("waiver ended"))
        .when(moved).then(pl.lit("changed since"))
        .when(late).then(pl.lit("answer overdue"))
    )  # fmt: skip
    return (
        said.join(last, on="finding_id", how="left", maintain_order="left")
        .join(talk, on="finding_id", how="left", maintain_order="left")
        .join(first_confirmed(decided), on="finding_id", how="left", maintain_order="left")
        .with_columns(note=note)
        .with_columns(
            status=pl.when(pl.col("note").is_in(["waiver ended", "changed since"])).then(pl.lit(OPEN))
            .otherwise(pl.col("status").fill_null(OPEN)),
            decision=pl.col("decision").fill_null(0),
            comments=pl.col("comments").fill_null(0).cast(pl.Int64),
        )
        .drop("now", "stated")
    )  # fmt: skip


def first_confirmed(decided: pl.DataFrame) -> pl.DataFrame:
    """When each finding that stays confirmed was confirmed for the first time: finding_id, confirmed_at (a moment, ISO text).

    Saying it again, asking somebody or waiving it later takes nothing back; only dismissing it or opening it again does.
    """
    told = decided.filter(pl.col("status") != COMMENT).sort("decision")
    taken_back = pl.col("decision").filter(pl.col("status").is_in([DISMISSED, OPEN])).max().over("finding_id")
    return (
        told.filter(pl.col("status") == CONFIRMED, pl.col("decision") > taken_back.fill_null(0))
        .group_by("finding_id", maintain_order=True)
        .agg(confirmed_at=pl.col("at").first())
    )


def dismissals(findings: pl.DataFrame, decided: pl.DataFrame, on: date) -> pl.DataFrame:
    """The findings that stand dismissed on a day: finding_id, reason, person, at; arguments as of `standing`."""
    ever = decided.filter(pl.col("status") == DISMISSED).select("finding_id").unique()
    stands = standing(findings.join(ever, on="finding_id", how="semi"), decided, on)
    return stands.filter(pl.col("status") == DISMISSED).select("finding_id", "reason", "person", "at")


def lifted(findings: pl.DataFrame, decided: pl.DataFrame, on: date) -> frozenset[str]:
    """The ids of the findings that stand dismissed or waived on a day: they hold no claim."""
    stands = standing(findings, decided, on)
    return frozenset(stands.filter(pl.col("status").is_in([DISMISSED, WAIVED]))["finding_id"])
