"""What the entries of the audit trail say: whose they are, what they count, and that nothing goes out without them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    alert_service_pb2,
    enrolment_service_pb2,
    enrolment_service_pb2_grpc,
    session_service_pb2,
)
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import public_id
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.audited_calls import (
    Scene,
    get_alert,
    get_subject,
    hire,
    import_watchlist,
    list_alerts,
    list_subjects,
    record,
    sign_in,
    subscribe,
    trail,
)
from tests.support.scenarios.server import list_astronaut, running, settings
from tests.support.scenarios.site_pki import SITE, Site, certificate_request, now


async def test_a_traveller_who_matches_nobody_leaves_nothing(tmp_path: Path):
    chosen = settings(tmp_path)
    async with running(chosen) as server:
        before = trail(chosen)
        scene = Scene(server.channel)
        for _ in range(3):
            await scene.raise_alert()  # nobody is listed
        assert trail(chosen) == before


async def test_an_import_counts_its_records_and_says_when_it_was_broken_off(tmp_path: Path):
    chosen = settings(tmp_path)
    async with running(chosen) as server:
        scene = Scene(server.channel)
        await import_watchlist(scene)
        await import_watchlist(scene, finish=False)
    found = trail(chosen)
    stored, refused = [one for one in found if one.action == Action.ORDER_IMPORTED][:2]
    assert (stored.outcome, stored.objects) == ("STORED", '["order:O-7","subject:S-7"]')
    assert (refused.outcome, refused.details) == ("RECORD_INVALID", '{"field":"received_on"}')
    assert refused.objects == '["subject:S-7"]', "what is no key may be a name"
    finished, broken_off = [one for one in found if one.action == Action.WATCHLIST_IMPORTED]
    assert (finished.outcome, broken_off.outcome) == ("OK", "BROKEN_OFF")
    for expected in ('"records":3', '"stored":1', '"unchanged":1', '"refused":1'):
        assert expected in finished.details


async def test_a_number_of_the_person_that_stands_for_a_key_is_refused_and_not_recorded(tmp_path: Path):
    chosen = settings(tmp_path)
    async with running(chosen) as server:
        request = record("X0000001")
        request.record.subject.travel_documents.add(type="passport", number="X0000001")
        (answer,) = [one async for one in Scene(server.channel).watchlist.ImportWatchlist(iter([request]))]
        assert answer.report.field == "order_id"
    (refused,) = [one for one in trail(chosen) if one.action == Action.ORDER_IMPORTED]
    assert (refused.outcome, refused.objects) == ("RECORD_INVALID", '["subject:S-7"]')


async def test_an_import_whose_client_vanishes_is_recorded_as_broken_off(tmp_path: Path):
    chosen = settings(tmp_path)
    async with running(chosen) as server:
        call = Scene(server.channel).watchlist.ImportWatchlist()
        await call.write(record("O-7"))
        assert (await call.read()).report.order_id == "O-7"
        call.cancel()
    # The server ends its calls before it stops.
    last = trail(chosen)[-1]
    assert (last.action, last.outcome) == (Action.WATCHLIST_IMPORTED, "BROKEN_OFF")
    assert '"stored":1' in last.details


async def view_pictures(scene: Scene) -> None:
    await view_alert(scene, pictures=True)


async def view_alert(scene: Scene, *, pictures: bool = False) -> None:
    request = alert_service_pb2.GetAlertRequest(alert_id=scene.alert_id, include_images=pictures)
    await scene.alerts.GetAlert(request, metadata=bearer(scene.token))


async def test_what_cannot_be_recorded_is_not_given_out(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel)
        await get_subject(scene)
        await scene.raise_alert()
        await list_alerts(scene)
        database = Database(chosen.database_address)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_head")
        database.close()
        for call in (get_subject, list_subjects, list_alerts, view_alert, view_pictures, subscribe):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(scene)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.slow
async def test_changed_settings_and_thresholds_are_recorded_at_the_next_start(tmp_path: Path):
    def changes(chosen: ServerSettings) -> list[str]:
        return [one.details for one in trail(chosen) if one.action == Action.CONFIGURATION_CHANGED]

    first = settings(tmp_path)
    for _ in range(2):
        async with running(first):
            pass
    (at_first,) = changes(first)
    assert '"threshold":"0.45"' in at_first
    second = settings(tmp_path, threshold=0.3)
    async with running(second):
        pass
    after = changes(second)
    assert len(after) == 2
    assert '"changed":"settings_sha256 threshold"' in after[1]
    assert '"threshold":"0.3"' in after[1]


async def test_what_a_device_and_a_person_do_is_recorded_under_their_names(tmp_path: Path):
    site = Site(tmp_path)
    chosen = site.settings()
    list_astronaut(chosen)
    async with Server(chosen) as server:
        address = f"127.0.0.1:{server.port}"
        async with site.dialer(address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel:
            await Scene(channel).raise_alert()
        async with site.dialer(address, site.device(DeviceRole.NOTIFIER, "pc-1")).aio_channel() as channel:
            scene = Scene(channel, folder=tmp_path)
            hire(scene, "budi")
            scene.token = await sign_in(scene)
            await subscribe(scene)
            session = await scene.sessions.GetSession(
                session_service_pb2.GetSessionRequest(), metadata=bearer(scene.token)
            )
            await get_alert(scene)
        async with site.dialer(address, site.device(DeviceRole.SERVER, "main-2")).aio_channel() as channel:
            await get_subject(Scene(channel))
    actors = {one.action: one.actor for one in trail(chosen)}
    (delivered,) = (one for one in trail(chosen) if one.action == Action.ALERT_DELIVERED)
    assert delivered.actor.startswith("server:")
    assert f"device:{SITE}/notifier/pc-1" in json.loads(delivered.objects)
    for action in (Action.SIGNED_IN, Action.SUBSCRIPTION_OPENED, Action.ALERTS_LISTED, Action.ALERT_VIEWED):
        assert actors[action] == f"person:{session.session.person_id}@{SITE}/notifier/pc-1"
    assert actors[Action.SUBJECT_VIEWED] == f"device:{SITE}/server/main-2"


async def test_plaintext_calls_are_recorded_as_the_machines_own(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel)
        await scene.raise_alert()
        await subscribe(scene)
        await list_alerts(scene)
    actors = {one.action: one.actor for one in trail(chosen)}
    (delivered,) = (one for one in trail(chosen) if one.action == Action.ALERT_DELIVERED)
    assert "agent:pc-1" in json.loads(delivered.objects)
    assert actors[Action.ALERTS_LISTED] == "client:loopback"


async def test_an_enrolment_is_recorded_with_its_code_and_its_certificate_and_without_the_secret(tmp_path: Path):
    site = Site(tmp_path)
    code = site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now(), timedelta(minutes=5))
    chosen = site.settings(enrolment_listen="127.0.0.1:0")
    request = enrolment_service_pb2.EnrolDeviceRequest(
        invitation_secret=code.secret, certificate_request=certificate_request()
    )
    async with Server(chosen) as server, site.stranger(f"127.0.0.1:{server.enrolment_port}") as channel:
        stub: Any = enrolment_service_pb2_grpc.EnrolmentServiceStub(channel)
        await stub.EnrolDevice(request)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.EnrolDevice(request)
    (entry,) = [one for one in trail(chosen) if one.action == Action.DEVICE_ENROLLED]
    serial = site.pki.issued()[-1].certificate.serial_number
    assert entry.actor == f"device:{SITE}/camera/dep-1"
    assert f'"invitation":"{public_id(code.secret)}"' in entry.details
    assert f'"serial":"{serial:x}"' in entry.details
    for secret in (code.text, code.secret.hex()):
        assert secret not in "".join(map(str, entry))


async def test_a_certificate_whose_enrolment_cannot_be_recorded_is_not_given_out(tmp_path: Path):
    site = Site(tmp_path)
    code = site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now(), timedelta(minutes=5))
    chosen = site.settings(enrolment_listen="127.0.0.1:0")
    async with Server(chosen) as server, site.stranger(f"127.0.0.1:{server.enrolment_port}") as channel:
        database = Database(chosen.database_address)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_head")
        database.close()
        stub: Any = enrolment_service_pb2_grpc.EnrolmentServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.EnrolDevice(
                enrolment_service_pb2.EnrolDeviceRequest(
                    invitation_secret=code.secret, certificate_request=certificate_request()
                )
            )
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
