"""What keeps a server's data safe, for those who look after it: its last backup, its disk, and the key that seals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cekalwatch.server.domain.clock import Clock, lately
from cekalwatch.server.encryption.keyring import KeyPurpose
from cekalwatch.server.storage.keys.store import KeyEntry, KeyStore


@dataclass(frozen=True)
class MaintenanceStatus:
    """How it stands with them at one moment."""

    backup_at: datetime | None
    """When this server's last backup was made; None: never."""
    backup_stale: bool
    """Whether that is longer ago than it may be."""
    disk_bytes: int
    """Size of the disk of the data folder; 0 when it cannot be asked."""
    disk_free_bytes: int
    """Room left on it."""
    key: KeyEntry | None
    """The data key that seals now; None while the database cannot be used."""


@dataclass(frozen=True)
class MaintenanceReader:
    """Threads may share it; it blocks."""

    data_dir: Path
    """The data folder."""
    last_backup_at: Callable[[], datetime | None]
    """When this server's last backup was made; it may read a file."""
    backup_limit: timedelta
    """How old that may be."""
    keys: KeyStore
    clock: Clock

    def read(self) -> MaintenanceStatus:
        """Return how it stands now. Raises StorageError."""
        return self._with(max((one for one in self.keys.entries() if _seals(one)), key=lambda one: one.key_id))

    def read_without_database(self) -> MaintenanceStatus:
        """Return what is known without the database."""
        return self._with(None)

    def _with(self, key: KeyEntry | None) -> MaintenanceStatus:
        backup_at = self.last_backup_at()
        stale = backup_at is None or not lately(backup_at, self.clock.now(), self.backup_limit)
        return MaintenanceStatus(backup_at, stale, *_disk(self.data_dir), key)


def _seals(entry: KeyEntry) -> bool:
    return entry.purpose is KeyPurpose.SEALING


def _disk(folder: Path) -> tuple[int, int]:
    """Return size and free room in bytes; 0 for both when the disk cannot be asked."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.total, usage.free
