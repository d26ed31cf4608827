"""How Windows ends and locks programs, by the messages that it sends; these tests run on Windows, or Wine."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cekalwatch.notifier.desktop.autostart import RUN_NAME, autostart
from cekalwatch.program.platform.session import ask_to_stop, idle_ms, session_messages, start_child

pytestmark = [pytest.mark.windows, pytest.mark.slow]

LONG_S = 20.0

WORKS = """
import sys, threading
from cekalwatch.program.platform.session import session_messages
over = threading.Event()
with session_messages(over.set):
    print("ready", flush=True)
    sys.exit(7 if over.wait(60) else 1)
"""
STARTS = """
import sys, time
from cekalwatch.program.platform.session import start_child
print(start_child((sys.executable, "-c", "import time; time.sleep(60)")).pid, flush=True)
time.sleep(60)
"""


def window() -> int:
    import win32gui

    from cekalwatch.program.platform.windows.session_window import CLASS

    return int(win32gui.FindWindow(CLASS, None))


def test_a_message_to_close_and_the_end_of_the_session_stop_the_program() -> None:
    import win32con
    import win32gui

    for message, one in ((win32con.WM_CLOSE, 0), (win32con.WM_ENDSESSION, 1)):
        stopped = threading.Event()
        with session_messages(stopped.set):
            assert win32gui.SendMessage(window(), win32con.WM_QUERYENDSESSION, 0, 0)
            assert not stopped.is_set()
            win32gui.PostMessage(window(), message, one, 0)
            assert stopped.wait(LONG_S)
        assert not window()


def test_an_end_of_the_session_that_somebody_stopped_ends_nothing() -> None:
    import win32con
    import win32gui

    stopped = threading.Event()
    with session_messages(stopped.set):
        win32gui.SendMessage(window(), win32con.WM_ENDSESSION, 0, 0)
        assert not stopped.is_set()


@pytest.mark.parametrize(("change", "locks"), [(0x7, True), (0x4, True), (0x8, False), (0x5, False)])
def test_a_locked_session_is_told_and_an_unlocked_one_not(change: int, locks: bool) -> None:
    import win32gui

    from cekalwatch.program.platform.windows.session_window import WM_WTSSESSION_CHANGE

    locked = threading.Event()
    with session_messages(lambda: None, locked.set):
        win32gui.SendMessage(window(), WM_WTSSESSION_CHANGE, change, 1)
        assert locked.is_set() is locks


def test_a_child_that_is_asked_to_stop_ends_by_itself() -> None:
    with subprocess.Popen((sys.executable, "-c", WORKS), stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline().strip() == b"ready"  # noqa: PT018
        ask_to_stop(child)
        assert child.wait(LONG_S) == 7


def test_a_child_without_a_window_is_ended() -> None:
    child = start_child((sys.executable, "-c", "import time; time.sleep(60)"))
    ask_to_stop(child)
    assert child.wait(LONG_S) != 0


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    import win32api
    import win32con
    import win32event

    with subprocess.Popen((sys.executable, "-c", STARTS), stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = win32api.OpenProcess(win32con.SYNCHRONIZE, False, int(parent.stdout.readline()))
        assert win32event.WaitForSingleObject(child, 0) == win32event.WAIT_TIMEOUT
        parent.kill()
        assert win32event.WaitForSingleObject(child, round(LONG_S * 1000)) == win32event.WAIT_OBJECT_0


def test_what_the_agent_has_opened_goes_on_without_it(tmp_path: Path) -> None:
    """The officer's browser ended with the agent that had opened the guides in it."""
    opens = (
        "import subprocess, sys, time; from pathlib import Path; "
        "other = subprocess.Popen((sys.executable, '-c', 'import time; time.sleep(60)')); "
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(other.pid)); time.sleep(60)"
    )
    import win32api
    import win32con
    import win32event

    starts = STARTS.replace('"import time; time.sleep(60)"', repr(opens))
    with subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = win32api.OpenProcess(win32con.SYNCHRONIZE, False, int(parent.stdout.readline()))
        ends = time.monotonic() + LONG_S
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < ends
            time.sleep(0.05)
        rights = win32con.SYNCHRONIZE | win32con.PROCESS_TERMINATE
        browser = win32api.OpenProcess(rights, False, int((tmp_path / "pid").read_text()))
        parent.kill()
        assert win32event.WaitForSingleObject(child, round(LONG_S * 1000)) == win32event.WAIT_OBJECT_0
        assert win32event.WaitForSingleObject(browser, 1000) == win32event.WAIT_TIMEOUT
        win32api.TerminateProcess(browser, 0)


def test_a_session_that_tells_of_no_changes_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start of Windows its service is not there for a while; the agent had no window then, and heard no end."""
    import pywintypes
    import win32con
    import win32gui
    import win32ts

    from cekalwatch.program.platform.windows import session_window

    asked, heard, stopped = list[int](), threading.Event(), threading.Event()

    def ask(window: int, _: int) -> None:
        asked.append(window)
        if len(asked) < 3:
            raise pywintypes.error(1702, "WTSRegisterSessionNotification", "The binding handle is invalid.")
        heard.set()

    monkeypatch.setattr(session_window, "ASK_AGAIN_S", 0.01)
    monkeypatch.setattr(win32ts, "WTSRegisterSessionNotification", ask)
    with session_messages(stopped.set):
        assert heard.wait(LONG_S)
        win32gui.PostMessage(window(), win32con.WM_CLOSE, 0, 0)
        assert stopped.wait(LONG_S)
    assert len(set(asked)) == 1


def test_the_time_since_the_last_input_grows() -> None:
    before = idle_ms()
    time.sleep(0.05)  # it is the system's clock that is read
    after = idle_ms()
    assert before is not None
    assert after is not None
    assert 0 <= before < after


def test_the_agent_starts_at_sign_in_from_a_profile_with_any_name(tmp_path: Path) -> None:
    """A command file in the start-up folder was read in the code page of the country."""
    import win32api
    import win32con

    from cekalwatch.program.platform.windows import registry

    start = autostart((str(tmp_path / "Ngurah Ørsted 李" / "pythonw.exe"), "-I", "-m", "cekalwatch.notifier"))
    assert not start.is_there
    start.install()
    try:
        assert start.is_there
        written = registry.text(registry.OF_ONE, registry.RUN, RUN_NAME)
        assert written == f'"{tmp_path}\\Ngurah Ørsted 李\\pythonw.exe" -I -m cekalwatch.notifier'
        # What the Task Manager writes when a person turns it off.
        approved = registry.RUN.replace(r"CurrentVersion\Run", r"CurrentVersion\Explorer\StartupApproved\Run")
        key, _ = win32api.RegCreateKeyEx(registry.OF_ONE, approved, win32con.KEY_ALL_ACCESS)
        win32api.RegSetValueEx(key, RUN_NAME, 0, win32con.REG_BINARY, bytes([3, *[0] * 11]))
        assert not start.is_there
        win32api.RegSetValueEx(key, RUN_NAME, 0, win32con.REG_BINARY, bytes([2, *[0] * 11]))
        assert start.is_there
        win32api.RegDeleteValue(key, RUN_NAME)
    finally:
        start.remove()
    assert not start.is_there
    start.remove()
