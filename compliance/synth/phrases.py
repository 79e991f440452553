"""Words that the synthetic clinics use: tasks, conditions and remarks, each in a YAML file beside this module."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from compliance.strict_yaml import read_own


@cache
def _read(name: str) -> dict[str, Any]:
    return read_own(Path(__file__).parent / f"{name}.yaml")


def tasks() -> dict[str, dict[str, Any]]:
    """Functional tasks by id."""
    return _read("tasks")


def conditions() -> dict[str, dict[str, Any]]:
    """Conditions by id."""
    return _read("conditions")


def phrases(kind: str) -> Any:
    """The remarks of a kind."""
    return _read("phrases")[kind]


def phrase(rng: Random, kind: str, **slots: object) -> str:
    """One remark of a kind, its slots filled."""
    return rng.choice(phrases(kind)).format(**slots)
