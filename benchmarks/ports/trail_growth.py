"""How the centre's audit trail grows when a port reads the list: entries, with the index that finds them.

    python -m benchmarks.ports.trail_growth

The entries of 200 pages, named and counted, and of as many photographs are written to SQLite and to PostgreSQL. Bytes
are those of the tables with their indexes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import SUBJECTS_AGAIN_AT_ONCE, SUBJECTS_AT_ONCE
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import key_store
from tests.support.tools.postgres import fresh_database, postgres_server

PAGES: Final = 200
ENTRIES_AT_ONCE: Final = 8
LISTED: Final = 100_000
PORTS: Final = 500
SIZES: Final = {
    "sqlite": """
        SELECT sum(pgsize) FROM dbstat JOIN sqlite_master USING (name)
        WHERE aggregate = 1 AND tbl_name IN ('audit_entry', 'audit_index')
    """,
    "postgresql": "SELECT pg_total_relation_size('audit_entry') + pg_total_relation_size('audit_index')",
}
_PORT: Final = Actor(ActorKind.DEVICE, "sekupang/port/main")


def measure() -> dict[str, float]:
    """Return the figures `port.trail_…`."""
    with tempfile.TemporaryDirectory() as folder:
        figures = _of(f"sqlite:///{Path(folder) / 'cekalwatch.sqlite3'}", "sqlite")
    with postgres_server() as server, fresh_database(server) as address:
        return figures | _of(address, "postgresql")


def _of(address: str, kind: str) -> dict[str, float]:
    with closing(Database(address)) as database:
        database.upgrade()
        key_store(database)
        named_bytes, named_s = _written(database, kind, _named)
        counted_bytes, counted_s = _written(database, kind, _counted)
        photograph_bytes, _ = _written(database, kind, _photograph)
    given, again = PAGES * SUBJECTS_AT_ONCE, PAGES * SUBJECTS_AGAIN_AT_ONCE
    day = LISTED * PORTS
    return {
        f"port.trail_named_{kind}_bytes": round(named_bytes / given, 1),
        f"port.trail_counted_{kind}_bytes": round(counted_bytes / again, 2),
        f"port.trail_photograph_{kind}_bytes": round(photograph_bytes / PAGES),
        f"port.trail_named_{kind}_gb_a_day": round(named_bytes / given * day / 1e9, 2),
        f"port.trail_counted_{kind}_gb_a_day": round(counted_bytes / again * day / 1e9, 3),
        f"port.trail_named_{kind}_s_a_day": round(named_s / given * day),
        f"port.trail_counted_{kind}_s_a_day": round(counted_s / again * day),
    }


def _written(database: Database, kind: str, entry: Callable[[int], AuditEntry]) -> tuple[int, float]:
    """Write the entries of all pages; return by how many bytes the trail has grown, and in how many seconds."""
    store, before, begun_s = AuditStore(database), _size(database, kind), time.perf_counter()
    for first in range(0, PAGES, ENTRIES_AT_ONCE):
        store.append(*map(entry, range(first, first + ENTRIES_AT_ONCE)))
    return _size(database, kind) - before, time.perf_counter() - begun_s


def _size(database: Database, kind: str) -> int:
    with database.connection() as connection:
        return int(connection.exec_driver_sql(SIZES[kind]).scalar_one() or 0)


def _named(page: int) -> AuditEntry:
    keys = range(page * SUBJECTS_AT_ONCE, (page + 1) * SUBJECTS_AT_ONCE)
    named = [_subject(key) for key in keys]
    return _entry(page, Action.LIST_READ, named, {"subjects": len(named), "until": page})


def _counted(page: int) -> AuditEntry:
    count = SUBJECTS_AGAIN_AT_ONCE
    return _entry(page, Action.LIST_READ, [], {"subjects": count, "again": count, "known": LISTED, "until": page})


def _photograph(page: int) -> AuditEntry:
    return _entry(page, Action.REFERENCES_FETCHED, [_subject(page)], {"references": 1})


def _subject(number: int) -> str:
    return ObjectKind.SUBJECT.key(f"S-{number:010}")


def _entry(page: int, action: Action, named: list[str], details: dict[str, int | str]) -> AuditEntry:
    at = datetime.now(UTC) + timedelta(microseconds=page)
    return AuditEntry(at, _PORT, action, tuple(named), details=details)


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name} {figure}")
