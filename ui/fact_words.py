"""The facts and the parameters of a finding as people read them: which are shown, under what heading, in what words."""

import html
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from compliance import formats, proof
from compliance.checks.rule import Rule
from compliance.policy import Policies, Value
from ui import filters, parts

HEADINGS = {
    "aide": "Minutes that an aide gave", "at_least": "Visits with the least minutes", "author_is": "Author's credential",
    "by_cms": "Units by the 8-minute rule", "by_midpoint": "Units by midpoint of each code",
    "authorized_codes": "Codes authorized", "billed": "Units billed", "biller": "Billing NPI", "bucket": "Threshold of",
    "cap": "The payer's cap", "carc": "Reason of the denial (CARC)", "coded": "Timed minutes of its codes",
    "coded_all": "Minutes of all its codes", "counted": "Counted", "covers": "Coverage", "cpt": "Code",
    "day_units": "Units of the day", "deliverer": "Given by", "deliverer_is": "Credential", "excess": "Units too many",
    "explained_by": "Rules that look for its cause", "first": "From", "from_on": "From", "last": "To", "lost": "Units lost",
    "lacking": "Lacking", "like_note_id": "Note like it", "limit": "Limit", "minutes_1": "Minutes of the column 1 code",
    "minutes_2": "Minutes of the column 2 code", "missed_dollars": "Dollars not billed", "needless": "Units that need none",
    "number": "Authorization number", "on_line": "Modifiers on the line", "other": "Other code",
"partner": "Modifier of the discipline", "percent": "Percent the same",
    "provider": "Therapist", "purge_on": "Chart destroyed on", "supported": "Units supported", "timed": "Timed minutes noted",
    "to_on": "To", "total": "Units in all", "treating_is": "Credential", "twice": "Minutes counted twice",
    "unbilled": "Units not billed", "who": "Person", "without_units": "Units without it", "with_units": "Units with it",
    "worked_by": "Known from",
}  # fmt: skip
"""Headings of facts whose names are too short to be understood alone."""
TOLD_ELSEWHERE = frozenset(
    {
        "fault",
        "why",
        "near",
        "warning",
        "allowed",
        "period",
        "code_kind",
        "by_words",
        "other_clinic",
        "billed_at",
        "either_way",
    }
)
"""Facts that the sentence of the finding says in full."""
FLAGS = re.compile(r"^no_[a-z]+$")
"""`no_goals`, `no_plan`: each stands in words among what is lacking."""
VALUES = {
    "cms_8_minute": "CMS's 8-minute rule", "midpoint": "each code from the middle of a unit on", "doc": "weakness of the record",
    "repay": "repayment risk", "block": "bars payment", "after_due": "visits after the due day",
    "whole_period": "the whole period", "in_room": "with the therapist in the room", "not_billable": "not billable",
    "not_covered": "not covered", "bundled": "paid with other services only", "authorization": "with authorization",
    "medicare_hospital": "Medicare's hospital table", "medicare_practitioner": "Medicare's practitioner table",
    "snf_part_a": "skilled nursing (Part A)", "home_health": "home health",
}  # fmt: skip
"""Choices of policies, and facts that repeat them, in words."""
BY_DAY = re.compile(r"\d{4}-\d\d-\d\d=\d+( \d{4}-\d\d-\d\d=\d+)*")
"""Numbers by day or by week's Monday, `2026-04-13=2`."""
NOBODY_READ = "unknown: nobody has read this payer's rule"
OTHER_LINES = (("column_1_claim", "column_1_line"), ("first_claim", "first_line"))
"""Facts that name the line which the finding's own is held against: it is shown beside it."""
THERAPISTS = frozenset({"cosigned_by"})


def rows(
    facts: Mapping[str, Any], parameters: Collection[str], drawn: Collection[str]
) -> list[tuple[str, str]]:
    """The facts that stand nowhere else on the card: heading and words.

    Left out is what a picture shows (`drawn`), what stands among the `parameters`, and what the sentence says.
    """
    past = isinstance(facts.get("days_over"), int | float) and facts["days_over"] > 0
    beside = {name for names in OTHER_LINES for name in names}
    elsewhere = {
        *TOLD_ELSEWHERE,
        *beside,
        *parameters,
        *drawn,
        *(["days_left"] if past else []),
        *(["due_on"] if proof.lapsed(facts) else []),
    }
    return [
        (heading(name), said(name, value))
        for name, value in facts.items()
        if value is not None and value != "" and name not in elsewhere and not FLAGS.match(name)
    ]


def heading(name: str) -> str:
    """A fact as a heading: `lost` is `Units lost`."""
    return HEADINGS.get(name) or name.removesuffix("_id").replace("_", " ").capitalize()


def said(name: str, value: Any) -> str:
    """A fact as people write it; who by name, or by numbers where names are hidden."""
    if name in THERAPISTS:
        return filters.names().therapist(str(value))
    if isinstance(value, str) and BY_DAY.fullmatch(value):
        by_day = (each.split("=") for each in value.split())
        return ", ".join(f"{parts.day_words(day)}: {number}" for day, number in by_day)
    known = isinstance(value, str) and value in VALUES
    return VALUES[value] if known else parts.fact_said(name, value)


