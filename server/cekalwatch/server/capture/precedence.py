"""Which capture is recognised first (domain rule 19): the first fit crop of each passage, and live before late."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import Final

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.clock import Clock

MAX_REMEMBERED_PASSAGES: Final = 10_000
"""Passages of which a fit crop has come."""
FIRST: Final = 2
LIVE: Final = 1


class CapturePrecedence:
    """Only the event loop's thread uses it."""

    def __init__(self, clock: Clock, late_after: timedelta) -> None:
        """A capture that is older than `late_after` is not live."""
        self._clock = clock
        self._late_after = late_after
        self._first: OrderedDict[str, str] = OrderedDict()
        """The first fit crop of each passage: it remains that when it is sent again."""

    def __call__(self, capture: Capture) -> int:
        """Return the precedence, 0 to 3. An exercise, which delays no traveller, is never a passage's first crop."""
        if capture.empty:  # it finds out whether captures get through, not how many wait
            return FIRST + LIVE
        live = self._clock.now() - capture.captured_at <= self._late_after
        return FIRST * self._is_first(capture) + LIVE * live

    def _is_first(self, capture: Capture) -> bool:
        if not capture.fit or capture.exercise_id is not None:
            return False
        first = self._first.setdefault(capture.passage, capture.capture_id)
        if len(self._first) > MAX_REMEMBERED_PASSAGES:
            self._first.popitem(last=False)
        return first == capture.capture_id
