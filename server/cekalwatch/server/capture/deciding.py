"""Decides whether a passage alerts, and commits alert events. One thread owns this state, so there are no locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import structlog

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.program.traces import TRACES
from cekalwatch.server.capture.candidates import Neighbours, OrdersInForce
from cekalwatch.server.capture.exercises import ExercisePassages
from cekalwatch.server.capture.passages import Passages, PassageScore, State, Track
from cekalwatch.server.domain.alerts.match import Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.foundation.probes import NO_METRICS, Metrics
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.errors import StorageError

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class EmbeddedCapture:
    """A capture with its probe."""

    capture: Capture
    probe: Probe


@dataclass(eq=False)
class _Search:
    """A capture in its passage, and what was found for the passage as it was then."""

    item: EmbeddedCapture
    track: Track
    state: State
    neighbours: Neighbours


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

    Crops of one track that are not alike belong to two passages, of two people (domain rule 3).

    `probe_jpeg` gives the crop of a match as it is stored. `announce` is called after each committed event, `begun`
    with the first capture of each passage.
    """

    def __init__(
        self,
        snapshot: Callable[[], GallerySnapshot],
        orders: OrdersInForce,
        store: AlertStore,
        clock: Clock,
        passages: Passages,
        timing: AlertTiming,
        probe_jpeg: Callable[[Capture], bytes],
        announce: Callable[[], None],
        begun: Callable[[Capture], None],
        exercises: ExercisePassages,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._snapshot = snapshot
        self._orders = orders
        self._store = store
        self._clock = clock
        self._passages = passages
        self._passages_of = ""
        self._timing = timing
        self._probe_jpeg = probe_jpeg
        self._announce = announce
        self._begun = begun
        self._exercises = exercises
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
        of_model = [item for item in batch if item.probe.model_version == model]
        comparable = [item for item in of_model if not (item.capture.empty or item.capture.exercise_id)]
        for item in of_model:
            if item.capture.empty:
                Neighbours.of(snapshot, item.probe.template[np.newaxis])
        searches = self._search(snapshot, comparable, now)
        settled = iter([self._settle(snapshot, search) for search in searches])
        decided = self._clock.now()
        for item in comparable:
            self._metrics.decision((decided - item.capture.captured_at).total_seconds())
        for item in of_model:  # after the travellers', whom they may not delay
            if item.capture.exercise_id:
                self._exercises.decide(item.capture, item.probe, snapshot)
        return [self._outcome(item, model, settled) for item in batch]

    @staticmethod
    def _outcome(
        item: EmbeddedCapture, model: str, settled: Iterator[CaptureOutcome | Exception]
    ) -> CaptureOutcome | Exception:
        if item.capture.empty or (item.capture.exercise_id and item.probe.model_version == model):
            return CaptureOutcome.ACCEPTED
        return next(settled) if item.probe.model_version == model else OtherModelError(model)

    def _search(self, snapshot: GallerySnapshot, items: Sequence[EmbeddedCapture], now: datetime) -> list[_Search]:
        """Put each capture into its passage, and search for the passage as it is then."""
        alike = snapshot.likeness.threshold if snapshot.likeness else None
        tracks = [self._passages.at(one.capture.camera.camera_id, one.capture.passage, now) for one in items]
        states = [
            track.add(one.capture.capture_id, one.probe.template, one.capture.quality, alike)
            for one, track in zip(items, tracks, strict=True)
        ]
        found = Neighbours.of(snapshot, np.stack([state.fused for state in states])) if states else []
        searches = list(map(_Search, items, tracks, states, found))
        for search in searches:
            self._part_look_alikes(snapshot, search)
            if search.state.begins:
                self._begun(search.item.capture)
            if best := search.neighbours.best:
                reached, templates = best.score >= snapshot.decision.value, len(snapshot.gallery)
                score = PassageScore(best.score, reached, templates, snapshot.score_version)
                search.state.passage.score = score.after(search.state.passage.score)
        return searches

    def _part_look_alikes(self, snapshot: GallerySnapshot, search: _Search) -> None:
        """Give a crop that matches by itself a passage of its own unless it is surely of its passage's person.

        Two people who match one subject are alike already, so they must be more alike than others (ADR 9).
        """
        together, likeness, threshold = search.neighbours.best, snapshot.likeness, snapshot.decision.value
        if likeness is None or search.state.crops == 1 or together is None or together.score < threshold:
            return
        (alone,) = Neighbours.of(snapshot, search.item.probe.template[np.newaxis])
        capture_id, best = search.item.capture.capture_id, alone.best
        if best is None or best.score < threshold:
            return
        if likeness.same(search.state.passage.likeness_of(capture_id), best.likeness):
            return
        search.state = search.track.separate(capture_id, search.state.passage)
        search.neighbours = alone

    def _settle(self, snapshot: GallerySnapshot, search: _Search) -> CaptureOutcome | Exception:
        try:
            match = self._match(snapshot, search)
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
        self._metrics.event((self._clock.now() - match.capture.captured_at).total_seconds())
        return CaptureOutcome.ACCEPTED

    def _match(self, snapshot: GallerySnapshot, search: _Search) -> Match | None:
        """Return the match with the nearest subjects who have an order in force here; None if nobody has."""
        capture, now = search.item.capture, self._clock.now()
        eligible = self._orders.nearest(search.neighbours.above(snapshot.decision.value), capture.camera, now)
        if not eligible:
            return None
        return Match(
            capture=capture,
            probe_jpeg=self._probe_jpeg(capture),
            candidates=eligible,
            fused_crops=search.state.crops,
            threshold=snapshot.decision.value,
            model_version=snapshot.score_version,
            template=search.state.fused,
            same_person=snapshot.likeness.same if snapshot.likeness else None,
            late=now - capture.captured_at > self._timing.late_after,
        )