def parameter(name: str, value: Any, unit: str | None) -> tuple[str, str]:
    """A parameter's value and its unit in words: `12`, `calendar months`; `15 %`; `$2,480.00`; `no such rule`."""
    if value is None:
        return "no such rule", ""
    if value == "unknown":
        return NOBODY_READ, ""
    if isinstance(value, list):
        return formats.listed(_choice(each) for each in value) or "none", ""
    if isinstance(value, bool | str):
        return VALUES.get(str(value), "") or parts.fact_said(name, value), ""
    if unit == "dollars":
        return formats.money(value, cents=True) if name != "conversion_factor" else f"${value}", ""
    if unit is None and isinstance(value, float) and 0 < value <= 1:
        return f"{100 * value:g} %", ""
    return f"{value}", _of_one(unit) if value == 1 and unit else unit or ""


def _of_one(unit: str) -> str:
    """`minutes` as one of them; a unit of several words bears its plural on the first or the last."""
    return formats.singular(f"1 {unit}").removeprefix("1 ")


def _choice(value: Any) -> str:
    return VALUES.get(str(value), str(value).replace("_", " "))


def limit_of_benefit(facts: Mapping[str, Any]) -> str:
    """The limit of a patient's benefit that decided, as HTML, and where it is from; nothing where none did."""
    if facts.get("limit") is None or facts.get("benefit_from") is None:
        return ""
    visits = proof.visit_limit(facts)
    limit = (
        formats.plural(visits, "visit") if visits is not None else formats.money(facts["limit"], cents=True)
    )
    until = f" to {parts.day_words(facts['benefit_to'])}" if facts.get("benefit_to") else ""
    whose = f", {said('disciplines', facts['disciplines'])} together" if facts.get("disciplines") else ""
    days = f"from {parts.day_words(facts['benefit_from'])}{until}"
    return (
        f"Limit used: <b>{html.escape(limit)}</b>, {html.escape(days + whose)} ▸ the patient's benefit on file "
        "<span class='muted'>(table benefits of the records)</span>"
    )


def leading(
    told: Mapping[str, Mapping[str, Any]], order: Iterable[str]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Parameters in the order in which they are read: as the rule names them (`order`), our own defaults after a regulator's.

    Values that say nothing (no such rule, nobody has read it) come last.
    """
    place = {name: number for number, name in enumerate(order)}

    def weight(pair: tuple[str, Mapping[str, Any]]) -> tuple[bool, bool, int, str]:
        name, value = pair
        return (
            value["value"] in (None, "unknown"), value["source"] == "house-default", place.get(name, len(place)), name,
        )  # fmt: skip

    return sorted(told.items(), key=weight)


def in_force(rule: Rule, policies: Policies, on: date) -> pl.DataFrame:
    """The rule's parameters on a day, one row a value: payers that share it stand together.

    Columns as shown: Parameter, Value, Payers, Where, Since (a date; null: no such rule), Source, Verified.
    """
    payers: dict[tuple[Any, ...], list[str]] = {}
    for name in rule.parameters:
        for policy in sorted(set(policies.policy_ids) - {"base"}, key=lambda each: policies.names[each]):
            for where, value in policies.variants(policy, name, on):
                payers.setdefault(_row(policies, name, where, value), []).append(policies.names[policy])
    rows = [(name, worth, "; ".join(who), *rest) for (name, worth, *rest), who in payers.items()]
    heads = ("Parameter", "Value", "Payers", "Where", "Since", "Source", "Verified")
    schema = dict.fromkeys(heads, pl.String) | {"Since": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def of_policy(policies: Policies, policy: str, on: date) -> pl.DataFrame:
    """Every value that a policy has in force on a day: Parameter, Value, Where, Since, Source, Verified."""
    rows = [
        _row(policies, name, where, value)
        for name in policies.parameters
        for where, value in policies.variants(policy, name, on)
        if value
    ]
    heads = ("Parameter", "Value", "Where", "Since", "Source", "Verified")
    schema = dict.fromkeys(heads, pl.String) | {"Since": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("Parameter", maintain_order=True)


def _row(policies: Policies, name: str, where: str, value: Value | None) -> tuple[Any, ...]:
    """A parameter, its value in words, where it holds, since when, its source, whether it was verified."""
    unit = policies.parameter(name).unit
    worth = " ".join(filter(None, parameter(name, value.value if value else None, unit)))
    since, source, verified = None, "", ""
    if value:
        reference = policies.reference(value.source)
        since, source = value.valid_from, " ".join(filter(None, (reference.title, reference.section)))
        verified = "verified" if value.verified is True else f"unverified: {value.verified}"
    return parts.words(name), worth, where.replace("_", " ") or "everywhere", since, source, verified


def in_force_html(values: pl.DataFrame) -> str:
    """`in_force` as an HTML table that wraps: each parameter, and below it its values with their payers and where from."""
    lines: list[str] = []
    before = ""
    for name, worth, payers, where, since, source, verified in values.iter_rows():
        if name != before:
            lines.append(f"<tr class='head'><td colspan='3'>{html.escape(name)}</td></tr>")
        before = name
        place = f" ({where})" if where != "everywhere" else ""
        origin = f"since {formats.day(since)}, {source} ({verified})" if since else ""
        cells = (worth + place, payers, origin)
        lines.append(f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in cells)}</tr>")
    heads = "".join(f"<th>{each}</th>" for each in ("Value", "Payers", "Since, source, verified"))
    return (
        f"<table class='small values'><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )
