"""What a program without a terminal says to the person at the screen."""

from __future__ import annotations

import sys
import threading

_PERSON = threading.Event()


def expect_person() -> None:
    """Note that a person started this program, to see its windows: an installer or a service has nobody to read."""
    _PERSON.set()


def show_problem(text: str) -> None:
    """Show a problem until the person has read it; only on Windows, where a program may have no other way to say it."""
    if sys.platform != "win32" or not _PERSON.is_set():
        return
    import win32api
    import win32con

    win32api.MessageBox(0, text, "Cekalwatch", win32con.MB_OK | win32con.MB_ICONERROR | win32con.MB_SETFOREGROUND)
