"""The sound of an alert that rings: two tones, three times, from a file made here; a beep where no program plays it."""

from __future__ import annotations

import ctypes
import io
import math
import shutil
import struct
import sys
import time
import wave
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer
from PySide6.QtWidgets import QApplication

from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.program.platform.access import make_folder

AGAIN_EVERY_MS = 15_000
"""Interval at which the bell rings again for a waiting alert that nobody here has viewed."""
TOGETHER_S = 2.0
"""Alerts that ring within these seconds after a sound share it: fifty at once are not fifty sounds."""
_RATE = 22_050
_TONES = ((880.0, 0.14), (0.0, 0.04), (1174.7, 0.2), (0.0, 0.16))
_PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"))


class Bell(QObject):
    """Rings for alerts, and again until somebody views them."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        super().__init__()
        self._controller = controller
        self._file = folder / "alert.wav"
        self._unseen: set[str] = set()
        self._counted = False
        """Whether alerts waited when this PC began, which nobody here has seen: before a sign-in it knows no more."""
        self._rang_at_s = -math.inf
        self.rings = 0
        """How often it has rung."""
        self._again = QTimer(self)
        self._again.setInterval(AGAIN_EVERY_MS)
        self._again.timeout.connect(self.ring_again)
        if controller.settings.sound:
            controller.rang.connect(self._rang)
            controller.found_waiting.connect(self._found_waiting)
            make_folder(folder)
            self._file.write_bytes(alert_sound())

    @property
    def has_player(self) -> bool:
        """Whether there is a program that plays the sound; the beep in its place may be nothing."""
        if sys.platform == "win32":
            return bool(ctypes.windll.winmm.waveOutGetNumDevs())
        return any(shutil.which(program) for program, *_ in _PLAYERS)

    def silence(self) -> None:
        """Stop ringing: somebody has turned to the alerts."""
        self._unseen.clear()
        self._counted = False
        self._again.stop()

    def ring_again(self) -> None:
        """Ring while an alert waits and nobody here has seen it."""
        found = ((key, self._controller.alert_cache.find(key)) for key in self._unseen)
        self._unseen = {key for key, one in found if one and self._rings_on(one.alert)}
        self._counted = self._counted and not self._controller.unlocked and bool(self._controller.waiting_count)
        if self._unseen or self._counted:
            self._ring()
        else:
            self._again.stop()

    def _rings_on(self, alert: Alert) -> bool:
        return self._controller.needs_somebody(alert) and not alert.only_to_be_cleared

    def _found_waiting(self) -> None:
        self._counted = True
        self._call()

    def _rang(self, alert_id: str) -> None:
        self._unseen.add(alert_id)
        self._call()

    def _call(self) -> None:
        self._again.start()
        if time.monotonic() - self._rang_at_s >= TOGETHER_S:
            self._ring()

    def _ring(self) -> None:
        self.rings += 1
        self._rang_at_s = time.monotonic()
        if sys.platform == "win32":
            import winsound

            # A PC that has lost its device raises; `has_player` tells people.
            with suppress(RuntimeError):
                winsound.PlaySound(str(self._file), winsound.SND_FILENAME | winsound.SND_ASYNC)
                return
        for program, *options in _PLAYERS:
            if path := shutil.which(program):
                QProcess.startDetached(path, [*options, str(self._file)])
                return
        QApplication.beep()


def alert_sound() -> bytes:
    """Return the sound as a WAV file, mono, 16 bit."""
    samples = bytearray()
    for frequency, seconds in _TONES * 3:
        count = round(_RATE * seconds)
        for number in range(count):
            # Rising and falling in 5 ms, so that it does not click.
            edge = min(1.0, number / (_RATE * 0.005), (count - number) / (_RATE * 0.005))
            samples += struct.pack("<h", round(20_000 * edge * math.sin(2 * math.pi * frequency * number / _RATE)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(bytes(samples))
    return buffer.getvalue()
