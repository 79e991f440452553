"""Generated documentation equals what is committed; every command and table is documented."""

from pathlib import Path

from compliance import rulebook
from compliance.checks.rule import catalogue
from compliance.policy import load_policies

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "rules"


def test_rule_pages_are_current() -> None:
    wanted = rulebook.docs(load_policies())
    committed = {page.name: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}
    assert set(committed) == set(wanted), "run make docs"
    drifted = [name for name in wanted if committed[name] != wanted[name]]
    assert not drifted, f"run make docs: {', '.join(drifted)}"


def test_every_rule_page_has_its_headings() -> None:
    for rule in catalogue().values():
        for heading in (
            "## What it checks",
            "## Why it matters",
            "## How we read the rule",
            "## What it does not check",
        ):
            assert heading in rule.page, f"{rule.code} lacks {heading}"


def test_every_citation_and_parameter_is_known() -> None:
    policies = load_policies()
    for rule in catalogue().values():
        for cite in rule.cites:
            assert cite in policies.references, f"{rule.code} cites {cite}"
        for name in rule.parameters:
            assert policies.parameter(name).about
