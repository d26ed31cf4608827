"""What the store of agencies promises, on every kind of database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy

from cekalwatch.contract.codec.law import AGENCY_LIST
from cekalwatch.contract.values.agencies import MAX_AGENCIES
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.agencies import listed
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES
from tests.support.builders.audit import entry
from tests.support.builders.keys import keyring

SHIPPED = Agencies((Agency("KEJAGUNG", "Kejaksaan Agung", ("Jaksa Agung",)), Agency("KPK", "Komisi")))
NOTE = entry(1, action=Action.AGENCY_PUT)


@pytest.fixture
def store(database: Database) -> AgencyStore:
    keyring(database)
    return AgencyStore(database, SHIPPED)


def test_what_is_shipped_is_there_from_the_start(database: Database) -> None:
    keyring(database)
    assert AgencyStore(database).read() == KNOWN_AGENCIES.changed((), ())


@pytest.mark.both_databases
def test_an_agency_is_added_changed_and_removed_and_each_server_learns_of_it(
    database: Database, store: AgencyStore
) -> None:
    watchlist, other = WatchlistStore(database, keyring(database)), AgencyStore(database, SHIPPED)
    version = watchlist.version()
    store.put(Agency("DINAS", "Dinas Contoh", ("Dinas",)), NOTE)
    assert other.read().code_of("DINAS, RI") == "DINAS"
    assert watchlist.version() == version + 1
    store.put(Agency("DINAS", "Dinas Umpama"), NOTE)
    assert (other.read().code_of("Dinas"), other.read().code_of("dinas umpama")) == ("DINAS", "DINAS")
    assert other.read().code_of("Dinas Contoh") is None
    store.remove("DINAS", NOTE)
    assert other.read().code_of("DINAS") is None
    assert watchlist.version() == version + 3
    assert [link.action for link in AuditStore(database).links()].count(Action.AGENCY_PUT) == 3


@pytest.mark.both_databases
def test_the_second_of_two_people_replaces_nothing_that_they_have_not_seen(store: AgencyStore) -> None:
    seen = store.read().known[1]
    store.put(Agency("KPK", "Komisi Pertama"), NOTE, seen.mark)
    changes: tuple[Callable[[], None], ...] = (
        lambda: store.put(Agency("KPK", "Komisi Kedua"), NOTE, seen.mark),
        lambda: store.put(Agency("KPK", "Komisi Kedua"), NOTE, ""),
        lambda: store.put(Agency("LAIN", "Yang lain"), NOTE, seen.mark),
        lambda: store.remove("KPK", NOTE, seen.mark),
    )
    for change in changes:
        with pytest.raises(CekalwatchError) as caught:
            change()
        assert caught.value.code is Code.AGENCY_CHANGED
    assert [one.name for one in store.read().known] == ["Kejaksaan Agung", "Komisi Pertama"]
    store.remove("KPK", NOTE, store.read().known[1].mark)


def test_one_that_is_shipped_can_be_removed_and_put_again(store: AgencyStore) -> None:
    store.remove("KPK", NOTE)
    assert [one.code for one in store.read().known] == ["KEJAGUNG"]
    with pytest.raises(CekalwatchError) as caught:
        store.remove("KPK", NOTE)
    assert caught.value.code is Code.AGENCY_NOT_FOUND
    store.put(Agency("KPK", "Komisi Pemberantasan Korupsi"), NOTE)
    assert store.read().code_of("komisi pemberantasan korupsi") == "KPK"


def test_a_name_stands_for_one_agency_only(store: AgencyStore) -> None:
    with pytest.raises(CekalwatchError) as caught:
        store.put(Agency("LAIN", "Yang lain", ("JAKSA AGUNG RI",)), NOTE)
    assert caught.value.code is Code.AGENCY_NAME_TAKEN
    assert store.read() == SHIPPED


def test_the_list_has_a_bound(database: Database) -> None:
    keyring(database)
    many = Agencies(tuple(Agency(f"A{number}", f"Agency {number}") for number in range(MAX_AGENCIES)))
    full = AgencyStore(database, many)
    full.put(Agency("A1", "Agency One"), NOTE)
    with pytest.raises(CekalwatchError) as caught:
        full.put(Agency("B", "Beyond"), NOTE)
    assert caught.value.code is Code.AGENCIES_TOO_MANY


def test_the_names_fit_into_one_message(store: AgencyStore) -> None:
    long = tuple("x" * 199 + str(number) for number in range(9))
    put = 0
    with pytest.raises(CekalwatchError) as caught:
        for number in range(MAX_AGENCIES):
            store.put(Agency(f"A{number}", f"Agency {number}", tuple(f"{number} {one}"[:200] for one in long)), NOTE)
            put += 1
    assert caught.value.code is Code.AGENCIES_TOO_MANY
    assert AGENCY_LIST.write(listed(store.read())).ByteSize() < MAX_MESSAGE_BYTES // 2
    assert put > 30


@pytest.mark.both_databases
def test_a_centres_list_takes_the_place_of_this_one_once(database: Database, store: AgencyStore) -> None:
    store.put(Agency("DINAS", "Dinas Contoh"), NOTE)
    wanted = [
        Agency("KPK", "Komisi"),
        Agency("LAIN", "Yang lain", ("Umum",)),
        Agency("LAIN-2", "Yang ketiga", ("umum",)),
    ]
    assert store.replace(wanted, NOTE)
    assert [(one.code, one.other_names) for one in store.read().known] == [
        ("KPK", ()),
        ("LAIN", ("Umum",)),
        ("LAIN-2", ()),
    ]
    before = WatchlistStore(database, keyring(database)).version()
    assert not store.replace(wanted, NOTE)
    assert WatchlistStore(database, keyring(database)).version() == before
    assert store.replace(SHIPPED.known, NOTE)
    assert store.read() == SHIPPED


@pytest.mark.both_databases
def test_a_row_that_somebody_else_wrote_changes_no_agency(database: Database, store: AgencyStore) -> None:
    """Otherwise whoever writes the database could make two agencies one, and orders of theirs void."""
    store.put(Agency("DINAS", "Dinas Contoh"), NOTE)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE agency SET name = 'Kejaksaan Agung', code = 'KEJAGUNG'"))
    assert store.read() == SHIPPED
