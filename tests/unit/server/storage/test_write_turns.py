"""Writers of one SQLite take turns in their order, and nobody is left out when one fails."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.server.storage.connecting import OneWriter, WriteTurns

WRITERS = 6
PATIENT_S, IMPATIENT_S = 10.0, 0.05

Connect = Callable[..., sqlite3.Connection]


@pytest.fixture
def turns() -> WriteTurns:
    return WriteTurns()


@pytest.fixture
def connect(tmp_path: Path, turns: WriteTurns) -> Iterator[Connect]:
    """Return what opens one connection more, of those that share the turns, to a database with a table `note`."""
    opened: list[sqlite3.Connection] = []

    def open_another(timeout_s: float = PATIENT_S) -> sqlite3.Connection:
        file = tmp_path / "notes.sqlite3"
        opened.append(OneWriter(turns, timeout_s, file, timeout=timeout_s, check_same_thread=False))
        return opened[-1]

    first = open_another()
    first.execute("PRAGMA journal_mode=WAL")
    first.execute("CREATE TABLE note (writer INTEGER PRIMARY KEY)")
    yield open_another
    for one in opened:
        one.close()


def test_writers_write_in_the_order_in_which_they_asked(connect: Connect, turns: WriteTurns) -> None:
    written: list[int] = []

    def write(writer: int) -> None:
        connection = connect()
        connection.cursor().execute("INSERT INTO note VALUES (?)", (writer,))
        written.append(writer)
        connection.commit()

    holder = connect()
    holder.cursor().execute("INSERT INTO note VALUES (-1)")
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for waiting, thread in enumerate(threads, 1):
        thread.start()
        until(lambda waiting=waiting: len(turns._waiting) == waiting)  # type: ignore[misc]  # each has asked before the next
    holder.commit()
    for thread in threads:
        thread.join(PATIENT_S)
    assert written == list(range(WRITERS))


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_the_turn_ends_with_the_transaction(connect: Connect, end: str) -> None:
    holder, next_one = connect(), connect()
    holder.cursor().execute("INSERT INTO note VALUES (1)")
    holder.cursor().execute("INSERT INTO note VALUES (2)")
    getattr(holder, end)()
    next_one.cursor().execute("INSERT INTO note VALUES (3)")
    next_one.commit()
    if end != "close":
        holder.cursor().execute("INSERT INTO note VALUES (4)")
        holder.commit()
    kept = {number for (number,) in next_one.execute("SELECT writer FROM note")}
    assert kept == {"commit": {1, 2, 3, 4}, "rollback": {3, 4}, "close": {3}}[end]


def test_a_write_that_failed_or_wrote_nothing_gives_its_turn_back(connect: Connect) -> None:
    holder, next_one = connect(), connect()
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        holder.cursor().execute("INSERT INTO nowhere VALUES (1)")
    holder.rollback()
    holder.cursor().execute("BEGIN IMMEDIATE")
    holder.rollback()
    next_one.cursor().executemany("INSERT INTO note VALUES (?)", [(2,), (3,)])
    next_one.commit()
    assert next_one.execute("SELECT count(*) FROM note").fetchone() == (2,)


def test_a_commit_that_failed_keeps_the_turn_until_it_is_rolled_back(connect: Connect, turns: WriteTurns) -> None:
    holder = connect()
    holder.execute("PRAGMA foreign_keys=ON")
    holder.execute("CREATE TABLE answer (note INTEGER REFERENCES note DEFERRABLE INITIALLY DEFERRED)")
    holder.cursor().execute("INSERT INTO answer VALUES (7)")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        holder.commit()
    assert not turns.take(IMPATIENT_S)
    holder.rollback()
    assert turns.take(IMPATIENT_S)


def test_who_only_reads_waits_for_nobody(connect: Connect) -> None:
    holder = connect()
    holder.cursor().execute("INSERT INTO note VALUES (1)")
    assert connect().execute("SELECT count(*) FROM note").fetchone() == (0,)


def test_a_turn_that_does_not_come_in_time_leaves_the_answer_to_sqlite(connect: Connect) -> None:
    holder, impatient = connect(), connect(IMPATIENT_S)
    holder.cursor().execute("INSERT INTO note VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        impatient.cursor().execute("INSERT INTO note VALUES (2)")
    impatient.rollback()
    holder.commit()
    impatient.cursor().execute("INSERT INTO note VALUES (2)")
    impatient.commit()


def test_a_writer_of_another_process_is_waited_for_as_before(connect: Connect, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "notes.sqlite3", check_same_thread=False)) as other:
        other.execute("INSERT INTO note VALUES (1)")
        threading.Timer(0.1, other.commit).start()
        connection = connect()
        connection.cursor().execute("INSERT INTO note VALUES (2)")
        connection.commit()
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (2,)


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENT_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.001)
