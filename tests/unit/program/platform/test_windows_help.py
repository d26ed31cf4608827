"""What help and checks name on Windows; these tests run on Windows, or Wine."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cekalwatch.notifier.cli.app import app
from cekalwatch.program.checks.machine import check_clock_set
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.platform.access import OTHERS_OR_WRITING
from cekalwatch.program.platform.clock import clock_keeping

pytestmark = pytest.mark.windows


@pytest.mark.parametrize("command", ["init", "install", "console", "desktop", "enrol", "check"])
def test_help_names_places_and_keys_of_windows(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert not [word for word in ("/etc/", "/media/", "/srv/", "SIGTERM", "sudo", "systemctl") if word in shown]
    if command in {"init", "install"}:
        assert "ProgramData" in shown


def test_a_real_pc_says_what_it_is_like() -> None:
    from cekalwatch.program.platform.windows.this_pc import facts

    found = facts(OTHERS_OR_WRITING)
    for subject, fact in found.items():
        if subject == "sleep":
            continue  # Wine has no powercfg
        assert fact(), subject
    assert "at " in found["screens"]()
    assert found["access lists"]().endswith("others get at: none")


def test_the_clock_is_judged_by_the_time_service_of_windows() -> None:
    import win32api
    import win32con

    path = r"SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
    key, _ = win32api.RegCreateKeyEx(win32con.HKEY_LOCAL_MACHINE, path, win32con.KEY_ALL_ACCESS)
    try:
        before = win32api.RegQueryValueEx(key, "Type")
    except win32api.error:
        before = None
    try:
        win32api.RegSetValueEx(key, "Type", 0, win32con.REG_SZ, "NT5DS")
        assert check_clock_set() == (CheckVerdict.OK, "kept right by a time service")
        win32api.RegSetValueEx(key, "Type", 0, win32con.REG_SZ, "NoSync")
        assert clock_keeping().kept is False
        assert "w32tm" in check_clock_set()[1]
    finally:
        if before:
            win32api.RegSetValueEx(key, "Type", 0, before[1], before[0])
        else:
            win32api.RegDeleteValue(key, "Type")
        key.Close()
