"""Removes single orders, and says which orders a source keeps. Methods block; each is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlmodel import col, delete, func, select

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.tables import SyncOrderRow
from cekalwatch.server.storage.watchlist.changes import count_change, note_emptied, sharing
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion, lock, remove_subject
from cekalwatch.server.storage.watchlist.tables import BanOrderRow


class AmendmentStore:
    """The orders of one database, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def from_source(self, order_ids: Collection[str]) -> set[str]:
        """Return those of the orders that a synchronisation has read from its source."""
        query = select(SyncOrderRow.order_id).where(col(SyncOrderRow.order_id).in_(order_ids))
        with self._database.session() as session:
            return set(session.exec(query))

    def remove(
        self,
        subject_id: str,
        order_id: str,
        content: str,
        notes: Callable[[SubjectDeletion | None], Sequence[AuditEntry]],
    ) -> None:
        """Remove an order, or its subject if it has no other one; `notes` are committed with that.

        Raises ORDER_CHANGED if the stored order has not this digest of its content. Alerts follow it.
        """
        with self._database.session() as session:
            lock(session)
            own = col(BanOrderRow.subject_id) == subject_id
            held = session.exec(
                select(BanOrderRow.content_hash).where(own, col(BanOrderRow.order_id) == order_id)
            ).first()
            if held != content:
                raise CekalwatchError(Code.ORDER_CHANGED)
            if session.exec(select(func.count()).select_from(BanOrderRow).where(own)).one() > 1:
                session.exec(delete(BanOrderRow).where(col(BanOrderRow.order_id) == order_id))
                note_emptied(session, [subject_id])
                count_change(session, {subject_id, *sharing(session, subject_id)})
                gone = None
            else:
                gone = remove_subject(session, subject_id)
            commit_audited(session, *notes(gone))
        self._database.purge_journal()
