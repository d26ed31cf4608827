"""Calls of every method at a running server, for tests of what the audit trail says of them."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import uuid6
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Link
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    adjudication_pb2,
    agency_pb2,
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    camera_service_pb2,
    camera_service_pb2_grpc,
    capture_service_pb2_grpc,
    device_pb2,
    device_service_pb2,
    device_service_pb2_grpc,
    enrolment_service_pb2,
    enrolment_service_pb2_grpc,
    gate_pb2,
    list_feed_service_pb2,
    list_feed_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    people_service_pb2,
    people_service_pb2_grpc,
    port_service_pb2,
    port_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    shift_service_pb2,
    shift_service_pb2_grpc,
    sync_pb2,
    trouble_service_pb2,
    trouble_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tokens import bearer, signed_bytes
from tests.support.builders.surveys import survey_message
from tests.support.builders.watchlist_folder import COLUMNS, row, write_orders
from tests.support.scenarios.aiming_camera import aiming_camera
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.scenarios.port_office import Seat, seen
from tests.support.scenarios.port_office import sign_in as sign_in_at
from tests.support.scenarios.reporting_port import ReportingPort
from tests.support.scenarios.second_person import beside, method_of
from tests.support.scenarios.server import CaptureClient, face, hello, list_astronaut, order_in_force, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, certificate_request, now
from tests.support.scenarios.sync import SyncCaller


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
        assert (await camera.receipt(face()))[0] == "ACCEPTED"
        camera.call.cancel()

    # The generated stubs are typed for one kind of channel only.
    @property
    def alerts(self) -> Any:
        return alert_service_pb2_grpc.AlertServiceStub(self.channel)

    @property
    def watchlist(self) -> Any:
        return watchlist_service_pb2_grpc.WatchlistServiceStub(self.channel)

    @property
    def list_feed(self) -> Any:
        return list_feed_service_pb2_grpc.ListFeedServiceStub(self.channel)

    @property
    def sessions(self) -> Any:
        return session_service_pb2_grpc.SessionServiceStub(self.channel)

    @property
    def alarms(self) -> Any:
        return trouble_service_pb2_grpc.TroubleServiceStub(self.channel)

    @property
    def ports(self) -> Any:
        return port_service_pb2_grpc.PortServiceStub(self.channel)

    @property
    def audit(self) -> Any:
        return audit_service_pb2_grpc.AuditServiceStub(self.channel)

    @property
    def operations(self) -> Any:
        return operations_service_pb2_grpc.OperationsServiceStub(self.channel)


async def subscribe(scene: Scene) -> None:
    request = alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1")
    request.from_start.SetInParent()
    call = scene.alerts.SubscribeAlerts(request, metadata=bearer(scene.token))
    assert (await call.read()).WhichOneof("message") == "subscribed"
    async with asyncio.timeout(20):
        while (await call.read()).WhichOneof("message") != "event":
            pass
    call.cancel()


async def acknowledge_alarm(scene: Scene) -> None:
    """A refused camera is an alarm at once, without waiting for anything."""
    stub = capture_service_pb2_grpc.CaptureServiceStub(scene.channel)
    camera: Any = stub.StreamFaces()
    await camera.write(hello("no-such-camera"))
    await camera.code()
    found: list[Any] = []
    async with asyncio.timeout(20):
        while not found:
            status = await scene.operations.GetStatus(operations_service_pb2.GetStatusRequest())
            found = [one for one in status.troubles if one.about == "no-such-camera"]
    sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
    request = trouble_service_pb2.AcknowledgeTroubleRequest(trouble_id=found[0].trouble_id)
    await scene.alarms.AcknowledgeTrouble(request, metadata=bearer(sari.token))


async def list_alerts(scene: Scene) -> None:
    answer = await scene.alerts.ListAlerts(alert_service_pb2.ListAlertsRequest(), metadata=bearer(scene.token))
    scene.alert_id = answer.alerts[0].alert_id


async def list_changed_alerts(scene: Scene) -> None:
    request = alert_service_pb2.ListChangedAlertsRequest(heard_sequence=1)  # of a server that may have yet to read it
    answer = await scene.alerts.ListChangedAlerts(request, metadata=bearer(scene.token))
    assert [one.alert_id for one in answer.alerts]


async def get_alert(scene: Scene) -> None:
    await list_alerts(scene)
    request = alert_service_pb2.GetAlertRequest(alert_id=scene.alert_id, include_images=True)
    assert (await scene.alerts.GetAlert(request, metadata=bearer(scene.token))).images.probe_jpeg


async def list_alert_faces(scene: Scene) -> None:
    await list_alerts(scene)
    request = alert_service_pb2.ListAlertFacesRequest(alert_ids=[scene.alert_id])
    assert (await scene.alerts.ListAlertFaces(request, metadata=bearer(scene.token))).faces


PORT = list_feed_service_pb2.PortServer(sites=[SITE], run_id=str(uuid6.uuid7()))


async def follow_list(scene: Scene) -> None:
    stream = scene.list_feed.FollowList(list_feed_service_pb2.FollowListRequest(port=PORT))
    await stream.read()
    stream.cancel()


async def _page(scene: Scene) -> list_feed_service_pb2.ReadListResponse:
    request = list_feed_service_pb2.ReadListRequest(port=PORT)
    page: list_feed_service_pb2.ReadListResponse = await scene.list_feed.ReadList(request)
    return page


async def read_list(scene: Scene) -> None:
    assert (await _page(scene)).subjects


async def fetch_references(scene: Scene) -> None:
    listed = next(one for one in (await _page(scene)).subjects if one.references)
    wanted = [one.reference_id for one in listed.references]
    request = list_feed_service_pb2.FetchReferencesRequest(
        port=PORT, subject_id=listed.subject_id, reference_ids=wanted
    )
    assert [piece.last async for piece in scene.list_feed.FetchReferences(request)][-1]


async def report_alerts(scene: Scene) -> None:
    """Let a port of another server report an alert; in plaintext nobody is a port."""
    site = Site(scene.folder / str(uuid4()))
    files = site.device(DeviceRole.PORT, "server")
    async with (
        Server(another(scene, site)) as server,
        site.dialer(f"127.0.0.1:{server.port}", files).aio_channel() as channel,
    ):
        port = await ReportingPort.open(channel)
        assert await port.report(1) == 1


async def list_port_alerts(scene: Scene) -> None:
    await report_alerts(scene)
    sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
    request = port_service_pb2.ListPortAlertsRequest()
    answer = await scene.ports.ListPortAlerts(request, metadata=bearer(sari.token))
    scene.alert_id = answer.alerts[0].alert.alert_id


async def get_port_alert(scene: Scene) -> None:
    await list_port_alerts(scene)
    sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
    request = port_service_pb2.GetPortAlertRequest(site=SITE, port="server", alert_id=scene.alert_id)
    await scene.ports.GetPortAlert(request, metadata=bearer(sari.token))


async def list_subjects(scene: Scene) -> None:
    await scene.watchlist.ListSubjects(watchlist_service_pb2.ListSubjectsRequest())


async def list_subject_faces(scene: Scene) -> None:
    request = watchlist_service_pb2.ListSubjectFacesRequest(subject_ids=["S-1"])
    assert (await scene.watchlist.ListSubjectFaces(request)).faces


async def get_subject(scene: Scene) -> None:
    request = watchlist_service_pb2.GetSubjectRequest(subject_id="S-1", include_photos=True)
    await scene.watchlist.GetSubject(request)


async def get_subject_history(scene: Scene) -> None:
    await scene.watchlist.GetSubjectHistory(watchlist_service_pb2.GetSubjectHistoryRequest(subject_id="S-1"))


async def keep_agencies(scene: Scene) -> None:
    """Add an agency, and remove it."""
    lina = await seat(scene, "lina", PersonRole.LIST_MANAGER)
    agency = agency_pb2.Agency(code="DINAS", name="Dinas Contoh")
    put = watchlist_service_pb2.PutAgencyRequest(agency=agency)
    await scene.watchlist.PutAgency(put, metadata=bearer(lina.token))
    listed = (await scene.watchlist.ListAgencies(watchlist_service_pb2.ListAgenciesRequest())).list.agencies
    (mark,) = (one.mark for one in listed if one.code == "DINAS")
    remove = watchlist_service_pb2.RemoveAgencyRequest(code="DINAS", seen_mark=mark)
    await scene.watchlist.RemoveAgency(remove, metadata=bearer(lina.token))


async def add_law_row(scene: Scene) -> None:
    """Confirm a row of the law, as two people."""
    hire(scene, "lina", PersonRole.LIST_MANAGER)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    rows = (await scene.watchlist.GetLaw(watchlist_service_pb2.GetLawRequest())).rows
    rows[-1].confirmed_by = "Contoh, S.H."
    request = watchlist_service_pb2.AddLawRowRequest(row=rows[-1])
    await scene.watchlist.AddLawRow(request, metadata=await two_people(scene, "lina", "sari", request))
    assert (await scene.watchlist.GetLaw(watchlist_service_pb2.GetLawRequest())).rows[-1] == rows[-1]


async def amend_order(scene: Scene) -> None:
    """End an order, as two people."""
    hire(scene, "lina", PersonRole.LIST_MANAGER)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    asked = watchlist_service_pb2.GetSubjectRequest(subject_id="S-1")
    (kept,) = (await scene.watchlist.GetSubject(asked)).subject.keeping
    request = watchlist_service_pb2.AmendOrderRequest(
        subject_id="S-1",
        order_id=kept.order_id,
        seen_mark=kept.mark,
        reason=watchlist_service_pb2.AMENDMENT_REASON_AGENCY,
        ending=watchlist_service_pb2.OrderEnding(ground=watchlist_pb2.REVOCATION_GROUND_AGENCY),
    )
    await scene.watchlist.AmendOrder(request, metadata=await two_people(scene, "lina", "sari", request))


async def judge_lookalikes(scene: Scene) -> None:
    """Judge the listed person and one with the same face."""
    twin = settings(scene.folder)
    list_astronaut(twin, order_in_force(order_id="O-2", subject_id="S-2"), scale=0.9, subject_id="S-2")
    lina = await seat(scene, "lina", PersonRole.LIST_MANAGER)
    alike: list[Any] = []

    async def found() -> bool:
        answer = await scene.watchlist.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="S-1"))
        alike[:] = answer.subject.look_alikes
        return bool(alike)

    await becomes(found)
    request = watchlist_service_pb2.JudgeLookAlikesRequest(
        subject_id="S-1",
        other_subject_id="S-2",
        judgement=watchlist_pb2.LOOK_ALIKE_JUDGEMENT_DIFFERENT_PEOPLE,
        mark=alike[0].mark,
    )
    await scene.watchlist.JudgeLookAlikes(request, metadata=bearer(lina.token))


async def list_lookalikes(scene: Scene) -> None:
    """List the pair that was judged."""
    await scene.watchlist.ListLookAlikes(watchlist_service_pb2.ListLookAlikesRequest())


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


async def import_list_file(scene: Scene) -> None:
    """Preview a table of one order, and import it as it was previewed."""
    cells = row("O-8", subject_id="S-8")
    table = ",".join(COLUMNS) + "\n" + ",".join(cells.get(name, "") for name in COLUMNS) + "\n"
    content, digest = table.encode(), ""
    for _ in range(2):
        begin = watchlist_service_pb2.ListFileBegin(name="list.csv", size=len(content), preview_digest=digest)
        parts = ({"begin": begin}, {"chunk": content}, {"end": watchlist_service_pb2.ListFileEnd()})
        requests = [watchlist_service_pb2.ImportListFileRequest(**part) for part in parts]
        *_, last = [answer async for answer in scene.watchlist.ImportListFile(iter(requests))]
        digest = last.ended.preview_digest


async def stream_faces(scene: Scene) -> None:
    """Send two faces of one passage: an alert, and a sighting of it."""
    camera = await CaptureClient.open(scene.channel)
    for _ in range(2):
        assert (await camera.receipt(face()))[0] == "ACCEPTED"
    camera.call.cancel()


def another(scene: Scene, site: Site, **overrides: Any) -> ServerSettings:
    """Settings of another server, with certificates, on the database of the one that runs: with a folder of its own."""
    first, folder = settings(scene.folder), scene.folder / "other"
    folder.mkdir(exist_ok=True)
    for file in scene.folder.glob("audit_*"):
        shutil.copy2(file, folder)  # as for a server that takes over: checkpoints were signed with that key
    return site.settings(
        data_dir=folder,
        tls_dir=site.folder / "tls",
        pki_dir=site.folder / "pki",
        database_url=first.database_address,
        master_key_from=f"file:{scene.folder / 'master.key'}",
        **overrides,
    )


async def enrol(scene: Scene) -> None:
    site = Site(scene.folder)
    invitation = site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now(), timedelta(minutes=5))
    request = enrolment_service_pb2.EnrolDeviceRequest(
        invitation_secret=invitation.secret, certificate_request=certificate_request()
    )
    async with (
        Server(another(scene, site, enrolment_listen="127.0.0.1:0")) as server,
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


async def sign_in(scene: Scene, name: str = "budi") -> str:
    proof = session_service_pb2.PasswordProof(sign_in_name=name, password=PASSWORD)
    answer = await scene.sessions.SignIn(session_service_pb2.SignInRequest(password=proof))
    return str(answer.token)


async def two_people(scene: Scene, first: str, second: str, request: Message) -> Any:
    """Sign two people in for a request; return its metadata."""
    token = await sign_in(scene, first)
    answer = await scene.sessions.SignIn(beside(second, request), metadata=bearer(token))
    return bearer(token, str(answer.token))


async def sign_in_right_and_wrong(scene: Scene) -> None:
    hire(scene, "budi")
    proof = session_service_pb2.PasswordProof(sign_in_name="budi", password=OTHER_PASSWORD)
    with pytest.raises(grpc.aio.AioRpcError):
        await scene.sessions.SignIn(session_service_pb2.SignInRequest(password=proof))
    await sign_in(scene)


async def sign_out(scene: Scene) -> None:
    hire(scene, "budi")
    await scene.sessions.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(await sign_in(scene)))


async def begin_wall(scene: Scene) -> None:
    hire(scene, "wati", PersonRole.SUPERVISOR)
    await scene.sessions.BeginWall(
        session_service_pb2.BeginWallRequest(), metadata=bearer(await sign_in(scene, "wati"))
    )


async def ask_approval(scene: Scene) -> None:
    """Ask for a second person's signature."""
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    wanted = people_service_pb2.ResetPasswordRequest(sign_in_name="budi")
    request = session_service_pb2.AskApprovalRequest(method=method_of(wanted), request=signed_bytes(wanted))
    await scene.sessions.AskApproval(request, metadata=bearer(await sign_in(scene, "adi")))


