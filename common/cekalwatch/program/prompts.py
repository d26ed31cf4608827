"""Asks the person at the terminal. Secrets are never arguments, which others on the machine can read."""

from __future__ import annotations

import getpass
import sys

from cekalwatch.program.errors import Exit, ProgramError


def ask(question: str) -> str:
    """Return one line from the terminal or a pipe; raises ProgramError when there is none."""
    print(f"{question}: ", end="", file=sys.stderr, flush=True)  # noqa: T201  # standard output is for results
    return _line()


def ask_secret(question: str) -> str:
    """Return one line, typed without echo, or from a pipe; raises ProgramError when there is none."""
    if not sys.stdin.isatty():
        return _line()
    try:
        return getpass.getpass(f"{question}: ", sys.stderr)
    except EOFError:
        raise _nothing() from None


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise _nothing()
    return line.rstrip("\r\n")


def _nothing() -> ProgramError:
    return ProgramError("Nothing was typed", Exit.USAGE)
