"""Reading YAML that people write (policies, layouts): plain, shallow, each key once; every mistake is one line with the file.

Each function takes the kind of error to raise, so that what reads policies raises theirs and what reads layouts its own.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from typing import Any

import yaml

DEEPEST = 20
"""Levels of lists and mappings within each other; a policy file has three."""
MOST_BYTES = 1_000_000
"""Reading this much takes seconds; the largest of our own files has some 30 thousand."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML over libyaml where it was built with it: our files are read at every start, eight times as fast as in Python."""
FAR_TOO_DEEP = "maximum nesting depth"
"""What libyaml says of a thousand levels, which it meets in looking ahead, before we can count them."""
MISREAD = re.compile(r"[-+]?(?:0[0-9_]+|[0-9_]+(?::[0-9]+)+)")
"""Numbers that YAML takes for octal ones or for sixtieths."""
CUT = Repr()
CUT.maxstring = CUT.maxother = 60
CUT.maxlevel = 2


class _Mistake(ValueError):
    """What is wrong in a text, before it is known whose file it is."""


def shown(value: Any) -> str:
    """A value for a message, cut to what a line holds."""
    return CUT.repr(value)


def did_you_mean(name: str, known: Iterable[Any], cutoff: float = 0.6) -> str:
    """` Did you mean 'x'?`, or nothing where no known name is near: alike by `cutoff` (0 to 1; short names need less)."""
    near = get_close_matches(str(name)[:60], [str(other) for other in known], n=1, cutoff=cutoff)
    return f" Did you mean {near[0]!r}?" if near else ""


def _refuse_deep(text: str) -> None:
    """Refuse aliases and deep lists, before any of it is built.

    A few lines of aliases can stand for more values than any memory holds, and no file of ours needs them.
    """
    depth = 0
    for event in yaml.parse(text, LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _Mistake(f"line {line}: an alias (*). Write the value out in each place.")
        depth += isinstance(event, yaml.NodeEvent)
        if depth > DEEPEST:
            raise _Mistake(f"line {line}: more than {DEEPEST} levels of lists. Give a list of rows.")
        depth -= isinstance(event, (yaml.ScalarEvent, yaml.CollectionEndEvent))


class _Strict(LOADER):
    """YAML of plain keys, each there once (PyYAML would keep the last silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _Mistake(f"line {line}: a list or mapping as a name. Give a name, such as `id`.")
            if key.value in seen:
                raise _Mistake(f"line {line}: {bare(key.value)} is there twice. Keep one.")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _number(loader: Any, node: Any) -> int:
    """A whole number; YAML would read 010 as 8 and 1:15 as 75."""
    if MISREAD.fullmatch(node.value):
        line = node.start_mark.line + 1
        raise _Mistake(
            f"line {line}: {bare(node.value)} would be read as {loader.construct_yaml_int(node)}. "
            "Quote it where it is text, or write the number without leading zeros and colons."
        )
    return loader.construct_yaml_int(node)


_Strict.add_constructor("tag:yaml.org,2002:int", _number)


def bare(name: Any) -> str:
    """A name for a message: as it is where it is short and visible."""
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 60 else shown(name)


def _text(path: Path, wrong: type[Exception]) -> str:
    """The text of a file. Raises `wrong` where it is no file of such a size."""
    try:
        if not path.is_file():
            what = "a link to nothing" if path.is_symlink() and not path.exists() else "a folder or a device"
            raise wrong(f"{path.name}: {what}, not a file. Put the file itself here, or remove it.")
        if path.stat().st_size > MOST_BYTES:
            raise wrong(f"{path.name}: more than {MOST_BYTES // 1_000_000} MB. Split it.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise wrong(f"{path.name}: cannot be read ({error.strerror}). Make it readable.") from None
    except UnicodeDecodeError as error:
        raise wrong(f"{path.name}: not readable as YAML: {error}. Write it in UTF-8 YAML.") from None


def read(path: Path, wrong: type[Exception]) -> Any:
    """What a YAML file says. Raises `wrong`."""
    return parsed(_text(path, wrong), path, wrong)


def read_own(path: Path) -> Any:
    """What a YAML file that comes with the program says: aliases are allowed. Raises ValueError, a key twice included."""
    return parsed(_text(path, ValueError), path, ValueError, aliases=True)


def parsed(text: str, path: Path, wrong: type[Exception], *, aliases: bool = False) -> Any:
    """What a text says, `path` being its name in messages. Raises `wrong`; at any alias, unless `aliases`."""
    if len(text) > MOST_BYTES:
        raise wrong(f"{path.name}: more than {MOST_BYTES // 1_000_000} MB. Split it.")
    try:
        if not aliases:
            _refuse_deep(text)
        return yaml.load(text, _Strict)
    except _Mistake as error:
        raise wrong(f"{path.name}, {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        said = " ".join(str(error).split())
        if FAR_TOO_DEEP in said:
            said = f"more than {DEEPEST} levels of lists"
        raise wrong(f"{path.name}: not readable as YAML: {said}. Write it in UTF-8 YAML.") from None
