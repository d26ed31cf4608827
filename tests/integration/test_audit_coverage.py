"""Every method of the contract writes to the audit trail, or is listed here with the reason why it need not."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

import cekalwatch.v1
from cekalwatch.server.app import Server
from cekalwatch.server.config import ServerSettings
from cekalwatch.server.domain.people import PersonRole
from cekalwatch.server.security.audit import Action, Link
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    adjudication_pb2,
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    enrolment_service_pb2,
    enrolment_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    sync_pb2,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import public_id
from cekalwatch.wire.tokens import bearer
from tests.support.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.port_office import Seat, seen
from tests.support.server import CaptureClient, face, list_astronaut, running, settings
from tests.support.site_pki import SITE, Site, certificate_request, now
from tests.support.sync import SyncCaller, hold_schedule
from tests.support.watchlist_folder import row, write_orders

NO_ENTRY_NEEDED = {
    "AlertService/AcknowledgeAlerts": "moves an agent's position and shows nothing; what was delivered is recorded",
    "SessionService/GetSession": "tells a person who signed in what they are themselves; the sign-in is recorded",
    "AlertService/GetShiftReport": "tells counts and times, and keys of cameras",
    "WatchlistService/GetSyncStatus": "tells counts, codes and keys of refused orders, and nothing of a person",
    "WatchlistService/ListSyncRuns": "tells the same of earlier runs",
    "OperationsService/GetStatus": "tells counts, versions and keys of devices, and nothing of a person",
}


@dataclass
class Scene:
    """A server with a listed person, before whose camera that person stands once."""

    channel: grpc.aio.Channel
    alert_id: str = ""
    token: str = ""
    """Of who is signed in."""
    folder: Path = Path()
    """Of the server's data, for who starts another server on it."""

    async def raise_alert(self) -> None:
        """Send the listed person's face, and remember the alert."""
        camera = await CaptureClient.open(self.channel)
        assert (await camera.receipt(face()))[0] == "SEARCHED"
        camera.call.cancel()

    # The generated stubs are typed for one kind of channel only.
    @property
    def alerts(self) -> Any:
        return alert_service_pb2_grpc.AlertServiceStub(self.channel)

    @property
    def watchlist(self) -> Any:
        return watchlist_service_pb2_grpc.WatchlistServiceStub(self.channel)

    @property
    def sessions(self) -> Any:
        return session_service_pb2_grpc.SessionServiceStub(self.channel)

    @property
    def operations(self) -> Any:
        return operations_service_pb2_grpc.OperationsServiceStub(self.channel)


async def subscribe(scene: Scene) -> None:
    request = alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1")
    request.from_start.SetInParent()
    call = scene.alerts.SubscribeAlerts(request)
    assert (await call.read()).WhichOneof("message") == "subscribed"
    async with asyncio.timeout(20):
        while (await call.read()).WhichOneof("message") != "event":
            pass
    call.cancel()


async def list_alerts(scene: Scene) -> None:
    answer = await scene.alerts.ListAlerts(alert_service_pb2.ListAlertsRequest(), metadata=bearer(scene.token))
    scene.alert_id = answer.alerts[0].alert_id


async def get_alert(scene: Scene) -> None:
    await list_alerts(scene)
    request = alert_service_pb2.GetAlertRequest(alert_id=scene.alert_id, include_images=True)
    assert (await scene.alerts.GetAlert(request, metadata=bearer(scene.token))).images.probe_jpeg


async def list_subjects(scene: Scene) -> None:
    await scene.watchlist.ListSubjects(watchlist_service_pb2.ListSubjectsRequest())


async def get_subject(scene: Scene) -> None:
    request = watchlist_service_pb2.GetSubjectRequest(subject_id="S-1", include_photos=True)
    await scene.watchlist.GetSubject(request)


def record(order_id: str, received_on: str = "2026-01-01") -> watchlist_service_pb2.ImportWatchlistRequest:
    order = watchlist_pb2.BanOrder(
        order_id=order_id,
        subject_id="S-7",
        kind=watchlist_pb2.ORDER_KIND_CEGAH,
        requesting_agency="Kejaksaan Agung",
        valid_from="2026-01-01",
        valid_until="2026-06-30",
        received_on=received_on,
    )
    subject = watchlist_pb2.Subject(subject_id="S-7", name="Contoh Tujuh", nationality="IDN")
    return watchlist_service_pb2.ImportWatchlistRequest(
        record=watchlist_service_pb2.ImportRecord(subject=subject, order=order)
    )


