"""The four walks of `docs/architecture.md` name modules that exist, and stay short."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
LIMITS = {
    "A face, from the camera to the uplink": 12,
    "A capture, from the servicer to its alert event": 14,
    "An event, from the log to the officer's window": 14,
    "A record, from its source to the gallery": 16,
}


def walk(title: str) -> list[str]:
    """Return the modules of the walk with that heading, in their order."""
    section = PAGE.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    return re.findall(r"^\d+\. `(cekalwatch[\w.]+)`", section, re.MULTILINE)


def test_every_walk_has_a_limit() -> None:
    assert re.findall(r"^### (.+)$", PAGE.split("## Four walks", 1)[1], re.MULTILINE) == list(LIMITS)


@pytest.mark.parametrize("title", LIMITS)
def test_a_walk_passes_existing_modules_once_each(title: str) -> None:
    modules = walk(title)
    assert 8 <= len(modules) <= LIMITS[title]
    assert len(set(modules)) == len(modules)
    for module in modules:
        importlib.import_module(module)
