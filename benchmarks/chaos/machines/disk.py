"""A small disk for one folder: a file system in memory, which can be filled and made read-only. Needs root."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cekalwatch.program.errors import Exit, ProgramError

BALLAST = "ballast"
PIECE_BYTES = 1 << 20
REMOUNTED_WITHIN_S = 5.0


@cache
def can_mount() -> bool:
    """Whether this account may mount a file system here."""
    if os.name != "posix" or os.geteuid() != 0:
        return False
    with TemporaryDirectory() as folder:
        if _run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder):
            _run("umount", folder)
            return True
    return False


@contextmanager
def mounted(folder: Path, size_bytes: int) -> Iterator[None]:
    """Give the folder, which is made, a disk of this size for the time of the block. Raises ProgramError."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=755", "tmpfs", str(folder)):
        raise ProgramError(f"No file system could be mounted at {folder}", Exit.UNAVAILABLE)
    try:
        yield
    finally:
        # Who still holds a file of it keeps it until they end.
        _run("umount", "--lazy", str(folder))


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no byte free on the folder's disk for the time of the block."""
    ballast = folder / BALLAST
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        size = PIECE_BYTES
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write to the disk for the time of the block; nobody may hold a file of it open for writing."""
    deadline = time.monotonic() + REMOUNTED_WITHIN_S
    while not _run("mount", "-o", "remount,ro", str(folder)):
        if time.monotonic() > deadline:
            raise ProgramError(f"The file system at {folder} could not be made read-only", Exit.UNAVAILABLE)
        time.sleep(0.05)
    try:
        yield
    finally:
        _run("mount", "-o", "remount,rw", str(folder))


def _run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
