"""Moves captures between an outbox and its spool, on a separate thread, so that a slow disk delays nothing else.

A capture that gets its receipt in time is never written to the disk. One that waits longer is written, and removed with
its receipt. So a killed program loses captures younger than `spill_after_seconds` plus PERIOD_S.
"""

from __future__ import annotations

import contextvars
import threading
import time
from functools import partial
from uuid import UUID

import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.item import OutboxItem
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import DamagedError, ForeignError, Spool, SpoolError, SpoolTerms
from cekalwatch.contract.values.cameras import SpoolState
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.program.loops import LOOPS

PERIOD_S = 0.5
"""Longest time between two rounds, each a look at the outbox."""
PAUSE_S = 10.0
"""How long a disk that fails is left alone."""
PROBE_PERIOD_S = 60.0
"""How often a disk is tried on which nothing has to be written, so that a heartbeat reports a fault early."""
NO_ROOM_PAUSE_S = 2.0
"""How long a full spool is left alone while new captures have room in memory."""
LOG_PERIOD_S = 60.0
"""How often the log says how much waits."""
MAX_LOGGED = 20
"""Unreadable captures that the log names one by one; the heartbeat counts all."""
STUCK_S = 15.0
"""A disk that takes longer for one round has failed."""
ROOM_AT_ONCE = 64
"""When the spool is full, 1 / ROOM_AT_ONCE of it is freed, so that not every capture costs a look at all others."""

log = structlog.get_logger()


