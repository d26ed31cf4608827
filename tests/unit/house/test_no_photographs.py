"""No photograph is committed: neither as a file, nor within a page that a program wrote."""

from __future__ import annotations

import re
import subprocess

from tests.support.repository import ROOT

PICTURES = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|jp2)$", re.IGNORECASE)
EMBEDDED = r"data:image/[a-z]+;base64,[A-Za-z0-9+/]{200}"


def tracked(*command: str) -> list[str]:
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


def test_pictures_are_screenshots():
    files = tracked("ls-files")
    assert "pyproject.toml" in files
    assert {file for file in files if PICTURES.search(file) and not file.startswith("docs/screenshots/")} == set()


def test_no_page_has_a_photograph_within():
    assert tracked("grep", "-lIE", EMBEDDED) == []
