"""Storage that fails under a running server: full disk, locked database, damaged rows, another model's templates."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import numpy as np
import pytest

from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.columns import TEMPLATE
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.v1 import (
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    capture_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    watchlist_pb2,
)
from cekalwatch.wire.options import CLIENT_OPTIONS
from deploy.demo.office.notifier import Notifier
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import group
from tests.support.builders.watchlist import figures
from tests.support.scenarios.server import (
    CaptureClient,
    Running,
    face,
    list_astronaut,
    order_in_force,
    running,
    settings,
)
from tests.support.tools.packs import light_pack

ACCEPTED = ("ACCEPTED", "")
NOT_STORED = ("RETRY", "STORAGE_UNAVAILABLE")
WAIT_S = 30.0


async def status(server: Running) -> operations_service_pb2.GetStatusResponse:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    answer: operations_service_pb2.GetStatusResponse = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return answer


async def alerts(channel: grpc.aio.Channel) -> list[alert_pb2.Alert]:
    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    answer: alert_service_pb2.ListAlertsResponse = await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())
    return list(answer.alerts)


def database_of(chosen: ServerSettings) -> Path:
    return Path(chosen.database_address.removeprefix("sqlite:///"))


async def until_accepted(camera: CaptureClient, capture: capture_pb2.FaceCapture) -> None:
    """Send a capture until it is accepted: that the database is well again shows only after a moment."""
    async with asyncio.timeout(WAIT_S):
        while (found := await camera.receipt(capture)) != ACCEPTED:
            assert found == NOT_STORED


class Disk:
    """What the server process may write to, be it its database or its log."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def take_nothing(self) -> None:
        """Let every write to a file fail, as on a full disk."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (0, self._before[1]))

    def take_again(self) -> None:
        """Let writes succeed again."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._before)


@asynccontextmanager
async def server_process(folder: Path) -> AsyncIterator[tuple[Disk, Notifier, grpc.aio.Channel]]:
    """A site with the portrait listed; its server is a process of its own, whose disk can be made to fail."""
    list_astronaut(settings(folder / "server"))
    config = StackConfig(
        folder,
        light_pack().parent,
        (CameraPlan("dep-1"),),
        model_pack="light",
        transport=Transport.PLAINTEXT,  # one channel plays camera and officer
        settings={"threshold": 0.45, "grouping_window_seconds": 0, "inference": "onnxruntime"},
    )
    with Stack(config) as stack:
        notifier = await asyncio.to_thread(stack.start_notifier, "officer-1")
        async with grpc.aio.insecure_channel(stack.address, options=CLIENT_OPTIONS) as channel:
            yield Disk(stack.server.pid), notifier, channel


