"""Generated documentation equals what is committed; every command and table is documented."""

from pathlib import Path

from compliance import rulebook
from compliance.checks.rule import catalogue
from compliance.formats import markdown
from compliance.policy import load_policies
from compliance.policy.policies import did_you_mean

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
            assert cite in policies.references, (
                f"{rule.code} cites {cite}, which is no reference.{did_you_mean(cite, policies.references)} "
                "See compliance/policy/references.yaml."
            )
        for name in rule.parameters:
            assert policies.parameter(name).about


def test_a_remedy_of_several_cases_is_said_once() -> None:
    for rule in catalogue().values():
        remedies = rulebook.page(rule, load_policies(), rulebook.DOCS_ON).partition("## What to do")[2]
        said = [line for line in remedies.partition("\n## ")[0].splitlines() if line]
        assert said and len(said) == len(set(said)), rule.code


HOSTILE = "![x](https://example.org/x.png) [y](https://example.org) # <b>z</b> | `w`"


def test_what_a_clinics_policy_says_is_text_on_a_rules_page(tmp_path: Path) -> None:
    rule = catalogue()["SUP-02"]
    cite = rule.cites[0]
    (tmp_path / "references.yaml").write_text(
        f"{cite}: {{title: '{HOSTILE}', address: 'https://example.org/a_b_'}}\nours: {{title: '{HOSTILE}'}}\n"
    )
    (tmp_path / "ours.yaml").write_text(
        f"id: '{HOSTILE.replace('|', '')}'\nbased_on: medicaid\n"
        f"cosign_days: [{{from: 2000-01-01, value: 3, source: ours, verified: '{HOSTILE}'}}]\n"
    )
    page = rulebook.page(rule, load_policies(tmp_path), rulebook.DOCS_ON)
    for drawn in ("![", "](", "<b>", "https://example.org", "`w`"):
        assert drawn not in page
    assert markdown(HOSTILE) in page
    built_in = rulebook.page(rule, load_policies(), rulebook.DOCS_ON)
    overridden = load_policies().reference(cite).title
    changed = set(built_in.splitlines()) - set(page.splitlines())
    assert not [line for line in changed if overridden not in line], (
        "the program's own words stay as they are"
    )
