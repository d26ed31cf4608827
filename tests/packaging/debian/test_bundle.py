"""The Debian part of the offline bundle, on a clean machine whose network is cut: nothing comes from anywhere else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from deploy.bundle.__main__ import write_sums
from deploy.bundle.debian import make_repository
from tests.packaging.debian.clean_debian import CleanDebian

# A repository is made, and a gigabyte is installed from it.
pytestmark = pytest.mark.timeout(900)

MADE_AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
PROGRAMS = ("server", "camera", "notifier", "console", "gateway")
INSTALL = ("sh", "/media/usb stick/bundle/debian/install.sh")


@pytest.fixture(scope="module")
def bundle(package: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    make_repository([package(f"cekalwatch-{name}") for name in (*PROGRAMS, "models")], folder / "debian", MADE_AT)
    write_sums(folder)
    return folder


@pytest.fixture(scope="module")
def isolated(bundle: Path, machine: Callable[[str], CleanDebian]) -> CleanDebian:
    """A clean machine that nothing was installed on, with the bundle on a stick."""
    made = machine("isolated")
    shutil.copytree(bundle, made.root / "media/usb stick/bundle", copy_function=os.link)
    return made


def test_what_was_changed_on_the_way_is_not_installed(isolated: CleanDebian):
    stick = isolated.root / "media/usb stick/bundle/debian"
    (changed,) = stick.glob("cekalwatch-camera_*.deb")
    sound = changed.read_bytes()
    changed.unlink()
    for content in (None, sound[:-1] + bytes([sound[-1] ^ 1])):
        if content is not None:
            changed.write_bytes(content)
        refused = isolated.run(*INSTALL, "camera", offline=True)
        assert refused.returncode == 1
        assert changed.name in refused.stdout + refused.stderr
        assert "files differ from SHA256SUMS, or are missing: nothing was installed" in refused.stderr
    changed.write_bytes(sound)
    assert not isolated.has("usr/bin/cekalwatch-camera")


@pytest.mark.parametrize(
    ("arguments", "account", "said"),
    [
        (["desktop"], "root", "say what this machine is"),
        ([], "root", "say what this machine is"),
        (["server"], "nobody", "only root installs packages"),
    ],
)
def test_what_cannot_be_done_is_said(isolated: CleanDebian, arguments: list[str], account: str, said: str):
    refused = isolated.run(*INSTALL, *arguments, account=account, offline=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: {said}")


def test_another_debian_is_told_which_one_is_needed(isolated: CleanDebian):
    (file := isolated.root / "etc/os-release").unlink()
    file.write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    refused = isolated.run(*INSTALL, "server", offline=True)
    file.unlink()
    file.symlink_to("../usr/lib/os-release")
    assert refused.returncode == 1
    assert refused.stderr == "Error: these packages are for Debian trixie, and this is bookworm\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_is_installed_and_starts_without_a_network(isolated: CleanDebian, name: str):
    program = f"cekalwatch-{name}"
    told = isolated.works(*INSTALL, name, offline=True)
    assert f"{name} is installed" in told
    assert re.search(r"\d+\.\d+\.\d+", isolated.works(program, "--version", offline=True))
    account = "nobody" if name == "notifier" else program
    camera = ("--source", "0", "--camera-id", "departure-1") if name == "camera" else ()
    checked = isolated.run(program, "check", "--json", *camera, account=account, offline=True)
    assert checked.returncode == Exit.FAILED, checked
    verdicts = {one["subject"]: one["verdict"] for one in json.loads(checked.stdout)}
    assert "FAIL" in verdicts.values()
    if name == "camera":
        assert verdicts["detector"] == "OK", "the pack of the package, beside a server's folder that is closed to it"
    if name != "notifier":
        assert isolated.has("usr/share/cekalwatch/models/standard/manifest.json")
        assert isolated.has("usr/bin/sudo")

    again = isolated.works(*INSTALL, name, offline=True)
    assert "0 upgraded, 0 newly installed" in again


def test_guides_find_what_they_name_beside_our_packages(bundle: Path):
    index = (bundle / "debian" / "Packages").read_text()
    assert {"sudo", "minisign", "postgresql", "libgl1", "python3"} <= set(
        re.findall(r"^Package: (.+)$", index, re.MULTILINE)
    )
    listed = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=bundle, capture_output=True, check=False
    )
    assert listed.returncode == 0
