"""Exercises on their way through a server (rule 16): sent to the capture host, told from travellers, and decided.

A passage of an exercise is compared with the reference of its subject alone, and counted nowhere. It waits for its turn
behind travellers, and what goes wrong with it changes nothing for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.contract.values.captures import ExercisePlayed, ExerciseRequest
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.capture.candidates import Neighbours
from cekalwatch.server.capture.passages import Passage, track_key
from cekalwatch.server.domain.alerts.match import Candidate, Match
from cekalwatch.server.domain.captures import UNKNOWN_EXERCISE, Capture
from cekalwatch.server.domain.exercises import LATER, MIN_PICTURES, PLAYED_WITHIN, Exercise, ExerciseEnd
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.exercises.store import ExerciseStore

MAX_AWAITED: Final = 100
"""Exercises under way at this server; older ones are forgotten."""
MAX_NOTES: Final = 1000

log = structlog.get_logger()


@dataclass(eq=False)
class _Awaited:
    """An exercise whose passage this server awaits."""

    exercise: Exercise
    reference: Probe
    """The template of the subject's reference, of length 1."""
    passage: Passage = field(default_factory=Passage)
    raised: bool = False


class ExerciseIntake:
    """Tells captures of exercises from travellers', and takes what hosts say. It does not block, for the event loop."""

    def __init__(self, store: ExerciseStore) -> None:
        self._store = store
        self.notes: deque[tuple[UUID, ExercisePlayed]] = deque(maxlen=MAX_NOTES)
        """What hosts have said of exercises, until it is written."""

    def marked(self, capture: Capture, token: str) -> Capture:
        """Return a capture as one of the exercise that its token names: of none that exists, for an invalid one."""
        found = self._store.exercise_id(token, capture.camera.camera_id)
        return replace(capture, exercise_id=found or UNKNOWN_EXERCISE)

    def played(self, camera_id: str, answer: ExercisePlayed) -> None:
        """Take a host's answer; an invalid one is dropped."""
        if found := self._store.exercise_id(answer.token, camera_id):
            self.notes.append((found, answer))


class ExercisePassages:
    """Decides about the passages of exercises. The deciding thread alone decides; any thread may await one."""

    def __init__(
        self,
        alerts: AlertStore,
        clock: Clock,
        probe_jpeg: Callable[[Capture], bytes],
        announce: Callable[[], None],
    ) -> None:
        """`probe_jpeg` and `announce` are as in `Decider`."""
        self._alerts = alerts
        self._clock = clock
        self._probe_jpeg = probe_jpeg
        self._announce = announce
        self._awaited: dict[UUID, _Awaited] = {}
        self.arrived: deque[UUID] = deque(maxlen=MAX_NOTES)
        """Exercises of which a first crop has come, until it is written."""

    def expect(self, exercise: Exercise, reference: Probe) -> None:
        """Await the passage of an exercise that is about to be sent."""
        self._awaited[exercise.exercise_id] = _Awaited(exercise, reference)
        for key in list(self._awaited)[:-MAX_AWAITED]:
            self._awaited.pop(key, None)

    def keep(self, under_way: Collection[UUID]) -> None:
        """Forget all others, with the templates of their references."""
        for key in self._awaited.keys() - under_way:
            self._awaited.pop(key, None)

    def awaits(self, exercise_id: UUID) -> bool:
        """Whether this server awaits it."""
        return exercise_id in self._awaited

    def decide(self, capture: Capture, probe: Probe, snapshot: GallerySnapshot) -> None:
        """Compare a passage with its subject's reference, and raise it as an alert where it reaches the threshold."""
        awaited = self._awaited.get(capture.exercise_id or UNKNOWN_EXERCISE)
        if awaited is None or awaited.raised or awaited.reference.model_version != probe.model_version:
            return
        exercise = awaited.exercise
        if not awaited.passage.crops:
            self.arrived.append(exercise.exercise_id)
        fused = awaited.passage.fuse(capture.capture_id, probe.template, capture.quality)
        # As for every passage. The identities do not matter; the scores do, because compared scores depend on the list.
        (neighbours,) = Neighbours.of(snapshot, fused[np.newaxis])
        found = neighbours.with_another(exercise.subject_id, float(fused @ awaited.reference.template))
        if found.score < snapshot.decision.value:
            return
        try:
            awaited.raised = True
            match = self._match(capture, exercise, fused, found, awaited.passage.crops, snapshot)
            if self._alerts.record_exercise(match, exercise.exercise_id, self._clock.now()):
                self._announce()
        except (StorageError, CekalwatchError) as error:
            # Raised when an exercise does not reach the screen in time.
            log.warning("exercise_not_committed", error=type(error).__name__)

    def _match(
        self,
        capture: Capture,
        exercise: Exercise,
        fused: NDArray[np.float32],
        found: Candidate,
        crops: int,
        snapshot: GallerySnapshot,
    ) -> Match:
        return Match(
            capture=replace(capture, passage=track_key(capture.camera.camera_id, exercise.exercise_id)),
            probe_jpeg=self._probe_jpeg(capture),
            candidates=(found,),
            fused_crops=crops,
            threshold=snapshot.decision.value,
            model_version=snapshot.score_version,
            template=fused,
        )


