"""How many faces a camera may send ahead. Under load it is few: what waits, waits at the camera, in the best order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cekalwatch.server.foundation.errors import CekalwatchError, Code

FIRST_CREDITS: Final = 4
"""What a camera begins with, and keeps if it needs no more."""
BUSY_CREDITS: Final = 2
"""While captures wait too long: one for any crop, and one that the camera keeps for a passage's first fit crop."""
BUSY_S: Final = 1.0
"""They wait too long when the oldest has waited for this time (domain rule 19)."""
CALM_S: Final = 0.25
"""Only while the oldest has waited less does a camera get more."""


class CreditWindow:
    """The credits of one stream. It belongs to the event loop."""

    def __init__(self, most: int, oldest_s: Callable[[], float]) -> None:
        """`oldest_s`: how long the oldest capture of all cameras has waited to be embedded, seconds."""
        self._most = most
        self._oldest_s = oldest_s
        self._window = min(most, FIRST_CREDITS)
        self._waiting = 0
        """Captures that wait to be embedded; each holds a credit."""
        self.left = self._window
        """What the camera has."""

    def spend(self) -> None:
        """Note that a capture came; raises CREDIT_EXCEEDED."""
        if not self.left:
            raise CekalwatchError(Code.CREDIT_EXCEEDED)
        self.left -= 1
        self._waiting += 1

    def taken(self) -> bool:
        """Note that a capture no longer waits; return whether credits are due in a message of their own.

        A message for each face would cost the server a sixth of its faces a second: a camera that has some waits for
        its next receipts.
        """
        self._waiting -= 1
        return self.left <= 1 and self._window - self._waiting - self.left >= max(1, self._window // 4)

    def give(self) -> int:
        """Return the credits that the camera gets now."""
        oldest_s = self._oldest_s()
        if oldest_s > BUSY_S:
            self._window = min(self._most, BUSY_CREDITS)
        elif self.left > FIRST_CREDITS:
            self._window -= 1
        elif self.left <= 1 and oldest_s < CALM_S:
            self._window = min(self._most, 2 * self._window)
        given = max(0, self._window - self._waiting - self.left)
        self.left += given
        return given
