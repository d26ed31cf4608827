"""The composition root: opens the server's parts in order, serves, and closes them in reverse order.

One `init_…` step of `wiring` makes each part. Its arguments are what the part needs and its return value is the part,
so this file shows which part knows which.

Threads: `settings.threads` workers embed, each on one native thread; one thread decides and commits alerts; the event
loop does the rest. As many threads of low priority process photographs of imports and synchronisations; faces from
cameras come first. The engine (onnxruntime or OpenVINO), OpenCV and FAISS compute on the thread that calls them, so the
workers are the budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from types import TracebackType
from typing import Self

import structlog

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.traces import TraceTerms
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.grpc_api.guard import Guard
from cekalwatch.server.grpc_api.server import MAX_CONNECTIONS_OF_ADDRESS, EnrolmentListener, GrpcServer
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.settings.network import MetricsTerms
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.cluster.change_notifier import ChangeTopic
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.wiring.alarms import init_alarms
from cekalwatch.server.wiring.alerts import init_alerts
from cekalwatch.server.wiring.audit import init_audit
from cekalwatch.server.wiring.authentication import init_authentication, init_devices, init_enrolment
from cekalwatch.server.wiring.capture import init_cameras, init_capture
from cekalwatch.server.wiring.cluster import init_cluster, init_peers, tell_refused, telling
from cekalwatch.server.wiring.events import init_events
from cekalwatch.server.wiring.extensions import Core
from cekalwatch.server.wiring.gallery import init_gallery, init_recognition
from cekalwatch.server.wiring.health import MonitoringParts, init_health, init_monitoring, init_operations
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.ports import init_ports
from cekalwatch.server.wiring.process import init_process
from cekalwatch.server.wiring.storage import init_keys, init_storage
from cekalwatch.server.wiring.watchlist import init_watchlist

HEALTH_PERIOD_S = 0.5
ENROLMENT_PERIOD_S = 0.5
STOP_GRACE_S = 3.0

log = structlog.get_logger()


class Server:
    """A running server, as an asynchronous context manager. Opening raises ProgramError where a part cannot run."""

    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self.port = 0
        self._enrolment: EnrolmentListener | None = None
        self._monitoring: MonitoringParts | None = None
        self._stopping = Event()

    @property
    def enrolment_port(self) -> int:
        """The TCP port at which devices enrol while somebody is invited; 0 where they never do."""
        return self._enrolment.port if self._enrolment else 0

    @property
    def metrics_port(self) -> int:
        """The TCP port at which metrics are served; 0 where they are not."""
        return self._monitoring.listener.port if self._monitoring else 0

    async def __aenter__(self) -> Self:
        try:
            start = await self._make()
            await start()
        except BaseException as error:
            await asyncio.to_thread(self._stack.pop_all().close)
            if isinstance(error, ProgramError):
                await asyncio.to_thread(tell_refused, self._settings, error)
            if isinstance(error, StorageError):
                raise ProgramError(
                    f"The database went away while the server started ({error}). Start the server again when the "
                    "database is reachable; a service manager does so by itself.",
                    Exit.UNAVAILABLE,
                ) from None
            raise
        return self

    @classmethod
    def try_out(cls, settings: ServerSettings) -> None:
        """Open every part as a start does, on ports of its own, and close them: nothing is sent, asked or served.

        Raises ProgramError where the server would not start.
        """
        nowhere = {"listen": "127.0.0.1:0", "enrolment_listen": "", "metrics": MetricsTerms(), "traces": TraceTerms()}

        async def opened() -> None:
            server = cls(settings.model_copy(update=nowhere))
            try:
                await server._make()
            finally:
                await asyncio.to_thread(server._stack.pop_all().close)

        asyncio.run(opened())

    async def _make(self) -> Callable[[], Coroutine[None, None, None]]:
        """Open the parts, which serve nothing yet, and return what starts them."""
        settings, clock, stack = self._settings, self._clock, self._stack
        process = init_process(settings, clock, stack)
        certificates = process.certificates
        context = await asyncio.to_thread(init_storage, settings, clock, stack, process.instruments.metrics)
        cluster = init_cluster(context)
        presence, audit = cluster.presence, init_audit(context, cluster.leader)
        recognition = init_recognition(context)
        gallery = init_gallery(context, recognition)
        events = init_events(context, cluster.changes)
        capture = init_capture(context, gallery, events, presence)
        thumbnails = Thumbnails(capture.crops.thumbnail)
        guard = Guard(context.stores.audit, clock)
        watchlist = init_watchlist(context, gallery, capture.waiting, audit.trail, thumbnails, guard)
        ports = init_ports(context, events, audit.trail, cluster.leader, watchlist.caller, gallery.freshness)
        peers = init_peers(cluster, self._address, gallery.engines, capture)
        attendance = Attendance(settings.cameras, peers.whole, clock)
        health = init_health(context, certificates, audit, capture, gallery, peers, ports, self._stopping.is_set)
        alarms = init_alarms(context, cluster, gallery, capture, health, certificates.revoked, attendance)
        ring = alarms.readiness.of
        alerts = init_alerts(
            context, gallery, events, presence, audit.trail, attendance, certificates.revoked, ring, thumbnails
        )
        authentication = init_authentication(context, certificates, presence, alerts.signed_out, guard.foresee)
        open_calls, connections = authentication.interceptor.open_calls, authentication.connections
        operations = init_operations(
            context, process, cluster, gallery, events, capture, peers, health, alarms, connections
        )
        monitoring = init_monitoring(context, process, cluster, capture, authentication, operations.status)
        enrolment = init_enrolment(context, process.tls, audit.trail, authentication.refusals)
        core = Core(context, presence, peers.whole, alarms.board, lambda: alarms.feed.open, ring)
        parts = (
            *(cluster, audit, recognition, gallery, events, capture, watchlist, ports, alarms, alerts),
            *(authentication, operations, *([monitoring] if monitoring else ()), core.part()),
            init_cameras(context, capture, presence, audit.trail, peers.whole),
            init_devices(context, peers.whole, open_calls, self._address, self._enrolment_address),
            Part(jobs=(*init_keys(context), telling(peers))),
        )
        grpc = GrpcServer(
            guard.around(call for part in parts for call in part.served),
            settings.listen,
            process.tls,
            authentication.interceptor,
            authentication.refusals,
            process.most_connections,
        )
        self.port, self._enrolment, self._monitoring = grpc.port, enrolment, monitoring
        self._context, self._recognition, self._capture, self._events = context, recognition, capture, events
        self._alarms, self._watchlist, self._ports, self._grpc = alarms, watchlist, ports, grpc

        async def start() -> None:
            await asyncio.to_thread(cluster.join, peers)
            await asyncio.to_thread(certificates.follow)  # opening may have taken long
            bounds = {grpc.port: settings.connections_per_address} if process.tls else {}  # plaintext never leaves
            if enrolment:
                bounds[enrolment.port] = MAX_CONNECTIONS_OF_ADDRESS
            connections.start(bounds)
            await grpc.start()
            cluster.changes.start({ChangeTopic.ALERT_EVENTS: events.wake, ChangeTopic.ALARMS: alarms.feed.wake})

            async def tell_health() -> None:
                context.database.availability.tell()
                await grpc.tell_health(searched=not health.blind(), sound=health.sound)

            await tell_health()
            if monitoring:
                await asyncio.to_thread(monitoring.start)
            if enrolment:
                await enrolment.look()
            loops = (
                *(job.kept(cluster.leader) for part in parts for job in part.jobs),
                *(loop for part in parts for loop in part.loops()),
                LOOPS.keep("tell_health", tell_health, HEALTH_PERIOD_S),
                *([LOOPS.keep("open_enrolment", enrolment.look, ENROLMENT_PERIOD_S)] if enrolment else ()),
            )
            self._housekeeping = [asyncio.create_task(loop) for loop in loops]
            inference = recognition.engines.engine.inference
            log.info(
                "serving",
                address=self.address,
                threads=settings.threads,
                engine=str(inference.engine),
                precision=str(inference.precision),
                transport="tls" if process.tls else "plaintext, this machine only",
            )

        return start

    @property
    def address(self) -> str:
        """Where it listens, as HOST:PORT."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self.port}"

    def _address(self) -> str:
        return self.address

    def _enrolment_address(self) -> str:
        return self._enrolment.address if self._enrolment else ""

    async def reload(self, settings: ServerSettings) -> None:
        """Apply the capture policies of `settings` to cameras from now on. Other settings need a restart.

        Raises StorageError when the change cannot be recorded; the policies are in force then.
        """
        self._capture.policies.reload(settings.capture_policies)
        log.info("settings_reloaded", restart_needed=", ".join(self._settings.differing(settings)))
        context, pack = replace(self._context, settings=settings), self._recognition.engines.engine.pack
        await asyncio.to_thread(context.note_configuration, pack)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._grpc.announce_stop()
        self._capture.sessions.drain()
        self._events.fanout.end()
        self._alarms.feed.end()
        self._watchlist.feed.end()
        self._ports.reception.end()
        await self._grpc.stop(STOP_GRACE_S)
        self._watchlist.end_imports()
        for task in self._housekeeping:
            task.cancel()
        await asyncio.gather(*self._housekeeping, return_exceptions=True)
        if self._enrolment:
            await self._enrolment.close(0)
        await asyncio.to_thread(self._stack.pop_all().close)
        log.info("stopped")
