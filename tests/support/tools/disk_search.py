"""Looks for traces of a person in everything that programs have written: pictures, templates, keys.

A database cuts what it stores into pages, so pictures and templates are looked for in pieces.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
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
CHUNK = 1 << 18
"""Numbers of a file that are held against the pieces at once: it bounds the memory."""
HEAD = 8
"""Bytes by which a needle is looked up."""
FILTER = np.uint64((1 << 24) - 1)
"""The bits of a head that most other bytes already differ in: looking these up costs a tenth of looking up all."""

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
        try:
            text, mode = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text(), entry.stat().st_mode
        except FileNotFoundError:  # closed while we looked
            continue
        flags = int(re.search(r"flags:\s+(\d+)", text).group(1), 8)  # type: ignore[union-attr]
        if stat.S_ISREG(mode) and flags & os.O_ACCMODE != os.O_RDONLY:
            found.append(entry)
    return found


def _name(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else str(path)


class Needles:
    """Byte strings, of at least eight bytes each, that are looked for together: one pass over the bytes for all."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        self._needles = needles
        heads = np.array([int.from_bytes(needle[:HEAD], "little") for needle in needles], np.uint64)
        self._order = np.argsort(heads, kind="stable")
        self._heads = heads[self._order]
        self._may_begin = np.zeros(int(FILTER) + 1, bool)
        self._may_begin[heads & FILTER] = True

    def within(self, data: bytes) -> set[int]:
        """Return which of the needles are in `data`, by their number."""
        found: set[int] = set()
        for shift in range(HEAD):
            words = np.frombuffer(data, "<u8", max(0, len(data) - shift) // HEAD, min(shift, len(data)))
            places = np.flatnonzero(self._may_begin[words & FILTER])
            first = np.searchsorted(self._heads, words[places])
            last = np.searchsorted(self._heads, words[places], side="right")
            for place, begin, end in zip(places.tolist(), first.tolist(), last.tolist(), strict=True):
                candidates = self._order[begin:end].tolist()
                found.update(one for one in candidates if data.startswith(self._needles[one], place * HEAD + shift))
        return found


def of_pictures(jpegs: Sequence[bytes], written: Written) -> list[set[str]]:
    """Return, for each coded picture, where pieces of it are.

    They are taken from its middle, behind the tables of its head.
    """
    windows = []
    for jpeg in jpegs:
        starts = np.linspace(len(jpeg) // 3, len(jpeg) - WINDOW - 2, WINDOWS).astype(int).tolist()
        windows += [jpeg[start : start + WINDOW] for start in starts]
    return _places(windows, WINDOWS, written)


def of_keys(keys: Sequence[str], written: Written) -> list[set[str]]:
    """Return, for each UUID, where it is, as text of either form and case or as its bytes."""
    forms = []
    for key in keys:
        value = UUID(key)
        texts = [text.encode() for form in (str(value), value.hex) for text in (form, form.upper())]
        forms += [*texts, value.bytes, value.bytes_le]
    return _places(forms, len(forms) // len(keys), written)


def _places(needles: Sequence[bytes], each: int, written: Written) -> list[set[str]]:
    """Return where any needle of each group of `each` is."""
    search = Needles(needles)
    places: list[set[str]] = [set() for _ in range(len(needles) // each)]
    for name, data in written.items():
        for number in search.within(data):
            places[number // each].add(name)
    return places


def of_text(text: str, written: Written) -> set[str]:
    """Return where the text is, as such or in another case; not where it goes on with a letter or a digit."""
    plain = text.encode().lower()
    pattern = re.compile(re.escape(plain) + rb"(?![0-9a-z])")
    lowered = ((name, data.lower()) for name, data in written.items())
    return {name for name, data in lowered if plain in data and pattern.search(data)}


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
    pieces = np.concatenate([_distinct_pieces(part, templates) for part in range(PIECES)])
    # Sorted by their first number, so that each number of the file meets only the pieces that may begin with it.
    pieces = pieces[np.argsort(pieces[:, 0])]
    return any(
        _chunk_holds(numbers[begin : begin + CHUNK + PIECE - 1], pieces, tolerance)
        for begin in range(0, len(numbers), CHUNK)
    )


def _distinct_pieces(part: int, templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a piece of each template's `part`, from its largest number on: files are full of small ones."""
    last = templates.shape[1] - PIECE
    bounds = np.linspace(0, last + 1, PIECES + 1).astype(int)
    span = np.abs(templates[:, bounds[part] : bounds[part + 1]])
    starts = bounds[part] + span.argmax(axis=1)
    return np.take_along_axis(templates, starts[:, None] + np.arange(PIECE), axis=1)


def _chunk_holds(numbers: NDArray[np.float32], pieces: NDArray[np.float32], tolerance: float) -> bool:
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
