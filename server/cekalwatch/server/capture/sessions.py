"""The streams of all cameras: who may open one, and messages to cameras with a stream. It knows no protobuf."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import structlog

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello, ClientTime, ExerciseRequest
from cekalwatch.server.capture.aiming import StreamPictures
from cekalwatch.server.capture.exercises import ExerciseIntake
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.capture.session import CameraSession, CaptureTerms
from cekalwatch.server.capture.unusable_faces import UnusableCounter
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.captures import CameraClock
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code

log = structlog.get_logger()
_T = TypeVar("_T")


class CaptureSessions:
    """Knows which cameras have a stream. It belongs to the event loop."""

    def __init__(
        self,
        cameras: dict[str, Camera],
        policies: Mapping[str, CapturePolicy],
        terms: CaptureTerms,
        processor: CaptureProcessor,
        presence: Presence,
        unusable: UnusableCounter,
        exercises: ExerciseIntake,
        clock: Clock,
    ) -> None:
        """`policies`: what each camera may send, by its key."""
        self._cameras = cameras
        self._policies = dict(policies)
        self._streams: dict[CameraSession, str] = {}
        """The camera of each, the oldest first."""
        self._terms = terms
        self._processor = processor
        self._presence = presence
        self._unusable = unusable
        self._exercises = exercises
        self.players: frozenset[str] = frozenset()
        """The cameras whose newest stream here plays exercises; any thread may read it."""
        self._clock = clock
        self._draining = False

    @property
    def policies(self) -> Mapping[str, CapturePolicy]:
        """What each camera may send, by its key."""
        return dict(self._policies)

    def set_policies(self, policies: Mapping[str, CapturePolicy]) -> None:
        """Apply these policies from now on, and send them to connected cameras."""
        self._policies.update(policies)
        for stream, camera_id in self._streams.items():
            stream.set_policy(self._policies[camera_id])

    def pictures(self, camera_id: str) -> StreamPictures | None:
        """Return the requests of a camera's newest stream; None while it has no stream here."""
        streams = [stream for stream, name in self._streams.items() if name == camera_id]
        return streams[-1].pictures if streams else None

    def play(self, camera_id: str, request: ExerciseRequest) -> None:
        """Send a camera an exercise over its newest stream, if it is here and plays any."""
        streams = [stream for stream, name in self._streams.items() if name == camera_id and stream.plays_exercises]
        if streams:
            streams[-1].play(request)

    def _note_players(self) -> None:
        self.players = frozenset(name for stream, name in self._streams.items() if stream.plays_exercises)

    def drain(self) -> None:
        """Tell every camera that the server is about to stop."""
        self._draining = True
        for stream in self._streams:
            stream.drain()

    def camera(self, camera_id: str) -> Camera:
        """Return a configured camera; raises UNKNOWN_CAMERA."""
        try:
            return self._cameras[camera_id]
        except KeyError:
            raise CekalwatchError(Code.UNKNOWN_CAMERA) from None

    def rejected(self, name: str, site: str, reason: Code) -> None:
        """Note that a camera was refused which claims the key `name`, at the site of its certificate, if it has one."""
        self._presence.camera_rejected(name, site, reason)

    async def handshake(self, first: Awaitable[_T]) -> _T:
        """Return the result of `first`; raises HELLO_TIMEOUT when it takes too long."""
        try:
            async with asyncio.timeout(self._terms.handshake_s):
                return await first
        except TimeoutError:
            raise CekalwatchError(Code.HELLO_TIMEOUT) from None

    @contextmanager
    def open(self, camera: Camera, hello: CameraHello, said: ClientTime) -> Iterator[CameraSession]:
        """Yield the stream of a camera, which counts as connected until the block ends. `said` is the camera's time."""
        camera_id = camera.camera_id
        log.info("camera_connected", camera_id=camera_id, client=hello.client_version, detector=hello.detector)
        camera_clock = CameraClock()
        camera_clock.note(said.time, self._clock.now(), said.uptime)
        stream = CameraSession(
            camera,
            hello,
            self._policies[camera_id],
            camera_clock,
            self._terms,
            self._processor,
            self._presence,
            self._unusable,
            self._exercises,
            self._clock,
        )
        if self._draining:
            stream.drain()
        self._streams[stream] = camera_id
        self._note_players()
        self._presence.follow_clock(camera_id, camera_clock)
        self._presence.camera_connected(camera_id)
        try:
            yield stream
        finally:
            del self._streams[stream]
            self._note_players()
            stream.pictures.end()
            self._presence.camera_disconnected(camera_id)
            log.info("camera_disconnected", camera_id=camera_id)
