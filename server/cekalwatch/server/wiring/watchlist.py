"""The watchlist's service for people, their imports, and the synchronisation with the source.

`Imports` is for the server, and for commands without one; it knows neither who sends records nor how reports are
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.gallery.lookalikes import LookalikeFinder, LookalikePairs, SearchedList
from cekalwatch.server.grpc_api.guard import Guard
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import ImportCalls, ImportWorkers
from cekalwatch.server.grpc_api.servicers.watchlist.keeping import agency_calls, amendment_calls, law_calls, sync_calls
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import ListFeedCalls
from cekalwatch.server.grpc_api.servicers.watchlist.list_file import ListFileCalls, ListFiles
from cekalwatch.server.grpc_api.servicers.watchlist.looking import SubjectCalls
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.watchlist.list_feed import ListFeedStore
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.server.watchlist.amendments import OrderAmender
from cekalwatch.server.watchlist.browser import WatchlistReader
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import ByHand, WatchlistImporter
from cekalwatch.server.watchlist.imports.preview import ImportPreview, PreviewRun
from cekalwatch.server.watchlist.imports.upload import Uploads, UploadTimeouts
from cekalwatch.server.watchlist.law_register import LawRegister
from cekalwatch.server.watchlist.list_feed import ListFeed
from cekalwatch.server.watchlist.lookalikes import LookalikeReview
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
from cekalwatch.server.watchlist.sources.centre.following import CentreFollower
from cekalwatch.server.watchlist.sources.opening import open_source, source_name
from cekalwatch.server.watchlist.sources.settings import CENTRE_TLS_DIR, CentreSettings
from cekalwatch.server.watchlist.subject_search import SubjectSearch
from cekalwatch.server.watchlist.sync.schedule import SyncScheduler, SyncService
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

Importer = TypeVar("Importer", bound=WatchlistImporter)


class Imports:
    """What all imports and synchronisations of one program share: the threads for photographs, and models."""

    def __init__(
        self, context: Context, engines: Callable[[], EngineInUse], searched: Callable[[], SearchedList]
    ) -> None:
        """Start the threads. `searched` is the list in which look-alikes are found."""
        self._context = context
        self._engines = engines
        self._threads = BackgroundThreads(context.settings.threads, "enrol")
        context.stack.callback(self._threads.shutdown, cancel_futures=True)
        self.caller = port_caller(context.settings, lambda: engines().engine.recogniser.model_version)
        """The caller of the centre that is the source; None if the source is another one, or there is none."""
        self.lookalikes = LookalikeFinder(searched, self.alike_from)

    def begin(self, actor: Actor, permitted: Callable[[], None] = lambda: None) -> ImportRun:
        """Begin an import in the name of `actor`; raises ProgramError when the model cannot be used.

        `permitted` raises CekalwatchError when nothing may be stored for it any more; it is asked before each write.
        """
        return self._run(self._importer(WatchlistImporter, None), ImportRun, actor, permitted)

    def begin_by_hand(
        self, actor: Actor, permitted: Callable[[], None] = lambda: None, signed: Collection[str] = ()
    ) -> ImportRun:
        """Begin an import by people, which silences no order but those for which two have `signed` (domain rule 18)."""
        return self._run(self._importer(WatchlistImporter, self._by_hand(signed)), ImportRun, actor, permitted)

    def preview(self, actor: Actor, permitted: Callable[[], None] = lambda: None) -> ImportRun:
        """Begin a preview of an import: like `begin`, but nothing is stored."""
        return self._run(self._importer(ImportPreview, self._by_hand(())), PreviewRun, actor, permitted)

    def _by_hand(self, signed: Collection[str]) -> ByHand:
        return ByHand(self._context.checkpoints, self._context.clock, frozenset(signed))

    def _run(
        self, importer: WatchlistImporter, kind: type[ImportRun], actor: Actor, permitted: Callable[[], None]
    ) -> ImportRun:
        stores, clock = self._context.stores, self._context.clock
        return kind(importer, stores.watchlist, stores.audit, clock, actor, self._threads, permitted)

    def _importer(self, kind: Callable[..., Importer], by_hand: ByHand | None) -> Importer:
        stores, clock = self._context.stores, self._context.clock
        # One model from the first record to the last; after a change, `ModelFollower` makes the other's templates.
        enroller, zone = self._engines().enroller, self._context.settings.home.zone
        return kind(stores.watchlist, enroller, clock, zone, self._context.checkpoints.law, self.lookalikes, by_hand)

    def scheduler(
        self, waiting: Callable[[], int] = lambda: 0, on_end: Callable[[], None] = lambda: None
    ) -> SyncScheduler | None:
        """Return the synchronisation with the configured source; None when there is no source.

        `waiting` counts the captures that wait to be embedded; `on_end` is called after each run, on its thread.
        """
        context, settings = self._context, self._context.settings
        if settings.watchlist.source is None:
            return None
        source = open_source(settings.watchlist.source, settings.home.zone, self.caller)
        scheduler = SyncScheduler(
            source,
            context.stores.syncs,
            self.begin,
            context.clock,
            settings.watchlist.sync,
            context.actor,
            waiting=waiting,
            on_end=on_end,
        )
        context.stack.callback(scheduler.close)
        return scheduler

    def alike_from(self, templates: int) -> float:
        """Return the lowest comparison score of look-alikes in a list with that number of templates."""
        return self._engines().engine.pack.thresholds.threshold(templates, self._context.settings.target_fpir)


def port_caller(settings: ServerSettings, model_version: Callable[[], str]) -> PortCaller | None:
    """Return the caller of the centre that is the source; None if the source is another one, or there is none."""
    source = settings.watchlist.source
    if not isinstance(source, CentreSettings):
        return None
    tls_dir = source.tls_dir or settings.data_dir / CENTRE_TLS_DIR
    return PortCaller(source, tuple(site.site for site in settings.sites), tls_dir, model_version)


IMPORT_THREADS = 2
SYNC_LOOK_PERIOD_S = 2.0
FOLLOW_LIST_PERIOD_S = 0.5
HASTEN_LOOK_PERIOD_S = 0.2
COMPARE_PERIOD_S = 2.0
FORGET_PERIOD_S = 60.0
"""The longest time for which the search may still know a removed subject."""


@dataclass(frozen=True)
class WatchlistParts(Part):
    """The calls, and the synchronisation if a source is configured."""

    records: ImportCalls
    files: ListFileCalls
    feed: ListFeed
    """What ports follow."""
    follower: CentreFollower | None
    """Of the centre that is the source."""
    caller: PortCaller | None
    """The name under which this server reports there."""

    def end_imports(self) -> None:
        """Record the end of the imports that were broken off: a server that stops may do so before gRPC's callbacks."""
        self.records.end()
        self.files.end()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that follow the list here, for ports, and a centre's."""
        loops = [LOOPS.keep("follow_list", self.feed.follow, FOLLOW_LIST_PERIOD_S)]
        if self.follower:
            loops.append(LOOPS.keep("follow_centre", self.follower.follow))
            loops.append(LOOPS.keep("hasten_synchronisation", self.follower.hasten, HASTEN_LOOK_PERIOD_S))
        return tuple(loops)


