"""Every role on every site calls every method of a real server. What it may is written here a second time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cekalwatch.server.security.rights import RIGHTS
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.wire.identity import DeviceRole
from tests.support.server import CAMERAS, hello, reason_of, running
from tests.support.site_pki import SITE, Site

OTHER_SITE = "sekupang"
UNSERVED_SITE = "tanjung-uban"
SITES = (SITE, OTHER_SITE, UNSERVED_SITE)
CAMERA_OF = {SITE: "dep-1", OTHER_SITE: "dep-2", UNSERVED_SITE: "dep-1"}
WAIT_S = 30.0

OBSERVING = (
    "cekalwatch.v1.OperationsService/GetStatus",
    "grpc.health.v1.Health/",
    "grpc.reflection.v1alpha.ServerReflection/",
    "grpc.channelz.v1.Channelz/",
)
MAY = {
    DeviceRole.CAMERA: ("cekalwatch.v1.CaptureService/StreamFaces",),
    DeviceRole.NOTIFIER: tuple(
        f"cekalwatch.v1.AlertService/{name}"
        for name in ("SubscribeAlerts", "AcknowledgeAlerts", "ListAlerts", "GetAlert")
    ),
    DeviceRole.DIAGNOSTICS: OBSERVING,
    DeviceRole.SERVER: (
        *(f"cekalwatch.v1.WatchlistService/{name}" for name in ("ImportWatchlist", "ListSubjects", "GetSubject")),
        *OBSERVING,
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def two_sites() -> dict[str, object]:
    cameras = (*CAMERAS, {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D1", "direction": "DEPARTURE"})
    return {"sites": ({"site": SITE}, {"site": OTHER_SITE}), "cameras": cameras}


async def attempt(channel: grpc.aio.Channel, method: str, request: bytes = b"") -> tuple[grpc.StatusCode, str]:
    """Send one message to a method of any kind; return the status and the catalogue's code. OK: it answered."""
    call = channel.stream_stream(method)(timeout=WAIT_S)  # type: ignore[var-annotated]
    try:
        await call.write(request)
        await call.done_writing()
        await call.read()
    except grpc.aio.AioRpcError:
        pass
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
    if method.endswith("/SubscribeAlerts"):
        return alerts.SubscribeAlertsRequest(agent_id=name).SerializeToString()
    if method.endswith("/AcknowledgeAlerts"):
        return alerts.AcknowledgeAlertsRequest(agent_id=name).SerializeToString()
    return b""


def device_name(role: DeviceRole, site: str) -> str:
    return CAMERA_OF[site] if role is DeviceRole.CAMERA else f"device-{site}"


async def test_every_role_on_every_site_may_call_what_it_should_and_nothing_else(site: Site) -> None:
    async with running(site.settings(**two_sites()), site.diagnostics()) as server:
        methods = await methods_of(server.channel)
        assert set(methods) == set(RIGHTS), "a method without a row, or a row without a method"
        wrong = []
        for role, at in product(DeviceRole, SITES):
            async with site.dialer(
                server.address, site.device(role, device_name(role, at), at)
            ).aio_channel() as channel:
                for method in methods:
                    code, reason = await attempt(channel, method, request_of(method, role, at))
                    may = method.removeprefix("/").startswith(MAY[role])
                    expected = "METHOD_NOT_ALLOWED" if not may else "SITE_NOT_ALLOWED" if at == UNSERVED_SITE else ""
                    denied = code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
                    unreachable = code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
                    if reason != expected or denied is not bool(expected) or unreachable:
                        wrong.append((role, at, method, code, reason, expected))
        assert wrong == []


@pytest.mark.parametrize(
    ("name", "at", "says", "reason"),
    [
        ("dep-1", SITE, "dep-1", ""),
        ("dep-1", SITE, "arr-1", "NAME_NOT_ALLOWED"),
        ("dep-1", SITE, "no-such-camera", "NAME_NOT_ALLOWED"),
        ("dep-1", OTHER_SITE, "dep-1", "SITE_NOT_ALLOWED"),
    ],
)
async def test_camera_speaks_only_for_itself(site: Site, name: str, at: str, says: str, reason: str) -> None:
    async with running(site.settings(**two_sites()), site.diagnostics()) as server:
        files = site.device(DeviceRole.CAMERA, name, at)
        async with site.dialer(server.address, files).aio_channel() as channel:
            found = await attempt(channel, "/cekalwatch.v1.CaptureService/StreamFaces", hello(says).SerializeToString())
    assert found[1] == reason


@pytest.mark.parametrize(
    ("method", "request_message", "reason"),
    [
        ("SubscribeAlerts", alerts.SubscribeAlertsRequest(agent_id="pc-1"), ""),
        ("SubscribeAlerts", alerts.SubscribeAlertsRequest(agent_id="pc-2"), "NAME_NOT_ALLOWED"),
        (
            "SubscribeAlerts",
            alerts.SubscribeAlertsRequest(agent_id="pc-1", filter=alerts.AlertFilter(site=OTHER_SITE)),
            "SITE_NOT_ALLOWED",
        ),
        ("AcknowledgeAlerts", alerts.AcknowledgeAlertsRequest(agent_id="pc-2"), "NAME_NOT_ALLOWED"),
        ("ListAlerts", alerts.ListAlertsRequest(filter=alerts.AlertFilter(site=SITE)), ""),
        ("ListAlerts", alerts.ListAlertsRequest(filter=alerts.AlertFilter(site=OTHER_SITE)), "SITE_NOT_ALLOWED"),
    ],
)
async def test_notifier_acts_under_its_own_name_and_asks_for_its_own_site(
    site: Site,
    method: str,
    request_message: alerts.SubscribeAlertsRequest | alerts.AcknowledgeAlertsRequest | alerts.ListAlertsRequest,
    reason: str,
) -> None:
    async with running(site.settings(**two_sites()), site.diagnostics()) as server:
        files = site.device(DeviceRole.NOTIFIER, "pc-1")
        async with site.dialer(server.address, files).aio_channel() as channel:
            path = f"/cekalwatch.v1.AlertService/{method}"
            assert (await attempt(channel, path, request_message.SerializeToString()))[1] == reason
