"""Keeps requests for a second person's signature. Each method is one transaction; methods block."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, delete, select

from cekalwatch.contract.values.approvals import Approval, ApprovalState
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.people.session_store import NewSession, session_row
from cekalwatch.server.storage.people.tables import ApprovalRow
from cekalwatch.server.storage.row_codec import RowCodec


@dataclass(frozen=True, kw_only=True)
class KeptApproval(Approval):
    """A request for a second person's signature, with what ties it to the first person's session and device.

    Its ID is the SHA-256 of its token, hexadecimal; the token is the second person's word once they have signed.
    """

    first_session: str
    """SHA-256 of the token of the first person's session."""
    site: str
    device_binding: str
    certificate: str


_NAMES = {"first": "first_person_id", "second": "second_person_id"}
_APPROVALS = RowCodec(KeptApproval, ApprovalRow, _NAMES, given={"silences"})


class ApprovalStore:
    """Requests in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: KeptApproval, entry: AuditEntry, most: int) -> None:
        """Store a request; the oldest of its session beyond `most`, and all that have expired, go."""
        with self._database.session() as session:
            row = ApprovalRow
            session.exec(delete(row).where(col(row.expires_at) <= new.asked_at))
            own = select(row.approval_id).where(col(row.first_session) == new.first_session)
            keys = session.exec(own.order_by(col(row.asked_at).desc()).offset(most - 1)).all()
            session.exec(delete(row).where(col(row.approval_id).in_(keys)))
            session.add(_APPROVALS.write(new))
            commit_audited(session, entry)

    def open(self, now: datetime) -> list[KeptApproval]:
        """Return the requests that have not expired, newest first."""
        row = ApprovalRow
        query = select(row).where(col(row.expires_at) > now).order_by(col(row.asked_at).desc())
        with self._database.session() as session:
            return list(map(_APPROVALS.read, with_valid_mac(session, session.exec(query))))

    def find(self, approval_id: str) -> KeptApproval | None:
        """Return a request, if it is stored and was not changed."""
        query = select(ApprovalRow).where(col(ApprovalRow.approval_id) == approval_id)
        with self._database.session() as session:
            return next(map(_APPROVALS.read, with_valid_mac(session, session.exec(query))), None)

    def answer(self, approval_id: str, second: UUID, word: NewSession | None, entry: AuditEntry) -> bool:
        """Store the second person's answer, with their `word` for the act unless they refuse; False: it had one."""
        with self._database.session() as session:
            query = select(ApprovalRow).where(col(ApprovalRow.approval_id) == approval_id).with_for_update()
            row = next(iter(with_valid_mac(session, session.exec(query))), None)
            if row is None or row.state != ApprovalState.WAITING:
                return False
            row.state = ApprovalState.SIGNED if word else ApprovalState.REFUSED
            row.second_person_id = str(second)
            session.add(row)
            if word:
                session.add(session_row(word))
            commit_audited(session, entry)
            return True
