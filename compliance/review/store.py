"""The database of the review data: opened by its address, migrated, written in whole transactions only.

SQLite in one file by default, PostgreSQL by address (`postgresql+psycopg://…`). One writer at a time: an act takes the
trail's lock first, so that the chain never forks and a bulk decision is there whole or not at all.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from compliance.formats import terminal
from compliance.review.decisions import COMMENT, DECISION_SCHEMA, STATUSES, Decision, stated
from compliance.review.errors import Conflict, ReviewError
from compliance.review.runs import RUN_FINDINGS, Run
from compliance.review.schema import decisions, run_findings, runs
from compliance.review.schema import trail as entries
from compliance.review.trail import FIRST, SEALED, UNREADABLE, Verdict, canonical, readable, seal
from compliance.review.trail import verify as follow

VARIABLE = "COMPLIANCE_REVIEW"
"""Environment variable with the database's address, or `off`."""
MIGRATIONS = Path(__file__).parent / "migrations"
WRITES = "compliance_writes"
LOCK = 60_401
"""PostgreSQL's advisory lock of the trail."""
BUSY_MS = 15_000
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
SHOWN = 200
"""Characters of an address that a message quotes."""
MOMENT = "%Y-%m-%dT%H:%M:%S%.f%:z"
DECIDED = ("status", "reason", "expires_on", "assignee", "due_on")
"""What one act says of all its findings."""
RUNS: dict[str, pl.DataType] = {
    "run": pl.Int64(), "run_id": pl.String(), "source": pl.String(), "records": pl.String(), "policies": pl.String(),
    "program": pl.String(), "as_of": pl.String(), "visits": pl.Int64(), "dollars": pl.Float64(),
}  # fmt: skip
SEEN_OF = ("rule", "patient_id", "claim_id", "note_id")
RUN_SCHEMA: dict[str, pl.DataType] = {
    "finding_id": pl.String(), "rule": pl.String(), "severity": pl.String(), "service_date": pl.String(),
    "patient_id": pl.String(), "therapist_id": pl.String(), "payer_id": pl.String(), "claim_id": pl.String(),
    "note_id": pl.String(), "amount": pl.Float64(), "message": pl.String(),
}  # fmt: skip


def default_url() -> str | None:
    """`COMPLIANCE_REVIEW` (None where it says `off`), else a SQLite file in the user's data folder."""
    told = os.environ.get(VARIABLE, "")
    if told:
        return None if told.lower() == "off" else told
    home = os.environ.get("XDG_DATA_HOME") or (Path.home() / ".local" / "share")
    return f"sqlite:///{Path(home) / 'therapy-compliance' / 'review.db'}"


def open_store(url: str | None = None, new: bool = True) -> "Store":
    """The review data at an address, its tables brought up to date. Raises ReviewError, one line.

    `new`: a file that is not there is made, else refused: what only reads must not find an empty trail in a slip.
    """
    address = url or default_url()
    if address is None:
        raise ReviewError(f"The review data is switched off ({VARIABLE}=off).")
    try:
        parsed = sa.make_url(address)
    except (SQLAlchemyError, ValueError):  # what they say may quote a piece of the password
        expected = "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        raise ReviewError(
            f"The review data cannot be opened: not an address of a database ({expected})"
        ) from None
    try:
        engine = _engine(parsed, new)
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            _lock(connection)
            _migrate(connection)
    except CommandError:
        because = "another version of this program wrote it, a newer one it seems; update this one"
        raise ReviewError(f"The review data cannot be opened ({_safe(parsed)}): {because}") from None
    except (SQLAlchemyError, OSError, ImportError, TypeError, ValueError) as error:
        raise ReviewError(f"The review data cannot be opened ({_safe(parsed)}): {_said(error)}") from None
    return Store(engine)


def _is_missing(url: sa.URL) -> bool:
    """Whether an address names a file that is not there."""
    named = url.database if url.get_backend_name() == "sqlite" else None
    return bool(named) and named != ":memory:" and not named.startswith("file:") and not Path(named).exists()


