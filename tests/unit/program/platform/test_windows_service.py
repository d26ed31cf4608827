"""A service of Windows: entered, started, stopped, removed, and its reports; these tests run on Windows, or Wine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cekalwatch.program.confined.command import confine_started
from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.platform import access
from cekalwatch.program.platform.installation import admit
from cekalwatch.program.platform.places import CAPTURE_SERVICE

if TYPE_CHECKING:
    from cekalwatch.program.platform.windows.service_entry import ServiceEntry

pytestmark = [pytest.mark.windows, pytest.mark.slow]
NAME = "cekalwatch-test"
LONG_S = 150.0
"""Longer than Windows waits for a service's answer, which tests under Wine make longer."""
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

serve(sys.argv[2], work)
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for what Windows does."""
    ends = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[ServiceEntry]:
    """A service that is entered, under a name of its own: Wine keeps an entry for minutes whose process has failed."""
    from cekalwatch.program.platform.windows.service_entry import ServiceEntry

    name = f"{NAME}-{tmp_path.name}"
    (tmp_path / "program.py").write_text(PROGRAM)
    python = Path(sys.executable).with_name("pythonw.exe")
    made = ServiceEntry(name, name)
    made.enter(f'"{python}" -I "{tmp_path / "program.py"}" "{tmp_path}" {name}')
    yield made
    (tmp_path / "fail").touch()
    made.remove()


def test_a_service_runs_until_it_is_stopped_and_a_failure_is_an_end_without_a_stop(
    entry: ServiceEntry, tmp_path: Path
) -> None:
    assert "program.py" in entry.command()
    assert entry.start(LONG_S)
    until((tmp_path / "ready").exists)
    assert entry.stop(LONG_S)
    until((tmp_path / "stopped").exists)
    assert entry.stop(LONG_S), "it has stopped already"

    (tmp_path / "stopped").unlink()
    assert entry.start(LONG_S)
    (tmp_path / "fail").touch()
    until(lambda: not entry.runs())
    assert not (tmp_path / "stopped").exists()


def test_a_service_that_never_answers_does_not_run(
    entry: ServiceEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cekalwatch.program.platform.windows import service_entry

    monkeypatch.setattr(service_entry, "FAILED_S", 1.0)
    (tmp_path / "program.py").write_text("")
    began = time.monotonic()
    assert not entry.start(2 * LONG_S)
    assert time.monotonic() - began < 2 * LONG_S


def test_a_service_that_is_starting_is_waited_for_before_it_is_stopped(entry: ServiceEntry, tmp_path: Path) -> None:
    """Windows gives no orders to one in START_PENDING: an upgrade in that moment failed, or took it for stopped."""
    (tmp_path / "program.py").write_text(PROGRAM.replace("manager.ready()", "over.wait(2); manager.ready()"))
    assert not entry.start(0)
    assert not entry.runs()
    assert entry.runs(LONG_S)
    assert entry.stop(LONG_S)
    entry.start(0)
    assert entry.stop(LONG_S)
    assert (tmp_path / "stopped").exists()


def test_a_first_installation_whose_service_does_not_come_up_is_none_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cekalwatch.program.platform import installation
    from cekalwatch.program.platform.windows import service_entry

    monkeypatch.setenv("PROGRAMDATA", str(tmp_path))
    monkeypatch.setattr(installation, "machine_folder", lambda: tmp_path / "cekalwatch")
    monkeypatch.setattr(installation, "capture_service_log", lambda: tmp_path / "log")
    monkeypatch.setattr(installation, "_entered", lambda _: str(tmp_path / "nowhere"))
    monkeypatch.setattr(service_entry, "FAILED_S", 1.0)
    removed = list[str]()  # Wine keeps an entry for minutes whose process has failed
    monkeypatch.setattr(service_entry.ServiceEntry, "remove", lambda entry: removed.append(entry.command()))
    (tmp_path / "cekalwatch").mkdir()
    (tmp_path / "cekalwatch" / "camera.toml").touch()
    (tmp_path / "log").write_text("older\nThere is no model pack\n")
    with pytest.raises(OSError, match=r"does not run as a service.*There is no model pack"):
        installation.change_service(1, LONG_S)
    assert "nowhere" in removed[0]
    monkeypatch.undo()
    service_entry.ServiceEntry(CAPTURE_SERVICE).remove()


def test_an_entry_is_changed_and_a_missing_one_has_stopped(entry: ServiceEntry, tmp_path: Path) -> None:
    entry.enter(rf'"C:\other.exe" "{tmp_path}"')
    assert "other.exe" in entry.command()
    entry.remove()
    until(lambda: not entry.command())
    assert (entry.command(), entry.runs(), entry.stop(0)) == ("", False, True)
    entry.remove()


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


def test_a_process_of_somebodys_job_is_confined_without_limits_of_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows lets a process into no second job that has them; Wine does, so that we forbid it."""
    import pywintypes
    import win32job

    from cekalwatch.program.platform.windows import processes

    limited, put, limit = set[int](), win32job.AssignProcessToJobObject, win32job.SetInformationJobObject

    def limiting(job: int, kind: int, told: object) -> None:
        if kind == win32job.JobObjectBasicUIRestrictions:
            limited.add(int(job))
        limit(job, kind, told)

    def putting(job: int, process: int) -> None:
        if int(job) in limited and win32job.IsProcessInJob(process, None):
            raise pywintypes.error(5, "AssignProcessToJobObject", "Access is denied.")
        put(job, process)

    monkeypatch.setattr(win32job, "SetInformationJobObject", limiting)
    monkeypatch.setattr(win32job, "AssignProcessToJobObject", putting)
    for of_somebody in (False, True):
        with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(60)")) as child:
            if of_somebody:
                processes.end_with_me(child)
            confine_started(child, Limits(memory_bytes=10**9, processor_s=60))
            child.kill()
    assert len(limited) == 1


def test_the_account_of_a_service_gets_the_right_to_log_on_as_one(
    entry: ServiceEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy of many offices takes it from NT SERVICE\\ALL SERVICES; Wine keeps no rights."""
    import win32security

    from cekalwatch.program.platform.windows.access_lists import service_sid

    given = list[tuple[str, tuple[str, ...]]]()
    monkeypatch.setattr(win32security, "LsaOpenPolicy", lambda *_: None)
    monkeypatch.setattr(
        win32security,
        "LsaAddAccountRights",
        lambda _, account, rights: given.append((win32security.ConvertSidToStringSid(account), rights)),
    )
    entry.enter(entry.command())
    assert given == [(service_sid(entry.name), ("SeServiceLogonRight",))]
