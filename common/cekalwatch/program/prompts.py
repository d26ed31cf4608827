"""Asks the person at the terminal. What is secret is never an argument, which others on the machine could read."""

from __future__ import annotations

import getpass
import sys

from cekalwatch.program.errors import Exit, ProgramError


def ask(question: str) -> str:
    """Return one line that was typed, or that a pipe gives; raises ProgramError when there is none."""
    print(f"{question}: ", end="", file=sys.stderr, flush=True)  # noqa: T201  # standard output is for what comes of it
    return _line()


def ask_secret(question: str) -> str:
    """Return one line that was typed without being shown, or that a pipe gives; raises ProgramError."""
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
