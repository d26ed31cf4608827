"""Exit codes, and errors whose texts people see: what is wrong and what to do. Standard library only."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """The meanings of a program's exit codes; README lists them. The numbers are those of BSD sysexits if one fits."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DATA_PROBLEMS = 65
    """The work was done, but some records or files were refused; the report says which."""
    NO_INPUT = 66
    UNAVAILABLE = 69
    """The server cannot be reached, or a device or file is in use."""
    MISSING_EXTRA = 70
    HANGS = 75
    """A part hangs and cannot be ended alone; the program must be restarted."""
    REFUSED = 77
    """A person is refused, or has no right to do this."""
    CONFIG = 78
    """A setting or a model pack is wrong."""
    PIN_REFUSED = 79
    """A token refused its PIN: a program that is started again and again with a wrong one locks the token."""


FOR_A_PERSON = frozenset({Exit.USAGE, Exit.MISSING_EXTRA, Exit.REFUSED, Exit.CONFIG})
"""Another start would end alike: a person must change something first."""


class ToldError(Exception):
    """Its text may be logged: it says what is wrong, contains nothing personal, and needs no traceback."""

    may_be_logged: ClassVar = True


class ProgramError(ToldError):
    """Ends a command with one clear sentence on standard error and `exit_code`."""

    def __init__(self, message: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def may_be_logged(error: BaseException) -> bool:
    """Whether the text of an error may be logged, by its class. Texts of other errors may quote data."""
    return getattr(error, "may_be_logged", False)
