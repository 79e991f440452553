"""The sentences of the overview: what is at risk, what is worth knowing, what could not be told."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from compliance import formats
from compliance.audit import Audit
from compliance.missing_facts import in_words


def sentence(figures: Mapping[str, float]) -> str:
    """What was loaded and what was found, in one sentence with the numbers in it."""
    return (
        f"{formats.plural(int(figures['visits']), 'visit')} on {formats.plural(int(figures['claims']), 'claim')}: "
        f"{formats.plural(int(figures['findings']), 'finding')} on "
        f"{formats.plural(int(figures['claims_hit']), 'claim')}, "
        f"{formats.money(figures['dollars'])} at risk{worth_knowing(figures)}."
    )


def worth_knowing(figures: Mapping[str, float]) -> str:
    """`; 7 more worth knowing; 81 values of payers to look up`: findings of severity info, which no other figure counts."""
    return formats.worth_knowing(int(figures["info"]), int(figures["unread"]))


def unknowns_sentence(result: Audit, visits: int) -> str:
    """What could not be told, and the facts that were missing most often; before it, the rules that did not run."""
    told = result.coverage.group_by("missing").agg(pl.col("cannot_tell").sum()).drop_nulls("missing")
    told = told.filter(pl.col("cannot_tell") > 0)
    idle = _not_run_sentence(result)
    if told.is_empty():
        if result.visits.is_empty() and result.lines.is_empty():
            return "No visit or claim was checked under these filters."
        had = "Every check on these visits had the facts that it needs."
        return f"{idle} The others had the facts that they need." if idle else had
    top = told.sort(["cannot_tell", "missing"], descending=[True, False]).head(3)
    facts = ", ".join(in_words(fact) for fact in top["missing"])
    more = " and others" if told.height > top.height else ""
    checks = formats.plural(int(told["cannot_tell"].sum()), "check")
    if not visits:
        return f"{idle} {checks} could not be told: {facts}{more} missing.".strip()
    partly = formats.plural(visits, "visit")
    return f"{idle} {partly} could not be checked in full ({checks}): {facts}{more} missing.".strip()


def _not_run_sentence(result: Audit) -> str:
    """`14 of 21 rules did not run: text of the note missing.`, or nothing."""
    if not result.not_run:
        return ""
    lacks = list(dict.fromkeys(in_words(lack.lacks) for lack in result.not_run))
    more = " and others" if len(lacks) > _LACKS_SHOWN else ""
    of = len(result.rules)
    return (
        f"{len(result.not_run)} of {of} rules did not run: {', '.join(lacks[:_LACKS_SHOWN])}{more} missing."
    )


_LACKS_SHOWN = 3


def against(now: Mapping[str, float], before: Mapping[str, float], since: date, until: date) -> str:
    """How dollars at risk per visit changed against earlier days: `-12.4 % per visit against Jan 1 – Mar 31, 2026`.

    By visit, for two periods seldom hold as many. The sign comes first: the tile draws its arrow from it.
    """
    days = formats.span(since, until)
    if not (now["visits"] and before["visits"]):
        return f"no visits to compare, {days}"
    was, is_now = before["dollars"] / before["visits"], now["dollars"] / now["visits"]
    if not was:
        return f"{formats.money(before['dollars'])} {days}"
    change = is_now / was - 1
    sign = "-" if change < 0 else "+"
    return f"{sign}{formats.percent(abs(change))} per visit against {days}"
