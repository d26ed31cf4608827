"""What an officer was shown is a version: photographs, facts and orders of candidates, on every kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.foundation.errors import Code
from tests.contract.storage.alerts.test_ended_orders import code_of
from tests.support.builders.audit import deleted
from tests.support.builders.watchlist import FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter

E = AlertEventType


def another_photograph(counter: Counter) -> None:
    counter.watchlist.put(subject(), order("O-1"), [reference(b"another")])


def another_name(counter: Counter) -> None:
    counter.watchlist.put(subject(name="Contoh Dua"), order("O-1"))


def one_of_two_orders_is_revoked(counter: Counter) -> None:
    counter.watchlist.put(subject(), order("O-2", revoked_at=counter.clock.now()))


CHANGES = (another_photograph, another_name, one_of_two_orders_is_revoked)


@pytest.fixture
def counter(counter: Counter) -> Counter:
    counter.watchlist.put(subject(), order("O-1"), [reference()])
    counter.watchlist.put(subject(), order("O-2"))
    return counter


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_list_is_an_event_and_no_judgement_of_what_was_shown_before_is_taken(
    counter: Counter, budi: ActingPerson, change: Callable[[Counter], None]
):
    alert_id = counter.raise_alert()
    assert [counter.order_watch.look(), counter.order_watch.look()] == [0, 0], "it is as it was raised"
    counter.claim(alert_id, budi)
    seen = counter.version(alert_id)
    counter.order_watch.look()
    change(counter)

    def judge() -> object:
        return counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS, version=seen)

    assert code_of(judge) is Code.ALERT_CHANGED, "nobody was told yet"
    assert code_of(lambda: counter.look(alert_id, budi, version=seen)) is Code.ALERT_CHANGED
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.LIST_CHANGED]
    assert code_of(judge) is Code.ALERT_CHANGED
    counter.look(alert_id, budi)
    assert counter.judge(alert_id, budi).state is AlertState.REFERRED


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_before_the_server_looked_at_a_new_alert_may_have_been_shown(
    counter: Counter, change: Callable[[Counter], None]
):
    counter.order_watch.look()
    alert_id = counter.raise_alert()
    change(counter)
    counter.order_watch.look()
    assert counter.events(alert_id) == [E.RAISED, E.LIST_CHANGED]


def test_a_change_while_no_server_ran_is_told_by_the_next(counter: Counter):
    alert_id = counter.raise_alert()
    counter.order_watch.look()
    another_photograph(counter)
    restarted = Counter(counter.database, counter.clock)
    assert restarted.order_watch.look() == 1
    assert counter.events(alert_id) == [E.RAISED, E.LIST_CHANGED]


def test_time_that_ends_one_of_two_orders_is_told(counter: Counter, clock: FixedClock):
    today = clock.now().date()
    counter.watchlist.put(subject(), order("O-2", valid_until=today))
    alert_id = counter.raise_alert()
    counter.order_watch.look()
    clock.advance(timedelta(days=1))
    counter.order_watch.look()
    assert counter.events(alert_id) == [E.RAISED, E.LIST_CHANGED]


def test_another_photograph_has_another_key_of_the_pictures(counter: Counter):
    alert_id = counter.raise_alert()
    before = counter.details.get(alert_id).whole.pictures_key
    assert counter.details.get(alert_id).whole.pictures_key == before
    another_photograph(counter)
    assert counter.details.get(alert_id).whole.pictures_key != before


def test_a_person_with_a_new_key_keeps_probe_and_photographs(counter: Counter):
    """The source gives the subject another key, and deletes the old one."""
    alert_id = counter.raise_alert()
    counter.order_watch.look()
    before = counter.details.get(alert_id).whole
    for key in ("O-1", "O-2"):
        counter.watchlist.put(subject("S-9"), order(key, subject_id="S-9"), [reference()])
    counter.watchlist.delete_subject("S-1", deleted)
    counter.order_watch.look()
    counter.sweeper().sweep_probes()
    alert = counter.details.get(alert_id)
    assert alert.whole.orders_ended_at is None
    assert (alert.whole.subject.name, alert.whole.probe_capture_id) == (before.subject.name, before.probe_capture_id)
    assert len(counter.details.pictures(alert_id).references) == 1
    assert alert.whole.first_look, "who judges it looks first"
