"""`cekalwatch-camera presets` and `turn`: what a camera has stored, turning it to a preset, and its tour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.camera.cli.options import Config, WhichCamera, chosen_camera
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.ptz.tour import ManualTurn, remove_turn, write_turn
from cekalwatch.camera.settings import CameraSettings, Turnable
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from pathlib import Path

    from cekalwatch.camera.ptz.onvif import OnvifCamera
    from cekalwatch.camera.view.monitor import PresetStatus

TURN_S = 60.0
DEFAULT_MINUTES = 30.0
Chosen = tuple[CameraSettings, Turnable]


def _turnable(config: Path | None, camera_id: str | None) -> Chosen:
    settings, one = chosen_camera(config, camera_id)
    if one.ptz is None:
        raise ProgramError(f"{one.camera_id} has no `ptz` in its settings, so it cannot be turned", Exit.CONFIG)
    return settings, one.ptz


_with_turnable = with_options(_turnable, config=Config, camera_id=WhichCamera)


@_with_turnable
def presets(chosen: Chosen) -> None:
    """List the presets of a camera that can be turned, and where it looks now.

    \b
    Example:
      cekalwatch-camera presets --config camera.toml --camera-id gate-1
    """
    for line in asyncio.run(_list(*chosen)):
        typer.echo(line)


@_with_turnable
def turn(
    chosen: Chosen,
    preset: Annotated[
        str | None, typer.Argument(help="Name or token of a preset. Default: that of the camera.")
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=1, max=24 * 60, help="How long the camera leaves its tour.")
    ] = DEFAULT_MINUTES,
    stay: Annotated[bool, typer.Option("--stay", help="Leave the tour until --tour resumes it.")] = False,
    tour: Annotated[bool, typer.Option("--tour", help="Resume the tour, and turn nothing now.")] = False,
) -> None:
    """Turn a camera to a preset, and wait until it is there; or let it go on with its tour.

    A camera that has a tour leaves it for some time. Only the camera key whose
    preset it is sends meanwhile; at a preset without a key nothing is sent.
    Exit code 0 when it is there; 69 when it does not answer or does not arrive
    within a minute.

    \b
    Examples:
      cekalwatch-camera turn --config camera.toml --camera-id gate-1
      cekalwatch-camera turn arrivals --stay --config camera.toml --camera-id gate-1
      cekalwatch-camera turn --tour --config camera.toml --camera-id gate-1
    """
    settings, turnable = chosen
    keys = settings.mounts(settings.each())[turnable.mount].values()
    has_tour = any(one.stay_seconds is not None for one in keys)
    if tour:
        if not has_tour:
            raise ProgramError(
                f"The camera at {turnable.mount} has no tour: no key of it has `stay_seconds`", Exit.CONFIG
            )
        remove_turn(settings.ptz_dir, turnable.mount)
        typer.echo("The camera goes on with its tour")
        return
    from cekalwatch.camera.view.monitor import PresetStatus

    wanted = preset or turnable.preset
    now = SystemClock().now()
    order = ManualTurn(wanted, now, now + timedelta(minutes=minutes) if has_tour and not stay else None)
    is_noted = has_tour or turnable.trust_preset_without_feedback
    status = asyncio.run(_turn(settings, turnable, order, is_noted=is_noted))
    at = "is at" if status is PresetStatus.AT_PRESET else "does not tell where it looks; it was sent to"
    typer.echo(f"The camera {at} {wanted}")
    if has_tour:
        until = "someone runs `turn --tour`" if order.until is None else f"{order.until.astimezone():%H:%M}"
        typer.echo(f"Its tour is left until {until}")


async def _list(settings: CameraSettings, turnable: Turnable) -> list[str]:
    from cekalwatch.camera.ptz.monitor import preset_status
    from cekalwatch.camera.view.monitor import PresetStatus

    async with _opened(settings, turnable) as camera:
        now, stored = await camera.status(), await camera.presets()
    here = [preset_status(now, preset) is PresetStatus.AT_PRESET for preset in stored]
    return [
        f"{'→' if is_here else ' '} {preset.token}\t{preset.name}" for is_here, preset in zip(here, stored, strict=True)
    ]


async def _turn(settings: CameraSettings, turnable: Turnable, order: ManualTurn, *, is_noted: bool) -> PresetStatus:
    from cekalwatch.camera.ptz.monitor import PERIOD_S, arrive

    try:
        async with _opened(settings, turnable) as camera, asyncio.timeout(TURN_S):
            preset = await camera.preset(order.preset)
            if is_noted:
                # Before it turns: a service that follows this camera stops sending first.
                write_turn(settings.ptz_dir, turnable.mount, order)
                await asyncio.sleep(2 * PERIOD_S)
            return await arrive(camera, preset)
    except TimeoutError:
        raise ProgramError(f"The camera did not arrive at {order.preset} in time", Exit.UNAVAILABLE) from None


@asynccontextmanager
async def _opened(settings: CameraSettings, turnable: Turnable) -> AsyncIterator[OnvifCamera]:
    """Connect to the camera; OnvifError becomes ProgramError."""
    from cekalwatch.camera.ptz.onvif import opened, password_of
    from cekalwatch.camera.ptz.soap import OnvifError

    try:
        async with opened(turnable, password_of(turnable, settings)) as camera:
            yield camera
    except OnvifError as error:
        raise ProgramError(f"The camera at {turnable.address}: {error}", Exit.UNAVAILABLE) from None
