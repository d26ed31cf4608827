"""The checks of `check` on every machine: settings, disk, clock, and reachable servers. They change nothing."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.cli.setting_list import hide
from cekalwatch.program.settings import LoadedSettings, Settings
from cekalwatch.wire.address import split_address

MIN_FREE_BYTES = 1_000_000_000
CONNECT_S = 3.0
_CLOCK_NOT_SET = 5
"""What adjtimex(2) answers while nothing keeps the clock right: TIME_ERROR."""
_TIMEX_BYTES = 512
"""More than the kernel's struct timex has."""


def check_settings(loaded: LoadedSettings[Settings]) -> Judged:
    """Report the origin of the settings, and refuse a file with a password that others can read.

    Old names of settings are a warning.
    """
    file = loaded.file
    if file is None:
        where = f"no file, only defaults, environment and options; one would be {loaded.values.usual_files()[0]}"
        return _with_old_names(loaded, where)
    stated = next(source for name, source in loaded.sources if name == "file")
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & stat.S_IROTH and _has_password(stated):
        return CheckVerdict.FAIL, f"{file} has a password in it, and everybody can read it: run chmod 640 {file}"
    if os.name == "posix" and mode & stat.S_IWOTH:
        return CheckVerdict.FAIL, f"everybody can write {file}: run chmod 644 {file}"
    return _with_old_names(loaded, str(file))


def _with_old_names(loaded: LoadedSettings[Settings], where: str) -> Judged:
    return (CheckVerdict.WARN, f"{where}; {loaded.renamed}") if loaded.renamed else (CheckVerdict.OK, where)


def check_disk(folder: Path, then: str) -> Judged:
    """Check that `folder`, or its future place, is writable and has space; `then`: what happens when it is full.

    For a process with all rights, such as root's, everything is writable.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"cekalwatch")
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        return CheckVerdict.FAIL, f"{there} cannot be written: {error.strerror}"
    text = f"{free / 1e9:.1f} GB free for {folder}"
    if free < MIN_FREE_BYTES:
        return CheckVerdict.WARN, f"{text}: too little; {then}"
    return CheckVerdict.OK, text


def check_clock_set() -> Judged:
    """Say whether something keeps this machine's clock right. Linux only knows; elsewhere it is not asked."""
    if not sys.platform.startswith("linux"):
        return CheckVerdict.OK, "not asked on this system; use the time service of the office"
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        return CheckVerdict.WARN, "this system does not say whether its clock is kept right; use NTP"
    if state == _CLOCK_NOT_SET:
        return CheckVerdict.WARN, "nothing keeps this machine's clock right: use NTP (timedatectl set-ntp true)"
    return CheckVerdict.OK, "kept right by a time service"


def check_reachable(address: str) -> Judged:
    """Connect to HOST:PORT, and say nothing to it."""
    host, port = split_address(address)
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        why = "it does not answer" if isinstance(error, TimeoutError) else error.strerror or "the name is not known"
        return CheckVerdict.FAIL, f"{address} cannot be reached: {why}"
    return CheckVerdict.OK, f"{address} can be reached"


def check_private(file: Path, what: str) -> Judged:
    """Say whether a secret file, or folder, is its owner's only."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        wanted = "700" if file.is_dir() else "600"
        return CheckVerdict.FAIL, f"others can get at {what} {file} (mode {mode:04o}): run chmod {wanted} {file}"
    return CheckVerdict.OK, f"{what} {file} is its owner's only"


def _has_password(stated: Any) -> bool:  # noqa: ANN401  # a settings file holds many types
    if isinstance(stated, dict):
        return any(
            _has_password(value) or ("password" in key and isinstance(value, str)) for key, value in stated.items()
        )
    if isinstance(stated, list):
        return any(map(_has_password, stated))
    return bool(hide(stated) != stated)
