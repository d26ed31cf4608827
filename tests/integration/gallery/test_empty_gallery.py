"""A server never serves with an empty gallery while the list is not empty (domain rule 11)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import (
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
)
from cekalwatch.vision.manifest import MANIFEST_FILE
from tests.support.scenarios.server import (
    CaptureClient,
    Running,
    face,
    list_astronaut,
    order_in_force,
    running,
    settings,
)
from tests.support.scenarios.two_models import until
from tests.support.tools.packs import light_environment, light_pack
from tests.support.tools.programs import server_command

ACCEPTED = ("ACCEPTED", "")
CAPTURES, ALERTS = "cekalwatch.v1.CaptureService", "cekalwatch.v1.AlertService"


async def gallery(server: Running) -> operations_pb2.GalleryStatus:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    return (await stub.GetStatus(operations_service_pb2.GetStatusRequest())).gallery


async def alerts(channel: grpc.aio.Channel) -> list[alert_pb2.Alert]:
    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    return list((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts)


def change(chosen: ServerSettings, *statements: str) -> None:
    """Change the database behind the server's back."""
    file = chosen.database_address.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


FOLLOWED = (
    "UPDATE watchlist_state SET version = version + 1",
    "UPDATE watchlist_change SET version = (SELECT version FROM watchlist_state)",
)
"""Makes servers read what changed."""


@pytest.mark.slow
async def test_another_model_in_the_settings_is_refused_until_its_templates_are_there(tmp_path: Path) -> None:
    # The same networks under another name make another model version, as another recogniser does.
    other = tmp_path / "models" / "other"
    shutil.copytree(light_pack(), other)
    manifest = json.loads((other / MANIFEST_FILE).read_text("utf-8"))
    (other / MANIFEST_FILE).write_text(json.dumps(manifest | {"name": "other"}), "utf-8")
    chosen = settings(tmp_path / "data", models_dir=other.parent, model_pack="other")
    list_astronaut(chosen)
    with pytest.raises(ProgramError, match="gallery rebuild --pack other, then gallery switch --pack other") as refused:
        async with running(chosen):
            pass
    assert refused.value.exit_code is Exit.CONFIG
    environment = light_environment() | {"CEKALWATCH_SERVER_MODELS_DIR": str(other.parent)}
    done = await server_command("gallery", "rebuild", "--pack", "other", data=tmp_path / "data", **environment)
    assert done.returncode == Exit.OK, done.stderr
    async with running(chosen) as server:
        assert await (await CaptureClient.open(server.channel)).receipt(face()) == ACCEPTED
        assert len(await alerts(server.channel)) == 1


async def health(server: Running, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(server.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE template SET vector = x'00'",
        "UPDATE ban_order SET valid_from = 'soon'",
        "UPDATE subject SET facts = x'00'",
    ],
)
async def test_a_server_that_could_search_nobody_refuses_to_start(tmp_path: Path, damage: str) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    change(chosen, damage)
    with pytest.raises(ProgramError, match=r"Nobody would be searched.*restore a backup") as refused:
        async with running(chosen):
            pass
    assert refused.value.exit_code is Exit.DATA_PROBLEMS


async def test_a_list_all_of_whose_people_have_ended_is_served(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen, order_in_force(revoked_at=datetime.now(UTC) - timedelta(hours=1)))
    async with running(chosen) as server:
        assert await (await CaptureClient.open(server.channel)).receipt(face()) == ACCEPTED
        found = await gallery(server)
        assert (found.templates, found.subjects_left_out, found.blind) == (0, 1, False)
        assert await health(server) == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.slow
async def test_a_running_server_that_can_search_nobody_keeps_cameras_waiting_until_it_can(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        change(chosen, "CREATE TABLE kept AS SELECT * FROM template", "UPDATE template SET vector = x'00'", *FOLLOWED)
        watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest(service=CAPTURES))
        async with asyncio.timeout(30):
            while (await watch.read()).status != health_pb2.HealthCheckResponse.NOT_SERVING:
                pass
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ("RETRY", "GALLERY_EMPTY")
        assert (await gallery(server)).blind
        assert await health(server, ALERTS) == health_pb2.HealthCheckResponse.SERVING
        change(chosen, "UPDATE template SET vector = (SELECT vector FROM kept)", *FOLLOWED)
        async with asyncio.timeout(30):
            while (await watch.read()).status != health_pb2.HealthCheckResponse.SERVING:
                pass
        assert await camera.receipt(face(track="2")) == ACCEPTED
        assert len(await alerts(server.channel)) == 1


@pytest.mark.slow
async def test_a_list_without_any_photograph_keeps_cameras_waiting_and_can_still_be_imported_to(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    change(chosen, "DELETE FROM template", "DELETE FROM reference_picture", "DELETE FROM reference_face")
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ("RETRY", "GALLERY_EMPTY")
        assert await health(server) == health_pb2.HealthCheckResponse.NOT_SERVING
        list_astronaut(chosen)

        async def sees() -> bool:
            return not (await gallery(server)).blind

        await until(sees)
        assert await camera.receipt(face(track="2")) == ACCEPTED
        assert len(await alerts(server.channel)) == 1
