"""The file of checkpoints that an auditor collects: one line each, appended and never changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.outbox import DeliveryError, DeliveryFailure

FILE_MODE = 0o644
"""There is nothing secret in it, and the auditor reads it under another account."""


class CollectedFile:
    """Appends to a file, which is made when it is not there: the auditor may have taken it along."""

    name = "file"

    def __init__(self, file: Path) -> None:
        self._file = file

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Append checkpoints; they are on the disk then. Raises DeliveryError."""
        self.append(map(KeptCheckpoint, checkpoints))

    def append(self, kept: Iterable[KeptCheckpoint]) -> None:
        """Append checkpoints with their time stamps, as `deliver` does."""
        text = "".join(one.line() for one in kept)
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self._file, flags, FILE_MODE), "r+b", buffering=0) as stream:
                size = stream.seek(0, os.SEEK_END)
                if size:
                    stream.seek(size - 1)
                    if stream.read(1) != b"\n":  # a line that was cut off; readers leave it out
                        text = "\n" + text
                if stream.write(text.encode()) != len(text):
                    raise DeliveryError(DeliveryFailure.FILE_NOT_WRITTEN, "the disk is full")
                os.fsync(stream.fileno())
        except OSError as error:
            raise DeliveryError(DeliveryFailure.FILE_NOT_WRITTEN, error.strerror or type(error).__name__) from None
