"""The C library of FFmpeg, as OpenCV brings it: on Windows another one than Python's, which knows nothing of that."""

from __future__ import annotations

import ctypes
import os
import sys

_STANDARD_OUTPUT = 1
_OF_WINDOWS = "msvcrt"


def set_variable(name: str, value: str) -> None:
    """Set a variable of the environment for Python and for the library."""
    os.environ[name] = value
    if sys.platform == "win32":
        ctypes.CDLL(_OF_WINDOWS)["_putenv"](f"{name}={value}".encode())


def take_output() -> int:
    """Replace the library's standard output by a pipe; return its file, from which each line can be read at once."""
    if sys.platform == "win32":
        import msvcrt

        unbuffered, file_bytes = 4, 48
        libc, ends = ctypes.CDLL(_OF_WINDOWS), (ctypes.c_int * 2)()
        files, handle = libc["__iob_func"], libc["_get_osfhandle"]
        files.restype = handle.restype = ctypes.c_void_p
        libc["_pipe"](ends, 1 << 16, os.O_BINARY | os.O_NOINHERIT)
        libc["_dup2"](ends[1], _STANDARD_OUTPUT)
        libc.setvbuf(ctypes.c_void_p(files() + file_bytes), None, unbuffered, ctypes.c_size_t(0))
        return msvcrt.open_osfhandle(handle(ends[0]), os.O_RDONLY)
    buffered_by_line = 1
    reading, writing = os.pipe()
    os.dup2(writing, _STANDARD_OUTPUT)
    os.close(writing)
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, buffered_by_line, ctypes.c_size_t(0))
    return reading
