"""Certificates at work between real programs' parts: who gets through, who does not and is told why, and renewal."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from cekalwatch.camera.clock import SystemClock as CameraClock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd
from cekalwatch.camera.uplink.uplink import Link, Uplink
from cekalwatch.contract.values.alerts import AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.office.connection import Cause, Disconnected, Update
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.app import Server
from cekalwatch.server.auth.certificate import LoopbackAuthentication
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc, operations_service_pb2_grpc
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsFiles
from tests.support.builders.camera import capture_of
from tests.support.fakes.alert_server import NOBODY
from tests.support.scenarios.people import Office
from tests.support.scenarios.server import CaptureClient, reason_of, running
from tests.support.scenarios.site_pki import SITE, Site, now

WAIT_S = 30.0
PROMISED_S = 10.0
"""Within which a revoked device's streams end beside other tests; alone it is a second."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


class HandClock(SystemClock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def status_of(dialer: Dialer) -> tuple[grpc.StatusCode, str]:
    """Ask for the server's status on a connection of its own."""
    async with dialer.aio_channel() as channel:
        try:
            await operations_service_pb2_grpc.OperationsServiceStub(channel).GetStatus(
                GetStatusRequest(), timeout=WAIT_S
            )
        except grpc.aio.AioRpcError as error:
            return error.code(), reason_of(error) if error.code() is grpc.StatusCode.UNAUTHENTICATED else ""
    return grpc.StatusCode.OK, ""


async def why_refused(dialer: Dialer) -> str:
    return await asyncio.to_thread(dialer.why_refused)


async def test_device_of_the_site_gets_through_and_nothing_is_wrong(site: Site) -> None:
    async with running(site.settings(), site.diagnostics()) as server:
        dialer = site.dialer(server.address, site.device(DeviceRole.DIAGNOSTICS, "laptop"))
        assert await status_of(dialer) == (grpc.StatusCode.OK, "")
        assert await why_refused(dialer) == ""


async def test_device_of_another_authority_does_not_get_through_and_both_ends_refuse(
    site: Site, tmp_path: Path
) -> None:
    stranger = Site(tmp_path / "other").device(DeviceRole.DIAGNOSTICS, "laptop")
    async with running(site.settings(), site.diagnostics()) as server:
        dialer = site.dialer(server.address, stranger)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "server's certificate is not accepted" in await why_refused(dialer)
        # It may trust the server; the server does not trust it all the same.
        stranger.authority.write_bytes(site.device(DeviceRole.DIAGNOSTICS, "laptop").authority.read_bytes())
        dialer = site.dialer(server.address, stranger)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "does not accept this program's certificate" in await why_refused(dialer)


async def test_certificate_that_has_run_out_does_not_get_through(site: Site) -> None:
    files = site.device(DeviceRole.DIAGNOSTICS, "old", issued_at=now() - timedelta(days=399))
    async with running(site.settings(), site.diagnostics()) as server:
        dialer = site.dialer(server.address, files)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "has expired" in await why_refused(dialer)


@pytest.mark.slow
async def test_stream_ends_when_its_certificate_runs_out(site: Site) -> None:
    clock = HandClock()
    files = site.device(DeviceRole.CAMERA, "dep-1")
    async with (
        Server(site.settings(), clock) as server,
        site.dialer(f"127.0.0.1:{server.port}", files).aio_channel() as channel,
        asyncio.timeout(WAIT_S),
    ):
        client = await CaptureClient.open(channel)
        clock.ahead = timedelta(days=399)
        assert await client.error() == (grpc.StatusCode.UNAUTHENTICATED, Code.CERTIFICATE_EXPIRED)


async def test_plaintext_client_is_told_that_it_needs_a_certificate(site: Site) -> None:
    async with running(site.settings(), site.diagnostics()) as server:
        dialer = Dialer(server.address, None)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "has none: enrol it" in await why_refused(dialer)


async def test_client_with_a_certificate_is_told_that_the_server_has_none(site: Site) -> None:
    files = site.device(DeviceRole.DIAGNOSTICS, "laptop")
    async with running(site.settings(tls_dir=site.folder / "none")) as server:
        dialer = site.dialer(server.address, files)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert await why_refused(dialer) == "the server speaks plaintext, without certificates"


async def test_camera_cannot_pass_for_the_server(site: Site) -> None:
    impostor = site.device(DeviceRole.CAMERA, "dep-1")
    async with Server(site.settings(tls_dir=impostor.folder)) as server:
        dialer = site.dialer(f"127.0.0.1:{server.port}", site.device(DeviceRole.DIAGNOSTICS, "laptop"))
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "server's certificate is not accepted" in await why_refused(dialer)


@pytest.mark.parametrize("role", [one for one in DeviceRole if one is not DeviceRole.SERVER])
def test_a_devices_certificate_is_for_clients_only(site: Site, role: DeviceRole) -> None:
    issued = x509.load_pem_x509_certificate(site.device(role, "dep-1").certificate.read_bytes())
    uses = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [*uses] == [ExtendedKeyUsageOID.CLIENT_AUTH]


async def test_server_under_a_name_that_its_certificate_lacks_is_refused(site: Site) -> None:
    async with Server(site.settings(listen="127.0.0.2:0")) as server:
        files = site.device(DeviceRole.DIAGNOSTICS, "laptop")
        dialer = site.dialer(f"127.0.0.2:{server.port}", files)
        assert (await status_of(dialer))[0] is grpc.StatusCode.UNAVAILABLE
        assert "IP address mismatch" in await why_refused(dialer)


async def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    """Read a stream to its end, which must be an error."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code(), reason_of(error)
    raise AssertionError(f"the stream ended with {await call.code()}")


@pytest.mark.slow
async def test_revocation_ends_live_streams_in_time_and_refuses_new_ones(site: Site) -> None:
    revoked = (grpc.StatusCode.UNAUTHENTICATED, str(Code.CERTIFICATE_REVOKED))
    devices = {
        DeviceRole.CAMERA: "dep-1",
        DeviceRole.NOTIFIER: "pc-1",
        DeviceRole.DIAGNOSTICS: "laptop-2",
    }
    async with running(site.settings(), site.diagnostics()) as server:
        dialers = {role: site.dialer(server.address, site.device(role, name)) for role, name in devices.items()}
        stays = site.dialer(server.address, site.device(DeviceRole.CAMERA, "arr-1"))
        async with (
            dialers[DeviceRole.CAMERA].aio_channel() as camera,
            dialers[DeviceRole.NOTIFIER].aio_channel() as notifier,
            dialers[DeviceRole.DIAGNOSTICS].aio_channel() as laptop,
            stays.aio_channel() as other,
        ):
            capture = await CaptureClient.open(camera)
            subscription: Any = alert_service_pb2_grpc.AlertServiceStub(notifier).SubscribeAlerts(
                alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1")
            )
            watch = health_pb2_grpc.HealthStub(laptop).Watch(health_pb2.HealthCheckRequest())
            assert (await subscription.read()).HasField("subscribed")
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            going_on = await CaptureClient.open(other, "arr-1")

            begun = time.monotonic()
            for role, name in devices.items():
                site.pki.revoke(Identity(role, SITE, name), now())
            ends = await asyncio.gather(capture.error(), ended(subscription), ended(watch))
            assert list(ends) == [revoked, revoked, revoked]
            assert time.monotonic() - begun < PROMISED_S

            # On connections that stand, and on new ones.
            operations = operations_service_pb2_grpc.OperationsServiceStub(laptop)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await operations.GetStatus(GetStatusRequest())
            assert (refused.value.code(), reason_of(refused.value)) == revoked
            assert await status_of(dialers[DeviceRole.DIAGNOSTICS]) == revoked
            assert not going_on.call.done()


async def test_revoked_before_the_server_starts_is_revoked(site: Site) -> None:
    files = site.device(DeviceRole.DIAGNOSTICS, "lost")
    site.pki.revoke(Identity(DeviceRole.DIAGNOSTICS, SITE, "lost"), now())
    async with running(site.settings(), site.diagnostics()) as server:
        assert (await status_of(site.dialer(server.address, files)))[1] == Code.CERTIFICATE_REVOKED


async def test_site_with_an_authority_does_not_start_without_its_revocation_list(site: Site) -> None:
    (site.folder / "pki" / "revoked.pem").unlink()
    with pytest.raises(ProgramError, match=r"revocation list .*revoked\.pem cannot be used"):
        async with Server(site.settings()):
            pass


class Shutting(LoopbackAuthentication):
    """A gate that is shut after the call was let in."""

    shut = False

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        if self.shut:
            raise CekalwatchError(Code.CERTIFICATE_REVOKED)
        return super().admit(method, certificate_pem)


async def test_stream_of_a_client_that_never_reads_is_ended_too(tmp_path: Path) -> None:
    closed, blocked = asyncio.Event(), asyncio.Event()

    async def endless(_: bytes, __: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
        try:
            while True:
                blocked.clear()
                asyncio.get_running_loop().call_later(1.0, blocked.set)
                yield bytes(100_000)
        finally:
            closed.set()

    gate = Shutting()
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    access = AuthenticationInterceptor(gate, Office(database).attendance)
    server = grpc.aio.server(interceptors=[access])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(endless)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Deaf", {"Listen": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    watch = [asyncio.create_task(loop) for loop in access.open_calls.loops()]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, asyncio.timeout(WAIT_S):
        listen: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Deaf/Listen")
        call = listen(b"")
        await call.read()
        await blocked.wait()  # nothing more fits the connection
        assert not closed.is_set()
        gate.shut = True
        await closed.wait()
        assert await ended(call) == (grpc.StatusCode.UNAUTHENTICATED, Code.CERTIFICATE_REVOKED)
    for loop in watch:
        loop.cancel()
    await server.stop(None)
    access.open_calls.close()


async def test_server_shows_its_renewed_certificate_without_a_restart_and_streams_stay(site: Site) -> None:
    async with running(site.settings(), site.diagnostics()) as server:
        port = int(server.address.rpartition(":")[2])
        async with site.dialer(server.address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel:
            stream = await CaptureClient.open(channel)
            before = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
            renewed = site.pki.renew(site.server, now())
            write_private(TlsFiles(site.folder / "tls").certificate, site.pki.chain(renewed))
            shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
            assert shown != before
            assert shown.encode() in site.pki.chain(renewed)
            assert (await status_of(site.dialer(server.address, site.device(DeviceRole.DIAGNOSTICS, "laptop")))) == (
                grpc.StatusCode.OK,
                "",
            )
            assert not stream.call.done()


@pytest.mark.slow
async def test_a_site_full_of_devices_connects_at_once_again_and_again(site: Site) -> None:
    async with running(site.settings(), site.diagnostics()) as server:
        laptops = [
            site.dialer(server.address, site.device(DeviceRole.DIAGNOSTICS, f"laptop-{number}")) for number in range(20)
        ]
        for _ in range(15):
            answers = await asyncio.gather(*map(status_of, laptops))
            assert set(answers) == {(grpc.StatusCode.OK, "")}


async def renew(site: Site, role: DeviceRole, name: str) -> None:
    files = site.device(role, name)
    renewed = site.pki.renew(Identity(role, SITE, name), now())
    await asyncio.to_thread(write_private, files.certificate, site.pki.chain(renewed))


@pytest.mark.slow
async def test_camera_changes_to_its_renewed_certificate_without_a_restart_and_loses_nothing(site: Site) -> None:
    outbox, stop = Outbox(16, CameraClock()), asyncio.Event()
    policies: asyncio.Queue[CapturePolicy] = asyncio.Queue()
    async with running(site.settings(), site.diagnostics()) as server:
        dialer = site.dialer(server.address, site.device(DeviceRole.CAMERA, "dep-1"))
        link = Link(dialer, CameraHello("dep-1", str(uuid.uuid4()), "light"))
        figures = CameraStatistics(outbox, CameraClock())
        uplink = Uplink(link, CameraEnd(outbox, figures), policies.put_nowait, Backoff())
        with capture_logs() as logs:
            running_uplink = asyncio.create_task(uplink.run(stop))
            async with asyncio.timeout(WAIT_S):
                await policies.get()  # welcome, with the first certificate
                await renew(site, DeviceRole.CAMERA, "dep-1")
                await policies.get()  # welcome again
                assert not dialer.outdated
                settled = asyncio.Event()
                loop = asyncio.get_running_loop()
                outbox.put(capture_of("1"))
                outbox.listen(lambda: outbox.statistics().depth or loop.call_soon_threadsafe(settled.set))
                await settled.wait()
            stop.set()
            await running_uplink
    assert not [entry for entry in logs if entry["event"] == "server_lost"]


async def test_notifier_changes_to_its_renewed_certificate_without_a_restart_or_a_gap(site: Site) -> None:
    async with running(site.settings(keep_alive_period_seconds=0.2), site.diagnostics()) as server:
        dialer = site.dialer(server.address, site.device(DeviceRole.NOTIFIER, "pc-1"))
        client = SubscriptionClient(dialer, "pc-1", AlertFilter(), NOBODY)
        subscription = Subscription(client, Start.ACKNOWLEDGED, 30.0)
        updates = subscription.updates()
        assert isinstance(await asyncio.to_thread(next, updates), Subscribed)
        await renew(site, DeviceRole.NOTIFIER, "pc-1")
        seen: list[Update] = []
        async with asyncio.timeout(WAIT_S):
            while not seen or isinstance(seen[-1], KeepAlive):
                seen.append(await asyncio.to_thread(next, updates))
        assert isinstance(seen[-1], Subscribed)
        assert not dialer.outdated
        subscription.stop()
        client.close()


async def test_notifier_without_a_certificate_says_that_this_is_why(site: Site) -> None:
    async with running(site.settings(), site.diagnostics()) as server:
        client = SubscriptionClient(Dialer(server.address, None), "pc-1", AlertFilter(), NOBODY)
        subscription = Subscription(client, Start.ACKNOWLEDGED, 30.0)
        with capture_logs() as logs:
            update = await asyncio.to_thread(next, subscription.updates())
        client.close()
    assert update == Disconnected(Cause.CERTIFICATE)
    assert "enrol it" in logs[-1]["problem"]
