"""Only people with an order that is in force, or will be, are searched (domain rule 9), on every kind of database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.contract.values.thresholds import Threshold
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.orders.agencies import Agency
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.law_follower import LawFollower
from tests.support.builders.audit import entry
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FIXED_THRESHOLD, MODEL, SIZE, WIB, FixedClock, order, reference, subject
from tests.support.scenarios.sync import SyncBench, TestSource

JULY = datetime(2026, 6, 30, 17, tzinfo=UTC)
"""The first moment of 1 July in Batam."""


class ListOfOne:
    """A watchlist, and a gallery that follows it."""

    def __init__(self, database: Database, kept: Path | None = None) -> None:
        """`kept`: where a server keeps the terms of orders for its next start."""
        keys = keyring(database)
        self.store, self.clock = WatchlistStore(database, keys), FixedClock()
        self.asked: list[int] = []
        file = TermsFile(kept, keys, {}) if kept else None
        self.agencies = AgencyStore(database)
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        self.law = LawFollower(checkpoints, self.store.version, lambda: Law(agencies=self.agencies.read()))
        self.terms = TermsReader(self.store, checkpoints, file)
        model = SearchedModel(MODEL, SIZE, self.threshold)
        self.holder = SnapshotHolder(self.store.templates, self.terms, self.clock, model)

    def threshold(self, templates: int) -> Threshold:
        self.asked.append(templates)
        return FIXED_THRESHOLD

    def put(self, key: str, axis: int, **facts: object) -> None:
        self.store.put(
            subject(key), order(f"O-{key}", subject_id=key, **facts), [reference(key.encode(), direction=axis)]
        )

    def found(self) -> list[str]:
        """Who is found for a face like all of theirs."""
        self.law.follow()
        self.holder.follow()
        (candidates,) = self.holder.current.gallery.search(MODEL, np.full((1, SIZE), SIZE**-0.5, np.float32), 100)
        return sorted(one.subject_id for one in candidates)


@pytest.fixture
def some(database: Database) -> ListOfOne:
    return ListOfOne(database)


@pytest.mark.both_databases
def test_somebody_leaves_the_gallery_when_the_last_order_ends_and_comes_in_with_a_new_one(some: ListOfOne) -> None:
    some.put("S-1", 1)
    some.put("S-2", 2, valid_from=date(2027, 1, 1), valid_until=date(2027, 6, 30), received_on=date(2026, 2, 1))
    assert some.found() == ["S-1", "S-2"]
    some.put("S-1", 1, revoked_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert some.found() == ["S-2"]
    assert (some.holder.current.people.left_out, some.holder.current.people.searched) == (1, 1)
    some.store.put(subject("S-1"), order("O-new"))
    assert some.found() == ["S-1", "S-2"]
    assert some.holder.current.people.left_out == 0


def test_somebody_leaves_by_the_clock_of_the_checkpoint_and_the_threshold_falls(some: ListOfOne) -> None:
    some.put("S-1", 1)
    some.put("S-2", 2, valid_until=date(2026, 7, 1))
    some.clock.moment = JULY - timedelta(microseconds=1)
    assert some.found() == ["S-1", "S-2"]
    some.clock.moment = JULY
    assert some.found() == ["S-2"]
    assert some.asked[-1] == 1, "the threshold is that of a list of one"
    some.clock.moment = JULY + timedelta(days=1)
    assert some.found() == []
    assert not some.holder.current.blind, "a list all of whose people have ended is empty"


def test_a_clock_that_was_wrong_loses_nobody(some: ListOfOne) -> None:
    some.put("S-1", 1)
    right = some.clock.moment
    some.clock.moment = right + timedelta(days=365)
    assert some.found() == []
    some.put("S-2", 2)
    some.clock.moment = right
    assert some.found() == ["S-1", "S-2"]


@pytest.mark.both_databases
@pytest.mark.parametrize("kept", [False, True])
def test_another_list_of_agencies_changes_who_is_searched_at_once(
    database: Database, tmp_path: Path, kept: bool
) -> None:
    """Two urgent requests of one agency without a decision between them: the second is void, under any spelling."""
    file = tmp_path / "order_terms.sealed" if kept else None
    some = ListOfOne(database, file)
    undecided = {"urgent": True, "decree_number": "", "decree_date": None, "valid_until": date(2026, 6, 30)}
    some.put("S-1", 1, requesting_agency="Dinas Contoh", received_on=date(2026, 1, 1), **undecided)
    again = {"requesting_agency": "Dinas Umpama", "received_on": date(2026, 2, 25), **undecided}
    some.store.put(subject("S-1"), order("O-2", **again))
    some.put("S-2", 2)
    assert some.found() == ["S-1", "S-2"]
    some.terms.keep()
    note = entry(1, action=Action.AGENCY_PUT)
    some.agencies.put(Agency("DINAS", "Dinas Contoh", ("Dinas Umpama",)), note)
    assert some.found() == ["S-2"], "the second request is of the same agency now"
    some.terms.keep()
    assert ListOfOne(database, file).found() == ["S-2"], "also after a start"
    some.agencies.put(Agency("DINAS", "Dinas Contoh"), note)
    assert some.found() == ["S-1", "S-2"]


@pytest.mark.parametrize("kept", [False, True])
def test_who_left_the_source_by_a_clock_that_was_ahead_does_not_come_back(
    database: Database, tmp_path: Path, kept: bool
) -> None:
    file = tmp_path / "order_terms.sealed" if kept else None
    some = ListOfOne(database, file)
    bench = SyncBench(database, TestSource(), clock=some.clock)
    bench.source.put("O-S-1", "S-1")
    bench.source.put("O-S-2", "S-2")
    bench.done()
    some.put("S-1", 1)
    some.put("S-2", 2)
    assert some.found() == ["S-1", "S-2"]
    right = some.clock.moment
    some.clock.moment = right + timedelta(hours=2)
    bench.source.drop("O-S-1")
    assert bench.done().counts.ended == 1
    assert some.found() == ["S-2"]
    some.terms.keep()
    some.clock.moment = right
    assert some.found() == ["S-2"]
    assert (some.holder.current.people.left_out, some.holder.current.people.searched) == (1, 1)
    again = ListOfOne(database, file)
    assert again.found() == ["S-2"]


def test_a_new_server_loads_only_those_who_are_searched(some: ListOfOne, database: Database) -> None:
    some.put("S-1", 1)
    some.put("S-2", 2, valid_until=date(2026, 2, 1))
    again = ListOfOne(database)
    assert again.found() == ["S-1"]
    assert again.asked[0] == 1
    assert (again.holder.current.people.left_out, again.holder.current.gallery.subjects) == (1, 1)


@pytest.mark.slow
def test_a_hundred_ended_records_of_one_face_hide_nobody(some: ListOfOne) -> None:
    for number in range(100):
        some.put(f"E-{number:03}", 1, valid_until=date(2026, 2, 1))
    some.put("S-1", 1)
    some.holder.follow()
    (candidates,) = some.holder.current.gallery.search(MODEL, np.eye(SIZE, dtype=np.float32)[[1]], 5)
    assert [one.subject_id for one in candidates] == ["S-1"]
