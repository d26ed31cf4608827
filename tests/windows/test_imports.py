"""What the installers for Windows bring finds all its libraries on a PC that has nothing else, as Wine cannot tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.bundle.wheels import fetch_wheels
from deploy.packages.wheels import System
from deploy.windows.imports import OF_WINDOWS, lacking
from deploy.windows.product import CAMERA, NOTIFIER, PRODUCTS, Product
from deploy.windows.tree import PACKAGES, lay_out
from tests.support.repository import ROOT
from tests.support.windows.python_embed import embedded_python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=PRODUCTS, ids=lambda product: product.kind)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Product, Path]:
    """The files of an installer, of the wheels in the lock."""
    product, folder = request.param, tmp_path_factory.mktemp("files")
    requirements = fetch_wheels(ROOT, product.machine, System.WINDOWS, {}, folder)
    lay_out(product.machine, requirements, embedded_python(ROOT / "build" / "windows"), folder / "tree")
    return product, folder / "tree"


def test_each_program_finds_what_it_imports(tree: tuple[Product, Path]):
    _, files = tree
    assert list(lacking(files, files / PACKAGES)) == []


def test_a_library_that_is_missing_is_named_with_who_needs_it(tree: tuple[Product, Path], tmp_path: Path):
    product, files = tree
    removed, importer = {
        CAMERA: ("msvcp140_1.dll", "onnxruntime_pybind11_state.pyd"),
        NOTIFIER: (f"{PACKAGES}/PySide6/Qt6Network.dll", "QtNetwork.pyd"),
    }[product]
    (files / removed).rename(tmp_path / "moved")
    missing = list(lacking(files, files / PACKAGES))
    (tmp_path / "moved").rename(files / removed)
    library = Path(removed).name.lower()
    assert f"{importer} imports {library}, which is neither in the program nor in Windows" in missing


def test_libraries_that_a_clean_windows_lacks_are_not_among_its_own():
    assert not {name for name in OF_WINDOWS if name.startswith(("msvcp", "vcruntime", "concrt", "vcomp", "python"))}
