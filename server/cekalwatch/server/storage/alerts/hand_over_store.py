"""Keeps hand-overs at the end of a shift, with their notes sealed. Each method is one transaction; methods block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import func
from sqlmodel import col, delete, select

from cekalwatch.contract.values.hand_overs import HandOver
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import HandOverRow
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.columns import HAND_OVER_NOTES
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.keys.store import hold_sealing_key

log = structlog.get_logger()


class HandOverStore:
    """Hand-overs in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def add(self, new: HandOver, entry: AuditEntry) -> None:
        """Store a hand-over, with its entry in the audit trail."""
        key = new.hand_over_id
        with self._database.session() as session:
            lock_log(session)
            hold_sealing_key(session, self._keyring)
            session.add(
                HandOverRow(
                    hand_over_id=key,
                    site=new.site,
                    left_by=new.left_by.person_id,
                    left_at=new.left_at,
                    notes=self._keyring.seal(HAND_OVER_NOTES.at(key), new.notes.encode()),
                )
            )
            write_audit(session, entry)
            session.commit()

    def newest(self, site: str, limit: int, after: datetime) -> tuple[HandOver, ...]:
        """Return the newest hand-overs of a site that were left after a moment, newest first.

        Changed and damaged rows are left out, and logged.
        """
        row = HandOverRow
        query = select(row).where(col(row.site) == site, col(row.left_at) > after)
        with self._database.session() as session:
            rows = with_valid_mac(session, session.exec(query.order_by(col(row.hand_over_id).desc()).limit(limit)))
            return tuple(one for one in map(self._kept, rows) if one)

    def take(
        self, hand_over_id: UUID, person: PersonReference, now: datetime, entry: Callable[[HandOver], AuditEntry]
    ) -> HandOver:
        """Store who takes a shift over, with the audit entry that `entry` makes, which may refuse.

        Raises HAND_OVER_GONE when there is none that waits.
        """
        with self._database.session() as session:
            lock_log(session)
            query = select(HandOverRow).where(col(HandOverRow.hand_over_id) == str(hand_over_id))
            row = next(iter(with_valid_mac(session, session.exec(query))), None)
            kept = self._kept(row) if row and row.taken_by is None else None
            if row is None or kept is None:
                raise CekalwatchError(Code.HAND_OVER_GONE)
            made = entry(kept)
            row.taken_by, row.taken_at = person.person_id, now
            session.add(row)
            write_audit(session, made)
            session.commit()
            return replace(kept, taken_by=person, taken_at=now)

    def record(self, entry: AuditEntry) -> None:
        """Write that somebody has read hand-overs into the audit trail."""
        with self._database.session() as session:
            write_audit(session, entry)
            session.commit()

    def older(self, before: datetime) -> int:
        """Count those that were left before a moment, or at it."""
        with self._database.session() as session:
            due = select(func.count()).select_from(HandOverRow).where(col(HandOverRow.left_at) <= before)
            return session.exec(due).one()

    def remove(self, before: datetime, entry: Callable[[int], AuditEntry]) -> int:
        """Remove them, with the audit entry that `entry` makes of their number; return it."""
        with self._database.session() as session:
            lock_log(session)
            gone = session.exec(delete(HandOverRow).where(col(HandOverRow.left_at) <= before)).rowcount
            if not gone:
                return 0
            write_audit(session, entry(gone))
            session.commit()
        self._database.purge_journal()
        return gone

    def _kept(self, row: HandOverRow) -> HandOver | None:
        try:
            notes = self._keyring.open(HAND_OVER_NOTES.at(row.hand_over_id), row.notes).decode()
        except (DamagedValueError, UnicodeDecodeError):
            log.error("hand_over_damaged", hand_over_id=row.hand_over_id)  # noqa: TRY400  # no traceback
            return None
        return HandOver(
            row.hand_over_id,
            row.site,
            PersonReference(row.left_by),
            row.left_at,
            notes,
            PersonReference(row.taken_by) if row.taken_by else None,
            row.taken_at,
        )
