"""Reading policy files: every mistake is one line that names file, parameter, row and remedy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from compliance.policy.code_tables import joined, read_editions
from compliance.policy.models import Parameter, PolicyError, Reference, Row
from compliance.policy.policies import Layer, Policies
from compliance.policy.strict import as_mapping, bare, parsed, read_mapping
from compliance.strict_yaml import did_you_mean, shown

BUILT_IN = Path(__file__).parent
ABOUT = ("parameters.yaml", "references.yaml", "remittance_codes.yaml")
SUFFIXES = (".yaml", ".yml")
MOST_ROWS = 2_000
"""Rows of one parameter in one file; each is held against each other."""
NEAR = 0.85
"""How like a known id another may be before it is taken for a slip (`difflib`)."""
HEAD = ("id", "name", "based_on")
KEYS = ("from", "to", "value", "source", "verified", "note", "setting", "state", "discipline", "cpt")


def load_policies(overlay: Path | None = None) -> Policies:
    """The built-in policies, with the files of the `overlay` folder on top.

    A file there either bears the id of a built-in policy (its rows go on top) or names its parent in `based_on`;
    its own `references.yaml` may add sources. Raises PolicyError.
    """
    return _built_in() if overlay is None else _with_overlay(Path(overlay))


@cache
def _built_in() -> Policies:
    references = _references(BUILT_IN / "references.yaml")
    parameters = _parameters(BUILT_IN / "parameters.yaml")
    tables = joined(read_editions(BUILT_IN / "cms"))
    return replace(_assemble(_files(BUILT_IN), None, parameters, references), code_tables=tables)


def _with_overlay(folder: Path) -> Policies:
    if not folder.is_dir():
        raise PolicyError(f"{folder}: not a folder. Give a folder of policy files (YAML).")
    if not _files(folder) and not (folder / "cms" / "tables.yaml").is_file():
        raise PolicyError(
            f"{folder}: holds no policy file. Give a folder with at least one file such as medicare.yaml."
        )
    if (folder / "parameters.yaml").exists():
        raise PolicyError(
            "parameters.yaml: the parameters are the program's own and this file would not be read. "
            "Rename it if it is a policy, such as ours.yaml, or remove it."
        )
    _refuse_unread(folder)
    base = _built_in()
    own = folder / "references.yaml"
    references = {**base.references, **(_references(own) if own.exists() or own.is_symlink() else {})}
    tables = joined(base.code_tables.editions, read_editions(folder / "cms"))
    return replace(_assemble(_files(folder), base, base.parameters, references), code_tables=tables)


def _refuse_unread(folder: Path) -> None:
    """Files that look like policies and would not be read: whoever wrote them would take them to be in force."""
    if (folder / "remittance_codes.yaml").exists():
        raise PolicyError(
            "remittance_codes.yaml: the meanings of these codes are the program's own and this file would not be read. "
            "Rename it if it is a policy, such as ours.yaml, or remove it."
        )
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".json":
            raise PolicyError(
                f"{bare(path.name)}: not read; policies are YAML. Write it as .yaml, or remove it."
            )


def _refuse_near(path: Path, id_: str, names: Iterable[str]) -> None:
    """An id that is a known one but for its case or a letter would be a second policy, which no payer has."""
    if id_ in names:
        return
    said = id_.casefold().replace("-", "_").replace(" ", "_")
    near = get_close_matches(said, names, n=1, cutoff=NEAR)
    if near and (said == near[0] or not said.startswith(near[0])):
        raise PolicyError(
            f"{path.name}: id {shown(id_)} is nearly {near[0]!r}, which is known. Write `id: {near[0]}` to lay it over "
            "that policy, or choose an id of its own."
        )


def laid_over(policies: Policies, text: str, name: str) -> Policies:
    """The policies with one more layer on top of one of them, and of all that inherit from it: a policy file's text.

    The text is a file's that bears the id of a loaded policy; `name` stands in messages and as the layer's name. Raises
    PolicyError.
    """
    path = Path(f"{name}.yaml")
    said = as_mapping(parsed(text, path), path)
    _head(path, said)
    if said["id"] not in policies.names:
        raise PolicyError(f"{path.name}: {policies.hint(said['id'])}")
    rows = _layer(path, said, policies.parameters, policies.references, overlays=True).rows
    under, layer = policies.layers[said["id"]], Layer(name, rows)

    def over(chain: tuple[Layer, ...]) -> tuple[Layer, ...]:
        heir = chain[len(chain) - len(under) :] == under
        return (*chain[: len(chain) - len(under)], layer, *under) if heir else chain

    return replace(policies, layers={id_: over(chain) for id_, chain in policies.layers.items()})


def _files(folder: Path) -> list[Path]:
    """The policy files of a folder: all YAML but that about parameters and sources."""
    named = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in named if path.name not in ABOUT)


def _assemble(
    files: Sequence[Path],
    base: Policies | None,
    parameters: Mapping[str, Parameter],
    references: Mapping[str, Reference],
) -> Policies:
    """Put each file's layer on its policy, then write out the layers of every policy down to its root."""
    read: dict[str, tuple[Path, dict[str, Any], Layer]] = {}
    for path in files:
        said = read_mapping(path)
        _head(path, said)
        if base is not None:
            _refuse_near(path, said["id"], base.names)
        layer = _layer(
            path, said, parameters, references, overlays=base is not None and said["id"] in base.names
        )
        if said["id"] in read:
            raise PolicyError(
                f"{path.name}: id {shown(said['id'])} is already in {read[said['id']][0].name}. Join them."
            )
        read[said["id"]] = (path, said, layer)
    names = dict(base.names) if base else {}
    for id_, (_, said, _) in read.items():
        names[id_] = said.get("name") or names.get(id_, id_)
    layers = {id_: _chain(id_, read, base, names, ()) for id_ in names}
    _refuse_empty(read, layers)
    return Policies(names, layers, parameters, references)


