"""What whoever writes a rule is told: CONTRIBUTING's example holds, and a slip of the pen is one clear line."""

import gc
import importlib.util
import re
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from compliance import rulebook
from compliance.audit import audit
from compliance.checks import rule as rules
from compliance.checks.cases import read_cases
from compliance.checks.rule import Rule, RuleError, catalogue
from compliance.checks.tables import TABLES_MADE, ChartTables
from compliance.checks.terms import shared
from compliance.notes.tables import reading_tables
from compliance.policy import load_policies
from compliance.policy.code_tables import KINDS
from compliance.records.models import empty
from tests import test_rules
from tests.test_engines import ENGINES

ROOT = Path(__file__).parent.parent
STEM = "xx_01_note_not_signed"


def block(language: str) -> str:
    """The first block of code of that language under CONTRIBUTING's heading about rules."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a rule")[2]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules that a test declares are forgotten after it."""
    catalogue()
    monkeypatch.setattr(rules, "_registered", dict(rules._registered))
    yield
    sys.modules.pop(STEM, None)


def declared(folder: Path, module: str, stem: str = STEM) -> Rule:
    """Import a module of a rule from a folder of its own."""
    file = folder / f"{stem}.py"
    file.write_text(module, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(stem, file)
    assert spec and spec.loader
    sys.modules[stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[stem])
    return rules._registered["XX-01"]


def test_the_example_of_contributing_finds_what_its_cases_say_on_every_engine(tmp_path: Path) -> None:
    rule = declared(tmp_path, block("python"))
    rule.cases.write_text(block("yaml"), encoding="utf-8")
    cases = read_cases(rule.cases)
    for case in cases:
        test_rules.holds(rule, case, tmp_path)
        policies = test_rules.policies_of(case, tmp_path)
        for native in ENGINES.values():
            test_rules.assert_holds(audit(case.records(), policies, case.as_of, [rule], native=native), case)
    test_rules.test_each_rule_has_the_cases_it_owes(rule)
    assert "cannot_tell: claims.payer_id" in block("yaml"), "an unknown payer is shown"
    assert "## An example that breaks it" in rulebook.page(rule, load_policies(), rulebook.DOCS_ON)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"notes.signed_on"]', '"notes.signd_on"]',
         "XX-01: needs 'notes.signd_on', but notes has no column signd_on. Did you mean 'signed_on'?"),
        ('"notes.signed_on"]', '"note.signed_on"]', "there is no table note. Did you mean 'notes'?"),
        ('subject="note"', 'subject="notes"', "XX-01: subject 'notes' is none. Did you mean 'note'?"),
        ('exposes="note"', 'exposes="notes"', "XX-01: exposes 'notes' is none. Did you mean 'note'?"),
        ('severity="low"', 'severity="lo"', "XX-01: severity 'lo' is none. Did you mean 'low'?"),
        ("notes: nw.LazyFrame)", "note: nw.LazyFrame)", "XX-01: argument 'note' is none. Did you mean 'notes'?"),
        ('code="XX-01"', 'code="XX-02"', "XX-02: its module is xx_01_note_not_signed. Name it xx_02_what_is_wrong.py"),
    ],
)  # fmt: skip
def test_a_slip_in_the_declaration_is_one_line(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    module = block("python")
    assert right in module
    with pytest.raises(RuleError, match=re.escape(said)) as refused:
        declared(tmp_path, module.replace(right, wrong))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"note_id", "outcome", "missing",', '"note_id", "missing",',
         "XX-01: its function does not return outcome. Select them: both come from judge()."),
        ('"note_id", "outcome", "missing",', '"note_id", "outcome",', "XX-01: its function does not return missing."),
        ('"note_id", "outcome", "missing",', '"outcome", "missing",',
         "does not return note_id. Select them: they make the id of a finding about a note."),
        ('exposes="note"', 'exposes="days"', "does not return exposed_from, exposed_to."),
        ("{days} days", "{day} days", "XX-01: its message names {day}, which its function does not return."),
        ('parameters=["note_sign_days"]', 'parameters=["note_sign_day"]',
         "XX-01: No parameter 'note_sign_day'. Did you mean 'note_sign_days'? See parameters.yaml."),
        ('cites=["mbpm-15-220.3-d"]', 'cites=["mbpm-15-220.3d"]',
         "XX-01: No reference 'mbpm-15-220.3d'. Did you mean 'mbpm-15-220.3-d'? See references.yaml."),
    ],
)  # fmt: skip
def test_what_a_rule_names_and_must_return_is_told_when_it_runs(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    module = block("python")
    assert right in module
    rule = declared(tmp_path, module.replace(right, wrong))
    rule.cases.write_text(block("yaml"), encoding="utf-8")
    breaks = read_cases(rule.cases)[0]
    with pytest.raises(RuleError, match=re.escape(said)):
        audit(breaks.records(), load_policies(), date(2026, 7, 1), [rule])


def test_a_sentence_for_each_case_is_owed(tmp_path: Path) -> None:
    module = re.sub(r"message=.*?,\n", 'message={"late": "Late"},\n', block("python"), count=1)
    rule = declared(tmp_path, module)
    rule.cases.write_text(block("yaml"), encoding="utf-8")
    with pytest.raises(
        RuleError, match=r"XX-01: its message has no sentence for the case None\. There are late"
    ):
        audit(read_cases(rule.cases)[0].records(), load_policies(), date(2026, 7, 1), [rule])


def test_whatever_comes_out_of_a_rule_names_the_rule(tmp_path: Path) -> None:
    rule = declared(tmp_path, block("python"))
    rule.cases.write_text(block("yaml"), encoding="utf-8")

    def divided(notes: nw.LazyFrame) -> nw.LazyFrame:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        audit(
            read_cases(rule.cases)[0].records(),
            load_policies(),
            date(2026, 7, 1),
            [replace(rule, function=divided)],
        )
    assert raised.value.__notes__ == ["XX-01 was being judged"]


def test_a_slip_in_a_cases_column_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(
        "- case: A slip\n  notes: |\n    kind | supervisr_id\n    treatment | T1\n  finds: nothing\n"
    )
    with pytest.raises(
        ValueError, match=r"case 'A slip': notes has no column supervisr_id\. Did you mean 'supervisor_id'\?"
    ):
        read_cases(file)[0].records()


def test_a_word_that_a_case_says_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("- case: A slip\n  finds: nothing\n  finds: |\n    note_id\n    N1\n")
    with pytest.raises(ValueError, match=r"cases\.yaml, line 3: finds is there twice"):
        read_cases(file)


def test_cases_may_say_the_same_by_an_alias(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("- case: One\n  policy: &late {cosign_days: 3}\n- case: Two\n  policy: *late\n")
    one, two = read_cases(file)
    assert one.policy == two.policy == {"cosign_days": 3}


def test_the_names_of_made_tables_are_those_that_are_made() -> None:
    readings = reading_tables(
        empty("notes").select("note_id", "text", "plan_id", "service_date"),
        empty("goals"),
        empty("supervision_contacts"),
    )
    own = [name for name in TABLES_MADE if hasattr(ChartTables, name)]
    assert {*own, *readings} <= set(TABLES_MADE)
    assert set(TABLES_MADE) - {*own, *readings} <= {*KINDS, "adjustments"}


def strays(folder: Path) -> list[str]:
    """What lies in the families' folders and belongs to no rule: a rule there would never run."""
    found = []
    for family in sorted(each for each in folder.iterdir() if each.is_dir() and each.name != "__pycache__"):
        if not (family / "__init__.py").exists():
            found.append(f"{family.name}/ has no __init__.py, so that no rule in it is found")
        for cases in sorted(family.glob("*.yaml")):
            if not rules.RULE_MODULE.fullmatch(cases.stem) or not cases.with_suffix(".py").exists():
                found.append(
                    f"{family.name}/{cases.name} has no rule of its name, such as xx_01_what_is_wrong.py"
                )
        for module in sorted(family.glob("*.py")):
            if "@rule(" in module.read_text(encoding="utf-8") and not rules.RULE_MODULE.fullmatch(
                module.stem
            ):
                found.append(
                    f"{family.name}/{module.name} is not named as a rule, such as xx_01_what_is_wrong.py"
                )
    return found


def test_every_file_of_a_family_belongs_to_a_rule() -> None:
    assert strays(ROOT / "compliance/checks") == []
    beside = {rule.cases for rule in catalogue().values()}
    assert beside == set((ROOT / "compliance/checks").glob("*/*.yaml"))


def test_a_rule_that_would_not_be_found_is_told(tmp_path: Path) -> None:
    family = tmp_path / "billing"
    family.mkdir()
    (family / "xx_1_short.yaml").write_text("")
    (family / "xx_01_alone.yaml").write_text("")
    (family / "note_not_signed.py").write_text("@rule(\n")
    told = "\n".join(strays(tmp_path))
    for said in ("billing/ has no __init__.py", "xx_1_short.yaml", "xx_01_alone.yaml", "note_not_signed.py"):
        assert said in told


def test_every_family_has_a_name() -> None:
    unnamed = {rule.family for rule in catalogue().values()} - set(rulebook.FAMILIES)
    assert not unnamed, f"a new family wants its name in compliance/rulebook.py (FAMILIES): {unnamed}"


def test_what_rules_share_is_worked_out_once_for_the_same_frames_and_goes_with_them() -> None:
    asked: list[str] = []

    @shared
    def derived(lines: nw.LazyFrame, notes: nw.LazyFrame, how: str = "plainly") -> nw.LazyFrame:
        asked.append(how)
        return lines.join(notes, on="note_id", how="left").with_columns(how=nw.lit(how))

    lines, others, notes = (
        nw.from_native(pl.DataFrame({"note_id": [name]}).lazy()) for name in ("N1", "N2", "N1")
    )
    first = derived(lines, notes)
    assert derived(lines, notes) is first
    assert derived(lines, notes, how="else") is not first
    assert derived(lines, others) is not first
    assert asked == ["plainly", "else", "plainly"]
    assert derived(others, notes).collect()["note_id"].to_list() == ["N2"]
    gone = weakref.ref(first)
    del first, lines
    gc.collect()
    assert gone() is None
