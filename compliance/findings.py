"""From what a rule judged to findings: who and when, lines at risk, ids, sentences and evidence.

Input is one Polars frame a rule, one row per unit judged (`checks.rule` documents its columns); output is the
contract's findings table. Nothing here knows which rule it serves.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import accumulate
from typing import Any

import polars as pl

from compliance.checks.rule import AT_RISK, Rule, RuleError
from compliance.checks.terms import BETWEEN_LINES
from compliance.formats import codes_in, days_in, singular, units_in
from compliance.money import exposure

FINDING_SCHEMA: dict[str, pl.DataType] = {
    "finding_id": pl.String(),
    "rule": pl.String(),
    "severity": pl.String(),
    "service_date": pl.Datetime("us"),
    "patient_id": pl.String(),
    "therapist_id": pl.String(),
    "payer_id": pl.String(),
    "clinic_id": pl.String(),
    "discipline": pl.String(),
    "subject": pl.String(),
    "claim_id": pl.String(),
    "line": pl.Int64(),
    "note_id": pl.String(),
    "plan_id": pl.String(),
    "lines": pl.String(),
    "amount_at_risk": pl.Float64(),
    "message": pl.String(),
    "evidence": pl.String(),
    "fix": pl.String(),
}
WHO_AND_WHEN = ("service_date", "patient_id", "therapist_id", "payer_id", "clinic_id", "discipline")
WHERE = ("claim_id", "line", "note_id", "plan_id")
TOLD = ("service_date", "patient_id", "payer_id", "clinic_id", "discipline", "submitted")
"""What lines and notes alike say of a unit that names them."""
PLUMBING = frozenset(
    (*WHO_AND_WHEN, *WHERE, "outcome", "missing", "severity", "case", "subject", "policy", "policy_missing", "payer_kind",
     "exposed_from", "exposed_to", "exposed_cpt", "exposed_share", "exposed_units", "exposed_as", "exposed_lines", "exposed_role",
     "submitted", "fact", "unit_row")
)  # fmt: skip
DAYS = ("patient_id", "discipline", "exposed_from", "exposed_to")
EXPOSED: dict[str, pl.DataType] = {
    "exposed_share": pl.Float64(), "exposed_units": pl.Float64(), "exposed_as": pl.String(),
}  # fmt: skip
"""What a rule may say of the part of a line that falls away (see `checks.rule.rule`); null: all of it."""
QUOTES_SHOWN = 8
FROM_SOURCE = "__from_source"
SORTED = json.JSONEncoder(sort_keys=True)
SORTED_TEXT = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Facts:
    """What findings are joined with: lines and notes as rules see them, mentions, and the parameter values.

    All but `values` are Polars frames; `values` maps a value's id to how the evidence shows it.
    """

    lines: pl.DataFrame
    notes: pl.DataFrame
    plans: pl.DataFrame
    mentions: pl.DataFrame
    values: Sequence[Mapping[str, Any]]
    relative_values: pl.DataFrame

    @cached_property
    def told_by_line(self) -> pl.DataFrame:
        """Who, when and where by claim_id and line."""
        person = pl.coalesce("therapist_id", "note_therapist_id").alias("therapist_id")
        return self.lines.select("claim_id", "line", *TOLD, "note_id", "plan_id", person)

    @cached_property
    def told_by_note(self) -> pl.DataFrame:
        """Who, when and where by note_id."""
        return self.notes.select("note_id", *TOLD, "plan_id", "therapist_id")

    @cached_property
    def told_by_plan(self) -> pl.DataFrame:
        """Who and where by plan_id."""
        return self.plans.select(
            "plan_id", "patient_id", "discipline", "therapist_id", "payer_id", "clinic_id"
        )


def with_context(judged: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Fill who, when and where from the line, the note or the plan that the unit names."""
    named = {**{name: FINDING_SCHEMA[name] for name in (*WHO_AND_WHEN, *WHERE)}, "submitted": pl.Boolean()}
    absent = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in named.items() if name not in judged.columns
    ]
    judged = judged.with_columns(*absent).with_columns(pl.col("line").cast(pl.Int64))
    judged = _filled(judged, facts.told_by_line, ["claim_id", "line"])
    judged = _filled(judged, facts.told_by_note, ["note_id"])
    return _filled(judged, facts.told_by_plan, ["plan_id"])


