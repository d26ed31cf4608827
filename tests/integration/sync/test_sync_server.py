"""A synchronisation as travellers, officers and keepers of the list meet it: at a real server, from a real folder."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.alerts import AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.server.app import Server
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    alert_service_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    session_service_pb2_grpc,
    sync_pb2,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist_folder import Row, row, write_orders
from tests.support.fakes.alert_server import NOBODY
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import sign_in
from tests.support.scenarios.second_person import beside
from tests.support.scenarios.server import (
    CaptureClient,
    LateClock,
    face,
    jpeg,
    order_in_force,
    reason_of,
    running,
    settings,
)
from tests.support.scenarios.sync import SyncCaller, hold_schedule

CHANGE_S = 60
"""How long a change of the list may take to reach the searches."""


def listed(order_id: str = "O-1", **cells: str) -> Row:
    """A row whose order is in force now, with the portrait."""
    ban = order_in_force()
    names = ("valid_from", "valid_until", "received_on", "decree_date")
    days = {name: getattr(ban, name).isoformat() for name in names}
    return row(order_id, **days | {"photographs": "portrait.jpg", "nationality": "USA"} | cells)


class Source:
    """The folder that the server reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write()
        (folder / "portrait.jpg").write_bytes(jpeg(astronaut(), 95))

    def write(self, *rows: Row) -> None:
        write_orders(self.folder, rows)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "list")


@pytest.fixture
def chosen(tmp_path: Path, source: Source) -> ServerSettings:
    found = settings(
        tmp_path / "data",
        watchlist={"source": {"kind": "folder", "path": source.folder}},
        keep_alive_period_seconds=0.1,
        grouping_window_seconds=0,
    )
    hold_schedule(found)
    return found


async def alerts(channel: grpc.aio.Channel) -> int:
    stub: Any = AlertServiceStub(channel)
    return len((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts)


async def searched_subjects(channel: grpc.aio.Channel, wanted: int) -> None:
    """Wait until the gallery has this number of subjects. It follows the list a moment later."""
    stub: Any = operations_service_pb2_grpc.OperationsServiceStub(channel)
    async with asyncio.timeout(CHANGE_S):
        request = operations_service_pb2.GetStatusRequest()
        while (await stub.GetStatus(request)).gallery.subjects != wanted:  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_what_the_source_adds_alerts_and_what_it_takes_back_does_not(chosen: ServerSettings, source: Source):
    async with running(chosen) as server:
        syncs, camera = SyncCaller(server.channel), await CaptureClient.open(server.channel)
        assert (await syncs.now()).outcome == sync_pb2.SYNC_OUTCOME_DONE
        assert await camera.receipt(face(track="1")) == ("ACCEPTED", "")
        assert await alerts(server.channel) == 0
        source.write(listed(), row("O-9", subject_id="S-9"))
        assert (await syncs.now()).counts.added == 2
        await searched_subjects(server.channel, 1)
        await camera.receipt(face(track="2"))
        assert await alerts(server.channel) == 1
        source.write(row("O-9", subject_id="S-9"))
        assert (await syncs.now()).counts.ended == 1
        await searched_subjects(server.channel, 0)
        await camera.receipt(face(track="3"))
        assert await alerts(server.channel) == 1
        stub: Any = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
        held = (await stub.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="S-1"))).subject
        assert watchlist_pb2.OrderStatus.Name(held.orders[0].status) == f"ORDER_STATUS_{OrderStatus.REVOKED}"
        assert held.orders[0].HasField("withdrawn_time")
        source.write(listed(), row("O-9", subject_id="S-9"))
        assert (await syncs.now()).counts.changed == 1
        await searched_subjects(server.channel, 1)
        await camera.receipt(face(track="4"))
        assert await alerts(server.channel) == 2


@pytest.mark.slow
async def test_the_server_synchronises_by_itself(chosen: ServerSettings, source: Source):
    source.write(listed())
    clock = LateClock()
    async with Server(chosen, clock) as server, Dialer(f"127.0.0.1:{server.port}", None).aio_channel() as channel:
        syncs = SyncCaller(channel)
        await syncs.now()
        due = (await syncs.status()).next_run_time.ToDatetime(clock.now().tzinfo) - clock.now()
        assert timedelta(minutes=13) < due < timedelta(minutes=17)
        source.write(listed(), listed("O-2", subject_id="S-2"))
        clock.go(minutes=17)
        async with asyncio.timeout(CHANGE_S):
            while (await syncs.ended()).run_id == 1:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.1)
        run = await syncs.ended()
        assert (run.run_id, run.counts.added) == (2, 1)


async def countersign(channel: grpc.aio.Channel, name: str, token: str, run_id: int) -> str:
    stub: Any = session_service_pb2_grpc.SessionServiceStub(channel)
    request = beside(name, watchlist_service_pb2.AcceptShrunkenListRequest(run_id=run_id))
    return str((await stub.SignIn(request, metadata=bearer(token))).token)


