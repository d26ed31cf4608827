"""Another model takes over beside running servers, and no traveller is missed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import structlog
import uuid6

from cekalwatch.server.audit.entry import Action
from cekalwatch.server.gallery.model_follower import pack_in_use
from cekalwatch.server.recognition.packs.installed import import_pack, open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.models.store import ModelStore
from cekalwatch.server.storage.models.tables import GalleryStateRow
from cekalwatch.v1 import operations_service_pb2, operations_service_pb2_grpc
from cekalwatch.v1.alert_service_pb2 import SubscribeAlertsRequest
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.vision.manifest import PackError, load_pack
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import CaptureClient, Running, face, list_astronaut, running, settings
from tests.support.scenarios.two_models import (
    changed_model,
    done,
    gallery,
    model,
    open_store,
    scores,
    trail,
    until,
    usual,
)
from tests.support.tools.packs import light_environment, light_pack
from tests.support.tools.programs import server_command
from tests.support.tools.second_pack import NAME, model_packs
from tests.support.tools.shared import shared_models


async def in_use(server: Running) -> tuple[str, str, int]:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    status = (await stub.GetStatus(operations_service_pb2.GetStatusRequest())).gallery
    return status.model_pack, status.model_version, status.templates


async def follows(server: Running, name: str, templates: int = 1) -> None:
    async def has_followed() -> bool:
        return await in_use(server) == (name, model(name), templates)

    await until(has_followed)


class Camera:
    """Sends the listed portrait, each time as another traveller, until it is told to stop; counts what it sent."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self.sent = 0
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        client = await CaptureClient.open(self._server.channel)
        probe = face()
        while not self._stopping.is_set():
            self.sent += 1
            probe.track_id = str(self.sent)
            probe.capture_id = str(uuid6.uuid7())
            probe.capture_time.FromDatetime(datetime.now(UTC))
            assert await client.receipt(probe) == ("ACCEPTED", "")

    async def stop(self) -> int:
        """Stop, and return how many faces were sent; raises what went wrong."""
        self._stopping.set()
        await self._task
        return self.sent