def _engine(url: sa.URL, new: bool) -> sa.Engine:
    if not new and _is_missing(url):
        raise ReviewError(f"The review data cannot be opened ({_safe(url)}): no such file")
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    if url.database and url.database != ":memory:":
        folder = Path(url.database).parent
        folder.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _of_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _of_sqlite(connection: Any, _: Any) -> None:
    """Readers do not wait for writers (WAL); transactions begin when we say so, not when the driver thinks.

    The patience comes first: of two that open a new file at once, one waits while the other turns it to WAL.
    """
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _to_wal(connection)


def _to_wal(connection: Any) -> None:
    """Turn the file to WAL; SQLite answers *locked* to that at once, whatever the patience, so it is asked again."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in LOCKED or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    """A writer takes the lock at once: two that both read first would else wait for each other for ever."""
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _migrate(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


class Store:
    """The review data: what people did, read as frames and written by acts.

    Each act is one transaction: its entry in the trail and what it wrote, or neither.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def decide(
        self,
        findings: Sequence[Mapping[str, Any]],
        decision: Decision,
        person: str,
        *,
        seen: Mapping[str, int] | None = None,
    ) -> int:
        """Decide findings (rows of the contract's columns) at once; returns the number of the trail's entry.

        `seen` maps a finding to the number of the last decision that the person saw (0 = none): where somebody decided
        since, Conflict is raised and nothing is written. Comments never conflict.
        """
        if not findings:
            raise ValueError("No finding is chosen.")
        rows = [
            {
                "finding_id": finding["finding_id"], "rule": finding["rule"], "status": decision.status,
                "reason": decision.reason.strip(), "expires_on": _day(decision.expires_on),
                "assignee": decision.assignee, "due_on": _day(decision.due_on), "stated": stated(finding),
            }
            for finding in findings
        ]  # fmt: skip
        detail = {name: rows[0][name] for name in DECIDED}
        each = [[row["finding_id"], row["rule"], row["stated"]] for row in rows]
        told: dict[str, Any] = {"findings": each, **detail}
        subject = str(rows[0]["finding_id"]) if len(rows) == 1 else f"{len(rows)} findings"
        with self._act() as connection:
            if seen and decision.status != COMMENT:
                _refuse_conflicts(connection, seen)
            entry = _append(connection, person, decision.status, subject, told)
            connection.execute(decisions.insert(), [{**row, "entry": entry} for row in rows])
        return entry

    def note(self, person: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> int:
        """Record an act that changes nothing else: a chart that was viewed, a file that was exported."""
        with self._act() as connection:
            return _append(connection, person, action, subject, detail or {})

    def keep(self, run: Run, person: str) -> bool:
        """Keep a run; False where the last kept run of its source is the same one."""
        if set(run.findings.columns) != set(RUN_FINDINGS):
            raise ValueError(f"A run keeps {', '.join(RUN_FINDINGS)}.")
        with self._act() as connection:
            last = connection.execute(
                sa.select(runs.c.run_id)
                .where(runs.c.source == run.source)
                .order_by(runs.c.run.desc())
                .limit(1)
            ).scalar()
            if last == run.run_id:
                return False
            told = {
                "run_id": run.run_id, "source": run.source, "records": run.records, "policies": run.policies,
                "program": run.program, "as_of": run.as_of.isoformat(), "visits": run.visits,
                "dollars": round(run.dollars, 2),
            }  # fmt: skip
            kept = run.findings.select(list(RUN_SCHEMA)).sort("finding_id").rows()
            entry = _append(connection, person, "run", run.run_id, {**told, "of_findings": _digest(kept)})
            number = connection.execute(
                runs.insert().returning(runs.c.run), {**told, "entry": entry}
            ).scalar_one()
            rows = [{"run": number, **dict(zip(RUN_SCHEMA, row, strict=True))} for row in kept]
            if rows:
                connection.execute(run_findings.insert(), rows)
        return True

    @readable()
    def decisions(self) -> pl.DataFrame:
        """Every decision and comment in the order in which they were taken: DECISION_SCHEMA."""
        columns = [decisions.c[name] for name in DECISION_SCHEMA if name in decisions.c]
        query = (
            sa.select(*columns, entries.c.person, entries.c.at)
            .join(entries, entries.c.entry == decisions.c.entry)
            .order_by(decisions.c.decision)
        )
        text = {name: pl.String() if kind == pl.Date() else kind for name, kind in DECISION_SCHEMA.items()}
        days = [name for name, kind in DECISION_SCHEMA.items() if kind == pl.Date()]
        return self._frame(query, text).with_columns(pl.col(days).str.to_date("%Y-%m-%d"))

    def runs(self, source: str | None = None) -> pl.DataFrame:
        """Kept runs, oldest first: run, run_id, source, records, policies, program, as_of, visits, dollars, at, person."""
        query = (
            sa.select(*(runs.c[name] for name in RUNS), entries.c.at, entries.c.person)
            .join(entries, entries.c.entry == runs.c.entry)
            .order_by(runs.c.run)
        )
        if source is not None:
            query = query.where(runs.c.source == source)
        schema = {name: RUNS.get(name, pl.String()) for name in (*RUNS, "at", "person")}
        return self._frame(query, schema)

    def findings_of(self, run: int) -> pl.DataFrame:
        """The findings that a run kept: RUN_FINDINGS."""
        query = sa.select(*(run_findings.c[name] for name in RUN_SCHEMA)).where(run_findings.c.run == run)
        return self._frame(query.order_by(run_findings.c.finding_id), RUN_SCHEMA)

    def seen_until(self, source: str, run: int) -> pl.Series:
        """The ids of every finding, those worth knowing apart, that a source's runs held up to and with run number `run`."""
        query = (
            sa.select(run_findings.c.finding_id)
            .join(runs, runs.c.run == run_findings.c.run)
            .where(runs.c.source == source, runs.c.run <= run, run_findings.c.severity != "info")
            .distinct()
            .order_by(run_findings.c.finding_id)
        )
        return self._frame(query, {"finding_id": pl.String()})["finding_id"]

    def first_seen(self, source: str) -> pl.DataFrame:
        """When each finding of a source's runs was first and last there.

        Columns: finding_id, rule, first and last (moments, ISO text), patient_id, claim_id, note_id, and info (whether it
        was never more than worth knowing).
        """
        of = {name: sa.func.min(run_findings.c[name]).label(name) for name in SEEN_OF}
        query = (
            sa.select(
                run_findings.c.finding_id,
                *of.values(),
                sa.func.min(entries.c.at).label("first"),
                sa.func.max(entries.c.at).label("last"),
                sa.func.min(sa.case((run_findings.c.severity == "info", 1), else_=0)).label("info"),
            )
            .join(runs, runs.c.run == run_findings.c.run)
            .join(entries, entries.c.entry == runs.c.entry)
            .where(runs.c.source == source)
            .group_by(run_findings.c.finding_id)
            .order_by(run_findings.c.finding_id)
        )
        schema: dict[str, pl.DataType] = dict.fromkeys(("finding_id", *SEEN_OF, "first", "last"), pl.String())
        return self._frame(query, {**schema, "info": pl.Int64()}).with_columns(pl.col("info") == 1)

    def save_overlay(self, name: str, text: str, person: str) -> None:
        """Keep a what-if under a name, a later one in place of an earlier; raises ValueError without a name."""
        if not name.strip():
            raise ValueError("Give it a name.")
        self.note(person, "overlay", name.strip(), {"text": text})

    def discard_overlay(self, name: str, person: str) -> None:
        """Take a saved what-if off the list; the trail keeps what it was."""
        self.note(person, "overlay discarded", name)

    @readable()
    def overlays(self) -> pl.DataFrame:
        """The saved what-ifs: name, person, at, text; the newest first."""
        kept: dict[str, tuple[str, str, str, str]] = {}
        told = self.trail().filter(pl.col("action").str.starts_with("overlay"))
        for row in told.iter_rows(named=True):
            kept.pop(row["subject"], None)
            if row["action"] == "overlay":
                date.fromisoformat(row["at"][:10])
                text = json.loads(row["detail"])["text"]
                kept[row["subject"]] = (row["subject"], row["person"], row["at"], text)
        schema = dict.fromkeys(("name", "person", "at", "text"), pl.String())
        return pl.DataFrame(list(reversed(kept.values())), schema=schema, orient="row")

    def mark(self, day: date, words: str, person: str) -> None:
        """Mark a day with what happened on it (a training); raises ValueError without words."""
        if not words.strip():
            raise ValueError("Say what happened on that day.")
        self.note(person, "day marked", words.strip(), {"day": day.isoformat()})

    def unmark(self, day: date, words: str, person: str) -> None:
        """Take a marked day off the charts; the trail keeps it."""
        self.note(person, "day unmarked", words, {"day": day.isoformat()})

    @readable()
    def marks(self) -> list[tuple[date, str]]:
        """The marked days with their words, the earliest first."""
        kept: set[tuple[date, str]] = set()
        told = self.trail().filter(pl.col("action").is_in(["day marked", "day unmarked"]))
        for row in told.iter_rows(named=True):
            mark = (date.fromisoformat(json.loads(row["detail"])["day"]), row["subject"])
            (kept.add if row["action"] == "day marked" else kept.discard)(mark)
        return sorted(kept)

    def acts(self, action: str, subject: str | None = None) -> pl.DataFrame:
        """The acts of one kind, in order: entry, at, person, subject, detail (JSON)."""
        names = ("entry", "at", "person", "subject", "detail")
        query = sa.select(*(entries.c[name] for name in names)).where(entries.c.action == action)
        if subject is not None:
            query = query.where(entries.c.subject == subject)
        schema = {name: pl.Int64() if name == "entry" else pl.String() for name in names}
        return self._frame(query.order_by(entries.c.entry), schema)

    def trail(self) -> pl.DataFrame:
        """Every entry of the trail in order: `trail.SEALED` and hash."""
        schema = {name: pl.Int64() if name == "entry" else pl.String() for name in (*SEALED, "hash")}
        return self._frame(sa.select(entries).order_by(entries.c.entry), schema)

    def head(self) -> tuple[int, str] | None:
        """Number and hash of the trail's last entry, to be printed; None of an empty trail."""
        query = sa.select(entries.c.entry, entries.c.hash).order_by(entries.c.entry.desc()).limit(1)
        with self._reading() as connection:
            last = connection.execute(query).first()
        return (last.entry, last.hash) if last else None

    def verify(self, head: str | None = None) -> Verdict:
        """Follow the chain, and hold every decision and run against the entry that it was written with.

        `head`, the hash of an entry that was printed once, must still be in the chain: else its end was cut off.
        """
        with self._reading() as connection:
            rows = connection.execute(sa.select(entries).order_by(entries.c.entry)).mappings()
            verdict = follow(rows)
            if verdict.fault:
                return verdict
            fault = _unsaid(connection) or _cut_off(connection, head)
        return Verdict(verdict.entries, verdict.head, fault)

    @contextmanager
    def _act(self) -> Generator[sa.Connection]:
        """A transaction that holds the trail's lock."""
        try:
            with self._engine.execution_options(**{WRITES: True}).begin() as connection:
                _lock(connection)
                yield connection
        except SQLAlchemyError as error:
            raise ReviewError(f"Nothing was written: {_said(error)}") from None
        except UnicodeError:
            raise ReviewError("Nothing was written: half a character, which no database keeps.") from None

    @contextmanager
    def _reading(self) -> Generator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise ReviewError(f"The review data cannot be read: {_said(error)}") from None

    @readable()
    def _frame(self, query: sa.Select[*tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        with self._reading() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        names = [column.name for column in query.selected_columns]
        frame = pl.DataFrame(rows, schema={name: schema[name] for name in names}, orient="row")
        if "at" in names and "hash" not in names:  # the trail itself is shown as it stands
            frame["at"].str.to_datetime(MOMENT)
        return frame.select(list(schema))


def _append(
    connection: sa.Connection, person: str, action: str, subject: str, detail: Mapping[str, Any]
) -> int:
    """Seal the next entry of the trail; the caller holds the lock."""
    last = connection.execute(
        sa.select(entries.c.entry, entries.c.hash).order_by(entries.c.entry.desc()).limit(1)
    ).first()
    row: dict[str, Any] = {
        "entry": last.entry + 1 if last else 1,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "person": person.strip() or "unknown",
        "action": action,
        "subject": subject,
        "detail": canonical(detail),
        "previous": last.hash if last else FIRST,
    }
    connection.execute(entries.insert(), {**row, "hash": seal(row)})
    return row["entry"]


def _digest(kept: Sequence[Sequence[Any]]) -> str:
    """The digest of a run's findings, in order of their ids."""
    return hashlib.sha256(canonical([list(row) for row in kept]).encode()).hexdigest()


def _refuse_conflicts(connection: sa.Connection, seen: Mapping[str, int]) -> None:
    """Raise Conflict where a finding has a later decision than the one that was seen."""
    query = (
        sa.select(decisions.c.finding_id, decisions.c.status, decisions.c.decision, entries.c.person)
        .join(entries, entries.c.entry == decisions.c.entry)
        .where(decisions.c.status != COMMENT, decisions.c.decision > min(seen.values()))
        .order_by(decisions.c.decision)
    )
    later = {
        row.finding_id: row
        for row in connection.execute(query)
        if row.finding_id in seen and row.decision > seen[row.finding_id]
    }
    if later:
        last = next(reversed(later.values()))
        more = f" and {len(later) - 1} more" if len(later) > 1 else ""
        raise Conflict(
            f"{last.person} decided {last.finding_id} ({last.status}){more} since you opened it. "
            "Nothing was written: look again, then decide."
        )


def _cut_off(connection: sa.Connection, head: str | None) -> str | None:
    if head is None:
        return None
    head = "".join(head.replace("\u200b", "").split())  # paper may break a long word where nobody sees it
    if connection.execute(sa.select(entries.c.entry).where(entries.c.hash == head)).first():
        return None
    return f"no entry bears the hash {head[:12]}…: entries were cut off, or it is another trail's"


def _unsaid(connection: sa.Connection) -> str | None:
    """The first decision or run that is not what its entry of the trail says; None where all are."""
    acts = connection.execute(sa.select(entries.c.entry, entries.c.action, entries.c.detail)).all()
    try:
        details = {act.entry: (act.action, json.loads(act.detail)) for act in acts}
        return _unsaid_decisions(connection, details) or _unsaid_runs(connection, details)
    except UNREADABLE:
        return "an entry, a decision or a run holds what this program does not write"


def _unsaid_decisions(connection: sa.Connection, details: Mapping[int, tuple[str, Any]]) -> str | None:
    told: dict[int, list[list[Any]]] = {}
    names = ("finding_id", "rule", "stated", *DECIDED)
    last = 0
    for row in connection.execute(sa.select(decisions).order_by(decisions.c.decision)).mappings():
        if row["entry"] < last:  # the last decision counts: which is last is for the trail to say
            return f"the decisions of entry {row['entry']} stand in another order than the trail"
        last = row["entry"]
        told.setdefault(row["entry"], []).append([row[name] for name in names])
    for entry, (action, detail) in sorted(details.items()):
        of_all = [detail.get(name) for name in DECIDED]
        said = [[*each, *of_all] for each in detail["findings"]] if action in STATUSES else []
        if said != told.pop(entry, []):
            return f"the decisions of entry {entry} are not those that the trail says"
    return f"decisions of entry {min(told)} have no entry in the trail" if told else None


def _unsaid_runs(connection: sa.Connection, details: Mapping[int, tuple[str, Any]]) -> str | None:
    kept = {row.entry: row for row in connection.execute(sa.select(runs).order_by(runs.c.run))}
    if list(kept) != sorted(kept):
        return "the runs stand in another order than the trail"
    said = {entry: detail for entry, (action, detail) in details.items() if action == "run"}
    for entry in sorted(kept.keys() | said.keys()):
        if entry not in kept or entry not in said:
            return f"the run of entry {entry} and the trail differ"
        row = kept[entry]._mapping
        columns = [run_findings.c[name] for name in RUN_SCHEMA]
        query = sa.select(*columns).where(run_findings.c.run == row["run"])
        found = sorted((tuple(each) for each in connection.execute(query)), key=lambda each: each[0])
        told = {name: row[name] for name in RUNS if name != "run"}
        if {**told, "of_findings": _digest(found)} != said[entry]:
            return f"the run of entry {entry} is not the one that the trail says"
    return None


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _safe(url: sa.URL) -> str:
    """An address without its password, which may stand among its options too."""
    told = url.set(query={}).render_as_string(hide_password=True)
    return terminal(told if len(told) <= SHOWN else f"{told[:SHOWN]}…")


def _said(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return terminal(said if len(said) <= SHOWN else f"{said[:SHOWN]}…")
