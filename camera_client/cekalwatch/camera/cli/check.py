"""`cekalwatch-camera check`: is everything in order with this installation?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cekalwatch.camera.cli.options import CameraId, Config, Detector, Server, Source
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.errors import Exit


def check(
    config: Config = None,
    source: Source = None,
    camera_id: CameraId = None,
    server: Server = None,
    detector: Detector = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as a JSON array.")] = False,
) -> None:
    """Look whether this machine can watch its cameras, and say what is missing.

    Source, detector, certificate, server, clock and disk: one line each, with
    OK, WARN or FAIL. Exit code 0 when nothing fails, 1 otherwise. It may be run
    while the service runs; a USB camera is then in use, and fails.

    \b
    Examples:
      cekalwatch-camera check --config /etc/cekalwatch/camera.toml
      cekalwatch-camera check --source rtsp://10.0.0.7/1 --camera-id gate-1 --json
    """
    settings = CameraSettings.load(
        config, source=source, camera_id=camera_id, server_addresses=server, detector=detector
    )
    from cekalwatch.camera.checks import CheckVerdict, check_installation
    from cekalwatch.camera.clock import SystemClock

    colours = {
        CheckVerdict.OK: typer.colors.GREEN,
        CheckVerdict.WARN: typer.colors.YELLOW,
        CheckVerdict.FAIL: typer.colors.RED,
    }
    results = []
    for result in check_installation(settings, SystemClock()):
        results.append(result)
        if not as_json:
            verdict = typer.style(f"{result.verdict:<4}", fg=colours[result.verdict])
            camera = f"{result.camera_id} " if result.camera_id and settings.cameras else ""
            typer.echo(f"{verdict}  {camera}{result.subject}: {result.text}")
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    if any(result.verdict is CheckVerdict.FAIL for result in results):
        raise typer.Exit(Exit.FAILED)
