"""The four walks of `docs/architecture.md` name modules that exist, and get no longer."""

from __future__ import annotations

import importlib
import re

import pytest

from deploy.house.walks_page import PAGE, WALKS, Walk, listed
from tests.support.repository import ROOT

MOST = {"face": 18, "capture": 25, "event": 35, "record": 38}
"""Modules of each walk. At most 18, 20, 24 and 22 are what we want."""


def test_the_page_has_the_walks_that_are_gone() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    assert re.findall(r"^### (.+)$", page.split("## Four walks", 1)[1], re.MULTILINE) == [walk.title for walk in WALKS]


@pytest.mark.parametrize("walk", WALKS, ids=[walk.key for walk in WALKS])
def test_a_walk_passes_existing_modules_once_each(walk: Walk) -> None:
    modules = listed(ROOT, walk)
    assert 8 <= len(modules) <= MOST[walk.key]
    assert len(set(modules)) == len(modules)
    for module in modules:
        importlib.import_module(module)
