"""A source of the watchlist that a test fills, and runs that read it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import grpc
from sqlmodel import update

from cekalwatch.contract.values.imports import RecordReport, SyncRun
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.sync.tables import SyncScheduleRow
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph, RecordError
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    OfferedOrder,
    Reading,
    RefusedRow,
    SourceItem,
    SourcePage,
    SourceUnavailable,
    WatchlistSource,
    WithdrawnOrder,
)
from cekalwatch.server.watchlist.sync.schedule import NextRun
from cekalwatch.server.watchlist.sync.synchroniser import Synchroniser, SyncParts
from cekalwatch.v1 import sync_pb2, watchlist_service_pb2, watchlist_service_pb2_grpc
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock, alone, order, subject
from tests.support.scenarios.server import engine
from tests.support.tools.importing import enrolling_threads

SYSTEM_CLOCK = SystemClock()
SYNCER = Actor(ActorKind.SERVER, "test")


@dataclass
class TestSource:
    """Orders by key, read in pages; with `deltas`, a cursor asks for what changed since.

    A place within a whole reading is the number of changes at its beginning and the keys that it has given already.
    """

    __test__ = False

    name: str = "test source"
    page_size: int = 3
    deltas: bool = False
    says_how_many: bool = False
    records: dict[str, ImportRecord | RecordError] = field(default_factory=dict)
    stray_rows: int = 0
    """Rows whose keys cannot be read, at the end of a whole reading."""
    changes: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    breaks_after: int | None = None
    """Pages after which it cannot be reached, at the next reading."""
    hides: int = 0
    """Orders that a whole reading leaves out at its end, against its own word."""
    forgetful: bool = False
    """Whether it knows no place any more, at the next reading."""
    closed: bool = True

    def put(self, key: str, person: str = "", photographs: tuple[Photograph, ...] = (), **facts: object) -> None:
        """Have an order, or change it."""
        who = subject(person or f"S-{key}")
        self.offer(who, order(key, **{"subject_id": who.subject_id} | facts), photographs)

    def offer(self, who: Subject, ban: BanOrder, photographs: tuple[Photograph, ...] = ()) -> None:
        """Have that order."""
        self.records[ban.order_id] = ImportRecord(who, ban, photographs)
        self.changes.append(ban.order_id)

    def spoil(self, key: str, wrong: str = "valid_from") -> None:
        """Have a row in the order's place that cannot be read."""
        self.records[key] = RecordError(wrong)
        self.changes.append(key)

    def drop(self, *keys: str) -> None:
        """Have these orders no more."""
        for key in keys:
            del self.records[key]
            self.changes.append(key)

    def read(self, cursor: str) -> Reading:
        """See `WatchlistSource`."""
        self.closed = False
        self.loaded.clear()
        if cursor and self.forgetful:
            self.forgetful = False
            raise CursorExpired
        kind, _, rest = cursor.partition(":")
        if kind == "since":
            start, keys = int(rest), self.changes[int(rest) :]
            return Reading(False, None, self._pages(keys, lambda given: f"since:{start + given}"))
        begun, _, after = rest.partition("/")
        begun = begun or str(len(self.changes))
        keys = [key for key in sorted(self.records) if key > after]
        keys = keys[: len(keys) - self.hides]

        def place(given: int) -> str:
            if given < len(keys):
                return f"whole:{begun}/{keys[given - 1]}"
            return f"since:{begun}" if self.deltas else ""

        total = len(self.records) + self.stray_rows
        return Reading(True, total if self.says_how_many else None, self._pages(keys, place, self.stray_rows))

    def close(self) -> None:
        """See `WatchlistSource`."""
        self.closed = True

    def _pages(self, keys: list[str], place: Callable[[int], str], strays: int = 0) -> Iterator[SourcePage]:
        left, self.breaks_after = self.breaks_after, None
        for start in range(0, max(1, len(keys)), self.page_size):
            if left is not None:
                if left == 0:
                    raise SourceUnavailable("The test source is away; wait.")
                left -= 1
            some = keys[start : start + self.page_size]
            items: list[SourceItem] = [self._item(key) for key in some]
            given = start + len(some)
            if given == len(keys):
                items += [_stray(line) for line in range(strays)]
            yield SourcePage(tuple(items), place(given))

    def _item(self, key: str) -> SourceItem:
        record = self.records.get(key)
        if record is None:
            return WithdrawnOrder(key)
        if isinstance(record, RecordError):
            return RefusedRow(RecordReport.refused(key, f"S-{key}", record), keyed=True)

        def load() -> ImportRecord:
            self.loaded.append(key)
            return record

        return OfferedOrder(key, record.subject.subject_id, hashlib.sha256(repr(record).encode()).hexdigest(), load)


def _stray(line: int) -> RefusedRow:
    return RefusedRow(RecordReport.refused(f"line {line}", "", RecordError("order_id")), keyed=False)


