"""Files that only their owner may read, written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import stat
import tempfile
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError

FOLDER_MODE = 0o700
FILE_MODE = 0o600

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where nothing more can be written for now."""


def make_private_folder(folder: Path) -> None:
    """Make `folder` with mode 0700; raises ProgramError when it exists and others may read it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if os.name == "posix" and folder.stat().st_mode & 0o077:
            raise ProgramError(f"Others may read {folder}; run: chmod 700 {folder}", Exit.CONFIG)
    except OSError as error:
        raise ProgramError(f"{folder} cannot be made: {error.strerror}", Exit.CONFIG) from None


def refuse_shared(what: str, file: Path, mode: int, then: str) -> None:
    """Raise ProgramError when others than its owner can read a file of this mode; Windows has no such modes.

    `what` names its content; `then` says what else to do.
    """
    found = stat.S_IMODE(mode)
    if os.name == "posix" and found & (stat.S_IRWXG | stat.S_IRWXO):
        raise ProgramError(
            f"Others can read {what} in {file} (mode {found:04o}). Run: chmod 600 {shlex.quote(str(file))}, and {then}",
            Exit.CONFIG,
        )


def write_private(file: Path, content: bytes) -> None:
    """Replace `file` by `content` atomically, with mode 0600; raises ProgramError: `UNAVAILABLE` for a full disk."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in DISK_FULL
        then = ". Make room on the disk. Run the command again then" if full else ""
        code = Exit.UNAVAILABLE if full else Exit.CONFIG
        raise ProgramError(f"{file} cannot be written: {error.strerror}{then}", code) from None


def create_private(file: Path, content: bytes) -> None:
    """Create `file` atomically with mode 0600, synced to the disk; raises OSError.

    An existing file is kept: of two programs that start at once, the second uses what the first one wrote.
    """
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()
    if os.name == "posix":
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
