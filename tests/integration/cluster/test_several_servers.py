"""Servers that share a PostgreSQL are one server to whoever connects to any of them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import events as event_wiring
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.camera_service_pb2 import GetAimingPictureRequest
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.support.scenarios.aiming_camera import aiming_camera
from tests.support.scenarios.port_office import told
from tests.support.scenarios.server import CaptureClient, Running, face, list_astronaut, reason_of, running, settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

WAIT_S = 60.0


class Cluster:
    """Servers in this process, each with a data folder of its own, on one database."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address
        self._open: list[AsyncExitStack] = []

    def settings(self, name: str, **overrides: Any) -> Any:
        shared = {"database_url": self._address, "master_key_from": f"file:{self._folder / 'master.key'}"}
        return settings(self._folder / name, **shared | {"server_name": name} | overrides)

    async def start(self, name: str, **overrides: Any) -> Running:
        stack = AsyncExitStack()
        self._open.append(stack)
        return await stack.enter_async_context(running(self.settings(name, **overrides)))

    async def stop(self, number: int) -> None:
        """Stop the server that was started so many others later."""
        await self._open[number].aclose()

    async def close(self) -> None:
        for stack in reversed(self._open):
            await stack.aclose()


@pytest.fixture
def cluster(tmp_path: Path, postgres_database: str) -> Cluster:
    return Cluster(tmp_path, postgres_database)


async def subscribed(channel: grpc.aio.Channel, agent_id: str) -> Any:
    """Subscribe, and return the call once it stands."""
    stub: Any = AlertServiceStub(channel)
    call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id=agent_id))
    assert (await call.read()).HasField("subscribed")
    return call


async def next_event(call: Any) -> Any:
    while not (message := await call.read()).HasField("event"):
        pass
    return message.event


async def test_a_hint_brings_an_event_of_another_server_before_anybody_looks(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_wiring, "FANOUT_PERIOD_S", 3600.0)
    list_astronaut(cluster.settings("one"))
    try:
        async with asyncio.timeout(WAIT_S):
            one, other = await cluster.start("one"), await cluster.start("other")
            call = await subscribed(other.channel, "pc-1")
            camera = await CaptureClient.open(one.channel)
            assert await camera.receipt(face()) == ("ACCEPTED", "")
            assert (await next_event(call)).sequence == 1
            call.cancel()
            camera.call.cancel()
    finally:
        await cluster.close()


async def status(server: Running) -> operations.GetStatusResponse:
    stub: Any = OperationsServiceStub(server.channel)
    answer: operations.GetStatusResponse = await stub.GetStatus(operations.GetStatusRequest())
    return answer


async def test_each_server_tells_of_the_whole_and_one_takes_over_the_chores_of_another(cluster: Cluster) -> None:
    list_astronaut(cluster.settings("one"))  # else it is a problem that there is no list
    try:
        async with asyncio.timeout(WAIT_S):
            one, other = await cluster.start("one"), await cluster.start("other")
            camera = await CaptureClient.open(one.channel)
            call = await subscribed(other.channel, "pc-1")

            def is_whole(answer: operations.GetStatusResponse) -> bool:
                cameras = {each.camera.camera_id: each.connected for each in answer.cameras}
                agents = {each.agent_id: each.connected for each in answer.agents}
                return cameras == {"dep-1": True, "arr-1": False} and agents == {"pc-1": True}

            async def all_know() -> bool:
                return is_whole(await status(one)) and is_whole(await status(other))

            await becomes(all_know)
            by_one, by_other = await status(one), await status(other)
            assert [each.address for each in by_one.servers] == [one.address, other.address]
            assert [each.address for each in by_other.servers] == [other.address, one.address]
            assert [each.does_chores for each in by_one.servers] == [True, False]
            assert [each.does_chores for each in by_other.servers] == [False, True]
            assert [(each.cameras, each.agents) for each in by_one.servers] == [(1, 0), (0, 1)]
            assert all(each.alive for each in (*by_one.servers, *by_other.servers))
            assert not by_other.troubles

            camera.call.cancel()
            await cluster.stop(0)

            async def has_taken_over() -> bool:
                return [each.does_chores for each in (await status(other)).servers] == [True]

            await becomes(has_taken_over)
            assert not any(each.connected for each in (await status(other)).cameras)
            call.cancel()
    finally:
        await cluster.close()


async def test_each_server_needs_a_name_and_a_folder_of_its_own(cluster: Cluster) -> None:
    try:
        async with asyncio.timeout(WAIT_S):
            await cluster.start("one")
            with pytest.raises(ProgramError, match="Give each a `data_dir` of its own"):
                await cluster.start("one", server_name="other")
            with pytest.raises(ProgramError, match="Give each server a `server_name` of its own"):
                await cluster.start("other", server_name="one")
            await cluster.start("other")
    finally:
        await cluster.close()


async def test_an_older_server_does_not_start_on_a_newer_database_and_one_that_runs_goes_on(
    cluster: Cluster, postgres_database: str
) -> None:
    list_astronaut(cluster.settings("one"))
    try:
        async with asyncio.timeout(WAIT_S):
            one = await cluster.start("one")
            camera = await CaptureClient.open(one.channel)
            with closing(Database(postgres_database)) as database, database.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(
                ProgramError, match=r"made by a newer version of this program.*update the program"
            ) as no:
                await cluster.start("other")
            assert no.value.exit_code is Exit.CONFIG
            assert await camera.receipt(face()) == ("ACCEPTED", "")
            assert len((await status(one)).servers) == 1
            camera.call.cancel()
    finally:
        await cluster.close()


async def test_a_server_with_another_law_or_master_key_does_not_start_beside_others(
    cluster: Cluster, tmp_path: Path
) -> None:
    try:
        async with asyncio.timeout(WAIT_S):
            one = await cluster.start("one")
            with pytest.raises(ProgramError, match=r"legal\.urgent_days is 20 there and 14 here.*stop all servers"):
                await cluster.start("other", legal={"urgent_days": 14})
            another = KeyFile(tmp_path / "another.key")
            another.read_or_make()
            with pytest.raises(ProgramError, match="master key"):
                await cluster.start("other", master_key_from=f"file:{another.path}")
            assert len((await status(one)).servers) == 1
    finally:
        await cluster.close()


async def test_a_picture_of_a_camera_that_another_server_has_is_refused_with_the_name_of_that_one(
    cluster: Cluster,
) -> None:
    request = GetAimingPictureRequest(camera_id="dep-1")
    try:
        async with asyncio.timeout(WAIT_S):
            one, other = await cluster.start("one"), await cluster.start("other")
            stubs: list[Any] = [CameraServiceStub(server.channel) for server in (one, other)]
            async with aiming_camera(one.channel):
                while not any(each.connected for each in (await status(other)).cameras):
                    pass
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stubs[1].GetAimingPicture(request)
                assert (reason_of(refused.value), told(refused.value)) == ("CAMERA_ELSEWHERE", {"server": "one"})
                assert (await stubs[0].GetAimingPicture(request)).jpeg
            while any(each.connected for each in (await status(one)).cameras):
                pass
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stubs[0].GetAimingPicture(request)
            assert reason_of(refused.value) == "CAMERA_AWAY"
    finally:
        await cluster.close()
