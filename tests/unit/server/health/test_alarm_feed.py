"""What a watcher is told, also when it is slow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.troubles import Alarm, Fault
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.feed import AlarmFeed
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.troubles import TroubleStore
from tests.support.scenarios.people import HandClock


def fault(number: int, site: str = "batam-center") -> Fault:
    return Fault(TroubleKind.CAMERA_DOWN, f"dep-{number}", site, f"D{number}")


async def test_a_watcher_that_fell_behind_gets_everything_that_is_open_anew(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store = TroubleStore(database)
    board = AlarmBoard(store, HandClock())
    board.agree([fault(1)], lambda *_: True)
    feed = AlarmFeed(store, keep=3)
    slow = feed.watch("", quiet_s=10)
    first = await anext(slow)
    assert isinstance(first, tuple)
    assert [one.fault for one in first] == [fault(1)]
    board.agree([fault(2)], lambda *_: True)
    await feed.catch_up()
    changes = [await anext(slow), await anext(slow)]
    assert {(one.fault.about, one.ended_at is None) for one in changes if isinstance(one, Alarm)} == {
        ("dep-1", False),
        ("dep-2", True),
    }
    for number in range(3, 8):
        board.agree([fault(number)], lambda *_: True)
        await feed.catch_up()
    anew = await anext(slow)
    assert isinstance(anew, tuple)
    assert [one.fault for one in anew] == [fault(7)]
    await slow.aclose()
    database.close()


async def test_when_the_server_ends_so_does_the_stream_of_a_watcher(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store = TroubleStore(database)
    AlarmBoard(store, HandClock()).agree([fault(1)], lambda *_: True)
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
    store = TroubleStore(database)
    board = AlarmBoard(store, HandClock())
    feed = AlarmFeed(store)
    watcher = feed.watch("batam-center", quiet_s=0.01)
    assert await anext(watcher) == ()
    everywhere = Fault(TroubleKind.SOURCE_STALE, "folder:/list")
    board.agree([fault(1), fault(2, "sekupang"), everywhere], lambda *_: True)
    await feed.catch_up()
    found = [await anext(watcher), await anext(watcher)]
    assert [one.fault for one in found if isinstance(one, Alarm)] == [fault(1), everywhere]
    assert await anext(watcher) is None
    await watcher.aclose()
    database.close()
