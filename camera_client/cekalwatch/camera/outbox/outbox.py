"""Captures that have no receipt yet, and which of them is sent next. It knows neither gRPC nor pictures nor files.

It is bounded: when it is full, the best crop of each passage stays; worse crops are dropped first, and counted. The
spooler moves long-waiting captures to the disk, through the queue in `state`. Live captures are sent first, and of them
the first fit crop of each passage; the backlog gets a share of the link.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.item import OutboxItem
from cekalwatch.camera.outbox.state import (
    EPOCH,
    MAX_REMEMBERED_PASSAGES,
    OLDEST_EVERY,
    DiskQueue,
    OutboxState,
)
from cekalwatch.contract.values.cameras import Drops
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.program.traces import TRACES
from cekalwatch.vision.fitness import flaws

MAX_BYTES = 96_000
"""Maximum bytes in flight that the server has not read. More would only fill the network's buffers, and on a link of
64 kB/s a new capture would wait for them for more than a second and a half. In an office the server is the limit, never
this."""
MAX_BACKLOG_BYTES = 48_000
"""How much of it may be backlog."""
LIVE_IN_A_ROW = 3
"""After this many live captures one of the backlog is sent: it must not starve while travellers keep coming."""


class SendPolicy:
    """Chooses the next capture to send; it remembers the last one. Owned by one outbox."""

    def __init__(self) -> None:
        self._live_in_a_row = 0
        self._of_backlog = 0
        self._first: OrderedDict[tuple[str, str], str] = OrderedDict()
        """The first fit crop of each passage that was sent: it remains that when it is sent again."""

    def next(
        self, waiting: Collection[OutboxItem], in_flight: Collection[OutboxItem], now_s: float, credit: int
    ) -> OutboxItem | None:
        """Return the capture of `waiting` (captures in memory) to send now; None if none may be sent.

        `in_flight`: sent captures that the server has not read yet, as far as is known.
        `credit`: how many captures the server accepts now, at least 1.
        """
        sum_bytes = sum(item.size for item in in_flight)
        if in_flight and sum_bytes >= MAX_BYTES:
            return None
        ready = [item for item in waiting if item.not_before_s <= now_s]
        if not has_spare(credit, in_flight):
            ready = [item for item in ready if self._is_first(item)]
        live = [item for item in ready if item.is_live(now_s)]
        backlog = [item for item in ready if not item.is_live(now_s)]
        if backlog and not self._may_send_backlog(in_flight, credit):
            backlog = []
        if live and not (backlog and self._live_in_a_row >= LIVE_IN_A_ROW):
            self._live_in_a_row += 1
            return self._chosen(max(live, key=self._worth))
        if not backlog:
            return None
        self._live_in_a_row = 0
        self._of_backlog += 1
        is_turn_of_oldest = self._of_backlog % OLDEST_EVERY == 0
        chosen = min(backlog, key=attrgetter("order")) if is_turn_of_oldest else max(backlog, key=self._worth)
        chosen.sent_as_backlog = True
        return self._chosen(chosen)

    def _chosen(self, item: OutboxItem) -> OutboxItem:
        if item.fit:
            self._first.setdefault(item.passage, item.capture_id)
            if len(self._first) > MAX_REMEMBERED_PASSAGES:
                self._first.popitem(last=False)
        return item

    def _is_first(self, item: OutboxItem) -> bool:
        return item.fit and self._first.get(item.passage, item.capture_id) == item.capture_id

    def _worth(self, item: OutboxItem) -> tuple[bool, int]:
        return self._is_first(item), item.order

    @staticmethod
    def _may_send_backlog(in_flight: Collection[OutboxItem], credit: int) -> bool:
        """At most half of the bytes and half of the credits, but always at least one."""
        sent = [item.size for item in in_flight if item.sent_as_backlog]
        return not sent or (sum(sent) < MAX_BACKLOG_BYTES and 2 * len(sent) < credit + len(in_flight))


def has_spare(credit: int, in_flight: Collection[OutboxItem]) -> bool:
    """Whether others than first fit crops may be sent: they leave the last credit to the next passage's (rule 19)."""
    return credit > 1 or not in_flight


FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 30.0


@dataclass(frozen=True)
class OutboxStatistics:
    """The content of the outbox, and its dropped captures."""

    depth: int
    in_flight: int
    oldest_s: float
    """Age of the oldest capture; 0 when there is none."""
    oldest_in_flight_s: float
    """Seconds that the oldest capture in flight has waited for its receipt; 0 without one."""
    waiting_s: float
    """The time since captures wait without any receipt; 0 when none waits."""
    settled_total: int
    drops: Drops
    stored: int
    """Captures on the disk."""
    stored_bytes: int
    stored_oldest_s: float
    """Age of the oldest capture on the disk; 0 when there is none."""


