"""The rule catalogue and each rule's page: the same text for the command, the dashboard and `docs/rules/`.

`python -m compliance.rulebook` writes `docs/rules/`; a test fails when they drift.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from compliance.checks.cases import Case, read_cases, shown
from compliance.checks.rule import OR, Rule, catalogue
from compliance.checks.terms import code_sets
from compliance.formats import markdown, plural
from compliance.policy import Policies, Value, load_policies
from compliance.policy.code_tables import KINDS
from compliance.policy.display import table_lines

FAMILIES = {
    "PR": "Progress reports",
    "POC": "Plan of care and certification",
    "SUP": "Supervision, students and aides",
    "AST": "Assistant modifiers",
    "UNIT": "Units and minutes",
    "MOD": "Discipline modifiers and thresholds",
    "NCCI": "Code pairs",
    "DOC": "Documentation and goal linkage",
    "CON": "One-on-one time, groups and impossible days",
    "FRQ": "Frequency, authorization and limits",
    "RTM": "Remote therapeutic monitoring",
    "INT": "Integrity of record and claim",
    "PAY": "Payment, denials and coverage",
    "AUD": "Overpayments to return",
}
OWNERS = {
    "Clinic director": ("CON-02", "CON-03", "CON-06", "UNIT-05"),
    "Compliance officer": ("AUD", "INT-10", "INT-13", "INT-14"),
    "Front desk": ("FRQ-02", "FRQ-05"),
    "Billing office": (
        "AST", "FRQ-01", "FRQ-04", "INT-05", "INT-06", "INT-07", "INT-08", "INT-09", "INT-11", "INT-12", "MOD", "NCCI", "PAY",
        "RTM", "SUP-07", "UNIT-01", "UNIT-02", "UNIT-06",
    ),
}  # fmt: skip
"""Who puts right what the therapist cannot, or must not since it is held against them: their hours, their licence, a note that
was changed after billing. Rules, or families of rules; all others are the therapist's own."""
SEVERITY_WORDS = {
    "high": "high: payment is not due as billed",
    "medium": "medium: repayment risk on audit",
    "low": "low: documentation weakness",
    "info": "info: worth knowing",
}
SCOPE_WORDS = {
    "patient": "",
    "therapist_day": " It needs all patients of a therapist's day: records of one patient alone do not show it.",
    "therapist": " It needs all patients of a therapist: records of one patient alone do not show it.",
    "payer": " It needs all patients of a payer: records of one patient alone do not show it.",
}
PLAIN = re.compile(r"[A-Za-z0-9 ]*|\d{4}-\d\d-\d\d|[a-z_]+")
"""Text in which Markdown finds nothing to draw: words, days, names of parameters."""
DOCS_ON = date(2026, 7, 1)
"""The day whose parameter values `docs/rules/` prints; the command and the dashboard print any day's."""


def code_set_rows() -> list[dict[str, str]]:
    """The sets of codes that rules share: Set, Codes, About, Source, Verified."""
    return [
        {
            "Set": each.name.replace("_", " "), "Codes": " ".join(each.codes), "About": each.about, "Source": each.source,
            "Verified": f"unverified: {each.unverified}" if each.unverified else "verified",
        }
        for each in code_sets().values()
    ]  # fmt: skip


def by_family() -> dict[str, list[Rule]]:
    """The rules of each family that has some, by the family's code, in the order of the rule book."""
    rules = list(catalogue().values())
    order = [*FAMILIES, *sorted({rule.family for rule in rules} - set(FAMILIES))]
    families = {family: [rule for rule in rules if rule.family == family] for family in order}
    return {family: own for family, own in families.items() if own}


def owner_of(code: str) -> str | None:
    """Who puts a rule's findings right (OWNERS); None: the therapist of the finding."""
    family = code.partition("-")[0]
    return next((who for who, named in OWNERS.items() if code in named or family in named), None)


def catalogue_text() -> str:
    """The catalogue for a terminal, by family."""
    lines: list[str] = []
    for family, rules in by_family().items():
        lines += [f"{FAMILIES.get(family, family)} ({family}, {plural(len(rules), 'rule')})"]
        lines += [*(f"  {rule.code:8}{rule.severity:8}{rule.title}" for rule in rules), ""]
    return "\n".join(
        [*lines, "One rule, explained: compliance rules CODE; a family: compliance rules PR", ""]
    )


def page(rule: Rule, policies: Policies, on: date, with_parameters: bool = True) -> str:
    """One rule explained in Markdown: what, why, how we read it, parameters in force, examples, citations."""
    title, _, body = rule.page.partition("\n\n")
    parts = [
        f"# {rule.code} {rule.title}",
        " ".join(f"{code} is {rule.code}." for code in rule.also),
        " ".join(title.split()),
        f"Severity {SEVERITY_WORDS[rule.severity]}. Judged once a {rule.unit}.{SCOPE_WORDS[rule.scope]}",
        body.strip(),
        "## What it needs",
        "\n".join("- " + OR.join(f"`{each}`" for each in need.split(OR)) for need in rule.needs)
        + "\n\nWithout these columns the rule does not run, and says so.",
    ]
    if rule.parameters and with_parameters:
        parts += [
            f"## Parameters in force on {on:%b} {on.day}, {on.year}",
            parameters_table(rule, policies, on),
        ]
    own = table_lines(load_policies())
    tables = table_lines(policies, [name for name in rule.tables if name in KINDS])
    if tables:
        parts += [
            "## Tables of codes",
            "\n".join(f"- {line if line in own else markdown(line)}" for line in tables),
        ]
    parts += ["## What to do", *(_sentences(rule.fix))]
    for wanted, heading in (
        ("breaks", "## An example that breaks it"),
        ("fine", "## An example that does not"),
    ):
        examples = [case for case in read_cases(rule.cases) if case.said.get("example") == wanted]
        parts += [heading, *(_example(case) for case in examples)]
    parts += ["## Sources", "\n".join(f"- {_source(cite, policies)}" for cite in rule.cites)]
    return "\n\n".join(part for part in parts if part)


