"""What a camera sends: answers to ONVIF questions, and RTSP with its descriptions and packets."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from unittest import mock
from xml.etree.ElementTree import Element

import cv2

from cekalwatch.camera.ptz import onvif, soap
from cekalwatch.camera.sources import opencv
from cekalwatch.camera.sources.opencv import NetworkCamera, Transport
from tests.support.fakes.scripted_rtsp import SOUND, ScriptedRtsp, described, packet

NOW = datetime(2026, 11, 26, tzinfo=UTC)
DEVICE, MEDIA, PTZ = (f"http://www.onvif.org/{name}/wsdl" for name in ("ver10/device", "ver10/media", "ver20/ptz"))
ANSWERS: tuple[tuple[str, Callable[[Element], object]], ...] = (
    (f"{{{DEVICE}}}GetSystemDateAndTime", lambda answer: onvif.read_clock(answer, NOW)),
    (f"{{{DEVICE}}}GetServices", onvif.read_services),
    (f"{{{DEVICE}}}GetCapabilities", onvif.read_capabilities),
    (f"{{{MEDIA}}}GetProfiles", onvif.read_profile),
    (f"{{{PTZ}}}GetPresets", onvif.read_presets),
    (f"{{{PTZ}}}GetStatus", onvif.read_status),
    (f"{{{PTZ}}}GotoPreset", lambda answer: answer.tag),
)

READ_MS = 300
"""How long a stream of the fuzzed camera may give nothing."""
MAX_PICTURES = 8


def onvif_answer(data: bytes) -> None:
    """An answer; the first byte says to which question."""
    if not data:
        return
    question, read = ANSWERS[data[0] % len(ANSWERS)]
    found: object = None
    with suppress(soap.OnvifError):
        found = read(soap.read_answer(data[1:], question))
    if isinstance(found, list):
        assert all(preset.name.isprintable() and preset.token.isprintable() for preset in found)


@cache
def _camera() -> ScriptedRtsp:
    return ScriptedRtsp()


def rtsp_stream(data: bytes) -> None:
    """A description (first byte 0), any one answer (1 to 4), or what comes in packets (else), to ffmpeg as we run it.

    It runs in this process, and not confined: a crash is seen here.
    """
    if not data or b"ocation" in data[1:].lower():  # a redirection would leave this machine
        return
    kind, rest = data[0] % 8, data[1:]
    answers, packets = dict(SOUND), [b""]
    if kind == 0:
        answers = described(rest)
    elif kind <= len(SOUND):
        answers[list(SOUND)[kind - 1]] = rest
    else:
        packets = packed(rest)
    _camera().answers, _camera().packets = answers, lambda: packets
    with mock.patch.dict(os.environ), mock.patch.object(opencv, "NETWORK_TIMEOUT_MS", READ_MS):
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
        capture = NetworkCamera(_camera().address, Transport.TCP).connect()
        for _ in range(MAX_PICTURES):
            if not capture.grab() or not capture.retrieve()[0]:
                break
        capture.release()


def packed(stream: bytes) -> list[bytes]:
    """The packets of a stream in which a byte before each piece says how long it is."""
    packets: list[bytes] = []
    at = 0
    while at < len(stream):
        payload = stream[at + 1 : at + 1 + stream[at]]
        packets.append(packet(payload, len(packets), 3000 * len(packets)))
        at += 1 + len(payload)
    return packets
