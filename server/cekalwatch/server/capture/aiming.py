"""Pictures for aiming cameras: requested from the camera's client over its stream, held in memory, and given to the
requester. It knows no protobuf. It belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from types import MappingProxyType
from typing import Final

import structlog

from cekalwatch.contract.values.cameras import (
    AimingAnswer,
    AimingPicture,
    AimingRefusal,
    AimingRequest,
    TakenPicture,
    ViewState,
)
from cekalwatch.server.audit.device_entries import device_entry
from cekalwatch.server.audit.entry import OK, Action, Actor
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.concurrency.token_bucket import TokenBuckets
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.wire.identity import DeviceRole, Identity

ANSWER_S: Final = 5.0
"""How long a camera may take; it waits up to 3 s for a frame."""
PICTURES_PER_S: Final = 0.1
MAX_PICTURES: Final = 3.0
"""Pictures of one camera for a person: the burst, and the sustained rate (per second)."""
MAX_KNOWN: Final = 1000
"""Pairs of a person and a camera of which is known when they last asked."""
MAX_UNANSWERED: Final = 8
"""Requests that a stream has not answered, late or never: it is asked no more."""

_LOOKS_ELSEWHERE: Final = frozenset({ViewState.TURNED_AWAY, ViewState.NOT_AT_PRESET})

log = structlog.get_logger()


class StreamPictures:
    """The open requests of one stream. `tell` wakes the stream to send new ones."""

    def __init__(self, tell: Callable[[], None], *, gives_pictures: bool) -> None:
        self.gives_pictures = gives_pictures
        self._tell = tell
        self._numbers = count(1)
        self._to_send: list[AimingRequest] = []
        self._unanswered: dict[int, asyncio.Future[AimingPicture | AimingRefusal]] = {}

    @property
    def under_way(self) -> bool:
        """Whether somebody waits for a picture."""
        return any(not one.done() for one in self._unanswered.values())

    def take(self) -> AimingRequest | None:
        """Return the next request to send, if there is one."""
        return self._to_send.pop(0) if self._to_send else None

    def answered(self, answer: AimingAnswer) -> None:
        """Accept an answer, or drop a late one. Raises PICTURE_UNASKED for an answer without a request."""
        waiting = self._unanswered.pop(answer.request_id, None)
        if waiting is None:
            raise CekalwatchError(Code.PICTURE_UNASKED)
        if not waiting.done():
            waiting.set_result(answer.given)

    def end(self) -> None:
        """The stream has ended, so no answer will arrive."""
        for waiting in self._unanswered.values():
            waiting.cancel()

    async def picture(self) -> AimingPicture:
        """Ask, and return the picture. Raises CAMERA_GIVES_NO_PICTURE, CAMERA_LOOKS_ELSEWHERE."""
        if len(self._unanswered) >= MAX_UNANSWERED:
            raise CekalwatchError(Code.CAMERA_GIVES_NO_PICTURE, "it has left earlier requests unanswered")
        request = AimingRequest(next(self._numbers))
        waiting = self._unanswered[request.request_id] = asyncio.get_running_loop().create_future()
        self._to_send.append(request)
        self._tell()
        try:
            # Not wait_for: the end of a stream must not cancel the caller.
            await asyncio.wait([waiting], timeout=ANSWER_S)
            given = waiting.result() if waiting.done() and not waiting.cancelled() else None
        finally:
            waiting.cancel()
        if given is AimingRefusal.TURNED_AWAY:
            raise CekalwatchError(Code.CAMERA_LOOKS_ELSEWHERE)
        if not isinstance(given, AimingPicture):
            raise CekalwatchError(Code.CAMERA_GIVES_NO_PICTURE, str(given or "no answer"))
        return given


class AimingService:
    """Gives people pictures of the cameras that are connected to this server."""

    def __init__(
        self,
        stream_of: Callable[[str], StreamPictures | None],
        server_of: Callable[[str], str],
        encoded: Callable[[str, bytes], bytes],
        presence: Presence,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        """`stream_of`: the newest stream of a camera here; `server_of`: the name of another server that has the
        camera, or an empty text. That one blocks, and raises StorageError. `encoded` makes of what a camera sent the
        picture that people see; it blocks, and raises CekalwatchError.
        """
        self._stream_of = stream_of
        self._server_of = server_of
        self._encoded = encoded
        self._presence = presence
        self._trail = trail
        self._clock = clock
        self._paces: TokenBuckets[tuple[str, str]] = TokenBuckets(PICTURES_PER_S, MAX_PICTURES, MAX_KNOWN)

    async def picture(self, camera: Camera, actor: Actor) -> TakenPicture:
        """Return the present picture of a camera, after recording the request.

        Raises CAMERA_AWAY, CAMERA_ELSEWHERE, CAMERA_PICTURES_TOO_MANY; and, after recording, CAMERA_TOO_OLD,
        CAMERA_PICTURE_UNDER_WAY, CAMERA_LOOKS_ELSEWHERE and CAMERA_GIVES_NO_PICTURE.
        """
        stream = await self._stream(camera)
        now_s = asyncio.get_running_loop().time()
        if self._paces.of((str(actor), camera.camera_id), now_s).take(1, now_s, 0) is None:
            raise CekalwatchError(Code.CAMERA_PICTURES_TOO_MANY)
        try:
            taken = await self._taken(camera, stream)
        except CekalwatchError as error:
            await self._note(actor, camera, error.code)
            raise
        await self._note(actor, camera, OK, taken.faces)
        return taken

    async def taken(self, camera: Camera) -> TakenPicture:
        """Return the present picture of a camera; the caller limits the rate, and records who is given it.

        Raises as `picture` does, without CAMERA_PICTURES_TOO_MANY.
        """
        return await self._taken(camera, await self._stream(camera))

    async def _stream(self, camera: Camera) -> StreamPictures:
        """Return the camera's stream; raises CAMERA_AWAY or CAMERA_ELSEWHERE."""
        if stream := self._stream_of(camera.camera_id):
            return stream
        server = await asyncio.to_thread(self._server_of, camera.camera_id)
        error = CekalwatchError(Code.CAMERA_ELSEWHERE if server else Code.CAMERA_AWAY, camera.camera_id)
        if server:
            error.told = MappingProxyType({"server": server})
        raise error

    async def _taken(self, camera: Camera, stream: StreamPictures) -> TakenPicture:
        heartbeat = self._presence.camera(camera.camera_id).heartbeat
        if not stream.gives_pictures:
            raise CekalwatchError(Code.CAMERA_TOO_OLD)
        if stream.under_way:
            raise CekalwatchError(Code.CAMERA_PICTURE_UNDER_WAY)
        if heartbeat and heartbeat.view_state in _LOOKS_ELSEWHERE:
            raise CekalwatchError(Code.CAMERA_LOOKS_ELSEWHERE)
        given = await stream.picture()
        taken_at = self._clock.now() - timedelta(seconds=given.age_s)
        try:
            jpeg = await asyncio.to_thread(self._encoded, camera.camera_id, given.jpeg)
        except CekalwatchError as error:
            log.warning("aiming_picture_unusable", camera_id=camera.camera_id, reason=error.code)
            raise CekalwatchError(Code.CAMERA_GIVES_NO_PICTURE, str(error)) from None
        return TakenPicture(jpeg, taken_at, given.frame_width, given.frame_height, given.faces)

    async def _note(self, actor: Actor, camera: Camera, outcome: str, faces: int | None = None) -> None:
        identity = Identity(DeviceRole.CAMERA, camera.site, camera.camera_id)
        details = {} if faces is None else {"faces": faces}
        entry = device_entry(self._clock.now(), actor, Action.CAMERA_PICTURE_VIEWED, identity, details, outcome)
        await self._trail.enter(entry)
