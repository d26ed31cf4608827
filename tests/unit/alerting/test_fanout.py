"""Subscribers get every event in order: from memory, from the log, and across the seam between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.server.alerting.briefing import Briefer
from cekalwatch.server.alerting.fanout import Fanout
from cekalwatch.server.alerting.watch import Checkpoints
from cekalwatch.server.domain.alerts import AlertEvent, AlertFilter
from cekalwatch.server.domain.cameras import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.storage.alert_store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist_store import WatchlistStore
from tests.support.alerts import ARRIVAL, DEPARTURE, NOON, capture, match
from tests.support.audit import swept
from tests.support.keys import keyring
from tests.support.watchlist import WIB, FixedClock


class Log:
    """A real alert log in SQLite, with a small memory in front of it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'test.sqlite3'}")
        self.database.upgrade()
        self.store = AlertStore(self.database, keyring(self.database))
        checkpoints = Checkpoints(LegalParameters(), {"batam-center": WIB})
        self.briefer = Briefer(
            self.store, WatchlistStore(self.database, keyring(self.database)), checkpoints, FixedClock()
        )
        self._count = 0

    def fanout(self) -> Fanout:
        return Fanout(self.store, self.briefer, keep=3)

    def commit(self, camera: Camera = DEPARTURE) -> AlertEvent:
        self._count += 1
        found = match(capture(camera=camera, passage=str(self._count)), subject=f"S-{self._count}")
        event = self.store.record(found, timedelta(0), NOON)
        assert event is not None
        return event

    def commit_and_publish(self, fanout: Fanout, camera: Camera = DEPARTURE) -> int:
        event = self.commit(camera)
        fanout.publish(event, self.briefer.brief(event.alert_id))
        return event.sequence


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    made.database.close()


async def take(fanout: Fanout, after: int, count: int, wanted: AlertFilter | None = None) -> list[int]:
    async with aclosing(fanout.follow(after, wanted or AlertFilter(), quiet_s=30)) as events:
        return [sequence async for sequence in _sequences(events, count)]


async def _sequences(events: AsyncIterator[object], count: int) -> AsyncIterator[int]:
    for _ in range(count):
        briefed = await anext(events)
        yield briefed.event.sequence  # type: ignore[attr-defined]


async def test_a_subscriber_gets_what_the_log_has_and_then_what_comes(log: Log):
    before = [log.commit().sequence for _ in range(5)]
    fanout = log.fanout()
    async with asyncio.timeout(30):
        reading = asyncio.create_task(take(fanout, 0, 12))
        after = []
        for _ in range(7):
            after.append(log.commit_and_publish(fanout))
            await asyncio.sleep(0)  # lets the subscriber run in between
        assert await reading == before + after


async def test_a_subscriber_that_fell_behind_the_memory_catches_up_from_the_log(log: Log):
    fanout = log.fanout()
    sequences = [log.commit_and_publish(fanout) for _ in range(10)]
    assert await take(fanout, 0, 10) == sequences
    assert await take(fanout, sequences[7], 2) == sequences[8:]


async def test_an_event_that_could_not_be_briefed_is_read_from_the_log(log: Log):
    fanout = log.fanout()
    first = log.commit_and_publish(fanout)
    unbriefed = log.commit()
    fanout.publish(unbriefed, None)
    last = log.commit_and_publish(fanout)
    assert await take(fanout, first - 1, 3) == [first, unbriefed.sequence, last]


@pytest.mark.parametrize("damage", ["order_ids = '['", "direction = 'UP'", "last_seen_at = 'lately'"])
async def test_a_damaged_alert_keeps_nobody_from_the_others(log: Log, damage: str):
    first, damaged, last = log.commit(), log.commit(), log.commit()
    with log.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alert SET {damage} WHERE alert_id = ?", (str(damaged.alert_id),))  # noqa: S608
    assert await take(log.fanout(), 0, 2) == [first.sequence, last.sequence]


async def test_a_filter_leaves_out_what_others_watch(log: Log):
    fanout = log.fanout()
    log.commit_and_publish(fanout, DEPARTURE)
    arrival = log.commit_and_publish(fanout, ARRIVAL)
    assert await take(fanout, 0, 1, AlertFilter(counters=frozenset({"A1"}))) == [arrival]


async def test_silence_is_told(log: Log):
    fanout = log.fanout()
    async with aclosing(fanout.follow(0, AlertFilter(), quiet_s=0.01)) as events:
        assert await anext(events) is None
        sequence = log.commit_and_publish(fanout)
        briefed = await anext(events)
        assert briefed is not None
        assert briefed.event.sequence == sequence


async def test_positions_out_of_the_log_are_refused(log: Log):
    first, last = log.commit().sequence, log.commit().sequence
    fanout = log.fanout()
    assert await fanout.start_after(last) == last
    with pytest.raises(CekalwatchError) as unknown:
        await fanout.start_after(last + 1)
    log.store.prune_events(NOON + timedelta(seconds=1), swept)
    with pytest.raises(CekalwatchError) as old:
        await fanout.start_after(first)
    assert (unknown.value.code, old.value.code) == (Code.POSITION_UNKNOWN, Code.POSITION_TOO_OLD)


async def test_an_agent_resumes_where_it_acknowledged_and_a_new_one_at_the_beginning(log: Log):
    first = log.commit().sequence
    log.commit()
    log.store.acknowledge("pc-1", first, NOON)
    fanout = log.fanout()
    assert await fanout.acknowledged_position("pc-1") == first
    assert await fanout.acknowledged_position("pc-new") == 0
