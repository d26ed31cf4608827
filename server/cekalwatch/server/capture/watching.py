"""Pictures of cameras on a screen that shows them for long: renewed seldom, and only while somebody asks for them.

All who watch a camera share one picture, which is in memory only. It belongs to the event loop, and knows no protobuf.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.server.audit.device_entries import device_entry
from cekalwatch.server.audit.entry import Action, Actor
from cekalwatch.server.capture.aiming import AimingService
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.wire.identity import DeviceRole, Identity

RENEWED_S: Final = 10.0
"""The least time between two pictures of a camera."""
ENDED_S: Final = 60.0
"""Whoever has not asked for so long watches no more."""
NOTED_S: Final = 3600.0
"""How often the pictures of somebody who goes on watching are recorded."""

_NOT_ASKED: Final = frozenset({Code.CAMERA_AWAY, Code.CAMERA_ELSEWHERE})
"""Refusals that cost the camera nothing: whoever asks again is answered anew."""


@dataclass
class _Watch:
    """Somebody who watches a camera."""

    camera: Camera
    actor: Actor
    noted_s: float
    asked_s: float
    pictures: int = 0
    """Those that are not recorded yet."""


@dataclass
class _Shared:
    """The picture of a camera for all who watch it."""

    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    given: TakenPicture | CekalwatchError | None = None
    """What the camera gave, or why it gave nothing; None before the first request."""
    given_s: float = 0.0


class CameraWatches:
    """Gives pictures to people who watch cameras, and records when they begin and how many they were given."""

    def __init__(self, aiming: AimingService, trail: AuditTrail, clock: Clock) -> None:
        self._aiming = aiming
        self._trail = trail
        self._clock = clock
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._shared: defaultdict[str, _Shared] = defaultdict(_Shared)

    async def picture(self, camera: Camera, actor: Actor) -> TakenPicture:
        """Return the picture of a camera, at most RENEWED_S old; the first one of a watch is recorded before.

        Raises CekalwatchError as `AimingService.taken` does: nothing was seen then, and nothing is recorded.
        """
        shared = self._shared[camera.camera_id]
        async with shared.taking:
            if shared.given is None or _now_s() - shared.given_s >= RENEWED_S:
                try:
                    shared.given = await self._aiming.taken(camera)
                except CekalwatchError as error:
                    if error.code in _NOT_ASKED:
                        raise
                    shared.given = error
                shared.given_s = _now_s()
        if isinstance(shared.given, CekalwatchError):
            raise shared.given
        picture = shared.given
        key, now_s = (str(actor), camera.camera_id), _now_s()
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = _Watch(camera, actor, now_s, now_s)
            watch.pictures += 1
            await self._note(watch)
        else:
            watch.pictures += 1
        watch.asked_s = now_s
        return picture

    async def sweep(self) -> None:
        """Record who watches no more, and who has watched for long; forget pictures that nobody asks for."""
        now_s = _now_s()
        for key, watch in list(self._watches.items()):
            ended = now_s - watch.asked_s > ENDED_S
            if ended:
                del self._watches[key]
            if watch.pictures and (ended or now_s - watch.noted_s > NOTED_S):
                watch.noted_s = now_s
                await self._note(watch)
        watched = {camera_id for _, camera_id in self._watches}
        for camera_id in [one for one in self._shared if one not in watched]:
            if not self._shared[camera_id].taking.locked():
                del self._shared[camera_id]

    async def end(self) -> None:
        """Record the pictures that are not recorded yet, since the server stops."""
        for watch in self._watches.values():
            if watch.pictures:
                await self._note(watch)

    async def _note(self, watch: _Watch) -> None:
        pictures, watch.pictures = watch.pictures, 0
        identity = Identity(DeviceRole.CAMERA, watch.camera.site, watch.camera.camera_id)
        at, details = self._clock.now(), {"pictures": pictures}
        await self._trail.enter(device_entry(at, watch.actor, Action.CAMERA_WATCHED, identity, details))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
