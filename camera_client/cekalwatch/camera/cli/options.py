"""The options that several commands share, and the camera that a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.program.cli.prompts import without_secret
from cekalwatch.program.errors import Exit, ProgramError

UNNAMED = "unnamed"
"""Key of a source that was given without one; nothing of it is sent."""

Source = Annotated[
    str | None,
    typer.Option(
        callback=without_secret,
        help="Video file, folder of JPEG or PNG pictures, device number, or rtsp:// address without a password.",
    ),
]
CameraId = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of this camera in the server's configuration. Default: its certificate's."),
]
WhichCamera = Annotated[
    str | None, typer.Option("--camera-id", metavar="NAME", help="Which camera of the configuration file.")
]
TlsDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of this camera's certificate, where `enrol --tls-dir` put it. Default: that of `enrol`.",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="The recognition server; default 127.0.0.1:50051. Several separated by commas."
    ),
]
Detector = Annotated[
    Path | None, typer.Option(help="Folder of a model pack, or an SCRFD or YuNet network (.onnx). Default: standard.")
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"TOML file with settings; default: {CameraSettings.usual_files()[0]} if it exists. Options and variables "
        "CEKALWATCH_CAMERA_… override it.",
    ),
]


def chosen_camera(
    config: Path | None, camera_id: str | None, source: str | None = None, detector: Path | None = None
) -> tuple[CameraSettings, OneCamera]:
    """Return the settings and the requested camera: `source`, or one of the configuration file.

    Raises ProgramError when the request is ambiguous.
    """
    if source:
        loaded = CameraSettings.load_with_sources(
            config, source=source, camera_id=camera_id or UNNAMED, detector=detector
        )
        settings = loaded.told()
        return settings, settings.each()[0]
    settings = CameraSettings.load_with_sources(config, detector=detector).told()
    cameras = settings.each()
    found = [one for one in cameras if camera_id in {None, one.camera_id}]
    if len(found) != 1:
        keys = ", ".join(one.camera_id for one in cameras)
        raise ProgramError(f"Say which camera with --camera-id: {keys}", Exit.USAGE)
    return settings, found[0]
