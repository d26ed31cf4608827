"""`database move`: a site that began on SQLite goes on in PostgreSQL, with all that it had; or nothing has changed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.app import app
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.columns import UtcDateTime
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.moving import SCHEMA, RowsRead
from cekalwatch.server.storage.snapshots.snapshot import current_state
from cekalwatch.server.storage.tables import all_tables
from cekalwatch.server.wiring.data_folder import hold_folder
from cekalwatch.v1 import adjudication_pb2
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.audit import signer
from tests.support.builders.keys import open_keys
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import Seat, events_until, port_office, sign_in
from tests.support.scenarios.server import CaptureClient, LateClock, face, list_astronaut, settings
from tests.support.tools.postgres import fresh_database

pytestmark = pytest.mark.slow

NOTE = "paspor dan wajah sesuai"
MOMENT = datetime(2026, 11, 26, 2, 3, 4, 567890, UTC)


@pytest.fixture
def target(postgres: str) -> Iterator[str]:
    """The address of an empty PostgreSQL."""
    with fresh_database(postgres) as address:
        yield address


@pytest.fixture
def site(tmp_path: Path) -> ServerSettings:
    """A site on SQLite without a server: a listed person, an administrator, a signed trail."""
    made: ServerSettings = settings(tmp_path / "data")
    list_astronaut(made)
    with closing(Database(made.database_address)) as database:
        open_keys(database)
        Office(database).hire(person("adi", PersonRole.ADMINISTRATOR))
        signer(AuditStore(database), made.data_dir, LateClock()).sign()
    (tmp_path / "server.toml").write_text(f'data_dir = "{made.data_dir}"\nlisten = "127.0.0.1:1"\n')
    return made


def move(site: ServerSettings, to: str, *more: str) -> str:
    """Run the command, and return what it printed; a refusal raises ProgramError."""
    config = site.data_dir.parent / "server.toml"
    outcome = CliRunner().invoke(app, ["database", "move", "--to", to, "--config", str(config), *more])
    if isinstance(outcome.exception, ProgramError):
        raise outcome.exception
    assert outcome.exit_code == Exit.OK, outcome.output
    return outcome.output


def schemas_and_tables(address: str) -> set[str]:
    """What anybody finds in the PostgreSQL."""
    with closing(Database(address)) as database, database.connection() as connection:
        look = sqlalchemy.inspect(connection)
        names = set(look.get_table_names()) | {"arrival" for name in look.get_schema_names() if name == SCHEMA}
        functions = sqlalchemy.text(
            "SELECT proname FROM pg_proc WHERE proname LIKE '%refuse' AND pg_function_is_visible(oid)"
        )
        return names | set(connection.scalars(functions))


def rows_of(database: Database) -> dict[str, RowsRead]:
    """What is in each table."""
    found = {table.name: RowsRead() for table in all_tables()}
    with database.connection() as connection:
        for table in all_tables():
            found[table.name].add(connection.execute(sqlalchemy.select(*table.columns)).all())
    return found


def value(column: Column[object]) -> object:
    """Something that the column takes, other than what it begins with."""
    for kind, made in (
        (Boolean, True),
        (Integer, 7),
        (Float, 0.1 + 0.2),
        (UtcDateTime, MOMENT),
        (JSON, {"b": 1.5, "a": ["é", None]}),
        (LargeBinary, b"\x00\xff"),
    ):
        if isinstance(column.type, kind):
            return made
    return "\u2603 ü"


def fill(table: Table) -> sqlalchemy.Insert:
    """A row, which belongs to one of each table to which it refers."""
    row = {
        column.name: sqlalchemy.select(next(iter(column.foreign_keys)).column).limit(1).scalar_subquery()
        if column.foreign_keys
        else value(column)
        for column in table.columns
    }
    return sqlalchemy.insert(table).values(row)


def test_every_row_of_every_table_comes(site: ServerSettings, target: str) -> None:
    """Rows that nobody has signed stay what they are: refused there as here."""
    with closing(Database(site.database_address)) as database:
        with database.engine.begin() as connection:
            for table in all_tables():
                if connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) == 0:
                    connection.execute(fill(table))
        before, state = rows_of(database), current_state(database)
    assert min(one.count for one in before.values()) > 0
    told = move(site, target)
    assert "As before: alert/" in told
    with closing(Database(target)) as database:
        after = rows_of(database)
        for name in ("audit_entry", "audit_index", "audit_head"):  # that it was moved
            assert after.pop(name).count >= before.pop(name).count
        assert after == before
        assert current_state(database).revision == state.revision
        last = list(AuditStore(database).links())[-1]
        assert (last.action, last.sequence) == (Action.DATABASE_MOVED, state.entries + 1)
        with database.engine.begin() as connection:
            events = next(table for table in all_tables() if table.name == "alert_event")
            row = dict(connection.execute(sqlalchemy.select(*events.columns)).first()._mapping)  # type: ignore[union-attr]
            first = row.pop("sequence")
            assert connection.execute(sqlalchemy.insert(events).values(row)).inserted_primary_key == (first + 1,)
        with pytest.raises(sqlalchemy.exc.DBAPIError), database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_entry")  # the triggers are there too
    assert "arrival" not in schemas_and_tables(target)


async def test_a_moved_site_recognises_faces_and_has_its_adjudications(tmp_path: Path, target: str) -> None:
    people = {"budi": (), "rina": (PersonRole.SUPERVISOR,)}
    port = port_office(tmp_path / "site", people, grouping_window_seconds=0)
    site = port.site
    async with port.open():
        officer, supervisor = await port.sign_in("budi"), await port.sign_in("rina")
        judged = await port.raise_alert("1")
        referred = await officer.judge(await officer.claim(judged), note=NOTE)
        confirmed = await supervisor.confirm(referred)
        await supervisor.follow_up(confirmed)
    config = tmp_path / "site" / "server.toml"
    config.write_text(f'data_dir = "{port.settings.data_dir}"\nlisten = "127.0.0.1:1"\n')
    told = CliRunner().invoke(app, ["database", "move", "--to", target, "--config", str(config)])
    assert told.exit_code == Exit.OK, told.output
    assert "1 alerts, 2 people" in told.output
    assert "every signed row stands as it was written" in told.output

    with pytest.raises(ProgramError, match="is gone or empty"):  # who forgets the settings begins nothing anew
        async with Server(port.settings):
            pass
    moved = port.settings.model_copy(update={"database_url": target})
    async with Server(moved) as server, AsyncExitStack() as calls:
        address = f"127.0.0.1:{server.port}"
        files = site.device(DeviceRole.NOTIFIER, officer.agent_id)
        seat = Seat(await calls.enter_async_context(site.dialer(address, files).aio_channel()), officer.agent_id)
        seat.token = officer.token
        kept = await seat.get(judged)  # the session came as well
        assert [one.note for one in kept.handling.findings] == [NOTE, ""]
        assert kept.handling.follow_ups[0].agency == "Kejaksaan Agung"
        assert kept.handling.findings[-1].outcome == adjudication_pb2.OUTCOME_CONFIRMED
        seat.token = await sign_in(seat.channel, "budi")
        events = seat.subscribe(named=True)
        assert (await events.read()).HasField("subscribed")
        camera_files = site.device(DeviceRole.CAMERA, "dep-1")
        channel = await calls.enter_async_context(site.dialer(address, camera_files).aio_channel())
        camera = await CaptureClient.open(channel)
        assert (await camera.receipt(face(track="2")))[0] == "ACCEPTED"
        came = await events_until(events, lambda event: event.alert.alert_id != judged)
        assert (await seat.look(came[-1].alert)).subject.subject_id == "S-1"
        events.cancel()
    for command in (["audit", "verify"], ["rows", "check"]):
        config.write_text(f'data_dir = "{moved.data_dir}"\ndatabase_url = "{target}"\n')
        outcome = CliRunner().invoke(app, [*command, "--config", str(config)])
        assert outcome.exit_code == Exit.OK, outcome.output


def test_a_move_that_is_killed_leaves_all_as_it_was_and_is_done_again(site: ServerSettings, target: str) -> None:
    with closing(Database(site.database_address)) as database:
        before = rows_of(database)
    killed = f"""
