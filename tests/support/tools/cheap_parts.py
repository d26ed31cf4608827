"""What costs each test the same again and shows nothing there: tables by migration, durability, slow password hashes,
networks that are loaded, checked and timed, command lines that are put together, statements and templates that are
compiled, tables that are compared, confined processes that are started, regular work of a server that is waited for.

All of it is replaced in this process only; programs in processes of their own run as they are. What the replaced parts
do is shown by the tests that take the fixture `as_shipped`.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import jinja2
import pytest
import sqlalchemy
import typer.testing
from alembic.script import ScriptDirectory
from jinja2.bccache import Bucket
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from cekalwatch.extensions.notices import service as notices
from cekalwatch.server.audit import checkpoint_ledger
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.pki import ledger as pki_ledger
from cekalwatch.server.recognition.engines import opening
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.packs import installed
from cekalwatch.server.storage import connecting, database
from cekalwatch.server.storage.availability import Availability
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity import scan
from cekalwatch.server.storage.migrations import applying
from cekalwatch.server.storage.schema import strange_tables
from cekalwatch.server.wiring import alarms, audit, authentication, gallery
from cekalwatch.vision import manifest
from cekalwatch.vision.detectors import onet, yunet
from cekalwatch.vision.inference import Inference, InferenceChoice
from cekalwatch.vision.manifest import Pack, file_sha256
from cekalwatch.vision.runtime import InferenceSession, open_session
from tests.support.scenarios.people import CHEAP
from tests.support.tools.commands import command_line
from tests.support.tools.kept_processes import kept_processes, processes_as_shipped
from tests.support.tools.packs import MODELS

_MIGRATE, _MIGRATIONS, _SET_PRAGMAS = applying.apply_migrations, applying.MIGRATIONS, connecting._set_pragmas
_NEW_ENGINE = connecting.new_engine
_PARAMETERS = Passwords.__init__.__defaults__
_NETWORK_USERS = (opening, onet, yunet)
_FILE_KEEPERS = (checkpoint_ledger, pki_ledger)
_FSYNC = os.fsync
_TEMPLATES = jinja2.Environment.__init__.__defaults__ or ()
_SOON_S = 1.0
_PERIODS = {
    (wiring, name): getattr(wiring, name)
    for wiring, names in {
        alarms: (
            "LOOK_AT_SOURCES_PERIOD_S",
            "LOOK_AT_PORTS_PERIOD_S",
            "LOOK_AT_RIGHTS_PERIOD_S",
        ),
        audit: ("SIGN_PERIOD_S", "DELIVER_PERIOD_S"),
        notices: ("LOOK_AT_NOTICES_PERIOD_S",),
        authentication: ("SUM_REFUSALS_PERIOD_S",),
        gallery: ("CATCH_UP_PERIOD_S",),
    }.items()
    for name in names
}
"""Pauses of five and more seconds after rounds of a server's work: a test waits for two of them."""
_RECOGNISERS: dict[object, tuple[Recogniser, Inference]] = {}
_OPENING = Lock()
_COMPILED: LRUCache[Any, Any] = LRUCache(2000)
"""Statements as they were compiled for a database of one kind."""
_COMPARED: dict[object, list[str]] = {}
"""Differences of tables from those of this version, by what SQLite says of them."""


@contextmanager
def cheap_parts(folder: Path) -> Iterator[None]:
    """Replace them for the time of the block; the copies are made of a file in `folder`."""
    with kept_processes(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "apply_migrations", CopiedTables(folder / "tables.sqlite3").upgrade)
        patch.setattr(connecting, "_set_pragmas", _set_pragmas_without_durability)
        patch.setattr(database, "new_engine", _engine_that_compiles_once)
        # Else a statement is compiled anew for each database: its dialect is a part of what it is found by.
        patch.setattr(DefaultDialect, "__eq__", lambda self, other: type(self) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda self: hash(type(self)))
        patch.setattr(scan, "strange_tables", _strange_tables)
        # The last two: where compiled templates are kept, and whether they may wait.
        patch.setattr(jinja2.Environment.__init__, "__defaults__", (*_TEMPLATES[:-2], _CompiledTemplates(), False))
        patch.setattr(Passwords.__init__, "__defaults__", (CHEAP,))
        for user in _NETWORK_USERS:
            patch.setattr(user, "open_session", _session)
        patch.setattr(installed, "open_recogniser", _recogniser)
        patch.setattr(manifest, "file_sha256", _sha256)
        patch.setattr(os, "fsync", lambda _file: None)
        for keeper in _FILE_KEEPERS:
            patch.setattr(keeper, "sqlite3", _sqlite_without_durability())
        patch.setattr(typer.testing, "_get_command", command_line)
        for wiring, name in _PERIODS:
            patch.setattr(wiring, name, _SOON_S)
        yield


class _Undurable(sqlite3.Connection):
    """A connection that never waits for the disk."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        super().execute("PRAGMA synchronous=OFF").close()

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute("PRAGMA synchronous" if sql.startswith("PRAGMA synchronous") else sql, *parameters)


def _sqlite_without_durability() -> ModuleType:
    module = ModuleType("sqlite3")
    module.__dict__.update(sqlite3.__dict__, connect=partial(sqlite3.connect, factory=_Undurable))
    return module


def _session(model: Path | bytes, threads: int) -> InferenceSession:
    """Return a session of the network, which any number of servers may share where it is one of the tests' packs."""
    if isinstance(model, bytes) or (state := _state(model)) is None:
        return open_session(model, threads)
    return _kept_session(model, state, threads)


