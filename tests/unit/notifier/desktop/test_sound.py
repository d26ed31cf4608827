"""The bell on a PC with Windows that has no device for sound."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cekalwatch.notifier.desktop.sound import Bell


@pytest.mark.parametrize("devices", [0, 1])
def test_a_bell_without_a_device_says_so_and_the_alert_comes_all_the_same(
    devices: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Playing raised in the windows' thread, in the middle of showing an alert."""
    bell = Bell(cast("Any", SimpleNamespace(settings=SimpleNamespace(sound=False))), tmp_path)
    played, heard = list[str](), list[str]()

    def play(file: str, _: int) -> None:
        played.append(file)
        if not devices:
            raise RuntimeError("Failed to play sound")

    windows = SimpleNamespace(winmm=SimpleNamespace(waveOutGetNumDevs=lambda: devices))
    monkeypatch.setattr(ctypes, "windll", windows, raising=False)
    monkeypatch.setitem(sys.modules, "winsound", SimpleNamespace(PlaySound=play, SND_FILENAME=1, SND_ASYNC=2))
    monkeypatch.setattr("cekalwatch.notifier.desktop.sound.QApplication.beep", lambda: heard.append("beep"))
    monkeypatch.setattr("cekalwatch.notifier.desktop.sound._PLAYERS", ())
    monkeypatch.setattr(sys, "platform", "win32")
    bell._ring()
    assert (bell.has_player, len(played), heard) == (bool(devices), 1, [] if devices else ["beep"])
