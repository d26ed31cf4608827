"""A camera's decoder, in a confined process of its own.

A native library that hangs, crashes, leaks or is exploited by a hostile stream does little harm: its process has no
keys, no files and limited memory (`program.confined`), and is killed and restarted. Shared memory has only the newest
picture.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from typing import BinaryIO, Final, cast

from cekalwatch.camera.sources.decoder_link import DecodedPicture, DecoderCommand, DecoderSignal, PictureMemory
from cekalwatch.camera.sources.opencv import OpenCapture
from cekalwatch.program.confined.command import confine_started, confined_command, confined_environment
from cekalwatch.program.platform.interpreter import python_command

MIN_PERIOD_S: Final = 1 / 60
"""Pictures that come faster are passed over: copying and judging them costs the other cameras' time."""
MAX_AGE_S: Final = 10.0
"""A picture that says it is older, or of the future, has a wrong time."""
KILLING_S: Final = 5.0
MAX_WAITING: Final = 16
"""Signals that wait for this program; the decoder waits with the next."""


class DecoderDied(Exception):  # noqa: N818  # it tells what happened
    """The process is gone, or sent something impossible."""


class Decoder:
    """The decoder's process, as the program uses it. Owned by one thread."""

    def __init__(self, open_capture: OpenCapture) -> None:
        """Start it. Raises OSError."""
        self._memory = PictureMemory.create()
        command = python_command("cekalwatch.camera.sources.decoder_process", self._memory.key)
        try:
            self._process = subprocess.Popen(  # our own interpreter
                confined_command(command, open_capture.limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a camera could write into our log
                env=confined_environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
                bufsize=0,
                pass_fds=() if sys.platform == "win32" else (self._memory.handle,),
            )
            confine_started(self._process, open_capture.limits)
        except OSError:
            self._memory.close()
            raise
        self.pid = self._process.pid
        self._commands, self._output = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        # When memory is short, the kernel ends one camera's decoder before what all cameras share.
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.pid}/oom_score_adj").write_text("1000")
        self._copied_s = 0.0
        self._signals: Queue[DecoderSignal | None] = Queue(MAX_WAITING)
        self._closed = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="decoder-signals", daemon=True)
        self._listener.start()
        with contextlib.suppress(DecoderDied):  # then the first command says so
            self._send(pickle.dumps(open_capture))

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative: by which signal; None while it runs."""
        return self._process.poll()

    def open(self) -> None:
        """Have the camera opened, again if it is open; OPENED or NOT_OPENED follows. Raises DecoderDied."""
        self._send(DecoderCommand.OPEN.value)

    def next_signal(self, within_s: float) -> DecoderSignal | None:
        """Return the next signal; None when there is none within that time. Raises DecoderDied."""
        try:
            signalled = self._signals.get(timeout=within_s)
        except Empty:
            return None
        if signalled is None:
            raise DecoderDied
        return signalled

    def picture(self) -> DecodedPicture:
        """Return a copy of the newest picture; PICTURE must have come before. Raises DecoderDied."""
        # A sound decoder writes nothing meanwhile; one that does spoils its own picture.
        self._closed.wait(max(0.0, self._copied_s + MIN_PERIOD_S - time.monotonic()))
        try:
            decoded = self._memory.copied()
        except ValueError:
            raise DecoderDied from None
        self._copied_s = time.monotonic()
        if not -MAX_AGE_S < decoded.at_s - self._copied_s <= 0:
            raise DecoderDied
        self._send(DecoderCommand.TAKEN.value)
        return decoded

    def close(self) -> None:
        """Kill the process, whatever it is doing, and free its memory."""
        self._closed.set()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILLING_S)
        self._listener.join(KILLING_S)
        self._commands.close()
        self._output.close()
        self._memory.close()

    def _send(self, content: bytes) -> None:
        with _as_died():
            self._commands.write(content)

    def _listen(self) -> None:
        for signalled in _signals_in(self._output):
            while not self._closed.is_set():
                with contextlib.suppress(Full):
                    self._signals.put(signalled, timeout=0.2)
                    break


def _signals_in(stream: BinaryIO) -> Iterator[DecoderSignal | None]:
    """Yield the arriving signals, and None at the end, or for an invalid one."""
    with contextlib.suppress(OSError, ValueError):
        while byte := stream.read(1):
            yield DecoderSignal(byte)
    yield None


@contextlib.contextmanager
def _as_died() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise DecoderDied from None
