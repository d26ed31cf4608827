"""Whether a listed traveller who passes now would ring: said within ten seconds of the failure of any part.

An officer's PC showed CONNECTED for 90 s and more while its server had lost the database.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.codec.alerts import STREAM
from cekalwatch.contract.values.alerts import AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.office.connection import Disconnected, Update
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.app import Server
from cekalwatch.server.capture import chain_probe
from cekalwatch.server.recognition.engines.recogniser import NetworkRecogniser
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
)
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.integration.gallery.test_empty_gallery import FOLLOWED, change
from tests.integration.storage.test_storage_failures import Disk
from tests.support.builders.camera import capture_of
from tests.support.builders.keys import TESTS_KEY
from tests.support.fakes.alert_server import NOBODY
from tests.support.scenarios.port_office import Seat, port_office
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server import CAMERAS, CaptureClient, LateClock, face, list_astronaut, running
from tests.support.scenarios.server import settings as settings_of_tests
from tests.support.tools.packs import light_pack
from tests.support.tools.postgres import PostgresNode, postgres_programs

pytestmark = pytest.mark.slow

WITHIN_S = 10.0
"""The promise."""
RECOVERS_S = 60.0


def settings(folder: Path, **overrides: Any) -> ServerSettings:
    """Settings with the product's own period of signs of life; without cameras, which would have to be connected."""
    period_s = ServerSettings().keep_alive_period_seconds
    return settings_of_tests(folder, **{"keep_alive_period_seconds": period_s, "cameras": ()} | overrides)


class Screen:
    """What a PC hears."""

    def __init__(self, channel: grpc.aio.Channel, *counters: str) -> None:
        request = alert_service_pb2.SubscribeAlertsRequest(agent_id="-".join(("pc", *counters)).lower())
        request.filter.counters.extend(counters)
        request.now.SetInParent()
        self._call = alert_service_pb2_grpc.AlertServiceStub(channel).SubscribeAlerts(request)
        self._changed = asyncio.Event()
        self.readiness: Readiness | None = None

    async def follow(self) -> None:
        async for response in self._call:
            update = STREAM.read(response)
            if isinstance(update, Subscribed | KeepAlive):
                self.readiness = update.readiness
                self._changed.set()

    async def says(self, fault: ReadinessFault | None, within_s: float = WITHIN_S) -> None:
        """Wait until it says so."""
        begun_s = time.monotonic()
        try:
            async with asyncio.timeout(within_s):
                while self.readiness is None or self.readiness.fault is not fault:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pytest.fail(f"after {within_s} s the screen says {self.readiness}, and not {fault}")
        print(f"{fault} after {time.monotonic() - begun_s:.1f} s")  # noqa: T201  # a figure for whoever looks


@asynccontextmanager
async def screen(
    channel: grpc.aio.Channel, *counters: str, well: ReadinessFault | None = None
) -> AsyncIterator[Screen]:
    """Watch, once the line says that all is `well`."""
    watched = Screen(channel, *counters)
    following = asyncio.create_task(watched.follow())
    try:
        await watched.says(well, RECOVERS_S)
        yield watched
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await following


