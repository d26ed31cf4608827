"""How records enter the watchlist, by imports and by the synchronisation: for the server, and for commands without one.

It knows neither who sends records nor how reports are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.gallery.lookalikes import LookalikeFinder, SearchedList
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.imports.preview import ImportPreview, PreviewRun
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
from cekalwatch.server.watchlist.sources.opening import open_source
from cekalwatch.server.watchlist.sources.settings import CENTRE_TLS_DIR, CentreSettings
from cekalwatch.server.watchlist.sync.schedule import SyncScheduler
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
        self.caller = port_caller(context.settings, lambda: engines().recogniser().model_version)
        """The caller of the centre that is the source; None if the source is another one, or there is none."""
        self.lookalikes = LookalikeFinder(searched, self.alike_from)

    def begin(self, actor: Actor, permitted: Callable[[], None] = lambda: None) -> ImportRun:
        """Begin an import in the name of `actor`; raises ProgramError when the model cannot be used.

        `permitted` raises CekalwatchError when nothing may be stored for it any more; it is asked before each write.
        """
        importer = self._importer(WatchlistImporter)
        stores, clock = self._context.stores, self._context.clock
        return ImportRun(importer, stores.watchlist, stores.audit, clock, actor, self._threads, permitted)

    def preview(self, actor: Actor, permitted: Callable[[], None] = lambda: None) -> ImportRun:
        """Begin a preview of an import: like `begin`, but nothing is stored."""
        previewer = self._importer(ImportPreview)
        stores, clock = self._context.stores, self._context.clock
        return PreviewRun(previewer, stores.watchlist, stores.audit, clock, actor, self._threads, permitted)

    def _importer(self, kind: type[Importer]) -> Importer:
        settings, stores, clock = self._context.settings, self._context.stores, self._context.clock
        # One model from the first record to the last; after a change, `ModelFollower` makes the other's templates.
        enroller, zone = self._engines().enroller(), settings.home.zone
        return kind(stores.watchlist, enroller, clock, zone, settings.legal, self.lookalikes)

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
        return self._engines().engine().pack.thresholds.threshold(templates, self._context.settings.target_fpir)


def port_caller(settings: ServerSettings, model_version: Callable[[], str]) -> PortCaller | None:
    """Return the caller of the centre that is the source; None if the source is another one, or there is none."""
    source = settings.watchlist.source
    if not isinstance(source, CentreSettings):
        return None
    tls_dir = source.tls_dir or settings.data_dir / CENTRE_TLS_DIR
    return PortCaller(source, tuple(site.site for site in settings.sites), tls_dir, model_version)
