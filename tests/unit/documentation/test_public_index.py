"""Nobody is told to install `cekalwatch` from a public index: there that name is nobody's, and may become anybody's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOT

FOLDERS = (
    "docs", "protos", "common", "server", "camera_client", "officer_notifier", "web_console", "extensions",
    "deploy", "benchmarks", ".ci",
)  # fmt: skip
TEXTS = frozenset({".md", ".py", ".po", ".sh", ".ps1", ".html", ".toml", ".service", ".yaml", ".proto", ""})
_INSTALLS = re.compile(r"\b(?:pip3?|pipx|uvx?|poetry|pdm|easy_install|conda)\b[^`\n|]*?\s['\"]?cekalwatch(?![\w./-])")


def texts() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXTS and path.name != ".git")
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in TEXTS)


def from_an_index(text: str) -> list[str]:
    """The lines that install our wheel from wherever the installer looks by itself."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line for line in lines if _INSTALLS.search(line) and "--no-index" not in line]


def test_no_document_or_message_installs_our_name_from_an_index():
    found = {
        str(path.relative_to(ROOT)): lines
        for path in texts()
        if (lines := from_an_index(path.read_text(encoding="utf-8", errors="ignore")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "    pip install cekalwatch",
        "Run `python -m pip install --upgrade 'cekalwatch[server]'` first.",
        "    uv tool install \\\n        cekalwatch",
        "uvx cekalwatch",
        "pipx run cekalwatch==0.1.0",
    ],
)
def test_what_it_looks_for_is_found(line: str):
    assert from_an_index(line)


@pytest.mark.parametrize(
    "line",
    [
        "    pip install --no-index --find-links wheels 'cekalwatch[camera]'",
        "pip is no part of cekalwatch-server",
        "    python -m pip install ./cekalwatch-0.1.0-py3-none-any.whl",
    ],
)
def test_a_folder_of_wheels_is_none(line: str):
    assert not from_an_index(line)


def test_what_asks_an_index_takes_wheels_only():
    """A source package runs its own code, with tools that no hash pins, when it is built."""
    code = [path.read_text("utf-8") for path in texts() if path.suffix == ".py"]
    asks = [
        said
        for text in code
        if '"pip"' in text
        for one in ast.walk(ast.parse(text))
        if isinstance(one, ast.FunctionDef) and '"pip"' in (said := ast.get_source_segment(text, one) or "")
    ]
    assert len(asks) > 5
    assert [one for one in asks if not re.search("--only-binary|--no-index", one)] == []
