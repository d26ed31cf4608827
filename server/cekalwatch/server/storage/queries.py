"""How many keys a query takes, and keys in pieces of so many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

KEYS_A_QUERY = 100
"""Subjects that are asked for at once: with 100 reference faces each, SQLite's 32,766 values of a query are enough."""


def pieces(items: Sequence[Item], most: int = KEYS_A_QUERY) -> Iterator[Sequence[Item]]:
    """Yield the items in order, `most` at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))
