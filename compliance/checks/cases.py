"""Cases of a rule: a sentence and small tables that a compliance officer can read, write and run.

A case file is a list of cases beside its rule. Conventions, the only ones:

- tables are text, columns parted by `|`, the first row names them; an empty cell is an absent fact;
- several dates in one cell are several rows (`2026-03-02, 03-04` takes the year of the one before);
- columns that are not named take the stated defaults (patient P1, PT, payer as `payer:` says, 97530, therapist T1);
- rows that others refer to (claims, the payer, therapists, the clinic) are added where not given;
- each line was allowed its charge, unless the case gives remittances or fees or says `unpaid: true`;
- `finds`, `cannot_tell` and `passes` say what must come out: a table, `nothing`, or (passes) a number.
"""

import io
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from compliance.records.load import Records, from_frames
from compliance.records.models import TABLES, schema
from compliance.strict_yaml import did_you_mean, read_own

DEFAULT_AS_OF = date(2026, 12, 31)
SAID = ("case", "example", "source", "note", "payer", "policy", "setting", "state", "as_of", "finds", "cannot_tell",
        "passes", "not_applicable", "not_run", "severity", "without", "unpaid")  # fmt: skip
DATE_LIST = re.compile(r"^\d{4}-\d\d-\d\d(?:,\s*(?:\d{4}-)?\d\d-\d\d)+$")

STAFF = """
therapist_id | name       | discipline | role      | credential | clinic_id
T1           | Ana Ortiz  | PT         | therapist | DPT        | CL1
T2           | Ben Cole   | PT         | therapist | PT         | CL1
A1           | Cy Dunn    | PT         | assistant | PTA        | CL1
S1           | Di Evans   | PT         | student   | SPT        | CL1
X1           | Ed Fox     | PT         | aide      |            | CL1
O1           | Fay Gray   | OT         | therapist | OTR/L      | CL1
OA1          | Gil Hart   | OT         | assistant | COTA       | CL1
L1           | Hana Ito   | SLP        | therapist | CCC-SLP    | CL1
LA1          | Ira Jones  | SLP        | assistant | SLPA       | CL1
"""
"""The people every case may name."""


@dataclass(frozen=True)
class Case:
    """One case: its sentence, what it shows, the records it describes and what must come out of the rule."""

    sentence: str
    said: dict[str, Any]
    tables: dict[str, str]

    @property
    def payer(self) -> str:
        """The kind of the payer."""
        return self.said.get("payer", "medicare")

    @property
    def as_of(self) -> date:
        """The day on which overdue is judged."""
        return self.said.get("as_of", DEFAULT_AS_OF)

    @property
    def policy(self) -> dict[str, Any]:
        """Parameter values that this case sets for its payer, whatever the policy files say."""
        return self.said.get("policy", {})

    def records(self) -> Records:
        """The case's records, completed with the defaults."""
        records = from_frames(self.frames)
        refused = records.report.refusals
        if refused:
            first = refused[0]
            raise ValueError(
                f"{self.sentence}: {first.table}.{first.column} {first.found!r} (expected {first.expected})"
            )
        return records

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables of `records`, as text."""
        frames = {name: table(text) for name, text in self.tables.items()}
        for name, frame in frames.items():
            self._known_columns(name, frame)
        complete = _completed(
            frames, self.payer, self.said.get("setting", "private_practice"), self.said.get("state")
        )
        if not (self.said.get("unpaid") or {"remittances", "fees"} & set(frames)):
            complete["remittances"] = _with_all_columns("remittances", _allowed(complete["claim_lines"]))
        for column in self.said.get("without", []):
            name, _, dropped = column.partition(".")
            if dropped:
                complete[name] = complete[name].drop(dropped)
            else:
                del complete[name]
        return complete

    def _known_columns(self, name: str, frame: pl.DataFrame) -> None:
        """Refuse a column that the table does not have; one on `claim_lines` may be of its claim."""
        known = {**schema(name), **(schema("claims") if name == "claim_lines" else {})}
        for column in frame.columns:
            if column not in known:
                hint = did_you_mean(column, known)
                raise ValueError(f"case {self.sentence!r}: {name} has no column {column}.{hint}")


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, none where it is absent.

    Raises ValueError naming the file, the case and the word that is not understood, or that is there twice.
    """
    if not path.exists():
        return []
    cases = []
    for number, entry in enumerate(read_own(path), 1):
        tables = {name: text for name, text in entry.items() if name in TABLES}
        unknown = set(entry) - set(tables) - set(SAID)
        if unknown or "case" not in entry:
            raise ValueError(
                f"{path.name}, case {number}: {', '.join(sorted(unknown)) or 'no sentence (case: …)'}"
            )
        cases.append(Case(entry["case"], {k: v for k, v in entry.items() if k in SAID}, tables))
    return cases


