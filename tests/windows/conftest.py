from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.packages.__main__ import time_of
from deploy.windows.__main__ import build_trees
from deploy.windows.product import Product
from tests.support.repository import ROOT
from tests.support.windows.python_embed import embedded_python


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Product, Path]:
    """What is installed on a PC, by product; building it takes a minute."""
    python = embedded_python(ROOT / "build" / "windows")
    return build_trees(ROOT, python, time_of(ROOT), tmp_path_factory.mktemp("trees") / "trees")
