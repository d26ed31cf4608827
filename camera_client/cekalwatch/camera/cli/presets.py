"""`cekalwatch-camera presets` and `turn`: what a camera has stored, and turning it to where a camera key watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer

from cekalwatch.camera.cli.options import Config, WhichCamera, chosen_camera
from cekalwatch.camera.settings import CameraSettings, Turnable
from cekalwatch.program.command import require_extra
from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from pathlib import Path

    from cekalwatch.camera.ptz.onvif import OnvifCamera

TURN_S = 60.0


def presets(config: Config = None, camera_id: WhichCamera = None) -> None:
    """List the presets of a camera that can be turned, and where it looks now.

    \b
    Example:
      cekalwatch-camera presets --config camera.toml --camera-id gate-1
    """
    for line in asyncio.run(_list(*_turnable(config, camera_id))):
        typer.echo(line)


def turn(config: Config = None, camera_id: WhichCamera = None) -> None:
    """Turn a camera to the preset at which this camera key watches, and wait until it is there.

    Exit code 0 when it is there; 69 when it does not answer or does not arrive
    within a minute.

    \b
    Example:
      cekalwatch-camera turn --config camera.toml --camera-id gate-1
    """
    settings, turnable = _turnable(config, camera_id)
    asyncio.run(_turn(settings, turnable))
    typer.echo(f"The camera is at {turnable.preset}")


def _turnable(config: Path | None, camera_id: str | None) -> tuple[CameraSettings, Turnable]:
    settings, one = chosen_camera(config, camera_id)
    if one.ptz is None:
        raise ProgramError(f"{one.camera_id} has no `ptz` in its settings, so it cannot be turned", Exit.CONFIG)
    require_extra("onvif", ("onvif",))
    return settings, one.ptz


async def _list(settings: CameraSettings, turnable: Turnable) -> list[str]:
    from cekalwatch.camera.ptz.monitor import preset_status
    from cekalwatch.camera.view.monitor import PresetStatus

    async with _opened(settings, turnable) as camera:
        now, stored = await camera.status(), await camera.presets()
    here = [preset_status(now, preset) is PresetStatus.AT_PRESET for preset in stored]
    return [
        f"{'→' if is_here else ' '} {preset.token}\t{preset.name}" for is_here, preset in zip(here, stored, strict=True)
    ]


async def _turn(settings: CameraSettings, turnable: Turnable) -> None:
    from cekalwatch.camera.ptz.monitor import arrive

    try:
        async with _opened(settings, turnable) as camera, asyncio.timeout(TURN_S):
            await arrive(camera, await camera.preset(turnable.preset))
    except TimeoutError:
        raise ProgramError(f"The camera did not arrive at {turnable.preset} in time", Exit.UNAVAILABLE) from None


@asynccontextmanager
async def _opened(settings: CameraSettings, turnable: Turnable) -> AsyncIterator[OnvifCamera]:
    """Connect to the camera; OnvifError becomes ProgramError."""
    from cekalwatch.camera.ptz.onvif import OnvifError, opened, password_of

    try:
        async with opened(turnable, password_of(turnable, settings)) as camera:
            yield camera
    except OnvifError as error:
        raise ProgramError(f"The camera at {turnable.address}: {error}", Exit.UNAVAILABLE) from None
