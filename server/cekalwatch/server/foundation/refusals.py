"""Refusals in words: for a person, and for a server that may not start on a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.foundation.errors import Code


class RefusedError(ProgramError):
    """A request that cannot be fulfilled: a command reports it in words, a call by its `code`."""

    def __init__(self, code: Code, message: str, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message, exit_code)
        self.code = code


class StartRefusal(StrEnum):
    """Why a server did not start; docs/high-availability.md says what to do about each."""

    MASTER_KEY = "MASTER_KEY"
    """Its master key is not the one that seals the database."""
    LAW = "LAW"
    """Its law or sites are not those of the servers that run."""
    MODEL = "MODEL"
    """Its model is not theirs."""
    CLOCK = "CLOCK"
    """Its clock is too far from theirs."""
    VERSION = "VERSION"
    """Its version of the program is more than one minor version from theirs."""
    NAME_TAKEN = "NAME_TAKEN"
    """Another server has its name."""
    DATABASE_OLDER = "DATABASE_OLDER"
    """The tables are of an older version of the program."""
    DATABASE_NEWER = "DATABASE_NEWER"
    """They are of a newer one."""
    OTHER = "OTHER"
    """Something else that it has logged: a setting, a file or a port."""


class StartRefusedError(ProgramError):
    """A server does not fit the database, or the servers that work on it."""

    def __init__(self, message: str, reason: StartRefusal) -> None:
        super().__init__(message, Exit.CONFIG)
        self.reason = reason


@dataclass(frozen=True)
class RefusedServer:
    """A server that ended at its start, as it reported to the database."""

    name: str
    """As the others would call it."""
    machine: str
    """The name of its computer."""
    folder: str
    """Its `data_dir`."""
    version: str
    """Of the program."""
    reason: StartRefusal
    refused_at: datetime | None = None
    """By the database's clock, which sets it."""
