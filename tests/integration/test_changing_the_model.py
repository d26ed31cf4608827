"""`cekalwatch-server gallery`: another model takes over beside running servers, and no traveller is missed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import structlog
import uuid6

from cekalwatch.program.exits import Exit
from cekalwatch.server.config import ServerSettings
from cekalwatch.server.models_in_use import pack_in_use
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs import import_pack, open_engine
from cekalwatch.server.security.audit import Action, AuditEntry, Link
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.model_store import ModelChoice, ModelStore
from cekalwatch.server.storage.photograph_store import PhotographStore
from cekalwatch.server.storage.watchlist_store import NewReference, WatchlistStore
from cekalwatch.server.watchlist.rebuilding import Rebuilder
from cekalwatch.v1 import operations_service_pb2, operations_service_pb2_grpc
from cekalwatch.vision.manifest import PackError, load_pack
from tests.support.keys import KEEPER, keyring
from tests.support.portraits import encoded, group
from tests.support.second_pack import NAME, two_packs
from tests.support.server import CaptureClient, Running, astronaut, face, jpeg, list_astronaut, running, settings
from tests.support.server_command import Outcome, command
from tests.support.shared import shared_models
from tests.support.starter import starter_pack
from tests.support.watchlist import order, reference, subject

WITHIN_S = 60.0
"""How soon a running server must follow."""


def usual(folder: Path) -> ServerSettings:
    return settings(folder, models_dir=two_packs(), threshold=None, wanted_fpir=1e-2)


def model(name: str) -> str:
    return load_pack(two_packs() / name).model_version


async def gallery(*arguments: str, data: Path) -> Outcome:
    return await command("gallery", *arguments, data=data, **environment())


def environment() -> dict[str, str]:
    return {"CEKALWATCH_SERVER_MODELS_DIR": str(two_packs()), "CEKALWATCH_SERVER_WANTED_FPIR": "0.01"}


async def done(outcome: Outcome, *, exit_code: int = Exit.OK) -> str:
    assert outcome.exit_code == exit_code, outcome.output + outcome.errors
    return outcome.output + outcome.errors


async def in_use(server: Running) -> tuple[str, str, int]:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    status = (await stub.GetStatus(operations_service_pb2.GetStatusRequest())).gallery
    return status.model_pack, status.model_version, status.templates


async def until(condition: Callable[[], object | Awaitable[object]], *, every_s: float = 0.05) -> None:
    """Wait for what another process, or the server in its own time, does."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(every_s)


async def follows(server: Running, name: str, templates: int = 1) -> None:
    async def has_followed() -> bool:
        return await in_use(server) == (name, model(name), templates)

    await until(has_followed)


def changed_model(chosen: ServerSettings, *scales: float) -> None:
    """List the portrait, at these scales, with the starter pack; make templates of the other pack, and switch to it."""
    for scale in scales:
        list_astronaut(chosen, scale=scale, model=model("starter"))
    database, _ = open_store(chosen)
    keys = keyring(database, chosen.master_key_source)
    engine = open_engine(load_pack(two_packs() / NAME), threads=1)
    with ThreadPoolExecutor(1) as workers:
        enroller = Enroller(engine.detector, engine.recogniser)
        list(Rebuilder(PhotographStore(database, keys), enroller, workers).steps())
    present, wanted = (ModelChoice(name, model(name)) for name in ("starter", NAME))
    entry = AuditEntry(datetime.now(UTC), KEEPER, Action.GALLERY_SWITCHED)
    ModelStore(database).switch(wanted, present, lambda _: entry)
    database.close()


def trail(chosen: ServerSettings, *actions: Action) -> list[Link]:
    database = Database(chosen.database_address)
    found = [link for link in AuditStore(database).links() if link.action in actions]
    database.close()
    return found


def open_store(chosen: ServerSettings) -> tuple[Database, WatchlistStore]:
    database = Database(chosen.database_address)
    database.upgrade()
    return database, WatchlistStore(database, keyring(database, chosen.master_key_source))


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
            assert await client.receipt(probe) == ("SEARCHED", "")

    async def stop(self) -> int:
        """Stop, and return how many faces were sent; raises what went wrong."""
        self._stopping.set()
        await self._task
        return self.sent


def alerted_with(chosen: ServerSettings) -> Counter[str]:
    """Count the sightings of the listed subject by the model that found it."""
    return Counter(
        json.loads(link.details)["model"] for link in trail(chosen, Action.ALERT_RAISED, Action.ALERT_SIGHTED)
    )


