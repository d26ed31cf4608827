"""A camera's decoder, in a process of its own.

A native library that hangs, crashes or leaks on a broken stream does no harm: the process is killed and another one
started. Shared memory holds one picture, the newest. The process is spawned, never forked: gRPC does not survive a
fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.sources.opencv import CvCapture
from cekalwatch.vision.faces import Picture

MAX_BYTES: Final = 4096 * 3072 * 3
"""The largest picture; memory is used only for pictures that come."""
LOCK_S: Final = 2.0
"""Longest wait until the other side has written or copied a picture, which takes a millisecond."""
KILLING_S: Final = 5.0

_HEAD: Final = 64
"""Bytes before the picture, see `_head`."""


OpenCapture = Callable[[], CvCapture]
"""Opens a camera in the decoder's process; it is sent there, so it must be picklable."""


class DecoderSignal(Enum):
    """What the two processes tell each other."""

    OPEN = "open"
    """To the decoder: open the camera, again if it is open."""
    OPENED = "opened"
    NOT_OPENED = "not opened"
    PICTURE = "picture"
    """A new one is in the shared memory."""
    ENDED = "ended"
    """The camera gives no more pictures."""
    RESIZED = "resized"
    """The camera sends another size; no more pictures follow."""


class DecoderDied(Exception):  # noqa: N818  # it tells what happened
    """The process is gone."""


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A picture, and when it was decoded, by the monotonic clock that all processes of a machine share."""

    picture: Picture
    at_s: float
    number: int
    """Counts the pictures of this process; those missing between two were replaced by newer ones."""


class Decoder:
    """The decoder's process, as the program uses it. Owned by one thread."""

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
        """Have the camera opened, again if it is open; OPENED or NOT_OPENED follows. Raises DecoderDied."""
        with _as_died():
            self._connection.send(DecoderSignal.OPEN)

    def next_signal(self, within_s: float) -> DecoderSignal | None:
        """Return the next signal; None when there is none within that time. Raises DecoderDied."""
        with _as_died():
            if not self._connection.poll(within_s):
                return None
            received: DecoderSignal = self._connection.recv()
            return received

    def picture(self) -> DecodedPicture:
        """Return a copy of the newest picture; PICTURE must have come before. Raises DecoderDied."""
        if not self._lock.acquire(timeout=LOCK_S):
            raise DecoderDied
        try:
            head = _head(self._memory)
            height, width = int(head[0]), int(head[1])
            picture = np.ndarray((height, width, 3), np.uint8, self._memory.buf, _HEAD).copy()
            return DecodedPicture(picture, float(head[2]), int(head[3]))
        finally:
            self._lock.release()

    def close(self) -> None:
        """Kill the process, whatever it is doing, and free its memory."""
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
    # Ctrl-C is for the program, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_program, daemon=True).start()
    memory = SharedMemory(memory_name)
    # Without the connection, the program is gone.
    with contextlib.suppress(EOFError, OSError):
        while connection.recv() is DecoderSignal.OPEN:
            capture = open_capture()
            try:
                if not capture.is_open():
                    connection.send(DecoderSignal.NOT_OPENED)
                    continue
                connection.send(DecoderSignal.OPENED)
                connection.send(_take_pictures(capture, connection, lock, memory))
            finally:
                capture.release()


def _take_pictures(capture: CvCapture, connection: Connection, lock: Lock, memory: SharedMemory) -> DecoderSignal:
    """Take each picture as soon as it comes, until the camera ends or another command comes; return what to signal."""
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


def _exit_with_program() -> None:
    program = multiprocessing.parent_process()
    if program is not None:
        wait([program.sentinel])
        os._exit(1)