def init_watchlist(
    context: Context,
    search: GalleryParts,
    waiting: Callable[[], int],
    trail: AuditTrail,
    thumbnails: Thumbnails,
    guard: Guard,
) -> WatchlistParts:
    """Start the threads; the synchronisation gives way while captures are `waiting`."""
    settings, stores, clock = context.settings, context.stores, context.clock
    imports = Imports(context, lambda: search.engines, lambda: search.snapshots.current)
    endings, importing = ThreadPoolExecutor(1, "import-endings"), ThreadPoolExecutor(IMPORT_THREADS, "import")
    context.stack.callback(endings.shutdown)
    context.stack.callback(importing.shutdown, cancel_futures=True)
    timeouts = UploadTimeouts(settings.import_stall_seconds, settings.import_record_seconds)
    scheduler = imports.scheduler(waiting, search.follow_now)
    home = settings.home.site
    found = SubjectSearch(stores.watchlist, context.checkpoints, home, search.searched_model)
    pairs = LookalikePairs(lambda: search.snapshots.current, imports.alike_from, stores.watchlist.changed_since)
    of_centre = imports.caller is not None
    agencies = AgencyRegistry(stores.agencies, clock, search.follow_now, of_centre=of_centre)
    checkpoints, follow = context.checkpoints, search.follow_now
    law = LawRegister(stores.law, stores.watchlist, checkpoints, home, clock, follow, of_centre=of_centre)
    source = source_name(settings.watchlist.source, settings.home.zone)
    workers = ImportWorkers(importing, endings, Uploads(), timeouts)
    review = LookalikeReview(stores.watchlist, stores.people, imports.lookalikes, pairs, clock)
    amender = OrderAmender(stores.watchlist, clock, settings.home.zone, source)
    reader = WatchlistReader(stores.watchlist, stores.audit, context.checkpoints, home, found)
    records = ImportCalls(imports.begin_by_hand, workers)
    files = ListFileCalls(
        ListFiles(
            stores.watchlist,
            imports.begin_by_hand,
            imports.preview,
            settings.home.zone,
            workers,
            context.foresight.of_orders,
            guard.require_two,
        )
    )
    subjects = SubjectCalls(reader, trail, clock, imports.lookalikes, review, amender, thumbnails)
    follower = None
    if scheduler and imports.caller:
        noted = partial(stores.watchlist.note_sources_of, imports.caller.settings.name)
        centre = Actor(ActorKind.CENTRE, ", ".join(imports.caller.settings.addresses)[:100])
        follower = CentreFollower(
            imports.caller,
            scheduler.hasten,
            noted,
            partial(agencies.take_over, centre=centre),
            partial(law.take_over, centre=centre),
        )
    feed_store = ListFeedStore(context.database, context.keys.keyring)
    feed = ListFeed(feed_store, stores.followings, clock, context.actor.key)
    feed_calls = ListFeedCalls(
        feed,
        feed_store,
        search.freshness,
        trail,
        clock,
        settings.keep_alive_period_seconds,
        stores.agencies,
        stores.law,
    )
    served = (
        records.served(),
        files.served(),
        *subjects.served(),
        *agency_calls(agencies, context.foresight),
        *law_calls(law, context.foresight),
        *amendment_calls(amender, context.foresight),
        *sync_calls(SyncService(stores.syncs, scheduler, clock), search.freshness, context.foresight),
        *feed_calls.served(),
    )
    jobs: list[PeriodicJob] = [
        PeriodicJob("forget_changed_subjects", FORGET_PERIOD_S, found.forget_changed),
        PeriodicJob("compare_faces", COMPARE_PERIOD_S, pairs.round),
    ]
    if scheduler:
        jobs.append(LeaderJob("synchronise", SYNC_LOOK_PERIOD_S, scheduler.look))
    return WatchlistParts(records, files, feed, follower, imports.caller, served=served, jobs=tuple(jobs))
