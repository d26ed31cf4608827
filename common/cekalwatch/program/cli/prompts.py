"""Asks the person at the terminal. Secrets are never arguments, which others on the machine can read."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cekalwatch.program.errors import Exit, ProgramError

MAX_SECRET = 4096
STANDARD_INPUT = Path("-")
_SECRET_FIELDS = frozenset({"password", "passwd", "pass", "pwd", "token", "secret", "key"})


def tell(text: str) -> None:
    """Show a text to the person at the terminal, apart from the results."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # standard output is for results


def tell_new_name(old: str, new: str) -> None:
    """Say that a command or an option, which only this release still takes by its old name, has a new one."""
    tell(f"Warning: {old} is {new} now; the next release does not know {old}")


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


def secret_of(file: Path | None, variable: str, question: str) -> str:
    """Return a secret's first line: from `file` (`-`: standard input), else the environment, else the keyboard.

    Raises ProgramError when there is none.
    """
    if file is None:
        return os.environ.get(variable, "").strip() or ask_secret(question)
    if file == STANDARD_INPUT:
        return _line()
    try:
        with file.open(encoding="utf-8-sig") as stream:
            found = stream.readline(MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProgramError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not found:
        raise ProgramError(f"{file} is empty", Exit.USAGE)
    return found


def without_secret(address: str | None) -> str | None:
    """Return an address from an argument; raises ProgramError if it contains a password."""
    if not address or "://" not in address:
        return address
    try:
        parts = urlsplit(address)
        names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        found = parts.password is not None or bool(names & _SECRET_FIELDS)
    except ValueError:
        found = "@" in address
    if found:
        raise ProgramError(
            "The address has a password in it, and others on this machine can read arguments. Write it into a "
            "configuration file that only this account can read (--config), or into the environment",
            Exit.USAGE,
        )
    return address


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise _nothing()
    return line.rstrip("\r\n")


def _nothing() -> ProgramError:
    return ProgramError("Nothing was typed", Exit.USAGE)