class Spooler:
    """The thread of one outbox. `start` it once, and `close` it."""

    def __init__(self, outbox: Outbox, spool: Spool, terms: SpoolTerms, clock: Clock) -> None:
        self._outbox = outbox
        self._queue = outbox.disk_queue
        self._spool = spool
        self._terms = terms
        self._clock = clock
        self._state = SpoolState.UNSPECIFIED
        self._opened = False
        self.rounds = 0
        """Rounds that it has done."""
        self._foreign: dict[str, int] = {}
        """Sizes of files that this run cannot open, and another may, by id. They stay until they are too old."""
        self._to_remove: list[str] = []
        self._next_try_s = self._next_log_s = clock.monotonic_s()
        self._no_room_until_s = clock.monotonic_s()
        self._busy_since: float | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()

    def start(self) -> None:
        """Start with what an earlier run left."""
        self._end_listening = self._outbox.listen(self._wake.set)
        context = contextvars.copy_context()  # the log names the camera
        run = partial(LOOPS.keep_here, f"spool {self._spool.camera_id}", self._work)
        self._thread = threading.Thread(target=lambda: context.run(run), name="spooler", daemon=True)
        self._thread.start()

    def close(self, within_s: float = 10.0) -> None:
        """Write all that has no receipt, and end; a disk that hangs is given up after `within_s`."""
        self._closing.set()
        self._wake.set()
        self._thread.join(within_s)
        self._end_listening()
        held = self._outbox.statistics()
        if held.depth:
            log.info("captures_kept", on_disk=held.stored, lost=held.depth - held.stored, spool=self.state.value)

    @property
    def state(self) -> SpoolState:
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > STUCK_S:
            return SpoolState.FAILED
        return self._state

    def _work(self) -> bool:
        """Do one round and wait for the next; return whether there is one."""
        closing = self._closing.is_set()
        self._busy_since = time.monotonic()
        try:
            self._round(0.0 if closing else self._terms.spill_after_s)
        except SpoolError as error:
            self._note_failure(error)
        finally:
            self._busy_since = None
            self.rounds += 1
        if not closing:
            self._wake.wait(PERIOD_S)
            self._wake.clear()
        return not closing

    def _round(self, spill_after_s: float) -> None:
        now_s = self._clock.monotonic_s()
        due = now_s >= self._next_try_s or self._closing.is_set()
        self._queue.drop_older_than(self._terms.most_age_s)
        if not self._opened and due:
            self._open()
        if not self._opened:
            return
        self._load()
        if due or self._state is SpoolState.READY:
            self._remove()
            waiting = self._queue.to_store(spill_after_s) if now_s >= self._no_room_until_s else []
            if waiting:
                self._store(waiting)
            elif due:
                self._spool.probe()
            if waiting or due:
                self._note_success()
        self._log(now_s)

    def _open(self) -> None:
        self._spool.open()
        self._spool.probe()
        found = [
            OutboxItem.from_disk(capture, size, self._clock)
            for capture_id, size in self._spool.sizes().items()
            if (capture := self._read(capture_id, size))
        ]
        self._opened = True
        self._queue.restore(found)
        self._note_success()
        log.info("spool_opened", captures=len(found), unreadable=self._outbox.statistics().drops.unreadable)

    def _read(self, capture_id: str, size: int) -> FaceCapture | None:
        try:
            return self._spool.load(capture_id)
        except ForeignError as error:
            self._foreign[capture_id] = size
            problem = str(error)
        except DamagedError as error:
            self._to_remove.append(capture_id)
            problem = str(error)
        self._queue.unreadable(capture_id)
        if self._outbox.statistics().drops.unreadable <= MAX_LOGGED:
            log.warning("capture_unreadable", capture_id=capture_id, problem=problem)
        return None

    def _store(self, waiting: list[FaceCapture]) -> None:
        """Write the waiting captures; raises SpoolError when the disk refuses one and no space can be freed."""
        try:
            for capture in waiting:
                if not self._queue.holds(capture.capture_id):
                    continue
                if not self._fits(capture):
                    self._no_room_until_s = self._clock.monotonic_s() + NO_ROOM_PAUSE_S
                    return
                try:
                    size = self._spool.store(capture)
                except SpoolError as error:
                    if error.state is not SpoolState.DISK_FULL or not self._make_room(len(capture.jpeg)):
                        raise
                    size = self._spool.store(capture)
                self._queue.stored(capture.capture_id, size)
        finally:
            self._remove()
            self._spool.flush()

    def _fits(self, capture: FaceCapture) -> bool:
        """Return whether the spool has room for the capture, if need be after dropping something worse."""
        most, needed = self._terms.most_bytes, len(capture.jpeg) + 1000
        over = self._outbox.statistics().stored_bytes + sum(self._foreign.values()) + needed - most
        if over > 0 and self._foreign:
            self._to_remove += self._foreign
            over -= sum(self._foreign.values())
            self._foreign.clear()
        if over <= 0:
            return True
        return self._make_room(max(over, most // ROOM_AT_ONCE))

    def _make_room(self, size: int) -> bool:
        max_in_memory = 0 if self._closing.is_set() else self._queue.comfortable_in_memory
        made = self._queue.make_room(size, max_in_memory)
        self._remove()
        return made

    def _load(self) -> None:
        for capture_id in self._queue.to_load():
            try:
                capture = self._read(capture_id, 0)
            except SpoolError as error:
                self._queue.postpone(capture_id, PAUSE_S)
                self._note_failure(error)
                continue
            if capture:
                self._queue.loaded(capture)

    def _remove(self) -> None:
        """Remove captures that have a receipt or were dropped; failed removals are tried again."""
        oldest_ms = self._clock.now().timestamp() * 1000 - self._terms.most_age_s * 1000
        old = [key for key in self._foreign if _taken_ms(key) < oldest_ms]
        for key in old:
            del self._foreign[key]
        self._to_remove += [*self._queue.to_remove(), *old]
        while self._to_remove:
            self._spool.remove(self._to_remove[-1])
            self._to_remove.pop()

    def _note_success(self) -> None:
        self._next_try_s = self._clock.monotonic_s() + PROBE_PERIOD_S
        if self._state not in (SpoolState.READY, SpoolState.UNSPECIFIED):
            log.info("spool_works_again")
        self._state = SpoolState.READY

    def _note_failure(self, error: SpoolError) -> None:
        self._next_try_s = self._clock.monotonic_s() + PAUSE_S
        if self._state is not error.state:
            log.error("spool_fails", state=error.state.value, problem=str(error))
        self._state = error.state

    def _log(self, now_s: float) -> None:
        held = self._outbox.statistics()
        if held.stored and now_s >= self._next_log_s:
            self._next_log_s = now_s + LOG_PERIOD_S
            log.info(
                "captures_wait",
                on_disk=held.stored,
                bytes=held.stored_bytes,
                oldest_s=round(held.stored_oldest_s),
                dropped=held.drops.total,
            )


def _taken_ms(capture_id: str) -> int:
    """Return when a capture was taken, which a UUID of version 7 begins with: milliseconds since 1970."""
    return UUID(capture_id).int >> 80
