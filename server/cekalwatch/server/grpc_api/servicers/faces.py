"""Small pictures for lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cekalwatch.server.foundation.errors import CekalwatchError

MAX_FACES: Final = 20
"""Alerts or subjects of one call."""


class Thumbnails:
    """Makes pictures small; one that cannot be read is left out. It blocks."""

    def __init__(self, encoded: Callable[[bytes], bytes]) -> None:
        """`encoded` may raise CekalwatchError."""
        self._encoded = encoded

    def of(self, jpeg: bytes) -> bytes:
        """Return a picture as it stands in lists; empty for none, and for one that cannot be read."""
        try:
            return self._encoded(jpeg) if jpeg else b""
        except CekalwatchError:  # the decoder has logged why
            return b""
