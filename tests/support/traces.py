"""Looks for traces of a person in everything that programs have written: pictures, templates, keys.

A database cuts what it stores into pages, so pictures and templates are looked for in pieces.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

WINDOW = 64
"""Bytes of a picture that are looked for at once."""
WINDOWS = 8
PIECE = 16
"""Numbers of a template that are looked for at once."""
PIECES = 4

Written = Mapping[str, bytes]
"""What was written, by where it is."""


def everything_written(folder: Path, pids: Iterable[int] = ()) -> Written:
    """Return every file below `folder`, and what the programs `pids` hold open for writing, deleted files included."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    paths += [file for pid in pids for file in _open_for_writing(pid)]
    written = {}
    for path in paths:
        try:
            written[_name(path)] = path.read_bytes()
        except FileNotFoundError:  # a side file of a database that went while we looked
            continue
    return written


def _open_for_writing(pid: int) -> list[Path]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        flags = int(re.search(r"flags:\s+(\d+)", Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()).group(1), 8)  # type: ignore[union-attr]
        if stat.S_ISREG(entry.stat().st_mode) and flags & os.O_ACCMODE != os.O_RDONLY:
            found.append(entry)
    return found


def _name(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else str(path)


def of_picture(jpeg: bytes, written: Written) -> set[str]:
    """Return where pieces of the coded picture are; they are taken from its middle, behind the tables of its head."""
    first, last = len(jpeg) // 3, len(jpeg) - WINDOW - 2
    starts = np.linspace(first, last, WINDOWS).astype(int).tolist()
    windows = [jpeg[start : start + WINDOW] for start in starts]
    return {name for name, data in written.items() if any(window in data for window in windows)}


def of_text(text: str, written: Written) -> set[str]:
    """Return where the text is, as such or in another case; not where it goes on with a letter or a digit."""
    pattern = re.compile(rb"(?i)" + re.escape(text.encode()) + rb"(?![0-9a-z])")
    return {name for name, data in written.items() if pattern.search(data)}


def of_key(key: str, written: Written) -> set[str]:
    """Return where a UUID is, as text of either form or as its bytes."""
    value = UUID(key)
    forms = (str(value).encode(), value.hex.encode(), value.bytes, value.bytes_le)
    return {name for name, data in written.items() if any(form in data.lower() or form in data for form in forms)}


def of_templates(templates: NDArray[np.float32], written: Written) -> set[str]:
    """Return where pieces of any of `templates` (n, size) are, as 32-bit or 16-bit floats at any alignment.

    Floats are compared with a tolerance: a template computed in another batch differs in its last bits.
    """
    found = set()
    for name, data in written.items():
        for kind, tolerance in (("<f4", 1e-4), ("<f2", 1e-3)):
            width = np.dtype(kind).itemsize
            for shift in range(width):
                numbers = np.frombuffer(data[shift : shift + (len(data) - shift) // width * width], kind)
                if _holds_piece(numbers.astype(np.float32), templates, tolerance):
                    found.add(name)
    return found


def _holds_piece(numbers: NDArray[np.float32], templates: NDArray[np.float32], tolerance: float) -> bool:
    starts = np.linspace(0, templates.shape[1] - PIECE, PIECES).astype(int)
    pieces = np.concatenate([templates[:, start : start + PIECE] for start in starts])
    # Sorted by their first number, so that each number of the file meets only the pieces that may begin with it.
    order = np.argsort(pieces[:, 0])
    pieces = pieces[order]
    places = np.flatnonzero(np.abs(numbers[: max(0, len(numbers) - PIECE + 1)]) <= 1)
    first = np.searchsorted(pieces[:, 0], numbers[places] - tolerance)
    last = np.searchsorted(pieces[:, 0], numbers[places] + tolerance)
    while (candidates := first < last).any():
        places, first, last = places[candidates], first[candidates], last[candidates]
        there = numbers[places[:, None] + np.arange(PIECE)]
        with np.errstate(invalid="ignore", over="ignore"):
            if (np.abs(there - pieces[first]) <= tolerance).all(axis=1).any():
                return True
        first = first + 1
    return False
