"""Plans the exercises of each counter for a shift (domain rule 16). The leader does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import SystemRandom
from typing import Final
from zoneinfo import ZoneInfo

import structlog
import uuid6

from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.exercises import Exercise
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.exercises.store import ExerciseStore
from cekalwatch.server.wiring.extensions import Core

PERIOD_S: Final = 10.0

log = structlog.get_logger()


def start(core: Core) -> tuple[LeaderJob, ...]:
    context = core.context
    settings, store = context.settings, context.stores.exercises
    zones = {site.site: site.zone for site in settings.sites}
    return (LeaderJob("plan_exercises", PERIOD_S, ExercisePlans(store, settings.cameras, zones, context.clock).plan),)


class ExercisePlans:
    """Its methods block: call them from a worker thread."""

    def __init__(
        self, store: ExerciseStore, cameras: Iterable[Camera], zones: Mapping[str, ZoneInfo], clock: Clock
    ) -> None:
        """`zones` are those of the sites."""
        self._store = store
        self._cameras = tuple({(one.site, one.counter): one for one in reversed(tuple(cameras))}.values())
        self._zones = zones
        self._clock = clock
        self._random = SystemRandom()

    def plan(self) -> None:
        """Plan the exercises of each counter for the rest of the present shift, once. Raises StorageError."""
        setting, now = self._store.setting(), self._clock.now()
        subjects = [one.subject_id for one in self._store.subjects() if one.until > now] if setting.shifts else []
        if not subjects:
            return
        for camera in self._cameras:
            zone = self._zones[camera.site]
            began = setting.began(now, zone)
            if began is None or self._store.planned(camera.camera_id, began):
                continue
            planned = [
                Exercise(
                    uuid6.uuid7(), self._random.choice(subjects), camera.camera_id, camera.site, camera.counter, due_at
                )
                for due_at in setting.moments(now, zone, self._random.random)
            ]
            self._store.plan(planned, now)
            log.info("exercises_planned", camera_id=camera.camera_id, exercises=len(planned))
