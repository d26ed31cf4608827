"""Where the research data and test models are that are never committed; tests that need them skip without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repository import ROOT

SHARED = ROOT.parent / "shared"


def shared_faces() -> Path:
    """The folder of face data, or skip the test."""
    return _there(SHARED / "faces")


def shared_models() -> Path:
    """The folder of test models, or skip the test."""
    return _there(SHARED / "models")


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"../shared/{folder.name} is not here")
    return folder
