"""What people ask of the watchlist, the imports that they send, and the synchronisation with its source."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from cekalwatch.server.grpc_api.import_call import ImportWorkers
from cekalwatch.server.grpc_api.watchlist import WatchlistServicer
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.imports.upload import Pace, Uploads
from cekalwatch.server.watchlist.sync.service import SyncService
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.gallery import GalleryWiring
from cekalwatch.server.wiring.imports import Imports
from cekalwatch.server.wiring.periodic import Chore, SharedChore

IMPORT_THREADS = 2
SYNC_LOOK_PERIOD_S = 2.0


@dataclass(frozen=True)
class WatchlistWiring:
    """The service, and the synchronisation if a source is configured."""

    servicer: WatchlistServicer
    chores: tuple[Chore, ...]

    @classmethod
    def open(cls, context: Context, search: GalleryWiring, waiting: Callable[[], int], trail: AuditTrail) -> Self:
        """Start the threads; the synchronisation gives way while captures are `waiting`."""
        settings, stores, clock = context.settings, context.stores, context.clock
        imports = Imports(context, lambda: search.engines, search.snapshots.current)
        endings, importing = ThreadPoolExecutor(1, "import-endings"), ThreadPoolExecutor(IMPORT_THREADS, "import")
        context.stack.callback(endings.shutdown)
        context.stack.callback(importing.shutdown, cancel_futures=True)
        pace = Pace(settings.import_stall_s, settings.import_record_s)
        scheduler = imports.scheduler(waiting, search.follow_now)
        servicer = WatchlistServicer(
            stores.watchlist,
            imports.begin,
            context.checkpoints,
            settings.home.site,
            trail,
            clock,
            ImportWorkers(importing, endings, Uploads(), pace),
            imports.lookalikes,
            SyncService(stores.syncs, scheduler, clock),
            search.freshness,
        )
        return cls(servicer, (SharedChore("synchronise", SYNC_LOOK_PERIOD_S, scheduler.look),) if scheduler else ())
