"""Is everything in order with this installation? A function for each part: its verdict, and what to do.

For the command `check`. Each function waits some seconds at most, and changes nothing.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import grpc
import uuid6
from cryptography import x509

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.ptz.monitor import preset_status
from cekalwatch.camera.ptz.onvif import opened, password_of
from cekalwatch.camera.ptz.soap import OnvifError
from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.camera.sources.files import FramePace
from cekalwatch.camera.sources.frames import Frame, FrameSource, SourceError
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.camera.turnable import Turnable
from cekalwatch.camera.uplink.messages import Hello, ProtocolError
from cekalwatch.camera.uplink.stream import StreamLost, Timing
from cekalwatch.camera.uplink.uplink import Link, greet
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError
from cekalwatch.wire.tls import TlsFiles
from cekalwatch.wire.vocabulary.capture import is_wrong

FRAMES = 10
"""How many frames a source must give."""
FRAMES_WITHIN_S = 10.0
MIN_RATE = 5.0
"""Frames a second below which a traveller who walks by may be missed."""
MIN_HEIGHT = 720
"""Pixels below which faces three metres away have less than 60 pixels between the eyes, with usual lenses."""
MIN_FREE_BYTES = 1_000_000_000
ANSWER_S = 10.0
RENEW_WITHIN = timedelta(days=30)
"""A certificate that has less left should be renewed."""


class CheckVerdict(StrEnum):
    """How a part is."""

    OK = "OK"
    WARN = "WARN"
    """It works, and will not for long, or not well."""
    FAIL = "FAIL"
    """It does not work."""


Judged = tuple[CheckVerdict, str]
"""A verdict, and a sentence that says what to do."""


@dataclass(frozen=True)
class CheckResult:
    """One line of the report."""

    subject: str
    """The part: source, detector, disk, certificate, server, clock or mount."""
    verdict: CheckVerdict
    text: str
    camera_id: str = ""
    """Empty for what all cameras share."""


def check_installation(settings: CameraSettings, clock: Clock) -> Iterator[CheckResult]:
    """Yield the results as they come: what all cameras share, then each camera."""
    yield CheckResult("disk", *check_disk(settings.spool_dir))
    for one in settings.each():
        yield CheckResult("source", *check_source(one, clock), one.camera_id)
        yield CheckResult("detector", *check_detector(one, settings.threads), one.camera_id)
        if one.ptz:
            yield CheckResult("mount", *asyncio.run(check_mount(one.ptz, settings)), one.camera_id)
        yield CheckResult("certificate", *check_certificate(one, clock), one.camera_id)
        for address in settings.server_addresses:
            judged, offset_s = asyncio.run(check_server(one, address, clock))
            yield CheckResult("server", *judged, one.camera_id)
            if offset_s is not None:
                yield CheckResult("clock", *check_clock(offset_s), one.camera_id)


def check_disk(folder: Path) -> Judged:
    """See that `folder`, or where it would be made, can be written and has room."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"cekalwatch")
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        return CheckVerdict.FAIL, f"{there} cannot be written: {error.strerror}"
    text = f"{free / 1e9:.1f} GB free for {folder}"
    if free < MIN_FREE_BYTES:
        return CheckVerdict.WARN, f"{text}: too little for an outage; captures would be dropped"
    return CheckVerdict.OK, text


def check_source(one: OneCamera, clock: Clock) -> Judged:
    """Open the source and take some frames; takes FRAMES_WITHIN_S at most, besides opening."""
    try:
        source = open_source(one, clock, pace=FramePace.UNPACED)
        began_s = clock.monotonic_s()
        frames = _some_frames(source)
    except SourceError as error:
        return CheckVerdict.FAIL, str(error)
    if not frames:
        return CheckVerdict.FAIL, f"{source.name} opens, but gives no frames within {FRAMES_WITHIN_S:g} s"
    height, width = frames[-1].picture.shape[:2]
    shown = f"{source.name}: {width}×{height}"
    if not source.endless:
        return CheckVerdict.OK, f"{shown}, a file"
    rate = len(frames) / max(clock.monotonic_s() - began_s, 1e-3)
    shown = f"{shown}, {rate:.0f} frames a second"
    if len(frames) < FRAMES or rate < MIN_RATE:
        return CheckVerdict.WARN, f"{shown}: too few to see everybody; at least {MIN_RATE:g} are wanted"
    if height < MIN_HEIGHT:
        return CheckVerdict.WARN, f"{shown}: a low resolution; see with `cekalwatch-camera survey` whether it is enough"
    return CheckVerdict.OK, shown


def check_detector(one: OneCamera, threads: int) -> Judged:
    """Compare the pack's files with their checksums, and load its networks."""
    try:
        detector = open_detector(one.detector, threads)
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    return CheckVerdict.OK, f"{detector.name} in {one.detector}"


