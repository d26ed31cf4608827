"""The link of the program and a camera's decoder: the memory with the newest picture, and the bytes that they exchange.

The decoder's process reads a stranger's data. Its output is bytes of limited size: nothing is unpickled, and numbers
are checked before they are used.
"""

from __future__ import annotations

import math
import mmap
import os
import secrets
import struct
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

import numpy as np

from cekalwatch.vision.faces import Picture

MAX_SIDE: Final = 8192
MAX_BYTES: Final = 4096 * 3072 * 3
"""The largest picture; memory is used only for pictures that come."""

_HEAD: Final = struct.Struct("<IIdQ")
"""Height, width, time and number of the picture."""
_PICTURE_AT: Final = 64
_SIZE: Final = _PICTURE_AT + MAX_BYTES


class DecoderCommand(Enum):
    """To the decoder; one byte."""

    OPEN = b"O"
    """Open the camera, again if it is open."""
    TAKEN = b"T"
    """The picture was copied: the memory is free for the next one."""


class DecoderSignal(Enum):
    """From the decoder; one byte."""

    OPENED = b"o"
    NOT_OPENED = b"n"
    PICTURE = b"p"
    """A new one is in the shared memory, and stays there until it is taken."""
    ENDED = b"e"
    """The camera sends no more pictures."""
    RESIZED = b"r"
    """The camera sends another size; no more pictures follow."""


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A picture, and when it was decoded, by the monotonic clock that all processes of a machine share."""

    picture: Picture
    at_s: float
    number: int
    """Counts the pictures of one opening; those missing between two were replaced by newer ones."""


class PictureMemory:
    """Memory of one picture. PICTURE and TAKEN pass the right to write between the two ends, so no lock is needed."""

    def __init__(self, handle: int, key: str) -> None:
        """`handle`: of the file in memory; -1 on Windows, where the memory is found by its `key`."""
        self.handle = handle
        self.key = key
        if sys.platform == "win32":
            self._map = mmap.mmap(-1, _SIZE, tagname=key)
        else:
            self._map = mmap.mmap(handle, _SIZE)

    @classmethod
    def create(cls) -> Self:
        """Make it. Raises OSError."""
        if sys.platform == "win32":
            return cls(-1, f"cekalwatch-{secrets.token_hex(16)}")
        import fcntl

        handle = os.memfd_create("cekalwatch-picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(handle, _SIZE)
        # Who shrinks a file in memory takes the other side's pages away, which ends its process.
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return cls(handle, str(handle))

    @classmethod
    def of(cls, key: str) -> Self:
        """Open it in the decoder's process, by the `key` of the one that the program made."""
        return cls(-1 if sys.platform == "win32" else int(key), key)

    def slot(self, shape: tuple[int, ...]) -> Picture:
        """Return the place of a picture of this shape, into which it is written."""
        return np.ndarray(shape, np.uint8, self._map, _PICTURE_AT)

    def describe(self, picture: Picture, at_s: float, number: int) -> None:
        """Say which picture is in its slot."""
        self._map[: _HEAD.size] = _HEAD.pack(*picture.shape[:2], at_s, number)

    def copied(self) -> DecodedPicture:
        """Return a copy of the picture. Raises ValueError when what is said of it cannot be."""
        height, width, at_s, number = _HEAD.unpack_from(self._map)
        if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width * 3 <= MAX_BYTES):
            raise ValueError(f"a picture of {width}x{height}")
        if not math.isfinite(at_s):
            raise ValueError("a time that does not exist")
        return DecodedPicture(self.slot((height, width, 3)).copy(), at_s, number)

    def close(self) -> None:
        self._map.close()
        if self.handle >= 0:
            os.close(self.handle)
