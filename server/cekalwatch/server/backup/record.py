"""When the last backup was made: a file in the data folder, for `check` and for whoever watches the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from cekalwatch.program.secret_files import write_private


@dataclass(frozen=True)
class BackupRecord:
    """The last backup of a server."""

    made_at: datetime
    file: str
    size: int
    """In bytes."""
    with_keys: bool

    def save(self, file: Path) -> None:
        """Write it; raises ProgramError."""
        write_private(file, TypeAdapter(BackupRecord).dump_json(self))

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read it; None when there is none that can be read."""
        try:
            return TypeAdapter(cls).validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None
