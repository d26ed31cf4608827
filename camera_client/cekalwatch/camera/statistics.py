"""The counts of a camera, and its heartbeat. Filled by the vision thread and the outbox."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.contract.values.cameras import (
    Heartbeat,
    SpoolState,
    SpoolStatus,
    ViewState,
)

NO_FRAMES_AFTER_S = 3.0
RATE_OVER_S = 1.0


class CameraStatistics:
    """Counts what the vision thread does; safe on any thread."""

    def __init__(
        self, outbox: Outbox, clock: Clock, spool_state: Callable[[], SpoolState] = lambda: SpoolState.UNSPECIFIED
    ) -> None:
        """`spool_state`: the state of the outbox's spool, if it has one."""
        self._outbox = outbox
        self._spool_state = spool_state
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s = self._last_frame_s = clock.monotonic_s()
        self._frames_since = 0
        self._view = ViewState.OK
        self._told = ViewState.UNSPECIFIED
        """The view in the last heartbeat."""
        self._busy_since_s: float | None = None
        self.frames_total = 0
        self.faces_total = 0
        self.frame_age_s = 0.0
        """How old the last frame was when it was done with."""
        self.passages_total = 0
        self.under_way = 0
        """Travellers who are followed now."""
        self.crops_total = 0
        self.crop_bytes_total = 0

    def begin_frame(self) -> None:
        """Note that the vision thread begins with a frame."""
        self._busy_since_s = self._clock.monotonic_s()

    def end_frame(self) -> None:
        """Note that it is done with the frame, or failed."""
        self._busy_since_s = None

    @property
    def busy_s(self) -> float:
        """For how long the vision thread has been at one frame; 0 while it waits for one."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    def count_frame(
        self, passages_total: int, faces: int = 0, taken_at: datetime | None = None, *, under_way: int = 0
    ) -> None:
        """Count a frame that went through detection, with its faces, and note the passages so far and now under way."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s - self._last_frame_s > NO_FRAMES_AFTER_S:
                # The rate describes a camera that delivers frames; the view reports missing frames.
                self._since_s, self._frames_since = now_s, 0
            self._frames_since += 1
            self.frames_total += 1
            self.faces_total += faces
            self.passages_total = passages_total
            self.under_way = under_way
            self._last_frame_s = now_s
            if taken_at:
                self.frame_age_s = (self._clock.now() - taken_at).total_seconds()

    def note_view(self, state: ViewState) -> None:
        """Record the state of the view while frames come."""
        self._view = state

    def count_crop(self, size: int) -> None:
        """Count a crop of `size` bytes that was put into the outbox."""
        with self._lock:
            self.crops_total += 1
            self.crop_bytes_total += size

    def heartbeat(self) -> Heartbeat:
        """Return the present state; the frame rate is that since the last call, or since frames came again."""
        outbox = self._outbox.statistics()
        with self._lock:
            now_s = self._clock.monotonic_s()
            passed_s = now_s - self._since_s
            rate = self._frames_since / passed_s if passed_s > 0 else 0.0
            self._since_s, self._frames_since = now_s, 0
            self._told = self._view_state(now_s)
            return Heartbeat(
                frames_per_second=rate,
                outbox_depth=outbox.depth,
                outbox_age_s=outbox.oldest_s,
                view_state=self._told,
                passages_total=self.passages_total,
                spool=SpoolStatus(self._spool_state(), outbox.stored, outbox.stored_bytes, outbox.stored_oldest_s),
                drops=outbox.drops,
                dropped_total=outbox.drops.total,
            )

    @property
    def since_frame_s(self) -> float:
        """The time since the last frame, or since the program's start when there was none."""
        return self._clock.monotonic_s() - self._last_frame_s

    @property
    def view_state(self) -> ViewState:
        return self._view_state(self._clock.monotonic_s())

    def view_changed(self) -> bool:
        """Return whether the view differs from the last heartbeat, so that the next one must be sent at once.

        An end of a fault is reported only with a frame rate, and only after a reported fault.
        """
        state = self.view_state
        if state is ViewState.OK and self._clock.monotonic_s() - self._since_s < RATE_OVER_S:
            return False
        return state is not self._told and (self._told, state) != (ViewState.UNSPECIFIED, ViewState.OK)

    def _view_state(self, now_s: float) -> ViewState:
        if now_s - self._last_frame_s > NO_FRAMES_AFTER_S:
            return ViewState.NO_FRAMES
        return self._view if self.frames_total else ViewState.UNSPECIFIED
