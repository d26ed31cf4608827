"""What a running server does when its database is taken away under it: it says so, and receipts nothing meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.availability import AwayReason
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.v1 import operations_service_pb2, operations_service_pb2_grpc
from cekalwatch.wire.options import CLIENT_OPTIONS
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, settings
from tests.support.tools.postgres import fresh_database

WAIT_S = 60.0
ACCEPTED, NOT_STORED = ("ACCEPTED", ""), ("RETRY", "STORAGE_UNAVAILABLE")


class Watched:
    """A server that runs, its camera, and what it says of itself."""

    def __init__(self, channel: grpc.aio.Channel, camera: CaptureClient) -> None:
        self.channel = channel
        self.camera = camera

    async def reason(self) -> str:
        stub: Any = operations_service_pb2_grpc.OperationsServiceStub(self.channel)
        answer = await stub.GetStatus(operations_service_pb2.GetStatusRequest(), timeout=WAIT_S)
        return str(answer.database.reason)

    async def until_health(self, serving: bool) -> None:  # what it is to be
        wanted = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        call: Any = health_pb2_grpc.HealthStub(self.channel).Watch(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(WAIT_S):
            while (await call.read()).status != wanted:
                pass
        call.cancel()

    async def until_accepted(self, track: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while (found := await self.camera.receipt(face(track=track))) != ACCEPTED:
                assert found == NOT_STORED


@asynccontextmanager
async def watched(chosen: ServerSettings) -> AsyncIterator[Watched]:
    async with (
        Server(chosen) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=CLIENT_OPTIONS) as channel,
    ):
        one = Watched(channel, await CaptureClient.open(channel))
        assert await one.camera.receipt(face(track="1")) == ACCEPTED
        yield one


async def refusal(chosen: ServerSettings) -> str:
    with pytest.raises(ProgramError) as caught:
        async with Server(chosen):
            pass
    assert caught.value.exit_code is Exit.CONFIG
    return str(caught.value)


@pytest.mark.slow
async def test_a_database_file_that_is_gone_gets_no_receipt_and_no_empty_one_is_made(tmp_path: Path) -> None:
    chosen = settings(tmp_path, grouping_window_seconds=0)
    list_astronaut(chosen)
    file, away = tmp_path / "cekalwatch.sqlite3", tmp_path / "moved.sqlite3"
    async with watched(chosen) as server:
        file.rename(away)
        # No camera sends anything meanwhile: the server finds out by itself.
        await server.until_health(serving=False)
        assert await server.reason() == "LOST"
        assert await server.camera.receipt(face(track="2")) == NOT_STORED
        away.replace(file)
        await server.until_health(serving=True)
        await server.until_accepted("2")
        assert await server.reason() == ""
        file.unlink()
        assert await server.camera.receipt(face(track="3")) == NOT_STORED
        assert not file.exists(), "the server made no empty one in its place"
    told = await refusal(chosen)
    assert "is gone or empty" in told
    assert "Restore it from a backup" in told


@pytest.mark.slow
async def test_a_database_file_that_is_replaced_gets_no_receipt(tmp_path: Path) -> None:
    chosen = settings(tmp_path, grouping_window_seconds=0)
    list_astronaut(chosen)
    other = tmp_path / "other.sqlite3"
    with closing(Database(f"sqlite:///{other}")) as made:
        made.upgrade()
    async with watched(chosen) as server:
        other.replace(tmp_path / "cekalwatch.sqlite3")
        await server.until_health(serving=False)
        assert await server.reason() == "LOST"
        assert await server.camera.receipt(face(track="2")) == NOT_STORED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
async def test_a_full_disk_is_said_and_it_goes_on_when_there_is_room(small_disk: Path) -> None:
    chosen = settings(small_disk, grouping_window_seconds=0)
    list_astronaut(chosen)
    async with watched(chosen) as server:
        fill(small_disk / "filling")
        await server.until_health(serving=False)
        assert await server.reason() in {"FULL", "NOT_WRITTEN"}
        assert await server.camera.receipt(face(track="2")) == NOT_STORED
        (small_disk / "filling").unlink()
        await server.until_health(serving=True)
        await server.until_accepted("2")


def fill(file: Path) -> None:
    """Take all the room there is, to the last byte."""
    with file.open("wb", buffering=0) as out:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while out.write(bytes(size)):
                    pass
            except OSError:
                continue


@pytest.mark.slow
async def test_a_dropped_database_is_said_and_an_empty_one_in_its_place_is_not_begun(
    postgres: str, tmp_path: Path
) -> None:
    with fresh_database(postgres) as address:
        chosen = settings(tmp_path, database_url=address, grouping_window_seconds=0)
        list_astronaut(chosen)
        name = sqlalchemy.make_url(address).database
        admin = sqlalchemy.create_engine(
            postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
        )
        async with watched(chosen) as server:
            with admin.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            await server.until_health(serving=False)
            assert await server.camera.receipt(face(track="2")) == NOT_STORED
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            assert await server.camera.receipt(face(track="3")) == NOT_STORED
        admin.dispose()
        assert "is gone or empty" in await refusal(chosen)


def test_a_database_that_may_only_be_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "cekalwatch.sqlite3"
    with closing(Database(f"sqlite:///{file}")) as made:
        made.upgrade()
    shutil.copy(file, tmp_path / "copy.sqlite3")
    with closing(Database(f"sqlite:///file:{tmp_path / 'copy.sqlite3'}?mode=ro&uri=true")) as database:
        with pytest.raises(StorageError), database.session() as session:
            session.connection().exec_driver_sql("UPDATE audit_head SET sequence = 1")
        assert database.availability.away is not None
        assert database.availability.away.reason is AwayReason.READ_ONLY
        database.availability.note_written()
        assert database.availability.away is None


def test_what_was_committed_into_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "cekalwatch.sqlite3"
    with closing(Database(f"sqlite:///{file}")) as database:
        database.upgrade()
        with pytest.raises(StorageError, match="is gone"), database.session() as session:
            session.connection().exec_driver_sql("UPDATE audit_head SET sequence = 0")
            os.unlink(file)  # noqa: PTH108  # between the write and its commit
            session.commit()
        assert database.availability.away is not None
        assert database.availability.away.reason is AwayReason.LOST
