"""Subscribers get every event in order: from memory, from the log, and across the seam between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.fanout import AWAY_AFTER, Fanout, Wants
from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.domain.alerts.adjudication import Finding
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Circumstances, HandlingPolicy, Holder, Watched
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.handling_store import HandlingStep, HandlingStore
from cekalwatch.server.storage.alerts.store import AlertStore, lowest_positions
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, NOON, capture, match
from tests.support.builders.audit import swept
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock

ACTOR = Actor(ActorKind.SERVER, "test")


class Log:
    """A real alert log in SQLite, with a small memory in front of it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'test.sqlite3'}")
        self.database.upgrade()
        self.store = AlertStore(self.database, keyring(self.database))
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        watchlist = WatchlistStore(self.database, keyring(self.database))
        orders = AlertOrders(watchlist, checkpoints)
        people = PeopleStore(self.database)
        self.clock = FixedClock()
        self.details = AlertDetailsReader(self.store, watchlist, people, orders, self.clock)
        self.fanouts: list[Fanout] = []
        self._count = 0

    def clear(self, alert_id: UUID) -> None:
        """Let an officer say that an alert is of somebody else."""
        self._judge(alert_id, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)

    def refer(self, alert_id: UUID) -> None:
        """Let an officer refer an alert."""
        self._judge(alert_id, Outcome.REFERRED, Reason.FACE_AGREES)

    def _judge(self, alert_id: UUID, outcome: Outcome, reason: Reason) -> None:
        officer = Holder(PersonReference(str(uuid4())), "pc-1")
        finding = Finding(outcome, reason, "", officer.person, NOON)

        def make(alert: Alert) -> HandlingStep:
            claimed = alert.handling.claimed(officer, NOON, HandlingPolicy())
            judged = claimed.adjudicated(officer, finding, NOON, Circumstances(unchanged=True, order_in_force=True))
            return HandlingStep(judged, (AlertEventType.CLAIMED, AlertEventType.ADJUDICATED))

        self._step(alert_id, make)

    def go_up(self, alert_id: UUID) -> None:
        """Send an alert up to the whole site."""
        later = NOON + timedelta(minutes=10)
        self._step(
            alert_id,
            lambda alert: HandlingStep(
                alert.handling.escalated(later, HandlingPolicy(), Watched()), (AlertEventType.ESCALATED,)
            ),
        )

    def _step(self, alert_id: UUID, make: Callable[[Alert], HandlingStep]) -> None:
        store = HandlingStore(self.database, keyring(self.database))
        store.step(alert_id, make, lambda alert, event: handling_entry(alert, event, ACTOR), NOON)

    def fanout(self, follow_supervisors: Callable[[], None] = lambda: None) -> Fanout:
        made = Fanout(self.store, self.details, keep=3, follow_supervisors=follow_supervisors)
        self.fanouts.append(made)
        return made

    def commit(self, camera: Camera = DEPARTURE) -> AlertEvent:
        self._count += 1
        found = match(capture(camera=camera, passage=str(self._count)), subject=f"S-{self._count}")
        event = self.store.record(found, timedelta(0), NOON)
        assert event is not None
        return event

    async def commit_and_publish(self, fanout: Fanout, camera: Camera = DEPARTURE) -> int:
        event = self.commit(camera)
        await fanout.catch_up()
        return event.sequence


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    for fanout in made.fanouts:
        fanout.close()
    made.database.close()


def wants(wanted: AlertFilter | None = None) -> Wants:
    return lambda alert: alert.wanted_by(wanted or AlertFilter())


async def take(fanout: Fanout, after: int, count: int, wanted: AlertFilter | None = None) -> list[int]:
    async with aclosing(fanout.follow(after, wants(wanted), quiet_s=30)) as events:
        return [sequence async for sequence in _sequences(events, count)]


async def _sequences(events: AsyncIterator[object], count: int) -> AsyncIterator[int]:
    for _ in range(count):
        item = await anext(events)
        yield item.event.sequence  # type: ignore[attr-defined]


async def test_a_subscriber_gets_what_the_log_has_and_then_what_comes(log: Log):
    before = [log.commit().sequence for _ in range(5)]
    fanout = log.fanout()
    async with asyncio.timeout(30):
        reading = asyncio.create_task(take(fanout, 0, 12))
        after = []
        for _ in range(7):
            after.append(await log.commit_and_publish(fanout))
            await asyncio.sleep(0)  # lets the subscriber run in between
        assert await reading == before + after


