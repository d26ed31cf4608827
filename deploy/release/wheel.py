"""Builds the wheel twice, in different places and under different circumstances: one hash, or no release."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

GENERATED = ("*_pb2*", "*.mo", "__pycache__", "*.egg-info", ".venv", ".git", "build", "dist")
"""What a fresh clone does not have."""


DISTRIBUTION = "cekalwatch"
EVALUATION = "cekalwatch-evaluation"
"""It lies in the folder `evaluation`, and measures recognition with the programs of the other."""
CLIENT = "cekalwatch-client"
"""It lies in `extensions/cekalwatch/client`, and has files of the first: other systems install it alone."""


class ReleaseError(Exception):
    """Why there is no release."""


@dataclass(frozen=True)
class Circumstances:
    """What must not show in a wheel."""

    folder: str
    umask: int
    environment: tuple[tuple[str, str], ...]


FIRST = Circumstances("a", 0o022, (("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("PYTHONHASHSEED", "1")))
SECOND = Circumstances(
    "another place/with a longer name", 0o077, (("TZ", "Asia/Jakarta"), ("LC_ALL", "C"), ("PYTHONHASHSEED", "2"))
)


def build_distributions(root: Path, out: Path, epoch: int) -> dict[str, Path]:
    """Build the wheels of a checkout as `build_reproducibly` does, and return them by distribution."""
    sources = {DISTRIBUTION: root, EVALUATION: root / "evaluation"}
    built = {name: build_reproducibly(source, out, epoch) for name, source in sources.items()}
    return built | {CLIENT: build_reproducibly(root, out, epoch, "extensions/cekalwatch/client")}


def build_reproducibly(source: Path, out: Path, epoch: int, part: str = ".") -> Path:
    """Build the sources in `source` into `out`, and return the wheel; its files are of the time `epoch`.

    `part` is the distribution's folder in `source`.

    Raises ReleaseError when a build fails, or when two builds differ.
    """
    with tempfile.TemporaryDirectory() as scratch:
        built = [build(source, Path(scratch) / one.folder, one, epoch, part) for one in (FIRST, SECOND)]
        hashes = [sha256(wheel) for wheel in built]
        if len(set(hashes)) > 1:
            raise ReleaseError(f"Two builds of {built[0].name} differ: {' and '.join(hashes)}")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(built[0], out))


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build(source: Path, place: Path, circumstances: Circumstances, epoch: int, part: str = ".") -> Path:
    """Build a copy of the sources in the folder `place`, once, and return the wheel in it. Raises ReleaseError."""
    shutil.copytree(source, place / "source", ignore=shutil.ignore_patterns(*GENERATED))
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(place / "dist"),
        str(place / "source" / part),
    ]
    environment = {**os.environ, **dict(circumstances.environment), "SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(
        command, env=environment, umask=circumstances.umask, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"The wheel cannot be built:\n{done.stdout}\n{done.stderr}")
    (wheel,) = (place / "dist").glob("*.whl")
    return wheel