async def hand_over_shift(scene: Scene) -> None:
    """Leave notes, and let somebody else read them and take over."""
    hire(scene, "budi")
    hire(scene, "ani")
    shifts: Any = shift_service_pb2_grpc.ShiftServiceStub(scene.channel)
    left = bearer(await sign_in(scene))
    await shifts.LeaveShift(shift_service_pb2.LeaveShiftRequest(notes="all quiet"), metadata=left)
    comes = bearer(await sign_in(scene, "ani"))
    found = await shifts.ListHandOvers(shift_service_pb2.ListHandOversRequest(), metadata=comes)
    taken = shift_service_pb2.TakeShiftRequest(hand_over_id=found.hand_overs[0].hand_over_id)
    await shifts.TakeShift(taken, metadata=comes)


async def set_exercise_hours(scene: Scene) -> None:
    """Let a supervisor set when exercises come."""
    hire(scene, "siti", PersonRole.SUPERVISOR)
    shifts: Any = shift_service_pb2_grpc.ShiftServiceStub(scene.channel)
    hours = shift_service_pb2.ExerciseHours(shifts=["07:00-15:00"], a_shift=2)
    request = shift_service_pb2.SetExerciseHoursRequest(hours=hours)
    await shifts.SetExerciseHours(request, metadata=bearer(await sign_in(scene, "siti")))


