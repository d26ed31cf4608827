"""Every device role on every site, with nobody and with people of every role, calls every method of a real server.

What they may is written here a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.auth import limits
from cekalwatch.server.auth.certificate import peer_of
from cekalwatch.server.auth.rights import RIGHTS
from cekalwatch.server.auth.sessions import Sessions
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.v1 import camera_service_pb2 as cameras
from cekalwatch.v1 import session_service_pb2, session_service_pb2_grpc
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.server import CAMERAS, hello, reason_of, running
from tests.support.scenarios.site_pki import SITE, Site

OTHER_SITE = "sekupang"
UNSERVED_SITE = "tanjung-uban"
SITES = (SITE, OTHER_SITE, UNSERVED_SITE)
CAMERA_OF = {SITE: "dep-1", OTHER_SITE: "dep-2", UNSERVED_SITE: "dep-1"}
WAIT_S = 30.0

OFFICERS = frozenset({PersonRole.OFFICER, PersonRole.SUPERVISOR, PersonRole.AUDITOR})
COUNTER = frozenset({PersonRole.OFFICER, PersonRole.SUPERVISOR})
SUPERVISORS = frozenset({PersonRole.SUPERVISOR})
LIST_MANAGERS = frozenset({PersonRole.LIST_MANAGER})
LIST_SIGNERS = frozenset({PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR})
KEEPERS = frozenset({PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR})
ANYBODY = frozenset(PersonRole)
ALONE: frozenset[PersonRole] = frozenset()

OBSERVING = {
    "cekalwatch.v1.OperationsService/GetStatus": ALONE,
    "cekalwatch.v1.OperationsService/GetThreshold": ALONE,
    "cekalwatch.v1.TroubleService/WatchTroubles": ALONE,
    "cekalwatch.v1.TroubleService/ListTroubles": ALONE,
    "grpc.health.v1.Health/": ALONE,
    "grpc.reflection.v1alpha.ServerReflection/": ALONE,
    "grpc.channelz.v1.Channelz/": ALONE,
}
PEOPLES = {
    "cekalwatch.v1.WatchlistService/AcceptShrunkenList": LIST_SIGNERS,
    "cekalwatch.v1.WatchlistService/AddLawRow": LIST_SIGNERS,
    "cekalwatch.v1.WatchlistService/AmendOrder": LIST_SIGNERS,
    **{
        f"cekalwatch.v1.WatchlistService/{name}": LIST_MANAGERS
        for name in ("JudgeLookAlikes", "PutAgency", "RemoveAgency")
    },
    "cekalwatch.v1.OperationsService/SetThreshold": KEEPERS,
    "cekalwatch.v1.OperationsService/ForgetLearnedThreshold": KEEPERS,
    "cekalwatch.v1.SessionService/GetSignInMethods": ALONE,
    "cekalwatch.v1.SessionService/SignIn": ALONE,
    "cekalwatch.v1.SessionService/GetSession": ANYBODY,
    "cekalwatch.v1.SessionService/ChangePassword": ANYBODY,
    "cekalwatch.v1.SessionService/SignOut": ANYBODY,
    **{f"cekalwatch.v1.SessionService/{name}Approval": ANYBODY for name in ("Ask", "Answer")},
    "cekalwatch.v1.SessionService/ListApprovals": ANYBODY,
}
WALL = {
    f"/cekalwatch.v1.{name}"
    for name in (
        *("OperationsService/ListCounters", "CameraService/GetAimingPicture"),
        *("SessionService/GetSession", "SessionService/SignOut"),
    )
}
"""What the session of a wall may."""
WATCHLIST = tuple(
    f"cekalwatch.v1.WatchlistService/{name}"
    for name in (
        *("ImportWatchlist", "ImportListFile", "ListSubjects", "GetSubject", "GetSubjectHistory", "ListLookAlikes"),
        *("ListSubjectFaces", "ListAgencies", "GetLaw", "PreviewLawRow"),
        *("SyncNow", "GetSyncStatus", "ListSyncRuns"),
    )
)
WORK = tuple(
    f"cekalwatch.v1.AlertService/{name}"
    for name in (
        "RecordLook",
        "ClaimAlert",
        "ReleaseAlert",
        "AdjudicateAlert",
        "UndoJudgement",
        "ClearAlert",
        "RecordFollowUp",
        "CloseAlert",
    )
) + tuple(f"cekalwatch.v1.ShiftService/{name}" for name in ("LeaveShift", "ListHandOvers", "TakeShift"))
PORTS = tuple(f"cekalwatch.v1.PortService/{name}" for name in ("ListPorts", "ListPortAlerts", "GetPortAlert"))
PEOPLE = {
    f"cekalwatch.v1.PeopleService/{name}": frozenset({PersonRole.ADMINISTRATOR})
    for name in ("ListPeople", "AddPerson", "ChangePerson", "DisablePerson", "ResetPassword", "UnlockPerson")
}
PEOPLE["cekalwatch.v1.PeopleService/TakePasswordParts"] = KEEPERS
AUDITORS = frozenset({PersonRole.AUDITOR})
TRAIL = {"cekalwatch.v1.AuditService/": AUDITORS}
PEOPLE |= {
    f"cekalwatch.v1.{name}": frozenset({PersonRole.ADMINISTRATOR})
    for name in (
        "DeviceService/ListDevices",
        "DeviceService/InviteDevice",
        "DeviceService/CancelInvitation",
        "DeviceService/RevokeDevice",
        "CameraService/GetCameraPolicy",
        "CameraService/SetCameraPolicy",
    )
}
SUPERVISION = [f"cekalwatch.v1.AlertService/{name}" for name in ("TakeOverAlert", "ConfirmAlert", "EnterReference")]
SUPERVISION += [f"cekalwatch.v1.ShiftService/{name}" for name in ("GetExerciseHours", "SetExerciseHours")]
SUPERVISION += [f"cekalwatch.v1.OperationsService/{name}" for name in ("GetGates", "SetGatePolicy")]
AIMING = {f"cekalwatch.v1.CameraService/{name}": KEEPERS for name in ("GetAimingPicture", "ListSurveys")}
# Device role -> what a method begins with -> the roles of which the person on the device must have one.
MAY: dict[DeviceRole, dict[str, frozenset[PersonRole]]] = {
    DeviceRole.CAMERA: {
        "cekalwatch.v1.CaptureService/StreamFaces": ALONE,
        "cekalwatch.v1.CameraService/ReportSurvey": ALONE,
    },
    DeviceRole.NOTIFIER: {
        "cekalwatch.v1.AlertService/SubscribeAlerts": ALONE,
        "cekalwatch.v1.AlertService/AcknowledgeAlerts": ALONE,
        "cekalwatch.v1.AlertService/ListAlerts": OFFICERS,
        "cekalwatch.v1.AlertService/ListChangedAlerts": OFFICERS,
        "cekalwatch.v1.AlertService/GetAlert": OFFICERS,
        "cekalwatch.v1.AlertService/ListAlertFaces": OFFICERS,
        **dict.fromkeys(WORK, COUNTER),
        **dict.fromkeys(SUPERVISION, SUPERVISORS),
        "cekalwatch.v1.AlertService/GetShiftReport": SUPERVISORS | {PersonRole.AUDITOR},
        "cekalwatch.v1.ReportService/GetFieldReport": SUPERVISORS | {PersonRole.AUDITOR},
        **dict.fromkeys(PORTS, SUPERVISORS),
        **dict.fromkeys(WATCHLIST, LIST_MANAGERS),
        "cekalwatch.v1.OperationsService/GetStatus": KEEPERS,
        "cekalwatch.v1.OperationsService/ListCounters": SUPERVISORS,
        "cekalwatch.v1.OperationsService/GetThreshold": KEEPERS,
        "cekalwatch.v1.TroubleService/WatchTroubles": ALONE,
        "cekalwatch.v1.TroubleService/ListTroubles": KEEPERS | LIST_MANAGERS | {PersonRole.AUDITOR},
        "cekalwatch.v1.TroubleService/AcknowledgeTrouble": KEEPERS | LIST_MANAGERS,
        **PEOPLES,
    },
    DeviceRole.CONSOLE: {
        "grpc.health.v1.Health/Check": ALONE,
        "cekalwatch.v1.AlertService/SubscribeAlerts": ALONE,
        "cekalwatch.v1.AlertService/ListAlerts": OFFICERS,
        "cekalwatch.v1.AlertService/ListChangedAlerts": OFFICERS,
        "cekalwatch.v1.AlertService/GetAlert": OFFICERS,
        "cekalwatch.v1.AlertService/ListAlertFaces": OFFICERS,
        **dict.fromkeys(WORK, COUNTER),
        **dict.fromkeys(SUPERVISION, SUPERVISORS),
        "cekalwatch.v1.AlertService/GetShiftReport": SUPERVISORS | {PersonRole.AUDITOR},
        "cekalwatch.v1.ReportService/GetFieldReport": SUPERVISORS | {PersonRole.AUDITOR},
        **dict.fromkeys(PORTS, SUPERVISORS),
        **dict.fromkeys(WATCHLIST, LIST_MANAGERS),
        "cekalwatch.v1.OperationsService/GetStatus": KEEPERS,
        "cekalwatch.v1.OperationsService/ListCounters": SUPERVISORS,
        "cekalwatch.v1.OperationsService/GetThreshold": KEEPERS,
        "cekalwatch.v1.TroubleService/WatchTroubles": ALONE,
        "cekalwatch.v1.TroubleService/ListTroubles": KEEPERS | LIST_MANAGERS | {PersonRole.AUDITOR},
        "cekalwatch.v1.TroubleService/AcknowledgeTrouble": KEEPERS | LIST_MANAGERS,
        "cekalwatch.v1.SessionService/BeginWall": SUPERVISORS,
        **PEOPLES,
        **PEOPLE,
        **AIMING,
        **TRAIL,
    },
    DeviceRole.PORT: {
        "cekalwatch.v1.ListFeedService/": ALONE,
        "cekalwatch.v1.PortService/ReportAlerts": ALONE,
        "grpc.health.v1.Health/Check": ALONE,
    },
    DeviceRole.DIAGNOSTICS: {
        **OBSERVING,
        **dict.fromkeys(WATCHLIST, LIST_MANAGERS),
        **PEOPLES,
        **PEOPLE,
        **AIMING,
        **TRAIL,
    },
    DeviceRole.SERVER: {**OBSERVING, **dict.fromkeys(WATCHLIST, ALONE), **PEOPLES},
}
WELCOME = {"cekalwatch.v1.AlertService/SubscribeAlerts": OFFICERS, "cekalwatch.v1.SessionService/SignIn": ANYBODY}
"""What a device may alone, and where a session that is shown must be of one of these roles."""
WITH_TWO = (
    *("/SetThreshold", "/ForgetLearnedThreshold", "/AcceptShrunkenList", "/ExportAuditEntries", "/AddLawRow"),
    *("/AmendOrder", "/SetGatePolicy"),
)
NOBODY = None
SERVED = (SITE, OTHER_SITE)
EVERYBODY = tuple(product(PersonRole, SERVED))
SUPERVISING = tuple(product((PersonRole.SUPERVISOR,), SERVED))
WALKS = (
    pytest.param(
        {
            SITE: (*product(PersonRole, (SITE,)), *SUPERVISING[1:]),
            OTHER_SITE: SUPERVISING,
            UNSERVED_SITE: SUPERVISING,
        },
        id="everybody at one site",
    ),
    pytest.param(dict.fromkeys(SITES, EVERYBODY), id="everybody everywhere", marks=pytest.mark.exhaustive),
)
"""Where devices are, and people of which roles and sites are signed in on them."""
ANEW, ANEW_AFTER_S = 10, 0.5
"""How often a call is made again on a new connection, and after how long."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def two_sites() -> dict[str, Any]:
    cameras = (*CAMERAS, {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D1", "direction": "DEPARTURE"})
    return {"sites": ({"site": SITE}, {"site": OTHER_SITE}), "cameras": cameras}


async def attempt(
    channel: grpc.aio.Channel, method: str, request: bytes = b"", token: str = ""
) -> tuple[grpc.StatusCode, str]:
    """Send one message to a method of any kind; return the status and the catalogue's code. OK: it answered."""
    # One message and the end of the messages go in one piece, so that a refusal cannot overtake the writing.
    ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
    call = ask(request, timeout=WAIT_S, metadata=bearer(token))
    with suppress(grpc.aio.AioRpcError):
        await call.read()
    code = grpc.StatusCode.OK
    if call.done():
        code = await call.code()
    reason = ""
    if code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}:
        try:
            await call.read()
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error)
    call.cancel()
    return code, reason


