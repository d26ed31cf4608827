"""The Debian packages, installed, upgraded, removed and purged on clean machines, and their programs started there."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from deploy.packages.machines import MACHINES
from tests.packaging.debian.clean_debian import CleanDebian

PROGRAMS = tuple(machine.package for machine in MACHINES)
IMPORT_ALL = """
import importlib, pkgutil, sys
left_out = [".versions.", "platform.windows.", *filter(None, sys.argv[1].split(","))]
for part in sys.argv[2:]:
    package = importlib.import_module("cekalwatch." + part)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith((".__main__", ".env")) and not any(other in module.name for other in left_out):
            importlib.import_module(module.name)
"""
PARTS = {
    "server": ("server", "vision"),
    "camera": ("camera", "vision"),
    "notifier": ("notifier",),
    "console": ("console", "office"),
    "gateway": ("client", "gateway"),
}
LACKS = {
    "server": "program.web",
    "camera": "documents.pdf,program.web",
    "notifier": "documents.pdf,program.web,program.metrics",
    "gateway": "documents.pdf",
}
"""Shared modules whose libraries a package does not bring: papers, web pages, metrics."""
SERVICES = {"server": "server", "camera": "capture_host", "console": "console_host", "gateway": "gateway_host"}
"""The programs that run as a service, and the machines that have them."""


@pytest.fixture(params=PROGRAMS)
def installed(request: pytest.FixtureRequest) -> tuple[str, CleanDebian]:
    """A program, and a machine that has its package."""
    name = SERVICES.get(request.param.removeprefix("cekalwatch-"), "officers_pc")
    return request.param, request.getfixturevalue(name)


@pytest.fixture(params=SERVICES)
def served(request: pytest.FixtureRequest) -> tuple[str, CleanDebian]:
    """A program without its prefix that runs as a service, and its machine."""
    return request.param, request.getfixturevalue(SERVICES[request.param])


def test_each_program_starts_with_what_its_package_brings(installed: tuple[str, CleanDebian]):
    program, machine = installed
    assert "Usage" in machine.works(program, "--help")
    assert re.search(r"\d+\.\d+\.\d+", machine.works(program, "--version"))
    part = program.removeprefix("cekalwatch-")
    python = (f"/usr/lib/{program}/bin/python", "-I", "-W", "ignore", "-c")
    machine.works(*python, IMPORT_ALL, LACKS.get(part, ""), "program", *PARTS[part])


def test_nothing_is_compiled_at_a_start(installed: tuple[str, CleanDebian]):
    program, machine = installed
    before = {file: file.stat().st_mtime_ns for file in (machine.root / "usr/lib" / program).rglob("*.pyc")}
    assert len(before) > 500
    machine.works(program, "--help")
    assert before == {file: file.stat().st_mtime_ns for file in (machine.root / "usr/lib" / program).rglob("*.pyc")}


def test_every_library_finds_what_it_is_linked_against(installed: tuple[str, CleanDebian]):
    program, machine = installed
    places = {"notifier": "PySide6", "console": "grpc", "gateway": "grpc"}.get(program.split("-")[1], "cv2")
    folder = f"/usr/lib/{program}/lib/python3.13/site-packages/{places}"
    told = machine.works("sh", "-c", f"find {folder} -name '*.so*' -type f -exec ldd {{}} +")
    assert "libc.so.6" in told
    assert {line.split()[0] for line in told.splitlines() if "not found" in line} == set()


def test_manual_and_completion_have_every_command(installed: tuple[str, CleanDebian]):
    program, machine = installed
    page = gzip.decompress((machine.root / f"usr/share/man/man1/{program}.1.gz").read_bytes()).decode()
    commands = {
        "cekalwatch-server": "watchlist import",
        "cekalwatch-camera": "survey",
        "cekalwatch-notifier": "sign",
        "cekalwatch-console": "serve",
        "cekalwatch-gateway": "openapi",
    }
    assert f'.SS "{commands[program]}' in page
    assert ".SH SYNOPSIS" in page
    offered = machine.works(
        program,
        environment={
            "COMP_WORDS": f"{program} ",
            "COMP_CWORD": "1",
            f"_{program.replace('-', '_').upper()}_COMPLETE": "complete_bash",
        },
    )
    assert "check" in offered.split()
    assert machine.has(f"usr/share/bash-completion/completions/{program}")


def test_systemd_takes_the_unit_that_is_installed(served: tuple[str, CleanDebian]):
    name, machine = served
    unit = f"/usr/lib/systemd/system/cekalwatch-{name}.service"
    told = machine.run("systemd-analyze", "verify", "--man=no", unit)
    assert (told.returncode, told.stderr) == (0, "")
    machine.works("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
    assert machine.has(f"etc/systemd/system/multi-user.target.wants/cekalwatch-{name}.service")


def test_root_is_sent_to_the_account_of_the_service(served: tuple[str, CleanDebian]):
    name, machine = served
    program = f"cekalwatch-{name}"
    settings = machine.root / "etc/cekalwatch"
    # What another test set up is out of the way, for `init` writes nothing where there is something.
    aside = settings.rename(settings.with_name("aside"))
    settings.mkdir()
    try:
        refused = machine.run(program, "init")
        assert refused.returncode == Exit.USAGE
        assert refused.stderr == f"Error: not as root. Run: sudo -u {program} {program} init\n"
        assert not list(settings.iterdir())
    finally:
        settings.rmdir()
        aside.rename(settings)


def test_only_who_sets_up_and_serves_reads_settings_and_data(server: CleanDebian):
    folders = ("/etc/cekalwatch", "/etc/cekalwatch-environment", "/var/lib/cekalwatch")
    modes = server.works("stat", "--format", "%a %U %G", *folders).splitlines()
    assert modes == ["3775 root cekalwatch", "700 root root", "700 cekalwatch-server cekalwatch-server"]
    for account, reads in (("cekalwatch-server", True), ("nobody", False)):
        assert (server.run("ls", "/var/lib/cekalwatch", account=account).returncode == 0) == reads
    assert server.run("touch", "/etc/cekalwatch/server.toml", account="nobody").returncode


def as_version(package: Path, version: str, folder: Path) -> Path:
    """The same package with another version."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .+$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    made = folder / f"cekalwatch-camera_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, made], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


