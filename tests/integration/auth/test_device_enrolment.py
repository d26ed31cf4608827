"""Enrolment by a one-time code, with the real commands against a real server."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.program.errors import Exit
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.app import Server
from cekalwatch.server.foundation.errors import Code
from cekalwatch.v1 import enrolment_service_pb2 as pb
from cekalwatch.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode
from cekalwatch.wire.tls import TlsFiles
from tests.support.scenarios.server import CaptureClient, reason_of
from tests.support.scenarios.site_pki import SITE, Site, certificate_request, now
from tests.support.tools.programs import run_program

CAMERA = Identity(DeviceRole.CAMERA, SITE, "dep-1")
PORT = Identity(DeviceRole.PORT, SITE, "main")
NOTIFIER = Identity(DeviceRole.NOTIFIER, SITE, "pc-1")
HOUR = timedelta(hours=1)
SOUND_REQUEST = certificate_request()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@dataclass(frozen=True)
class Addresses:
    """Where a server is, and where it enrols."""

    address: str
    enrolment: str


@asynccontextmanager
async def enrolling(site: Site) -> AsyncIterator[Addresses]:
    """Run a server whose enrolment listener stays open, since one more device is invited."""
    site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "another"), now(), HOUR)
    async with Server(site.settings(enrolment_listen="127.0.0.1:0")) as server:
        yield Addresses(f"127.0.0.1:{server.port}", f"127.0.0.1:{server.enrolment_port}")


async def enrol(program: str, address: str, code: InvitationCode | str, folder: Path) -> tuple[int, str]:
    """Run a program's `enrol`; return its exit code and all its words."""
    text = code if isinstance(code, str) else code.text
    arguments = ("enrol", "--server", address, "--code-file", "-", "--tls-dir", folder)
    done = await asyncio.to_thread(run_program, program, *arguments, typed=f"{text}\n")
    return done.returncode, " ".join((done.stdout + done.stderr).split())


async def test_invited_camera_enrols_and_streams_and_its_key_is_its_own(site: Site, tmp_path: Path) -> None:
    code = site.pki.invite(CAMERA, now(), HOUR)
    folder = tmp_path / "camera" / "tls"
    async with enrolling(site) as ports:
        exit_code, words = await enrol("camera", ports.enrolment, code.text.lower().replace("-", " "), folder)
        assert (exit_code, CAMERA.uri in words) == (Exit.OK, True), words
        async with site.dialer(ports.address, TlsFiles(folder)).aio_channel() as channel:
            await CaptureClient.open(channel)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(TlsFiles(folder).key.stat().st_mode) == 0o600
    key = TlsFiles(folder).key.read_bytes()
    assert not [file for file in site.folder.rglob("*") if file.is_file() and key in file.read_bytes()]


async def test_the_server_of_a_port_enrols_at_its_centre(site: Site, tmp_path: Path) -> None:
    code = site.pki.invite(PORT, now(), HOUR)
    folder, file = tmp_path / "centre", tmp_path / "invitation"

    async def accept(at: str) -> tuple[int, str]:
        config = tmp_path / "server.toml"
        config.write_text(f'sites = [{{site = "{at}"}}]\n')
        arguments = ("--invitation", file, "--tls-dir", folder, "--config", config, "--data-dir", tmp_path / "port")
        done = await asyncio.to_thread(run_program, "server", "pki", "accept", *arguments)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    async with enrolling(site) as ports:
        write_private(file, DeviceInvitation(PORT, ports.address, ports.enrolment, code).text.encode())
        exit_code, words = await accept("sekupang")
        assert (exit_code, "for the port batam-center" in words) == (Exit.USAGE, True), words
        exit_code, words = await accept(SITE)
        assert (exit_code, PORT.uri in words) == (Exit.OK, True), words
        async with site.dialer(ports.address, TlsFiles(folder)).aio_channel() as channel:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert stat.S_IMODE(TlsFiles(folder).key.stat().st_mode) == 0o600


async def test_code_works_once(site: Site, tmp_path: Path) -> None:
    code = site.pki.invite(NOTIFIER, now(), HOUR)
    async with enrolling(site) as ports:
        assert (await enrol("notifier", ports.enrolment, code, tmp_path / "first"))[0] == Exit.OK
        exit_code, words = await enrol("notifier", ports.enrolment, code, tmp_path / "second")
    assert (exit_code, "used already" in words) == (Exit.FAILED, True)
    assert not TlsFiles(tmp_path / "second").key.exists()


