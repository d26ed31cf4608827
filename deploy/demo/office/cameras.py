"""The cameras of a demonstration that stays: their videos begin again when they end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from deploy.demo.programs import Program
from deploy.demo.stack import Stack

PERIOD_S = 0.5


def pass_again(stack: Stack, videos: Mapping[str, Path], owner: Program, pause_s: float = 0.0) -> None:
    """Let each camera see its video again and again, `pause_s` seconds apart, while `owner` runs.

    Raises ProgramError when a camera fails.
    """
    started: set[str] = set()
    begin_s = dict.fromkeys(videos, 0.0)
    while owner.running:
        for camera_id, video in videos.items():
            camera = stack.cameras.get(camera_id)
            if camera and camera.running:
                continue
            if camera and camera_id in started:
                camera.wait_for_success(PERIOD_S)
                started.remove(camera_id)
                begin_s[camera_id] = time.monotonic() + pause_s
            elif time.monotonic() >= begin_s[camera_id]:
                stack.start_camera(camera_id, video)
                started.add(camera_id)
        time.sleep(PERIOD_S)
