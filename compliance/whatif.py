"""What if a payer changed a rule: one more layer on its policy, and what it adds, removes and moves.

A what-if is the text of a policy file (`overlay_text`), so that one that was saved or exported is laid over the policies
in the same way as a clinic's own file. The policies themselves never change.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import yaml

from compliance.audit import Audit, Scope, audit, line_items, without
from compliance.checks.rule import Rule, catalogue
from compliance.money import PRICE_PARAMETERS
from compliance.policy import Policies, PolicyError
from compliance.policy.loader import laid_over
from compliance.policy.models import NARROWING
from compliance.records.load import Records
from compliance.risk import at_risk

SOURCE = "what-if"
LARGEST = 20
"""So many of the largest changes are shown."""


class _Plain(yaml.SafeDumper):
    """YAML that writes a value out in each place: the same day twice would else be an alias, which no policy file may hold."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


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
    of findings that both give but with other dollars, severity or sentence. `rules`: one row a rule that changes: rule,
    before, after (dollars, each line once), added, removed. `lines`: every line whose dollars at risk change:
    claim_id, line, before, after, change, rules. `dollars_before` and `dollars_after` count each line once. `judged` are the
    rules that were run again; all others cannot change. `told` counts the units that could not be told, before and after.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    moved: tuple[str, ...]
    rules: pl.DataFrame
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
    return yaml.dump({"id": policy, **rows}, Dumper=_Plain, sort_keys=False, allow_unicode=True)


def changes_of(text: str) -> list[Change]:
    """The changes of an overlay's text, as `overlay_text` wrote it. Raises PolicyError where it is none."""
    try:
        said = yaml.safe_load(text)
        found = [
            Change(
                said["id"],
                parameter,
                row["value"],
                row["from"],
                tuple((key, str(row[key])) for key in NARROWING if key in row),
            )
            for parameter, rows in said.items()
            if parameter != "id"
            for row in rows
        ]
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError):
        found = []
    if not found or not all(isinstance(each.begins, date) for each in found):
        raise PolicyError("It is no what-if as this program saves them.")
    return found


def laid(policies: Policies, changes: Sequence[Change], on: date) -> Policies:
    """The policies with the changes laid over them. Raises PolicyError for a policy, a parameter or a value that does not fit."""
    for policy in dict.fromkeys(change.policy for change in changes):
        own = [each for each in changes if each.policy == policy]
        policies = laid_over(policies, overlay_text(own, "unsaved", "you", on), SOURCE)
    return policies


def rerun(changes: Sequence[Change]) -> list[Rule]:
    """The rules that read a changed parameter; all of them where it decides what a line is worth."""
    names = {change.parameter for change in changes}
    rules = catalogue().values()
    if names & set(PRICE_PARAMETERS):
        return list(rules)
    return [rule for rule in rules if names & set(rule.parameters)]


def compare(
    records: Records,
    policies: Policies,
    before: Audit,
    changes: Sequence[Change],
    dismissed: Callable[[pl.DataFrame], Collection[str]] = lambda findings: (),
) -> Difference:
    """What the changes do to an audit of these records under these policies. Raises PolicyError for a value that does not fit.

    `dismissed` tells which findings stand dismissed: they are left out on both sides.
    """
    if not changes:
        raise ValueError("Nothing is changed.")
    changed = laid(policies, changes, before.as_of)
    rules = rerun(changes)
    after = audit(records, changed, before.as_of, rules, scope=Scope())
    heeded = [without(each, dismissed(each.findings)) for each in (before, after)]
    return _difference(heeded[0], heeded[1], [rule.code for rule in rules])


def _difference(before: Audit, after: Audit, judged: Sequence[str]) -> Difference:
    again = pl.col("rule").is_in(judged)
    was, now = before.findings.filter(again), after.findings
    both = was.join(now, on="finding_id", suffix="_now")
    told = ("amount_at_risk", "severity", "message")
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_now") for name in told)
    added = now.join(was, on="finding_id", how="anti", maintain_order="left")
    removed = was.join(now, on="finding_id", how="anti", maintain_order="left")
    whole = pl.concat([before.findings.filter(~again), now])
    lines = after.lines if len(judged) == len(before.rules) else before.lines
    shares = at_risk(before.findings, before.lines), at_risk(whole, lines)
    return Difference(
        added=added,
        removed=removed,
        moved=tuple(both.filter(differs)["finding_id"].sort()),
        rules=_by_rule(*shares, added, removed),
        lines=_moved_lines(*shares, pl.concat([added, removed])),
        dollars_before=float(shares[0]["share"].sum()),
        dollars_after=float(shares[1]["share"].sum()),
        judged=tuple(judged),
        told=(
            int(before.coverage.filter(again)["cannot_tell"].sum()),
            int(after.coverage["cannot_tell"].sum()),
        ),
    )


def _before_and_after(was: pl.DataFrame, now: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Dollars by key, `before`, `after` and their `change`; 0 where one of them has none."""
    sums = [
        shares.group_by(key).agg(pl.col("share").sum().alias(name))
        for shares, name in ((was, "before"), (now, "after"))
    ]
    joined = sums[0].join(sums[1], on=key, how="full", coalesce=True)
    return joined.with_columns(pl.col("before", "after").fill_null(0.0)).with_columns(
        change=(pl.col("after") - pl.col("before")).round(2)
    )


def _by_rule(
    was: pl.DataFrame, now: pl.DataFrame, added: pl.DataFrame, removed: pl.DataFrame
) -> pl.DataFrame:
    dollars = _before_and_after(was, now, ["rule"])
    for name, found in (("added", added), ("removed", removed)):
        counted = found.group_by("rule").agg(pl.len().cast(pl.Int64).alias(name))
        dollars = dollars.join(counted, on="rule", how="full", coalesce=True)
    changed = pl.any_horizontal(pl.col("change") != 0, pl.col("added") > 0, pl.col("removed") > 0)
    return (
        dollars.with_columns(pl.col("before", "after", "change", "added", "removed").fill_null(0))
        .filter(changed)
        .sort(pl.col("change").abs(), "rule", descending=[True, False])
    )


def _moved_lines(was: pl.DataFrame, now: pl.DataFrame, differing: pl.DataFrame) -> pl.DataFrame:
    key = ["claim_id", "line"]
    return (
        _before_and_after(was, now, key)
        .filter(pl.col("change") != 0)
        .join(_rules_of(differing), on=key, how="left")
        .sort(pl.col("change").abs(), *key, descending=[True, False, False])
    )


def _rules_of(findings: pl.DataFrame) -> pl.DataFrame:
    """The rules of findings by the line that they put at risk: claim_id, line, rules (`PR-01 UNIT-01`)."""
    return (
        line_items(findings, "rule")
        .group_by("claim_id", "line")
        .agg(rules=pl.col("rule").unique().sort().str.join(" "))
    )