def test_data_outlives_upgrade_and_removal_and_goes_at_a_purge_when_somebody_says_so(
    machine: Callable[[str], CleanDebian], package: Callable[[str], Path], tmp_path: Path
):
    host = machine("leaving")
    host.install(*(package(f"cekalwatch-{name}") for name in SERVICES))
    kept = {
        "server": "var/lib/cekalwatch/master.key",
        "camera": "var/lib/cekalwatch-camera/spool.key",
        "console": "var/lib/cekalwatch-console/key.pem",
        "gateway": "var/lib/cekalwatch-gateway/gateway.key",
    }
    for name, file in kept.items():
        host.works(
            "sh", "-c", f"echo made > /etc/cekalwatch/{name}.toml; echo key > /{file}", account=f"cekalwatch-{name}"
        )

    # As 0.2.0 had them: root's variables are moved to where root alone writes, and those of others are read no more.
    host.works("sh", "-c", "echo A=1 > /etc/cekalwatch/camera.env")
    host.install(as_version(package("cekalwatch-camera"), "99.0", tmp_path))
    assert host.works("cat", "/etc/cekalwatch-environment/camera.env") == "A=1\n"
    assert not host.has("etc/cekalwatch/camera.env")
    host.works("sh", "-c", "rm /etc/cekalwatch-environment/camera.env")
    host.works("sh", "-c", "echo LD_PRELOAD=x > /etc/cekalwatch/camera.env", account="cekalwatch-camera")
    host.works("dpkg-reconfigure", "--frontend=noninteractive", "cekalwatch-camera")
    assert not host.has("etc/cekalwatch-environment/camera.env")
    assert "99.0" in host.works("dpkg-query", "--show", "cekalwatch-camera")
    assert host.has(kept["camera"])
    host.works("cekalwatch-camera", "--version")

    timer = "etc/systemd/system/timers.target.wants/cekalwatch-backup.timer"
    host.works("systemctl", "enable", "cekalwatch-backup.timer")
    assert host.has(timer)
    for name, file in kept.items():
        host.works("apt-get", "remove", "-q", "-y", f"cekalwatch-{name}")
        assert not host.has(f"usr/bin/cekalwatch-{name}")
        assert not host.has(f"usr/lib/cekalwatch-{name}")
        assert host.has(file)
        assert host.has(f"etc/cekalwatch/{name}.toml")
    assert not host.has(timer)

    told = host.run("apt-get", "purge", "-q", "-y", "cekalwatch-camera")
    assert told.returncode == 0, told.stderr
    assert "/var/lib/cekalwatch-camera and /etc/cekalwatch stay. To delete them: rm -rf" in told.stdout + told.stderr
    assert host.has(kept["camera"])

    for name, folder in (("server", "cekalwatch"), *((one, f"cekalwatch-{one}") for one in ("console", "gateway"))):
        host.works("debconf-set-selections", typed=f"cekalwatch-{name} cekalwatch-{name}/purge-data boolean true\n")
        host.works("apt-get", "purge", "-q", "-y", f"cekalwatch-{name}")
        assert not host.has(f"var/lib/{folder}")
        assert not host.has(f"etc/cekalwatch/{name}.toml")
    assert host.has("etc/cekalwatch/camera.toml")
