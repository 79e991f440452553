"""From what a rule judged to findings: who and when, lines at risk, ids, sentences and evidence.

Input is one Polars frame a rule, one row per unit judged (`checks.rule` documents its columns); output is the
contract's findings table. Nothing here knows which rule it serves.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from itertools import accumulate
from string import Formatter
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
     "submitted", "unit_row")
)  # fmt: skip
EXPOSED_BY: dict[str, dict[str, pl.DataType]] = {
    "line": {"claim_id": pl.String(), "line": pl.Int64()},
    "lines": {"exposed_lines": pl.String()},
    "note": {"note_id": pl.String(), "exposed_cpt": pl.String()},
    "days": {
        "patient_id": pl.String(), "discipline": pl.String(), "exposed_from": pl.Datetime("us"),
        "exposed_to": pl.Datetime("us"), "exposed_cpt": pl.String(), "exposed_role": pl.String(),
    },
}  # fmt: skip
"""By what a rule exposes, the columns of its units that find the lines at risk."""
EXPOSED_LINE = (
    "claim_id", "line", "note_id", "patient_id", "discipline", "service_date", "cpt", "treating_role",
    "amount", "amount_basis", "submitted",
)  # fmt: skip
"""What finds a line at risk, and what is told of it."""
EXPOSED: dict[str, pl.DataType] = {
    "exposed_share": pl.Float64(), "exposed_units": pl.Float64(), "exposed_as": pl.String(),
}  # fmt: skip
"""What a rule may say of the part of a line that falls away (see `checks.rule.rule`); null: all of it."""
QUOTES_SHOWN = 8
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
    judged = judged.with_columns(*absent).cast({"line": pl.Int64})
    judged = _filled(judged, facts.told_by_line, ["claim_id", "line"])
    judged = _filled(judged, facts.told_by_note, ["note_id"])
    return _filled(judged, facts.told_by_plan, ["plan_id"])


def _filled(judged: pl.DataFrame, source: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Fill each column that has gaps from the source's row of the same key."""
    gaps = [name for name in source.columns if name not in on and judged[name].null_count()]
    if not gaps or judged[on[0]].null_count() == judged.height:
        return judged
    told = source
    # most rules judge every line, in the lines' order
    if not all(judged[name].equals(source[name], null_equal=False) for name in on):
        told = judged.select(on).join(source.select(*on, *gaps), on=on, how="left", maintain_order="left")
    return judged.with_columns(pl.coalesce(name, told[name]) for name in gaps)


def findings(failed: Sequence[tuple[Rule, pl.DataFrame]], facts: Facts) -> pl.DataFrame:
    """The findings of each rule's failed units, with id, dollars, sentence, evidence and fix, in order of rules.

    Dollars of all rules at once, because they are worked out for all lines at risk together (see `exposure`); texts by
    rule and column, each value worded once.
    """
    numbered = _numbered(failed)
    if not numbered:
        return pl.DataFrame(schema=FINDING_SCHEMA)
    told = _told(numbered, facts)
    bases = told["amount_basis"].to_list()
    texts = []
    for rule, units in numbered:
        first = units["unit_row"][0]
        texts.append(_texts(rule, units, bases[first : first + units.height], facts))
    return told.hstack(pl.concat(texts)).select(list(FINDING_SCHEMA))


def _numbered(failed: Sequence[tuple[Rule, pl.DataFrame]]) -> list[tuple[Rule, pl.DataFrame]]:
    """Add `unit_row` to the failed units: their number among those of all rules. Rules that no unit failed fall out."""
    ends = accumulate(units.height for _, units in failed)
    return [
        (rule, units.with_row_index("unit_row", offset=end - units.height))
        for (rule, units), end in zip(failed, ends, strict=True)
        if units.height
    ]


