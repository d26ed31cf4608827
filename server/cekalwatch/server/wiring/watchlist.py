"""The watchlist's service for people, their imports, and the synchronisation with the source."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.gallery.lookalike_pairs import LookalikePairs
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import ImportWorkers
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import ListFeedServicer
from cekalwatch.server.grpc_api.servicers.watchlist.list_file import ListFiles
from cekalwatch.server.grpc_api.servicers.watchlist.servicer import WatchlistServicer
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.watchlist.list_feed import ListFeedStore
from cekalwatch.server.watchlist.browser import WatchlistReader
from cekalwatch.server.watchlist.imports.upload import Uploads, UploadTimeouts
from cekalwatch.server.watchlist.list_feed import ListFeed
from cekalwatch.server.watchlist.lookalikes import LookalikeReview
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
from cekalwatch.server.watchlist.sources.centre.following import CentreFollower
from cekalwatch.server.watchlist.subject_search import SubjectSearch
from cekalwatch.server.watchlist.sync.schedule import SyncService
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.imports import Imports
from cekalwatch.server.wiring.storage import Context

IMPORT_THREADS = 2
SYNC_LOOK_PERIOD_S = 2.0
FOLLOW_LIST_PERIOD_S = 0.5
HASTEN_LOOK_PERIOD_S = 0.2
COMPARE_PERIOD_S = 2.0
FORGET_PERIOD_S = 60.0
"""The longest time for which the search may still know a removed subject."""


@dataclass(frozen=True)
class WatchlistParts:
    """The service, and the synchronisation if a source is configured."""

    servicer: WatchlistServicer
    feed: ListFeed
    """What ports follow."""
    feed_servicer: ListFeedServicer
    follower: CentreFollower | None
    """Of the centre that is the source."""
    caller: PortCaller | None
    """The name under which this server reports there."""
    jobs: tuple[PeriodicJob, ...]

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that follow the list here, for ports, and a centre's."""
        loops = [LOOPS.keep("follow_list", self.feed.follow, FOLLOW_LIST_PERIOD_S)]
        if self.follower:
            loops.append(LOOPS.keep("follow_centre", self.follower.follow))
            loops.append(LOOPS.keep("hasten_synchronisation", self.follower.hasten, HASTEN_LOOK_PERIOD_S))
        return tuple(loops)


def init_watchlist(
    context: Context, search: GalleryParts, waiting: Callable[[], int], trail: AuditTrail
) -> WatchlistParts:
    """Start the threads; the synchronisation gives way while captures are `waiting`."""
    settings, stores, clock = context.settings, context.stores, context.clock
    imports = Imports(context, lambda: search.engines, search.snapshots.current)
    endings, importing = ThreadPoolExecutor(1, "import-endings"), ThreadPoolExecutor(IMPORT_THREADS, "import")
    context.stack.callback(endings.shutdown)
    context.stack.callback(importing.shutdown, cancel_futures=True)
    timeouts = UploadTimeouts(settings.import_stall_seconds, settings.import_record_seconds)
    scheduler = imports.scheduler(waiting, search.follow_now)
    home = settings.home.site
    found = SubjectSearch(stores.watchlist, context.checkpoints, home, search.searched_model)
    pairs = LookalikePairs(search.snapshots.current, imports.alike_from, stores.watchlist.changed_since)
    workers = ImportWorkers(importing, endings, Uploads(), timeouts)
    servicer = WatchlistServicer(
        WatchlistReader(stores.watchlist, stores.audit, context.checkpoints, home, found),
        imports.begin,
        trail,
        clock,
        workers,
        imports.lookalikes,
        LookalikeReview(stores.watchlist, stores.people, imports.lookalikes, pairs, clock),
        SyncService(stores.syncs, scheduler, clock),
        search.freshness,
        ListFiles(stores.watchlist, imports.begin, imports.preview, settings.home.zone, workers),
    )
    follower = None
    if scheduler and imports.caller:
        noted = partial(stores.watchlist.note_sources_of, imports.caller.settings.name)
        follower = CentreFollower(imports.caller, scheduler.hasten, noted)
    feed_store = ListFeedStore(context.database, context.keys.keyring)
    feed = ListFeed(feed_store, stores.followings, clock, context.actor.key)
    feed_servicer = ListFeedServicer(
        feed, feed_store, search.freshness, trail, clock, settings.keep_alive_period_seconds
    )
    jobs: list[PeriodicJob] = [
        PeriodicJob("forget_changed_subjects", FORGET_PERIOD_S, found.forget_changed),
        PeriodicJob("compare_faces", COMPARE_PERIOD_S, pairs.round),
    ]
    if scheduler:
        jobs.append(LeaderJob("synchronise", SYNC_LOOK_PERIOD_S, scheduler.look))
    return WatchlistParts(servicer, feed, feed_servicer, follower, imports.caller, tuple(jobs))
