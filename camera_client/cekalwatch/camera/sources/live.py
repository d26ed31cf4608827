"""Frames from a camera: always the newest one. A camera that fails, or only seems to work, is opened again and
again."""

from __future__ import annotations

import contextvars
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.sources.decoder import Decoder, DecoderDied
from cekalwatch.camera.sources.decoder_link import DecoderSignal
from cekalwatch.camera.sources.frames import Frame, SourceError
from cekalwatch.camera.sources.opencv import OpenCapture
from cekalwatch.camera.sources.stream_health import StreamFault, StreamHealth
from cekalwatch.program.loops import LOOPS
from cekalwatch.wire.backoff import Backoff

OPENING_S: Final = 20.0
"""Longest time for the decoder's process to start and open the camera."""
SILENCE_S: Final = 3.0
"""A camera that gives no picture for this long is opened again."""
STEADY_S: Final = 10.0
"""A camera that gave pictures for this long works: the next failure starts with a short pause."""
CLOSING_S: Final = 8.0
MAX_LOST: Final = 1000
"""Frames between two pictures; what a decoder says beyond is not believed."""

log = structlog.get_logger()


class LiveSource:
    """A reader thread keeps the newest frame of the camera's decoder, so that frames never queue and age."""

    endless = True
    can_wait = False

    def __init__(self, open_capture: OpenCapture, name: str, clock: Clock, backoff: Backoff) -> None:
        self.name = name
        self.dropped = 0
        self._open_capture = open_capture
        self._clock = clock
        self._backoff = backoff
        self.faults: Counter[StreamFault] = Counter()
        self._slot: Frame | None = None
        self._filled = threading.Condition()
        self._closed = threading.Event()
        self._decoder: Decoder | None = None
        """Used by the thread that opens the camera, then by the reader thread."""
        self._opened = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the camera before it is read. Raises SourceError when that cannot be done."""
        if self._open():
            self._end_decoder()
            raise SourceError(
                f"{self.name} cannot be opened; is it connected, switched on, and used by no other program?"
            )
        self._opened = True

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; blocks while the camera gives none."""
        context = contextvars.copy_context()  # the log names the camera
        run = partial(LOOPS.keep_here, f"read {self.name}", partial(self._read_on, StreamHealth()), self._closed.wait)
        thread = threading.Thread(target=lambda: context.run(run), name="camera-reader", daemon=True)
        thread.start()
        self._thread = thread
        while True:
            with self._filled:
                self._filled.wait_for(lambda: self._slot is not None or self._closed.is_set())
                frame, self._slot = self._slot, None
            if frame is None or self._closed.is_set():
                return
            yield frame

    def close(self) -> None:
        """End the iteration, the reader thread and the decoder."""
        self._closed.set()
        with self._filled:
            self._filled.notify_all()
        if self._thread:
            self._thread.join(CLOSING_S)
        else:
            self._end_decoder()

    def _read_on(self, health: StreamHealth) -> bool:
        """Read until something is wrong, and wait; return whether the camera is to be read on."""
        try:
            fault = None if self._opened or self._closed.is_set() else self._open()
            self._opened = False
            if fault is None and self._decoder and not self._closed.is_set():
                fault = self._read(self._decoder, health)
        except BaseException:
            self._end_decoder()
            raise
        if fault is None or self._closed.is_set():
            self._end_decoder()
            return False
        self.faults[fault] += 1
        exit_code = self._decoder.exit_code if self._decoder else None
        if fault in (StreamFault.SILENT, StreamFault.DECODER_DIED):
            self._end_decoder()
        delay_s = self._backoff.next_delay_s()
        log.warning(
            "source_lost",
            source=self.name,
            reason=fault.value,
            times=self.faults[fault],
            exit_code=exit_code,
            retry_in_s=round(delay_s, 1),
        )
        self._closed.wait(delay_s)
        return True

    def _open(self) -> StreamFault | None:
        """Open the camera, in a new process if there is none; return what went wrong."""
        give_up_s = self._clock.monotonic_s() + OPENING_S
        try:
            self._decoder = self._decoder or Decoder(self._open_capture)
            self._decoder.open()
            while not self._closed.is_set():
                match self._decoder.next_signal(0.2):
                    case DecoderSignal.OPENED:
                        return None
                    case DecoderSignal.NOT_OPENED:
                        return StreamFault.NOT_OPENED
                    case _:  # nothing yet, or a signal of the last opening
                        if self._clock.monotonic_s() > give_up_s:
                            return StreamFault.SILENT
        except (DecoderDied, OSError):  # OSError: no memory or process left
            return StreamFault.DECODER_DIED
        return None

    def _read(self, decoder: Decoder, health: StreamHealth) -> StreamFault | None:
        """Read pictures until something is wrong; return what."""
        health.opened()
        began_s = heard_s = self._clock.monotonic_s()
        number = None
        try:
            while not self._closed.is_set():
                match decoder.next_signal(0.2):
                    case DecoderSignal.PICTURE:
                        pass
                    case DecoderSignal.ENDED:
                        return StreamFault.ENDED
                    case DecoderSignal.RESIZED:
                        return StreamFault.SIZE_CHANGED
                    case _:
                        if self._clock.monotonic_s() - heard_s > SILENCE_S:
                            return StreamFault.SILENT
                        continue
                decoded = decoder.picture()
                heard_s = self._clock.monotonic_s()
                if decoded.number == number:
                    continue  # the signal of a picture that a newer one has replaced already
                lost = 0 if number is None else min(max(0, decoded.number - number - 1), MAX_LOST)
                number = decoded.number
                self._fill(
                    Frame(
                        decoded.picture,
                        self._clock.now() - timedelta(seconds=heard_s - decoded.at_s),
                        decoded.at_s,
                    ),
                    lost,
                )
                if fault := health.judge(decoded.picture, decoded.at_s):
                    return fault
                if heard_s - began_s > STEADY_S:
                    self._backoff.reset()
        except DecoderDied:
            return StreamFault.DECODER_DIED
        return None

    def _fill(self, frame: Frame, lost: int) -> None:
        with self._filled:
            self.dropped += lost + (self._slot is not None)
            self._slot = frame
            self._filled.notify_all()

    def _end_decoder(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder:
            decoder.close()
