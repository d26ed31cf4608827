"""The units of the Debian packages, as systemd's own tool judges them; nothing is started by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.packages.__main__ import DEBIAN

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture(params=sorted(DEBIAN.glob("*.service")), ids=lambda file: file.stem)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit of a package, whose program is a file of this machine."""
    package = request.param.name.split(".")[0]
    program = tmp_path / package
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    manual = f"man:{package}(1) "
    text = request.param.read_text()
    assert manual in text
    # Of these programs the server alone takes the signal; others would end by it.
    reloads = request.param.name == "cekalwatch-server.service"
    assert ("\nExecReload=/bin/kill -HUP $MAINPID\n" in text) is reloads
    *_, name, kind = request.param.name.split(".")
    unit = tmp_path / f"{name}.{kind}"
    unit.write_text(text.replace(f"/usr/bin/{package}", str(program)).replace(manual, ""))
    return unit


def test_systemd_takes_the_unit_as_it_is(unit: Path):
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_backup_that_failed_is_told_by_a_unit_of_the_package():
    text = (DEBIAN / "cekalwatch-server.cekalwatch-backup.service").read_text()
    told = text.split("\nOnFailure=")[1].splitlines()[0]
    assert (DEBIAN / f"cekalwatch-server.{told}").exists()
    assert f"--name={told.removesuffix('.service')} " in (DEBIAN / "rules").read_text(), "the package has it"


def test_the_unit_leaves_the_program_little(unit: Path):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout
