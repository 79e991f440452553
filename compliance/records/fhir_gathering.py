"""What resources left behind while files are read: rows whose references wait, ids, codes and counts to be told.

A reference is held as a key and settled when all files have been read: `Patient/1`, `urn:uuid:…`, `Claim/1#coverage` (a
contained resource), `npi:…`, `identifier:system|value`, `named:…` (a name alone). The id of a row is its resource's `id`,
unless a table or a claim file of the same path knows exactly one of the resource's identifiers: then it is that one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from compliance.records.fhir_codes import is_npi, systems_of
from compliance.records.fhir_models import Concept, Identifier, Reference, Resource
from compliance.records.raw import ROW, RawTable
from compliance.records.report import Notice
from compliance.records.tables import FILE

BATCH = 20_000
MOST_TOLD = 500
"""Kinds of things that are told each by itself."""
LONGEST_NAME = 200
REST = "other things, of more kinds than are told apart"
PLACE = re.compile(r"([A-Z][A-Za-z]{2,40})/([^/?#|]{1,200})(?:/_history/[^/]*)?(?:\|.*)?$")
CONDITIONAL = re.compile(r"^[A-Z][A-Za-z]{2,40}\?identifier=([^|&]*)\|([^&]+)$")


@dataclass(frozen=True)
class Known:
    """Ids that tables and claim files of the same path bear: by table, and by NPI for therapists and clinics."""

    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    by_npi: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Mapping[str, pl.DataFrame]) -> "Known":
        """The ids of these tables."""
        ids = {
            name: frozenset(tables[name][key].drop_nulls()) for name, key in KEYS.items() if name in tables
        }
        by_npi = {}
        for name in ("therapists", "clinics"):
            if name in tables:
                one = tables[name].filter(pl.col("npi").is_not_null() & pl.col("npi").is_unique())
                by_npi[name] = dict(one.select("npi", KEYS[name]).iter_rows())
        return cls(ids, by_npi)


KEYS = {
    "patients": "patient_id", "therapists": "therapist_id", "clinics": "clinic_id", "payers": "payer_id",
    "claims": "claim_id", "notes": "note_id", "plans_of_care": "plan_id", "goals": "goal_id",
}  # fmt: skip


class Rows:
    """Rows of one table, gathered in batches so that Python holds few of them; the last two cells are file and place.

    `trace` keeps a hash of each row until the resource that made it has been read.
    """

    def __init__(self, columns: Sequence[str], trace: list[int]) -> None:
        self.columns: list[str] = [*columns, FILE, ROW]
        self.rows: list[tuple[object, ...]] = []
        self.trace = trace
        self.frames: list[pl.DataFrame] = []

    def add(self, *cells: object) -> None:
        """Keep a row: a cell for each column, then file and place."""
        self.rows.append(cells)
        self.trace.append(hash(cells[:-2]))
        if len(self.rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        cells: Iterable[tuple[object, ...]] = (
            zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        )
        held = {
            name: pl.Series(name, column, dtype=pl.Int64 if name == ROW else pl.String, strict=False)
            for name, column in zip(self.columns, cells, strict=True)
        }
        self.frames.append(pl.DataFrame(held))
        self.rows = []

    def frame(self) -> pl.DataFrame:
        """All rows as text, with file and place."""
        if self.rows or not self.frames:
            self._flush()
        self.frames = [pl.concat(self.frames, rechunk=False)]
        return self.frames[0]


@dataclass
class Told:
    """Something to be told: where it was met first, and how often."""

    first: str
    count: int = 0


@dataclass(slots=True)
class Place:
    """Where a resource stands, and its own key."""

    file: str
    position: int
    key: str
    address: str | None = None


class Gathering:
    """Rows, ids and counts of all FHIR files under a path."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.trace: list[int] = []
        self.told: dict[str, Told] = {}
        self.codes: Counter[tuple[str, str]] = Counter()
        self.ids: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.named: dict[str, set[str]] = {}
        self.read: Counter[str] = Counter()

    def tell(self, what: str, place: Place, count: int = 1) -> None:
        """Count something that cost no row, and keep its first place."""
        kept = self.told.get(what)
        if kept is None and len(self.told) >= MOST_TOLD:
            kept = self.told.get(REST) or self.told.setdefault(REST, Told("the others are named"))
        if kept is None:
            kept = self.told[what] = Told(f"{place.file}, {place.position}" if place.position else place.file)
        kept.count += count

    def lost(self, what: str, key: str, count: int = 1) -> None:
        """Count a reference that leads nowhere, or something that shows only when all has been read."""
        self.tell(what, Place(key, 0, key), count)

    def no_code(self, what: str, concept: Concept | None) -> None:
        """Count something without a code that is read, by the systems of its codes."""
        key = (what, systems_of(concept))
        self.codes[key if key in self.codes or len(self.codes) < MOST_TOLD else (what, REST)] += 1

    def notices(self) -> list[Notice]:
        """What is to be told of all files together."""
        told = [
            Notice("fhir", f"FHIR: {each.count:,} {what} (first: {each.first})", None, None, each.count)
            for what, each in self.told.items()
        ]
        for (where, system), count in sorted(self.codes.items()):
            said = f"FHIR: {count:,} {where} have {system} and no code that is read"
            told.append(Notice("fhir", said, None, None, count))
        return told

    # references

    def own_id(self, table: str, resource: Resource, place: Place) -> str:
        """The id of a resource's row, registered under its key, its address and its identifiers."""
        own = resource.id or place.key.rpartition("/")[2]
        if "#" in place.key:  # the id of a contained resource is one within its container alone
            own = next((each.value for each in resource.identifier if each.value), place.key)
        known = self.known.ids.get(table, frozenset())
        if known and own not in known:
            named = {each.value for each in resource.identifier if each.value and each.value in known}
            by_npi = self.known.by_npi.get(table, {})
            named |= {
                by_npi[each.value]
                for each in resource.identifier
                if each.value and each.value in by_npi and is_npi(each)
            }
            if len(named) == 1:
                own = named.pop()
        self.register(place, own, resource.identifier)
        return own

    def register(self, place: Place, own: str, identifiers: Iterable[Identifier] = ()) -> None:
        """Make a resource known to references."""
        self.ids[place.key] = own
        if place.address:
            self.addresses[place.address] = place.key
        for each in identifiers:
            if each.value:
                self.named.setdefault(identifier_key(each), set()).add(place.key)

    def settled(self, key: str) -> str:
        """The key under which what a reference names was read, where it was; else the reference's own."""
        key = self.addresses.get(key, key)
        if key in self.ids:
            return key
        candidates = self.named.get(key)
        return next(iter(candidates)) if candidates and len(candidates) == 1 else key

    def id_of(self, key: str | None) -> str | None:
        """The id of what a key names; of what was not read, the id within the reference."""
        if key is None:
            return None
        key = self.settled(key)
        return self.ids.get(key) or tail(key)

    def mapped(self, keys: pl.Series, meaning: Callable[[str], str | None]) -> pl.Series:
        """A column of keys as what each distinct one means."""
        distinct = keys.drop_nulls().unique()
        if not distinct.len():
            return keys
        meant = pl.Series([meaning(key) for key in distinct], dtype=pl.String)
        return keys.replace_strict(distinct, meant, default=None, return_dtype=pl.String)

    def with_ids(self, frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """A frame whose columns of keys hold ids."""
        return frame.with_columns(self.mapped(frame[name], self.id_of).alias(name) for name in columns)


def key_of(reference: Reference | None, place: Place) -> str | None:
    """The key of what a reference names; null where it names nothing. A name alone is no key (`name_key`)."""
    if reference is None:
        return None
    address = reference.reference
    if address:
        if address[0] == "#":
            return f"{place.key}{address}" if len(address) > 1 else place.key
        return _key(address)
    if reference.identifier is not None and reference.identifier.value:
        return identifier_key(reference.identifier)
    return None


def name_key(reference: Reference | None, place: Place) -> str | None:
    """As `key_of`; of a reference that only names, a key of that name."""
    key = key_of(reference, place)
    if key is None and reference is not None and reference.display:
        return f"named:{reference.display[:LONGEST_NAME]}"
    return key


@lru_cache(maxsize=100_000)
def _key(address: str) -> str:
    if address.startswith("urn:"):
        return address
    if conditional := CONDITIONAL.match(address):
        return identifier_key(Identifier(system=conditional[1] or None, value=conditional[2]))
    found = PLACE.search(address)
    return f"{found[1]}/{found[2]}" if found else address


def identifier_key(identifier: Identifier) -> str:
    """The key of whoever bears an identifier."""
    if is_npi(identifier):
        return f"npi:{identifier.value}"
    return f"identifier:{identifier.system or ''}|{identifier.value}"


def tail(key: str) -> str | None:
    """What a key says of something that was not read: the id, the identifier's value, the name."""
    if key.startswith("identifier:"):
        return key.rpartition("|")[2] or None
    if key.startswith(("npi:", "named:")):
        return key.partition(":")[2] or None
    if key.startswith("urn:"):
        return key.rpartition(":")[2] or None
    return key.rpartition("/")[2] or None


def raw_table(table: str, frame: pl.DataFrame, columns: Sequence[str], filled: bool = True) -> RawTable:
    """A frame of rows as a raw table; each row knows its file.

    `filled`: a column that no row fills is none that the files carry, so that what needs it does not run on it.
    """
    kept = [name for name in columns if not filled or frame[name].null_count() < frame.height]
    cells = frame.select(*kept, ROW)
    return RawTable("FHIR", table, cells, frame.height, files=frame[FILE])
