"""Which camera a command is about that looks at one: a source that is named, or one of the configuration file."""

from __future__ import annotations

from pathlib import Path

from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.program.errors import Exit, ProgramError

UNNAMED = "unnamed"
"""Key of a source that was given without one; nothing is sent of it."""


def chosen_camera(
    config: Path | None, camera_id: str | None, source: str | None, detector: Path | None
) -> tuple[CameraSettings, OneCamera]:
    """Return the settings and the camera; raises ProgramError when it is not clear which one is meant."""
    if source:
        settings = CameraSettings.load(config, source=source, camera_id=camera_id or UNNAMED, detector=detector)
        return settings, settings.each()[0]
    settings = CameraSettings.load(config, detector=detector)
    keys = [one.camera_id for one in settings.each()]
    found = [one for one in settings.each() if camera_id in {None, one.camera_id}]
    if len(found) != 1:
        raise ProgramError(f"Say which camera with --camera-id: {', '.join(keys)}", Exit.USAGE)
    return settings, found[0]