async def test_a_subscriber_that_fell_behind_the_memory_catches_up_from_the_log(log: Log):
    fanout = log.fanout()
    sequences = [await log.commit_and_publish(fanout) for _ in range(10)]
    assert await take(fanout, 0, 10) == sequences
    assert await take(fanout, sequences[7], 2) == sequences[8:]


async def test_what_another_server_wrote_comes_in_its_place(log: Log):
    fanout = log.fanout()
    sequences = [log.commit().sequence, log.commit().sequence]
    sequences.append(await log.commit_and_publish(fanout))
    assert await take(fanout, 0, 3) == sequences


async def test_the_log_is_followed_also_when_nobody_says_that_it_grew(log: Log):
    fanout = log.fanout()
    following = asyncio.create_task(LOOPS.keep("test", partial(fanout.follow_log, 0.01)))
    reading = asyncio.create_task(take(fanout, 0, 1))
    committed = log.commit().sequence
    async with asyncio.timeout(30):
        assert await reading == [committed]
    following.cancel()


@pytest.mark.parametrize("damage", ["candidates = '['", "direction = 'UP'", "last_seen_at = 'lately'"])
async def test_a_damaged_alert_keeps_nobody_from_the_others(log: Log, damage: str):
    first, damaged, last = log.commit(), log.commit(), log.commit()
    with log.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alert SET {damage} WHERE alert_id = ?", (str(damaged.alert_id),))  # noqa: S608
    assert await take(log.fanout(), 0, 2) == [first.sequence, last.sequence]


async def test_a_filter_leaves_out_what_others_watch(log: Log):
    fanout = log.fanout()
    await log.commit_and_publish(fanout, DEPARTURE)
    arrival = await log.commit_and_publish(fanout, ARRIVAL)
    assert await take(fanout, 0, 1, AlertFilter(counters=frozenset({"A1"}))) == [arrival]


async def test_silence_is_told(log: Log):
    fanout = log.fanout()
    async with aclosing(fanout.follow(0, wants(), quiet_s=0.01)) as events:
        assert await anext(events) is None
        sequence = await log.commit_and_publish(fanout)
        item = await anext(events)
        assert item is not None
        assert item.event.sequence == sequence


async def test_when_the_server_ends_a_subscriber_gets_what_there_is_and_its_stream_ends(log: Log):
    fanout = log.fanout()
    before = [await log.commit_and_publish(fanout) for _ in range(2)]

    async def read() -> list[int]:
        async with aclosing(fanout.follow(0, wants(), quiet_s=3600)) as events:
            return [item.event.sequence async for item in events if item]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    fanout.end()
    async with asyncio.timeout(30):
        assert await reading == before
        assert await read() == before, "also one that comes late ends"


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


async def test_an_agents_own_position_is_what_it_acknowledged_and_a_new_one_has_none(log: Log):
    first = log.commit().sequence
    log.commit()
    log.store.acknowledge([("pc-1", first)], NOON)
    fanout = log.fanout()
    assert await fanout.acknowledged_position("pc-1") == first
    assert await fanout.acknowledged_position("pc-new") is None
    # Of an older release, without its site.
    assert await fanout.acknowledged_position("pc-1", "sekupang") == first
    log.store.acknowledge([("sekupang/pc-1", first + 1), ("batam-center/pc-1", first)], NOON)
    assert await fanout.acknowledged_position("pc-1", "sekupang") == first + 1
    assert await fanout.acknowledged_position("pc-1", "batam-center") == first
    assert lowest_positions({"pc-1": 1, "sekupang/pc-1": 3, "batam-center/pc-1": 2, "pc-2": 1}) == {
        "pc-1": 2,
        "pc-2": 1,
    }


async def waiting(log: Log, after: int, wanted: AlertFilter | None = None) -> list[UUID]:
    fanout = log.fanout()
    async with aclosing(fanout.waiting(after, wants(wanted), log.clock)) as found:
        return [alert_details.alert.alert_id async for alert_details in found]


