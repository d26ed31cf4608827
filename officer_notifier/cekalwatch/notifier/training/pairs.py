"""Draws pairs of photographs for practice, from a folder with one folder a person.

Photographs are of people who agreed to it in writing, never of a list. It knows neither windows nor the server.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_CROP_PIXELS

PAIRS: Final = 20
"""Pairs of one practice; it takes about five minutes."""
MIN_SHARE: Final = 0.4
"""Smallest share of pairs of one person, and of pairs of two: nobody can count which is left."""
SUFFIXES: Final = frozenset({".jpg", ".jpeg"})


@dataclass(frozen=True)
class FacePair:
    """Two photographs, JPEG, and whether they show the same person."""

    one: bytes = field(repr=False)
    other: bytes = field(repr=False)
    same: bool


def draw_pairs(folder: Path, count: int = PAIRS, chance: random.Random | None = None) -> tuple[FacePair, ...]:
    """Return `count` pairs in random order, in which nobody appears twice.

    Raises ProgramError when the folder cannot be read, or has too few people with photographs that can be shown.
    """
    chance = chance or random.SystemRandom()
    fewest = round(count * MIN_SHARE)
    needed, with_several = 2 * count - fewest, count - fewest
    people = _photographs(folder)
    several = [name for name, files in people.items() if len(files) > 1]
    if len(several) < with_several or len(people) < needed:
        raise ProgramError(
            f"{folder} has {len(people)} people with a photograph that can be shown, {len(several)} of them with "
            f"several; {count} pairs need {needed} people, {with_several} of them with several. Each person has a "
            f"folder of their own, with JPEG files of at most {MAX_CROP_PIXELS:,} pixels and "
            f"{MAX_CROP_BYTES // 1000} kB",
            Exit.NO_INPUT,
        )
    same = chance.randint(fewest, count - fewest)
    alone = chance.sample(several, same)
    others = chance.sample([name for name in people if name not in set(alone)], 2 * (count - same))
    pairs = [FacePair(*_read(chance.sample(people[name], 2)), same=True) for name in alone]
    for one, other in zip(others[::2], others[1::2], strict=True):
        pairs.append(FacePair(*_read([chance.choice(people[one]), chance.choice(people[other])]), same=False))
    chance.shuffle(pairs)
    return tuple(pairs)


def _photographs(folder: Path) -> Mapping[str, list[Path]]:
    """Return the photographs that can be shown, by person."""
    try:
        people = sorted(one for one in folder.iterdir() if one.is_dir())
        found = {one.name: [file for file in sorted(one.iterdir()) if _can_be_shown(file)] for one in people}
    except OSError as error:
        raise ProgramError(f"{folder} cannot be read: {error.strerror}", Exit.NO_INPUT) from None
    return {name: files for name, files in found.items() if files}


def _can_be_shown(file: Path) -> bool:
    if file.suffix.lower() not in SUFFIXES or not file.is_file() or file.stat().st_size > MAX_CROP_BYTES:
        return False
    try:
        read_plain_jpeg(file.read_bytes(), MAX_CROP_PIXELS)
    except PictureError:
        return False
    return True


def _read(files: list[Path]) -> tuple[bytes, bytes]:
    one, other = (file.read_bytes() for file in files)
    return one, other
