from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.repository import ROOT

FOLDERS = ("protos", "common", "server", "camera_client", "officer_notifier", "web_console", "extensions")
"""Whose files the first wheel has."""


# They install on clean machines, as root, for minutes: `make packages-test`.
collect_ignore = [] if "CEKALWATCH_PACKAGES" in os.environ else ["debian"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources as a fresh clone has them: without generated stubs and compiled texts."""
    copy = tmp_path_factory.mktemp("source")
    generated = shutil.ignore_patterns("*_pb2*", "*.mo", "__pycache__", "*.egg-info")
    for folder in (*FOLDERS, "evaluation"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=generated)
    for file in ("pyproject.toml", "hatch_build.py", "README.md"):
        shutil.copy(ROOT / file, copy)
    return copy
