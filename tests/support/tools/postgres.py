"""A PostgreSQL for tests: the one that CEKALWATCH_TEST_POSTGRES names, or a cluster of this test run's own."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy

ADDRESS_VARIABLE = "CEKALWATCH_TEST_POSTGRES"
FIRST_WITH_STRATEGIES = 15
_PLACE = "postgres.txt"
"""The file with the folder of the server that several processes share."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the address of a server on which databases can be created, or skip the test with the reason."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        yield address
        return
    with own_postgres() as address:
        yield address


@contextmanager
def own_postgres() -> Iterator[str]:
    """Give the address of a server that nobody else uses, or skip the test with the reason."""
    node = PostgresNode(postgres_programs())
    try:
        node.make()
        node.start()
        yield node.address
    finally:
        node.close()


def shared_postgres(folder: Path) -> str:
    """Return the address of the server of all processes that share `folder`; the first of them starts it.

    It runs until `end_shared_postgres`. Skips the test where there is none.
    """
    if address := os.environ.get(ADDRESS_VARIABLE):
        return address
    programs = postgres_programs()
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = folder / _PLACE
        if place.exists():
            return PostgresNode(programs, folder=Path(place.read_text())).address
        node = PostgresNode(programs)
        place.write_text(str(node.folder))
        node.make()
        node.start()
        return node.address


def end_shared_postgres(folder: Path) -> None:
    """End the server that `shared_postgres` started, if it did."""
    place = folder / _PLACE
    if place.exists():  # else there may be no PostgreSQL here
        PostgresNode(postgres_programs(), folder=Path(place.read_text())).close()


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, or skip the test with the reason."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: make setup brings it")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        pytest.skip(f"no PostgreSQL in /usr/lib/postgresql, and {ADDRESS_VARIABLE} names none")
    return programs[-1]


@contextmanager
def fresh_database(server: str, encoding: str = "") -> Iterator[str]:
    """Give the address of a new database on `server` without tables; it goes when the block ends.

    With an `encoding` it keeps texts so, and sorts them by their bytes. Tests that need the server's tables take the
    fixture `postgres_database`, which is far cheaper.
    """
    name = f"cekalwatch_{uuid4().hex}"
    of = f"template0 ENCODING '{encoding}' LOCALE 'C'" if encoding else "template1"
    admin = sqlalchemy.create_engine(_driver(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        strategy = copy_strategy(int((connection.dialect.server_version_info or (0,))[0]))
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} TEMPLATE {of} {strategy}"))
    try:
        yield sqlalchemy.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def copy_strategy(version: int) -> str:
    """Return how a PostgreSQL of that version is told to copy files: where it may choose, it writes a journal of
    what it copies, and takes eight times as long."""
    return "STRATEGY FILE_COPY" if version >= FIRST_WITH_STRATEGIES else ""


class PostgresNode:
    """One PostgreSQL of this test run's own, in a folder of its own, whose processes may be killed.

    `close` ends it and removes its folder. Durability against the end of the machine is off unless `durable`: nobody
    needs the data later, and what a killed process has written stays.
    """

    def __init__(self, programs: Path, port: int = 0, *, durable: bool = False, folder: Path | None = None) -> None:
        """Prepare it; with a `port` it listens at 127.0.0.1, else at a socket in its folder alone.

        A `folder` is that of a node which another process made.
        """
        self._programs = programs
        self._as_owner: list[str] = []
        self._owner: pwd.struct_passwd | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            try:
                self._owner = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("PostgreSQL cannot run as root, and there is no user postgres")
            self._as_owner = ["runuser", "-u", "postgres", "--"]
        self.port = port
        self._durable = durable
        self.folder = folder or Path(tempfile.mkdtemp(prefix="cekalwatch-postgres-"))
        if self._owner and not folder:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self.data = self.folder / "data"
        self.log_file = self.folder / "server.log"
        self._commands_log = self.folder.parent / f"{self.folder.name}.log"

    @property
    def address(self) -> str:
        """Of its database `postgres`."""
        if self.port:
            return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def make(self) -> None:
        """Make an empty cluster."""
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")

    def make_copy_of(self, primary: PostgresNode) -> None:
        """Make a standby of another node, which runs, in place of what there is; it follows it once it is started."""
        shutil.rmtree(self.data, ignore_errors=True)
        source = f"host=127.0.0.1 port={primary.port} user=postgres"
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._run("pg_basebackup", "-D", str(self.data), "-d", source, *options)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = f"-c listen_addresses='127.0.0.1' -c port={self.port}" if self.port else "-c listen_addresses=''"
        durable = "on" if self._durable else "off"
        options = f"{listen} -c fsync={durable} -c unix_socket_directories='{self.folder}'"
        self._control("-o", options, "-w", "-l", str(self.log_file), "start")

    def promote(self) -> None:
        """Let a standby take writes, and wait until it does."""
        self._control("-w", "promote")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it by `pg_ctl`: smart, fast or immediate."""
        self._control("-m", mode, "-w", "stop")

    def kill(self) -> None:
        """End all its processes, as a power cut does."""
        processes = self._processes()
        for pid in processes:  # the postmaster first, so that it starts no other
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_lives(pid) for pid in processes):
            time.sleep(0.01)
        # Where nobody buries the dead, their lock files look as if they lived.
        (self.data / "postmaster.pid").unlink()
        for lock in self.folder.glob(".s.PGSQL.*"):
            lock.unlink()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop all its processes for the time of the block: it takes connections and answers nothing."""
        processes = self._processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def execute(self, statement: str) -> list[sqlalchemy.Row[Any]]:
        """Execute a statement outside any transaction, and return its rows."""
        engine = sqlalchemy.create_engine(_driver(self.address), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.exec_driver_sql(statement)
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()

    def set(self, name: str, value: str) -> None:
        """Set a parameter that needs no restart."""
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        """End it, if it runs, and remove its folder."""
        with suppress(FileNotFoundError):
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._commands_log.unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """Return the postmaster and its children; raises FileNotFoundError when it does not run."""
        postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        if not _lives(postmaster):
            raise FileNotFoundError(f"the postmaster {postmaster} has ended")
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.data), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        with self._commands_log.open("ab") as log:
            command = [*self._as_owner, str(self._programs / program), *arguments]
            subprocess.run(command, check=True, cwd="/", stdout=log, stderr=log)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _driver(address: str) -> str:
    return address.replace("postgresql://", "postgresql+psycopg://")
