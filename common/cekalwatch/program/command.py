"""Runs a typer application so that a ProgramError becomes one sentence and an exit code, and Ctrl-C is no traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cekalwatch.program.errors import ProgramError

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130


def run(app: typer.Typer) -> None:
    """Run `app` with the process's arguments; exits the process."""
    try:
        app()
    except ProgramError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201  # a command's own words
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
