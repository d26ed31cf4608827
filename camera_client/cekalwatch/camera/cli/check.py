"""`cekalwatch-camera check`: is everything in order with this installation?"""

from __future__ import annotations

from cekalwatch.camera.cli.options import CameraId, Config, Detector, Server, Source
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.checks.results import AsJson, show_results


def check(
    config: Config = None,
    source: Source = None,
    camera_id: CameraId = None,
    server: Server = None,
    detector: Detector = None,
    as_json: AsJson = False,
) -> None:
    """Look whether this machine can watch its cameras, and say what is missing.

    Settings, disk, source, detector, certificate, server and clock: one line each,
    with OK, WARN or FAIL. Exit code 0 when nothing fails, 1 otherwise. It may be run
    while the service runs; a USB camera is then in use, and fails.

    \b
    Examples:
      cekalwatch-camera check
      cekalwatch-camera check --source rtsp://10.0.0.7/1 --camera-id gate-1 --json
    """
    loaded = CameraSettings.load_with_sources(
        config, source=source, camera_id=camera_id, server_addresses=server, detector=detector
    )
    loaded.told()
    from cekalwatch.camera.checks import check_installation
    from cekalwatch.camera.clock import SystemClock

    results = check_installation(loaded, SystemClock())
    show_results(results, as_json=as_json, names_cameras=bool(loaded.values.cameras))