def _refuse_empty(
    read: Mapping[str, tuple[Path, Any, Layer]], layers: Mapping[str, tuple[Layer, ...]]
) -> None:
    """A policy without any value, its own or inherited, would leave all of its payers' lines unjudged."""
    for id_, (path, _, _) in read.items():
        if not any(layer.rows for layer in layers[id_]):
            raise PolicyError(
                f"{path.name}: {shown(id_)} sets no parameter and inherits none, so that nothing of its payers could be "
                "judged. Give it a parent, such as `based_on: commercial`, or parameters."
            )


def _chain(
    id_: str, read: Mapping[str, Any], base: Policies | None, names: Mapping[str, str], below: tuple[str, ...]
) -> tuple[Layer, ...]:
    """The layers of a policy, topmost first: the clinic's file, the built-in one, then its parent's."""
    if id_ in below:
        raise PolicyError(f"{read[id_][0].name}: based_on goes in a circle: {' → '.join((*below, id_))}.")
    path, said, layer = read.get(id_, (None, {}, None))
    own = [layer] if layer else []
    built_in = base.layers[id_] if base and id_ in base.names else ()
    parent = said.get("based_on")
    if parent == id_ and not built_in:
        raise PolicyError(
            f"{path.name}: based_on names the policy itself. Name its parent, such as `based_on: commercial`."
        )
    if built_in:
        ancestor = (
            next((name for name in base.names if base.layers[name] == built_in[1:]), None) if base else None
        )
        if parent not in (None, id_, ancestor):
            raise PolicyError(
                f"{path.name}: based_on {shown(parent)}, but {shown(id_)} is built in. Leave based_on out, or choose a new id."
            )
        own += built_in[:1]
        parent = ancestor
    if parent in (None, id_):
        return tuple(own)
    if parent not in names:
        raise PolicyError(f"{path.name}: based_on {shown(parent)} is no policy.{did_you_mean(parent, names)}")
    return (*own, *_chain(parent, read, base, names, (*below, id_)))


def _head(path: Path, said: Mapping[str, Any]) -> None:
    """Refuse an id, a name or a parent that is no text. Raises PolicyError."""
    if not isinstance(said.get("id"), str) or not said["id"].strip():
        raise PolicyError(f"{path.name}: no id. Give the policy an id, such as `id: medicare`.")
    if "|" in said["id"]:
        raise PolicyError(
            f"{path.name}: id {shown(said['id'])} holds a |. Choose one without, such as `aetna`."
        )
    for key in HEAD:
        told = said.get(key)
        if not isinstance(told, str | None) or not (told or "").isprintable():
            raise PolicyError(f"{path.name}: {key} is {shown(told)}. Give text of visible characters.")


