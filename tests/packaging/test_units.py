"""The units of the Debian packages, as systemd's own tool judges them; nothing is started by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.packages.__main__ import DEBIAN

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture(params=["cekalwatch-server", "cekalwatch-camera"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit of a package, whose program is a file of this machine."""
    program = tmp_path / request.param
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    manual = f"man:{request.param}(1) "
    text = (DEBIAN / f"{request.param}.service").read_text()
    assert manual in text
    unit = tmp_path / f"{request.param}.service"
    unit.write_text(text.replace(f"/usr/bin/{request.param}", str(program)).replace(manual, ""))
    return unit


def test_systemd_takes_the_unit_as_it_is(unit: Path):
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_leaves_the_program_little(unit: Path):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout
