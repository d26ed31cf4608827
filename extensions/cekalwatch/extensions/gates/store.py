"""Stores which alerts ask a counter's gate to hold, as two people have said. Methods block."""

from __future__ import annotations

from cekalwatch.contract.values.gates import GatePolicy
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.settings import SettingStore


class GateStore:
    """The policy of one database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._setting = SettingStore(database, "gates", GatePolicy)

    def policy(self) -> GatePolicy:
        """Return the policy: gates are asked nothing until two people say otherwise.

        Raises ChangedRowError when the row was changed.
        """
        return self._setting.get()

    def set(self, policy: GatePolicy, entry: AuditEntry) -> None:
        """Store it, with its entry in the audit trail."""
        self._setting.set(policy, entry)
