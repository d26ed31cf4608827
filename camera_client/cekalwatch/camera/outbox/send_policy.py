"""Which capture is sent next: live ones first, and the backlog beside them with a share of the link."""

from __future__ import annotations

from collections.abc import Collection

from cekalwatch.camera.outbox.item import OutboxItem

MAX_BYTES = 96_000
"""Without a receipt at once. More would only lie in the network's buffers, and on a link of 64 kB/s a fresh capture
would wait behind it for more than a second and a half. In an office it is never the limit: the server is."""
MAX_BACKLOG_BYTES = 48_000
"""What of it may be backlog."""
LIVE_IN_A_ROW = 3
"""After so many live captures one of the backlog has its turn, lest it starve while travellers keep coming."""
OLDEST_EVERY = 4
"""Of the backlog the newest go first, for travellers who are not far yet; each so manieth is the oldest."""


class SendPolicy:
    """Remembers whose turn it was. Owned by one outbox."""

    def __init__(self) -> None:
        self._live_in_a_row = 0
        self._of_backlog = 0

    def next(
        self, waiting: Collection[OutboxItem], under_way: Collection[OutboxItem], now_s: float, credit: int
    ) -> OutboxItem | None:
        """Return the one of `waiting` (captures in memory) to send now; None when none may be.

        `credit`: how many the server would take now, at least 1.
        """
        sum_bytes = sum(entry.size for entry in under_way)
        if under_way and sum_bytes >= MAX_BYTES:
            return None
        ready = [entry for entry in waiting if entry.not_before_s <= now_s]
        live = [entry for entry in ready if entry.is_live(now_s)]
        backlog = [entry for entry in ready if not entry.is_live(now_s)]
        if backlog and not self._may_send_backlog(under_way, credit):
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
    def _may_send_backlog(under_way: Collection[OutboxItem], credit: int) -> bool:
        """Half of the bytes and half of the credits at most, but one in any case."""
        sent = [entry.size for entry in under_way if entry.sent_as_backlog]
        return not sent or (sum(sent) < MAX_BACKLOG_BYTES and 2 * len(sent) < credit + len(under_way))


def _order(entry: OutboxItem) -> int:
    return entry.order
