"""A hidden window by which Windows tells a program that it is to end, or that its session was locked.

Messages that are sent to all windows reach only top-level ones, so this is one that is never shown. It has a thread of
its own: a program that starts the agent again and again has no other windows.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

import pywintypes
import win32api
import win32con
import win32gui
import win32process
import win32ts
from win32con import CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT

CLASS = "CekalwatchSession"
"""By which an installer or a program finds these windows: WM_CLOSE ends the program orderly."""
ENDING_S = 4.0
"""How long the program may need to end before Windows ends it: it asks the person after five seconds."""
ASK_AGAIN_S = 1.0
WM_WTSSESSION_CHANGE = 0x02B1
LOCKING = frozenset({0x2, 0x4, 0x7})
"""The session is taken from its screen (console, remote), or locked: WTS_CONSOLE_DISCONNECT, WTS_REMOTE_DISCONNECT,
WTS_SESSION_LOCK."""


class SessionWindow:
    """Calls `stop` when the program is to end, and `locked` when the session is locked, for the time of the block.

    Both are called in other threads. `stop` may be called more than once.
    """

    def __init__(self, stop: Callable[[], object], locked: Callable[[], object]) -> None:
        self._stop, self._locked = stop, locked
        self._opened, self._over = threading.Event(), threading.Event()
        self._window = 0
        self._handler = self._console  # one object, by which it is found again
        self._thread = threading.Thread(target=self._work, name="session-window", daemon=True)

    def __enter__(self) -> SessionWindow:
        win32api.SetConsoleCtrlHandler(self._handler, True)  # Windows' signature
        self._thread.start()
        self._opened.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the window; whoever waits for the end of the program goes on."""
        self._over.set()
        win32api.SetConsoleCtrlHandler(self._handler, False)
        win32gui.PostMessage(self._window, win32con.WM_APP, 0, 0)
        self._thread.join()

    def _work(self) -> None:
        shape = win32gui.WNDCLASS()
        shape.lpszClassName = CLASS
        shape.hInstance = module = win32api.GetModuleHandle(None)
        shape.lpfnWndProc = {
            win32con.WM_CLOSE: self._close,
            win32con.WM_QUERYENDSESSION: lambda *_: True,
            win32con.WM_ENDSESSION: self._end_session,
            WM_WTSSESSION_CHANGE: self._session_changed,
            win32con.WM_APP: self._quit,
        }
        win32gui.RegisterClass(shape)
        try:
            self._window = win32gui.CreateWindow(CLASS, CLASS, 0, 0, 0, 0, 0, 0, 0, module, None)
            self._opened.set()
            threading.Thread(target=self._register, name="session-changes", daemon=True).start()
            win32gui.PumpMessages()
        finally:
            self._opened.set()
            win32gui.UnregisterClass(CLASS, module)

    def _register(self) -> None:
        """Ask for changes of the session; at the start of Windows, its service may not be there for a while."""
        while not self._over.is_set():
            try:
                win32ts.WTSRegisterSessionNotification(self._window, win32ts.NOTIFY_FOR_THIS_SESSION)
            except (pywintypes.error, SystemError):
                self._over.wait(ASK_AGAIN_S)
            else:
                return

    def _close(self, *_: object) -> int:
        self._stop()
        return 0

    def _end_session(self, _window: int, _message: int, ends: int, _reason: int) -> int:
        if ends:
            self._stop()
            self._over.wait(ENDING_S)  # Windows ends the process when this returns
        return 0

    def _session_changed(self, _window: int, _message: int, change: int, _session: int) -> int:
        if change in LOCKING:
            self._locked()
        return 0

    def _quit(self, window: int, *_: object) -> int:
        # pywin32 raises SystemError for what Windows refuses here.
        with suppress(pywintypes.error, SystemError):
            win32ts.WTSUnRegisterSessionNotification(window)
        win32gui.DestroyWindow(window)
        win32gui.PostQuitMessage(0)
        return 0

    def _console(self, event: int) -> bool:
        """Take the end of the console and of the session; Ctrl-C and Ctrl-Break are Python's."""
        if event not in (CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT):
            return False
        self._stop()
        self._over.wait(ENDING_S)
        return True


def ask_to_stop(child: subprocess.Popen[bytes]) -> bool:
    """Ask a program to end by its window; return False when it has none."""
    found: list[int] = []

    def look(window: int, _: None) -> bool:
        if win32gui.GetClassName(window) == CLASS and win32process.GetWindowThreadProcessId(window)[1] == child.pid:
            found.append(window)
        return True

    win32gui.EnumWindows(look, None)
    for window in found:
        try:
            win32gui.PostMessage(window, win32con.WM_CLOSE, 0, 0)
        except pywintypes.error:  # it is gone
            return False
    return bool(found)


def idle_ms() -> int:
    """Return the time since the last key or movement of the mouse in this session, whatever program it was for."""
    counter_range = 1 << 32
    since: int = win32api.GetTickCount() - win32api.GetLastInputInfo()
    return since % counter_range