def _layer(
    path: Path,
    said: Mapping[str, Any],
    parameters: Mapping[str, Parameter],
    references: Mapping[str, Reference],
    overlays: bool,
) -> Layer:
    """The file's rows by parameter. Raises PolicyError at the first mistake."""
    rows: dict[str, tuple[Row, ...]] = {}
    for name, listed in said.items():
        if name in HEAD:
            continue
        if name not in parameters:
            raise PolicyError(f"{path.name}: {bare(name)} is no parameter.{did_you_mean(name, (*parameters, *HEAD))}"
                              " See parameters.yaml for the names.")  # fmt: skip
        if not isinstance(listed, list) or not listed:
            raise PolicyError(f"{path.name}: {name}: no rows. Give a list of rows {{from, value, source}}.")
        if len(listed) > MOST_ROWS:
            raise PolicyError(f"{path.name}: {name}: more than {MOST_ROWS:,} rows. Give each payer a file.")
        rows[name] = tuple(_row(f"{path.name}: {name}, row {n}", row, parameters[name], references)
                           for n, row in enumerate(listed, 1))  # fmt: skip
        _refuse_ties(f"{path.name}: {name}", rows[name])
    return Layer(f"{said['id']} ({path.name})" if overlays else said["id"], rows)


def _row(where: str, said: Any, parameter: Parameter, references: Mapping[str, Reference]) -> Row:
    if not isinstance(said, dict):
        raise PolicyError(f"{where}: {shown(said)} is no row. Give {{from, value, source}}.")
    for key in said:
        if key not in KEYS:
            raise PolicyError(
                f"{where}: unknown key {shown(key)}.{did_you_mean(key, KEYS)} Keys: {', '.join(KEYS)}."
            )
    if said.get("from") is None:
        raise PolicyError(f"{where}: no from. Give the first day in force, such as `from: 2025-01-01`.")
    if "value" not in said:
        raise PolicyError(f"{where}: no value. Give one, or null where the payer has no such rule.")
    if not said.get("source"):
        raise PolicyError(f"{where}: no source. Every value names one; see references.yaml.")
    complaint = parameter.complaint(said["value"])
    if complaint:
        raise PolicyError(f"{where}: {complaint}")
    try:
        row = Row.model_validate(said)
    except ValidationError as error:
        raise PolicyError(f"{where}: {_told(error)}") from None
    if row.source not in references:
        raise PolicyError(
            f"{where}: source {shown(row.source)} names no reference.{did_you_mean(row.source, references)} "
            "Name one of references.yaml, or describe it in a references.yaml beside the policy."
        )
    return row


class _Spoken(NamedTuple):
    """A row as it is held against the others: worked out once, for thousands of rows are held against each other."""

    row: Row
    begins: date
    ends: date
    narrowed: frozenset[str]
    place: tuple[tuple[str, str], ...]


def _refuse_ties(where: str, rows: Sequence[Row]) -> None:
    """Two rows of equal narrowness that speak for one place on one day, unless a narrower row settles it."""
    spoken = [
        _Spoken(row, row.valid_from, row.to or date.max, frozenset(said), tuple(said.items()))
        for row in rows
        for said in (row.narrowing,)
    ]
    by_place: dict[frozenset[tuple[str, str]], list[_Spoken]] = defaultdict(list)
    for each in spoken:
        by_place[frozenset(each.place)].append(each)
    for (n, one), (m, other) in combinations(enumerate(spoken, 1), 2):
        if one.ends < other.begins or other.ends < one.begins or len(one.narrowed) != len(other.narrowed):
            continue
        if one.place != other.place and one.narrowed == other.narrowed:
            continue
        both = frozenset({*one.place, *other.place})
        if len(both) != len(one.narrowed | other.narrowed):
            continue  # they name two states, or two codes
        begins, ends = max(one.begins, other.begins), min(one.ends, other.ends)
        if any(
            row.begins <= begins and row.ends >= ends
            for row in by_place[both]
            if row.row not in (one.row, other.row)
        ):
            continue
        places = " and ".join(_place(each.row) for each in (one, other))
        raise PolicyError(
            f"{where}, rows {n} and {m}: equally narrow ({places}) and both in force from {begins}. "
            "End one before the other begins, or narrow one further."
        )


def _place(row: Row) -> str:
    return ", ".join(f"{key} {told}" for key, told in row.narrowing.items()) or "everywhere"


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    found = first.get("input")
    said = first["msg"].removeprefix("Value error, ")
    return f"{said}." if not key else f"{key} {shown(found)} cannot be read: {said}."


def _parameters(path: Path) -> dict[str, Parameter]:
    return {
        name: Parameter.model_validate({"name": name, **said}) for name, said in read_mapping(path).items()
    }


def _references(path: Path) -> dict[str, Reference]:
    try:
        return {id_: Reference.model_validate(said) for id_, said in read_mapping(path).items()}
    except ValidationError as error:
        raise PolicyError(f"{path.name}: {_told(error)}") from None
