"""Values of the registry as Python's: text, numbers, lists of text, and tables for keys below a key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pywintypes
import win32api
import win32con

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
"""What starts when a person signs in: for all people of the machine, or for one."""
_APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
"""What a person has turned off of it, in the Task Manager or the settings."""
OF_ALL: int = win32con.HKEY_LOCAL_MACHINE
OF_ONE: int = win32con.HKEY_CURRENT_USER
_NOT_FOUND = 2
_READ = win32con.KEY_READ | win32con.KEY_WOW64_64KEY


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except pywintypes.error as error:
        kind = FileNotFoundError if error.winerror == _NOT_FOUND else OSError
        raise kind(error.winerror, error.strerror) from None


@contextlib.contextmanager
def _key(hive: int, path: str, rights: int = _READ) -> Iterator[Any]:
    with _as_os_error():
        key = win32api.RegOpenKeyEx(hive, path, 0, rights)
        try:
            yield key
        finally:
            key.Close()


def tree(path: str) -> dict[str, Any]:
    """Return the machine's values below a key, by their names; empty when there is no such key. Raises OSError."""
    try:
        with _key(OF_ALL, path) as key:
            tables, values, _ = win32api.RegQueryInfoKey(key)
            found = {name: one for name, one, _ in (win32api.RegEnumValue(key, number) for number in range(values))}
            names = [win32api.RegEnumKey(key, number) for number in range(tables)]
    except FileNotFoundError:
        return {}
    return found | {name: tree(f"{path}\\{name}") for name in names}


def text(hive: int, path: str, name: str) -> str:
    """Return a text of the registry; empty when it is not there. Raises OSError."""
    try:
        with _key(hive, path) as key:
            return str(win32api.RegQueryValueEx(key, name)[0])
    except FileNotFoundError:
        return ""


def start_approved(hive: int, name: str) -> bool:
    """Return whether Windows starts an entry of `RUN`: one that was turned off has an odd first byte."""
    try:
        with _key(hive, _APPROVED) as key:
            return not win32api.RegQueryValueEx(key, name)[0][0] & 1
    except FileNotFoundError:
        return True


def set_own_start(name: str, command: str) -> None:
    """Start a command when this person signs in. Raises OSError."""
    with _as_os_error():
        key, _ = win32api.RegCreateKeyEx(OF_ONE, RUN, win32con.KEY_SET_VALUE)
        win32api.RegSetValueEx(key, name, 0, win32con.REG_SZ, command)
        key.Close()


def remove_own_start(name: str) -> None:
    """Undo `set_own_start`; a missing one is no error. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), _key(OF_ONE, RUN, win32con.KEY_SET_VALUE) as key:
        win32api.RegDeleteValue(key, name)