async def import_watchlist(scene: Scene, *, finish: bool = True) -> None:
    requests = [record("O-7"), record("O-7"), record("Contoh Tujuh", received_on="yesterday")]
    if finish:
        requests.append(watchlist_service_pb2.ImportWatchlistRequest(finish=watchlist_service_pb2.ImportFinish()))
    answers = [answer async for answer in scene.watchlist.ImportWatchlist(iter(requests))]
    assert len(answers) == 3


async def stream_faces(scene: Scene) -> None:
    await scene.raise_alert()


async def enrol(scene: Scene) -> None:
    site = Site(scene.folder)
    invitation = site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now(), timedelta(minutes=5))
    request = enrolment_service_pb2.EnrolDeviceRequest(
        invitation_secret=invitation.secret, certificate_request=certificate_request()
    )
    async with (
        Server(site.settings(enrolment_listen="127.0.0.1:0")) as server,
        site.stranger(f"127.0.0.1:{server.enrolment_port}") as channel,
    ):
        stub: Any = enrolment_service_pb2_grpc.EnrolmentServiceStub(channel)
        assert (await stub.EnrolDevice(request)).certificate_pem


def hire(scene: Scene, name: str, *roles: PersonRole) -> None:
    database = Database(settings(scene.folder).database_address)
    office = Office(database)
    if office.people.account(name) is None:
        office.hire(person(name, *roles))
    database.close()


async def sign_in(scene: Scene, name: str = "budi", purpose: Any = session_pb2.SESSION_PURPOSE_CALLS) -> str:
    proof = session_service_pb2.PasswordProof(sign_in_name=name, password=PASSWORD)
    answer = await scene.sessions.SignIn(session_service_pb2.SignInRequest(purpose=purpose, password=proof))
    return str(answer.token)


async def sign_in_right_and_wrong(scene: Scene) -> None:
    hire(scene, "budi")
    proof = session_service_pb2.PasswordProof(sign_in_name="budi", password=OTHER_PASSWORD)
    with pytest.raises(grpc.aio.AioRpcError):
        await scene.sessions.SignIn(session_service_pb2.SignInRequest(password=proof))
    await sign_in(scene)


async def sign_out(scene: Scene) -> None:
    hire(scene, "budi")
    await scene.sessions.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(await sign_in(scene)))


async def change_password(scene: Scene) -> None:
    hire(scene, "citra")
    request = session_service_pb2.ChangePasswordRequest(present_password=PASSWORD, new_password=OTHER_PASSWORD)
    await scene.sessions.ChangePassword(request, metadata=bearer(await sign_in(scene, "citra")))


async def set_threshold(scene: Scene) -> None:
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    word = await sign_in(scene, "sari", session_pb2.SESSION_PURPOSE_SECOND_PERSON)
    request = operations_service_pb2.SetThresholdRequest(threshold=0.45)
    await scene.operations.SetThreshold(request, metadata=bearer(await sign_in(scene, "adi"), word))


async def synchronise(scene: Scene) -> None:
    write_orders(scene.folder / "list", [row()])
    assert (await SyncCaller(scene.channel).now()).outcome == sync_pb2.SYNC_OUTCOME_DONE


async def accept_shrunken_list(scene: Scene) -> None:
    syncs = SyncCaller(scene.channel)
    await synchronise(scene)
    write_orders(scene.folder / "list", [])
    shrunk = await syncs.now()
    hire(scene, "lia", PersonRole.LIST_MANAGER)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    word = await sign_in(scene, "sari", session_pb2.SESSION_PURPOSE_SECOND_PERSON)
    await syncs.accept(shrunk.run_id, bearer(await sign_in(scene, "lia"), word))


async def seat(scene: Scene, name: str, *roles: PersonRole) -> Seat:
    hire(scene, name, *roles)
    return Seat(scene.channel, "pc-1", await sign_in(scene, name))


async def refer(scene: Scene) -> alert_pb2.Alert:
    """Let an officer refer the newest alert, which is new."""
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    return await budi.judge(await budi.claim(scene.alert_id))


