"""Processes: those of all sessions by the files that they run, and children that end with the one that started them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pywintypes
import win32api
import win32con
import win32job
import win32process

_READ = win32con.PROCESS_QUERY_INFORMATION | win32con.PROCESS_VM_READ
_TICKS_A_SECOND = 10_000_000
"""Of 100 ns, in which Windows counts times."""
_NO_SCREEN = (
    win32job.JOB_OBJECT_UILIMIT_DESKTOP
    | win32job.JOB_OBJECT_UILIMIT_DISPLAYSETTINGS
    | win32job.JOB_OBJECT_UILIMIT_EXITWINDOWS
    | win32job.JOB_OBJECT_UILIMIT_GLOBALATOMS
    | win32job.JOB_OBJECT_UILIMIT_HANDLES
    | win32job.JOB_OBJECT_UILIMIT_READCLIPBOARD
    | win32job.JOB_OBJECT_UILIMIT_SYSTEMPARAMETERS
    | win32job.JOB_OBJECT_UILIMIT_WRITECLIPBOARD
)
_JOBS: WeakKeyDictionary[subprocess.Popen[bytes], Any] = WeakKeyDictionary()
"""Their handles: Windows ends what is in a job when its last one is closed."""


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
    """End `child` when this process ends, in whatever way; not what it starts: a browser is the person's own."""
    win32job.AssignProcessToJobObject(_job(), int(child._handle))  # type: ignore[attr-defined]  # noqa: SLF001  # only Windows has it


def confine(child: subprocess.Popen[bytes], memory_bytes: int, processor_s: int, processes: int) -> None:
    """Bound `child`: its memory, its processor time, `processes` that it may start, and nothing of anybody's screen.

    It ends with this process. Call it before it reads anything foreign. Raises OSError. A child that is in a job
    already, as all are that some programs start, keeps what that one leaves it of the screen: Windows takes no others.
    """
    try:
        job = _new_job(
            win32job.JOB_OBJECT_LIMIT_PROCESS_MEMORY
            | win32job.JOB_OBJECT_LIMIT_PROCESS_TIME
            | win32job.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
            | win32job.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
            {"PerProcessUserTimeLimit": processor_s * _TICKS_A_SECOND, "ActiveProcessLimit": 1 + processes},
            memory_bytes,
        )
        handle = int(child._handle)  # type: ignore[attr-defined]  # noqa: SLF001  # only Windows has it
        if not win32job.IsProcessInJob(handle, None):
            win32job.SetInformationJobObject(
                job, win32job.JobObjectBasicUIRestrictions, {"UIRestrictionsClass": _NO_SCREEN}
            )
        win32job.AssignProcessToJobObject(job, handle)
    except pywintypes.error as error:
        raise OSError(None, error.strerror, None, error.winerror) from None
    _JOBS[child] = job


@cache
def _job() -> Any:  # noqa: ANN401  # a handle of pywin32
    """Return the job whose only handle is this process's: Windows ends what is in it when that is closed."""
    return _new_job(win32job.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK)


def _new_job(flags: int = 0, basic: Mapping[str, int] | None = None, memory_bytes: int = 0) -> Any:  # noqa: ANN401
    job = win32job.CreateJobObject(None, "")
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["BasicLimitInformation"].update(basic or {})
    limits["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | flags
    limits["ProcessMemoryLimit"] = memory_bytes
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    return job
