"""What surveys found of cameras: taken from a camera's client, recorded, and kept. It knows no protobuf. Blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from cekalwatch.contract.values.surveys import KeptSurvey, SurveyFigures
from cekalwatch.server.audit.device_entries import device_entry
from cekalwatch.server.audit.entry import Action, Actor
from cekalwatch.server.concurrency.token_bucket import TokenBuckets
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.cameras import CameraSurveyStore
from cekalwatch.wire.identity import DeviceRole, Identity

SURVEYS_PER_S: Final = 1 / 60
MAX_SURVEYS: Final = 3.0
"""Surveys of a camera: the burst, and the sustained rate (per second). A survey takes minutes."""
MAX_KNOWN: Final = 1000


class CameraSurveys:
    """The surveys of all cameras. Any thread may use it."""

    def __init__(self, store: CameraSurveyStore, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._paces: TokenBuckets[str] = TokenBuckets(SURVEYS_PER_S, MAX_SURVEYS, MAX_KNOWN)

    def take(self, camera: Camera, figures: SurveyFigures, actor: Actor) -> None:
        """Store the result of a survey. Raises SURVEYS_TOO_MANY, or StorageError; then nothing is stored."""
        now_s = self._monotonic()
        with self._lock:
            if self._paces.of(camera.camera_id, now_s).take(1, now_s, 0) is None:
                raise CekalwatchError(Code.SURVEYS_TOO_MANY)
        now = self._clock.now()
        identity = Identity(DeviceRole.CAMERA, camera.site, camera.camera_id)
        counts = {"passages": figures.passages, "passages_fit": figures.passages_fit}
        entry = device_entry(now, actor, Action.CAMERA_SURVEYED, identity, counts)
        self._store.add(camera.camera_id, KeptSurvey(now, figures), entry)

    def of(self, camera_id: str) -> list[KeptSurvey]:
        """Return the stored surveys of a camera, newest first. Raises StorageError."""
        return self._store.of(camera_id)
