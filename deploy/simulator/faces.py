"""Photographs for invented people: those of a folder, or faces out of pictures that installed packages ship."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from cekalwatch.program.errors import Exit, ProgramError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_FACES: Final = 10_000
_SHIPPED: Final = (
    ("skimage", "data/astronaut.png", (0.44, 0.23), 0.22),
    ("insightface", "data/images/t1.jpg", (0.62, 0.46), 0.10),
    ("insightface", "data/images/t1.jpg", (0.74, 0.15), 0.10),
    ("insightface", "data/images/t1.jpg", (0.40, 0.38), 0.10),
    ("insightface", "data/images/t1.jpg", (0.92, 0.38), 0.08),
    ("insightface", "data/images/t1.jpg", (0.25, 0.24), 0.10),
)
"""Package, picture, where its face is (shares of width and height), and how much around that belongs to it (width)."""


def faces_of(folder: Path | None) -> list[bytes]:
    """Return photographs, as files; raises ProgramError when the folder has none."""
    return _of_folder(folder) if folder else _shipped()


def _of_folder(folder: Path) -> list[bytes]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise ProgramError(f"There are no photographs in {folder}", Exit.NO_INPUT)
    return [file.read_bytes() for file in files[:MAX_FACES]]


def _shipped() -> list[bytes]:
    import cv2

    from cekalwatch.camera.sources.files import read_picture

    found = []
    for package, file, (x, y), around in _SHIPPED:
        # find_spec does not import: insightface takes seconds.
        spec = importlib.util.find_spec(package)
        shipped = Path(spec.origin).parent / file if spec and spec.origin else None
        if shipped is None or not shipped.is_file():
            continue
        picture = read_picture(shipped)
        height, width = picture.shape[:2]
        half = round(around * width)
        left, top = max(0, round(x * width) - half), max(0, round(y * height) - half)
        cut = picture[top : top + 2 * half, left : left + 2 * half]
        found.append(
            cv2.imencode(".jpg", cv2.resize(cut, (480, round(480 * cut.shape[0] / cut.shape[1]))))[1].tobytes()
        )
    return found
