"""A camera that can be turned, through ONVIF: its position, and turning it to a preset.

ONVIF does not report the preset of a camera, only its position and whether it moves. So a camera is at a preset when it
does not move and its position is the preset's.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

from cekalwatch.camera.ptz.soap import CertificateCheckError, OnvifError, Refusal, SoapClient, tls_to_camera
from cekalwatch.camera.settings import CameraSettings, Turnable
from cekalwatch.program.errors import Exit, ProgramError

TOLERANCE: Final = 0.02
"""Greatest distance from a preset's position, in a range of -1 to 1: motors do not return to the last step."""
DEVICE_PATH: Final = "/onvif/device_service"
"""Where every camera answers first (ONVIF Core Specification, 5.1.1)."""
YEARS: Final = range(1970, 2100)
"""In which a camera's clock may stand; one without a battery begins in 1970."""
MAX_NAME: Final = 128
"""Characters of a name or token; ONVIF has 64."""

_NAMES: Final = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
}
_CAPABILITIES: Final = {"trt": "Media", "tptz": "PTZ"}
"""The services that are used, and what an old camera calls them."""
_PATH: Final = re.compile(r"/[!-~]{0,255}")


@dataclass(frozen=True)
class PtzPosition:
    """A position, each axis -1 to 1 or, for the zoom, 0 to 1."""

    pan: float
    tilt: float
    zoom: float

    def is_near(self, other: PtzPosition) -> bool:
        """Whether both are the same position, as precisely as motors move."""
        return all(
            math.isclose(one, two, abs_tol=TOLERANCE)
            for one, two in ((self.pan, other.pan), (self.tilt, other.tilt), (self.zoom, other.zoom))
        )


@dataclass(frozen=True)
class Preset:
    """A position that somebody stored in the camera."""

    token: str
    name: str
    position: PtzPosition | None
    """None when the camera does not say."""


@dataclass(frozen=True)
class PtzStatus:
    """The camera's position, and whether it moves."""

    moves: bool
    position: PtzPosition | None
    """None when the camera does not say."""


class OnvifCamera:
    """A connection to one camera; use `opened`. Every method raises OnvifError."""

    def __init__(self, client: SoapClient, path: str, profile: str) -> None:
        """`path`: of its PTZ service."""
        self._client = client
        self._path = path
        self._profile = profile

    async def status(self) -> PtzStatus:
        return read_status(await self._ask("GetStatus"))

    async def presets(self) -> list[Preset]:
        return read_presets(await self._ask("GetPresets"))

    async def preset(self, wanted: str) -> Preset:
        """Return the preset of this name or token."""
        presets = await self.presets()
        if preset := find_preset(presets, wanted):
            return preset
        raise OnvifError(f"it has no preset {wanted!r}; it has: {', '.join(p.name or p.token for p in presets)}")

    async def turn_to(self, preset: Preset) -> None:
        """Start to turn to a preset."""
        await self._ask("GotoPreset", PresetToken=preset.token)

    async def _ask(self, name: str, **arguments: str) -> Element:
        return await self._client.ask(self._path, _question(f"tptz:{name}", ProfileToken=self._profile, **arguments))


def find_preset(presets: Iterable[Preset], wanted: str) -> Preset | None:
    """Return the preset of this name or token, if there is one."""
    return next((preset for preset in presets if wanted in {preset.name, preset.token}), None)


@asynccontextmanager
async def opened(turnable: Turnable, password: str) -> AsyncIterator[OnvifCamera]:
    """Connect to a camera until the end of the block. Raises OnvifError."""
    try:
        tls = tls_to_camera(turnable.fingerprint, turnable.authority)
    except CertificateCheckError as error:
        raise OnvifError(str(error)) from None
    client = SoapClient(turnable.address, turnable.user, password, tls)
    try:
        client.clock_ahead = await _clock_ahead(client)
        paths = await _service_paths(client)
        profile = read_profile(await client.ask(paths["trt"], _question("trt:GetProfiles")))
        yield OnvifCamera(client, paths["tptz"], profile)
    finally:
        await client.close()


async def _clock_ahead(client: SoapClient) -> timedelta:
    try:
        answer = await client.ask(DEVICE_PATH, _question("tds:GetSystemDateAndTime"), signed=False)
    except Refusal:  # some want to know who asks
        answer = await client.ask(DEVICE_PATH, _question("tds:GetSystemDateAndTime"))
    return read_clock(answer, datetime.now(UTC))


async def _service_paths(client: SoapClient) -> dict[str, str]:
    """Return the addresses of the services. The camera's scheme, host and port are ignored: behind another network
    they are wrong, and the password could be sent elsewhere.
    """
    try:
        answer = await client.ask(DEVICE_PATH, _question("tds:GetServices", IncludeCapability="false"))
        return read_services(answer)
    except Refusal:  # an old one
        return read_capabilities(await client.ask(DEVICE_PATH, _question("tds:GetCapabilities", Category="All")))


