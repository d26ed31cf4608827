"""The database file: private, upgraded in one step, and clear about what is wrong."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import order, reference, subject
from tests.support.tools.stored_templates import stored_templates

pytestmark = pytest.mark.usefixtures("as_shipped")


def upgraded(file: Path) -> Database:
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    return database


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_the_database_and_its_side_files(tmp_path: Path) -> None:
    file = tmp_path / "data" / "test.sqlite3"
    before = os.umask(0o022)
    try:
        database = upgraded(file)
        with database.engine.connect() as connection:
            connection.execute(sqlalchemy.text("UPDATE watchlist_state SET version = 1"))
            found = {path.name: mode(path) for path in file.parent.iterdir()}
        assert found == {f"test.sqlite3{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}
        assert mode(file.parent) == 0o700
    finally:
        os.umask(before)
        database.close()


def test_a_commit_survives_a_power_cut_by_its_settings(tmp_path: Path) -> None:
    database = upgraded(tmp_path / "test.sqlite3")
    with database.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


@pytest.mark.parametrize("content", [b"this is no database, but a text" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "test.sqlite3"
    file.write_bytes(content)
    with pytest.raises(ProgramError, match="backup") as caught:
        upgraded(file)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert file.read_bytes() == content


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "test.sqlite3").mkdir()
    with pytest.raises(ProgramError, match=r"test\.sqlite3") as caught:
        upgraded(tmp_path / "test.sqlite3")
    assert caught.value.exit_code is Exit.UNAVAILABLE


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    database = upgraded(tmp_path / "test.sqlite3")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ProgramError, match="newer version") as caught:
        database.upgrade()
    database.close()
    assert caught.value.exit_code is Exit.CONFIG


def test_a_killed_upgrade_leaves_nothing_behind(tmp_path: Path) -> None:
    """What a first start has made when it is killed before its commit is gone, and the next start succeeds."""
    file = tmp_path / "test.sqlite3"
    killed = sqlite3.connect(file)
    killed.execute("PRAGMA journal_mode=WAL")
    killed.execute("BEGIN IMMEDIATE")
    killed.execute("CREATE TABLE subject (subject_id VARCHAR PRIMARY KEY)")
    killed.close()
    database = upgraded(file)
    assert WatchlistStore(database, keyring(database)).version() == 0
    database.close()


def test_programs_that_start_at_once_create_the_tables_once(tmp_path: Path) -> None:
    file = tmp_path / "test.sqlite3"
    failures: list[BaseException] = []

    def start() -> None:
        try:
            upgraded(file).close()
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ProgramError) as caught:
        Database(url)
    assert caught.value.exit_code is Exit.CONFIG


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: make setup brings it")
    database = Database("postgresql://officer:secret@127.0.0.1:1/list")
    with pytest.raises(ProgramError) as caught:
        database.upgrade()
    database.close()
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_text_that_is_no_utf8_harms_only_its_own_row(tmp_path: Path) -> None:
    database = upgraded(tmp_path / "test.sqlite3")
    store = WatchlistStore(database, keyring(database))
    store.put(subject("S-1"), order("O-1"), [reference(b"a", direction=1)])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"b", direction=2)])
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ban_order SET kind = CAST(x'ff' AS TEXT) WHERE order_id = 'O-1'")
        connection.exec_driver_sql("UPDATE template SET vector = 'text' WHERE rowid = 1")
    held = stored_templates(database)
    orders = store.get_subject("S-1").orders
    database.close()
    assert (held.subject_ids, held.unusable_templates) == (("S-2",), 1)
    assert orders == ()
