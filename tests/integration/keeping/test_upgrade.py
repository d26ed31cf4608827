"""`upgrade`: a database of an older version is refused everywhere, and changed by one command, after a backup."""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from typer.testing import CliRunner

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.restoring import look
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.storage.migrations import applying
from cekalwatch.server.storage.migrations.applying import Migrations
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import key_store, keyring
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.scenarios.sync import SyncBench, TestSource

NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9998", "{before}", None, None


def upgrade() -> None:
    op.create_table("added", sa.Column("name", sa.String(), primary_key=True))
    {then}
"""


class Site:
    """A site that this version made, and settings of it for the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings(folder / "data")
        list_astronaut(self.settings)
        self.identity, self.out = AgeIdentity.new(), folder / "backups"
        self.out.mkdir()
        self.config = folder / "server.toml"
        self.write(f'[backup]\nrecipients = ["{self.identity.public}"]\nfolder = "{self.out}"\n')

    def write(self, more: str, listen: str = "127.0.0.1:1") -> None:
        self.config.write_text(f'data_dir = "{self.settings.data_dir}"\nlisten = "{listen}"\n{more}')

    def program_with_another_migration(self, patch: pytest.MonkeyPatch, then: str = "") -> None:
        """Let the program need one migration more than the database has."""
        folder = self.folder / "migrations"
        shutil.copytree(applying.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        before = max(path.name.split("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))
        (folder / "versions" / "9998_next.py").write_text(NEXT.format(before=before, then=then))
        patch.setattr(applying, "MIGRATIONS", folder)

    @contextmanager
    def opened(self) -> Iterator[Database]:
        """The database with its keys."""
        with closing(Database(self.settings.database_address)) as database:
            key_store(database, self.settings.master_key_source)
            yield database

    def run(self, *words: str) -> str:
        outcome = CliRunner().invoke(app, [*words, "--config", str(self.config)])
        if isinstance(outcome.exception, ProgramError):
            raise outcome.exception
        assert outcome.exit_code == Exit.OK, outcome.output
        return outcome.output

    def state(self) -> tuple[Migrations, bool]:
        """How far the database is, and whether the new table is there."""
        with closing(Database(self.settings.database_address)) as database, database.connection() as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE name = 'added'"
            return database.migrations(), bool(connection.exec_driver_sql(query).scalar_one())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_nobody_changes_an_older_database_by_the_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.program_with_another_migration(monkeypatch)
    with pytest.raises(ProgramError, match="cekalwatch-server upgrade") as caught:
        async with Server(site.settings):
            pass
    assert caught.value.exit_code is Exit.CONFIG
    with pytest.raises(ProgramError, match="cekalwatch-server upgrade"):
        site.run("keys", "list")
    assert site.state() == (Migrations.OLDER, False)


def test_it_makes_a_backup_changes_the_tables_and_records_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.program_with_another_migration(monkeypatch)
    told = site.run("upgrade")
    (archive,) = site.out.iterdir()
    assert str(archive) in told
    assert look(archive, site.identity).database.revision != "9998", "the backup is of before"
    assert site.state() == (Migrations.AS_NEEDED, True)
    with closing(Database(site.settings.database_address)) as database:
        entries = list(AuditStore(database).links())
    assert [entry.action for entry in entries][-2:] == [Action.BACKUP_MADE, Action.DATABASE_UPGRADED]
    assert '"after":"9998"' in entries[-1].details.replace(" ", "")
    assert "nothing to do" in site.run("upgrade")
    assert len(list(site.out.iterdir())) == 1


def test_it_lists_the_entry_bans_that_a_nik_had_silenced(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [("S-1", "IDN"), ("S-2", "SGP"), ("S-3", "")]
    with site.opened() as database:
        store = WatchlistStore(database, keyring(database, site.settings.master_key_source))
        for number, (key, nationality) in enumerate(people, start=1):
            person = subject(key, nationality=nationality, nik=f"217101310180000{number}")
            store.put(person, order(f"T-{number}", subject_id=key, kind=OrderKind.TANGKAL))
    site.program_with_another_migration(monkeypatch)
    told = [line for line in site.run("upgrade").splitlines() if "NIK" in line]
    assert [line.split(":")[0] for line in told] == ["S-2, T-2", "S-3, T-3"]


def test_rows_of_tables_that_get_macs_are_signed_once(site: Site) -> None:
    with site.opened() as database:
        bench = SyncBench(database, TestSource())
        for number in range(2, 9):  # O-1 is listed already: 0.2.0 did not sign that an order moves
            bench.source.put(f"O-{number}")
        bench.done()
    with_tables_of(Path(site.settings.database_address.removeprefix("sqlite:///")), "0001")
    site.run("upgrade")
    with site.opened() as database:
        keys = key_store(database, site.settings.master_key_source)
        scan = RowScan(database, keys.guard)
        assert scan.all() == []
        with database.connection() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM list_inventory").scalar() == 1
        again = SyncBench(database, bench.source).done()
        assert (again.run_id, again.counts.unchanged) == (2, 7)


def with_tables_of(file: Path, revision: str) -> None:
    """Give a database the tables that the migrations up to `revision` make, with what it has for their columns."""
    older = file.with_suffix(".older")
    config = Config()
    config.set_main_option("script_location", str(applying.MIGRATIONS))
    with closing(Database(f"sqlite:///{older}")) as database, database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("ATTACH ? AS newer", (str(file),))
        for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            own, others = (
                [name for _, name, *_ in connection.execute(f"PRAGMA {schema}.table_info({table})")]
                for schema in ("main", "newer")
            )
            if table == "alembic_version" or not others:
                continue
            connection.execute(f"DELETE FROM {table} WHERE true")  # noqa: S608  # what migrations wrote
            values = ", ".join(name if name in others else "''" for name in own)
            connection.execute(f"INSERT INTO {table} ({', '.join(own)}) SELECT {values} FROM newer.{table}")  # noqa: S608
        connection.commit()
    older.replace(file)


def test_a_database_of_no_release_is_refused(site: Site) -> None:
    with closing(Database(site.settings.database_address)) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0022'")
    for command_ in ("upgrade", "keys list"):
        with pytest.raises(ProgramError, match=r"never released .0022.*restore a backup of a release") as caught:
            site.run(*command_.split())
        assert caught.value.exit_code is Exit.CONFIG
    assert list(site.out.iterdir()) == []


def test_without_a_backup_nothing_is_changed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.program_with_another_migration(monkeypatch)
    site.write("")
    with pytest.raises(ProgramError, match=r"folder in \[backup\]") as caught:
        site.run("upgrade")
    assert site.state() == (Migrations.OLDER, False)
    site.run("upgrade", *re.findall(r"--[a-z-]+", str(caught.value)))  # what it names is there, and does it
    assert site.state() == (Migrations.AS_NEEDED, True)


def test_a_migration_that_fails_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.program_with_another_migration(monkeypatch, then='op.drop_table("nobody_has_this")')
    with pytest.raises(ProgramError):
        site.run("upgrade")
    assert site.state() == (Migrations.OLDER, False)


def test_a_newer_database_and_a_running_server_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Database(site.settings.database_address)) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ProgramError, match="of a newer version"):
        site.run("upgrade")
    with closing(Database(site.settings.database_address)) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    site.program_with_another_migration(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:
        terms = f'[backup]\nrecipients = ["{site.identity.public}"]\nfolder = "{site.out}"\n'
        site.write(terms, f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ProgramError, match="A server runs"):
            site.run("upgrade")
    assert list(site.out.iterdir()) == []
