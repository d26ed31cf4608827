"""Debian packages and the bundle, built twice where all that must not show is another: one hash each."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.bundle import __main__ as bundle
from deploy.packages.__main__ import PACK, build_packages
from deploy.packages.machines import MACHINES
from deploy.release.differences import differences
from deploy.release.wheel import FIRST, SECOND
from tests.support.repository import ROOT
from tests.support.tools.circumstances import under

pytestmark = pytest.mark.timeout(1200)

MADE_AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
GPG = ("gpg", "--batch", "--faked-system-time", f"{MADE_AT:%Y%m%dT%H%M%S}")
CONSOLE = next(one for one in MACHINES if one.package == "cekalwatch-console")
"""The smallest of them."""


def checkout(source: Path, folder: Path, seconds: int) -> Path:
    """Another copy of the sources, whose files are of that time."""
    shutil.copytree(source, folder)
    for name in ("docs", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(ROOT / name, folder)
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (seconds, seconds))
    return folder


@pytest.fixture(scope="module")
def places(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two checkouts, one of before the commit and one of after it."""
    folder = tmp_path_factory.mktemp("places")
    moment = int(MADE_AT.timestamp())
    first, second = (
        checkout(source, folder / one.folder / "source", moment + shift)
        for one, shift in ((FIRST, -86_400), (SECOND, 86_400))
    )
    return first, second


@pytest.fixture(scope="module")
def packages(places: tuple[Path, Path]) -> tuple[Path, Path]:
    """One package, built in each of them."""
    built = []
    for place, circumstances in zip(places, (FIRST, SECOND), strict=True):
        with under(circumstances):
            built += build_packages(place, place.parent / "out", [CONSOLE], level=3, made_at=MADE_AT)
    first, second = built
    return first, second


def test_a_debian_package_is_the_same_wherever_it_is_built(packages: tuple[Path, Path]):
    first, second = packages
    assert differences(first, second) == []


def test_a_bundle_is_the_same_wherever_it_is_made(
    places: tuple[Path, Path], packages: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of one Debian package and one machine's wheels; Debian's archive is the same for both."""
    monkeypatch.setattr(bundle, "MACHINES_WITH_WHEELS", (CONSOLE,))
    models = tmp_path / "models"
    (models / PACK).mkdir(parents=True)
    (models / PACK / "recogniser.onnx").write_bytes(b"network")
    subprocess.run([*GPG, "--homedir", tmp_path, "--passphrase", "", "--quick-gen-key", "maker", "ed25519"], check=True)
    key = tmp_path / "archive.key"
    subprocess.run([*GPG, "--homedir", tmp_path, "--output", key, "--export-secret-keys"], check=True)
    archives = []
    for place, package, circumstances in zip(places, packages, (FIRST, SECOND), strict=True):
        out = tmp_path / circumstances.folder
        with under(circumstances):
            out.mkdir(parents=True)
            folder = bundle.make_bundle(place, out, models, [package], made_at=MADE_AT, archive_key=key)
            archives.append(bundle.pack(folder, int(MADE_AT.timestamp())))
    first, second = archives
    assert differences(first, second) == []
