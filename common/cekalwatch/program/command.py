"""What each program's `main` does: names a missing extra, and runs the commands without a traceback for what is known.

Nothing beside the standard library is imported here, since a missing package has to be named.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Exit with MISSING_EXTRA and the line that installs `extra` if one of `modules` cannot be found."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{', '.join(missing)} not installed. Install with: pip install 'cekalwatch[{extra}]'", file=sys.stderr)  # noqa: T201
        raise SystemExit(Exit.MISSING_EXTRA)


def run(app: typer.Typer) -> None:
    """Run `app` with the process's arguments, and exit: a ProgramError is one sentence and its exit code."""
    try:
        app()
    except ProgramError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201  # a command's own words
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
