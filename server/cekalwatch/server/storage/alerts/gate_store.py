"""Stores which alerts ask a counter's gate to hold, as two people have said. Methods block."""

from __future__ import annotations

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.gates import GatePolicy
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import GatePolicyRow
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row


class GateStore:
    """The policy of one database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def policy(self) -> GatePolicy:
        """Return the policy: gates are asked nothing until two people say otherwise.

        Raises ChangedRowError when the row was changed.
        """
        with self._database.session() as session:
            row = one_checked(session, GatePolicyRow, 1)
        return GatePolicy(frozenset(map(AlertState, row.states)), row.minutes) if row else GatePolicy()

    def set(self, policy: GatePolicy, entry: AuditEntry) -> None:
        """Store it, with its entry in the audit trail."""
        with self._database.session() as session:
            lock_log(session)
            replace_row(session, GatePolicyRow(states=sorted(map(str, policy.states)), minutes=policy.minutes))
            session.flush()
            write_audit(session, entry)
            session.commit()