@pytest.mark.slow
async def test_an_agent_that_was_away_learns_first_what_waits_still_newest_first(log: Log):
    seen, *missed = (log.commit() for _ in range(15))
    log.clear(missed[3].alert_id)
    log.clock.advance(AWAY_AFTER)
    left = [event.alert_id for number, event in enumerate(missed) if number != 3]
    assert await waiting(log, seen.sequence) == left[::-1]
    assert await waiting(log, missed[-2].sequence) == [missed[-1].alert_id]
    assert await waiting(log, missed[-1].sequence) == []
    assert await waiting(log, 0, AlertFilter(site="sekupang")) == []
    # The events follow all the same, each in its place: those of what is cleared by now, too.
    events = await take(log.fanout(), seen.sequence, 15)
    assert events == [event.sequence for event in log.store.events_after(seen.sequence, 15)]


async def test_an_agent_that_was_not_away_has_the_events_soon_enough(log: Log):
    first = log.commit()
    log.clock.advance(AWAY_AFTER - timedelta(seconds=1))
    log.commit()
    assert await waiting(log, first.sequence - 1) == []


async def test_what_has_gone_up_to_the_whole_site_passes_every_counter(log: Log):
    elsewhere = AlertFilter(site="batam-center", counters=frozenset({"A7"}))
    other_site = AlertFilter(site="sekupang")
    up, _ = log.commit(), log.commit()
    log.clock.advance(timedelta(minutes=10))
    assert await waiting(log, 0, elsewhere) == []
    log.go_up(up.alert_id)
    assert await waiting(log, 0, elsewhere) == [up.alert_id]
    assert await waiting(log, 0, other_site) == []


async def test_a_supervisor_who_signed_in_elsewhere_before_a_referral_gets_it_though_nobody_looked_yet(log: Log):
    """They sign in at one server, and their PC's stream is at another, which has not heard of it."""
    signed_in, known = set[str](), set[str]()
    fanout = log.fanout(follow_supervisors=lambda: known.update(signed_in))
    here = AlertFilter(site="batam-center", counters=frozenset({"A7"}))

    def wants(alert: Alert) -> bool:
        return alert.wanted_by(replace(here, supervises="pc-1" in known))

    before, after = log.commit(), log.commit()
    await fanout.catch_up()
    log.refer(before.alert_id)
    await fanout.catch_up()
    async with asyncio.timeout(30), aclosing(fanout.follow(fanout.head, wants, quiet_s=30)) as events:
        told = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        signed_in.add("pc-1")
        assert log.store.list_alerts(replace(here, supervises=True), None, 10)[0].alert_id == before.alert_id
        log.refer(after.alert_id)
        await fanout.catch_up()
        item = await told
    assert item is not None
    assert item.event.alert_id == after.alert_id


async def changed(
    fanout: Fanout, after: int, heard: int = 0, wanted: AlertFilter | None = None
) -> tuple[list[int], int]:
    found, reached = await fanout.changed_after(after, heard, wants(wanted))
    return [item.event.sequence for item in found], reached


async def test_of_each_alert_that_changed_the_newest_event_is_told(log: Log):
    fanout = log.fanout()
    first, other = log.commit(), log.commit()
    log.refer(first.alert_id)  # claimed and judged: two events
    await fanout.catch_up()
    head = fanout.head
    for position in (0, first.sequence):  # what is no longer in memory, and what is
        assert await changed(fanout, position) == ([other.sequence, head], head)
    assert await changed(fanout, other.sequence) == ([head], head)
    assert await changed(fanout, head) == ([], head)
    assert await changed(fanout, 0, wanted=AlertFilter(counters=frozenset({"A1"}))) == ([], head)


async def test_who_heard_of_an_event_elsewhere_waits_until_it_is_read_here(log: Log):
    fanout = log.fanout()
    event = log.commit()
    asking = asyncio.create_task(changed(fanout, 0, event.sequence))
    await asyncio.sleep(0)
    assert not asking.done()
    async with asyncio.timeout(30):
        await fanout.catch_up()
        assert await asking == ([event.sequence], event.sequence)


async def test_what_changed_after_a_place_that_the_log_has_not_is_not_told(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cekalwatch.server.alerts.fanout.CATCH_UP_S", 0.01)
    fanout = log.fanout()
    sequences = [await log.commit_and_publish(fanout) for _ in range(5)]
    with pytest.raises(CekalwatchError) as unknown:
        await changed(fanout, sequences[-1] + 1)
    log.store.prune_events(NOON + timedelta(days=1), swept)
    with pytest.raises(CekalwatchError) as too_old:
        await changed(fanout, 0)
    assert (unknown.value.code, too_old.value.code) == (Code.POSITION_UNKNOWN, Code.POSITION_TOO_OLD)
