"""Says which extra to install when a program's packages are missing. Standard library only."""

from __future__ import annotations

import importlib.util
import sys

from cekalwatch.program.exits import Exit


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Exit with MISSING_EXTRA and the line that installs `extra` if one of `modules` cannot be found."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{', '.join(missing)} not installed. Install with: pip install 'cekalwatch[{extra}]'", file=sys.stderr)  # noqa: T201
        raise SystemExit(Exit.MISSING_EXTRA)