class Officer:
    """A notifier's subscription, which takes every alert event as it comes."""

    def __init__(self, server: Running) -> None:
        stub: Any = AlertServiceStub(server.channel)
        self._call = stub.SubscribeAlerts(SubscribeAlertsRequest(agent_id="pc-1"))
        self.subscribed = False
        self.told: list[str] = []
        """Captures of the events."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for message in self._call:
            self.subscribed = True
            if message.WhichOneof("message") == "event":
                self.told.append(message.event.capture_id)

    async def leave(self) -> None:
        """End the subscription; raises what it failed with before."""
        self._call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def alerted_with(chosen: ServerSettings) -> Counter[str]:
    """Count the sightings of the listed subject by the model that found it."""
    return Counter(
        json.loads(link.details)["model"] for link in trail(chosen, Action.ALERT_RAISED, Action.ALERT_SIGHTED)
    )


@pytest.mark.slow
@pytest.mark.parametrize(("first", "other"), [("light", NAME), ("standard", "accurate")])
async def test_no_traveller_is_missed_while_the_model_changes_there_and_back(
    tmp_path: Path, first: str, other: str
) -> None:
    """Between `light` and `negated`, a comparison across the two models would score lowest of all, and its traveller
    would be missing. Templates of `standard` and `accurate` have two sizes.
    """
    chosen = usual(tmp_path)
    if first == "light":
        list_astronaut(chosen, model=model("light"))
    else:
        changed_model(chosen, 1.0, to=first)
    async with running(chosen) as server:
        officer = Officer(server)
        await until(lambda: officer.subscribed)
        camera = Camera(server)
        await until(lambda: len(officer.told) > 5)
        before = camera.sent
        await done(await gallery("rebuild", "--pack", other, data=tmp_path))
        assert camera.sent > before, "nobody waits for the rebuild"
        assert "Among reference faces" in await done(await gallery("compare", "--pack", other, data=tmp_path))
        assert (await in_use(server))[0] == first, "the old model is used until somebody switches"
        await done(await gallery("switch", "--pack", other, data=tmp_path))
        await follows(server, other)
        switched = camera.sent
        await until(lambda: camera.sent > switched + 5)
        await done(await gallery("back", data=tmp_path))
        await follows(server, first)
        back = camera.sent
        await until(lambda: camera.sent > back + 5)
        sent = await camera.stop()
        await until(lambda: len(officer.told) >= sent)
        await officer.leave()
    assert len(set(officer.told)) == len(officer.told) == sent, "the officer is told of each traveller, and once"
    found = alerted_with(chosen)
    assert found.total() == sent
    assert found.keys() == {scores(first), scores(other)}
    told = [json.loads(link.details) for link in trail(chosen, Action.GALLERY_SWITCHED)]
    assert [details["model"] for details in told if details][-2:] == [model(other), model(first)]
    changed = [json.loads(link.details) for link in trail(chosen, Action.CONFIGURATION_CHANGED)]
    assert [details["pack"] for details in changed] == [model(first), model(other), model(first)]


async def test_a_restarted_server_keeps_the_model_that_was_switched_to(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    async with running(chosen) as server:
        assert await in_use(server) == (NAME, model(NAME), 1)
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("ACCEPTED", "")
    assert alerted_with(chosen) == {model(NAME): 1}
    # Another version of that pack would have other templates, however it is called.
    database, _ = open_store(chosen)
    for pack in (NAME, "accurate"):
        with database.session() as session:
            row = session.get_one(GalleryStateRow, 1)
            row.pack, row.model_version = pack, f"{pack}-00000000"
            session.commit()
        with pytest.raises(PackError, match=f"uses the model {pack}-00000000"):
            pack_in_use(chosen, ModelStore(database))
    database.close()


@pytest.mark.slow
async def test_a_running_server_that_lacks_the_pack_goes_on_with_the_old_model(tmp_path: Path) -> None:
    only_light = settings(tmp_path, threshold=None, target_fpir=1e-2)
    list_astronaut(only_light)
    async with running(only_light) as server:
        before = await in_use(server)
        with structlog.testing.capture_logs() as logs:
            changed_model(usual(tmp_path))
            await until(lambda: any(entry["event"] == "model_not_usable" for entry in logs))
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("ACCEPTED", "")
        assert await in_use(server) == before
    assert alerted_with(only_light) == {model("light"): 1}


@pytest.mark.slow
async def test_faces_that_were_enrolled_with_the_old_model_are_taken_up_by_the_server(tmp_path: Path) -> None:
    """As by an import that had begun before the switch."""
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    async with running(chosen) as server:
        await follows(server, NAME, 1)
        list_astronaut(chosen, scale=0.9, model=model("light"))
        await follows(server, NAME, 2)
    by_server = [link for link in trail(chosen, Action.GALLERY_REBUILT) if link.actor.startswith("server:")]
    assert [json.loads(link.details)["embedded"] for link in by_server] == [1]


@pytest.mark.slow
async def test_a_pack_with_another_detector_takes_over(tmp_path: Path) -> None:
    """One of InsightFace's layout, which insightface loads."""
    models = tmp_path / "models"
    shutil.copytree(light_pack(), models / "light")
    other = import_pack(shared_models() / "insightface-layout", models, "insight", "for tests")
    chosen = settings(tmp_path / "data", models_dir=models, threshold=None, target_fpir=1e-2)
    list_astronaut(chosen)
    environment = light_environment() | {"CEKALWATCH_SERVER_MODELS_DIR": str(models)}
    async with running(chosen) as server:
        for action in ("rebuild", "switch"):
            arguments = ("gallery", action, "--pack", "insight")
            await done(await server_command(*arguments, data=tmp_path / "data", **environment))

        async def has_followed() -> bool:
            return await in_use(server) == ("insight", other.model_version, 1)

        await until(has_followed)
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("ACCEPTED", "")
    assert alerted_with(chosen) == {other.model_version: 1}


def test_the_second_pack_is_as_good_and_cannot_be_compared_with_the_first() -> None:
    """What the tests above stand on."""
    engines = [open_engine(load_pack(model_packs() / name), threads=1) for name in ("light", NAME)]
    aligned = np.asarray(cv2.resize(astronaut(), (112, 112)), dtype=np.uint8)[None]
    first, second = (engine.recogniser.embed(aligned)[0] for engine in engines)
    assert float(first @ second) == pytest.approx(-1, abs=1e-5)
    assert engines[0].recogniser.model_version != engines[1].recogniser.model_version
