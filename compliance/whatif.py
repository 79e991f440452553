"""What if a payer changed a rule: one more layer on its policy, and what it adds, removes and moves.

A what-if is the text of a policy file (`overlay_text`), so that one that was saved or exported is laid over the policies
in the same way as a clinic's own file. The policies themselves never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import yaml

from compliance.audit import Audit, Scope, audit
from compliance.checks.rule import Rule, catalogue
from compliance.money import PRICE_PARAMETERS
from compliance.policy import Policies
from compliance.policy.loader import laid_over
from compliance.records.load import Records
from compliance.risk import at_risk

SOURCE = "what-if"
LARGEST = 20
"""So many of the largest changes are shown."""


@dataclass(frozen=True)
class Change:
    """One parameter of a policy from a day on: everywhere, or where `narrowing` says (`{"setting": …}`)."""

    policy: str
    parameter: str
    value: Any
    begins: date
    narrowing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Difference:
    """What a what-if does. Frames are Polars.

    `added` and `removed`: findings (contract's columns) that only the what-if, or only today's policies, give; `moved`: ids
    of findings that both give but with other dollars, severity or sentence. `lines`: every line whose dollars at risk change:
    claim_id, line, before, after, change, rules. `dollars_before` and `dollars_after` count each line once. `judged` are the
    rules that were run again; all others cannot change. `told` counts the units that could not be told, before and after.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    moved: tuple[str, ...]
    lines: pl.DataFrame
    dollars_before: float
    dollars_after: float
    judged: tuple[str, ...]
    told: tuple[int, int]

    @property
    def largest(self) -> pl.DataFrame:
        """The lines with the largest change of dollars, the largest first."""
        return self.lines.head(LARGEST)


def overlay_text(changes: Sequence[Change], name: str, author: str, on: date) -> str:
    """A policy file of the changes, which are all of one policy; `name`, author and day stand in each row's note."""
    policy = changes[0].policy
    if any(change.policy != policy for change in changes):
        raise ValueError("A policy file speaks of one policy.")
    rows: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        note = f"What-if “{name}” by {author}, {on.isoformat()}."
        row = {
            "from": change.begins,
            "value": change.value,
            "source": SOURCE,
            "note": note,
            **dict(change.narrowing),
        }
        rows.setdefault(change.parameter, []).append(row)
    return yaml.safe_dump({"id": policy, **rows}, sort_keys=False, allow_unicode=True)


def rerun(changes: Sequence[Change]) -> list[Rule]:
    """The rules that read a changed parameter; all of them where it decides what a line is worth."""
    names = {change.parameter for change in changes}
    rules = catalogue().values()
    if names & set(PRICE_PARAMETERS):
        return list(rules)
    return [rule for rule in rules if names & set(rule.parameters)]


def compare(records: Records, policies: Policies, before: Audit, changes: Sequence[Change]) -> Difference:
    """What the changes do to an audit of these records under these policies. Raises PolicyError for a value that does not fit."""
    if not changes:
        raise ValueError("Nothing is changed.")
    by_policy = {
        policy: [each for each in changes if each.policy == policy] for policy in {c.policy for c in changes}
    }
    changed = policies
    for own in by_policy.values():
        changed = laid_over(changed, overlay_text(own, "unsaved", "you", before.as_of), SOURCE)
    rules = rerun(changes)
    after = audit(records, changed, before.as_of, rules, scope=Scope())
    return _difference(before, after, [rule.code for rule in rules])


def _difference(before: Audit, after: Audit, judged: Sequence[str]) -> Difference:
    again = pl.col("rule").is_in(judged)
    was, now = before.findings.filter(again), after.findings
    both = was.join(now, on="finding_id", suffix="_now")
    differs = pl.any_horizontal(
        pl.col(name) != pl.col(f"{name}_now") for name in ("amount_at_risk", "severity", "message")
    )
    whole = pl.concat([before.findings.filter(~again), now])
    lines = after.lines if len(judged) == len(before.rules) else before.lines
    dollars = _by_line(at_risk(before.findings, before.lines), "before").join(
        _by_line(at_risk(whole, lines), "after"), on=["claim_id", "line"], how="full", coalesce=True
    )
    named = _rules_of(
        pl.concat([was.join(now, on="finding_id", how="anti"), now.join(was, on="finding_id", how="anti")])
    )
    moved = (
        dollars.with_columns(pl.col("before", "after").fill_null(0.0))
        .with_columns(change=(pl.col("after") - pl.col("before")).round(2))
        .filter(pl.col("change") != 0)
        .join(named, on=["claim_id", "line"], how="left")
        .sort(pl.col("change").abs(), "claim_id", "line", descending=[True, False, False])
    )
    return Difference(
        added=now.join(was, on="finding_id", how="anti", maintain_order="left"),
        removed=was.join(now, on="finding_id", how="anti", maintain_order="left"),
        moved=tuple(both.filter(differs)["finding_id"].sort()),
        lines=moved,
        dollars_before=float(dollars["before"].sum()),
        dollars_after=float(dollars["after"].sum()),
        judged=tuple(judged),
        told=(
            int(before.coverage.filter(again)["cannot_tell"].sum()),
            int(after.coverage["cannot_tell"].sum()),
        ),
    )


def _by_line(shares: pl.DataFrame, name: str) -> pl.DataFrame:
    return shares.group_by("claim_id", "line").agg(pl.col("share").sum().alias(name))


def _rules_of(findings: pl.DataFrame) -> pl.DataFrame:
    """The rules of findings by the line that they put at risk: claim_id, line, rules (`PR-01 UNIT-01`)."""
    items = pl.List(pl.Struct({"claim_id": pl.String, "line": pl.Int64, "amount": pl.Float64}))
    return (
        findings.select("rule", item=pl.col("lines").str.json_decode(items))
        .explode("item")
        .unnest("item")
        .drop_nulls("claim_id")
        .group_by("claim_id", "line")
        .agg(rules=pl.col("rule").unique().sort().str.join(" "))
    )
