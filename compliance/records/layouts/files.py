"""Layout files: the built-in ones and a folder of a clinic's own; every mistake is one line with the file and the remedy."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compliance import strict_yaml
from compliance.records.layouts.models import (
    Cell,
    Condition,
    Layout,
    Made,
    Recognise,
    TableMap,
)
from compliance.records.report import InputError

BUILT_IN = Path(__file__).parent / "built_in"
SUFFIXES = (".yaml", ".yml")
MODELS: dict[str, type[Any]] = {
    "recognise": Recognise, "tables": TableMap, "columns": Cell, "where": Condition, "made": Made,
}  # fmt: skip


def load_layouts(folder: Path | None = None) -> tuple[Layout, ...]:
    """A clinic's own layouts (the YAML files of `folder`), then the built-in ones. Raises InputError."""
    return (*own_layouts(folder), *built_in())


@cache
def built_in() -> tuple[Layout, ...]:
    """The built-in layouts, by id."""
    return tuple(read_layout(path) for path in sorted(BUILT_IN.glob("*.yaml")))


def own_layouts(folder: Path | None) -> tuple[Layout, ...]:
    """The layouts of a folder, by file name; none without one. Raises InputError, also for a folder that is none."""
    if folder is None:
        return ()
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder of layouts (expected a folder with YAML files)")
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    return different([read_layout(path) for path in found], str(folder))


def different(layouts: Sequence[Layout], where: str) -> tuple[Layout, ...]:
    """The layouts, if each has an id of its own. Raises InputError."""
    seen: set[str] = set()
    for layout in layouts:
        if layout.id in seen:
            raise InputError(f"{where}: two layouts have the id {layout.id} (expected one file for each)")
        seen.add(layout.id)
    return tuple(layouts)


def read_layout(path: Path) -> Layout:
    """The layout of a file. Raises InputError."""
    return _layout(strict_yaml.read(path, InputError), path.name)


def layout_of(text: str, file: str) -> Layout:
    """The layout that a text says, `file` being its name in messages. Raises InputError."""
    return _layout(strict_yaml.parsed(text, Path(file), InputError), file)


def _layout(said: Any, file: str) -> Layout:
    if not isinstance(said, dict):
        raise InputError(f"{file}: no layout (expected a mapping that begins with `layout: 1`)")
    if said.get("layout") != 1:
        found = strict_yaml.shown(said.get("layout"))
        raise InputError(f"{file}: `layout` is {found} (expected 1, the version of the form)")
    try:
        return Layout.model_validate(said)
    except ValidationError as error:
        raise InputError(f"{file}: {_told(error)}") from None


def _told(error: ValidationError) -> str:
    """The first mistake in words: where, what, and what would be right."""
    first = error.errors()[0]
    place = [str(each) for each in first["loc"]]
    where = ".".join(place)
    if first["type"] == "extra_forbidden":
        within = [name for name in place[:-1] if name in MODELS]
        model = MODELS[within[-1]] if within else Layout
        if within and within[-1] == "columns" and place[-2] == "columns":
            model = Cell
        known = [field.alias or name for name, field in model.model_fields.items()]
        near = strict_yaml.did_you_mean(place[-1], known) or f" There are {', '.join(known)}."
        return f"{where}: there is no such key.{near}"
    if first["type"] == "missing":
        return f"{where} is missing"
    said = first["msg"].removeprefix("Value error, ")
    found = first.get("input")
    shown = "" if isinstance(found, dict | list | tuple) else f", not {strict_yaml.shown(found)}"
    return f"{where}: {said}{shown}" if where else said