async def methods_of(channel: grpc.aio.Channel) -> list[str]:
    """Ask the server itself which methods it has."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)

    def requests() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    pool = descriptor_pool.Default()
    return [
        f"/{service.name}/{method.name}"
        async for response in stub.ServerReflectionInfo(requests())
        for service in response.list_services_response.service
        for method in pool.FindServiceByName(service.name).methods
    ]


def request_of(method: str, role: DeviceRole, site: str) -> bytes:
    """A message that is in order for a device that may call the method."""
    name = device_name(role, site)
    if method.endswith("/StreamFaces"):
        return hello(name).SerializeToString()
    if method.endswith("/ReportSurvey"):
        return cameras.ReportSurveyRequest(camera_id=name).SerializeToString()
    if method.endswith("/SubscribeAlerts"):
        return alerts.SubscribeAlertsRequest(agent_id=name).SerializeToString()
    if method.endswith("/AcknowledgeAlerts"):
        return alerts.AcknowledgeAlertsRequest(agent_id=name).SerializeToString()
    return b""


def device_name(role: DeviceRole, site: str) -> str:
    return CAMERA_OF[site] if role is DeviceRole.CAMERA else f"device-{site}"


def expected(
    method: str, role: DeviceRole, at: str, person_role: PersonRole | None, person_site: str, *, has_token: bool
) -> str:
    """The refusal that must come, or an empty text."""
    name = method.removeprefix("/")
    rows = [MAY[role][name]] if name in MAY[role] else [p for begin, p in MAY[role].items() if name.startswith(begin)]
    if not rows:
        return "METHOD_NOT_ALLOWED"
    if at == UNSERVED_SITE:
        return "SITE_NOT_ALLOWED"
    (people,) = rows
    if not people and has_token:
        people = WELCOME.get(method.removeprefix("/"), ALONE)
    if not people:
        return ""
    if not has_token:
        return "SIGN_IN_NEEDED"
    if person_site != at:
        return "PERSON_SITE_NOT_ALLOWED"
    if person_role not in people:
        return "PERSON_ROLE_NEEDED"
    return "SECOND_PERSON_NEEDED" if method.endswith(WITH_TWO) else ""


def tokens(
    chosen: ServerSettings, files: TlsFiles, people: Iterable[tuple[PersonRole, str]]
) -> dict[tuple[PersonRole, str], str]:
    """Sessions on that device of people of these roles and sites."""
    database = Database(chosen.database_address)
    office = Office(database)
    certificate = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
    here = peer_of(certificate.public_bytes(Encoding.PEM)).device
    sessions = Sessions(SessionStore(database), office.refusals, SystemClock(), SessionTerms())
    found = {}
    for role, person_site in people:
        name = f"{role.lower()}-{person_site}"
        account = office.people.account(name) or office.hire(person(name, role, sites=(person_site,)))
        found[role, person_site] = sessions.begin(account, here, by_password=True)[0]
    database.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("role", DeviceRole)
@pytest.mark.parametrize("people", WALKS)
async def test_every_device_with_everybody_may_call_what_it_should_and_nothing_else(
    site: Site,
    role: DeviceRole,
    people: Mapping[str, Iterable[tuple[PersonRole, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)  # no device makes hundreds of calls in a row
    chosen = site.settings(**two_sites())
    async with running(chosen, site.diagnostics()) as server:
        methods = await methods_of(server.channel)
        assert set(methods) == set(RIGHTS), "a method without a row, or a row without a method"
        # The session that it ends would be missed by the methods after it.
        methods.sort(key=lambda method: method.endswith("/SignOut"))
        wrong = []
        for at, signed_in in people.items():
            files = site.device(role, device_name(role, at), at)
            sessions = {(NOBODY, ""): ""} | tokens(chosen, files, signed_in)
            async with site.dialer(server.address, files).aio_channel() as channel:
                for ((person_role, person_site), token), method in product(sessions.items(), methods):
                    code, reason = await attempt(channel, method, request_of(method, role, at), token)
                    for _ in range(ANEW if at == UNSERVED_SITE else 0):
                        # A connection on which nobody is let in for some time is closed; another one is as good.
                        if code is grpc.StatusCode.UNAVAILABLE:
                            await asyncio.sleep(ANEW_AFTER_S)
                            code, reason = await attempt(channel, method, request_of(method, role, at), token)
                    wanted = expected(method, role, at, person_role, person_site, has_token=bool(token))
                    denied = code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
                    unreachable = code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
                    if reason != wanted or denied is not bool(wanted) or unreachable:
                        wrong.append((at, person_role, person_site, method, code, reason, wanted))
        assert wrong == []


@pytest.mark.slow
async def test_a_wall_may_show_counters_and_watched_pictures_and_do_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)
    chosen = site.settings()
    async with running(chosen, site.diagnostics()) as server:
        files = site.device(DeviceRole.CONSOLE, "console")
        token = tokens(chosen, files, [(PersonRole.SUPERVISOR, SITE)])[PersonRole.SUPERVISOR, SITE]
        async with site.dialer(server.address, files).aio_channel() as channel:
            stub: Any = session_service_pb2_grpc.SessionServiceStub(channel)
            wall = (await stub.BeginWall(session_service_pb2.BeginWallRequest(), metadata=bearer(token))).token
            await stub.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(token))
            refused = {}
            for method in sorted(await methods_of(server.channel), key=lambda method: method.endswith("/SignOut")):
                watched = cameras.GetAimingPictureRequest(camera_id="dep-1", watched=True).SerializeToString()
                aimed = method.endswith("/GetAimingPicture")
                request = watched if aimed else request_of(method, DeviceRole.CONSOLE, SITE)
                refused[method] = (await attempt(channel, method, request, wall))[1]
                if aimed:
                    unwatched = cameras.GetAimingPictureRequest(camera_id="dep-1").SerializeToString()
                    assert (await attempt(channel, method, unwatched, wall))[1] == "METHOD_NOT_ALLOWED"
            # The device may call these without anybody, and no token counts there.
            alone = {f"/{name}" for name, people in MAY[DeviceRole.CONSOLE].items() if not people} - {
                f"/{name}" for name in WELCOME
            }
            assert {method for method, reason in refused.items() if not reason} == WALL | alone
            assert set(refused.values()) == {"", "METHOD_NOT_ALLOWED"}
            for token_given in (wall, token):
                reason = (await attempt(channel, "/cekalwatch.v1.SessionService/GetSession", b"", token_given))[1]
                assert reason == "SESSION_ENDED"


@pytest.mark.slow
async def test_camera_speaks_only_for_itself(site: Site) -> None:
    async with running(site.settings(**two_sites()), site.diagnostics()) as server:
        for at, says, reason in (
            (SITE, "dep-1", ""),
            (SITE, "arr-1", "NAME_NOT_ALLOWED"),
            (SITE, "no-such-camera", "NAME_NOT_ALLOWED"),
            (OTHER_SITE, "dep-1", "SITE_NOT_ALLOWED"),
        ):
            files = site.device(DeviceRole.CAMERA, "dep-1", at)
            request = hello(says).SerializeToString()
            async with site.dialer(server.address, files).aio_channel() as channel:
                found = await attempt(channel, "/cekalwatch.v1.CaptureService/StreamFaces", request)
            assert found[1] == reason, (at, says)


async def test_notifier_acts_under_its_own_name_and_asks_for_its_own_site(site: Site) -> None:
    here, elsewhere = alerts.AlertFilter(site=SITE), alerts.AlertFilter(site=OTHER_SITE)
    requests: tuple[tuple[str, Message, str], ...] = (
        ("SubscribeAlerts", alerts.SubscribeAlertsRequest(agent_id="pc-1"), ""),
        ("SubscribeAlerts", alerts.SubscribeAlertsRequest(agent_id="pc-2"), "NAME_NOT_ALLOWED"),
        ("SubscribeAlerts", alerts.SubscribeAlertsRequest(agent_id="pc-1", filter=elsewhere), "SITE_NOT_ALLOWED"),
        ("AcknowledgeAlerts", alerts.AcknowledgeAlertsRequest(agent_id="pc-2"), "NAME_NOT_ALLOWED"),
        ("ListAlerts", alerts.ListAlertsRequest(filter=here), ""),
        ("ListAlerts", alerts.ListAlertsRequest(filter=elsewhere), "SITE_NOT_ALLOWED"),
        ("ListChangedAlerts", alerts.ListChangedAlertsRequest(filter=elsewhere), "SITE_NOT_ALLOWED"),
    )
    chosen = site.settings(**two_sites())
    async with running(chosen, site.diagnostics()) as server:
        files = site.device(DeviceRole.NOTIFIER, "pc-1")
        token = tokens(chosen, files, [(PersonRole.OFFICER, SITE)])[PersonRole.OFFICER, SITE]
        async with site.dialer(server.address, files).aio_channel() as channel:
            for method, request, reason in requests:
                path = f"/cekalwatch.v1.AlertService/{method}"
                found = await attempt(channel, path, request.SerializeToString(), token)
                assert found[1] == reason, (method, request)
