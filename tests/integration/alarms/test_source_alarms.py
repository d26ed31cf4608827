"""A source that is away, has shrunk or gives bad records, at the screens of a real server's watchers."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.server.app import Server
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import watchlist_service_pb2
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.audited_calls import Scene, import_watchlist
from tests.support.scenarios.server import LateClock, list_astronaut, order_in_force, running, settings
from tests.support.scenarios.sync import SyncCaller, hold_schedule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "list"


@pytest.fixture
def chosen(tmp_path: Path, folder: Path) -> ServerSettings:
    return settings(
        tmp_path / "data",
        watchlist={"source": {"kind": "folder", "path": folder}, "sync": {"shrink_min_orders": 1}},
        cameras=(),
        keep_alive_period_seconds=0.2,
    )


def move(folder: Path, place: Path) -> None:
    folder.rename(place)


async def told(syncs: SyncCaller, *, stale: bool) -> watchlist_service_pb2.GetSyncStatusResponse:
    """Ask until the server says so: it reads anew after each run."""
    async with asyncio.timeout(20):
        while (found := await syncs.status()).freshness.stale is not stale:
            pass
    return found


@pytest.mark.slow
async def test_importing_by_hand_does_not_make_a_source_fresh_that_is_away(chosen: ServerSettings, folder: Path):
    clock = LateClock()
    write_orders(folder, [row()])
    async with (
        Server(chosen, clock) as server,
        Dialer(f"127.0.0.1:{server.port}", None).aio_channel() as channel,
        Watcher(channel).watching() as watcher,
    ):
        syncs = SyncCaller(channel)
        await syncs.now()
        found = await told(syncs, stale=False)
        name, fresh = found.source, found.freshness
        move(folder, folder.with_name("away"))
        clock.go(hours=72)
        hold_schedule(chosen, clock)
        assert (await syncs.now()).reason == "SOURCE_UNAVAILABLE"
        hold_schedule(chosen, clock)
        await import_watchlist(Scene(channel))
        await watcher.until(lambda one: set(one.kinds) == {f"SOURCE_STALE {name}", f"SOURCE_FAILING {name}"})
        stale = (await syncs.status()).freshness
        assert (stale.stale, stale.last_success_time) == (True, fresh.last_success_time)
        assert [(one.source, one.stale) for one in stale.sources] == [(name, True)]
        move(folder.with_name("away"), folder)
        await syncs.now()
        await told(syncs, stale=False)
        await watcher.until(lambda one: not one.open)


@pytest.mark.slow
async def test_where_no_source_is_configured_imports_by_hand_are_what_must_be_fresh(tmp_path: Path):
    async with running(settings(tmp_path, cameras=())) as server, Watcher(server.channel).watching() as watcher:
        await watcher.until(lambda one: one.kinds == ["SOURCE_STALE import"])
        await import_watchlist(Scene(server.channel))
        await watcher.until(lambda one: not one.open)
        (source,) = (await SyncCaller(server.channel).status()).freshness.sources
        assert (source.source, source.stale) == ("", False)


@pytest.mark.slow
async def test_orders_that_cannot_be_read_are_an_alarm_until_they_are_imported_again(tmp_path: Path):
    chosen, damaged = settings(tmp_path, cameras=()), order_in_force(order_id="O-2", urgent=True)
    list_astronaut(chosen, order_in_force(), damaged)
    with closing(sqlite3.connect(chosen.database_address.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE ban_order SET facts = substr(facts, 2) WHERE order_id = 'O-2'")
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        await watcher.until(lambda one: set(one.kinds) == {"ORDERS_UNREADABLE import", "ROWS_CHANGED ban_order"})
        assert dict(watcher.the("ORDERS_UNREADABLE import").details) == {"people": "1"}
        list_astronaut(chosen, damaged)
        await watcher.until(lambda one: not one.open)


@pytest.mark.slow
async def test_a_shrunken_list_and_refused_records_are_alarms_until_they_are_put_right(
    chosen: ServerSettings, folder: Path
):
    write_orders(folder, [row(), row("O-2", subject_id="S-2"), row("O-3", subject_id="S-3", valid_from="someday")])
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        syncs = SyncCaller(server.channel)
        await syncs.now()
        name = (await syncs.status()).source
        await watcher.until(lambda one: f"RECORDS_REFUSED {name}" in one.kinds)
        assert dict(watcher.the(f"RECORDS_REFUSED {name}").details) == {"records": "1"}
        write_orders(folder, [])
        shrunk = await syncs.now()
        await watcher.until(lambda one: f"LIST_SHRUNK {name}" in one.kinds)
        (found,) = (one for one in watcher.open.values() if "run" in one.details)
        assert dict(found.details) == {"missing": "2", "held": "2", "run": str(shrunk.run_id)}
        write_orders(folder, [row(), row("O-2", subject_id="S-2"), row("O-3", subject_id="S-3")])
        await syncs.now()
        await watcher.until(lambda one: not one.open)
