"""A service of Windows: entered, started, stopped, removed, and its reports; these tests run on Windows, or Wine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cekalwatch.program.platform import access
from cekalwatch.program.platform.installation import admit

pytestmark = [pytest.mark.windows, pytest.mark.slow]
NAME = "cekalwatch-test"
LONG_S = 60.0
PROGRAM = """
import sys, threading
from pathlib import Path
from cekalwatch.program.platform.service_control import serve
from cekalwatch.program.platform.session import session_messages
from cekalwatch.program.service import ServiceManager

folder = Path(sys.argv[1])

def work():
    over, manager = threading.Event(), ServiceManager()
    with session_messages(over.set):
        manager.ready()
        (folder / "ready").touch()
        while not over.wait(0.1):
            if (folder / "fail").exists():
                manager.failed("as it was told to")
                sys.exit(78)
        manager.stopping()
    (folder / "stopped").touch()

serve("cekalwatch-test", work)
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for what Windows does."""
    ends = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a service that is entered."""
    from cekalwatch.program.platform.windows.service_entry import ServiceEntry

    (tmp_path / "program.py").write_text(PROGRAM)
    python = Path(sys.executable).with_name("pythonw.exe")
    entry = ServiceEntry(NAME, NAME)
    entry.enter(f'"{python}" -I "{tmp_path / "program.py"}" "{tmp_path}"')
    yield tmp_path
    entry.remove()
    assert entry.command() == ""


def test_a_service_runs_until_it_is_stopped_and_a_failure_is_an_end_without_a_stop(folder: Path) -> None:
    from cekalwatch.program.platform.windows.service_entry import ServiceEntry

    entry = ServiceEntry(NAME, NAME)
    assert "program.py" in entry.command()
    assert entry.start(LONG_S)
    assert (folder / "ready").exists()
    assert entry.stop(LONG_S)
    assert (folder / "stopped").exists()
    assert entry.stop(LONG_S), "it has stopped already"

    (folder / "stopped").unlink()
    assert entry.start(LONG_S)
    (folder / "fail").touch()
    until(lambda: not entry.runs())
    assert not (folder / "stopped").exists()


def test_an_entry_is_changed_and_a_missing_one_has_stopped(folder: Path) -> None:
    from cekalwatch.program.platform.windows.service_entry import ServiceEntry

    entry = ServiceEntry(NAME, NAME)
    entry.enter(rf'"C:\other.exe" "{folder}"')
    assert "other.exe" in entry.command()
    missing = ServiceEntry(f"{NAME}-missing", NAME)
    assert (missing.command(), missing.runs(), missing.stop(0)) == ("", False, True)
    missing.remove()


def test_what_the_installer_makes_for_the_service_is_the_services_and_so_is_what_comes_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a second camera too, which an administrator adds."""
    from cekalwatch.program.platform.windows import access_lists

    monkeypatch.setenv("PROGRAMDATA", str(tmp_path))
    account = r"NT SERVICE\cekalwatch-camera"
    keys = tmp_path / "machine" / "tls" / "camera"
    admit(account, keys)
    assert access_lists.others(keys, access.ALL_OTHERS) == []
    access.make_folder(keys / "gate-2")
    assert access_lists.others(keys / "gate-2", access.ALL_OTHERS) == []
    access_lists.let_change(keys, account)
    assert access_lists.others(keys, access.ALL_OTHERS) == []


def test_a_confined_process_ends_with_the_one_that_confines_it(tmp_path: Path) -> None:
    """What it may use, Wine counts for nobody; a real PC does."""
    starts = (
        "import subprocess, sys, time\n"
        "from cekalwatch.program.confined.command import confine_started\n"
        "from cekalwatch.program.confined.limits import Limits\n"
        "child = subprocess.Popen((sys.executable, '-c', 'import time; time.sleep(60)'))\n"
        "confine_started(child, Limits(memory_bytes=10**9, processor_s=60))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    import win32api
    import win32con
    import win32event

    with subprocess.Popen((sys.executable, "-c", starts), stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout
        child = win32api.OpenProcess(win32con.SYNCHRONIZE, False, int(parent.stdout.readline()))
        assert win32event.WaitForSingleObject(child, 0) == win32event.WAIT_TIMEOUT
        parent.kill()
        assert win32event.WaitForSingleObject(child, round(LONG_S * 1000)) == win32event.WAIT_OBJECT_0
