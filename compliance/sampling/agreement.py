"""Where two reviewers differ, and where the auditor and the rules do.

The rules' verdict on a unit: `error` where a finding that puts dollars at risk (high or medium) touches one of its lines,
else `cannot tell` where a check on its visit could not be told, else `ok`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from compliance.audit import LINE_ITEMS, VISIT
from compliance.checks.rule import AT_RISK
from compliance.sampling.frame import line_name
from compliance.sampling.sheets import sheet_rows, sheet_text
from compliance.sampling.worksheet import CANNOT_TELL, ERROR, OK, WRONG, Answer

MACHINE = ("unit", "verdict", "rules", "findings")


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a unit; rules and ids of the findings that put it at risk."""

    unit: str
    verdict: str
    rules: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Two reviewers over the same units. `kappa` is None where both gave one and the same answer throughout."""

    units: int
    same: int
    kappa: float | None
    differing: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class AgainstRules:
    """The auditor's answers against the rules' verdicts, where both could tell.

    `missed`: units in error of which the rules found nothing; `false_alarms`: units that are ok of which they did.
    """

    both: int
    neither: int
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    untold: int


def verdicts(
    drawn: pl.DataFrame, findings: pl.DataFrame, lines: pl.DataFrame, visits: pl.DataFrame
) -> list[Verdict]:
    """The rules' verdict on each drawn unit, in the draw's order, from an audit's findings, lines and visits."""
    keyed = drawn.select("unit", line_key=pl.col("lines").str.split(" ")).explode("line_key")
    key = line_name().alias("line_key")
    at_risk = (
        findings.filter(pl.col("severity").is_in(AT_RISK))
        .select("finding_id", "rule", item=pl.col("lines").str.json_decode(LINE_ITEMS))
        .explode("item")
        .unnest("item")
        .drop_nulls("claim_id")
    )
    hits = keyed.join(at_risk.with_columns(key), on="line_key").group_by("unit")
    found = {
        unit: (rules, ids)
        for unit, rules, ids in hits.agg(
            pl.col("rule").unique().sort(), pl.col("finding_id").unique().sort()
        ).iter_rows()
    }
    untold = visits.filter(pl.col("cannot_tell")).select(VISIT)
    doubtful = keyed.join(lines.with_columns(key), on="line_key").join(untold, on=VISIT, how="semi")
    unsure = set(doubtful["unit"])
    told = []
    for unit in drawn.sort("order")["unit"]:
        rules, ids = found.get(unit, ((), ()))
        verdict = ERROR if ids else CANNOT_TELL if unit in unsure else OK
        told.append(Verdict(unit, verdict, tuple(rules), tuple(ids)))
    return told


def verdicts_text(told: Sequence[Verdict]) -> str:
    """The verdicts' file, which no auditor should open before answering."""
    rows = ((each.unit, each.verdict, " ".join(each.rules), " ".join(each.findings)) for each in told)
    return sheet_text(MACHINE, rows)


def read_verdicts(text: str) -> list[Verdict]:
    """What `verdicts_text` wrote."""
    return [
        Verdict(row["unit"], row["verdict"], tuple(row["rules"].split()), tuple(row["findings"].split()))
        for row in sheet_rows(text)
    ]


def agreement(first: Sequence[Answer], second: Sequence[Answer]) -> Agreement:
    """Agreement of two reviewers of one draw, with Cohen's kappa: what it exceeds chance by, 1 where they always agree."""
    other = {each.unit: each.answer for each in second}
    pairs = [(each.unit, each.answer, other[each.unit]) for each in first]
    same = sum(one == two for _, one, two in pairs)
    ones, twos = (Counter(pair[place] for pair in pairs) for place in (1, 2))
    chance = sum(ones[answer] * twos[answer] for answer in ones)
    total = len(pairs)
    kappa = (same * total - chance) / (total**2 - chance) if chance < total**2 else None
    return Agreement(total, same, kappa, tuple(pair for pair in pairs if pair[1] != pair[2]))


def against_rules(answers: Sequence[Answer], told: Sequence[Verdict]) -> AgainstRules:
    """The auditor's answers against the rules' verdicts."""
    verdict: Mapping[str, str] = {each.unit: each.verdict for each in told}
    both, neither, untold = 0, 0, 0
    missed, false_alarms = [], []
    for each in answers:
        found = verdict.get(each.unit, CANNOT_TELL)
        if CANNOT_TELL in (each.answer, found):
            untold += 1
        elif each.answer in WRONG:
            both += found == ERROR
            if found == OK:
                missed.append(each.unit)
        else:
            neither += found == OK
            if found == ERROR:
                false_alarms.append(each.unit)
    return AgainstRules(both, neither, tuple(missed), tuple(false_alarms), untold)
