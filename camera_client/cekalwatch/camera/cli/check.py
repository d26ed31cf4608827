"""`cekalwatch-camera check`: is everything in order with this installation?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from cekalwatch.camera.checks.result import CheckResult, CheckVerdict
from cekalwatch.camera.cli.options import CameraId, Config, Detector, Server, Source
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.errors import Exit

COLOURS = {
    CheckVerdict.OK: typer.colors.GREEN,
    CheckVerdict.WARN: typer.colors.YELLOW,
    CheckVerdict.FAIL: typer.colors.RED,
}


def check(
    config: Config = None,
    source: Source = None,
    camera_id: CameraId = None,
    server: Server = None,
    detector: Detector = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a JSON array.")] = False,
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
    settings = CameraSettings.load(config, source=source, camera_id=camera_id, server_address=server, detector=detector)
    findings = []
    for finding in look(settings):
        findings.append(finding)
        if not as_json:
            verdict = typer.style(f"{finding.verdict:<4}", fg=COLOURS[finding.verdict])
            whose = f"{finding.camera_id} " if finding.camera_id and settings.cameras else ""
            typer.echo(f"{verdict}  {whose}{finding.subject}: {finding.text}")
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    if any(finding.verdict is CheckVerdict.FAIL for finding in findings):
        raise typer.Exit(Exit.FAILED)


def look(settings: CameraSettings) -> Iterator[CheckResult]:
    """Yield the findings as they come: what all cameras share, then each camera."""
    from cekalwatch.camera.checks import local, remote
    from cekalwatch.camera.clock import SystemClock

    clock = SystemClock()
    yield local.check_disk(settings.spool_dir)
    for one in settings.each():
        yield local.check_source(one, clock)
        yield local.check_detector(one, settings.threads)
        if one.ptz:
            yield asyncio.run(remote.check_mount(one.camera_id, one.ptz, settings))
        yield remote.check_certificate(one, clock)
        yield from asyncio.run(remote.check_server(one, settings.server_address, one.detector.name, clock))
