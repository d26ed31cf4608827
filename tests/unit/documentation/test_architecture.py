"""`docs/architecture.md` has the layers of `pyproject.toml`, and walks of modules that exist, which get no longer."""

from __future__ import annotations

import importlib
import re
import tomllib

import pytest

from deploy.house.walks_page import PAGE, WALKS, Walk, listed
from tests.support.repository import ROOT

MOST = {"face": 20, "capture": 26, "event": 41, "record": 43}
"""Modules of each walk. At most 18, 20, 24 and 22 are what we want: a face passes `colours` as its 19th and
`fitness` as its 20th, since the camera judges it too; the three walks of the server pass the four modules of the law,
which looks at all orders of a person (ADR 73)."""


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


def test_the_page_has_the_layers_that_are_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "server-layers")
    written = " > ".join(f"`{layer.replace('cekalwatch.server.', '').replace(' |', ',')}`" for layer in layers)
    assert written in " ".join((ROOT / PAGE).read_text("utf-8").split())
