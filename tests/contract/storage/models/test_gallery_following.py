"""A running server's gallery follows the watchlist, on every kind of database, and reads no more than what changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy

from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.server.capture.candidates import OrdersInForce
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.storage.columns import TEMPLATE
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.store import TemplatePiece, TemplateStore
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FIXED_THRESHOLD, MODEL, SIZE, WIB, FixedClock, order, reference, subject

CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
DEPARTURE = Camera("dep-1", "batam-center", "D1", Direction.DEPARTURE)
MARCH = datetime(2026, 3, 1, 5, tzinfo=UTC)


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def holder_of(database: Database, clock: FixedClock | None = None) -> SnapshotHolder:
    model = SearchedModel(MODEL, SIZE, lambda _: FIXED_THRESHOLD)
    watchlist = WatchlistStore(database, keyring(database))
    return SnapshotHolder(watchlist.templates, TermsReader(watchlist, CHECKPOINTS), clock or FixedClock(), model)


def listed(store: WatchlistStore, key: str, *directions: int, **facts: object) -> None:
    photos = [reference(f"{key} {axis}".encode(), direction=axis) for axis in directions]
    store.put(subject(key), order(f"O-{key}", subject_id=key, **facts), photos)


def nearest(gallery: Gallery, axis: int) -> str | None:
    (candidates,) = gallery.search(MODEL, np.eye(SIZE, dtype=np.float32)[[axis]], 1)
    return candidates[0].subject_id if candidates and candidates[0].score > 0.9 else None


@contextmanager
def opened_templates() -> Iterator[list[int]]:
    """Count the templates that the block opens."""
    counted: list[int] = []
    opened = TemplateStore._vector

    def counting(self: TemplateStore, *arguments: str) -> bytes:
        counted.append(1)
        return opened(self, *arguments)  # type: ignore[arg-type]

    TemplateStore._vector = counting  # type: ignore[assignment,method-assign]
    try:
        yield counted
    finally:
        TemplateStore._vector = opened  # type: ignore[method-assign]


@pytest.mark.both_databases
def test_what_is_added_changed_and_deleted_is_followed(database: Database, store: WatchlistStore) -> None:
    listed(store, "S-1", 1)
    first, second = holder_of(database), holder_of(database)

    def both_find(axis: int, key: str | None) -> bool:
        return all(nearest(holder.current.gallery, axis) == key for holder in (first, second))

    def both_follow() -> None:
        assert [first.follow(), second.follow()] == [True, True]
        assert [first.follow(), second.follow()] == [False, False]

    listed(store, "S-2", 2, 3)
    assert both_find(2, None)
    both_follow()
    assert both_find(2, "S-2")
    assert both_find(3, "S-2")
    listed(store, "S-1", 4)
    both_follow()
    assert both_find(1, "S-1")
    assert both_find(4, "S-1")
    store.delete_subject("S-2", deleted)
    both_follow()
    assert both_find(2, None)
    assert both_find(1, "S-1")
    assert (len(first.current.gallery), first.current.gallery.subjects) == (2, 1)


def test_a_change_of_one_order_opens_that_subjects_templates_alone(database: Database, store: WatchlistStore) -> None:
    for number in range(30):
        listed(store, f"S-{number}", number % SIZE)
    holder = holder_of(database)
    before = holder.current.gallery
    with opened_templates() as opened:
        listed(store, "S-7", valid_until=date(2026, 5, 1))
        assert holder.follow()
        assert len(opened) == 1
    assert holder.current.gallery is before


@pytest.mark.slow
def test_a_server_that_was_away_for_many_changes_catches_up(database: Database, store: WatchlistStore) -> None:
    holder = holder_of(database)
    for number in range(130):  # more than are asked for at once
        listed(store, f"S-{number}", number % SIZE)
    store.delete_subject("S-3", deleted)
    assert holder.follow()
    fresh = holder_of(database).current
    watch = holder.current
    assert (len(watch.gallery), watch.gallery.subjects, watch.version) == (129, 129, fresh.version)


def test_damaged_templates_are_counted_as_the_watchlist_changes(database: Database, store: WatchlistStore) -> None:
    listed(store, "S-1", 1)
    listed(store, "S-2", 2)
    holder = holder_of(database)
    (face,) = store.get_subject("S-1").references
    bad = keyring(database).seal(TEMPLATE.at(face.reference_id, MODEL), bytes(4 * SIZE))
    with database.engine.begin() as connection:
        query = sqlalchemy.text("UPDATE template SET vector = :v WHERE reference_id = :r")
        connection.execute(query, {"v": bad, "r": face.reference_id})
    listed(store, "S-1", valid_until=date(2026, 5, 1))
    holder.follow()
    assert (holder.current.unusable_templates, nearest(holder.current.gallery, 1)) == (1, None)
    listed(store, "S-2", valid_until=date(2026, 5, 1))
    holder.follow()
    assert holder.current.unusable_templates == 1
    listed(store, "S-1", 1)
    holder.follow()
    assert (holder.current.unusable_templates, nearest(holder.current.gallery, 1)) == (0, "S-1")


@pytest.mark.both_databases
def test_loading_sees_one_state_while_others_write(database: Database, store: WatchlistStore) -> None:
    """A change that is committed while the pieces are read is in none of them, and is followed afterwards."""
    listed(store, "S-1", 1)
    listed(store, "S-2", 2)
    templates = TemplateStore(database, keyring(database))
    pieces: list[TemplatePiece] = []
    original = templates._pieces

    def interrupted(*arguments: object) -> Iterator[TemplatePiece]:
        writer = threading.Thread(target=lambda: store.put(*changed))
        writer.start()
        writer.join()
        yield from original(*arguments)  # type: ignore[arg-type]

    changed = (subject("S-3"), order("O-3", subject_id="S-3"), [reference(b"new", direction=3)])
    templates._pieces = interrupted  # type: ignore[assignment,method-assign]
    state = templates.load(MODEL, SIZE, pieces.append)
    assert sorted(key for piece in pieces for key in piece.subject_ids) == ["S-1", "S-2"]
    assert state.version == store.version() - 1
    templates._pieces = original  # type: ignore[method-assign]
    changes = templates.changes(state.version, MODEL, SIZE)
    assert changes.subject_ids == ("S-3",)


@pytest.mark.both_databases
def test_searches_never_stop_nor_see_half_a_change(database: Database, store: WatchlistStore) -> None:
    """Both of a subject's faces change places together; a search finds the one pair or the other, and never none."""
    listed(store, "S-0", 0)
    store.put(subject("S-1"), order("O-S-1", subject_id="S-1"), pair(1))
    holder, searched, wrong = holder_of(database), threading.Event(), []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            gallery = holder.current.gallery
            seen = {axis for axis in range(1, 5) if nearest(gallery, axis) == "S-1"}
            if seen not in ({1, 2}, {3, 4}) or nearest(gallery, 0) != "S-0":
                wrong.append(seen)
            searched.set()

    searching = threading.Thread(target=search)
    searching.start()
    try:
        for turn in range(12):
            store.put(subject("S-1"), order("O-S-1", subject_id="S-1"), pair(3 if turn % 2 == 0 else 1))
            assert holder.follow()
            searched.clear()
            assert searched.wait(20)
    finally:
        stop.set()
        searching.join()
    assert wrong == []


def pair(axis: int) -> list[NewReference]:
    """Two photographs, enrolled anew with other templates."""
    return [reference(b"one", direction=axis), reference(b"two", direction=axis + 1)]


def test_orders_count_as_they_are_at_the_moment_of_asking(store: WatchlistStore) -> None:
    book = OrdersInForce(store, CHECKPOINTS)
    listed(store, "S-1", 1)
    listed(store, "S-2", 2, kind=OrderKind.TANGKAL)
    keys = ["S-1", "S-2", "S-9"]
    in_force = book.of(keys, DEPARTURE, MARCH)
    assert {key: [one.order_id for one in orders] for key, orders in in_force.items()} == {"S-1": ["O-S-1"]}
    assert book.of(keys, replace(DEPARTURE, direction=Direction.ARRIVAL), MARCH) == {}, "a citizen"
    assert book.of(keys, DEPARTURE, datetime(2026, 7, 1, tzinfo=UTC)) == {}
    listed(store, "S-1", revoked_at=MARCH - timedelta(hours=1))
    assert book.of(keys, DEPARTURE, MARCH) == {}
