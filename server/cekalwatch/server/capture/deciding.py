"""Decides whether a passage alerts, and commits alert events. One thread owns this state, so there are no locks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.program.traces import TRACES
from cekalwatch.server.capture.candidates import Neighbours, OrdersInForce
from cekalwatch.server.capture.passages import Passages, PassageScore
from cekalwatch.server.domain.alerts.match import CropMatch, Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.probes import NO_METRICS, Metrics
from cekalwatch.server.recognition.probes import Probe, probe_jpeg
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.errors import StorageError

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class EmbeddedCapture:
    """A capture with its probe."""

    capture: Capture
    probe: Probe


class OtherModelError(Exception):
    """The gallery has changed to another model version; the probe must be made again."""


class EmptyGalleryError(CekalwatchError):
    """Nobody can be searched although people are listed; every capture must be sent again."""

    def __init__(self) -> None:
        super().__init__(Code.GALLERY_EMPTY)


@dataclass(frozen=True)
class AlertTiming:
    """Which sightings belong together, and which are late."""

    grouping_window: timedelta = timedelta(minutes=10)
    """How long later sightings of a subject at a site can join its alert."""
    late_after: timedelta = timedelta(seconds=60)
    """A sighting that arrives later than this after its capture is late."""


class Decider:
    """Fuses each capture into its passage, searches, checks the orders, and commits alert events.

    `announce` is called after each committed event, `begun` with the first capture of each passage.
    """

    def __init__(
        self,
        snapshot: Callable[[], GallerySnapshot],
        orders: OrdersInForce,
        store: AlertStore,
        clock: Clock,
        passages: Passages,
        timing: AlertTiming,
        announce: Callable[[], None],
        begun: Callable[[Capture], None],
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._snapshot = snapshot
        self._orders = orders
        self._store = store
        self._clock = clock
        self._passages = passages
        self._passages_of = ""
        self._timing = timing
        self._announce = announce
        self._begun = begun
        self._metrics = metrics
        self.alerts_raised = 0

    def decide(self, batch: list[EmbeddedCapture]) -> Sequence[CaptureOutcome | Exception]:
        """Return ACCEPTED for each capture, or the error for which it must be sent again.

        The error is OtherModelError where the probe cannot be compared with the gallery.
        """
        snapshot = self._snapshot()
        if snapshot.blind:
            return [EmptyGalleryError() for _ in batch]
        model = snapshot.gallery.model_version
        if model != self._passages_of:
            # Templates of different models cannot be fused.
            self._passages.clear()
            self._passages_of = model
        now = self._clock.now()
        comparable = [item for item in batch if item.probe.model_version == model]
        probes, crops, passages = [], [], []
        for item in comparable:
            passage = self._passages.at(item.capture.camera.camera_id, item.capture.passage, now)
            if not passage.crops:
                self._begun(item.capture)
            probes.append(passage.fuse(item.capture.capture_id, item.probe.template, item.capture.quality))
            crops.append(passage.crops)
            passages.append(passage)
        found = Neighbours.of(snapshot.gallery, np.stack(probes)) if probes else []
        for passage, neighbours in zip(passages, found, strict=True):
            if (best := neighbours.best_score) is not None:
                score = PassageScore(best, best >= snapshot.decision.value, len(snapshot.gallery), model)
                passage.score = score.after(passage.score)
        settled = iter(
            [
                self._settle(snapshot, item, neighbours, fused, count)
                for item, neighbours, fused, count in zip(comparable, found, probes, crops, strict=True)
            ]
        )
        decided = self._clock.now()
        for item in comparable:
            self._metrics.decision((decided - item.capture.captured_at).total_seconds())
        return [next(settled) if item.probe.model_version == model else OtherModelError(model) for item in batch]

    def _settle(
        self,
        snapshot: GallerySnapshot,
        item: EmbeddedCapture,
        neighbours: Neighbours,
        fused: NDArray[np.float32],
        fused_crops: int,
    ) -> CaptureOutcome | Exception:
        try:
            match = self._match(snapshot, item, neighbours, fused, fused_crops)
            if match is None:
                return CaptureOutcome.ACCEPTED
            with TRACES.span("alert.commit", match.capture.trace, camera=match.capture.camera.camera_id) as trace:
                traced = replace(match, capture=replace(match.capture, trace=trace))
                event = self._store.record(traced, self._timing.grouping_window, self._clock.now())
        except StorageError as error:
            log.warning("alert_not_committed", error=str(error))
            return CekalwatchError(Code.STORAGE_UNAVAILABLE)
        except CekalwatchError as error:
            log.warning("alert_not_committed", error=error.code)
            return error
        except Exception as error:  # noqa: BLE001  # its waiting caller logs it; the others are searched
            return error
        if event is None:
            return CaptureOutcome.ACCEPTED
        if event.type is AlertEventType.RAISED:
            self.alerts_raised += 1
        log.info("alert_event", type=event.type, sequence=event.sequence, alert_id=str(event.alert_id))
        self._announce()
        self._metrics.event((self._clock.now() - item.capture.captured_at).total_seconds())
        return CaptureOutcome.ACCEPTED

    def _match(
        self,
        snapshot: GallerySnapshot,
        item: EmbeddedCapture,
        neighbours: Neighbours,
        fused: NDArray[np.float32],
        fused_crops: int,
    ) -> Match | None:
        """Return the match with the nearest subjects who have an order in force here; None if nobody has."""
        capture, template = item.capture, item.probe.template
        now = self._clock.now()
        eligible = self._orders.nearest(neighbours.above(snapshot.decision.value), capture.camera, now)
        if not eligible:
            return None
        late = now - capture.captured_at > self._timing.late_after
        model = snapshot.gallery.model_version
        crop = self._crop_alone(snapshot, template, {one.subject_id for one in eligible}) if fused_crops > 1 else None
        return Match(
            capture=capture,
            probe_jpeg=probe_jpeg(capture.jpeg),
            candidates=eligible,
            fused_crops=fused_crops,
            threshold=snapshot.decision.value,
            model_version=model,
            template=fused,
            crop=crop,
            same_person=snapshot.likeness.same if snapshot.likeness else None,
            late=late,
        )

    @staticmethod
    def _crop_alone(
        snapshot: GallerySnapshot, template: NDArray[np.float32], subjects: Collection[str]
    ) -> CropMatch | None:
        """Search with one crop alone; return None when it matches none of `subjects`."""
        (neighbours,) = Neighbours.of(snapshot.gallery, template[np.newaxis])
        found = (one for some in neighbours.above(snapshot.decision.value) for one in some)
        best = next((one.score for one in found if one.subject_id in subjects), None)
        return None if best is None else CropMatch(template, best)
