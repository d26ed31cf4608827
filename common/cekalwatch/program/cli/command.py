"""Common parts of the command lines: they name a missing extra, print a known error in one sentence, and show settings.

Only the standard library is imported here, so that a missing package can be reported.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from cekalwatch.program.errors import FOR_A_PERSON, Exit, ProgramError
from cekalwatch.program.platform.message_box import show_problem
from cekalwatch.program.platform.streams import has_streams, nowhere, reader_is_gone
from cekalwatch.program.secret_files import DISK_FULL

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130


class SettingsFormat(StrEnum):
    """How the settings are printed."""

    TABLE = "table"
    """For reading on a terminal."""
    JSON = "json"
    """A list of objects."""
    TOML = "toml"
    """A whole configuration file: set values, and unset ones as comments."""
    MARKDOWN = "markdown"
    """The reference of all settings, without present values."""


def settings_examples(program: str) -> str:
    """Return what the help of a program's `settings` command ends with."""
    return (
        f"Examples:\n\n  {program} settings --config FILE\n\n  {program} settings --format toml > new.toml\n\n"
        f"  {program} settings --format json | jq '.[] | select(.from != \"default\")'\n\n"
        "Passwords are not shown. Exit code 78: a setting is wrong."
    )


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Exit with MISSING_EXTRA and the line that installs `extra` if one of `modules` cannot be found.

    Nobody owns our wheel's name on the public index, so it must never be installed from there.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        install = f"pip install --no-index --find-links wheels 'cekalwatch[{extra}]'"
        print(f"{', '.join(missing)} not installed. Install with: {install}", file=sys.stderr)  # noqa: T201
        raise SystemExit(Exit.MISSING_EXTRA)


def packaged(program: str) -> bool:
    """Return whether this process is the Debian package's `program`, which runs as the account of that name."""
    return sys.prefix == f"/usr/lib/{program}"


def refuse_root(program: str) -> None:
    """Exit with USAGE and what to type where root runs a package's service, which could not write root's files."""
    asked = sys.argv[1:]
    if sys.platform == "win32" or os.geteuid() or not packaged(program):
        return
    if asked and "COMP_WORDS" not in os.environ and not {"--help", "--version"} & set(asked):
        print(f"Error: not as root. Run: sudo -u {program} {program} {shlex.join(asked)}", file=sys.stderr)  # noqa: T201
        raise SystemExit(Exit.USAGE)


def run(app: typer.Typer) -> None:
    """Run `app` with the process's arguments, and exit: a ProgramError is one sentence and its exit code.

    Under a service manager the sentence is the service's status, and an entry of the log. A program without a terminal
    logs it, and shows it when a person must change something.
    """
    if "--help" in sys.argv:
        fill_help(app)
    try:
        app()
    except ProgramError as error:
        _tell(str(error), error.exit_code)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, SystemExit) as end:
        if not isinstance(end, KeyboardInterrupt) and end.code != INTERRUPTED:  # Typer exits with the code
            raise
        print("Stopped by Ctrl-C: run it again for what is not done", file=sys.stderr)  # noqa: T201
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if error.errno in DISK_FULL:
            place = f": {error.filename}" if error.filename else ""
            _tell(f"{error.strerror}{place}. Make room, and run the command again", Exit.UNAVAILABLE)
            raise SystemExit(Exit.UNAVAILABLE) from None
        if not reader_is_gone(error):
            raise
        sys.stdout = nowhere()  # what waits in the old one cannot be written
        raise SystemExit(Exit.FAILED) from None


def fill_help(app: typer.Typer) -> None:
    """Let paragraphs of help take the width of the terminal: Typer fills the first of each command only."""
    for group in app.registered_groups:
        if group.typer_instance:
            fill_help(group.typer_instance)
    for command in app.registered_commands:
        paragraphs = inspect.cleandoc(command.help or getattr(command.callback, "__doc__", None) or "").split("\n\n")
        as_written = (" ", "\b")
        command.help = "\n\n".join(one if one.startswith(as_written) else one.replace("\n", " ") for one in paragraphs)


def _tell(problem: str, code: Exit) -> None:
    from cekalwatch.program.service import ServiceManager

    manager = ServiceManager()
    if not manager.is_there and has_streams():
        print(f"Error: {problem}", file=sys.stderr)  # noqa: T201  # a command's own words
        return
    from cekalwatch.program.logs import configure_logs

    configure_logs()
    manager.failed(problem)
    if not has_streams() and code in FOR_A_PERSON:
        show_problem(problem)
