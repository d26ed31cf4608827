"""Snapshots of PostgreSQL: its own pg_dump and pg_restore, of a version that fits the server, over pipes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import sqlalchemy
from sqlalchemy.engine import Connection

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.moving import refuse_used
from cekalwatch.server.storage.snapshots.snapshot import CHUNK_BYTES, Snapshot, read_state

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian has the programs of each version of PostgreSQL."""
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_PLAIN = ("--no-owner", "--no-privileges")
"""The account of a restored database may have another name."""


class _Access(NamedTuple):
    """How the programs reach the database: the address is seen by every account of this machine, a password not."""

    address: str
    environment: dict[str, str]
    version: int
    """The server's major version."""


@contextmanager
def postgres_snapshot(database: Database) -> Iterator[Snapshot]:
    """Yield a snapshot of the database. Raises ProgramError, StorageError."""
    with database.one_state() as session:
        connection = session.connection()

        def row(query: str) -> tuple[object, ...] | None:
            found = connection.execute(sqlalchemy.text(query)).first()
            return None if found is None else tuple(found)

        access = _access(connection)
        state = read_state(row, sqlalchemy.inspect(connection).get_table_names())
        exported = row("SELECT pg_export_snapshot()") or ("",)
        arguments = (
            _program("pg_dump", access.version),
            "--format=custom",
            *_PLAIN,
            f"--snapshot={exported[0]}",
            f"--dbname={access.address}",
        )
        with _Program(arguments, access) as dump:
            yield Snapshot(state, dump.chunks(), None)


@contextmanager
def postgres_restoring(url: str) -> Iterator[_Program]:
    """Bring a dump back into an empty database, in one transaction. Raises ProgramError, StorageError."""
    with closing(Database(url)) as database:
        with database.connection() as connection:
            refuse_used(database, connection)
            access = _access(connection)
        arguments = (
            _program("pg_restore", access.version),
            "--single-transaction",
            "--exit-on-error",
            *_PLAIN,
            f"--dbname={access.address}",
        )
        with _Program(arguments, access) as restore:
            yield restore


class _Program:
    """A program of PostgreSQL with a pipe; when the block fails it is ended, and so is its transaction."""

    def __init__(self, arguments: tuple[str, ...], access: _Access) -> None:
        self._name = Path(arguments[0]).name
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end of the block
        self._process = subprocess.Popen(
            arguments, env=access.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        assert self._process.stdin is not None  # noqa: S101  # for the type checker
        assert self._process.stdout is not None  # noqa: S101
        self._given, self._output = self._process.stdin, self._process.stdout

    def __enter__(self) -> _Program:
        return self

    def chunks(self) -> Iterator[bytes]:
        """Yield its output. Raises ProgramError when it failed."""
        while chunk := self._output.read(CHUNK_BYTES):
            yield chunk
        self._end()

    def write(self, chunk: bytes) -> None:
        """Send it this input. Raises ProgramError when it failed."""
        try:
            self._given.write(chunk)
        except BrokenPipeError:
            self._end()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                with suppress(BrokenPipeError):
                    self._given.close()
                self._end()
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            for pipe in (self._given, self._output):
                with suppress(BrokenPipeError):
                    pipe.close()
            self._said.close()

    def _end(self) -> None:
        if self._process.wait() == 0:
            return
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines() or ["it said nothing"]
        raise ProgramError(f"{self._name} failed: {lines[0]}", Exit.UNAVAILABLE)


def _access(connection: Connection) -> _Access:
    info: Any = connection.connection.driver_connection.info  # type: ignore[union-attr]  # psycopg's
    environment = dict(os.environ)
    if info.password:
        environment["PGPASSWORD"] = info.password
    # Of several hosts, the one of this connection.
    address = f"{info.dsn} host='{info.host}' port='{info.port}'"
    return _Access(address, environment, info.server_version // 10_000)


def _program(name: str, version: int) -> str:
    """Return the program of that major version, or of the next one that there is. Raises ProgramError."""
    found = dict[int, str]()
    for path in [shutil.which(name), *map(str, DEBIAN_PROGRAMS.glob(f"*/bin/{name}"))]:
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            if (match := _VERSION.search(said)) and int(match[1]) >= version:
                found.setdefault(int(match[1]), path)
    if not found:
        raise ProgramError(
            f"There is no {name} of PostgreSQL {version} or newer on this machine: apt install "
            f"postgresql-client-{version}",
            Exit.MISSING_EXTRA,
        )
    return found[min(found)]
