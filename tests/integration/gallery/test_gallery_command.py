"""`cekalwatch-server gallery`: templates of another model are made, compared, switched to and removed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.record_store import NewReference
from tests.support.builders.portraits import astronaut, encoded, group
from tests.support.builders.watchlist import order, reference, subject
from tests.support.scenarios.server import CaptureClient, face, jpeg, list_astronaut, running
from tests.support.scenarios.two_models import (
    changed_model,
    done,
    environment,
    gallery,
    model,
    open_store,
    trail,
    until,
    usual,
)
from tests.support.tools.forked_async import NOTHING, ForkedAsync
from tests.support.tools.second_pack import NAME


@pytest.mark.slow
async def test_a_rebuild_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    photographs = 40
    many_portraits(chosen, photographs)
    other = model(NAME)
    arguments = ("gallery", "rebuild", "--pack", NAME, "--data-dir", str(tmp_path))
    process = await ForkedAsync.started(
        "server", *arguments, environment=os.environ | environment(), stdout=NOTHING, stderr=NOTHING
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
        await process.close()
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
        faces.append(light_reference(jpeg(picture, 95), template=np.eye(512, dtype=np.float32)[number]))
    store.put(subject(), order(), faces)
    database.close()


def light_reference(photo: bytes, **facts: object) -> NewReference:
    """A reference face with a made-up template of the pack `light`."""
    made_up = {"template": np.eye(512, dtype=np.float32)[0], "model_version": model("light")}
    return reference(photo, **made_up | facts)


def made(database: Database, model_version: str) -> dict[str, bytes]:
    """The sealed templates of a model: sealing the same numbers again would give other bytes."""
    query = "SELECT reference_id, vector FROM template WHERE model_version = ?"
    with database.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(query, (model_version,))}


@pytest.mark.slow
async def test_photographs_that_the_other_model_cannot_embed_are_told_and_accepted_only_by_word(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("light"))
    database, store = open_store(chosen)
    crowd = light_reference(encoded(group()))
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [crowd, light_reference(b"no picture")])
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


@pytest.mark.slow
async def test_what_the_rebuild_has_not_come_to_yet_is_told_before_what_it_refused(tmp_path: Path) -> None:
    """Else one would be led to accept a model of which most templates are still to be made."""
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("light"))
    database, store = open_store(chosen)
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [light_reference(b"no picture")])
    await done(await gallery("rebuild", "--pack", NAME, data=tmp_path), exit_code=Exit.DATA_PROBLEMS)
    store.put(subject("S-3"), order("O-3", subject_id="S-3"), [light_reference(encoded(group()))])
    database.close()
    told = await done(await gallery("switch", "--pack", NAME, data=tmp_path), exit_code=Exit.FAILED)
    assert "1 reference faces have no template" in told
    assert "gallery rebuild" in told
    assert "--accept-refused" not in told


async def test_templates_are_removed_on_command_alone_and_never_those_in_use(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0)
    used = await gallery("drop", "--pack", NAME, "--yes", data=tmp_path)
    assert "is in use" in await done(used, exit_code=Exit.FAILED)
    assert "1 templates removed" in await done(await gallery("drop", "--pack", "light", "--yes", data=tmp_path))
    assert "no template" in await done(await gallery("back", data=tmp_path), exit_code=Exit.FAILED)
    assert len(trail(chosen, Action.GALLERY_DROPPED)) == 1


@pytest.mark.slow
async def test_both_models_are_compared_on_alerts_and_references_by_their_own_thresholds(tmp_path: Path) -> None:
    chosen = usual(tmp_path)
    changed_model(chosen, 1.0, 0.9)
    async with running(chosen) as server:
        client = await CaptureClient.open(server.channel)
        assert await client.receipt(face()) == ("ACCEPTED", "")
    out = tmp_path / "comparison.json"
    told = await done(await gallery("compare", "--pack", "light", "--out", str(out), data=tmp_path))
    assert "Among reference faces" in told
    found = json.loads(out.read_text())
    (alert,) = found["alerts"]
    assert alert["findings"] == ["ALERTS", "ALERTS"]
    assert alert["scores"][0] == pytest.approx(alert["scores"][1], abs=1e-3)
    first, second = found["references"]
    assert (first["model_version"], second["model_version"]) == (model(NAME), model("light"))
    assert first["with_another"] == second["with_another"] == 2
    assert first["genuine_median"] == pytest.approx(second["genuine_median"], abs=1e-3)
    assert first["genuine_below"] == 0
    (entry,) = trail(chosen, Action.GALLERY_COMPARED)
    assert json.loads(entry.details)["alerts"] == 1
