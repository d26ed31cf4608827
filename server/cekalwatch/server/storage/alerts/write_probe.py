"""Finds out whether an alert could be committed now, by a similar transaction without an alert.

Every receipt waits for it, so that receipts are the same whether a capture alerted or not (domain rule 13).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import WriteProbeRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.wire.bounds import MAX_CROP_BYTES

ALERT_BYTES = MAX_CROP_BYTES + 100_000
"""As much as the largest alert needs, with its sightings and its entry in the audit trail."""


@dataclass(frozen=True)
class WriteProbe:
    """Writes to a row of its own. It blocks; threads may share it."""

    database: Database
    keyring: Keyring

    def write(self, size: int = 0) -> None:
        """Commit a row with `size` meaningless characters, which replace the last ones.

        Raises StorageError, and STORAGE_UNAVAILABLE when sealing fails.
        """
        with self.database.session() as session:
            lock_log(session)
            hold_sealing_key(session, self.keyring)
            row = session.get_one(WriteProbeRow, 1)
            row.writes += 1
            row.filling = secrets.token_hex(size // 2)
            session.add(row)
            session.commit()
        self.database.availability.note_written()