@pytest.mark.slow
@pytest.mark.usefixtures("forked_programs")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit what a running process writes")
async def test_a_full_disk_holds_up_all_captures_alike_and_no_alert_is_lost(tmp_path: Path) -> None:
    stranger = group()
    async with server_process(tmp_path) as (disk, notifier, channel):
        camera = await CaptureClient.open(channel)
        assert await camera.receipt(face(track="1")) == ACCEPTED
        disk.take_nothing()
        held_up = [face(track="2"), face(track="3")]
        for _ in range(2):
            for capture in held_up:
                assert await camera.receipt(capture) == NOT_STORED
            assert await camera.receipt(face(stranger, track="4")) == NOT_STORED
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # a view that cannot be recorded is not given
            await alerts(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        disk.take_again()
        for capture in held_up:
            await until_accepted(camera, capture)
            assert await camera.receipt(capture) == ACCEPTED
        found = await alerts(channel)
        assert sorted(len(alert.sightings) for alert in found) == [1, 1, 1]
        await asyncio.to_thread(notifier.wait_for_sequence, 3, WAIT_S)
    assert {event["alert_id"] for event in notifier.events} == {alert.alert_id for alert in found}


@pytest.mark.slow
async def test_an_alert_waits_for_a_database_that_another_program_keeps_locked(tmp_path: Path) -> None:
    chosen = settings(tmp_path, grouping_window_seconds=0)
    list_astronaut(chosen)
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        capture = face(track="1")
        with closing(sqlite3.connect(database_of(chosen), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await camera.receipt(capture) == NOT_STORED
            assert await camera.receipt(face(group(), track="2")) == NOT_STORED
            other.execute("ROLLBACK")
        await until_accepted(camera, capture)
        assert [alert.sightings[0].capture_id for alert in await alerts(server.channel)] == [capture.capture_id]
        assert (await status(server)).captures.retry >= 2


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "too short": lambda vector: vector[:-4],
    "of another size": lambda vector: vector * 2,
    "cut within a number": lambda vector: vector[:-1],
    "empty": lambda _: b"",
    "not a number": lambda vector: np.full(len(vector) // 4, np.nan, "<f4").tobytes(),
    "infinite": lambda vector: np.full(len(vector) // 4, np.inf, "<f4").tobytes(),
    "nowhere": lambda vector: bytes(len(vector)),
}
UNSEALED: dict[str, Callable[[bytes], object]] = {"no bytes": lambda _: "text", "not sealed": lambda vector: vector}


async def test_damaged_templates_are_left_out_and_counted_and_the_rest_matches(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    database = Database(chosen.database_address)
    keys = keyring(database, chosen.master_key_source)
    rows = WatchlistRows(keys)
    with closing(sqlite3.connect(database_of(chosen))) as connection, connection:
        query = "SELECT reference_id, model_version, subject_id, vector FROM template"
        reference_id, model, subject_id, sealed = connection.execute(query).fetchone()
        vector = rows.vector(reference_id, model, subject_id, sealed)
        spoilt: dict[str, object] = {name: spoil(vector) for name, spoil in UNSEALED.items()}
        spoilt |= {name: keys.seal(TEMPLATE.at(name, model, "S-1"), spoil(vector)) for name, spoil in SPOILT.items()}
        with database.session() as session:
            faces = [ReferenceFace(name, name, figures(), subject_id="S-1") for name in spoilt]
            session.add_all(map(rows.reference_row, faces))
            session.commit()
        for name, value in spoilt.items():
            connection.execute(
                "INSERT INTO template (reference_id, model_version, subject_id, vector) VALUES (?, ?, ?, ?)",
                (name, model, "S-1", value),
            )
    database.close()
    async with running(chosen) as server:
        gallery = (await status(server)).gallery
        assert (gallery.unusable_templates, gallery.templates, gallery.subjects) == (len(spoilt), 1, 1)
        assert await (await CaptureClient.open(server.channel)).receipt(face()) == ACCEPTED
        (alert,) = await alerts(server.channel)
        assert alert.subject.subject_id == "S-1"


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["valid_until = 'soon'", "kind = 'EXILE'", "revoked_at = x'ff'"])
async def test_a_damaged_order_does_not_silence_the_others_of_its_subject(tmp_path: Path, damage: str) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen, order_in_force(), order_in_force(order_id="O-2"))
    with closing(sqlite3.connect(database_of(chosen))) as connection, connection:
        connection.execute(f"UPDATE ban_order SET {damage} WHERE order_id = 'O-2'")  # noqa: S608  # written above
    async with running(chosen) as server:
        assert await (await CaptureClient.open(server.channel)).receipt(face()) == ACCEPTED
        (alert,) = await alerts(server.channel)
        assert [order.order_id for order in alert.orders] == ["O-1"]
        assert alert.orders[0].status == watchlist_pb2.ORDER_STATUS_ACTIVE


async def test_a_database_that_goes_away_while_the_server_starts_ends_it_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away(*_: object) -> None:
        raise StorageError("OperationalError")

    monkeypatch.setattr(AuditStore, "append_changed", is_away)
    with pytest.raises(ProgramError, match="went away while the server started") as caught:
        async with running(settings(tmp_path)):
            pass
    assert caught.value.exit_code is Exit.UNAVAILABLE
