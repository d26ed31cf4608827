"""Processes: those of all sessions by the files that they run, and children that end with the one that started them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pywintypes
import win32api
import win32con
import win32job
import win32process

_READ = win32con.PROCESS_QUERY_INFORMATION | win32con.PROCESS_VM_READ


def running_below(folder: Path) -> dict[int, Path]:
    """Return the processes whose program lies anywhere below `folder`, as far as this account may ask."""
    found = {}
    for key in win32process.EnumProcesses():
        with suppress(pywintypes.error):  # it has ended, or is the system's
            file = Path(win32process.GetModuleFileNameEx(win32api.OpenProcess(_READ, False, key), 0))
            if file.is_relative_to(folder):
                found[key] = file
    return found


def end(keys: Iterable[int]) -> None:
    """End processes at once; one that has ended meanwhile is no error."""
    for key in keys:
        with suppress(pywintypes.error):
            win32api.TerminateProcess(win32api.OpenProcess(win32con.PROCESS_TERMINATE, False, key), 1)


def end_with_me(child: subprocess.Popen[bytes]) -> None:
    """End `child` and what it starts when this process ends, in whatever way."""
    win32job.AssignProcessToJobObject(_job(), int(child._handle))  # type: ignore[attr-defined]  # noqa: SLF001  # only Windows has it


@cache
def _job() -> Any:  # noqa: ANN401  # a handle of pywin32
    """Return the job whose only handle is this process's: Windows ends what is in it when that is closed."""
    job = win32job.CreateJobObject(None, "")
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    return job
