"""Where a person has turned a camera to, and for how long its tour is left: one small file for each camera.

The command `turn` writes it, and the program that watches the camera reads it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from cekalwatch.program.errors import Exit, ProgramError

READABLE = 0o644
"""The service has a user of its own, and the person who turns the camera is another one."""


@dataclass(frozen=True)
class ManualTurn:
    """A person's order; the file's content."""

    preset: str
    """Name or token."""
    turned_at: AwareDatetime
    until: AwareDatetime | None
    """When the tour is taken up again; None: when a person says so."""

    def holds(self, now: datetime) -> bool:
        """Whether the tour is left at this moment."""
        return self.until is None or now < self.until


_FORM = TypeAdapter(ManualTurn)


def read_turn(folder: Path, mount: str) -> ManualTurn | None:
    """Return the order for a camera (HOST:PORT); None when there is none, or none that can be read."""
    try:
        return _FORM.validate_json(_file(folder, mount).read_bytes())
    except (OSError, ValidationError):
        return None


def write_turn(folder: Path, mount: str, turn: ManualTurn) -> None:
    """Store the order, for whoever runs the service to read. Raises ProgramError."""
    file = _file(folder, mount)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        draft.write_bytes(_FORM.dump_json(turn))
        draft.chmod(READABLE)
        draft.replace(file)
    except OSError as error:
        raise ProgramError(f"{file} cannot be written: {error.strerror}", Exit.CONFIG) from None


def remove_turn(folder: Path, mount: str) -> None:
    """Remove the order, if there is one. Raises ProgramError."""
    file = _file(folder, mount)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise ProgramError(f"{file} cannot be removed: {error.strerror}", Exit.CONFIG) from None


def _file(folder: Path, mount: str) -> Path:
    return folder / f"{quote(mount, safe='')}.json"