def _filled(judged: pl.DataFrame, source: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Coalesce each column that has gaps with the source's, joined on the key."""
    gaps = [name for name in source.columns if name not in on and judged[name].null_count()]
    if not gaps or judged[on[0]].null_count() == judged.height:
        return judged
    told = source.select(*on, *(pl.col(name).alias(f"{name}{FROM_SOURCE}") for name in gaps))
    joined = judged.join(told, on=on, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(name, f"{name}{FROM_SOURCE}").alias(name) for name in gaps).drop(
        f"{name}{FROM_SOURCE}" for name in gaps
    )


def findings(failed: Sequence[tuple[Rule, pl.DataFrame]], facts: Facts) -> pl.DataFrame:
    """The findings of each rule's failed units, with id, dollars, sentence, evidence and fix, in order of rules.

    All rules at once, because dollars are worked out for all lines at risk together (see `exposure`).
    """
    numbered = _numbered(failed)
    exposed = exposed_lines(numbered, facts)
    lines_of = _group(exposed, "unit_row", ["claim_id", "line", "at_risk", "amount_basis", "submitted"])
    parts = [pl.DataFrame(schema=FINDING_SCHEMA)]
    for rule, units in numbered:
        quotes_of = _quotes(rule, units, facts)
        told = [name for name in units.columns if _is_fact(name)]
        rows = [
            _finding(
                rule, row, told, lines_of.get(row["unit_row"], []), quotes_of.get(row["unit_row"], []), facts
            )
            for row in units.iter_rows(named=True)
        ]
        parts.append(pl.DataFrame(rows, schema=FINDING_SCHEMA, orient="row"))
    return pl.concat(parts)


def _numbered(failed: Sequence[tuple[Rule, pl.DataFrame]]) -> list[tuple[Rule, pl.DataFrame]]:
    """Add `unit_row` to the failed units: their number among those of all rules."""
    ends = accumulate(units.height for _, units in failed)
    return [
        (rule, units.with_row_index("unit_row", offset=end - units.height))
        for (rule, units), end in zip(failed, ends, strict=True)
    ]


def exposed_lines(failed: Sequence[tuple[Rule, pl.DataFrame]], facts: Facts) -> pl.DataFrame:
    """The lines each failed unit puts at risk: unit_row, claim_id, line, amount, at_risk, amount_basis, submitted."""
    key = ["unit_row", "claim_id", "line"]
    parts = [part for rule, units in failed if (part := _exposed(rule, units, facts.lines)) is not None]
    if not parts:
        return pl.DataFrame(schema={"unit_row": pl.UInt32})
    exposed = pl.concat(parts).sort(key)
    return exposed.with_columns(
        exposure(exposed.rename({"exposed_share": "share"}), facts.lines, facts.relative_values)
    )


def _exposed(rule: Rule, failed: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame | None:
    """The lines that one rule's failed units put at risk, and which part of each (EXPOSED); None where it says `none`."""
    absent = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in EXPOSED.items() if name not in failed.columns
    ]
    failed = failed.with_columns(*absent)
    how, key = ["unit_row", *EXPOSED], ["claim_id", "line"]
    if rule.exposes == "line":
        exposed = failed.select(*how, *key).drop_nulls(key).join(lines, on=key)
    elif rule.exposes == "lines":
        listed = (
            failed.select(*how, listed=pl.col("exposed_lines").str.split(BETWEEN_LINES))
            .explode("listed")
            .drop_nulls("listed")
        )
        parts = pl.col("listed").str.extract_groups(r"^(?<claim_id>.*)/(?<line>\d+)$")
        named = (
            listed.with_columns(parts.alias("parts"))
            .unnest("parts")
            .with_columns(pl.col("line").cast(pl.Int64))
        )
        exposed = named.join(lines, on=key)
    elif rule.exposes == "note":
        units = failed.select(*how, "note_id", *_optional(failed, "exposed_cpt")).drop_nulls("note_id")
        exposed = _of_codes(units.join(lines, on="note_id"))
    elif rule.exposes == "days":
        exposed = _of_days(
            failed.select(*how, *DAYS, *_optional(failed, "exposed_cpt", "exposed_role")), lines
        )
    else:
        return None
    return exposed.select(
        "unit_row", *(pl.col(name).cast(kind) for name, kind in EXPOSED.items()), *key, "amount", "amount_basis", "submitted"
    )  # fmt: skip


def _of_days(units: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of each unit's patient and discipline on its days, of its codes and its treating role."""
    exposed = units.join(lines, on=["patient_id", "discipline"]).filter(
        (pl.col("service_date") >= pl.col("exposed_from"))
        & ((pl.col("service_date") <= pl.col("exposed_to")) | pl.col("exposed_to").is_null())
    )
    exposed = _of_codes(exposed)
    if "exposed_role" in exposed.columns:
        role = pl.col("exposed_role")
        exposed = exposed.filter(role.is_null() | (pl.col("treating_role") == role))
    return exposed


def _optional(frame: pl.DataFrame, *names: str) -> list[str]:
    return [name for name in names if name in frame.columns]


def _of_codes(exposed: pl.DataFrame) -> pl.DataFrame:
    """Keep only the codes in `exposed_cpt` (a list in one cell), where the rule names some."""
    if "exposed_cpt" not in exposed.columns:
        return exposed
    named = pl.col("exposed_cpt").str.split(" ").list.contains(pl.col("cpt"))
    return exposed.filter(pl.col("exposed_cpt").is_null() | named)


def _group(frame: pl.DataFrame, by: str, columns: list[str]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = {}
    if frame.is_empty():
        return grouped
    for row in frame.select(by, *columns).iter_rows(named=True):
        grouped.setdefault(row.pop(by), []).append(row)
    return grouped


def _quotes(rule: Rule, failed: pl.DataFrame, facts: Facts) -> dict[int, list[dict[str, Any]]]:
    """The words that the rule's kinds of mentions found in the finding's note, in their order."""
    if not rule.quotes or facts.mentions.is_empty():
        return {}
    kinds = facts.mentions.filter(pl.col("kind").is_in(rule.quotes) & ~pl.col("negated"))
    found = (
        failed.select("unit_row", "note_id")
        .drop_nulls()
        .join(kinds, on="note_id")
        .join(facts.notes.select("note_id", "text"), on="note_id")
        .unique(["unit_row", "start", "end"], maintain_order=True)
        .sort("unit_row", "start", "end")
    )
    return _group(found, "unit_row", ["note_id", "start", "end", "kind", "value", "text"])


def _finding(
    rule: Rule,
    row: dict[str, Any],
    names: Sequence[str],
    lines: list[dict[str, Any]],
    quotes: list[dict[str, Any]],
    facts: Facts,
) -> dict[str, Any]:
    """One finding, of one failed unit; `names` are the columns that are facts."""
    severity = _severity(rule, row, lines)
    at_risk = [
        {
            "claim_id": line["claim_id"],
            "line": line["line"],
            "amount": _cents(line["at_risk"]) if severity in AT_RISK else 0.0,
        }
        for line in lines
    ]
    first = at_risk[0] if at_risk else {"claim_id": None, "line": None}
    told = {name: _plain(row[name]) for name in names}
    words = _words({**told, **{c: row[c] for c in (*WHO_AND_WHEN, *WHERE)}})
    case = row.get("case")
    return {
        "finding_id": finding_id(rule, row),
        "rule": rule.code,
        "severity": severity,
        **{column: row[column] for column in WHO_AND_WHEN},
        "subject": row.get("subject") or rule.subject,
        "claim_id": row["claim_id"] or first["claim_id"],
        "line": row["line"] if row["claim_id"] else first["line"],
        "note_id": row["note_id"],
        "plan_id": row["plan_id"],
        "lines": SORTED.encode(at_risk),
        "amount_at_risk": _cents(sum(line["amount"] for line in at_risk)),
        "message": _sentence(rule, "message", case, words),
        "evidence": SORTED_TEXT.encode(_evidence(row, told, quotes, lines, facts)),
        "fix": _sentence(rule, "fix", case, words),
    }


def _severity(rule: Rule, row: dict[str, Any], lines: list[dict[str, Any]]) -> str:
    """The unit's own severity, else the rule's; `block_or_repay` is high until a line of it is submitted."""
    severity = row.get("severity") or rule.severity
    if severity == "block_or_repay":
        submitted = any(line["submitted"] for line in lines) or bool(row.get("submitted"))
        return "medium" if submitted else "high"
    return severity


def finding_id(rule: Rule, row: Mapping[str, Any]) -> str:
    """The same records and rule give the same id in every run: the code and a hash of the subject's key."""
    parts = ("" if row.get(name) is None else str(_plain(row[name])) for name in rule.key)
    key = "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    return f"{rule.code}-{hashlib.sha256(f'{rule.code}|{key}'.encode()).hexdigest()[:12]}"


def _evidence(
    row: dict[str, Any],
    told: dict[str, Any],
    quotes: list[dict[str, Any]],
    lines: list[dict[str, Any]],
    facts: Facts,
) -> dict[str, Any]:
    evidence: dict[str, Any] = {"facts": told}
    parameters = {
        name.removesuffix("__id"): dict(facts.values[row[name]])
        for name in row
        if name.endswith("__id") and row[name] is not None
    }
    if parameters:
        evidence["parameters"] = parameters
    shown = [{k: q[k] for k in ("note_id", "start", "end", "kind", "value")} | {"text": q["text"][q["start"] : q["end"]]}
             for q in quotes[:QUOTES_SHOWN]]  # fmt: skip
    if row.get("quote_start") is not None:
        shown.insert(0, {"note_id": row["note_id"], "start": int(row["quote_start"]), "end": int(row["quote_end"]),
                         "text": row.get("quote"), "kind": row.get("quote_kind") or "quote"})  # fmt: skip
    evidence["quotes"] = shown
    if lines:
        evidence["amount_basis"] = sorted({line["amount_basis"] for line in lines})
    return evidence


def _is_fact(name: str) -> bool:
    return name not in PLUMBING and not name.endswith("__id") and not name.startswith("quote")


def _plain(value: Any) -> Any:
    """A value as JSON and sentences show it: dates as ISO days, moments to the minute."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return (
            value.date().isoformat()
            if value == datetime(value.year, value.month, value.day)
            else value.isoformat(timespec="minutes")
        )
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class _words(dict[str, Any]):
    """Facts as words of a sentence: dates as `Mar 4, 2026`, `97530=2` as `2 of 97530`, a missing one as `unknown`."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if value is None:
            return "unknown"
        if isinstance(value, str) and len(value) in (10, 16) and value[4:5] == "-" and value[7:8] == "-":
            return _said_date(value)
        if isinstance(value, str):
            return days_in(value) or units_in(value) or codes_in(value) or value
        if isinstance(value, datetime):
            return _said_date(_plain(value))
        return value


def _said_date(iso: str) -> str:
    moment = datetime.fromisoformat(iso)
    said = f"{moment:%b} {moment.day}, {moment.year}"
    return said if len(iso) == 10 else f"{said} {moment:%H:%M}"


def _sentence(rule: Rule, which: str, case: str | None, words: Mapping[str, Any]) -> str:
    """The rule's `message` or `fix` for its column `case`, with the facts. Raises RuleError for a name it lacks."""
    template: str | Mapping[str, str] = getattr(rule, which)
    if not isinstance(template, str):
        if case is None or case not in template:
            raise RuleError(
                f"{rule.code}: its {which} has no sentence for the case {case!r}. There are {', '.join(template)}."
            )
        template = template[case]
    try:
        return singular(template.format_map(words))
    except KeyError as error:
        raise RuleError(
            f"{rule.code}: its {which} names {{{error.args[0]}}}, which its function does not return. "
            f"There are {', '.join(sorted(words))}."
        ) from None


def _cents(dollars: float) -> float:
    """Dollars to the cent, half up."""
    return int(abs(dollars) * 100 + 0.5 + 1e-9) / 100 * (1 if dollars >= 0 else -1)