async def change_password(scene: Scene) -> None:
    hire(scene, "citra")
    request = session_service_pb2.ChangePasswordRequest(present_password=PASSWORD, new_password=OTHER_PASSWORD)
    await scene.sessions.ChangePassword(request, metadata=bearer(await sign_in(scene, "citra")))


async def keep_people(scene: Scene) -> None:
    """Every change of a person's record."""
    stub: Any = people_service_pb2_grpc.PeopleServiceStub(scene.channel)
    roles, sites, name = [session_pb2.PERSON_ROLE_OFFICER], [SITE], f"dewi-{uuid4()}"
    await stub.AddPerson(
        people_service_pb2.AddPersonRequest(sign_in_name=name, display_name="Dewi", roles=roles, sites=sites)
    )
    await stub.ChangePerson(people_service_pb2.ChangePersonRequest(sign_in_name=name, roles=roles, sites=sites))
    await stub.DisablePerson(people_service_pb2.DisablePersonRequest(sign_in_name=name, disabled=True))
    await stub.ResetPassword(people_service_pb2.ResetPasswordRequest(sign_in_name=name))
    await stub.UnlockPerson(people_service_pb2.UnlockPersonRequest(sign_in_name=name))


async def take_password_parts(scene: Scene) -> None:
    """Add a person as two people, and let the second take their part of the first password."""
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    stub: Any = people_service_pb2_grpc.PeopleServiceStub(scene.channel)
    request = people_service_pb2.AddPersonRequest(
        sign_in_name=f"dewi-{uuid4()}", display_name="Dewi", roles=[session_pb2.PERSON_ROLE_OFFICER], sites=[SITE]
    )
    await stub.AddPerson(request, metadata=await two_people(scene, "adi", "sari", request))
    answer = await stub.TakePasswordParts(
        people_service_pb2.TakePasswordPartsRequest(), metadata=bearer(await sign_in(scene, "sari"))
    )
    assert len(answer.parts) == 1


