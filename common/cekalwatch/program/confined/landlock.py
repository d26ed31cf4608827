"""Landlock: forbids the file system, and with newer kernels TCP, to this process and its children.

The libraries for it on PyPI are development versions, or new ones of a single author; the interface is three system
calls and a page of constants, from `linux/landlock.h` (kernel 5.13 to 6.12). It restricts the calling thread, so it
must be called before other threads start.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on all architectures."""
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_FIRST_ABI: Final = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FILE_RIGHTS: Final = _EXECUTE | _READ_FILE
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1


def abi() -> int:
    """Return the version of the kernel's Landlock, 0 without it."""
    if sys.platform != "linux":
        return 0
    found: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(0, found)


def restrict(readable: Iterable[Path], devices: Iterable[Path] = (), *, connects: bool) -> None:
    """Allow this process only `readable` paths, the `devices`, and new TCP connections if it `connects`, permanently.

    Raises OSError. Without Landlock it does nothing.
    """
    version = abi()
    if not version:
        return
    files = _ALL_OF_FIRST_ABI
    for least, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        files |= right if version >= least else 0
    network = (_BIND_TCP | (0 if connects else _CONNECT_TCP)) if version >= 4 else 0
    scoped = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= 6 else 0
    attributes = struct.pack("QQQ", files, network, scoped)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _called(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(ruleset, path)
        for path in devices:
            _allow(ruleset, path, files & (_WRITE_FILE | _TRUNCATE | _IOCTL_DEVICE))
        _called(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, more: int = 0) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    try:
        rights = more | (_FILE_RIGHTS | _READ_DIR if path.is_dir() else _FILE_RIGHTS)
        if path == Path(os.devnull):
            rights |= _WRITE_FILE
        _called(_ADD_RULE, ctypes.c_int(ruleset), _PATH_BENEATH, struct.pack("=Qi", rights, handle), ctypes.c_uint32(0))
    finally:
        os.close(handle)


def _called(number: int, *arguments: object) -> int:
    libc = _libc()
    found: int = libc.syscall(number, *arguments)
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return found


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
