"""Who follows the list is known to all servers of a centre, on each kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.server.domain.ports import FOLLOWS_WITHIN, Following
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.followings import FollowingStore
from cekalwatch.server.storage.ports.store import PortStore
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.ports import HARBOUR_BAY, SEKUPANG

HERE = Following(SEKUPANG, "run-1", "model-1", "0.2.0", "ca:1f", "server-1", NOON)
LATER = NOON + timedelta(seconds=5)


@pytest.mark.both_databases
def test_a_port_follows_until_it_leaves_or_its_server_is_silent(database: Database) -> None:
    store = FollowingStore(database)
    assert store.of(SEKUPANG) is None
    store.tell([HERE], LATER)
    known = store.of(SEKUPANG)
    assert known == replace(HERE, heard_at=LATER)
    assert known.goes_on(LATER + FOLLOWS_WITHIN)
    assert not known.goes_on(LATER + FOLLOWS_WITHIN + timedelta(seconds=1))
    store.left(HERE, LATER)
    gone = store.of(SEKUPANG)
    assert gone == replace(HERE, server="", since=LATER, heard_at=LATER)
    assert not gone.goes_on(LATER)


def test_a_server_that_a_port_left_says_nothing_of_the_one_where_it_follows_now(database: Database) -> None:
    store = FollowingStore(database)
    there = replace(HERE, server="server-2", since=LATER)
    store.tell([HERE], NOON)
    store.tell([there], LATER)
    store.left(HERE, LATER)
    known = store.of(SEKUPANG)
    assert known == replace(there, heard_at=LATER)


def test_ports_that_only_follow_and_ports_that_only_report_are_all_known(database: Database) -> None:
    FollowingStore(database).tell([HERE], NOON)
    reports = PortStore(database, keyring(database))
    reports.tell(HARBOUR_BAY, "server-1", 3, "0.2.0", NOON, LATER)
    states = {state.port: state for state in reports.states()}
    assert list(states) == [HARBOUR_BAY, SEKUPANG]
    assert (states[HARBOUR_BAY].waiting, states[HARBOUR_BAY].list_at, states[HARBOUR_BAY].following) == (3, LATER, None)
    assert (states[SEKUPANG].heard_at, states[SEKUPANG].following) == (None, replace(HERE, heard_at=NOON))
