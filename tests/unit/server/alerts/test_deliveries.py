"""Who was given which alert is recorded before it is given, in entries that many agents share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cekalwatch.server.audit.entry import MAX_OBJECTS, Action, Actor, ActorKind, Link
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import DeliveryTrail
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter

AGENTS = 800


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    made = Counter(database, FixedClock())
    made.list_subject()
    yield made
    database.close()


@contextmanager
def opened(counter: Counter) -> Iterator[DeliveryTrail]:
    trail = DeliveryTrail(AuditStore(counter.database), counter.clock, Actor(ActorKind.SERVER, "test"))
    try:
        yield trail
    finally:
        trail.close()


def agent(number: int) -> Actor:
    return Actor(ActorKind.DEVICE, f"batam-center/notifier/pc-{number}")


def entries(counter: Counter) -> list[Link]:
    return [one for one in counter.audit.links() if one.action == Action.ALERT_DELIVERED]


async def test_agents_that_get_an_event_together_share_entries_that_name_each_of_them_once(counter: Counter):
    alert = counter.alerts.get(counter.raise_alert())
    with opened(counter) as trail:
        await asyncio.gather(*(trail.note(agent(number), alert, 7) for number in range(AGENTS)))
    found = entries(counter)
    assert len(found) < 20
    assert all(json.loads(one.details)["event"] == 7 for one in found)
    objects = [json.loads(one.objects) for one in found]
    assert all(len(one) <= MAX_OBJECTS for one in objects)
    assert all({f"alert:{alert.alert_id}", "subject:S-1"} <= set(one) for one in objects)
    named = [key for one in objects for key in one if key.startswith("device:")]
    assert sorted(named) == sorted(str(agent(number)) for number in range(AGENTS))


async def test_what_different_agents_get_is_not_mixed_up(counter: Counter):
    counter.list_subject("S-2")
    first, second = (counter.alerts.get(counter.raise_alert(key, key)) for key in ("S-1", "S-2"))

    async def note(trail: DeliveryTrail, number: int, alert: Alert) -> None:
        await trail.note(agent(number), alert, number)

    with opened(counter) as trail:
        await asyncio.gather(*(note(trail, number, (first, second)[number % 2]) for number in range(40)))
    for one in entries(counter):
        objects, event = json.loads(one.objects), json.loads(one.details)["event"]
        assert str(agent(event)) in objects
        assert f"alert:{(first, second)[event % 2].alert_id}" in objects
        assert json.loads(one.details)["devices"] == 1


async def test_a_delivery_is_committed_before_it_is_given_and_refused_when_it_cannot_be(counter: Counter):
    alert = counter.alerts.get(counter.raise_alert())
    with opened(counter) as trail:
        await trail.note(agent(1), alert, 1)
        assert [str(agent(1)) in one.objects for one in entries(counter)] == [True]
        with counter.database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_head")
        with pytest.raises(StorageError):
            await trail.note(agent(2), alert, 2)
