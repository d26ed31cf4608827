"""Errors of tokens. Each ends a command with one sentence; a running server continues and reports an alarm."""

from __future__ import annotations

from enum import StrEnum

from cekalwatch.program.errors import Exit, ProgramError


class SigningWaits(StrEnum):
    """Why nothing can be signed now."""

    KEY_AWAY = "KEY_AWAY"
    KEY_REFUSED = "KEY_REFUSED"


class TokenError(ProgramError):
    """A token does not do what it is asked to do."""

    reason = SigningWaits.KEY_REFUSED


class TokenAwayError(TokenError):
    """The token is not plugged in, or does not answer; this may be temporary."""

    reason = SigningWaits.KEY_AWAY

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNAVAILABLE)


class TokenRefusesError(TokenError):
    """The token is present, but refuses until somebody changes its PIN, its keys, or the settings."""

    def __init__(self, message: str, exit_code: Exit = Exit.CONFIG) -> None:
        super().__init__(message, exit_code)


class PinRefusedError(TokenRefusesError):
    """The PIN is wrong. Nothing may start the program again by itself: a token locks itself after a few wrong ones."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.PIN_REFUSED)