class Desk:
    """A notifier's own subscription, in a thread."""

    def __init__(self, address: str) -> None:
        self._client = SubscriptionClient(Dialer(address, None), "pc-1", AlertFilter(), NOBODY)
        self._subscription = Subscription(self._client, Start.ACKNOWLEDGED, 30.0)
        self._updates = self._subscription.updates()

    async def freshness(self) -> Freshness:
        while True:
            update = await asyncio.to_thread(next, self._updates)
            if isinstance(update, Subscribed | KeepAlive):
                return update.freshness

    async def told(self, *, stale: bool) -> Freshness:
        """Wait until the server says so."""
        async with asyncio.timeout(CHANGE_S):
            while (found := await self.freshness()).stale is not stale:
                pass
        return found

    def close(self) -> None:
        self._subscription.stop()
        self._client.close()


@pytest.mark.slow
async def test_notifiers_are_told_of_a_stale_list_and_of_its_recovery(chosen: ServerSettings, source: Source):
    clock = LateClock()
    async with Server(chosen, clock) as server, Dialer(f"127.0.0.1:{server.port}", None).aio_channel() as channel:
        syncs, desk = SyncCaller(channel), Desk(f"127.0.0.1:{server.port}")
        assert (await desk.freshness()).last_success_at is None
        source.write(listed())
        await syncs.now()
        fresh = await desk.told(stale=False)
        source.folder.rename(source.folder.with_name("away"))
        clock.go(hours=23)
        hold_schedule(chosen, clock)
        await syncs.ended()  # what began by itself in that moment
        assert (await syncs.now()).reason == "SOURCE_UNAVAILABLE"
        hold_schedule(chosen, clock)
        assert not (await desk.freshness()).stale
        clock.go(hours=2)
        hold_schedule(chosen, clock)
        stale = await desk.told(stale=True)
        assert stale.last_success_at == fresh.last_success_at, "a failure makes nothing fresh"
        await syncs.ended()
        source.folder.with_name("away").rename(source.folder)
        assert (await syncs.now()).counts.unchanged == 1
        again = await desk.told(stale=False)
        assert again.last_success_at
        assert fresh.last_success_at
        assert again.last_success_at - fresh.last_success_at > timedelta(hours=25)
        desk.close()


@pytest.mark.slow
async def test_a_shrunken_list_waits_for_two_people_and_makes_nothing_fresh(chosen: ServerSettings, source: Source):
    source.write(listed())
    database = Database(chosen.database_address)
    office = Office(database)
    async with running(chosen) as server:
        syncs = SyncCaller(server.channel)
        await syncs.now()
        source.write()
        shrunk = await syncs.now()
        assert (shrunk.outcome, shrunk.missing, shrunk.held) == (sync_pb2.SYNC_OUTCOME_SHRUNK, 1, 1)
        assert (await syncs.status()).waiting.run_id == shrunk.run_id
        for name, role in (("lia", PersonRole.LIST_MANAGER), ("sari", PersonRole.SUPERVISOR)):
            office.hire(person(name, role))
        lia = await sign_in(server.channel, "lia")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await syncs.accept(shrunk.run_id, bearer(lia))
        assert reason_of(caught.value) == "SECOND_PERSON_NEEDED"
        sari = [await countersign(server.channel, "sari", lia, run_id) for run_id in (99, shrunk.run_id)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await syncs.accept(99, bearer(lia, sari[0]))
        assert reason_of(caught.value) == "SHRINK_NOT_WAITING"
        assert (await syncs.accept(shrunk.run_id, bearer(lia, sari[1]))).counts.ended == 1
        assert not (await syncs.status()).HasField("waiting")
    database.close()


@pytest.mark.slow
async def test_runs_are_listed_page_by_page_with_what_a_person_must_look_at(chosen: ServerSettings, source: Source):
    citizen = listed("O-3", subject_id="S-3", kind="TANGKAL", nationality="IDN", photographs="")
    source.write(listed(), listed("O-2", valid_from="someday"), citizen)
    async with running(chosen) as server:
        syncs = SyncCaller(server.channel)
        for _ in range(3):
            await syncs.now()
        stub: Any = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
        first = await stub.ListSyncRuns(watchlist_service_pb2.ListSyncRunsRequest(page_size=2))
        rest = await stub.ListSyncRuns(
            watchlist_service_pb2.ListSyncRunsRequest(page_size=2, page_token=first.next_page_token)
        )
        assert [run.run_id for run in (*first.runs, *rest.runs)] == [3, 2, 1]
        assert not rest.next_page_token
        (refusal,) = rest.runs[0].refusals
        assert (refusal.order_id, refusal.reason, refusal.field) == ("O-2", "RECORD_INVALID", "valid_from")
        (remark,) = rest.runs[0].remarks
        assert (remark.order_id, remark.broken_rules, remark.also_under) == ("O-3", ["TANGKAL_ON_CITIZEN"], [])
        assert (rest.runs[0].counts.refused, rest.runs[0].counts.flagged) == (1, 1)
        for token in ("x", "-1", "9" * 30, "１"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListSyncRuns(watchlist_service_pb2.ListSyncRunsRequest(page_token=token))
            assert reason_of(caught.value) == "PAGE_TOKEN_INVALID"


async def test_without_a_source_there_is_nothing_to_synchronise(tmp_path: Path):
    async with running(settings(tmp_path)) as server:
        syncs = SyncCaller(server.channel)
        assert (await syncs.status()).source == ""
        for call in (syncs.now(), syncs.accept(1, None)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert reason_of(caught.value) in {"SYNC_NOT_CONFIGURED", "SIGN_IN_NEEDED"}
