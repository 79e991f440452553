"""What a rule is: its metadata, its one function, and how the rules are found.

A rule module stands in a family's folder under `compliance/checks/` and is named by its code and its fault,
`pr_01_progress_report_overdue.py`; its cases stand beside it in a YAML file of the same stem. Nothing else
registers a rule: `catalogue()` walks the folders.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from compliance.checks.tables import TABLES_MADE
from compliance.policy.code_tables import KINDS
from compliance.records.models import TABLES, schema
from compliance.strict_yaml import did_you_mean

SUBJECT_KEYS: dict[str, tuple[str, ...]] = {
    "line": ("claim_id", "line"),
    "note": ("note_id",),
    "plan": ("plan_id",),
    "goal": ("goal_id",),
    "claim": ("claim_id",),
    "authorization": ("authorization_id",),
    "patient_day": ("patient_id", "discipline", "service_date"),
    "patient_month": ("patient_id", "discipline", "service_date"),
    "period": ("patient_id", "discipline", "period_from"),
    "therapist_day": ("therapist_id", "service_date"),
    "therapist": ("therapist_id",),
    "payer": ("payer_id",),
}
"""The columns that identify what broke a rule, by the contract's `subject`; they make the finding's id."""

RULE_MODULE = re.compile(r"[a-z]+_(?:\d\d|cov)_\w+")
"""A rule's module: its code and its fault. One rule's code has a name in place of a number: PAY-COV."""
SEVERITIES = ("high", "medium", "low", "info")
AT_RISK = ("high", "medium")
"""Severities of findings that put dollars at risk."""
Exposure = Literal["line", "lines", "note", "days", "none"]
Scope = Literal["patient", "therapist_day", "therapist", "payer"]
"""What one unit is judged by: one patient's records, all that one therapist did, on one day or ever, or a payer's lines."""
Reach = Literal["patient", "day"]
"""Whom a refused row may have cleared: the units of its patient, or those of its patient on its day."""
OR = " or "
"""Parts columns of a need of which one suffices."""
ARGUMENTS = (*TABLES, *TABLES_MADE, *KINDS, "as_of", "absent_columns")
"""What a rule's function may ask for: tables, the day of the audit, and the columns that the export lacks."""


class RuleError(ValueError):
    """A rule is declared wrongly or returns what it may not; the message names rule, fault and remedy."""


@dataclass(frozen=True)
class Rule:
    """One compliance rule: what the catalogue shows and what the audit needs to run it.

    `function` takes the tables that its arguments name (an argument with a default is used where present) and
    returns one row per unit judged: the subject's key, `outcome`, `missing`, and the facts that prove it.
    """

    code: str
    title: str
    severity: str
    subject: str
    unit: str
    cites: tuple[str, ...]
    needs: tuple[str, ...]
    parameters: tuple[str, ...]
    exposes: Exposure
    message: str | Mapping[str, str]
    fix: str | Mapping[str, str]
    quotes: tuple[str, ...]
    key: tuple[str, ...]
    scope: Scope
    function: Callable[..., Any]
    module: str
    also: tuple[str, ...] = ()
    absence_of: Mapping[str, Reach] = field(default_factory=dict)
    adds_up: Mapping[str, Reach] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The code without its number: `PR` of `PR-01`."""
        return self.code.partition("-")[0]

    @property
    def page(self) -> str:
        """The rule's page: the docstring of its function, dedented."""
        return inspect.getdoc(self.function) or ""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the function asks for, in its order."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def cases(self) -> Path:
        """The file of cases beside the rule's module."""
        source = importlib.import_module(self.module).__file__
        assert source is not None
        return Path(source).with_suffix(".yaml")


_registered: dict[str, Rule] = {}


