"""What this PC with Windows is like, for a report that is sent back; it changes nothing."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import win32api

from cekalwatch.program.platform.places import machine_folder
from cekalwatch.program.platform.windows import access_lists, registry

_SYSTEM = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_MAX_LAYOUTS = 32
_LIBRARIES: Any = getattr(ctypes, "windll", None)  # elsewhere than on Windows there is none
_PLAIN_DPI = 96


def _system() -> str:
    names = ("ProductName", "EditionID", "DisplayVersion", "CurrentBuild")
    return " ".join(registry.text(registry.OF_ALL, _SYSTEM, name) for name in names)


def _access(forbidden: int) -> str:
    files = [path for path in machine_folder().rglob("*") if path.is_file() and "models" not in path.parts]
    found = {path.name: access_lists.others(path, forbidden) for path in files}
    shared = "; ".join(f"{name}: {', '.join(who)}" for name, who in found.items() if who)
    return f"{len(files)} files of the machine; others get at: {shared or 'none'}"


def _screens() -> str:
    shown = []
    across, down = ctypes.c_uint(), ctypes.c_uint()
    for monitor, _, (left, top, right, bottom) in win32api.EnumDisplayMonitors():
        _LIBRARIES.shcore.GetDpiForMonitor(int(monitor), 0, ctypes.byref(across), ctypes.byref(down))
        shown.append(f"{right - left}×{bottom - top} at {100 * across.value // _PLAIN_DPI} %")
    return ", ".join(shown)


def _keyboards() -> str:
    layouts = (ctypes.c_void_p * _MAX_LAYOUTS)()
    count = _LIBRARIES.user32.GetKeyboardLayoutList(_MAX_LAYOUTS, layouts)
    return ", ".join(f"{(layouts[number] or 0) & 0xFFFF:04x}" for number in range(count))


def _sound() -> str:
    return f"{_LIBRARIES.winmm.waveOutGetNumDevs()} devices"


def _sleep() -> str:
    asked = ("powercfg", "/query", "SCHEME_CURRENT", "SUB_SLEEP", "STANDBYIDLE")
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # Windows' own
    seconds = [int(found, 16) for found in re.findall(r": (0x[0-9a-f]{8})", told)[-2:]]
    return f"after {' and '.join(map(str, seconds)) or 'unknown'} seconds (mains, battery); 0: never"


def _proxy() -> str:
    return ", ".join(f"{kind}: {urlsplit(address).hostname}" for kind, address in getproxies().items()) or "none"


def _time_zone() -> str:
    return registry.text(registry.OF_ALL, _ZONE, "TimeZoneKeyName") or "unknown"


def facts(forbidden: int) -> Mapping[str, Callable[[], str]]:
    """Return what tells of each part of this PC; `forbidden` is what others may not do with files, as `access` says."""
    return {
        "Windows": _system,
        "access lists": partial(_access, forbidden),
        "screens": _screens,
        "keyboards": _keyboards,
        "sound": _sound,
        "sleep": _sleep,
        "proxy": _proxy,
        "time zone": _time_zone,
    }
