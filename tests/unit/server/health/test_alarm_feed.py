"""What a watcher is told, also when it is slow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.server.domain.alarms import AlarmCondition, StoredAlarm
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.feed import AlarmFeed
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.people import HandClock


def condition(number: int, site: str = "batam-center") -> AlarmCondition:
    return AlarmCondition(AlarmKind.CAMERA_DOWN, f"dep-{number}", site, f"D{number}")


async def test_a_watcher_that_fell_behind_gets_everything_that_is_open_anew(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store = AlarmStore(database)
    board = AlarmBoard(store, HandClock())
    board.agree([condition(1)], lambda *_: True)
    feed = AlarmFeed(store, keep=3)
    slow = feed.watch("", quiet_s=10)
    first = await anext(slow)
    assert isinstance(first, tuple)
    assert [one.condition for one in first] == [condition(1)]
    board.agree([condition(2)], lambda *_: True)
    await feed.catch_up()
    changes = [await anext(slow), await anext(slow)]
    assert {(one.condition.about, one.ended_at is None) for one in changes if isinstance(one, StoredAlarm)} == {
        ("dep-1", False),
        ("dep-2", True),
    }
    for number in range(3, 8):
        board.agree([condition(number)], lambda *_: True)
        await feed.catch_up()
    anew = await anext(slow)
    assert isinstance(anew, tuple)
    assert [one.condition for one in anew] == [condition(7)]
    await slow.aclose()
    database.close()


async def test_when_the_server_ends_so_does_the_stream_of_a_watcher(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store = AlarmStore(database)
    AlarmBoard(store, HandClock()).agree([condition(1)], lambda *_: True)
    feed = AlarmFeed(store)
    watcher = feed.watch("", quiet_s=3600)
    await anext(watcher)
    following = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)
    feed.end()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(following, 30)
    database.close()


async def test_a_watcher_of_one_site_hears_of_that_and_of_what_concerns_all(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store = AlarmStore(database)
    board = AlarmBoard(store, HandClock())
    feed = AlarmFeed(store)
    watcher = feed.watch("batam-center", quiet_s=0.01)
    assert await anext(watcher) == ()
    everywhere = AlarmCondition(AlarmKind.SOURCE_STALE, "folder:/list")
    board.agree([condition(1), condition(2, "sekupang"), everywhere], lambda *_: True)
    await feed.catch_up()
    found = [await anext(watcher), await anext(watcher)]
    assert [one.condition for one in found if isinstance(one, StoredAlarm)] == [condition(1), everywhere]
    assert await anext(watcher) is None
    await watcher.aclose()
    database.close()
