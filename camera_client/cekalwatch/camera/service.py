"""The service of a capture host with Windows: `python -I -m cekalwatch.camera.service`, which its installer enters.

It is `cekalwatch-camera run` with the machine's settings, logs in a file, and waits for settings where there are none.
"""

from __future__ import annotations

import sys

from cekalwatch.program.platform.log_file import LogFile
from cekalwatch.program.platform.places import CAPTURE_SERVICE, capture_service_log
from cekalwatch.program.platform.service_control import serve, service_control
from cekalwatch.program.platform.streams import prepare_streams


def main() -> None:
    """Run until Windows stops it; exits the process."""
    sys.stderr = LogFile(capture_service_log())
    prepare_streams(CAPTURE_SERVICE)
    serve(CAPTURE_SERVICE, _run)


def _run() -> None:
    from cekalwatch.camera.cli.app import app
    from cekalwatch.camera.settings import CameraSettings
    from cekalwatch.program.cli.command import run

    file = CameraSettings.usual_files()[0]
    if not file.exists():
        # Not a failure, after which it would be started again and again: `init` makes them, and starts it.
        if control := service_control():
            control.failed(f"There are no settings in {file} yet: run `cekalwatch-camera init` as administrator.")
        return
    sys.argv = [CAPTURE_SERVICE, "run", "--config", str(file)]
    run(app)


if __name__ == "__main__":
    main()