async def keep_devices(scene: Scene) -> None:
    """Invite a device, withdraw that, and revoke another, at a server beside it that holds an authority."""
    folder = scene.folder / str(uuid4())
    folder.mkdir()
    site = Site(folder)
    site.device(DeviceRole.NOTIFIER, "pc-lost")
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    async with (
        Server(another(scene, site, enrolment_listen="127.0.0.1:0")) as server,
        site.dialer(f"127.0.0.1:{server.port}", site.device(DeviceRole.DIAGNOSTICS, "laptop")).aio_channel() as channel,
    ):
        signed_in: Any = {"metadata": bearer(await sign_in_at(channel, "adi"))}
        stub: Any = device_service_pb2_grpc.DeviceServiceStub(channel)
        which: Any = {"role": device_pb2.DEVICE_ROLE_CAMERA, "site": SITE, "name": "dep-1"}
        await stub.InviteDevice(device_service_pb2.InviteDeviceRequest(**which), **signed_in)
        await stub.CancelInvitation(device_service_pb2.CancelInvitationRequest(**which), **signed_in)
        lost: Any = {"role": device_pb2.DEVICE_ROLE_NOTIFIER, "site": SITE, "name": "pc-lost"}
        await stub.RevokeDevice(device_service_pb2.RevokeDeviceRequest(**lost), **signed_in)