async def test_codes_that_are_late_withdrawn_or_guessed_do_not_work(site: Site) -> None:
    late = site.pki.invite(CAMERA, now() - 2 * HOUR, HOUR)
    replaced = site.pki.invite(NOTIFIER, now(), HOUR)
    site.pki.invite(NOTIFIER, now(), HOUR)
    async with (
        enrolling(site) as ports,
        site.stranger(ports.enrolment) as channel,
    ):
        for secret in (late.secret, replaced.secret, bytes(10), b"", bytes(1000)):
            request = pb.EnrolDeviceRequest(invitation_secret=secret, certificate_request=SOUND_REQUEST)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await EnrolmentServiceStub(channel).EnrolDevice(request)
            assert reason_of(refused.value) == Code.INVITATION_INVALID


async def test_a_request_that_is_none_is_refused_and_does_not_use_up_the_code(site: Site) -> None:
    code = site.pki.invite(CAMERA, now(), HOUR)
    damaged = bytearray(SOUND_REQUEST)
    damaged[-1] ^= 1  # the signature
    async with (
        enrolling(site) as ports,
        site.stranger(ports.enrolment) as channel,
    ):
        stub = EnrolmentServiceStub(channel)
        for junk in (b"", b"\x30\x82\xff\xff", bytes(damaged), certificate_request(60)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.EnrolDevice(pb.EnrolDeviceRequest(invitation_secret=code.secret, certificate_request=junk))
            assert reason_of(refused.value) == Code.ARGUMENT_INVALID
        answer = await stub.EnrolDevice(
            pb.EnrolDeviceRequest(invitation_secret=code.secret, certificate_request=SOUND_REQUEST)
        )
    assert answer.certificate_pem.count(b"BEGIN CERTIFICATE") == 2


async def test_server_of_another_authority_does_not_get_the_code(site: Site, tmp_path: Path) -> None:
    code = site.pki.invite(CAMERA, now(), HOUR)
    async with enrolling(Site(tmp_path / "impostor")) as ports:
        exit_code, words = await enrol("camera", ports.enrolment, code, tmp_path / "tls")
    assert (exit_code, "The code was not sent" in words) == (Exit.CONFIG, True)
    assert site.pki.open_invitations(now())


async def test_code_of_another_role_leaves_no_usable_certificate(site: Site, tmp_path: Path) -> None:
    code = site.pki.invite(NOTIFIER, now(), HOUR)
    async with enrolling(site) as ports:
        exit_code, words = await enrol("camera", ports.enrolment, code, tmp_path / "tls")
    assert (exit_code, "is for a notifier" in words) == (Exit.FAILED, True)
    assert not TlsFiles(tmp_path / "tls").key.exists()


@pytest.mark.parametrize(
    ("address", "code", "exit_code", "words"),
    [
        ("127.0.0.1:1", InvitationCode(bytes(10), bytes(16)).text, Exit.UNAVAILABLE, "Connection refused"),
        ("127.0.0.1", InvitationCode(bytes(10), bytes(16)).text, Exit.USAGE, "write HOST:PORT"),
        ("127.0.0.1:1", "AB3DEF", Exit.USAGE, "7 groups of 6"),
    ],
)
async def test_what_cannot_work_is_one_sentence(
    tmp_path: Path, address: str, code: str, exit_code: Exit, words: str
) -> None:
    found, said = await enrol("notifier", address, code, tmp_path / "tls")
    assert (found, words in said, "Traceback" in said) == (exit_code, True, False), said


async def test_enrolled_device_is_not_enrolled_over_itself(site: Site) -> None:
    files = site.device(DeviceRole.CAMERA, "dep-1")
    exit_code, words = await enrol("camera", "127.0.0.1:1", InvitationCode(bytes(10), bytes(16)), files.folder)
    assert (exit_code, "already has a certificate" in words) == (Exit.USAGE, True)


async def test_nothing_but_enrolment_is_served_to_those_without_a_certificate(site: Site) -> None:
    async with (
        enrolling(site) as ports,
        site.stranger(ports.enrolment) as channel,
    ):
        for method in ("/cekalwatch.v1.OperationsService/GetStatus", "/grpc.health.v1.Health/Check"):
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"")
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
