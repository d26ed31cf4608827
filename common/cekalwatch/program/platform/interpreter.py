"""How this program starts itself again."""

from __future__ import annotations

import sys


def python_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs `module` with this interpreter, isolated (-I) if this process is.

    Without that, a child would load code from its working folder or from PYTHONPATH.
    """
    isolated = ("-I",) if sys.flags.isolated else ()
    return (sys.executable, *isolated, "-m", module, *arguments)