async def set_camera_policy(scene: Scene) -> None:
    stub: Any = camera_service_pb2_grpc.CameraServiceStub(scene.channel)
    known = await stub.GetCameraPolicy(camera_service_pb2.GetCameraPolicyRequest(camera_id="dep-1"))
    request = camera_service_pb2.SetCameraPolicyRequest(camera_id="dep-1", number=known.policy.number)
    request.changes.jpeg_quality = 90
    await stub.SetCameraPolicy(request)


async def take_report(scene: Scene) -> None:
    stub: Any = report_service_pb2_grpc.ReportServiceStub(scene.channel)
    sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
    request = report_service_pb2.GetFieldReportRequest(start_time=Timestamp(seconds=int(time.time()) - 60), taken=True)
    answer = await stub.GetFieldReport(request, metadata=bearer(sari.token))
    whole = answer.whole
    assert whole.false_alerts + whole.confirmed + whole.open
    assert b"S-1" not in answer.SerializeToString()
    assert b"Contoh" not in answer.SerializeToString()


async def get_aiming_picture(scene: Scene) -> None:
    stub: Any = camera_service_pb2_grpc.CameraServiceStub(scene.channel)
    async with aiming_camera(scene.channel):
        for watched in (False, True):
            request = camera_service_pb2.GetAimingPictureRequest(camera_id="dep-1", watched=watched)
            assert (await stub.GetAimingPicture(request)).jpeg


async def report_survey(scene: Scene) -> None:
    stub: Any = camera_service_pb2_grpc.CameraServiceStub(scene.channel)
    await stub.ReportSurvey(camera_service_pb2.ReportSurveyRequest(camera_id="dep-1", survey=survey_message()))


async def set_threshold(scene: Scene) -> None:
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    request = operations_service_pb2.SetThresholdRequest(threshold=0.45)
    await scene.operations.SetThreshold(request, metadata=await two_people(scene, "adi", "sari", request))