def read_clock(answer: Element, now: datetime) -> timedelta:
    """Return how far a camera's clock is ahead of `now`, which is the time of this machine. Raises OnvifError."""
    told = answer.find("tds:SystemDateAndTime/tt:UTCDateTime", _NAMES)
    if told is None:
        return timedelta()
    fields = ("Date/tt:Year", "Date/tt:Month", "Date/tt:Day", "Time/tt:Hour", "Time/tt:Minute", "Time/tt:Second")
    try:
        year, month, day, hour, minute, second = (int(_text(told, f"tt:{field}")) for field in fields)
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise OnvifError("it tells a time that does not exist") from None
    if year not in YEARS:
        raise OnvifError(f"it tells the year {year}: set its clock")
    return at - now


def read_services(answer: Element) -> dict[str, str]:
    """Return the paths of the media and the PTZ service, by their prefixes. Raises OnvifError."""
    stated = {_text(one, "tds:Namespace"): _text(one, "tds:XAddr") for one in answer.findall("tds:Service", _NAMES)}
    return {prefix: _path_of(stated.get(_NAMES[prefix], "")) for prefix in _CAPABILITIES}


def read_capabilities(answer: Element) -> dict[str, str]:
    """Return the same of what an old camera answers. Raises OnvifError."""
    return {
        prefix: _path_of(_text(answer, f"tds:Capabilities/tt:{name}/tt:XAddr"))
        for prefix, name in _CAPABILITIES.items()
    }


def read_profile(answer: Element) -> str:
    """Return the token of the first profile that can be turned. Raises OnvifError."""
    for profile in answer.findall("trt:Profiles", _NAMES):
        if profile.find("tt:PTZConfiguration", _NAMES) is not None:
            return _token(profile)
    raise OnvifError("it has no profile that can be turned")


def read_status(answer: Element) -> PtzStatus:
    """Return the position of a camera. Raises OnvifError."""
    status = answer.find("tptz:PTZStatus", _NAMES)
    if status is None:
        raise OnvifError("its answer lacks a part")
    moving = [_text(status, f"tt:MoveStatus/tt:{axis}") for axis in ("PanTilt", "Zoom")]
    return PtzStatus("MOVING" in moving, _position(status.find("tt:Position", _NAMES)))


def read_presets(answer: Element) -> list[Preset]:
    """Return the presets of a camera. Raises OnvifError."""
    return [
        Preset(_token(preset), _shown(_text(preset, "tt:Name")), _position(preset.find("tt:PTZPosition", _NAMES)))
        for preset in answer.findall("tptz:Preset", _NAMES)
    ]


def _path_of(address: str) -> str:
    try:
        path = urlsplit(address).path
    except ValueError:
        path = ""
    if not _PATH.fullmatch(path):
        raise OnvifError("it has no service for presets, or tells no address of it")
    return path


def _question(name: str, **arguments: str) -> Element:
    prefix, _, local = name.partition(":")
    question = Element(f"{{{_NAMES[prefix]}}}{local}")
    for argument, value in arguments.items():
        SubElement(question, f"{{{_NAMES[prefix]}}}{argument}").text = value
    return question


def _text(element: Element, path: str) -> str:
    """Return the text of a part; empty when there is none."""
    return (element.findtext(path, "", _NAMES) or "").strip()


def _token(element: Element) -> str:
    token = element.get("token", "")
    if not token.isprintable() or len(token) > MAX_NAME:
        raise OnvifError("it tells a token that cannot be used")
    return token


def _shown(name: str) -> str:
    """Return a name as it may stand on a terminal and in a log."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:MAX_NAME])


def _position(position: Element | None) -> PtzPosition | None:
    if position is None:
        return None
    pan_tilt, zoom = position.find("tt:PanTilt", _NAMES), position.find("tt:Zoom", _NAMES)
    if pan_tilt is None:
        return None
    try:
        axes = (float(pan_tilt.get("x", "")), float(pan_tilt.get("y", "")))
        found = PtzPosition(*axes, float(zoom.get("x", "")) if zoom is not None else 0.0)
    except ValueError:
        raise OnvifError("it tells a position that is no number") from None
    if not all(map(math.isfinite, (found.pan, found.tilt, found.zoom))):
        raise OnvifError("it tells a position that is no number")
    return found


def password_of(turnable: Turnable, settings: CameraSettings) -> str:
    """Return the camera's password: from its file, else the common one. Raises ProgramError."""
    if turnable.password_file is None:
        if settings.ptz_password is None:
            raise ProgramError(
                f"No password for {turnable.address}: set password_file, or CEKALWATCH_CAMERA_PTZ_PASSWORD in the "
                "environment",
                Exit.CONFIG,
            )
        return settings.ptz_password.get_secret_value()
    try:
        return turnable.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ProgramError(f"{turnable.password_file} cannot be read: {error.strerror}", Exit.CONFIG) from None