def table(text: str) -> pl.DataFrame:
    """A `|` table as a frame of strings; empty cells are null; a list of dates in a cell becomes rows."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if line.strip()]
    header, body = rows[0], rows[1:]
    expanded: list[dict[str, str | None]] = []
    for row in body:
        if len(row) != len(header):
            raise ValueError(f"{len(row)} cells under {len(header)} columns: {' | '.join(row)}")
        record = dict(zip(header, row, strict=True))
        several = [name for name, cell in record.items() if DATE_LIST.match(cell)]
        days = _days(record[several[0]]) if several else [None]
        for day in days:
            written = {**record, **({several[0]: day} if day else {})}
            expanded.append(
                {name: cell.replace("\\n", "\n") if cell else None for name, cell in written.items()}
            )
    return pl.DataFrame(expanded, schema=dict.fromkeys(header, pl.String), orient="row")


def _days(cell: str) -> list[str]:
    days: list[str] = []
    for part in (piece.strip() for piece in cell.split(",")):
        days.append(part if len(part) == 10 else f"{days[-1][:4]}-{part}")
    return days


def _completed(
    frames: dict[str, pl.DataFrame], payer: str, setting: str, state: str | None
) -> dict[str, pl.DataFrame]:
    """Fill defaults and add the rows that the given ones refer to."""
    lines = _numbered(frames.get("claim_lines"), "line", "C", "claim_id")
    extra = [c for c in lines.columns if c not in schema("claim_lines")]
    claims = _defaulted(
        frames.get("claims", lines.select("claim_id", *extra).unique("claim_id", maintain_order=True)),
        {
            "patient_id": "P1",
            "payer_id": "PAYER",
            "clinic_id": "CL1",
            "frequency_code": "1",
            "status": "paid",
        },
    )
    lines = _defaulted(
        lines.drop(extra),
        {"cpt": "97530", "units": "1", "charge": "100", "modifiers": "GP", "therapist_id": "T1"},
    )
    notes = _defaulted(
        _numbered(frames.get("notes"), "note_id", "N"),
        {
            "patient_id": "P1",
            "discipline": "PT",
            "clinic_id": "CL1",
            "kind": "treatment",
            "therapist_id": "T1",
        },
    )
    people = table(STAFF)
    if "therapists" in frames:
        given = frames["therapists"]
        people = pl.concat([given, people.join(given.select("therapist_id"), on="therapist_id", how="anti")],
                           how="diagonal")  # fmt: skip
    complete = {
        **frames,
        "claim_lines": lines,
        "claims": claims,
        "notes": notes,
        "therapists": people,
        "clinics": frames.get("clinics", _clinic(setting, state)),
        "payers": frames.get(
            "payers", pl.DataFrame({"payer_id": ["PAYER"], "name": [payer], "kind": [payer]})
        ),
        "interventions": _defaulted(_numbered(frames.get("interventions"), "line", "", "note_id"), {"cpt": "97530"}),
    }  # fmt: skip
    for name in ("plans_of_care", "goals"):
        if name in frames:
            complete[name] = _defaulted(
                _numbered(frames[name], next(iter(TABLES[name].keys)), name[0].upper()),
                {"patient_id": "P1", "discipline": "PT"}
                if name == "plans_of_care"
                else {"plan_id": "P1", "status": "open"},
            )
    return {name: _with_all_columns(name, frame) for name, frame in complete.items()}


def _allowed(lines: pl.DataFrame) -> pl.DataFrame:
    """A remittance of each line that allowed its charge."""
    return lines.select("claim_id", "line", paid_on=pl.lit("2026-12-31"), allowed="charge")


def _clinic(setting: str, state: str | None) -> pl.DataFrame:
    row = {"clinic_id": ["CL1"], "name": ["Elm Street"], "setting": [setting], "state": [state]}
    return pl.DataFrame(row, schema_overrides={"state": pl.String})


def _numbered(frame: pl.DataFrame | None, column: str, prefix: str, group: str | None = None) -> pl.DataFrame:
    """Give rows without a key one: notes N1, N2 …; lines 1, 2 … within their claim or note."""
    if frame is None:
        frame = pl.DataFrame(schema={column: pl.String, **({group: pl.String} if group else {})})
    if group and group not in frame.columns:
        names = [f"{prefix or 'N'}{i}" for i in range(1, frame.height + 1)]
        frame = frame.with_columns(pl.Series(group, names, dtype=pl.String))
    if column not in frame.columns:
        if group:
            frame = frame.with_columns(
                pl.int_range(1, pl.len() + 1).over(group).cast(pl.String).alias(column)
            )
        else:
            names = [f"{prefix}{i}" for i in range(1, frame.height + 1)]
            frame = frame.with_columns(pl.Series(column, names, dtype=pl.String))
    return frame


def _defaulted(frame: pl.DataFrame, defaults: dict[str, str]) -> pl.DataFrame:
    missing = {name: value for name, value in defaults.items() if name not in frame.columns}
    return frame.with_columns(**{name: pl.lit(value) for name, value in missing.items()})


def _with_all_columns(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Every column of the contract, so that a case speaks of facts, never of an export's shape (see `without`)."""
    absent = [column for column in schema(name) if column not in frame.columns]
    return frame.with_columns(**{column: pl.lit(None, dtype=pl.String) for column in absent})


def shown(case: Case) -> str:
    """The case as Markdown: its sentence and its tables."""
    parts = [f"**{case.sentence}**"]
    for name, text in case.tables.items():
        parts.append(f"`{name}`\n\n{_markdown(text)}")
    return "\n\n".join(parts)


def _markdown(text: str) -> str:
    out = io.StringIO()
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if line.strip()]
    for number, row in enumerate(rows):
        out.write(f"| {' | '.join(row)} |\n")
        if number == 0:
            out.write(f"| {' | '.join('---' for _ in row)} |\n")
    return out.getvalue().rstrip()
