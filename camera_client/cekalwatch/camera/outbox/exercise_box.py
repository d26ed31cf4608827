"""The exercise that the server asked for, and the crops of it that wait to be sent (domain rule 16).

They are in memory only, apart from travellers' captures: sent after these, never on the disk, and gone with the stream.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cekalwatch.camera.clock import Clock
from cekalwatch.contract.values.captures import ExercisePlayed, ExerciseRequest, FaceCapture


@dataclass(frozen=True, eq=False)
class AskedExercise:
    """A request, and until when it may wait for a gap, by the monotonic clock."""

    request: ExerciseRequest
    until_s: float
    tell: Callable[[], object]


class ExerciseBox:
    """One exercise at a time, for one camera. Any thread may use it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: AskedExercise | None = None
        self._captures: deque[FaceCapture] = deque()
        self._given = 0
        self._answer: ExercisePlayed | None = None

    @property
    def asked(self) -> AskedExercise | None:
        """The exercise to be played; None while there is none."""
        return self._asked

    def ask(self, request: ExerciseRequest, tell: Callable[[], object]) -> None:
        """Take a request in place of an earlier one. `tell` is called, on any thread, when there is news to send."""
        with self._lock:
            self._clear()
            self._asked = AskedExercise(request, self._clock.monotonic_s() + request.within_s, tell)

    def forget(self) -> None:
        """Drop everything: the stream over which it came is gone."""
        with self._lock:
            self._clear()

    def give(self, asked: AskedExercise, captures: Iterable[FaceCapture]) -> None:
        """Take crops that were chosen for it, unless it was replaced or dropped."""
        with self._lock:
            if self._asked is not asked:
                return
            chosen = [replace(one, track_id="exercise", exercise_token=asked.request.token) for one in captures]
            self._given += len(chosen)
            self._captures += chosen
        asked.tell()

    def end(self, asked: AskedExercise, *, gave_way: bool) -> None:
        """End it, with the answer that the server gets."""
        with self._lock:
            if self._asked is not asked:
                return
            self._asked, self._answer = None, ExercisePlayed(asked.request.token, self._given, gave_way)
        asked.tell()

    def take(self) -> FaceCapture | None:
        """Return the next crop to send, once."""
        with self._lock:
            return self._captures.popleft() if self._captures else None

    def answer(self) -> ExercisePlayed | None:
        """Return the answer that is due, once, after its crops."""
        with self._lock:
            if self._captures:
                return None
            answer, self._answer = self._answer, None
            return answer

    def _clear(self) -> None:
        self._asked = self._answer = None
        self._given = 0
        self._captures.clear()
