"""Finds extensions: packages that add to a program in the places that it offers (CONTRIBUTING.md, "An extension").

A place is a module's name. A program knows what it calls in such a module, and no extension by name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Final

GROUP: Final = "cekalwatch.extensions"
"""The entry points that name the packages of extensions."""


@cache
def extensions(place: str) -> tuple[ModuleType, ...]:
    """Return the modules `place` of the installed extensions that have one, in the order of their names."""
    names = [f"{one.value}.{place}" for one in sorted(entry_points(group=GROUP))]
    return tuple(import_module(name) for name in names if find_spec(name))
