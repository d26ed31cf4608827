"""What a damaged alert costs: itself, and nothing else, on every kind of database."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import AlertFilter
from tests.support.builders.alerts import NOON
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.adjudication import Counter

WINDOW = timedelta(minutes=10)
SOUND = {"subject_id": "S-1", "score": 0.7, "order_ids": ["O-1"], "ruled_out": False}
DAMAGE = {
    "parts missing": [{"subject_id": "S-1"}],
    "subject missing": [SOUND, {"score": 0.7, "order_ids": []}],
    "no score": [SOUND | {"score": "high"}],
    "nobody": [],
    "another": [SOUND | {"subject_id": "S-9"}],
    "no list": {"a": 1},
    "nothing": None,
}


def damage(counter: Counter, alert_id: UUID, candidates: object) -> None:
    statement = sqlalchemy.text("UPDATE alert SET candidates = :c WHERE alert_id = :a")
    if counter.database.engine.dialect.name == "postgresql":
        statement = sqlalchemy.text("UPDATE alert SET candidates = CAST(:c AS json) WHERE alert_id = :a")
    with counter.database.engine.begin() as connection:
        connection.execute(statement, {"c": json.dumps(candidates), "a": str(alert_id)})


def listed(counter: Counter, limit: int = 10) -> list[UUID]:
    return [one.alert_id for one in counter.alerts.list_alerts(AlertFilter(), None, limit)]


@pytest.mark.parametrize("candidates", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.both_databases
def test_the_next_traveller_at_the_site_of_a_damaged_alert_gets_an_alert(counter: Counter, candidates: object) -> None:
    damaged = counter.raise_alert("1", window=WINDOW)
    damage(counter, damaged, candidates)
    raised = counter.raise_alert("2", window=WINDOW)
    assert counter.events(raised) == [AlertEventType.RAISED]
    assert listed(counter) == [raised]
    assert [one.alert_id for one in counter.handling.watched()][-1:] == [raised]


def test_a_further_crop_of_a_damaged_alerts_passage_raises_one_alert(counter: Counter) -> None:
    damage(counter, counter.raise_alert("1"), DAMAGE["parts missing"])
    raised = counter.raise_alert("1")
    assert counter.raise_alert("1") == raised


@pytest.mark.both_databases
def test_a_page_is_full_though_alerts_in_it_are_damaged(counter: Counter) -> None:
    """A shorter page would say that there are no older alerts."""
    alerts = [counter.raise_alert(str(number)) for number in range(5)]
    damage(counter, alerts[3], DAMAGE["nobody"])
    assert listed(counter, 3) == [alerts[4], alerts[2], alerts[1]]


def test_the_orders_of_other_alerts_are_watched_beside_a_damaged_one(counter: Counter) -> None:
    damaged, other = counter.raise_alert("1"), counter.raise_alert("2")
    damage(counter, damaged, [{"score": 0.7}])
    counter.watchlist.put(subject(), order(revoked_at=NOON), [])
    assert counter.order_watch.look() == 1
    assert AlertEventType.ORDERS_ENDED in counter.events(other)


def test_a_shift_is_reported_without_the_damaged_alert(counter: Counter) -> None:
    damaged, other = counter.raise_alert("1"), counter.raise_alert("2")
    damage(counter, damaged, DAMAGE["parts missing"])
    found = counter.handling.raised_between("batam-center", NOON, NOON + timedelta(hours=1))
    assert [one.alert.alert_id for one in found] == [other]
