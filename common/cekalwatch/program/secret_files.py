"""Files that only their owner may read, written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import forbidden_at, make_folder, remedy, shared_with, take_over_access

FOLDER_MODE = 0o700
FILE_MODE = 0o600

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where nothing more can be written for now."""


def make_private_folder(folder: Path) -> None:
    """Make `folder` for this account only; raises ProgramError when other accounts can read one that exists."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_folder(folder)
        if found := shared_with(folder, folder.stat().st_mode, forbidden_at(folder)):
            raise ProgramError(
                f"The folder {folder} is readable by other accounts ({found}); run: {remedy(folder)}", Exit.CONFIG
            )
    except OSError as error:
        raise ProgramError(f"{folder} cannot be made: {error.strerror}", Exit.CONFIG) from None


def refuse_shared(what: str, file: Path, mode: int, then: str) -> None:
    """Raise ProgramError when others than its owner can read a file of this mode. Raises OSError.

    `what` names its content; `then` says what else to do.
    """
    if found := shared_with(file, mode):
        raise ProgramError(f"Others can read {what} in {file} ({found}). Run: {remedy(file)}, and {then}", Exit.CONFIG)


def write_private(file: Path, content: bytes) -> None:
    """Replace `file` by `content` atomically, with mode 0600; raises ProgramError: `UNAVAILABLE` for a full disk."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as out:
                take_over_access(draft, file)
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
            take_over_access(Path(draft), file)
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
