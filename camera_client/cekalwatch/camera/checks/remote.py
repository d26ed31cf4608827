"""Checks of the way to the server: the certificate, the server's answer to this camera's key, and the clocks."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import grpc
import uuid6
from cryptography import x509

from cekalwatch.camera.checks.result import CheckResult, CheckVerdict
from cekalwatch.camera.clock import Clock
from cekalwatch.camera.ptz.monitor import preset_status
from cekalwatch.camera.ptz.onvif import OnvifError, opened, password_of
from cekalwatch.camera.settings import CameraSettings, OneCamera, Turnable
from cekalwatch.camera.uplink.messages import Hello, ProtocolError
from cekalwatch.camera.uplink.stream import StreamLost, Timing
from cekalwatch.camera.uplink.uplink import Link, greet
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.bounds import MAX_CLOCK_AHEAD_S
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError
from cekalwatch.wire.tls import TlsFiles

ANSWER_S = 10.0
RENEW_WITHIN = timedelta(days=30)
"""A certificate that has less left should be renewed."""
OFFSET_WARNS_S = 1.0


def check_certificate(one: OneCamera, clock: Clock) -> CheckResult:
    """Say whose certificate this is and for how long."""

    def finding(verdict: CheckVerdict, text: str) -> CheckResult:
        return CheckResult("certificate", verdict, text, one.camera_id)

    if not one.tls_dir.exists():
        return finding(
            CheckVerdict.WARN, f"none in {one.tls_dir}: only a server on this machine can be reached; enrol it"
        )
    try:
        certificate = read_certificate(one.tls_dir)
        identity = identity_of(certificate)
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        return finding(CheckVerdict.FAIL, f"{TlsFiles(one.tls_dir).certificate} cannot be used: {_reason(error)}")
    until, left = certificate.not_valid_after_utc, certificate.not_valid_after_utc - clock.now()
    text = f"{identity.uri}, valid until {until:%Y-%m-%d} ({left.days} days)"
    if (identity.role, identity.name) != (DeviceRole.CAMERA, one.camera_id):
        return finding(CheckVerdict.FAIL, f"{text}: it is not that of the camera {one.camera_id}")
    if left <= timedelta() or clock.now() < certificate.not_valid_before_utc:
        return finding(CheckVerdict.FAIL, f"{text}: not valid now; is this machine's clock right?")
    if left < RENEW_WITHIN:
        return finding(CheckVerdict.WARN, f"{text}: renew it (docs/certificates.md)")
    return finding(CheckVerdict.OK, text)


async def check_server(one: OneCamera, address: str, detector: str, clock: Clock) -> list[CheckResult]:
    """Say hello for this camera, and goodbye; return findings on the server and, if it tells its time, the clocks."""

    def finding(verdict: CheckVerdict, text: str) -> CheckResult:
        return CheckResult("server", verdict, text, one.camera_id)

    try:
        dialer = open_dialer(address, one.tls_dir)
    except ProgramError as error:
        return [finding(CheckVerdict.FAIL, str(error))]
    try:
        link = Link(dialer, Hello(one.camera_id, str(uuid6.uuid7()), detector), Timing(handshake_s=ANSWER_S))
        before = clock.now()
        async with asyncio.timeout(2 * ANSWER_S):
            welcome = await greet(link, clock)
    except StreamLost as lost:
        why = lost.details or lost.code.name
        if lost.code is grpc.StatusCode.UNAVAILABLE:
            why = await asyncio.to_thread(dialer.why_refused) or "nobody answers; is cekalwatch-server running there?"
        return [finding(CheckVerdict.FAIL, f"{address}: {why}")]
    except TimeoutError:
        return [finding(CheckVerdict.FAIL, f"{address} did not answer within {2 * ANSWER_S:g} s")]
    except ProtocolError as error:
        return [finding(CheckVerdict.FAIL, f"{address}: {error}")]
    answered = finding(CheckVerdict.OK, f"{address} knows the camera {one.camera_id}")
    if welcome.server_time is None:
        return [answered]
    return [answered, clock_finding(one.camera_id, offset_from(before, welcome.server_time, clock.now()))]


async def check_mount(camera_id: str, turnable: Turnable, settings: CameraSettings) -> CheckResult:
    """Ask a camera that can be turned where it looks."""
    if find_spec("onvif") is None:
        return CheckResult("mount", CheckVerdict.FAIL, "install it with: pip install 'cekalwatch[onvif]'", camera_id)
    try:
        async with opened(turnable, password_of(turnable, settings)) as camera:
            status = preset_status(await camera.bearing(), await camera.preset(turnable.preset))
    except (OnvifError, ProgramError) as error:
        return CheckResult("mount", CheckVerdict.FAIL, f"the camera at {turnable.address}: {error}", camera_id)
    told = {
        PresetStatus.AT_PRESET: (CheckVerdict.OK, f"at its preset {turnable.preset}"),
        PresetStatus.AWAY: (
            CheckVerdict.WARN,
            f"not at its preset {turnable.preset}: nothing is sent meanwhile",
        ),
        PresetStatus.UNKNOWN: (
            CheckVerdict.WARN,
            "it does not tell where it looks, so that captures are sent wherever it does",
        ),
    }[status]
    return CheckResult("mount", *told, camera_id)


def clock_finding(camera_id: str, offset_s: float) -> CheckResult:
    """Judge how far this machine's clock is ahead of the server's (negative: behind)."""
    text = f"{abs(offset_s):.1f} s {'ahead of' if offset_s > 0 else 'behind'} the server's"
    if offset_s > MAX_CLOCK_AHEAD_S:
        return CheckResult(
            "clock", CheckVerdict.FAIL, f"{text}: the server refuses captures from the future; use NTP", camera_id
        )
    if abs(offset_s) >= OFFSET_WARNS_S:
        return CheckResult(
            "clock", CheckVerdict.WARN, f"{text}: alerts show a wrong time, or count as late; use NTP", camera_id
        )
    return CheckResult("clock", CheckVerdict.OK, text, camera_id)


def read_certificate(tls_dir: Path) -> x509.Certificate:
    """Return the device's certificate in `tls_dir`; raises OSError or ValueError."""
    return x509.load_pem_x509_certificate(TlsFiles(tls_dir).certificate.read_bytes())


def identity_of(certificate: x509.Certificate) -> Identity:
    """Return whom a certificate names; raises ValueError or x509.ExtensionNotFound."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise IdentityError("it names no device")
    return Identity.parse(uris[0])


def offset_from(before: datetime, server: datetime, after: datetime) -> float:
    """Return by how many seconds this clock is ahead, the server's answer being given half-way between both moments."""
    return ((before + (after - before) / 2) - server).total_seconds()


def _reason(error: Exception) -> str:
    return (error.strerror or "no reason given") if isinstance(error, OSError) else str(error)