class ExerciseSender:
    """Sends exercises that are due to the capture hosts of this server, and writes what became of them. It blocks."""

    def __init__(
        self,
        store: ExerciseStore,
        intake: ExerciseIntake,
        passages: ExercisePassages,
        clock: Clock,
        actor: Actor,
        asks_looks: Callable[[], bool],
        embedded: Callable[[bytes], Probe],
        players: Callable[[], frozenset[str]],
        play: Callable[[str, ExerciseRequest], object],
    ) -> None:
        """`embedded` makes the template of a reference; it blocks, and raises CekalwatchError.

        `players` returns the cameras here that play exercises, `play` sends one; `asks_looks`: whether first looks are
        asked for, without which an exercise would be told before it was judged.
        """
        self._store = store
        self._intake = intake
        self._passages = passages
        self._clock = clock
        self._actor = actor
        self._asks_looks = asks_looks
        self._embedded = embedded
        self._players = players
        self._play = play

    def work(self) -> None:
        """Write what has happened, and send what is due. Raises StorageError."""
        now = self._clock.now()
        while self._passages.arrived:
            self._store.received(self._passages.arrived.popleft(), now)
        while self._intake.notes:
            exercise_id, answer = self._intake.notes.popleft()
            if answer.gave_way:
                self._store.put_off(exercise_id, now + LATER)
            else:
                self._store.played(exercise_id, answer.crops, now)
        under_way, players = self._store.under_way(), self._players()
        self._passages.keep({one.exercise_id for one in under_way})
        out = {one.camera_id for one in under_way if one.sent_at}  # a host plays one at a time
        for one in under_way:
            if one.camera_id not in players or one.alert_id:
                continue
            if one.sent_at is None and one.due_at <= now and one.camera_id not in out:
                self._send(one, now)
                out.add(one.camera_id)
            elif one.sent_at is not None and not self._passages.awaits(one.exercise_id):
                # Sent by a server that has stopped, or over a stream that has gone elsewhere since.
                self._store.put_off(one.exercise_id, now + LATER)

    def _send(self, exercise: Exercise, now: datetime) -> None:
        if not self._asks_looks() or self._store.busy(exercise.site, now):
            self._store.put_off(exercise.exercise_id, now + LATER)
            return
        pictures = self._store.pictures(exercise.subject_id)
        try:
            if len(pictures) < MIN_PICTURES:
                raise ValueError("no pictures")
            self._passages.expect(exercise, self._embedded(pictures[0]))
        except (ValueError, CekalwatchError) as error:
            log.error("exercise_without_pictures", error=type(error).__name__)  # noqa: TRY400  # no traceback
            self._store.end(exercise.exercise_id, ExerciseEnd.WITHDRAWN, self._actor, now)
            return
        self._store.sent(exercise.exercise_id, now)
        self._play(
            exercise.camera_id,
            ExerciseRequest(self._store.token(exercise), tuple(pictures[1:]), PLAYED_WITHIN.total_seconds()),
        )
