"""What the filters of a page let through, without what reviewers dismissed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from compliance import formats, risk
from compliance.audit import VISIT, Audit, counted, without
from compliance.findings import FINDING_SCHEMA

REAL = pl.col("severity") != "info"
NONE_DISMISSED = pl.DataFrame(schema=dict.fromkeys(("finding_id", "reason", "person", "at"), pl.String))


@dataclass(frozen=True)
class Narrowed:
    """An audit under the page's filters: `audit` holds only what they let through, `shares` its dollars.

    `whole` is the audit before the filters. `dismissed` are the findings let through that reviewers dismissed, with reason,
    person and at; all else leaves them out, unless `counts_dismissed`.
    """

    audit: Audit
    whole: Audit
    shares: pl.DataFrame
    valued: pl.DataFrame
    dismissed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FINDING_SCHEMA))
    counts_dismissed: bool = False


def narrowed(
    whole: Audit,
    apply: Any,
    apply_to_lines: Any | None = None,
    dismissed: pl.DataFrame | None = None,
    counts_dismissed: bool = False,
    leave_out: Callable[[Audit, Sequence[str]], Audit] = without,
) -> Narrowed:
    """The audit under filters. `apply` takes a frame and returns the rows let through.

    Visits count only the findings let through, and dollars are attributed among them. `apply_to_lines` (as `apply`,
    but for the therapists) lets through the lines of which those of the visits stay: claims often name the
    supervisor, or nobody, where an assistant treated. `dismissed` is `review.dismissals`: these findings are left out,
    or told apart and counted all the same. `leave_out` is `audit.without`, or remembers what it made.
    """
    told = NONE_DISMISSED if dismissed is None else dismissed
    left_out = apply(whole.findings.join(told, on="finding_id", maintain_order="left"))
    if not counts_dismissed:
        whole = leave_out(whole, told["finding_id"].to_list())
    found = apply(whole.findings)
    visits = apply(whole.visits)
    coverage = apply(whole.coverage)
    lines = apply(whole.lines)
    if apply_to_lines is not None:
        of_visits = apply_to_lines(whole.lines).join(
            visits.select(VISIT), on=VISIT, how="semi", maintain_order="left"
        )
        lines = pl.concat([lines, of_visits]).unique(["claim_id", "line"], maintain_order=True)
    touched = whole.touched.join(found.select("finding_id"), on="finding_id", how="semi")
    visits = counted(visits, touched)
    shares = risk.at_risk(found, whole.lines)
    audit = replace(whole, findings=found, visits=visits, lines=lines, coverage=coverage, touched=touched)
    return Narrowed(audit, whole, shares, risk.with_dollars(found, shares), left_out, counts_dismissed)


def dismissed_sentence(view: Narrowed) -> str:
    """Whether findings that reviewers dismissed are in the figures, for the end of a page's sentence; nothing of none."""
    return dismissed_words(view.dismissed.height, view.counts_dismissed)


def dismissed_words(number: int, counted: bool) -> str:
    """` 12 findings that reviewers dismissed are left out.`, or are counted; nothing of none."""
    if not number:
        return ""
    verb = "is" if number == 1 else "are"
    return f" {formats.plural(number, 'finding')} that reviewers dismissed {verb} {'counted' if counted else 'left out'}."


def unverified() -> pl.Expr:
    """Whether a finding rests on a value of a policy that nobody has held against its source, as its evidence says."""
    # a quotation mark within a note's words has a backslash before it, so that no note says this
    return pl.col("evidence").str.contains('"verified": false', literal=True)


def unverified_sentence(view: Narrowed) -> str:
    """How much of the dollars at risk rests on unverified values; nothing where none do."""
    whole = float(view.valued["dollars"].sum())
    part = float(view.valued.filter(unverified())["dollars"].sum())
    if formats.money(part) == formats.money(0.0):
        return ""
    told = (
        f"All of the {formats.money(whole)}"
        if part == whole
        else f"{formats.money(part)} of the {formats.money(whole)}"
    )
    return f"{told} at risk rests on a value that nobody has verified yet or that is a default of ours."


def reviewed_in_part(view: Narrowed, what: str) -> str:
    """A warning to compare `what` (weeks, therapists) with care where dismissed findings are left out; nothing of none.

    Reviewers do not look at everything alike: what they have not seen yet still holds findings that they would dismiss.
    """
    if view.dismissed.is_empty() or view.counts_dismissed:
        return ""
    return f" Dismissed findings left only the {what} that reviewers have looked at; the others may still hold some."


def listable(view: Narrowed) -> pl.DataFrame:
    """All findings under the filters with `dollars`, those left out at none; `standing` where any was dismissed."""
    if view.dismissed.is_empty():
        return view.valued
    left_out = view.dismissed.with_columns(dollars=pl.lit(0.0)).select(view.valued.columns)
    every = view.valued if view.counts_dismissed else pl.concat([view.valued, left_out])
    gone = pl.col("finding_id").is_in(view.dismissed["finding_id"].implode())
    return every.with_columns(standing=pl.when(gone).then(pl.lit("dismissed")).otherwise(pl.lit("")))


def with_dismissed(view: Narrowed) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All findings under the filters with `dollars`, and their shares of lines: those left out share among themselves."""
    if view.counts_dismissed:
        return view.valued, view.shares
    shares = risk.at_risk(view.dismissed, view.audit.lines)
    left_out = risk.with_dollars(view.dismissed, shares).select(view.valued.columns)
    return pl.concat([view.valued, left_out]), pl.concat([view.shares, shares])