Source = TypeVar("Source", bound=WatchlistSource)


@dataclass
class SyncBench(Generic[Source]):
    """A database, a source, and a clock; each `run` is that of a process of its own."""

    database: Database
    source: Source
    terms: SyncTerms = field(default_factory=lambda: SyncTerms(shrink_share=0.2, shrink_min_orders=3))
    clock: FixedClock = field(default_factory=FixedClock)
    give_way: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.store = SyncStore(self.database)
        guard = self.database.guard
        keys = guard.keyring if guard else keyring(self.database)
        self.watchlist = WatchlistStore(self.database, keys, self.clock)

    @staticmethod
    def of_seven(database: Database) -> SyncBench[TestSource]:
        """A source that has O-1 to O-7."""
        bench = SyncBench(database, TestSource())
        for number in range(1, 8):
            bench.source.put(f"O-{number}")
        return bench

    def trail(self, action: Action) -> list[tuple[str, str]]:
        """Return outcome and objects of the audit trail's entries on that."""
        return [(one.outcome, one.objects) for one in AuditStore(self.database).links() if one.action == action]

    def run(self, *, from_start: bool = False) -> SyncRun:
        """Synchronise once, a minute after the last time."""
        self.clock.advance(timedelta(minutes=1))
        parts = SyncParts(self.source, self.store, self.begin_import, self.clock, self.terms, self.give_way)
        begun = self.store.begin(self.source.name, self.clock.now(), from_start=from_start)
        assert begun
        run = Synchroniser(parts).run(begun, SYNCER, lambda _: self.clock.now())
        assert self.store.runs(1) == [run], "what is kept of a run is what it returned"
        return run

    def done(self, *, from_start: bool = False) -> SyncRun:
        """Synchronise once, which must come to its end."""
        run = self.run(from_start=from_start)
        assert run.outcome is SyncOutcome.DONE, (run.outcome, run.reason)
        return run

    def withdrawn(self, key: str) -> datetime | None:
        """Return when the order was ended for want of it at the source."""
        held = {one.order_id: one for file in self.watchlist.list_subjects("", 1000) for one in file.orders}
        return held[key].withdrawn_at

    def begin_import(self, actor: Actor) -> ImportRun:
        """Begin what imports a run's records."""
        importer = WatchlistImporter(
            self.watchlist,
            Enroller(engine().detector, engine().recogniser),
            self.clock,
            WIB,
            Law(),
            alone(engine().recogniser.model_version, engine().recogniser.size),
        )
        return ImportRun(importer, self.watchlist, AuditStore(self.database), self.clock, actor, enrolling_threads())


def hold_schedule(chosen: ServerSettings, clock: Clock = SYSTEM_CLOCK) -> None:
    """Let no run begin by itself for a quarter of an hour of `clock`, so that a test decides when one does."""
    held_until = NextRun(chosen.watchlist.sync, clock).latest()  # what is later counts as written by a wrong clock
    database = Database(chosen.database_address)
    database.upgrade()
    with database.session() as session:
        session.exec(update(SyncScheduleRow).values(next_run_at=held_until))
        session.commit()
    database.close()


@dataclass(frozen=True)
class SyncCaller:
    """A keeper of the watchlist at a running server."""

    channel: grpc.aio.Channel

    # The generated stubs are typed for one kind of channel only.
    @property
    def _stub(self) -> Any:
        return watchlist_service_pb2_grpc.WatchlistServiceStub(self.channel)

    async def status(self) -> watchlist_service_pb2.GetSyncStatusResponse:
        """Ask how it stands."""
        answer = await self._stub.GetSyncStatus(watchlist_service_pb2.GetSyncStatusRequest())
        assert isinstance(answer, watchlist_service_pb2.GetSyncStatusResponse)
        return answer

    async def ended(self) -> sync_pb2.SyncRun:
        """Wait until no run is under way, and return the last one."""
        async with asyncio.timeout(60):
            while (status := await self.status()).HasField("running"):  # noqa: ASYNC110  # a client polls
                await asyncio.sleep(0.02)
        return status.last

    async def now(self) -> sync_pb2.SyncRun:
        """Synchronise, and return the run when it has ended."""
        begun = await self._stub.SyncNow(watchlist_service_pb2.SyncNowRequest())
        run = await self.ended()
        assert run.run_id == begun.run_id
        return run

    async def accept(self, run_id: int, metadata: Any) -> sync_pb2.SyncRun:
        """Accept a shrunken list, and return the run that begins with that."""
        request = watchlist_service_pb2.AcceptShrunkenListRequest(run_id=run_id)
        begun = await self._stub.AcceptShrunkenList(request, metadata=metadata)
        run = await self.ended()
        assert run.run_id == begun.run_id
        return run


MISSING = Photograph("face.jpg", problem=Code.PHOTO_MISSING)