class Outbox:
    """Filled by the vision thread, emptied by the uplink's; all methods are safe on any thread."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: the most captures that wait only in memory; at least 1."""
        self._state = OutboxState(size, clock)
        self.disk_queue = DiskQueue(self._state)
        self.clock = clock
        """By which captures are timed."""
        self._send_policy = SendPolicy()
        self._closed = False
        self._count = 0
        self._settled = 0
        self._last_settled_s = clock.monotonic_s()

    def listen(self, on_change: Callable[[], object]) -> Callable[[], None]:
        """Have `on_change` called, on any thread, after each change; return what ends that."""
        return self._state.listen(on_change)

    def put(self, capture: FaceCapture) -> None:
        """Add a capture; when it is full, drop the least valuable one."""
        state = self._state
        with state.lock:
            self._count += 1
            item = OutboxItem(
                capture.capture_id,
                capture.passage,
                capture.quality.score,
                order=self._count,
                put_s=self.clock.monotonic_s(),
                fit=not flaws(capture.quality),
                size=len(capture.jpeg),
                capture=capture,
                clock_offset=state.clock_offset,
            )
            state.items[item.capture_id] = state.unsent[item.capture_id] = item
            in_memory = state.in_memory_alone()
            if len(in_memory) > state.size:
                worst = state.worst_first(state.items.values())[0]
                if worst.stored_bytes and len(in_memory) > state.size + state.size // 4:
                    # Dropping captures on the disk makes room there, but not here while the disk fails.
                    worst = state.worst_first(in_memory)[0]
                state.drop(worst, Drops(no_room=1))
            state.changed()

    def wait_for_room(self) -> None:
        """Block until a capture can be added without a loss, or the outbox is closed."""
        state = self._state
        with state.lock:
            state.lock.wait_for(lambda: self._closed or len(state.in_memory_alone()) < state.size)

    def close(self) -> None:
        """End all waiting for room."""
        with self._state.lock:
            self._closed = True
            self._state.changed()

    def take(self, credit: int = 1) -> FaceCapture | None:
        """Return the next capture to send, which is then in flight; None when none can be sent now.

        `credit`: how many captures the server accepts now, at least 1.
        """
        state = self._state
        with state.lock:
            now_s = self.clock.monotonic_s()
            loadable = any(item.not_before_s <= now_s for item in state.spooled.values())
            if loadable and not state.load_wanted and (state.loaded_count() <= 1 or state.live_spooled(now_s)):
                state.load_wanted = True
                state.changed()
            on_the_way = self._on_the_way()
            item = self._send_policy.next(state.unsent.values(), on_the_way, now_s, credit)
            if item is None or item.capture is None:
                return None
            state.in_flight[item.capture_id] = state.unsent.pop(item.capture_id)
            item.sent_s, item.taken = now_s, False
            return item.corrected(item.capture, state.clock_offset, state.began_at, self.clock.now())

    def has_spare(self, credit: int) -> bool:
        """Whether a face that is no traveller's may be sent with `credit`, at least 1."""
        with self._state.lock:
            return has_spare(credit, self._on_the_way())

    def _on_the_way(self) -> list[OutboxItem]:
        return [one for one in self._state.in_flight.values() if not one.taken]

    def note_taken(self, count: int) -> None:
        """Note that the server has taken in `count` of the captures that are in flight; the oldest, it is assumed."""
        with self._state.lock:
            for item in islice(self._on_the_way(), count):
                item.taken = True

    def next_ready_s(self) -> float | None:
        """Return the seconds until a capture may be sent again; None when there is none."""
        with self._state.lock:
            now_s = self.clock.monotonic_s()
            pauses = (item.not_before_s - now_s for item in self._state.unsent.values())
            return min((pause_s for pause_s in pauses if pause_s > 0), default=None)

    def note_server_time(self, server_time: datetime) -> None:
        """Note what the server's clock shows now, for captures that another run may send."""
        with self._state.lock:
            self._state.server_offset = server_time - EPOCH - timedelta(seconds=self.clock.monotonic_s())

    def refuse(self, capture_id: str) -> None:
        """Forget a capture that the server rejected, and count it. An unknown one changes nothing."""
        with self._state.lock:
            if item := self._state.items.get(capture_id):
                self._state.drop(item, Drops(refused=1))
                self._last_settled_s = self.clock.monotonic_s()
                self._state.changed()

    def settle(self, capture_id: str) -> None:
        """Forget a capture that has its final receipt. An unknown one changes nothing."""
        with self._state.lock:
            if item := self._state.items.get(capture_id):
                self._state.note_arrival(item)
                self._state.forget(item)
                if item.capture:
                    TRACES.record("capture", item.capture.trace, "", item.capture.captured_at, self.clock.now())
                self._settled += 1
                self._last_settled_s = self.clock.monotonic_s()
                self._state.changed()

    def retry_later(self, capture_id: str) -> None:
        """Let a capture be sent again after a pause that doubles each time. An unknown one changes nothing."""
        with self._state.lock:
            item = self._state.in_flight.pop(capture_id, None)
            if item is not None:
                pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** min(item.retries, 30))
                item.not_before_s = self.clock.monotonic_s() + pause_s
                item.retries += 1
                self._state.requeue(item)
                self._state.changed()

    def return_in_flight(self) -> None:
        """Send all captures in flight again: the connection is lost, and the server may not have received them."""
        state = self._state
        with state.lock:
            loose = [*state.unsent.values(), *state.in_flight.values()]
            state.unsent.clear()
            state.in_flight.clear()
            for item in loose:
                state.requeue(item)
            state.spooled = dict(sorted(state.spooled.items(), key=lambda pair: pair[1].order))
            state.changed()

    def statistics(self) -> OutboxStatistics:
        state = self._state
        with state.lock:
            now_s = self.clock.monotonic_s()
            oldest_put_s = next((item.put_s for item in state.items.values()), now_s)
            stored = (item.put_s for item in state.items.values() if item.stored_bytes)
            return OutboxStatistics(
                depth=len(state.items),
                in_flight=len(state.in_flight),
                oldest_s=now_s - oldest_put_s,
                oldest_in_flight_s=now_s - min((item.sent_s for item in state.in_flight.values()), default=now_s),
                waiting_s=now_s - max(oldest_put_s, self._last_settled_s) if state.items else 0.0,
                settled_total=self._settled,
                drops=state.drops,
                stored=len(state.on_disk),
                stored_bytes=sum(state.on_disk.values()),
                stored_oldest_s=now_s - next(stored, now_s),
            )
