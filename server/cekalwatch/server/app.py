"""The composition root: opens the parts of `wiring` in order, serves, and closes them the other way round.

Threads: `settings.threads` workers embed, each on one native thread; one thread decides and commits alerts; the event
loop does the rest. As many threads of low priority look at photographs for imports and synchronisations, which wait for
what cameras sent. The engine (onnxruntime or OpenVINO), OpenCV and FAISS compute on the thread that calls them, so the
workers are the budget.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from cekalwatch.program.confined.command import missing_protections
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.traces import TRACES
from cekalwatch.server.audit.entry import Actor, Party
from cekalwatch.server.cluster.chores import Chore, SharedChore
from cekalwatch.server.cluster.peers import Load
from cekalwatch.server.connections import ConnectionWatch
from cekalwatch.server.domain.clock import Clock, SystemClock
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.model_follower import open_pack, pack_in_use, trusted_choice
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.grpc_api.enrolment_port import MAX_CONNECTIONS_OF_ADDRESS, EnrolmentPort
from cekalwatch.server.grpc_api.server import GrpcServer, Servicers
from cekalwatch.server.grpc_api.servicers.capture import CaptureServicer
from cekalwatch.server.health.monitoring.instruments import Instruments
from cekalwatch.server.health.probes.presence import Presence
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.memory import return_large_pieces
from cekalwatch.server.open_files import connection_bound, raise_limit
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.recognition.photograph_decoder import PhotographDecoder
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.cluster.hints import HintTopic
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.wiring.alerts import AlertsWiring
from cekalwatch.server.wiring.audit import AuditWiring
from cekalwatch.server.wiring.authentication import (
    AuthenticationWiring,
    open_certificate_authentication,
    open_devices,
    open_enrolment,
)
from cekalwatch.server.wiring.capture import CaptureWiring, cameras_servicer
from cekalwatch.server.wiring.cluster import KEEP_CHORES_PERIOD_S, ClusterWiring, hold_folder, tell_refused
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.gallery import GalleryWiring, note_configuration
from cekalwatch.server.wiring.losses import refuse_lost_database, tell_restored
from cekalwatch.server.wiring.monitoring import MonitoringWiring
from cekalwatch.server.wiring.notices import NoticesWiring
from cekalwatch.server.wiring.operations import maintenance_reader, operations_servicer
from cekalwatch.server.wiring.ports import PortsWiring
from cekalwatch.server.wiring.troubles import TroublesWiring
from cekalwatch.server.wiring.watchlist import WatchlistWiring
from cekalwatch.vision.runtime import limit_native_threads

FANOUT_PERIOD_S = 0.1
HEALTH_PERIOD_S = 0.5
EXPECT_WRITE_PERIOD_S = 2.0
ENROLMENT_PERIOD_S = 0.5
RESEAL_PERIOD_S = 2.0
KEEP_TERMS_PERIOD_S = 60.0
STOP_GRACE_S = 3.0

log = structlog.get_logger()


class Server:
    """A running server, as an asynchronous context manager. Opening raises ProgramError where a part cannot run."""

    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self._bounds: dict[int, int] = {}
        """Connections that one address may have at each port."""
        self.port = 0
        self._enrolment: EnrolmentPort | None = None
        self._monitoring: MonitoringWiring | None = None
        self._stopping = False

    @property
    def enrolment_port(self) -> int:
        """Where devices enrol while somebody is invited; 0 where they never do."""
        return self._enrolment.port if self._enrolment else 0

    @property
    def metrics_port(self) -> int:
        """Where metrics are served; 0 where they are not."""
        return self._monitoring.listener.port if self._monitoring else 0

    async def __aenter__(self) -> Self:
        try:
            await self._open()
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

    async def _open(self) -> None:
        settings, clock, stack = self._settings, self._clock, self._stack
        started_at = clock.now()
        tls = settings.tls()
        return_large_pieces()
        most_connections = connection_bound(settings.connections, raise_limit())
        certificates = open_certificate_authentication(settings, tls, clock)
        if settings.openid:
            settings.openid.client_secret()  # what cannot be read is refused before anything is opened
        limit_native_threads(1)
        if missing := missing_protections():
            log.warning("confinement_incomplete", missing=", ".join(missing))

        stack.enter_context(TRACES.exporting(settings.traces, "cekalwatch-server", settings.name))
        instruments = Instruments()
        hold_folder(settings.data_dir, stack)
        database = Database(settings.database_address)
        database.measure = instruments.metrics.commit
        stack.callback(database.close)
        await asyncio.to_thread(refuse_lost_database, settings, database)
        await asyncio.to_thread(database.begin)
        actor = Actor(Party.SERVER, settings.name)
        context = Context.open(settings, database, clock, actor, stack, instruments.metrics)
        stores = context.stores
        cluster = ClusterWiring.open(context)
        audit = AuditWiring.open(context, cluster.duty)
        pack = pack_in_use(settings, stores.models)
        decoder = PhotographDecoder(settings.threads)
        stack.callback(decoder.close)
        kept = TermsFile(settings.order_terms_file, context.keys.keyring, settings.law)
        terms = TermsReader(stores.watchlist, context.checkpoints, kept)
        stack.callback(terms.keep)
        with ThreadPoolExecutor(1, "open-networks") as beside:
            opening = beside.submit(open_pack, settings, pack)
            terms.read()  # a long list takes longer than the networks
        engines = EngineInUse(opening.result(), settings.threads, decoder.decode)
        self._context, self._engines = context, engines
        trail = AuditTrail(stores.audit, clock)
        stack.callback(trail.close)

        presence = Presence(clock)
        search = GalleryWiring.open(context, engines, terms)
        alerts = AlertsWiring.open(context, search.freshness, presence, trail, cluster.hints)
        captures = CaptureWiring.open(context, search, alerts.announce, presence)
        watchlist = WatchlistWiring.open(context, search, captures.waiting, trail)
        ports = PortsWiring.open(context, alerts, trail, cluster.duty, watchlist.caller, search.freshness)

        def load() -> Load:
            return Load(captures.waiting(), sum(captures.intake.outcomes.values()))

        peers = cluster.peers(lambda: self.address, lambda: engines.recogniser().model_version, presence, load)
        limit = timedelta(seconds=settings.revocations_limit_s)
        health = Health(
            lambda: certificates.revocations,
            limit,
            clock,
            audit.state,
            database=lambda: database.availability.away,
            takes_alerts=lambda: captures.health.well,
            blind=lambda: search.snapshots.current().blind,
            stopping=lambda: self._stopping,
            clock_ahead=lambda: peers.clock_ahead,
            reporting=ports.reporting,
        )
        troubles = TroublesWiring.open(context, presence, search, health, cluster, certificates.revoked)
        connections = ConnectionWatch(self._bounds)
        stack.callback(connections.close)
        authentication = AuthenticationWiring.open(context, certificates, presence, connections.let_in)

        status = StatusService(
            started_at=started_at,
            thread_budget=settings.threads,
            engine=engines.engine,
            cameras=captures.cameras,
            policies=lambda: captures.sessions.policies,
            snapshot=search.snapshots.current,
            freshness=search.freshness,
            intake=captures.intake,
            decider=captures.decider,
            fanout=alerts.fanout,
            peers=peers,
            chores_by=cluster.lease.holder,
            alerts=stores.alerts,
            ports=stores.ports.states,
            alarms=lambda: troubles.feed.open,
            health=health,
            connections=lambda: connections.state,
            restored_backup=tell_restored(stores.audit),
            maintenance=maintenance_reader(context),
        )

        self._monitoring = MonitoringWiring.open(
            context,
            tls,
            certificates,
            authentication.refusals,
            authentication.sign_ins,
            cluster.run_id,
            status,
            presence,
            captures,
            instruments,
        )

        self._sessions, self._policies = captures.sessions, captures.policies
        self._fanout, self._troubles = alerts.fanout, troubles.feed
        self._watchlist, self._list_feed = watchlist.servicer, watchlist.feed
        self._ports = ports.reception
        self._grpc = GrpcServer(
            Servicers(
                capture=CaptureServicer(captures.sessions, clock),
                alerts=alerts.servicer,
                watchlist=watchlist.servicer,
                operations=operations_servicer(context, search, status),
                session=authentication.servicer,
                troubles=troubles.servicer,
                list_feed=watchlist.feed_servicer,
                ports=ports.servicer,
                people=authentication.people,
                audit=audit.servicer(context, trail),
                reports=alerts.reports,
                cameras=cameras_servicer(context, captures, presence, trail, peers.whole),
                devices=open_devices(context, peers.whole, authentication.interceptor.open_calls, self._addresses),
            ),
            settings.listen,
            tls,
            authentication.interceptor,
            authentication.refusals,
            most_connections,
        )
        self.port = self._grpc.port
        if tls:  # plaintext never leaves the machine, and is not counted
            self._bounds[self.port] = settings.connections_per_address
        self._enrolment = open_enrolment(context, tls, trail, authentication.refusals)
        if self._enrolment:
            self._bounds[self._enrolment.port] = MAX_CONNECTIONS_OF_ADDRESS
        chores: list[Chore] = [
            *search.chores,
            *captures.chores,
            *watchlist.chores,
            *alerts.chores,
            *troubles.chores,
            *ports.chores,
            *authentication.chores,
            *audit.chores,
            *(self._monitoring.chores if self._monitoring else ()),
            *NoticesWiring.open(context, troubles.board).chores,
            cluster.chore(peers),
            Chore("keep_order_terms", KEEP_TERMS_PERIOD_S, terms.keep),
            SharedChore("reseal", RESEAL_PERIOD_S, Resealer(database, context.keys).take_turn),
        ]

        async def tell_health() -> None:
            database.availability.tell()
            await self._grpc.tell_health(searched=not health.blind(), sound=health.sound)

        async def expect_write() -> None:
            captures.health.expect_soon()

        await asyncio.to_thread(partial(peers.join, model_chosen=trusted_choice(stores.models) is not None))
        await asyncio.to_thread(cluster.forget_refused)
        await asyncio.to_thread(cluster.duty.look)
        await asyncio.to_thread(certificates.follow)  # opening may have taken long
        connections.start()
        await self._grpc.start()
        cluster.hints.start({HintTopic.ALERT_EVENTS: alerts.wake, HintTopic.TROUBLES: troubles.feed.wake})
        await tell_health()
        if self._monitoring:
            await asyncio.to_thread(self._monitoring.start)
        loops = (
            LOOPS.keep("keep_chores", cluster.duty.keep, KEEP_CHORES_PERIOD_S),
            *(chore.kept(cluster.duty) for chore in chores),
            *authentication.interceptor.open_calls.loops(),
            LOOPS.keep("follow_event_log", partial(alerts.fanout.follow_log, FANOUT_PERIOD_S)),
            LOOPS.keep("follow_troubles", troubles.follow),
            *watchlist.loops(),
            LOOPS.keep("probe_database", captures.health.write_expected),
            LOOPS.keep("expect_write", expect_write, EXPECT_WRITE_PERIOD_S),
            LOOPS.keep("tell_health", tell_health, HEALTH_PERIOD_S),
            *ports.loops(),
        )
        self._housekeeping = [asyncio.create_task(loop) for loop in loops]
        if self._enrolment:
            await self._enrolment.look()
            enrolling = LOOPS.keep("open_enrolment_port", self._enrolment.look, ENROLMENT_PERIOD_S)
            self._housekeeping.append(asyncio.create_task(enrolling))
        log.info(
            "serving",
            address=self.address,
            threads=settings.threads,
            engine=str(engines.engine().inference.engine),
            precision=str(engines.engine().inference.precision),
            transport="tls" if tls else "plaintext, this machine only",
        )

    @property
    def address(self) -> str:
        """Where it listens, as HOST:PORT."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self.port}"

    def _addresses(self) -> tuple[str, str]:
        return self.address, self._enrolment.address if self._enrolment else ""

    async def reload(self, settings: ServerSettings) -> None:
        """Let cameras send what the capture policies of `settings` say from now on. Other settings need a restart.

        Raises StorageError when the change cannot be recorded; the policies are in force then.
        """
        self._policies.reload(settings.capture_policies)
        log.info("settings_reloaded", restart_needed=", ".join(self._settings.differing(settings)))
        await asyncio.to_thread(
            note_configuration, replace(self._context, settings=settings), self._engines.engine().pack
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await self._grpc.announce_stop()
        self._sessions.drain()
        self._fanout.end()
        self._troubles.end()
        self._list_feed.end()
        self._ports.end()
        await self._grpc.stop(STOP_GRACE_S)
        self._watchlist.end_imports()
        for task in self._housekeeping:
            task.cancel()
        await asyncio.gather(*self._housekeeping, return_exceptions=True)
        if self._enrolment:
            await self._enrolment.close(0)
        await asyncio.to_thread(self._stack.pop_all().close)
        log.info("stopped")
