"""Words that the synthetic clinics use: tasks, conditions and remarks, each in a YAML file beside this module."""

from functools import cache
from importlib import resources
from random import Random
from typing import Any

import yaml


@cache
def _read(name: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(
        resources.files("compliance.synth").joinpath(f"{name}.yaml").read_text(encoding="utf-8"),
        Loader=loader,
    )


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
