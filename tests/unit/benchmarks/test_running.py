"""A benchmark that lacks what it needs is not measured, and says what to install."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import keep, main
from tests.support.fakes import rtsp_camera


def test_without_gstreamer_the_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rtsp_camera.has_bindings.cache_clear()
    monkeypatch.setattr(rtsp_camera, "SYSTEM_PYTHON", sys.executable)  # has no bindings
    try:
        assert main(["camera.load"]) == 1
    except pytest.skip.Exception as skipped:
        raise AssertionError("the run ended") from skipped
    finally:
        rtsp_camera.has_bindings.cache_clear()
    said = " ".join(capsys.readouterr().out.split())
    assert "not measured:" in said
    for package in rtsp_camera.PACKAGES:
        assert package in said


def test_figures_are_kept_beside_those_of_other_benchmarks(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.json"
    keep({"server.rss_mb": 600.0, "server.faces_per_s": 300.0}, file)
    keep({"server.rss_mb": 500.0, "camera.cpu_720p15": 0.2}, file)
    assert json.loads(file.read_text("utf-8")) == {
        "server.rss_mb": 500.0,
        "server.faces_per_s": 300.0,
        "camera.cpu_720p15": 0.2,
    }
