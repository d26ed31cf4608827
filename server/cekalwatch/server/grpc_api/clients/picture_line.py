"""Keeps a stream open to one of several servers of the centre, over which it asks for pictures.

What happens at the port is reported to one server only; people ask whichever they are connected to.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.metadata import version

import grpc

from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.values.federation import PortHello, SignOfLife
from cekalwatch.server.cluster.leader_lease import LeaderLease
from cekalwatch.server.concurrency.rate_limiter import RateLimiter
from cekalwatch.server.grpc_api.clients.report_stream import (
    LOOK_S,
    MISSED_KEEP_ALIVES,
    Call,
    PictureGiver,
    centre_pace,
    period_of,
)
from cekalwatch.server.grpc_api.clients.reporter import ANSWER_S, REFUSED, REFUSED_PAUSE_S
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller, told_code
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer

MAX_PAUSE_S = 5.0
"""Between two attempts."""


class PictureLine:
    """Serves for all servers of the port, while `leader` is this one's. It runs on the event loop."""

    def __init__(self, caller: PortCaller, address: str, pictures: PictureGiver, leader: LeaderLease) -> None:
        """`address` is that of the centre's server."""
        self._caller = replace(caller, settings=replace(caller.settings, addresses=(address,)))
        self._pictures = pictures
        self._leader = leader
        self._backoff = Backoff(most_s=MAX_PAUSE_S)
        self._pace: RateLimiter | None = None

    async def serve(self) -> None:
        """Serve over one stream until it ends, and pause: one round of a loop."""
        if self._leader.lease is None:
            await asyncio.sleep(LOOK_S)
            return
        try:
            dialer = await asyncio.to_thread(self._caller.dialer)
        except SourceUnavailable:  # the reports say so
            await asyncio.sleep(REFUSED_PAUSE_S)
            return
        refused = False
        if dialer.material is not None:  # in plaintext nobody says which port they are
            refused = await self._stream(dialer)
        await asyncio.sleep(REFUSED_PAUSE_S if refused else self._backoff.next_delay_s())

    async def _stream(self, dialer: Dialer) -> bool:
        """Serve over one stream, and return whether the centre refused it for good."""
        async with dialer.aio_channel() as channel:
            call: Call = PortServiceStub(channel).ReportAlerts()
            try:
                async with asyncio.timeout(ANSWER_S):
                    await call.write(PORT_MESSAGE.write(PortHello(version("cekalwatch"), pictures_only=True)))
                    answer = await call.read()
                if isinstance(answer, pb.ReportAlertsResponse) and answer.WhichOneof("message") == "start":
                    self._backoff.reset()
                    await self._give(call, period_of(answer.start), dialer)
            except grpc.aio.AioRpcError as error:
                return told_code(error) in REFUSED
            except (TimeoutError, asyncio.InvalidStateError):  # it is silent, or ended while something was written
                pass
            finally:
                if not call.done():
                    call.cancel()
        return False

    async def _give(self, call: Call, period_s: float, dialer: Dialer) -> None:
        """Answer until the call ends, the certificate is renewed, or the lease is another server's."""
        writing = asyncio.Lock()  # gRPC takes one message at a time
        self._pace = pace = self._pace or centre_pace()

        async def answer() -> None:
            while True:
                await pace.keep()
                async with asyncio.timeout(MISSED_KEEP_ALIVES * period_s):
                    message = await call.read()
                if not isinstance(message, pb.ReportAlertsResponse):  # the end
                    return
                if message.WhichOneof("message") == "picture_request":
                    picture = await self._pictures.answer(message.picture_request)
                    async with writing:
                        await call.write(picture)

        async def live() -> None:
            while self._leader.lease is not None and not dialer.outdated:
                async with writing:
                    await call.write(PORT_MESSAGE.write(SignOfLife(0)))
                await asyncio.sleep(period_s)

        tasks = [asyncio.create_task(answer()), asyncio.create_task(live())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
