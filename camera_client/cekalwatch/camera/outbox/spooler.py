"""Carries captures between an outbox and its spool, on a thread of its own: a slow disk holds up nobody else.

A capture that gets its receipt in time never touches the disk. One that waits for longer is written, and removed with
its receipt; so a program that is killed loses what is younger than `spill_after_s` and a turn of this thread.
"""

from __future__ import annotations

import contextvars
import threading
import time
from uuid import UUID

import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.detection.face_capture import FaceCapture
from cekalwatch.camera.outbox.item import SpooledItem
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import DamagedError, ForeignError, Spool
from cekalwatch.camera.outbox.spool_error import SpoolError
from cekalwatch.camera.outbox.spool_terms import SpoolTerms
from cekalwatch.wire.vocabulary.capture import SpoolState

TURN_S = 0.5
"""Longest time between two looks at the outbox."""
PAUSE_S = 10.0
"""How long a disk that fails is left alone."""
PROBE_PERIOD_S = 60.0
"""How often a disk on which nothing has to be written is tried, so that a heartbeat tells before it is needed."""
NO_ROOM_PAUSE_S = 2.0
"""How long a spool that is as large as it may be is left alone, while what comes has room in memory."""
TELL_PERIOD_S = 60.0
"""How often the log says what waits."""
MAX_TOLD = 20
"""Captures that cannot be read, of which the log tells one by one; the heartbeat counts all."""
STUCK_S = 15.0
"""An answer of the disk that takes longer does not count as coming."""
ROOM_AT_ONCE = 64
"""This part of the spool is freed when it is full, so that not every capture costs a look at all others."""

log = structlog.get_logger()


