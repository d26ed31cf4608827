"""`cekalwatch-server keys` and `watchlist delete` as a person runs them, beside a server that runs."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Link, operator
from cekalwatch.server.encryption.master_key import SecretMasterKey
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc, operations_service_pb2, operations_service_pb2_grpc
from tests.support.builders.keys import key_store
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import CaptureClient, Running, face, jpeg, list_astronaut, running, settings
from tests.support.tools.programs import empty_site, server_command
from tests.support.tools.raw_files import JFIF, back_up, folder_bytes, pieces, shown

WITHIN_S = 60
"""How soon a change of the watchlist must reach the search."""


def counts(chosen: ServerSettings) -> dict[int, int]:
    database = Database(chosen.database_address)
    try:
        return dict(Resealer(database, key_store(database, chosen.master_key_source)).counts())
    finally:
        database.close()


def key_numbers(chosen: ServerSettings) -> list[int]:
    database = Database(chosen.database_address)
    try:
        return [entry.key_id for entry in key_store(database, chosen.master_key_source).entries()]
    finally:
        database.close()


def held(chosen: ServerSettings) -> dict[str, int]:
    """How many rows each table has that holds something of a subject."""
    tables = ("subject", "ban_order", "reference_face", "reference_picture", "template", "probe")
    database = Database(chosen.database_address)
    with database.engine.connect() as connection:
        found = {table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in tables}  # noqa: S608
    database.close()
    return found


def trail(chosen: ServerSettings) -> list[Link]:
    database = Database(chosen.database_address)
    found = list(AuditStore(database).links())
    database.close()
    return found


async def templates(server: Running) -> int:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    status = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return int(status.gallery.templates)


async def raise_alert(server: Running) -> bytes:
    """Send the portrait past a camera, and return the crop."""
    camera = await CaptureClient.open(server.channel)
    crop = face()
    assert await camera.receipt(crop) == ("ACCEPTED", "")
    return bytes(crop.jpeg)


async def test_a_first_start_seals_and_its_files_show_nothing(tmp_path: Path) -> None:
    """Server, watchlist and an alert, with the journal as it is while the server runs, and a backup."""
    chosen = settings(tmp_path / "data")
    list_astronaut(chosen)
    key = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    async with running(chosen) as server:
        probe = await raise_alert(server)
        back_up(tmp_path / "data" / "cekalwatch.sqlite3")
        files = folder_bytes(tmp_path / "data")
        assert any(name.endswith("-wal") for name in files)
        assert {name for name, _ in shown(files, [b"batam-center"])} >= {"backup-of-cekalwatch.sqlite3"}
        secrets = [b"Contoh Satu", b"Contoh", JFIF, *pieces(probe), *pieces(jpeg(astronaut(), 95))]
        assert shown(files, secrets) == []
        stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts
        wanted = alert_service_pb2.GetAlertRequest(alert_id=alert.alert_id, include_images=True)
        kept = (await stub.GetAlert(wanted)).images.probe_jpeg  # the server's own encoding of what the camera sent
        assert kept.startswith(JFIF[:2])
        secrets += pieces(kept)
        assert alert.subject.name == "Contoh Satu"
    assert shown(folder_bytes(tmp_path / "data"), secrets) == []


@pytest.mark.slow
async def test_keys_are_rotated_beside_a_running_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cekalwatch.server.wiring.storage.RESEAL_PERIOD_S", 3600
    )  # else it may help, and be named for that
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        rotated = await server_command("keys", "rotate", data=tmp_path)
        assert (rotated.returncode, "sealed with data key 3" in rotated.stdout) == (0, True), rotated.stderr
        assert set(counts(chosen)) == {3}
        await raise_alert(server)
        stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts
        assert alert.subject.name == "Contoh Satu"
    listed = await server_command("keys", "list", data=tmp_path)
    lines = [line.split("│") for line in listed.stdout.splitlines() if "SEALING" in line]
    assert [(line[1].strip(), line[6].strip()) for line in lines] == [("3", "in use")]
    assert (tmp_path / "master.key").read_text().strip() not in listed.stdout + rotated.stdout + rotated.stderr
    mine = [one.action for one in trail(chosen) if one.actor == str(operator())]
    assert mine == [Action.KEY_ROTATED, Action.KEYS_RESEALED, Action.KEYS_RETIRED]


async def test_a_running_server_finishes_an_interrupted_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekalwatch.server.wiring.storage.RESEAL_PERIOD_S", 0.05)
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen):
        database = Database(chosen.database_address)
        key_store(database, chosen.master_key_source).rotate()
        database.close()
        async with asyncio.timeout(20):
            while key_numbers(chosen) != [2, 3]:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.05)
    assert set(counts(chosen)) == {3}
    (resealed,) = [one for one in trail(chosen) if one.action == Action.KEYS_RESEALED]
    assert resealed.actor.startswith("server:")


@pytest.mark.slow
async def test_after_a_rewrap_the_server_wants_the_new_master_key(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    new = tmp_path / "elsewhere" / "new.key"
    rewrapped = await server_command("keys", "rewrap", f"file:{new}", data=tmp_path)
    assert (rewrapped.returncode, "2 data keys" in rewrapped.stdout) == (0, True), rewrapped.stderr
    assert new.read_text().strip() not in rewrapped.stdout + rewrapped.stderr
    with pytest.raises(ProgramError, match="The master key is the wrong one"):
        async with Server(chosen):
            pass
    async with running(settings(tmp_path, master_key_from=f"file:{new}")) as server:
        assert await templates(server) == 1


@pytest.mark.slow
async def test_a_server_whose_key_was_removed_lets_the_camera_send_again_until_it_has_the_master_key(
    tmp_path: Path,
) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    new = f"file:{tmp_path / 'new.key'}"
    crop = face()
    async with running(chosen) as server:
        assert (await server_command("keys", "rewrap", new, data=tmp_path)).returncode == 0
        rotated = await server_command("keys", "rotate", data=tmp_path, CEKALWATCH_SERVER_MASTER_KEY_FROM=new)
        assert rotated.returncode == 0, rotated.stderr
        assert (await (await CaptureClient.open(server.channel)).receipt(crop))[0] == "RETRY"
    async with running(settings(tmp_path, master_key_from=new)) as server:
        assert await (await CaptureClient.open(server.channel)).receipt(crop) == ("ACCEPTED", "")
        stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        assert len((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts) == 1


async def test_a_lost_master_key_is_told_and_not_made_anew(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    (tmp_path / "master.key").unlink()
    outcome = await server_command("keys", "list", data=tmp_path)
    assert (outcome.returncode, "Put the file back" in outcome.stderr) == (Exit.CONFIG, True)
    assert not (tmp_path / "master.key").exists()


async def test_the_environment_gives_the_master_key(tmp_path: Path) -> None:
    environment = {"CEKALWATCH_SERVER_MASTER_KEY_FROM": "env:SITE_KEY", "SITE_KEY": SecretMasterKey.generate().text}
    outcome = await server_command("keys", "list", data=empty_site(tmp_path), **environment)
    assert (outcome.returncode, SecretMasterKey.from_text(environment["SITE_KEY"]).key_id in outcome.stdout) == (
        0,
        True,
    )
    assert not (tmp_path / "master.key").exists()


@pytest.mark.slow
async def test_a_deleted_subject_leaves_the_gallery_of_a_running_server(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        probe = await raise_alert(server)
        refused = await server_command("watchlist", "delete", "S-9", "--yes", data=tmp_path)
        assert (refused.returncode, "no subject with this key" in refused.stderr) == (Exit.NO_INPUT, True)
        assert await templates(server) == 1
        outcome = await server_command("watchlist", "delete", "S-1", "--yes", data=tmp_path)
        told = "Deleted subject S-1: 1 orders, 1 photographs, 1 templates, 1 pictures of alerts.\n"
        assert outcome.stdout == told, outcome.stderr
        async with asyncio.timeout(WITHIN_S):
            while await templates(server):  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.05)
        # The alert that it raised stays, with the subject's key only.
        stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts
        assert (alert.subject.subject_id, alert.subject.name) == ("S-1", "")
        wanted = alert_service_pb2.GetAlertRequest(alert_id=alert.alert_id, include_images=True)
        images = (await stub.GetAlert(wanted)).images
        assert (images.probe_jpeg, list(images.references)) == (b"", [])
        assert probe
        # The person passes once more, and nobody is told.
        await raise_alert(server)
        assert len((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts[0].sightings) == 1
    assert set(held(chosen).values()) == {0}
    (entry,) = [one for one in trail(chosen) if one.action == Action.SUBJECT_DELETED]
    assert entry.actor == str(operator())
    assert entry.objects == '["subject:S-1","order:O-1"]'
    assert entry.details == '{"orders":1,"photographs":1,"probes":1,"templates":1}'


async def test_deleting_asks_first(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    outcome = await server_command("watchlist", "delete", "S-1", data=tmp_path)
    assert outcome.returncode != 0
    database = Database(chosen.database_address)
    store = WatchlistStore(database, key_store(database, chosen.master_key_source).keyring)
    assert len(store.get_subject("S-1").orders) == 1
    database.close()
