"""Settings that administrators give to many machines, by Windows' Group Policy or what acts like it."""

from __future__ import annotations

import sys
from typing import Any, Final

KEY: Final = r"Software\Policies\Cekalwatch"
"""The registry's key, of the machine; below it one for each program."""


def policies(program: str) -> dict[str, Any]:
    """Return the settings that policies state for `program`, as "notifier", by their names; tables are dicts.

    Texts, whole numbers (1 and 0 are true and false) and lists of texts. Elsewhere than on Windows there are none: its
    place is a settings file of the machine, which only root changes. Raises OSError.
    """
    if sys.platform != "win32":
        return {}
    from cekalwatch.program.platform.windows import registry

    return registry.tree(f"{KEY}\\{program}")
