"""Reading the YAML of policies: plain, shallow, each key once; every mistake is one line that names the file."""

from pathlib import Path
from typing import Any

import yaml

from compliance.policy.models import PolicyError, shown

DEEPEST = 20
"""Levels of lists and mappings within each other; a policy file has three."""
MOST_BYTES = 5_000_000


class _Strict(yaml.SafeLoader):
    """YAML of plain keys, each there once (PyYAML would keep the last silently), without aliases and shallow.

    A few lines of aliases can stand for more values than any memory holds, and no policy needs them.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        line = self.peek_event().start_mark.line + 1
        if self.check_event(yaml.AliasEvent):
            raise PolicyError(f"line {line}: an alias (*). Write the value out in each place.")
        self.depth += 1
        if self.depth > DEEPEST:
            raise PolicyError(f"line {line}: more than {DEEPEST} levels of lists. Give a list of rows.")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise PolicyError(f"line {line}: a list or mapping as a name. Give a name, such as `id`.")
            if key.value in seen:
                raise PolicyError(f"line {line}: {bare(key.value)} is there twice. Keep one.")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def bare(name: Any) -> str:
    """A name for a message: as it is where it is short and visible."""
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 60 else shown(name)


def _text(path: Path) -> str:
    """The text of a policy file. Raises PolicyError where it is no file of a policy's size."""
    try:
        if not path.is_file():
            what = "a link to nothing" if path.is_symlink() and not path.exists() else "a folder or a device"
            raise PolicyError(f"{path.name}: {what}, not a file. Put the file itself here, or remove it.")
        if path.stat().st_size > MOST_BYTES:
            raise PolicyError(f"{path.name}: more than {MOST_BYTES // 1_000_000} MB. Give one policy a file.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PolicyError(f"{path.name}: cannot be read ({error.strerror}). Make it readable.") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path.name}: not readable as YAML: {error}. Write it in UTF-8 YAML.") from None


def read(path: Path) -> Any:
    """What a YAML file says. Raises PolicyError."""
    return parsed(_text(path), path)


def parsed(text: str, path: Path) -> Any:
    """What a text says, `path` being its name in messages. Raises PolicyError."""
    try:
        return yaml.load(text, _Strict)
    except PolicyError as error:
        raise PolicyError(f"{path.name}, {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise PolicyError(f"{path.name}: not readable as YAML: {said}. Write it in UTF-8 YAML.") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """A file that is a mapping. Raises PolicyError."""
    return as_mapping(read(path), path)


def as_mapping(said: Any, path: Path) -> dict[str, Any]:
    """What was read, as a mapping. Raises PolicyError where it is none."""
    if said is None:
        raise PolicyError(f"{path.name}: empty. Write `id`, `name` and parameters, or remove the file.")
    if not isinstance(said, dict):
        raise PolicyError(f"{path.name}: not a mapping. Begin with `id: …`.")
    return said
