"""The stream of travellers: somebody passes a camera, all the time, and the truth knows who."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.chaos.people import LISTED, STRANGERS, WANDERER, Traveller
from benchmarks.chaos.truth import Due, SeenCrop, SeenPassage, Truth
from cekalwatch.contract.values.orders import Direction
from deploy.demo.stack import CameraPlan

PACE_S = 0.9
"""From one passage to the next, on the average."""
SPELL, LULL = 14, 24
"""Numbers of travellers that pass in turn, with and without listed people: exercises come while no alert waits."""
MAX_CROPS = 3


@dataclass(frozen=True)
class WatchingCamera:
    """A camera, and the host that runs it."""

    plan: CameraPlan
    host: CaptureHost
    truth: Truth
    """Of its site."""


class Flow(threading.Thread):
    """Lets people pass until `close`, but not between `pause` and `resume`."""

    def __init__(self, people: Mapping[str, Traveller], cameras: Sequence[WatchingCamera], seed: str) -> None:
        super().__init__(name="flow", daemon=True)
        self._people, self._cameras = people, cameras
        self._chance = random.Random(seed)  # noqa: S311  # who passes, no secret
        self._count = 0
        self._going, self._closed = threading.Event(), threading.Event()
        self._stands = threading.Event()
        self._stands.set()
        self._only_strangers = False

    def resume(self, *, only_strangers: bool = False) -> None:
        """Let people pass: listed ones in intervals, none with `only_strangers`."""
        self._only_strangers = only_strangers
        self._stands.clear()
        self._going.set()

    def pause(self) -> None:
        """Let nobody pass, and return when nobody does."""
        self._going.clear()
        self._stands.wait()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._going.set()
        self.join()

    def run(self) -> None:
        """Let people pass."""
        while not self._closed.is_set():
            if not self._going.is_set():
                self._stands.set()
                self._going.wait()
                continue
            self._somebody()
            self._closed.wait(self._chance.uniform(0.4, 1.6) * PACE_S)

    def pass_listed(self, camera_id: str) -> list[str]:
        """Let somebody on the list pass a camera while nobody else does; return the captures."""
        camera = next(one for one in self._cameras if one.plan.camera_id == camera_id)
        return self._pass(camera, self._chance.choice(LISTED))

    def _somebody(self) -> None:
        camera = self._chance.choice(self._cameras)
        lull = self._only_strangers or self._count % (SPELL + LULL) >= SPELL
        self._pass(camera, self._chance.choice(STRANGERS if lull else (*LISTED, WANDERER, *STRANGERS)))

    def _pass(self, camera: WatchingCamera, subject_id: str) -> list[str]:
        self._count += 1
        number = self._count
        score = self._chance.uniform(0.5, 0.95)
        noise = self._chance.randrange(2**32)
        captures = [
            self._people[subject_id].seen(str(number), score, noise + crop)
            for crop in range(self._chance.randint(1, MAX_CROPS))
        ]
        crops = [SeenCrop(one.capture_id, one.jpeg, time.monotonic()) for one in captures]
        plan = camera.plan
        due = self._due(subject_id, camera)
        camera.truth.passed(SeenPassage(number, subject_id, plan.camera_id, plan.counter, due, crops))
        for capture in captures:
            camera.host.take(plan.camera_id, capture)
        return [one.capture_id for one in captures]

    @staticmethod
    def _due(subject_id: str, camera: WatchingCamera) -> Due:
        if camera.plan.direction == Direction.ARRIVAL or subject_id in STRANGERS:
            return Due.NOTHING  # their orders forbid to leave the country
        if subject_id != WANDERER:
            return Due.ALERT
        listed = camera.truth.wanderer_listed
        if listed is None:
            return Due.EITHER
        return Due.ALERT if listed else Due.NOTHING
