"""The checks of `check` on every machine: settings, disk, clock, and reachable servers. They change nothing."""

from __future__ import annotations

import shutil
import socket
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.cli.setting_list import hide
from cekalwatch.program.platform.access import OTHERS_OR_WRITING, described, remedy, shared_with
from cekalwatch.program.platform.clock import clock_keeping
from cekalwatch.program.settings import LoadedSettings, Settings
from cekalwatch.wire.address import split_address

MIN_FREE_BYTES = 1_000_000_000
CONNECT_S = 3.0


def check_settings(loaded: LoadedSettings[Settings]) -> Judged:
    """Report the origin of the settings, and refuse a file with a password that others can read.

    Old names of settings are a warning.
    """
    file = loaded.file
    by_policy = ", ".join(loaded.by_policy)
    if file is None:
        others = f"policies ({by_policy}), " if by_policy else ""
        usual = loaded.values.usual_files()[0]
        where = f"no file, only defaults, {others}environment and options; one would be {usual}"
        return _with_old_names(loaded, where)
    stated = next(source for name, source in loaded.sources if name == "file")
    mode = stat.S_IMODE(file.stat().st_mode)
    if shared_with(file, mode, stat.S_IROTH) and _has_password(stated):
        return CheckVerdict.FAIL, f"{file} has a password in it, and everybody can read it: run {remedy(file, '640')}"
    if shared_with(file, mode, stat.S_IWOTH):
        return CheckVerdict.FAIL, f"everybody can write {file}: run {remedy(file, '644')}"
    return _with_old_names(loaded, f"{file}, and policies above it: {by_policy}" if by_policy else str(file))


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
    """Say whether something keeps this machine's clock right."""
    found = clock_keeping()
    if found.kept is None:
        return CheckVerdict.WARN, "this system does not say whether its clock is kept right; use NTP"
    if not found.kept:
        return CheckVerdict.WARN, f"nothing keeps this machine's clock right: use NTP ({found.remedy})"
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
    mode = file.stat().st_mode
    if found := shared_with(file, mode):
        return CheckVerdict.FAIL, f"others can get at {what} {file} ({found}): run {remedy(file)}"
    return CheckVerdict.OK, f"{what} {file} is its owner's only ({described(file, mode)})"


def check_secrets(files: Mapping[str, Path]) -> Judged:
    """Say who can get at files with secrets, by what is in them; those that are not there yet are left out."""
    looked = []
    for what, file in files.items():
        try:
            mode = file.stat().st_mode
            # A key may be for an account that is not its owner's: the service's, or the officers'.
            if found := shared_with(file, mode, OTHERS_OR_WRITING):
                return CheckVerdict.FAIL, f"others can get at {what}, {file} ({found}): run {remedy(file)}"
            looked.append(f"{what} ({described(file, mode)})")
        except FileNotFoundError:
            continue
        except OSError as error:
            return CheckVerdict.FAIL, f"it cannot be seen who gets at {what}, {file}: {error.strerror}"
    return CheckVerdict.OK, f"looked at {', '.join(looked)}" if looked else "none is there yet"


def _has_password(stated: Any) -> bool:  # noqa: ANN401  # a settings file holds many types
    if isinstance(stated, dict):
        return any(
            _has_password(value) or ("password" in key and not key.endswith("_file") and isinstance(value, str))
            for key, value in stated.items()
        )
    if isinstance(stated, list):
        return any(map(_has_password, stated))
    return bool(hide(stated) != stated)