async def test_a_database_that_is_locked_by_another_program(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server, screen(server.channel) as watched:
        file = chosen.database_address.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await watched.says(ReadinessFault.DATABASE)
        await watched.says(None, RECOVERS_S)


async def test_a_database_file_that_is_taken_away(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server, screen(server.channel) as watched:
        file = Path(chosen.database_address.removeprefix("sqlite:///"))
        await asyncio.to_thread(file.rename, file.with_suffix(".away"))
        await watched.says(ReadinessFault.DATABASE)
        await asyncio.to_thread(file.with_suffix(".away").rename, file)
        await watched.says(None, RECOVERS_S)


@asynccontextmanager
async def process(folder: Path) -> AsyncIterator[tuple[Stack, grpc.aio.Channel]]:
    """Run a server as a process of its own."""
    list_astronaut(settings(folder / "server"))
    cameras = (CameraPlan("dep-1"),)
    config = StackConfig(folder, light_pack().parent, cameras, model_pack="light", transport=Transport.PLAINTEXT)
    with Stack(config) as stack:
        async with Dialer(stack.address, None).aio_channel() as channel:
            yield stack, channel


@pytest.mark.usefixtures("forked_programs")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit what a running process writes")
async def test_a_full_disk(tmp_path: Path) -> None:
    async with process(tmp_path) as (stack, channel), screen(channel, well=ReadinessFault.CAMERA) as watched:
        disk = Disk(stack.server.pid)
        disk.take_nothing()
        await watched.says(ReadinessFault.DATABASE)
        disk.take_again()
        await watched.says(ReadinessFault.CAMERA, RECOVERS_S)


@asynccontextmanager
async def on_postgres(folder: Path) -> AsyncIterator[tuple[PostgresNode, Screen]]:
    node = PostgresNode(postgres_programs())
    try:
        await asyncio.to_thread(node.make)
        await asyncio.to_thread(node.start)
        chosen = settings(folder, database_url=node.address, master_key_from=_key(folder))
        list_astronaut(chosen)
        async with running(chosen) as server, screen(server.channel) as watched:
            yield node, watched
    finally:
        node.close()


def _key(folder: Path) -> str:
    write_private(folder / "master.key", f"{TESTS_KEY.text}\n".encode())
    return f"file:{folder / 'master.key'}"


async def test_postgresql_that_is_stopped(tmp_path: Path) -> None:
    async with on_postgres(tmp_path) as (node, watched):
        await asyncio.to_thread(node.stop)
        await watched.says(ReadinessFault.DATABASE)
        await asyncio.to_thread(node.start)
        await watched.says(None, RECOVERS_S)


async def test_postgresql_that_hangs(tmp_path: Path) -> None:
    async with on_postgres(tmp_path) as (node, watched):
        with node.paused():
            await watched.says(ReadinessFault.DATABASE)
        await watched.says(None, RECOVERS_S)


async def test_a_camera_whose_stream_is_cut_is_told_at_its_own_counter(tmp_path: Path) -> None:
    """And one that was never heard, from the first message on."""
    chosen = settings(tmp_path, cameras=CAMERAS)
    list_astronaut(chosen)
    period_s = chosen.keep_alive_period_seconds
    nobody, somebody = (Readiness(ReadinessFault.CAMERA, ("D1",), period_s, nobody=one) for one in (True, False))
    async with running(chosen) as server:
        here, there = (ScriptedCamera(one, Dialer(server.address, None)) for one in ("dep-1", "arr-1"))
        async with (
            there.connected(),
            screen(server.channel, "A1") as other,
            screen(server.channel, well=ReadinessFault.CAMERA) as port,
            screen(server.channel, "D1", well=ReadinessFault.CAMERA) as watched,
        ):
            assert (watched.readiness, port.readiness) == (nobody, somebody)
            async with here.connected():
                await watched.says(None)
            await watched.says(ReadinessFault.CAMERA)
            assert (watched.readiness, other.readiness) == (nobody, Readiness(repeat_period_s=period_s))


async def test_a_gallery_that_is_empty_while_the_list_is_not(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server, screen(server.channel) as watched:
        change(chosen, "CREATE TABLE kept AS SELECT * FROM template", "UPDATE template SET vector = x'00'", *FOLLOWED)
        await watched.says(ReadinessFault.GALLERY)
        change(chosen, "UPDATE template SET vector = (SELECT vector FROM kept)", *FOLLOWED)
        await watched.says(None)


async def test_a_recogniser_that_fails_or_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    goes_on = threading.Event()

    def gone(*_: object) -> object:
        raise RuntimeError("the device was lost")

    def hangs(*_: object) -> object:
        goes_on.wait()
        raise RuntimeError("it hung")

    async with running(chosen) as server, screen(server.channel) as watched:
        for broken in (gone, hangs):
            with monkeypatch.context() as patched:
                patched.setattr(NetworkRecogniser, "embed", broken)
                await watched.says(ReadinessFault.RECOGNITION)
            goes_on.set()
            await watched.says(None, RECOVERS_S)


async def test_faces_that_come_faster_than_they_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_probe, "LATE_AFTER_S", 2.0)
    chosen = settings(tmp_path, cameras=CAMERAS)
    list_astronaut(chosen)
    embed, crops = NetworkRecogniser.embed, 40

    def slow(recogniser: NetworkRecogniser, faces: Any) -> Any:
        time.sleep(len(faces) / 2)
        return embed(recogniser, faces)

    async with running(chosen) as server, AsyncExitStack() as stack:
        cameras = [ScriptedCamera(one["camera_id"], Dialer(server.address, None)) for one in CAMERAS]
        for camera in cameras:
            await stack.enter_async_context(camera.connected())
        watched = await stack.enter_async_context(screen(server.channel))
        with monkeypatch.context() as patched:
            patched.setattr(NetworkRecogniser, "embed", slow)
            for camera in cameras:
                camera.put(capture_of(str(number), captured_at=datetime.now(UTC)) for number in range(crops))
            await watched.says(ReadinessFault.LATE, RECOVERS_S)
        await watched.says(None, RECOVERS_S)
        for camera in cameras:
            await camera.until_settled(crops)


async def test_a_list_that_is_out_of_date(tmp_path: Path) -> None:
    chosen, clock = settings(tmp_path), LateClock()
    list_astronaut(chosen)
    async with (
        Server(chosen, clock) as server,
        Dialer(f"127.0.0.1:{server.port}", None).aio_channel() as channel,
        screen(channel) as watched,
    ):
        clock.go(hours=chosen.freshness_limit_hours + 1)
        await watched.says(ReadinessFault.LIST)


@pytest.mark.usefixtures("forked_programs")
async def test_a_server_that_hangs_is_given_up_by_the_screen(tmp_path: Path) -> None:
    async with process(tmp_path) as (stack, _):
        with closing(SubscriptionClient(Dialer(stack.address, None), "pc-2", AlertFilter(), NOBODY)) as client:
            subscription = Subscription(client, Start.NOW, silence_timeout_s=30.0)
            updates = subscription.updates()

            def heard(kind: type[Update]) -> Update:
                return next(one for one in updates if isinstance(one, kind))

            await asyncio.to_thread(heard, KeepAlive)
            os.kill(stack.server.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(WITHIN_S):
                    await asyncio.to_thread(heard, Disconnected)
            finally:
                os.kill(stack.server.pid, signal.SIGCONT)
                subscription.stop()


async def test_messages_go_on_while_others_alerts_come(tmp_path: Path) -> None:
    """A line that only changes in quiet moments would not change at a busy port."""
    chosen = settings(tmp_path, keep_alive_period_seconds=0.5, grouping_window_seconds=0, cameras=CAMERAS)
    list_astronaut(chosen)
    async with running(chosen) as server, screen(server.channel, "A1", well=ReadinessFault.CAMERA) as watched:
        camera = await CaptureClient.open(server.channel)
        until_s, number = time.monotonic() + 3.0, 0
        watched.readiness = None
        while time.monotonic() < until_s:
            number += 1
            assert (await camera.receipt(face(track=str(number))))[0] == "ACCEPTED"
        assert watched.readiness is not None


async def test_neither_a_console_nor_a_program_that_rings_nowhere_is_a_counters_pc(tmp_path: Path) -> None:
    office = port_office(tmp_path, {})
    console, program = (
        office.site.device(*one) for one in ((DeviceRole.CONSOLE, "web"), (DeviceRole.NOTIFIER, "duty"))
    )
    async with (
        office.open(),
        office.site.dialer(office.address, console).aio_channel() as pages,
        office.site.dialer(office.address, program).aio_channel() as duty,
        office.site.dialer(office.address, office.site.diagnostics().files).aio_channel() as laptop,
    ):
        streams = [
            Seat(pages, "web").subscribe(),
            Seat(duty, "duty").subscribe(rings_nowhere=True),
            (await office.pc("pc-1")).subscribe(),
        ]
        for one in streams:
            assert (await one.read()).WhichOneof("message") == "subscribed"
        status_stub: Any = operations_service_pb2_grpc.OperationsServiceStub(laptop)
        status = await status_stub.GetStatus(operations_service_pb2.GetStatusRequest())
        assert [one.agent_id for one in status.agents if one.connected] == ["pc-1"]
