"""Confines this process, and then executes the requested program. It uses only the standard library, to start fast.

It runs before anything hostile is read, in a process with one thread, so that all later threads are confined too.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Final

from cekalwatch.program.confined import landlock, seccomp
from cekalwatch.program.confined.limits import Limits, Network

NOT_CONFINED: Final = 125
"""Exit code when the process could not be confined; the program was not started."""
NOT_STARTED: Final = 126
"""Exit code when the program could not be started."""
_PR_SET_NO_NEW_PRIVS: Final = 38


def main() -> None:
    """`launcher LIMITS PROGRAM ARGUMENT...`; LIMITS is the JSON of `Limits`, PROGRAM an absolute path."""
    limits, command = Limits.from_json(json.loads(sys.argv[1])), sys.argv[2:]
    try:
        confine(limits)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The process cannot be confined: {error}\n")
        sys.exit(NOT_CONFINED)
    try:
        os.execv(command[0], command)  # noqa: S606  # that is what it is for
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
        sys.exit(NOT_STARTED)


def confine(limits: Limits) -> None:
    """Bind this process for ever. Raises OSError, and ValueError for limits beyond those that it has."""
    os.setsid()  # signals of a terminal are for us, and the group that it may signal is itself
    os.umask(0o077)
    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.processor_s,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.written_bytes,
        resource.RLIMIT_CORE: 0,
    }
    if limits.processes is not None:
        bounds[resource.RLIMIT_NPROC] = limits.processes
    for which, most in bounds.items():
        _, hard = resource.getrlimit(which)
        # What bounds the whole machine already is not loosened.
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # At the soft limit of time SIGXCPU ends the process, which tells why; at the hard one SIGKILL, which does not.
        last = value + 1 if which == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or value < hard) else value
        resource.setrlimit(which, (value, last))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    landlock.restrict(limits.readable, limits.devices, connects=limits.network is Network.CLIENT)
    seccomp.restrict(limits)