class Spooler:
    """The thread of one outbox. `start` it once, and `close` it."""

    def __init__(self, outbox: Outbox, spool: Spool, terms: SpoolTerms, clock: Clock) -> None:
        self._outbox = outbox
        self._parking = outbox.parking
        self._spool = spool
        self._terms = terms
        self._clock = clock
        self._state = SpoolState.UNSPECIFIED
        self._opened = False
        self.turns = 0
        """How often it has looked at the outbox."""
        self._foreign: dict[str, int] = {}
        """Files that this run cannot open, and the next may: they stay for as long as all do. Their sizes, by id."""
        self._to_remove: list[str] = []
        self._next_try_s = self._next_tell_s = clock.monotonic_s()
        self._no_room_until_s = clock.monotonic_s()
        self._busy_since: float | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()

    def start(self) -> None:
        """Begin, with what an earlier run left."""
        self._end_listening = self._outbox.listen(self._wake.set)
        context = contextvars.copy_context()  # it says in the log which camera it is about
        self._thread = threading.Thread(target=lambda: context.run(self._run), name="spool-keeper", daemon=True)
        self._thread.start()

    def close(self, within_s: float = 10.0) -> None:
        """Write all that has no receipt, and end; a disk that hangs is left to itself after `within_s`."""
        self._closing.set()
        self._wake.set()
        self._thread.join(within_s)
        self._end_listening()
        held = self._outbox.figures()
        if held.depth:
            log.info("captures_kept", on_disk=held.stored, lost=held.depth - held.stored, spool=self.state.value)

    @property
    def state(self) -> SpoolState:
        """How the spool does."""
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > STUCK_S:
            return SpoolState.FAILED
        return self._state

    def _run(self) -> None:
        while True:
            closing = self._closing.is_set()
            self._busy_since = time.monotonic()
            try:
                self._turn(0.0 if closing else self._terms.spill_after_s)
            except SpoolError as error:
                self._failed(error)
            self._busy_since = None
            self.turns += 1
            if closing:
                return
            self._wake.wait(TURN_S)
            self._wake.clear()

    def _turn(self, spill_after_s: float) -> None:
        now_s = self._clock.monotonic_s()
        due = now_s >= self._next_try_s or self._closing.is_set()
        self._parking.give_up_older_than(self._terms.most_age_s)
        if not self._opened and due:
            self._open()
        if not self._opened:
            return
        self._load()
        if due or self._state is SpoolState.READY:
            self._remove_gone()
            waiting = self._parking.without_receipt(spill_after_s) if now_s >= self._no_room_until_s else []
            if waiting:
                self._store(waiting)
            elif due:
                self._spool.probe()
            if waiting or due:
                self._works()
        self._tell(now_s)

    def _open(self) -> None:
        self._spool.open()
        self._spool.probe()
        found: list[SpooledItem] = []
        for capture_id, size in self._spool.sizes().items():
            if capture := self._read(capture_id, size):
                passage = (capture.run_id, capture.track_id)
                found.append(SpooledItem(capture_id, passage, capture.quality.score, capture.captured_at, size))
        self._opened = True
        self._parking.restore(found)
        self._works()
        log.info("spool_opened", captures=len(found), unreadable=self._outbox.figures().drops.unreadable)

    def _read(self, capture_id: str, size: int) -> FaceCapture | None:
        try:
            return self._spool.load(capture_id)
        except ForeignError as error:
            self._foreign[capture_id] = size
            problem = str(error)
        except DamagedError as error:
            self._to_remove.append(capture_id)
            problem = str(error)
        self._parking.unreadable(capture_id)
        if self._outbox.figures().drops.unreadable <= MAX_TOLD:
            log.warning("capture_unreadable", capture_id=capture_id, problem=problem)
        return None

    def _store(self, waiting: list[FaceCapture]) -> None:
        """Write what waits; raises SpoolError when the disk refuses one and no room can be made for it."""
        try:
            for capture in waiting:
                if not self._parking.holds(capture.capture_id):
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
                self._parking.stored(capture.capture_id, size)
        finally:
            self._remove_gone()
            self._spool.flush()

    def _fits(self, capture: FaceCapture) -> bool:
        """Return whether the spool has room for the capture, if need be after something worse has given way."""
        most, needed = self._terms.most_bytes, len(capture.jpeg) + 1000
        over = self._outbox.figures().stored_bytes + sum(self._foreign.values()) + needed - most
        if over > 0 and self._foreign:
            self._to_remove += self._foreign
            over -= sum(self._foreign.values())
            self._foreign.clear()
        if over <= 0:
            return True
        return self._make_room(max(over, most // ROOM_AT_ONCE))

    def _make_room(self, size: int) -> bool:
        easily_held = 0 if self._closing.is_set() else self._parking.easily_held
        made = self._parking.make_room(size, easily_held)
        self._remove_gone()
        return made

    def _load(self) -> None:
        for capture_id in self._parking.wanted():
            try:
                capture = self._read(capture_id, 0)
            except SpoolError as error:
                self._parking.not_now(capture_id, PAUSE_S)
                self._failed(error)
                continue
            if capture:
                self._parking.loaded(capture)

    def _remove_gone(self) -> None:
        """Remove what has its receipt or was given up. What cannot be removed now is tried again."""
        oldest_ms = self._clock.now().timestamp() * 1000 - self._terms.most_age_s * 1000
        old = [key for key in self._foreign if _taken_ms(key) < oldest_ms]
        for key in old:
            del self._foreign[key]
        self._to_remove += [*self._parking.gone(), *old]
        while self._to_remove:
            self._spool.remove(self._to_remove[-1])
            self._to_remove.pop()

    def _works(self) -> None:
        self._next_try_s = self._clock.monotonic_s() + PROBE_PERIOD_S
        if self._state not in (SpoolState.READY, SpoolState.UNSPECIFIED):
            log.info("spool_works_again")
        self._state = SpoolState.READY

    def _failed(self, error: SpoolError) -> None:
        self._next_try_s = self._clock.monotonic_s() + PAUSE_S
        if self._state is not error.state:
            log.error("spool_fails", state=error.state.value, problem=str(error))
        self._state = error.state

    def _tell(self, now_s: float) -> None:
        held = self._outbox.figures()
        if held.stored and now_s >= self._next_tell_s:
            self._next_tell_s = now_s + TELL_PERIOD_S
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
