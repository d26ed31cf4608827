"""What a synchronisation costs in a list of 100,000 orders.

    python -m benchmarks.watchlist.sync

The source is a database with a column of versions, the watchlist is in SQLite, and 100,000 templates are searched for
look-alikes. Timed are a delta of 50 changes (25 with a new photograph, 15 of facts, ten orders withdrawn) and a whole
reading in which nothing changed.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from cekalwatch.contract.values.imports import SyncCounts, SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.extensions.sql_source.source import SqlSource
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.program.logs import configure_logs
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.syncs import PageEnd, SeenOrder, SyncTerms
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.lookalikes import LoadedList, LookalikeFinder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.watchlist.record_store import NewRecord
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder
from cekalwatch.server.watchlist.sync.synchroniser import Synchroniser, SyncParts
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import WIB
from tests.support.scenarios.server import engine, jpeg
from tests.support.tools.importing import enrolling_threads

ORDERS: Final = 100_000
PHOTOGRAPHS: Final = 25
FACTS: Final = 15
TAKEN_BACK: Final = 10
COLUMNS: Final = (
    *("order_id", "subject_id", "kind", "requesting_agency", "reason", "valid_from", "valid_until", "received_on"),
    *("name", "nationality", "photographs"),
)
ACTOR: Final = Actor(ActorKind.SERVER, "benchmark")


def make_source(folder: Path) -> SqlSettings:
    """Write the source's database, and return how it is read."""
    today = date.today()  # noqa: DTZ011  # any day will do
    days = [str(today + timedelta(days=step)) for step in (-30, 30, -30)]
    file = folder / "cekal.sqlite3"
    with closing(sqlite3.connect(file)) as source, source:
        source.execute(f"CREATE TABLE daftar ({', '.join(COLUMNS)}, dicabut, versi INTEGER)")
        source.execute("CREATE INDEX daftar_versi ON daftar (versi)")
        source.execute("CREATE UNIQUE INDEX daftar_order ON daftar (order_id)")
        rows = (
            (f"O-{n:06}", f"S-{n:06}", "CEGAH", "Kejaksaan Agung", "penyidikan", *days, f"Contoh {n}", "SGP", "", 0, n)
            for n in range(ORDERS)
        )
        source.executemany(f"INSERT INTO daftar VALUES ({', '.join('?' * (len(COLUMNS) + 2))})", rows)  # noqa: S608
    return SqlSettings(
        kind="sql",
        address=f"sqlite:///{file}",
        query="daftar",
        changed_column="versi",
        withdrawn_column="dicabut",
        photographs=folder,
        mapping=MappingSettings(fields={name: name for name in COLUMNS}),
    )


def change_source(folder: Path) -> None:
    """Change what the delta is to find."""
    version = ORDERS
    with closing(sqlite3.connect(folder / "cekal.sqlite3")) as source, source:
        for number in range(PHOTOGRAPHS):
            name = f"{number}.jpg"
            (folder / name).write_bytes(jpeg(astronaut(0.8 + number / 100), 90))
            source.execute(
                "UPDATE daftar SET photographs = ?, versi = ? WHERE order_id = ?",
                (name, version + number, f"O-{number * 997:06}"),
            )
        for number in range(PHOTOGRAPHS, PHOTOGRAPHS + FACTS):
            source.execute(
                "UPDATE daftar SET reason = 'penuntutan', versi = ? WHERE order_id = ?",
                (version + number, f"O-{number * 997:06}"),
            )
        for number in range(PHOTOGRAPHS + FACTS, PHOTOGRAPHS + FACTS + TAKEN_BACK):
            source.execute(
                "UPDATE daftar SET dicabut = 1, versi = ? WHERE order_id = ?",
                (version + number, f"O-{number * 997:06}"),
            )


