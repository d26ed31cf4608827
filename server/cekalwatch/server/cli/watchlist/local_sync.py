"""Synchronises in the command's own process, when no server is running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cekalwatch.server.audit.entry import Actor, operator
from cekalwatch.server.cli.database import command_database
from cekalwatch.server.cli.watchlist.database import open_store
from cekalwatch.server.cli.watchlist.local_import import open_importer
from cekalwatch.server.concurrency.background import BackgroundThreads
from cekalwatch.server.domain.clock import SystemClock
from cekalwatch.server.domain.syncs import SyncRun
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.sync.schedule import open_scheduler
from cekalwatch.server.watchlist.sync.service import SyncService, SyncStatus

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.watchlist.store import WatchlistStore


class LocalSyncs:
    """The synchronisation in this process; see RemoteSyncs."""

    def __init__(self, desk: SyncService, store: WatchlistStore) -> None:
        self._desk = desk
        self._store = store

    def start(self, *, from_start: bool) -> int:
        """Begin a run on a thread, and return its key."""
        return self._desk.start(operator(), from_start=from_start)

    def run(self, run_id: int) -> SyncRun:
        """Return the run as it stands."""
        return self._desk.runs(1, run_id + 1)[0]

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return how it stands, and when the watchlist was last brought up to date."""
        return self._desk.status(), self._store.last_success_at()


@contextmanager
def local_syncs(settings: ServerSettings) -> Iterator[LocalSyncs]:
    """Give the synchronisation of the configured database; leaving breaks off a run that is under way."""
    clock, zone = SystemClock(), settings.home.zone
    with command_database(settings) as database, BackgroundThreads(settings.threads, "enrol") as threads:
        database.upgrade()
        watchlist, syncs = open_store(database, settings), SyncStore(database)

        def begin_import(actor: Actor) -> ImportRun:
            importer = open_importer(settings, watchlist, clock)
            return ImportRun(importer, watchlist, AuditStore(database), clock, actor, threads)

        scheduler = open_scheduler(settings.watchlist, zone, syncs, begin_import, clock, operator())
        try:
            yield LocalSyncs(SyncService(syncs, scheduler, clock), watchlist)
        finally:
            if scheduler:
                scheduler.close()