def _state(file: Path) -> tuple[int, int, int] | None:
    """Return by what a file of the tests' packs is known again; None for any other."""
    if not file.is_relative_to(MODELS) or not file.is_file():
        return None
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=16)
def _kept_session(model: Path, _state: tuple[int, int, int], threads: int) -> InferenceSession:
    return open_session(model, threads)


def _sha256(file: Path) -> str:
    """Return the checksum of a file; for the tests' packs it is computed once."""
    return file_sha256(file) if (state := _state(file)) is None else _kept_sha256(file, state)


@lru_cache(maxsize=64)
def _kept_sha256(file: Path, _state: tuple[int, int, int]) -> str:
    return file_sha256(file)


def _recogniser(pack: Pack, threads: int, choice: InferenceChoice) -> tuple[Recogniser, Inference]:
    """Return the recogniser of a pack; that of `light`, which is small, any number of servers may share."""
    state = _state(pack.path(pack.recogniser.file))
    if state is None or pack.name != "light":
        return opening.open_recogniser(pack, threads, choice)
    key = repr(pack), state, threads, choice
    with _OPENING:
        if key not in _RECOGNISERS:
            _RECOGNISERS[key] = opening.open_recogniser(pack, threads, choice)
        return _RECOGNISERS[key]


def _engine_that_compiles_once(url: URL, availability: Availability) -> Engine:
    engine = _NEW_ENGINE(url, availability)
    engine.update_execution_options(compiled_cache=_COMPILED)
    weakref.finalize(engine, engine.pool.dispose)  # of a database that a test has not closed
    return engine


def _strange_tables(opened: Database) -> list[str]:
    """Do what the product's own does, once for each schema of SQLite."""
    if opened.is_shared:
        return strange_tables(opened)
    with opened.connection() as connection:
        made = tuple(connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"))
    if made not in _COMPARED:
        _COMPARED[made] = strange_tables(opened)
    return _COMPARED[made]


class _CompiledTemplates(jinja2.BytecodeCache):
    """Keeps what templates were compiled to in this process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], object] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))  # type: ignore[assignment]  # None: compile it

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


class CopiedTables:
    """Gives an empty SQLite database the tables that the migrations made once."""

    def __init__(self, template: Path) -> None:
        self._template = template
        self._tables = b""
        self._newest = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
        self._lock = Lock()
        """Of two that upgrade one file at the same time, the second finds tables."""

    def upgrade(self, engine: Engine) -> None:
        """Do what the product's own does; what is neither an empty file nor up to date is left to that."""
        file = Path(engine.url.database or "")
        if applying.MIGRATIONS is _MIGRATIONS:
            with self._lock:
                if engine.dialect.name == "sqlite" and _is_empty(file):
                    file.write_bytes(self._tables or self._make())
                    return
            if self._is_up_to_date(engine):
                return
        _MIGRATE(engine)

    def _is_up_to_date(self, engine: Engine) -> bool:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # the file may be locked
            if not sqlalchemy.inspect(connection).has_table("alembic_version"):
                return False
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == self._newest

    def _make(self) -> bytes:
        engine = sqlalchemy.create_engine(f"sqlite:///{self._template}")
        sqlalchemy.event.listen(engine, "connect", _SET_PRAGMAS)
        _MIGRATE(engine)
        engine.dispose()
        self._tables = self._template.read_bytes()
        return self._tables


def _is_empty(file: Path) -> bool:
    return file.is_file() and file.stat().st_size == 0


def _set_pragmas_without_durability(connection: object, record: object) -> None:
    _SET_PRAGMAS(connection, record)
    connection.execute("PRAGMA synchronous=OFF").close()  # type: ignore[attr-defined]  # SQLite's


def upgraded(address: str) -> str:
    """Make the tables of the database at that address, and return its name."""
    with closing(Database(address)) as opened:
        opened.upgrade()
    return str(opened.engine.url.database)


@contextmanager
def parts_as_shipped() -> Iterator[None]:
    """Have the product's own parts back for the time of the block."""
    with processes_as_shipped(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "apply_migrations", _MIGRATE)
        patch.setattr(connecting, "_set_pragmas", _SET_PRAGMAS)
        patch.setattr(database, "new_engine", _NEW_ENGINE)
        patch.setattr(DefaultDialect, "__eq__", object.__eq__)
        patch.setattr(DefaultDialect, "__hash__", object.__hash__)
        patch.setattr(scan, "strange_tables", strange_tables)
        patch.setattr(jinja2.Environment.__init__, "__defaults__", _TEMPLATES)
        patch.setattr(Passwords.__init__, "__defaults__", _PARAMETERS)
        for user in _NETWORK_USERS:
            patch.setattr(user, "open_session", open_session)
        patch.setattr(installed, "open_recogniser", opening.open_recogniser)
        patch.setattr(manifest, "file_sha256", file_sha256)
        patch.setattr(os, "fsync", _FSYNC)
        for keeper in _FILE_KEEPERS:
            patch.setattr(keeper, "sqlite3", sqlite3)
        for (wiring, name), period_s in _PERIODS.items():
            patch.setattr(wiring, name, period_s)
        yield
