"""A camera client as a process of its own, which plays a video file in place of a camera."""

from __future__ import annotations

from pathlib import Path

from deploy.demo.programs import Program


def camera_program(
    camera_id: str, source: Path, addresses: str, tls_dir: Path, folder: Path, detector: Path, python: str | Path
) -> Program:
    """Start a camera client on a video file, at the video's own speed; it ends when each crop has its receipt.

    Its spool is in `folder`/camera and its log in `folder`/logs; `addresses` are the servers', with commas between.
    """
    arguments = ["-m", "cekalwatch.camera", "run", "--source", str(source), "--realtime", "--camera-id", camera_id]
    arguments += ["--server", addresses, "--detector", str(detector)]
    environment = {
        "CEKALWATCH_CAMERA_TLS_DIR": str(tls_dir),
        "CEKALWATCH_CAMERA_SPOOL_DIR": str(folder / "camera" / "spool"),
        "CEKALWATCH_CAMERA_SPOOL_KEY": str(folder / "camera" / "spool.key"),
    }
    return Program(camera_id, arguments, folder / "logs", environment=environment, python=python)
