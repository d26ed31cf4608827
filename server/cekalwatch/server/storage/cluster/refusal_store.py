"""What servers that ended at their start have told of it, for those that run on the same database. Methods block.

A server tells this without its keys, and perhaps to tables of another version: then nothing is written. On SQLite there
is nobody to tell.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog
from sqlmodel import col, delete, select

from cekalwatch.server.refusals import RefusedServer, StartRefusal
from cekalwatch.server.storage.cluster.presence_store import database_now
from cekalwatch.server.storage.cluster.tables import RefusedServerRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

TOLD_FOR = timedelta(hours=1)
"""How long a refusal counts that is not told again: a service manager starts a server once a minute or more often."""
MAX_TOLD = 20
"""The newest refusals count; whoever can write the database could add any number."""
LOCK_TIMEOUT = "2s"
"""An upgrade of the tables may hold them for long."""

log = structlog.get_logger()


class RefusalStore:
    """Of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, refused: RefusedServer) -> None:
        """Write that a server was refused now. It is logged where that cannot be written."""
        if not self._database.is_shared:
            return
        try:
            with self._database.session() as session:
                session.connection().exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                now = database_now(session)
                session.exec(delete(RefusedServerRow).where(col(RefusedServerRow.refused_at) < now - TOLD_FOR))
                facts = vars(replace(refused, refused_at=now))
                session.merge(RefusedServerRow(**facts))
                session.commit()
        except StorageError as error:
            log.warning("refusal_not_told", reason=str(error))

    def forget(self, refused: RefusedServer) -> None:
        """Take back what a server of that name, or one in that folder, had told: it runs now. Raises StorageError."""
        if not self._database.is_shared:
            return
        row = RefusedServerRow
        here = (col(row.machine) == refused.machine) & (col(row.folder) == refused.folder)
        with self._database.session() as session:
            session.exec(delete(row).where((col(row.name) == refused.name) | here))
            session.commit()

    def told(self) -> list[RefusedServer]:
        """Return what still counts, the newest first. Raises StorageError."""
        if not self._database.is_shared:
            return []
        row = RefusedServerRow
        with self._database.session() as session:
            now = database_now(session)
            recent = select(row).where(col(row.refused_at) >= now - TOLD_FOR)
            found = session.exec(recent.order_by(col(row.refused_at).desc()).limit(MAX_TOLD)).all()
        return [_refused(one) for one in found]


def _refused(row: RefusedServerRow) -> RefusedServer:
    known = row.reason in set(StartRefusal)
    reason = StartRefusal(row.reason) if known else StartRefusal.OTHER  # of a newer version of the program
    return RefusedServer(row.name, row.machine, row.folder, row.version, reason, row.refused_at)
