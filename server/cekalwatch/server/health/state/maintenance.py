"""State of what keeps a server's data safe: its last backup, its disk, and the key that seals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cekalwatch.contract.values.status import MaintenanceStatus
from cekalwatch.server.domain.clock import Clock, lately
from cekalwatch.server.encryption.keyring import KeyPurpose
from cekalwatch.server.storage.keys.store import KeyEntry, KeyStore


@dataclass(frozen=True)
class MaintenanceReader:
    """Reads the state; threads may share it, and it blocks."""

    data_dir: Path
    """The data folder."""
    last_backup_at: Callable[[], datetime | None]
    """When this server's last backup was made; it may read a file."""
    backup_limit: timedelta
    """How old the last backup may be."""
    keys: KeyStore
    clock: Clock

    def read(self) -> MaintenanceStatus:
        """Return the state now. Raises StorageError."""
        return self._with(max((one for one in self.keys.entries() if _seals(one)), key=lambda one: one.key_id))

    def read_without_database(self) -> MaintenanceStatus:
        """Return the state without the key, which is in the database."""
        return self._with(None)

    def _with(self, key: KeyEntry | None) -> MaintenanceStatus:
        backup_at = self.last_backup_at()
        stale = backup_at is None or not lately(backup_at, self.clock.now(), self.backup_limit)
        found = MaintenanceStatus(backup_at, stale, *_disk(self.data_dir))
        if key is None:
            return found
        return replace(found, data_key=key.key_id, data_key_at=key.made_at, resealing=key.settled_at is None)


def _seals(entry: KeyEntry) -> bool:
    return entry.purpose is KeyPurpose.SEALING


def _disk(folder: Path) -> tuple[int, int]:
    """Return size and free space in bytes; 0 for both when the disk cannot be read."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.total, usage.free
