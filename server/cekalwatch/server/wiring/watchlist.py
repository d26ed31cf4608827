"""What the watchlist's keepers ask for, and the synchronisation with its source."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.orders import Checkpoints
from cekalwatch.server.grpc_api.watchlist import WatchlistServicer
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.sync.schedule import open_scheduler
from cekalwatch.server.watchlist.sync.service import SyncService
from cekalwatch.server.wiring.gallery import GalleryWiring
from cekalwatch.server.wiring.imports import ImportsWiring
from cekalwatch.server.wiring.periodic import Chore
from cekalwatch.server.wiring.stores import Stores

SYNC_LOOK_PERIOD_S = 2.0


@dataclass(frozen=True)
class WatchlistWiring:
    """The service, and the synchronisation if a source is configured."""

    servicer: WatchlistServicer
    chores: tuple[Chore, ...]

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        stores: Stores,
        search: GalleryWiring,
        imports: ImportsWiring,
        waiting: Callable[[], int],
        trail: AuditTrail,
        checkpoints: Checkpoints,
        clock: Clock,
        myself: Actor,
        stack: ExitStack,
    ) -> Self:
        """Start the synchronisation's thread; it gives way while captures are `waiting`."""
        home = settings.home.site
        scheduler = open_scheduler(
            settings.watchlist,
            settings.home.zone,
            stores.syncs,
            imports.begin,
            clock,
            myself,
            waiting=waiting,
            on_end=search.follow_now,
        )
        if scheduler:
            stack.callback(scheduler.close)
        servicer = WatchlistServicer(
            stores.watchlist,
            imports.begin,
            checkpoints,
            home,
            trail,
            clock,
            imports.workers,
            imports.lookalikes,
            SyncService(stores.syncs, scheduler, clock),
            search.freshness,
        )
        return cls(servicer, ((SYNC_LOOK_PERIOD_S, scheduler.look),) if scheduler else ())
