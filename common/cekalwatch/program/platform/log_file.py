"""The log of a program that nobody reads on a terminal, in a file that does not grow without end.

It is opened for each entry: on Windows an open file could not be renamed, and the agent and the program that starts it
again write to one.
"""

from __future__ import annotations

import io
import sys
import threading
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 2_000_000
KEPT = 4
"""Files of the past that are kept, each of MAX_BYTES."""


class LogFile(io.TextIOBase):
    """A text stream. An entry that cannot be written is lost: a full disk must not stop the work."""

    def __init__(self, file: Path, most_bytes: int = MAX_BYTES) -> None:
        self.file = file
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock, suppress(OSError):
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8", newline="\n") as out:
                out.write(text)
                full = out.tell() >= self._most_bytes
            if full:
                self._turn_over()
        return len(text)

    def _turn_over(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self.file.with_name(f"{self.file.name}.{number}")
            newer = self.file.with_name(f"{self.file.name}.{number - 1}") if number > 1 else self.file
            if newer.exists():
                newer.replace(older)


def log_file(program: str) -> Path | None:
    """Return where `program` logs when it has no terminal; None where the system collects what is on standard error."""
    if sys.platform != "win32":
        return None
    import platformdirs

    return platformdirs.user_log_path(program, appauthor=False) / f"{program}.log"
