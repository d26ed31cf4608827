"""The error that ends a command: what is wrong and what to do, with an exit code."""

from __future__ import annotations

from cekalwatch.program.exits import Exit


class ProgramError(Exception):
    """Ends a command with one clear sentence on standard error and `exit_code`."""

    def __init__(self, message: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
