"""What shows who has signed in where a call comes from."""

from __future__ import annotations

from typing import Protocol


class Token(Protocol):
    """The token of the person who is signed in."""

    def token(self) -> str:
        """Return it; empty when nobody is."""
