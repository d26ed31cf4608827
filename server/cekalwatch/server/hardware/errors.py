"""What can be wrong with a token. Each ends a command with one sentence; a running server goes on, and tells people."""

from __future__ import annotations

from cekalwatch.program.errors import Exit, ProgramError


class TokenError(ProgramError):
    """A token does not do what is asked of it."""


class TokenAwayError(TokenError):
    """The token is not plugged in, or does not answer: it may be back later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNAVAILABLE)


class TokenRefusesError(TokenError):
    """The token is there, and will not until somebody changes something: its PIN, its keys, or the settings."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.CONFIG)