import os, signal
from datetime import UTC, datetime
from pathlib import Path
from cekalwatch.server.backup.moving import move_database
from cekalwatch.server.settings.settings import ServerSettings
move_database(
    ServerSettings.load(Path({str(site.data_dir.parent / "server.toml")!r})), {target!r}, datetime.now(UTC),
    lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done > total / 2 else None,
)
"""
    done = subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert schemas_and_tables(target) <= {"arrival"}, "no server finds half a database"
    with closing(Database(site.database_address)) as database:
        assert rows_of(database) == before
    move(site, target)
    with closing(Database(target)) as database:
        assert rows_of(database)["subject"] == before["subject"]


def test_nobody_writes_meanwhile(site: ServerSettings, target: str) -> None:
    from cekalwatch.server.backup.moving import move_database

    refused = []

    def write(_done: int, _total: int) -> None:
        with closing(sqlite3.connect(site.data_dir / "cekalwatch.sqlite3", timeout=0)) as other:
            try:
                other.execute("UPDATE watchlist_state SET version = version + 1")
            except sqlite3.OperationalError as error:
                refused.append(str(error))

    moved = move_database(site, target, MOMENT, write)
    assert refused
    assert set(refused) == {"database is locked"}
    assert moved.old_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("case", ["running", "used", "password", "sqlite", "moved", "damaged", "strange", "away"])
def test_what_is_refused_changes_nothing(case: str, site: ServerSettings, target: str) -> None:
    file, address, words = site.data_dir / "cekalwatch.sqlite3", target, ""
    config = site.data_dir.parent / "server.toml"
    with ExitStack() as stack:
        change = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
        if case == "running":
            hold_folder(site.data_dir, stack)
            words = "Another server works in"
        elif case == "used":
            with closing(Database(target)) as database:
                database.upgrade()
            words = "There is something in the database"
        elif case == "password":
            address, words = "postgresql://cekalwatch:geheim@127.0.0.1/cekalwatch", "passfile=FILE"
        elif case == "sqlite":
            address, words = "sqlite:////tmp/other.sqlite3", "must be PostgreSQL"
        elif case == "moved":
            config.write_text(config.read_text() + f'database_url = "{target}"\n')
            words = "there is nothing to move"
        elif case == "damaged":
            change.execute("INSERT INTO agent VALUES ('pc' || char(0), 0, '2026-01-01')")
            words = "A row of the table agent cannot be taken over"
        elif case == "strange":
            change.execute("CREATE TABLE notes (note TEXT)")
            words = "not this program's, and would be lost: notes"
        else:
            address, words = "postgresql://cekalwatch@127.0.0.1:1/cekalwatch", "cannot be used"
        change.close()
        before = schemas_and_tables(target)
        content = file.read_bytes()
        with pytest.raises(ProgramError, match=words) as caught:
            move(site, address)
        assert "geheim" not in str(caught.value)
        assert file.read_bytes() == content
        assert schemas_and_tables(target) == before


def test_an_older_database_is_upgraded_first(site: ServerSettings, target: str) -> None:
    with closing(sqlite3.connect(site.data_dir / "cekalwatch.sqlite3")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ProgramError, match="of another version"):
        move(site, target)


def test_another_master_key_is_noticed_before_servers_see_it(site: ServerSettings, target: str) -> None:
    key = site.data_dir / "master.key"
    key.rename(site.data_dir / "away.key")
    with pytest.raises(ProgramError):
        move(site, target)
    assert schemas_and_tables(target) == set()
    assert (site.data_dir / "cekalwatch.sqlite3").exists()
