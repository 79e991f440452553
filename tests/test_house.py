"""The habits of the house, held by tests: imports, pages, rules, names, and what is never committed."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from compliance.checks.rule import RULE_MODULE

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("compliance", "ui", "pages", "tests")
MODULES = [ROOT / "app.py", *(file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))]
PAGES = sorted((ROOT / "pages").glob("*.py"))
RULES = sorted(
    each for each in (ROOT / "compliance/checks").glob("*/*.py") if RULE_MODULE.fullmatch(each.stem)
)
PAGE_LINES, APP_LINES = 120, 60
VAGUE_NAMES = {"df", "tmp", "data2", "foo"}
VAGUE_FILES = {"utils", "helpers", "manager", "misc", "common", "core"}
# What the text of a file must not hold: addresses of registries, and paths of somebody's machine.
PRIVATE = re.compile(
    "|".join(["py" + r"pi\.org", "python" + "hosted", "/" + "root/", "/" + r"home/\w+/", "/" + "work/"])
)
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".lock", ".css", ".sh", "", ".json", ".txt"}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    return [ROOT / each for each in listed.stdout.split("\0") if each and (ROOT / each).is_file()]


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_only_the_pages_and_what_they_share_draw(file):
    draws = file.name == "app.py" or file.relative_to(ROOT).parts[0] in {"ui", "pages", "tests"}
    if not draws:
        assert not {name for name in imported(file) if name.split(".")[0] in {"streamlit", "ui", "pages"}}


@pytest.mark.parametrize("file", PAGES, ids=name_of)
def test_a_page_enters_the_frame_first_and_stays_thin(file):
    body = [node for node in tree(file).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    first = next(
        node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    assert ast.unparse(first) == "frame.enter()", (
        "a page that runs without its frame has no filters and no sign-in"
    )
    assert len(file.read_text(encoding="utf-8").splitlines()) <= PAGE_LINES
    reads = imported(file) & {"sqlite3", "sqlalchemy", "duckdb", "csv"}
    assert not reads, "a page never reads a file or a store"


def test_every_page_is_in_the_menu():
    from ui.frame import PAGES as menu

    assert sorted(menu) == [file.stem for file in PAGES]


def test_the_frame_is_short():
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < APP_LINES


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_names_say_what_they_hold(file):
    assert file.stem not in VAGUE_FILES
    stored = {
        node.id
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    taken = {node.arg for node in ast.walk(tree(file)) if isinstance(node, ast.arg)}
    assert not VAGUE_NAMES & (stored | taken)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(file):
    text = file.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(tree(file))


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_nothing_is_left_unfinished(file):
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
    assert not re.search(rf"\b({words})\b", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", RULES, ids=name_of)
def test_a_rule_is_two_files_and_holds_no_number_of_a_regulator(file):
    assert file.with_suffix(".yaml").exists(), "its cases stand beside it"
    functions = [node for node in ast.walk(tree(file)) if isinstance(node, ast.FunctionDef)]
    numbers = {
        node.value
        for function in functions
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and type(node.value) in {int, float} and node.value > 2
    }
    assert not numbers, "a value of a regulator has a day and a source: it belongs in compliance/policy"


@pytest.mark.parametrize("file", RULES, ids=name_of)
def test_patterns_mean_the_same_on_every_engine(file):
    text = file.read_text(encoding="utf-8")
    assert "join_asof" not in text, (
        "a dated table has valid_from and valid_until: join on the key, filter by the interval"
    )
    assert not [sign for sign in ("(?=", "(?!", r"\b") if sign in text]


def test_no_registry_and_no_path_of_a_machine_is_committed():
    held = {
        name_of(file): found.group()
        for file in committed()
        if file.suffix in TEXTS
        and (found := PRIVATE.search(file.read_text(encoding="utf-8", errors="replace")))
    }
    assert not held


def test_the_lock_bears_a_hash_for_everything():
    entries = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text(encoding="utf-8").strip())
    assert len(entries) > 40
    assert not [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry]
