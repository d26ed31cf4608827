"""Policies where Windows keeps them; these tests run on Windows, or Wine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.platform.policies import KEY, policies

pytestmark = pytest.mark.windows


@pytest.fixture
def key() -> Iterator[str]:
    """Return the name of the notifier's key, which is emptied afterwards."""
    import win32api
    import win32con

    path = f"{KEY}\\Notifier"
    yield path
    for name in (f"{path}\\traces", path):
        win32api.RegDeleteKey(win32con.HKEY_LOCAL_MACHINE, name)


def write(path: str, name: str, kind: int, value: object) -> None:
    import win32api
    import win32con

    opened, _ = win32api.RegCreateKeyEx(win32con.HKEY_LOCAL_MACHINE, path, win32con.KEY_SET_VALUE)
    win32api.RegSetValueEx(opened, name, 0, kind, value)
    opened.Close()


def test_policies_of_the_registry_are_settings(key: str) -> None:
    import win32con

    assert policies("notifier") == {}
    write(key, "idle_lock_seconds", win32con.REG_DWORD, 90)
    write(key, "sound", win32con.REG_DWORD, 0)
    write(key, "server_addresses", win32con.REG_MULTI_SZ, ["a.local:50051", "b.local:50051"])
    write(key, "language", win32con.REG_SZ, "en")
    write(f"{key}\\traces", "share", win32con.REG_SZ, "0.5")
    loaded = NotifierSettings.load_with_sources(language="id")
    assert (loaded.values.idle_lock_seconds, loaded.values.sound, loaded.values.language) == (90, False, "en")
    assert loaded.values.server_addresses == ("a.local:50051", "b.local:50051")
    assert loaded.values.traces.share == 0.5
    assert loaded.by_policy == ("idle_lock_seconds", "language", "server_addresses", "sound", "traces")
    write(key, "idle_lock_seconds", win32con.REG_DWORD, 5)
    with pytest.raises(ProgramError, match="by a policy of this machine"):
        NotifierSettings.load()
