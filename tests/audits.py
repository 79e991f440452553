"""Audits that tests share: of the same records, policies, day, rules and scope one is run, as the dashboard keeps one."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from compliance.audit import Audit, Scope, audit
from compliance.checks.rule import Rule, catalogue
from compliance.policy import Policies
from compliance.records.load import Records

EVERYTHING = Scope()
_kept: dict[Any, Audit] = {}


def kept_audit(
    records: Records,
    policies: Policies,
    as_of: date,
    rules: Sequence[Rule] | None = None,
    *,
    scope: Scope = EVERYTHING,
    progress: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> Audit:
    """What `audit` gives, from the first time that it was asked for in this run of tests."""
    absent = records.absent_tables, records.absent_columns, records.unfilled_columns
    codes = tuple(rule.code for rule in (catalogue().values() if rules is None else rules))
    lost = tuple((name, tuple(rows.rows())) for name, rows in sorted(records.lost.items()))
    asked = (
        records.fingerprint, *absent, lost, tuple(sorted(records.reasons.items())),
        policies.fingerprint, as_of, codes, scope,
    )  # fmt: skip
    if asked not in _kept:
        _kept[asked] = audit(records, policies, as_of, rules, scope=scope, progress=progress)
    return _kept[asked]
