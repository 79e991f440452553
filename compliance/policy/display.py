"""Policies as a reader sees them: plain rows, and the text of `compliance policies`."""

from collections.abc import Collection
from datetime import date
from typing import Any

from compliance.policy.code_tables import KINDS, Edition
from compliance.policy.models import UNKNOWN, Value
from compliance.policy.policies import Policies


def value_rows(policies: Policies, policy: str, on: date) -> list[dict[str, Any]]:
    """Every value in force on the day: parameter, where, value, unit, layer, from, to, source, verified, note.

    `value` is text as shown, `verified` is "verified" or the reason why not. Raises PolicyError for an unknown id.
    """
    rows = []
    for name in sorted(policies.parameters):
        for where, value in policies.variants(policy, name, on):
            if value is not None:
                rows.append(
                    {"parameter": name, "where": where or "everywhere", **_shown(policies, name, value)}
                )
    return rows


def policy_list_text(policies: Policies) -> str:
    """One line a policy: id, name, and the layers that it inherits."""
    width = max(len(id_) for id_ in policies.policy_ids)
    lines = []
    for id_ in policies.policy_ids:
        below = [layer.name for layer in policies.layers[id_][1:]]
        lines.append(
            f"{id_:<{width}}  {policies.names[id_]}" + (f" (on {' ▸ '.join(below)})" if below else "")
        )
    return "\n".join([*lines, "", "Tables of codes:", *(f"  {line}" for line in table_lines(policies))])


def table_lines(policies: Policies, kinds: Collection[str] = KINDS) -> list[str]:
    """One line an edition of CMS's tables of codes: what, from when until when, what it lacks, whether it was verified."""
    editions = sorted(
        (edition for edition, _ in policies.code_tables.editions), key=lambda e: (e.kind, e.valid_from)
    )
    return [_edition_line(edition, policies) for edition in editions if edition.kind in kinds]


def _edition_line(edition: Edition, policies: Policies) -> str:
    days = f"from {edition.valid_from}" + (f" to {edition.to}" if edition.to else "")
    source = (
        policies.references[edition.source].title if edition.source in policies.references else edition.source
    )
    doubt = f" Unverified: {edition.why_unverified}." if edition.why_unverified else ""
    return f"{edition.kind.replace('_', ' ')}, {days}: {source}. {edition.note or ''}{doubt}".replace(
        "  ", " "
    )


def policy_text(policies: Policies, policy: str, on: date) -> str:
    """The policy with every value in force on the day, two lines a value."""
    rows = value_rows(policies, policy, on)
    lines = [f"{policies.names[policy]} ({policy}), in force on {on.isoformat()}"]
    for row in rows:
        where = "" if row["where"] == "everywhere" else f" [{row['where']}]"
        unit = f" {row['unit']}" if row["unit"] and row["value"] != "no such rule" else ""
        until = f" to {row['to']}" if row["to"] else ""
        lines.append(f"\n{row['parameter']}{where}: {row['value']}{unit}")
        lines.append(f"    from {row['from']}{until} · {row['layer']} ▸ {row['source']} · {row['verified']}")
        if row["note"]:
            lines.append(f"    {row['note']}")
    return "\n".join(lines)


def told(value: Any) -> str:
    """A value in words: `no such rule` for None, `true`, `DOC-01 DOC-02`."""
    if value is None:
        return "no such rule"
    if value == UNKNOWN:
        return "unknown (cannot tell)"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(policies: Policies, parameter: str, value: Value) -> dict[str, Any]:
    reference = policies.reference(value.source)
    last = date.fromordinal(value.valid_until.toordinal() - 1).isoformat() if value.valid_until else None
    return {
        "value": told(value.value), "unit": policies.parameter(parameter).unit, "layer": value.layer,
        "from": value.valid_from.isoformat(), "to": last,
        "source": " ".join(part for part in (reference.title, reference.section) if part),
        "verified": "verified" if value.verified is True else f"unverified: {value.verified}",
        "note": value.note,
    }  # fmt: skip
