"""Checks of this installation for the command `check`: each function returns the verdict on one part, and what to do.

Each function waits for a few seconds at most, and changes nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import uuid6

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.ptz.monitor import preset_status
from cekalwatch.camera.ptz.onvif import opened, password_of
from cekalwatch.camera.ptz.soap import OnvifError
from cekalwatch.camera.settings import CameraSettings, OneCamera, Turnable
from cekalwatch.camera.sources.files import FramePace
from cekalwatch.camera.sources.frames import Frame, FrameSource, SourceError
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.camera.uplink.stream import ProtocolError, StreamLost, Timing
from cekalwatch.camera.uplink.uplink import Link, greet
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.contract.values.captures import CameraHello, is_wrong
from cekalwatch.program.checks.certificate import check_certificate
from cekalwatch.program.checks.machine import check_disk, check_secrets, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.platform.access import unreadable_by_service
from cekalwatch.program.platform.installation import Installation
from cekalwatch.program.settings import SYSTEM_FOLDER, LoadedSettings
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import FaceDetector, PartialDetector
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles

FRAMES = 10
"""Number of frames that a source must deliver."""
FRAMES_WITHIN_S = 10.0
MIN_RATE = 5.0
"""Frames a second below which a traveller who walks by may be missed."""
MIN_HEIGHT = 720
"""Pixels below which faces three metres away have less than 60 pixels between the eyes, with usual lenses."""
ANSWER_S = 10.0
LIBRARIES = ("cv2", "onnxruntime", "lap", "grpc", "cryptography")
QUESTIONS = (
    "services.msc: does Log On As say NT SERVICE\\cekalwatch-camera, and sc qprivs only SeChangeNotifyPrivilege?",
    "Cables of an RTSP and a USB camera pulled and put back: did pictures come again? (Windows may forbid USB.)",
    "The event viewer: has it the start, each end and each stop, with their texts?",
    "sc stop within 30 s, shut down and start: were the crops sent that had waited?",
    "Task Manager, Details: is the priority Above normal, and is a decoder ended that uses more than 1.5 GB?",
)
"""What a person sees on a real capture host only."""


def check_installation(loaded: LoadedSettings[CameraSettings], clock: Clock) -> Iterator[CheckResult]:
    """Yield the results as they come: what all cameras share, then each camera."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("disk", *check_disk(settings.spool_dir, "captures of an outage would be dropped"))
    keys = {f"the key of {one.camera_id}": TlsFiles(one.tls_dir).key for one in settings.each()}
    passwords = {f"the password of {one.camera_id}": one.source_password_file for one in settings.each()}
    files = {"the spool's key": settings.spool_key} | keys
    secrets = files | {what: file for what, file in passwords.items() if file}
    yield CheckResult("secrets", *check_secrets(secrets))
    if loaded.file and loaded.file.parent == SYSTEM_FOLDER and Installation("camera").is_there:
        yield CheckResult("service", *check_service((loaded.file, *secrets.values())))
    for one in settings.each():
        yield CheckResult("source", *check_source(one, clock), one.camera_id)
        yield CheckResult("detector", *check_detector(one, settings.threads), one.camera_id)
        if one.ptz:
            yield CheckResult("mount", *asyncio.run(check_mount(one.ptz, settings)), one.camera_id)
        yield CheckResult(
            "certificate", *check_certificate(one.tls_dir, DeviceRole.CAMERA, one.camera_id, clock.now()), one.camera_id
        )
        for address in settings.server_addresses:
            judged, offset_s = asyncio.run(check_server(one, address, clock))
            yield CheckResult("server", *judged, one.camera_id)
            if offset_s is not None:
                yield CheckResult("clock", *check_clock(offset_s), one.camera_id)


def check_service(files: Iterable[Path]) -> Judged:
    """Check that the service of Windows may read what is there: who runs `check` is an administrator, and may."""
    try:
        denied = unreadable_by_service(file for file in files if file.exists())
    except OSError as error:
        return CheckVerdict.FAIL, f"it cannot be seen what the service may read: {error.strerror}"
    if denied:
        return CheckVerdict.FAIL, "; ".join(
            f"the service may not read {file}: run {how}" for file, how in denied.items()
        )
    return CheckVerdict.OK, "it may read its settings and keys"


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
    return CheckVerdict.OK, f"{detector.name} in {one.detector}: {_searches(detector, one.search_whole_seconds)}"


def _searches(detector: FaceDetector, whole_every_s: float) -> str:
    if not isinstance(detector, PartialDetector):
        return "each search is of the whole picture; a model pack, which can search parts, costs less"
    if not whole_every_s:
        return "each search is of the whole picture, since search_whole_seconds is 0"
    return f"the whole picture is searched every {whole_every_s:g} s while something moves, and parts in between"


async def check_mount(turnable: Turnable, settings: CameraSettings) -> Judged:
    """Ask a camera that can be turned for its position."""
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
            return (CheckVerdict.WARN if turnable.stay_seconds is None else CheckVerdict.OK), elsewhere
        case _ if turnable.trust_preset_without_feedback:
            return CheckVerdict.WARN, "it does not say where it looks: captures go to the preset it was last sent to"
        case _:
            return CheckVerdict.FAIL, "it does not say where it looks, so that nothing is sent (docs/camera.md)"


async def check_server(one: OneCamera, address: str, clock: Clock) -> tuple[Judged, float | None]:
    """Say hello and goodbye for this camera; return the verdict, and how far this clock is ahead, if known."""
    try:
        dialer = open_dialer(address, one.tls_dir)
    except ProgramError as error:
        return (CheckVerdict.FAIL, str(error)), None
    try:
        hello = CameraHello(one.camera_id, str(uuid6.uuid7()), one.detector.name)
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
    """Judge the lead of this machine's clock over the server's (negative: behind)."""
    text = f"{abs(offset_s):.1f} s {'ahead of' if offset_s > 0 else 'behind'} the server's"
    if is_wrong(timedelta(seconds=offset_s)):
        return CheckVerdict.WARN, f"{text}: the server corrects it, and reports it to the supervisors; use NTP"
    return CheckVerdict.OK, text


def clock_offset_s(before: datetime, server: datetime, after: datetime) -> float:
    """Return the lead of this clock over the server's, which was read half-way between `before` and `after`."""
    return ((before + (after - before) / 2) - server).total_seconds()


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