def fill(source: SqlSource, syncs: SyncStore, watchlist: WatchlistStore) -> None:
    """Bring the database to where a first run would, without the hours in which it embeds 100,000 photographs."""
    clock = SystemClock()
    begun = syncs.begin(source.name, clock.now())
    if begun is None:
        raise RuntimeError("a run that need not be due begins")
    state = syncs.open_reading(begun.lease, clock.now(), begun.run, 0)
    with closing(source):
        reading = source.read("")
        for page in track(reading.pages, "Filling the list", total=ORDERS // 200 + 1):
            offered = [item for item in page.items if isinstance(item, OfferedOrder)]
            records = [item.load() for item in offered]
            watchlist.put_all([NewRecord(one.subject, one.order, ()) for one in records], lambda *_: None)
            syncs.advance(
                begun.lease,
                clock.now(),
                begun.run,
                reading=state.reading,
                seen=[SeenOrder(item.order_id, item.fingerprint) for item in offered],
                page=PageEnd(page.cursor, len(page.items), 0, keyless=False),
            )


def measure() -> dict[str, float]:
    """Return the figures; raises RuntimeError when a run did not do what was to be measured."""
    configure_logs("warning")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        entry = make_source(folder)
        database = Database(f"sqlite:///{folder / 'watchlist.sqlite3'}")
        database.upgrade()
        syncs, watchlist = SyncStore(database), WatchlistStore(database, keyring(database))
        source, clock = SqlSource(entry, WIB), SystemClock()
        fill(source, syncs, watchlist)
        model, size = engine().recogniser.model_version, engine().recogniser.size
        templates = np.random.default_rng(1).standard_normal((ORDERS, size), dtype=np.float32)
        templates /= np.linalg.norm(templates, axis=1, keepdims=True)
        others = LoadedList(Gallery.build(model, size, templates, [f"X-{n}" for n in range(ORDERS)]), 0)
        enroller = Enroller(engine().detector, engine().recogniser)
        importer = WatchlistImporter(
            watchlist, enroller, clock, WIB, Law(), LookalikeFinder(lambda: others, lambda _: 0.6)
        )

        def run(*, from_start: bool = False) -> tuple[SyncRun, float, float]:
            parts = SyncParts(
                source,
                syncs,
                lambda actor: ImportRun(importer, watchlist, AuditStore(database), clock, actor, enrolling_threads()),
                clock,
                SyncTerms(),
                lambda: None,
            )
            wall, processor = time.perf_counter(), time.process_time()
            begun = syncs.begin(source.name, clock.now(), from_start=from_start)
            if begun is None:
                raise RuntimeError("a run that need not be due begins")
            done = Synchroniser(parts).run(begun, ACTOR, lambda _: clock.now())
            return done, time.perf_counter() - wall, time.process_time() - processor

        with database.engine.begin() as connection:  # the first run is over
            connection.exec_driver_sql("UPDATE sync_schedule SET lease_until = NULL, lease = ''")
        first, *_ = run()
        if (first.outcome, first.counts.added, first.counts.changed) != (SyncOutcome.DONE, 0, 0):
            raise RuntimeError(f"the list was not filled: {first}")
        change_source(folder)
        delta, wall_s, processor_s = run()
        # The row that was changed last before comes once more; and all the photographs are of one person.
        changed, doubtful = PHOTOGRAPHS + FACTS, PHOTOGRAPHS - 1
        wanted = SyncCounts(read=51, changed=changed, unchanged=1, ended=TAKEN_BACK, doubtful=doubtful)
        if delta.outcome is not SyncOutcome.DONE or delta.whole or delta.counts != wanted:
            raise RuntimeError(f"the delta went wrong: {delta}")
        whole, whole_s, whole_processor_s = run(from_start=True)
        if not whole.whole or whole.counts.unchanged != ORDERS - TAKEN_BACK:
            raise RuntimeError(f"the whole reading went wrong: {whole}")
        database.close()
        return {
            "watchlist.delta_sync_s": round(wall_s, 2),
            "watchlist.delta_sync_cpu_s": round(processor_s, 2),
            "watchlist.whole_sync_100k_s": round(whole_s, 1),
            "watchlist.whole_sync_100k_cpu_s": round(whole_processor_s, 1),
        }


if __name__ == "__main__":
    print(measure())
