"""What can be wrong with a token. Each ends a command with one sentence; a running server goes on, and tells people."""

from __future__ import annotations

from enum import StrEnum

from cekalwatch.program.errors import Exit, ProgramError


class SigningWaits(StrEnum):
    """Why something is not signed now."""

    KEY_AWAY = "KEY_AWAY"
    KEY_REFUSED = "KEY_REFUSED"


class TokenError(ProgramError):
    """A token does not do what is asked of it."""

    reason = SigningWaits.KEY_REFUSED


class TokenAwayError(TokenError):
    """The token is not plugged in, or does not answer: it may be back later."""

    reason = SigningWaits.KEY_AWAY

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNAVAILABLE)


class TokenRefusesError(TokenError):
    """The token is there, and will not until somebody changes something: its PIN, its keys, or the settings."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.CONFIG)
