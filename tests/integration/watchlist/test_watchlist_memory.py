"""Reading a list takes no memory that grows with it."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS
from cekalwatch.server.watchlist.sources.opening import open_source
from cekalwatch.server.watchlist.sources.settings import FolderSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder, WatchlistSource
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import row, write_orders

FEW, MANY = 400, 4000
"""Both fill more than a page."""


def folder(place: Path, count: int) -> WatchlistSource:
    write_orders(place, [row(f"O-{number}", reason="x" * 200) for number in range(count)])
    return open_source(FolderSettings(path=place), WIB)


def database(place: Path, count: int) -> WatchlistSource:
    place.mkdir()
    file = place / "orders.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE orders ({', '.join(FIELDS)})")
        for number in range(count):
            cells = row(f"O-{number}", reason="x" * 200)
            values = [cells.get(name, "") for name in FIELDS]
            connection.execute(f"INSERT INTO orders VALUES ({', '.join('?' * len(FIELDS))})", values)  # noqa: S608
    return open_source(SqlSettings(kind="sql", address=f"sqlite:///{file}", query="orders"), WIB)


def peak(source: WatchlistSource, count: int) -> int:
    """The most bytes that Python held while the list was read."""
    with closing(source):
        tracemalloc.start()
        try:
            pages = source.read("").pages
            assert sum(isinstance(item, OfferedOrder) for page in pages for item in page.items) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("made", [folder, database])
def test_ten_times_as_many_rows_take_no_more_memory(
    tmp_path: Path, made: Callable[[Path, int], WatchlistSource]
) -> None:
    peak(made(tmp_path / "warm", FEW), FEW)  # what is loaded and cached once
    few = peak(made(tmp_path / "few", FEW), FEW)
    many = peak(made(tmp_path / "many", MANY), MANY)
    # The rows that are more hold 2 MB as text alone.
    assert many < few + 500_000, (few, many)
