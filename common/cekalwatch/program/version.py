"""The version of this installation."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return it; to read it from the packages' files takes 7 ms, and some ask with each message."""
    return metadata.version("cekalwatch")
