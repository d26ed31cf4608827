"""Keeps a capture stream to the server: connects, reconnects with jitter, and resends captures without receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import structlog

from cekalwatch.camera.clock import Clock, set_within
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd, ProtocolError, Stream, StreamLost, Timing
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello, Drain, Welcome, is_wrong
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer

TERMINATING_STATUS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
"""It will be refused again until a person changes something; after any other, it may help to connect again soon."""

CERTIFICATE_PERIOD_S = 2.0
"""How often the certificate's files are checked for a renewed one."""

DRAIN_SPREAD_S = 0.5
"""Over which the cameras of a server that ends come to the others."""

log = structlog.get_logger()


class CameraRefused(Exception):  # noqa: N818  # it is the server's answer
    """The server does not want this camera's stream; `code` is one of TERMINATING_STATUS."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"The server refused the camera ({code.name}): {details}")
        self.code = code


@dataclass(frozen=True)
class Link:
    """The addresses of the server, and the identity of the client."""

    dialer: Dialer
    hello: CameraHello
    timing: Timing = field(default_factory=Timing)


class Uplink:
    """Sends what the outbox holds. Owned by one event loop."""

    def __init__(
        self, link: Link, camera: CameraEnd, on_policy: Callable[[CapturePolicy], None], backoff: Backoff
    ) -> None:
        self._link = link
        self._camera = camera
        self._on_policy = on_policy
        self._backoff = backoff
        self._misses = 0
        """Streams that ended since a server welcomed the camera."""

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a stream until `stop`, which ends it with goodbye. Raises CameraRefused."""
        dialer = self._link.dialer
        while not stop.is_set():
            try:
                drain = await self._converse(stop)
            except StreamLost as lost:
                self._camera.counts.losses[lost.code.name] += 1
                another = self._leave()
                if lost.code in TERMINATING_STATUS:
                    raise CameraRefused(lost.code, lost.details) from None
                delay_s = self._backoff.next_delay_s()
                details = lost.details if another else await self._reason(lost)
                log.warning(
                    "server_lost",
                    address=dialer.address,
                    status=lost.code.name,
                    details=details,
                    retry_in_s=round(delay_s, 2),
                )
            except ProtocolError as error:
                self._camera.counts.losses["CONTRACT"] += 1
                self._leave()
                delay_s = self._backoff.next_delay_s()
                log.error("server_broke_contract", problem=str(error), retry_in_s=round(delay_s, 2))  # noqa: TRY400
            else:
                if drain is None:
                    continue  # to stop, or with another certificate
                self._camera.counts.losses["DRAIN"] += 1
                delay_s = self._after_drain_s(drain, elsewhere=self._leave())
                log.info("server_drains", address=dialer.address, retry_in_s=round(delay_s, 2))
            await set_within(stop, delay_s)

    async def _converse(self, stop: asyncio.Event) -> Drain | None:
        # A new channel for each stream: otherwise gRPC's pause before it dials again adds to ours.
        ending = asyncio.Event()
        async with self._link.dialer.aio_channel() as channel:
            call = CaptureServiceStub(channel).StreamFaces()
            stream = Stream(call, self._camera, self._link.timing, ending)
            watch = asyncio.create_task(self._watch(stop, ending))
            try:
                welcome = await stream.shake_hands(self._link.hello)
                log.info(
                    "server_connected",
                    address=self._link.dialer.address,
                    credits=welcome.credits,
                    outbox=self._camera.outbox.statistics().depth,
                )
                self._link.dialer.reached()
                self._misses = 0
                self._backoff.reset()
                self._note_clock(welcome)
                self._camera.counts.connected = True
                self._on_policy(welcome.policy)
                drain = await stream.run(self._on_policy)
                if watch.done():
                    watch.result()  # a watch that failed ended the stream
                return drain
            finally:
                watch.cancel()
                self._camera.counts.connected = False
                self._camera.outbox.return_in_flight()

    def _note_clock(self, welcome: Welcome) -> None:
        if welcome.server_time is None:
            return
        # The answer travelled for some milliseconds, which is too little to matter here.
        self._camera.outbox.note_server_time(welcome.server_time)
        ahead = self._camera.outbox.clock.now() - welcome.server_time
        self._camera.counts.clock_offset_s = ahead.total_seconds()
        if is_wrong(ahead):
            log.warning("clock_wrong", ahead_s=round(ahead.total_seconds(), 1))

    async def _watch(self, stop: asyncio.Event, ending: asyncio.Event) -> None:
        """Set `ending` when `stop` is set, or when a renewed certificate makes a new connection necessary."""
        try:
            while not (await set_within(stop, CERTIFICATE_PERIOD_S) or self._link.dialer.outdated):
                pass
        finally:
            ending.set()

    def _leave(self) -> bool:
        """Turn to the next server; return whether it was not tried yet since one welcomed the camera."""
        self._link.dialer.lost()
        self._misses += 1
        return self._misses < len(self._link.dialer.servers)

    async def _reason(self, lost: StreamLost) -> str:
        if lost.code is not grpc.StatusCode.UNAVAILABLE:
            return lost.details
        return await asyncio.to_thread(self._link.dialer.why_refused) or lost.details

    def _after_drain_s(self, drain: Drain, *, elsewhere: bool) -> float:
        if elsewhere:  # that server runs already; its clients only must not connect at the same instant
            return self._backoff.random.uniform(0, DRAIN_SPREAD_S)
        return drain.reconnect_after_s + self._backoff.random.uniform(0, max(1.0, drain.reconnect_after_s))


async def greet(link: Link, clock: Clock) -> Welcome:
    """Say hello and goodbye, to learn whether the server accepts this camera. Raises StreamLost and ProtocolError."""
    outbox = Outbox(1, clock)
    async with link.dialer.aio_channel() as channel:
        call = CaptureServiceStub(channel).StreamFaces()
        stream = Stream(call, CameraEnd(outbox, CameraStatistics(outbox, clock)), link.timing, asyncio.Event())
        welcome = await stream.shake_hands(link.hello)
        await stream.say_goodbye("this was a check")
        return welcome
