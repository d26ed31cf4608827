"""What should have come of all that happened: who passed where, what may have been lost, and what people were answered.

It learns of passages from who let them happen, of receipts from the capture hosts, and of faults from those who made
them. It knows nothing of what the programs wrote down.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from benchmarks.chaos.people import WANDERER
from cekalwatch.camera.outbox.spooler import PAUSE_S

SURE_AFTER_S = 4.0
"""What had waited for so long when a capture host was killed is on its disk: the time after which it is written, a
round of the spooler, and a busy machine's disk."""


DISK_TRIED_AFTER_S = PAUSE_S + SURE_AFTER_S
"""The spooler leaves a disk alone for a while after it failed."""


FOLLOWED_WITHIN = timedelta(seconds=20)
"""After a change of the model or of a clock: a server that hangs follows when it goes on."""


class Due(StrEnum):
    """What must come of a passage."""

    ALERT = "ALERT"
    NOTHING = "NOTHING"
    """No alert, and no trace on any disk."""
    EITHER = "EITHER"
    """The list changed about then."""


@dataclass
class SeenCrop:
    """A crop of a passage."""

    capture_id: str
    jpeg: bytes = field(repr=False)
    offered_s: float
    taken_s: float | None = None
    """When the camera took it; None while it has not said so."""
    receipt: bool = False
    unsure: bool = False
    """Whether a fault may have lost it before it had a receipt."""
    dropped: bool = False

    @property
    def certain(self) -> bool:
        """Whether it must have arrived."""
        return self.receipt or (self.taken_s is not None and not self.unsure and not self.dropped)


@dataclass
class SeenPassage:
    """One traveller passing one camera."""

    number: int
    subject_id: str
    camera_id: str
    counter: str
    due: Due
    crops: list[SeenCrop]


@dataclass(frozen=True)
class Answer:
    """What a person was told after a step."""

    agent_id: str
    person: str
    alert_id: str
    step: str
    outcome: str
    """Of a judgement; else empty."""
    version: int
    state: str
    exercise: str = ""
    """What it was for them, if it was an exercise."""


class Truth:
    """Filled by many threads."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.RLock()
        self.passages: list[SeenPassage] = []
        self.answers: list[Answer] = []
        self.complaints: list[str] = []
        """What went wrong in a way that needs no comparison."""
        self._crops: dict[str, SeenCrop] = {}
        self._camera_of: dict[str, str] = {}
        self._unsafe_until: dict[str, float] = {}
        """Until when a camera's spool takes nothing."""
        self._list_changes = 0
        self.unlike_spans: list[tuple[datetime, datetime]] = []
        """When servers may have been at different models, or at a new one that knows no earlier passage; and when the
        clock of a server was set, as that clock or any other shows it."""
        self.wanderer_listed: bool | None = False
        """Whether the wanderer is on the list; None while that changes."""

    def passed(self, passage: SeenPassage) -> None:
        """Note that somebody passes."""
        with self._lock:
            self.passages.append(passage)
            for crop in passage.crops:
                self._crops[crop.capture_id] = crop
                self._camera_of[crop.capture_id] = passage.camera_id

    def taken(self, capture_id: str) -> None:
        """Note that a camera has taken a crop."""
        with self._lock:
            self._crops[capture_id].taken_s = self._now_s()

    def has_receipt(self, capture_id: str) -> None:
        """Note that a crop has its receipt."""
        with self._lock:
            self._crops[capture_id].receipt = True

    def dropped(self, capture_id: str) -> None:
        """Note that a camera gave a crop up because the server rejects it."""
        with self._lock:
            self._crops[capture_id].dropped = True
            self.complaints.append(f"the server rejected the capture {capture_id}")

    def host_killed(self, cameras: Iterable[str]) -> None:
        """Note that a capture host dies now: what is young, or could not be written, may be gone."""
        with self._lock:
            now_s, dying = self._now_s(), set(cameras)
            for capture_id, crop in self._crops.items():
                camera = self._camera_of[capture_id]
                if camera not in dying or crop.receipt:
                    continue
                young = crop.taken_s is None or now_s - crop.taken_s < SURE_AFTER_S
                if young or now_s < self._unsafe_until.get(camera, 0.0):
                    crop.unsure = True

    @contextmanager
    def unsafe_disk(self, cameras: Iterable[str]) -> Iterator[None]:
        """Note that these cameras can write nothing for the time of the block, and until they try again after it."""
        mine = list(cameras)
        with self._lock:
            self._unsafe_until |= dict.fromkeys(mine, math.inf)
        try:
            yield
        finally:
            with self._lock:
                self._unsafe_until |= dict.fromkeys(mine, self._now_s() + DISK_TRIED_AFTER_S)

    def list_changes(self) -> int:
        """Note that the wanderer comes or goes; return what `list_changed` needs."""
        with self._lock:
            self._list_changes += 1
            self.wanderer_listed = None
            for passage in self.passages:
                if passage.subject_id == WANDERER and not all(crop.receipt for crop in passage.crops):
                    passage.due = Due.EITHER  # it may be decided before the change or after it
            return self._list_changes

    def list_changed(self, change: int, *, listed: bool) -> None:
        """Note that all servers have followed the change, unless another one has begun since."""
        with self._lock:
            if change == self._list_changes:
                self.wanderer_listed = listed

    @contextmanager
    def model_changes(self) -> Iterator[None]:
        """Note that the model changes in the time of the block, and that servers follow a little later."""
        with self._unlike(timedelta()):
            yield

    @contextmanager
    def clock_changes(self, ahead_s: float) -> Iterator[None]:
        """Note that a server's clock is so much ahead in the time of the block; what it knows of cameras' follows."""
        with self._unlike(timedelta(seconds=abs(ahead_s))):
            yield

    @contextmanager
    def _unlike(self, margin: timedelta) -> Iterator[None]:
        begun = datetime.now(UTC) - margin
        with self._lock:
            place = len(self.unlike_spans)
            self.unlike_spans.append((begun, datetime.max.replace(tzinfo=UTC)))
        try:
            yield
        finally:
            with self._lock:
                self.unlike_spans[place] = (begun, datetime.now(UTC) + margin + FOLLOWED_WITHIN)

    def answered(self, answer: Answer) -> None:
        """Note what a person was told."""
        with self._lock:
            self.answers.append(answer)

    def complain(self, problem: str) -> None:
        """Note what went wrong in a way that needs no comparison."""
        with self._lock:
            self.complaints.append(problem)

    def copied_answers(self) -> list[Answer]:
        """Return what people were told so far."""
        with self._lock:
            return list(self.answers)

    def waiting(self) -> int:
        """Return how many crops must still arrive."""
        with self._lock:
            return sum(one.certain and not one.receipt for one in self._crops.values())

    def copied(self) -> list[SeenPassage]:
        """Return the passages so far."""
        with self._lock:
            return list(self.passages)
