"""What people have set for cameras, in the database, which all its servers follow. Methods block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, select

from cekalwatch.contract.values.capture_policy import CapturePolicyChanges
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.cameras.kept import SetPolicy
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.cameras.tables import CameraPolicyRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import in_order, one_checked, replace_row
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.watchlist.changes import lock_watchlist


class CameraPolicyStore:
    """Each camera's policy as people have set it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, SetPolicy]:
        """Return what was set, by camera; what does not stand as it was written is left out."""
        with self._database.session() as session:
            return {row.camera_id: _policy(row) for row in in_order(session, session.exec(select(CameraPolicyRow)))}

    def get(self, camera_id: str) -> SetPolicy | None:
        """Return what was set for a camera; None where nothing was, or it does not stand as it was written."""
        with self._database.session() as session:
            return _found(session, camera_id)

    def set(self, camera_id: str, policy: SetPolicy, entry: AuditEntry) -> bool:
        """Keep another policy, with its entry in the audit trail.

        Nothing is kept, and False returned, where its `number` is not the next one: somebody else was faster.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            known = _found(session, camera_id)
            if policy.number != (known.number if known else 0) + 1:
                return False
            row = CameraPolicyRow(
                camera_id=camera_id,
                number=policy.number,
                changes=policy.changes.figures,
                before=policy.before.figures,
                set_at=policy.set_at,
            )
            replace_row(session, row)
            session.flush()
            write_audit(session, entry)
            session.commit()
        return True


def _found(session: Session, camera_id: str) -> SetPolicy | None:
    try:
        row = one_checked(session, CameraPolicyRow, camera_id)
    except ChangedRowError:  # it is mended by setting it anew
        return None
    return _policy(row) if row else None


def _policy(row: CameraPolicyRow) -> SetPolicy:
    return SetPolicy(row.number, _changes(row.changes), _changes(row.before), row.set_at)


def _changes(facts: Mapping[str, Any]) -> CapturePolicyChanges:
    return CapturePolicyChanges(**facts)
