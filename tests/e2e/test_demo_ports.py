"""The demonstration of ports with the real programs: a centre, two ports, the lines cut and mended."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from cekalwatch.program.errors import Exit
from deploy.demo import scene
from deploy.demo.ports.__main__ import main
from deploy.demo.ports.play import PORTS
from tests.support.tools.packs import MODELS, standard_pack
from tests.support.tools.small_demo import FEW_FRAMES, ONNXRUNTIME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("forked_programs")]


def test_nobody_is_lost_while_the_lines_are_cut_and_all_comes_when_they_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_pack()
    monkeypatch.setattr(scene, "FRAME_RATE", FEW_FRAMES)
    for name, value in ONNXRUNTIME.items():
        monkeypatch.setenv(name, value)
    screen = Console(file=io.StringIO(), width=120)
    assert main(screen, None, tmp_path / "demo", MODELS) == Exit.OK
    assert isinstance(screen.file, io.StringIO)
    table = screen.file.getvalue().split("Expected and found")[1]
    for site in PORTS:
        rows = [line for line in table.splitlines() if site in line]
        assert sum("cut" in row for row in rows) == 6
        assert any("picture of" in row for row in rows)
    assert "wrong" not in table
