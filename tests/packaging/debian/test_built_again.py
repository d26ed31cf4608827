"""All Debian packages and the container image, made a second time: nothing in them is of the time or the place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.container.__main__ import SERVER, make_image, make_root
from deploy.packages.__main__ import MODELS, build_packages, time_of
from deploy.packages.machines import MACHINES
from deploy.release.differences import differences
from deploy.release.wheel import SECOND
from tests.support.repository import ROOT
from tests.support.tools.circumstances import under

pytestmark = pytest.mark.timeout(1200)

LEVEL = 3
"""Of the compression, as `make packages-test` has it."""
EPOCH = int(time_of(ROOT).timestamp())


@pytest.mark.parametrize("name", [*(machine.package for machine in MACHINES), MODELS])
def test_a_package_is_the_same_when_it_is_built_again(name: str, package: Callable[[str], Path], tmp_path: Path):
    machines = [machine for machine in MACHINES if machine.package == name]
    models = ROOT / "build" / "models" if name == MODELS else None
    with under(SECOND):
        (again,) = build_packages(ROOT, tmp_path / SECOND.folder, machines, models, LEVEL)
    assert differences(package(name), again) == []


def test_the_debian_of_the_image_is_the_same_when_it_is_made_again(package: Callable[[str], Path], tmp_path: Path):
    packages = [package(name) for name in SERVER.packages]
    first, second = tmp_path / "a.tar", tmp_path / "b.tar"
    for archive in (first, second):
        make_root(SERVER, packages, archive, EPOCH)
    assert differences(first, second) == []


@pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is not installed: apt install buildah")
def test_the_image_is_the_same_when_it_is_made_again(package: Callable[[str], Path], tmp_path: Path):
    packages = [package(name) for name in SERVER.packages]
    first, second = (make_image(SERVER, packages, tmp_path / name, "test", EPOCH) for name in ("a", "another place"))
    assert differences(first, second) == []
