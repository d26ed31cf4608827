"""The recipes of CONTRIBUTING name files that exist: a module that moves takes its recipe with it."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BEGINNINGS = ("", "server/cekalwatch", "server/cekalwatch/server", "common/cekalwatch", "common/cekalwatch/contract")
"""A recipe may leave these out."""


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z][\w-]*/[\w./-]+)`", TEXT))))
def test_a_path_in_a_recipe_exists(path: str) -> None:
    assert any((ROOT / beginning / path).exists() for beginning in BEGINNINGS)
