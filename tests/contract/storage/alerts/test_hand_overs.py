"""The hand-over of a shift: notes are sealed, read by who comes, removed after their time; both people are named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.alerts.hand_overs import HandOvers
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.hand_over_store import HandOverStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter

SITE = "batam-center"
NOTES = "Camera D2 was cleaned.\nSiti Rahayu's brother waits in the office."
KEPT = RetentionPolicy().shift_notes
SERVER = Actor(ActorKind.SERVER, "test")


@pytest.fixture
def shifts(counter: Counter) -> HandOvers:
    store = HandOverStore(counter.database, keyring(counter.database))
    return HandOvers(store, counter.people, counter.clock, KEPT)


def refused(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


@pytest.mark.both_databases
def test_who_comes_reads_the_notes_and_takes_over_and_the_trail_names_both(
    counter: Counter, shifts: HandOvers, budi: ActingPerson, ani: ActingPerson, clock: FixedClock
):
    left = shifts.leave(budi, SITE, NOTES)
    clock.advance(timedelta(minutes=2))
    (read,) = shifts.of(ani, SITE)
    assert read == left
    assert (read.notes, read.left_by.display_name, read.taken_by) == (NOTES, budi.person.display_name, None)
    taken = shifts.take(ani, UUID(left.hand_over_id))
    assert shifts.of(budi, SITE) == (taken,)
    assert taken.taken_by
    assert (taken.taken_by.person_id, taken.taken_at) == (str(ani.person.person_id), clock.now())

    steps = (Action.SHIFT_LEFT, Action.SHIFT_NOTES_READ, Action.SHIFT_TAKEN_OVER)
    found = [one for one in counter.audit.links() if one.action in steps]
    leaver, comer = (f"person:{one.person.person_id}" for one in (budi, ani))
    assert [(one.action, json.loads(one.objects)) for one in found] == [
        (Action.SHIFT_LEFT, [leaver]),
        (Action.SHIFT_NOTES_READ, [leaver]),
        (Action.SHIFT_TAKEN_OVER, [comer, leaver]),
        (Action.SHIFT_NOTES_READ, [leaver]),
    ]
    assert [one.actor for one in found] == [str(one.actor) for one in (budi, ani, ani, budi)]
    assert not [one for one in found if "Siti" in str(one)]


def test_a_shift_is_taken_over_once_by_somebody_else_at_its_site(
    counter: Counter, shifts: HandOvers, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson
):
    key = UUID(shifts.leave(budi, SITE, "").hand_over_id)
    elsewhere = replace(ani, sees=lambda site: site == "sekupang")
    assert refused(lambda: shifts.take(budi, key)) is Code.HAND_OVER_GONE
    assert refused(lambda: shifts.take(elsewhere, key)) is Code.HAND_OVER_GONE
    assert refused(lambda: shifts.take(ani, UUID(int=7))) is Code.HAND_OVER_GONE
    shifts.take(siti, key)
    assert refused(lambda: shifts.take(ani, key)) is Code.HAND_OVER_GONE
    assert shifts.of(ani, "sekupang") == ()
    assert len(counter.trail(Action.SHIFT_TAKEN_OVER)) == 1


@pytest.mark.parametrize("notes", ["x" * 1001, "bell \a", "a\rb"])
def test_notes_that_cannot_be_shown_are_refused(counter: Counter, shifts: HandOvers, budi: ActingPerson, notes: str):
    assert refused(lambda: shifts.leave(budi, SITE, notes)) is Code.NOTE_INVALID
    assert not counter.trail(Action.SHIFT_LEFT)


def test_notes_are_sealed_and_a_changed_hand_over_is_left_out(
    counter: Counter, shifts: HandOvers, budi: ActingPerson, ani: ActingPerson
):
    key = UUID(shifts.leave(budi, SITE, NOTES).hand_over_id)
    with counter.database.engine.begin() as connection:
        (held,) = connection.exec_driver_sql("SELECT notes FROM hand_over").one()
        assert b"Siti" not in bytes(held)
        connection.exec_driver_sql(f"UPDATE hand_over SET left_by = '{ani.person.person_id}'")  # noqa: S608
    assert shifts.of(ani, SITE) == ()
    assert refused(lambda: shifts.take(budi, key)) is Code.HAND_OVER_GONE


@pytest.mark.both_databases
def test_notes_go_after_their_time_whoever_has_read_them(
    counter: Counter, shifts: HandOvers, budi: ActingPerson, clock: FixedClock
):
    siti = counter.hire("sri", PersonRole.SUPERVISOR)
    old = shifts.leave(budi, SITE, NOTES)
    clock.advance(KEPT - timedelta(seconds=1))
    assert (shifts.due(), shifts.sweep(SERVER)) == (0, 0)
    new = shifts.leave(siti, SITE, "all quiet")
    clock.advance(timedelta(seconds=1))
    assert shifts.of(budi, SITE) == (new,), "at once, whenever the server sweeps"
    assert refused(lambda: shifts.take(siti, UUID(old.hand_over_id))) is Code.HAND_OVER_GONE
    assert (shifts.due(), shifts.sweep(SERVER), shifts.sweep(SERVER)) == (1, 1, 0)
    (_, _, details), *others = counter.trail(Action.RETENTION_SWEPT)
    assert not others
    assert json.loads(details)["hand_overs"] == 1
    with counter.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM hand_over").scalar_one() == 1
