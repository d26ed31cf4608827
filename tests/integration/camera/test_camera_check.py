"""`cekalwatch-camera check` against a real server with certificates, and on machines where something is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.camera.checks import check_clock, clock_offset_s
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.errors import Exit
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import BEGIN
from tests.support.builders.scenes import write_video
from tests.support.fakes.camera_program import camera_command
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.scenarios.server import running
from tests.support.scenarios.site_pki import Site
from tests.support.tools.packs import light_pack


@dataclass(frozen=True)
class Report:
    """What the command said."""

    code: int
    verdicts: dict[str, str]
    texts: dict[str, str]
    printed: str


async def checked(home: Path, *options: str, **variables: str) -> Report:
    code, printed, errors = await camera_command(
        "check", "--detector", str(light_pack()), *options, "--json", home=home, **variables
    )
    assert errors.startswith("Using the server "), errors
    assert errors.count("\n") == 1, errors
    findings = json.loads(printed)
    return Report(
        code,
        {finding["subject"]: finding["verdict"] for finding in findings},
        {finding["subject"]: finding["text"] for finding in findings},
        printed,
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "camera.avi", [], frames=12)


@pytest.mark.slow
async def test_an_installation_that_is_in_order_passes(video: Path, tmp_path: Path):
    site = Site(tmp_path)
    files = site.device(DeviceRole.CAMERA, "dep-1")
    async with running(site.settings(), site.diagnostics()) as server:
        options = ("--source", str(video), "--camera-id", "dep-1", "--server", server.address)
        report = await checked(tmp_path, *options, CEKALWATCH_CAMERA_TLS_DIR=str(files.folder))
    assert report.code == Exit.OK, report.printed
    assert set(report.verdicts) == {
        *("settings", "disk", "secrets", "source", "detector", "certificate", "server", "clock")
    }
    assert set(report.verdicts.values()) == {"OK"}
    assert "days" in report.texts["certificate"]


@pytest.mark.slow
async def test_each_fault_is_told_and_none_hides_another(tmp_path: Path):
    report = await checked(
        tmp_path,
        *("--camera-id", "gate-1", "--server", "127.0.0.1:9", "--detector", str(tmp_path / "nothing")),
        CEKALWATCH_CAMERA_SOURCE="rtsp://watcher:hunter2@127.0.0.1:9/1",
    )
    assert report.code == Exit.FAILED
    assert {key for key, verdict in report.verdicts.items() if verdict == "FAIL"} == {"source", "detector", "server"}
    assert report.verdicts["certificate"] == "WARN"
    assert "hunter2" not in report.printed


@pytest.mark.slow
async def test_a_camera_that_the_server_does_not_know_fails(video: Path, tmp_path: Path):
    async with serving(CaptureServer()) as server:
        options = ("--source", str(video), "--server", server.address, "--camera-id")
        known = await checked(tmp_path, *options, "gate-1")
        unknown = await checked(tmp_path, *options, "gate-9")
    assert (known.verdicts["server"], unknown.verdicts["server"]) == ("OK", "FAIL")
    assert "No camera with this key" in unknown.texts["server"]
    assert [len(server.heard.faces), len(server.heard.goodbyes)] == [0, 1]


@pytest.mark.slow
async def test_a_clock_that_is_ahead_of_the_servers_is_a_warning(video: Path, tmp_path: Path):
    async with serving(CaptureServer(clock_ahead_s=-60)) as server:
        report = await checked(tmp_path, "--source", str(video), "--server", server.address, "--camera-id", "gate-1")
    assert (report.verdicts["server"], report.verdicts["clock"], report.code) == ("OK", "WARN", 0)


@pytest.mark.slow
async def test_the_certificate_of_another_camera_fails(video: Path, tmp_path: Path):
    site = Site(tmp_path)
    files = site.device(DeviceRole.CAMERA, "arr-1")
    async with running(site.settings(), site.diagnostics()) as server:
        options = ("--source", str(video), "--camera-id", "dep-1", "--server", server.address)
        report = await checked(tmp_path, *options, CEKALWATCH_CAMERA_TLS_DIR=str(files.folder))
    assert (report.verdicts["certificate"], report.verdicts["server"]) == ("FAIL", "FAIL")


@pytest.mark.parametrize(
    ("offset_s", "verdict"),
    [
        (0.2, CheckVerdict.OK),
        (-0.9, CheckVerdict.OK),
        (2.0, CheckVerdict.WARN),
        (-90.0, CheckVerdict.WARN),
        (7200.0, CheckVerdict.WARN),
    ],
)
def test_a_wrong_clock_is_judged_by_what_the_server_makes_of_it(offset_s: float, verdict: CheckVerdict):
    assert check_clock(offset_s)[0] is verdict


def test_the_clocks_offset_is_reckoned_from_the_middle_of_question_and_answer():
    assert clock_offset_s(BEGIN, BEGIN - timedelta(seconds=3), BEGIN + timedelta(seconds=2)) == 4.0
