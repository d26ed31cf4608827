"""An import into the database of a configuration, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from cekalwatch.server.cli.database import command_database
from cekalwatch.server.cli.watchlist.database import open_store

if TYPE_CHECKING:
    from cekalwatch.server.domain.clock import Clock
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.watchlist.store import WatchlistStore
    from cekalwatch.server.watchlist.imports.import_run import ImportRun
    from cekalwatch.server.watchlist.imports.importer import WatchlistImporter


@contextmanager
def local_import(settings: ServerSettings) -> Iterator[ImportRun]:
    """Give an import by the account that runs the command, as many threads at once as the settings say."""
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.concurrency.background import BackgroundThreads
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.storage.audit.store import AuditStore
    from cekalwatch.server.watchlist.imports.import_run import ImportRun

    with command_database(settings) as database:
        database.upgrade()
        store, clock = open_store(database, settings), SystemClock()
        importer = open_importer(settings, store, clock)
        with (
            BackgroundThreads(settings.threads, "enrol") as threads,
            closing(ImportRun(importer, store, AuditStore(database), clock, operator(), threads)) as run,
        ):
            yield run


def open_importer(settings: ServerSettings, store: WatchlistStore, clock: Clock) -> WatchlistImporter:
    """Open the model pack, load the list, and return what imports records; raises ProgramError."""

    from cekalwatch.server.gallery.lookalikes import LookalikeFinder, load_list
    from cekalwatch.server.gallery.model_follower import pack_in_use
    from cekalwatch.server.recognition.enrolment import Enroller
    from cekalwatch.server.recognition.packs.installed import open_detector, open_engine
    from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
    from cekalwatch.vision.runtime import limit_native_threads

    # Photographs side by side, each on one thread, come faster than one after another on all.
    limit_native_threads(1)
    pack = pack_in_use(settings, store.models)
    engine = open_engine(pack, threads=1)
    more_detectors = [open_detector(pack, threads=1) for _ in range(settings.threads - 1)]
    listed = load_list(store.templates, pack.model_version, pack.recogniser.size, settings.gallery_storage)
    return WatchlistImporter(
        store,
        Enroller(engine.detector, engine.recogniser, more_detectors=more_detectors),
        clock,
        settings.home.zone,
        settings.legal,
        LookalikeFinder(lambda: listed, partial(pack.thresholds.threshold, fpir=settings.wanted_fpir)),
    )
