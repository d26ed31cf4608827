"""Standard streams of a program, on every system in the same way.

A program without a console on Windows (pythonw) has none at all; with one, they have the encoding of its code page.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO, cast

from cekalwatch.program.platform.log_file import LogFile, log_file


def prepare_streams(program: str) -> None:
    """Give the process the streams that it lacks; on Windows let all speak UTF-8. Call it before anything is written.

    Standard error is the program's log file then, if it has one here; other streams lead nowhere.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            file = log_file(program) if name == "stderr" else None
            setattr(sys, name, LogFile(file) if file else nowhere(mode))
        elif sys.platform == "win32" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def nowhere(mode: str = "w") -> TextIO:
    """Return a stream that has nothing to read, and takes everything."""
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123  # open for the whole process


def has_streams() -> bool:
    """Return whether a person or a program reads what this process writes on standard error."""
    return sys.__stderr__ is not None


def reader_is_gone(error: OSError) -> bool:
    """Return whether a write failed since nobody reads the pipe any more: on Windows that is an invalid argument."""
    if isinstance(error, BrokenPipeError):
        return True
    return sys.platform == "win32" and error.errno == errno.EINVAL and error.filename is None
