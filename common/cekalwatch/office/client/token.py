"""What shows who has signed in where a call comes from."""

from __future__ import annotations

from typing import Protocol


class Token(Protocol):
    """The token of the person who is signed in."""

    def token(self) -> str:
        """Return it; empty when nobody is."""


class TokenHolder(Token, Protocol):
    """Where a token stays as long as its person is signed in: a file on a PC, memory in a web console."""

    def keep(self, token: str) -> None:
        """Hold a token; raises ProgramError when that is not possible."""

    def forget(self) -> None:
        """Hold none any more; raises ProgramError when that is not possible."""


class NoToken:
    """Where nobody has signed in, and nobody's token is kept."""

    def token(self) -> str:
        """Return an empty text."""
        return ""

    def keep(self, token: str) -> None:
        """Keep nothing."""

    def forget(self) -> None:
        """Nothing is held."""
