"""Checks of this machine: does the source give frames, is the detector whole, is there room on the disk."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from cekalwatch.camera.checks.result import CheckResult, CheckVerdict
from cekalwatch.camera.clock import Clock
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.files import FramePace
from cekalwatch.camera.sources.frames import Frame, FrameSource, SourceError
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.program.errors import ProgramError
from cekalwatch.vision.detectors.factory import open_detector

FRAMES = 10
"""How many frames a source must give."""
FRAMES_WITHIN_S = 10.0
MIN_RATE = 5.0
"""Frames a second below which a traveller who walks by may be missed."""
MIN_HEIGHT = 720
"""Pixels below which faces three metres away have less than 60 pixels between the eyes, with usual lenses."""
MIN_FREE_BYTES = 1_000_000_000


def check_source(one: OneCamera, clock: Clock) -> CheckResult:
    """Open the source and take some frames; takes FRAMES_WITHIN_S at most, and what opening takes."""

    def finding(verdict: CheckVerdict, text: str) -> CheckResult:
        return CheckResult("source", verdict, text, one.camera_id)

    try:
        source = open_source(one, clock, pace=FramePace.UNPACED)
    except SourceError as error:
        return finding(CheckVerdict.FAIL, str(error))
    began_s = clock.monotonic_s()
    try:
        frames = _some_frames(source)
    except SourceError as error:
        return finding(CheckVerdict.FAIL, str(error))
    if not frames:
        return finding(CheckVerdict.FAIL, f"{source.name} opens, but gives no frames within {FRAMES_WITHIN_S:g} s")
    height, width = frames[-1].picture.shape[:2]
    shown = f"{source.name}: {width}×{height}"
    if not source.endless:
        return finding(CheckVerdict.OK, f"{shown}, a file")
    rate = len(frames) / max(clock.monotonic_s() - began_s, 1e-3)
    shown = f"{shown}, {rate:.0f} frames a second"
    if len(frames) < FRAMES or rate < MIN_RATE:
        return finding(CheckVerdict.WARN, f"{shown}: too few to see everybody; {MIN_RATE:g} are wanted at least")
    if height < MIN_HEIGHT:
        return finding(
            CheckVerdict.WARN, f"{shown}: a low resolution; see `cekalwatch-camera survey` whether it is enough"
        )
    return finding(CheckVerdict.OK, shown)


def check_detector(one: OneCamera, threads: int) -> CheckResult:
    """Compare the pack's files with their checksums, and load its networks."""
    try:
        detector = open_detector(one.detector, threads)
    except ProgramError as error:
        return CheckResult("detector", CheckVerdict.FAIL, str(error), one.camera_id)
    return CheckResult("detector", CheckVerdict.OK, f"{detector.name} in {one.detector}", one.camera_id)


def check_disk(folder: Path) -> CheckResult:
    """See that `folder`, or where it would be made, can be written and has room."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"cekalwatch")
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        return CheckResult("disk", CheckVerdict.FAIL, f"{there} cannot be written: {error.strerror}")
    text = f"{free / 1e9:.1f} GB free for {folder}"
    if free < MIN_FREE_BYTES:
        return CheckResult("disk", CheckVerdict.WARN, f"{text}: too little for an outage; captures would be dropped")
    return CheckResult("disk", CheckVerdict.OK, text)


def _some_frames(source: FrameSource) -> list[Frame]:
    """Take FRAMES frames; fewer when the source ends or the time is over, which also closes it. Raises SourceError."""
    frames: list[Frame] = []
    timer = threading.Timer(FRAMES_WITHIN_S, source.close)
    timer.daemon = True
    timer.start()
    try:
        for frame in source:
            frames.append(frame)
            if len(frames) >= FRAMES:
                break
    finally:
        timer.cancel()
        source.close()
    return frames
