"""A picture without a face that goes the way of a capture: template, search, commit. It tells where captures stop.

It also tells when captures that get through wait too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import cv2
import numpy as np
import structlog

from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.readiness import ReadinessFault
from cekalwatch.server.capture.credit_window import BUSY_S, CALM_S
from cekalwatch.server.capture.database_health import DatabaseHealth
from cekalwatch.server.capture.deciding import EmbeddedCapture, EmptyGalleryError
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.recognition.probes import Probe

PERIOD_S: Final = 1.0
"""From the end of one probe to the begin of the next."""
MAX_STEP_S: Final = 4.0
"""A probe that has been at one step for longer is stuck there."""
MAX_LOG_AGE_S: Final = 4.0
"""The log of events is read ten times a second; after this time it is not read."""
LATE_AFTER_S: Final = 10.0
"""Captures are late when they have waited too long, without a moment of calm, for this time."""
SIDE: Final = 112

log = structlog.get_logger()


class ChainProbe:
    """One probe after another; only the event loop's thread runs it, and any thread may ask for `fault`."""

    def __init__(
        self,
        embedder: BatchWorker[Capture, Probe],
        decider: BatchWorker[EmbeddedCapture, CaptureOutcome],
        health: DatabaseHealth,
        accepted: Callable[[], int],
        log_read_s: Callable[[], float],
    ) -> None:
        """`accepted` counts cameras' captures that got through, after which none of our own is needed to know it.

        `log_read_s` is the moment, by the event loop's clock, at which the log of events was last read to its end.
        """
        self._embedder, self._decider, self._health = embedder, decider, health
        self._accepted, self._log_read_s = accepted, log_read_s
        self._loop = asyncio.get_running_loop()
        self._counted = accepted()
        self._step: ReadinessFault | None = None
        """The reason that holds if the present step never ends; None between two probes."""
        self._step_s = self._loop.time()
        self._found: ReadinessFault | None = None
        """The result of the last probe that has ended."""
        self._busy_since_s: float | None = None
        """Since when captures wait too long; None while they do not."""

    @property
    def fault(self) -> ReadinessFault | None:
        """Where captures stop; None while they get through."""
        now_s, step = self._loop.time(), self._step
        if step is not None and now_s - self._step_s > MAX_STEP_S:
            return step
        if self._found is None and now_s - self._log_read_s() > MAX_LOG_AGE_S:
            return ReadinessFault.LOG
        return self._found

    @property
    def late_s(self) -> float:
        """How long the oldest capture has waited, seconds, when captures are late; 0 when they are not."""
        busy_since_s = self._busy_since_s
        is_late = busy_since_s is not None and self._loop.time() - busy_since_s >= LATE_AFTER_S
        return self._embedder.oldest_s if is_late else 0.0

    def _note_wait(self) -> None:
        oldest_s = self._embedder.oldest_s
        if oldest_s < CALM_S:
            self._busy_since_s = None
        elif oldest_s > BUSY_S and self._busy_since_s is None:
            self._busy_since_s = self._loop.time()

    async def probe(self) -> None:
        """Send one picture through, and keep the result."""
        self._note_wait()
        try:
            found = await self._way()
        finally:
            self._step = None
        if found is not self._found:
            log.warning("captures_get_stuck", step=found.value) if found else log.info("captures_get_through")
        self._found = found

    async def _way(self) -> ReadinessFault | None:
        before, self._counted = self._counted, self._accepted()
        if self._counted == before:
            self._begin(ReadinessFault.RECOGNITION)
            try:
                template = await self._embedder.do(EMPTY)
                await self._decider.do(EmbeddedCapture(EMPTY, template))
            except EmptyGalleryError:
                return ReadinessFault.GALLERY
            except Exception as error:  # noqa: BLE001  # whatever it is, a capture would not get through either
                log.warning("chain_probe_failed", error=type(error).__name__)
                return ReadinessFault.RECOGNITION
        self._begin(ReadinessFault.DATABASE)
        if not await self._health.written_since(self._step_s) or not self._health.well:
            return ReadinessFault.DATABASE
        return None

    def _begin(self, step: ReadinessFault) -> None:
        self._step, self._step_s = step, self._loop.time()


def _drawn() -> bytes:
    """Return a picture of even slopes as a JPEG: a uniform one might have no template."""
    slope = np.tile(np.linspace(40, 215, SIDE, dtype=np.uint8), (SIDE, 1))
    picture = np.dstack([slope, slope.T, slope[:, ::-1]])
    _, jpeg = cv2.imencode(".jpg", picture)
    return jpeg.tobytes()


EMPTY: Final = Capture(
    capture_id=str(UUID(int=0)),
    camera=Camera("", "", "", Direction.DEPARTURE),
    passage="",
    captured_at=datetime.min.replace(tzinfo=UTC),
    jpeg=_drawn(),
    landmarks=((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)),
    quality=0.0,
    empty=True,
)
"""Without a face: the landmarks are where a face would have them."""
