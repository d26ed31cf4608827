"""A camera's decoder, in a process of its own.

A native library that hangs, crashes or leaks on a broken stream takes nothing with it: the process is killed and
another one started. Pictures come over through shared memory that holds one, the newest. The process is started
afresh, never forked: gRPC does not survive a fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Lock
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture

MAX_BYTES: Final = 4096 * 3072 * 3
"""The largest picture; memory is used for those that come."""
LOCK_S: Final = 2.0
"""Longest wait for the other side to write or copy one picture, which takes a millisecond."""
KILLING_S: Final = 5.0

_HEAD: Final = 64
"""Bytes before the picture, for what _Head says."""


class OpenedCapture(Protocol):
    """A camera, in the decoder's process."""

    def is_open(self) -> bool:
        """Tell whether there is a camera."""

    def grab(self) -> bool:
        """Wait for the next picture and decode it; False when there will be none."""

    def retrieve(self, image: Any = None) -> tuple[bool, Any]:  # noqa: ANN401  # OpenCV's arrays
        """Return the picture that was grabbed, in `image` if it fits."""

    def is_resized(self) -> bool:
        """Tell whether the camera sends another size than at first, though its pictures are given as before."""

    def release(self) -> None:
        """Close the camera."""


class OpenCapture(Protocol):
    """Opens a camera, in the decoder's process: it is sent there, so it can be pickled."""

    def __call__(self) -> OpenedCapture:
        """Return the camera, which may not be open."""


class DecoderSignal(Enum):
    """What the two processes say to each other."""

    OPEN = "open"
    """To the decoder: open the camera, anew if it is open."""
    OPENED = "opened"
    NOT_OPENED = "not opened"
    PICTURE = "picture"
    """There is a new one in the shared memory."""
    ENDED = "ended"
    """The camera gives no more pictures."""
    RESIZED = "resized"
    """The camera sends another size; pictures come no more."""


class DecoderDied(Exception):  # noqa: N818  # it tells what happened
    """The process is gone."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture, and when it had been decoded, by the monotonic clock that all processes of a machine share."""

    picture: Picture
    at_s: float
    number: int
    """Counts the pictures of this process; what is missing between two was replaced by a newer one."""


class Decoder:
    """The decoder's process, seen from ours. Owned by one thread."""

    def __init__(self, open_capture: OpenCapture) -> None:
        context = multiprocessing.get_context("spawn")
        self._memory = SharedMemory(create=True, size=_HEAD + MAX_BYTES)
        self._lock = context.Lock()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_decode, args=(open_capture, theirs, self._lock, self._memory.name), name="decoder", daemon=True
        )
        self._process.start()
        theirs.close()
        # Not before the process has its end: it would be there twice.
        self.pid = self._process.pid

    def open(self) -> None:
        """Have the camera opened, anew if it is open; OPENED or NOT_OPENED will follow. Raises DecoderDied."""
        with _as_died():
            self._connection.send(DecoderSignal.OPEN)

    def next_signal(self, within_s: float) -> DecoderSignal | None:
        """Return the next sign; None when there is none in that time. Raises DecoderDied."""
        with _as_died():
            if not self._connection.poll(within_s):
                return None
            sign: DecoderSignal = self._connection.recv()
            return sign

    def picture(self) -> Decoded:
        """Return a copy of the newest picture; PICTURE must have come before. Raises DecoderDied."""
        if not self._lock.acquire(timeout=LOCK_S):
            raise DecoderDied
        try:
            head = _head(self._memory)
            height, width = int(head[0]), int(head[1])
            picture = np.ndarray((height, width, 3), np.uint8, self._memory.buf, _HEAD).copy()
            return Decoded(picture, float(head[2]), int(head[3]))
        finally:
            self._lock.release()

    def close(self) -> None:
        """Kill the process, whatever it is at, and give its memory back."""
        self._process.kill()
        self._process.join(KILLING_S)
        self._connection.close()
        self._memory.close()
        self._memory.unlink()


@contextlib.contextmanager
def _as_died() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise DecoderDied from None


def _head(memory: SharedMemory) -> NDArray[np.float64]:
    """Height, width, time and number of the picture in `memory`."""
    return np.ndarray((4,), np.float64, memory.buf)


def _decode(open_capture: OpenCapture, connection: Connection, lock: Lock, memory_name: str) -> None:
    """The decoder's process."""
    # Ctrl-C is for the program, which will end this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_program, daemon=True).start()
    memory = SharedMemory(memory_name)
    # The program is gone when the connection is.
    with contextlib.suppress(EOFError, OSError):
        while connection.recv() is DecoderSignal.OPEN:
            capture = open_capture()
            try:
                if not capture.is_open():
                    connection.send(DecoderSignal.NOT_OPENED)
                    continue
                connection.send(DecoderSignal.OPENED)
                connection.send(_empty(capture, connection, lock, memory))
            finally:
                capture.release()


def _empty(capture: OpenedCapture, connection: Connection, lock: Lock, memory: SharedMemory) -> DecoderSignal:
    """Take each picture as soon as it is there, until something ends that or another command comes; return what."""
    head = _head(memory)
    slot: Picture | None = None
    while not connection.poll() and capture.grab():
        if capture.is_resized():
            return DecoderSignal.RESIZED
        at_s = time.monotonic()
        with lock:
            ok, picture = capture.retrieve(slot)
            if not ok or picture.nbytes > MAX_BYTES or picture.ndim != 3:
                return DecoderSignal.ENDED
            if picture is not slot:
                slot = np.ndarray(picture.shape, np.uint8, memory.buf, _HEAD)
                slot[:] = picture
            head[:] = (*picture.shape[:2], at_s, head[3] + 1)
        connection.send(DecoderSignal.PICTURE)
    return DecoderSignal.ENDED


def _die_with_the_program() -> None:
    program = multiprocessing.parent_process()
    if program is not None:
        wait([program.sentinel])
        os._exit(1)
