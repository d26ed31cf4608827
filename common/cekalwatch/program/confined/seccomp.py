"""Seccomp: forbids system calls to this process and its children. They fail with EPERM.

It lists the forbidden calls, since decoders and interpreters need hundreds of others: networks, other processes, the
kernel's rarely used parts. The numbers are from `asm/unistd.h`. pyseccomp needs a library that few systems have.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class _Architecture(NamedTuple):
    audit_number: int
    calls: Mapping[str, int]


_REFUSED: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise", "bpf", "perf_event_open",
    "userfaultfd", "keyctl", "add_key", "request_key", "io_uring_setup", "mount", "umount2", "unshare", "setns",
    "init_module", "finit_module", "delete_module", "kexec_load", "open_by_handle_at", "tkill", "pidfd_send_signal",
    "rt_sigqueueinfo",
)  # fmt: skip
_ONLY_ITSELF: Final = {"kill": 0, "tgkill": 0, "prlimit64": 0}
"""Calls whose first argument is a process: this one, or 0."""
_SOCKETS: Final = ("socket", "socketpair")
_STARTS: Final = ("clone", "clone3", "fork", "vfork")
"""What starts processes and threads."""

_COMMON: Final = {
    "pidfd_getfd": 438, "process_madvise": 440, "io_uring_setup": 425, "pidfd_send_signal": 424,
    "clone3": 435,
}  # fmt: skip
_ARCHITECTURES: Final = MappingProxyType(
    {
        "x86_64": _Architecture(
            0xC000003E,
            _COMMON | {
                "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "perf_event_open": 298,
                "userfaultfd": 323, "keyctl": 250, "add_key": 248, "request_key": 249, "mount": 165, "umount2": 166,
                "unshare": 272, "setns": 308, "init_module": 175, "finit_module": 313, "delete_module": 176,
                "kexec_load": 246, "open_by_handle_at": 304, "tkill": 200, "rt_sigqueueinfo": 129, "kill": 62,
                "tgkill": 234, "prlimit64": 302, "socket": 41, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58,
            },
        ),
        "aarch64": _Architecture(
            0xC00000B7,
            _COMMON | {
                "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "perf_event_open": 241,
                "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218, "mount": 40, "umount2": 39,
                "unshare": 97, "setns": 268, "init_module": 105, "finit_module": 273, "delete_module": 106,
                "kexec_load": 104, "open_by_handle_at": 265, "tkill": 130, "rt_sigqueueinfo": 138, "kill": 129,
                "tgkill": 131, "prlimit64": 261, "socket": 198, "socketpair": 199, "clone": 220,
            },
        ),
    }
)  # fmt: skip

_PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 21, 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_X32: Final = 0x40000000
"""Calls from here on are those of another interface of x86_64, with which the filter would be evaded."""


def available() -> bool:
    """Whether the kernel filters system calls, and the numbers of this architecture are known."""
    if platform.system() != "Linux" or platform.machine() not in _ARCHITECTURES:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)


def restrict(*, sockets: bool, starts: bool) -> None:
    """Forbid the calls from now on, except `sockets`, and `starts` of processes and threads, if they are allowed.

    Raises OSError.
    The process must have given up new privileges before. If seccomp is not `available`, it does nothing.
    """
    if not available():
        return
    architecture = _ARCHITECTURES[platform.machine()]
    program = b"".join(_filter(architecture, os.getpid(), sockets=sockets, starts=starts))
    buffer = ctypes.create_string_buffer(program, len(program))
    length = len(program) // 8
    described = struct.pack("@HP", length, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described, 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")


def _filter(architecture: _Architecture, own: int, *, sockets: bool, starts: bool) -> list[bytes]:
    """Return the program for the kernel's filter: instructions of 8 bytes."""
    calls = architecture.calls
    names = (*_REFUSED, *(() if sockets else _SOCKETS), *(() if starts else _STARTS))
    refused = [calls[name] for name in names if name in calls]
    program = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, architecture.audit_number, yes=1),
        _instruction(_RETURN, _REFUSE),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_JUMP_AT_LEAST, _X32, no=1),
        _instruction(_RETURN, _REFUSE),
    ]
    for number in refused:
        program += [_instruction(_JUMP_EQUAL, number, no=1), _instruction(_RETURN, _REFUSE)]
    for name, argument in _ONLY_ITSELF.items():
        program += [
            _instruction(_JUMP_EQUAL, calls[name], no=5),
            _instruction(_LOAD, _FIRST_ARGUMENT_AT + 8 * argument),
            _instruction(_JUMP_EQUAL, own, yes=1),
            _instruction(_JUMP_EQUAL, 0, no=1),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE),
        ]
    return [*program, _instruction(_RETURN, _ALLOW)]


def _instruction(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """`yes` and `no`: how many instructions a jump passes over."""
    return struct.pack("=HBBI", code, yes, no, value)
