"""Tests of units, run by Python for Windows under Wine: what asks Windows itself, and what no system matters to."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.packages.wheels import PYTHON, UV, System, lock_entries
from deploy.windows.product import NOTIFIER, Product
from deploy.windows.tree import PACKAGES
from tests.support.fakes.x_display import x_display
from tests.support.repository import ROOT
from tests.support.windows.wine import MISSING, WinePc, add_text_codecs, wine_pc

pytestmark = [
    pytest.mark.wine,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]
TOOLS = (
    "pytest", "pluggy", "iniconfig", "packaging", "pytest-asyncio", "pytest-timeout", "hypothesis", "sortedcontainers",
    "python-dateutil", "six",
)  # fmt: skip
OPTIONS = (
    "-o",
    "addopts=",
    "-o",
    "filterwarnings=",
    "--noconftest",
    "--import-mode=importlib",
    "-p",
    "no:cacheprovider",
    "-q",
)
"""Without the repository's conftest.py, which starts PostgreSQL, and what it knows of plugins that are not there."""


@pytest.fixture(scope="module")
def python(trees: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notifier as it is installed, with pytest, and with this repository's tests."""
    folder = tmp_path_factory.mktemp("python") / "tree"
    shutil.copytree(trees[NOTIFIER], folder)
    locked = (ROOT / "requirements.lock").read_text()
    wanted = folder / "wanted.txt"
    lines = [f"{name} --hash={' --hash='.join(hashes)}\n" for name, hashes in lock_entries(locked) if _is_tool(name)]
    wanted.write_text("".join(lines))
    command = (UV, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", folder / PACKAGES)
    where = ("--python-version", PYTHON, "--python-platform", System.WINDOWS, "--only-binary", ":all:")
    subprocess.run([*command, *where, "--requirement", wanted], check=True)
    (paths,) = folder.glob("python*._pth")
    paths.write_text(f"{paths.read_text()}{WinePc.path_of(ROOT)}\n")
    return folder


def _is_tool(name: str) -> bool:
    return name.partition("==")[0] in TOOLS


@pytest.fixture(scope="module")
def pc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WinePc]:
    folder = tmp_path_factory.mktemp("pc")
    with x_display(folder) as display, wine_pc(folder / "wine") as made:
        # Without a display, Wine has no messages between windows.
        made.environment["DISPLAY"] = display.environment["DISPLAY"]
        add_text_codecs(made)
        yield made


def passed(pc: WinePc, python: Path, *arguments: str) -> int:
    """Run tests; return how many passed, and fail with what failed."""
    done = pc.run(
        *(python / "python.exe", "-X", "utf8", "-I", "-m", "pytest", "-c", WinePc.path_of(ROOT / "pyproject.toml")),
        *(*OPTIONS, "--basetemp", r"C:\tests", *arguments),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert done.code == 0, done.output[-8000:]
    return sum(map(int, re.findall(r"(\d+) passed", done.output)))


def test_what_asks_windows_gets_its_answers(pc: WinePc, python: Path):
    folder = ROOT / "tests" / "unit" / "program" / "platform"
    assert passed(pc, python, "-m", "windows", WinePc.path_of(folder)) >= 15


def test_what_no_system_matters_to_passes_here_too(pc: WinePc, python: Path):
    folder = ROOT / "tests" / "unit" / "wire"
    # It has servers' certificates, and with them what only a server needs.
    left_out = ("--ignore", WinePc.path_of(folder / "test_tls_files.py"))
    assert passed(pc, python, "-m", "not exhaustive", *left_out, WinePc.path_of(folder)) >= 30
