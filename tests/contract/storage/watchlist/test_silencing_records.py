"""What an import by hand may not store: whatever record makes an order in force alert no more (domain rule 18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import Subject, TravelDocument
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.record_store import NewRecord, StoreOutcome
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.importer import ByHand
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FixedClock, order, reference, subject

NOW = datetime(2026, 3, 1, 5, tzinfo=UTC)
PASSPORT = TravelDocument("P", "A1234567", "MYS")
HELD = order("O-1", valid_until=date(2026, 6, 20))
URGENT = order("O-2", subject_id="S-2", urgent=True, decree_number="", decree_date=None, received_on=date(2026, 2, 20))
TANGKAL = order("O-3", subject_id="S-3", kind=OrderKind.TANGKAL)
WHO = {
    "O-1": subject("S-1"),
    "O-2": subject("S-2", travel_documents=(PASSPORT,)),
    "O-3": subject("S-3", nationality="MYS"),
}
ORDERS = {one.order_id: one for one in (HELD, URGENT, TANGKAL)}
EARLIER = replace(URGENT, order_id="O-9", subject_id="S-9", received_on=date(2026, 2, 1), valid_from=date(2026, 1, 1))


def changed(key: str, *, who: Subject | None = None, **facts: Any) -> tuple[Subject, BanOrder]:
    found = who or WHO[key]
    return found, replace(ORDERS[key], subject_id=found.subject_id, **facts)


SILENCING = {
    "revoked": (changed("O-1", revoked_at=NOW), {"O-1"}),
    "revoked in a month": (changed("O-1", revoked_at=datetime(2026, 4, 1, tzinfo=UTC)), {"O-1"}),
    "ends sooner": (changed("O-1", valid_until=date(2026, 6, 19)), {"O-1"}),
    "begins later": (changed("O-1", valid_from=date(2026, 3, 5)), {"O-1"}),
    "of the other kind": (changed("O-1", kind=OrderKind.TANGKAL), {"O-1"}),
    "of the other kind, of a foreigner": (changed("O-3", kind=OrderKind.CEGAH), {"O-3"}),
    "of somebody else": (changed("O-1", who=subject("S-3", nationality="MYS")), {"O-1"}),
    "of somebody without photographs": (changed("O-1", who=subject("S-8")), {"O-1"}),
    "a citizen": (changed("O-3", who=subject("S-3", nationality="IDN")), {"O-3"}),
    "urgent again, by another key": ((subject("S-9", travel_documents=(PASSPORT,)), EARLIER), {"O-2"}),
}
HARMLESS = {
    "the same": changed("O-1"),
    "longer": changed("O-1", valid_until=date(2026, 7, 1)),
    "another reason": changed("O-1", reason="penyidikan"),
    "somebody new": (subject("S-7"), order("O-7", subject_id="S-7")),
    "an address": changed("O-1", who=subject("S-1", address="Jl. Contoh 1")),
}


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    found = WatchlistStore(database, keyring(database), FixedClock(NOW))
    for key, one in ORDERS.items():
        found.put(WHO[key], one, [reference(key.encode())])
    return found


@pytest.fixture
def refuses() -> Callable[..., ByHand]:
    checkpoints = Checkpoints(Law(), {"batam-center": WIB})
    return lambda *signed: ByHand(checkpoints, FixedClock(NOW), frozenset(signed))


def contents(store: WatchlistStore) -> object:
    return store.get_subjects(["S-1", "S-2", "S-3", "S-7", "S-8", "S-9"])


@pytest.mark.parametrize("case", SILENCING)
def test_a_record_that_silences_an_order_in_force_is_stored_with_a_signature_only(
    store: WatchlistStore, refuses: Callable[..., ByHand], case: str
) -> None:
    (who, one), silenced = SILENCING[case]
    record, before = NewRecord(who, one), contents(store)
    assert store.silenced_by([record], refuses().silenced) == [tuple(sorted(silenced))]
    assert contents(store) == before, "a preview stores nothing"
    assert store.put_all([record], lambda *_: None, refuses().refuses).outcomes == [StoreOutcome.SILENCES_ORDERS]
    assert store.put_all([record], lambda *_: None, refuses("O-0").refuses).outcomes == [StoreOutcome.SILENCES_ORDERS]
    assert contents(store) == before
    assert store.put_all([record], lambda *_: None, refuses(*silenced).refuses).outcomes == [StoreOutcome.STORED]


@pytest.mark.parametrize("case", HARMLESS)
def test_what_silences_nothing_needs_nobody_else(
    store: WatchlistStore, refuses: Callable[..., ByHand], case: str
) -> None:
    record = NewRecord(*HARMLESS[case])
    assert store.silenced_by([record], refuses().silenced) == [()]
    (outcome,) = store.put_all([record], lambda *_: None, refuses().refuses).outcomes
    assert outcome in {StoreOutcome.STORED, StoreOutcome.UNCHANGED}


def test_of_several_records_those_that_silence_nothing_are_stored(
    store: WatchlistStore, refuses: Callable[..., ByHand]
) -> None:
    records = [NewRecord(*changed("O-1", revoked_at=NOW)), NewRecord(*HARMLESS["somebody new"])]
    noted: list[int] = []

    def note(number: int, _: object) -> None:
        noted.append(number)

    found = store.put_all(records, note, refuses().refuses)
    assert list(found.outcomes) == [StoreOutcome.SILENCES_ORDERS, StoreOutcome.STORED]
    assert noted == [0, 1] or noted == [1]
    assert noted[-1] == 1
    assert store.get_subject("S-1").orders[0].revoked_at is None


def test_a_source_that_two_people_set_up_may_end_orders(store: WatchlistStore) -> None:
    record = NewRecord(*changed("O-1", revoked_at=NOW))
    assert store.put_all([record], lambda *_: None).outcomes == [StoreOutcome.STORED]
