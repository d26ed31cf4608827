"""When the list counts as out of date (domain rule 12), by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB
from tests.support.scenarios.sync import SyncBench, TestSource

LIMIT = timedelta(hours=24)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SyncBench[TestSource]]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield SyncBench.of_seven(database)
    database.close()


def is_stale(bench: SyncBench[TestSource]) -> bool:
    store = WatchlistStore(bench.database, keyring(bench.database))
    terms = TermsReader(store, Checkpoints(Law(), {"batam-center": WIB}))
    return FreshnessGauge(store, terms, bench.clock, LIMIT, bench.source.name).now().stale


def test_a_source_is_stale_from_the_first_and_after_its_limit(bench: SyncBench[TestSource]) -> None:
    assert is_stale(bench)
    bench.done()
    assert not is_stale(bench)
    bench.clock.advance(LIMIT)
    assert not is_stale(bench)
    bench.clock.advance(timedelta(seconds=1))
    assert is_stale(bench)


def test_a_source_that_is_gone_since_the_clock_was_ahead_is_stale(
    bench: SyncBench[TestSource],
) -> None:
    bench.clock.advance(timedelta(days=365))
    bench.done()
    assert not is_stale(bench)
    bench.clock.advance(timedelta(days=-365))
    assert is_stale(bench)
