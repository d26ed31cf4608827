"""The decoder's process: opens a camera, and writes its newest picture into the shared memory.

    python -m cekalwatch.camera.sources.decoder_process MEMORY

It runs confined, and communicates over its standard input and output.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from queue import SimpleQueue
from typing import BinaryIO

from cekalwatch.camera.sources.decoder_link import MAX_BYTES, DecoderCommand, DecoderSignal, PictureMemory
from cekalwatch.camera.sources.opencv import CvCapture, OpenCapture
from cekalwatch.vision.faces import Picture


class _Program:
    """The other end."""

    def __init__(self) -> None:
        # Libraries may print; their output must not count as a signal.
        self._signals = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        commands = sys.stdin.buffer
        self.open_capture: OpenCapture = pickle.load(commands)  # noqa: S301  # our own program's
        self._openings: SimpleQueue[None] = SimpleQueue()
        self.memory_is_free = threading.Event()
        threading.Thread(target=self._obey, args=(commands,), daemon=True).start()

    def tell(self, signalled: DecoderSignal) -> None:
        self._signals.write(signalled.value)

    def wait_for_opening(self) -> None:
        """Wait until the camera is to be opened. A picture that was not taken by then is not taken any more."""
        self._openings.get()
        self.memory_is_free.set()

    @property
    def wants_opening(self) -> bool:
        """Whether the camera is to be opened, or opened again."""
        return not self._openings.empty()

    def _obey(self, commands: BinaryIO) -> None:
        while byte := commands.read(1):
            if byte == DecoderCommand.OPEN.value:
                self._openings.put(None)
            elif byte == DecoderCommand.TAKEN.value:
                self.memory_is_free.set()
        os._exit(1)  # the program is gone; the library may hang


def main() -> None:
    """Run until the program ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    memory, program = PictureMemory.of(sys.argv[1]), _Program()
    while True:
        program.wait_for_opening()
        capture = program.open_capture()
        try:
            if capture.is_open():
                program.tell(DecoderSignal.OPENED)
                program.tell(_take_pictures(capture, program, memory))
            else:
                program.tell(DecoderSignal.NOT_OPENED)
        finally:
            capture.release()


def _take_pictures(capture: CvCapture, program: _Program, memory: PictureMemory) -> DecoderSignal:
    """Read each picture as it arrives, until the camera ends or a command arrives; return the signal to send."""
    slot: Picture | None = None
    number = 0
    while not program.wants_opening and capture.grab():
        if capture.is_resized():
            return DecoderSignal.RESIZED
        at_s = time.monotonic()
        number += 1
        if not program.memory_is_free.is_set():
            continue
        ok, picture = capture.retrieve(slot)
        if not ok or picture.nbytes > MAX_BYTES or picture.ndim != 3:
            return DecoderSignal.ENDED
        if picture is not slot:
            slot = memory.slot(picture.shape)
            slot[:] = picture
        memory.describe(picture, at_s, number)
        program.memory_is_free.clear()
        program.tell(DecoderSignal.PICTURE)
    return DecoderSignal.ENDED


if __name__ == "__main__":
    main()
