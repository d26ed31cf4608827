"""Which capture is sent next: live ones first, and the backlog beside them with a share of the link."""

from __future__ import annotations

from collections.abc import Collection

from cekalwatch.camera.outbox.item import OutboxItem

MAX_BYTES = 96_000
"""Bytes at once that the server has not taken in. More would only lie in the network's buffers, and on a link of
64 kB/s a new capture would wait behind it for more than a second and a half. In an office the server is the limit,
never this."""
MAX_BACKLOG_BYTES = 48_000
"""How much of it may be backlog."""
LIVE_IN_A_ROW = 3
"""After this many live captures one of the backlog is sent: it must not starve while travellers keep coming."""
OLDEST_EVERY = 4
"""Of the backlog the newest go first, for travellers who are not far yet; every fourth is the oldest."""


class SendPolicy:
    """Remembers what was sent last. Owned by one outbox."""

    def __init__(self) -> None:
        self._live_in_a_row = 0
        self._of_backlog = 0

    def next(
        self, waiting: Collection[OutboxItem], in_flight: Collection[OutboxItem], now_s: float, credit: int
    ) -> OutboxItem | None:
        """Return the one of `waiting` (captures in memory) to send now; None when none may be.

        `in_flight`: those that were sent, and that the server has not taken in as far as is known.
        `credit`: how many the server would take now, at least 1.
        """
        sum_bytes = sum(item.size for item in in_flight)
        if in_flight and sum_bytes >= MAX_BYTES:
            return None
        ready = [item for item in waiting if item.not_before_s <= now_s]
        live = [item for item in ready if item.is_live(now_s)]
        backlog = [item for item in ready if not item.is_live(now_s)]
        if backlog and not self._may_send_backlog(in_flight, credit):
            backlog = []
        if live and not (backlog and self._live_in_a_row >= LIVE_IN_A_ROW):
            self._live_in_a_row += 1
            return max(live, key=_order)
        if not backlog:
            return None
        self._live_in_a_row = 0
        self._of_backlog += 1
        chosen = (min if self._of_backlog % OLDEST_EVERY == 0 else max)(backlog, key=_order)
        chosen.sent_as_backlog = True
        return chosen

    @staticmethod
    def _may_send_backlog(in_flight: Collection[OutboxItem], credit: int) -> bool:
        """Half of the bytes and half of the credits at most, but one in any case."""
        sent = [item.size for item in in_flight if item.sent_as_backlog]
        return not sent or (sum(sent) < MAX_BACKLOG_BYTES and 2 * len(sent) < credit + len(in_flight))


def _order(item: OutboxItem) -> int:
    return item.order
