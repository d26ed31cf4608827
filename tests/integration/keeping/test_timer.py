"""The units of the nightly backup, as systemd judges them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

UNITS = ("cekalwatch-backup.service", "cekalwatch-backup.timer")
PACKAGED = ROOT / "deploy" / "packages" / "debian"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        text = (PACKAGED / f"cekalwatch-server.{name}").read_text().replace("User=cekalwatch-server", "User=root")
        program = f"{Path(sys.executable).parent}/cekalwatch-server"
        assert "/usr/bin/cekalwatch-server" in text or name.endswith(".timer")
        (tmp_path / name).write_text(text.replace("/usr/bin/cekalwatch-server", program))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