def _filled(text: str) -> str:
    """A remedy as it reads before a finding fills it in: `{due_on}` is `[due on]`."""
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda place: f"[{place[1].replace('_', ' ')}]", text)


def _sentences(text: str | Mapping[str, str]) -> list[str]:
    """Each sentence once: several cases of a rule may have the same remedy."""
    told = [text] if isinstance(text, str) else list(text.values())
    said = list(dict.fromkeys(map(_filled, told)))
    return said if len(said) == 1 else [f"- {sentence}" for sentence in said]


def _example(case: Case) -> str:
    said = case.said.get("finds")
    outcome = "No finding." if said == "nothing" else "A finding."
    place = f"Payer {case.payer}, setting {case.said.get('setting', 'private_practice')}."
    return f"{shown(case)}\n\n{place} {case.said.get('note', '')} {outcome}".replace("  ", " ")


def citation(source: str, policies: Policies) -> str:
    """A reference as a reader sees it: title, section, address where known, and the copy that was read in its place."""
    reference = policies.reference(source)
    parts = [reference.title, reference.section, reference.address]
    copy = f" (read in a copy: {reference.read_in})" if reference.read_in else ""
    return ", ".join(part for part in parts if part) + copy


def _source(cite: str, policies: Policies) -> str:
    """A citation as Markdown: the program's own with its link, a clinic's as the text that it wrote."""
    own = policies.reference(cite) == load_policies().references.get(cite)
    return citation(cite, policies) if own else markdown(citation(cite, policies))


def parameter_rows(rule: Rule, policies: Policies, on: date) -> list[dict[str, Any]]:
    """The rule's parameters per payer policy on a day, narrower rows of a setting, state or discipline apart.

    Keys: payer, parameter, where, value, since, layer, source, verified (text). `no such rule` where null.
    """
    rows: list[dict[str, Any]] = []
    for policy in sorted(policies.policy_ids):
        if policy == "base":
            continue
        for name in rule.parameters:
            for where, value in policies.variants(policy, name, on):
                rows.append(
                    {
                        "payer": policy,
                        "parameter": name,
                        "where": where or "everywhere",
                        **_said(value, policies),
                    }
                )
    return rows


def _said(value: Value | None, policies: Policies) -> dict[str, Any]:
    if value is None:
        return {"value": "no such rule", "since": "", "layer": "", "source": "", "verified": ""}
    told = "no such rule" if value.value is None else value.value
    return {
        "value": " ".join(map(str, told))
        if isinstance(told, list)
        else str(told).lower()
        if isinstance(told, bool)
        else str(told),
        "since": value.valid_from.isoformat(),
        "layer": value.layer,
        "source": policies.reference(value.source).title,
        "verified": "verified" if value.verified is True else f"unverified: {value.verified}",
    }


def parameters_table(rule: Rule, policies: Policies, on: date) -> str:
    """`parameter_rows` as a Markdown table."""
    rows = parameter_rows(rule, policies, on)
    heads = ["payer", "parameter", "where", "value", "since", "layer", "source", "verified"]
    own = {str(cell) for row in parameter_rows(rule, load_policies(), on) for cell in row.values()}
    body = ["| " + " | ".join(_cell(str(row[head]), own) for head in heads) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads), *body])


def _cell(text: str, own: set[str]) -> str:
    """A cell of a table: the program's own words as they are, a clinic's so that nothing in them is drawn."""
    plain = text.replace("|", "/")
    return plain if text in own or PLAIN.fullmatch(plain) else markdown(plain)


def write_docs(folder: Path) -> list[Path]:
    """Write one page a rule and an index; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    policies = load_policies()
    written = []
    for name, text in docs(policies).items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def docs(policies: Policies) -> dict[str, str]:
    """The generated pages by file name."""
    index = ["# Rules", "", "Generated by `make docs`. Each page is also `compliance rules CODE`."]
    pages = {}
    for family, rules in by_family().items():
        index += ["", f"## {FAMILIES.get(family, family)}", ""]
        index += [f"- [{rule.code}]({rule.code}.md) {rule.title} ({rule.severity})" for rule in rules]
        pages |= {f"{rule.code}.md": page(rule, policies, DOCS_ON) + "\n" for rule in rules}
    index += ["", "The sets of codes that rules share: [code sets](code_sets.md)."]
    return {"README.md": "\n".join(index) + "\n", "code_sets.md": _code_sets(), **pages}


def _code_sets() -> str:
    told = [
        "# Sets of codes that rules share",
        "",
        "Generated by `make docs` from `compliance/checks/codes.yaml`.",
    ]
    for row in code_set_rows():
        told += [
            "",
            f"## {row['Set']}",
            "",
            f"{row['About']} Source: {row['Source']} ({row['Verified']}).",
            "",
        ]
        told.append(f"`{row['Codes']}`")
    return "\n".join(told) + "\n"


if __name__ == "__main__":
    write_docs(Path(__file__).resolve().parent.parent / "docs" / "rules")
