"""Whether the file that a database was opened from is still the one at its place.

SQLite writes on into a file that was removed or replaced: all seems well, and nothing is left after the next start.
"""

from __future__ import annotations

from pathlib import Path

from cekalwatch.server.storage.errors import StorageError


class DatabaseLostError(StorageError):
    """What was opened is not at its place any more: what is written goes nowhere."""


class FilePlace:
    """The place of one database file. Any thread may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: tuple[int, int] | None = None

    def note_opened(self) -> None:
        """Remember which file it is; the first counts."""
        if self._opened is None:
            self._opened = self._present()

    def check(self) -> None:
        """Raise DatabaseLostError unless the file that was opened is there. Takes some microseconds."""
        if self._opened is None:
            return
        found = self._present()
        if found is None:
            raise DatabaseLostError(f"the database file {self._file} is gone")
        if found != self._opened:
            raise DatabaseLostError(f"the database file {self._file} is another one than was opened")

    def _present(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
