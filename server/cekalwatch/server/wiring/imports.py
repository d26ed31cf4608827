"""How records enter the watchlist, be it by an import or by a synchronisation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.concurrency.background import BackgroundThreads
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.grpc_api.import_call import ImportWorkers
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.imports.upload import Pace, Uploads
from cekalwatch.server.wiring.gallery import GalleryWiring
from cekalwatch.server.wiring.stores import Stores

IMPORT_THREADS = 2


@dataclass(frozen=True)
class ImportsWiring:
    """What all imports share."""

    begin: Callable[[Actor], ImportRun]
    """Begins one in somebody's name."""
    workers: ImportWorkers
    lookalikes: LookalikeFinder

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        stores: Stores,
        search: GalleryWiring,
        clock: Clock,
        stack: ExitStack,
    ) -> Self:
        """Start the threads."""
        enrolling = BackgroundThreads(settings.threads, "enrol")
        stack.callback(enrolling.shutdown, cancel_futures=True)
        endings, importing = ThreadPoolExecutor(1, "import-endings"), ThreadPoolExecutor(IMPORT_THREADS, "import")
        stack.callback(endings.shutdown)
        stack.callback(importing.shutdown, cancel_futures=True)
        lookalikes = LookalikeFinder(
            search.watch.current,
            lambda templates: search.engines.engine().pack.thresholds.threshold(templates, settings.wanted_fpir),
        )

        def begin(actor: Actor) -> ImportRun:
            # One model from the first record to the last; after a change, `ModelFollower` makes the other's templates.
            enroller, zone, legal = search.engines.enroller(), settings.home.zone, settings.legal
            importer = WatchlistImporter(stores.watchlist, enroller, clock, zone, legal, lookalikes)
            return ImportRun(importer, stores.watchlist, stores.audit, clock, actor, enrolling)

        pace = Pace(settings.import_stall_s, settings.import_record_s)
        return cls(begin, ImportWorkers(importing, endings, Uploads(), pace), lookalikes)
