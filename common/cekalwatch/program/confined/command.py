"""Starts any program in confinement.

For an external program:

    command = confined_command([absolute path of the program, arguments...], limits)
    confine_started(subprocess.Popen(command, env=confined_environment(), stdin=..., close_fds=True), limits)

A program that starts threads needs `processes=None`; one that fetches a stream needs `network=Network.CLIENT`. It can
read only programs, libraries and the paths of `limits.readable`; it gets nothing of our environment, so it has no key
or password. After `processor_s` of processor time SIGXCPU ends it. For its own exit codes see `launcher`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import cekalwatch
from cekalwatch.program.confined import landlock, seccomp
from cekalwatch.program.confined.limits import Limits, Network

_ROOT: Final = Path(__file__).resolve().parents[3]
"""The folder that holds our packages."""
_START: Final = (
    f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from cekalwatch.program.confined.launcher import main; main()"
)
_SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives",
    "/dev/null", "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/sys/devices/system/cpu",
)  # fmt: skip
_NAMES: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/run/systemd/resolve")
"""What a program needs that looks up addresses and checks certificates."""
_KEPT: Final = ("LD_LIBRARY_PATH", "TZ", "SYSTEMROOT")
"""Variables taken over from our environment: places of libraries, the time zone, and Windows' needs."""


def confined_command(command: Sequence[str], limits: Limits) -> list[str]:
    """Return the command that starts `command`, whose first part is an absolute path, within `limits`.

    On Windows the command is returned unchanged: there `confine_started` bounds the process, by less, and
    `missing_protections` says so.
    """
    if sys.platform == "win32":
        return list(command)
    system = (*_SYSTEM, *(_NAMES if limits.network is Network.CLIENT else ()))
    readable = {*map(Path, system), *_python(), Path(os.path.realpath(command[0])).parent, *limits.readable}
    document = json.dumps(replace(limits, readable=tuple(sorted(readable))).to_json())
    # Without -S the start takes three times as long.
    return [sys.executable, "-I", "-S", "-c", _START, document, *command]


def confine_started(child: subprocess.Popen[bytes], limits: Limits) -> None:
    """Bound on Windows what `confined_command` has started, before anything foreign reaches it; or end it.

    Elsewhere it has bound itself already. Raises OSError.
    """
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows import processes

    try:
        processes.confine(child, limits.memory_bytes, limits.processor_s, limits.processes or 0)
    except OSError:
        child.kill()
        raise


def confined_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a confined process: no secret is in it. `more` is added."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Each thread of a numerical library reserves memory, and none is wanted.
    plain = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return kept | plain | dict(more or {})


def missing_protections() -> tuple[str, ...]:
    """Return the protections that confined processes lack here, besides limits and an empty environment."""
    if sys.platform == "win32":
        return ("landlock", "seccomp")
    return tuple(
        name for name, there in (("landlock", bool(landlock.abi())), ("seccomp", seccomp.available())) if not there
    )


@cache
def _python() -> frozenset[Path]:
    """Return the folders that this interpreter loads code from, links followed."""
    folders = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    # An import lists the folder in which it looks.
    folders |= {str(Path(package).parent) for package in cekalwatch.__path__}
    return frozenset(Path(folder).resolve() for folder in folders)
