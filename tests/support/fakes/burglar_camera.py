"""A camera whose stream has taken over its decoder: code of the attacker's runs in the decoder's process.

What it tried is told in its pictures: a row for each attempt, white where it succeeded.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cekalwatch.camera.sources.opencv import LIMITS, CvCapture
from cekalwatch.program.confined.limits import Limits
from cekalwatch.vision.faces import Picture
from tests.support.repository import ROOT

ATTEMPTS = (
    "read the key",
    "read the key by another program",
    "write a file",
    "list a folder",
    "find a secret in the environment",
    "read the environment of the program",
    "signal the program",
    "shrink the memory of the pictures",
    "listen",
)


@dataclass(frozen=True)
class Burglar:
    """Breaks in as soon as the camera is opened."""

    key: Path
    secret: str
    program: int
    """The process of the capture client."""
    spoils: bytes = b""
    """What it writes to the program in place of a signal, everywhere it can."""

    @property
    def limits(self) -> Limits:
        """A decoder's, and the tests' own code."""
        return replace(LIMITS, readable=(ROOT,))

    def __call__(self) -> BurglarCapture:
        """Try everything."""
        attempts: tuple[Callable[[], object], ...] = (
            self.key.read_bytes,
            lambda: subprocess.run(["/bin/cat", str(self.key)], check=True, capture_output=True),
            lambda: (self.key.parent / "left").write_text("here"),
            lambda: list(self.key.parent.iterdir()),
            lambda: [self.secret in value for value in os.environ.values()].index(True),
            lambda: Path(f"/proc/{self.program}/environ").read_bytes(),
            lambda: os.kill(self.program, 0),
            self._shrink,
            lambda: socket.create_server(("127.0.0.1", 0)),
        )
        found = [_succeeds(attempt) for attempt in attempts]
        if self.spoils:
            for handle in range(3, 64):
                with suppress(OSError):
                    os.write(handle, self.spoils)
        return BurglarCapture(np.array(found, np.uint8))

    @staticmethod
    def _shrink() -> None:
        for handle in range(3, 64):
            with suppress(OSError):
                os.ftruncate(handle, 0)
                return
        raise OSError


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return True


class BurglarCapture(CvCapture):
    """Shows what was found."""

    def __init__(self, found: Picture) -> None:
        super().__init__(cv2.VideoCapture())
        self._picture = np.zeros((len(found), 8, 3), np.uint8) + 255 * found[:, None, None]

    def is_open(self) -> bool:
        return True

    def grab(self) -> bool:
        return True

    def retrieve(self, image: Any = None) -> tuple[bool, Picture]:  # noqa: ARG002  # as a real one
        return True, self._picture

    def is_resized(self) -> bool:
        return False