async def check_mount(turnable: Turnable, settings: CameraSettings) -> Judged:
    """Ask a camera that can be turned where it looks."""
    try:
        async with opened(turnable, password_of(turnable, settings)) as camera:
            status = preset_status(await camera.status(), await camera.preset(turnable.preset))
    except (OnvifError, ProgramError) as error:
        return CheckVerdict.FAIL, f"the camera at {turnable.address}: {error}"
    match status:
        case PresetStatus.AT_PRESET if turnable.address.startswith("http://"):
            return CheckVerdict.WARN, (
                f"at its preset {turnable.preset}, but asked without encryption: who is on the network between can say "
                "that it is, or turn it; use https:// with `fingerprint` (docs/camera.md)"
            )
        case PresetStatus.AT_PRESET:
            return CheckVerdict.OK, f"at its preset {turnable.preset}"
        case PresetStatus.AWAY:
            elsewhere = f"not at its preset {turnable.preset}: nothing is sent meanwhile"
            return (CheckVerdict.WARN if turnable.stay_s is None else CheckVerdict.OK), elsewhere
        case _ if turnable.trust_preset_without_feedback:
            return CheckVerdict.WARN, "it does not say where it looks: captures go to the preset it was last sent to"
        case _:
            return CheckVerdict.FAIL, "it does not say where it looks, so that nothing is sent (docs/camera.md)"


def check_certificate(one: OneCamera, clock: Clock) -> Judged:
    """Say whose certificate this is, and until when it is valid."""
    if not one.tls_dir.exists():
        return CheckVerdict.WARN, f"none in {one.tls_dir}: only a server on this machine can be reached; enrol it"
    try:
        certificate = read_certificate(one.tls_dir)
        identity = _identity(certificate)
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        reason = (error.strerror or "no reason given") if isinstance(error, OSError) else str(error)
        return CheckVerdict.FAIL, f"{TlsFiles(one.tls_dir).certificate} cannot be used: {reason}"
    until, left = certificate.not_valid_after_utc, certificate.not_valid_after_utc - clock.now()
    text = f"{identity.uri}, valid until {until:%Y-%m-%d} ({left.days} days)"
    if (identity.role, identity.name) != (DeviceRole.CAMERA, one.camera_id):
        return CheckVerdict.FAIL, f"{text}: it is not that of the camera {one.camera_id}"
    if left <= timedelta() or clock.now() < certificate.not_valid_before_utc:
        return CheckVerdict.FAIL, f"{text}: not valid now; is this machine's clock right?"
    if left < RENEW_WITHIN:
        return CheckVerdict.WARN, f"{text}: renew it (docs/certificates.md)"
    return CheckVerdict.OK, text


async def check_server(one: OneCamera, address: str, clock: Clock) -> tuple[Judged, float | None]:
    """Say hello and goodbye for this camera; return the verdict, and how far this clock is ahead, if known."""
    try:
        dialer = open_dialer(address, one.tls_dir)
    except ProgramError as error:
        return (CheckVerdict.FAIL, str(error)), None
    try:
        hello = Hello(one.camera_id, str(uuid6.uuid7()), one.detector.name)
        before = clock.now()
        async with asyncio.timeout(2 * ANSWER_S):
            welcome = await greet(Link(dialer, hello, Timing(handshake_s=ANSWER_S)), clock)
    except StreamLost as lost:
        problem = lost.details or lost.code.name
        if lost.code is grpc.StatusCode.UNAVAILABLE:
            reason = await asyncio.to_thread(dialer.why_refused)
            problem = reason or "nobody answers; is cekalwatch-server running there?"
        return (CheckVerdict.FAIL, f"{address}: {problem}"), None
    except TimeoutError:
        return (CheckVerdict.FAIL, f"{address} did not answer within {2 * ANSWER_S:g} s"), None
    except ProtocolError as error:
        return (CheckVerdict.FAIL, f"{address}: {error}"), None
    offset_s = clock_offset_s(before, welcome.server_time, clock.now()) if welcome.server_time else None
    return (CheckVerdict.OK, f"{address} knows the camera {one.camera_id}"), offset_s


def check_clock(offset_s: float) -> Judged:
    """Judge how far this machine's clock is ahead of the server's (negative: behind)."""
    text = f"{abs(offset_s):.1f} s {'ahead of' if offset_s > 0 else 'behind'} the server's"
    if is_wrong(timedelta(seconds=offset_s)):
        return CheckVerdict.WARN, f"{text}: the server corrects it, and reports it to the supervisors; use NTP"
    return CheckVerdict.OK, text


def clock_offset_s(before: datetime, server: datetime, after: datetime) -> float:
    """Return how far this clock is ahead of the server's, which was read half-way between `before` and `after`."""
    return ((before + (after - before) / 2) - server).total_seconds()


def read_certificate(tls_dir: Path) -> x509.Certificate:
    """Return the device's certificate in `tls_dir`; raises OSError or ValueError."""
    return x509.load_pem_x509_certificate(TlsFiles(tls_dir).certificate.read_bytes())


def _identity(certificate: x509.Certificate) -> Identity:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise IdentityError("it names no device")
    return Identity.parse(uris[0])


def _some_frames(source: FrameSource) -> list[Frame]:
    """Take FRAMES frames; fewer when the source ends or the time is over, which also closes it. Raises SourceError."""
    frames: list[Frame] = []
    timer = threading.Timer(FRAMES_WITHIN_S, source.close)
    timer.daemon = True
    timer.start()
    try:
        for frame in source:
            frames.append(frame)
            if len(frames) >= FRAMES:
                break
    finally:
        timer.cancel()
        source.close()
    return frames
