"""Searches by what is sealed and by the law, on every kind of database: they follow the list, and read it once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.watchlist import WatchlistFilter, WatchlistProblem
from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.domain.orders.agencies import Agency
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist import subject_search
from cekalwatch.server.watchlist.subject_search import SubjectSearch
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import MODEL, WIB, order, reference, subject

SITE = "batam-center"
IN_MARCH = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
IN_AUGUST = datetime(2026, 8, 1, 5, 0, tzinfo=UTC)


class Counted(WatchlistStore):
    """A store that counts the subjects that are read."""

    read = 0

    def get_subjects(self, subject_ids: Collection[str]) -> list[SubjectFile]:
        self.read += len(subject_ids)
        return super().get_subjects(subject_ids)


@pytest.fixture
def store(database: Database) -> Counted:
    return Counted(database, keyring(database))


@pytest.fixture
def checkpoints() -> Checkpoints:
    return Checkpoints(Law(), {SITE: WIB})


@pytest.fixture
def found(store: Counted, checkpoints: Checkpoints) -> Callable[..., list[str]]:
    search = SubjectSearch(store, checkpoints, SITE, lambda: MODEL)

    def find(at: datetime = IN_MARCH, after: str = "", most: int = 100, **wanted: object) -> list[str]:
        page = search.find(WatchlistFilter(**wanted), at, after, most)  # type: ignore[arg-type]  # as the test names them
        return page.subject_ids if not page.more_after else [*page.subject_ids, f"> {page.more_after}"]

    return find


def fill(store: WatchlistStore) -> None:
    store.put(subject("S-1", name="Contoh Satu", aliases=("Si  Dadap",)), order("O-1"), [reference()])
    foreign = order("O-2", subject_id="S-2", kind=OrderKind.TANGKAL, requesting_agency="Ditjen Imigrasi")
    store.put(subject("S-2", name="ÉVA Müller", nationality="DEU"), foreign)
    void = order("O-3", subject_id="S-3", kind=OrderKind.TANGKAL, decree_number="KEP-77/2026")
    store.put(subject("S-3", name="Contoh Tiga"), void, [reference(b"3", model_version="older")])


def test_what_is_sealed_is_found_in_any_case(store: Counted, found: Callable[..., list[str]]) -> None:
    fill(store)
    for wanted, keys in (
        ({"text": "contoh"}, ["S-1", "S-3"]),
        ({"text": "si dadap"}, ["S-1"]),
        ({"text": "éva MÜLLER"}, ["S-2"]),
        ({"text": "o-2"}, ["S-2"]),
        ({"text": "kep-77"}, ["S-3"]),
        ({"text": "s-"}, ["S-1", "S-2", "S-3"]),
        ({"text": "satu", "kind": OrderKind.TANGKAL}, []),
        ({"agency": "imigrasi"}, ["S-2"]),
        ({"problem": WatchlistProblem.INVALID}, ["S-3"]),
        ({"problem": WatchlistProblem.NO_REFERENCE}, ["S-2"]),
        ({"problem": WatchlistProblem.STALE_MODEL}, ["S-3"]),
        ({"status": OrderStatus.ACTIVE}, ["S-1", "S-2"]),
        ({"status": OrderStatus.LAPSED, "at": IN_AUGUST}, ["S-1", "S-2"]),
        ({"status": OrderStatus.ACTIVE, "at": IN_AUGUST}, []),
        ({"subject_id": "S-2"}, ["S-2"]),
        ({"subject_id": "S-2", "text": "contoh"}, []),
    ):
        assert found(**wanted) == keys, wanted


def test_a_search_reads_each_subject_once_and_again_when_it_changed(
    store: Counted, found: Callable[..., list[str]]
) -> None:
    fill(store)
    assert found(text="contoh") == ["S-1", "S-3"]
    assert store.read == 3
    assert found(status=OrderStatus.LAPSED, at=IN_AUGUST) == ["S-1", "S-2"]
    assert store.read == 3
    store.put(subject("S-1", name="Lain Sekali"), order("O-1"))
    store.put(subject("S-4", name="Contoh Empat"), order("O-4", subject_id="S-4"))
    assert found(text="contoh") == ["S-3", "S-4"]
    assert store.read == 5
    store.delete_subject("S-3", lambda gone: deletion_entry(operator(), IN_MARCH, "S-3", gone.order_ids, photographs=0))
    assert found(text="contoh") == ["S-4"]
    assert store.read == 5


@pytest.mark.both_databases
def test_pages_go_on_where_the_last_one_ended(store: Counted, found: Callable[..., list[str]]) -> None:
    fill(store)
    assert found(text="s-", most=2) == ["S-1", "S-2", "> S-2"]
    assert found(text="s-", most=2, after="S-2") == ["S-3"]


def test_a_search_that_has_read_enough_ends_and_goes_on(
    store: Counted, found: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    monkeypatch.setattr(subject_search, "READ_AT_ONCE", 1)
    monkeypatch.setattr(subject_search, "MAX_READ", 2)
    assert found(text="tiga") == ["> S-2"]
    assert found(text="tiga", after="S-2") == ["S-3"]
    assert found(text="tiga") == ["S-3"]
    assert store.read == 3


def test_no_more_is_held_than_there_is_room_for(
    store: Counted, found: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    monkeypatch.setattr(subject_search, "MAX_HELD", 1)
    for _ in range(2):
        assert found(text="contoh") == ["S-1", "S-3"]
    assert store.read == 3 + 2


def test_another_law_is_not_answered_with_statuses_by_the_former_one(
    store: Counted, checkpoints: Checkpoints, found: Callable[..., list[str]]
) -> None:
    store.put(subject("S-1"), order("O-1", requesting_agency="Dinas Contoh"))
    assert found(problem=WatchlistProblem.FLAGGED) == ["S-1"]
    agencies = checkpoints.law.agencies.changed([Agency("DINAS", "Dinas Contoh")], ())
    checkpoints.law = replace(checkpoints.law, agencies=agencies)
    assert found(problem=WatchlistProblem.FLAGGED) == []
