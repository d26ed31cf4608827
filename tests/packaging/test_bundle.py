"""The offline bundle: what is missing or changed in it is found, and wheels are judged for the system they are for."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from deploy.bundle.__main__ import make_bundle, pack, write_sums
from deploy.bundle.debian import INSTALLER, RELEASE, write_index
from deploy.bundle.wheels import prove_complete
from deploy.packages.machines import MACHINES
from deploy.packages.wheels import System, lock_entries, write_machine_lock
from deploy.release.__main__ import SUMS, sign
from deploy.release.wheel import ReleaseError, sha256
from tests.support.repository import ROOT

EPOCH = 1_790_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Something like a bundle."""
    made = tmp_path / "cekalwatch-bundle"
    for name in ("README.md", "windows/wheels/a.whl", "models/standard/recogniser.onnx"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    write_sums(made)
    return made


def verified(folder: Path) -> bool:
    """Whether the commands of the technician's page find the bundle as it was signed."""
    page = (ROOT / "docs" / "installing-offline.md").read_text()
    commands = re.findall(r"^    (minisign -V.+|sha256sum .+)$", page, re.MULTILINE)
    assert len(commands) == 2
    return all(
        subprocess.run(command.split(), cwd=folder, capture_output=True, check=False).returncode == 0
        for command in commands
    )


def test_the_commands_of_the_page_find_what_was_changed(folder: Path, tmp_path: Path):
    key, public = tmp_path / "cekalwatch.key", tmp_path / "cekalwatch.pub"
    subprocess.run(["minisign", "-G", "-W", "-p", public, "-s", key], check=True, capture_output=True)
    sign(folder / SUMS, key, folder.name)
    shutil.copy(public, folder)
    assert verified(folder)
    changed = folder / "windows" / "wheels" / "a.whl"
    changed.write_text("another")
    assert not verified(folder)
    write_sums(folder)
    assert not verified(folder), "a list that fits and was not signed"


def test_the_same_files_give_the_same_archive(folder: Path, tmp_path: Path):
    archive = pack(folder, EPOCH)
    first = sha256(archive)
    copy = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    (copy / "README.md").chmod(0o600)
    assert sha256(pack(copy, EPOCH)) == first
    with tarfile.open(archive) as files:
        assert {entry.name.split("/")[0] for entry in files} == {folder.name}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key": Path("missing.key")}, "no secret key"),
    ],
)
def test_what_does_not_fit_makes_no_bundle(given: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(ReleaseError, match=said):
        make_bundle(ROOT, tmp_path, tmp_path / "models", [], **given)
    assert list(tmp_path.iterdir()) == []


def write_package(folder: Path, name: str, version: str) -> None:
    """Make a Debian package with nothing in it."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    about = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    (tree / "DEBIAN" / "control").write_text(about)
    subprocess.run(["dpkg-deb", "--build", tree, folder / f"{name}_{version}_all.deb"], check=True, capture_output=True)
    shutil.rmtree(tree)


APT = (
    f'exec {shutil.which("apt-get")} -o APT::Get::Simulate=1 -o Dir::State::status=/dev/null -o Debug::NoLocking=1 "$@"'
)
"""Says what it would install on a machine that has nothing."""


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    """A bundle with a gateway 1.0."""
    folder = tmp_path / "bundle" / "debian"
    folder.mkdir(parents=True)
    for name in ("cekalwatch-gateway", "sudo"):
        write_package(folder, name, "1.0")
    write_index(folder, datetime(2026, 11, 20, tzinfo=UTC))
    (folder / RELEASE).write_text(platform.freedesktop_os_release()["VERSION_CODENAME"] + "\n")
    shutil.copy(INSTALLER, folder)
    write_sums(folder.parent)
    return folder


def installed(debian: Path, apt: str = APT) -> tuple[int, str]:
    """Return what the installer's code is, and what it printed; nothing is installed."""
    tools = debian.parent.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name, script in (("id", "echo 0"), ("apt-get", apt)):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["sh", debian / "install.sh", "gateway"],
        env={"PATH": f"{tools}:/usr/bin:/bin"}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("apt-get"), reason="packages of Debian need apt")
