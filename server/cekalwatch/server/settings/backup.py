"""Where backups go, and who can read them: `[backup]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from cekalwatch.server.settings.storage import StorageSection

_AGE_KEY = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)


def _age_key(text: str) -> str:
    if not _AGE_KEY.fullmatch(text):
        raise ValueError('must be a public key of age, "age1" and 58 characters')
    return text


@dataclass(frozen=True)
class BackupTerms:
    """The terms of `cekalwatch-server backup`."""

    recipients: tuple[Annotated[str, AfterValidator(_age_key)], ...] = ()
    """Public keys (age1…) of those who can read the backups; their private keys are not on this machine."""
    folder: Path | None = None
    """Folder that backups go to, best on another machine's disk."""
    keep: Annotated[int, Field(ge=0, le=10_000)] = 14
    """How many backups stay in the folder; older ones are removed after a new one was made. 0: all stay."""
    with_keys: bool = False
    """Whether the master key, the audit key and its ledger, the authority and the server's key are in them. Whoever has
    the private key of a recipient then has everything."""
    limit_hours: Annotated[float, Field(gt=0, le=8760)] = 36.0
    """Hours after which `check` warns that the last backup is too old."""

    @property
    def limit(self) -> timedelta:
        """How old the last backup may be."""
        return timedelta(hours=self.limit_hours)


class BackupSection(StorageSection):
    """Backups."""

    backup: BackupTerms = BackupTerms()
    """Backups (docs/backup.md)."""

    @property
    def backup_record_file(self) -> Path:
        """Says when the last backup was made."""
        return self.data_dir / "last_backup.json"
