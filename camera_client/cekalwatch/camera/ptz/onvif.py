"""A camera that can be turned, through ONVIF: where it looks, and turning it to a preset.

ONVIF does not say at which preset a camera is; it tells a position and whether it moves. So a camera is at a preset
when it is idle and its position is the preset's.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cekalwatch.camera.settings import CameraSettings, Turnable
from cekalwatch.program.errors import Exit, ProgramError

ANSWER_S: Final = 5.0
"""How long one answer may take."""
TOLERANCE: Final = 0.02
"""How far a position may be from a preset's, of a range of -1 to 1: motors do not come back to the last step."""

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
        """Whether both are the same place, as exactly as motors go."""
        return all(
            math.isclose(one, two, abs_tol=TOLERANCE)
            for one, two in ((self.pan, other.pan), (self.tilt, other.tilt), (self.zoom, other.zoom))
        )


@dataclass(frozen=True)
class Preset:
    """A place that somebody stored in the camera."""

    token: str
    name: str
    place: PtzPosition | None
    """None when the camera does not tell."""


@dataclass(frozen=True)
class Bearing:
    """Where the camera looks now."""

    moves: bool
    place: PtzPosition | None
    """None when the camera does not tell."""


class OnvifCamera:
    """A conversation with one camera; use `opened`. Every method raises OnvifError."""

    def __init__(self, ptz: Any, profile: str) -> None:  # noqa: ANN401  # the library makes its services at run time
        self._ptz = ptz
        self._profile = profile

    async def bearing(self) -> Bearing:
        """Return where it looks."""
        status = await _answer(self._ptz.GetStatus({"ProfileToken": self._profile}))
        moving = getattr(status, "MoveStatus", None)
        axes = (getattr(moving, "PanTilt", None), getattr(moving, "Zoom", None))
        return Bearing("MOVING" in axes, _place(getattr(status, "Position", None)))

    async def presets(self) -> list[Preset]:
        """Return what is stored in it."""
        found = await _answer(self._ptz.GetPresets({"ProfileToken": self._profile}))
        return [
            Preset(preset.token, preset.Name or "", _place(getattr(preset, "PTZPosition", None)))
            for preset in found or ()
        ]

    async def preset(self, wanted: str) -> Preset:
        """Return the preset of this name or token."""
        presets = await self.presets()
        for preset in presets:
            if wanted in {preset.name, preset.token}:
                return preset
        raise OnvifError(f"it has no preset {wanted!r}; it has: {', '.join(p.name or p.token for p in presets)}")

    async def turn_to(self, preset: Preset) -> None:
        """Begin to turn to a preset."""
        await _answer(self._ptz.GotoPreset({"ProfileToken": self._profile, "PresetToken": preset.token}))


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
        no_cache=True,  # it would keep an SQLite file in the home folder, which a service has not
        adjust_time=True,  # a camera's clock is often wrong, and it refuses tokens that look old
        nat_override=not secure,  # what it says of its own address is often wrong; the library knows this for http only
    )
    try:
        await _answer(camera.update_xaddrs())
        media = await _answer(camera.create_media_service())
        profiles = await _answer(media.GetProfiles())
        profile = next((one for one in profiles or () if getattr(one, "PTZConfiguration", None)), None)
        if profile is None:
            raise OnvifError("it has no profile that can be turned")
        yield OnvifCamera(await _answer(camera.create_ptz_service()), profile.token)
    finally:
        await camera.close()


async def _answer(question: Awaitable[T]) -> T:
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
        # Their texts may hold addresses with passwords.
        raise OnvifError("it cannot be reached, or speaks no ONVIF, at its `address`") from None


def _place(position: Any) -> PtzPosition | None:  # noqa: ANN401  # the library makes its types at run time
    pan_tilt, zoom = getattr(position, "PanTilt", None), getattr(position, "Zoom", None)
    if pan_tilt is None:
        return None
    return PtzPosition(float(pan_tilt.x), float(pan_tilt.y), float(zoom.x) if zoom is not None else 0.0)


def _library() -> Any:  # noqa: ANN401  # it has no types
    # On import it would send everybody's log lines to standard error.
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
