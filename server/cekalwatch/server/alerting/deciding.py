"""Decides whether a passage alerts, and commits what does. One thread owns all of this state, so there are no locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.alerting.watch import Watch
from cekalwatch.server.domain.alerts import AlertEventType, Candidate, Match
from cekalwatch.server.domain.captures import Capture, CaptureOutcome
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.passages import Passages
from cekalwatch.server.storage.alert_store import AlertStore

MOST_CANDIDATES = 5

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class EmbeddedCapture:
    """A capture with its template, of shape (size,) and length 1."""

    capture: Capture
    template: NDArray[np.float32]


@dataclass(frozen=True)
class AlertTiming:
    """How sightings belong together by time."""

    grouping_window: timedelta = timedelta(minutes=10)
    """How long later sightings of a subject at a site join its alert."""
    late_after: timedelta = timedelta(seconds=60)
    """A sighting that comes in so long after its capture is late."""


class Decider:
    """Fuses each capture into its passage, searches, checks the orders, and commits alert events.

    `announce` is called after the commit of an event, `begun` with the first capture of each passage.
    """

    def __init__(
        self,
        watch: Callable[[], Watch],
        store: AlertStore,
        clock: Clock,
        passages: Passages,
        timing: AlertTiming,
        announce: Callable[[], None],
        begun: Callable[[Capture], None],
    ) -> None:
        self._watch = watch
        self._store = store
        self._clock = clock
        self._passages = passages
        self._timing = timing
        self._announce = announce
        self._begun = begun
        self.alerts_raised = 0

    def decide(self, batch: list[EmbeddedCapture]) -> Sequence[CaptureOutcome | Exception]:
        """Return SEARCHED or DUPLICATE for each capture, or the error for which it must be sent again."""
        watch = self._watch()
        now = self._clock.now()
        probes, crops = [], []
        for item in batch:
            passage = self._passages.at(item.capture.camera.camera_id, item.capture.passage, now)
            if not passage.crops:
                self._begun(item.capture)
            probes.append(passage.fuse(item.capture.capture_id, item.template, item.capture.quality))
            crops.append(passage.crops)
        found = watch.gallery.search(np.stack(probes), MOST_CANDIDATES)
        return [
            self._settle(watch, item.capture, candidates, fused)
            for item, candidates, fused in zip(batch, found, crops, strict=True)
        ]

    def _settle(
        self, watch: Watch, capture: Capture, candidates: tuple[Candidate, ...], fused_crops: int
    ) -> CaptureOutcome | Exception:
        match = self._match(watch, capture, candidates, fused_crops)
        if match is None:
            return CaptureOutcome.SEARCHED
        try:
            event = self._store.record(match, self._timing.grouping_window, self._clock.now())
        except SQLAlchemyError as error:
            # Its text may quote the row, so only its kind is logged.
            log.warning("alert not committed; the camera sends it again", error=type(error).__name__)
            return CekalwatchError(Code.STORAGE_UNAVAILABLE)
        except CekalwatchError as error:
            log.warning("alert not committed; the camera sends it again", error=error.code)
            return error
        if event is None:
            return CaptureOutcome.DUPLICATE
        if event.type is AlertEventType.RAISED:
            self.alerts_raised += 1
        log.info("alert event", type=event.type, sequence=event.sequence, alert_id=str(event.alert_id))
        self._announce()
        return CaptureOutcome.SEARCHED

    def _match(
        self, watch: Watch, capture: Capture, candidates: tuple[Candidate, ...], fused_crops: int
    ) -> Match | None:
        """Return the match with the nearest subject that has an order in force here; others are left out."""
        now = self._clock.now()
        eligible: list[Candidate] = []
        orders: tuple[str, ...] = ()
        for candidate in candidates:
            if candidate.score < watch.threshold:
                break
            in_force = watch.orders_in_force(candidate.subject_id, capture.camera, now)
            if in_force:
                orders = orders or in_force
                eligible.append(candidate)
        if not eligible:
            return None
        late = now - capture.captured_at > self._timing.late_after
        return Match(capture, tuple(eligible), orders, fused_crops, watch.threshold, watch.gallery.model_version, late)
