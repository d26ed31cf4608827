"""Cameras at this machine that no test can have: they behave as told, in the decoder's own process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cekalwatch.camera.sources.opencv import LIMITS, CvCapture
from cekalwatch.program.confined.limits import Limits
from cekalwatch.vision.faces import Picture
from tests.support.repository import ROOT

PERIOD_S = 0.02
SIZE = (120, 160)


class Mood(Enum):
    """How a device behaves."""

    WELL = "well"
    AWAY = "away"
    HANGS_WHEN_OPENED = "hangs when opened"
    HANGS = "hangs"
    CRASHES = "crashes"
    REPEATS = "repeats"
    GROWS = "grows"
    ENDS = "ends"
    DEVOURS = "devours"
    """Takes memory without end."""
    KILLS = "kills"
    """Kills whatever is in the group of its process."""
    RUSHES = "rushes"
    """Gives pictures as fast as it can."""


@dataclass(frozen=True)
class Device:
    """Opens a device that is in `first` mood until it has been opened `times` times, and well from then on."""

    diary: Path
    """Where it notes each opening: it lives in several processes, one after another."""
    first: Mood = Mood.WELL
    times: int = 1

    def __call__(self) -> DeviceCapture:
        """Open it."""
        mood = self.first if self.openings < self.times else Mood.WELL
        with self.diary.open("a") as diary:
            diary.write("opened\n")
        if mood is Mood.HANGS_WHEN_OPENED:
            time.sleep(3600)
        return DeviceCapture(mood)

    @property
    def limits(self) -> Limits:
        """A decoder's, and its diary, which must be there, and the tests' own code."""
        return replace(LIMITS, devices=(self.diary,), written_bytes=100_000, readable=(ROOT,))

    @property
    def openings(self) -> int:
        """How often it was opened so far."""
        return len(self.diary.read_text().splitlines()) if self.diary.exists() else 0


class DeviceCapture(CvCapture):
    """A device that behaves as told, in the place of one that OpenCV has opened."""

    def __init__(self, mood: Mood) -> None:
        super().__init__(cv2.VideoCapture())
        self._mood = mood
        self._given = 0
        self._devoured: list[bytes] = []

    def is_open(self) -> bool:
        return self._mood is not Mood.AWAY

    def grab(self) -> bool:
        if self._mood is not Mood.RUSHES:
            time.sleep(PERIOD_S)
        self._given += 1
        if self._given > 5:
            if self._mood is Mood.HANGS:
                time.sleep(3600)
            if self._mood is Mood.CRASHES:
                os.abort()
            if self._mood is Mood.KILLS:
                os.kill(0, signal.SIGKILL)
            if self._mood is Mood.DEVOURS:
                self._devoured.append(bytes(200_000_000))
        return self._given <= 5 or self._mood is not Mood.ENDS

    def retrieve(self, image: Any = None) -> tuple[bool, Picture]:  # noqa: ARG002  # as a real one
        grown = self._mood is Mood.GROWS and self._given > 5
        seed = 0 if self._mood is Mood.REPEATS else self._given
        return True, noise(seed, (240, 320) if grown else SIZE)

    def is_resized(self) -> bool:
        return False

    def release(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Clip:
    """A video that is a camera: it gives its frames as fast as they are taken, and then ends."""

    video: Path

    @property
    def limits(self) -> Limits:
        """A decoder's, and the folder of the file, which may be another one next time."""
        return replace(LIMITS, readable=(ROOT, self.video.parent))

    def __call__(self) -> CvCapture:
        """Open it at its beginning."""
        return CvCapture(cv2.VideoCapture(str(self.video), cv2.CAP_FFMPEG))


def noise(seed: int, size: tuple[int, int] = SIZE) -> Picture:
    """A picture that differs from that of any other seed."""
    return np.random.default_rng(seed).integers(60, 200, (*size, 3), np.uint8)