async def test_no_traveller_is_missed_while_the_model_changes_there_and_back(tmp_path: Path) -> None:
    """A comparison across the two models would score lowest of all, and its traveller would be missing."""
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("starter"))
    async with running(chosen) as server:
        camera = Camera(server)
        await until(lambda: camera.sent > 5)
        await done(await gallery("rebuild", "--pack", NAME, data=tmp_path))
        assert (await in_use(server))[0] == "starter", "the old one serves until it is told"
        await done(await gallery("switch", "--pack", NAME, data=tmp_path))
        await follows(server, NAME)
        switched = camera.sent
        await until(lambda: camera.sent > switched + 5)
        await done(await gallery("back", data=tmp_path))
        await follows(server, "starter")
        back = camera.sent
        await until(lambda: camera.sent > back + 5)
        sent = await camera.stop()
    found = alerted_with(chosen)
    assert found.total() == sent
    assert found.keys() == {model("starter"), model(NAME)}
    told = [(link.action, json.loads(link.details)) for link in trail(chosen, Action.GALLERY_SWITCHED)]
    assert [details["model"] for _, details in told] == [model(NAME), model("starter")]
    changed = [json.loads(link.details) for link in trail(chosen, Action.CONFIGURATION_CHANGED)]
    assert [details["pack"] for details in changed] == [model("starter"), model(NAME), model("starter")]


async def test_a_restarted_server_keeps_the_model_that_was_switched_to(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    async with running(chosen) as server:
        assert await in_use(server) == (NAME, model(NAME), 1)
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("SEARCHED", "")
    assert alerted_with(chosen) == {model(NAME): 1}
    # Another version of that pack would have other templates, however it is called.
    database, _ = open_store(chosen)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE gallery_state SET model_version = ?", (f"{NAME}-00000000",))
    with pytest.raises(PackError, match=f"uses the model {NAME}-00000000"):
        pack_in_use(chosen, ModelStore(database))
    database.close()


async def test_a_running_server_that_lacks_the_pack_goes_on_with_the_old_model(tmp_path: Path) -> None:
    only_starter = settings(tmp_path, threshold=None, wanted_fpir=1e-2)
    list_astronaut(only_starter)
    async with running(only_starter) as server:
        changed_model(usual(tmp_path))
        before = await in_use(server)
        client = await CaptureClient.open(server.channel)
        with structlog.testing.capture_logs() as logs:
            await until(lambda: any("cannot be used here" in entry["event"] for entry in logs))
        assert await client.receipt(face()) == ("SEARCHED", "")
        assert await in_use(server) == before
    assert alerted_with(only_starter) == {model("starter"): 1}


async def test_a_rebuild_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    photographs = 40
    many_portraits(chosen, photographs)
    other = model(NAME)
    arguments = ("gallery", "rebuild", "--pack", NAME, "--data-dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cekalwatch.server", *arguments),
        env=os.environ | environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    database, _ = open_store(chosen)
    try:
        await until(lambda: made(database, other), every_s=0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        before = made(database, other)
        assert 0 < len(before) < photographs
        refused = await gallery("switch", "--pack", NAME, data=tmp_path)
        missing = f"{photographs - len(before)} reference faces have no template"
        assert missing in await done(refused, exit_code=Exit.FAILED)
        await done(await gallery("rebuild", "--pack", NAME, data=tmp_path))
        after = made(database, other)
        assert len(after) == photographs
        assert before.items() <= after.items(), "what was done is not done again"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        database.close()
    begun, ended = (trail(chosen, action) for action in (Action.GALLERY_REBUILD_BEGUN, Action.GALLERY_REBUILT))
    assert (len(begun), len(ended)) == (2, 1)
    assert json.loads(ended[0].details)["embedded"] == photographs - len(before)


def many_portraits(chosen: ServerSettings, count: int) -> None:
    """List one subject with as many photographs, which differ by a pixel."""
    database, store = open_store(chosen)
    faces = []
    for number in range(count):
        picture = astronaut().copy()
        picture[0, number] = 255 - picture[0, number]
        faces.append(starter_reference(jpeg(picture, 95), template=np.eye(512, dtype=np.float32)[number]))
    store.put(subject(), order(), faces)
    database.close()


def starter_reference(photo: bytes, **facts: object) -> NewReference:
    """A reference face with a made-up template of the starter pack."""
    made_up = {"template": np.eye(512, dtype=np.float32)[0], "model_version": model("starter")}
    return reference(photo, **made_up | facts)


def made(database: Database, model_version: str) -> dict[str, bytes]:
    """The sealed templates of a model: sealing the same numbers again would give other bytes."""
    query = "SELECT reference_id, vector FROM template WHERE model_version = ?"
    with database.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(query, (model_version,))}


async def test_photographs_that_the_other_model_cannot_embed_are_told_and_accepted_only_by_word(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("starter"))
    database, store = open_store(chosen)
    crowd = starter_reference(encoded(group()))
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [crowd, starter_reference(b"no picture")])
    database.close()
    report = tmp_path / "refused.json"
    told = await done(
        await gallery("rebuild", "--pack", NAME, "--report", str(report), data=tmp_path),
        exit_code=Exit.DATA_PROBLEMS,
    )
    assert "PHOTO_SEVERAL_FACES" in told
    reasons = {(one["subject_id"], one["reason"]) for one in json.loads(report.read_text())}
    assert reasons == {("S-2", "PHOTO_SEVERAL_FACES"), ("S-2", "PHOTO_UNREADABLE")}
    refused = await gallery("switch", "--pack", NAME, data=tmp_path)
    assert "2 reference faces have no template" in await done(refused, exit_code=Exit.FAILED)
    await done(await gallery("switch", "--pack", NAME, "--accept-refused", data=tmp_path))
    status = await done(await gallery("status", data=tmp_path))
    line = next(line for line in status.splitlines() if model(NAME) in line)
    assert [part.strip() for part in line.split("│")[2:6]] == ["1", "0", "2", "in use"]