async def claim_and_release(scene: Scene) -> None:
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    await budi.claim(scene.alert_id)
    await budi.call("ReleaseAlert", alert_id=scene.alert_id, agent_id="pc-1")


async def refer_and_clear(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    await sari.call("ClearAlert", **seen(referred), reason=adjudication_pb2.REASON_OTHER, note="Contoh rahasia")


async def confirm_and_close(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    hit = await sari.confirm(referred)
    await sari.close(await sari.follow_up(hit, result="Contoh was met"))


_WORKED_ON = ["alert:", "subject:S-1"]
ENTRIES: dict[str, tuple[Callable[[Scene], Awaitable[None]], dict[Action, list[str]]]] = {
    "CaptureService/StreamFaces": (stream_faces, {Action.ALERT_SIGHTED: ["alert:", "capture:", "subject:S-1"]}),
    "AlertService/SubscribeAlerts": (
        subscribe,
        {Action.SUBSCRIPTION_OPENED: [], Action.ALERT_DELIVERED: ["alert:", "subject:S-1"]},
    ),
    "AlertService/ListAlerts": (list_alerts, {Action.ALERTS_LISTED: ["alert:", "subject:S-1"]}),
    "AlertService/GetAlert": (get_alert, {Action.ALERT_VIEWED: ["alert:", "subject:S-1"]}),
    "AlertService/ClaimAlert": (claim_and_release, {Action.ALERT_CLAIMED: _WORKED_ON}),
    "AlertService/ReleaseAlert": (claim_and_release, {Action.ALERT_RELEASED: _WORKED_ON}),
    "AlertService/AdjudicateAlert": (refer_and_clear, {Action.ALERT_ADJUDICATED: _WORKED_ON}),
    "AlertService/ClearAlert": (refer_and_clear, {Action.ALERT_CLEARED: _WORKED_ON}),
    "AlertService/ConfirmAlert": (confirm_and_close, {Action.ALERT_CONFIRMED: [*_WORKED_ON, "person:"]}),
    "AlertService/RecordFollowUp": (confirm_and_close, {Action.ALERT_FOLLOWED_UP: _WORKED_ON}),
    "AlertService/CloseAlert": (confirm_and_close, {Action.ALERT_CLOSED: _WORKED_ON}),
    "WatchlistService/ListSubjects": (list_subjects, {Action.SUBJECTS_LISTED: ["subject:S-1"]}),
    "WatchlistService/GetSubject": (get_subject, {Action.SUBJECT_VIEWED: ["subject:S-1"]}),
    "WatchlistService/ImportWatchlist": (
        import_watchlist,
        {Action.ORDER_IMPORTED: ["order:O-7", "subject:S-7"], Action.WATCHLIST_IMPORTED: []},
    ),
    "WatchlistService/SyncNow": (
        synchronise,
        {Action.SYNC_REQUESTED: [], Action.ORDER_IMPORTED: ["order:O-1", "subject:S-1"], Action.WATCHLIST_SYNCED: []},
    ),
    "WatchlistService/AcceptShrunkenList": (
        accept_shrunken_list,
        {Action.SHRINK_ACCEPTED: ["person:"], Action.ORDERS_WITHDRAWN: ["order:O-1"]},
    ),
    "SessionService/SignIn": (
        sign_in_right_and_wrong,
        {Action.SIGN_IN_REFUSED: ["person:"], Action.SIGNED_IN: ["person:"]},
    ),
    "SessionService/SignOut": (sign_out, {Action.SIGNED_OUT: ["person:"]}),
    "SessionService/ChangePassword": (change_password, {Action.PASSWORD_CHANGED: ["person:"]}),
    "OperationsService/SetThreshold": (set_threshold, {Action.THRESHOLD_SET: ["person:"]}),
    "EnrolmentService/EnrolDevice": (enrol, {Action.DEVICE_ENROLLED: [f"device:{SITE}/camera/dep-1"]}),
}


def methods_of_the_contract() -> set[str]:
    found = set()
    for module in pkgutil.iter_modules(cekalwatch.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"cekalwatch.v1.{module.name}").DESCRIPTOR
            found |= {
                f"{name}/{method}"
                for name, service in file.services_by_name.items()
                for method in service.methods_by_name
            }
    return found


def trail(chosen: ServerSettings) -> list[Link]:
    database = Database(chosen.database_address)
    found = list(AuditStore(database).links())
    database.close()
    return found


def test_every_method_is_either_recorded_or_excused():
    assert set(ENTRIES).isdisjoint(NO_ENTRY_NEEDED)
    assert set(ENTRIES) | set(NO_ENTRY_NEEDED) == methods_of_the_contract()
    assert all(NO_ENTRY_NEEDED.values())


@pytest.mark.parametrize("method", ENTRIES)
async def test_a_method_writes_its_entries_before_it_answers(tmp_path: Path, method: str):
    chosen = settings(tmp_path, watchlist={"source": {"kind": "folder", "path": tmp_path / "list"}})
    list_astronaut(chosen)
    hold_schedule(chosen)
    call, wanted = ENTRIES[method]
    async with running(chosen) as server:
        scene = Scene(server.channel, folder=tmp_path)
        await scene.raise_alert()
        before = len(trail(chosen))
        await call(scene)
        new = trail(chosen)[before:]
    for action, objects in wanted.items():
        of_action = [one for one in new if one.action == action]
        assert of_action, f"{method} wrote no {action}"
        assert all(expected in of_action[0].objects for expected in objects), of_action[0].objects


async def test_the_excused_methods_show_nothing_of_a_person(tmp_path: Path):
    """What they answer is looked through for the key and the name of the subject that is listed and alerts."""
    chosen = settings(tmp_path, watchlist={"source": {"kind": "folder", "path": tmp_path / "list"}})
    list_astronaut(chosen)
    hold_schedule(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel, folder=tmp_path)
        await scene.raise_alert()
        sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
        shift = await sari.call("GetShiftReport", start_time=Timestamp(seconds=int(time.time()) - 60))
        assert shift.raised == 1
        acknowledged = await scene.alerts.AcknowledgeAlerts(
            alert_service_pb2.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=1)
        )
        status = await scene.operations.GetStatus(operations_service_pb2.GetStatusRequest())
        write_orders(tmp_path / "list", [row(), row("O-2", subject_id="S-1", valid_from="Contoh")])
        await SyncCaller(server.channel).now()
        syncs = await SyncCaller(server.channel).status()
        runs = await scene.watchlist.ListSyncRuns(watchlist_service_pb2.ListSyncRunsRequest())
        assert runs.runs[0].refusals[0].order_id == "O-2"
    for answer in (acknowledged, status, shift, syncs, runs):
        assert b"S-1" not in answer.SerializeToString()
        assert b"Contoh" not in answer.SerializeToString()


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


async def test_no_entry_holds_a_name_or_a_picture(tmp_path: Path):
    chosen = settings(tmp_path, watchlist={"source": {"kind": "folder", "path": tmp_path / "list"}})
    list_astronaut(chosen)
    hold_schedule(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel, folder=tmp_path)
        await scene.raise_alert()
        for call, _ in ENTRIES.values():
            await call(scene)
        with pytest.raises(grpc.aio.AioRpcError):
            await scene.watchlist.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="Contoh Satu"))
    found = trail(chosen)
    assert found[-1].outcome == "SUBJECT_NOT_FOUND"
    assert not [one for one in found if "Contoh" in "".join(map(str, one)) or "\\u" in "".join(map(str, one))]
    assert max(len("".join(map(str, one))) for one in found) < 1000


async def test_what_cannot_be_recorded_is_not_given_out(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel)
        await get_subject(scene)
        database = Database(chosen.database_address)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_head")
        database.close()
        for call in (get_subject, list_subjects, list_alerts, subscribe):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(scene)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


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
            await subscribe(scene)
            hire(scene, "budi")
            scene.token = await sign_in(scene)
            session = await scene.sessions.GetSession(
                session_service_pb2.GetSessionRequest(), metadata=bearer(scene.token)
            )
            await get_alert(scene)
        async with site.dialer(address, site.device(DeviceRole.SERVER, "main-2")).aio_channel() as channel:
            await get_subject(Scene(channel))
    actors = {one.action: one.actor for one in trail(chosen)}
    for action in (Action.SUBSCRIPTION_OPENED, Action.ALERT_DELIVERED):
        assert actors[action] == f"device:{SITE}/notifier/pc-1"
    for action in (Action.SIGNED_IN, Action.ALERTS_LISTED, Action.ALERT_VIEWED):
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
    assert actors[Action.ALERT_DELIVERED] == "agent:pc-1"
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
