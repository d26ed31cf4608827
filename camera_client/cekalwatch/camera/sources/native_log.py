"""Reads ffmpeg's log inside OpenCV, for the one thing that OpenCV hides: that the size of the pictures has changed.

OpenCV scales everything to the size with which a stream began. Only ffmpeg's log, which OpenCV writes to standard
output, says that the camera now sends another size (with H.264; other decoders say nothing). Nothing of it is passed
on, because it may hold a camera's password. For a process that has one stream, and writes nothing itself.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from typing import Final

_STANDARD_OUTPUT: Final = 1
_LINE_BUFFERED: Final = 1
"""C's _IOLBF."""
_VERBOSE: Final = "40"
_SIZE: Final = re.compile(rb"Reinit context to (\d+)x(\d+)")


class NativeLog:
    """Replaces the process's standard output. On Windows it reads nothing."""

    def __init__(self) -> None:
        """Create it before OpenCV opens anything."""
        self.size: tuple[int, int] | None = None
        """Width and height, rounded up to what the encoder works in, of the newest pictures."""
        if sys.platform == "win32":
            return
        os.environ["OPENCV_FFMPEG_DEBUG"] = "1"
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = _VERBOSE
        reading, writing = os.pipe()
        os.dup2(writing, _STANDARD_OUTPUT)
        # C would write into a pipe in blocks of some thousand characters.
        libc = ctypes.CDLL(None)
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, ctypes.c_size_t(0))
        os.close(writing)
        threading.Thread(target=self._listen, args=(reading,), name="native-log", daemon=True).start()

    def _listen(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as lines:
            for line in lines:
                if found := _SIZE.search(line):
                    self.size = int(found[1]), int(found[2])