async def set_gate_policy(scene: Scene) -> None:
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    policy = gate_pb2.GatePolicy(states=[adjudication_pb2.ALERT_STATE_NEW], minutes=10)
    request = operations_service_pb2.SetGatePolicyRequest(policy=policy, reason=gate_pb2.GATE_POLICY_REASON_TRIAL)
    await scene.operations.SetGatePolicy(request, metadata=await two_people(scene, "sari", "adi", request))


async def forget_learned(scene: Scene) -> None:
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    hire(scene, "sari", PersonRole.SUPERVISOR)
    told = await scene.operations.GetThreshold(operations_service_pb2.GetThresholdRequest())
    request = operations_service_pb2.ForgetLearnedThresholdRequest(model_version=told.model_version)
    metadata = await two_people(scene, "adi", "sari", request)
    await scene.operations.ForgetLearnedThreshold(request, metadata=metadata)


async def read_trail(scene: Scene) -> None:
    """Search it, look at one entry, and check it."""
    hire(scene, "budi")
    search = audit_service_pb2.SearchAuditEntriesRequest(person="budi", subject_id="S-1", action="ALERT_RAISED")
    await scene.audit.SearchAuditEntries(search)
    await scene.audit.GetAuditEntry(audit_service_pb2.GetAuditEntryRequest(sequence=1))
    async for answer in scene.audit.VerifyAuditTrail(audit_service_pb2.VerifyAuditTrailRequest()):
        verdict = answer.verdict
    assert not verdict.problems


async def export_trail(scene: Scene) -> None:
    hire(scene, "umi", PersonRole.AUDITOR)
    hire(scene, "adi", PersonRole.ADMINISTRATOR)
    request = audit_service_pb2.ExportAuditEntriesRequest(format=audit_service_pb2.AUDIT_EXPORT_FORMAT_CSV)
    answers = scene.audit.ExportAuditEntries(request, metadata=await two_people(scene, "umi", "adi", request))
    assert [answer.WhichOneof("message") async for answer in answers][-1] == "end"


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
    request = watchlist_service_pb2.AcceptShrunkenListRequest(run_id=shrunk.run_id)
    await syncs.accept(shrunk.run_id, await two_people(scene, "lia", "sari", request))


async def seat(scene: Scene, name: str, *roles: PersonRole) -> Seat:
    hire(scene, name, *roles)
    return Seat(scene.channel, "pc-1", await sign_in(scene, name))


async def refer(scene: Scene) -> alert_pb2.Alert:
    """Let an officer refer the newest alert, which is new."""
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    return await budi.judge(await budi.claim(scene.alert_id))


async def undo_judgement(scene: Scene) -> None:
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    await budi.judge(await budi.claim(scene.alert_id))
    await budi.call("UndoJudgement", alert_id=scene.alert_id, agent_id=budi.agent_id)


async def claim_and_release(scene: Scene) -> None:
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    await budi.claim(scene.alert_id)
    await budi.call("ReleaseAlert", alert_id=scene.alert_id, agent_id="pc-1")


async def look_at_faces(scene: Scene) -> None:
    await scene.raise_alert()
    await list_alerts(scene)
    budi = await seat(scene, "budi")
    await budi.look(await budi.get(scene.alert_id))


async def refer_and_clear(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    await sari.call("ClearAlert", **seen(referred), reason=adjudication_pb2.REASON_OTHER, note="Contoh rahasia")


async def confirm_and_close(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    hit = await sari.confirm(referred)
    await sari.close(await sari.follow_up(hit, result="Contoh was met"))


async def take_over(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    why = {"reason": adjudication_pb2.REASON_ANOTHER_LOOK, "note": "Contoh rahasia"}
    await sari.call("TakeOverAlert", **seen(referred), agent_id=sari.agent_id, **why)


async def enter_reference(scene: Scene) -> None:
    referred, sari = await refer(scene), await seat(scene, "sari", PersonRole.SUPERVISOR)
    down = adjudication_pb2.REASON_CENTRAL_SYSTEM_DOWN
    hit = (await sari.call("ConfirmAlert", **seen(referred), reason=down)).alert
    await sari.call("EnterReference", **seen(hit), cekal_online_reference="CO-2026/0117", note="Contoh rahasia")


def trail(chosen: ServerSettings) -> list[Link]:
    database = Database(chosen.database_address)
    found = list(AuditStore(database).links())
    database.close()
    return found
