"""A camera that can be turned, through ONVIF: where it looks, and turning it to a preset.

ONVIF does not say at which preset a camera is, only its position and whether it moves. So a camera is at a preset when
it rests and its position is the preset's.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.turnable import Turnable
from cekalwatch.program.errors import Exit, ProgramError

ANSWER_S: Final = 5.0
"""How long one answer may take."""
TOLERANCE: Final = 0.02
"""Greatest distance from a preset's position, in a range of -1 to 1: motors do not return to the last step."""

T = TypeVar("T")


class OnvifError(Exception):
    """The camera does not answer, or refuses; the message says what to do, and holds no password."""


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
    """Where the camera looks now, and whether it moves."""

    moves: bool
    position: PtzPosition | None
    """None when the camera does not say."""


class OnvifCamera:
    """A connection to one camera; use `opened`. Every method raises OnvifError."""

    def __init__(self, ptz: Any, profile: str) -> None:  # noqa: ANN401  # the library makes its services at run time
        self._ptz = ptz
        self._profile = profile

    async def status(self) -> PtzStatus:
        """Return where it looks."""
        answer = await _ask(self._ptz.GetStatus({"ProfileToken": self._profile}))
        moving = getattr(answer, "MoveStatus", None)
        axes = (getattr(moving, "PanTilt", None), getattr(moving, "Zoom", None))
        return PtzStatus("MOVING" in axes, _position(getattr(answer, "Position", None)))

    async def presets(self) -> list[Preset]:
        """Return the presets that are stored in it."""
        found = await _ask(self._ptz.GetPresets({"ProfileToken": self._profile}))
        return [
            Preset(preset.token, preset.Name or "", _position(getattr(preset, "PTZPosition", None)))
            for preset in found or ()
        ]

    async def preset(self, wanted: str) -> Preset:
        """Return the preset of this name or token."""
        presets = await self.presets()
        if preset := find_preset(presets, wanted):
            return preset
        raise OnvifError(f"it has no preset {wanted!r}; it has: {', '.join(p.name or p.token for p in presets)}")

    async def turn_to(self, preset: Preset) -> None:
        """Start to turn to a preset."""
        await _ask(self._ptz.GotoPreset({"ProfileToken": self._profile, "PresetToken": preset.token}))


def find_preset(presets: Iterable[Preset], wanted: str) -> Preset | None:
    """Return the preset of this name or token, if there is one."""
    return next((preset for preset in presets if wanted in {preset.name, preset.token}), None)


@asynccontextmanager
async def opened(turnable: Turnable, password: str) -> AsyncIterator[OnvifCamera]:
    """Connect to a camera until the end of the block; needs the extra. Raises OnvifError."""
    library = _library()
    address = urlsplit(turnable.address)
    secure = address.scheme == "https"
    camera = library.ONVIFCamera(
        f"https://{address.hostname}" if secure else address.hostname,
        address.port or (443 if secure else 80),
        turnable.user,
        password,
        no_cache=True,  # it would keep an SQLite file in the home folder, which a service does not have
        adjust_time=True,  # a camera's clock is often wrong, and it refuses tokens that look old
        nat_override=not secure,  # the address that it states is often wrong; the library handles this for http only
    )
    try:
        await _ask(camera.update_xaddrs())
        media = await _ask(camera.create_media_service())
        profiles = await _ask(media.GetProfiles())
        profile = next((one for one in profiles or () if getattr(one, "PTZConfiguration", None)), None)
        if profile is None:
            raise OnvifError("it has no profile that can be turned")
        yield OnvifCamera(await _ask(camera.create_ptz_service()), profile.token)
    finally:
        await camera.close()


async def _ask(question: Awaitable[T]) -> T:
    import aiohttp
    import zeep.exceptions
    from onvif.exceptions import ONVIFError

    try:
        async with asyncio.timeout(ANSWER_S):
            return await question
    except TimeoutError:
        raise OnvifError(f"it did not answer within {ANSWER_S:g} s") from None
    except zeep.exceptions.Fault as fault:
        if "notauthorized" in str(fault.subcodes).lower() or "auth" in str(fault.message).lower():
            raise OnvifError("it does not accept this user and password for ONVIF") from None
        raise OnvifError("it refused the question") from None
    except (zeep.exceptions.Error, ONVIFError, aiohttp.ClientError, OSError):
        # Their messages may hold addresses with passwords.
        raise OnvifError("it cannot be reached, or speaks no ONVIF, at its `address`") from None


def _position(position: Any) -> PtzPosition | None:  # noqa: ANN401  # the library makes its types at run time
    pan_tilt, zoom = getattr(position, "PanTilt", None), getattr(position, "Zoom", None)
    if pan_tilt is None:
        return None
    return PtzPosition(float(pan_tilt.x), float(pan_tilt.y), float(zoom.x) if zoom is not None else 0.0)


def _library() -> Any:  # noqa: ANN401  # it has no types
    # Its import would send all log lines to standard error.
    logging.getLogger().addHandler(logging.NullHandler())
    import onvif

    logging.getLogger("onvif").setLevel(logging.CRITICAL)
    return onvif


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
