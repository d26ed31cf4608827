"""The folder of an agent's alert pictures: only this user can read it, and nothing stays in it for long.

Pictures are there to be compared by a person, so they are files that any viewer opens. They are deleted when the
notifier ends, and when they are a day old (what a killed notifier left behind goes at the next start).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from cekalwatch.notifier.model.alert import ImagePaths, Pictures
from cekalwatch.program.errors import Exit, ProgramError

MAX_STAY = timedelta(hours=24)
MAX_REFERENCES = 3

_JPEG_START = b"\xff\xd8\xff"

log = structlog.get_logger()


class ImageFolder:
    """One folder for each alert, named by the alert's key, with `probe.jpg` and `ref1.jpg` and so on."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Make the folder, and delete what is too old in it; raises ProgramError when that is not possible."""
        self._folder = folder
        self._now = now
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            self.delete_old()
        except OSError as error:
            raise ProgramError(f"Pictures cannot be kept in {folder}: {error}", Exit.UNAVAILABLE) from None

    def save(self, alert_id: str, pictures: Pictures) -> ImagePaths:
        """Save the pictures of an alert in place of earlier ones; returns no paths when they cannot be written.

        What is no JPEG is left out, and so is everything of an alert whose key is no UUID: it names a folder.
        """
        if not _is_key(alert_id):
            return ImagePaths()
        own = self._folder / alert_id
        try:
            self.delete_old()
            own.mkdir(mode=0o700, exist_ok=True)
            probe = _write(own / "probe.jpg", pictures.probe)
            references = [
                _write(own / f"ref{number}.jpg", jpeg)
                for number, jpeg in enumerate(pictures.references[:MAX_REFERENCES], start=1)
            ]
        except OSError as error:
            log.warning("pictures_not_saved", alert_id=alert_id, error=type(error).__name__)
            return ImagePaths()
        return ImagePaths(probe, tuple(path for path in references if path))

    def delete_old(self) -> None:
        """Delete the pictures that are a day old or older."""
        oldest = (self._now() - MAX_STAY).timestamp()
        for own in self._alert_folders():
            if own.stat().st_mtime <= oldest:
                _delete(own)

    def delete_all(self) -> None:
        """Delete every picture of this agent."""
        for own in self._alert_folders():
            _delete(own)

    def _alert_folders(self) -> tuple[Path, ...]:
        """Return the folders that this class made; a user may have named a folder that holds other things too."""
        if not self._folder.is_dir():
            return ()
        return tuple(path for path in self._folder.iterdir() if _is_key(path.name) and path.is_dir())


def _is_key(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _write(path: Path, jpeg: bytes) -> Path | None:
    if not jpeg.startswith(_JPEG_START):
        return None
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(jpeg)
    partial.replace(path)
    return path


def _delete(own: Path) -> None:
    for pattern in ("*.jpg", "*.part"):
        for path in own.glob(pattern):
            path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody put a file of their own into it: that one is not ours to delete
        own.rmdir()
