"""Which versions of the programs work together: those of one minor version and of the next. Pure."""

from __future__ import annotations

import re

MAX_APART = 1
"""Minor versions between two programs that work together."""
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.", re.ASCII)


def minor_version(text: str) -> tuple[int, int] | None:
    """Return the first two numbers of a version such as `0.2.1`; None if it is not a version."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else None


def is_behind(one: str, other: str) -> bool:
    """Whether the version `one` is too far behind `other` to work with it; False if either is not a version."""
    older, newer = minor_version(one), minor_version(other)
    if older is None or newer is None:
        return False
    return older[0] < newer[0] or (older[0] == newer[0] and newer[1] - older[1] > MAX_APART)