async def test_what_the_rebuild_has_not_come_to_yet_is_told_before_what_it_refused(tmp_path: Path) -> None:
    """Else one would be led to accept a model of which most templates are still to be made."""
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("starter"))
    database, store = open_store(chosen)
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [starter_reference(b"no picture")])
    await done(await gallery("rebuild", "--pack", NAME, data=tmp_path), exit_code=Exit.DATA_PROBLEMS)
    store.put(subject("S-3"), order("O-3", subject_id="S-3"), [starter_reference(encoded(group()))])
    database.close()
    told = await done(await gallery("switch", "--pack", NAME, data=tmp_path), exit_code=Exit.FAILED)
    assert "1 reference faces have no template" in told
    assert "gallery rebuild" in told
    assert "--accept-refused" not in told


async def test_faces_that_were_enrolled_with_the_old_model_are_taken_up_by_the_server(tmp_path: Path) -> None:
    """As by an import that had begun before the switch."""
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    async with running(chosen) as server:
        await follows(server, NAME, 1)
        list_astronaut(chosen, scale=0.9, model=model("starter"))
        await follows(server, NAME, 2)
    by_server = [link for link in trail(chosen, Action.GALLERY_REBUILT) if link.actor.startswith("server:")]
    assert [json.loads(link.details)["embedded"] for link in by_server] == [1]


async def test_templates_are_removed_on_command_alone_and_never_those_in_use(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    used = await gallery("drop", "--pack", NAME, "--yes", data=tmp_path)
    assert "is in use" in await done(used, exit_code=Exit.FAILED)
    assert "1 templates removed" in await done(await gallery("drop", "--pack", "starter", "--yes", data=tmp_path))
    assert "no template" in await done(await gallery("back", data=tmp_path), exit_code=Exit.FAILED)
    assert len(trail(chosen, Action.GALLERY_DROPPED)) == 1


async def test_both_models_are_compared_on_alerts_and_references_by_their_own_thresholds(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0, 0.9)
    async with running(chosen) as server:
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("SEARCHED", "")
    out = tmp_path / "comparison.json"
    told = await done(await gallery("compare", "--pack", "starter", "--out", str(out), data=tmp_path))
    assert "Among reference faces" in told
    found = json.loads(out.read_text())
    (alert,) = found["alerts"]
    assert alert["findings"] == ["ALERTS", "ALERTS"]
    assert alert["scores"][0] == pytest.approx(alert["scores"][1], abs=1e-3)
    first, second = found["references"]
    assert (first["model_version"], second["model_version"]) == (model(NAME), model("starter"))
    assert first["with_another"] == second["with_another"] == 2
    assert first["genuine_median"] == pytest.approx(second["genuine_median"], abs=1e-3)
    assert first["genuine_below"] == 0
    (entry,) = trail(chosen, Action.GALLERY_COMPARED)
    assert json.loads(entry.details)["alerts"] == 1


async def test_a_pack_with_another_detector_takes_over(tmp_path: Path) -> None:
    """One of InsightFace's layout, which insightface loads."""
    models = tmp_path / "models"
    shutil.copytree(starter_pack(), models / "starter")
    other = import_pack(shared_models() / "insightface-layout", models, "insight", "for tests")
    chosen = settings(tmp_path / "data", models_dir=models, threshold=None, wanted_fpir=1e-2)
    list_astronaut(chosen)
    environment = {"CEKALWATCH_SERVER_MODELS_DIR": str(models)}
    async with running(chosen) as server:
        for action in ("rebuild", "switch"):
            await done(await command("gallery", action, "--pack", "insight", data=tmp_path / "data", **environment))

        async def has_followed() -> bool:
            return await in_use(server) == ("insight", other.model_version, 1)

        await until(has_followed)
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("SEARCHED", "")
    assert alerted_with(chosen) == {other.model_version: 1}


def test_the_second_pack_is_as_good_and_cannot_be_compared_with_the_first() -> None:
    """What the tests above stand on."""
    engines = [open_engine(load_pack(two_packs() / name), threads=1) for name in ("starter", NAME)]
    aligned = np.asarray(cv2.resize(astronaut(), (112, 112)), dtype=np.uint8)[None]
    first, second = (engine.recogniser.embed(aligned)[0] for engine in engines)
    assert float(first @ second) == pytest.approx(-1, abs=1e-5)
    assert engines[0].recogniser.model_version != engines[1].recogniser.model_version
