"""The token of the person who signed in on this device, in a file that only this account can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import make_folder
from cekalwatch.program.platform.secrets import MAX_MORE_BYTES, opened, protected
from cekalwatch.program.secret_files import write_private

MAX_BYTES = 256 + MAX_MORE_BYTES


@dataclass(frozen=True)
class SessionFile:
    """One token in one file. It is read each time: another program of this account may sign in or out."""

    file: Path

    def token(self) -> str:
        """Return the token; empty when nobody is signed in or the file cannot be read."""
        try:
            with self.file.open("rb") as stream:
                return opened(stream.read(MAX_BYTES)).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def keep(self, token: str) -> None:
        """Store a token; raises ProgramError."""
        try:
            make_folder(self.file.parent)
            content = protected(token.encode("ascii"), self.file)
        except OSError as error:
            raise ProgramError(f"{self.file} cannot be made: {error.strerror}", Exit.CONFIG) from None
        write_private(self.file, content)

    def forget(self) -> None:
        """Remove the token; raises ProgramError."""
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise ProgramError(f"{self.file} cannot be removed: {error.strerror}", Exit.CONFIG) from None
