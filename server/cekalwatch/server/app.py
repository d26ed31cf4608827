"""The composition root: makes every part from the settings, and runs them in order.

Threads: `settings.threads` workers embed, each on one native thread; one thread decides and commits alerts; the event
loop does the rest. As many threads of low priority look at photographs for imports and synchronisations, which wait for
what cameras sent. onnxruntime, OpenCV and FAISS are each told to use one thread a call, so the workers are the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.alerting.acknowledging import Acknowledgements
from cekalwatch.server.alerting.adjudicating import Adjudicator
from cekalwatch.server.alerting.briefing import Briefer
from cekalwatch.server.alerting.census import Census
from cekalwatch.server.alerting.deciding import AlertTiming, Decider
from cekalwatch.server.alerting.escalating import Escalator
from cekalwatch.server.alerting.fanout import Fanout
from cekalwatch.server.alerting.freshness import FreshnessGauge
from cekalwatch.server.alerting.order_book import OrderBook
from cekalwatch.server.alerting.passage_counting import PassageCounter
from cekalwatch.server.alerting.threshold import ThresholdSetting
from cekalwatch.server.alerting.watch import Checkpoints, WatchHolder
from cekalwatch.server.background import BackgroundThreads
from cekalwatch.server.config import ServerSettings
from cekalwatch.server.domain.clock import Clock, SystemClock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.passages import Passages
from cekalwatch.server.grpc_api.access import Access
from cekalwatch.server.grpc_api.alerts import AlertServicer
from cekalwatch.server.grpc_api.capture import CaptureServicer
from cekalwatch.server.grpc_api.enrolment import EnrolmentServer, EnrolmentServicer
from cekalwatch.server.grpc_api.importing import ImportWorkers
from cekalwatch.server.grpc_api.operations import OperationsServicer
from cekalwatch.server.grpc_api.server import GrpcServer, Servicers
from cekalwatch.server.grpc_api.session import SessionServicer
from cekalwatch.server.grpc_api.watchlist import WatchlistServicer
from cekalwatch.server.memory import return_large_pieces
from cekalwatch.server.models_in_use import ModelFollower, ModelStores, open_pack, pack_in_use, searched_model
from cekalwatch.server.presence import Presence
from cekalwatch.server.recognition.batches import BatchWorker
from cekalwatch.server.recognition.embedding import CaptureEmbedder
from cekalwatch.server.recognition.in_use import EngineInUse
from cekalwatch.server.recognition.intake import Intake
from cekalwatch.server.recognition.session import CaptureSessions, SessionTerms
from cekalwatch.server.security.attendance import Attendance
from cekalwatch.server.security.audit import Actor, Party
from cekalwatch.server.security.checkpoints import SigningKey
from cekalwatch.server.security.configuration import configuration_facts, note_configuration
from cekalwatch.server.security.gate import CertificateGate, Gate, LoopbackGate
from cekalwatch.server.security.notary import Notary
from cekalwatch.server.security.reception import Reception
from cekalwatch.server.security.retention import RetentionSweeper
from cekalwatch.server.security.revocations import Revocations
from cekalwatch.server.security.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.security.trail import AuditTrail
from cekalwatch.server.status import StatusBoard
from cekalwatch.server.storage.alert_store import AlertStore
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.field_store import FieldStore
from cekalwatch.server.storage.handling_store import HandlingStore
from cekalwatch.server.storage.key_store import KeyStore
from cekalwatch.server.storage.model_store import ModelStore
from cekalwatch.server.storage.people_store import PeopleStore
from cekalwatch.server.storage.photograph_store import PhotographStore
from cekalwatch.server.storage.resealing import Resealer
from cekalwatch.server.storage.sync_store import SyncStore
from cekalwatch.server.storage.threshold_store import ThresholdStore
from cekalwatch.server.storage.watchlist_store import WatchlistStore
from cekalwatch.server.watchlist.import_run import ImportRun
from cekalwatch.server.watchlist.importer import WatchlistImporter
from cekalwatch.server.watchlist.lookalikes import Lookalikes
from cekalwatch.server.watchlist.pace import Pace
from cekalwatch.server.watchlist.sync_desk import SyncDesk
from cekalwatch.server.watchlist.sync_schedule import open_scheduler
from cekalwatch.server.watchlist.uploads import Uploads
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.tls import FollowedTls

EMBED_BATCH = 4
DECIDE_BATCH = 64
FOLLOW_PERIOD_S = 2.0
CATCH_UP_PERIOD_S = 5.0
RECOUNT_PERIOD_S = 60.0
SWEEP_PERIOD_S = 3600.0
SWEEP_PROBES_PERIOD_S = 30.0
SWEEP_IMAGES_PERIOD_S = 60.0
COUNT_PASSAGES_PERIOD_S = 60.0
ESCALATE_PERIOD_S = 1.0
FANOUT_PERIOD_S = 0.25
NOTARY_PERIOD_S = 10.0
RESEAL_PERIOD_S = 2.0
SYNC_LOOK_PERIOD_S = 2.0
STOP_GRACE_S = 3.0
IMPORT_THREADS = 2

log = structlog.get_logger()


class Server:
    """A running server, as an asynchronous context manager. Opening raises ProgramError where a part cannot run."""

    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self.port = 0
        self.enrolment_port = 0
        self._enrolment: EnrolmentServer | None = None

    async def __aenter__(self) -> Self:
        settings, clock = self._settings, self._clock
        started_at = clock.now()
        tls = settings.tls()
        return_large_pieces()
        gate = _gate(settings, tls, clock)
        openid_terms = settings.openid.terms() if settings.openid else None
        limit_native_threads(1)
        database = Database(settings.database_address)
        database.upgrade()
        self._stack.callback(database.close)
        models = ModelStore(database)
        pack = pack_in_use(settings, models)
        engines = EngineInUse(open_pack(settings, pack), settings.threads)
        myself = Actor(Party.SERVER, platform.node() or "unnamed")
        self._keys = KeyStore.open(database, settings.master_key_source, clock, myself)
        self._resealer = Resealer(database, self._keys)
        alerts = AlertStore(database, self._keys.keyring)
        watchlist = WatchlistStore(database, self._keys.keyring)
        audit = AuditStore(database)
        notary = Notary(audit, SigningKey.load_or_create(settings.audit_key_file), clock)
        note_configuration(audit, configuration_facts(settings, pack), myself, started_at)
        self._stack.callback(_at_stop, "no checkpoint at stop; the last entries are not signed", notary.sign)
        checkpoints = Checkpoints(
            settings.legal.parameters(), {site.site: ZoneInfo(site.time_zone) for site in settings.sites}
        )
        thresholds = ThresholdStore(database)
        self._holder = WatchHolder(
            watchlist.templates, searched_model(settings, thresholds, pack), settings.gallery_storage
        )
        photographs = PhotographStore(database, self._keys.keyring)
        self._model = ModelFollower(
            settings, ModelStores(models, thresholds, photographs, audit), engines, self._holder, clock, myself
        )
        self._stack.callback(self._model.close)
        self._freshness = FreshnessGauge(
            watchlist, Census(watchlist, checkpoints), clock, timedelta(hours=settings.freshness_limit_h)
        )
        people, handling = PeopleStore(database), HandlingStore(database, self._keys.keyring)
        briefer = Briefer(alerts, watchlist, people, checkpoints, clock)
        fanout, acknowledgements = Fanout(alerts, briefer), Acknowledgements(alerts, clock)
        self._stack.callback(fanout.close)
        self._stack.callback(acknowledgements.close)
        loop = asyncio.get_running_loop()

        def announce() -> None:
            loop.call_soon_threadsafe(fanout.wake)

        passage_counter = PassageCounter(FieldStore(database))
        self._stack.callback(_at_stop, "passages of the last minute are not counted", passage_counter.write)
        decider = Decider(
            self._holder.current,
            OrderBook(watchlist, checkpoints),
            alerts,
            clock,
            Passages(settings.passage_idle_s),
            AlertTiming(timedelta(seconds=settings.grouping_window_s), timedelta(seconds=settings.late_after_s)),
            announce,
            passage_counter.begun,
        )
        deciding = BatchWorker(
            "decide", decider.decide, threads=1, most=DECIDE_BATCH, party=lambda face: face.capture.camera.camera_id
        )
        self._stack.callback(deciding.close)
        embedding = BatchWorker(
            "embed",
            CaptureEmbedder(engines.recogniser).embed,
            threads=settings.threads,
            most=EMBED_BATCH,
            party=lambda capture: capture.camera.camera_id,
        )
        self._stack.callback(embedding.close)
        enrolling = BackgroundThreads(settings.threads, "enrol")
        self._stack.callback(enrolling.shutdown, cancel_futures=True)
        endings, importing = ThreadPoolExecutor(1, "import-endings"), ThreadPoolExecutor(IMPORT_THREADS, "import")
        self._stack.callback(endings.shutdown)
        self._stack.callback(importing.shutdown, cancel_futures=True)
        trail = AuditTrail(audit, clock)
        self._stack.callback(trail.close)
        intake, presence = Intake(embedding, deciding), Presence(clock)
        cameras = {entry.camera_id: entry.camera() for entry in settings.cameras}
        terms = SessionTerms(
            settings.credits, settings.heartbeat_period_s, settings.handshake_s, settings.capture_policy
        )
        self._sessions = CaptureSessions(cameras, terms, intake, presence)
        home = settings.sites[0].site
        lookalikes = Lookalikes(
            self._holder.current,
            lambda templates: engines.engine().pack.thresholds.threshold(templates, settings.wanted_fpir),
        )

        def begin_import(actor: Actor) -> ImportRun:
            # One model from the first record to the last; after a change, `ModelFollower` makes the other's templates.
            enroller, zone = engines.enroller(), checkpoints.zones[home]
            importer = WatchlistImporter(watchlist, enroller, clock, zone, checkpoints.legal, lookalikes)
            return ImportRun(importer, watchlist, audit, clock, actor, enrolling)

        syncs = SyncStore(database)
        scheduler = open_scheduler(
            settings.watchlist,
            checkpoints.zones[home],
            syncs,
            begin_import,
            clock,
            myself,
            waiting=lambda: embedding.waiting,
            on_end=self._follow_now,
        )
        if scheduler:
            self._stack.callback(scheduler.close)
        board = StatusBoard(
            started_at=started_at,
            thread_budget=settings.threads,
            model_pack=lambda: engines.engine().pack.name,
            cameras=tuple(cameras.values()),
            watch=self._holder.current,
            freshness=self._freshness,
            intake=intake,
            decider=decider,
            fanout=fanout,
            presence=presence,
            alerts=alerts,
        )
        reception = Reception(database, clock, settings.session_terms, openid_terms)
        self._stack.callback(reception.close)
        signing_in = SessionServicer(reception.desk, reception.changes, reception.sessions)
        self._stack.callback(signing_in.close)
        access = Access(gate, Attendance(reception.sessions), settings.reader_stall_s)
        policy = settings.handling_policy
        adjudicator = Adjudicator(handling, alerts, watchlist, checkpoints, people, clock, policy, myself, announce)
        escalator = Escalator(handling, clock, policy, myself, announce)
        self._grpc = GrpcServer(
            Servicers(
                capture=CaptureServicer(self._sessions, clock),
                alerts=AlertServicer(
                    fanout,
                    acknowledgements,
                    briefer,
                    self._freshness,
                    presence,
                    trail,
                    clock,
                    settings.keep_alive_period_s,
                    adjudicator,
                    handling,
                    home,
                ),
                watchlist=WatchlistServicer(
                    watchlist,
                    begin_import,
                    checkpoints,
                    home,
                    trail,
                    clock,
                    ImportWorkers(
                        importing, endings, Uploads(), Pace(settings.import_stall_s, settings.import_record_s)
                    ),
                    lookalikes,
                    SyncDesk(syncs, scheduler, clock),
                    self._freshness,
                ),
                operations=OperationsServicer(
                    board, ThresholdSetting(thresholds, clock, lambda: engines.recogniser().model_version)
                ),
                session=signing_in,
            ),
            settings.listen,
            tls,
            access,
        )
        sweeper = RetentionSweeper(alerts, handling, clock, myself, settings.keeping)
        if tls and settings.enrolment_listen:
            servicer = EnrolmentServicer(SitePki.load(settings.pki_path), trail, clock)
            self._enrolment = EnrolmentServer(servicer, settings.enrolment_listen, tls)
            self.enrolment_port = self._enrolment.port
        self.port = self._grpc.port
        self._housekeeping = [
            asyncio.create_task(_every(FOLLOW_PERIOD_S, self._follow)),
            asyncio.create_task(_every(CATCH_UP_PERIOD_S, self._model.catch_up)),
            asyncio.create_task(_every(RECOUNT_PERIOD_S, self._freshness.read)),
            asyncio.create_task(_every(SWEEP_PERIOD_S, sweeper.sweep)),
            asyncio.create_task(_every(SWEEP_PROBES_PERIOD_S, sweeper.sweep_probes)),
            asyncio.create_task(_every(SWEEP_IMAGES_PERIOD_S, sweeper.sweep_images)),
            asyncio.create_task(_every(COUNT_PASSAGES_PERIOD_S, passage_counter.write)),
            asyncio.create_task(_every(ESCALATE_PERIOD_S, escalator.look)),
            asyncio.create_task(fanout.keep_up(FANOUT_PERIOD_S)),
            asyncio.create_task(_every(NOTARY_PERIOD_S, notary.sign_if_due)),
            asyncio.create_task(access.keep_watch()),
            asyncio.create_task(_every(RESEAL_PERIOD_S, self._reseal)),
        ]
        if scheduler:
            self._housekeeping.append(asyncio.create_task(_every(SYNC_LOOK_PERIOD_S, scheduler.look)))
        await self._grpc.start()
        if self._enrolment:
            await self._enrolment.start()
            log.info("enrolling", address=f"{settings.enrolment_listen.rpartition(':')[0]}:{self.enrolment_port}")
        log.info(
            "serving",
            address=f"{settings.listen.rpartition(':')[0]}:{self.port}",
            threads=settings.threads,
            transport="tls" if tls else "plaintext, this machine only",
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._grpc.announce_stop()
        if self._enrolment:
            await self._enrolment.stop(0)
        self._sessions.drain()
        await self._grpc.stop(STOP_GRACE_S)
        for task in self._housekeeping:
            task.cancel()
        await asyncio.gather(*self._housekeeping, return_exceptions=True)
        await asyncio.to_thread(self._stack.pop_all().close)
        log.info("stopped")

    def _follow_now(self) -> None:
        """Search for what a synchronisation brought before its end is told."""
        self._holder.follow()
        self._freshness.read()

    def _follow(self) -> None:
        self._model.follow()
        if self._holder.follow():
            self._freshness.read()

    def _reseal(self) -> None:
        if self._keys.keyring.follow():
            log.info("another data key seals from now on", key_id=self._keys.keyring.current_id)
        self._resealer.take_turn()


def _at_stop(loss: str, work: Callable[[], object]) -> None:
    try:
        work()
    except SQLAlchemyError as error:
        log.warning(loss, error=type(error).__name__)


def _gate(settings: ServerSettings, tls: FollowedTls | None, clock: Clock) -> Gate:
    """Return what lets calls in. A site with an authority of its own must have its revocation list as well."""
    if tls is None:
        return LoopbackGate()
    file = settings.revocations
    if file is None and (settings.pki_path / "authority.pem").exists():
        file = settings.pki_path / REVOKED_FILE
    if file is None:
        log.warning("no revocation list: set `revocations` to that of your authority")
    revocations = Revocations(file, tls.files.authority) if file else None
    return CertificateGate(revocations, frozenset(site.site for site in settings.sites), clock)


async def _every(period_s: float, work: Callable[[], object]) -> None:
    """Do blocking `work` on a worker thread each period, for ever: a round that fails is logged, and tried again."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await asyncio.to_thread(work)
        except (SQLAlchemyError, CekalwatchError) as error:
            log.warning("housekeeping failed; it is tried again", work=work.__qualname__, error=type(error).__name__)
        except Exception:  # a defect here must not end the following of the watchlist without a word
            log.exception("housekeeping failed; it is tried again", work=work.__qualname__)


def run(settings: ServerSettings) -> None:
    """Serve until SIGINT or SIGTERM; raises ProgramError when the server cannot start."""

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
                loop.add_signal_handler(sign, stopped.set)
        async with Server(settings):
            await stopped.wait()

    asyncio.run(serve())