def test_what_lies_beside_the_signed_files_is_not_installed(debian: Path):
    code, said = installed(debian)
    assert (code, "Inst cekalwatch-gateway (1.0 " in said) == (0, True), said
    signed = {file: file.read_bytes() for file in debian.iterdir()}
    # apt prefers a newer version, of an index in any form that it finds.
    write_package(debian, "cekalwatch-gateway", "9.9")
    write_index(debian, datetime(2026, 11, 21, tzinfo=UTC))
    (debian / "Packages").rename(debian / "Packages.gz")
    for file, content in signed.items():
        file.write_bytes(content)
    code, said = installed(debian)
    assert (code, "9.9_all.deb" in said, "Inst " in said) == (1, True, False), said


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("apt-get"), reason="packages of Debian need apt")
def test_an_index_that_another_key_signed_is_refused(debian: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(debian, other)
    write_index(other, datetime(2026, 11, 20, tzinfo=UTC))
    shutil.copy(other / "InRelease", debian)
    write_sums(debian.parent)
    code, said = installed(debian)
    assert (code, "Inst " in said) == (100, False), said


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("apt-get"), reason="packages of Debian need apt")
def test_what_is_installed_is_the_copy_that_was_compared(debian: Path):
    """The stick may change while apt reads; it reads none of it."""
    code, said = installed(debian, f"rm -rf {debian}\n{APT}")
    assert (code, "Inst cekalwatch-gateway (1.0 " in said) == (0, True), said


def write_wheel(folder: Path, name: str, needs: str = "") -> str:
    """Make a wheel without modules, and return its line in a requirements file."""
    info, file = f"{name}-1.dist-info", folder / f"{name}-1-py3-none-any.whl"
    with ZipFile(file, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needs}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}==1 --hash=sha256:{sha256(file)}\n"


def test_what_a_package_needs_on_one_system_is_asked_for_there(tmp_path: Path):
    (tmp_path / "wheels").mkdir()
    program = write_wheel(tmp_path / "wheels", "program", 'Requires-Dist: colours; sys_platform == "win32"')
    requirements = tmp_path / "requirements-program.txt"
    requirements.write_text(program)
    prove_complete(requirements, System.LINUX)
    with pytest.raises(ReleaseError, match="colours"):
        prove_complete(requirements, System.WINDOWS)
    requirements.write_text(program + write_wheel(tmp_path / "wheels", "colours"))
    prove_complete(requirements, System.WINDOWS)


def test_a_wheel_that_is_missing_or_another_one_is_found(tmp_path: Path):
    (tmp_path / "wheels").mkdir()
    requirements = tmp_path / "requirements-program.txt"
    requirements.write_text(write_wheel(tmp_path / "wheels", "program"))
    prove_complete(requirements, System.WINDOWS)
    write_wheel(tmp_path / "wheels", "program", "Summary: another")
    with pytest.raises(ReleaseError, match=r"requirements-program\.txt cannot be installed from its wheels"):
        prove_complete(requirements, System.WINDOWS)
    (tmp_path / "wheels" / "program-1-py3-none-any.whl").unlink()
    with pytest.raises(ReleaseError, match="program"):
        prove_complete(requirements, System.WINDOWS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cekalwatch-camera", "cekalwatch-notifier"])
def test_the_lock_has_a_wheel_of_everything_for_windows(name: str, tmp_path: Path):
    (machine,) = (one for one in MACHINES if one.package == name)
    write_machine_lock(ROOT, machine, System.WINDOWS, tmp_path / "lock")
    names = {name.split("==")[0] for name, _ in lock_entries((tmp_path / "lock").read_text())}
    assert {"colorama", "cryptography", "grpcio"} <= names
    assert ("pyside6-essentials" in names) == (machine.package == "cekalwatch-notifier")
    assert ("opencv-python" in names) == (machine.package == "cekalwatch-camera")
