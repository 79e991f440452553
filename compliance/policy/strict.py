"""Reading the YAML of policies by the project's one strict reader (`compliance/strict_yaml.py`)."""

from pathlib import Path
from typing import Any

from compliance import strict_yaml
from compliance.policy.models import PolicyError
from compliance.strict_yaml import bare

__all__ = ["as_mapping", "bare", "parsed", "read", "read_mapping"]


def read(path: Path) -> Any:
    """What a YAML file says. Raises PolicyError."""
    return strict_yaml.read(path, PolicyError)


def parsed(text: str, path: Path) -> Any:
    """What a text says, `path` being its name in messages. Raises PolicyError."""
    return strict_yaml.parsed(text, path, PolicyError)


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
