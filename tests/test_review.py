"""Decisions, runs and their trail: kept whole or not at all, on SQLite and on PostgreSQL, and proof against a later hand."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from compliance import views
from compliance.audit import audit
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import from_frames
from compliance.review import (
    Conflict,
    Decision,
    ReviewError,
    Run,
    dismissals,
    open_store,
    spot_checks,
    standing,
    worklist,
)
from compliance.review.clocks import clocks, owed
from compliance.review.decisions import DECISION_SCHEMA
from compliance.review.health import rule_health
from compliance.review.runs import Present, changes, kept_findings, run_of
from compliance.review.store import Store

ANA, BEN = "ana", "ben"
TODAY = date(2026, 7, 1)
SERVER = next((Path(each) for each in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def finding(number: int, **cells: Any) -> dict[str, Any]:
    """A finding of the contract's columns, as far as decisions read them."""
    return {
        "finding_id": f"UNIT-01-{number:012d}", "rule": "UNIT-01", "severity": "medium",
        "message": f"{number} minutes support no unit", "lines": '[{"amount": 10.0, "claim_id": "C1", "line": 1}]', **cells,
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this test run's own."""
    if SERVER is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres"))  # the server's own user cannot enter pytest's folders
    as_user = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "nobody")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    made = [
        *as_user,
        SERVER / "initdb",
        "-D",
        data,
        "-U",
        "clinic",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run(made, check=True, **quiet)
    settings = ["-c", f"port={port}", "-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1",
                "-c", "fsync=off"]  # fmt: skip
    server = subprocess.Popen([*as_user, SERVER / "postgres", "-D", data, *settings], **quiet)
    address = f"postgresql+psycopg://clinic@127.0.0.1:{port}/postgres"
    try:
        for _ in range(100):
            try:
                sa.create_engine(address).connect().close()
                break
            except sa.exc.OperationalError:
                time.sleep(0.1)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kept' / 'review.db'}"
    server = request.getfixturevalue("postgres")
    name = f"clinic_{abs(hash(request.node.name)) % 10**9}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    opened = open_store(address)
    yield opened
    opened.close()


# One server a test run: the tests that ask for it stay on one worker.
pytestmark = pytest.mark.xdist_group("review")


def test_one_decision_of_many_findings_is_a_record_each_and_one_entry(store: Store) -> None:
    plan = [finding(number) for number in range(23)]
    entry = store.decide(plan, Decision("confirmed", "one plan that nobody signed"), ANA)
    decided = store.decisions()
    assert decided.height == 23 and decided["status"].unique().to_list() == ["confirmed"]
    assert store.trail().select("entry", "person", "action", "subject").rows() == [
        (entry, ANA, "confirmed", "23 findings")
    ]
    assert store.verify().fault is None and store.verify().entries == 1


@pytest.mark.parametrize(
    ("status", "given", "said"),
    [
        ("dismissed", {}, "Say the reason"),
        ("dismissed", {"reason": "  "}, "Say the reason"),
        ("waived", {"reason": "payer agreed"}, "Say until when"),
        ("asked", {"assignee": "cy"}, "Say who is asked, and by when"),
        ("comment", {}, "A comment needs words"),
        ("deleted", {}, "there are confirmed, dismissed"),
    ],
)
def test_a_decision_without_what_it_needs_is_refused(status: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Decision(status, **given)


def test_the_last_decision_counts_and_a_comment_changes_nothing(store: Store) -> None:
    first, second = finding(1), finding(2)
    store.decide([first], Decision("dismissed", "minutes are on paper"), ANA)
    store.decide([first], Decision("confirmed"), BEN)
    store.decide([first, second], Decision("comment", "asked the front desk"), ANA)
    stands = standing(table(first, second), store.decisions(), TODAY)
    assert stands.select("status", "person", "comments").rows() == [("confirmed", BEN, 1), ("open", None, 1)]


def test_a_waiver_ends_a_question_falls_due_and_a_changed_finding_is_open_again(store: Store) -> None:
    waived, asked, dismissed, moved = (finding(number) for number in range(4))
    store.decide([waived], Decision("waived", "payer's letter", expires_on=date(2026, 6, 30)), ANA)
    store.decide([asked], Decision("asked", assignee="cy", due_on=date(2026, 6, 30)), ANA)
    store.decide([dismissed, moved], Decision("dismissed", "another day's minutes"), ANA)
    worse, dearer = (
        {**moved, "message": "4 minutes support no unit"},
        {**dismissed, "lines": dismissed["lines"].replace("10.0", "25.8")},
    )
    stands = standing(table(waived, asked, dearer, worse), store.decisions(), TODAY)
    assert stands.select("status", "note").rows() == [
        ("open", "waiver ended"), ("asked", "answer overdue"), ("dismissed", None), ("open", "changed since"),
    ]  # fmt: skip
    assert standing(table(waived), store.decisions(), date(2026, 6, 30))["status"].to_list() == ["waived"]
    told = dismissals(table(waived, asked, dearer, worse), store.decisions(), TODAY)
    assert told.select("finding_id", "reason", "person").rows() == [
        (dismissed["finding_id"], "another day's minutes", ANA)
    ]


def test_who_decides_what_another_decided_meanwhile_is_told_and_nothing_is_written(store: Store) -> None:
    one, two = finding(1), finding(2)
    seen = {row["finding_id"]: 0 for row in (one, two)}
    store.decide([one], Decision("confirmed"), BEN)
    with pytest.raises(Conflict, match="ben decided UNIT-01-000000000001"):
        store.decide([one, two], Decision("dismissed", "paper"), ANA, seen=seen)
    assert store.decisions().height == 1 and store.verify().entries == 1
    store.decide([one], Decision("comment", "talked"), ANA, seen=seen)
    latest = standing(table(one, two), store.decisions(), TODAY)
    again = dict(latest.select("finding_id", "decision").rows())
    store.decide([one, two], Decision("dismissed", "paper"), ANA, seen=again)
    assert standing(table(one, two), store.decisions(), TODAY)["status"].to_list() == [
        "dismissed",
        "dismissed",
    ]


def test_two_who_decide_at_once_lose_nothing(address: str) -> None:
    def decide(person: str) -> None:
        own = open_store(address)
        for number in range(20):
            own.decide([finding(number), finding(100 + number)], Decision("confirmed"), person)
        own.close()

    workers = [threading.Thread(target=decide, args=(person,)) for person in (ANA, BEN)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    kept = open_store(address)
    assert kept.decisions().height == 80 and kept.verify().fault is None and kept.verify().entries == 40
    kept.close()


def test_many_who_open_a_new_database_at_once_all_open_it(address: str) -> None:
    opened: list[Store] = []
    ready = threading.Barrier(8)

    def begin() -> None:
        ready.wait()
        opened.append(open_store(address))

    workers = [threading.Thread(target=begin) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(opened) == 8 and all(each.trail().is_empty() for each in opened)
    for each in opened:
        each.close()


INTERRUPTED = """
import sys, time
from compliance.review import Decision, open_store
import compliance.review.store as module
from tests.test_review import finding
original = module._append
def slow(*told):
    entry = original(*told)
    print("begun", flush=True)
    time.sleep(60)
    return entry
module._append = slow
open_store(sys.argv[1]).decide([finding(number) for number in range(500)], Decision("confirmed"), "ana")
"""


def test_a_kill_in_the_middle_of_a_bulk_decision_leaves_nothing_of_it(store: Store, address: str) -> None:
    store.decide([finding(1)], Decision("confirmed"), ANA)
    root = Path(__file__).parent.parent
    begun = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, address], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert begun.stdout is not None and begun.stdout.readline() == "begun\n"
    begun.kill()
    begun.wait()
    assert store.decisions().height == 1 and store.verify().entries == 1
    store.decide([finding(number) for number in range(500)], Decision("confirmed"), BEN)
    assert store.decisions().height == 501 and store.verify().fault is None


TAMPERED: dict[str, str] = {
    "UPDATE trail SET person = 'ben' WHERE entry = 2": "entry 2 was changed after it was written",
    "DELETE FROM decisions WHERE entry = 2; DELETE FROM trail WHERE entry = 2": "entry 2 is missing",
    "UPDATE decisions SET status = 'dismissed' WHERE entry = 2": "the decisions of entry 2 are not those",
    "DELETE FROM decisions WHERE entry = 2": "the decisions of entry 2 are not those",
    "UPDATE run_findings SET amount = 1": "the run of entry 4 is not the one that the trail says",
}


@pytest.mark.parametrize("command", TAMPERED)
def test_a_later_hand_is_refused_and_where_it_gets_through_the_trail_tells(
    command: str, store: Store
) -> None:
    for number in range(3):
        store.decide([finding(number)], Decision("confirmed"), ANA)
    store.keep(run([finding(1)]), ANA)
    with pytest.raises(ReviewError, match="append-only"), store._act() as connection:
        connection.execute(sa.text(command.split(";")[0]))
    with store._act() as connection:
        for each in ("trail", "decisions", "run_findings"):
            if connection.dialect.name == "sqlite":
                connection.execute(sa.text(f"DROP TRIGGER {each}_no_update"))
                connection.execute(sa.text(f"DROP TRIGGER {each}_no_delete"))
            else:
                connection.execute(sa.text(f"DROP TRIGGER {each}_append_only ON {each}"))
        for each in command.split(";"):
            connection.execute(sa.text(each))
    assert TAMPERED[command] in str(store.verify().fault)


SWAP = """UPDATE trail SET entry = -entry WHERE entry IN (2, 3);
UPDATE trail SET entry = 5 + entry WHERE entry < 0"""
BY_HAND: dict[str, str] = {
    SWAP: "entry 2 does not follow from entry 1",
    "UPDATE decisions SET decision = 9 WHERE entry = 2": "the decisions of entry 2 stand in another order than the trail",
    "UPDATE run_findings SET run = 9 WHERE run = 1; UPDATE runs SET run = 9 WHERE run = 1": "runs stand in another order",
    "DELETE FROM trail WHERE entry = 6": "decisions of entry 6 have no entry in the trail",
    "INSERT INTO decisions SELECT 9, 1, finding_id || 'x', rule, status, reason, expires_on, assignee, due_on, stated "
    "FROM decisions WHERE entry = 1": "the decisions of entry 1",
}


@pytest.mark.parametrize("commands", BY_HAND)
def test_who_holds_the_file_itself_moves_no_row_unseen(commands: str, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    for status in ("confirmed", "dismissed", "confirmed"):
        store.decide([finding(1)], Decision(status, "seen"), ANA)
    for records in ("r1", "r2"):
        store.keep(run([finding(1)], records=records), ANA)
    store.decide([finding(1)], Decision("dismissed", "corrected"), ANA)
    printed = store.verify().head
    store.close()
    with sqlite3.connect(tmp_path / "review.db") as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.executescript("".join(f"DROP TRIGGER {name};" for (name,) in triggers) + commands)
    connection.close()
    again = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    assert BY_HAND[commands] in str(again.verify().fault)
    assert again.verify(printed).fault


UNREADABLE = {
    "UPDATE trail SET detail = x'fffe' WHERE entry = 1": "entry 1 was changed",
    "UPDATE trail SET detail = cast(x'ff28' AS TEXT) WHERE entry = 1": None,
    "UPDATE trail SET detail = '{' WHERE entry > 1": "entry 2 was changed",
    "UPDATE trail SET detail = '[]' WHERE entry > 1": "entry 2 was changed",
    "UPDATE trail SET at = 'yesterday'": "entry 1 was changed",
    "UPDATE decisions SET expires_on = 'soon'": "the decisions of entry 1",
    "UPDATE decisions SET reason = x'00'": "the decisions of entry 1",
}
"""What a later hand writes, and what the trail then says (None: it cannot be read at all)."""


@pytest.mark.parametrize("command", UNREADABLE)
def test_what_a_later_hand_left_unreadable_is_told_in_a_line(command: str, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    store.decide([finding(1)], Decision("confirmed"), ANA)
    store.save_overlay("july", "id: medicare", ANA)
    store.mark(date(2026, 3, 1), "training", ANA)
    store.note(ANA, spot_checks.DRAWN, "a", {"source": "here"})
    store.close()
    _by_hand(tmp_path / "review.db", command)
    again = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    told = []
    for read in (again.decisions, again.overlays, again.marks, lambda: spot_checks.samples(again, "here")):
        try:
            read()
        except ReviewError as refusal:
            told.append(str(refusal))
    assert told and all(len(each.splitlines()) == 1 for each in told)
    if UNREADABLE[command]:
        assert UNREADABLE[command] in str(again.verify().fault)


def test_a_sealed_entry_that_says_nonsense_is_a_fault_of_the_trail(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    store.note(ANA, "confirmed", "F1", {"findings": 3})
    assert "holds what this program does not write" in str(store.verify().fault)


def test_what_nobody_can_see_is_no_reason_and_half_a_character_is_refused(store: Store) -> None:
    for unseen in ("\0", "\u200b", " \x1b\n"):
        with pytest.raises(ValueError, match="reason"):
            Decision("dismissed", unseen)
    with pytest.raises(ReviewError, match="Nothing was written: half a character"):
        store.decide([finding(1)], Decision("dismissed", "a \ud800"), ANA)
    assert store.head() is None


def _by_hand(file: Path, commands: str) -> None:
    """What somebody does who holds the file itself."""
    with closing(sqlite3.connect(file)) as connection, connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.executescript("".join(f"DROP TRIGGER {name};" for (name,) in triggers) + commands)


def test_a_saved_what_if_is_listed_until_it_is_discarded(store: Store) -> None:
    for name, text in (("july", "id: a"), ("august", "id: b"), ("july", "id: c")):
        store.save_overlay(name, text, ANA)
    assert store.overlays().select("name", "text").rows() == [("july", "id: c"), ("august", "id: b")]
    store.discard_overlay("july", BEN)
    assert store.overlays()["name"].to_list() == ["august"] and store.trail().height == 4
    with pytest.raises(ValueError, match="name"):
        store.save_overlay("  ", "id: a", ANA)


def test_a_marked_day_stands_until_it_is_taken_off(store: Store) -> None:
    store.mark(date(2026, 3, 2), "Training", ANA)
    store.mark(date(2026, 1, 5), "New EHR", ANA)
    assert store.marks() == [(date(2026, 1, 5), "New EHR"), (date(2026, 3, 2), "Training")]
    store.unmark(date(2026, 1, 5), "New EHR", BEN)
    assert store.marks() == [(date(2026, 3, 2), "Training")]


def test_a_spot_check_is_entries_of_the_trail_and_the_last_answer_counts(store: Store) -> None:
    asked = spot_checks.KeptSample("March", "clinic", "f" * 64, {"unit": "line"}, {"seed": 7})
    sample = spot_checks.keep_sample(store, asked, ANA)
    assert spot_checks.keep_sample(store, asked, BEN) == sample
    said = {"unit": "line#C1#1", "answer": "ok", "correct": 3662, "comment": "naïve"}
    spot_checks.keep_answer(store, sample, BEN, ANA, said, 12.34)
    spot_checks.keep_answer(store, sample, BEN, ANA, {**said, "answer": "cannot tell", "correct": None}, 3)
    store.note(ANA, spot_checks.VIEWED, sample, {"unit": "line#C1#1"})
    told = spot_checks.answers(store, sample)
    assert told.select("reviewer", "person", "answer", "correct", "seconds").rows() == [
        (BEN, ANA, "cannot tell", None, 3.0)
    ]
    assert spot_checks.samples(store, "clinic").select("sample_id", "name", "asked").rows() == [
        (sample, "March", '{"seed":7}')
    ]
    assert store.acts(spot_checks.ANSWERED).height == 2 and store.verify().entries == 4
    assert store.verify().fault is None


def test_a_trail_cut_off_at_its_end_does_not_hold_a_hash_printed_before(store: Store) -> None:
    store.decide([finding(1)], Decision("confirmed"), ANA)
    printed = store.verify().head
    assert store.head() == (1, printed)
    store.note(ANA, "view", "N1")
    assert store.verify(printed).fault is None
    assert store.verify(f"{printed[:28]}\u200b{printed[28:]}\n").fault is None, (
        "as it is copied from a printed page"
    )
    assert "cut off" in str(store.verify("f" * 64).fault)


def run(rows: list[dict[str, Any]], as_of: date = TODAY, records: str = "r1") -> Run:
    kept = pl.DataFrame(
        [
            {
                **dict.fromkeys(("service_date", "patient_id", "therapist_id", "payer_id", "note_id")),
                "claim_id": "C1", "amount": 10.0, **{name: row[name] for name in ("finding_id", "rule", "severity", "message")},
            }
            for row in rows
        ]
    )  # fmt: skip
    return Run("clinic", records, "p1", "0.1", as_of, 5, 10.0 * len(rows), kept)


def test_a_run_is_kept_once_and_the_next_one_says_what_changed(store: Store) -> None:
    assert store.keep(run([finding(1), finding(2)]), ANA)
    assert not store.keep(run([finding(1), finding(2)]), BEN)
    assert store.keep(run([finding(2)], records="r2"), ANA)
    assert store.keep(run([finding(1), finding(3)], records="r3"), ANA)
    kept = store.runs("clinic")
    assert kept.height == 3 and kept["run_id"].n_unique() == 3 and store.runs("another").is_empty()
    seen = store.first_seen("clinic")
    assert seen.height == 3
    now, last = store.findings_of(3), store.findings_of(2)
    present = Present(frozenset(["UNIT-01"]), pl.Series(["P1"]), pl.Series(["C1"]), pl.Series(["N1"]))
    ever = pl.concat([store.findings_of(1), last])["finding_id"]
    told = dict(changes(now, last, ever, present).select("finding_id", "change").rows())
    assert told == {
        finding(1)["finding_id"]: "reopened",
        finding(3)["finding_id"]: "new",
        finding(2)["finding_id"]: "fixed",
    }
    assert store.verify().fault is None


@pytest.mark.parametrize(
    "present",
    [
        Present(frozenset(["PR-01"]), pl.Series(["P1"]), pl.Series(["C1"]), pl.Series(["N1"])),
        Present(frozenset(["UNIT-01"]), pl.Series(["P1"]), pl.Series(["C2"]), pl.Series(["N1"])),
    ],
    ids=["its rule did not run", "its claim is no longer there"],
)
def test_what_could_not_be_judged_again_is_not_called_fixed(present: Present) -> None:
    now, last = run([finding(3)]).findings, run([finding(2)]).findings
    told = dict(changes(now, last, last["finding_id"], present).select("finding_id", "change").rows())
    assert told[finding(2)["finding_id"]] == "unseen"


def test_what_is_only_worth_knowing_is_neither_new_nor_fixed_until_it_is_more(store: Store) -> None:
    due, known, overdue = finding(1, severity="info"), finding(2, severity="info"), finding(1)
    for number, rows in enumerate(([due, known], [overdue], [due]), 1):
        store.keep(run(rows, records=f"r{number}"), ANA)
    first, second, third = (store.findings_of(number) for number in (1, 2, 3))
    present = Present(frozenset(["UNIT-01"]), pl.Series(["P1"]), pl.Series(["C1"]), pl.Series(["N1"]))
    told = changes(second, first, store.seen_until("clinic", 1), present)
    assert told.select("finding_id", "change").rows() == [(due["finding_id"], "new")]
    assert changes(third, second, store.seen_until("clinic", 2), present)["change"].to_list() == ["fixed"]


def test_the_store_is_opened_again_as_it_was_left(store: Store, address: str) -> None:
    store.decide([finding(1)], Decision("confirmed"), ANA)
    again = open_store(address)
    assert again.decisions().equals(store.decisions()) and again.decisions()["at"][0].endswith("+00:00")
    again.close()


@pytest.mark.parametrize(
    ("address_of", "said"),
    [
        (lambda folder: f"sqlite:///{folder}", "unable to open database file"),
        (lambda folder: "nonsense", "not an address of a database"),
        (lambda folder: "postgresql+psycopg://ana:secret@127.0.0.1:1/none", "ana:***@"),
        (lambda folder: f"sqlite:///{_garbage(folder)}", "file is not a database"),
        (
            lambda folder: f"sqlite:///{_of_version(folder, 'zz99')}",
            "another version of this program wrote it",
        ),
        (lambda folder: "postgresql://ana:secret@127.0.0.1:port/none", "not an address of a database"),
        (lambda folder: "postgresql+psycopg://ana@127.0.0.1:1/none?password=secret", "ana@127.0.0.1:1/none)"),
        (lambda folder: f"sqlite:///{folder}/review.db?timeout=long", "could not convert"),
        (lambda folder: f"sqlite:///{folder}/a\0b.db", "null byte"),
        (lambda folder: f"sqlite:///{folder}/{'long' * 2_000}.db", "unable to open"),
    ],
)
def test_an_address_that_cannot_be_opened_is_one_line_without_the_password(
    address_of: Callable[[Path], str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ReviewError) as refused:
        open_store(address_of(tmp_path))
    assert said in str(refused.value) and "secret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def _of_version(folder: Path, version: str) -> Path:
    open_store(f"sqlite:///{folder / 'newer.db'}").close()
    with closing(sqlite3.connect(folder / "newer.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    return folder / "newer.db"


def _garbage(folder: Path) -> Path:
    (folder / "review.db").write_bytes(b"no database" * 200)
    return folder / "review.db"


def test_the_migrations_make_the_tables_that_the_code_reads(address: str) -> None:
    """Alembic compares the migrated database with `schema.metadata`: nothing is to differ."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from compliance.review.schema import metadata

    opened = open_store(address)
    with opened._reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    opened.close()


def test_an_audits_findings_are_kept_with_their_day_and_dollars() -> None:
    from datetime import datetime

    from compliance.findings import FINDING_SCHEMA

    row = dict.fromkeys(FINDING_SCHEMA) | finding(1) | {
        "service_date": datetime(2026, 3, 4), "claim_id": "C1", "amount_at_risk": 25.8,
    }  # fmt: skip
    kept = kept_findings(pl.DataFrame([row], schema=FINDING_SCHEMA)).row(0, named=True)
    assert (kept["service_date"], kept["amount"], kept["claim_id"]) == ("2026-03-04", 25.8, "C1")
    assert kept["message"] == "1 minutes support no unit" and "evidence" not in kept


def test_an_audit_is_a_run_and_says_what_it_could_judge() -> None:
    held = from_frames(
        {
            "notes": pl.DataFrame(
                {
                    "note_id": ["N1"],
                    "patient_id": ["P1"],
                    "service_date": ["2026-03-02"],
                    "kind": ["treatment"],
                }
            )
        }
    )
    result = audit(held, load_policies(), TODAY, select(["INT-03", "FRQ-02"]))
    kept = run_of(result, held, load_policies(), "clinic")
    assert kept.run_id == run_of(result, held, load_policies(), "elsewhere").run_id and len(kept.run_id) == 12
    assert kept.as_of == TODAY and kept.findings.height == result.findings.height
    present = Present.of(result, held)
    assert "FRQ-02" not in present.rules and present.notes.to_list() == ["N1"]


def test_a_rules_health_counts_what_reviewers_confirmed_and_how_long_it_took() -> None:
    found = table(*(finding(number) for number in range(4)), finding(9, rule="PR-01", finding_id="PR-01-9"))
    decided = pl.DataFrame(
        {
            "decision": [1, 2, 3, 4],
            "finding_id": [
                finding(0)["finding_id"],
                finding(1)["finding_id"],
                finding(1)["finding_id"],
                "gone",
            ],
            "rule": ["UNIT-01"] * 4,
            "status": ["dismissed", "dismissed", "confirmed", "comment"],
            "at": ["2026-07-03T08:00:00.000+00:00", *["2026-07-09T08:00:00.000+00:00"] * 3],
        }
    )
    seen = pl.DataFrame(
        {
            "finding_id": [*found["finding_id"], "gone"],
            "rule": [*found["rule"], "UNIT-01"],
            "first": ["2026-07-01T08:00:00.000+00:00"] * 6,
            "last": ["2026-07-09T08:00:00.000+00:00"] * 5 + ["2026-07-05T08:00:00.000+00:00"],
            "info": [False] * 6,
        }
    )
    coverage = pl.DataFrame(
        {"rule": ["UNIT-01", "PR-01"], "passed": [6, 0], "failed": [4, 1], "cannot_tell": [2, 7]}
    )
    told = rule_health(found, decided, seen, coverage)
    unit = told.filter(pl.col("rule") == "UNIT-01").row(0, named=True)
    assert (unit["findings"], unit["confirmed"], unit["decided"], unit["cannot_tell"], unit["judged"]) == (
        4,
        1,
        2,
        2,
        10,
    )
    assert (round(unit["share_low"], 3), round(unit["share_high"], 3)) == (0.095, 0.905)
    assert unit["days_to_clear"] == 4.0, "2, 8 and (gone since the run after Jul 5) 4 days"
    report = told.filter(pl.col("rule") == "PR-01").row(0, named=True)
    assert (report["decided"], report["share_low"], report["days_to_clear"], report["cannot_tell"]) == (
        0,
        None,
        None,
        7,
    )


def test_a_word_taken_back_and_a_finding_worth_knowing_count_for_no_rules_health(store: Store) -> None:
    kept = [finding(1), finding(2), finding(3, severity="info"), finding(4)]
    store.keep(run(kept), ANA)
    store.decide([finding(1)], Decision("confirmed"), ANA)
    store.decide([finding(1)], Decision("open"), ANA)
    store.decide([finding(2)], Decision("dismissed", "seen"), ANA)
    store.decide([finding(2)], Decision("comment", "as said"), BEN)
    coverage = pl.DataFrame({"rule": ["UNIT-01"], "passed": [0], "failed": [3], "cannot_tell": [0]})
    seen, decided = store.first_seen("clinic"), store.decisions()
    row = rule_health(table(*kept), decided, seen, coverage).row(0, named=True)
    assert (row["findings"], row["confirmed"], row["decided"]) == (3, 0, 1)
    assert row["days_to_clear"] == pytest.approx(0, abs=0.01), "of the dismissed one alone"
    left = table(finding(1), finding(3, severity="info"))
    elsewhere = Present(
        frozenset(["UNIT-01"]), pl.Series(["P1"]), pl.Series(["C9"]), pl.Series([], dtype=pl.String)
    )
    for there, cleared in ((None, 2), (elsewhere, 1)):
        told = rule_health(left, decided.filter(pl.col("status") != "dismissed"), seen, coverage, there)
        assert (told["days_to_clear"][0] is not None) == (cleared == 2), "gone with its claim is not repaired"


def test_a_confirmed_overpayment_starts_its_clock_and_a_finding_alone_starts_none() -> None:
    lines = pl.DataFrame(
        {"claim_id": ["C1", "C2"], "line": [1, 1], "allowed": [30.0, None], "payer_paid": [24.0, None]}
    )
    of_c2 = finding(2)["lines"].replace("C1", "C2")
    work = pl.DataFrame(
        [
            {**finding(number), "payer_id": payer, "claim_id": "C1", "lines": told, "amount_at_risk": 10.0,
             "confirmed_at": "2026-07-01T23:30:00.000+00:00" if status == "confirmed" else None}
            for number, (payer, status, told) in enumerate(
                [("M", "confirmed", finding(1)["lines"]), ("M", "open", finding(1)["lines"]),
                 ("M", "confirmed", of_c2), ("A", "confirmed", finding(1)["lines"])]
            )
        ]
    )  # fmt: skip
    told = clocks(work, lines, {"M": "medicare", "A": "auto"}, load_policies(), date(2026, 8, 1))
    row = told.row(0, named=True)
    assert told.height == 1, "open, unpaid, and a payer without such a rule have no clock"
    # the patient owed a fifth of the 10 dollars: the payer gets back what it paid
    assert (row["dollars"], row["identified_on"], row["due_on"]) == (
        8.0,
        date(2026, 7, 1),
        date(2026, 8, 30),
    )
    assert row["days_left"] == 29 and row["latest_on"] == date(2027, 2, 26), (
        "180 days of investigation, then 60"
    )


CLOCK_CASES: dict[str, tuple[list[tuple[str, str]], str | None]] = {
    "confirmed again": ([("confirmed", "2026-03-01"), ("confirmed", "2026-05-01")], "2026-04-30"),
    "somebody asked since": ([("confirmed", "2026-03-01"), ("asked", "2026-03-20")], "2026-04-30"),
    "waived since": ([("confirmed", "2026-03-01"), ("waived", "2026-03-20")], "2026-04-30"),
    "commented since": ([("confirmed", "2026-03-01"), ("comment", "2026-03-20")], "2026-04-30"),
    "dismissed since": ([("confirmed", "2026-03-01"), ("dismissed", "2026-03-20")], None),
    "taken back": ([("confirmed", "2026-03-01"), ("open", "2026-03-02")], None),
    "taken back, then confirmed": (
        [("confirmed", "2026-03-01"), ("open", "2026-03-02"), ("confirmed", "2026-03-09")],
        "2026-05-08",
    ),
    "asked before": ([("asked", "2026-02-01"), ("confirmed", "2026-03-01")], "2026-04-30"),
    "on a Saturday": ([("confirmed", "2026-02-28")], "2026-04-29"),
    "over a leap day": ([("confirmed", "2028-02-28")], "2028-04-28"),
}


def decided_on(*said: tuple[str, str]) -> pl.DataFrame:
    """Decisions on finding 1, each of a day at noon."""
    rows = [
        {"decision": number, "finding_id": finding(1)["finding_id"], "rule": "UNIT-01", "status": status, "reason": "why",
         "expires_on": date(2099, 1, 1) if status == "waived" else None, "assignee": None, "due_on": None,
         "stated": "", "person": ANA, "at": f"{day}T12:00:00.000+00:00"}
        for number, (status, day) in enumerate(said, 1)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=DECISION_SCHEMA)


def clock_of(decided: pl.DataFrame, recorded: pl.DataFrame | None = None) -> dict[str, Any] | None:
    found = table(finding(1, payer_id="M", claim_id="C1", amount_at_risk=10.0))
    work = found.join(standing(found, decided, TODAY), on="finding_id")
    lines = pl.DataFrame(
        {"claim_id": ["C1"], "line": [1], "allowed": [30.0], "payer_paid": [None]},
        schema_overrides={"payer_paid": pl.Float64},
    )
    told = clocks(work, lines, {"M": "medicare"}, load_policies(), TODAY, recorded)
    return told.row(0, named=True) if told.height else None


def test_a_line_of_two_confirmed_findings_is_owed_once() -> None:
    found = table(
        finding(1, payer_id="M", claim_id="C1", amount_at_risk=10.0),
        finding(
            2,
            payer_id="M",
            claim_id="C1",
            amount_at_risk=25.0,
            lines='[{"amount": 25.0, "claim_id": "C1", "line": 1}]',
        ),
    )
    decided = decided_on(("confirmed", "2026-03-01"), ("confirmed", "2026-03-01")).with_columns(
        finding_id=pl.Series(found["finding_id"])
    )
    work = found.join(standing(found, decided, TODAY), on="finding_id")
    lines = pl.DataFrame(
        {"claim_id": ["C1"], "line": [1], "allowed": [30.0], "payer_paid": [None]},
        schema_overrides={"payer_paid": pl.Float64},
    )
    running = clocks(work, lines, {"M": "medicare"}, load_policies(), TODAY)
    assert running["dollars"].sort().to_list() == [10.0, 25.0]
    assert owed(running, work, lines) == 25.0
    assert "2 confirmed overpayments, $25 that payers paid: the first" in views.worklist.clocks_sentence(
        running, 25.0
    )


@pytest.mark.parametrize("case", CLOCK_CASES)
def test_only_what_takes_a_confirmation_back_moves_its_clock(case: str) -> None:
    said, due = CLOCK_CASES[case]
    told = clock_of(decided_on(*said))
    assert (told and told["due_on"].isoformat()) == due


@pytest.mark.parametrize(
    ("days", "due"),
    [
        ({}, "2026-04-30"),
        ({"identified_on": "2026-02-20"}, "2026-04-21"),
        ({"identified_on": "2026-03-01", "investigation_from": "2026-03-01", "investigation_to": "2026-07-15"}, "2026-09-13"),
        ({"identified_on": "2026-03-01", "investigation_from": "2026-03-01"}, "2026-10-27"),
        ({"identified_on": "2026-03-01", "returned_on": "2026-04-02"}, None),
    ],
)  # fmt: skip
def test_an_overpayment_on_record_gives_its_own_days_and_stops_the_clock_once_returned(
    days: dict[str, str], due: str | None
) -> None:
    names = ("identified_on", "investigation_from", "investigation_to", "returned_on")
    row = {name: datetime.fromisoformat(days[name]) if name in days else None for name in names}
    recorded = pl.DataFrame(
        [{"overpayment_id": "O1", "finding_id": finding(1)["finding_id"], **row}],
        schema_overrides=dict.fromkeys(names, pl.Datetime("us")),
    )
    told = clock_of(decided_on(("confirmed", "2026-03-01")), recorded)
    assert (told and told["due_on"].isoformat()) == due


def worked(*changes: str) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {**finding(number, subject="plan" if number else "line"), "therapist_id": "T1", "patient_id": "P1",
             "payer_id": "MCR", "service_date": datetime(2026, 3, 4),
             "dollars": 10.0 * (number + 1), "status": "open", "note": None, "change": change}
            for number, change in enumerate(changes)
        ],
        schema_overrides={"note": pl.String},
    )  # fmt: skip


def test_causes_are_gathered_from_the_largest_down_and_their_shares_sum_to_one() -> None:
    work = pl.concat([worked("new", "same", "reopened"), worked("new").with_columns(finding_id=pl.lit("X"))])
    shares = pl.DataFrame({"finding_id": [finding(2)["finding_id"]] * 23, "share": [1.0] * 23})
    rows = worklist.gathered(work, shares, "cause", "dollars")
    assert rows["dollars"].to_list() == [30.0, 20.0, 20.0] and rows["lines"].to_list() == [23, 0, 0]
    assert rows.filter(pl.col("findings") == 2)["new"].to_list() == [2], (
        "two lines of one rule and therapist are one cause"
    )
    assert rows["cumulative"].to_list()[-1] == pytest.approx(1.0)
    assert worklist.chosen(work, rows.head(1).to_dicts())["finding_id"].to_list() == [
        finding(2)["finding_id"]
    ]
    assert (
        worklist.pareto_sentence(rows, "cause", "dollars", top=1)
        == "The first 1 of 3 causes hold 42.9 % of the dollars."
    )
    assert worklist.pareto_sentence(rows, "cause", "dollars") == "These 3 causes hold all of the dollars."
    assert worklist.pareto_sentence(rows.head(1), "cause", "dollars") == "One cause holds all of the dollars."
    by_rule = worklist.gathered(work, shares, "rule", "findings")
    assert by_rule.select("findings", "new", "reopened").rows() == [(4, 2, 1)]
    none = worklist.gathered(work.clear(), shares, "cause", "dollars")
    assert none.is_empty() and worklist.pareto_sentence(none, "cause", "dollars") == "No dollars are at risk."
