"""No program was surprised: no loop ended by an error, no call failed inside, and nothing left a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

SURPRISES = ('"event": "loop_failed", "level": "error"', '"event": "call_failed"', "Traceback (most recent call last)")
"""A loop that failed since something was away, which it says itself, is only warned of."""
DRIVERS_OWN = "Error closing cursor"
"""SQLAlchemy says so itself, with a traceback, of a connection that broke while a result was read."""
MAX_TOLD = 5
"""Lines of each program that are told."""
MAX_CHARACTERS = 400


def wrong(log_files: Iterable[Path]) -> list[str]:
    """Say what surprised them."""
    return [problem for file in log_files if file.exists() for problem in _of(file)]


def _of(file: Path) -> Iterator[str]:
    lines = file.read_text("utf-8", "replace").splitlines()
    found = [
        number
        for number, line in enumerate(lines)
        if any(surprise in line for surprise in SURPRISES) and DRIVERS_OWN not in lines[max(0, number - 1)]
    ]
    for number in found[:MAX_TOLD]:
        last = next((line for line in lines[number + 1 : number + 60] if line and not line[0].isspace()), "")
        yield f"{file.name}, line {number + 1}: {lines[number][:MAX_CHARACTERS]} {last[:MAX_CHARACTERS]}".rstrip()
    if len(found) > MAX_TOLD:
        yield f"{file.name}: and {len(found) - MAX_TOLD} more"
