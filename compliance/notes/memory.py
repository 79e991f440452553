"""What was read in a text is remembered from one run to the next, so that a week's new notes alone are read anew.

Readings are kept in a folder of the user's own, by a hash of the text and of this package's source: after any change of
lexicons or code everything is read again. No text is kept, only places, kinds and what a lexicon calls them; links also
keep the words that a note and a goal share. `COMPLIANCE_READINGS=off` keeps nothing, a folder's name keeps them there.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import polars as pl

VARIABLE = "COMPLIANCE_READINGS"
Asked = TypeVar("Asked")
OURS = "readings-"
OUR_FOLDER = re.compile(r"readings-[0-9a-f]{16}")
"""The folder of one version; those of other versions are removed, and nothing else is."""
MOST_ROWS = 50_000_000
"""Above so many remembered rows only what this run needed is kept."""


def remembered(
    kind: str,
    asked: Mapping[str, Asked],
    read: Callable[[Asked], Iterable[Sequence[Any]]],
    schema: Mapping[str, Any],
) -> pl.DataFrame:
    """The rows that `read` gives for each asked key, read only where no run before has: `key` and `schema`.

    Keys are `key_of` what was asked, so that equal keys mean equal rows. The order of rows of one key is kept.
    """
    full = {"key": pl.String, "place": pl.Int32, **schema}
    known = _known(kind, full)
    wanted = known.filter(pl.col("key").is_in(list(asked)))
    before = set(wanted["key"].unique())
    missing = [key for key in asked if key not in before]
    fresh = pl.DataFrame(
        [(key, place, *row) for key in missing for place, row in _placed(read(asked[key]), len(schema))],
        schema=full,
        orient="row",
    )
    if missing:
        kept = known if known.height + fresh.height <= MOST_ROWS else wanted
        _keep(kind, pl.concat([kept, fresh]))
    return pl.concat([wanted, fresh]).filter(pl.col("place") >= 0).drop("place")


def key_of(*parts: str) -> str:
    """A key of what was asked: equal for equal parts, and telling nothing of them."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        said = part.encode("utf-8", "surrogatepass")
        hashed.update(len(said).to_bytes(8, "big") + said)
    return hashed.hexdigest()


def _placed(rows: Iterable[Sequence[Any]], width: int) -> Iterable[tuple[int, Sequence[Any]]]:
    """The rows with their places; one empty row at place -1 where there is none, so that silence is remembered too."""
    listed = list(enumerate(rows))
    return listed or [(-1, (None,) * width)]


def _known(kind: str, schema: Mapping[str, Any]) -> pl.DataFrame:
    """What was kept, nothing where there is no such file or it cannot be read (it is written anew)."""
    empty = pl.DataFrame(schema=schema)
    folder = _folder()
    if folder is None:
        return empty
    try:
        # opened once: Polars opens a path several times, and another run may put a new file there meanwhile
        kept = pl.read_parquet(BytesIO((folder / f"{kind}.parquet").read_bytes()))
    except (OSError, pl.exceptions.PolarsError):
        return empty
    return kept if kept.schema == empty.schema else empty


def _keep(kind: str, rows: pl.DataFrame) -> None:
    """Write the rows at once or not at all; a folder that cannot be written is no reason to stop."""
    folder = _folder()
    if folder is None:
        return
    try:
        for other in folder.parent.glob(f"{OURS}*"):
            if other != folder and OUR_FOLDER.fullmatch(other.name):
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = folder / f"{kind}.{uuid4().hex}.new"
        rows.write_parquet(written)
        written.chmod(0o600)
        written.replace(folder / f"{kind}.parquet")
    except OSError:
        return


def _folder() -> Path | None:
    """Where this version's readings are kept, None where none are to be."""
    told = os.environ.get(VARIABLE, "")
    if told.lower() in ("off", "no", "0", "false"):
        return None
    if told:
        return Path(told) / f"{OURS}{_version()}"
    home = os.environ.get("XDG_CACHE_HOME") or (Path.home() / ".cache")
    return Path(home) / "therapy-compliance" / f"{OURS}{_version()}"


@cache
def _version() -> str:
    """A hash of everything that decides how a text is read."""
    hashed = hashlib.blake2b(pl.__version__.encode(), digest_size=8)
    here = Path(__file__).parent
    for file in sorted([*here.glob("*.py"), *here.rglob("*.yaml")]):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()
