"""Seccomp: allows this process and its children the system calls that decoders need, and no other.

What is allowed was traced (`strace -f`) over the tests of all decoders; the rest is what other versions of libc use for
the same. Other calls fail with EPERM. pyseccomp needs a library that few systems have.
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

from cekalwatch.program.confined.limits import Limits, Network

_Numbers = dict[str, tuple[int, int | None]]
"""Numbers of calls for x86_64 and aarch64, from `asm/unistd.h`; the latter lacks some."""
_FREE: Final[_Numbers] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "close": (3, 57),
    "fstat": (5, 80), "stat": (4, None), "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291),
    "lseek": (8, 62), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None),
    "readlinkat": (267, 78), "getcwd": (79, 17), "getdents64": (217, 61), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24), "pipe2": (293, 59), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None),
    "epoll_pwait": (281, 22), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "futex": (202, 98), "rseq": (334, 293), "set_robust_list": (273, 99),
    "set_tid_address": (218, 96), "arch_prctl": (158, None), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94), "execve": (59, 221), "getpid": (39, 172),
    "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "getrusage": (98, 165), "times": (100, 153), "sysinfo": (99, 179), "uname": (63, 160),
    "getrandom": (318, 278), "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None),
}  # fmt: skip
_OF_NETWORKS: Final[_Numbers] = {
    "connect": (42, 203), "bind": (49, 200), "getsockname": (51, 204), "getpeername": (52, 205),
    "getsockopt": (55, 209), "setsockopt": (54, 208), "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211),
    "recvmsg": (47, 212), "sendmmsg": (307, 269), "recvmmsg": (299, 243), "shutdown": (48, 210),
}  # fmt: skip
_CHECKED: Final[_Numbers] = {
    "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261), "fcntl": (72, 25), "ioctl": (16, 29),
    "prctl": (157, 167), "open": (2, None), "openat": (257, 56), "socket": (41, 198), "clone": (56, 220),
    "clone3": (435, 435),
}  # fmt: skip
"""Calls that are allowed with some arguments only."""
_ARCHITECTURES: Final = MappingProxyType({"x86_64": 0xC000003E, "aarch64": 0xC00000B7})


class _Check(NamedTuple):
    """What an argument must be one of, after `mask`."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF


_FCNTL: Final = (0, 1, 2, 3, 4, 1030)
"""Copies of handles and their flags; not who gets their signals (F_SETOWN, F_SETSIG)."""
_IOCTL: Final = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Whether it is a terminal, how much waits, flags; nothing that types there or signals."""
_VIDEO: Final = _Check(1, (ord("V") << 8,), 0xFF00)
"""The calls of cameras (V4L2)."""
_NO_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC if platform.system() == "Linux" else 0
_THREAD: Final = 0x10000
"""CLONE_THREAD. A filter cannot see the flags of clone3, so it says that clone3 is missing; libc then uses clone."""
_THREAD_NAMES: Final = (15, 16)
_INTERNET: Final = (2, 10)
"""AF_INET and AF_INET6: sockets with a path lead to other programs of this machine."""
_STREAM_OR_DATAGRAM: Final = (1, 2)

_PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 21, 22, 2
_LOAD, _AND, _JUMP_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000


def available() -> bool:
    """Whether the kernel filters system calls, and the numbers of this architecture are known."""
    if platform.system() != "Linux" or platform.machine() not in _ARCHITECTURES:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)


def restrict(limits: Limits) -> None:
    """Allow only what `limits` need from now on. Raises OSError. If seccomp is not `available`, it does nothing.

    The process must have given up new privileges before.
    """
    if not available():
        return
    program = b"".join(_filter(platform.machine(), os.getpid(), limits))
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described, 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")


def _filter(architecture: str, own: int, limits: Limits) -> list[bytes]:
    """Return the program for the kernel's filter: instructions of 8 bytes."""
    place = list(_ARCHITECTURES).index(architecture)
    network = limits.network is Network.CLIENT
    checks: Mapping[str, tuple[_Check, ...]] = _checks(own, limits)
    calls = _FREE | (_OF_NETWORKS if network else {}) | {name: _CHECKED[name] for name in checks}
    program = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, _ARCHITECTURES[architecture], yes=1),
        _instruction(_RETURN, _FAIL | errno.EPERM),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    for name, numbers in calls.items():
        if (number := numbers[place]) is None:
            continue
        judged = [part for check in checks.get(name, ()) for part in _judging(check)]
        judged.append(_instruction(_RETURN, _FAIL | errno.ENOSYS if name == "clone3" else _ALLOW))
        program += [_instruction(_JUMP_EQUAL, number, no=len(judged)), *judged]
    return [*program, _instruction(_RETURN, _FAIL | errno.EPERM)]


def _checks(own: int, limits: Limits) -> dict[str, tuple[_Check, ...]]:
    """Return what the arguments of each checked call must be, for a process with the number `own`."""
    itself = (own, 0)
    found: dict[str, tuple[_Check, ...]] = {
        "kill": (_Check(0, itself),),
        "tgkill": (_Check(0, (own,)),),
        "prlimit64": (_Check(0, itself),),
        "fcntl": (_Check(1, _FCNTL),),
        "ioctl": (_Check(1, _IOCTL),),
        "prctl": (_Check(0, _THREAD_NAMES),),
        "open": (_Check(1, (0,), _NO_WRITING),),
        "openat": (_Check(2, (0,), _NO_WRITING),),
    }
    if limits.devices or limits.written_bytes:
        found |= {"open": (), "openat": (), "ioctl": (_VIDEO,)}
    if limits.processes != 0:
        found |= {"clone": (_Check(0, (_THREAD,), _THREAD),), "clone3": ()}
    if limits.network is Network.CLIENT:
        found["socket"] = (_Check(0, _INTERNET), _Check(1, _STREAM_OR_DATAGRAM, 0xF))
    return found


def _judging(check: _Check) -> list[bytes]:
    """Return the instructions that refuse the call unless the check holds."""
    jumps = [
        _instruction(_JUMP_EQUAL, value, yes=len(check.values) - place) for place, value in enumerate(check.values)
    ]
    load = _instruction(_LOAD, _FIRST_ARGUMENT_AT + 8 * check.argument)
    return [load, _instruction(_AND, check.mask), *jumps, _instruction(_RETURN, _FAIL | errno.EPERM)]


def _instruction(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """`yes` and `no`: how many instructions a jump passes over."""
    return struct.pack("=HBBI", code, yes, no, value)
