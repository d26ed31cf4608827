"""Small programs of our own for Windows, in C: what Python cannot be there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.release.wheel import ReleaseError

COMPILER = "x86_64-w64-mingw32-gcc"
FOLDER = Path(__file__).parent


def compiled(source: str, out: Path, *options: str) -> Path:
    """Compile a file of this folder to `out`, the same bytes each time, and return that. Raises ReleaseError."""
    # Otherwise the linker takes the time, and a number from the folder's name.
    linked = "-Wl,--no-insert-timestamp,--disable-auto-image-base"
    command = (COMPILER, "-O2", "-s", "-Wall", "-Werror", linked, "-o", out, FOLDER / source)
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{source} cannot be compiled:\n{done.stderr}")
    return out