def rule(
    *,
    code: str,
    title: str,
    severity: str,
    subject: str,
    unit: str,
    cites: list[str],
    needs: list[str],
    parameters: list[str] | None = None,
    exposes: Exposure = "line",
    message: str | Mapping[str, str],
    fix: str | Mapping[str, str],
    quotes: list[str] | None = None,
    key: list[str] | None = None,
    scope: Scope = "patient",
    also: list[str] | None = None,
    absence_of: Mapping[str, Reach] | None = None,
    adds_up: Mapping[str, Reach] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a rule.

    `needs` lists the columns (`notes.kind`) without which the rule says *not run*; of `a.b or c.d` one suffices. `message`
    and `fix` are formatted from the facts; where a rule fails in several ways they are mappings chosen by its column `case`.
    A column `severity` gives each unit its own; besides SEVERITIES it may say `block_or_repay`: high until the unit, or a
    line of it, is submitted, medium from then on. `quotes` names the kinds of mentions (`passive`) whose words are quoted
    as evidence from the finding's note; columns `quote`, `quote_start`, `quote_end` (offsets in the text of `note_id`) and
    `quote_kind` quote one place more.
    `exposes` says which lines a finding puts at risk: the `line` itself; the `lines` that `exposed_lines` lists
    (`C1/1`, `C1/2`, parted by `terms.BETWEEN_LINES`); all lines of the `note`; or the lines of the patient and discipline
    on the `days` from `exposed_from` to `exposed_to` (null: without end). A rule may narrow a note's or days' lines to the
    codes in `exposed_cpt` (a list in one cell), and days' to those whose treating role is `exposed_role`. The whole of a
    line falls away, and the day is priced anew (`compliance/money.py`), unless the rule returns `exposed_units` (so many
    units of the line), `exposed_as` (the code that the line should have been) or `exposed_share` (0 to 1, a plain share of
    the dollars).
    `scope` says what must stay together when records are split. `also` lists other codes that the rule goes by.
    `absence_of` names the tables of which the rule accuses because a row is not there, with how far one reaches: where rows of
    them were refused, a failed unit of that patient (`patient`), or of that patient and day (`day`), cannot be told.
    `adds_up` names the tables whose rows the rule counts, adds up or holds against each other: where rows of them were refused
    whose patient is known, a unit of that patient (and day) that passed cannot be told.

    Raises RuleError for a word that means nothing here: it would otherwise be a rule that never runs.
    """
    _one_of(code, "severity", severity, SEVERITIES)
    _one_of(code, "subject", subject, SUBJECT_KEYS)
    _one_of(code, "exposes", exposes, get_args(Exposure))
    _one_of(code, "scope", scope, get_args(Scope))
    for word, tables in (("absence_of", absence_of), ("adds_up", adds_up)):
        for table, reach in (tables or {}).items():
            _one_of(code, word, table, TABLES)
            _one_of(code, "reach", reach, get_args(Reach))
    for need in needs:
        for column in need.split(OR):
            _known_need(code, column)

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in inspect.signature(function).parameters:
            _one_of(code, "argument", name, ARGUMENTS)
        _named_by_code(code, function.__module__)
        if code in _registered and _registered[code].module != function.__module__:
            raise RuleError(f"{code} is declared twice: {_registered[code].module} and {function.__module__}")
        _registered[code] = Rule(
            code=code,
            title=title,
            severity=severity,
            subject=subject,
            unit=unit,
            cites=tuple(cites),
            needs=tuple(needs),
            parameters=tuple(parameters or ()),
            exposes=exposes,
            message=message,
            fix=fix,
            quotes=tuple(quotes or ()),
            key=tuple(key or SUBJECT_KEYS[subject]),
            scope=scope,
            function=function,
            module=function.__module__,
            also=tuple(also or ()),
            absence_of=dict(absence_of or {}),
            adds_up=dict(adds_up or {}),
        )
        return function

    return declare


def _one_of(code: str, what: str, found: str, known: Iterable[str]) -> None:
    listed = sorted(known)
    if found not in listed:
        near = did_you_mean(found, listed)
        raise RuleError(f"{code}: {what} {found!r} is none.{near} There are {', '.join(listed)}.")


def _known_need(code: str, column: str) -> None:
    """Refuse a need that no records could ever meet, or always would."""
    table, _, name = column.partition(".")
    if table not in TABLES:
        lacks, near = f"there is no table {table}", did_you_mean(table, TABLES)
    elif name and name not in schema(table):
        lacks, near = f"{table} has no column {name}", did_you_mean(name, schema(table))
    else:
        return
    raise RuleError(f"{code}: needs {column!r}, but {lacks}.{near} See docs/records.md.")


def _named_by_code(code: str, module: str) -> None:
    """Refuse a module that `catalogue` would not find, or would find under another rule's name."""
    stem = module.rpartition(".")[2]
    wanted = code.lower().replace("-", "_") + "_"
    if not RULE_MODULE.fullmatch(stem) or not stem.startswith(wanted):
        raise RuleError(f"{code}: its module is {stem}. Name it {wanted}what_is_wrong.py, its cases alike.")


@cache
def catalogue() -> dict[str, Rule]:
    """Every rule by its code, found by walking the families' folders, sorted by code."""
    import compliance.checks as checks

    for module in pkgutil.walk_packages(checks.__path__, "compliance.checks."):
        if RULE_MODULE.match(module.name.rsplit(".", 1)[-1]):
            importlib.import_module(module.name)
    return dict(sorted(_registered.items()))


def select(codes: list[str] | None) -> list[Rule]:
    """The rules whose code, or another that they go by, equals or begins with one of `codes`; all where `codes` is empty.

    Raises `UnknownRule` with a hint where nothing matches.
    """
    rules = catalogue()
    if not codes:
        return list(rules.values())
    chosen: dict[str, Rule] = {}
    for wanted in codes:
        asked = wanted.upper()
        hits = {c: r for c, r in rules.items() if asked in (c, *r.also) or c.startswith(asked + "-")}
        if not hits:
            raise UnknownRule(wanted, list(rules))
        chosen |= hits
    return [rules[c] for c in rules if c in chosen]


class UnknownRule(ValueError):
    """A rule code that no rule bears."""

    def __init__(self, wanted: str, known: list[str]) -> None:
        families = sorted({c.partition("-")[0] for c in known})
        if not wanted.strip():
            super().__init__(f"An empty rule code. Give a rule or a family, such as {families[0]}.")
            return
        near = did_you_mean(wanted.upper(), known + families, cutoff=0.4)
        hint = near or f" Families: {', '.join(families)}."
        super().__init__(f"{wanted}: no such rule.{hint}")
