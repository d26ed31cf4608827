"""A folder for each run of a demonstration: who starts a second one at the same time does not harm the first."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

HELD = "held"
"""File in a run's folder, locked by the run."""


@contextmanager
def run_folder(parent: Path) -> Iterator[Path]:
    """Make a new folder in `parent` for the time of the block. It stays with its logs until a later run starts.

    What earlier runs left is removed, unless they still run.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / HELD).open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        for left in parent.iterdir():
            if left.name != HELD and not _is_held(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        folder = Path(tempfile.mkdtemp(prefix=f"{datetime.now():%m%d-%H%M%S}-", dir=parent))  # noqa: DTZ005  # a name
        held = (folder / HELD).open("a")
        fcntl.flock(held, fcntl.LOCK_EX)
    with held:
        yield folder


def _is_held(folder: Path) -> bool:
    try:
        with (folder / HELD).open("a") as file:
            return not _locked(file)
    except OSError:
        return False


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