def _told(numbered: Sequence[tuple[Rule, pl.DataFrame]], facts: Facts) -> pl.DataFrame:
    """One row a unit: a finding's columns but for its texts, and `amount_basis` (what its dollars are, in order)."""
    units = pl.concat([_named(rule, units) for rule, units in numbered])
    lines = exposed_lines(numbered, facts)
    submitted = lines.group_by("unit_row").agg(submitted_line=pl.col("submitted").any())
    units = units.join(submitted, on="unit_row", how="left", maintain_order="left").with_columns(
        severity=_severity()
    )
    sums = _sums(lines, units)
    names_claim = pl.col("claim_id").fill_null("") != ""
    return units.join(sums, on="unit_row", how="left", maintain_order="left").with_columns(
        claim_id=pl.when(names_claim).then("claim_id").otherwise("first_claim"),
        line=pl.when(names_claim).then("line").otherwise("first_line"),
        lines=pl.format("[{}]", pl.col("listed").fill_null("")),
        amount_at_risk=pl.col("amount_at_risk").fill_null(0.0),
    )


def _sums(lines: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """What the lines at risk of a unit come to: unit_row, listed, first_claim, first_line, amount_at_risk, amount_basis."""
    counts = units.select("unit_row", counts=pl.col("severity").is_in(AT_RISK))
    lines = lines.join(counts, on="unit_row", maintain_order="left").with_columns(
        amount=pl.when("counts").then(_cents(pl.col("at_risk"))).otherwise(0.0)
    )
    claims = pl.Series(_each(lines["claim_id"].to_list(), SORTED.encode), dtype=pl.String)
    listed = pl.format('{{"amount": {}, "claim_id": {}, "line": {}}}', "amount", claims, "line")
    return (
        lines.with_columns(listed=listed)
        .group_by("unit_row")
        .agg(
            pl.col("listed").str.join(", "),
            first_claim=pl.col("claim_id").first(),
            first_line=pl.col("line").first(),
            amount_at_risk=_cents(pl.col("amount").sum()),
            amount_basis=pl.col("amount_basis").unique().sort(),
        )
    )


def _named(rule: Rule, units: pl.DataFrame) -> pl.DataFrame:
    """What a rule's units say of themselves: unit_row, rule, severity, subject, who, when and where, submitted."""
    said = {
        name: pl.col(name).cast(pl.String).replace("", None).fill_null(whole)
        if name in units.columns
        else pl.lit(whole)
        for name, whole in (("severity", rule.severity), ("subject", rule.subject))
    }
    who = (pl.col(name).cast(FINDING_SCHEMA[name]) for name in (*WHO_AND_WHEN, *WHERE))
    return units.select(
        "unit_row", *who, pl.col("submitted").cast(pl.Boolean), rule=pl.lit(rule.code), **said
    )


def _severity() -> pl.Expr:
    """A unit's severity; `block_or_repay` is high until it, or a line of it, is submitted."""
    submitted = pl.col("submitted_line").fill_null(False) | pl.col("submitted").fill_null(False)
    decided = pl.when(submitted).then(pl.lit("medium")).otherwise(pl.lit("high"))
    return pl.when(pl.col("severity") == "block_or_repay").then(decided).otherwise("severity")


def _cents(dollars: pl.Expr) -> pl.Expr:
    """Dollars, none below zero, to the cent, half up. (Rounded at last because Polars divides by way of 0.01, a hair off.)"""
    return ((dollars * 100 + 0.5 + 1e-9).floor() / 100).round(2)


def _each(values: list[Any], worded: Callable[[Any], Any]) -> list[Any]:
    """`worded` of each value, worked out once for each that differs."""
    known = {value: worded(value) for value in set(values)}
    return [known[value] for value in values]


def exposed_lines(failed: Sequence[tuple[Rule, pl.DataFrame]], facts: Facts) -> pl.DataFrame:
    """The lines each failed unit puts at risk: unit_row, claim_id, line, amount, at_risk, amount_basis, submitted."""
    lines = facts.lines.select(EXPOSED_LINE)  # a join copies every column that it is given
    parts = [
        _exposed(kind, [units for rule, units in failed if rule.exposes == kind], lines)
        for kind in EXPOSED_BY
    ]
    exposed = pl.concat(parts).sort("unit_row", "claim_id", "line")
    return exposed.with_columns(
        exposure(exposed.rename({"exposed_share": "share"}), facts.lines, facts.relative_values)
    )


def _exposed(kind: str, failed: Sequence[pl.DataFrame], lines: pl.DataFrame) -> pl.DataFrame:
    """The lines that units of rules that expose one kind put at risk, and which part of each (EXPOSED)."""
    names, key = EXPOSED_BY[kind] | EXPOSED, ["claim_id", "line"]
    units = pl.concat(
        [pl.DataFrame(schema={"unit_row": pl.UInt32, **names})]
        + [frame.select("unit_row", *_cast(frame, names)) for frame in failed]
    )
    if kind == "line":
        exposed = units.join(lines, on=key)
    elif kind == "lines":
        listed = units.with_columns(pl.col("exposed_lines").str.split(BETWEEN_LINES)).explode("exposed_lines")
        parts = pl.col("exposed_lines").str.extract_groups(r"^(?<claim_id>.*)/(?<line>\d+)$")
        named = listed.with_columns(parts).unnest("exposed_lines").with_columns(pl.col("line").cast(pl.Int64))
        exposed = named.join(lines, on=key)
    elif kind == "note":
        exposed = _of_codes(units.join(lines, on="note_id"))
    else:
        exposed = _of_days(units, lines)
    return exposed.select("unit_row", *EXPOSED, *key, "amount", "amount_basis", "submitted")


def _cast(frame: pl.DataFrame, names: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Columns of their types, null where the frame has none of the name."""
    return [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in names.items()
    ]


def _of_days(units: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of each unit's patient and discipline on its days, of its codes and its treating role."""
    day, role = pl.col("service_date"), pl.col("exposed_role")
    exposed = units.join(lines, on=["patient_id", "discipline"]).filter(
        (day >= pl.col("exposed_from")) & ((day <= pl.col("exposed_to")) | pl.col("exposed_to").is_null()),
        role.is_null() | (pl.col("treating_role") == role),
    )
    return _of_codes(exposed)


def _of_codes(exposed: pl.DataFrame) -> pl.DataFrame:
    """Keep only the codes in `exposed_cpt` (a list in one cell), where the rule names some."""
    named = pl.col("exposed_cpt").str.split(" ").list.contains(pl.col("cpt"))
    return exposed.filter(pl.col("exposed_cpt").is_null() | named)


def _texts(
    rule: Rule, units: pl.DataFrame, bases: Sequence[list[str | None] | None], facts: Facts
) -> pl.DataFrame:
    """The finding_id, message, evidence and fix of a rule's units; `bases` is what the dollars of each are."""
    told = Told(units)
    return pl.DataFrame(
        {
            "finding_id": _ids(rule, told),
            "message": _sentences(rule, "message", told),
            "evidence": _evidence(rule, told, bases, facts),
            "fix": _sentences(rule, "fix", told),
        },
        schema=dict.fromkeys(("finding_id", "message", "evidence", "fix"), pl.String()),
    )


class Told:
    """A rule's failed units by column, as JSON (`plain`) and as sentences (`words`) show their values."""

    def __init__(self, units: pl.DataFrame) -> None:
        self.units = units
        self.facts = sorted(name for name in units.columns if _is_fact(name))
        self.sayable = {*self.facts, *WHO_AND_WHEN, *WHERE}
        self._plain: dict[str, list[Any]] = {}
        self._words: dict[str, list[Any]] = {}

    def plain(self, name: str) -> list[Any]:
        """A column's values as JSON shows them."""
        if name not in self._plain:
            column = self.units[name]
            values = column.to_list()
            worded = column.dtype.is_temporal() or column.dtype.is_float()
            self._plain[name] = _each(values, _plain) if worded else values
        return self._plain[name]

    def words(self, name: str) -> list[Any]:
        """A column's values as sentences show them. Raises KeyError for a column that is no fact."""
        if name not in self.sayable:
            raise KeyError(name)
        if name not in self._words:
            self._words[name] = _each(self.plain(name), _word)
        return self._words[name]


def _ids(rule: Rule, told: Told) -> list[str]:
    """The same records and rule give the same id in every run: the code and a hash of the subject's key."""
    parts = [_each(told.plain(name), _key_part) for name in rule.key]
    keys = (f"{rule.code}|{'|'.join(key)}".encode() for key in zip(*parts, strict=True))
    return [f"{rule.code}-{hashlib.sha256(key).hexdigest()[:12]}" for key in keys]


def _key_part(value: Any) -> str:
    return "" if value is None else str(value).replace("\\", "\\\\").replace("|", "\\|")


def _evidence(rule: Rule, told: Told, bases: Sequence[list[str | None] | None], facts: Facts) -> list[str]:
    """The evidence of each unit as JSON, keys in order."""
    rows = zip(
        _each([based and tuple(based) for based in bases], lambda based: _member("amount_basis", based)),
        _objects({name: told.plain(name) for name in told.facts}) or ["{}"] * told.units.height,
        _parameters(told.units, facts),
        _quotes(rule, told.units, facts),
        strict=True,
    )
    return [
        f'{{{based}"facts": {own}, {parameters}"quotes": {quotes}}}'
        for based, own, parameters, quotes in rows
    ]


def _objects(columns: Mapping[str, list[Any]]) -> list[str]:
    """Each row of some columns as a JSON object: put together as text, each value encoded once (a third of the time)."""
    names = sorted(columns)
    members = ", ".join(f'"{name}": %s' for name in names)
    shape = f"{{{members}}}"
    return [
        shape % row for row in zip(*(_each(columns[name], SORTED_TEXT.encode) for name in names), strict=True)
    ]


def _member(name: str, value: Any) -> str:
    """A member of a JSON object with the comma after it; nothing where it has no value."""
    return f'"{name}": {SORTED_TEXT.encode(value)}, ' if value else ""


def _parameters(units: pl.DataFrame, facts: Facts) -> list[str]:
    """The member `parameters` of each unit's evidence: the values that it was judged by, layer, source and date."""
    names = [name for name in units.columns if name.endswith("__id")]

    def member(ids: tuple[int | None, ...]) -> str:
        shown = {
            name.removesuffix("__id"): dict(facts.values[each])
            for name, each in zip(names, ids, strict=True)
            if each is not None
        }
        return _member("parameters", shown)

    return _each(units.select(names).rows() if names else [()] * units.height, member)


def _quotes(rule: Rule, units: pl.DataFrame, facts: Facts) -> list[str]:
    """The quotes of each unit as JSON: what the rule itself quotes, then what its kinds of mentions found in the note."""
    own = _quoted(units)
    of_unit = {unit: [quote] for unit, quote in zip(own["unit_row"], _quote_texts(own), strict=True)}
    found = _mentioned(rule, units, facts)
    for unit, quote in zip(found["unit_row"], _quote_texts(found), strict=True):
        of_unit.setdefault(unit, []).append(quote)
    return [f"[{', '.join(of_unit.get(unit, ()))}]" for unit in units["unit_row"]]


def _quote_texts(quotes: pl.DataFrame) -> list[str]:
    return _objects({name: quotes[name].to_list() for name in quotes.columns if name != "unit_row"})


def _quoted(units: pl.DataFrame) -> pl.DataFrame:
    """The words that the rule quotes by its columns: unit_row, note_id, start, end, kind, text."""
    names = {
        "quote_start": pl.Int64(),
        "quote_end": pl.Int64(),
        "quote_kind": pl.String(),
        "quote": pl.String(),
    }
    if "quote_start" not in units.columns:
        return pl.DataFrame(schema=["unit_row"])
    quoted = units.select("unit_row", "note_id", *_cast(units, names)).drop_nulls("quote_start")
    return quoted.select(
        "unit_row", "note_id", start="quote_start", end="quote_end", text="quote",
        kind=pl.col("quote_kind").replace("", None).fill_null("quote"),
    )  # fmt: skip


def _mentioned(rule: Rule, units: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The first words that the rule's kinds of mentions found: unit_row, note_id, start, end, kind, value, text."""
    if not rule.quotes or facts.mentions.is_empty():
        return pl.DataFrame(schema=["unit_row"])
    kinds = facts.mentions.filter(pl.col("kind").is_in(rule.quotes) & ~pl.col("negated"))
    place = ["unit_row", "start", "end"]
    return (
        units.select("unit_row", "note_id")
        .drop_nulls()
        .join(kinds, on="note_id")
        .unique(place, maintain_order=True)
        .sort(place)
        .filter(pl.int_range(pl.len()).over("unit_row") < QUOTES_SHOWN)
        .join(facts.notes.select("note_id", "text"), on="note_id", maintain_order="left")
        .select(
            *place,
            "note_id",
            "kind",
            "value",
            pl.col("text").str.slice("start", pl.col("end") - pl.col("start")),
        )
    )


def _is_fact(name: str) -> bool:
    return name not in PLUMBING and not name.endswith("__id") and not name.startswith("quote")


END_OF_DAY = time(23, 59, 59)
"""The time of a moment of which the records hold the day alone (`records.models.EndOfDay`)."""


def _plain(value: Any) -> Any:
    """A value as JSON and sentences show it: dates as ISO days, moments to the minute."""
    if isinstance(value, datetime):
        whole_day = value.time() in (time.min, END_OF_DAY)
        return value.date().isoformat() if whole_day else value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _word(value: Any) -> Any:
    """A fact as a sentence says it: dates as `Mar 4, 2026`, `97530=2` as `2 of 97530`, a missing one as `unknown`."""
    if value is None:
        return "unknown"
    if not isinstance(value, str):
        return value
    if len(value) in (10, 16) and value[4] == value[7] == "-":
        return _said_date(value)
    return days_in(value) or units_in(value) or codes_in(value) or value


def _said_date(iso: str) -> str:
    moment = datetime.fromisoformat(iso)
    said = f"{moment:%b} {moment.day}, {moment.year}"
    return said if len(iso) == 10 else f"{said} {moment:%H:%M}"


def _sentences(rule: Rule, which: str, told: Told) -> list[str]:
    """The rule's `message` or `fix` of each unit, by its column `case`, with the facts. Raises RuleError for a name it lacks."""
    cases = told.units["case"].to_list() if "case" in told.units.columns else [None] * told.units.height
    templates = {case: _template(rule, which, case) for case in dict.fromkeys(cases)}
    try:
        names = list(dict.fromkeys(name for each in templates.values() for name in _names_in(each)))
        words = [told.words(name) for name in names]
    except KeyError as error:
        raise RuleError(
            f"{rule.code}: its {which} names {{{error.args[0]}}}, which its function does not return. "
            f"There are {', '.join(sorted(told.sayable))}."
        ) from None
    return _each(
        list(zip(cases, *words, strict=True)),
        lambda row: singular(templates[row[0]].format_map(dict(zip(names, row[1:], strict=True)))),
    )


def _template(rule: Rule, which: str, case: str | None) -> str:
    template: str | Mapping[str, str] = getattr(rule, which)
    if isinstance(template, str):
        return template
    if case is None or case not in template:
        raise RuleError(
            f"{rule.code}: its {which} has no sentence for the case {case!r}. There are {', '.join(template)}."
        )
    return template[case]


def _names_in(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
